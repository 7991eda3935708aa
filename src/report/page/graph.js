// The graph: the neighbourhood of an entity, grown by clicks.

const NEIGHBOURS = 12;
const MOST_DRAWN = 120;
const FOUND = 12;
const EDGES_LISTED = 40;

class GraphView {
  constructor(run, reader, graph) {
    Object.assign(this, { run, reader, ...graph });
    /** Each node's name, as it is shown. */
    this.called = (place) => named(this.nodes[place].name);
    this.hue = hues([...new Set(this.nodes.map(({ type }) => type))].sort());
    /** The edges at each node, the best supported first, and what a search looks through. */
    this.at = this.nodes.map(() => []);
    for (const edge of this.edges) for (const end of new Set([edge.head, edge.tail])) this.at[end].push(edge);
    this.at.forEach((edges) => edges.sort((a, b) => b.n_documents - a.n_documents || (b.probability ?? 0) - (a.probability ?? 0)));
    this.names = this.nodes.map((node) => plainly([node.name, node.id, ...(node.aliases ?? [])].join("\n")));
    /** Where each node that is shown lies, the one in the centre, and how many of its edges are listed. */
    Object.assign(this, { shown: new Map(), centre: 0, listed: EDGES_LISTED, width: 0 });
    this.build();
    this.start(this.at.reduce((best, edges, place) => (edges.length > this.at[best].length ? place : best), 0));
  }

  build() {
    this.search = h("input", { id: "graph-search", type: "search", placeholder: "name of an entity", autocomplete: "off", oninput: () => this.find() });
    this.found = h("ul", { class: "found", "aria-label": "Entities found" });
    this.status = h("p", { class: "note", role: "status" });
    this.canvas = h("div", { class: "canvas" });
    this.panel = h("div", { class: "panel", "aria-live": "polite" });
    const partial = this.n_edges > this.edges.length && ` Here are the ${whole(this.edges.length)} edges that most documents support.`;
    section("graph",
      h("p", { class: "lead" }, `${plural(this.n_nodes, "node")}, ${plural(this.n_edges, "edge")}.`, partial, " Choose an entity to see its neighbours; choose a neighbour to see its own."),
      h("div", { class: "controls" },
        h("div", { class: "control grow" }, h("label", { for: "graph-search" }, "Find an entity"), this.search, this.found),
        h("button", { type: "button", onclick: () => this.start(this.centre) }, "Only its neighbours")),
      this.status, legendOf(this.hue), h("div", { class: "graph" }, this.canvas, this.panel));
    roving(this.found, "button");
    roving(this.canvas, ".node");
    new ResizeObserver(([entry]) => this.resize(Math.round(entry.contentRect.width))).observe(this.canvas);
  }

  resize(width) {
    if (width === this.width || width < 50) return;
    this.width = width;
    this.draw();
  }

  nameOf(relation) {
    return relationName(this.run, relation);
  }

  find() {
    const words = plainly(this.search.value.trim());
    const places = words ? this.names.flatMap((name, place) => (name.includes(words) ? [place] : [])) : [];
    places.sort((a, b) => this.at[b].length - this.at[a].length);
    this.status.textContent = words ? `${plural(places.length, "entity", "entities")} found` : "";
    this.found.replaceChildren(...places.slice(0, FOUND).map((place, number) => h("li", {}, this.foundButton(place, number === 0))));
  }

  foundButton(place, first) {
    const node = this.nodes[place];
    const take = () => { this.search.value = ""; this.find(); this.start(place); };
    return h("button", { type: "button", tabindex: first ? 0 : -1, onclick: take },
      h("i", { class: "dot", vars: { "--hue": this.hue.get(node.type) } }), this.called(place),
      h("span", { class: "meaning" }, ` ${node.type}, ${plural(this.at[place].length, "edge")}`));
  }

  /** Shows a node and its neighbours alone. */
  start(place) {
    this.shown = new Map([[place, { x: 0, y: 0 }]]);
    this.grow(place);
  }

  /** Shows a node's best neighbours beside what is shown already. */
  grow(place) {
    Object.assign(this, { centre: place, listed: EDGES_LISTED });
    const { x, y } = this.shown.get(place) ?? { x: 0, y: 0 };
    this.shown.set(place, { x, y });
    const others = [...new Set(this.at[place].map((edge) => (edge.head === place ? edge.tail : edge.head)))].filter((other) => !this.shown.has(other));
    others.slice(0, Math.min(NEIGHBOURS, MOST_DRAWN - this.shown.size)).forEach((other, number, all) => {
      const angle = (2 * Math.PI * number) / all.length + 0.4;
      this.shown.set(other, { x: x + 110 * Math.cos(angle), y: y + 110 * Math.sin(angle) });
    });
    settle(this.shown, this.lines(), place);
    this.draw();
    this.showPanel();
  }

  /** A line for each two nodes that are shown, with the edges that it stands for. */
  lines() {
    const lines = new Map();
    for (const place of this.shown.keys()) for (const edge of this.at[place]) {
      if (edge.head === edge.tail || !this.shown.has(edge.head) || !this.shown.has(edge.tail)) continue;
      const ends = [Math.min(edge.head, edge.tail), Math.max(edge.head, edge.tail)];
      const line = lines.get(ends.join()) ?? { ends, edges: new Set() };
      lines.set(ends.join(), line);
      line.edges.add(edge);
    }
    return [...lines.values()];
  }

  draw() {
    if (!this.width || !this.shown.size) return;
    const height = Math.max(340, Math.min(560, this.width * 0.7));
    const at = fitted(this.shown, this.width, height);
    const room = new Room(this.width);
    // The chosen one is named first, then what has most edges; a name that has no room is left out, and stands in a title.
    const nodes = [...at].sort(([a], [b]) => (b === this.centre) - (a === this.centre) || this.at[b].length - this.at[a].length);
    const names = new Map(nodes.map(([place, { x, y }]) => [place, room.take(clipped(this.called(place), this.width < 500 ? 18 : 24), x, y + 26, 6.6, place === this.centre)]));
    const lines = this.lines().map((line) => this.drawLine(line, at, room));
    this.canvas.replaceChildren(svg("svg", { class: "net", width: this.width, height, viewBox: `0 0 ${this.width} ${height}`, role: "group", "aria-label": `Neighbourhood of ${this.called(this.centre)}` },
      lines, [...at].map(([place, point]) => this.drawNode(place, point, names.get(place)))));
  }

  drawLine({ ends, edges }, at, room) {
    const [a, b] = ends.map((end) => at.get(end));
    const near = ends.includes(this.centre);
    const names = [...new Set([...edges].map((edge) => this.nameOf(edge.relation)))];
    const label = names.length > 1 ? `${clipped(names[0], 14)} +${names.length - 1}` : clipped(names[0], 18);
    const [x, y] = [(a.x + b.x) / 2, (a.y + b.y) / 2 + 4];
    const hasRoom = near && this.shown.size <= 30 && room.take(label, x, y, 6);
    const pointed = ends.filter((end) => [...edges].some((edge) => edge.tail === end && !this.run.undirected.has(edge.relation)));
    return svg("g", { class: near ? "edge near" : "edge" },
      svg("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y }),
      pointed.map((end) => tip(at.get(ends[0] === end ? ends[1] : ends[0]), at.get(end), this.radius(end))),
      svg("title", {}, [...edges].map((edge) => this.said(edge)).join("\n")),
      hasRoom && svg("text", { x: hasRoom.x, y, "text-anchor": "middle" }, label));
  }

  radius(place) {
    return Math.min(14, 5 + Math.sqrt(this.at[place].length));
  }

  drawNode(place, { x, y }, name) {
    const node = this.nodes[place];
    const isCentre = place === this.centre;
    const go = () => { this.grow(place); this.canvas.querySelector(".centre").focus(); };
    return svg("g", {
      class: isCentre ? "node centre" : "node", role: "button", tabindex: isCentre ? 0 : -1, vars: { "--hue": this.hue.get(node.type) },
      "aria-label": `${this.called(place)}, ${node.type}, ${plural(this.at[place].length, "edge")}`,
      onclick: go, onkeydown: (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), go()),
    },
      svg("circle", { cx: x, cy: y, r: this.radius(place) }),
      name && svg("text", { x: name.x, y: y + 26, "text-anchor": "middle" }, name.text),
      svg("title", {}, `${this.called(place)} (${node.type})`));
  }

  said(edge) {
    return `${this.called(edge.head)} ${this.nameOf(edge.relation)} ${arrowOf(this.run, edge.relation)} ${this.called(edge.tail)}`;
  }

  showPanel() {
    const node = this.nodes[this.centre];
    const edges = this.at[this.centre];
    const more = edges.length > this.listed && h("button", { type: "button", class: "more", onclick: () => { this.listed += 5 * EDGES_LISTED; this.showPanel(); } }, "Show more");
    const aliases = node.aliases && h("p", { class: "note" }, `Also: ${node.aliases.slice(0, 8).join(", ")}${node.aliases.length > 8 ? ", …" : ""}`);
    this.panel.replaceChildren(h("h3", {}, this.called(this.centre)),
      h("p", { class: "note" }, node.type, " · ", node.kb_id !== undefined && [knownAs(this.run, node.kb_id), " · "], node.id, " · ", plural(node.n_documents, "document")), aliases ?? "",
      h("ul", { class: "edges" }, edges.slice(0, this.listed).map((edge) => this.edgeItem(edge))), more || "");
  }

  edgeItem(edge) {
    const { n_documents, probability, documents } = edge;
    const end = (place) => (place === this.centre ? h("b", {}, this.called(place)) : h("button", { type: "button", class: "link", onclick: () => this.grow(place) }, this.called(place)));
    const linked = (id) => (this.reader?.has(id) ? h("button", { type: "button", class: "link", onclick: () => this.reader.open(id) }, named(id)) : id);
    return h("li", {},
      h("p", {}, end(edge.head), h("span", { class: "relation" }, ` ${this.nameOf(edge.relation)} ${arrowOf(this.run, edge.relation)} `), end(edge.tail)),
      h("p", { class: "note" }, plural(n_documents, "document"), probability !== undefined && `, p ${probability.toFixed(2)}`, documents.length > 0 && ": ",
        documents.map((id, number) => [number > 0 && ", ", linked(id)]), documents.length > 0 && documents.length < n_documents && ", …"));
  }
}

const clipped = (text, most) => {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
};

/** The head of an arrow at a node's rim. */
function tip(from, to, radius) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const [x, y] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const [endX, endY] = [to.x - x * (radius + 1), to.y - y * (radius + 1)];
  const [backX, backY] = [endX - 8 * x, endY - 8 * y];
  return svg("path", { class: "tip", d: `M${endX} ${endY}L${backX - 4 * y} ${backY + 4 * x}L${backX + 4 * y} ${backY - 4 * x}z` });
}

/** Where names stand already: a further one has room where it covers none. */
class Room {
  constructor(width) {
    Object.assign(this, { width, taken: [] });
  }

  /** Takes the room for a name around a point and gives its place, moved into the frame; null where there is none. */
  take(text, x, y, each, must = false) {
    const half = ([...text].length * each) / 2 + 2;
    const middle = Math.max(Math.min(x, this.width - half), half);
    const box = [middle - half, y - 12, middle + half, y + 4];
    const covers = ([left, top, right, bottom]) => box[0] < right && left < box[2] && box[1] < bottom && top < box[3];
    if (!must && this.taken.some(covers)) return null;
    this.taken.push(box);
    return { text, x: middle };
  }
}

/** Moves nodes apart and edges together (Fruchterman and Reingold 1991), the chosen one held where it is. */
function settle(places, lines, held) {
  const nodes = [...places];
  const ideal = 115;
  for (let heat = 40; heat > 0.5; heat *= 0.96) {
    const moves = new Map(nodes.map(([place]) => [place, { x: 0, y: 0 }]));
    const push = (a, b, strength) => {
      const [from, to] = [places.get(a), places.get(b)];
      const [x, y] = [to.x - from.x || 0.01 * (a - b), to.y - from.y || 0.01];
      const distance = Math.hypot(x, y);
      const share = strength(distance) / distance;
      for (const [end, sign] of [[a, -1], [b, 1]]) {
        moves.get(end).x += sign * x * share;
        moves.get(end).y += sign * y * share;
      }
    };
    nodes.forEach(([a], number) => nodes.slice(number + 1).forEach(([b]) => push(a, b, (distance) => (ideal * ideal) / distance)));
    lines.forEach(({ ends: [a, b] }) => push(a, b, (distance) => -(distance * distance) / ideal));
    for (const [place, at] of nodes.filter(([place]) => place !== held)) {
      const { x, y } = moves.get(place);
      const length = Math.hypot(x, y) || 1;
      at.x += (x / length) * Math.min(length, heat);
      at.y += (y / length) * Math.min(length, heat);
    }
  }
}

/** Places scaled into a frame, with room for the names. */
function fitted(places, width, height) {
  const all = [...places.values()];
  const range = (of) => [Math.min(...all.map(of)), Math.max(...all.map(of))];
  const [[left, right], [top, bottom]] = [range(({ x }) => x), range(({ y }) => y)];
  const scale = Math.min((width - 120) / (right - left || 1), (height - 80) / (bottom - top || 1), 1.5);
  const at = ({ x, y }) => ({ x: width / 2 + (x - (left + right) / 2) * scale, y: (height - 20) / 2 + (y - (top + bottom) / 2) * scale });
  return new Map([...places].map(([place, point]) => [place, at(point)]));
}

// The graph: the neighbourhood of an entity, grown by clicks.

const NEIGHBOURS = 12;
const MOST_DRAWN = 120;
const FOUND = 12;

/** What the page knows of a graph, with the edges at each node, the best supported first. */
function withNeighbours(graph) {
  const at = graph.nodes.map(() => []);
  for (const edge of graph.edges) {
    at[edge.head].push(edge);
    if (edge.tail !== edge.head) at[edge.tail].push(edge);
  }
  at.forEach((edges) => edges.sort((a, b) => b.n_documents - a.n_documents || (b.probability ?? 0) - (a.probability ?? 0)));
  const names = graph.nodes.map((node) => [node.name, node.id, ...(node.aliases ?? [])].join("\n").toLowerCase());
  return { ...graph, at, names };
}

async function startGraph(run, reader) {
  if (!run.graph) return section("graph", absent("The run has no graph: there are no tables nodes and edges. docre graph makes them from relations."));
  const graph = withNeighbours(await unpack("graph"));
  if (!graph.edges.length) return section("graph", absent("The graph has no edges."));
  const hue = hues([...new Set(graph.nodes.map(({ type }) => type))].sort());
  const relationName = (relation) => run.labels[relation] ?? relation;
  const state = { shown: new Map(), centre: 0, listed: 40 };

  const search = h("input", { id: "graph-search", type: "search", placeholder: "name of an entity", autocomplete: "off", oninput: () => find() });
  const found = h("ul", { class: "found", "aria-label": "Entities found" });
  const status = h("p", { class: "note", role: "status" });
  const canvas = h("div", { class: "canvas" });
  const panel = h("div", { class: "panel", "aria-live": "polite" });
  const partial = graph.n_edges > graph.edges.length && ` Here are the ${whole(graph.edges.length)} edges that most documents support.`;
  section("graph", h("p", { class: "lead" }, `${plural(graph.n_nodes, "node")}, ${plural(graph.n_edges, "edge")}.`, partial, " Choose an entity to see its neighbours; choose a neighbour to see its own."),
    h("div", { class: "controls" },
      h("div", { class: "control grow" }, h("label", { for: "graph-search" }, "Find an entity"), search, found),
      h("button", { type: "button", onclick: () => centre(state.centre) }, "Only its neighbours")),
    status, h("div", { class: "graph" }, canvas, panel));
  roving(found, "button");
  roving(canvas, ".node");
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now !== width && now > 50) { width = now; draw(); }
  }).observe(canvas);

  function find() {
    const words = search.value.trim().toLowerCase();
    const places = words ? graph.names.flatMap((name, place) => (name.includes(words) ? [place] : [])) : [];
    places.sort((a, b) => graph.at[b].length - graph.at[a].length);
    status.textContent = words ? `${plural(places.length, "entity", "entities")} found` : "";
    found.replaceChildren(...places.slice(0, FOUND).map((place, number) => h("li", {}, h("button", { type: "button", tabindex: number ? -1 : 0, onclick: () => { search.value = ""; find(); centre(place); } }, named(place)))));
  }

  const named = (place) => [h("i", { class: "dot", vars: { "--hue": hue.get(graph.nodes[place].type) } }), graph.nodes[place].name, h("span", { class: "meaning" }, ` ${graph.nodes[place].type}, ${plural(graph.at[place].length, "edge")}`)];

  function centre(place) {
    state.shown = new Map([[place, { x: 0, y: 0 }]]);
    grow(place);
  }

  /** Shows a node's best neighbours beside what is shown already. */
  function grow(place) {
    Object.assign(state, { centre: place, listed: 40 });
    const { x, y } = state.shown.get(place) ?? { x: 0, y: 0 };
    state.shown.set(place, { x, y });
    const others = [...new Set(graph.at[place].map((edge) => (edge.head === place ? edge.tail : edge.head)))].filter((other) => !state.shown.has(other));
    others.slice(0, Math.min(NEIGHBOURS, MOST_DRAWN - state.shown.size)).forEach((other, number, all) => {
      const angle = (2 * Math.PI * number) / all.length + 0.4;
      state.shown.set(other, { x: x + 110 * Math.cos(angle), y: y + 110 * Math.sin(angle) });
    });
    settle(state.shown, edgesShown(), place);
    draw();
    showPanel();
  }

  /** One line for each two nodes, with the edges that it stands for. */
  function edgesShown() {
    const lines = new Map();
    for (const place of state.shown.keys()) for (const edge of graph.at[place]) {
      if (edge.head === edge.tail || !state.shown.has(edge.head) || !state.shown.has(edge.tail)) continue;
      const ends = edge.head < edge.tail ? [edge.head, edge.tail] : [edge.tail, edge.head];
      const key = ends.join(" ");
      if (!lines.has(key)) lines.set(key, { ends, edges: new Set() });
      lines.get(key).edges.add(edge);
    }
    return [...lines.values()];
  }

  function draw(focus = false) {
    if (!width || !state.shown.size) return;
    const height = Math.max(340, Math.min(560, width * 0.7));
    const at = fitted(state.shown, width, height);
    const touches = ({ ends }) => ends.includes(state.centre);
    const lines = edgesShown().map((line) => {
      const [a, b] = line.ends.map((place) => at.get(place));
      const names = [...new Set([...line.edges].map((edge) => relationName(edge.relation)))];
      return svg("g", { class: touches(line) ? "edge near" : "edge" },
        svg("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y }),
        svg("title", {}, [...line.edges].map((edge) => said(edge)).join("\n")),
        touches(line) && state.shown.size <= 30 && svg("text", { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + 4, "text-anchor": "middle" }, names.length > 1 ? `${clipped(names[0], 14)} +${names.length - 1}` : clipped(names[0], 18)));
    });
    const nodes = [...at].map(([place, { x, y }]) => {
      const node = graph.nodes[place];
      return svg("g", { class: place === state.centre ? "node centre" : "node", role: "button", tabindex: place === state.centre ? 0 : -1, "data-node": place, "aria-label": `${node.name}, ${node.type}, ${plural(graph.at[place].length, "edge")}`, onclick: () => go(place), onkeydown: (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), go(place)) },
        svg("circle", { cx: x, cy: y, r: Math.min(14, 5 + Math.sqrt(graph.at[place].length)) }),
        svg("text", { x, y: y + 26, "text-anchor": "middle" }, clipped(node.name, 24)),
        svg("title", {}, `${node.name} (${node.type})`));
    });
    nodes.forEach((node, number) => node.firstChild.style.setProperty("--hue", hue.get(graph.nodes[[...at.keys()][number]].type)));
    canvas.replaceChildren(svg("svg", { class: "net", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `Neighbourhood of ${graph.nodes[state.centre].name}` }, lines, nodes));
    if (focus) canvas.querySelector(".centre").focus();
  }

  const go = (place) => { grow(place); canvas.querySelector(".centre").focus(); };
  const said = (edge) => `${graph.nodes[edge.head].name} ${relationName(edge.relation)} → ${graph.nodes[edge.tail].name}`;

  function showPanel() {
    const node = graph.nodes[state.centre];
    const edges = graph.at[state.centre];
    const other = (place) => (place === state.centre ? h("b", {}, graph.nodes[place].name) : h("button", { type: "button", class: "link", onclick: () => grow(place) }, graph.nodes[place].name));
    const document = (id) => (reader.open && reader.has(id) ? h("button", { type: "button", class: "link", onclick: () => reader.open(id) }, id) : id);
    const line = (edge) => h("li", {},
      h("p", {}, other(edge.head), h("span", { class: "relation" }, ` ${relationName(edge.relation)} → `), other(edge.tail)),
      h("p", { class: "note" }, plural(edge.n_documents, "document"), edge.probability === undefined ? "" : `, p ${edge.probability.toFixed(2)}`, edge.documents.length ? ": " : "",
        edge.documents.map((id, number) => [number ? ", " : "", document(id)]), edge.documents.length && edge.documents.length < edge.n_documents ? ", …" : ""));
    const more = edges.length > state.listed && h("button", { type: "button", class: "more", onclick: () => { state.listed += 200; showPanel(); } }, "Show more");
    panel.replaceChildren(h("h3", {}, node.name), h("p", { class: "note" }, [node.type, node.kb_id, node.id, plural(node.n_documents, "document")].filter(Boolean).join(" · ")),
      node.aliases ? h("p", { class: "note" }, `Also: ${node.aliases.slice(0, 8).join(", ")}${node.aliases.length > 8 ? ", …" : ""}`) : "",
      h("ul", { class: "edges" }, edges.slice(0, state.listed).map(line)), more || "");
  }

  centre(graph.at.reduce((best, edges, place) => (edges.length > graph.at[best].length ? place : best), 0));
}

const clipped = (text, most) => {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
};

/** Moves nodes apart and edges together (Fruchterman and Reingold 1991), the chosen one held where it is. */
function settle(places, lines, held) {
  const nodes = [...places];
  const ideal = 115;
  for (let heat = 40; heat > 0.5; heat *= 0.96) {
    const pushes = new Map(nodes.map(([place]) => [place, { x: 0, y: 0 }]));
    const push = (a, b, strength) => {
      const [from, to] = [places.get(a), places.get(b)];
      const [x, y] = [to.x - from.x || 0.01 * (a - b), to.y - from.y || 0.01];
      const distance = Math.hypot(x, y) || 1;
      const force = strength(distance) / distance;
      pushes.get(a).x -= x * force; pushes.get(a).y -= y * force;
      pushes.get(b).x += x * force; pushes.get(b).y += y * force;
    };
    for (let i = 0; i < nodes.length; i += 1) for (let j = i + 1; j < nodes.length; j += 1) push(nodes[i][0], nodes[j][0], (distance) => (ideal * ideal) / distance);
    for (const { ends: [a, b] } of lines) push(a, b, (distance) => -(distance * distance) / ideal);
    for (const [place, at] of nodes) {
      if (place === held) continue;
      const { x, y } = pushes.get(place);
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

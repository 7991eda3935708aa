// A document's text: mentions coloured by type, and relations drawn between them.

/** The text as an element, with what it takes to find entities and sentences in it. */
function readText(doc, hue, choose) {
  const covers = coveredTokens(doc);
  const spans = doc.entities.map(() => []);
  let token = 0;
  const sentences = doc.sentences.map((tokens, number) => {
    const sentence = h("span", { class: "sentence" });
    for (let start = 0; start < tokens.length; ) {
      let end = start + 1;
      while (end < tokens.length && sameCover(covers[token + start], covers[token + end])) end += 1;
      const text = tokens.slice(start, end).join("");
      const cover = covers[token + start];
      if (cover.length === 0) sentence.append(text);
      else sentence.append(text.startsWith(" ") ? " " : "", mentionSpan(text.trimStart(), cover, { token: token + start, sentence: number }, hue, choose, spans));
      start = end;
    }
    token += tokens.length;
    return sentence;
  });
  return { element: h("div", { class: "words" }, sentences.map((sentence) => [sentence, " "])), spans, sentences };
}

/** For each token the mentions that cover it, the shortest first. */
function coveredTokens({ sentences, mentions }) {
  const covers = Array.from({ length: sentences.reduce((sum, tokens) => sum + tokens.length, 0) }, () => []);
  for (const mention of [...mentions].sort((a, b) => a.end - a.start - (b.end - b.start))) {
    for (let token = mention.start; token < mention.end; token += 1) covers[token]?.push(mention);
  }
  return covers;
}

const sameCover = (a, b) => a.length > 0 === b.length > 0 && a.length === b.length && a.every((mention, place) => mention === b[place]);

function mentionSpan(text, cover, at, hue, choose, spans) {
  const [{ entity, type }] = cover;
  const span = h("span", {
    class: cover.length > 1 ? "mention nested" : "mention", role: "button", tabindex: -1, "aria-pressed": "false",
    title: cover.map((mention) => mention.type).join(" in "), vars: { "--hue": hue.get(type) ?? 0 },
    onclick: () => choose(entity), onkeydown: (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), choose(entity)),
  }, text);
  for (const { entity } of cover) if (entity !== null) spans[entity]?.push({ span, ...at });
  return span;
}

/** The mentions of two entities that stand closest: in one sentence if they can, in one of the evidence if they can. */
function closest(heads, tails, evidence = []) {
  let best = null;
  for (const head of heads ?? []) for (const tail of tails ?? []) {
    if (head.span === tail.span) continue;
    const apart = Math.abs(head.sentence - tail.sentence);
    const far = [apart, evidence.length > 0 && !evidence.includes(head.sentence) ? 1 : 0, Math.abs(head.token - tail.token)];
    const place = best ? far.findIndex((number, place) => number !== best.far[place]) : 0;
    if (!best || (place >= 0 && far[place] < best.far[place])) best = { far, head: head.span, tail: tail.span };
  }
  return best;
}

/** Draws facts over the text: each an arc from head to tail between their closest mentions; `told` says what a fact is
 *  called and whether it holds both ways. */
function drawFacts(canvas, holder, text, facts, chosen, told) {
  const frame = holder.getBoundingClientRect();
  const [width, height] = [holder.clientWidth, holder.clientHeight];
  const pitch = parseFloat(getComputedStyle(text.element).lineHeight);
  canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
  canvas.replaceChildren(...facts.flatMap((fact) => {
    const ends = closest(text.spans[fact.head], text.spans[fact.tail], supporting(fact));
    if (!ends) return [];
    const [from, to] = nearestParts(ends.head, ends.tail);
    return from && to ? [arc(from, to, frame, fact, fact === chosen, { width, pitch }, told(fact))] : [];
  }));
  for (const text of canvas.querySelectorAll("text")) onPaper(text, width);
}

/** Of two mentions, which may each stand on several lines, the parts that are nearest, on one line if they can. */
function nearestParts(head, tail) {
  const pairs = [...head.getClientRects()].flatMap((from) => [...tail.getClientRects()].map((to) => [from, to]));
  const far = ([from, to]) => 100 * Math.abs(from.top - to.top) + Math.abs(from.left - to.left);
  return pairs.reduce((best, pair) => (far(pair) < far(best) ? pair : best), pairs[0] ?? []);
}

/** Puts a name within the frame, and paper beneath it: the words there are not read with it. */
function onPaper(text, width) {
  const half = text.getBBox().width / 2 + 5;
  text.setAttribute("x", Math.max(Math.min(width - half, Number(text.getAttribute("x"))), half));
  const box = text.getBBox();
  text.before(svg("rect", { class: "label", x: box.x - 4, y: box.y, width: box.width + 8, height: box.height, rx: 3 }));
}

function arc(from, to, frame, fact, chosen, { width, pitch }, { name, bothWays }) {
  const x = (box) => (box.left + box.right) / 2 - frame.left;
  const [x1, x2] = [x(from), x(to)];
  const sameLine = Math.abs(from.top - to.top) < 4;
  const down = from.top <= to.top;
  const y1 = (down && !sameLine ? from.bottom : from.top) - frame.top;
  const y2 = (down || sameLine ? to.top : to.bottom) - frame.top;
  const lift = sameLine ? Math.min(18, 10 + Math.abs(x2 - x1) * 0.03) : Math.max(14, Math.abs(y2 - y1) * 0.4) * (down ? 1 : -1);
  const [c1, c2] = sameLine ? [y1 - lift, y2 - lift] : [y1 + lift, y2 - lift];
  const point = down || sameLine ? -1 : 1;
  const end = bothWays ? svg("circle", { cx: x2, cy: y2, r: 2.5 }) : svg("path", { class: "tip", d: `M${x2} ${y2}l-4 ${point * 7}h8z` });
  const gap = (pitch - from.height) / 2;
  const middle = sameLine ? [(x1 + x2) / 2, y1 - gap + 3] : betweenLines([x1, y1, c1, x2, y2, c2], from.bottom - frame.top + gap, pitch);
  return svg("g", { class: `arc ${fact.verdict ?? "absent"}${chosen ? " chosen" : ""}` },
    svg("path", { class: "line", d: `M${x1} ${y1}C${x1} ${c1} ${x2} ${c2} ${x2} ${y2 + (bothWays ? 0 : point * 6)}` }), end,
    svg("circle", { cx: x1, cy: y1, r: 2.5 }),
    chosen && svg("text", { x: middle[0], y: middle[1], "text-anchor": "middle" }, clipped(name, Math.max(12, Math.floor(width / 9)))));
}

/** Where the name of an arc over several lines stands: on the arc, in the gap between two lines that is nearest its middle. */
function betweenLines([x1, y1, c1, x2, y2, c2], gap, pitch) {
  const at = (t, a, b, c, d) => (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t ** 2 * c + t ** 3 * d;
  const wanted = gap + Math.round((at(0.5, y1, c1, c2, y2) - gap) / pitch) * pitch;
  const steps = Array.from({ length: 41 }, (_, step) => step / 40);
  const nearest = steps.reduce((best, t) => (Math.abs(at(t, y1, c1, c2, y2) - wanted) < Math.abs(at(best, y1, c1, c2, y2) - wanted) ? t : best), 0.5);
  return [at(nearest, x1, x1, x2, x2), wanted + 4];
}

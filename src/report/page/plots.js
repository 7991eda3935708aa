// Plots as SVG, drawn anew at each width: text keeps its size.

/** A figure with its heading, a plot of the width at hand, what it says at the pointer, and its numbers as a table. */
function figure(title, note, draw, numbers) {
  const canvas = h("div", { class: "canvas" });
  const readout = h("p", { class: "readout", "aria-hidden": "true" });
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width === last || width < 50) return;
    last = width;
    canvas.replaceChildren(draw(width, (text) => (readout.textContent = text)));
  }).observe(canvas);
  return h("figure", {},
    h("figcaption", {}, h("h3", {}, title), note && h("p", { class: "note" }, note)),
    canvas, readout,
    h("details", {}, h("summary", {}, "The numbers"), numbers));
}

/** Round numbers from `low` to `high`, about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, place) => (first + place) * step);
}

const short = (number) => Number(number.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
const scientific = (number) => (number === 0 ? "0" : number.toExponential(1).replace("e-", "e−"));

/** A frame with axes; gives the group to draw in and the two scales. */
function frame(width, height, x, y) {
  const left = 52, right = 26, top = 28, bottom = 42;
  const place = (axis, from, to) => (value) => from + ((value - axis.low) / (axis.high - axis.low || 1)) * (to - from);
  const [atX, atY] = [place(x, left, width - right), place(y, height - bottom, top)];
  const across = ticks(x.low, x.high, Math.max(2, Math.min(8, width / 80))).map((value) => [atX(value), (x.format ?? short)(value)]);
  const up = ticks(y.low, y.high, 5).map((value) => [atY(value), (y.format ?? short)(value)]);
  const plot = svg("svg", { class: "plot", width, height, viewBox: `0 0 ${width} ${height}`, role: "img" },
    up.map(([at, text]) => [
      svg("line", { class: "grid", x1: left, x2: width - right, y1: at, y2: at }),
      svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, text)]),
    across.map(([at, text]) => svg("text", { x: at, y: height - bottom + 18, "text-anchor": "middle" }, text)),
    svg("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    svg("text", { class: "axis-name", x: width - right, y: height - 6, "text-anchor": "end" }, x.name),
    svg("text", { class: "axis-name", x: left, y: 12 }, y.name));
  return { plot, atX, atY, left, right, top, bottom };
}

const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** Lines over one x axis. Each series has a name, points [x, y], a class, and dots where its points are few. */
function linePlot(width, say, { label, x, y, series, extra = () => [] }) {
  const height = 280;
  const { plot, atX, atY, top, bottom } = frame(width, height, x, y);
  plot.setAttribute("aria-label", label);
  const cross = svg("line", { class: "cross", y1: top, y2: height - bottom, visibility: "hidden" });
  plot.append(...extra(atX, atY), ...series.map(({ points, kind, dots }) => svg("g", { class: kind },
    svg("path", { class: "line", d: path(points.map(([a, b]) => [atX(a), atY(b)])) }),
    dots ? points.map(([a, b]) => svg("circle", { cx: atX(a), cy: atY(b), r: 3.5 })) : [])), cross);
  plot.addEventListener("pointermove", (event) => {
    const at = event.clientX - plot.getBoundingClientRect().left;
    const near = (points) => points.reduce((best, point) => (Math.abs(atX(point[0]) - at) < Math.abs(atX(best[0]) - at) ? point : best));
    const found = series.filter(({ points }) => points.length).map((one) => [one, near(one.points)]);
    if (!found.length) return;
    const [here] = found[0][1];
    for (const end of ["x1", "x2"]) cross.setAttribute(end, atX(here));
    cross.setAttribute("visibility", "visible");
    say([`${x.name} ${(x.format ?? short)(here)}`, ...found.map(([one, point]) => `${one.name} ${(y.format ?? short)(point[1])}`)].join(" · "));
  });
  return plot;
}

/** What the lines of a plot stand for. */
const key = (entries) => h("ul", { class: "key" }, entries.map(([kind, name]) => h("li", { class: kind }, h("span", { class: "swatch", "aria-hidden": "true" }), name)));

/** Columns of stacked parts. Each column has a name, a note above it, and parts [kind, number]. */
function columnPlot(width, label, name, columns, up = "facts and predictions") {
  const height = 260;
  const highest = Math.max(1, ...columns.map(({ parts }) => parts.reduce((sum, [, number]) => sum + number, 0)));
  const { plot, atX, atY, left, right } = frame(width, height, { low: 0, high: columns.length, name, format: () => "" }, { low: 0, high: highest * 1.12, name: up });
  plot.setAttribute("aria-label", label);
  const each = (width - left - right) / columns.length;
  columns.forEach(({ name, note, parts }, place) => {
    const middle = atX(place + 0.5), wide = Math.min(56, each * 0.62);
    let sum = 0;
    for (const [kind, number] of parts) {
      const above = atY(sum + number);
      plot.append(svg("rect", { class: kind, x: middle - wide / 2, y: above, width: wide, height: Math.max(0, atY(sum) - above) }, svg("title", {}, `${name}: ${number} ${kind}`)));
      sum += number;
    }
    plot.append(
      svg("text", { x: middle, y: atY(0) + 18, "text-anchor": "middle" }, name),
      svg("text", { class: "above", x: middle, y: atY(sum) - 6, "text-anchor": "middle" }, note));
  });
  return plot;
}

/** A share as a bar, with its interval where it has one. */
function shareBar(share, low = null, high = null) {
  const at = (value) => (100 * value).toFixed(2);
  return svg("svg", { class: "share", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "rail", x: 0, y: 3, width: 100, height: 4 }),
    svg("rect", { class: "fill", x: 0, y: 3, width: at(share ?? 0), height: 4 }),
    low !== null && high !== null && svg("rect", { class: "interval", x: at(low), y: 0, width: Math.max(0.6, at(high) - at(low)), height: 10 }));
}

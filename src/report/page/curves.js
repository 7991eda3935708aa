// Precision against recall, and probability against what is right.

function showCurve(run) {
  const { tally, curve, curve_by, precision_recall, reliability } = run;
  const curves = scoredCurves(precision_recall);
  if (!curves.length && tally?.labelled && curve.length) curves.push(claimedCurve(curve, curve_by));
  if (!curves.length && !reliability.length && isUnlabelled(run)) return leaveOut("curve");
  if (!curves.length) section("curve", absent(curveLack(run)));
  section("curve", h("div", { class: "plots" },
    curves.map((one) => curveFigure(one)),
    [...Map.groupBy(reliability, ({ run_id }) => run_id)].map(([name, rows]) => reliabilityFigure(name, rows))));
  if (tally?.labelled && !reliability.length) section("curve", h("p", { class: "note" }, "No reliability diagram: of these predictions there is no table reliability, which docre evaluate --scores writes."));
}

function curveLack({ tally, predicted }) {
  if (!tally?.labelled || !predicted) return "No curve: it takes predictions on labelled documents.";
  return tally.facts.predicted ? "No curve: the predictions come with neither logits nor probabilities." : "No curve: nothing is predicted.";
}

/** The curves of the table `precision_recall`, one a run: the model's own threshold is passed at 0, and others lie below. */
function scoredCurves(rows) {
  return [...Map.groupBy(rows, ({ run_id }) => run_id)].map(([name, points]) => {
    const own = points.findLast(({ margin }) => margin > 0);
    const best = points.reduce((best, point) => (point.f1 > best.f1 ? point : best));
    const shift = best.margin >= 0 ? `higher by ${best.margin.toFixed(2)}` : `lower by ${(-best.margin).toFixed(2)}`;
    const beside = own ? `at the model's own it is ${percent(own.f1)}` : "nothing lies above the model's own";
    const isBest = own && own.f1 >= best.f1;
    const told = isBest ? `F1 is highest, ${percent(own.f1)}, at the model's own threshold.` : `The best F1 on this split would be ${percent(best.f1)}, with the threshold ${shift}; ${beside}.`;
    const marks = [...(own ? [["own threshold", own, false]] : []), ...(isBest ? [] : [["best", best, true]])];
    return { title: "By falling margin over the threshold", told: `${name}: ${told}`, points, marks, head: "Margin at least" };
  });
}

/** The curve of what is predicted: it ends where the model's threshold ends it. */
function claimedCurve(points, by) {
  const end = points.at(-1);
  const best = points.reduce((best, point) => (point.f1 > best.f1 ? point : best));
  const threshold = by === "margin" ? `those alone that lie ${best.margin.toFixed(2)} or more above the model's threshold` : `predictions of at least ${best.margin.toFixed(2)} alone`;
  const gain = best.f1 > end.f1
    ? `The best F1 on this split would be ${percent(best.f1)}, with ${threshold}; with all that is predicted it is ${percent(end.f1)}.`
    : `F1 is highest, ${percent(end.f1)}, where all predictions are taken.`;
  const title = by === "margin" ? "By falling margin over the threshold" : "By falling probability";
  return { title, told: `${gain} The curve ends with the predictions.`, points, marks: [["all", end, false], ...(best.f1 > end.f1 ? [["best", best, true]] : [])], head: by === "margin" ? "Margin at least" : "Probability at least" };
}

function curveFigure({ title, told, points, marks, head }) {
  const range = Math.min(100, Math.max(10, Math.ceil(Math.max(...points.map(({ recall }) => recall)) * 12) * 10));
  const [[what, { precision, recall }]] = marks;
  const draw = (width, say) => linePlot(width, say, {
    label: `Precision against recall; ${what}: precision ${percent(precision)}, recall ${percent(recall)}`,
    x: { low: 0, high: range, name: "recall" }, y: { low: 0, high: 100, name: "precision" },
    series: [{ name: "precision", points: points.map((point) => [100 * point.recall, 100 * point.precision]), kind: "main" }],
    extra: (atX, atY) => [...contours(range, atX, atY), ...marks.map((mark) => curveMark(mark, range, atX, atY))],
  });
  const rows = points.filter((_, place) => place % Math.ceil(points.length / 25) === 0 || place === points.length - 1);
  return figure(title, told, draw, table("Precision and recall", [head, ["P", true], ["R", true], ["F1", true]],
    rows.map((point) => [point.margin.toFixed(3).replace("-", "−"), percent(point.precision), percent(point.recall), percent(point.f1)])));
}

function curveMark([text, { recall, precision }, isBest], range, atX, atY) {
  const [x, y] = [atX(100 * recall), atY(100 * precision)];
  // The best lies above the curve at its right, the other below it at its left: they may be one point.
  const isLeft = isBest ? 100 * recall > 0.8 * range : 100 * recall > 0.25 * range;
  return svg("g", { class: isBest ? "mark best" : "mark" }, svg("circle", { cx: x, cy: y, r: 4.5 }),
    svg("text", { x: isLeft ? x - 8 : x + 8, y: y + (isBest ? -8 : 16), "text-anchor": isLeft && "end" }, text));
}

/** Lines of equal F1. */
function contours(range, atX, atY) {
  const line = (value) => Array.from({ length: 81 }, (_, place) => value / 2 + 0.01 + ((range - value / 2) * place) / 80)
    .map((recall) => [recall, (value * recall) / (2 * recall - value)]).filter(([, precision]) => precision <= 100 && precision >= 0);
  return ticks(0, (200 * range) / (range + 100), 5).slice(1).map((value) => [value, line(value)]).filter(([, line]) => line.length > 1).map(([value, line]) => svg("g", { class: "contour" },
    svg("path", { d: path(line.map(([a, b]) => [atX(a), atY(b)])) }),
    svg("text", { x: atX(line.at(-1)[0]) - 4, y: atY(line.at(-1)[1]) - 4, "text-anchor": "end" }, `F1 ${value}`)));
}

/** How sure a run is, and how often it is right: on the diagonal it is as sure as it may be. */
function reliabilityFigure(name, rows) {
  const most = Math.max(...rows.map(({ predicted }) => predicted));
  const all = rows.reduce((sum, { predicted }) => sum + predicted, 0);
  const error = rows.reduce((sum, { predicted, probability, share }) => sum + predicted * Math.abs(probability - share), 0) / (all || 1);
  const points = rows.map(({ probability, share }) => [100 * probability, 100 * share]);
  const axis = { low: 0, high: 100 };
  const draw = (width, say) => linePlot(width, say, {
    label: `Share that is right against probability, over ${plural(rows.length, "bin")}`,
    x: { ...axis, name: "probability" }, y: { ...axis, name: "share that is right" },
    series: [{ name: "right", points, kind: "main" }],
    extra: (atX, atY) => [
      svg("g", { class: "contour" }, svg("path", { d: path([[atX(0), atY(0)], [atX(100), atY(100)]]) })),
      ...rows.map((row, place) => svg("g", { class: "mark best" }, svg("circle", { cx: atX(points[place][0]), cy: atY(points[place][1]), r: 3 + 7 * Math.sqrt(row.predicted / most) })))],
  });
  const cells = (row) => [`${percentWhole(row.low)} to ${percentWhole(row.high)}`, percent(row.probability), percent(row.share), whole(row.correct), whole(row.predicted)];
  return figure("Reliability", `${name}: how often predictions of a probability are right, in percent. Below the diagonal the run is too sure; it is off by ${percent(error)} on average.`, draw,
    table("Reliability", ["Probability", ["Mean", true], ["Right", true], ["Correct", true], ["Predicted", true]], rows.map(cells)));
}

const percentWhole = (share) => `${Math.round(100 * share)}%`;

// Figures: metrics, learning curves, precision and recall, relations, errors, inference.

function showMetrics(run) {
  const rows = run.metrics.filter((row) => row.relation === null);
  if (!rows.length) return section("metrics", absent("The run has no table metrics. docre evaluate writes it."));
  const heads = ["Metric", ["Figure", true], "", "95% interval", ["P", true], ["R", true], ["Correct", true], ["Predicted", true], ["Gold", true]];
  const count = (number) => (number === null ? "–" : whole(number));
  const cells = (row) => {
    return [
      [h("span", { class: "metric" }, row.metric, row.scope === "all" ? "" : `, ${row.scope}`), h("span", { class: "meaning" }, row.meaning ?? "")],
      percent(row.f1 ?? row.recall), shareBar(row.f1 ?? row.recall, row.f1_low, row.f1_high),
      row.f1_low === null ? "" : `${percent(row.f1_low)} to ${percent(row.f1_high)}`,
      percent(row.precision), percent(row.recall), count(row.true_positives), count(row.predicted), count(row.gold)];
  };
  section("metrics", h("p", { class: "lead" }, "In percent. Intervals are the middle 95% over bootstrap resamples of the documents."), table("Metrics", heads, rows.map(cells)));
  if (run.comparisons.length) showComparisons(run.comparisons);
}

function showComparisons(rows) {
  const signed = (share) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(2)}`;
  const cells = (row) => [`${row.metric}, ${row.scope}`, row.against, signed(row.difference), `${signed(row.low)} to ${signed(row.high)}`, row.p_value.toFixed(3)];
  section("metrics", h("h3", {}, "Against another run"), table("Differences to another run", ["Metric", "Against", ["Difference", true], "95% interval", ["p", true]], rows.map(cells)));
}

function showLearning({ learning }) {
  if (!learning || !learning.steps.length) return section("learning", absent("The run has no table training_log. docre train writes it."));
  const { steps, epochs } = learning;
  const x = { low: 0, high: steps.at(-1).step, name: "step" };
  const lossPoints = steps.map(({ step, loss }) => [step, loss]);
  const smooth = smoothed(lossPoints);
  const highest = Math.max(...smooth.map(([, loss]) => loss)) * 1.25;
  const loss = figure("Loss", learning.steps_a_point > 1 ? `Means over ${learning.steps_a_point} steps, and smoothed` : "Each step, and smoothed",
    (width, say) => linePlot(width, say, { label: "Loss by step", x, y: { low: 0, high: highest, name: "loss" },
      series: [{ name: "smoothed", points: smooth, kind: "main" }, { name: "loss", points: lossPoints.filter(([, loss]) => loss <= highest), kind: "faint" }] }),
    table("Loss by epoch", ["Epoch", ["Step", true], ["Mean loss", true]], epochs.map(({ epoch, step, loss }) => [String(epoch), whole(step), loss.toFixed(4)])));
  const scored = epochs.filter(({ dev_f1 }) => dev_f1 !== null);
  const top = Math.max(0.01, ...scored.map(({ dev_f1 }) => dev_f1));
  const dev = figure("F1 on dev", "At the end of each epoch, in percent",
    (width, say) => linePlot(width, say, { label: "F1 on dev by step", x, y: { low: 0, high: 100 * top * 1.15, name: "F1" },
      series: [{ name: "F1", points: scored.map(({ step, dev_f1 }) => [step, 100 * dev_f1]), kind: "main", dots: true }] }),
    table("F1 on dev by epoch", ["Epoch", ["F1", true]], scored.map(({ epoch, dev_f1 }) => [String(epoch), percent(dev_f1)])));
  const fastest = Math.max(...steps.map((step) => Math.max(step.encoder_rate, step.head_rate)));
  const same = steps.every(({ encoder_rate, head_rate }) => encoder_rate === head_rate);
  const lines = [["main", same ? "encoder and all else" : "encoder", "encoder_rate"], ...(same ? [] : [["second", "all else", "head_rate"]])];
  const rates = figure("Learning rates", key(lines),
    (width, say) => linePlot(width, say, { label: "Learning rates by step", x, y: { low: 0, high: fastest * 1.1, name: "rate", format: scientific },
      series: lines.map(([kind, name, column]) => ({ kind, name, points: steps.map((step) => [step.step, step[column]]) })) }),
    table("Learning rates", [["Step", true], ["Encoder", true], ["All else", true]], steps.filter((_, place) => place % Math.ceil(steps.length / 20) === 0).map((step) => [whole(step.step), scientific(step.encoder_rate), scientific(step.head_rate)])));
  section("learning", h("div", { class: "plots" }, loss, dev, rates));
}

/** Means over a twentieth of the points, each in the middle of its own. */
function smoothed(points) {
  const reach = Math.ceil(points.length / 40);
  const mean = (near) => near.reduce((sum, [, y]) => sum + y, 0) / near.length;
  return points.map(([x], place) => {
    const half = Math.min(reach, place, points.length - 1 - place);
    return [x, mean(points.slice(place - half, place + half + 1))];
  });
}

function showCurve({ curve, tally }) {
  if (!tally || !tally.labelled || !curve.length) return section("curve", absent("No curve: it takes predictions on labelled documents."));
  const points = curve.map((point) => [100 * point.recall, 100 * point.precision]);
  const best = curve.reduce((best, point) => (point.f1 > best.f1 ? point : best));
  const end = curve.at(-1);
  const mark = (atX, atY, point, kind, text, below) => svg("g", { class: kind },
    svg("circle", { cx: atX(100 * point.recall), cy: atY(100 * point.precision), r: 4.5 }),
    svg("text", { x: atX(100 * point.recall) + 8, y: atY(100 * point.precision) + (below ? 16 : -8) }, text));
  const range = Math.min(100, Math.max(10, Math.ceil(end.recall * 12) * 10));
  const contour = (value) => Array.from({ length: 81 }, (_, place) => value / 2 + 0.01 + ((range - value / 2) * place) / 80).map((recall) => [recall, (value * recall) / (2 * recall - value)]).filter(([, precision]) => precision <= 100 && precision >= 0);
  const draw = (width, say) => linePlot(width, say, {
    label: `Precision against recall. At the model's threshold: precision ${percent(end.precision)}, recall ${percent(end.recall)}`,
    x: { low: 0, high: range, name: "recall" }, y: { low: 0, high: 100, name: "precision" },
    series: [{ name: "precision", points, kind: "main" }],
    extra: (atX, atY) => [
      ...ticks(0, (200 * range) / (range + 100), 5).slice(1).map((value) => [value, contour(value)]).filter(([, line]) => line.length > 1).map(([value, line]) => svg("g", { class: "contour" },
        svg("path", { d: path(line.map(([a, b]) => [atX(a), atY(b)])) }),
        svg("text", { x: atX(line.at(-1)[0]) - 4, y: atY(line.at(-1)[1]) - 4, "text-anchor": "end" }, `F1 ${value}`))),
      mark(atX, atY, end, "mark", "all", true),
      best.margin > end.margin ? mark(atX, atY, best, "mark best", "best", false) : ""],
  });
  const told = best.margin > end.margin
    ? `The best F1 on this split would be ${percent(best.f1)}, with a threshold higher by ${best.margin.toFixed(2)}; at the model's own it is ${percent(end.f1)}.`
    : `F1 is highest, ${percent(end.f1)}, where all predictions are taken.`;
  const rows = curve.filter((_, place) => place % Math.ceil(curve.length / 25) === 0 || place === curve.length - 1);
  section("curve", h("div", { class: "plots one" }, figure("By falling margin over the threshold", `${told} The curve ends where the model's threshold ends it.`, draw,
    table("Precision and recall", [["Margin at least", true], ["P", true], ["R", true], ["F1", true]], rows.map((point) => [point.margin.toFixed(3), percent(point.precision), percent(point.recall), percent(point.f1)])))));
}

function showRelations(run) {
  const { tally, labels, predicted } = run;
  const all = tally ? Object.entries(tally.relations).map(([name, counts]) => ({ name, ...counts })) : [];
  if (!all.length) return section("relations", absent("No relation: nothing is gold or predicted."));
  const orders = { facts: (a, b) => b.gold - a.gold || b.predicted - a.predicted, F1: (a, b) => b.f1 - a.f1 || b.gold - a.gold, name: () => 0 };
  const place = h("div");
  let order = "facts", shown = 20;
  const draw = () => {
    const sorted = [...all].sort((a, b) => orders[order](a, b) || (a.name < b.name ? -1 : 1));
    const rows = sorted.slice(0, shown).map((row) => [
      [h("span", { class: "metric" }, relationName(run, row.name)), labels.has(row.name) && h("span", { class: "meaning" }, named(row.name))],
      percent(row.f1), shareBar(row.f1), percent(row.precision), percent(row.recall), whole(row.correct), whole(row.predicted), whole(row.gold)]);
    const more = all.length > shown && h("button", { type: "button", class: "more", onclick: () => { shown = all.length; draw(); } }, `Show all ${whole(all.length)}`);
    place.replaceChildren(table("Relations", ["Relation", ["F1", true], "", ["P", true], ["R", true], ["Correct", true], ["Predicted", true], ["Gold", true]], rows), more || "");
  };
  const choice = h("select", { id: "relations-order", onchange: (event) => { order = event.target.value; draw(); } }, Object.keys(orders).map((name) => h("option", { value: name }, name)));
  section("relations", h("div", { class: "controls" }, h("label", { for: "relations-order" }, "Sort by"), choice, !predicted && h("span", { class: "note" }, "Nothing is predicted: gold facts only.")), place);
  draw();
}

const VERDICTS = [["correct", "correct"], ["wrong", "wrong: predicted, not gold"], ["missed", "missed: gold, not predicted"]];

function showErrors({ tally, predicted }) {
  if (!tally || !tally.labelled || !predicted) return section("errors", absent("No errors to show: it takes predictions on labelled documents."));
  const column = ({ name, correct, predicted, gold, f1 }) => ({ name, note: percent(f1), parts: [["correct", correct], ["wrong", predicted - correct], ["missed", gold - correct]] });
  const plot = (title, note, axis, columns) => figure(title, note, (width) => columnPlot(width, `${title}: correct, wrong and missed facts`, axis, columns),
    table(title, [axis, ["F1", true], ["Correct", true], ["Wrong", true], ["Missed", true]], columns.map(({ name, note, parts }) => [name, note, ...parts.map(([, number]) => whole(number))])));
  section("errors", key(VERDICTS), h("p", { class: "note" }, "Above each column stands its F1."), h("div", { class: "plots" },
    plot("By sentence distance", "Sentences between the closest mentions of head and tail; 0 where they share one", "sentences", tally.distances.map(column)),
    plot("By number of entities", "Entities of the document", "entities", tally.sizes.map(column))));
}

function showInference({ tally }) {
  const inference = tally?.inference;
  const known = inference && inference.kept.predicted + inference.added.predicted > 0;
  const iterations = Object.entries(inference?.iterations ?? {}).sort(([a], [b]) => a - b);
  if (!known && !iterations.length) return section("inference", absent("Base and inference cannot be told apart: the columns base_probability and iteration of relations are empty, as for a model without an inference module."));
  const cells = ([name, { correct, predicted, precision }]) => [name, whole(predicted), whole(correct), whole(predicted - correct), percent(precision), shareBar(precision)];
  const heads = (first) => [first, ["Predictions", true], ["Correct", true], ["Wrong", true], ["Precision", true], ""];
  section("inference", h("p", { class: "lead" }, "What the last iteration predicts, by whether the base had predicted it. The reader below filters by it."),
    known ? table("Base and inference", heads("Prediction"), [["made by the base and kept", inference.kept], ["added by inference", inference.added]].map(cells)) : "",
    iterations.length ? table("By iteration", heads("Last changed at iteration"), iterations.map(cells)) : "");
}

// Figures: metrics, learning curves, relations, errors, inference.

function showMetrics(run) {
  const rows = run.metrics.filter((row) => row.relation === null);
  if (!rows.length && isUnlabelled(run)) return leaveOut("metrics");
  if (run.outdated) return section("metrics", absent("The table metrics is of other predictions than these. docre evaluate makes it anew."));
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
  if (run.comparisons.length) showComparisons(run);
}

function showComparisons({ comparisons: rows, runs }) {
  /** Two runs may have one name, and then it tells nothing. */
  const other = (row) => (row.against !== row.run_id ? row.against : (runs[1] ?? `another run, ${row.against} too`));
  const signed = (share) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(2)}`;
  const cells = (row) => [`${row.metric}, ${row.scope}`, other(row), signed(row.difference), `${signed(row.low)} to ${signed(row.high)}`, row.p_value.toFixed(3)];
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

function showRelations(run) {
  const { tally, predicted } = run;
  const all = tally ? Object.entries(tally.relations).map(([name, counts]) => ({ name, ...counts })).filter(({ gold, found }) => gold + found > 0) : [];
  if (!all.length) return section("relations", absent("No relation: nothing is gold or predicted."));
  const orders = new Map(isUnlabelled(run)
    ? [["found", (a, b) => b.found - a.found], ["documents", (a, b) => b.documents - a.documents], ["name", () => 0]]
    : [["facts", (a, b) => b.gold - a.gold || b.predicted - a.predicted], ["F1", (a, b) => (b.f1 ?? -1) - (a.f1 ?? -1) || b.gold - a.gold], ["errors", (a, b) => errorsOf(b) - errorsOf(a)], ["name", () => 0]]);
  const place = h("div");
  let [order] = orders.keys();
  let shown = 20;
  const draw = () => {
    const sorted = [...all].sort((a, b) => orders.get(order)(a, b) || (a.name < b.name ? -1 : 1));
    const more = all.length > shown && h("button", { type: "button", class: "more", onclick: () => { shown = all.length; draw(); } }, `Show all ${whole(all.length)}`);
    place.replaceChildren(relationTable(run, sorted.slice(0, shown)), more || "");
  };
  const choice = h("select", { id: "relations-order", onchange: (event) => { order = event.target.value; draw(); } }, [...orders.keys()].map((name) => h("option", { value: name }, name)));
  section("relations", h("div", { class: "controls" }, h("label", { for: "relations-order" }, "Sort by"), choice, !predicted && h("span", { class: "note" }, "Nothing is predicted: gold facts only.")), place);
  draw();
}

const errorsOf = ({ correct, predicted, gold }) => predicted + gold - 2 * correct;

function relationTable(run, rows) {
  const name = (row) => [h("span", { class: "metric" }, relationName(run, row.name)), run.labels.has(row.name) && h("span", { class: "meaning" }, named(row.name))];
  if (!isUnlabelled(run)) {
    return table("Relations", ["Relation", ["F1", true], "", ["P", true], ["R", true], ["Correct", true], ["Predicted", true], ["Gold", true]],
      rows.map((row) => [name(row), percent(row.f1), shareBar(row.f1), percent(row.precision), percent(row.recall), whole(row.correct), whole(row.predicted), whole(row.gold)]));
  }
  const share = (row) => row.found / (run.tally.facts.found || 1);
  return table("Relations", ["Relation", ["Found", true], "", ["% of all", true], ["Documents", true]],
    rows.map((row) => [name(row), whole(row.found), shareBar(share(row)), (100 * share(row)).toFixed(1), whole(row.documents)]));
}

const VERDICTS = [["correct", "correct"], ["wrong", "wrong: predicted, not gold"], ["missed", "missed: gold, not predicted"]];

function showErrors(run) {
  const { tally, predicted } = run;
  if (tally && predicted && !tally.labelled) return showSpread(tally);
  if (!tally || !tally.labelled || !predicted) return section("errors", absent("No errors to show: it takes predictions on labelled documents."));
  const column = ({ name, correct, predicted, gold, f1 }) => ({ name, note: percent(f1), parts: [["correct", correct], ["wrong", predicted - correct], ["missed", gold - correct]] });
  const plot = (title, note, axis, columns) => figure(title, note, (width) => columnPlot(width, `${title}: correct, wrong and missed facts`, axis, columns),
    table(title, [axis, ["F1", true], ["Correct", true], ["Wrong", true], ["Missed", true]], columns.map(({ name, note, parts }) => [name, note, ...parts.map(([, number]) => whole(number))])));
  section("errors", key(VERDICTS), h("p", { class: "note" }, "Above each column stands its F1."), h("div", { class: "plots" },
    plot(...BY_DISTANCE, tally.distances.map(column)), plot(...BY_SIZE, tally.sizes.map(column))));
}

const BY_DISTANCE = ["By sentence distance", "Sentences between the closest mentions of head and tail; 0 where they share one", "sentences"];
const BY_SIZE = ["By number of entities", "Entities of the document", "entities"];

/** Where predictions lie that nothing is known to be right or wrong of. */
function showSpread(tally) {
  retitle("errors", "Distance and size");
  if (!tally.facts.found) return section("errors", absent("Nothing is predicted."));
  const column = ({ name, found }) => ({ name, note: whole(found), parts: [["unjudged", found]] });
  const plot = (title, note, axis, columns) => figure(title, note, (width) => columnPlot(width, `${title}: predictions`, axis, columns, "predictions"),
    table(title, [axis, ["Predictions", true]], columns.map(({ name, note }) => [name, note])));
  section("errors", h("div", { class: "plots" }, plot(...BY_DISTANCE, tally.distances.map(column)), plot(...BY_SIZE, tally.sizes.map(column))));
}

function showInference(run) {
  const { tally } = run;
  const inference = tally?.inference;
  const known = hasInferred(run);
  const beside = known && tally.facts.found - (tally.labelled ? tally.strays : 0) - inference.kept.found - inference.added.found;
  const iterations = Object.entries(inference?.iterations ?? {}).sort(([a], [b]) => a - b);
  if (!known && !iterations.length && !run.traced) return section("inference", absent("Base and inference cannot be told apart: the predictions do not say what the base made of them, as those of a model without an inference module."));
  const judged = !isUnlabelled(run);
  const cells = ([name, { found, correct, predicted, precision }]) => [name, whole(found), ...(judged ? [whole(correct), whole(predicted - correct), percent(precision), shareBar(precision)] : [])];
  const heads = (first) => [first, ["Predictions", true], ...(judged ? [["Correct", true], ["Wrong", true], ["Precision", true], ""] : [])];
  const when = (iteration) => (iteration === "0" ? "pair as the base left it" : `pair last changed at iteration ${iteration}`);
  section("inference", h("p", { class: "lead" }, "What the last iteration predicts, by whether the base, the model before inference, had predicted it.", known ? " The reader below filters by it." : "", beside > 0 && ` Not told of ${plural(beside, "prediction")}, which a lower threshold than the model's lets in, or which say nothing of the base.`),
    known ? table("Base and inference", heads("Prediction"), [["made by the base and kept", inference.kept], ["added by inference", inference.added]].map(cells)) : "",
    iterations.length ? table("By iteration", heads("Prediction"), iterations.map(([name, counts]) => cells([when(name), counts]))) : "",
    ...showChanges(run));
}

/** What each iteration added and dropped, whatever came of it later. */
function showChanges({ tally, traced }) {
  if (!traced) return [h("p", { class: "note" }, "What was dropped again a table traces tells; of these predictions there is none.")];
  const all = Object.entries(tally?.changes ?? {}).sort(([a], [b]) => a - b);
  if (!all.length) return [absent("Inference changed no prediction.")];
  const right = (right, judged) => (judged ? `${whole(right)} of ${whole(judged)}` : "–");
  const cells = ([name, { added, added_right, added_judged, dropped, dropped_right, dropped_judged }]) =>
    [`iteration ${name}`, whole(added), right(added_right, added_judged), whole(dropped), right(dropped_right, dropped_judged)];
  return [h("h3", {}, "Added and dropped"), h("p", { class: "note" }, "It is right to add what is gold, and to drop what is not. The reader tells of each pair."),
    table("Added and dropped", ["When", ["Added", true], ["Rightly added", true], ["Dropped", true], ["Rightly dropped", true]], all.map(cells))];
}

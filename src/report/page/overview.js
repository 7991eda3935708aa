// The head of the page, and its summary.

function showHead(run) {
  const what = [run.split && `split ${run.split}`, run.lineage && `pipeline ${run.lineage.pipeline}`, `docre ${run.docre}`];
  document.title = `${run.name} · docre report`;
  document.getElementById("name").textContent = run.name;
  document.getElementById("tagline").textContent = what.filter(Boolean).join(" · ");
}

/** A number that matters, what it is, and what to know of it. */
const keyFigure = (name, value, note) => h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, h("strong", {}, value), note && h("span", {}, note)));

const overall = (run, metric, scope) => run.metrics.find((row) => row.metric === metric && row.scope === scope && row.relation === null);

function showSummary(run) {
  const { tally } = run;
  const figures = ["F1", "IgnF1"].map((metric) => [metric, overall(run, metric, "all")]).filter(([, row]) => row)
    .map(([metric, row]) => keyFigure(metric, percent(row.f1), row.f1_low === null ? null : `95% from ${percent(row.f1_low)} to ${percent(row.f1_high)}`));
  if (tally && run.predicted && tally.labelled) {
    const { correct, predicted, gold, precision, recall, f1 } = tally.facts;
    if (!figures.length) figures.push(keyFigure("F1", percent(f1), "counted here: no table metrics"));
    figures.push(
      keyFigure("Precision", percent(precision), `${whole(correct)} of ${whole(predicted)} predictions`),
      keyFigure("Recall", percent(recall), `${whole(correct)} of ${whole(gold)} facts`));
  }
  if (tally) figures.push(keyFigure("Documents", whole(tally.documents), `${whole(tally.tokens)} tokens, ${whole(tally.entities)} entities`));
  if (run.learning) figures.push(keyFigure("Epochs", whole(run.learning.epochs.length), bestEpoch(run.learning)));
  section("summary", figures.length ? h("dl", { class: "figures" }, figures) : absent("The run has no figures yet."), ...notes(run));
}

function bestEpoch({ epochs }) {
  const scored = epochs.filter(({ dev_f1 }) => dev_f1 !== null);
  if (!scored.length) return null;
  const best = scored.reduce((best, epoch) => (epoch.dev_f1 > best.dev_f1 ? epoch : best));
  return `best on dev: ${best.epoch}, F1 ${percent(best.dev_f1)}`;
}

/** What a reader should know before the figures. */
function notes(run) {
  const { tally } = run;
  const told = [
    !tally && "The run has no split to show: there is no folder with the tables documents, tokens, mentions, entities, pairs and facts.",
    tally && !run.predicted && "The run has no table relations, so nothing is predicted: gold facts only. docre score writes it.",
    tally && run.predicted && !tally.labelled && "No document says which relations hold: predictions are shown without a verdict.",
    tally && tally.labelled > 0 && tally.labelled < tally.documents && `${whole(tally.documents - tally.labelled)} documents say nothing of which relations hold: their ${whole(tally.unjudged)} predictions do not count.`,
    tally && tally.strays > 0 && `${plural(tally.strays, "prediction")} name documents that the split has not: they count as wrong.`,
    tally && run.documents.length < tally.documents && `The reader holds the first ${whole(run.documents.length)} of ${whole(tally.documents)} documents; figures are of all.`,
  ];
  return told.filter(Boolean).map(absent);
}

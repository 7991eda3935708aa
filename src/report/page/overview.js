// The head of the page, and its summary.

function showHead(run) {
  const what = [run.split && `split ${run.split}`, run.lineage && `pipeline ${run.lineage.pipeline}`, `docre ${run.docre}`];
  document.title = `${run.name} · docre report`;
  document.getElementById("name").textContent = run.name;
  document.getElementById("tagline").textContent = what.filter(Boolean).join(" · ");
}

/** Whether there is a split to show of which no document says what holds. */
const isUnlabelled = ({ tally }) => tally !== null && tally.labelled === 0;

/** A number that matters, what it is, and what to know of it. */
const keyFigure = (name, value, note) => h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, h("strong", {}, value), note && h("span", {}, note)));

const overall = (run, metric, scope) => run.metrics.find((row) => row.metric === metric && row.scope === scope && row.relation === null);

function showSummary(run) {
  const { tally } = run;
  const figures = [...judgedFigures(run), ...foundFigures(run)];
  if (tally) figures.push(keyFigure("Documents", whole(tally.documents), `${whole(tally.tokens)} tokens, ${whole(tally.entities)} entities`));
  if (run.learning) figures.push(keyFigure("Epochs", whole(run.learning.epochs.length), bestEpoch(run.learning)));
  section("summary", headline(run), figures.length ? h("dl", { class: "figures" }, figures) : absent("The run has no figures yet."), ...notes(run));
  if (tally && run.runs.length > 1) showRuns(run);
}

function judgedFigures(run) {
  const { tally } = run;
  const figures = ["F1", "IgnF1"].map((metric) => [metric, overall(run, metric, "all")]).filter(([, row]) => row && row.f1 !== null)
    .map(([metric, row]) => keyFigure(metric, percent(row.f1), row.f1_low === null ? null : `95% from ${percent(row.f1_low)} to ${percent(row.f1_high)}`));
  if (!tally || !run.predicted || !tally.labelled) return figures;
  const { correct, predicted, gold, precision, recall, f1 } = tally.facts;
  if (!figures.length) figures.push(keyFigure("F1", percent(f1), run.outdated ? "counted here: the table metrics is of other predictions" : "counted here: no table metrics"));
  return [...figures,
    keyFigure("Precision", percent(precision), `${whole(correct)} of ${whole(predicted)} predictions`),
    keyFigure("Recall", percent(recall), `${whole(correct)} of ${whole(gold)} facts`)];
}

function foundFigures({ tally, predicted }) {
  if (!tally || !predicted || tally.labelled) return [];
  const kinds = Object.values(tally.relations).filter(({ found }) => found > 0);
  return [keyFigure("Relations found", whole(tally.facts.found), `of ${plural(kinds.length, "kind")}`),
    keyFigure("Entities related", whole(tally.related), `of ${whole(tally.entities)}`)];
}

/** Whether it is known of any prediction what inference did to it, judged or not. */
const hasInferred = ({ tally }) => tally !== null && tally.inference.kept.found + tally.inference.added.found > 0;

/** What the run found, in a sentence. */
function headline(run) {
  const { tally } = run;
  if (!tally) return "";
  const documents = plural(tally.documents, "document");
  const { correct, predicted, gold, found, f1 } = tally.facts;
  const say = (text) => h("p", { class: "headline" }, text);
  if (!run.predicted) return say(`${plural(gold, "fact")} in ${documents}; nothing is predicted.`);
  if (!tally.labelled) return say(`${foundSaid(found)} between ${plural(tally.related, "entity", "entities")} in ${documents}${mostly(run)}.`);
  const score = overall(run, "F1", "all")?.f1 ?? f1;
  const scored = score === null ? "" : ` (F1 ${(100 * score).toFixed(1)})`;
  const where = tally.labelled < tally.documents ? `${plural(tally.labelled, "document")} with labels` : documents;
  const wrong = predicted - correct;
  const further = tally.unjudged > 0 && ` Without labels to judge them by, it found ${whole(tally.unjudged)} more in other documents.`;
  return say([`The run found ${whole(correct)} of ${plural(gold, "fact")} in ${where}${scored}; `,
    predicted === 0 ? "it predicts nothing." : wrong === 0 ? "none of its predictions is wrong." : `${whole(wrong)} of its ${plural(predicted, "prediction")} ${wrong === 1 ? "is" : "are"} wrong.`, further || ""].join(""));
}

const foundSaid = (found) => (found === 0 ? "No relation was found" : `The run found ${plural(found, "relation")}`);

/** The relations that are found most, as the end of a sentence. */
function mostly(run) {
  const all = Object.entries(run.tally.relations).filter(([, { found }]) => found > 0).sort(([, a], [, b]) => b.found - a.found);
  const first = all.slice(0, 3).map(([name, { found }]) => `${clipped(relationName(run, name), 40)} (${whole(found)})`);
  if (all.length < 2) return first.length ? `, all of them ${clipped(relationName(run, all[0][0]), 40)}` : "";
  return `, ${all.length > 3 ? "most of them" : "namely"} ${inWords(first)}`;
}

/** Two runs, in figures. */
function showRuns({ tally, runs }) {
  const { facts, both } = tally.other;
  const sides = [...runs.map((name, place) => [name, place ? facts : tally.facts]), ["what both predict", both]];
  const judged = tally.labelled > 0;
  const heads = judged ? ["Run", ["F1", true], ["P", true], ["R", true], ["Correct", true], ["Predicted", true]] : ["Run", ["Found", true]];
  const { gold } = tally.facts;
  const cells = ([name, { precision, correct, predicted, found }]) => {
    const [recall, f1] = [gold ? correct / gold : null, predicted + gold ? (2 * correct) / (predicted + gold) : null];
    return judged ? [name, percent(f1), percent(precision), percent(recall), whole(correct), whole(predicted)] : [name, whole(found)];
  };
  section("summary", h("h3", {}, "Two runs"), h("p", { class: "note" }, "The reader shows them side by side."), table("Two runs", heads, sides.map(cells)));
}

/** The epoch whose checkpoint is the model: the best of the last stage, of equals the first. */
function bestEpoch({ epochs }) {
  const { stage: last } = epochs.at(-1) ?? {};
  const scored = epochs.filter(({ stage, dev_f1 }) => stage === last && dev_f1 !== null);
  if (!scored.length) return null;
  const best = scored.reduce((best, epoch) => (epoch.dev_f1 > best.dev_f1 ? epoch : best));
  return `best on dev${last > 1 ? ` of stage ${last}` : ""}: ${best.epoch}, F1 ${percent(best.dev_f1)}`;
}

/** What a reader should know before the figures. */
function notes(run) {
  const { tally } = run;
  const told = [
    !tally && "The run has no split to show: there is no folder with the tables documents, tokens, mentions, entities, pairs and facts.",
    tally && !run.predicted && "The run has no table relations, so nothing is predicted: gold facts only. docre score writes it.",
    tally && run.predicted && !tally.labelled && "No document says which relations hold, so predictions have no verdict here, and there are no figures of how good they are.",
    tally && tally.labelled > 0 && tally.labelled < tally.documents && `${plural(tally.documents - tally.labelled, "document")} say nothing of which relations hold: their ${whole(tally.unjudged)} predictions do not count.`,
    tally && tally.strays > 0 && `${plural(tally.strays, "prediction")} name documents that the split has not${tally.labelled ? ": they count as wrong" : ""}.`,
    tally && run.documents.length < tally.documents && `The reader and the list hold the first ${whole(run.documents.length)} of ${whole(tally.documents)} documents; figures are of all.`,
  ];
  return told.filter(Boolean).map(absent);
}

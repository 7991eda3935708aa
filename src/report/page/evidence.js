// Evidence: the sentences that bear a fact out, as its corpus says (gold) and as the run says (predicted, with weights).

const LISTED_SENTENCES = 6;

/** What is known of sentences for a fact, in their order: whether each is gold evidence, whether it is predicted, and how
 *  much of what the model looks at it has, where that is told. */
function evidenceOf({ evidence = [], predicted_evidence = [], looked_at = [] }) {
  const known = new Map();
  const add = (sentence, what) => known.set(sentence, { ...known.get(sentence), ...what });
  const weighed = (weight) => (weight === null ? {} : { weight });
  for (const [sentence, weight] of looked_at) add(sentence, weighed(weight));
  for (const [sentence, weight] of predicted_evidence) add(sentence, { predicted: true, ...weighed(weight) });
  for (const sentence of evidence) add(sentence, { gold: true });
  return new Map([...known].sort(([one], [other]) => one - other));
}

/** The sentences in which the ends of a fact are looked for first. */
const supporting = ({ evidence = [], predicted_evidence = [] }) => (evidence.length ? evidence : predicted_evidence.map(([sentence]) => sentence));

const weightOf = ({ weight }) => (weight === undefined ? "" : weight.toFixed(2));

/** What a sentence is to a fact, in words. */
function evidenceName(of) {
  if (of.predicted) return ["evidence", weightOf(of), of.gold && "· gold"].filter(Boolean).join(" ");
  return of.gold ? ["gold evidence", weightOf(of)].filter(Boolean).join(" ") : `weight ${weightOf(of)}`;
}

/** Marks the sentences of a fact; of none, no sentence. */
function markSentences(text, fact) {
  const known = evidenceOf(fact ?? {});
  text.sentences.forEach((sentence, place) => {
    const of = known.get(place);
    sentence.classList.toggle("evidence", Boolean(of?.gold));
    sentence.classList.toggle("predicted", Boolean(of?.predicted));
    sentence.classList.toggle("looked-at", of?.weight !== undefined || Boolean(of?.predicted));
    sentence.style.setProperty("--weight", of?.weight ?? (of?.predicted ? 0.5 : 0));
  });
}

/** Says before each sentence of the chosen fact what it is to it. Words that come and go move the text, so that what is
 *  merely pointed at has none, and those of the chosen fact are hidden meanwhile. */
function labelSentences(text, chosen, fact) {
  text.element.classList.toggle("hushed", fact !== chosen);
  if (text.labelled === chosen) return;
  text.labelled = chosen;
  const known = evidenceOf(chosen ?? {});
  text.sentences.forEach((sentence, place) => {
    sentence.querySelector(".evidence-name")?.remove();
    const of = known.get(place);
    if (of) sentence.prepend(h("span", { class: of.predicted || of.gold ? "evidence-name" : "evidence-name slight", title: `sentence ${place}` }, evidenceName(of)));
  });
}

/** How sentences of a kind are marked. */
function evidenceLegend(run) {
  const like = (kind, words) => h("li", {}, h("span", { class: `sentence ${kind}`, vars: { "--weight": 0.5 } }, words));
  const kinds = [["looked-at predicted", "predicted evidence, stronger where its weight is greater"], ...(run.tally.labelled ? [["evidence", "gold evidence"], ["looked-at predicted evidence", "both"]] : [])];
  return h("ul", { class: "legend evidences", "aria-label": "Evidence of the chosen fact" }, kinds.map(([kind, words]) => like(kind, words)));
}

/** The evidence of a fact in a row of a list: numbers of sentences, with weights; where gold evidence is known, each with
 *  its sign. */
function evidenceCell(fact) {
  const all = [...evidenceOf(fact)].filter(([, of]) => of.predicted || of.gold);
  const isJudged = (fact.evidence ?? []).length > 0;
  const verdict = ({ predicted, gold }) => (predicted ? (gold ? "correct" : "wrong") : "missed");
  const sign = (of) => isJudged && [signOf(verdict(of)), " "];
  const item = ([sentence, of]) => h("span", { class: "sentence-number" }, sign(of), h("span", { class: "unseen" }, "sentence "), String(sentence), of.predicted && of.weight !== undefined && ` (${weightOf(of)})`);
  const beyond = fact.n_evidence === undefined ? 0 : fact.n_evidence - fact.predicted_evidence.length;
  const rest = all.length + beyond - LISTED_SENTENCES;
  return all.length ? [all.slice(0, LISTED_SENTENCES).map((one) => [item(one), " "]), rest > 0 && `and ${rest} more`] : "–";
}

/** The same as cells of a file: sentences, and weights in their order. */
function evidenceCells({ predicted_evidence = [] }) {
  return [predicted_evidence.map(([sentence]) => sentence).join(" "), predicted_evidence.map(([, weight]) => weight ?? "-").join(" ")];
}

// The list of all predictions, and of what was missed: sorted, filtered, downloaded.

const ROWS = 50;

/** The orders of the list: what each is called, and what comes before what. Rows stand in the order of the documents. */
const ROW_ORDERS = new Map([
  ["document", () => 0],
  ["most probable first", (a, b) => (b.fact.probability ?? -1) - (a.fact.probability ?? -1)],
  ["least probable first", (a, b) => (a.fact.probability ?? 2) - (b.fact.probability ?? 2)],
  ["head", (a, b) => byText(a.head.name, b.head.name)],
  ["relation", (a, b) => byText(a.relation, b.relation)],
  ["tail", (a, b) => byText(a.tail.name, b.tail.name)],
  ["verdict", (a, b) => byText(a.fact.verdict ?? "~", b.fact.verdict ?? "~")],
]);

/** As much of a name as a row has room for. */
const inRow = (name) => clipped(name, 80);

const collator = new Intl.Collator("en", { numeric: true });
const byText = (a, b) => collator.compare(a, b);

class Listing {
  constructor(run, reader, documents) {
    Object.assign(this, { run, reader, hue: reader.hue, order: "document", most: ROWS });
    const missing = (entity) => ({ name: `entity ${entity}, which is not there`, type: "" });
    const row = (doc, place, fact) => ({ doc, place, fact, relation: relationName(run, fact.relation), head: doc.entities[fact.head] ?? missing(fact.head), tail: doc.entities[fact.tail] ?? missing(fact.tail) });
    this.rows = documents.flatMap((doc, place) => doc.facts.map((fact) => row(doc, place, fact)));
    this.cut = documents.filter((doc) => doc.n_facts !== undefined).length;
    this.cutEvidence = this.rows.filter(({ fact }) => fact.n_evidence !== undefined).length;
    this.place = h("div", { class: "listing" });
    this.status = h("p", { class: "note", role: "status", id: "list-status" });
    section("predictions", this.buildControls(), this.status, this.place);
    this.filter();
  }

  buildControls() {
    const { run } = this;
    const { tally } = run;
    const verdicts = [...(tally.labelled ? ["correct", "wrong", "missed"] : []), ...(tally.unjudged ? ["unjudged"] : [])];
    const known = Object.entries(tally.relations).filter(([, { gold, found }]) => gold + found > 0).map(([relation]) => relation);
    let waiting = 0;
    const later = () => { clearTimeout(waiting); waiting = setTimeout(() => this.filter(), 150); };
    const words = (name, label, hint) => h("div", { class: "control grow" }, h("label", { for: `list-${name}` }, label), h("input", { id: `list-${name}`, name, type: "search", placeholder: hint, autocomplete: "off", oninput: later }));
    const now = () => this.filter();
    this.least = this.rows.some(({ fact }) => fact.probability !== undefined) && h("input", { id: "list-probability", name: "probability", type: "number", min: 0, max: 1, step: 0.05, value: 0, oninput: later });
    this.controls = h("form", { class: "controls", "aria-label": "Predictions", onsubmit: (event) => event.preventDefault(), onreset: () => setTimeout(now) },
      words("entity", "Entity", "name or identifier"), words("document", "Document", "title or id"),
      choiceOf("list-relation", "Relation", "any relation", known.map((relation) => [relation, named(relationName(run, relation))]), now),
      verdicts.length > 1 && choiceOf("list-verdict", "Verdict", "any verdict", verdicts.map((verdict) => [verdict, verdict]), now),
      run.runs.length > 1 && choiceOf("list-runs", "Runs", "any", runChoices(run), now),
      this.least && h("div", { class: "control" }, h("label", { for: "list-probability" }, "Probability from"), this.least),
      choiceOf("list-order", "Sort by", null, this.orders().map((order) => [order, order]), (event) => this.sortBy(event.target.value)),
      h("button", { type: "reset" }, "Clear"),
      h("button", { type: "button", id: "list-download", onclick: () => download(`${run.name}-predictions`, this.asCells()) }, "Download CSV"));
    return this.controls;
  }

  /** The orders that there is something to sort by. */
  orders() {
    const is = (order) => (order.includes("probable") ? Boolean(this.least) : order !== "verdict" || this.run.tally.labelled > 0);
    return [...ROW_ORDERS.keys()].filter(is);
  }

  filter() {
    const { elements } = this.controls;
    const words = (name) => plainly(elements[name].value.trim());
    const [entity, title] = [words("entity"), words("document")];
    // The first choice is any: a name may be empty, so that no value can stand for it.
    const chosen = (name) => (elements[name]?.selectedIndex > 0 ? elements[name].value : undefined);
    const [relation, verdict, runs] = ["relation", "verdict", "runs"].map(chosen);
    const least = Number(this.least?.value || 0);
    const has = (text, part) => plainly(text).includes(part);
    const is = ({ name, kb_id }) => has(name, entity) || (kb_id !== undefined && has(kb_id, entity));
    this.found = this.rows.filter(({ doc, fact, head, tail }) =>
      (!entity || is(head) || is(tail)) && (!title || has(doc.title, title) || has(doc.id, title))
      && (relation === undefined || fact.relation === relation) && (verdict === undefined || fact.verdict === verdict)
      && (runs === undefined || runsOf(fact) === runs) && (least === 0 || (fact.probability ?? -1) >= least));
    this.most = ROWS;
    this.sortBy(elements.order.selectedIndex < 0 ? this.order : elements.order.value);
  }

  sortBy(order) {
    this.order = order;
    this.controls.elements.order.value = order;
    this.sorted = [...this.found].sort(ROW_ORDERS.get(order));
    this.show();
  }

  show() {
    const all = plural(this.rows.length, "row");
    const cut = [[this.cut, "document", "facts"], [this.cutEvidence, "fact", "sentences of evidence"]].filter(([number]) => number > 0)
      .map(([number, one, parts]) => ` Of ${plural(number, one)} only the first ${parts} are here.`);
    this.status.textContent = (this.found.length === this.rows.length ? all : `${whole(this.found.length)} of ${all}`) + cut.join("");
    const rest = this.sorted.length - this.most;
    const more = rest > 0 && h("button", { type: "button", class: "more", onclick: () => { this.most += 4 * ROWS; this.show(); } }, `Show more (${whole(rest)} further)`);
    this.place.replaceChildren(this.sorted.length ? table("Predictions", this.heads(), this.sorted.slice(0, this.most).map((row) => this.cells(row)), "list") : absent("Nothing is found."), more || "");
  }

  /** Heads that sort by their column, and the other way round where that is an order too. */
  heads() {
    const { run } = this;
    const sorts = (name, ...orders) => {
      const next = orders[(orders.indexOf(this.order) + 1) % orders.length];
      const button = h("button", { type: "button", class: "sorts", onclick: () => { this.sortBy(next); this.place.querySelector(`[data-sorts="${name}"]`)?.focus(); }, "data-sorts": name }, name, h("span", { "aria-hidden": "true" }, orders.includes(this.order) ? (this.order.startsWith("most") ? " ↓" : " ↑") : ""));
      if (orders.includes(this.order)) button.dataset.order = this.order.startsWith("most") ? "descending" : "ascending";
      return button;
    };
    const verdicts = this.run.runs.length > 1 ? this.run.runs.map((name) => clipped(name, 18)) : this.run.tally.labelled ? [sorts("Verdict", "verdict")] : [];
    return [sorts("Head", "head"), sorts("Relation", "relation"), sorts("Tail", "tail"), sorts("Document", "document"),
      ...(this.least ? [[sorts("p", "most probable first", "least probable first"), true]] : []), ["Apart", true], ...verdicts, ...(run.evidence ? ["Evidence"] : [])];
  }

  cells({ doc, place, fact, relation, head, tail }) {
    const { run } = this;
    const open = h("button", { type: "button", class: "link", title: doc.title.length > 60 && doc.title, onclick: () => this.reader.goTo(place, fact) }, clipped(named(doc.title), 60));
    const verdicts = run.runs.length > 1 || run.tally.labelled ? run.runs.map((_, number) => number ? fact.other : fact.verdict) : [];
    return [this.entity(head), [h("span", { class: "relation" }, inRow(relation)), " ", arrowOf(run, fact.relation)], this.entity(tail), open,
      ...(this.least ? [fact.probability === undefined ? "–" : fact.probability.toFixed(3)] : []), fact.distance === null ? "–" : whole(fact.distance),
      ...verdicts.map((verdict) => h("span", { class: `sign ${verdict ?? "absent"}` }, h("span", { "aria-hidden": "true" }, `${SIGNS[verdict] ?? "·"} `), verdict ?? "not predicted")),
      ...(run.evidence ? [evidenceCell(fact)] : [])];
  }

  entity({ name, type, kb_id }) {
    return [h("i", { class: "dot", title: type, vars: { "--hue": this.hue.get(type) ?? 0 } }), inRow(named(name)), kb_id !== undefined && [" ", knownAs(this.run, kb_id)]];
  }

  /** What is found, as cells of a file. */
  asCells() {
    const { run } = this;
    const isCompared = run.runs.length > 1;
    const heads = ["document", "title", "head", "head_name", "head_type", "head_id", "relation", "label", "tail", "tail_name", "tail_type", "tail_id", "probability", "probability_before_inference", "iteration", "sentences_apart", "verdict", "evidence",
      ...(run.evidence ? ["predicted_evidence", "predicted_evidence_weights"] : []),
      ...(isCompared ? ["other_run", "other_verdict", "other_probability"] : [])];
    const cells = ({ doc, fact, head, tail }) => [doc.id, doc.title, fact.head, head.name, head.type, head.kb_id, fact.relation, run.labels.get(fact.relation), fact.tail, tail.name, tail.type, tail.kb_id,
      fact.probability, fact.base, fact.iteration, fact.distance, fact.verdict, (fact.evidence ?? []).join(" "),
      ...(run.evidence ? evidenceCells(fact) : []),
      ...(isCompared ? [run.runs[1], fact.other, fact.other_probability] : [])];
    return [heads, ...this.sorted.map(cells)];
  }
}

/** The list is made when the reader of the page comes near it. */
function awaitListing(run, reader) {
  if (!reader) return section("predictions", absent("The run has no documents, so there is nothing to list."));
  if (!run.predicted) retitle("predictions", "Facts");
  const place = document.getElementById("predictions");
  place.classList.add("awaited");
  whenNear(place, async () => {
    const documents = await allDocuments(run);
    place.classList.remove("awaited");
    if (documents.some(({ facts }) => facts.length)) return new Listing(run, reader, documents);
    section("predictions", absent("There is no fact and no prediction in these documents."));
  });
}

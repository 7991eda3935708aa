// The document reader: a list of documents, the text of one, its facts, and filters over all of them.

const SIGNS = { correct: "✓", wrong: "✕", missed: "○", unjudged: "◆" };
const LISTED = 100;
const FILTERS = ["relation", "verdict", "type", "inference", "runs"];

class Reader {
  constructor(run) {
    this.run = run;
    this.hue = hues(run.tally.types);
    /** Places of the documents that the filters leave, how many of them are listed, and the one that is open. */
    this.found = run.documents.map((_, place) => place);
    this.listed = LISTED;
    Object.assign(this, { place: 0, order: 0 });
    /** The open document, its text, the facts shown of it, and what is chosen. */
    Object.assign(this, { doc: null, text: null, shown: [], chosen: null, entity: null });
    this.build();
    this.status.textContent = plural(run.documents.length, "document");
    this.showList();
    this.openAt(0);
  }

  build() {
    this.list = h("ul", { class: "documents", "aria-label": "Documents" });
    this.factsTitle = h("h4", { id: "reader-facts" });
    this.facts = h("ul", { class: "facts", "aria-labelledby": "reader-facts" });
    this.all = h("input", { type: "checkbox", onchange: () => this.draw() });
    this.status = h("p", { class: "note", role: "status", id: "reader-status" });
    section("documents", this.buildControls(), this.status, h("div", { class: "reader" },
      h("div", { class: "side" }, this.list),
      this.buildDocument(),
      h("div", { class: "side" }, h("div", { class: "facts-head" }, this.factsTitle, h("label", {}, this.all, " draw all")), this.whose(), this.facts)));
    this.stops = [roving(this.list, "button.listed"), roving(this.holder, ".mention"), roving(this.facts, ".fact")];
    new ResizeObserver(() => this.draw()).observe(this.holder);
  }

  /** Which sign of a fact is which run's. */
  whose() {
    const [first, second] = this.run.runs;
    return second === undefined ? "" : h("p", { class: "note" }, `First sign: ${clipped(first, 40)}; second: ${clipped(second, 40)}`);
  }

  buildControls() {
    const { tally } = this.run;
    const labelled = (relation) => [relation, this.run.labels.has(relation) ? `${this.nameOf(relation)} (${named(relation)})` : named(relation)];
    const same = (value) => [value, named(value)];
    const verdicts = [...(tally.labelled ? ["correct", "wrong", "missed"] : []), ...(tally.unjudged ? ["unjudged"] : [])];
    let waiting = 0;
    const later = () => { clearTimeout(waiting); waiting = setTimeout(() => this.filter(), 150); };
    this.search = h("input", { id: "reader-search", type: "search", placeholder: "words of title or text", autocomplete: "off", oninput: later });
    this.controls = h("form", { class: "controls", role: "search", "aria-label": "Documents", onsubmit: (event) => event.preventDefault(), onreset: () => setTimeout(() => this.filter()) },
      h("div", { class: "control grow" }, h("label", { for: "reader-search" }, "Search"), this.search),
      this.choice("order", "Sort by", null, this.orders().map(([name]) => same(name))),
      this.choice("relation", "Relation", "any relation", Object.keys(tally.relations).map(labelled)),
      verdicts.length > 1 && this.choice("verdict", "Verdict", "any verdict", verdicts.map(same)),
      this.choice("type", "Entity type", "any type", tally.types.map(same)),
      hasInferred(this.run) && this.choice("inference", "Inference", "any", [["kept", "made by the base, kept"], ["added", "added by inference"]]),
      this.run.runs.length > 1 && this.choice("runs", "Runs", "any", runChoices(this.run)),
      h("button", { type: "reset" }, "Clear"));
    return this.controls;
  }

  choice(name, label, any, values) {
    return choiceOf(`reader-${name}`, label, any, values, () => this.filter());
  }

  /** The orders in which documents are listed, each with what it sorts by, the most first. */
  orders() {
    const facts = ({ correct, wrong, missed, unjudged }) => correct + wrong + missed + unjudged;
    return [["place in the corpus", () => 0], ["facts", facts], ...(this.run.tally.labelled ? [["errors", ({ wrong, missed }) => wrong + missed]] : [])];
  }

  buildDocument() {
    this.title = h("h3", { tabindex: -1, id: "reader-title" });
    this.about = h("p", { class: "note" });
    this.before = h("button", { type: "button", onclick: () => this.step(-1) }, "← Previous");
    this.after = h("button", { type: "button", onclick: () => this.step(1) }, "Next →");
    this.canvas = svg("svg", { class: "arcs", "aria-hidden": "true" });
    this.holder = h("div", { class: "text" }, this.canvas);
    this.changes = h("div", { class: "changes" });
    return h("article", { class: "document", "aria-labelledby": "reader-title" },
      h("div", { class: "turn" }, this.before, this.after),
      this.title, this.about, legendOf(this.hue), this.run.evidence && evidenceLegend(this.run), this.holder, this.changes);
  }

  nameOf(relation) {
    return relationName(this.run, relation);
  }

  entityName(entity) {
    return named(this.doc.entities[entity]?.name ?? `entity ${entity}, which is not there`);
  }

  /** What is asked for: words, and a value for each filter that is set. */
  query() {
    // The first choice is any: a name may be empty, so that no value can stand for it.
    const set = FILTERS.map((name) => [name, this.controls.elements[name]]).filter(([, select]) => select?.selectedIndex > 0);
    const filters = Object.fromEntries(set.map(([name, select]) => [name, select.value]));
    return { words: plainly(this.search.value.trim()), filters, order: this.controls.elements.order.selectedIndex };
  }

  async filter() {
    const query = this.query();
    const plain = !query.words && !Object.keys(query.filters).length;
    const docs = plain ? [] : await allDocuments(this.run);
    // Another key may have been struck meanwhile.
    if (JSON.stringify(query) !== JSON.stringify(this.query())) return;
    this.found = plain ? this.run.documents.map((_, place) => place) : docs.flatMap((doc, place) => (matches(doc, query) ? [place] : []));
    const much = this.orders()[query.order][1];
    this.found.sort((a, b) => much(this.run.documents[b]) - much(this.run.documents[a]) || a - b);
    this.listed = LISTED;
    this.status.textContent = plain ? plural(this.found.length, "document") : `${whole(this.found.length)} of ${plural(this.run.documents.length, "document")}`;
    this.showList();
    const isSorted = query.order !== this.order;
    this.order = query.order;
    if (this.found.length && (isSorted || !this.found.includes(this.place))) return this.openAt(this.found[0]);
    this.markListed();
    this.showFacts();
  }

  showList() {
    const more = this.found.length > this.listed && h("li", {}, h("button", { type: "button", class: "more", onclick: () => { this.listed += 4 * LISTED; this.showList(); this.markListed(); } }, "Show more"));
    this.list.replaceChildren(...this.found.slice(0, this.listed).map((place) => h("li", {}, this.listButton(place))), more || "");
    this.stops[0]();
  }

  listButton(place) {
    const { title, ...counts } = this.run.documents[place];
    const told = Object.keys(SIGNS).filter((verdict) => counts[verdict] > 0);
    return h("button", { type: "button", class: "listed", tabindex: -1, onclick: () => this.openAt(place) },
      h("span", { class: "listed-title" }, named(title)),
      h("span", { class: "counts" }, told.map((verdict) => h("span", { class: verdict, title: verdict }, `${SIGNS[verdict]} ${counts[verdict]}`))));
  }

  /** Marks the open document in the list, where it can be seen there. */
  markListed() {
    const number = this.found.indexOf(this.place);
    this.before.disabled = number <= 0;
    this.after.disabled = number < 0 || number >= this.found.length - 1;
    if (number >= this.listed) {
      this.listed = number + LISTED;
      this.showList();
    }
    for (const button of this.list.querySelectorAll(".listed")) button.removeAttribute("aria-current");
    const item = number < 0 ? null : this.list.children[number];
    if (!item) return;
    item.firstChild.setAttribute("aria-current", "true");
    // The list alone is moved, never the page.
    const [inner, outer] = [item.getBoundingClientRect(), this.list.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom) this.list.scrollTop += inner.top - outer.top - outer.height / 3;
  }

  step(by) {
    const place = this.found[this.found.indexOf(this.place) + by];
    return place === undefined ? null : this.openAt(place);
  }

  async openAt(place) {
    this.place = place;
    const doc = await documentAt(this.run, place);
    if (place !== this.place) return;
    Object.assign(this, { doc, chosen: null, entity: null, text: readText(doc, this.hue, (entity) => this.chooseEntity(entity)) });
    this.title.textContent = named(doc.title);
    const about = [doc.id !== doc.title && doc.id, ofAll(doc.sentences.length, doc.n_sentences, "sentence"), plural(doc.entities.length, "entity", "entities"), !doc.labelled && "no labels"];
    this.about.textContent = about.filter(Boolean).join(" · ");
    this.holder.replaceChildren(this.text.element, this.canvas);
    this.stops[1]();
    this.markListed();
    this.showFacts();
    this.choose(this.shown[0] ?? null);
    this.showChanges();
  }

  /** Opens a document by its name, and goes there. */
  open(id) {
    return this.goTo(this.run.documents.findIndex((listed) => listed.id === id));
  }

  /** Opens a document, goes there, and chooses a fact of it. */
  async goTo(place, fact = null) {
    if (!this.found.includes(place)) {
      this.controls.reset();
      await this.filter();
    }
    await this.openAt(place);
    if (fact) this.choose(fact);
    const item = this.facts.children[this.shown.indexOf(fact)];
    if (item) this.facts.scrollTop = item.offsetTop - this.facts.offsetTop;
    document.getElementById("documents").scrollIntoView();
    this.title.focus({ preventScroll: true });
  }

  has(id) {
    return this.run.documents.some((listed) => listed.id === id);
  }

  showFacts() {
    const { doc, entity } = this;
    if (!doc) return;
    const { filters } = this.query();
    this.shown = doc.facts.filter((fact) => fits(doc, fact, filters) && (entity === null || fact.head === entity || fact.tail === entity));
    const all = ofAll(doc.facts.length, doc.n_facts, "fact");
    const of = entity === null ? "" : ` of ${this.entityName(entity)}`;
    this.factsTitle.textContent = this.shown.length === doc.facts.length ? all : `${whole(this.shown.length)} of ${all}${of}`;
    this.facts.replaceChildren(...this.shown.map((fact) => h("li", {}, this.factButton(fact))));
    this.stops[2]();
    if (!this.shown.includes(this.chosen)) this.chosen = null;
    this.draw();
  }

  factButton(fact) {
    const [point, leave] = [() => this.draw(fact), () => this.draw()];
    const signs = this.run.runs.map((name, run) => signOf(run ? fact.other : fact.verdict, this.run.runs.length > 1 && name));
    return h("button", { type: "button", class: `fact ${fact.verdict ?? "absent"}`, tabindex: -1, "aria-pressed": "false", onclick: () => this.choose(fact), onpointerenter: point, onpointerleave: leave, onfocus: point, onblur: leave },
      h("span", { class: "signs" }, signs),
      h("span", { class: "said" }, this.dot(fact.head), this.entityName(fact.head), h("span", { class: "relation" }, ` ${clipped(this.nameOf(fact.relation), 120)} ${arrowOf(this.run, fact.relation)} `), this.dot(fact.tail), this.entityName(fact.tail)),
      h("span", { class: "more-said" }, toldOf(this.run, this.doc, fact)));
  }

  dot(entity) {
    return h("i", { class: "dot", vars: { "--hue": this.hue.get(this.doc.entities[entity]?.type) ?? 0 } });
  }

  /** Lists the pairs whose predictions inference changed, each with what was added and dropped when. */
  showChanges() {
    const pairs = [...Map.groupBy(this.doc.changes ?? [], ({ head, tail }) => `${head} ${tail}`).values()];
    const { n_changed } = this.doc;
    if (!pairs.length && n_changed === undefined) return this.changes.replaceChildren();
    const step = (change) => h("span", { class: change.right === undefined ? "step" : `step ${change.right ? "correct" : "wrong"}`, title: change.right === undefined ? null : `${change.right ? "rightly" : "wrongly"} ${change.added ? "added" : "dropped"}` },
      `${change.added ? "+" : "−"} ${clipped(this.nameOf(change.relation), 120)}`, change.right !== undefined && (change.right ? " ✓" : " ✕"));
    const line = ([iteration, changes]) => h("li", {}, h("span", { class: "when" }, `Iteration ${iteration}`), " ", changes.map((change) => [step(change), " "]));
    const item = (changes) => {
      const [{ head, tail, relation }] = changes;
      const pair = { head, tail, relation: null };
      const show = () => { this.choose(pair); this.holder.scrollIntoView({ block: "nearest" }); };
      return h("li", {}, h("button", { type: "button", class: "link", onclick: show }, this.dot(head), this.entityName(head), ` ${arrowOf(this.run, relation)} `, this.dot(tail), this.entityName(tail)),
        h("ul", {}, [...Map.groupBy(changes, ({ iteration }) => iteration)].map(line)));
    };
    this.changes.replaceChildren(h("h4", {}, `Inference changed ${plural(n_changed ?? pairs.length, "pair")}`),
      h("p", { class: "note" }, `What each iteration added (+) to the pair's relations, and dropped (−)${n_changed === undefined ? "" : `: ${ofAll(pairs.length, n_changed, "pair")}`}.`), h("ul", { class: "pairs" }, pairs.map(item)));
  }

  /** Shows the facts of an entity alone, or again those of all. */
  chooseEntity(entity) {
    this.entity = this.entity === entity ? null : entity;
    this.showFacts();
    this.choose(this.entity === null ? this.shown[0] ?? null : null);
  }

  choose(fact) {
    this.chosen = fact;
    this.draw();
  }

  /** Marks and draws what is pointed at, or else what is chosen. */
  draw(pointed = null) {
    const { text, entity, shown } = this;
    if (!text) return;
    const fact = pointed ?? this.chosen;
    text.spans.flat().forEach(({ span }) => span.setAttribute("aria-pressed", "false"));
    for (const end of fact ? [fact.head, fact.tail] : [entity]) text.spans[end]?.forEach(({ span }) => span.setAttribute("aria-pressed", "true"));
    markSentences(text, fact);
    if (this.run.evidence) labelSentences(text, this.chosen, fact);
    [...this.facts.querySelectorAll(".fact")].forEach((button, place) => button.setAttribute("aria-pressed", String(shown[place] === this.chosen)));
    const others = this.all.checked || (entity !== null && !fact) ? shown.filter((other) => other !== fact) : [];
    drawFacts(this.canvas, this.holder, text, fact ? [...others, fact] : others, fact, ({ relation }) =>
      ({ name: relation === null ? "changed" : this.nameOf(relation), bothWays: relation === null || this.run.undirected.has(relation) }));
  }
}

/** Whether a document has the words and, among its facts, one that the filters leave. */
function matches(doc, { words, filters }) {
  const said = () => [doc.title, ...doc.sentences.map((tokens) => tokens.join(""))].some((text) => plainly(text).includes(words));
  return (!words || said()) && (!Object.keys(filters).length || doc.facts.some((fact) => fits(doc, fact, filters)));
}

function fits(doc, fact, { relation, verdict, type, inference, runs }) {
  const types = [fact.head, fact.tail].map((entity) => doc.entities[entity]?.type);
  return (relation === undefined || fact.relation === relation) && (verdict === undefined || fact.verdict === verdict) && (type === undefined || types.includes(type)) && (inference === undefined || fact.inference === inference) && (runs === undefined || runsOf(fact) === runs);
}

/** The types of entities, each in its colour. */
const legendOf = (hue) => h("ul", { class: "legend", "aria-label": "Types of entities" }, [...hue].map(([type, number]) => h("li", { vars: { "--hue": number }, title: type.length > 60 && type }, clipped(named(type), 60))));

/** What became of a fact as a sign; `name` says in which of several runs. */
function signOf(verdict, name) {
  const what = verdict ?? "not predicted";
  return h("span", { class: `sign ${verdict ?? "absent"}`, title: name ? `${name}: ${what}` : what },
    h("span", { "aria-hidden": "true" }, SIGNS[verdict] ?? "·"), h("span", { class: "unseen" }, name ? `${name}: ${what}; ` : `${what}: `));
}

/** Which of two runs predict a fact. */
function runsOf({ verdict, other }) {
  const [first, second] = [verdict, other].map((one) => one !== undefined && one !== "missed");
  if (first) return second ? "both" : "first";
  return second ? "second" : "neither";
}

const runChoices = ({ runs: [first, second], tally }) =>
  [["both", "both predict"], ["first", `only ${clipped(first, 24)}`], ["second", `only ${clipped(second, 24)}`], ...(tally.labelled ? [["neither", "neither predicts"]] : [])];

/** What there is to say of a fact beside its three parts. */
function toldOf(run, doc, fact) {
  const { distance, probability, other_probability, base } = fact;
  const p = (number) => `p ${number.toFixed(2)}`;
  const before = base !== undefined && `, ${base.toFixed(2)} by the base`;
  return [
    distance !== null && (distance === 0 ? "same sentence" : `${plural(distance, "sentence")} apart`),
    probability !== undefined && [p(probability), before || ""].join(""),
    other_probability !== undefined && `${p(other_probability)} in ${clipped(run.runs[1], 24)}`,
    storyOf(doc, fact),
    cutOf(fact),
  ].filter(Boolean).join(" · ");
}

/** Of how many sentences of a fact only the first are here. */
function cutOf({ predicted_evidence = [], n_evidence, looked_at = [], n_looked_at }) {
  if (n_evidence !== undefined) return `evidence: ${ofAll(predicted_evidence.length, n_evidence, "sentence")}`;
  return n_looked_at !== undefined && `looked at: ${ofAll(looked_at.length, n_looked_at, "sentence")}`;
}

/** What inference did to a fact, iteration by iteration where that is known. */
function storyOf({ changes = [] }, { head, tail, relation, inference, iteration }) {
  const own = changes.filter((change) => change.head === head && change.tail === tail && change.relation === relation);
  if (own.length) return own.map((change) => `${change.added ? "added" : "dropped"} at iteration ${change.iteration}`).join(", ");
  if (inference === "added") return iteration ? `added by inference, iteration ${iteration}` : "added by inference";
  return iteration ? `pair changed at iteration ${iteration}` : "";
}

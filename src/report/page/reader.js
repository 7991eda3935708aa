// The document reader: a list of documents, the text of one, its facts, and filters over all of them.

const SIGNS = { correct: "✓", wrong: "✕", missed: "○", unjudged: "?" };
const LISTED = 100;

/** Starts the reader; gives what opens a document by its name. */
function startReader(run) {
  if (!run.tally || !run.documents.length) {
    section("documents", absent("The run has no documents to read."));
    return { open: null };
  }
  const hue = hues(run.tally.types);
  const state = { place: 0, doc: null, text: null, facts: [], chosen: null, entity: null, found: run.documents.map((_, place) => place), listed: LISTED };
  const relationName = (relation) => run.labels[relation] ?? relation;

  const options = (id, name, first, values) => h("div", { class: "control" }, h("label", { for: id }, name), h("select", { id, onchange: () => filter() }, h("option", { value: "" }, first), values.map(([value, text]) => h("option", { value }, text))));
  const known = Object.keys(run.tally.relations).map((relation) => [relation, relationName(relation) === relation ? relation : `${relationName(relation)} (${relation})`]);
  const verdicts = run.tally.labelled ? ["correct", "wrong", "missed"] : [];
  if (run.tally.unjudged) verdicts.push("unjudged");
  const inferred = run.tally.inference.kept.predicted + run.tally.inference.added.predicted > 0;
  const search = h("input", { id: "reader-search", type: "search", placeholder: "words of title or text", autocomplete: "off", oninput: () => later() });
  const all = h("input", { id: "reader-all", type: "checkbox", onchange: () => draw() });
  const status = h("p", { class: "note", role: "status", id: "reader-status" });
  const list = h("ul", { class: "documents", "aria-label": "Documents" });
  const title = h("h3", { tabindex: -1, id: "reader-title" });
  const about = h("p", { class: "note" });
  const canvas = svg("svg", { class: "arcs", "aria-hidden": "true" });
  const holder = h("div", { class: "text" }, canvas);
  const factsTitle = h("h4", { id: "reader-facts" });
  const facts = h("ul", { class: "facts", "aria-labelledby": "reader-facts" });
  const before = h("button", { type: "button", onclick: () => step(-1) }, "← Previous");
  const after = h("button", { type: "button", onclick: () => step(1) }, "Next →");
  const controls = h("form", { class: "controls", role: "search", "aria-label": "Documents", onsubmit: (event) => event.preventDefault() },
    h("div", { class: "control grow" }, h("label", { for: "reader-search" }, "Search"), search),
    options("reader-relation", "Relation", "any relation", known),
    verdicts.length > 1 && options("reader-verdict", "Verdict", "any verdict", verdicts.map((verdict) => [verdict, verdict])),
    options("reader-type", "Entity type", "any type", run.tally.types.map((type) => [type, type])),
    inferred && options("reader-inference", "Inference", "any", [["kept", "made by the base, kept"], ["added", "added by inference"]]),
    h("button", { type: "reset", onclick: () => setTimeout(filter) }, "Clear"));
  section("documents", controls, status, h("div", { class: "reader" },
    h("div", { class: "side" }, list),
    h("article", { class: "document", "aria-labelledby": "reader-title" },
      h("div", { class: "turn" }, before, after),
      title, about,
      h("ul", { class: "legend", "aria-label": "Types of entities" }, run.tally.types.map((type) => h("li", { vars: { "--hue": hue.get(type) } }, type))),
      holder),
    h("div", { class: "side" }, h("div", { class: "facts-head" }, factsTitle, h("label", {}, all, " draw all")), facts)));
  const stopList = roving(list, "button.listed");
  const stopText = roving(holder, ".mention");
  const stopFacts = roving(facts, ".fact");
  new ResizeObserver(() => draw()).observe(holder);

  let waiting = 0;
  const later = () => { clearTimeout(waiting); waiting = setTimeout(filter, 150); };
  const value = (name) => document.getElementById(`reader-${name}`)?.value ?? "";
  const asked = () => ({ words: search.value.trim().toLowerCase(), relation: value("relation"), verdict: value("verdict"), type: value("type"), inference: value("inference") });
  const isFilter = ({ relation, verdict, type, inference }) => Boolean(relation || verdict || type || inference);

  function fits(doc, fact, { relation, verdict, type, inference }) {
    const types = [fact.head, fact.tail].map((entity) => doc.entities[entity]?.type);
    return (!relation || fact.relation === relation) && (!verdict || fact.verdict === verdict) && (!type || types.includes(type)) && (!inference || inferenceOf(fact) === inference);
  }

  async function filter() {
    const query = asked();
    const plain = !query.words && !isFilter(query);
    const docs = plain ? [] : await allDocuments(run);
    if (JSON.stringify(query) !== JSON.stringify(asked())) return;
    const holds = (doc) => !query.words || doc.title.toLowerCase().includes(query.words) || doc.sentences.some((tokens) => tokens.join("").toLowerCase().includes(query.words));
    const matches = (doc) => holds(doc) && (!isFilter(query) || doc.facts.some((fact) => fits(doc, fact, query)));
    state.found = plain ? run.documents.map((_, place) => place) : docs.flatMap((doc, place) => (matches(doc) ? [place] : []));
    state.listed = LISTED;
    status.textContent = plain ? plural(run.documents.length, "document") : `${whole(state.found.length)} of ${plural(run.documents.length, "document")}`;
    showList();
    if (state.found.length && !state.found.includes(state.place)) await openAt(state.found[0]);
    else showFacts();
  }

  function showList() {
    const item = (place) => {
      const { title, correct, wrong, missed, unjudged } = run.documents[place];
      const counts = { correct, wrong, missed, unjudged };
      const told = Object.entries(counts).filter(([, number]) => number > 0);
      return h("li", {}, h("button", { type: "button", class: "listed", tabindex: -1, "aria-current": place === state.place && "true", onclick: () => openAt(place) },
        h("span", { class: "listed-title" }, title || "(no title)"),
        h("span", { class: "counts" }, told.map(([verdict, number]) => h("span", { class: verdict, title: verdict }, `${SIGNS[verdict]} ${number}`)))));
    };
    const more = state.found.length > state.listed && h("li", {}, h("button", { type: "button", class: "more", onclick: () => { state.listed += 400; showList(); } }, "Show more"));
    list.replaceChildren(...state.found.slice(0, state.listed).map(item), more || "");
    stopList();
  }

  function step(by) {
    const place = state.found[state.found.indexOf(state.place) + by];
    if (place !== undefined) return openAt(place);
  }

  async function openAt(place) {
    state.place = place;
    const doc = await documentAt(run, place);
    if (place !== state.place) return;
    Object.assign(state, { doc, chosen: null, entity: null, text: readText(doc, hue, chooseEntity) });
    title.textContent = doc.title || "(no title)";
    about.textContent = [doc.id !== doc.title && doc.id, plural(doc.sentences.length, "sentence"), plural(doc.entities.length, "entity", "entities"), !doc.labelled && "no labels"].filter(Boolean).join(" · ");
    holder.replaceChildren(state.text.element, canvas);
    stopText();
    for (const button of list.querySelectorAll(".listed")) button.removeAttribute("aria-current");
    list.children[state.found.indexOf(place)]?.firstChild.setAttribute("aria-current", "true");
    before.disabled = state.found.indexOf(place) <= 0;
    after.disabled = state.found.indexOf(place) >= state.found.length - 1;
    showFacts();
    choose(state.facts[0] ?? null);
  }

  function chooseEntity(entity) {
    state.entity = state.entity === entity ? null : entity;
    showFacts();
    choose(state.entity === null ? state.facts[0] ?? null : null);
  }

  function showFacts() {
    const { doc, entity } = state;
    if (!doc) return;
    const query = asked();
    state.facts = doc.facts.filter((fact) => fits(doc, fact, query) && (entity === null || fact.head === entity || fact.tail === entity));
    const of = entity === null ? "" : ` of ${nameOf(entity)}`;
    factsTitle.textContent = state.facts.length === doc.facts.length ? plural(doc.facts.length, "fact") : `${whole(state.facts.length)} of ${plural(doc.facts.length, "fact")}${of}`;
    facts.replaceChildren(...state.facts.map((fact) => h("li", {}, factButton(fact))));
    stopFacts();
    if (!state.facts.includes(state.chosen)) state.chosen = null;
    draw();
  }

  const nameOf = (entity) => state.doc.entities[entity]?.name ?? `entity ${entity}, which is not there`;
  const dot = (entity) => h("i", { class: "dot", vars: { "--hue": hue.get(state.doc.entities[entity]?.type) ?? 0 } });

  function factButton(fact) {
    const told = [fact.distance !== null && (fact.distance === 0 ? "same sentence" : `${plural(fact.distance, "sentence")} apart`), fact.probability !== undefined && (fact.base === undefined ? `p ${fact.probability.toFixed(2)}` : `p ${fact.base.toFixed(2)} → ${fact.probability.toFixed(2)}, ${inferenceOf(fact)}`), fact.iteration !== undefined && `iteration ${fact.iteration}`];
    return h("button", { type: "button", class: `fact ${fact.verdict}`, tabindex: -1, "aria-pressed": "false", onclick: () => choose(fact), onpointerenter: () => draw(fact), onpointerleave: () => draw(), onfocus: () => draw(fact), onblur: () => draw() },
      h("span", { class: "sign", title: fact.verdict }, h("span", { "aria-hidden": "true" }, SIGNS[fact.verdict]), h("span", { class: "unseen" }, `${fact.verdict}: `)),
      h("span", { class: "said" }, dot(fact.head), nameOf(fact.head), h("span", { class: "relation" }, ` ${relationName(fact.relation)} → `), dot(fact.tail), nameOf(fact.tail)),
      h("span", { class: "more-said" }, told.filter(Boolean).join(" · ")));
  }

  function choose(fact) {
    state.chosen = fact;
    draw();
  }

  /** Marks and draws what is chosen, or what is pointed at. */
  function draw(pointed = null) {
    const { text, doc, entity } = state;
    if (!text) return;
    const shown = pointed ?? state.chosen;
    const ends = shown ? [shown.head, shown.tail] : [entity];
    text.spans.flat().forEach(({ span }) => span.setAttribute("aria-pressed", "false"));
    ends.forEach((end) => text.spans[end]?.forEach(({ span }) => span.setAttribute("aria-pressed", "true")));
    text.sentences.forEach((sentence, place) => sentence.classList.toggle("evidence", Boolean(shown?.evidence?.includes(place))));
    [...facts.querySelectorAll(".fact")].forEach((button, place) => button.setAttribute("aria-pressed", String(state.facts[place] === state.chosen)));
    const few = entity !== null && !shown;
    const drawn = all.checked || few ? state.facts.filter((fact) => fact !== shown) : [];
    drawFacts(canvas, holder, text, shown ? [...drawn, shown] : drawn, shown, relationName);
    holder.classList.toggle("empty", doc.sentences.length === 0);
  }

  status.textContent = plural(run.documents.length, "document");
  showList();
  openAt(0);
  const open = async (id) => {
    const place = run.documents.findIndex((listed) => listed.id === id);
    if (place < 0) return;
    if (!state.found.includes(place)) {
      controls.reset();
      await filter();
    }
    await openAt(place);
    document.getElementById("documents").scrollIntoView();
    title.focus({ preventScroll: true });
  };
  return { open, has: (id) => run.documents.some((listed) => listed.id === id) };
}

/** What inference did to a prediction: `kept`, `added`, or nothing that is known. */
function inferenceOf({ base }) {
  if (base === undefined) return "";
  return base > 0.5 ? "kept" : "added";
}

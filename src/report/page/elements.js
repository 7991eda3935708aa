// Elements from values. Text goes in as text nodes, never as markup.

const SVG = document.getElementById("pen").namespaceURI;

/** An HTML element. Attributes that start with `on` are listeners, `vars` are custom properties, and what is false or
 *  null is left out; children are elements, text, or arrays of both. */
function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. */
function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "vars") Object.entries(value).forEach(([name, set]) => element.style.setProperty(name, set));
    else if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const section = (id, ...children) => document.getElementById(id).append(...children);

/** Leaves a section out, and its link: there is nothing that could stand in it. */
function leaveOut(id) {
  document.getElementById(id).hidden = true;
  document.querySelector(`nav a[href="#${id}"]`).parentElement.hidden = true;
}

/** Gives a section another title. */
function retitle(id, title) {
  document.getElementById(`${id}-title`).textContent = title;
  document.querySelector(`nav a[href="#${id}"]`).textContent = title;
}

/** A part of the page that the run has no table for. */
const absent = (text) => h("p", { class: "absent" }, text);

const whole = (number) => number.toLocaleString("en");
const percent = (share) => (share === null || share === undefined ? "–" : (100 * share).toFixed(2));
const plural = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;

/** Words in a row: "a, b and c". */
const inWords = (all) => (all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1)}` : all.join(""));

/** A choice among values, each with what it is called; the first is any of them. */
function choiceOf(id, label, any, values, onchange) {
  const options = [...(any === null ? [] : [["", any]]), ...values].map(([value, text]) => h("option", { value }, text));
  return h("div", { class: "control" }, h("label", { for: id }, label), h("select", { id, name: id.split("-").at(-1), onchange }, options));
}

/** How many are shown of how many there are; `of` is absent where that is all. */
const ofAll = (shown, of, one) => (of === undefined ? plural(shown, one) : `the first ${whole(shown)} of ${plural(of, one)}`);

/** A table of figures: heads are names, elements or [name, true] where numbers stand, rows are arrays of cells. On a narrow
 *  window a row is a card whose cells say their column; the roles keep it a table for who does not look at it. */
function table(caption, heads, rows, kind = "") {
  const columns = heads.map((head) => (Array.isArray(head) ? head : [head, false]));
  const label = (column) => { const [name] = columns[column]; return typeof name === "string" ? name : name.dataset.sorts; };
  const cell = (value, column) => {
    if (column === 0) return h("th", { scope: "row", role: "rowheader" }, value);
    return h("td", { class: columns[column][1] && "number", role: "cell", "data-label": label(column) }, value);
  };
  const head = ([name, number]) => h("th", { scope: "col", role: "columnheader", class: number && "number", "aria-sort": name.dataset?.order }, name);
  return h("div", { class: `wide ${kind}`.trim(), tabindex: 0, role: "region", "aria-label": `Table: ${caption}` },
    h("table", { role: "table" },
      h("caption", { class: "unseen" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(head))),
      h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row" }, row.map(cell))))));
}

/** One stop for the Tab key among many: arrow keys, Home and End move between what `selector` finds. */
function roving(container, selector) {
  const items = () => [...container.querySelectorAll(selector)];
  const stop = (chosen) => items().forEach((item) => item.setAttribute("tabindex", item === chosen ? 0 : -1));
  container.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item) stop(item);
  });
  container.addEventListener("keydown", (event) => {
    const all = items();
    const place = all.indexOf(event.target.closest(selector));
    const steps = { ArrowDown: place + 1, ArrowRight: place + 1, ArrowUp: place - 1, ArrowLeft: place - 1, Home: 0, End: all.length - 1 };
    const next = all[steps[event.key]];
    if (place < 0 || !next) return;
    event.preventDefault();
    next.focus();
  });
  return () => stop(items()[0]);
}

/** Calls `work` once, when the element comes near the window. */
function whenNear(element, work) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    work();
  }, { rootMargin: "600px" });
  observer.observe(element);
}

/** A name, or words where there is nothing to see of it. */
const named = (name) => (name.trim() ? name : "(no name)");

/** A text as searches compare it: whatever its letters' case and accents. */
const plainly = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** A hue for each of a list of names. */
function hues(names) {
  const first = [250, 150, 65, 330, 25, 200, 105, 290];
  return new Map(names.map((name, place) => [name, first[place] ?? Math.round((place * 137.5) % 360)]));
}

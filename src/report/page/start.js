// The page, started: what is seen first is drawn first.

const THEMES = ["auto", "light", "dark"];

function startTheme() {
  const button = document.getElementById("theme");
  const set = (theme) => {
    document.documentElement.dataset.theme = theme;
    document.getElementById("theme-name").textContent = `Theme: ${theme}`;
  };
  // A browser may refuse to remember what a page from disk sets.
  const remembered = (work) => { try { return work(localStorage); } catch { return null; } };
  set(THEMES.find((theme) => theme === remembered((storage) => storage.getItem("docre-theme"))) ?? "auto");
  button.addEventListener("click", () => {
    const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    set(theme);
    remembered((storage) => storage.setItem("docre-theme", theme));
  });
}

/** Tells in the list of sections which one is being read. */
function startSections() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      links.forEach((link, id) => (id === target.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  links.forEach((link, id) => link.parentElement.hidden || observer.observe(document.getElementById(id)));
}

/** The graph is unpacked when the reader of the page comes near it. */
function awaitGraph(run, reader) {
  if (!run.graph) return section("graph", absent("The run has no graph: there are no tables nodes and edges. docre graph makes them from relations."));
  const place = document.getElementById("graph");
  place.classList.add("awaited");
  whenNear(place, async () => {
    const graph = await unpack("graph");
    place.classList.remove("awaited");
    if (graph.edges.length) return new GraphView(run, reader, graph);
    section("graph", absent("The graph has no edges."));
  });
}

async function start() {
  startTheme();
  const run = await overview();
  for (const show of [showHead, showSummary, showMetrics, showLearning, showCurve, showRelations, showErrors, showInference]) show(run);
  const reader = run.documents.length ? new Reader(run) : null;
  if (!reader) section("documents", absent("The run has no documents to read."));
  showLineage(run);
  awaitListing(run, reader);
  awaitGraph(run, reader);
  startSections();
  document.documentElement.dataset.ready = "true";
}

start();

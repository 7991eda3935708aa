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
  links.forEach((_, id) => observer.observe(document.getElementById(id)));
}

async function start() {
  startTheme();
  const run = await unpack("overview");
  for (const show of [showHead, showSummary, showMetrics, showLearning, showCurve, showRelations, showErrors, showInference]) show(run);
  const reader = startReader(run);
  showLineage(run);
  whenNear(document.getElementById("graph"), () => startGraph(run, reader));
  startSections();
  document.documentElement.dataset.ready = "true";
}

start();

"""Opens the pages that `docre report` makes in headless Chromium, uses them, and looks at them.

Run by `make peers`, with DuckDB, Selenium and axe in the virtual environment, and Debian's chromium and
chromium-driver installed; says so and passes where there is no Chromium. Screenshots go to target/peers/report.
"""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import duckdb
from axe_core_python.base import AxeBase
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCRE = sys.argv[1]
SHOTS = ROOT / "target/peers/report"
SECTIONS = ["summary", "metrics", "learning", "curve", "relations", "errors", "inference", "documents", "graph", "lineage"]
HOSTILE = [
    "</script><script>window.harmed = 1</script>",
    "<img src=x onerror=\"window.harmed = 2\">",
    "\" onmouseover='window.harmed = 3' '",
    "\u202etxet desrever\u202c עברית 🦀",
]
# Each names a document, its entities, their types and a relation.
NAMES = [
    *["constructor", "toString", "valueOf", "__proto__", "hasOwnProperty", "prototype", "length", "0", "-1", "null"],
    "\u202enever closed", "\u2066\u2028of two lines\u2029", "\u0007\u001b[31mred\u009b", "\ufeff\u200b", "'\"`\\${name}&lt;&#0;", "<!--", "]]>",
    "word " * 100_000, "x" * 1_000_000, "x" * 1_000_001,
]

# Predictions from facts: each fifth missed, each seventh of the others wrong; what a base had said of them; and a graph
# of the entities' names.
TABLES = """
CREATE TABLE f AS SELECT *, row_number() OVER () AS n FROM '{split}/facts/*.parquet';
CREATE TABLE e AS SELECT *, 'name:' || type || '/' || lower(name) AS node_id FROM '{split}/entities/*.parquet';
CREATE TABLE predicted AS SELECT 'peers' AS run_id, doc_id, head, tail,
    CASE WHEN n % 7 = 0 THEN 'wrong_' || relation ELSE relation END AS relation,
    (1 + (n * 37 % 50) / 10.0)::FLOAT AS logit, 0.5::FLOAT AS threshold_logit,
    (1 / (1 + exp(-(0.5 + (n * 37 % 50) / 10.0))))::FLOAT AS probability, 1::UINTEGER AS rank,
    (n % 10 / 10.0)::FLOAT AS base_probability, (n % 4)::UINTEGER AS iteration FROM f WHERE n % 5 != 0;
COPY predicted TO '{run}/relations.parquet';
CREATE TABLE g AS SELECT h.node_id AS head, p.relation, t.node_id AS tail, p.doc_id, p.head AS h, p.tail AS t, p.probability
    FROM predicted p JOIN e h ON p.doc_id = h.doc_id AND p.head = h.entity_id JOIN e t ON p.doc_id = t.doc_id AND p.tail = t.entity_id;
COPY (SELECT md5(head || relation || tail) AS edge_id, head, relation, tail, NULL::VARCHAR AS label,
    count(DISTINCT doc_id)::UINTEGER AS n_documents, count(*)::UINTEGER AS n_facts, max(probability) AS best_probability,
    max(probability)::DOUBLE AS combined_probability FROM g GROUP BY ALL ORDER BY head, relation, tail) TO '{run}/graph/edges.parquet';
COPY (SELECT node_id, min(name) AS name, min(type) AS type, min(kb_id) AS kb_id, []::VARCHAR[] AS aliases,
    count(DISTINCT doc_id)::UINTEGER AS n_documents, count(*)::UINTEGER AS n_entities, count(*)::UINTEGER AS n_mentions,
    0::UINTEGER AS n_out, 0::UINTEGER AS n_in FROM e GROUP BY node_id ORDER BY node_id) TO '{run}/graph/nodes.parquet';
COPY (SELECT md5(head || relation || tail) AS edge_id, 'peers' AS run_id, doc_id, h AS head, t AS tail, probability,
    []::UINTEGER[] AS evidence, []::UINTEGER[][] AS head_mentions, []::UINTEGER[][] AS tail_mentions FROM g ORDER BY head, relation, tail) TO '{run}/graph/provenance.parquet';
COPY (SELECT s::UBIGINT AS step, (1 + (s - 1) // 100)::UINTEGER AS epoch, 1::UINTEGER AS stage, 2 / sqrt(s) + random() / 9 AS loss,
    2 / sqrt(s) AS threshold_loss, NULL::DOUBLE AS auxiliary_loss, 3e-5 * (1 - s / 1000) AS encoder_rate, 1e-4 * (1 - s / 1000) AS head_rate, 1.0::DOUBLE AS gradient_norm, 9.0::DOUBLE AS documents_per_second,
    NULL::DOUBLE AS feature_weight, NULL::DOUBLE AS relation_weight,
    CASE WHEN s % 100 = 0 THEN 0.6 - 30 / (s + 60) END AS dev_f1 FROM range(1, 1001) r(s)) TO '{run}/training_log.parquet';
"""


def hostile_document():
    """Entities, a title and a relation whose names try to be markup."""
    sentence = ["This", "and", *HOSTILE, "met", "."]
    vertices = [[{"name": name, "type": "PER", "sent_id": 0, "pos": [2 + place, 3 + place]}] for place, name in enumerate(HOSTILE)]
    labels = [{"h": 0, "t": 1, "r": HOSTILE[1], "evidence": [0]}, {"h": 2, "t": 3, "r": "born_in", "evidence": []}]
    return {"title": HOSTILE[0], "sents": [sentence], "vertexSet": vertices, "labels": labels}


def named_document(name):
    """All names in it are the one."""
    vertices = [[{"name": name, "type": name, "sent_id": 0, "pos": [place, place + 1]}] for place in (0, 2)]
    return {"title": name, "sents": [[name, "met", name, "."]], "vertexSet": vertices, "labels": [{"h": 0, "t": 1, "r": name, "evidence": [0]}]}


def make_run(run, documents):
    """A run with everything that a page can show but a manifest."""
    docre("synthesize", "--docs", str(documents), "--seed", "3", "--split", "test", "--out", str(run / "made"), "--json")
    made = json.loads((run / "made/test.json").read_text())
    (run / "test.json").write_text(json.dumps([*made[:-1], hostile_document(), *map(named_document, NAMES), made[-1]]))
    docre("convert", "--format", "docred", "--split", "test", "--out", str(run), str(run / "test.json"))
    shutil.rmtree(run / "made")
    (run / "graph").mkdir()
    duckdb.connect().execute(TABLES.format(split=run / "test", run=run))
    docre("evaluate", "--corpus", str(run / "test"), "--relations", str(run), "--resamples", "100", "--out", str(run))
    docre("report", str(run))
    return run / "report.html"


def docre(*arguments):
    subprocess.run([DOCRE, "--quiet", *arguments], check=True, stdout=subprocess.DEVNULL)


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    for flag in [*flags.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


class Page:
    """A page in the browser."""

    def __init__(self, driver, path):
        self.driver = driver
        driver.get(path.resolve().as_uri())
        self.wait(lambda: driver.execute_script("return document.documentElement.dataset.ready"))

    def wait(self, condition):
        return WebDriverWait(self.driver, 60).until(lambda _: condition())

    def one(self, selector):
        return self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, selector))

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).get_attribute("textContent")

    def click(self, element):
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def reach_graph(self):
        self.driver.execute_script("document.getElementById('graph').scrollIntoView({behavior: 'instant'})")
        self.wait(lambda: self.all("#graph .net, #graph .absent"))

    def resize(self, width, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def prefer(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def shoot(self, name):
        self.driver.execute_script("window.scrollTo({top: 0, behavior: 'instant'})")
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def shoot_section(self, section, name):
        box = self.driver.execute_script("const box = document.getElementById(arguments[0]).getBoundingClientRect(); return [0, box.y + scrollY, innerWidth, box.height]", section)
        clip = dict(zip(["x", "y", "width", "height"], box), scale=1)
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def check_quiet(self):
        told = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        assert not told, told
        assert self.driver.execute_script("return performance.getEntriesByType('resource').length") == 0, "the page loads something"

    def check_sections(self):
        self.reach_graph()
        for section in SECTIONS:
            children = self.all(f"#{section} > :not(h2)")
            assert children, section
        words = self.text("main")
        for broken in ["undefined", "NaN", "[object", "Infinity"]:
            assert broken not in words, (broken, words[max(0, words.find(broken) - 60):][:120])

    def check_access(self, what):
        self.driver.execute_script(AXE)
        found = self.driver.execute_async_script("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']}).then(arguments[0])")
        told = [(rule["id"], node["target"], node.get("failureSummary")) for rule in found["violations"] for node in rule["nodes"][:3]]
        assert not told, (what, told)


AXE = (pathlib.Path(sys.modules[AxeBase.__module__].__file__).parent / "axe.min.js").read_text()


def check_reader(page):
    status = lambda: page.text("#reader-status")
    everything = status()
    first = page.text("#reader-title")
    page.click(page.all(".listed")[1])
    page.wait(lambda: page.text("#reader-title") != first)
    page.one("#reader-search").send_keys("reverse met this")
    page.wait(lambda: status().startswith("0 of"))
    page.one("#reader-search").clear()
    page.one("#reader-search").send_keys("desrever")
    page.wait(lambda: status().startswith("1 of"))
    assert page.text("#reader-title") == HOSTILE[0]
    assert {mention.text for mention in page.all(".mention")} >= {HOSTILE[0], HOSTILE[1]}
    page.click(page.one("#documents button[type=reset]"))
    page.wait(lambda: status() == everything)
    Select(page.one("#reader-verdict")).select_by_value("wrong")
    page.wait(lambda: " of " in status())
    page.wait(lambda: page.all(".fact.wrong"))
    assert not page.all(".fact.correct, .fact.missed")
    page.click(page.one(".fact"))
    assert page.all(".arc.chosen.wrong") and len(page.all(".mention[aria-pressed=true]")) >= 2
    Select(page.one("#reader-inference")).select_by_value("added")
    page.wait(lambda: all("added" in fact.text for fact in page.all(".fact")))
    page.click(page.one("#documents button[type=reset]"))
    page.wait(lambda: status() == everything)
    mention = page.one(".mention")
    page.click(mention)
    assert mention.get_attribute("aria-pressed") == "true" and " of " in page.text("#reader-facts")
    listed = page.one(".listed[tabindex='0']")
    listed.send_keys(Keys.ARROW_DOWN)
    assert page.driver.switch_to.active_element != listed, "arrow keys move through the list"
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)


def check_graph(page):
    page.reach_graph()
    name = page.text(".panel h3")
    page.click(page.one(".node:not(.centre) circle"))
    page.wait(lambda: page.text(".panel h3") != name)
    page.one("#graph-search").send_keys("desrever")
    page.click(page.one(".found button"))
    page.wait(lambda: page.text(".panel h3") == HOSTILE[3])
    page.click(page.one(".edges .note .link"))
    page.wait(lambda: page.text("#reader-title") == HOSTILE[0])


def check_names(page):
    """Documents, relations and types of any name are listed, found and opened; what is too long is cut."""
    options = {name: [option.get_attribute("value") for option in page.all(f"#reader-{name} option")] for name in ["relation", "type"]}
    titles = page.driver.execute_script("return [...document.querySelectorAll('.listed-title')].map((title) => title.textContent)")
    for name in NAMES:
        cut = [value for value in options["type"] if value == name or (len(name) > 500 and value.startswith(f"{name[:500]}… ({len(name)} characters, "))]
        assert len(cut) == 1 and len(cut[0]) < 600, (name[:20], [value[:20] for value in cut])
        assert cut[0] in titles or not cut[0].strip("\ufeff\u200b"), name[:20]
        Select(page.one("#reader-type")).select_by_index(options["type"].index(cut[0]))
        page.wait(lambda: page.text("#reader-status").startswith("1 of"))
        page.wait(lambda: page.text("#reader-title") in (cut[0], "(no title)"))
        assert len(page.all(".mention")) == 2, name[:20]
        if cut[0] in options["relation"]:
            page.wait(lambda: page.all(".fact"))
            Select(page.one("#reader-relation")).select_by_index(options["relation"].index(cut[0]))
            page.wait(lambda: page.text("#reader-status").startswith("1 of"))
        page.click(page.one("#documents button[type=reset]"))
        page.wait(lambda: " of " not in page.text("#reader-status"))
    assert len([value for value in options["relation"] if value in NAMES]) > 8


def check_theme(page):
    colour = lambda: page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    page.prefer("light")
    light = colour()
    for _ in range(2):
        page.click(page.one("#theme"))
    assert page.text("#theme-name") == "Theme: dark" and colour() != light
    page.click(page.one("#theme"))
    page.prefer("dark")
    assert colour() != light


def check_harmless(page):
    assert page.driver.execute_script("return window.harmed") is None
    assert not page.all("img") and len(page.all("script:not([type])")) == 1
    assert HOSTILE[0] in page.text("#documents")


def look(page, name):
    """Both colours and a narrow window, by axe and by picture."""
    for scheme, width in [("light", 1280), ("dark", 1280), ("light", 400)]:
        page.prefer(scheme)
        page.resize(width)
        page.reach_graph()
        page.wait(lambda: page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"))
        page.check_access(f"{name}, {scheme}, {width}")
        page.shoot(f"{name}-{scheme}-{width}")
    page.resize(1280)
    page.prefer("light")


def main():
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        return print("skipped: no chromium and chromedriver here (Debian: apt-get install chromium chromium-driver)")
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder, "run <b>&amp;")
        run.mkdir()
        made = make_run(run, 60)
        driver = browser(pathlib.Path(folder, "profile"))
        try:
            page = Page(driver, made)
            page.check_sections()
            look(page, "made")
            check_reader(page)
            check_names(page)
            check_graph(page)
            check_theme(page)
            check_harmless(page)
            page.check_quiet()
            sample = ROOT / "runs/sample/report.html"
            if sample.is_file():
                page = Page(driver, sample)
                page.check_sections()
                look(page, "sample")
                page.shoot_section("documents", "sample-documents")
                page.check_quiet()
        finally:
            driver.quit()
    print(f"Chromium shows {len(SECTIONS)} sections, searches, filters, and opens documents and nodes; axe finds no fault; see {SHOTS}")


main()

"""Opens the pages that `docre report` makes in headless Chromium, uses them, and looks at them.

Run by `make peers`, with DuckDB, Selenium and axe in the virtual environment, and Debian's chromium and
chromium-driver installed; says so and passes where there is no Chromium. Screenshots go to target/peers/report.
"""

import base64
import csv
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
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.support.ui import Select, WebDriverWait

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCRE = sys.argv[1]
# Further pages with evidence, to be looked at.
PAGES = [pathlib.Path(page) for page in sys.argv[2:]]
SHOTS = ROOT / "target/peers/report"
SECTIONS = ["summary", "metrics", "learning", "curve", "relations", "errors", "inference", "predictions", "documents", "graph", "lineage"]
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
    "word " * 400, "x" * 1_999, "x" * 2_000, "=1+1", "@SUM(A1)", "+7", "-7", "a, \"b\"; c",
]
# What a word and the relation of another program may be: no reader bounds them.
LONG = "z" * 1_000_000

# Scores from facts and the weights of sentences: what is evidence has most, and something else a little.
SUPPORTED = """
CREATE TABLE f AS SELECT *, row_number() OVER () AS n FROM '{split}/facts/*.parquet';
CREATE TABLE s AS SELECT doc_id, sent_id FROM '{split}/sentences/*.parquet';
CREATE TABLE d AS SELECT doc_id, position FROM '{split}/documents/*.parquet';
COPY (SELECT 'peers' AS run_id, doc_id, head, tail, CASE WHEN n % 5 = 0 THEN 'wrong_' || relation ELSE relation END AS relation,
    (1 + n % 4)::FLOAT AS logit, 0::FLOAT AS threshold_logit, NULL::FLOAT AS base_logit, NULL::FLOAT AS base_threshold_logit,
    NULL::UINTEGER AS iteration, 5::FLOAT AS margin, 9::UINTEGER AS most_labels FROM f JOIN d USING (doc_id) WHERE n % 7 != 0
    ORDER BY position, head, tail, logit DESC, relation) TO '{run}/scores.parquet';
CREATE TABLE w AS SELECT doc_id, head, tail, sent_id,
    max(CASE WHEN n % 5 = 0 AND sent_id = n % 3 THEN 0.5 WHEN n % 5 = 0 THEN 0.05 WHEN list_contains(evidence, sent_id) AND n % 3 != 1 THEN 0.3 + sent_id / 50
        WHEN sent_id % 4 = 0 THEN 0.25 ELSE 0 END) AS weight FROM f JOIN s USING (doc_id) GROUP BY ALL;
COPY (SELECT 'peers' AS run_id, doc_id, head, tail, sent_id, least(weight, 1)::FLOAT AS weight FROM w JOIN d USING (doc_id) WHERE weight > 0
    ORDER BY position, head, tail, sent_id) TO '{run}/sentence_weights.parquet';
"""
PIPELINE = """
[sources]
test = "test"
scores = "scores.parquet"
weights = "sentence_weights.parquet"

[[stage]]
name = "decide"
kind = "decide"
inputs = { scores = "scores", sentence_weights = "weights" }
outputs = { relations = "relations", evidence = "evidence" }

[[stage]]
name = "evaluate"
kind = "evaluate"
inputs = { corpus = "test", relations = "relations", evidence = "evidence" }
outputs = { metrics = "metrics" }

[[stage]]
name = "page"
kind = "report"
inputs = { corpus = "test", relations = "relations", evidence = "evidence", sentence_weights = "weights", metrics = "metrics" }
outputs = { page = "report.html" }
"""

# Predictions from facts: each fifth missed, each seventh of the others wrong; what a base had said of them; and a graph
# of the entities' names.
TABLES = """
CREATE TABLE f AS SELECT *, row_number() OVER () AS n FROM '{split}/facts/*.parquet';
CREATE TABLE e AS SELECT *, 'name:' || type || '/' || lower(name) AS node_id FROM '{split}/entities/*.parquet';
CREATE TABLE predicted AS SELECT 'peers' AS run_id, doc_id, head, tail,
    CASE WHEN n = 2 THEN repeat('y', 1000000) WHEN n % 7 = 0 THEN 'wrong_' || relation ELSE relation END AS relation,
    (1 + (n * 37 % 50) / 10.0)::FLOAT AS logit, 0.5::FLOAT AS threshold_logit,
    (1 / (1 + exp(-(0.5 + (n * 37 % 50) / 10.0))))::FLOAT AS probability, 1::UINTEGER AS rank,
    (n % 10 / 10.0)::FLOAT AS base_probability, (n % 4)::UINTEGER AS iteration FROM f WHERE n % 5 != 0;
COPY predicted TO '{run}/relations.parquet';
COPY (SELECT * FROM predicted WHERE hash(doc_id, head, tail) % 4 != 0) TO '{run}/second/relations.parquet';
COPY (SELECT 'peers' AS run_id, doc_id, head, tail, s.i::UINTEGER AS iteration,
    CASE s.i WHEN 1 THEN []::VARCHAR[] ELSE [relation, 'passing'] END AS before,
    CASE s.i WHEN 1 THEN [relation, 'passing'] ELSE [relation] END AS after
    FROM f, (SELECT unnest([1, 2]) AS i) s WHERE n % 3 = 0) TO '{run}/traces.parquet';
COPY (SELECT 'peers' AS run_id, (2 - i / 40.0)::FLOAT AS margin, (10 * i)::UBIGINT AS predicted, (10 * i - i * i / 25)::UBIGINT AS correct, 1000::UBIGINT AS gold,
    1 - i / 250.0 AS precision, (10 * i - i * i / 25) / 1000.0 AS recall, 2 * (10 * i - i * i / 25) / (10.0 * i + 1000) AS f1 FROM range(1, 121) r(i)) TO '{run}/precision_recall.parquet';
COPY (SELECT 'peers' AS run_id, i / 10.0 AS low, (i + 1) / 10.0 AS high, (10 + 40 * i)::UBIGINT AS predicted, (4 * i * i)::UBIGINT AS correct,
    i / 10.0 + 0.06 AS probability, 4.0 * i * i / (10 + 40 * i) AS share FROM range(0, 10) r(i) WHERE i != 3) TO '{run}/reliability.parquet';
CREATE TABLE g AS SELECT h.node_id AS head, p.relation, t.node_id AS tail, p.doc_id, p.head AS h, p.tail AS t, p.probability
    FROM predicted p JOIN e h ON p.doc_id = h.doc_id AND p.head = h.entity_id JOIN e t ON p.doc_id = t.doc_id AND p.tail = t.entity_id;
COPY (SELECT md5(head || relation || tail) AS edge_id, head, relation, tail, NULL::VARCHAR AS label,
    count(DISTINCT doc_id)::UINTEGER AS n_documents, count(*)::UINTEGER AS n_facts, max(probability) AS best_probability,
    max(probability)::DOUBLE AS combined_probability FROM g GROUP BY ALL ORDER BY head, relation, tail) TO '{run}/graph/edges.parquet';
COPY (SELECT node_id, min(name) AS name, min(type) AS type, min(kb_id) AS kb_id, []::VARCHAR[] AS aliases,
    count(DISTINCT doc_id)::UINTEGER AS n_documents, count(*)::UINTEGER AS n_entities, count(*)::UINTEGER AS n_mentions,
    0::UINTEGER AS n_out, 0::UINTEGER AS n_in FROM e GROUP BY node_id ORDER BY node_id) TO '{run}/graph/nodes.parquet';
COPY (SELECT md5(head || relation || tail) AS edge_id, 'peers' AS run_id, doc_id, h AS head, t AS tail, probability,
    []::UINTEGER[] AS evidence, []::UINTEGER[][] AS head_mentions, []::UINTEGER[][] AS tail_mentions, []::VARCHAR[] AS attributes FROM g ORDER BY head, relation, tail) TO '{run}/graph/provenance.parquet';
COPY (SELECT s::UBIGINT AS step, (1 + (s - 1) // 100)::UINTEGER AS epoch, 1::UINTEGER AS stage, 2 / sqrt(s) + random() / 9 AS loss,
    2 / sqrt(s) AS threshold_loss, NULL::DOUBLE AS auxiliary_loss, NULL::DOUBLE AS evidence_loss, 3e-5 * (1 - s / 1000) AS encoder_rate, 1e-4 * (1 - s / 1000) AS head_rate, 1.0::DOUBLE AS gradient_norm, 9.0::DOUBLE AS documents_per_second,
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


def long_document():
    """A word and a name of a megabyte."""
    vertices = [[{"name": name, "type": "PER", "sent_id": 0, "pos": [place, place + 1]}] for place, name in [(0, LONG), (2, "Ann")]]
    return {"title": "A long word", "sents": [[LONG, "met", "Ann", "."]], "vertexSet": vertices, "labels": [{"h": 0, "t": 1, "r": "long", "evidence": [0]}]}


# Identifiers, a relation with ends in one sentence of several, and one that holds both ways.
ARTICLE = """1|t|A report.
1|a|Cocaine was found. Seizures came. Mayo <b> reported that much cocaine in one go leads to many seizures, and aspirin to none.
1\t10\t17\tCocaine\tChemical\tD003042
1\t29\t37\tSeizures\tDisease\tD012640
1\t72\t79\tcocaine\tChemical\tD003042
1\t104\t112\tseizures\tDisease\tD012640
1\t118\t125\taspirin\tChemical\t=HYPERLINK("x")
"""


def make_run(run, documents):
    """A run with everything that a page can show but a manifest, and a second one of the same name."""
    docre("synthesize", "--docs", str(documents), "--seed", "3", "--split", "test", "--out", str(run / "made"), "--json")
    made = json.loads((run / "made/test.json").read_text())
    (run / "test.json").write_text(json.dumps([*made[:-1], hostile_document(), long_document(), *map(named_document, NAMES), made[-1]]))
    docre("convert", "--format", "docred", "--split", "test", "--out", str(run), str(run / "test.json"))
    shutil.rmtree(run / "made")
    (run / "graph").mkdir()
    (run / "second").mkdir()
    duckdb.connect().execute(TABLES.format(split=run / "test", run=run))
    docre("evaluate", "--corpus", str(run / "test"), "--relations", str(run), "--resamples", "100", "--out", str(run))
    docre("report", str(run), "--against", str(run / "second"))
    return run / "report.html"


def make_supported(folder, documents):
    """A page of predictions with evidence and the weights of sentences, by a pipeline: each seventh of the facts is missed,
    each fifth is of the wrong relation, and looks at the wrong sentence."""
    docre("synthesize", "--docs", str(documents), "--seed", "4", "--split", "test", "--out", str(folder / "made"), "--json")
    made = json.loads((folder / "made/test.json").read_text())
    (folder / "test.json").write_text(json.dumps([*made, hostile_document()]))
    docre("convert", "--format", "docred", "--split", "test", "--out", str(folder), str(folder / "test.json"))
    duckdb.connect().execute(SUPPORTED.format(split=folder / "test", run=folder))
    (folder / "supported.toml").write_text(PIPELINE)
    docre("run", "supported.toml", cwd=folder)
    return folder / "runs/supported/report.html"


def make_plain(folder):
    """A page of documents without labels, and of predictions by another program that gives no more than they are."""
    (folder / "plain.txt").write_text(ARTICLE)
    docre("convert", "--format", "pubtator", "--split", "all", "--unlabelled", "--out", str(folder), str(folder / "plain.txt"))
    facts = [{"title": "1", "h_idx": head, "t_idx": tail, "r": relation} for head, tail, relation in [(0, 1, "CID"), (2, 1, "prevents"), (0, 2, "constructor")]]
    (folder / "theirs.json").write_text(json.dumps(facts))
    docre("report", str(folder), "--relations", str(folder / "theirs.json"))
    return folder / "report.html"


def docre(*arguments, cwd=None):
    subprocess.run([DOCRE, "--quiet", *arguments], check=True, stdout=subprocess.DEVNULL, cwd=cwd)


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    for flag in [*flags.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(300)
    return driver


class Page:
    """A page in the browser."""

    def __init__(self, driver, path):
        self.driver = driver
        driver.get(path.resolve().as_uri())
        self.wait(lambda: driver.execute_script("return document.documentElement.dataset.ready"))

    def wait(self, condition):
        return WebDriverWait(self.driver, 60, ignored_exceptions=[StaleElementReferenceException]).until(lambda _: condition())

    def one(self, selector):
        return self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, selector))

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).get_attribute("textContent")

    def click(self, element):
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def reach_list(self):
        self.driver.execute_script("document.getElementById('predictions').scrollIntoView({behavior: 'instant'})")
        self.wait(lambda: self.all("#predictions table, #predictions .absent"))

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

    def check_sections(self, left_out=()):
        self.reach_list()
        self.reach_graph()
        for section in SECTIONS:
            is_hidden = self.one(f"#{section}").get_attribute("hidden") is not None
            assert is_hidden == (section in left_out), section
            assert is_hidden or self.all(f"#{section} > :not(h2)"), section
        words = self.text("main")
        for broken in ["undefined", "NaN", "[object", "Infinity"]:
            assert broken not in words, (broken, words[max(0, words.find(broken) - 60):][:120])

    def check_access(self, what):
        # Colours on their way from one scheme to the other are neither's.
        self.wait(lambda: self.driver.execute_script("return document.getAnimations().length === 0"))
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


def check_list(page, downloads):
    """The list is sorted by heads and filtered, leads to the reader, and is saved as a file that harms no spreadsheet."""
    page.reach_list()
    status = lambda: page.text("#list-status")
    everything = status()
    column = lambda number: [cell.text for cell in page.all(f"#predictions tbody tr > :nth-child({number})")]
    page.click(page.one("[data-sorts=p]"))
    assert page.one("th[aria-sort=descending]") and page.driver.switch_to.active_element.get_attribute("data-sorts") == "p"
    sure = [float(number) for number in column(5) if number != "–"]
    assert sure == sorted(sure, reverse=True), sure[:9]
    page.click(page.one("[data-sorts=p]"))
    assert page.one("th[aria-sort=ascending]") and float(column(5)[0]) == min(float(number) for number in column(5) if number != "–")
    Select(page.one("#list-verdict")).select_by_value("missed")
    page.wait(lambda: set(column(7)) == {"○ missed"})
    page.one("#list-document").send_keys(HOSTILE[0])
    page.wait(lambda: status().startswith("0 of") or len(column(1)) == 1)
    page.click(page.one("#predictions button[type=reset]"))
    page.wait(lambda: status() == everything)
    page.one("#list-entity").send_keys("desrever")
    page.wait(lambda: " of " in status())
    page.click(page.one("#predictions tbody .link"))
    page.wait(lambda: page.text("#reader-title") == HOSTILE[0] and page.all(".fact[aria-pressed=true]"))
    page.click(page.one("#predictions button[type=reset]"))
    page.wait(lambda: status() == everything)
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    page.click(page.one("#list-download"))
    page.wait(lambda: list(downloads.glob("*.csv")))
    with next(downloads.glob("*.csv")).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows):,} rows" == everything
    assert not [cell for row in rows for cell in row.values() if cell and cell[0] in "=+-@\t\r"]
    for name in NAMES:
        held = f"'{name}" if name[0] in "=+-@" else name
        assert name[0].isspace() or len(name) > 500 or [row for row in rows if row["title"] == held], name


def check_runs(page):
    """Two runs of one name are told apart, and each fact has a sign of both."""
    assert "peers (second)" in page.text("#summary")
    Select(page.one("#reader-runs")).select_by_value("first")
    page.wait(lambda: page.all(".fact") and all(len(fact.find_elements(By.CSS_SELECTOR, ".sign")) == 2 for fact in page.all(".fact")))
    page.wait(lambda: all("peers (second): not predicted" in fact.get_attribute("textContent") or "peers (second): missed" in fact.get_attribute("textContent") for fact in page.all(".fact")))
    page.click(page.one("#documents button[type=reset]"))
    Select(page.one("#reader-order")).select_by_value("errors")
    counts = lambda: [sum(int(count.text.split()[-1].replace(",", "")) for count in listed.find_elements(By.CSS_SELECTOR, ".counts .wrong, .counts .missed")) for listed in page.all(".listed")[:30]]
    page.wait(lambda: counts() == sorted(counts(), reverse=True) and counts()[0] > 0)
    Select(page.one("#reader-order")).select_by_index(0)


def check_traces(page):
    page.wait(lambda: page.all(".changes .pairs > li"))
    told = page.text(".changes")
    assert "Iteration 1" in told and "+ passing ✕" in told and "− passing ✓" in told, told[:300]
    page.click(page.one(".changes .pairs button"))
    page.wait(lambda: len(page.all(".mention[aria-pressed=true]")) >= 2)


def check_evidence(page):
    """The sentences of the chosen fact are marked and named; of one that is pointed at they are marked, and nothing moves."""
    page.check_sections()
    marks = lambda: page.driver.execute_script("""
        return [...document.querySelectorAll(".sentence:has(.evidence-name)")].map((sentence) => {
          const name = sentence.querySelector(".evidence-name");
          return { name: name.textContent, seen: getComputedStyle(name).visibility === "visible", first: sentence.textContent.startsWith(name.textContent),
            classes: [...sentence.classList], weight: Number(sentence.style.getPropertyValue("--weight")), ground: getComputedStyle(sentence).backgroundColor };
        })""")
    met = set()
    facts = page.all(".fact")
    for fact in facts[:20]:
        page.click(fact)
        page.wait(lambda: fact.get_attribute("aria-pressed") == "true")
        page.driver.execute_script("arguments[0].blur(); document.body.focus()", fact)
        for mark in marks():
            is_gold, is_predicted = "evidence" in mark["classes"], "predicted" in mark["classes"]
            expected = "evidence" if is_predicted else "gold evidence" if is_gold else "weight"
            assert mark["name"].startswith(expected) and mark["first"], mark
            assert mark["name"].endswith("gold") == (is_gold and is_predicted), mark
            assert mark["weight"] == 0 or f"{mark['weight']:.2f}"[:3] == mark["name"].replace(" · gold", "")[-4:][:3], mark
            met.add((is_gold, is_predicted))
        grounds = {mark["weight"]: mark["ground"] for mark in marks()}
        assert len(set(grounds.values())) == len(grounds), grounds
    assert (False, True) in met, met
    check_pointing(page, facts, marks)
    check_keys(page, marks)
    page.reach_list()
    heads = [head.get_attribute("textContent") for head in page.all("#predictions thead th")]
    assert heads[-1] == "Evidence", heads
    cells = [cell.get_attribute("textContent") for cell in page.all("#predictions tbody td:last-child")]
    assert any("(0." in cell for cell in cells), cells
    return met


def check_pointing(page, facts, marks):
    """What is pointed at has its marks, and no words that would move the text."""
    page.click(facts[0])
    text = lambda: page.driver.execute_script("const { x, y, height } = document.querySelector('.words').getBoundingClientRect(); return [x, y + scrollY, height]")
    before = text()
    page.driver.execute_script("arguments[0].dispatchEvent(new PointerEvent('pointerenter'))", facts[1])
    assert text() == before and not any(mark["seen"] for mark in marks()), marks()
    page.driver.execute_script("arguments[0].dispatchEvent(new PointerEvent('pointerleave'))", facts[1])
    assert text() == before and all(mark["seen"] for mark in marks()), marks()


def check_keys(page, marks):
    """With keys alone a fact is reached and chosen."""
    page.driver.execute_script("document.querySelector('.fact').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    page.wait(lambda: page.driver.execute_script("return document.activeElement === document.querySelectorAll('.fact')[1]"))
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait(lambda: page.all(".fact")[1].get_attribute("aria-pressed") == "true")
    page.wait(lambda: all(mark["seen"] for mark in marks()))


def check_evidence_file(page, downloads):
    """The list as a file has the sentences of each prediction, with as many weights."""
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    page.reach_list()
    page.click(page.one("#list-download"))
    page.wait(lambda: list(downloads.glob("supported-predictions.csv")))
    rows = list(csv.DictReader((downloads / "supported-predictions.csv").open(encoding="utf-8-sig", newline="")))
    supported = [row for row in rows if row["predicted_evidence"]]
    assert supported and all(row["verdict"] != "missed" for row in supported)
    for row in supported:
        weights = row["predicted_evidence_weights"].split(" ")
        assert len(row["predicted_evidence"].split(" ")) == len(weights) and all(0.2 < float(weight) <= 1 for weight in weights), row


def check_plain(page):
    """Without labels and probabilities nothing is said of them; what is said leads on."""
    page.check_sections({"metrics", "curve"})
    words = page.text("main")
    for unsaid in ["F1", "0.00", "Gold", "correct", "missed"]:
        assert unsaid not in words, unsaid
    assert page.text(".headline").startswith("The run found 3 relations between 3 entities in 1 document, namely CID (1)")
    links = {link.get_attribute("href") for link in page.all("#predictions .known")}
    assert links == {"http://id.nlm.nih.gov/mesh/D003042", "http://id.nlm.nih.gov/mesh/D012640"}, links
    # The mentions of one sentence are joined, though those of two are closer.
    ends = page.driver.execute_script("const at = (element) => { const box = element.getBoundingClientRect(); return [(box.left + box.right) / 2, (box.top + box.bottom) / 2]; }; return [at(document.querySelector('.arc.chosen circle')), ...[...document.querySelectorAll('.mention')].filter((mention) => mention.textContent === 'cocaine').map(at)]")
    assert len(ends) == 2 and abs(ends[0][0] - ends[1][0]) < 4 and abs(ends[0][1] - ends[1][1]) < 30, ends
    assert page.all(".arc.unjudged.chosen .tip")


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
    for scheme, width in [("light", 1280), ("dark", 1280), ("light", 390)]:
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
        run, plain, supported, downloads = (pathlib.Path(folder, name) for name in ["run <b>&amp;", "plain", "supported", "downloads"])
        for place in [run, plain, supported, downloads]:
            place.mkdir()
        made, bare, supported = make_run(run, 60), make_plain(plain), make_supported(supported, 12)
        driver = browser(pathlib.Path(folder, "profile"))
        try:
            page = Page(driver, made)
            page.check_sections()
            look(page, "made")
            check_reader(page)
            check_traces(page)
            check_runs(page)
            check_names(page)
            check_list(page, downloads)
            check_graph(page)
            check_theme(page)
            check_harmless(page)
            page.check_quiet()
            page = Page(driver, bare)
            check_plain(page)
            look(page, "plain")
            page.check_quiet()
            page = Page(driver, supported)
            # Gold evidence that is found and that is missed, and found where none is; weights stand in no label's way.
            assert check_evidence(page) >= {(True, True), (True, False), (False, True), (False, False)}
            check_evidence_file(page, downloads)
            look(page, "supported")
            page.shoot_section("documents", "supported-documents")
            check_harmless(page)
            page.check_quiet()
            for number, path in enumerate(PAGES):
                page = Page(driver, path)
                check_evidence(page)
                look(page, f"page-{number}")
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
    print(f"Chromium shows {len(SECTIONS)} sections, searches, filters, sorts, saves, and opens documents and nodes; axe finds no fault; see {SHOTS}")


main()

"""Takes the letters of data/letters from plain text to a graph, as data/README.md says, and once more with the entities that
spaCy finds by rules. Run by `make peers`, after `make pipelines`, with spaCy and DuckDB installed.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import duckdb
import spacy

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCRE = pathlib.Path(sys.argv[1]).resolve()
PAGE = (ROOT / "data" / "README.md").read_text()
LETTERS = sorted((ROOT / "data" / "letters").glob("*.txt"))


def blocks(language, heading):
    """The code of a section of the page."""
    section = PAGE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def shell(command, folder):
    environment = {**os.environ, "PATH": f"{DOCRE.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout + done.stderr


def rows(sql):
    return duckdb.sql(sql).fetchall()


def check_commands(folder):
    """The page's commands do what they say there, but for what depends on the machine."""
    n_alike = 0
    for told in blocks("console", "## Your own documents")[0].split("$ ")[1:]:
        command, _, output = told.strip().partition("\n")
        got = shell(command, folder)
        if command.startswith(("python3", "docre convert")):
            assert got.strip() == output.strip(), (command, got)
            n_alike += 1
    assert n_alike == 2 and (folder / "mine" / "report.html").is_file()
    joined = {row[0] for row in rows(f"SELECT node_id FROM '{folder}/mine/graph/nodes/*.parquet' WHERE n_documents > 1")}
    assert joined == {"wikidata:Q26793", "name:LOC:szeged", "name:PER:ingrid%20solheim", "name:PER:jonas%20solheim"}, joined
    print("The commands of data/README.md take the letters from text to a graph and a page")


def check_pipeline(folder):
    """The page's pipeline comes to the same relations."""
    shell(blocks("console", "### As a pipeline")[0].split("$ ")[1].strip(), folder)
    facts = "SELECT doc_id, head, tail, relation, probability FROM '{}/relations/*.parquet' ORDER BY ALL"
    assert rows(facts.format(folder / "mine")) == rows(facts.format(folder / "runs" / "own"))
    print("The pipeline of data/README.md comes to the same relations")


def rules_of_spacy(folder):
    """A pipeline of spaCy with a rule for each name, and an id of its own for each, as no knowledge base has it."""
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    for number, line in enumerate((ROOT / "data" / "letters" / "names.tsv").read_text().splitlines()):
        name, kind = line.split("\t")[:2]
        ruler.add_patterns([{"label": {"PER": "PERSON", "LOC": "GPE"}.get(kind, kind), "pattern": name, "id": f"E{number}"}])
    pipeline.to_disk(folder)


def check_spacy(folder):
    """spaCy's entities are those of the list of names, less its identifiers."""
    rules_of_spacy(folder / "rules")
    script = [sys.executable, ROOT / "data" / "mark_entities.py", *LETTERS]
    run = lambda *options: subprocess.run([*script, *options], check=True, capture_output=True, text=True).stdout
    by_list = run("--names", ROOT / "data" / "letters" / "names.tsv")
    by_spacy = run("--spacy", folder / "rules", "--types", "PERSON=PER,GPE=LOC")
    expected = [json.loads(line) for line in by_list.splitlines()]
    for entity in (entity for document in expected for entity in document["entities"]):
        entity.pop("kb_id", None)
    assert [json.loads(line) for line in by_spacy.splitlines()] == expected
    (folder / "spacy.jsonl").write_text(by_spacy)
    shell("docre convert --format jsonl --split all --out spacy spacy.jsonl", folder)
    shell("docre score --checkpoint runs/sample/model --corpus spacy --split all --out spacy", folder)
    shell("docre graph --relations spacy --corpus spacy --split all --out spacy/graph", folder)
    # 5 of the first letter, 5 more of the second, 1 of the third.
    found = rows(f"SELECT count(*), count(kb_id) FROM '{folder}/spacy/graph/nodes/*.parquet'")
    assert found == [(11, 0)], found
    print(f"spaCy {spacy.__version__} marks the same entities; no number of its own joins them")


with tempfile.TemporaryDirectory() as name:
    scratch = pathlib.Path(name)
    for linked in ["data", "pipelines"]:
        (scratch / linked).symlink_to(ROOT / linked)
    (scratch / "runs").mkdir()
    (scratch / "runs" / "sample").symlink_to(ROOT / "runs" / "sample")
    check_commands(scratch)
    check_pipeline(scratch)
    check_spacy(scratch)

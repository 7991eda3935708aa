"""What the package's page shows, done: with a small model, and names that are found by a list."""

import contextlib
import io
import os
import pathlib
import re
import unittest

import docre
from support import needs, run_folder

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "src" / "python" / "README.md").read_text()
TYPES = {"PER": "PERSON", "LOC": "GPE"}


def blocks():
    """The page's code, with a model that is here."""
    found = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return [block.replace('"runs/sample/model"', repr(str(run_folder() / "model"))) for block in found]


def done(code, names):
    """What it prints."""
    said = io.StringIO()
    before = pathlib.Path.cwd()
    os.chdir(ROOT)
    try:
        with contextlib.redirect_stdout(said):
            exec(code, names)
    finally:
        os.chdir(before)
    return said.getvalue()


class Page(unittest.TestCase):
    @needs("polars")
    def test_five_lines(self):
        self.assertIn("doc_id", done(blocks()[0], {}))

    @needs("spacy", "networkx", "pandas", "pyarrow")
    def test_from_plain_text_to_a_graph(self):
        import spacy

        code = blocks()[1]
        self.assertLessEqual(len(code.splitlines()), 26)
        language = spacy.blank("en")
        ruler = language.add_pipe("entity_ruler")
        for line in (ROOT / "data" / "letters" / "names.tsv").read_text().splitlines():
            name, kind = line.split("\t")[:2]
            ruler.add_patterns([{"label": TYPES.get(kind, kind), "pattern": name}])
        self.assertIn('spacy.load("en_core_web_sm")', code)
        names = {"loaded": language}
        said = done(code.replace('spacy.load("en_core_web_sm")', "loaded"), names)
        self.assertIn("MultiDiGraph", said)
        self.assertEqual(names["rows"].num_rows, 3)
        self.assertEqual(sorted(names["entities"]), ["fjord", "nordlys", "solheim"])
        self.assertEqual(len(names["entities"]["nordlys"]), 7)


if __name__ == "__main__":
    unittest.main()

"""What tests share: a small run of a pipeline, and what may not be installed."""

import atexit
import functools
import importlib.util
import os
import pathlib
import shutil
import tempfile
import unittest

import docre

PIPELINE = """
[[stage]]
name = "train-split"
kind = "synthesize"
split = "train"
documents = 12
facts = 4
outputs = { tables = "train" }

[[stage]]
name = "dev-split"
kind = "synthesize"
split = "dev"
documents = 4
first = 12
facts = 4
outputs = { tables = "dev" }

[[stage]]
name = "train"
kind = "train"
model = { kind = "atlop", embedding = 16, block = 4 }
encoder.scratch = { layers = 1, hidden = 16, heads = 2, inner = 16, vocabulary = 200 }
encoder_rate = 1e-2
head_rate = 1e-2
epochs = 20
batch = 3
inputs = { train = "train", dev = "dev" }
outputs = { checkpoint = "model", log = "training_log" }

[[stage]]
name = "score"
kind = "score"
inputs = { checkpoint = "model", corpus = "dev" }
outputs = { relations = "relations", scores = "scores" }
"""


@functools.cache
def run_folder():
    """A folder with `dev`, `model` and what was scored."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="docre-python-"))
    (folder / "small.toml").write_text(PIPELINE)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    docre.run(folder / "small.toml", runs=folder / "runs")
    return folder / "runs" / "small"


@functools.cache
def rows():
    """The rows of `annotated` of the split `dev`."""
    out = run_folder().parent / "annotated"
    docre.convert(run_folder() / "dev", to="annotated", out=out)
    return docre.read(out)


@functools.cache
def generous():
    """A decision by which the model, which learnt little, claims something of most documents."""
    path = run_folder().parent / "decision.json"
    path.write_text('{"shift": -4.0}')
    return str(path)


def needs(*modules):
    """Skips a test where one of these is not installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


def program():
    """The environment of a program that may import what tests may."""
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def sorted_rows(table):
    """A table's rows, in one order."""
    import pyarrow

    found = table if isinstance(table, list) else pyarrow.table(table).to_pylist()
    return sorted(found, key=lambda row: [row[name] for name in ("doc_id", "head", "tail", "rank") if name in row])


def relations_of(scored):
    """The relations that were found, in one order: some."""
    found = sorted_rows(scored.relations)
    assert found
    return found


def below(root):
    """The processes that stand below one."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [root]
    for own in found:
        found += [pid for pid, parent in parents.items() if parent == own]
    return found[1:]

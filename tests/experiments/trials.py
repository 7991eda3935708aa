"""Trains, scores and evaluates variants of a model over seeds, and makes one table of them. `ablations.py`, `compare.py`
and `patterns.py` say which variants; Python's standard library is all they need.

Settings are those of the stage `train` of a pipeline, with changes from the environment:

DOCRE_PIPELINE  the pipeline file [pipelines/sample.toml]
DOCRE_SETTINGS  settings of `docre train` as a JSON object, merged into the pipeline's: {"epochs": 8, "model": {"K": 2}}
DOCRE_CORPUS    a folder with the splits train, dev and, unless dev is to be scored, test [the sample corpus]
DOCRE_ENCODER   a folder or a name in the Hugging Face cache [the pipeline's encoder from scratch]
DOCRE_SEEDS     [1,2,3]
DOCRE_VARIANTS  names of the variants to try beside the first, separated by commas [all]
DOCRE_DOCUMENTS, DOCRE_TEST_DOCUMENTS  how many the sample corpus has to train on [as the pipeline] and to score [600]
DOCRE_OUT       where runs and tables go [target/NAME]

A run that is finished is not repeated unless its settings change; one that was stopped goes on; one that fails leaves
the others.
"""

import csv
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests" / "bench"))
from bench import DOCRE  # noqa: E402

VARIANTS = os.environ.get("DOCRE_VARIANTS")
SEEDS = [int(seed) for seed in os.environ.get("DOCRE_SEEDS", "1,2,3").split(",")]
# Far behind the documents of the sample pipeline.
FIRST_TEST_DOCUMENT = 1_000_000


class Failed(Exception):
    """A run failed, or one that it needs did."""


def docre(*arguments):
    command = [str(part) for part in (DOCRE, "--quiet", *arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stderr.strip()}")
    return done.stdout


def merged(settings, changes):
    """Settings with changes, which reach into tables."""
    both = dict(settings)
    for key, value in changes.items():
        inside = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if inside else value
    return both


class Trials:
    """The runs of one script, in a folder; those on a corpus of its own, made with options of `docre synthesize`, in one
    below it."""

    def __init__(self, name, corpus="", *options):
        self.name, self.options = name, options
        self.table = pathlib.Path(os.environ.get("DOCRE_OUT", ROOT / "target" / name)).resolve()
        self.out = self.table / re.sub(r"\W+", "-", corpus)
        self.out.mkdir(parents=True, exist_ok=True)
        file = pathlib.Path(os.environ.get("DOCRE_PIPELINE", ROOT / "pipelines" / "sample.toml"))
        stages = {stage["name"]: stage for stage in tomllib.loads(file.read_text())["stage"]}
        self.corpus = self.find_corpus(stages)
        self.split = "test" if (self.corpus / "test").is_dir() else "dev"
        self.settings = self.read_settings(stages["train"])
        self.best = {}
        self.n_failed = 0

    def find_corpus(self, stages):
        """The folder of the corpus: made, where it is the sample corpus."""
        if "DOCRE_CORPUS" in os.environ:
            return pathlib.Path(os.environ["DOCRE_CORPUS"]).resolve()
        if stages["train-split"]["kind"] != "synthesize":
            sys.exit("expected a folder in DOCRE_CORPUS, as the pipeline makes no corpus of its own")
        train, dev = stages["train-split"], stages["dev-split"]
        n_train = int(os.environ.get("DOCRE_DOCUMENTS", train["documents"]))
        n_test = int(os.environ.get("DOCRE_TEST_DOCUMENTS", "600"))
        corpus = self.out / f"corpus-{n_train}-{n_test}"
        splits = [(train, n_train, train["first"]), (dev, dev["documents"], dev["first"])]
        splits.append(({"split": "test", "seed": train["seed"]}, n_test, FIRST_TEST_DOCUMENT))
        for options, count, first in splits:
            place = ["--seed", options["seed"], "--docs", count, "--first", first]
            docre("synthesize", "--split", options["split"], *place, *self.options, "--out", corpus)
        return corpus

    def read_settings(self, stage):
        if stage["model"]["kind"] != "docre-ii":
            sys.exit(f"expected a pipeline of docre-ii, got one of {stage['model']['kind']}")
        settings = {key: value for key, value in stage.items() if key not in ("name", "kind", "inputs", "outputs")}
        settings["corpus"] = str(self.corpus)
        if "DOCRE_ENCODER" in os.environ:
            settings["encoder"] = {"pretrained": os.environ["DOCRE_ENCODER"]}
        elif "encoder" not in settings:
            sys.exit("expected an encoder in DOCRE_ENCODER, as the pipeline has none of its own")
        return merged(settings, json.loads(os.environ.get("DOCRE_SETTINGS", "{}")))

    def folder(self, seed, name):
        return self.out / f"seed-{seed}" / re.sub(r"\W+", "-", name)

    def train(self, seed, name, settings):
        """The folder of the best checkpoint of a run with these settings."""
        folder = self.folder(seed, name)
        written, done = folder / "settings.json", folder / "done"
        text = json.dumps({**settings, "seed": seed}, indent=1)
        if not (written.is_file() and written.read_text() == text):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            written.write_text(text)
        if not done.is_file():
            print(f"seed {seed}: {name}", file=sys.stderr)
            docre("train", "--config", written, "--out", folder / "run", "--resume")
            done.touch()
        self.best[seed, name] = folder / "run" / "best"
        return self.best[seed, name]

    def trained(self, seed, name):
        """The folder of the best checkpoint of a run that was to be there by now."""
        if (seed, name) not in self.best:
            raise Failed(f"it needs `{name}`, which failed")
        return self.best[seed, name]

    def score(self, seed, name, checkpoint, *options):
        """The folder of what a checkpoint predicts for the split."""
        out = self.folder(seed, name)
        split = ["--corpus", self.corpus, "--split", self.split]
        docre("score", "--checkpoint", checkpoint, *split, "--out", out, "--run-id", name, "--force", *options)
        return out

    def evaluate(self, relations, against=None):
        """Figures and p-values of predictions, by metric and scope."""
        training = ["--train-facts", self.corpus / self.settings.get("train", "train")]
        other = ["--against", against] if against else []
        split = ["--corpus", self.corpus, "--split", self.split]
        text = docre("evaluate", *split, "--relations", relations, *training, *other, "--format", "json")
        found = json.loads(text)
        figures = {}
        for row in found["metrics"]:
            if row["relation"] is None:
                figures[row["metric"], row["scope"]] = row["recall" if row["metric"] == "Infer-Ac" else "f1"]
        p_values = {(row["metric"], row["scope"]): row["p_value"] for row in found["comparisons"]}
        return figures, p_values

    def attempt(self, seed, name, work, *arguments):
        """What some work gives; `None`, said in words, where it fails."""
        try:
            return work(*arguments)
        except Failed as failure:
            self.n_failed += 1
            print(f"failed: seed {seed}: {name}: {failure}", file=sys.stderr)
            return None

    def compare(self, seed, variants):
        """Figures of each variant that does not fail, and p-values against the first. A variant is a name, a function
        that makes its checkpoint, and options of scoring."""
        first, found = None, {}
        for place, (name, checkpoint, options) in enumerate(variants):
            if place > 0 and VARIANTS is not None and name not in VARIANTS.split(","):
                continue
            scored = self.attempt(seed, name, lambda: self.score(seed, name, checkpoint(), *options))
            found[name] = scored and self.attempt(seed, name, self.evaluate, scored, first)
            if place == 0:
                first = scored
        return found

    def write(self, header, rows, results):
        """The table as CSV and on stdout, and each seed's figures as JSON."""
        with open(self.table / f"{self.name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        (self.table / f"{self.name}.json").write_text(json.dumps(results, indent=1))
        widths = [max(len(str(row[column])) for row in [header, *rows]) for column in range(len(header))]
        for row in [header, *rows]:
            cells = (str(cell).ljust(width) if place == 0 else str(cell).rjust(width)
                     for place, (cell, width) in enumerate(zip(row, widths)))
            print("  ".join(cells).rstrip())
        print(f"The table is also in {self.table / self.name}.csv, the figures of each seed in {self.name}.json")
        if self.n_failed:
            sys.exit(f"failed: {self.n_failed} runs, see above")


def spread(shares):
    """Mean and standard deviation of some shares, in percent."""
    shares = [100 * share for share in shares if share is not None]
    if not shares:
        return "-"
    return f"{statistics.mean(shares):.2f}" + (f" ± {statistics.stdev(shares):.2f}" if len(shares) > 1 else "")


def greatest(p_values):
    """The greatest of the seeds' p-values."""
    p_values = [p_value for p_value in p_values if p_value is not None]
    return f"{max(p_values):.3f}" if p_values else "-"

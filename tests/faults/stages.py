"""The stages under attack: small inputs, their commands, and what each leaves when nobody disturbs it."""

import dataclasses
import json
import shutil

import work

PIPELINE = """
[sources]
documents = "../inputs/test.json"
gold = "../inputs/gold.sql"

[[stage]]
name = "train-split"
kind = "synthesize"
split = "train"
documents = 6
facts = 4
seed = 1
outputs = { tables = "train" }

[[stage]]
name = "test-split"
kind = "convert"
format = "docred"
split = "test"
inputs = { documents = "documents" }
outputs = { tables = "test" }

[[stage]]
name = "train"
kind = "train"
model = { kind = "docre-ii", embedding = 16, block = 4 }
second_stage = { epochs = 1, base_rate = 5e-4, inference_rate = 1e-3 }
encoder.scratch = { layers = 1, hidden = 16, heads = 2, inner = 16, vocabulary = 200, dropout = 0.0 }
encoder_rate = 1e-2
head_rate = 1e-2
epochs = 1
batch = 3
seed = 1
inputs = { train = "train", dev = "test" }
outputs = { checkpoint = "model", log = "training_log" }

[[stage]]
name = "score"
kind = "score"
inputs = { checkpoint = "model", corpus = "test" }
outputs = { relations = "relations", scores = "scores", traces = "traces" }

[[stage]]
name = "fit"
kind = "fit"
inputs = { scores = "scores", corpus = "test" }
outputs = { decision = "decision.json" }

[[stage]]
name = "decide"
kind = "decide"
inputs = { scores = "scores", decision = "decision.json" }
outputs = { relations = "decided" }

[[stage]]
name = "gold"
kind = "query"
inputs = { sql = "gold", test = "test" }
outputs = { table = "gold.parquet" }

[[stage]]
name = "evaluate"
kind = "evaluate"
resamples = 20
inputs = { corpus = "test", relations = "gold.parquet", training = "train" }
outputs = { metrics = "metrics" }

[[stage]]
name = "graph"
kind = "graph"
formats = ["nquads", "neo4j"]
inputs = { corpus = "test", relations = "gold.parquet" }
outputs = { graph = "graph" }

[[stage]]
name = "report"
kind = "report"
inputs = { corpus = "test", relations = "relations", metrics = "metrics", log = "training_log", graph = "graph" }
outputs = { page = "report.html" }
"""

GOLD = """SELECT 'gold' AS run_id, doc_id, head, tail, relation FROM {}facts ORDER BY doc_id, head, tail, relation"""

SCRATCH = {"layers": 1, "hidden": 16, "heads": 2, "inner": 16, "vocabulary": 200, "dropout": 0.1}

SETTINGS = {
    "model": {"kind": "atlop", "embedding": 16, "block": 4},
    "encoder": {"scratch": SCRATCH},
    "corpus": "../inputs/corpus",
    "train": "train",
    "dev": "dev",
    "encoder_rate": 1e-2,
    "head_rate": 1e-2,
    "epochs": 3,
    "batch": 3,
    "seed": 5,
}

TWO_STAGES = {
    **SETTINGS,
    "model": {"kind": "docre-ii", "embedding": 16, "block": 4},
    "epochs": 2,
    "second_stage": {"epochs": 2, "base_rate": 1e-3, "inference_rate": 1e-2},
}

# Learns the documents that it scores by heart, so that it predicts something.
BY_HEART = {
    **SETTINGS,
    "model": {"kind": "atlop", "embedding": 32, "block": 8},
    "encoder": {"scratch": {**SCRATCH, "hidden": 32, "inner": 32, "vocabulary": 300, "dropout": 0.0}},
    "train": "test",
    "dev": "test",
    "encoder_rate": 5e-3,
    "head_rate": 5e-3,
    "batch": 4,
    "epochs": 45,
}

FORMATS = "ntriples,nquads,turtle,graphml,neo4j,kgtk,kgx"


@dataclasses.dataclass
class Stage:
    """A stage: its command, those before it, how it goes on, and the folders that appear as one or not at all."""

    name: str
    command: list
    before: list = dataclasses.field(default_factory=list)
    again: list | None = None
    units: tuple = ()
    # Leaves tables on the way that are neither the old nor the last ones.
    has_steps: bool = False

    def on(self):
        """The command that goes on where this one was stopped."""
        return self.command if self.again is None else self.again


def make_inputs(docre, root):
    """The corpora, settings and models that the stages read, in `inputs`."""
    inputs = root / "inputs"
    inputs.mkdir()
    for first, documents, split in ((0, 9, "train"), (9, 3, "dev"), (12, 4, "test")):
        synthesize = ["synthesize", "--documents", documents, "--first", first, "--split", split, "--facts", 4]
        work.must([docre, *synthesize, "--json", "--out", "corpus"], inputs)
    for split in ("dev", "test"):
        shutil.copy(inputs / "corpus" / f"{split}.json", inputs / f"{split}.json")
    for name, settings in (("one", SETTINGS), ("two", TWO_STAGES), ("heart", BY_HEART)):
        (inputs / f"{name}.json").write_text(json.dumps(settings))
    (inputs / "pipeline.toml").write_text(PIPELINE)
    (inputs / "gold.sql").write_text(GOLD.format("test_"))
    work.must([docre, "train", "--config", "heart.json", "--out", "heart"], inputs)
    # Another model: what is there before a stage that replaces.
    work.must([docre, "train", "--config", "one.json", "--out", "one"], inputs)
    gold = work.must([docre, "query", "corpus/test", GOLD.format(""), "--format", "parquet"], inputs)
    (inputs / "gold.parquet").write_bytes(gold.stdout)
    half = GOLD.format("").replace("ORDER BY", "WHERE head < tail ORDER BY")
    (inputs / "half.parquet").write_bytes(
        work.must([docre, "query", "corpus/test", half, "--format", "parquet"], inputs).stdout
    )
    run = inputs / "run"
    corpus = ["--corpus", "corpus", "--split", "test"]
    work.must([docre, "score", "--checkpoint", "heart/best", *corpus, "--out", "run"], inputs)
    n_relations = work.must([docre, "query", "run", "SELECT count(*) AS n FROM relations", "--format", "csv"], inputs)
    if n_relations.stdout.split()[1] == b"0":
        raise SystemExit("the model of the campaign predicts nothing")
    evaluate = ["evaluate", *corpus, "--relations", "gold.parquet", "--train-facts", "corpus/train"]
    work.must([docre, *evaluate, "--out", "run", "--resamples", 20], inputs)
    work.must([docre, "graph", *corpus, "--relations", "gold.parquet", "--out", "run/graph"], inputs)
    shutil.copytree(inputs / "corpus" / "test", run / "test")
    shutil.copytree(inputs / "one" / "training_log", run / "training_log")
    return inputs


def forced(docre, command, folder):
    """The command with `--force`, where it has that option: where it replaces what was made with other options."""
    text = work.must([docre, command[0], "--help"], folder).stdout
    return [*command, "--force"] if b"--force" in text else command


def stages(docre, folder):
    """Every stage, with commands as seen from a folder beside `inputs`."""
    corpus = ["--corpus", "../inputs/corpus", "--split", "test"]
    convert = ["convert", "--format", "docred", "--split", "test", "--out", "out"]
    score = ["score", *corpus, "--out", "out", "--checkpoint"]
    decide = ["decide", "--scores", "../inputs/run", "--out", "out"]
    fit = ["fit", "--scores", "../inputs/run", *corpus, "--out", "decision.json"]
    evaluate = ["evaluate", *corpus, "--resamples", 20, "--out", "out", "--relations"]
    graph = ["graph", *corpus, "--out", "out", "--format", FORMATS, "--relations"]
    pipeline = ["run", "../inputs/pipeline.toml"]
    changed = [*pipeline, "--set", "train-split.seed=2", "--set", "graph.min_support=2"]
    run_units = tuple(f"runs/pipeline/{name}" for name in ("train", "test", "graph"))
    report = ["report", "../inputs/run", "--out", "report.html"]

    def train(name):
        command = ["train", "--config", f"../inputs/{name}.json", "--out", "run"]
        return {"command": command, "again": [*command, "--resume"], "has_steps": True}

    def replacing(before, command):
        return {"command": forced(docre, command, folder), "before": [before]}

    return [
        Stage("convert", [*convert, "../inputs/test.json"], units=("out/test",)),
        Stage(
            "convert, replacing",
            **replacing([*convert, "../inputs/dev.json"], [*convert, "../inputs/test.json"]),
            units=("out/test",),
        ),
        Stage(
            "synthesize --json",
            ["synthesize", "--documents", 3, "--facts", 4, "--split", "test", "--json", "--out", "out"],
            units=("out/test",),
        ),
        Stage("encode", ["encode", *corpus, "--encoder", "../inputs/heart/best", "--out", "out"]),
        Stage("train, one stage", **train("one")),
        Stage("train, two stages", **train("two")),
        Stage("score", [*score, "../inputs/heart/best"]),
        Stage("score, replacing", **replacing([*score, "../inputs/one/last"], [*score, "../inputs/heart/best"])),
        Stage("fit", fit),
        Stage("fit, replacing", **replacing([*fit, "--recall", 0.1], fit)),
        Stage("decide", [*decide, "--shift", -1]),
        Stage("decide, replacing", **replacing([*decide, "--shift", 1], [*decide, "--shift", -1])),
        Stage("evaluate", [*evaluate, "../inputs/gold.parquet"]),
        Stage(
            "evaluate, replacing",
            **replacing([*evaluate, "../inputs/half.parquet"], [*evaluate, "../inputs/gold.parquet"]),
        ),
        Stage("graph, all formats", [*graph, "../inputs/gold.parquet"], units=("out",)),
        Stage(
            "graph, replacing",
            **replacing([*graph, "../inputs/half.parquet"], [*graph, "../inputs/gold.parquet"]),
            units=("out",),
        ),
        Stage("report", report),
        Stage("report, replacing", **replacing([*report, "--documents", 1], report)),
        Stage("run", pipeline, units=run_units, has_steps=True),
        Stage("run, replacing", changed, before=[pipeline], units=run_units, has_steps=True),
    ]

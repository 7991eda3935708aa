"""The commands of the command line as functions. Written by tests/python/stubs.py."""

import os
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from ._docre import Table
from ._rows import Rows

_Path: TypeAlias = str | os.PathLike[str]

__all__ = [
    "convert",
    "split",
    "synthesize",
    "encode",
    "train",
    "checkpoint_show",
    "score",
    "fit",
    "decide",
    "evaluate",
    "graph",
    "query",
    "report",
    "run",
    "devices",
]

def convert(
    input: _Path | Rows | Iterable[_Path | Rows],
    *,
    format: Literal["docred", "pubtator", "bioc", "edge-graph", "gda", "jsonl", "bigbio", "brat", "doccano", "label-studio"] | None = None,
    split: str | None = None,
    to: Literal["docred", "jsonl", "submission", "pubtator", "bioc-json", "brat", "doccano", "label-studio", "annotated"] | None = None,
    relations: _Path | None = None,
    out: _Path | None = None,
    candidates: str | Iterable[str] | None = None,
    mesh: _Path | None = None,
    relation_labels: _Path | None = None,
    undirected: str | Iterable[str] | None = None,
    bars: Literal["entities", "names"] | None = None,
    unit: Literal["document", "section", "passage"] | None = None,
    coreference: str | Iterable[str] | None = None,
    max_rejected: float | None = None,
    relations_file: _Path | None = None,
    unlabelled: bool = False,
    ids: _Path | None = None,
    most_pairs: float | None = None,
    most_bytes: float | None = None,
    force: bool = False,
) -> Table | str | None:
    """Turn an annotated corpus into tables, or tables back into files that others read."""

def split(
    *,
    corpus: _Path,
    out: _Path,
    split: str | None = None,
    shares: str | Iterable[str] | None = None,
    seed: float | None = None,
    ids: str | Iterable[str] | None = None,
    force: bool = False,
) -> None:
    """Divide a split by its documents into several: train, dev and test of one corpus."""

def synthesize(
    *,
    documents: float,
    out: _Path,
    seed: float | None = None,
    first: float | None = None,
    split: str | None = None,
    facts: float | None = None,
    implied_share: float | None = None,
    chain_length: float | None = None,
    pattern: Literal["s>i,i>o", "s>i,o>i", "o>i,i>s", "i>s,i>o"] | Iterable[Literal["s>i,i>o", "s>i,o>i", "o>i,i>s", "i>s,i>o"]] | None = None,
    distractors: float | None = None,
    across: float | None = None,
    paraphrase: float | None = None,
    label_noise: float | None = None,
    false_facts: float | None = None,
    json: bool = False,
    force: bool = False,
) -> None:
    """Make documents with facts that the text states and facts that it only implies."""

def encode(
    *,
    corpus: _Path | Rows,
    encoder: _Path,
    split: str | None = None,
    most_pieces: float | None = None,
    out: _Path | None = None,
    force: bool = False,
) -> None:
    """Cut documents into an encoder's pieces, with markers around mentions."""

def train(
    *,
    config: _Path,
    out: _Path,
    resume: bool = False,
    device: str | None = None,
) -> None:
    """Train a model on a labelled split."""

def checkpoint_show(
    checkpoint: _Path,
    *,
    format: Literal["text", "json"] = "json",
) -> Any:
    """Show what a checkpoint was trained on, how well it did, and what is decided of what it scores."""

def score(
    *,
    checkpoint: _Path,
    corpus: _Path | Rows,
    split: str | None = None,
    out: _Path = "-",
    run_id: str | None = None,
    iterations: float | None = None,
    first_relations: _Path | None = None,
    evidence_only: _Path | None = None,
    pieces_at_once: float | None = None,
    most_pairs: float | None = None,
    margin: float | None = None,
    candidates: Literal["model", "corpus"] | None = None,
    decision: _Path | None = None,
    at_precision: float | None = None,
    at_recall: float | None = None,
    like: str | None = None,
    device: str | None = None,
    precision: Literal["f32", "bf16"] | None = None,
    shard: str | None = None,
    join: bool = False,
    force: bool = False,
) -> Table | None:
    """Predict the relations of a split with a trained model."""

def fit(
    *,
    scores: _Path | Iterable[_Path],
    corpus: _Path,
    split: str | None = None,
    out: _Path = "-",
    decision: _Path | None = None,
    types_of: _Path | None = None,
    precision: float | None = None,
    recall: float | None = None,
    per_relation: bool = False,
    shrinkage: float | None = None,
    calibration: Literal["none", "temperature", "isotonic"] | None = None,
    ensemble: Literal["margins", "probabilities", "fusion"] | None = None,
    force: bool = False,
) -> Any:
    """Fit a decision on a labelled split: a threshold, and probabilities that say how often a claim is right."""

def decide(
    *,
    scores: _Path | Iterable[_Path],
    corpus: _Path | None = None,
    split: str | None = None,
    out: _Path = "-",
    decision: _Path | None = None,
    shift: float | None = None,
    at_precision: float | None = None,
    at_recall: float | None = None,
    temperature: float | None = None,
    most_labels: float | None = None,
    evidence_threshold: float | None = None,
    ensemble: Literal["margins", "probabilities", "fusion"] | None = None,
    without_evidence: float | None = None,
    iteration: float | None = None,
    run_id: str | None = None,
    force: bool = False,
) -> Table | None:
    """Decide which relations to claim of what a model thinks, once or again, of one run or several."""

def evaluate(
    *,
    corpus: _Path,
    split: str | None = None,
    relations: _Path | Rows | Iterable[_Path | Rows] | None = None,
    scores: _Path | Iterable[_Path] | None = None,
    decision: _Path | None = None,
    train_facts: _Path | None = None,
    against: _Path | Iterable[_Path] | None = None,
    run_id: str | None = None,
    resamples: float | None = None,
    seed: float | None = None,
    per_relation: bool = False,
    format: Literal["table", "json"] = "json",
    out: _Path | None = None,
    force: bool = False,
) -> Any:
    """Score predicted relations, or scores, against a split's facts."""

def graph(
    *,
    relations: _Path | Rows,
    corpus: _Path,
    split: str | None = None,
    out: _Path = "-",
    table: Literal["nodes", "edges", "provenance", "merges"] | None = None,
    format: Literal["ntriples", "nquads", "turtle", "graphml", "neo4j", "kgtk", "kgx"] | Iterable[Literal["ntriples", "nquads", "turtle", "graphml", "neo4j", "kgtk", "kgx"]] | None = None,
    merge: Literal["kb", "name", "none"] | None = None,
    aliases: _Path | None = None,
    base: str | None = None,
    min_probability: float | None = None,
    min_support: float | None = None,
    relation: str | Iterable[str] | None = None,
    type: str | Iterable[str] | None = None,
    connected: bool = False,
    run_id: str | None = None,
    force: bool = False,
) -> Table | None:
    """Merge the relations of many documents into a knowledge graph."""

def query(
    folder: _Path,
    sql: str | None = None,
    *,
    sparql: str | None = None,
    format: Literal["table", "csv", "json", "parquet"] = "parquet",
    timeout: float | None = None,
    memory: str | None = None,
) -> Any:
    """Query the tables of a folder with SQL, or its graph with SPARQL."""

def report(
    run: _Path,
    *,
    relations: _Path | None = None,
    corpus: _Path | None = None,
    against: _Path | None = None,
    documents: float | None = None,
    out: _Path | None = None,
    force: bool = False,
) -> None:
    """Write a page that shows a run: figures, curves, documents, graph."""

def run(
    files: _Path | Iterable[_Path] | None = None,
    *,
    all: bool = False,
    from_: str | None = None,
    until: str | None = None,
    variant: str | Iterable[str] | None = None,
    force: bool = False,
    dry_run: bool = False,
    set: str | Iterable[str] | None = None,
    device: str | None = None,
    runs: _Path | None = None,
) -> Any:
    """Run the stages of a pipeline file that are not up to date."""

def devices(
    *,
    format: Literal["text", "json"] = "json",
) -> Any:
    """List what models can be computed on, and which of it `auto` takes."""

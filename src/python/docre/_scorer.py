"""A scorer that stays loaded."""

from __future__ import annotations

import operator
import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, SupportsFloat, SupportsIndex

from . import _docre
from ._errors import RejectedWarning, UsageError
from ._heard import LOGGER
from ._rows import Rows

StrPath = str | os.PathLike[str]
NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Scored:
    """What is said of the documents of a batch, in their order: rows of the tables that `docre score` writes."""

    #: What is claimed: a row a document, pair and relation, with its logit and probability (0 to 1).
    relations: _docre.Table
    #: The sentences that support it, with their weights (0 to 1): a row each, where the model learnt what is evidence.
    evidence: _docre.Table
    #: What lies above the model's threshold, or no further below it than `margin` (logits).
    scores: _docre.Table
    #: How much each sentence counts for that (0 to 1), where the model learnt what is evidence.
    sentence_weights: _docre.Table
    #: What each iteration of a model that infers predicted.
    claims: _docre.Table
    #: Where inference changed that.
    traces: _docre.Table
    #: The documents that have too many pairs of entities, and were not scored: what is said of each, by its name.
    too_large: dict[str, str]
    #: What is odd about the documents, for the model's training.
    warnings: tuple[str, ...]


@dataclass
class _Said:
    """How a scorer scores."""

    checkpoint: StrPath
    device: str = "auto"
    threads: int | None = None
    decision: StrPath | None = None
    run_id: str | None = None
    iterations: int | None = None
    margin: float | None = None
    candidates: str | None = None
    at_precision: float | None = None
    at_recall: float | None = None
    precision: str | None = None
    most_pairs: int | None = None
    pieces_at_once: int | None = None
    together: bool | None = None
    like: str | None = None

    def __post_init__(self) -> None:
        for name, (expected, kind) in KINDS.items():
            value = getattr(self, name)
            if value is not None and (number := kind(value)) is None:
                raise UsageError(f"`{name}`: expected {expected}, got {value!r}")
            elif value is not None:
                setattr(self, name, number)


def _whole(value: object) -> int | None:
    """A count, NumPy's too; `None` where it is none."""
    number = operator.index(value) if isinstance(value, SupportsIndex) and not isinstance(value, bool) else -1
    return number if 0 <= number < 1 << 63 else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, SupportsFloat) and not isinstance(value, bool) else None


#: What values may be that the library takes as numbers; the ranges of most it knows itself.
KINDS: dict[str, tuple[str, Callable[[object], float | None]]] = {
    **dict.fromkeys(["iterations", "most_pairs", "pieces_at_once"], ("a whole number of 0 or more", _whole)),
    **dict.fromkeys(["at_precision", "at_recall", "margin"], ("a number", _number)),
    "threads": ("a whole number of 1 or more", lambda value: _whole(value) or None),
}


def elsewhere(checkpoint: StrPath, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a scorer that is loaded later, by another process in another folder.

    Raises `docre.UsageError` where a number is out of its range, and `TypeError` where there is no such option.
    """
    _Said(checkpoint, **options)
    paths = {"checkpoint": checkpoint, "decision": options.get("decision")}
    return {**options, **{name: os.path.abspath(path) for name, path in paths.items() if path is not None}}


class Scorer:
    """A model that is loaded once, and scores batches of documents.

    >>> scorer = docre.Scorer("runs/sample/model")
    >>> scored = scorer(rows)           # rows of `annotated`, a document each, in whatever speaks Arrow
    >>> polars.DataFrame(scored.relations)

    What is said of a document does not depend on the batch in which it comes. Threads may share a scorer; other threads
    of Python go on while it works. Ctrl-C stops it and all other work of docre in the process, a batch that is wrong is a
    `docre.InputError`, and after either it goes on with the next. It can be pickled, as its arguments: it is loaded anew
    where it arrives. A process that is forked cannot use it, as the threads do not come along.
    """

    def __init__(
        self,
        checkpoint: StrPath,
        *,
        device: str = "auto",
        threads: int | None = None,
        decision: StrPath | None = None,
        run_id: str | None = None,
        iterations: int | None = None,
        margin: float | None = None,
        candidates: Literal["model", "corpus"] | None = None,
        at_precision: float | None = None,
        at_recall: float | None = None,
        precision: Literal["f32", "bf16"] | None = None,
        most_pairs: int | None = None,
        pieces_at_once: int | None = None,
        together: bool | None = None,
        like: str | None = None,
    ) -> None:
        """Loads the checkpoint in a folder.

        device: `auto` (a CUDA device, if there is one and the package is built for it), `cpu` or `cuda:N`.
        threads: threads of its own [default: those that all work of docre shares, as many as there are cores].
        decision: a decision in JSON, what to claim [default: decision.json of the checkpoint, if it has one].
        run_id: what the rows call the run [default: the name of the checkpoint's folder].
        iterations: how often docre-ii infers; 0: its base alone.
        margin: what to keep in `scores`, in logits below the model's threshold [default: 5].
        candidates: which pairs to score: `model`, those of types that its training asked about, or `corpus`, all.
        at_precision, at_recall: claim at the threshold that came to this, 0 to 1, where the decision was fitted.
        precision: of matrix products [default: bf16 on a CUDA device, f32 on the CPU].
        most_pairs: leave out documents with more ordered pairs of entities [default: as the model holds in 3 GiB].
        pieces_at_once: pieces that are computed in one batch.
        together: compute documents of like length together: faster, but the last bits of a logit hang on the company
        [default: on a CUDA device].
        like: of a model of several corpora, the one as whose documents to score: its relations alone, as it calls them.
        """
        self._said = _Said(
            checkpoint, device, threads, decision, run_id, iterations, margin, candidates, at_precision, at_recall,
            precision, most_pairs, pieces_at_once, together, like,
        )  # fmt: skip
        self._scorer, told = _docre.Scorer.load(self._said)
        self._told: set[str] = set()
        for line in told:
            LOGGER.warning("%s", line.removeprefix("warning: "))

    def __call__(self, rows: Rows) -> Scored:
        """Scores documents: rows of `annotated`, one each; `docre.annotated` and `docre.convert` make them.

        Raises `docre.InputError`, which names document and field, where a row is wrong.
        """
        tables, too_large, odd = self._scorer.score(rows)
        for line in (line for line in odd if line not in {said for _, said in too_large}):
            # Each kind once: batches differ in numbers and names.
            kind = NUMBER.sub("", line.partition(":")[0])
            if kind not in self._told:
                self._told.add(kind)
                LOGGER.warning("%s", line)
        if too_large:
            warnings.warn("\n".join(said for _, said in too_large), RejectedWarning, stacklevel=2)
        return Scored(*tables, dict(too_large), tuple(odd))

    @property
    def relations(self) -> list[str]:
        """The relations that the model tells apart."""
        return self._scorer.relations

    @property
    def device(self) -> str:
        """Where it computes, and in which type: `cpu, f32`."""
        return self._scorer.device

    @property
    def documents_at_once(self) -> int:
        """Documents with which a batch keeps all threads, or the card, at work."""
        return self._scorer.documents_at_once

    def __repr__(self) -> str:
        return f"<docre.Scorer of {os.fspath(self._said.checkpoint)}, {len(self.relations)} relations, {self.device}>"

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return _loaded, ({field.name: getattr(self._said, field.name) for field in fields(self._said)},)


def _loaded(said: dict[str, Any]) -> Scorer:
    return Scorer(**said)

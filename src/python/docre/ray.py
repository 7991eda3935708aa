"""Scoring on a cluster by Ray Data: each worker holds a model, and Ray deals out documents.

>>> import docre.ray
>>> docre.ray.score("s3://bucket/annotated/", "model", "s3://bucket/relations/", concurrency=(2, 16))

Ray reads and writes whatever its readers and writers do; a row of `annotated` is a document, and stands alone, so that
documents can be dealt out in any way. What is found does not depend on who scores what.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow
import ray.data

from . import Scorer

StrPath = str | os.PathLike[str]


class Worker:
    """What an actor holds: a model, loaded once."""

    def __init__(self, checkpoint: str, options: dict[str, Any]) -> None:
        self.scorer = Scorer(checkpoint, **options)

    def __call__(self, documents: pyarrow.Table) -> Iterator[pyarrow.Table]:
        yield pyarrow.table(self.scorer(documents).relations)


def relations(
    documents: ray.data.Dataset,
    checkpoint: StrPath,
    *,
    concurrency: int | tuple[int, int] = 1,
    cpus: float = 1,
    gpus: float = 0,
    batch_size: int = 64,
    **options: Any,
) -> ray.data.Dataset:
    """The relations of a data set of documents, rows of `annotated`.

    `checkpoint`: a folder that every node has. `concurrency`: how many workers, or from how many to how many; each has
    `cpus` cores and `gpus` cards (1 a worker, where there are some), and is given `batch_size` documents at a time.
    `options`: those of `docre.Scorer`.
    """
    options = {"threads": max(1, int(cpus)), "device": "cuda:0" if gpus else "cpu", **options}
    return documents.map_batches(
        Worker,
        fn_constructor_args=(os.fspath(checkpoint), options),
        batch_format="pyarrow",
        batch_size=batch_size,
        concurrency=concurrency,
        num_cpus=cpus,
        num_gpus=gpus,
    )


def score(source: str | list[str], checkpoint: StrPath, out: str, *, resume: str | None = None, **options: Any) -> None:
    """Scores the documents in Parquet files of `annotated` into Parquet files of `relations`.

    `source` and `out` are paths or URLs that Ray reads and writes, as `s3://bucket/folder`. `resume`: a folder in which
    Ray notes finished documents by `doc_id`; the same call goes on there, and scores none again.
    """
    if resume is not None:
        context = ray.data.DataContext.get_current()
        context.checkpoint_config = ray.data.checkpoint.CheckpointConfig("doc_id", resume)
    relations(ray.data.read_parquet(source), checkpoint, **options).write_parquet(out)

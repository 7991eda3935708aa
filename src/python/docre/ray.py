"""Scoring on a cluster by Ray Data: each worker holds a model, and Ray deals out documents.

>>> import docre.ray
>>> docre.ray.score("s3://bucket/annotated/", "model", "s3://bucket/relations/", concurrency=(2, 16))

A row of `annotated` is a document and stands alone, so that documents can be dealt out in any way; what is found does not
depend on who scores what. Ray reads and writes whatever its readers and writers do.
"""

from __future__ import annotations

import os
from typing import Any

import pyarrow
import ray.data
from ray.data.checkpoint import CheckpointConfig

from . import Scorer

StrPath = str | os.PathLike[str]


class Worker:
    """What an actor holds: a model, loaded once. Gives back a row a document, with its relations as a list."""

    def __init__(self, checkpoint: str, options: dict[str, Any]) -> None:
        self.scorer = Scorer(checkpoint, **options)

    def __call__(self, documents: pyarrow.Table) -> pyarrow.Table:
        found = pyarrow.table(self.scorer(documents).relations).combine_chunks()
        # Relations come in the order of their documents; not every document has some.
        places = {name: place for place, name in enumerate(documents["doc_id"].to_pylist())}
        ends = [0] * (len(places) + 1)
        for name in found["doc_id"].to_pylist():
            ends[places[name] + 1] += 1
        for place in range(len(places)):
            ends[place + 1] += ends[place]
        rows = found.to_struct_array().combine_chunks() if len(found) else pyarrow.array([], pyarrow.struct(found.schema))
        relations = pyarrow.ListArray.from_arrays(pyarrow.array(ends, pyarrow.int32()), rows)
        return pyarrow.table({"doc_id": documents["doc_id"], "relations": relations})


def flat(documents: pyarrow.Table) -> pyarrow.Table:
    """The relations of documents, a row each."""
    relations = documents["relations"].combine_chunks()
    return pyarrow.Table.from_struct_array(relations.flatten())


def documents(
    rows: ray.data.Dataset,
    checkpoint: StrPath,
    *,
    concurrency: int | tuple[int, int] = 1,
    cpus: float = 1,
    gpus: float = 0,
    batch_size: int = 64,
    **options: Any,
) -> ray.data.Dataset:
    """A row a document, `doc_id` and a list of its `relations`, for a data set of rows of `annotated`.

    `checkpoint`: a folder that every node has. `concurrency`: how many workers, or from how many to how many; each has
    `cpus` cores and `gpus` cards, and is given `batch_size` documents at a time. `options`: those of `docre.Scorer`.
    """
    options = {"threads": max(1, int(cpus)), "device": "cuda:0" if gpus else "cpu", **options}
    return rows.map_batches(
        Worker,
        fn_constructor_args=(os.fspath(checkpoint), options),
        batch_format="pyarrow",
        batch_size=batch_size,
        concurrency=concurrency,
        num_cpus=cpus,
        num_gpus=gpus,
    )


def relations(rows: ray.data.Dataset, checkpoint: StrPath, **options: Any) -> ray.data.Dataset:
    """The relations of a data set of documents, a row each: as `documents`, whose options these are."""
    return documents(rows, checkpoint, **options).map_batches(flat, batch_format="pyarrow")


def score(source: str | list[str], checkpoint: StrPath, out: str, *, resume: str | None = None, **options: Any) -> None:
    """Scores the documents in Parquet files of `annotated` into Parquet files of `relations`.

    `source` and `out` are paths or URLs that Ray reads and writes, as `s3://bucket/folder`. `resume`: a folder, of such a
    sort too, where what is done is kept, a row a document, and Ray notes which these are by `doc_id`; the same call goes
    on there, and scores none of them again. The other options are those of `documents`.
    """
    if resume is None:
        relations(ray.data.read_parquet(source), checkpoint, **options).write_parquet(out)
        return
    context = ray.data.DataContext.get_current()
    finished = CheckpointConfig("doc_id", f"{resume}/finished", delete_checkpoint_on_success=False)
    before, context.checkpoint_config = context.checkpoint_config, finished
    try:
        documents(ray.data.read_parquet(source), checkpoint, **options).write_parquet(f"{resume}/documents")
    finally:
        context.checkpoint_config = before
    kept = ray.data.read_parquet(f"{resume}/documents")
    kept.map_batches(flat, batch_format="pyarrow").write_parquet(out, mode=ray.data.SaveMode.OVERWRITE)

"""Scoring by Daft, on a machine or a cluster: each worker holds a model, and Daft deals out documents.

>>> import docre.daft
>>> docre.daft.relations(daft.read_parquet("annotated"), "model", workers=2).write_parquet("relations")
"""

from __future__ import annotations

import os
from typing import Any

import daft
import pyarrow

from . import Scorer, schema
from ._dealt import columns, scored
from ._scorer import elsewhere

StrPath = str | os.PathLike[str]


def documents(
    rows: daft.DataFrame, checkpoint: StrPath, *, workers: int = 1, gpus: float = 0, batch_size: int = 64, **options: Any
) -> daft.DataFrame:
    """A row a document, `doc_id`, a list of its `relations`, and why it was `not_scored`, where it is too large; for a data
    frame of rows of `annotated`.

    `checkpoint`: a folder that every node has. Each of the `workers` has `gpus` cards, and is given `batch_size` documents
    at a time. `options`: those of `docre.Scorer`; `threads` is 1 where it is not given.
    """
    said = elsewhere(checkpoint, {"threads": 1, "device": "cuda:0" if gpus else "cpu", **options})
    names = [name for name in schema("annotated").column_names if name in rows.column_names]
    kind = pyarrow.struct(list(columns()))

    @daft.cls(max_concurrency=workers, gpus=gpus)
    class Worker:
        def __init__(self) -> None:
            self.scorer = Scorer(**said)

        @daft.method.batch(return_dtype=daft.DataType.from_arrow_type(kind), batch_size=batch_size)
        def found(self, *columns: daft.Series) -> pyarrow.Array:
            documents = pyarrow.table([column.to_arrow() for column in columns], names)
            return scored(self.scorer, documents).to_struct_array().combine_chunks()

    return rows.select(Worker().found(*(rows[name] for name in names)).alias("found")).select(daft.col("found").unnest())


def relations(rows: daft.DataFrame, checkpoint: StrPath, **options: Any) -> daft.DataFrame:
    """The relations of a data frame of documents, a row each: as `documents`, whose options these are. Documents that are
    too large have none, and are named in a warning alone: `documents` has them.
    """
    found = documents(rows, checkpoint, **options)
    lists = found.where(daft.col("relations").list_count() > 0).explode("relations")
    return lists.select(daft.col("relations").unnest())

"""Scoring on a cluster by Spark: each Python worker holds a model, and Spark deals out documents.

>>> import docre.spark
>>> found = docre.spark.documents(session.read.parquet("annotated"), "model")
>>> found.write.parquet("documents")                                            # a row a document
>>> docre.spark.flat(session.read.parquet("documents")).write.parquet("relations")

Spark scores a part of the documents again where a worker is lost, but keeps nothing of a job that ends. Where one ended,
the next scores what is not there yet: `annotated.join(session.read.parquet("documents"), "doc_id", "left_anti")`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow
from pyspark.sql import DataFrame
from pyspark.sql.functions import explode
from pyspark.sql.pandas.types import from_arrow_schema

from . import Scorer
from ._dealt import columns, scored
from ._scorer import elsewhere

StrPath = str | os.PathLike[str]


@functools.cache
def held(said: tuple[tuple[str, Any], ...]) -> Scorer:
    """The model of this process: Spark keeps its workers, and gives them one part of the rows after another."""
    return Scorer(**dict(said))


def mapped(said: tuple[tuple[str, Any], ...]) -> Callable[[Iterator[pyarrow.RecordBatch]], Any]:
    """What a worker does with its part of the rows."""

    def score(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        kinds = signed(columns())
        for batch in batches:
            yield from scored(held(said), batch).cast(kinds).to_batches()

    return score


def signed(found: pyarrow.Schema) -> pyarrow.Schema:
    """The same columns, as Spark can have them: it knows no unsigned numbers."""

    def kind(of: pyarrow.DataType) -> pyarrow.DataType:
        if pyarrow.types.is_list(of):
            return pyarrow.list_(kind(of.value_type))
        if pyarrow.types.is_struct(of):
            return pyarrow.struct([pyarrow.field(field.name, kind(field.type)) for field in of])
        return pyarrow.int64() if pyarrow.types.is_unsigned_integer(of) else of

    return pyarrow.schema([pyarrow.field(field.name, kind(field.type)) for field in found])


def documents(rows: DataFrame, checkpoint: StrPath, **options: Any) -> DataFrame:
    """A row a document, `doc_id`, a list of its `relations`, and why it was `not_scored`, where it is too large; for a data
    frame of rows of `annotated`.

    `checkpoint`: a folder that every node has. `options`: those of `docre.Scorer`; `threads` should be `spark.task.cpus`,
    and is 1 where it is not given. How many documents come at once is `spark.sql.execution.arrow.maxRecordsPerBatch`.
    """
    said = elsewhere(checkpoint, {"threads": 1, "device": "cpu", **options})
    return rows.mapInArrow(mapped(tuple(sorted(said.items()))), from_arrow_schema(signed(columns())))


def flat(found: DataFrame) -> DataFrame:
    """The relations of what `documents` gives, a row each."""
    return found.select(explode("relations").alias("found")).select("found.*")


def relations(rows: DataFrame, checkpoint: StrPath, **options: Any) -> DataFrame:
    """The relations of a data frame of documents, a row each: as `documents`, whose options these are. Documents that are
    too large have none, and are named in the workers' logs alone: `documents` has them.
    """
    return flat(documents(rows, checkpoint, **options))

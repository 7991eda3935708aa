"""Scoring on a cluster by Spark: each Python worker holds a model, and Spark deals out documents.

>>> import docre.spark
>>> found = docre.spark.relations(session.read.parquet("annotated"), "model")
>>> found.write.parquet("relations")
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from . import Scorer, schema


@functools.cache
def held(checkpoint: str, options: tuple[tuple[str, Any], ...]) -> Scorer:
    """The model of this process: Spark keeps its workers, and gives them one part of the rows after another."""
    return Scorer(checkpoint, **dict(options))


def mapped(checkpoint: str, options: tuple[tuple[str, Any], ...]) -> Callable[[Iterator[pyarrow.RecordBatch]], Any]:
    """What a worker does with its part of the rows."""

    def score(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        scorer = held(checkpoint, options)
        for batch in batches:
            found = pyarrow.table(scorer(batch).relations)
            yield from found.cast(signed(found.schema)).to_batches()

    return score


def signed(found: pyarrow.Schema) -> pyarrow.Schema:
    """The same columns, as Spark can have them: it knows no unsigned numbers."""

    def kind(of: pyarrow.DataType) -> pyarrow.DataType:
        if pyarrow.types.is_list(of):
            return pyarrow.list_(kind(of.value_type))
        return pyarrow.int64() if pyarrow.types.is_unsigned_integer(of) else of

    return pyarrow.schema([pyarrow.field(field.name, kind(field.type)) for field in found])


def relations(documents: DataFrame, checkpoint: str | os.PathLike[str], **options: Any) -> DataFrame:
    """The relations of a data frame of documents, rows of `annotated`.

    `checkpoint`: a folder that every node has. `options`: those of `docre.Scorer`; `threads` should be `spark.task.cpus`,
    and is 1 where it is not given. How many documents come at once is `spark.sql.execution.arrow.maxRecordsPerBatch`.
    """
    options = {"threads": 1, "device": "cpu", **options}
    columns = from_arrow_schema(signed(pyarrow.schema(schema("relations"))))
    return documents.mapInArrow(mapped(os.fspath(checkpoint), tuple(sorted(options.items()))), columns)

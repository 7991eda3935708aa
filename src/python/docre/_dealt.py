"""What engines map over documents that they deal out: rows of `annotated` → a row a document, with what was found in it."""

from __future__ import annotations

import itertools

import pyarrow
import pyarrow.compute

from . import Scorer, schema


def columns() -> pyarrow.Schema:
    """The columns of what comes out: `doc_id`; `relations`, a list of the rows that the table has; `not_scored`: why, where
    a document is too large.
    """
    found = pyarrow.struct(list(pyarrow.schema(schema("relations"))))
    kinds = {"doc_id": pyarrow.string(), "relations": pyarrow.list_(found), "not_scored": pyarrow.string()}
    return pyarrow.schema(list(kinds.items()))


def scored(scorer: Scorer, documents: pyarrow.Table | pyarrow.RecordBatch) -> pyarrow.Table:
    """A row for each document, in their order."""
    found = scorer(documents)
    relations = pyarrow.table(found.relations).combine_chunks()
    names = documents["doc_id"].to_pylist()
    # They come in the order of their documents, of which not every one has some.
    counted = pyarrow.compute.value_counts(relations["doc_id"]).to_pylist()
    counts = {of["values"]: of["counts"] for of in counted}
    ends = list(itertools.accumulate((counts.get(name, 0) for name in names), initial=0))
    kinds = columns()
    fields = list(kinds.field("relations").type.value_type)
    # Not `to_struct_array`, by which the first versions make nothing of no rows.
    rows = [relations[field.name].combine_chunks().cast(field.type) for field in fields]
    rows = pyarrow.StructArray.from_arrays(rows, fields=fields)
    lists = pyarrow.ListArray.from_arrays(pyarrow.array(ends, pyarrow.int32()), rows)
    return pyarrow.table([names, lists, [found.too_large.get(name) for name in names]], kinds)


def flat(documents: pyarrow.Table) -> pyarrow.Table:
    """The relations of documents, a row each."""
    lists = documents["relations"].combine_chunks()
    return pyarrow.Table.from_struct_array(lists.flatten())

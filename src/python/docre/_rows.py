"""What has rows in Arrow, for who checks types."""

from __future__ import annotations

from typing import Protocol, TypeAlias


class HasStream(Protocol):
    """A table or data frame: of docre, pyarrow, polars, pandas 2.2 or later, DuckDB, …"""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


class HasArray(Protocol):
    """A batch of rows, as pyarrow's `RecordBatch` is."""

    def __arrow_c_array__(self, requested_schema: object = None) -> object: ...


Rows: TypeAlias = HasStream | HasArray

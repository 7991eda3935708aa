"""The library below the package."""

import os
from collections.abc import Callable, Sequence

from typing import final

from typing_extensions import CapsuleType

__all__ = [
    "Scorer",
    "Table",
    "__version__",
    "call",
    "described",
    "environment",
    "making",
    "of_stream",
    "program",
    "read",
    "schema",
]

__version__: str

@final
class Table:
    """Rows, with names and types for their columns, for every library that takes Arrow."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
    @property
    def column_names(self) -> list[str]:
        """The names of the columns in order."""
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> CapsuleType:
        """The rows as an Arrow stream, by the PyCapsule interface."""
    def __arrow_c_schema__(self) -> CapsuleType:
        """The columns as an Arrow schema, by the PyCapsule interface."""

@final
class Scorer:
    """A model that stays loaded."""

    @staticmethod
    def load(said: object) -> tuple[Scorer, list[str]]: ...
    @property
    def relations(self) -> list[str]: ...
    @property
    def device(self) -> str: ...
    @property
    def documents_at_once(self) -> int: ...
    def score(
        self, rows: object
    ) -> tuple[tuple[Table, Table, Table, Table, Table, Table], list[tuple[str, str]], list[str]]: ...

def call(
    arguments: Sequence[str],
    input: object = None,
    heard: Callable[[str, float | None, bool], object] | None = None,
) -> tuple[bool, bytes]: ...
def described() -> str: ...
def environment() -> list[tuple[str, str]]: ...
def making(checkpoint: str | os.PathLike[str], decision: str | os.PathLike[str] | None, options: str) -> str: ...
def of_stream(bytes: bytes) -> Table: ...
def program(arguments: Sequence[str]) -> int: ...
def schema(table: str) -> Table:
    """The table `annotated`, `relations` or `scores` without rows, for its columns."""

def read(path: str | os.PathLike[str], name: str | None = None, whole: bool = False) -> Table: ...

"""docre: which relations hold between the entities of a document, in bulk.

Tables come and go as Arrow (`docre.Table` has `__arrow_c_stream__`): pyarrow, polars, pandas, DuckDB and others take
them as they are, and none is needed.

>>> import docre, polars
>>> rows = docre.annotated({"id": "a", "text": "Ada Byron lived in London.", "entities": [
...     {"start": 0, "end": 9, "label": "PER"}, {"start": 19, "end": 25, "label": "LOC"}]})
>>> scored = docre.Scorer("runs/sample/model")(rows)
>>> polars.DataFrame(scored.relations)

What the program `docre` does by commands is here by functions of their names, with the same options. Tables in Parquet
are read by `docre.read`. What goes wrong is a `docre.Error`, with a hint where there is a choice; work hears Ctrl-C and
leaves Python's lock to others. Lines go to the logger `docre`; in a terminal or notebook a bar shows how far work is.
"""

from __future__ import annotations

import os

from . import _environment

_environment.settle()

from . import _docre  # noqa: E402
from ._annotated import annotated  # noqa: E402
from ._commands import (  # noqa: E402
    checkpoint_show,
    convert,
    decide,
    devices,
    encode,
    evaluate,
    fit,
    graph,
    query,
    report,
    run,
    score,
    split,
    synthesize,
    train,
)
from ._docre import Table, __version__, schema  # noqa: E402
from ._errors import Error, InputError, RejectedWarning, UsageError  # noqa: E402
from ._made import call  # noqa: E402
from ._scorer import Scored, Scorer  # noqa: E402


def read(folder: str | os.PathLike[str], table: str | None = None) -> Table:
    """The table of that name in a folder, `FOLDER/TABLE/part-*.parquet` or `FOLDER/TABLE.parquet`, as Arrow; without a
    name, the table that stands at the path. Rows are read when somebody asks for them, 8192 at a time.
    """
    return _docre.read(os.fspath(folder), table)


__all__ = [
    "Error",
    "InputError",
    "RejectedWarning",
    "Scored",
    "Scorer",
    "Table",
    "UsageError",
    "__version__",
    "annotated",
    "call",
    "checkpoint_show",
    "convert",
    "decide",
    "devices",
    "encode",
    "evaluate",
    "fit",
    "graph",
    "query",
    "read",
    "report",
    "run",
    "schema",
    "score",
    "split",
    "synthesize",
    "train",
]

"""The types of the functions that docre makes of its commands, for `src/python/docre/_commands.pyi`.

    python tests/python/stubs.py            compares, as a test does
    python tests/python/stubs.py --bless    writes it anew
"""

import inspect
import pathlib
import sys
import textwrap

from docre import _made

STUB = pathlib.Path(__file__).resolve().parent.parent.parent / "src" / "python" / "docre" / "_commands.pyi"
HEAD = '''"""The commands of the command line as functions. Written by tests/python/stubs.py."""

import os
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from ._docre import Table
from ._rows import Rows

_Path: TypeAlias = str | os.PathLike[str]
'''
PATHS = {"DIR", "DIR|TABLE", "FILE", "PATH", "DIR|NAME", "TABLE|FILE", "INPUT", "FOLDER", "RUN", "FILES"}
RETURNED = {
    "convert": "Table | str | None", "decide": "Table | None", "graph": "Table | None", "query": "Any", "score": "Table | None"
}
SHOWN = {"checkpoint_show", "devices", "evaluate", "fit", "run"}


def type_of(argument):
    """The type of an argument's value."""
    if argument["is_flag"]:
        return "bool"
    if argument["choices"]:
        one = f"Literal[{', '.join(map(repr, argument['choices']))}]".replace("'", '"')
    elif argument["value"] in PATHS:
        one = "_Path | Rows" if _made.takes_pipe(argument) and argument["name"] != "out" else "_Path"
    elif argument["is_number"]:
        one = "float"
    else:
        one = "str"
    return f"{one} | Iterable[{one}]" if argument["is_many"] else one


def written(described):
    """A function's stub."""
    function = _made.made(described)
    arguments = {_made.called(argument["name"]): argument for argument in described["arguments"]}
    lines, is_by_name = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not is_by_name:
            is_by_name = True
            lines.append("    *,")
        kind, default = type_of(arguments[parameter.name]), parameter.default
        if default is _made.REQUIRED:
            lines.append(f"    {parameter.name}: {kind},")
        else:
            shown = f'"{default}"' if isinstance(default, str) else default
            lines.append(f"    {parameter.name}: {kind}{' | None' if default is None else ''} = {shown},")
    name = function.__name__
    returned = RETURNED.get(name, "Any" if name in SHOWN else "None")
    doc = textwrap.indent(f'"""{described["about"].rstrip(".")}."""', "    ")
    return "\n".join([f"def {name}(", *lines, f") -> {returned}:", doc])


def main():
    names = "".join(f"    {function!r},\n".replace("'", '"') for function in _made.FUNCTIONS)
    text = "\n".join([HEAD, f"__all__ = [\n{names}]\n", "\n\n".join(written(described) for described in _made.DESCRIBED)]) + "\n"
    if "--bless" in sys.argv:
        STUB.write_text(text)
    elif STUB.read_text() != text:
        sys.exit(f"{STUB}: not what the commands are; write it anew with --bless")


if __name__ == "__main__":
    main()

"""The commands of the command line as functions, made of what its parser says: they cannot differ from it.

An option `--most-pairs` is the argument `most_pairs`, and `--from` is `from_`. In the place of `-`, which stands for
standard input there, rows in Arrow are given as they are; what a command writes to standard output is returned.
"""

from __future__ import annotations

import inspect
import json
import keyword
import os
import pathlib
import tempfile
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from . import _docre
from ._errors import RejectedWarning, UsageError
from ._heard import Listener

# What a function returns of that which a command can write in several ways.
FORMATS = {"checkpoint_show": "json", "devices": "json", "evaluate": "json", "query": "parquet"}
LEFT_OUT = {"completions", "man"}
# What they write as text is files and rows, which stay text, whatever they look like.
WRITES_TEXT = {"convert", "query"}
REQUIRED = inspect.Parameter.empty


def is_rows(value: object) -> bool:
    """Whether it has rows in Arrow."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def called(name: str) -> str:
    """The name that Python gives an option."""
    name = name.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def takes_pipe(argument: dict[str, Any]) -> bool:
    """Whether `-` may stand for it."""
    return "`-`" in argument["help"]


def default_of(function: str, argument: dict[str, Any]) -> Any:
    """What an argument is where it is not given."""
    if argument["is_flag"]:
        return False
    if argument["name"] == "out" and takes_pipe(argument):
        return "-"
    if argument["name"] == "format" and function in FORMATS:
        return FORMATS[function]
    return REQUIRED if argument["is_required"] and not (function == "query" and argument["name"] == "sql") else None


def text_of(argument: dict[str, Any], value: Any) -> str:
    """A value as the command line has it."""
    if isinstance(value, (str, os.PathLike)):
        return os.fsdecode(value)
    is_number = argument["is_number"]
    # As NumPy's numbers are.
    if is_number and hasattr(value, "item"):
        value = value.item()
    if is_number and isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    expected = "a number" if is_number else "a text or a path"
    if takes_pipe(argument):
        expected += ", or rows in Arrow (an object with `__arrow_c_stream__`, as tables and data frames are)"
    raise TypeError(f"`{called(argument['name'])}`: expected {expected}, got {type(value).__qualname__}")


def call(command: Iterable[str], input: object = None) -> Any:
    """Does a command line, the program's name left out: `docre.call(["convert", "--format", "jsonl", …])`.

    `input` stands for standard input: bytes, or an object with rows in Arrow. Returns what the command writes to
    standard output: rows as a `docre.Table`, what is JSON as Python has it, files of `convert`, rows that `query` writes as
    text (`csv`, `json`: a line each) and other text as `str`, and `None` where it writes nothing.
    """
    words, listener = list(command), Listener()
    try:
        whole, output = _docre.call(words, input, listener)
    finally:
        listener.clear()
    if not whole:
        warnings.warn("\n".join(listener.lines), RejectedWarning, stacklevel=3)
    # Options of all commands, which are flags, may come first.
    return returned(output, next((word for word in words if not word.startswith("-")), ""))


def returned(output: bytes, command: str) -> Any:
    """What a command wrote, as Python has it."""
    if not output:
        # Of no rows.
        return "" if command == "query" else None
    if output.startswith(b"\xff\xff\xff\xff"):
        return _docre.of_stream(output)
    if output.startswith(b"PAR1") and output.endswith(b"PAR1"):
        with tempfile.TemporaryDirectory(prefix="docre-") as folder:
            path = pathlib.Path(folder, "result.parquet")
            path.write_bytes(output)
            return _docre.read(path, whole=True)
    text = output.decode()
    if text[:1] in "{[" and command not in WRITES_TEXT:
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text


class Words:
    """The words of a command line, and the rows that stand for one of them."""

    def __init__(self, command: str) -> None:
        self.options = command.split(" ")
        self.places: list[str] = []
        self.input: object = None

    def add(self, argument: dict[str, Any], value: Any) -> None:
        """Adds an argument that was given."""
        if argument["is_flag"]:
            if not isinstance(value, bool):
                raise TypeError(f"`{called(argument['name'])}`: expected True or False, got {value!r}")
            self.options += [f"--{argument['name']}"] if value else []
            return
        is_list = not isinstance(value, (str, os.PathLike)) and not is_rows(value) and isinstance(value, Iterable)
        if is_list and not argument["is_many"]:
            raise TypeError(f"`{called(argument['name'])}`: expected one value, got {type(value).__qualname__}")
        for each in value if is_list else [value]:
            self._add_one(argument, each)

    def _add_one(self, argument: dict[str, Any], value: Any) -> None:
        if is_rows(value) and takes_pipe(argument):
            if self.input is not None:
                raise UsageError(f"`{called(argument['name'])}`: expected rows in Arrow for one argument, got them for two")
            self.input, value = value, "-"
        word = text_of(argument, value)
        if argument["is_positional"]:
            self.places.append(word)
        else:
            self.options.append(f"--{argument['name']}={word}")


def made(described: dict[str, Any]) -> Callable[..., Any]:
    """The function that does a command."""
    name = described["name"].replace(" ", "_")
    arguments = {called(argument["name"]): argument for argument in described["arguments"]}
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(key, kinds[not argument["is_positional"]], default=default_of(name, argument))
        for key, argument in arguments.items()
    ]
    parameters.sort(key=lambda parameter: (parameter.kind, parameter.default is not REQUIRED))
    signature = inspect.Signature(parameters)

    def function(*places: Any, **options: Any) -> Any:
        bound = signature.bind(*places, **options)
        bound.apply_defaults()
        words = Words(described["name"])
        for key, value in bound.arguments.items():
            if value is not None:
                words.add(arguments[key], value)
        return call([*words.options, "--", *words.places], words.input)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "docre._commands"
    function.__doc__ = documented(described)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def documented(described: dict[str, Any]) -> str:
    """What a function's help says: that of the command."""
    lines = [f"{described['about'].rstrip('.')}.", "", f"As `docre {described['name']} --help` says:", ""]
    for argument in described["arguments"]:
        default = argument["default"] and f" [default: {argument['default']}]"
        choices = argument["choices"] and f" One of {', '.join(argument['choices'])}."
        lines.append(f"{called(argument['name'])}: {' '.join(argument['help'].split())}{choices or ''}{default or ''}")
    return "\n".join(lines)


DESCRIBED: list[dict[str, Any]] = [
    command for command in json.loads(_docre.described()) if command["name"] not in LEFT_OUT
]
FUNCTIONS = {function.__name__: function for function in map(made, DESCRIBED)}

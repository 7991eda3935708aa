"""The commands by their names; `_commands.pyi` is written by tests/python/stubs.py."""

from ._made import FUNCTIONS

globals().update(FUNCTIONS)

__all__ = list(FUNCTIONS)

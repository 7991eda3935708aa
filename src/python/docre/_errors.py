"""What goes wrong, as exceptions."""

from __future__ import annotations


class Error(Exception):
    """docre could not do what it was asked to. Its text says where, what was expected and what was found.

    `hint` says what to do next, where there is a choice; it is shown below the text.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[type[Error], tuple[str, str | None]]:
        return type(self), (self.message, self.hint)


class InputError(Error, ValueError):
    """Rows or documents are not as they must be. The text names document and field."""


class UsageError(Error, ValueError):
    """An argument is missing, or out of its range: nothing was tried."""


class RejectedWarning(UserWarning):
    """Something was left out: records that are wrong, or documents that are too large."""

"""What work says: lines to the logger `docre`, and a bar where a person looks on."""

from __future__ import annotations

import logging
import sys
import threading

LOGGER = logging.getLogger("docre")
BAR = 30


def is_watched() -> bool:
    """Whether a person looks on: in a terminal or in a notebook."""
    try:
        return "ipykernel" in sys.modules or sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


class Listener:
    """Hears what a command says while it works; called on whatever thread."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._watched = is_watched()
        self._drawn = 0
        self._lock = threading.Lock()

    def __call__(self, told: str, share: float | None, is_line: bool) -> None:
        if is_line:
            self.lines.append(told)
            self.clear()
            LOGGER.log(logging.WARNING if told.startswith("warning: ") else logging.INFO, "%s", told.removeprefix("warning: "))
        elif self._watched:
            done = "" if share is None else "█" * round(share * BAR) + "░" * (BAR - round(share * BAR)) + " "
            self._draw(done + told)

    def _draw(self, line: str) -> None:
        with self._lock:
            print("\r" + line.ljust(self._drawn), end="", file=sys.stderr, flush=True)
            self._drawn = len(line)

    def clear(self) -> None:
        """Takes the bar away."""
        if self._drawn:
            self._draw("")
            with self._lock:
                print("\r", end="", file=sys.stderr, flush=True)
                self._drawn = 0

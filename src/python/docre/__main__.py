"""The command `docre`."""

from __future__ import annotations

import os
import signal
import sys

from . import _docre


def main() -> None:
    """Does the command line that this process was started with."""
    # The library listens to Ctrl-C itself. Python would raise KeyboardInterrupt once it is done.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = _docre.program(["docre", *sys.argv[1:]])
    # Nothing of Python's is left to do, and what other libraries do as they go takes its time.
    os._exit(code)


if __name__ == "__main__":
    main()

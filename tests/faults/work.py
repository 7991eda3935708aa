"""What the campaigns share: running the program, folders to run it in, rows of the table."""

import dataclasses
import os
import pathlib
import re
import resource
import shlex
import signal
import subprocess
import threading

# A command that takes longer hangs.
SECONDS = 20
# Guards of the machine: what asks for more address space or a longer file is ended, which is found.
ADDRESS_SPACE = 4 << 30
FILE_SIZE = 1 << 30
# What a reader of damaged files may hold at most.
RESIDENT_KILOBYTES = 1 << 20


def guard_the_machine():
    """Limits that every process from here on inherits."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def environment(**changes):
    """One thread, and nothing of who calls; a value of None takes a variable away."""
    settings = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/"),
        "RAYON_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
        "LC_ALL": "C",
        "TZ": "UTC",
        "NO_COLOR": "1",
        **changes,
    }
    return {name: value for name, value in settings.items() if value is not None}


@dataclasses.dataclass
class Outcome:
    """How a command ended: `code` as Python has it, -9 for SIGKILL; None: it hung and was killed."""

    code: int | None
    stdout: bytes
    stderr: str
    kilobytes: int

    def last_words(self):
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error")]
        # Where a panic's crate lies on this machine says nothing.
        return re.sub(r"/[^ ]*/registry/src/[^/]+/", "", (errors or lines or ["no word"])[0])[:300]

    def crash(self):
        """The kind of an end that no input may bring about, or None."""
        if self.code is None:
            return "hung"
        if self.code == 101 or "panicked at" in self.stderr:
            return "panicked"
        if self.code < 0 or self.code > 127:
            return f"ended by a signal ({self.code})"
        return None


def run(command, folder, variables=None, seconds=None):
    """Runs a command in a folder to its end, in a process group of its own, so that one that hangs leaves nothing."""
    temporary = folder / ".tmp"
    temporary.mkdir(exist_ok=True)
    variables = {"TMPDIR": str(temporary), **(environment() if variables is None else variables)}
    with open(os.devnull, "rb") as nothing:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=variables,
            stdin=nothing,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    is_late = threading.Event()

    def end():
        is_late.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds or SECONDS, end)
    timer.start()
    errors = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    output = process.stdout.read()
    reader.join()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    code = None if is_late.is_set() else process.returncode
    return Outcome(code, output, errors[0].decode(errors="replace"), usage.ru_maxrss)


def must(command, folder, variables=None):
    """Runs what has to succeed before a campaign can begin."""
    outcome = run(command, folder, variables, 300)
    if outcome.code != 0:
        raise SystemExit(f"failed: {shown(command)}\n{outcome.stderr}")
    return outcome


def shown(command):
    return shlex.join(str(part) for part in command)


@dataclasses.dataclass
class Row:
    """A row of the table: how often something was tried, and what came out that must not."""

    campaign: str
    case: str
    tried: int = 0
    held: int = 0
    found: dict = dataclasses.field(default_factory=dict)
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def add(self, findings, how):
        """Takes in one try: `findings` are pairs of kind and words, none where all was as it must be."""
        with self.lock:
            self.tried += 1
            self.held += not findings
            for kind, words in findings:
                self.found.setdefault(kind, []).append(f"{how}: {words}")

    def what(self):
        """What came out that must not, counted."""
        return ", ".join(f"{len(cases)} {kind}" for kind, cases in self.found.items())


class Folders:
    """Fresh folders beside `inputs`, so that `../inputs` is the same from each."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.lock = threading.Lock()
        self.number = 0

    def fresh(self):
        with self.lock:
            self.number += 1
            folder = self.root / f"work-{self.number:06}"
        folder.mkdir()
        return folder

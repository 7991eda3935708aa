"""Kills and failures at the file operations of a stage, by strace's fault injection."""

import dataclasses
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import compare
import work

# What changes a disk. Of the openings, those for writing.
CALLS = (
    "write,pwrite64,writev,copy_file_range,fsync,fdatasync,ftruncate,fallocate,openat,flock,chmod,fchmod,fchmodat,"
    "mkdir,mkdirat,link,linkat,symlink,symlinkat,rename,renameat,renameat2,unlink,unlinkat,rmdir"
)
STRACE = ["strace", "-f", "-qqq", "-e", "signal=none"]
# Lets calls that nobody asked for pass at full speed; but strace can send no signal from where that stops a process.
FAST = "--seccomp-bpf"
CAUSES = {"EIO": "Input/output error", "ENOSPC": "No space left on device"}
# Calls that go on failing as they do on a disk that is full; what fails only once may be tried again.
LASTING = {"write", "fsync", "ftruncate", "mkdir", "rename", "renameat", "renameat2"}


@dataclasses.dataclass
class Operation:
    """The `number`-th call of a name in its thread; with `path`, among those on that file of the stage's folder."""

    call: str
    number: int
    line: str
    path: str | None = None

    def names(self):
        """Names on its paths, without what marks work in progress."""
        paths = re.findall(r'"([^"]+)"', self.line) + re.findall(r"<([^<>]+)>", self.line)
        parts = {part for path in paths for part in path.split("/")}
        # The folder in which the stage runs is `.` to it.
        here = {".:"} if re.search(r'/work-[0-9]+>(?!, ")|"\."', self.line) else set()
        return here | {name for part in parts for name in (part, bare(part)) if len(name) > 2}

    def shown(self):
        line = re.sub(r"[0-9]+<[^<>]*/work-[0-9]+/?|AT_FDCWD<[^<>]*>, |[^\" ]*/work-[0-9]+/|>", "", self.line)
        return f"{self.call} {self.number} ({line[:100]})"


def bare(name):
    """What a name of work in progress stands for: `.page.html.RJtcQc.partial` for `page.html`."""
    if not name.startswith("."):
        return name
    name = re.sub(r"\.(partial|work|lock|replaced|sorted)$", "", name[1:])
    return re.sub(r"(?<=.)\.(tmp)?([0-9]+(-[0-9]+)?|[A-Za-z0-9]{6}|[0-9a-f]{16,})$", "", name)


def reason_to_leave_out():
    """Why nothing can be injected here, or None."""
    try:
        trial = subprocess.run([*STRACE, FAST, "-e", "trace=fsync", "-o", "/dev/null", "true"], capture_output=True)
    except OSError as error:
        return f"strace: {error.strerror}"
    return None if trial.returncode == 0 else f"strace: {trial.stderr.decode().strip()}"


@dataclasses.dataclass
class Attack:
    """A stage with what it leaves undisturbed, and, once traced, the operations by which it does."""

    docre: str
    folders: work.Folders
    stage: object
    operations: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.template = self.folders.fresh()
        for command in self.stage.before:
            work.must([self.docre, *command], self.template)
        self.before = compare.visible(self.template)
        whole = self.copy()
        work.must([self.docre, *self.stage.command], whole)
        self.after = compare.visible(whole)
        self.expected = compare.without_times(self.docre, whole, self.after)
        if left := compare.hidden(whole):
            raise SystemExit(f"{self.stage.name}: left over without any disturbance: {left}")
        shutil.rmtree(whole)

    def trace(self):
        """Finds the operations, in a run that is traced and not disturbed."""
        folder = self.copy()
        trace = folder / ".tmp" / "trace"
        options = ["-y", "-s", "0", "-e", f"trace={CALLS}", "-o", trace]
        work.must([*STRACE, FAST, *options, self.docre, *self.stage.command], folder)
        self.operations = operations(trace.read_text(), folder)
        shutil.rmtree(folder)

    def copy(self):
        folder = self.folders.fresh()
        shutil.copytree(self.template, folder, dirs_exist_ok=True)
        (folder / ".tmp").mkdir(exist_ok=True)
        return folder

    def injected(self, operation, fault, folder):
        injection = ["-e", f"trace={operation.call}", "-e", f"inject={operation.call}:{fault}", "-o", "/dev/null"]
        if operation.path:
            injection += ["-P", operation.path, "-P", folder / operation.path]
        fast = [] if fault.startswith("signal") else [FAST]
        return [*STRACE, *fast, *injection, self.docre, *self.stage.command]

    def kill(self, operation, row):
        folder = self.copy()
        fault = f"signal=KILL:when={operation.number}"
        outcome = work.run(self.injected(operation, fault, folder), folder)
        findings = [] if outcome.code == -9 else [("not reached", f"ended with {outcome.code}")]
        self.judge(folder, findings, row, f"killed at {operation.shown()}")

    def fail(self, operation, kind, row):
        folder = self.copy()
        lasts = kind == "lasting ENOSPC"
        error = kind.split()[-1]
        fault = f"error={error}:when={operation.number}{'+' if lasts else ''}"
        outcome = work.run(self.injected(operation, fault, folder), folder)
        findings = self.told(operation, outcome, error, can_speak=not (lasts and operation.call == "write"))
        if outcome.code == 0 and (difference := self.difference(folder)):
            findings.append(("silent", f"ended with 0, but {difference}"))
        self.judge(folder, findings, row, f"{kind} at {operation.shown()}")

    def told(self, operation, outcome, error, can_speak):
        """What is amiss in how a failure was told."""
        if crash := outcome.crash():
            return [("crashed", f"{crash}: {outcome.last_words()}")]
        if outcome.code == 0 or not can_speak:
            return []
        words = outcome.stderr
        if CAUSES[error] not in words:
            return [("without a cause", outcome.last_words())]
        is_named = any(name in words for name in operation.names()) or "stdout" in words or "standard output" in words
        return [] if is_named else [("without a path", outcome.last_words())]

    def difference(self, folder):
        return compare.difference(
            self.expected, compare.without_times(self.docre, folder, compare.visible(folder))
        )

    def judge(self, folder, findings, row, how):
        """Looks at what was left, goes on, and compares with the undisturbed run."""
        if torn := compare.torn(self.stage, self.before, self.after, compare.visible(folder)):
            findings.append(("torn", torn))
        again = work.run([self.docre, *self.stage.on()], folder)
        if again.code != 0:
            findings.append(("stuck", f"the next run ended with {again.code}: {again.last_words()}"))
        else:
            if difference := self.difference(folder):
                findings.append(("differing", difference))
            if left := compare.hidden(folder):
                findings.append(("left over", compare.some(left)))
        row.add(findings, how)
        shutil.rmtree(folder)


def operations(trace, folder):
    """The operations of a trace that change files, counted as strace counts them: by call and thread.

    Where another thread makes the same call on something else, the file is named too, lest both are met.
    """
    found, counts, others = [], {}, set()
    for thread, call, rest in re.findall(r"^(\d+) +([a-z0-9_]+)\((.*)$", trace, re.MULTILINE):
        path = next(iter(re.findall(rf'^[0-9]+<{folder}/([^<>]+)>|^[^"]*"([^/"][^"]*)"', rest)), ("", ""))
        path = path[0] or path[1] or None
        for key in ((thread, call), (thread, call, path)):
            counts[key] = counts.get(key, 0) + 1
        number, on_path = counts[thread, call], counts[thread, call, path]
        if changes_files(call, rest):
            found.append((thread, on_path, Operation(call, number, rest.rstrip(), path)))
        else:
            others.add((thread, call, number))
    threads = {thread for thread, _, _ in others}
    chosen = {}
    for thread, on_path, operation in found:
        is_met = any((other, operation.call, operation.number) in others for other in threads - {thread})
        if is_met and operation.path:
            operation.number = on_path
        elif is_met:
            continue
        else:
            operation.path = None
        chosen.setdefault((operation.call, operation.number, operation.path), operation)
    return list(chosen.values())


def changes_files(call, rest):
    if re.search(r'["<]/(dev|proc|sys)/|<(anon_inode|pipe|socket):', rest) or rest.startswith(("2<", "2,")):
        return False
    return call != "openat" or bool(re.search(r"O_WRONLY|O_RDWR|O_CREAT", rest))


def shares(attacks, total):
    """Every n-th operation of each stage, so that there are `total` in all, and no stage has fewer than some."""
    sizes = {attack.stage.name: len(attack.operations) for attack in attacks}
    least = min(40, total // len(sizes))
    limit = least
    while sum(min(size, limit) for size in sizes.values()) < min(total, sum(sizes.values())):
        limit += 1
    return {name: min(size, limit) for name, size in sizes.items()}


def chosen(operations, count, offset):
    """That many, evenly spread."""
    step = len(operations) / count
    return [operations[int(place * step + offset * step) % len(operations)] for place in range(count)]


KINDS = ("EIO", "ENOSPC", "lasting ENOSPC")


def kind_of(operation, place):
    kind = KINDS[place % len(KINDS)]
    return "EIO" if kind.startswith("lasting") and operation.call not in LASTING else kind


def campaign(attacks, parts, total, dice, workers):
    """Kills and failures over all stages; a row for each of both and stage."""
    counts = shares(attacks, total)
    with ThreadPoolExecutor(workers) as pool:
        for part in parts:
            for attack in attacks:
                row = work.Row(part, attack.stage.name)
                tries = []
                for place, operation in enumerate(chosen(attack.operations, counts[attack.stage.name], dice.random())):
                    if part == "kills":
                        tries.append(pool.submit(attack.kill, operation, row))
                    else:
                        tries.append(pool.submit(attack.fail, operation, kind_of(operation, place), row))
                for one in tries:
                    one.result()
                yield row

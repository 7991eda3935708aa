"""Parquet files with a bit flipped, eight bytes zeroed or the end cut off, before everything that reads them."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import compare
import work

KINDS = ("bit flipped", "8 bytes zeroed", "cut short")


def readers(table):
    """The commands that meet a damaged table of the folder `run`, by name."""
    corpus = ["--corpus", "run", "--split", "test"]
    sql = f"SELECT * FROM {table.rpartition('/')[2]}"
    by_name = {
        "query": ["query", f"run/{table}", sql, "--format", "csv"],
        "evaluate": ["evaluate", *corpus, "--relations", "run/relations", "--resamples", 20],
        "score": ["score", *corpus, "--checkpoint", "../inputs/heart/best", "--out", "out"],
        "graph": ["graph", *corpus, "--relations", "run/relations", "--out", "out", "--format", "ntriples,kgx"],
        "report": ["report", "run", "--out", "page.html"],
        "decide": ["decide", "--scores", "run", "--out", "out"],
        "fit": ["fit", "--scores", "run", *corpus, "--out", "decision.json"],
        "evaluate --scores": ["evaluate", *corpus, "--scores", "run", "--resamples", 20],
    }
    if table.startswith("test/"):
        return by_name
    names = {
        "relations": ("query", "evaluate", "graph", "report"),
        "scores": ("query", "decide", "fit", "evaluate --scores"),
        "model_relations": ("query", "graph", "report"),
    }
    return {name: by_name[name] for name in names.get(table, ("query", "report"))}


def damaged(content, kind, dice):
    if kind == "cut short":
        at = dice.randrange(len(content))
        return content[:at], f"cut at {at}"
    if kind == "8 bytes zeroed":
        at = dice.randrange(len(content) - 8)
        return content[:at] + bytes(8) + content[at + 8 :], f"8 bytes zeroed at {at}"
    at, bit = dice.randrange(len(content)), dice.randrange(8)
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :], f"bit {bit} of {at} flipped"


class Campaign:
    def __init__(self, docre, folders, inputs):
        self.docre, self.folders, self.run = docre, folders, inputs / "run"
        files = [path for path in compare.visible(self.run) if path.endswith(".parquet")]
        self.tables = sorted({path.rpartition("/")[0] for path in files})
        self.rows = {name: work.Row("damaged Parquet", name) for name in readers("test/facts")}
        self.right = {}
        folder = self.folder()
        for table in self.tables:
            for name, command in readers(table).items():
                self.right[table, name] = self.answer(command, folder)
        shutil.rmtree(folder)

    def folder(self):
        folder = self.folders.fresh()
        shutil.copytree(self.run, folder / "run")
        return folder

    def answer(self, command, folder):
        """What a command says and makes, which is then taken away."""
        outcome = work.run([self.docre, *command], folder)
        files = {path: content for path, content in compare.visible(folder).items() if not path.startswith("run/")}
        if outcome.code in (0, 3):
            files = compare.without_times(self.docre, folder, files)
        for made in (path for path in folder.iterdir() if path.name != "run"):
            shutil.rmtree(made, ignore_errors=True) if made.is_dir() else made.unlink(missing_ok=True)
        return outcome, files

    def attack(self, table, kind, dice):
        folder = self.folder()
        path = next((folder / "run" / table).glob("*.parquet"))
        content, how = damaged(path.read_bytes(), kind, dice)
        path.write_bytes(content)
        for name, command in readers(table).items():
            findings = self.judge(table, name, *self.answer(command, folder))
            self.rows[name].add(findings, f"{table}, {how}: {work.shown(command)}")
        shutil.rmtree(folder)

    def judge(self, table, name, outcome, files):
        """What is amiss: anything but the right answer, or an error that names the file."""
        findings = []
        if outcome.kilobytes > work.RESIDENT_KILOBYTES:
            findings.append(("over 1 GiB", f"{outcome.kilobytes >> 10} MB"))
        if crash := outcome.crash():
            return [*findings, ("crashed", f"{crash}: {outcome.last_words()}")]
        if outcome.code in (0, 3):
            right, right_files = self.right[table, name]
            if (outcome.code, outcome.stdout, files) != (right.code, right.stdout, right_files):
                findings.append(("answered otherwise", f"ended with {outcome.code}"))
            return findings
        if files:
            findings.append(("half an output", ", ".join(files)))
        if table.rpartition("/")[2] not in outcome.last_words():
            findings.append(("told without its place", outcome.last_words()))
        return findings


def campaign(docre, folders, inputs, count, dice, workers):
    """`count` damaged files before all readers of their tables; a row a reader."""
    campaign = Campaign(docre, folders, inputs)
    with ThreadPoolExecutor(workers) as pool:
        tries = []
        for place in range(count):
            table = campaign.tables[place // len(KINDS) % len(campaign.tables)]
            own = type(dice)(dice.random())
            tries.append(pool.submit(campaign.attack, table, KINDS[place % len(KINDS)], own))
        for one in tries:
            one.result()
    return list(campaign.rows.values())

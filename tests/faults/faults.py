"""Campaigns of faults against docre. Run by `make faults`; needs Python alone, and strace for kills and failures.

Each stage is killed and failed at its file operations, run again and compared with an undisturbed run; tests/README.md
says what else there is. Ends with 1 where something came out that must not.
"""

import argparse
import datetime
import os
import pathlib
import random
import sys
import tempfile
import time

import damage
import hostile
import operations
import stages
import surroundings
import together
import work

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PARTS = ("kills", "failures", "damage", "hostile", "together", "surroundings")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    built = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "docre"
    parser.add_argument("docre", nargs="?", default=built, help="the program [default: target/release/docre]")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be given several times")
    parser.add_argument("--stage", action="append", help="of kills and failures, only stages with this in their names")
    parser.add_argument("--operations", type=int, default=1100, help="how many kills, and how many failures")
    parser.add_argument("--files", type=int, default=1000, help="how many damaged files")
    parser.add_argument("--rounds", type=int, default=5, help="how often eight processes meet in each folder")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random")
    parser.add_argument("--short", action="store_true", help="a little of each part, in less than a minute")
    parser.add_argument("--workers", type=int, default=2, help="how many run at once")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table into this file, as Markdown")
    given = parser.parse_args()
    if given.short:
        given.operations, given.files, given.rounds = min(given.operations, 30), min(given.files, 24), 1
        # Beside other tests there is less of the processors.
        work.SECONDS = 60
    return given


def rows_of(given, root):
    """The rows of the table, as they come."""
    docre = pathlib.Path(given.docre).resolve()
    parts, folders, dice = given.part or PARTS, work.Folders(root), random.Random(given.seed)
    inputs = stages.make_inputs(docre, root)
    every = [stage for stage in stages.stages(docre, root) if is_wanted(stage, given)]
    attacks = [operations.Attack(docre, folders, stage) for stage in every]
    disturbing = [part for part in ("kills", "failures") if part in parts]
    if disturbing and (reason := operations.reason_to_leave_out()):
        print(f"{', '.join(disturbing)}: left out, {reason}")
        disturbing = []
    if disturbing:
        for attack in attacks:
            attack.trace()
        yield from operations.campaign(attacks, disturbing, given.operations, dice, given.workers)
    if "damage" in parts:
        yield from damage.campaign(docre, folders, inputs, given.files, dice, given.workers)
    if "hostile" in parts:
        yield from hostile.campaign(docre, folders, inputs, 9 if given.short else 1, given.workers)
    fewer = attacks[::3] if given.short else attacks
    if "together" in parts:
        yield from together.campaign(docre, folders, inputs, fewer, given.rounds)
    if "surroundings" in parts:
        yield from surroundings.campaign(fewer)


def is_wanted(stage, given):
    if given.short and ("replacing" in stage.name and "convert" not in stage.name or "one stage" in stage.name):
        return False
    return not given.stage or any(name in stage.name for name in given.stage)


def told(row):
    """A finished row, with the first cases of each thing that must not be."""
    print(f"{row.campaign}: {row.case}: {row.tried} tried, {row.what() or 'all as they must be'}", flush=True)
    for kind, cases in row.found.items():
        for case in cases[:3]:
            print(f"    {kind}: {case}", flush=True)


def table(rows):
    """The rows as Markdown, with the first case of each thing that must not be below."""
    lines = ["| campaign | of | tried | as it must be | not so |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {row.campaign} | {row.case} | {row.tried:,} | {row.held:,} | {row.what()} |" for row in rows]
    tried, held = sum(row.tried for row in rows), sum(row.held for row in rows)
    lines += [f"| all | | {tried:,} | {held:,} | {f'{tried - held:,}' if held < tried else ''} |", ""]
    for row in rows:
        lines += [f"- {row.campaign}, {row.case}, {kind}: ``{cases[0]}``" for kind, cases in row.found.items()]
    return "\n".join(lines).rstrip() + "\n"


def page(given, rows, seconds):
    """The file for `tests/experiments`."""
    options = [f"--{name}" for name in ("short",) if getattr(given, name)]
    options += [f"--part {name}" for name in given.part or ()] + [f"--stage {name!r}" for name in given.stage or ()]
    for name in ("operations", "files", "rounds", "seed"):
        options.append(f"--{name} {getattr(given, name)}")
    return f"""# What happens when something fails

**Question.** Killed, failed, fed damaged or hostile files, or run eight at once in one folder: does docre tear a table,
stick, answer wrongly, or say nothing?

**Setting.** `python3 tests/faults/faults.py {" ".join(options)}`, {datetime.date.today()}, two cores of an x86-64
machine, {seconds / 60:.0f} minutes. Each stage runs on a few synthetic documents. What is counted stands in
[tests/README.md](../README.md#faults).

{table(rows)}"""


def main():
    given = arguments()
    work.guard_the_machine()
    start, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="docre-faults-") as name:
        for row in rows_of(given, pathlib.Path(name)):
            told(row)
            rows.append(row)
    seconds = time.monotonic() - start
    print(f"\n{table(rows)}\n{seconds:.0f} s")
    if given.out:
        given.out.write_text(page(given, rows, seconds))
    return 0 if all(row.held == row.tried for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

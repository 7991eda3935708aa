"""Campaigns of faults against docre. Run by `make faults`; needs Python alone, and strace for kills and failures.

Each stage is killed and failed at its file operations, run again and compared with an undisturbed run. Ends with 1 where
something came out that must not.
"""

import argparse
import datetime
import pathlib
import random
import sys
import tempfile
import time

import operations
import stages
import work

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PARTS = ("kills", "failures")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docre", nargs="?", default=ROOT / "target" / "release" / "docre", help="the program")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be given several times")
    parser.add_argument("--stage", action="append", help="of kills and failures, only stages with this in their names")
    parser.add_argument("--operations", type=int, default=1100, help="how many kills, and how many failures")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random")
    parser.add_argument("--short", action="store_true", help="a little of each part, in less than a minute")
    parser.add_argument("--workers", type=int, default=2, help="how many run at once")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table into this file, as Markdown")
    given = parser.parse_args()
    if given.short:
        given.operations = min(given.operations, 48)
    return given


def rows_of(given, root):
    docre = pathlib.Path(given.docre).resolve()
    folders = work.Folders(root)
    stages.make_inputs(docre, root)
    parts = given.part or PARTS
    every = stages.stages(docre, root)
    if given.stage:
        every = [stage for stage in every if any(name in stage.name for name in given.stage)]
    disturbing = [part for part in ("kills", "failures") if part in parts]
    if disturbing and (reason := operations.reason_to_leave_out()):
        print(f"{', '.join(disturbing)}: left out, {reason}")
        disturbing = []
    if disturbing:
        dice = random.Random(given.seed)
        yield from operations.campaign(docre, folders, every, disturbing, given.operations, dice, given.workers)


def main():
    given = arguments()
    work.guard_the_machine()
    start, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="docre-faults-") as name:
        for row in rows_of(given, pathlib.Path(name)):
            print(f"{row.campaign}: {row.case}: {row.tried} tried, {row.what() or 'all as they must be'}", flush=True)
            for kind, cases in row.found.items():
                for case in cases[:3]:
                    print(f"    {kind}: {case}", flush=True)
            rows.append(row)
    n_found = sum(row.tried - row.held for row in rows)
    print(f"{time.monotonic() - start:.0f} s, {n_found} not as they must be")
    return 1 if n_found else 0


if __name__ == "__main__":
    sys.exit(main())

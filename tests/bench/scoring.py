"""Synthetic documents scored by a tiny model: documents a second and peak memory; then once more, killed twice on the way
with `kill -9`, which must give the same bytes. Part of `bench.py --large`; alone: `scoring.py --docs 10000`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

from bench import DOCRE, run

DOCUMENTS_OF_A_PART = 256
SETTINGS = {
    "model": {"kind": "atlop", "embedding": 32, "block": 8},
    "encoder": {"scratch": {"layers": 2, "hidden": 32, "heads": 2, "inner": 64, "vocabulary": 1000}},
    "encoder_rate": 1e-3,
    "head_rate": 1e-3,
    "epochs": 1,
    "accumulation": 2,
}


def prepare(folder, n_documents):
    """The documents, and a checkpoint after so short a training that it still predicts some relations of each."""
    for split, first, count in (("train", 0, 40), ("dev", 40, 10), ("load", 50, n_documents)):
        where = ["--first", first, "--docs", count, "--split", split, "--out", folder / "corpus"]
        run(DOCRE, "synthesize", *where, "--force")
    settings = folder / "settings.json"
    settings.write_text(json.dumps({**SETTINGS, "corpus": str(folder / "corpus")}))
    run(DOCRE, "train", "--config", settings, "--out", folder / "model")


def command(folder, out):
    """Scoring into `out`."""
    model, corpus = folder / "model" / "best", folder / "corpus"
    where = ["--checkpoint", model, "--corpus", corpus, "--split", "load", "--out", out, "--run-id", "load"]
    return [str(part) for part in (DOCRE, "score", *where, "--device", "cpu")]


def finished(out):
    """How many parts stand."""
    return sum(1 for _ in out.glob(".scores.work/*/scores"))


def killed(arguments, out, n_parts):
    """Kills a run as soon as so many parts stand."""
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    while finished(out) < n_parts:
        if process.poll() is not None:
            raise SystemExit(f"failed: the run ended before it was killed, with {process.returncode}")
        time.sleep(0.05)
    process.kill()
    process.wait()


def table(out):
    """The bytes of each file."""
    return [(path.name, path.read_bytes()) for path in sorted((out / "relations").iterdir())]


def scoring(folder, n_documents):
    prepare(folder, n_documents)
    whole, stopped = folder / "whole", folder / "stopped"
    seconds, peak = run(*command(folder, whole))
    print(f"score {n_documents:,} documents, tiny model: {n_documents / seconds:,.0f} documents/s, {peak:,.0f} MB")
    n_parts = -(-n_documents // DOCUMENTS_OF_A_PART)
    for share in (1 / 3, 2 / 3):
        killed(command(folder, stopped), stopped, int(n_parts * share))
    kept = finished(stopped)
    _, peak = run(*command(folder, stopped))
    if table(whole) != table(stopped):
        raise SystemExit("failed: a run that was killed gave other bytes than one that was not")
    count = [DOCRE, "query", whole, "SELECT count(*) AS n FROM relations", "--format", "csv"]
    rows = int(subprocess.run([str(part) for part in count], check=True, capture_output=True).stdout.split()[1])
    print(f"killed twice, {kept} of {n_parts} parts kept: the same {rows:,} rows, {peak:,.0f} MB at the end")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=int, default=100_000, help="how many documents [default: 100000]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCRE_SCRATCH")) as name:
        scoring(pathlib.Path(name), arguments.docs)


if __name__ == "__main__":
    main()

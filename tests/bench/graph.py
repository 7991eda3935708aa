"""The facts of synthetic documents merged into a graph and written as N-Quads: seconds and peak memory; then once more,
killed twice on the way with `kill -9`, which must leave no graph, and go on to the same bytes. Part of `bench.py --large`;
alone: `graph.py --docs 10000`. A million documents make some 45 GB of N-Quads, which stand on the disk once at a time.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from bench import DOCRE, run

# Every fact, with one of seven probabilities.
PREDICTIONS = """SELECT 'load' AS run_id, doc_id, head, tail, relation,
    CAST(0.3 + (head * 7 + tail * 3) % 7 * 0.1 AS FLOAT) AS probability FROM facts"""


def prepare(folder, n_documents):
    """The documents' tables and the predictions about them."""
    seconds, peak = run(DOCRE, "synthesize", "--docs", n_documents, "--split", "load", "--out", folder)
    print(f"synthesize {n_documents:,} documents: {seconds:.0f} s, {peak:,.0f} MB", flush=True)
    with (folder / "predictions.parquet").open("wb") as file:
        run(DOCRE, "query", folder / "load", PREDICTIONS, "--format", "parquet", stdout=file)


def command(folder, *options):
    """Merging into the folder `graph`."""
    corpus = ["--relations", folder / "predictions.parquet", "--corpus", folder / "load"]
    return [str(part) for part in (DOCRE, "graph", *corpus, "--out", folder / "graph", *options)]


def digests(graph):
    """What identifies the bytes of each file."""
    found = {}
    for path in sorted(path for path in graph.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            found[str(path.relative_to(graph))] = hashlib.file_digest(file, "blake2b").hexdigest()
    return found


def count(graph, table):
    """The rows of a table."""
    command = [DOCRE, "query", str(graph), f"SELECT count(*) AS n FROM {table}", "--format", "csv"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1])


def killed(arguments, seconds, graph):
    """Kills a run after so many seconds; there is no graph then."""
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    if process.poll() is not None:
        raise SystemExit(f"failed: the run ended before it was killed, with {process.returncode}")
    process.kill()
    process.wait()
    if graph.exists():
        raise SystemExit("failed: a run that was killed left a graph")


def graph(folder, n_documents):
    prepare(folder, n_documents)
    out = folder / "graph"
    seconds, peak = run(*command(folder))
    counts = ", ".join(f"{count(out, table):,} {table}" for table in ("nodes", "edges", "provenance"))
    print(f"graph: {counts} in {seconds:.0f} s, {peak:,.0f} MB", flush=True)
    shutil.rmtree(out)
    whole, peak = run(*command(folder, "--format", "nquads"))
    size = (out / "graph.nq").stat().st_size / 2**30
    print(f"graph and N-Quads: {whole:.0f} s, {peak:,.0f} MB, {size:.1f} GiB of N-Quads", flush=True)
    expected = digests(out)
    shutil.rmtree(out)
    arguments = command(folder, "--format", "nquads")
    for _ in range(2):
        killed(arguments, whole / 3, out)
    seconds, peak = run(*arguments)
    if digests(out) != expected:
        raise SystemExit("failed: a run that was killed gave other bytes than one that was not")
    print(f"killed twice after {whole / 3:.0f} s: no graph then, and the same bytes after {seconds:.0f} s, {peak:,.0f} MB at the end")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=int, default=1_000_000, help="how many documents [default: 1000000]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCRE_SCRATCH")) as name:
        graph(pathlib.Path(name), arguments.docs)


if __name__ == "__main__":
    main()

"""Speed and memory of docre, beside a peer where there is one. Run by `make bench`; needs Python alone.

Each command is run several times in turn with its peer; medians are reported. Real corpora are looked for in
DOCRE_CORPORA, or ../shared/data beside the project, and left out, in words, where they are missing.
`--large` adds a 2 GB source, 10 million predictions, 100,000 documents that are scored, killed and scored on, and a graph
of a million documents (some 60 GB of disk under DOCRE_SCRATCH or the system's).
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
CORPORA = pathlib.Path(os.environ.get("DOCRE_CORPORA", ROOT.parent / "shared" / "data"))
GOLDEN = ROOT / "tests" / "golden" / "evaluation" / "predictions.json"


def program():
    """What DOCRE_BIN names, or else what was built last."""
    if given := os.environ.get("DOCRE_BIN"):
        return given
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, check=True, capture_output=True
    )
    return str(pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / "release" / "docre")


DOCRE = program()


def run(*command, stdout=subprocess.DEVNULL):
    """Seconds and peak megabytes of a command, which must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=stdout, stderr=subprocess.PIPE)
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(str(part) for part in command)}\n{errors}")
    return seconds, usage.ru_maxrss / 1024


def in_turn(rounds, **commands):
    """Median seconds of each command, run in turn after one round that does not count."""
    times = {name: [] for name in commands}
    for round_number in range(rounds + 1):
        for name, command in commands.items():
            seconds, _ = run(*command)
            if round_number:
                times[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def convert(folder, corpus, n_documents, options, source):
    command = [DOCRE, "convert", "--force", "--out", folder / corpus, *options, source]
    seconds = in_turn(9, docre=command)["docre"]
    print(f"convert {corpus}: {seconds:.3f} s, {n_documents / seconds:,.0f} documents/s")


def small(folder):
    if not CORPORA.is_dir():
        print(f"convert, evaluate: left out, no real corpora in {CORPORA} (set DOCRE_CORPORA)")
        return
    dev = CORPORA / "redocred" / "dev_revised.json"
    convert(folder, "Re-DocRED dev", 500, ["--format", "docred", "--split", "dev"], dev)
    cdr = ["--format", "pubtator", "--split", "train", "--candidates", "Chemical:Disease"]
    mesh = CORPORA / "cdr" / "2017MeshTree.txt"
    source = CORPORA / "cdr" / "CDR_TrainingSet.PubTator.txt"
    convert(folder, "CDR train", 500, cdr, source)
    convert(folder, "CDR train, hypernym filter", 500, [*cdr, "--mesh", mesh], source)
    facts = CORPORA / "docred" / "train_annotated.fact"
    tables = folder / "Re-DocRED dev" / "dev"
    common = [DOCRE, "evaluate", "--corpus", tables, "--relations", GOLDEN, "--train-facts", facts]
    seconds = in_turn(
        9,
        docre=common,
        no_bootstrap=[*common, "--resamples", "0"],
        python=[sys.executable, HERE / "plain_evaluation.py", dev, GOLDEN, facts],
    )
    print(f"evaluate 16,578 predictions, all metrics and 1,000 resamples: {seconds['docre']:.3f} s")
    print(f"evaluate without resamples: {seconds['no_bootstrap']:.3f} s")
    print(f"F1, IgnF1 and evidence F1 alone in plain Python: {seconds['python']:.3f} s")


def synthesize(folder):
    seconds, peak = run(DOCRE, "synthesize", "--docs", 20000, "--split", "load", "--out", folder, "--force")
    print(f"synthesize 20,000 documents to tables: {20000 / seconds:,.0f} documents/s, {peak:,.0f} MB")


# Every fact, from 4 below the threshold to 4 above it.
SCORES = """SELECT 'bench' AS run_id, doc_id || '-{part}' AS doc_id, head, tail, relation,
    CAST((head * 7 + tail * 3 + {part}) % 17 * 0.5 - 4 AS REAL) AS logit, CAST(0 AS REAL) AS threshold_logit,
    CAST(NULL AS REAL) AS base_logit, CAST(NULL AS REAL) AS base_threshold_logit, CAST(NULL AS INT UNSIGNED) AS iteration,
    CAST(5 AS REAL) AS margin, CAST(4 AS INT UNSIGNED) AS most_labels FROM facts"""


def decide(folder):
    """Claims of one and of ten million scores, which take ten times as long and no more memory."""
    run(DOCRE, "synthesize", "--docs", 62000, "--split", "scored", "--out", folder, "--force")
    table = folder / "run" / "scores"
    table.mkdir(parents=True)
    for n_parts in (1, 10):
        for part in range(len(list(table.iterdir())), n_parts):
            with (table / f"part-{part:05}.parquet").open("wb") as file:
                run(DOCRE, "query", folder / "scored", SCORES.format(part=part), "--format", "parquet", stdout=file)
        count = [DOCRE, "query", folder / "run", "SELECT count(*) AS n FROM scores", "--format", "csv"]
        n_scores = int(subprocess.run([str(part) for part in count], check=True, capture_output=True).stdout.split()[1])
        command = [DOCRE, "decide", "--scores", folder / "run", "--out", folder / "decided", "--shift", "-1", "--force"]
        seconds, peak = run(*command)
        print(f"decide {n_scores:,} scores: {seconds:.1f} s, {peak:,.0f} MB")


def large_convert(folder):
    documents = json.loads((CORPORA / "redocred" / "dev_revised.json").read_text())
    source, number, size = folder / "large.json", 0, 0
    with source.open("w") as file:
        file.write("[")
        while size < 2 << 30:
            for document in documents:
                text = json.dumps({**document, "title": f"{document['title']} {number}"})
                file.write((",\n" if number else "") + text)
                number, size = number + 1, size + len(text)
        file.write("]")
    command = [DOCRE, "convert", "--force", "--format", "docred", "--split", "dev", "--out", folder / "large", source]
    seconds, peak = run(*command)
    gigabytes = source.stat().st_size / 2**30
    print(f"convert {gigabytes:.1f} GiB, {number:,} documents: {number / seconds:,.0f} documents/s, {peak:,.0f} MB")
    source.unlink()
    shutil.rmtree(folder / "large")


def large_evaluate(folder):
    n_documents = 620000
    run(DOCRE, "synthesize", "--docs", n_documents, "--split", "dev", "--out", folder / "many", "--force")
    tables, relations = folder / "many" / "dev", folder / "many" / "relations.parquet"
    # Every fact is predicted, but one in three at its mirror image.
    sql = """SELECT 'bench' AS run_id, doc_id,
                    CASE WHEN (head + tail) % 3 = 0 THEN tail ELSE head END AS head,
                    CASE WHEN (head + tail) % 3 = 0 THEN head ELSE tail END AS tail, relation FROM facts"""
    with relations.open("wb") as file:
        run(DOCRE, "query", tables, sql, "--format", "parquet", stdout=file)
    count = [DOCRE, "query", folder / "many", "SELECT count(*) AS n FROM relations", "--format", "csv"]
    n_predictions = int(subprocess.run([str(part) for part in count], check=True, capture_output=True).stdout.split()[1])
    for resamples in (0, 1000):
        command = [DOCRE, "evaluate", "--corpus", tables, "--relations", relations, "--resamples", resamples]
        seconds, peak = run(*command)
        print(f"evaluate {n_predictions:,} predictions, {resamples} resamples: {seconds:.1f} s, {peak:,.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="also what takes minutes and gigabytes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCRE_SCRATCH")) as name:
        folder = pathlib.Path(name)
        small(folder)
        synthesize(folder)
        decide(folder)
        if arguments.large:
            if CORPORA.is_dir():
                large_convert(folder)
            large_evaluate(folder)
            for script in ("scoring.py", "graph.py"):
                subprocess.run([sys.executable, HERE / script], check=True)


if __name__ == "__main__":
    main()

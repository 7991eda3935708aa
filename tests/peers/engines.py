"""Relations of the same documents by the program, by Python, by Ray, by Spark and by shards that are joined: the same rows, to
the bit, with how fast each was and how much memory it took, all of its processes together.

    python tests/peers/engines.py DOCRE                     # run by `make peers`, after `make pipelines`
    python tests/peers/engines.py DOCRE --overhead 20000    # what Python and Ray take beyond the program

The documents are DocRED's test split, where DOCRE_CORPORA or ../shared/data beside the project has it, else the sample's.
Needs the package with pyarrow; Ray, and Spark with a Java runtime, are left out, in words, where they are missing. Every
document is computed by itself, and all have two cores: what else runs on the machine shows in seconds, less in CPU seconds.
An engine's start and end are told apart: they are the same of a million documents, and a cluster is there before.
"""

import argparse
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import pyarrow
import pyarrow.dataset
import pyarrow.parquet

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORPORA = pathlib.Path(os.environ.get("DOCRE_CORPORA", ROOT.parent / "shared" / "data"))
SHARDS = 4
TICKS = os.sysconf("SC_CLK_TCK")
#: What a process says of the seconds between its engine's start and end.
APART = "without the engine: "
KEY = ["doc_id", "head", "tail", "rank"]


# What is measured, each by a process of its own. A way gives back when its engine was there.


def by_python(rows, model, out):
    import docre

    began = time.perf_counter()
    scorer = docre.Scorer(model, device="cpu", run_id="run", threads=2)
    out.mkdir()
    schema = pyarrow.schema(docre.schema("relations"))
    with pyarrow.parquet.ParquetWriter(out / "relations.parquet", schema) as writer:
        for batch in pyarrow.dataset.dataset(rows).to_batches(batch_size=256):
            writer.write_table(pyarrow.table(scorer(batch).relations))
    return began


def by_ray(rows, model, out):
    import ray

    import docre.ray

    # Ray lets others go first; here all are to have the same.
    os.environ["RAY_worker_niceness"] = "0"
    # A core for each worker, and two in name for what reads, writes and passes over what is done.
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    began = time.perf_counter()
    docre.ray.score(str(rows), model, str(out), concurrency=2, run_id="run")
    return began


def by_spark(rows, model, out):
    from pyspark.sql import SparkSession

    import docre.spark

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", False)
    session = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 256).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    began = time.perf_counter()
    read = session.read.parquet(str(rows)).repartition(8)
    docre.spark.relations(read, model, run_id="run").write.parquet(str(out / "relations"))
    return began


WAYS = {"python": by_python, "ray": by_ray, "spark": by_spark}


# How it is measured.


class Tree:
    """The processes below one, while they live: their CPU seconds, and the most memory that they had together, in MB."""

    def __init__(self, root):
        self.root, self.seconds, self.peak = root, {}, 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        """Memory is looked at so seldom that it takes a hundredth of a core: the cores are those of what is measured."""
        due = 0.0
        while not self.ended.wait(0.2):
            found, began = self.below(), time.perf_counter()
            if began >= due:
                self.peak = max(self.peak, sum(map(self.of, found)))
                due = began + 100 * (time.perf_counter() - began)

    def below(self):
        parents = {}
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            pid = int(path.parent.name)
            parents[pid] = int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS
        found, waiting = [], [self.root]
        while waiting:
            own = waiting.pop()
            if own in parents:
                found.append(own)
                self.seconds[own] = parents[own][1]
            waiting += [pid for pid, (parent, _) in parents.items() if parent == own]
        return found

    def of(self, pid):
        """Megabytes; what processes share is each one's in part."""
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            return 0.0
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def measured(*commands):
    """Seconds, those of them without an engine's start and end, CPU seconds and megabytes of commands, one after the other."""
    began, within, cpu, peak = time.perf_counter(), 0.0, 0.0, 0.0
    for command in commands:
        with tempfile.TemporaryFile() as said:
            start = time.perf_counter()
            process = subprocess.Popen([str(word) for word in command], stdout=said, stderr=subprocess.STDOUT)
            tree = Tree(process.pid)
            code = process.wait()
            tree.ended.set()
            tree.thread.join()
            said.seek(0)
            told = said.read().decode()
            assert code == 0, (command, told[-4000:])
            apart = [line for line in told.splitlines() if line.startswith(APART)]
            within += float(apart[-1].removeprefix(APART)) if apart else time.perf_counter() - start
        cpu, peak = cpu + sum(tree.seconds.values()), max(peak, tree.peak)
    return time.perf_counter() - began, within, cpu, peak


def commands(way, docre, rows, model, out):
    """The command lines of a way."""
    if way in WAYS:
        return [[sys.executable, __file__, docre, "--way", way, rows, model, out]]
    score = [docre, "--quiet", "score", "--checkpoint", model, "--corpus", rows, "--out", out, "--run-id", "run"]
    score += ["--pieces-at-once", "1", "--device", "cpu"]
    if way == "docre":
        return [score]
    return [*([*score, "--shard", f"{shard}/{SHARDS}"] for shard in range(SHARDS)), [*score, "--join"]]


def there_are():
    """The ways that can be gone here."""
    yield "docre"
    yield "shards"
    yield "python"
    for engine in ("ray", "spark"):
        module = {"spark": "pyspark"}.get(engine, engine)
        missing = [] if importlib.util.find_spec(module) else [module]
        missing += ["java"] if engine == "spark" and not shutil.which("java") else []
        if missing:
            print(f"{engine}: left out, not installed: {', '.join(missing)}")
        else:
            yield engine


def relations(folder, schema):
    """The rows that stand in a folder, in one order."""
    place = folder / "relations"
    found = pyarrow.dataset.dataset(place if place.is_dir() else folder / "relations.parquet", format="parquet")
    return found.to_table().select(schema.names).cast(schema).sort_by([(name, "ascending") for name in KEY])


def same_rows(docre, rows, model, folder):
    schema, count = None, pyarrow.dataset.dataset(rows).count_rows()
    for way in there_are():
        out = folder / way
        seconds, within, cpu, peak = measured(*commands(way, docre, rows, model, out))
        schema = schema or relations_schema(folder / "docre")
        found = relations(out, schema)
        expected = expected if way != "docre" else found
        assert found.equals(expected), f"{way}: {found.num_rows} rows, the program has {expected.num_rows}, or other ones"
        rate = count / seconds
        print(f"{way}: {found.num_rows} relations of {count} documents, the program's; {seconds:.1f} s, "
              f"{within:.1f} without its start and end, {rate:.0f} documents/s, {cpu:.1f} CPU s, {peak:.0f} MB", flush=True)


def relations_schema(folder):
    """The columns as the program has them, without what it says of the table."""
    found = pyarrow.dataset.dataset(folder / "relations", format="parquet").schema
    return pyarrow.schema([pyarrow.field(field.name, field.type) for field in found])


def overhead(docre, model, folder, n_documents, rounds, ways):
    subprocess.run([docre, "--quiet", "synthesize", "--docs", str(n_documents), "--split", "all", "--out", folder], check=True)
    rows = annotated(docre, folder / "all", folder)
    spent = {way: [] for way in there_are() if way in ("docre", *ways)}
    for number in range(rounds):
        for way in spent:
            out = folder / f"{way}-{number}"
            spent[way].append(measured(*commands(way, docre, rows, model, out)))
            print(f"round {number + 1}, {way}: {spent[way][-1][0]:.1f} s", file=sys.stderr, flush=True)
            shutil.rmtree(out)
    least = {way: [min(of) for of in zip(*each)] for way, each in spent.items()}
    for way, (seconds, within, cpu, peak) in least.items():
        beyond = [100 * (mine / program - 1) for mine, program in zip((seconds, within, cpu), least["docre"])]
        print(f"{way}, {n_documents} synthetic documents: {seconds:.1f} s ({beyond[0]:+.0f}%), {within:.1f} s "
              f"({beyond[1]:+.0f}%) without its start and end, {cpu:.1f} CPU s ({beyond[2]:+.0f}%), {n_documents / seconds:.0f} documents/s, {peak:.0f} MB", flush=True)


def annotated(docre, split, folder):
    rows = folder / "annotated"
    subprocess.run([docre, "--quiet", "convert", "--to", "annotated", "--out", rows, split], check=True)
    return rows


def documents(docre, folder):
    source = CORPORA / "docred" / "test.json"
    if not source.is_file():
        print(f"DocRED: left out, no {source} (set DOCRE_CORPORA); the sample's test split serves")
        return annotated(docre, ROOT / "runs" / "sample" / "test", folder)
    convert = ["convert", "--format", "docred", "--split", "test", "--unlabelled", "--out", folder, source]
    subprocess.run([docre, "--quiet", *convert], check=True)
    return annotated(docre, folder / "test", folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docre", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "runs" / "sample" / "model")
    parser.add_argument("--overhead", type=int, metavar="DOCUMENTS")
    parser.add_argument("--rounds", type=int, default=2, help="how often each is measured; the least counts")
    parser.add_argument("--ways", nargs="+", choices=("python", "ray"), default=("python", "ray"), help="what --overhead measures")
    parser.add_argument("--way", nargs=4, metavar=("WAY", "ROWS", "MODEL", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        way, *places = arguments.way
        began = WAYS[way](*map(pathlib.Path, places))
        return print(f"{APART}{time.perf_counter() - began:.3f}", flush=True)
    docre, model = arguments.docre.resolve(), arguments.model.resolve()
    with tempfile.TemporaryDirectory(dir=os.environ.get("DOCRE_SCRATCH")) as name:
        folder = pathlib.Path(name)
        if arguments.overhead:
            overhead(docre, model, folder, arguments.overhead, arguments.rounds, arguments.ways)
        else:
            same_rows(docre, documents(docre, folder), model, folder)


if __name__ == "__main__":
    main()

"""Ray: the rows of a scorer, whatever is killed. Takes a minute or two."""

import atexit
import functools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

import docre
from support import below, generous, needs, program, relations_of, run_folder, sorted_rows

DOCUMENTS = 240
DRIVER = pathlib.Path(__file__).with_name("ray_driver.py")


@functools.cache
def folder():
    """A folder with rows of `annotated`, in files of which Ray makes blocks."""
    import pyarrow
    import pyarrow.parquet

    made = pathlib.Path(tempfile.mkdtemp(prefix="docre-ray-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    docre.synthesize(documents=DOCUMENTS, first=100, facts=4, split="all", out=made)
    docre.convert(made / "all", to="annotated", out=made / "annotated")
    rows = pyarrow.table(docre.read(made / "annotated"))
    (made / "rows").mkdir()
    for place in range(0, DOCUMENTS, 12):
        pyarrow.parquet.write_table(rows.slice(place, 12), made / "rows" / f"{place}.parquet")
    return made


def model():
    return run_folder() / "model"


@functools.cache
def expected():
    """The relations that a scorer finds, and how many documents have some."""
    return relations_of(docre.Scorer(model(), decision=generous())(docre.read(folder() / "rows")))


def started(out, notes):
    command = [sys.executable, DRIVER, folder() / "rows", model(), generous(), out, notes]
    return subprocess.Popen(command, env=program(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def noted(notes):
    """The names that each worker has written."""
    return {int(path.name): path.read_text().splitlines() for path in notes.glob("*")} if notes.exists() else {}


def wait_for(what, driver):
    end = time.monotonic() + 400
    while not (found := what()):
        assert time.monotonic() < end and driver.poll() is None, driver.communicate()[0]
        time.sleep(0.05)
    return found


def finished(out):
    """The documents of which Ray has noted that they are written."""
    import pyarrow.parquet

    files = [path for path in (out / "finished").glob("*.parquet") if ".pending" not in path.name]
    return [name for path in files for name in pyarrow.parquet.read_table(path)["doc_id"].to_pylist()]


@needs("ray", "pyarrow")
@unittest.skipIf(sys.platform == "win32", "signals")
class Killed(unittest.TestCase):
    """Nothing is lost, nothing doubled."""

    def setUp(self):
        self.out = pathlib.Path(tempfile.mkdtemp(dir=folder()), "out")
        self.notes = self.out.with_name("notes")

    def check(self):
        names = docre.read(self.out, "documents")
        self.assertEqual(names.num_rows, DOCUMENTS)
        self.assertEqual(sorted_rows(docre.read(self.out, "relations")), expected())

    def test_a_worker(self):
        driver = started(self.out, self.notes)
        at_work = wait_for(lambda: len(noted(self.notes)) == 2 and sum(map(len, noted(self.notes).values())) > 24, driver)
        killed = min(noted(self.notes))
        os.kill(killed, signal.SIGKILL)
        said, _ = driver.communicate(timeout=600)
        self.assertEqual((driver.returncode, at_work), (0, True), said)
        self.check()
        by_worker = noted(self.notes)
        self.assertGreater(len(by_worker), 2, "another one has taken over")
        scored = [name for names in by_worker.values() for name in names]
        twice = len(scored) - len(set(scored))
        # What it had scored of a block and not handed over.
        self.assertLessEqual(twice, 48)
        print(f"\na worker killed: {len(scored)} documents scored for {DOCUMENTS}, {twice} of them twice", file=sys.stderr)

    def test_the_driver(self):
        driver = started(self.out, self.notes)
        wait_for(lambda: len(finished(self.out)) > 48, driver)
        of_ray = below(driver.pid)
        driver.kill()
        driver.communicate()
        for pid in of_ray:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        done = finished(self.out)
        self.assertGreater(len(done), 48)
        self.assertLess(len(done), DOCUMENTS, "it was killed in the middle")
        for number, left in (("again", set(done)), ("once more", None)):
            notes = self.notes.with_name(number)
            driver = started(self.out, notes)
            said, _ = driver.communicate(timeout=600)
            self.assertEqual(driver.returncode, 0, said)
            self.check()
            scored = [name for names in noted(notes).values() for name in names]
            print(f"\nthe driver killed, {len(done)} documents done; {number}: {len(scored)} scored", file=sys.stderr)
            if left is None:
                self.assertEqual(scored, [])
            else:
                self.assertFalse(left & set(scored), "what was finished is scored again")
                self.assertEqual(len(scored), DOCUMENTS - len(done))


@needs("ray", "pyarrow")
class Score(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import ray

        os.environ["RAY_worker_niceness"] = "0"
        ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
        cls.addClassCleanup(ray.shutdown)

    def setUp(self):
        self.out = pathlib.Path(tempfile.mkdtemp(dir=folder()), "out")

    def score(self, rows=None, **options):
        import docre.ray

        options = {"decision": generous(), **options}
        docre.ray.score(str(rows or folder() / "rows"), model(), str(self.out), **options)

    def test_what_is_too_large_is_told(self):
        small = docre.Scorer(model(), most_pairs=60, decision=generous())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = small(docre.read(folder() / "rows"))
        self.assertTrue(0 < len(found.too_large) < DOCUMENTS)
        with self.assertWarnsRegex(docre.RejectedWarning, f"{len(found.too_large)} documents are too large"):
            self.score(most_pairs=60)
        self.assertEqual(sorted_rows(docre.read(self.out, "relations")), relations_of(found))
        written = {row["doc_id"]: row["not_scored"] for row in sorted_rows(docre.read(self.out, "documents"))}
        self.assertEqual({name: why for name, why in written.items() if why}, found.too_large)

    def test_what_is_of_another_making_is_not_added_to(self):
        few = folder() / "rows" / "0.parquet"
        self.score(few)
        before = sorted_rows(docre.read(self.out, "relations"))
        self.assertTrue(before)
        self.score(few, batch_size=3)
        self.assertEqual(sorted_rows(docre.read(self.out, "relations")), before)
        with self.assertRaises(docre.Error) as caught:
            self.score(few, run_id="other")
        self.assertIn("force=True", caught.exception.hint)
        self.score(few, run_id="other", force=True)
        after = sorted_rows(docre.read(self.out, "relations"))
        self.assertEqual([{**row, "run_id": "other"} for row in before], after)

    def test_a_source_may_grow(self):
        rows = folder() / "grows"
        rows.mkdir()
        for number, name in enumerate(["0.parquet", "12.parquet"], 1):
            shutil.copy(folder() / "rows" / name, rows)
            self.score(rows)
            self.assertEqual(docre.read(self.out, "documents").num_rows, 12 * number)

    def test_no_relations_are_a_table_too(self):
        self.score(folder() / "rows" / "0.parquet", most_pairs=1)
        self.assertEqual(docre.read(self.out, "relations").num_rows, 0)

    def test_a_bad_document_is_told_with_its_field(self):
        import pyarrow
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(folder() / "rows" / "0.parquet")
        wrong = rows.to_pylist()
        wrong[7]["mentions"][0]["token_end"] = 100_000
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(wrong, rows.schema), folder() / "wrong.parquet")
        with self.assertRaisesRegex(Exception, rf"{wrong[7]['doc_id']}.*mentions\[0\].token_end"):
            self.score(folder() / "wrong.parquet")

    def test_options_are_checked_before_anything_is_scored(self):
        import docre.ray

        for wrong, kind in [({"threads": -1}, docre.UsageError), ({"nonsense": 1}, TypeError)]:
            with self.assertRaises(kind):
                self.score(**wrong)
        with self.assertRaises(docre.Error):
            docre.ray.score(str(folder() / "rows"), folder(), str(self.out))


if __name__ == "__main__":
    unittest.main()

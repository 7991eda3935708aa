"""A model that is loaded once."""

import json
import pathlib
import pickle
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

import docre
from support import needs, program, rows, run_folder


def scorer(**options):
    return docre.Scorer(run_folder() / "model", device="cpu", **options)


class Scorers(unittest.TestCase):
    def test_what_a_scorer_says_of_itself(self):
        loaded = scorer()
        self.assertEqual(loaded.device, "cpu, f32")
        self.assertGreater(len(loaded.relations), 5)
        self.assertGreater(loaded.documents_at_once, 0)
        self.assertIn("docre.Scorer of ", repr(loaded))

    def test_what_it_finds_are_the_tables_of_a_run(self):
        scored = scorer()(rows())
        self.assertIsInstance(scored, docre.Scored)
        self.assertEqual(scored.too_large, {})
        for name in ("relations", "scores"):
            self.assertEqual(getattr(scored, name).column_names, docre.schema(name).column_names)
            self.assertEqual(len(getattr(scored, name)), len(docre.read(run_folder(), name)))
        self.assertGreater(len(scored.scores), 0)

    @needs("pyarrow")
    def test_batches_do_not_matter(self):
        import pyarrow

        loaded, documents = scorer(threads=1), pyarrow.table(rows())
        whole = pyarrow.table(loaded(rows()).scores)
        parts = [pyarrow.table(loaded(documents.slice(place, 1)).scores) for place in range(documents.num_rows)]
        self.assertEqual(pyarrow.concat_tables(parts).to_pylist(), whole.to_pylist())
        self.assertEqual(pyarrow.table(loaded(documents.to_batches()[0]).scores), whole)
        chunks = pyarrow.Table.from_batches(documents.to_batches(max_chunksize=1))
        self.assertEqual(pyarrow.table(loaded(chunks).scores), whole)
        written = pyarrow.table(docre.read(run_folder(), "scores"))
        columns = ["doc_id", "head", "tail", "relation"]
        self.assertEqual(whole.select(columns).to_pylist(), written.select(columns).to_pylist())

    @needs("pyarrow")
    def test_a_bad_batch_is_told_and_the_next_is_scored(self):
        import pyarrow

        loaded, documents = scorer(), pyarrow.table(rows())
        beyond = documents.to_pylist()
        beyond[1]["mentions"][0]["token_end"] = 100_000
        twice = pyarrow.concat_tables([documents, documents])
        bad = {
            r"tokens": documents.drop_columns("tokens"),
            r"doc_id": documents.set_column(0, "doc_id", pyarrow.array([1.5] * 4)),
            r"mentions\[0\].token_end": pyarrow.Table.from_pylist(beyond, schema=documents.schema),
            r"`doc_id`: expected a name of its own": twice,
        }
        for words, batch in bad.items():
            with self.subTest(words), self.assertRaisesRegex(docre.InputError, words) as caught:
                loaded(batch)
            self.assertIsInstance(caught.exception, ValueError)
            self.assertEqual(len(loaded(documents).scores), len(docre.read(run_folder(), "scores")))
        with self.assertRaisesRegex(TypeError, "__arrow_c_stream__"):
            loaded(documents.to_pylist())

    @needs("pyarrow")
    def test_a_row_that_is_not_there_is_told(self):
        import pyarrow

        loaded, documents = scorer(), pyarrow.table(rows())
        structs = documents.to_struct_array().combine_chunks()
        mask = pyarrow.array([False, True, False, False])
        holed = pyarrow.StructArray.from_arrays(structs.flatten(), fields=list(structs.type), mask=mask)
        for batch in (holed, pyarrow.chunked_array([structs, holed])):
            with self.subTest(type(batch)), self.assertRaisesRegex(docre.InputError, "row 1: expected a row, got null"):
                loaded(batch)
        for batch in (structs, pyarrow.chunked_array([structs])):
            self.assertEqual(len(loaded(batch).scores), len(docre.read(run_folder(), "scores")))
        for other in (pyarrow.array([1, 2]), pyarrow.chunked_array([[1, 2]])):
            with self.assertRaisesRegex(TypeError, "expected rows in Arrow, got an array of Int64"):
                loaded(other)

    def test_options_are_checked(self):
        for wrong in ({"margin": -1.0}, {"precision": "f7"}, {"candidates": "all"}, {"at_precision": 3.0}):
            with self.subTest(wrong), self.assertRaises(docre.Error):
                scorer(**wrong)
        with self.assertRaises(docre.UsageError):
            docre.Scorer(run_folder() / "model", device="abacus")
        with self.assertRaises(docre.Error):
            docre.Scorer(run_folder() / "dev")
        with self.assertWarnsRegex(docre.RejectedWarning, "pairs"):
            scored = scorer(most_pairs=1)(rows())
        self.assertEqual((len(scored.too_large), len(scored.scores)), (4, 0))
        for name, told in scored.too_large.items():
            self.assertIn(name, told)

    def test_what_is_odd_is_logged_once_of_each_kind(self):
        loaded = scorer(most_pairs=1)
        strange, stranger = [
            docre.annotated({"text": "Ada.", "entities": [{"start": 0, "end": 3, "label": label}]}) for label in ("X", "Y")
        ]
        with self.assertWarnsRegex(docre.RejectedWarning, "pairs"), self.assertLogs("docre", "WARNING") as logged:
            self.assertEqual(len(loaded(rows()).too_large), 4)
        self.assertNotIn("types", " ".join(logged.output))
        with self.assertLogs("docre", "WARNING") as logged:
            loaded(strange)
        self.assertIn("of types that the model was not trained on: `X`", " ".join(logged.output))
        with self.assertNoLogs("docre", "WARNING"):
            self.assertIn("`Y`", " ".join(loaded(stranger).warnings))

    def test_numbers_are_checked_before_anything_is_loaded(self):
        counts = {"threads": -1, "iterations": 1.5, "most_pairs": -3, "pieces_at_once": 1 << 70}
        for name, wrong in {**counts, "threads ": 0, "margin": "5", "at_recall": True}.items():
            with self.subTest(name), self.assertRaisesRegex(docre.UsageError, f"`{name.strip()}`: expected a .*number.*, got"):
                docre.Scorer("nowhere", **{name.strip(): wrong})
        with self.assertRaises(TypeError):
            docre.Scorer("nowhere", nonsense=1)

    @needs("numpy")
    def test_numbers_may_be_those_of_numpy(self):
        import numpy

        scored = scorer(threads=numpy.int64(1), margin=numpy.float32(9.0))(rows())
        self.assertGreaterEqual(len(scored.scores), len(docre.read(run_folder(), "scores")))

    def test_threads_share_a_scorer(self):
        loaded, found = scorer(), []
        score = lambda: found.append(len(loaded(rows()).scores))
        threads = [threading.Thread(target=score) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [len(docre.read(run_folder(), "scores"))] * 4)

    def test_it_can_be_pickled(self):
        again = pickle.loads(pickle.dumps(scorer(margin=9.0)))
        self.assertGreaterEqual(len(again(rows()).scores), len(docre.read(run_folder(), "scores")))

    def test_relations_are_made_of_a_checkpoint_and_what_stands_beside_it(self):
        from docre._docre import making

        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder, "model")
            shutil.copytree(run_folder() / "model", model)
            made = lambda: making(model, None, "{}")
            makings = [made()]
            (model / "decision.json").write_text('{"shift": 0.5}')
            makings.append(made())
            card = json.loads((model / "card.json").read_text())
            (model / "card.json").write_text(json.dumps({**card, "relations": []}))
            makings.append(made())
            self.assertEqual(len(set(makings)), 3)
            # As one that is being replaced stands for a moment.
            model.rename(model.with_name(".model.replaced"))
            self.assertEqual(made(), makings[-1])

    @needs("pyarrow")
    @unittest.skipIf(sys.platform == "win32", "signals")
    def test_ctrl_c_is_heard_within_a_second_and_the_next_batch_is_scored(self):
        script = textwrap.dedent("""
            import os, signal, sys, threading, time
            import docre, pyarrow
            scorer, rows = docre.Scorer(sys.argv[1], device="cpu"), pyarrow.table(docre.read(sys.argv[2]))
            many = []
            for number in range(3000):
                names = pyarrow.array([f"{name}-{number}" for name in rows["doc_id"].to_pylist()])
                many.append(rows.set_column(0, "doc_id", names))
            many, told = pyarrow.concat_tables(many), []
            ticks = []
            def tick():
                while not told:
                    ticks.append(time.monotonic())
                    time.sleep(0.01)
            def tell():
                told.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=tick).start()
            threading.Timer(1.0, tell).start()
            try:
                scorer(many)
                print("done")
            except KeyboardInterrupt:
                print("stopped", time.monotonic() - told[0])
            # The interpreter was free for others meanwhile.
            print(len(ticks), len(scorer(rows).scores))
        """)
        command = [sys.executable, "-c", script, run_folder() / "model", run_folder().parent / "annotated"]
        rows()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=program())
        self.assertEqual(done.returncode, 0, done.stderr)
        how, seconds, ticks, scores = done.stdout.split()
        self.assertEqual(how, "stopped")
        # A machine that is busy with other things takes longer.
        self.assertLess(float(seconds), 5.0)
        self.assertGreater(int(ticks), 10)
        self.assertEqual(int(scores), len(docre.read(run_folder(), "scores")))

    @unittest.skipUnless(hasattr(__import__("os"), "fork"), "fork")
    def test_a_fork_says_why_it_cannot(self):
        script = textwrap.dedent("""
            import os, sys, warnings
            warnings.simplefilter("ignore")
            import docre
            scorer = docre.Scorer(sys.argv[1], device="cpu")
            child = os.fork()
            if child == 0:
                try:
                    scorer(docre.schema("annotated"))
                except docre.Error as error:
                    print(error, flush=True)
                os._exit(0)
            os.waitpid(child, 0)
        """)
        command = [sys.executable, "-c", script, run_folder() / "model"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=program())
        self.assertRegex(done.stdout, "forked.*\nhint: .*spawn", done.stderr)


if __name__ == "__main__":
    unittest.main()

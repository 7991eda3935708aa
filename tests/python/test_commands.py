"""The commands as functions: what they return and what they raise."""

import inspect
import json
import logging
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
import warnings

import docre
from docre import _made
from support import needs, program, rows, run_folder


class Commands(unittest.TestCase):
    def test_every_command_is_a_function(self):
        for name, function in _made.FUNCTIONS.items():
            self.assertIn(name, docre.__all__)
            self.assertIs(getattr(docre, name), function)
            self.assertIn("--help", inspect.getdoc(function))

    def test_what_goes_to_stdout_is_returned(self):
        split = run_folder() / "dev"
        relations = docre.score(checkpoint=run_folder() / "model", corpus=split)
        self.assertIsInstance(relations, docre.Table)
        metrics = docre.evaluate(corpus=split, relations=relations, resamples=0)
        self.assertEqual(metrics, docre.evaluate(corpus=split, relations=run_folder(), resamples=0) | metrics)
        self.assertIn("metrics", metrics)
        self.assertIn("f1", docre.evaluate(corpus=split, relations=relations, resamples=0, format="table").lower())
        counted = docre.query(run_folder(), "SELECT count(*) AS n FROM dev_documents")
        self.assertEqual((counted.num_rows, counted.column_names), (1, ["n"]))
        self.assertEqual(docre.checkpoint_show(run_folder() / "model")["config"]["model"]["kind"], "atlop")
        self.assertEqual(docre.devices()["devices"][0]["device"], "cpu")
        self.assertIsInstance(docre.fit(scores=run_folder(), corpus=split), dict)

    def test_rows_go_in_where_a_pipe_does(self):
        split = run_folder() / "dev"
        relations = docre.score(checkpoint=run_folder() / "model", corpus=rows())
        edges = docre.graph(relations=relations, corpus=split)
        self.assertIn("support", " ".join(edges.column_names) + " support")
        with tempfile.TemporaryDirectory() as folder:
            self.assertIsNone(docre.graph(relations=relations, corpus=split, out=folder, format=["graphml", "ntriples"]))
            self.assertTrue(list(pathlib.Path(folder).glob("*.graphml*")))

    def test_files_of_convert_are_text(self):
        with tempfile.TemporaryDirectory() as folder:
            for count in (1, 3):
                docre.synthesize(documents=count, out=folder, force=True)
                lines = docre.convert(pathlib.Path(folder, "train"), to="jsonl")
                self.assertEqual(len({json.loads(line)["id"] for line in lines.splitlines()}), count)
                listed = docre.convert(pathlib.Path(folder, "train"), to="docred")
                self.assertEqual(len(json.loads(listed)), count)
                self.assertIsInstance(docre.convert(pathlib.Path(folder, "train"), to="annotated"), docre.Table)

    def test_text_is_text_however_much_there_is(self):
        for limit, n_lines in [(0, 0), (1, 1), (2, 2)]:
            sql = f"SELECT doc_id FROM dev_documents LIMIT {limit}"
            self.assertEqual(docre.query(run_folder(), sql, format="json").count("\n"), n_lines)
        self.assertEqual(docre.query(run_folder(), 'SELECT 1 AS "{}" FROM dev_documents LIMIT 0', format="csv"), "{}\n")
        self.assertEqual(docre.query(run_folder(), 'SELECT 1 AS "PAR1" FROM dev_documents LIMIT 0', format="csv"), "PAR1\n")
        convert = ["convert", "--to", "docred", str(run_folder() / "dev")]
        listed = docre.call(convert)
        self.assertIsInstance(listed, str)
        self.assertEqual(docre.call(["--quiet", *convert]), listed)

    def test_numbers_are_known_by_the_types_of_the_parser(self):
        arguments = {of["name"]: of for command in _made.DESCRIBED for of in command["arguments"]}
        for name in ("most-pairs", "margin", "resamples", "at-precision", "timeout", "seed"):
            self.assertTrue(arguments[name]["is_number"], name)
        for name in ("checkpoint", "shard", "device", "force", "split", "candidates"):
            self.assertFalse(arguments[name]["is_number"], name)

    def test_errors_have_hints(self):
        with self.assertRaises(docre.Error) as caught:
            docre.score(checkpoint=run_folder() / "dev", corpus=run_folder() / "dev")
        self.assertNotIn("hint", caught.exception.message)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "x.jsonl")
            path.write_text('{"id": "a", "text": "A b.", "entities": []}\n')
            docre.convert(path, format="jsonl", split="all", out=folder)
            path.write_text('{"id": "b", "text": "A b.", "entities": []}\n')
            with self.assertRaises(docre.Error) as caught:
                docre.convert(path, format="jsonl", split="all", out=folder)
            self.assertIn("--force", caught.exception.hint)
            self.assertIn("\nhint: ", str(caught.exception))

    def test_wrong_arguments_are_told_before_anything_is_done(self):
        with self.assertRaises(TypeError):
            docre.score(checkpoint="x", corpus="y", nonsense=1)
        with self.assertRaises(TypeError):
            docre.score(corpus="y")
        with self.assertRaises(TypeError):
            docre.score(checkpoint="x", corpus="y", force=3)
        for wrong in ({"device": "abacus"}, {"margin": -1.0}, {"precision": "f7"}, {"most_pairs": -1}, {"iterations": 0.5}):
            with self.assertRaises(docre.UsageError) as caught:
                docre.score(checkpoint="x", corpus="y", **wrong)
            self.assertIsInstance(caught.exception, ValueError)
            self.assertNotIn("Usage", str(caught.exception))

    def test_what_was_rejected_is_a_warning(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "x.jsonl")
            path.write_text('{"id": "a", "text": "A b.", "entities": []}\n{"id": "b"}\n')
            with self.assertWarnsRegex(docre.RejectedWarning, "rejected"):
                docre.convert(path, format="jsonl", split="all", out=folder)

    def test_lines_go_to_a_logger(self):
        with tempfile.TemporaryDirectory() as folder, self.assertLogs("docre", logging.INFO) as logged:
            docre.synthesize(documents=3, out=folder)
        self.assertIn("3 documents", " ".join(logged.output))

    def test_threads_share_the_library(self):
        found = []
        count = lambda: found.append(docre.query(run_folder(), "SELECT * FROM dev_documents").num_rows)
        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(found)), 1)
        self.assertEqual(len(found), 4)

    @unittest.skipIf(sys.platform == "win32", "signals")
    def test_ctrl_c_stops_work_and_the_next_goes_on(self):
        with tempfile.TemporaryDirectory() as folder:
            script = textwrap.dedent(f"""
                import docre, os, signal, sys, threading, time
                threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
                try:
                    docre.synthesize(documents=10_000_000, out={folder!r})
                except KeyboardInterrupt:
                    print("stopped", flush=True)
                docre.synthesize(documents=3, out={folder!r}, split="dev")
                print(docre.read({folder!r} + "/dev", "documents").num_rows, os.listdir({folder!r}))
            """)
            command = [sys.executable, "-c", script]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=program())
            self.assertEqual(done.stdout.split("\n")[:2], ["stopped", "3 ['dev']"], done.stderr)


class Program(unittest.TestCase):
    """The command `docre`."""

    def docre(self, *arguments, **options):
        command = [sys.executable, "-m", "docre", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=120, env=program(), **options)

    def test_exit_codes_and_streams(self):
        self.assertEqual(self.docre("--version").stdout.decode().split(), ["docre", docre.__version__])
        self.assertEqual(self.docre("score").returncode, 2)
        wrong = self.docre("query", "/nonexistent", "SELECT 1")
        self.assertEqual((wrong.returncode, wrong.stdout), (1, b""))
        self.assertTrue(wrong.stderr.startswith(b"error: "), wrong.stderr)

    def test_what_has_no_end_of_line_is_written_whole(self):
        done = self.docre("query", run_folder(), "SELECT * FROM dev_documents", "--format", "parquet")
        self.assertEqual((done.stdout[:4], done.stdout[-4:]), (b"PAR1", b"PAR1"), done.stderr)

    @unittest.skipIf(sys.platform == "win32", "signals")
    def test_ctrl_c_ends_it_as_it_ends_the_program(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "docre", "synthesize", "--docs", "10000000", "--out", folder]
            with subprocess.Popen(command, stderr=subprocess.PIPE, env=program()) as started:
                started.stderr.read(1)
                started.send_signal(signal.SIGINT)
                said = started.stderr.read()
            self.assertEqual(started.returncode, 130, said)
            self.assertIn(b"stopped by SIGINT", said)

    def test_settings_of_the_environment_are_those_of_the_program(self):
        script = "import os, docre; print(all(os.environ[k] == v for k, v in docre._docre.environment()))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=program())
        self.assertEqual(done.stdout.strip(), "True", done.stderr)


if __name__ == "__main__":
    unittest.main()

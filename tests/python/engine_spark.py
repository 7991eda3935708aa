"""Spark: the rows of a scorer, by a model that each worker loads once."""

import os
import pathlib
import shutil
import sys
import tempfile
import unittest

import docre
from support import generous, needs, relations_of, rows, run_folder, sorted_rows

def begun():
    """A session, and what ends it."""
    from pyspark.sql import SparkSession

    # Else its workers are whatever `python3` is.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", False)
    # A batch a document, so that a worker has several.
    session = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 1).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session, session.stop


@needs("pyspark", "pyarrow")
@unittest.skipUnless(shutil.which("java"), "no Java runtime")
class Spark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.notes = pathlib.Path(tempfile.mkdtemp(prefix="docre-spark-"))
        cls.addClassCleanup(shutil.rmtree, cls.notes, ignore_errors=True)
        rows()
        cls.rows = run_folder().parent / "annotated"
        cls.expected = relations_of(docre.Scorer(run_folder() / "model", device="cpu", threads=1, decision=generous())(rows()))
        cls.session, stop = begun()
        cls.addClassCleanup(stop)

    def frame(self):
        return self.session.read.parquet(str(self.rows)).repartition(3)

    def test_the_rows_and_their_types(self):
        import docre.spark

        found = docre.spark.relations(self.frame(), run_folder() / "model", decision=generous())
        self.assertEqual(found.columns, docre.schema("relations").column_names)
        kinds = dict(found.dtypes)
        self.assertEqual((kinds["head"], kinds["logit"], kinds["relation"]), ("bigint", "float", "string"))
        self.assertEqual(sorted_rows([row.asDict() for row in found.collect()]), self.expected)
        out = self.notes / "relations"
        found.write.parquet(str(out))
        self.assertEqual(sorted_rows(docre.read(out)), self.expected)
        # docre takes them as they are, with Spark's whole numbers.
        self.assertIn("metrics", docre.evaluate(corpus=run_folder() / "dev", relations=out, resamples=0))

    def test_what_is_too_large_is_told(self):
        import docre.spark

        found = docre.spark.documents(self.frame(), run_folder() / "model", most_pairs=1).collect()
        self.assertEqual(len(found), 4)
        for row in found:
            self.assertEqual(row.relations, [])
            self.assertIn(row.doc_id, row.not_scored)

    def test_a_bad_document_is_told_with_its_field(self):
        import docre.spark

        wrong = self.frame().drop("tokens")
        with self.assertRaisesRegex(Exception, "InputError.*`?tokens`?"):
            docre.spark.relations(wrong, run_folder() / "model").collect()
        with self.assertRaises(docre.UsageError):
            docre.spark.relations(self.frame(), run_folder() / "model", threads=-1)

    def test_the_model_is_loaded_once_a_worker(self):
        import docre.spark

        frame = self.frame()
        found = frame.mapInArrow(noting(str(run_folder() / "model")), "pid long, loaded long")
        seen = {(row.pid, row.loaded) for _ in range(3) for row in found.collect()}
        self.assertTrue(seen)
        self.assertEqual({loaded for _, loaded in seen}, {1}, seen)


def noting(checkpoint):
    """What tells the process and how often it has loaded a model."""

    def counted(batches):
        import os

        import pyarrow

        import docre.spark

        said = (("checkpoint", checkpoint), ("device", "cpu"), ("threads", 1))
        for batch in batches:
            docre.spark.held(said)(batch)
            loaded = docre.spark.held.cache_info().misses
            yield pyarrow.RecordBatch.from_pydict({"pid": [os.getpid()], "loaded": [loaded]})

    return counted


if __name__ == "__main__":
    unittest.main()

"""Tables out, and rows in, by the Arrow PyCapsule interface."""

import unittest

import docre
from support import needs, rows, run_folder


class Tables(unittest.TestCase):
    def test_what_a_table_says_of_itself(self):
        table = docre.read(run_folder(), "scores")
        self.assertIsInstance(table, docre.Table)
        self.assertEqual(len(table), table.num_rows)
        self.assertGreater(len(table), 0)
        self.assertEqual(table.column_names[:2], ["run_id", "doc_id"])
        self.assertIn(f"docre.Table of {len(table)} rows", repr(table))

    def test_what_is_not_there_is_an_error(self):
        with self.assertRaises(docre.Error) as caught:
            docre.read(run_folder(), "nonsense")
        self.assertIn("nonsense", str(caught.exception))

    def test_the_columns_of_a_table_without_rows(self):
        for name in ("annotated", "relations", "scores"):
            self.assertEqual(docre.schema(name).num_rows, 0)
        self.assertEqual(docre.schema("relations").column_names, docre.read(run_folder(), "relations").column_names)
        with self.assertRaises(ValueError):
            docre.schema("nonsense")

    def test_capsules_are_named_as_the_interface_says(self):
        table = rows()
        self.assertIn("arrow_array_stream", repr(table.__arrow_c_stream__()))
        self.assertIn("arrow_schema", repr(table.__arrow_c_schema__()))

    def test_what_has_no_rows_is_refused(self):
        for other in ([1, 2], {"a": 1}, 7):
            with self.assertRaisesRegex(TypeError, "expected"):
                docre.graph(relations=other, corpus=run_folder() / "dev")
        with self.assertRaisesRegex(TypeError, "__arrow_c_stream__"):
            docre.call(["graph", "--relations=-"], object())

    @needs("pyarrow")
    def test_pyarrow(self):
        import pyarrow

        table = pyarrow.table(rows())
        self.assertEqual(table.num_rows, 4)
        self.assertEqual(pyarrow.table(rows()), table, "a table can be read again")
        self.assertEqual(pyarrow.schema(rows()), table.schema)
        self.check(table)
        self.check(table.to_batches()[0])
        self.check(pyarrow.RecordBatchReader.from_stream(rows()))

    @needs("polars")
    def test_polars(self):
        import polars

        self.check(polars.DataFrame(rows()))

    @needs("pandas", "pyarrow")
    def test_pandas(self):
        import pandas

        frame = pandas.DataFrame.from_arrow(rows()) if hasattr(pandas.DataFrame, "from_arrow") else None
        if frame is not None:
            self.assertEqual(len(frame), 4)
        relations = pandas.DataFrame({"doc_id": ["a"], "head": [0], "tail": [1], "relation": ["r"]})
        self.assertTrue(hasattr(relations, "__arrow_c_stream__"))

    @needs("duckdb", "pyarrow")
    def test_duckdb(self):
        import duckdb

        found = rows()
        self.assertEqual(duckdb.sql("SELECT count(*) FROM found").fetchall(), [(4,)])
        self.check(duckdb.sql("SELECT * FROM found"))

    def check(self, documents):
        """The same documents are the same relations, whoever holds them."""
        found = docre.score(checkpoint=run_folder() / "model", corpus=documents)
        self.assertEqual(found.column_names, docre.schema("relations").column_names)
        self.assertEqual(len(found), len(docre.read(run_folder(), "relations")))


if __name__ == "__main__":
    unittest.main()

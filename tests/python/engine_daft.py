"""Daft: the rows of a scorer."""

import unittest

import docre
from support import generous, needs, relations_of, rows, run_folder, sorted_rows


@needs("daft", "pyarrow")
class Daft(unittest.TestCase):
    def frame(self):
        import daft

        rows()
        return daft.read_parquet(str(run_folder().parent / "annotated"))

    def test_the_rows(self):
        import docre.daft

        found = docre.daft.relations(self.frame(), run_folder() / "model", workers=2, batch_size=2, decision=generous()).to_arrow()
        self.assertEqual(found.column_names, docre.schema("relations").column_names)
        expected = docre.Scorer(run_folder() / "model", device="cpu", threads=1, decision=generous())(rows())
        self.assertEqual(sorted_rows(found), relations_of(expected))

    def test_what_is_too_large_is_told(self):
        import docre.daft

        found = docre.daft.documents(self.frame(), run_folder() / "model", most_pairs=1).to_arrow().to_pylist()
        self.assertEqual([row["relations"] for row in found], [[]] * 4)
        for row in found:
            self.assertIn(row["doc_id"], row["not_scored"])


if __name__ == "__main__":
    unittest.main()

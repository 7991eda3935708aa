"""Makes `annotated` of splits with DuckDB by the SQL of `schemas/annotated.sql`, and checks that it is docre's own, and that
docre reads what DuckDB has written.

Run by `make peers`, after `make pipelines`, with DuckDB installed. Further arguments are further splits.
"""

import pathlib
import shutil
import subprocess
import sys

import duckdb

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCRE, SPLITS = sys.argv[1], sys.argv[2:]
WORK = ROOT / "runs" / "rows"


def docre(*arguments):
    return subprocess.run([DOCRE, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def same_rows(sql, split):
    ours, theirs = WORK / "ours", WORK / "theirs.parquet"
    docre("convert", "--to", "annotated", "--force", "--out", ours, split)
    duckdb.sql(f"SET VARIABLE split = '{split}'")
    duckdb.sql(f"COPY ({sql}) TO '{theirs}'")
    tables = [f"SELECT * FROM '{ours}/*.parquet'", f"SELECT * FROM '{theirs}'"]
    for one, other in [tables, tables[::-1]]:
        left = duckdb.sql(f"{one} EXCEPT ALL {other}").fetchall()
        assert not left, (split, left[0])
    return theirs, duckdb.sql(f"SELECT count(*) FROM '{theirs}'").fetchall()[0][0]


def same_relations(rows, split):
    checkpoint, tables = ROOT / "runs" / "sample" / "model", []
    for corpus in [split, rows]:
        out = WORK / "scored"
        docre("score", "--checkpoint", checkpoint, "--corpus", corpus, "--run-id", "run", "--force", "--out", out)
        tables.append(docre("query", out, "SELECT * FROM relations", "--format", "csv"))
    assert tables[0] == tables[1], split


def main():
    sql = (ROOT / "schemas" / "annotated.sql").read_text()
    WORK.mkdir(parents=True, exist_ok=True)
    sample = ROOT / "runs" / "sample" / "test"
    for split in SPLITS or [sample]:
        rows, count = same_rows(sql, split)
        print(f"{split}: {count} rows of `annotated` by DuckDB are docre's")
        if split == sample:
            same_relations(rows, split)
            print(f"{split}: and give the same relations")
    shutil.rmtree(WORK)


main()

"""Reads every table that docre writes with DuckDB, and checks that the SQL of the metrics' page gives docre's own F1, and
that of the graph's page its nodes and edges.

Run by `make peers`, after `make pipelines`, with DuckDB installed.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import duckdb

ROOT = pathlib.Path(__file__).parent.parent.parent
DOCRE = sys.argv[1]
PAGE = ROOT / "src" / "metrics" / "README.md"
GRAPH = ROOT / "src" / "graph" / "README.md"


def columns_of_schemas():
    for path in sorted((ROOT / "schemas").glob("*.json")):
        schema = json.loads(path.read_text())
        yield schema["name"], [column["name"] for column in schema["columns"]]


def check_tables():
    sample = ["--corpus", "runs/sample", "--split", "test", "--relations", "runs/sample"]
    against = ["--against", "runs/sample", "--out", "runs/peers", "--force"]
    subprocess.run([DOCRE, "evaluate", *sample, *against], check=True, stdout=subprocess.DEVNULL)
    n_tables = 0
    for name, columns in columns_of_schemas():
        for folder in sorted((ROOT / "runs").glob(f"**/{name}")):
            relation = duckdb.sql(f"SELECT * FROM '{folder}/*.parquet'")
            assert relation.columns == columns, (folder, relation.columns)
            n_rows = len(relation.fetchall())
            sql = f"SELECT count(*) AS n FROM {name}"
            ours = subprocess.run([DOCRE, "query", folder, sql, "--format", "csv"], check=True, capture_output=True)
            assert int(ours.stdout.split()[1]) == n_rows, folder
            n_tables += 1
    print(f"DuckDB reads {n_tables} tables, each with the columns of its schema and docre's number of rows")


def check_f1():
    sql = re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    theirs = duckdb.sql(sql).fetchall()[0][0]
    metrics = duckdb.sql("SELECT f1 FROM 'runs/sample/metrics/*.parquet' WHERE metric = 'F1' AND scope = 'all' AND relation IS NULL")
    ours = metrics.fetchall()[0][0]
    assert abs(theirs - ours) < 1e-12, (theirs, ours)
    print(f"DuckDB's F1 and docre's: {theirs:.12f} and {ours:.12f}")


def check_graph():
    merges, edges, nodes = re.findall(r"```sql\n(.*?)```", GRAPH.read_text(), re.DOTALL)
    for table in ["relations", "graph/merges", "graph/edges", "graph/nodes"]:
        duckdb.sql(f"CREATE VIEW {table.split('/')[-1]} AS SELECT * FROM 'runs/sample/{table}/*.parquet'")
    corpus = "runs/sample/test" if pathlib.Path("runs/sample/test").exists() else "runs/sample/corpus/test"
    for table in ["entities", "relation_types"]:
        duckdb.sql(f"CREATE VIEW {table} AS SELECT * FROM '{corpus}/{table}/*.parquet'")
    assert set(duckdb.sql(merges).fetchall()) == set(duckdb.sql("SELECT doc_id, entity_id, node_id FROM merges").fetchall())
    for sql, table in [(edges, "edges"), (nodes, "nodes")]:
        theirs = duckdb.sql(sql)
        columns = ", ".join(theirs.columns)
        theirs = theirs.fetchall()
        ours = duckdb.sql(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
        theirs.sort(key=lambda row: row[:3])
        ours.sort(key=lambda row: row[:3])
        assert len(theirs) == len(ours)
        for one, other in zip(theirs, ours):
            assert one[:7] == other[:7] and all(abs(a - b) < 1e-9 for a, b in zip(one[7:], other[7:])), (one, other)
        print(f"DuckDB's {table} and docre's: {len(ours)} rows")


os.chdir(ROOT)
check_tables()
check_graph()
check_f1()

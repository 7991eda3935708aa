//! `docre query` and the stage `query`: what is too much, differences below zero, and the order of rows.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{command, docre, files, rows};

/// A small synthetic split.
fn split() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    let run = docre(["synthesize", "--documents", "20", "--split", "dev", "--out", out]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let dev = format!("{out}/dev");
    (folder, dev)
}

fn refusal(folder: &str, arguments: &[&str]) -> String {
    let run = docre([&["query", folder], arguments].concat());
    assert_eq!(run.code, Some(1), "{arguments:?}: {}", run.stdout);
    run.stderr
}

#[test]
fn long_and_deep_statements_end_in_words() {
    let (_folder, dev) = split();
    let many = |part: &str, with: &str, number: usize| vec![part; number].join(with);
    let chain = |last: usize, body: &str| -> String {
        let next = |step: usize| format!(", c{step} AS ({})", body.replace('C', &format!("c{}", step - 1)));
        let steps: String = (1..=last).map(next).collect();
        format!("WITH c0 AS (SELECT head FROM facts){steps} SELECT count(*) AS n FROM c{last}")
    };
    for statement in [
        format!("SELECT {} AS n FROM facts", many("1", "+", 60_000)),
        format!("SELECT {} AS n FROM facts", many("head", "+", 5_000)),
        format!("SELECT {} AS n FROM facts", many("doc_id", "||", 500)),
        format!("SELECT * FROM facts WHERE {}", many("head > 0", " AND ", 2_000)),
        format!("SELECT * FROM facts WHERE {}", many("head = 7", " OR ", 2_000)),
        many("SELECT head FROM facts", " UNION ALL ", 3_000),
        chain(3_000, "SELECT * FROM C"),
        chain(30, "SELECT * FROM C UNION ALL SELECT * FROM C"),
        format!("SELECT {}1{} AS n", "(".repeat(5_000), ")".repeat(5_000)),
        format!("SELECT CASE {} END AS n FROM facts", many("WHEN head = 1 THEN 2", " ", 1_000)),
        format!("SELECT count(*) AS n FROM facts {}", many("", "CROSS JOIN facts AS b ", 300)),
    ] {
        let started = Instant::now();
        let said = refusal(&dev, &[&statement]);
        assert!(said.starts_with("error: ") && said.len() < 500, "{said}");
        assert!(started.elapsed() < Duration::from_mins(1), "{}", &statement[..60]);
    }
    let list = many("'P17'", ", ", 10_000);
    assert_eq!(rows(Path::new(&dev), &format!("SELECT count(*) AS n FROM facts WHERE relation IN ({list})")).len(), 1);
}

#[test]
fn a_limit_that_is_passed_is_told() {
    let (_folder, dev) = split();
    // Each join stays below what the engine refuses by itself, 2^32 rows.
    let product = "SELECT a.head, b.text FROM facts a, tokens b, tokens c";
    let started = Instant::now();
    let said = refusal(&dev, &[product, "--timeout", "0.2", "--memory", "100GB"]);
    assert!(said.starts_with("error: expected an answer within 0.2 s, got none\nhint: "), "{said}");
    assert!(started.elapsed() < Duration::from_secs(10));
    if cfg!(target_os = "linux") {
        let said = refusal(&dev, &[product, "--memory", "200MB", "--timeout", "60"]);
        assert!(said.starts_with("error: expected an answer that takes at most 200 MB of memory"), "{said}");
    }
    let graph = format!("{dev}/graph");
    let run = docre(["graph", "--corpus", &dev, "--relations", &format!("{dev}/relations.parquet"), "--out", &graph]);
    assert_eq!(run.code, Some(1), "there are no relations yet");
    let sql = "SELECT 'r' AS run_id, doc_id, head, tail, relation FROM facts";
    let table = command(["query", &dev, sql, "--format", "parquet"]).output().unwrap();
    fs::write(format!("{dev}/relations.parquet"), table.stdout).unwrap();
    let run = docre(["graph", "--corpus", &dev, "--relations", &format!("{dev}/relations.parquet"), "--out", &graph]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let product = "SELECT (count(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }";
    let said = refusal(&graph, &["--sparql", product, "--timeout", "0.3"]);
    assert!(said.starts_with("error: expected an answer within 0.3 s, got none"), "{said}");
}

#[test]
fn limits_are_refused_where_they_are_none() {
    for (option, value, expected) in [
        ("--timeout", "0", "`--timeout`: expected more than 0 seconds"),
        ("--timeout", "-1", "`--timeout`: expected more than 0 seconds"),
        ("--timeout", "soon", "expected a number"),
        ("--memory", "5", "expected a size of memory, such as `500MB` or `2GiB`, got `5`"),
    ] {
        let run = docre(["query", ".", "SELECT 1", option, value]);
        assert_eq!(run.code, Some(2), "{option} {value}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{option} {value}: {}", run.stderr);
    }
}

#[test]
fn differences_go_below_zero() {
    let (_folder, dev) = split();
    let dev = Path::new(&dev);
    let least = |sql: &str| -> i64 {
        let values = rows(dev, sql);
        values.iter().map(|value| value.parse().unwrap()).min().unwrap()
    };
    for sql in [
        "SELECT head - tail AS d FROM facts",
        "SELECT head - tail AS head FROM facts",
        "SELECT -head AS d FROM facts",
        "SELECT min(head) - max(tail) AS d FROM facts",
        "SELECT count(*) - count(doc_id) - 1 AS d FROM facts",
        "SELECT count(DISTINCT doc_id) - count(*) AS d FROM facts",
        "SELECT array_length(evidence) - head AS d FROM facts",
        "SELECT a.n - b.n AS d FROM (SELECT count(*) AS n FROM documents) AS a CROSS JOIN (SELECT count(*) AS n FROM facts) AS b",
        "SELECT length(relation) - 100 AS d FROM facts",
        "SELECT row_number() OVER (ORDER BY head) - 1000 AS d FROM facts",
    ] {
        let least = least(sql);
        assert!((-2_000..0).contains(&least), "{sql}: {least}");
    }
    assert_eq!(rows(dev, "SELECT sum(head * 4000000000) > 4294967295 AS d FROM facts"), ["true"]);
}

/// The bytes of a statement's result in Parquet.
fn parquet(folder: &str, sql: &str) -> Output {
    command(["query", folder, sql, "--format", "parquet"]).output().unwrap()
}

#[test]
fn the_same_statement_gives_the_same_bytes() {
    let (_folder, dev) = split();
    for sql in [
        "SELECT doc_id, relation, count(*) AS n FROM facts GROUP BY doc_id, relation",
        "SELECT doc_id, relation, count(*) AS n FROM facts GROUP BY doc_id, relation ORDER BY n DESC",
        "SELECT doc_id, relation, count(*) AS n FROM facts GROUP BY doc_id, relation LIMIT 7 OFFSET 2",
        "SELECT doc_id, evidence, count(*) AS n FROM facts GROUP BY ALL ORDER BY n LIMIT 9",
        "SELECT doc_id, relation, count(*) AS n FROM facts GROUP BY doc_id, relation FETCH FIRST 8 ROWS ONLY",
        "(SELECT doc_id, count(*) AS n FROM facts GROUP BY doc_id ORDER BY n)",
        "SELECT doc_id, head FROM facts UNION SELECT doc_id, tail FROM facts",
        "SELECT a.doc_id, a.relation, b.name FROM facts a JOIN mentions b ON a.doc_id = b.doc_id AND a.head = b.entity_id",
        "SELECT DISTINCT relation, head FROM facts",
        "WITH c AS (SELECT relation, max(head) AS m FROM facts GROUP BY relation) SELECT * FROM c WHERE m > 3",
    ] {
        let first = parquet(&dev, sql);
        assert!(
            first.status.success() && first.stdout.len() > 100,
            "{sql}: {}",
            String::from_utf8_lossy(&first.stderr)
        );
        for _ in 0..4 {
            assert!(parquet(&dev, sql).stdout == first.stdout, "{sql}");
        }
    }
    let counts = rows(Path::new(&dev), "SELECT relation, count(*) AS n FROM facts GROUP BY relation LIMIT 3");
    let all = rows(Path::new(&dev), "SELECT relation, count(*) AS n FROM facts GROUP BY relation");
    assert!(all.is_sorted() && counts == all[..3], "{all:?}");
    let inner =
        "SELECT * FROM (SELECT relation, count(*) AS n FROM facts GROUP BY relation ORDER BY n DESC, relation) AS x";
    let outer = "SELECT relation, count(*) AS n FROM facts GROUP BY relation ORDER BY n DESC";
    assert_eq!(rows(Path::new(&dev), inner), rows(Path::new(&dev), outer), "an order further in is kept");
}

#[test]
fn a_statement_opens_no_file_in_a_stage_either() {
    let (folder, dev) = split();
    let table = format!("{dev}/facts/part-00000.parquet");
    let pipeline = "[sources]\nsql = \"SQL\"\ndev = \"DEV\"\n[[stage]]\nname = \"one\"\nkind = \"query\"\ntimeout = 60\n\
        memory = \"2GB\"\ninputs = { sql = \"sql\", dev = \"dev\" }\noutputs = { table = \"one.parquet\" }\n";
    let (sql, file) = (folder.path().join("one.sql"), folder.path().join("one.toml"));
    fs::write(&file, pipeline.replace("SQL", sql.to_str().unwrap()).replace("DEV", &dev)).unwrap();
    let run = |statement: &str| {
        fs::write(&sql, statement).unwrap();
        let runs = folder.path().join("runs");
        docre(["run", file.to_str().unwrap(), "--runs", runs.to_str().unwrap()])
    };
    for statement in [
        format!("SELECT * FROM read_parquet('{table}')"),
        format!("WITH x AS (SELECT * FROM Read_Parquet('{table}')) SELECT * FROM x"),
        format!("SELECT * FROM dev_facts WHERE head IN (SELECT head FROM \"read_parquet\"('{table}'))"),
        format!("SELECT * FROM '{table}'"),
        format!("SELECT * FROM \"{table}\""),
        format!("TABLE \"{table}\""),
        "EXPLAIN DROP TABLE dev_facts".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "WITH x AS (SELECT 1) INSERT INTO dev_facts SELECT * FROM x".to_owned(),
    ] {
        let run = run(&statement);
        assert_eq!(run.code, Some(1), "{statement}: {}", run.stderr);
    }
    let run = run("SELECT relation, count(*) AS n FROM dev_facts GROUP BY relation");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(files(&folder.path().join("runs")).iter().any(|(path, _)| path.ends_with("one.parquet")));
}

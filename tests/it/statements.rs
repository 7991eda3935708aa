//! Statements over products of tables: right, or refused in words, and ended when they are told to.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{docre, rows};

/// A small synthetic split.
fn split(documents: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    let run = docre(["synthesize", "--documents", documents, "--split", "dev", "--out", out]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let dev = format!("{out}/dev");
    (folder, dev)
}

#[test]
fn joins_of_one_table_by_inequalities_count_right() {
    let (_folder, dev) = split("4");
    let dev = Path::new(&dev);
    let relations = rows(dev, "SELECT relation FROM facts");
    let triples = |holds: fn([&str; 3]) -> bool| {
        let pairs = relations.iter().flat_map(|a| relations.iter().map(move |b| (a, b)));
        let all = pairs.flat_map(|(a, b)| relations.iter().map(move |c| [&**a, b, c]));
        all.filter(|triple| holds(*triple)).count()
    };
    // Of the last, nothing but the condition needs the last table's column, nor the first table's.
    let rising = triples(|[a, b, c]| a < b && b < c);
    let unlike = triples(|[a, b, c]| a != b && b != c);
    for (condition, expected) in [
        ("FROM facts a, facts b, facts c WHERE a.relation < b.relation AND b.relation < c.relation", rising),
        ("FROM facts a JOIN facts b ON a.relation < b.relation JOIN facts c ON b.relation < c.relation", rising),
        ("FROM facts a, facts b, facts c WHERE a.relation <> b.relation AND b.relation <> c.relation", unlike),
    ] {
        assert_eq!(rows(dev, &format!("SELECT count(*) AS n {condition}")), [expected.to_string()], "{condition}");
    }
}

#[test]
fn a_product_that_no_engine_counts_is_refused_in_the_words_of_this_program() {
    let (_folder, dev) = split("20");
    let run = docre(["query", &dev, "SELECT count(*) AS n FROM tokens a, tokens b, tokens c", "--memory", "100GB"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    let expected = "error: expected less than 2^32 rows in each step of a statement, got more\nhint: ";
    assert!(run.stderr.starts_with(expected) && !run.stderr.contains("polars"), "{}", run.stderr);
}

//! Statements over products of tables: right, or refused in words, and ended when they are told to.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use docre::graph::Graph;
use docre::graph::store::{Loaded, Stop};
use tempfile::TempDir;

use crate::support::{command, docre, rows};

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

/// The graph of a split's facts.
fn graph(dev: &str) -> String {
    let (relations, graph) = (format!("{dev}/relations.parquet"), format!("{dev}/graph"));
    let sql = "SELECT 'r' AS run_id, doc_id, head, tail, relation FROM facts";
    let table = command(["query", dev, sql, "--format", "parquet"]).output().unwrap();
    fs::write(&relations, table.stdout).unwrap();
    let run = docre(["graph", "--corpus", dev, "--relations", &relations, "--out", &graph]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    graph
}

#[test]
fn a_query_of_a_graph_ends_when_it_is_told_to() {
    let (_folder, dev) = split("20");
    let graph = Graph::open(Path::new(&graph(&dev))).unwrap();
    let product = "{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }";
    for query in [
        format!("SELECT (count(*) AS ?n) WHERE {product}"),
        format!("SELECT * WHERE {product}"),
        format!("CONSTRUCT {{ ?a ?e ?i }} WHERE {product}"),
    ] {
        let stop = Stop::new();
        let loaded = Loaded::new(&graph).unwrap().until(stop.clone());
        let ended = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(200));
                stop.cancel();
            });
            loaded.query(&query)
        });
        // That it ends at all: the product has 10^11 rows.
        assert!(ended.is_err(), "{query}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_query_of_a_graph_is_limited() {
    let (_folder, dev) = split("20");
    let graph = graph(&dev);
    for head in ["SELECT *", "CONSTRUCT { ?a ?e ?i }"] {
        let product = format!("{head} WHERE {{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }}");
        let run = docre(["query", &graph, "--sparql", &product, "--memory", "60MB", "--timeout", "100"]);
        let expected = "error: expected an answer that takes at most 60 MB of memory";
        assert!(run.code == Some(1) && run.stderr.starts_with(expected), "{head}: {}", run.stderr);
    }
}

//! The SQL on the graph's page: its nodes and edges are those of `docre graph`.

use std::fs;
use std::path::{Path, PathBuf};

use docre::table;
use docre::table::rows::{PredictionRow, RelationTypeRow};
use tempfile::TempDir;

use crate::support::{docre, rows};

/// The statements of the page: where each entity went, the edges, the nodes.
fn statements() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graph/README.md")).unwrap();
    page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn ran(arguments: &[&str]) {
    let run = docre(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// A corpus, its facts as the relations of two runs that now and then differ, and the graph of these, in one folder.
fn made(folder: &Path) -> PathBuf {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let corpus = folder.join("corpus");
    ran(&["synthesize", "--docs", "60", "--split", "test", "--facts", "4", "--out", &text(&corpus)]);
    let split = corpus.join("test");
    let facts = rows(&split, "SELECT doc_id, head, tail, relation FROM facts");
    let relation = |run_id: &str, place: usize, fact: &str, turned: bool| {
        let [doc_id, head, tail, relation] = fact.split(',').collect::<Vec<_>>().try_into().unwrap();
        let (head, tail): (u32, u32) = (head.parse().unwrap(), tail.parse().unwrap());
        let (head, tail) = if turned { (tail, head) } else { (head, tail) };
        PredictionRow {
            run_id: Some(run_id.into()),
            doc_id: doc_id.into(),
            head,
            tail,
            relation: relation.into(),
            // 1 among them, whose logarithm there is none of the rest; and some without, as gold facts are.
            probability: (place % 5 != 4).then_some((place % 8 + 1) as f32 / 8.0),
            evidence: None,
            attributes: None,
        }
    };
    let mut relations = Vec::new();
    for (place, fact) in facts.iter().enumerate() {
        relations.push(relation("one", place, fact, place % 2 == 0));
        if place % 3 == 0 {
            relations.push(relation("two", place + 1, fact, false));
        }
        // The same in the other direction, which of an undirected relation is the same fact.
        if place % 5 == 0 {
            relations.push(relation("one", place + 3, fact, place % 2 != 0));
        }
    }
    relations.sort_by(|one, other| (&one.doc_id, one.head, one.tail).cmp(&(&other.doc_id, other.head, other.tail)));
    let all = folder.join("all");
    table::write(&all, "", relations).unwrap();
    fs::rename(all.join("predictions"), all.join("relations")).unwrap();
    let words: Vec<RelationTypeRow> = table::read(&split).unwrap().flat_map(Result::unwrap).collect();
    let every_other = (0..).zip(words).map(|(place, row)| RelationTypeRow { undirected: place % 2 == 0, ..row });
    table::write(&split, "", every_other.collect::<Vec<_>>()).unwrap();
    let [relations, graph] = ["relations", "graph"].map(|name| text(&all.join(name)));
    ran(&["graph", "--relations", &relations, "--corpus", &text(&split), "--out", &graph]);
    for (from, name) in [(&split, "entities"), (&split, "relation_types")] {
        fs::create_dir(all.join(name)).unwrap();
        for part in fs::read_dir(from.join(name)).unwrap().map(Result::unwrap) {
            fs::copy(part.path(), all.join(name).join(part.file_name())).unwrap();
        }
    }
    all
}

/// The cells of lines, those that are numbers rounded.
fn rounded(lines: &[String]) -> Vec<String> {
    let cell = |cell: &str| match cell.parse::<f64>() {
        Ok(number) => format!("{number:.6}"),
        Err(_) => cell.to_owned(),
    };
    lines.iter().map(|line| line.split(',').map(cell).collect::<Vec<_>>().join(",")).collect()
}

#[test]
fn the_sql_of_the_page_makes_the_graph() {
    let folder = TempDir::new().unwrap();
    let all = made(folder.path());
    let [merges, edges, nodes]: [String; 3] = statements().try_into().unwrap();
    for (sql, ours) in [
        (
            merges + " ORDER BY doc_id, entity_id",
            "SELECT doc_id, entity_id, node_id FROM merges ORDER BY doc_id, entity_id",
        ),
        (
            edges,
            "SELECT head, relation, tail, label, n_documents, n_facts, best_probability, combined_probability FROM edges \
             ORDER BY head, relation, tail",
        ),
        (nodes, "SELECT node_id, name, type, kb_id, n_documents, n_entities, n_mentions FROM nodes ORDER BY node_id"),
    ] {
        let (theirs, ours) = (rounded(&rows(&all, &sql)), rounded(&rows(&all, ours)));
        assert!(ours.len() > 50);
        assert_eq!(theirs, ours);
    }
}

//! `docre report`: what stands in a page, and what must not. A browser opens pages in `tests/peers/report.py`.

use std::fs;
use std::path::{Path, PathBuf};

use docre::table::rows::*;
use docre::table::{self, Row, Table, Text};
use miniz_oxide::inflate::decompress_to_vec_zlib;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pipeline::Place;
use crate::support::{DOCUMENT, Run, docre};

const SECTIONS: [&str; 11] = [
    "summary",
    "metrics",
    "learning",
    "curve",
    "relations",
    "errors",
    "inference",
    "predictions",
    "documents",
    "graph",
    "lineage",
];

pub fn report(run: &Path, further: &[&str]) -> Run {
    docre(["report", run.to_str().unwrap()].iter().chain(further))
}

pub fn page(run: &Path) -> String {
    let done = report(run, &[]);
    assert_eq!((done.code, &*done.stdout), (Some(0), ""), "{}", done.stderr);
    fs::read_to_string(run.join("report.html")).unwrap()
}

/// A block of a page, unpacked as a browser does it.
pub fn block(page: &str, name: &str) -> Value {
    let start = format!("<script type=\"application/octet-stream\" id=\"block-{name}\">");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no block {name}"));
    let (packed, _) = rest.split_once("</script>").unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in packed.trim_end_matches('=').chars() {
        bits = (bits << 6) | alphabet.find(digit).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    serde_json::from_slice(&decompress_to_vec_zlib(&bytes).unwrap()).unwrap()
}

/// A run of one split, converted from DocRED's JSON.
pub fn converted(documents: &str) -> TempDir {
    let run = TempDir::new().unwrap();
    let source = run.path().join("test.json");
    fs::write(&source, documents).unwrap();
    let arguments = ["convert", "--format", "docred", "--split", "test", "--out", run.path().to_str().unwrap()];
    let done = docre(arguments.iter().copied().chain([source.to_str().unwrap()]));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    run
}

pub fn write<R: Row>(folder: &Path, rows: Vec<R>) {
    table::write(folder, "", rows).unwrap();
}

pub fn predicted(doc_id: &str, head: u32, tail: u32, relation: &str, margin: f32) -> RelationRow {
    RelationRow {
        run_id: "r".into(),
        doc_id: doc_id.into(),
        head,
        tail,
        relation: relation.into(),
        logit: 1.0 + margin,
        threshold_logit: 1.0,
        probability: 1.0 / (1.0 + (-margin).exp()),
        rank: 1,
        base_probability: None,
        iteration: None,
    }
}

/// A synthetic split, and predictions of it: each third fact missed, each fifth of the wrong relation.
pub fn synthetic() -> TempDir {
    let run = TempDir::new().unwrap();
    let out = run.path().to_str().unwrap();
    let done = docre(["synthesize", "--docs", "40", "--seed", "2", "--split", "test", "--out", out]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let facts: Vec<FactRow> = table::read(&run.path().join("test")).unwrap().flat_map(Result::unwrap).collect();
    let relation =
        |number: usize, fact: &FactRow| if number.is_multiple_of(5) { "odd" } else { &*fact.relation }.to_owned();
    let row = |(number, fact): (usize, &FactRow)| {
        predicted(&fact.doc_id, fact.head, fact.tail, &relation(number, fact), (number % 17) as f32 / 4.0 + 0.1)
    };
    let rows = facts.iter().enumerate().filter(|(number, _)| !number.is_multiple_of(3)).map(row).collect();
    write(run.path(), rows);
    let test = run.path().join("test");
    let arguments =
        ["evaluate", "--corpus", test.to_str().unwrap(), "--relations", out, "--out", out, "--resamples", "20"];
    assert_eq!(docre(arguments).code, Some(0));
    run
}

#[test]
fn a_page_has_every_section_and_loads_nothing() {
    let run = synthetic();
    let page = page(run.path());
    for section in SECTIONS {
        assert!(page.contains(&format!("<section id=\"{section}\"")), "{section}");
        assert!(page.contains(&format!("href=\"#{section}\"")), "{section}");
    }
    assert!(page.contains("content=\"default-src 'none'; "));
    let own: String = page.lines().filter(|line| !line.contains("octet-stream")).collect();
    for loads in ["http:", "https:", "src=", "url(", "@import", "import(", "fetch(", "XMLHttp", "innerHTML", "eval("] {
        assert!(!own.contains(loads), "{loads}");
    }
}

#[test]
fn counts_are_those_of_the_metrics() {
    let run = synthetic();
    let overview = block(&page(run.path()), "overview");
    let metrics: Vec<MetricRow> = table::read(run.path()).unwrap().flat_map(Result::unwrap).collect();
    let of_relations = metrics.iter().filter(|row| row.relation.is_some());
    for row in of_relations.clone() {
        assert_same(&overview["tally"]["relations"][row.relation.as_deref().unwrap()], row);
    }
    assert_eq!(overview["tally"]["relations"].as_object().unwrap().len(), of_relations.count());
    let all = metrics.iter().find(|row| (&*row.metric, &*row.scope, &row.relation) == ("F1", "all", &None)).unwrap();
    assert_same(&overview["tally"]["facts"], all);
    let end = overview["curve"].as_array().unwrap().last().unwrap().clone();
    assert_eq!([&end["precision"], &end["recall"]], [&json!(all.precision), &json!(all.recall)]);
    assert!((end["f1"].as_f64().unwrap() - all.f1.unwrap()).abs() < 1e-12);
    for parts in ["distances", "sizes"] {
        let sum = |key: &str| {
            let all = overview["tally"][parts].as_array().unwrap().iter();
            all.map(|counts| counts[key].as_u64().unwrap()).sum::<u64>()
        };
        assert_eq!(
            [sum("correct"), sum("predicted"), sum("gold")].map(Some),
            [all.true_positives, all.predicted, all.gold]
        );
    }
}

#[test]
fn a_document_tells_gold_from_predicted() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let (inferred, stray) = (predicted("Altomonte", 0, 1, "P131", 2.0), predicted("Nowhere", 0, 1, "P131", 1.0));
    let inferred = RelationRow { base_probability: Some(0.25), iteration: Some(2), ..inferred };
    write(run.path(), vec![predicted("Altomonte", 1, 2, "P27", 0.5), inferred, stray]);
    let page = page(run.path());
    let document = &block(&page, "documents-0")[0];
    let sentences = json!([["Altomonte", " lies", " in", " Calabria", "."], ["It", " joined", " Italy", "."]]);
    assert_eq!(document["sentences"], sentences);
    assert_eq!(document["mentions"][1], json!({"entity": 0, "start": 5, "end": 6, "type": "LOC"}));
    let facts = json!([
        {"head": 0, "tail": 1, "relation": "P131", "verdict": "correct", "distance": 0, "probability": 0.8808,
         "base": 0.25, "inference": "added", "iteration": 2, "evidence": [0]},
        {"head": 0, "tail": 2, "relation": "P17", "verdict": "missed", "distance": 0, "evidence": [1]},
        {"head": 1, "tail": 2, "relation": "P27", "verdict": "wrong", "distance": 1, "probability": 0.6225},
    ]);
    assert_eq!(rounded(document["facts"].clone()), facts);
    let overview = block(&page, "overview");
    assert_eq!(counted(&overview["tally"]["facts"]), [1, 3, 2], "strays are wrong");
    assert_eq!(overview["tally"]["strays"], 1);
    assert_eq!(overview["tally"]["inference"]["added"]["correct"], 1);
    assert_eq!(overview["documents"][0]["missed"], 1);
}

/// Asserts that the page's counts and figures are those of the metrics.
#[track_caller]
fn assert_same(page: &Value, row: &MetricRow) {
    assert_eq!(counted(page).map(Some), [row.true_positives, row.predicted, row.gold], "{row:?}");
    for (key, figure) in [("precision", row.precision), ("recall", row.recall), ("f1", row.f1)] {
        // Reading JSON rounds the last bit.
        let same = page[key].as_f64().zip(figure).map(|(page, figure)| (page - figure).abs() < 1e-12);
        assert!(same.unwrap_or(page[key].is_null() && figure.is_none()), "{key}: {page} {row:?}");
    }
}

/// Correct predictions, predictions and facts.
pub fn counted(counts: &Value) -> [u64; 3] {
    ["correct", "predicted", "gold"].map(|key| counts[key].as_u64().unwrap())
}

#[test]
fn bands_come_with_their_names() {
    // 42 places, each in a sentence of its own; facts from the first to the next, to the 7th and to the last.
    let names: Vec<String> = (0..42).map(|place| format!("P{place}")).collect();
    let mention =
        |(place, name): (usize, &String)| json!([{"name": name, "sent_id": place, "pos": [0, 1], "type": "LOC"}]);
    let fact = |tail: u32| json!({"h": 0, "t": tail, "r": "r", "evidence": []});
    let many = json!({
        "title": "many",
        "sents": names.iter().map(|name| [name]).collect::<Vec<_>>(),
        "vertexSet": names.iter().enumerate().map(mention).collect::<Vec<_>>(),
        "labels": [fact(1), fact(6), fact(41)],
    });
    let run = converted(&format!("[{DOCUMENT}, {many}]"));
    let page = page(run.path());
    let tally = block(&page, "overview")["tally"].clone();
    let bands = |parts: &str| -> Vec<(String, u64)> {
        let band = |band: &Value| (band["name"].as_str().unwrap().to_owned(), band["gold"].as_u64().unwrap());
        tally[parts].as_array().unwrap().iter().map(band).collect()
    };
    let [distances, sizes] = ["distances", "sizes"].map(bands);
    // Both facts of the other document, of 3 entities, share a sentence.
    let expected =
        |bands: &[(&str, u64)]| bands.iter().map(|&(name, gold)| (name.to_owned(), gold)).collect::<Vec<_>>();
    assert_eq!(distances, expected(&[("0", 2), ("1", 1), ("6+", 2)]));
    assert_eq!(sizes, expected(&[("1–5", 2), ("41+", 3)]));
    let script = page.split("octet-stream").next().unwrap().to_owned() + page.rsplit("</script>").nth(1).unwrap();
    assert!(!script.contains("41+") && !script.contains("6+"), "the page has bounds of its own");
}

#[test]
fn figures_come_in_reading_order_with_their_meaning() {
    let run = synthetic();
    let overview = block(&page(run.path()), "overview");
    let figures = overview["metrics"].as_array().unwrap().iter().filter(|row| row["relation"].is_null());
    let told: Vec<[&str; 3]> =
        figures.map(|row| ["metric", "scope", "meaning"].map(|key| row[key].as_str().unwrap())).collect();
    assert_eq!(told[..2], [["F1", "all", "all facts"], ["F1", "intra", "entities that share a sentence"]]);
    assert_eq!(told.last(), Some(&["macro F1", "all", "mean over relations"]));
}

/// Numbers to four places, as f32 in JSON has more.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap() * 1e4).round() / 1e4),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, rounded(value))).collect(),
        other => other,
    }
}

#[test]
fn pairs_that_are_no_candidates_do_not_count() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let split = run.path().join("test");
    let pairs = table::read(&split).unwrap().flat_map(Result::unwrap);
    let kept_out = |pair: PairRow| PairRow { candidate: (pair.head, pair.tail) != (0, 1), ..pair };
    write(&split, pairs.map(kept_out).collect());
    write(run.path(), vec![predicted("Altomonte", 0, 1, "P131", 2.0), predicted("Altomonte", 0, 1, "P17", 1.0)]);
    let overview = block(&page(run.path()), "overview");
    assert_eq!(counted(&overview["tally"]["facts"]), [0, 0, 1]);
}

#[test]
fn the_direction_of_a_relation_that_holds_both_ways_does_not_count() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let split = run.path().join("test");
    let both = [predicted("Altomonte", 1, 0, "P131", 2.0), predicted("Altomonte", 0, 1, "P131", 1.0)];
    write(run.path(), both.to_vec());
    let facts = || counted(&block(&page(run.path()), "overview")["tally"]["facts"]);
    assert_eq!(facts(), [1, 2, 2], "one is right, and one the wrong way round");
    let kinds = table::read(&split).unwrap().flat_map(Result::unwrap);
    write(&split, kinds.map(|kind| RelationTypeRow { undirected: true, ..kind }).collect());
    assert_eq!(facts(), [1, 1, 2], "both are one, which is right");
}

#[test]
fn text_is_set_as_people_write_it() {
    let text = r#"["He", "said", ":", "\"", "I", "do", "n't", "(", "yet", ")", "pay", "$", "5", "%", "\"", "."]"#;
    let run = converted(&format!("[{}]", DOCUMENT.replace(r#"["It", "joined", "Italy", "."]"#, text)));
    let sentence = |run: &Path, number: usize| {
        let tokens = block(&page(run), "documents-0")[0]["sentences"][number].clone();
        tokens.as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect::<String>()
    };
    assert_eq!(sentence(run.path(), 1), r#"He said: "I don't (yet) pay $5%"."#);
    // Where the source has places in its text, those decide.
    let split = run.path().join("test");
    let place = |token: TokenRow| {
        let start = 10 * token.token_id;
        let length = if token.token_id == 1 { 10 } else { 4 };
        TokenRow { char_start: Some(start), char_end: Some(start + length), ..token }
    };
    let tokens: Vec<TokenRow> = table::read(&split).unwrap().flat_map(Result::unwrap).map(place).collect();
    write(&split, tokens);
    assert_eq!(sentence(run.path(), 0), "Altomonte liesin Calabria .");
}

#[test]
fn predictions_on_documents_without_labels_get_no_verdict() {
    let run = TempDir::new().unwrap();
    let (source, out) = (run.path().join("test.json"), run.path().to_str().unwrap());
    fs::write(
        &source,
        format!("[{}]", DOCUMENT.split("\"labels\"").next().unwrap().trim_end().trim_end_matches(',').to_owned() + "}"),
    )
    .unwrap();
    let arguments =
        ["convert", "--format", "docred", "--split", "test", "--unlabelled", "--out", out, source.to_str().unwrap()];
    let done = docre(arguments);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    write(run.path(), vec![predicted("Altomonte", 0, 1, "P131", 2.0)]);
    let page = page(run.path());
    assert_eq!(block(&page, "documents-0")[0]["facts"][0]["verdict"], "unjudged");
    let overview = block(&page, "overview");
    assert_eq!([&overview["tally"]["unjudged"], &overview["tally"]["facts"]["predicted"]], [&json!(1), &json!(0)]);
    assert_eq!(overview["curve"], json!([]));
}

#[test]
fn a_document_without_title_is_called_by_its_name() {
    let source = r#"{"id": "d7", "text": "Ann came.", "entities": [], "relations": []}"#;
    let run = TempDir::new().unwrap();
    fs::write(run.path().join("source.jsonl"), source).unwrap();
    let [source, out] = ["source.jsonl", "."].map(|name| run.path().join(name).to_str().unwrap().to_owned());
    let done = docre(["convert", "--format", "jsonl", "--split", "test", "--out", &out, &source]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let page = page(run.path());
    assert_eq!(
        [&block(&page, "documents-0")[0]["title"], &block(&page, "overview")["documents"][0]["title"]],
        ["d7"; 2]
    );
}

#[test]
fn hostile_names_stand_in_blocks_alone_and_come_back_whole() {
    let names = ["</script><script>harm()</script>", "<img src=x onerror=harm()>", "\"'` \u{202e}txet\u{202c} 🦀\t\\"];
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap();
    document["title"] = json!(names[0]);
    for (place, name) in names.iter().enumerate() {
        document["vertexSet"][place][0]["name"] = json!(name);
    }
    document["labels"][0]["r"] = json!(names[1]);
    let run = converted(&json!([document]).to_string());
    let page = page(run.path());
    assert!(!page.contains("harm") && !page.contains('\u{202e}'));
    let document = &block(&page, "documents-0")[0];
    let found: Vec<&Value> = (0..3).map(|place| &document["entities"][place]["name"]).collect();
    assert_eq!(found, names.map(|name| json!(name)).iter().collect::<Vec<_>>());
    assert_eq!([&document["title"], &document["facts"][0]["relation"]], [names[0], names[1]]);
}

#[test]
fn the_same_tables_give_the_same_bytes_in_any_order_of_predictions() {
    let run = synthetic();
    let first = page(run.path());
    let mut rows: Vec<RelationRow> = table::read(run.path()).unwrap().flat_map(Result::unwrap).collect();
    rows.reverse();
    write(run.path(), rows);
    assert!(page(run.path()) == first);
    let names = fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("sorted")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_a_run_lacks_is_left_out() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let overview = block(&page(run.path()), "overview");
    assert_eq!(overview["split"], "test");
    assert_eq!(overview["predicted"], false);
    assert_eq!(overview["metrics"], json!([]));
    assert_eq!([&overview["learning"], &overview["lineage"]], [&Value::Null; 2]);
    assert_eq!(overview["graph"], false);
    let split = block(&page(&run.path().join("test")), "overview");
    assert_eq!(split["tally"], overview["tally"], "a split by itself has a page, too");
}

#[test]
fn a_folder_without_tables_is_refused() {
    let folder = TempDir::new().unwrap();
    for run in [folder.path().to_path_buf(), folder.path().join("missing")] {
        let done = report(&run, &[]);
        assert_eq!(done.code, Some(1));
        let expected =
            format!("{}: expected the folder of a run, found none of its tables: `documents`, ", run.display());
        assert!(done.stderr.contains(&expected), "{}", done.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn damage_is_named_and_leaves_the_old_page() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let old = page(run.path());
    let damages: [(&str, &str); 2] = [
        ("manifest.json", "manifest.json: expected a manifest"),
        ("relations.parquet", "relations.parquet: not a whole Parquet file"),
    ];
    for (file, expected) in damages {
        fs::write(run.path().join(file), "{").unwrap();
        let done = report(run.path(), &[]);
        assert_eq!(done.code, Some(1));
        assert!(done.stderr.contains(expected), "{}", done.stderr);
        fs::remove_file(run.path().join(file)).unwrap();
        assert!(fs::read_to_string(run.path().join("report.html")).unwrap() == old);
    }
}

#[test]
fn rows_of_no_document_are_refused() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let split = run.path().join("test");
    let mut facts: Vec<FactRow> = Table::require(&split).unwrap().all().unwrap();
    facts.push(FactRow { doc_id: "nowhere".into(), ..facts[0].clone() });
    write(&split, facts);
    let done = report(run.path(), &[]);
    let expected = "table `facts`: document `nowhere`: expected the documents of `documents`, in their order";
    assert!(done.code == Some(1) && done.stderr.contains(expected), "{}", done.stderr);
    let read = docre::corpus::tables::read(&split).unwrap().last().unwrap();
    assert!(read.unwrap_err().to_string().contains(expected));
    // Pairs are walked beside the others.
    let run = converted(&format!("[{DOCUMENT}]"));
    let split = run.path().join("test");
    let mut pairs: Vec<PairRow> = Table::require(&split).unwrap().all().unwrap();
    pairs.push(PairRow { doc_id: "nowhere".into(), ..pairs[0].clone() });
    write(&split, pairs);
    let done = report(run.path(), &[]);
    let expected = "table `pairs`: document `nowhere`";
    assert!(done.code == Some(1) && done.stderr.contains(expected), "{}", done.stderr);
}

/// A link to itself: what no user may look into, however much he may.
#[cfg(unix)]
#[test]
fn what_cannot_be_looked_into_is_not_left_out() {
    for (table, holder) in [("relations", "."), ("documents", "."), ("relation_types", "test"), ("nodes", "graph")] {
        let run = converted(&format!("[{DOCUMENT}]"));
        let place = run.path().join(holder).join(table);
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(run.path().join(holder)).unwrap();
        std::os::unix::fs::symlink(table, &place).unwrap();
        let done = report(run.path(), &[]);
        let expected = format!("{table}: cannot ");
        assert!(done.code == Some(1) && done.stderr.contains(&expected), "{table}: {}", done.stderr);
    }
}

#[test]
fn only_a_page_of_ours_is_replaced_unasked() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let other = run.path().join("other.html");
    fs::write(&other, "<!doctype html>\n<p>mine").unwrap();
    let out = ["--out", other.to_str().unwrap()];
    let done = report(run.path(), &out);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("other.html: stands already\nhint: pass `--force`"), "{}", done.stderr);
    assert_eq!(fs::read_to_string(&other).unwrap(), "<!doctype html>\n<p>mine");
    assert_eq!(report(run.path(), &[&out[..], &["--force"]].concat()).code, Some(0));
    assert_eq!(report(run.path(), &out).code, Some(0));
}

#[test]
fn a_page_holds_as_many_documents_as_are_asked_for() {
    let run = synthetic();
    let done = report(run.path(), &["--documents", "33"]);
    assert!(done.stderr.contains("report.html: 33 of 40 documents, "), "{}", done.stderr);
    let page = fs::read_to_string(run.path().join("report.html")).unwrap();
    let overview = block(&page, "overview");
    assert_eq!(overview["tally"]["documents"], 40);
    assert_eq!(overview["documents"].as_array().unwrap().len(), 33);
    assert_eq!(block(&page, "documents-1").as_array().unwrap().len(), 1, "two blocks, of 32 and 1");
}

#[test]
fn the_graph_is_shown_where_the_run_has_it() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let text = |text: &str| Text::from(text);
    let node = |id: &str| NodeRow {
        node_id: text(id),
        name: text(&id.to_uppercase()),
        r#type: text("LOC"),
        kb_id: None,
        aliases: vec![],
        n_documents: 1,
        n_entities: 1,
        n_mentions: 1,
        n_out: 1,
        n_in: 1,
    };
    let graph = run.path().join("graph");
    write(&graph, vec![node("a"), node("alone"), node("b")]);
    let edge = EdgeRow {
        edge_id: text("x"),
        head: text("b"),
        relation: text("P131"),
        tail: text("a"),
        label: None,
        n_documents: 1,
        n_facts: 1,
        best_probability: None,
        combined_probability: Some(0.5),
    };
    write(&graph, vec![edge]);
    let fact = ProvenanceRow {
        edge_id: text("x"),
        run_id: text("r"),
        doc_id: text("Altomonte"),
        head: 0,
        tail: 1,
        probability: None,
        evidence: vec![],
        head_mentions: vec![],
        tail_mentions: vec![],
        attributes: vec![],
    };
    write(&graph, vec![fact]);
    let page = page(run.path());
    assert_eq!(block(&page, "overview")["graph"], true);
    let expected = json!({
        "n_nodes": 3, "n_edges": 1,
        "nodes": [{"id": "a", "name": "A", "type": "LOC", "n_documents": 1}, {"id": "b", "name": "B", "type": "LOC", "n_documents": 1}],
        "edges": [{"head": 1, "tail": 0, "relation": "P131", "n_documents": 1, "probability": 0.5, "documents": ["Altomonte"]}],
    });
    assert_eq!(block(&page, "graph"), expected, "nodes without an edge stay away");
}

#[test]
fn a_pipeline_ends_with_the_page_that_the_command_makes() {
    let place = Place::new(
        r#"
[[stage]]
name = "dev-split"
kind = "synthesize"
split = "dev"
documents = 4
outputs = { tables = "dev" }

[[stage]]
name = "report"
kind = "report"
inputs = { corpus = "dev" }
outputs = { page = "report.html" }
"#,
    );
    assert_eq!(place.run(&[]), ["dev-split", "report"]);
    assert_eq!(place.run(&[]), [] as [&str; 0]);
    let told = place.docre(&["tiny.toml"]).stderr;
    assert!(told.ends_with("the tables are in runs/tiny, the page is runs/tiny/report.html\n"), "{told}");
    let run: PathBuf = place.path("runs/tiny");
    let made = fs::read_to_string(run.join("report.html")).unwrap();
    let lineage = &block(&made, "overview")["lineage"];
    assert_eq!([&lineage["pipeline"], &lineage["stages"][0]["stage"]], ["tiny", "dev-split"]);
    assert_eq!(lineage["stages"][0]["outputs"]["tables"]["hash"].as_str().unwrap().len(), 32);
    assert!(page(&run) == made);
}

#[test]
fn a_page_of_a_pipeline_is_made_again_when_a_stage_before_it_ran() {
    let stage = |name: &str| {
        format!(
            "[[stage]]\nname = \"{name}\"\nkind = \"synthesize\"\nsplit = \"{name}\"\ndocuments = 4\n\
             outputs = {{ tables = \"{name}\" }}\n"
        )
    };
    let report = "[[stage]]\nname = \"report\"\nkind = \"report\"\ninputs = { corpus = \"dev\" }\n\
                  outputs = { page = \"report.html\" }\n";
    // The page reads no table of `train`, and nothing of what comes after.
    let place = Place::new(&[&stage("train"), &stage("dev"), report, &*stage("test")].concat());
    assert_eq!(place.run(&[]), ["train", "dev", "report", "test"]);
    let shown = || {
        let made = fs::read_to_string(place.path("runs/tiny/report.html")).unwrap();
        block(&made, "overview")["lineage"]["stages"].clone()
    };
    let said = |names: &[&str]| {
        let stages = place.manifest()["stages"].as_array().unwrap().clone();
        stages.into_iter().filter(|stage| names.contains(&stage["stage"].as_str().unwrap())).collect::<Value>()
    };
    assert_eq!(shown(), said(&["train", "dev"]));
    let other = ["--set", "train.documents=5"];
    let dry = place.docre(&[&["tiny.toml", "--dry-run"], &other[..]].concat());
    assert!(dry.stdout.contains("tiny/report: to run: it shows the stage `train`, which runs\n"), "{}", dry.stdout);
    assert_eq!(place.run(&other), ["train", "report"], "with another result");
    assert_eq!(shown(), said(&["train", "dev"]));
    assert_eq!(shown()[0]["options"]["documents"], 5);
    let before = place.manifest()["stages"][0].clone();
    // Twice within a second and as fast to the millisecond is the same run, as far as a page can tell.
    while place.manifest()["stages"][0] == before {
        assert_eq!(place.run(&[&other[..], &["--until", "train", "--force"]].concat()), ["train"]);
    }
    let dry = place.docre(&[&["tiny.toml", "--dry-run"], &other[..]].concat());
    assert!(dry.stdout.contains("tiny/report: to run: a stage before it has run since\n"), "{}", dry.stdout);
    assert_eq!(place.run(&other), ["report"], "with the same result: the page shows when, and how long it took");
    assert_eq!(shown(), said(&["train", "dev"]));
    assert_eq!(place.run(&[&other[..], &["--from", "test", "--force"]].concat()), ["test"]);
    assert_eq!(place.run(&other), [] as [&str; 0], "what comes after it is no part of the page");
}

#[test]
fn long_texts_are_cut_and_stay_apart() {
    let long = "é".repeat(600);
    let document = |title: &str, name: &str| {
        let entity = |place: u32| json!([{"name": name, "type": name, "sent_id": 0, "pos": [place, place + 1]}]);
        json!({"title": title, "sents": [[name, name]], "vertexSet": [entity(0), entity(1)],
               "labels": [{"r": name, "h": 0, "t": 1, "evidence": []}]})
    };
    let names = [
        format!("{long}a"),
        format!("{long}b"),
        format!("{}\n", "é".repeat(499)),
        format!("{}\n\n", "é".repeat(499)),
        "__proto__".to_owned(),
    ];
    let documents: Vec<Value> = names.iter().map(|name| document(name, name)).collect();
    let run = converted(&json!(documents).to_string());
    let page = page(run.path());
    let overview = block(&page, "overview");
    let shown: Vec<&str> =
        overview["documents"].as_array().unwrap().iter().map(|listed| listed["id"].as_str().unwrap()).collect();
    let cut = |name: &str, start: &str, length: usize| {
        let told = name.strip_prefix(start).and_then(|rest| rest.strip_prefix(&format!("… ({length} characters, ")));
        assert!(told.is_some_and(|digits| digits.len() == 9), "{name}");
    };
    cut(shown[0], &"é".repeat(500), 601);
    cut(shown[1], &"é".repeat(500), 601);
    assert_ne!(shown[0], shown[1]);
    assert_eq!([shown[2], shown[4]], [&*names[2], "__proto__"]);
    cut(shown[3], &names[2], 501);
    // A name is cut alike wherever it stands, also as a key.
    let relations: Vec<&String> = overview["tally"]["relations"].as_object().unwrap().keys().collect();
    let first = &block(&page, "documents-0")[0];
    for place in
        [&first["facts"][0]["relation"], &first["entities"][1]["type"], &first["title"], &first["sentences"][0][0]]
    {
        assert_eq!(place.as_str(), Some(shown[0]));
    }
    assert!(shown.iter().all(|name| relations.iter().any(|relation| relation == name)));
}

#[test]
fn a_large_document_is_shown_in_part() {
    let words: Vec<String> = (0..12_000).map(|place| format!("w{place}")).collect();
    let entity = |place: u32| json!([{"name": format!("w{place}"), "type": "T", "sent_id": place / 25 * 2, "pos": [place, place + 1]}]);
    let entities: Vec<Value> = (0..50).map(entity).collect();
    let ends = (0..50).flat_map(|head| (0..50).map(move |tail| (head, tail))).filter(|(head, tail)| head != tail);
    let labels: Vec<Value> = ends.map(|(head, tail)| json!({"h": head, "t": tail, "r": "r", "evidence": []})).collect();
    let document = json!({"title": "Large", "sents": [words, words, words], "vertexSet": entities, "labels": labels});
    let run = converted(&json!([document]).to_string());
    let page = page(run.path());
    let shown = &block(&page, "documents-0")[0];
    let lengths: Vec<usize> =
        shown["sentences"].as_array().unwrap().iter().map(|s| s.as_array().unwrap().len()).collect();
    assert_eq!(lengths, [12_000, 8_000]);
    assert_eq!((&shown["n_sentences"], &shown["n_facts"]), (&json!(3), &json!(2450)));
    assert_eq!(shown["facts"].as_array().unwrap().len(), 2000);
    // The mentions of the third sentence are not in what is shown.
    assert_eq!(shown["mentions"].as_array().unwrap().len(), 25);
    let overview = block(&page, "overview");
    assert_eq!((&overview["tally"]["tokens"], &overview["tally"]["facts"]["gold"]), (&json!(36_000), &json!(2450)));
    assert_eq!(overview["documents"][0]["missed"], json!(2450));
}

//! `docre report`: whose predictions a page takes, and what it says of them, with labels and without.

use std::fs;
use std::path::Path;

use docre::table::rows::*;
use docre::table::{self, Text};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::report::{block, converted, counted, page, predicted, report, synthetic, write};
use crate::support::{DOCUMENT, command, docre};

/// A run of one split whose documents have no labels.
fn unlabelled() -> TempDir {
    let run = TempDir::new().unwrap();
    let (source, out) = (run.path().join("all.json"), run.path().to_str().unwrap());
    fs::write(&source, format!("[{DOCUMENT}]")).unwrap();
    let arguments =
        ["convert", "--format", "docred", "--split", "all", "--unlabelled", "--out", out, source.to_str().unwrap()];
    let done = docre(arguments);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    run
}

/// Predictions with columns for the four that a fact takes, as another program writes them.
fn write_bare(run: &Path, split: &str) {
    let folder = run.join("relations");
    fs::create_dir_all(&folder).unwrap();
    let facts = "SELECT doc_id, head, tail, relation FROM facts";
    let split = run.join(split);
    let made = command(["query", split.to_str().unwrap(), facts, "--format", "parquet"]).output().unwrap();
    assert!(made.status.success());
    fs::write(folder.join("part-00000.parquet"), made.stdout).unwrap();
}

fn facts(page: &str) -> Vec<Value> {
    block(page, "documents-0")[0]["facts"].as_array().unwrap().clone()
}

#[test]
fn predictions_of_other_programs_are_shown_and_nothing_is_made_up() {
    let run = converted(&format!("[{DOCUMENT}]"));
    write_bare(run.path(), "test");
    let page = page(run.path());
    for fact in facts(&page) {
        assert_eq!(fact["verdict"], "correct");
        let keys = ["probability", "base", "iteration", "other"];
        assert!(keys.iter().all(|key| fact.get(key).is_none()), "{fact}");
    }
    let overview = block(&page, "overview");
    assert_eq!(counted(&overview["tally"]["facts"]), [2, 2, 2]);
    assert_eq!([&overview["curve"], &overview["tally"]["inference"]["iterations"]], [&json!([]), &json!({})]);
    assert_eq!(overview["tally"]["inference"]["kept"]["found"], 0);
}

#[test]
fn figures_of_other_predictions_are_not_shown_and_those_of_other_documents_are_refused() {
    let run = synthetic();
    assert!(block(&page(run.path()), "overview").get("outdated").is_none());
    let mut relations: Vec<RelationRow> = table::read(run.path()).unwrap().flat_map(Result::unwrap).collect();
    relations.pop();
    fs::remove_dir_all(run.path().join("relations")).unwrap();
    write(run.path(), relations);
    let told = report(run.path(), &[]).stderr;
    assert!(told.contains("the metrics are of other predictions, and are left out: `docre evaluate` makes"), "{told}");
    let overview = block(&fs::read_to_string(run.path().join("report.html")).unwrap(), "overview");
    assert_eq!([&overview["outdated"], &overview["metrics"]], [&json!(true), &json!([])]);

    let other = TempDir::new().unwrap();
    write(other.path(), vec![predicted("Nowhere", 0, 1, "P131", 1.0), predicted("Elsewhere", 0, 1, "P131", 1.0)]);
    let split = run.path().join("test");
    let given = ["--relations", other.path().to_str().unwrap(), "--corpus", split.to_str().unwrap()];
    let refused = report(run.path(), &given);
    assert!(refused.code == Some(1) && refused.stderr.contains("got 2 that name others\nhint: "), "{}", refused.stderr);
    let refused = report(run.path(), &["--against", other.path().to_str().unwrap()]);
    assert!(refused.code == Some(1) && refused.stderr.contains("got 2 that name others\nhint: "), "{}", refused.stderr);
}

#[test]
fn a_submission_is_shown_with_its_scores_as_probabilities() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let theirs = run.path().join("theirs.json");
    let entry = |tail: u32, relation: &str, score: f64| json!({"title": "Altomonte", "h_idx": 0, "t_idx": tail, "r": relation, "score": score});
    let entries = [entry(1, "P131", 0.75), entry(2, "P36", 0.5), entry(2, "constructor", 0.25)];
    fs::write(&theirs, json!(entries).to_string()).unwrap();
    let done = report(run.path(), &["--relations", theirs.to_str().unwrap()]);
    assert_eq!((done.code, &*done.stdout), (Some(0), ""), "{}", done.stderr);
    let page = fs::read_to_string(run.path().join("report.html")).unwrap();
    let said = |fact: &Value| format!("{} {} {}", fact["relation"], fact["verdict"], fact["probability"]);
    let expected =
        [r#""P131" "correct" 0.75"#, r#""P17" "missed" null"#, r#""P36" "wrong" 0.5"#, r#""constructor" "wrong" 0.25"#];
    assert_eq!(facts(&page).iter().map(said).collect::<Vec<_>>(), expected);
    let overview = block(&page, "overview");
    assert_eq!((&overview["curve_by"], &overview["curve"][0]["margin"]), (&json!("probability"), &json!(0.75)));
    assert_eq!(overview["curve"].as_array().unwrap().len(), 3);
}

#[test]
fn of_documents_without_labels_it_is_counted_what_was_found() {
    let run = unlabelled();
    let base = |base: f32, row: RelationRow| RelationRow { base_probability: Some(base), iteration: Some(1), ..row };
    let rows = vec![
        base(0.9, predicted("Altomonte", 0, 1, "P131", 2.0)),
        base(0.2, predicted("Altomonte", 0, 2, "P131", 1.0)),
    ];
    write(run.path(), rows);
    let tally = block(&page(run.path()), "overview")["tally"].clone();
    assert_eq!(counted(&tally["facts"]), [0, 0, 0]);
    assert_eq!([&tally["facts"]["found"], &tally["unjudged"], &tally["related"]], [&json!(2), &json!(2), &json!(3)]);
    let relation = &tally["relations"]["P131"];
    assert_eq!([&relation["found"], &relation["documents"]], [&json!(2), &json!(1)]);
    let inference = &tally["inference"];
    let found = [&inference["kept"], &inference["added"], &inference["iterations"]["1"]].map(|counts| &counts["found"]);
    assert_eq!(found, [&json!(1), &json!(1), &json!(2)], "the columns are not empty");
    assert_eq!(tally["distances"][0]["found"], 2);
}

#[test]
fn what_is_no_probability_is_refused_and_logits_that_are_no_numbers_are_not_sorted_by() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let row = |logit: f32, threshold_logit: f32, probability: f32| RelationRow {
        logit,
        threshold_logit,
        probability,
        ..predicted("Altomonte", 0, 1, "P131", 1.0)
    };
    let of_base = |base: f32| RelationRow { base_probability: Some(base), ..row(2.0, 1.0, 0.75) };
    let none = [
        (row(2.0, 1.0, f32::NAN), "probability", "NaN"),
        (row(2.0, 1.0, 7.0), "probability", "7"),
        (of_base(f32::NAN), "base_probability", "NaN"),
        (of_base(-0.5), "base_probability", "-0.5"),
    ];
    for (row, column, found) in none {
        write(run.path(), vec![row]);
        let refused = report(run.path(), &[]);
        let expected = format!("document `Altomonte`: column `{column}`: expected a number from 0 to 1, got {found}");
        assert!(refused.code == Some(1) && refused.stderr.contains(&expected), "{}", refused.stderr);
    }
    let second = RelationRow { tail: 2, ..row(2.0, 1.0, 0.5) };
    for (logit, threshold) in [(f32::INFINITY, f32::INFINITY), (f32::INFINITY, 0.0), (f32::NAN, 0.0)] {
        write(run.path(), vec![row(logit, threshold, 0.75), second.clone()]);
        let overview = block(&page(run.path()), "overview");
        let points = overview["curve"].as_array().unwrap();
        assert_eq!(points.iter().map(|point| &point["margin"]).collect::<Vec<_>>(), [&json!(0.75), &json!(0.5)]);
        assert_eq!(overview["curve_by"], "probability");
    }
}

#[test]
fn what_the_base_said_is_compared_before_it_is_rounded() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let base = |tail: u32, base: f32| RelationRow {
        base_probability: Some(base),
        ..predicted("Altomonte", 0, tail, "P131", 1.0)
    };
    write(run.path(), vec![base(1, 0.50003), base(2, 0.49997)]);
    let page = page(run.path());
    let inference = block(&page, "overview")["tally"]["inference"].clone();
    assert_eq!([&inference["kept"]["found"], &inference["added"]["found"]], [1, 1]);
    let told: Vec<Value> = facts(&page).iter().filter_map(|fact| fact.get("inference").cloned()).collect();
    assert_eq!(told, ["kept", "added"]);
}

#[test]
fn a_decision_adds_nothing_to_inference_and_a_calibrated_probability_has_no_base() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let base = |tail: u32, margin: f32, base: f32| RelationRow {
        base_probability: Some(base),
        iteration: Some(0),
        ..predicted("Altomonte", 0, tail, "P131", margin)
    };
    // Below the model's own threshold before inference and after it; and above it after it, calibrated.
    write(run.path(), vec![base(1, -0.75, 0.31), RelationRow { probability: 0.68, ..base(2, 2.0, 0.91) }]);
    let page = page(run.path());
    let inference = block(&page, "overview")["tally"]["inference"].clone();
    assert_eq!([&inference["kept"]["found"], &inference["added"]["found"]], [1, 0]);
    let facts: Vec<Value> = facts(&page).into_iter().filter(|fact| fact.get("probability").is_some()).collect();
    let has = |key: &str| facts.iter().map(|fact| fact.get(key).is_some()).collect::<Vec<_>>();
    assert_eq!([has("base"), has("inference")], [[true, false], [false, true]]);
}

#[test]
fn what_has_neither_fact_nor_judged_prediction_has_no_f1() {
    let other = DOCUMENT.replace("\"Altomonte\"", "\"Elsewhere\"");
    let run = converted(&format!("[{DOCUMENT}, {other}]"));
    let split = run.path().join("test");
    let documents: Vec<DocumentRow> = table::read(&split).unwrap().flat_map(Result::unwrap).collect();
    let labelled = |row: DocumentRow| DocumentRow { labelled: &*row.doc_id == "Altomonte", ..row };
    write(&split, documents.into_iter().map(labelled).collect());
    let facts = table::read(&split).unwrap().flat_map(Result::unwrap);
    write(&split, facts.filter(|row: &FactRow| &*row.doc_id == "Altomonte").collect());
    write(run.path(), vec![predicted("Altomonte", 0, 1, "P27", 1.0), predicted("Elsewhere", 0, 1, "ZZZ", 1.0)]);
    let relations = block(&page(run.path()), "overview")["tally"]["relations"].clone();
    assert_eq!([&relations["ZZZ"]["found"], &relations["ZZZ"]["f1"]], [&json!(1), &Value::Null]);
    assert_eq!(relations["P27"]["f1"], 0.0, "a wrong prediction has one");
}

#[test]
fn what_inference_added_and_dropped_is_told_pair_by_pair() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let texts = |names: &[&str]| names.iter().map(|name| Text::from(*name)).collect::<Vec<_>>();
    let trace = |doc: &str, tail: u32, iteration: u32, before: &[&str], after: &[&str]| TraceRow {
        run_id: "r".into(),
        doc_id: doc.into(),
        head: 0,
        tail,
        iteration,
        before: texts(before),
        after: texts(after),
    };
    let rows = vec![
        trace("Nowhere", 1, 1, &[], &["P131"]),
        trace("Altomonte", 2, 1, &["P17", "P27"], &["P27"]),
        trace("Altomonte", 1, 2, &["P27"], &["P131"]),
        trace("Altomonte", 1, 1, &[], &["P27"]),
    ];
    write(run.path(), rows);
    write(run.path(), vec![predicted("Altomonte", 0, 1, "P131", 2.0)]);
    let page = page(run.path());
    let changes = block(&page, "documents-0")[0]["changes"].clone();
    let change = |tail: u32, iteration: u32, relation: &str, added: bool, right: bool| json!({"head": 0, "tail": tail, "iteration": iteration, "relation": relation, "added": added, "right": right});
    let expected = [
        change(1, 1, "P27", true, false),
        change(1, 2, "P27", false, true),
        change(1, 2, "P131", true, true),
        change(2, 1, "P17", false, false),
    ];
    assert_eq!(changes, json!(expected));
    let overview = block(&page, "overview");
    let counts = |added: u64, added_right: u64, dropped: u64, dropped_right: u64| json!({"added": added, "dropped": dropped, "added_right": added_right, "added_judged": added, "dropped_right": dropped_right, "dropped_judged": dropped});
    assert_eq!(overview["tally"]["changes"], json!({"1": counts(1, 0, 1, 0), "2": counts(1, 1, 1, 1)}));
    assert_eq!(overview["traced"], true);
}

#[test]
fn of_many_changes_whole_pairs_are_shown_and_all_are_counted() {
    let entity = |place: u32| json!([{"name": "w", "type": "T", "sent_id": 0, "pos": [place, place + 1]}]);
    let entities: Vec<Value> = (0..12).map(entity).collect();
    let words = ["w"; 12];
    let document = json!({"title": "Many", "sents": [words], "vertexSet": entities, "labels": []});
    let run = converted(&json!([document]).to_string());
    // 132 pairs, each with 19 changes: 105 pairs have 1,995 of the 2,000 that a page has.
    let ends = (0..12).flat_map(|head| (0..12).map(move |tail| (head, tail))).filter(|(head, tail)| head != tail);
    let claimed = |is: bool| if is { vec![Text::from("P17")] } else { Vec::new() };
    let trace = |((head, tail), iteration): ((u32, u32), u32)| TraceRow {
        run_id: "r".into(),
        doc_id: "Many".into(),
        head,
        tail,
        iteration,
        before: claimed(iteration % 2 == 0),
        after: claimed(iteration % 2 == 1),
    };
    write(run.path(), ends.flat_map(|ends| (1..20).map(move |iteration| (ends, iteration))).map(trace).collect());
    write(run.path(), vec![predicted("Many", 0, 1, "P17", 2.0)]);
    let document = block(&page(run.path()), "documents-0")[0].clone();
    assert_eq!((document["changes"].as_array().unwrap().len(), &document["n_changed"]), (105 * 19, &json!(132)));
}

#[test]
fn two_runs_stand_side_by_side_and_their_names_differ() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let second = run.path().join("second");
    let row = |tail: u32, relation: &str, margin: f32| predicted("Altomonte", 0, tail, relation, margin);
    write(run.path(), vec![row(1, "P131", 2.0), row(1, "P27", 1.0)]);
    write(&second, vec![row(1, "P131", 1.0), row(2, "P17", 0.0), row(2, "P36", 1.0)]);
    let done = report(run.path(), &["--against", second.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let page = fs::read_to_string(run.path().join("report.html")).unwrap();
    let said = |fact: &Value| {
        format!("{} {} {} {}", fact["relation"], fact["verdict"], fact["other"], fact["other_probability"])
    };
    let expected = [
        r#""P131" "correct" "correct" 0.7311"#,
        r#""P27" "wrong" null null"#,
        r#""P17" "missed" "correct" 0.5"#,
        r#""P36" null "wrong" 0.7311"#,
    ];
    assert_eq!(facts(&page).iter().map(said).collect::<Vec<_>>(), expected);
    let overview = block(&page, "overview");
    let other = &overview["tally"]["other"];
    assert_eq!([counted(&other["facts"]), counted(&other["both"])], [[2, 3, 2], [1, 1, 1]]);
    assert_eq!(counted(&overview["tally"]["facts"]), [1, 2, 2], "the other run's count for nothing else");
    let place = run.path().canonicalize().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(overview["runs"], json!([format!("r ({place})"), "r (second)"]));
}

#[test]
fn what_both_predict_of_documents_that_the_split_has_not_counts_for_both() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let second = run.path().join("second");
    let row = |document: &str, tail: u32| predicted(document, 0, tail, "P131", 2.0);
    write(run.path(), vec![row("Nowhere", 1), row("Altomonte", 1), row("Beyond", 1)]);
    write(&second, vec![row("Altomonte", 1), row("Anywhere", 1), row("Nowhere", 1), row("Nowhere", 2)]);
    let split = run.path().join("test");
    let given = ["--against", second.to_str().unwrap(), "--corpus", split.to_str().unwrap()];
    assert_eq!(report(run.path(), &given).code, Some(0));
    let tally = block(&fs::read_to_string(run.path().join("report.html")).unwrap(), "overview")["tally"].clone();
    let sides = [&tally["facts"], &tally["other"]["facts"], &tally["other"]["both"]].map(counted);
    assert_eq!(sides, [[1, 3, 2], [1, 4, 2], [1, 2, 1]], "both: the right one, and that of Nowhere");
    assert_eq!(tally["strays"], 2);
}

#[test]
fn curves_over_scores_come_from_their_tables() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let (run_id, correct) = (Text::from("r"), 2);
    let point = PrecisionRecallRow {
        run_id: run_id.clone(),
        margin: -1.5,
        predicted: 4,
        correct,
        gold: 2,
        precision: 0.5,
        recall: 1.0,
        f1: 2.0 / 3.0,
    };
    let bin = ReliabilityRow { run_id, low: 0.5, high: 0.6, predicted: 4, correct, probability: 0.55, share: 0.5 };
    write(run.path(), vec![point]);
    write(run.path(), vec![bin]);
    let texts = vec![Text::from("P131")];
    let (before, after) = (Vec::new(), texts);
    let trace =
        TraceRow { run_id: "r".into(), doc_id: "Altomonte".into(), head: 0, tail: 1, iteration: 1, before, after };
    write(run.path(), vec![trace]);
    write(run.path(), vec![predicted("Altomonte", 0, 1, "P131", 1.0)]);
    let overview = block(&page(run.path()), "overview");
    assert_eq!(overview["precision_recall"][0]["margin"], -1.5);
    assert_eq!(overview["reliability"][0]["share"], 0.5);
    assert_eq!(overview["traced"], true);
    // They say nothing of predictions that come from elsewhere.
    let theirs = run.path().join("theirs");
    write(&theirs, vec![predicted("Altomonte", 0, 2, "P17", 1.0)]);
    assert_eq!(report(run.path(), &["--relations", theirs.to_str().unwrap()]).code, Some(0));
    let overview = block(&fs::read_to_string(run.path().join("report.html")).unwrap(), "overview");
    assert_eq!([&overview["precision_recall"], &overview["reliability"]], [&json!([]); 2]);
    assert_eq!([&overview["traced"], &overview["tally"]["changes"]], [&json!(false), &json!({})]);
}

#[test]
fn a_relation_that_holds_both_ways_is_told_from_others_and_bases_have_their_addresses() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let split = run.path().join("test");
    let kinds = table::read(&split).unwrap().flat_map(Result::unwrap);
    let kinds = kinds.map(|kind: RelationTypeRow| RelationTypeRow { undirected: &*kind.relation == "P17", ..kind });
    write(&split, kinds.collect());
    let overview = block(&page(run.path()), "overview");
    assert_eq!(overview["undirected"], json!(["P17"]));
    let bases = overview["bases"].as_array().unwrap();
    assert!(bases.contains(&json!(["MESH", "http://id.nlm.nih.gov/mesh/"])), "{bases:?}");
}

#[test]
fn relations_of_any_name_are_counted() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let long = "z".repeat(1_000_000);
    let names = ["__proto__", "constructor", "toString", &long];
    write(run.path(), names.map(|name| predicted("Altomonte", 0, 1, name, 1.0)).to_vec());
    let page = page(run.path());
    assert!(page.len() < 200_000, "{}", page.len());
    let tally = block(&page, "overview")["tally"].clone();
    for name in &names[..3] {
        assert_eq!(counted(&tally["relations"][name]), [0, 1, 0], "{name}");
    }
    assert_eq!(facts(&page).len(), 2 + names.len());
}

/// What an expression gives after a script of the page; `None` where there is no node to run it.
fn value_of(script: &str, expression: &str) -> Option<Value> {
    let script = format!("{script}\nconsole.log(JSON.stringify({expression}));\n");
    let Ok(ran) = std::process::Command::new("node").args(["-e", &script]).output() else {
        println!("skipped: no node here, which would run the page's script");
        return None;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).unwrap())
}

#[test]
fn the_best_epoch_is_that_of_the_last_stage() {
    let run = converted(&format!("[{DOCUMENT}]"));
    let row = |epoch: u32, stage: u32, dev_f1: f64| TrainingLogRow {
        step: epoch.into(),
        epoch,
        stage,
        loss: 1.0,
        threshold_loss: 1.0,
        auxiliary_loss: None,
        evidence_loss: None,
        encoder_rate: 0.1,
        head_rate: 0.1,
        gradient_norm: 1.0,
        documents_per_second: 1.0,
        feature_weight: None,
        relation_weight: None,
        dev_f1: Some(dev_f1),
    };
    write(run.path(), vec![row(1, 1, 0.95), row(2, 2, 0.5), row(3, 2, 0.75), row(4, 2, 0.75)]);
    let learning = block(&page(run.path()), "overview")["learning"].clone();
    let script = "const document = { getElementById: () => ({}) };\n".to_owned()
        + include_str!("../../src/report/page/elements.js")
        + include_str!("../../src/report/page/overview.js");
    let Some(best) = value_of(&script, &format!("bestEpoch({learning})")) else { return };
    assert_eq!(best, "best on dev of stage 2: 3, F1 75.00");
}

/// What a spreadsheet would take for a formula, a separator or the end of a row stays text.
#[test]
fn cells_of_the_download_are_quoted_and_no_formulas() {
    let script = include_str!("../../src/report/page/csv.js");
    let cells = "[\"=1+1\", \"+7\", \"-7\", \"@x\", \" =1\", \"\\t=1\", \"\\uff1d1\", \"a,b\", \"a;b\", \
           \"say \\\"x\\\"\", \"two\\nlines\", \"plain\", \"\", null, undefined, 0.25].map(csvCell)";
    let Some(cells) = value_of(script, cells) else { return };
    let expected = json!([
        "'=1+1",
        "'+7",
        "'-7",
        "'@x",
        "' =1",
        "\"'\t=1\"",
        "'\u{ff1d}1",
        "\"a,b\"",
        "\"a;b\"",
        "\"say \"\"x\"\"\"",
        "\"two\nlines\"",
        "plain",
        "",
        "",
        "",
        "0.25"
    ]);
    assert_eq!(cells, expected);
}

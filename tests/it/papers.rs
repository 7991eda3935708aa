//! The shipped pipelines train with the hyper-parameters of the papers.

use std::fs;
use std::path::Path;

use toml::Table;

/// Batch; epochs, rates of the encoder and of the rest; then, where there is a second stage, its epochs and the rates of
/// the base and of the module that infers.
type Row = (&'static str, [f64; 4], Option<[f64; 3]>);

/// Zhang et al. 2022, Table 7; Zhou et al. 2021, the table of hyper-parameters. Each with the pipelines that take them
/// over.
const PAPERS: [(Row, &[&str]); 7] = [
    (("docred", [8.0, 30.0, 5e-5, 1e-4], Some([15.0, 1e-5, 1e-4])), &["redocred", "jacred"]),
    (("docred-roberta-large", [4.0, 30.0, 5e-5, 1e-4], Some([15.0, 5e-6, 1e-4])), &[]),
    (("cdr", [8.0, 20.0, 1e-5, 5e-5], Some([10.0, 1e-6, 5e-5])), &["biored"]),
    (("gda", [6.0, 10.0, 2e-5, 8e-5], Some([5.0, 2e-6, 8e-5])), &["gda-raw"]),
    (("docred-atlop", [4.0, 30.0, 5e-5, 1e-4], None), &[]),
    (("cdr-atlop", [4.0, 30.0, 2e-5, 1e-4], None), &[]),
    (("gda-atlop", [16.0, 10.0, 2e-5, 1e-4], None), &[]),
];

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn stages(pipeline: &str) -> Vec<Table> {
    let file: Table = page(&format!("pipelines/{pipeline}.toml")).parse().unwrap();
    file["stage"].as_array().unwrap().iter().map(|stage| stage.as_table().unwrap().clone()).collect()
}

fn stage(pipeline: &str, name: &str) -> Table {
    stages(pipeline).into_iter().find(|stage| stage["name"].as_str() == Some(name)).unwrap()
}

fn numbers<const N: usize>(table: &Table, keys: [&str; N]) -> [f64; N] {
    keys.map(|key| {
        let value = table.get(key).unwrap_or_else(|| panic!("no `{key}`"));
        value.as_float().or_else(|| value.as_integer().map(|number| number as f64)).unwrap()
    })
}

#[test]
fn the_pipelines_train_as_the_papers_say() {
    for ((name, first, second), kin) in PAPERS {
        for pipeline in [&[name], kin].concat() {
            let train = stage(pipeline, "train");
            let got = numbers(&train, ["batch", "epochs", "encoder_rate", "head_rate"]);
            assert_eq!(got, first, "{pipeline}");
            let stage = train.get("second_stage").and_then(toml::Value::as_table);
            let got = stage.map(|stage| numbers(stage, ["epochs", "base_rate", "inference_rate"]));
            assert_eq!(got, second, "{pipeline}");
            assert_eq!(numbers(&train, ["warm_up", "clip"]), [0.06, 1.0], "{pipeline}");
            assert!(!train.contains_key("weight_decay"), "{pipeline}");
            let kind = train["model"].as_table().unwrap()["kind"].as_str().unwrap();
            assert_eq!(kind, if second.is_some() { "docre-ii" } else { "atlop" }, "{pipeline}");
        }
    }
}

#[test]
fn the_page_tells_the_papers_hyper_parameters() {
    let text = page("pipelines/README.md");
    let text = text.split_once("have the hyper-parameters of the papers").unwrap().1;
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    for (((name, first, second), kin), row) in PAPERS.into_iter().zip(rows) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let names: Vec<String> = [&[name], kin].concat().iter().map(|name| format!("`{name}`")).collect();
        assert_eq!(cells[0], names.join(", "));
        let told: Vec<f64> =
            cells[1..].iter().flat_map(|cell| cell.split(", ")).filter_map(|number| number.parse().ok()).collect();
        let expected: Vec<f64> = first.into_iter().chain(second.into_iter().flatten()).collect();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn the_release_of_gda_is_cut_as_the_papers_cut_it() {
    let divide = stage("gda-raw", "divide");
    let shares = numbers(divide["shares"].as_table().unwrap(), ["train", "dev"]);
    assert_eq!(shares.map(|share| (share * 29_192.0).round()), [23_353.0, 5_839.0]);
}

#[test]
fn a_test_split_is_scored_once_and_chooses_nothing() {
    for (pipeline, relations) in [
        ("cdr", "test_relations"),
        ("cdr-minilm", "test_relations"),
        ("cdr-atlop", "test_relations"),
        ("biored", "test_relations"),
        ("biored-minilm", "test_relations"),
        ("jacred", "test_relations"),
        ("redocred", "relations"),
        ("gda", "relations"),
        ("gda-raw", "relations"),
        ("gda-atlop", "relations"),
    ] {
        let reads = |stage: &Table, role: &str, name: &str| {
            let inputs = stage["inputs"].as_table().unwrap();
            inputs.get(role).and_then(toml::Value::as_str) == Some(name)
        };
        let all = stages(pipeline);
        let of_kind = |kind: &'static str| all.iter().filter(move |stage| stage["kind"].as_str() == Some(kind));
        assert!(of_kind("train").all(|stage| reads(stage, "dev", "dev")), "{pipeline}");
        assert_eq!(of_kind("score").filter(|stage| reads(stage, "corpus", "test")).count(), 1, "{pipeline}");
        let judged = of_kind("evaluate").filter(|stage| reads(stage, "relations", relations));
        assert_eq!(judged.filter(|stage| reads(stage, "corpus", "test")).count(), 1, "{pipeline}");
    }
}

//! State dicts of ATLOP's released code as checkpoints: the golden model, through files and the program.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use docre::encoder::read_state_dict;
use docre::table;
use docre::table::rows::{DocumentRow, RelationRow};
use serde_json::json;
use tempfile::TempDir;

use crate::golden::{Golden, folder};
use crate::support::{Run, docre};

struct Fixture {
    golden: Golden,
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { golden: Golden::open("atlop_bert"), folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `docre checkpoint` of a state dict with relations in JSON.
    fn convert(&self, weights: &Path, relations: &serde_json::Value, more: &[&str]) -> Run {
        let file = self.path("relations.json");
        fs::write(&file, relations.to_string()).unwrap();
        let out = self.path("checkpoint");
        let [weights, encoder, file, out] =
            [weights, &self.golden.folder, &file, &out].map(|path| path.to_str().unwrap());
        let arguments =
            ["checkpoint", "--from-atlop", weights, "--encoder", encoder, "--relations", file, "--out", out];
        docre(arguments.iter().chain(more))
    }

    fn weights(&self) -> PathBuf {
        self.golden.folder.join("model.safetensors")
    }
}

/// Facts as (document, head, tail, relation's class).
type Facts = BTreeSet<(usize, u32, u32, usize)>;

fn golden_facts(golden: &Golden) -> Facts {
    let of_document = |place: usize| {
        let (pairs, found) = (golden.numbers(place, "pairs"), golden.numbers(place, "prediction"));
        let n_classes = found.len() / (pairs.len() / 2);
        let rows: Vec<_> =
            pairs.chunks(2).map(<[u32]>::to_vec).zip(found.chunks(n_classes).map(<[u32]>::to_vec)).collect();
        rows.into_iter().flat_map(move |(pair, row)| {
            (1..n_classes).filter(move |&class| row[class] == 1).map(move |class| (place, pair[0], pair[1], class))
        })
    };
    (0..4).flat_map(of_document).collect()
}

#[test]
fn a_published_model_predicts_what_it_predicted() {
    let fixture = Fixture::new();
    let classes = &fixture.golden.json["rel2id"];
    let run = fixture.convert(&fixture.weights(), classes, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.starts_with("note: 2 weights are not used: `model.pooler.dense.bias`"), "{}", run.stderr);
    let [corpus, checkpoint, out] = ["corpus", "checkpoint", "out"].map(|name| fixture.path(name));
    let [corpus, checkpoint, out] = [&corpus, &checkpoint, &out].map(|path| path.to_str().unwrap());
    let documents = fixture.golden.folder.join("docs.json");
    let commands: [&[&str]; 2] = [
        &["convert", "--format", "docred", "--split", "dev", "--out", corpus, documents.to_str().unwrap()],
        &["score", "--checkpoint", checkpoint, "--corpus", corpus, "--split", "dev", "--out", out],
    ];
    for arguments in commands {
        let run = docre(arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    let names = table::read::<DocumentRow>(&fixture.path("corpus/dev")).unwrap().flat_map(Result::unwrap);
    let names: Vec<_> = names.map(|row| row.doc_id).collect();
    let fact = |row: RelationRow| {
        let place = names.iter().position(|name| *name == row.doc_id).unwrap();
        (place, row.head, row.tail, classes[&*row.relation].as_u64().unwrap() as usize)
    };
    let found: Facts =
        table::read::<RelationRow>(&fixture.path("out")).unwrap().flat_map(Result::unwrap).map(fact).collect();
    let expected = golden_facts(&fixture.golden);
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}

#[test]
fn relations_come_in_any_of_three_forms() {
    let fixture = Fixture::new();
    let config = || fs::read_to_string(fixture.path("checkpoint/config.json")).unwrap();
    assert_eq!(fixture.convert(&fixture.weights(), &fixture.golden.json["rel2id"], &[]).code, Some(0));
    let expected = config();
    let mut twice = fixture.golden.json["rel2id"].clone();
    twice["another"] = json!(1);
    let run = fixture.convert(&fixture.weights(), &twice, &["--force"]);
    assert!(
        run.code == Some(1) && run.stderr.contains("expected a class of its own for each relation"),
        "{}",
        run.stderr
    );
    let mut names: Vec<(u64, String)> = fixture.golden.json["rel2id"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, class)| (class.as_u64().unwrap(), name.clone()))
        .collect();
    names.sort();
    let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    for list in [&names[..], &names[1..]] {
        assert_eq!(fixture.convert(&fixture.weights(), &json!(list), &["--force"]).code, Some(0));
        assert_eq!(config(), expected);
    }
    let refused = |relations: serde_json::Value, expected: &str| {
        let run = fixture.convert(&fixture.weights(), &relations, &["--force"]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    refused(json!(names[2..]), "relations.json: expected the 97 classes of `bilinear.weight`, got 95");
    refused(json!({"Na": 0, "P17": 2}), "relations.json: expected the classes 0, 1, …, got 2 for 1");
    refused(json!({"P17": "country"}), "relations.json: expected an object that gives each relation its class");
    let last = |name: &str| [&names[1..96], &[name.to_owned()]].concat();
    let twice = format!("expected each relation once, got `{}` again", names[1]);
    refused(json!(last(&names[1])), &format!("relations.json: {twice}"));
    refused(json!(last("")), "relations.json: class 96: expected a relation's name, got an empty one");
    assert_eq!(config(), expected);
    // So are those that somebody has changed in a checkpoint.
    let changed = expected.replace(&format!("\"{}\"", names[96]), &format!("\"{}\"", names[1]));
    fs::write(fixture.path("checkpoint/config.json"), changed).unwrap();
    let shown = docre(["checkpoint", "show", fixture.path("checkpoint").to_str().unwrap()]);
    assert_eq!(shown.code, Some(1));
    assert!(shown.stderr.contains(&format!("config.json: {twice}")), "{}", shown.stderr);
    fs::write(fixture.path("checkpoint/config.json"), &expected).unwrap();
    let run = fixture.convert(&fixture.weights(), &json!(names), &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("hint: pass `--force` to replace it"), "{}", run.stderr);
}

#[test]
fn what_is_no_state_dict_of_atlop_is_refused() {
    let fixture = Fixture::new();
    let refused = |weights: &Path, expected: &str| {
        let run = fixture.convert(weights, &json!(["r"]), &[]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        assert!(!fixture.path("checkpoint").exists());
    };
    let archive = folder("pickled").join("pytorch_model.bin");
    let weights = read_state_dict(&archive, &candle_core::Device::Cpu).unwrap();
    assert_eq!(weights.len(), 2);
    refused(
        &archive,
        "expected a state dict of ATLOP, DocRE-II or DocRE-SD, found no weight of `head_extractor.weight`, ",
    );
    let matrix = |rows| candle_core::Tensor::zeros((rows, 4), candle_core::DType::F32, &candle_core::Device::Cpu);
    let named = |name: &str, rows| (name.to_owned(), matrix(rows).unwrap());
    let classless = HashMap::from([named("head_extractor.weight", 4), named("bilinear.weight", 0)]);
    candle_core::safetensors::save(&classless, fixture.path("classless.safetensors")).unwrap();
    let run = fixture.convert(&fixture.path("classless.safetensors"), &json!([]), &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("expected the 0 classes of `bilinear.weight`, got 0"), "{}", run.stderr);
    refused(&fixture.golden.folder.join("config.json"), "config.json: expected a whole safetensors file");
    refused(&fixture.path("absent"), "absent: cannot read");
    // As PyTorch before 1.6 begins a file: its mark, a number of ten bytes.
    let old = fixture.path("old.pt");
    std::fs::write(&old, b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.").unwrap();
    refused(&old, "old.pt: expected a PyTorch archive: ");
    refused(&old, "hint: a file that PyTorch before 1.6 wrote must be saved anew, as `model.safetensors`");
}

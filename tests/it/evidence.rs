//! Evidence: taught by the facts of a corpus, kept in tables of its own, decided, judged, and passed on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use docre::checkpoint::{Checkpoint, ModelConfig};
use docre::decide::Decision;
use docre::model::atlop::AtlopConfig;
use docre::model::docre_ii::DocreIiConfig;
use docre::model::docre_sd::DocreSdConfig;
use docre::table::rows::{EvidenceRow, FactRow, MetricRow, ProvenanceRow, RelationRow, ScoreRow, SentenceWeightRow};
use docre::table::{self, Row, Table, evidence_of};
use docre::train::config::{SecondStage, TrainConfig};
use serde_json::Value;

use crate::support::{Run, docre, files, rows};
use crate::train::{Fixture, docre_ii, second_stage};

type Sentences = BTreeMap<(String, u32, u32), BTreeMap<u32, f32>>;

fn done(run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// ATLOP that learns evidence, for long enough to predict something.
fn taught(fixture: &Fixture, evidence_weight: f64) -> TrainConfig {
    let model = ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 4, evidence_weight, ..AtlopConfig::default() });
    TrainConfig { model, epochs: 12, ..fixture.config() }
}

fn all<R: Row + 'static>(fixture: &Fixture, folder: &str) -> Vec<R> {
    Table::require(&fixture.path(folder)).unwrap().all().unwrap()
}

fn command(fixture: &Fixture, arguments: &[&str]) -> Run {
    let place = |argument: &&str| match argument.strip_prefix("@") {
        Some(name) => fixture.path(name).to_str().unwrap().to_owned(),
        None => (*argument).to_owned(),
    };
    docre(arguments.iter().map(place))
}

fn score(fixture: &Fixture, model: &str, out: &str) -> Run {
    let model = format!("@{model}/best");
    command(fixture, &["score", "--checkpoint", &model, "--corpus", "@corpus", "--split", "dev", "--out", out])
}

fn weights(fixture: &Fixture, folder: &str) -> Sentences {
    let mut found = Sentences::new();
    for SentenceWeightRow { doc_id, head, tail, sent_id, weight, .. } in all(fixture, folder) {
        found.entry((doc_id.to_string(), head, tail)).or_default().insert(sent_id, weight);
    }
    found
}

fn evidence(fixture: &Fixture, folder: &str) -> Sentences {
    let mut found = Sentences::new();
    for EvidenceRow { doc_id, head, tail, sent_id, weight, .. } in all(fixture, folder) {
        found.entry((doc_id.to_string(), head, tail)).or_default().insert(sent_id, weight);
    }
    found
}

/// What is above a threshold, of the pairs of the relations in a folder.
fn expected(fixture: &Fixture, folder: &str, weights: &Sentences, threshold: f32) -> Sentences {
    let pairs: BTreeSet<(String, u32, u32)> =
        all::<RelationRow>(fixture, folder).iter().map(|row| (row.doc_id.to_string(), row.head, row.tail)).collect();
    assert!(!pairs.is_empty());
    let above = |pair: &(String, u32, u32)| {
        let weights = weights.get(pair).or_else(|| weights.get(&(pair.0.clone(), pair.2, pair.1)))?;
        let above: BTreeMap<u32, f32> =
            weights.iter().filter(|(_, weight)| **weight > threshold).map(|(id, weight)| (*id, *weight)).collect();
        (!above.is_empty()).then(|| (pair.clone(), above))
    };
    pairs.iter().filter_map(above).collect()
}

/// Sentences of evidence that are right, predicted and gold, fact by fact.
fn counted(fixture: &Fixture, folder: &str) -> [u64; 3] {
    let of_pairs = evidence(fixture, folder);
    let gold: BTreeSet<(String, u32, u32, String, u32)> = all::<FactRow>(fixture, "corpus/dev")
        .into_iter()
        .flat_map(|fact| {
            let FactRow { doc_id, head, tail, relation, evidence, .. } = fact;
            evidence.into_iter().map(move |id| (doc_id.to_string(), head, tail, relation.to_string(), id))
        })
        .collect();
    let mut predicted = BTreeSet::new();
    for RelationRow { doc_id, head, tail, relation, .. } in all(fixture, folder) {
        for &id in of_pairs.get(&(doc_id.to_string(), head, tail)).into_iter().flat_map(BTreeMap::keys) {
            predicted.insert((doc_id.to_string(), head, tail, relation.to_string(), id));
        }
    }
    [gold.intersection(&predicted).count() as u64, predicted.len() as u64, gold.len() as u64]
}

fn judged(fixture: &Fixture, folder: &str, out: &str) -> MetricRow {
    let relations = format!("@{folder}");
    let out_place = format!("@{out}");
    let arguments = ["--corpus", "@corpus", "--split", "dev", "--relations", &relations, "--out", &out_place];
    done(&command(fixture, &[&["evaluate"], &arguments[..]].concat()));
    let rows: Vec<MetricRow> = all(fixture, out);
    rows.into_iter().find(|row| &*row.metric == "evidence F1").unwrap_or_else(|| panic!("no figure of evidence"))
}

fn check_judged(fixture: &Fixture, folder: &str, out: &str) -> f64 {
    let row = judged(fixture, folder, out);
    let counts = counted(fixture, folder);
    assert_eq!([row.true_positives, row.predicted, row.gold], counts.map(Some));
    2.0 * counts[0] as f64 / (counts[1] + counts[2]) as f64
}

#[test]
fn evidence_is_learnt_told_decided_judged_and_passed_on() {
    let fixture = Fixture::new();
    done(&fixture.train(&taught(&fixture, 1.0), "model", &[]));
    let losses = rows(&fixture.path("model"), "SELECT evidence_loss FROM training_log ORDER BY step");
    let losses: Vec<f64> = losses.iter().map(|loss| loss.parse().unwrap()).collect();
    assert!(losses.last().unwrap() < &(0.8 * losses[0]), "{losses:?}");
    done(&score(&fixture, "model", "@scored"));
    let of_pairs = weights(&fixture, "scored");
    let scored: BTreeSet<(String, u32, u32)> =
        all::<ScoreRow>(&fixture, "scored").iter().map(|row| (row.doc_id.to_string(), row.head, row.tail)).collect();
    assert_eq!(of_pairs.keys().collect::<Vec<_>>(), scored.iter().collect::<Vec<_>>());
    assert!(of_pairs.values().all(|weights| weights.values().sum::<f32>() < 1.001));
    assert!(of_pairs.values().flat_map(BTreeMap::values).all(|weight| *weight >= 0.02));
    assert_eq!(evidence(&fixture, "scored"), expected(&fixture, "scored", &of_pairs, 0.2));
    assert!(evidence_of(&fixture.path("scored")).unwrap().is_some());
    let before = check_judged(&fixture, "scored", "judged");
    passed_on(&fixture);
    again(&fixture);
    decided(&fixture, &of_pairs, before);
}

/// Into a submission, and into where the edges of a graph come from.
fn passed_on(fixture: &Fixture) {
    let of_pairs = evidence(fixture, "scored");
    let submission =
        ["convert", "--to", "docred", "--relations", "@scored", "--out", "@submission.json", "@corpus/dev"];
    done(&command(fixture, &submission));
    let documents: Vec<Value> = serde_json::from_slice(&fs::read(fixture.path("submission.json")).unwrap()).unwrap();
    let mut n_labels = 0;
    for document in documents {
        for label in document["labels"].as_array().unwrap() {
            let [head, tail] = ["h", "t"].map(|end| label[end].as_u64().unwrap() as u32);
            let pair = (document["title"].as_str().unwrap().to_owned(), head, tail);
            let expected: Vec<u32> = of_pairs.get(&pair).into_iter().flat_map(BTreeMap::keys).copied().collect();
            assert_eq!(label["evidence"], serde_json::json!(expected), "{pair:?}");
            n_labels += 1;
        }
    }
    assert!(n_labels > 0);
    let graph = ["graph", "--relations", "@scored", "--corpus", "@corpus", "--split", "dev", "--out", "@graph"];
    done(&command(fixture, &graph));
    let provenance: Vec<ProvenanceRow> = all(fixture, "graph");
    assert!(provenance.iter().any(|row| !row.evidence.is_empty()));
    for ProvenanceRow { doc_id, head, tail, evidence, .. } in provenance {
        let of = |head, tail| of_pairs.get(&(doc_id.to_string(), head, tail));
        // A relation that holds both ways has one direction in a graph.
        let expected: Vec<u32> =
            of(head, tail).or_else(|| of(tail, head)).into_iter().flat_map(BTreeMap::keys).copied().collect();
        assert_eq!(evidence, expected, "{doc_id} {head} {tail}");
    }
}

/// What stands is let stand, and what was taken away is made again, the same.
fn again(fixture: &Fixture) {
    let whole = files(&fixture.path("scored"));
    let told = score(fixture, "model", "@scored");
    assert!(told.stderr.contains("up to date"), "{}", told.stderr);
    for table in ["evidence", "sentence_weights"] {
        fs::remove_dir_all(fixture.path(&format!("scored/{table}"))).unwrap();
        done(&score(fixture, "model", "@scored"));
        assert!(files(&fixture.path("scored")) == whole, "{table}");
    }
    // In parts, after it was killed: as a whole.
    fs::remove_dir_all(fixture.path("scored/scores")).unwrap();
    done(&score(fixture, "model", "@scored"));
    assert!(files(&fixture.path("scored")) == whole);
}

/// A threshold that is fitted is at least as good on what it was fitted on, and is taken by `decide` and by `score`.
fn decided(fixture: &Fixture, of_pairs: &Sentences, before: f64) {
    let fit = ["fit", "--scores", "@scored", "--corpus", "@corpus", "--split", "dev", "--out", "@decision.json"];
    let told = command(fixture, &fit);
    done(&told);
    assert!(told.stderr.contains("evidence above a weight of 0."), "{}", told.stderr);
    let decision = Decision::read(&fixture.path("decision.json")).unwrap();
    let threshold = decision.evidence_threshold.unwrap();
    let decide = ["decide", "--scores", "@scored", "--decision", "@decision.json", "--out", "@decided"];
    done(&command(fixture, &decide));
    assert_eq!(evidence(fixture, "decided"), expected(fixture, "decided", of_pairs, threshold));
    let told = command(fixture, &decide);
    assert!(told.stderr.contains("up to date"), "{}", told.stderr);
    let _ = check_judged(fixture, "decided", "judged-decided");
    // Of the same relations, another threshold.
    let own = Decision { evidence_threshold: Some(threshold), ..Decision::default() };
    own.write(&fixture.path("own.json"), true).unwrap();
    let above = threshold.to_string();
    done(&command(fixture, &["decide", "--scores", "@scored", "--evidence-threshold", &above, "--out", "@own"]));
    let told = command(fixture, &["decide", "--scores", "@scored", "--decision", "@own.json", "--out", "@own"]);
    assert!(told.stderr.contains("up to date"), "{}", told.stderr);
    let after = check_judged(fixture, "own", "judged-own");
    assert!(before > 0.0 && after > 0.0, "{before} and {after}");
    fs::copy(fixture.path("decision.json"), fixture.path("model/best/decision.json")).unwrap();
    let shown = command(fixture, &["checkpoint", "show", "@model/best"]).stdout;
    assert!(shown.contains("evidence      learnt from gold evidence, with a weight of 1\n"), "{shown}");
    assert!(shown.contains(&format!("evidence above a weight of {threshold}")), "{shown}");
    let score = ["score", "--checkpoint", "@model/best", "--corpus", "@corpus", "--split", "dev", "--force", "--out"];
    done(&command(fixture, &[&score[..], &["@scored"]].concat()));
    assert_eq!(evidence(fixture, "scored"), evidence(fixture, "decided"));
    // Evidence of other relations is none of these.
    fs::remove_dir_all(fixture.path("decided/evidence")).unwrap();
    let (from, to) = (fixture.path("own/evidence"), fixture.path("decided/evidence"));
    fs::rename(from, to).unwrap();
    assert!(evidence_of(&fixture.path("decided")).unwrap().is_none());
}

#[test]
fn what_was_not_taught_has_no_such_tables() {
    let fixture = Fixture::new();
    done(&fixture.train(&TrainConfig { epochs: 1, ..taught(&fixture, 0.0) }, "model", &[]));
    done(&score(&fixture, "model", "@scored"));
    for table in ["evidence", "sentence_weights"] {
        assert!(!fixture.path(&format!("scored/{table}")).exists());
    }
    // What another model left there is not of these relations.
    for whole in [true, false] {
        table::write::<EvidenceRow>(&fixture.path("scored"), "other", Vec::new()).unwrap();
        table::write::<SentenceWeightRow>(&fixture.path("scored"), "other", Vec::new()).unwrap();
        if !whole {
            fs::remove_dir_all(fixture.path("scored/scores")).unwrap();
        }
        let told = score(&fixture, "model", "@scored");
        assert!(told.code == Some(1) && told.stderr.contains("--force"), "{}", told.stderr);
        let arguments = [
            "score",
            "--checkpoint",
            "@model/best",
            "--corpus",
            "@corpus",
            "--split",
            "dev",
            "--force",
            "--out",
            "@scored",
        ];
        done(&command(&fixture, &arguments));
        assert!(!fixture.path("scored/evidence").exists() && !fixture.path("scored/sentence_weights").exists());
    }
    let shown = command(&fixture, &["checkpoint", "show", "@model/best"]).stdout;
    assert!(shown.contains("evidence      not learnt\n"), "{shown}");
    let nothing =
        rows(&fixture.path("model"), "SELECT evidence_loss FROM training_log WHERE evidence_loss IS NOT NULL");
    assert!(nothing.is_empty());
}

/// The corpus of a fixture with no evidence in its facts.
fn without_evidence(fixture: &Fixture) -> PathBuf {
    for split in ["train", "dev"] {
        let folder = format!("@corpus/{split}");
        done(&command(fixture, &["convert", "--to", "docred", "--out", "@bare.json", &folder]));
        let text = fs::read(fixture.path("bare.json")).unwrap();
        let mut documents: Vec<Value> = serde_json::from_slice(&text).unwrap();
        for label in documents.iter_mut().flat_map(|document| document["labels"].as_array_mut().unwrap()) {
            label["evidence"] = serde_json::json!([]);
        }
        fs::write(fixture.path("bare.json"), serde_json::to_string(&documents).unwrap()).unwrap();
        let convert = ["convert", "--format", "docred", "--split", split, "--out", "@bare", "@bare.json"];
        done(&command(fixture, &convert));
        fs::remove_file(fixture.path("bare.json")).unwrap();
    }
    fixture.path("bare")
}

#[test]
fn a_corpus_without_evidence_is_refused_where_that_is_to_be_taught() {
    let fixture = Fixture::new();
    let corpus = without_evidence(&fixture);
    let run = fixture.train(&TrainConfig { corpus, ..taught(&fixture, 0.1) }, "model", &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("expected facts with evidence, which `evidence_weight` is to teach, found none"));
    assert!(run.stderr.contains("hint: set `evidence_weight` to 0"), "{}", run.stderr);
}

/// Of documents whose evidence nobody knows.
#[test]
fn a_teachers_attention_teaches_every_kind_what_evidence_is() {
    let fixture = Fixture::new();
    done(&fixture.train(&taught(&fixture, 1.0), "teacher", &[]));
    let (corpus, attention_weight) = (without_evidence(&fixture), 1.0);
    let atlop = AtlopConfig { embedding: 16, block: 4, attention_weight, ..AtlopConfig::default() };
    let docre_sd = DocreSdConfig { embedding: 16, block: 4, attention_weight, ..DocreSdConfig::default() };
    let docre_ii = DocreIiConfig { attention_weight, ..docre_ii() };
    for (kind, model, epochs) in [
        ("atlop", ModelConfig::Atlop(atlop), 12),
        ("docre-ii", ModelConfig::DocreIi(docre_ii), 2),
        ("docre-sd", ModelConfig::DocreSd(docre_sd), 2),
    ] {
        let second_stage = (kind == "docre-ii").then(second_stage);
        let config = TrainConfig { model, epochs, second_stage, corpus: corpus.clone(), ..fixture.config() };
        let alone = fixture.train(&config, kind, &[]);
        let expected = "`teacher`: expected a checkpoint, as `attention_weight` is above 0";
        assert!(alone.code == Some(1) && alone.stderr.contains(expected), "{}", alone.stderr);
        let config = TrainConfig { teacher: Some(fixture.path("teacher/best")), ..config };
        done(&fixture.train(&config, kind, &[]));
        let of_stages = "SELECT stage, count(*) - count(auxiliary_loss), count(evidence_loss) FROM training_log \
                         GROUP BY stage ORDER BY stage";
        let expected = if kind == "docre-ii" { vec!["1,0,0", "2,0,0"] } else { vec!["1,0,0"] };
        assert_eq!(rows(&fixture.path(kind), of_stages), expected);
        let shown = command(&fixture, &["checkpoint", "show", &format!("@{kind}/best")]).stdout;
        assert!(shown.contains("evidence      learnt from a teacher's attention, with a weight of 1\n"), "{shown}");
    }
    let of_epochs = "SELECT avg(auxiliary_loss) FROM training_log GROUP BY epoch ORDER BY epoch";
    let losses: Vec<f64> = rows(&fixture.path("atlop"), of_epochs).iter().map(|loss| loss.parse().unwrap()).collect();
    assert!(losses[11] < 0.5 * losses[0], "{losses:?}");
    done(&score(&fixture, "atlop", "@scored"));
    assert!(!weights(&fixture, "scored").is_empty());
}

/// Of a base that stays as it is the attention stays too: it is taught before, or not at all.
#[test]
fn a_base_that_stays_as_it_is_was_taught_before() {
    let fixture = Fixture::new();
    let config = |evidence_weight, base: Option<&str>| {
        let second = SecondStage { freeze_base: true, ..second_stage() };
        let model = ModelConfig::DocreIi(DocreIiConfig { evidence_weight, ..docre_ii() });
        let base = base.map(|base| fixture.path(base));
        TrainConfig { model, epochs: 2, second_stage: Some(second), base, ..fixture.config() }
    };
    done(&fixture.train(&config(0.1, None), "taught", &[]));
    let checkpoint = |name: &str| Checkpoint::load(&fixture.path(name), &candle_core::Device::Cpu).unwrap();
    assert!(checkpoint("taught/base").config.model.taught().evidence > 0.0);
    let told = rows(
        &fixture.path("taught"),
        "SELECT stage, count(evidence_loss) > 0 FROM training_log GROUP BY stage ORDER BY stage",
    );
    assert_eq!(told, ["1,true", "2,false"]);
    done(&fixture.train(&config(0.0, None), "bare", &[]));
    let refused = fixture.train(&config(0.1, Some("bare/base")), "refused", &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("expected the base of the model, taught evidence (`evidence_weight`"));
    // Nor is one that was taught otherwise: the card would say what is not so.
    let ModelConfig::DocreIi(model) = config(0.0, None).model else { panic!("another model") };
    let attentive = ModelConfig::DocreIi(DocreIiConfig { attention_weight: 0.1, ..model });
    let attentive = TrainConfig {
        model: attentive,
        teacher: Some(fixture.path("taught/base")),
        ..config(0.0, Some("taught/base"))
    };
    let otherwise = fixture.train(&attentive, "refused", &[]);
    assert!(otherwise.stderr.contains("taught evidence (`evidence_weight`, `attention_weight`) as that is"));
    let refused = fixture.train(&folded(config(0.1, Some("bare/base"))), "refused", &[]);
    assert!(refused.stderr.contains("taught evidence (`evidence_weight`"), "{}", refused.stderr);
    done(&fixture.train(&config(0.1, Some("taught/base")), "over", &[]));
    done(&score(&fixture, "over", "@scored"));
    assert!(!weights(&fixture, "scored").is_empty());
}

fn folded(config: TrainConfig) -> TrainConfig {
    let second = SecondStage { folds: 2, ..config.second_stage.clone().unwrap() };
    TrainConfig { second_stage: Some(second), ..config }
}

#[test]
fn the_bases_of_folds_are_taught_as_the_base_is_and_are_not_those_of_another_weight() {
    let fixture = Fixture::new();
    let config = |evidence_weight, base: Option<&str>| {
        let model = ModelConfig::DocreIi(DocreIiConfig { evidence_weight, ..docre_ii() });
        let base = base.map(|base| fixture.path(base));
        folded(TrainConfig { model, epochs: 2, second_stage: Some(second_stage()), base, ..fixture.config() })
    };
    done(&fixture.train(&config(0.5, None), "taught", &[]));
    let checkpoint = |name: &str| Checkpoint::load(&fixture.path(name), &candle_core::Device::Cpu).unwrap();
    for base in ["base", "fold-1", "fold-2"] {
        assert!(checkpoint(&format!("taught/{base}")).config.model.taught().evidence == 0.5, "{base}");
    }
    let taught = "SELECT stage, count(evidence_loss) > 0 FROM training_log GROUP BY stage ORDER BY stage";
    assert_eq!(rows(&fixture.path("taught"), taught), ["1,true", "2,true", "3,true", "4,false"]);
    // Over the same base, what bases of folds made that were taught otherwise serves nobody.
    let same = fixture.train(&config(0.5, Some("taught/base")), "same", &[]);
    assert!(same.stderr.contains("features of the base are taken from "), "{}", same.stderr);
    let other = fixture.train(&config(0.25, Some("taught/base")), "other", &[]);
    assert!(other.code == Some(0) && !other.stderr.contains("are taken from "), "{}", other.stderr);
}

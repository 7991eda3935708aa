//! Several corpora at once: whose relations are whose, what an epoch takes of each, and what such a checkpoint says of one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use docre::checkpoint::{Card, Checkpoint, ModelConfig};
use docre::model::atlop::AtlopConfig;
use docre::model::docre_ii::DocreIiConfig;
use docre::model::threshold_loss::ThresholdLoss;
use docre::train::CorpusConfig;
use docre::train::config::{EncoderSource, Scratch, SecondStage, TrainConfig};
use serde_json::Value;

use crate::models::training;
use crate::pipeline::Place;
use crate::support::{Run, docre, files, rows};
use crate::train::{Fixture, copy_after, docre_ii, second_stage};

/// What the second corpus calls some relations of the first.
const OWN: [(&str, &str); 2] = [("P27", "citizen of"), ("P108", "works for")];
/// What it does not annotate.
const LACKS: &str = "P361";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn done(run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// Two corpora of the same documents, below `corpora`: `one` as they are made, and `two` with names of its own and one
/// relation less.
fn two_corpora(fixture: &Fixture) {
    let (json, corpora) = (fixture.path("json"), fixture.path("corpora"));
    for (split, documents, first) in [("train", "12", "0"), ("dev", "4", "12")] {
        let made = ["synthesize", "--docs", documents, "--first", first, "--split", split, "--facts", "4", "--json"];
        done(&docre(made.iter().copied().chain(["--out", text(&json)])));
        let path = json.join(format!("{split}.json"));
        let mut documents: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for corpus in ["one", "two"] {
            if corpus == "two" {
                documents.iter_mut().for_each(rename);
                fs::write(&path, serde_json::to_string(&documents).unwrap()).unwrap();
            }
            let out = corpora.join(corpus);
            done(&docre(["convert", "--format", "docred", "--split", split, "--out", text(&out), text(&path)]));
        }
    }
}

fn rename(document: &mut Value) {
    let labels = document["labels"].as_array_mut().unwrap();
    labels.retain(|fact| fact["r"] != LACKS);
    for fact in labels {
        if let Some((_, own)) = OWN.iter().find(|(name, _)| fact["r"] == *name) {
            fact["r"] = (*own).into();
        }
    }
}

fn corpus(name: &str) -> CorpusConfig {
    CorpusConfig { name: name.to_owned(), ..CorpusConfig::default() }
}

/// The settings of a run on both, joined where they mean the same.
fn both(fixture: &Fixture) -> TrainConfig {
    let relations = OWN.map(|(name, own)| (own.into(), name.into())).into();
    let corpora = vec![corpus("one"), CorpusConfig { relations, ..corpus("two") }];
    TrainConfig { corpora, corpus: fixture.path("corpora"), ..fixture.config() }
}

fn card(fixture: &Fixture, checkpoint: &str) -> Card {
    Card::find(&fixture.path(checkpoint)).unwrap().unwrap()
}

fn relations(fixture: &Fixture, checkpoint: &str) -> Vec<String> {
    let config = docre::checkpoint::read_config(&fixture.path(checkpoint)).unwrap();
    config.relations.iter().map(ToString::to_string).collect()
}

/// How many facts the training split of a corpus has of each relation of its splits.
fn facts(fixture: &Fixture, corpus: &str) -> BTreeMap<String, u64> {
    let mut facts = BTreeMap::new();
    for split in ["dev", "train"] {
        let split = fixture.path(&format!("corpora/{corpus}/{split}"));
        let rows = rows(&split, "SELECT relation, n_facts FROM relation_types");
        facts.values_mut().for_each(|n_facts| *n_facts = 0);
        facts.extend(
            rows.iter().filter_map(|row| row.rsplit_once(',')).map(|(name, n)| (name.to_owned(), n.parse().unwrap())),
        );
    }
    facts
}

#[test]
fn relations_are_joined_kept_apart_or_left_out() {
    let fixture = Fixture::new();
    two_corpora(&fixture);
    let (one, two) = (facts(&fixture, "one"), facts(&fixture, "two"));
    let one_epoch = |corpora| TrainConfig { corpora, epochs: 1, ..both(&fixture) };

    done(&fixture.train(&TrainConfig { epochs: 1, ..both(&fixture) }, "joined", &[]));
    let joined = card(&fixture, "joined/best");
    assert_eq!(relations(&fixture, "joined/best"), facts(&fixture, "one").into_keys().collect::<Vec<_>>());
    let of = |card: &Card, name: &str| card.relations.iter().find(|told| &*told.relation == name).unwrap().facts;
    assert_eq!(of(&joined, "P108"), one["P108"] + two["works for"]);
    assert_eq!(of(&joined, LACKS), one[LACKS]);
    let names: Vec<&str> = joined.corpora.iter().map(|corpus| &*corpus.name).collect();
    assert_eq!((names, joined.train.documents, joined.profile.documents), (vec!["one", "two"], 24, 24));
    let of_two = &joined.corpora[1];
    assert_eq!((&*of_two.train.corpus, &*of_two.dev.split, of_two.dev.documents), ("two", "dev", 4));
    let called = of_two.relations.iter().find(|relation| &*relation.told.relation == "works for").unwrap();
    assert_eq!((called.model.as_deref(), called.told.facts), (Some("P108"), two["works for"]));
    assert!(of_two.relations.iter().all(|relation| &*relation.told.relation != LACKS));
    let shown = docre(["checkpoint", "show", text(&fixture.path("joined/best"))]).stdout;
    for told in [
        "trained on    one+two/train: 24 documents",
        "corpus        `two`: trained on two/train: 12 documents",
        " works for as P108 ",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(!joined.settings.to_string().contains(text(fixture.folder.path())));

    let apart = CorpusConfig { apart: true, relations: [("citizen of".into(), "P27".into())].into(), ..corpus("two") };
    done(&fixture.train(&one_epoch(vec![corpus("one"), apart]), "apart", &[]));
    let expected =
        one.keys().cloned().chain(two.keys().filter(|name| *name != "citizen of").map(|name| format!("two:{name}")));
    let mut expected: Vec<String> = expected.collect();
    expected.sort();
    assert_eq!(relations(&fixture, "apart/best"), expected);

    let left = CorpusConfig { leave_out: ["works for", "P17"].map(Into::into).into(), ..corpus("two") };
    done(&fixture.train(&one_epoch(vec![corpus("one"), left]), "left", &[]));
    assert_eq!(of(&card(&fixture, "left/best"), "P17"), one["P17"]);
    assert!(!relations(&fixture, "left/best").contains(&"works for".to_owned()));
    let of_two = &card(&fixture, "left/best").corpora[1];
    let left: Vec<&str> =
        of_two.relations.iter().filter(|of| of.model.is_none()).map(|of| &*of.told.relation).collect();
    assert_eq!(left, ["P17", "works for"]);
}

#[test]
fn a_corpus_by_itself_is_what_it_was() {
    let fixture = Fixture::new();
    two_corpora(&fixture);
    let alone = TrainConfig { corpus: fixture.path("corpora/one"), ..fixture.config() };
    done(&fixture.train(&alone, "alone", &[]));
    done(&fixture.train(&TrainConfig { corpora: vec![corpus("one")], ..both(&fixture) }, "named", &[]));
    for file in ["best/model.safetensors", "best/config.json", "last/optimizer.safetensors"] {
        let bytes = |run: &str| fs::read(fixture.path(run).join(file)).unwrap();
        assert_eq!(bytes("alone"), bytes("named"), "{file}");
    }
    // Nothing of several corpora is in what there was before.
    assert!(!fixture.path("alone/training_figures").exists() && !fixture.path("named/training_figures").exists());
    let written = fs::read_to_string(fixture.path("alone/best/card.json")).unwrap();
    assert!(!written.contains("corpora"), "{written}");
    assert_eq!(card(&fixture, "named/best").figures, card(&fixture, "alone/best").figures);
}

#[test]
fn a_run_over_several_corpora_goes_on_from_any_epoch() {
    let fixture = Fixture::new();
    two_corpora(&fixture);
    let mut config = TrainConfig { epochs: 4, ..both(&fixture) };
    config.corpora[1].share = Some(0.3);
    let stopped = copy_after(2, &fixture, &config);
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    done(&resumed);
    for checkpoint in ["best", "last"] {
        let bytes = |folder: &Path| files(folder).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
        assert_eq!(bytes(&stopped.join(checkpoint)), bytes(&fixture.path("whole").join(checkpoint)));
    }
    let sql = "SELECT epoch, corpus, stage, recall, f1 FROM training_figures ORDER BY epoch, corpus";
    let figures = rows(&stopped, sql);
    assert_eq!((figures.len(), &figures), (8, &rows(&fixture.path("whole"), sql)));
    // The mean chooses.
    let means = rows(&stopped, "SELECT avg(f1) FROM training_figures GROUP BY epoch ORDER BY epoch");
    let log = rows(&stopped, "SELECT dev_f1 FROM training_log WHERE dev_f1 IS NOT NULL ORDER BY epoch");
    let numbers = |rows: &[String]| rows.iter().map(|row| row.parse::<f64>().unwrap()).collect::<Vec<_>>();
    assert!(numbers(&means).iter().zip(numbers(&log)).all(|(mean, logged)| (mean - logged).abs() < 1e-12));
    // Without its figures it would lose them.
    fs::rename(stopped.join("training_figures"), fixture.path("figures")).unwrap();
    let refused = fixture.train(&config, "stopped", &["--resume"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("training_figures"), "{}", refused.stderr);
    fs::rename(fixture.path("figures"), stopped.join("training_figures")).unwrap();
    // Other shares are another run.
    config.corpora[1].share = Some(0.4);
    let refused = fixture.train(&config, "stopped", &["--resume"]);
    assert!(refused.stderr.contains("expected a run of these settings on this corpus"), "{}", refused.stderr);
}

/// Scores the training split of a corpus and gives its F1, as `evaluate` counts it.
fn scored(fixture: &Fixture, checkpoint: &str, corpus: &str, like: &[&str]) -> (f64, Run) {
    let [checkpoint, split, out] =
        [checkpoint, &format!("corpora/{corpus}/train"), &format!("scored-{corpus}")].map(|path| fixture.path(path));
    let arguments =
        ["score", "--checkpoint", text(&checkpoint), "--corpus", text(&split), "--out", text(&out), "--force"];
    let run = docre(arguments.iter().chain(like));
    done(&run);
    let relations = out.join("relations");
    let metrics = docre([
        "evaluate",
        "--corpus",
        text(&split),
        "--relations",
        text(&relations),
        "--format",
        "json",
        "--resamples",
        "0",
    ]);
    done(&metrics);
    let metrics: Value = serde_json::from_str(&metrics.stdout).unwrap();
    let rows = metrics.as_array().or_else(|| metrics["metrics"].as_array()).unwrap();
    let f1 = rows.iter().find(|row| row["metric"] == "F1" && row["scope"] == "all").unwrap();
    (f1["f1"].as_f64().unwrap(), run)
}

#[test]
fn a_checkpoint_is_scored_as_if_it_were_that_of_one_corpus() {
    let fixture = Fixture::new();
    two_corpora(&fixture);
    // Of documents that it knows, a small model predicts something.
    let EncoderSource::Scratch(scratch) = fixture.config().encoder else { panic!("another encoder") };
    let both = TrainConfig {
        encoder: EncoderSource::Scratch(Scratch { dropout: 0.0, ..scratch }),
        dev: "train".into(),
        encoder_rate: 3e-3,
        epochs: 7,
        batch: 1,
        accumulation: 1,
        ..both(&fixture)
    };
    let loss = ThresholdLoss::AdaptiveFocal { gamma: 1.0 };
    let atlop = ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 4, loss, ..AtlopConfig::default() });
    let inferring = ModelConfig::DocreIi(DocreIiConfig { loss, ..docre_ii() });
    let models = [("atlop", atlop), ("docre-ii", inferring)];
    for (kind, model) in models {
        done(&fixture.train(&TrainConfig { model, ..both.clone() }, kind, &[]));
        let best = format!("{kind}/best");
        let card = card(&fixture, &best);
        for corpus in &card.corpora {
            let (f1, run) = scored(&fixture, &best, &corpus.name, &["--like", &corpus.name]);
            let figures = corpus.figures.unwrap();
            assert!((f1 - figures.f1).abs() < 1e-9, "{kind}, {}: {f1}, {figures:?}", corpus.name);
            assert!(!run.stderr.contains("warning"), "{}", run.stderr);
        }
        assert!(card.figures.unwrap().f1 > 0.0, "{kind} predicts nothing");
    }
    let out = fixture.path("scored-two");
    let named = rows(&out, "SELECT DISTINCT relation FROM scores ORDER BY relation");
    assert!(named.contains(&"works for".to_owned()), "{named:?}");
    assert!(named.iter().all(|name| ![LACKS, "P108", "P27"].contains(&&**name)), "{named:?}");
    let told = rows(&out, "SELECT relation, n_facts FROM model_relations WHERE n_facts > 0 ORDER BY relation");
    let expected = facts(&fixture, "two").into_iter().filter(|(_, n)| *n > 0);
    assert_eq!(told, expected.map(|(name, n)| format!("{name},{n}")).collect::<Vec<_>>());
    // As it calls them, it knows nothing of what the corpus calls otherwise.
    let (_, run) = scored(&fixture, "docre-ii/best", "two", &[]);
    assert!(run.stderr.contains("of 2 relations that the model does not know count as missed"), "{}", run.stderr);
    let named = rows(&out, "SELECT DISTINCT relation FROM scores ORDER BY relation");
    assert!(named.contains(&"P108".to_owned()), "{named:?}");

    let score = |checkpoint: &str, like: &str| {
        let [checkpoint, split, out] = [checkpoint, "corpora/two/dev", "refused"].map(|path| fixture.path(path));
        let run = docre([
            "score",
            "--checkpoint",
            text(&checkpoint),
            "--corpus",
            text(&split),
            "--out",
            text(&out),
            "--like",
            like,
        ]);
        assert_eq!(run.code, Some(1));
        run.stderr
    };
    let told = score("atlop/best", "twoo");
    assert!(told.contains("atlop/best: unknown corpus `twoo`, the nearest known one is `two`"), "{told}");
    done(&fixture.train(&TrainConfig { epochs: 1, ..fixture.config() }, "plain", &[]));
    let told = score("plain/best", "two");
    assert!(
        told.contains("expected the card of a checkpoint of several corpora, to score like one of `two`, found none"),
        "{told}"
    );
}

#[test]
fn features_of_documents_of_the_same_name_are_those_of_their_corpora() {
    let fixture = Fixture::new();
    two_corpora(&fixture);
    let staged = |second_stage| TrainConfig {
        model: ModelConfig::DocreIi(docre_ii()),
        second_stage: Some(second_stage),
        ..both(&fixture)
    };
    let frozen = staged(SecondStage { freeze_base: true, ..second_stage() });
    done(&fixture.train(&frozen, "frozen", &[]));
    // What is kept and what is made anew is the same.
    let anew = staged(SecondStage { freeze_base: true, most_kept: 0, ..second_stage() });
    done(&fixture.train(&anew, "anew", &[]));
    let weights = |run: &str| fs::read(fixture.path(run).join("best/model.safetensors")).unwrap();
    assert_eq!(weights("frozen"), weights("anew"));
    assert!(card(&fixture, "frozen/best").base.is_some());
    let mut folds = staged(SecondStage { folds: 2, ..second_stage() });
    folds.corpora[0].share = Some(0.7);
    let stopped = copy_after(4, &fixture, &folds);
    done(&fixture.train(&folds, "stopped", &["--resume"]));
    let weights = |folder: &Path| fs::read(folder.join("best/model.safetensors")).unwrap();
    assert_eq!(weights(&stopped), weights(&fixture.path("whole")));
}

#[test]
fn settings_that_do_not_fit_the_corpora_are_refused() {
    let fixture = Fixture::new();
    two_corpora(&fixture);
    let of = |change: &dyn Fn(&mut Vec<CorpusConfig>)| {
        let mut config = both(&fixture);
        change(&mut config.corpora);
        let run = fixture.train(&config, "refused", &[]);
        assert_eq!(run.code, Some(1));
        run.stderr
    };
    let check = |change: &dyn Fn(&mut Vec<CorpusConfig>), expected: &str| {
        let told = of(change);
        assert!(told.contains(expected), "{expected}: {told}");
    };
    check(&|corpora| corpora[1].name = "one".into(), "`corpora`: expected each name once, got `one` twice");
    check(&|corpora| corpora[1].name = String::new(), "`corpora`: expected a `name` without `/`, got ``");
    check(
        &|corpora| corpora[0].share = Some(1.5),
        "`corpora`: `one`: `share`: expected above 0 and at most 1, got 1.5",
    );
    check(
        &|corpora| corpora[0].share = Some(1.0),
        "`corpora`: expected shares of together less than 1, as not all corpora have one, got 1",
    );
    check(
        &|corpora| corpora.iter_mut().for_each(|corpus| corpus.share = Some(0.4)),
        "`corpora`: expected shares of together 1, got 0.8",
    );
    check(
        &|corpora| {
            corpora[1].leave_out.insert("citizen of".into());
        },
        "`corpora`: `two`: `citizen of`: expected it in `relations` or in `leave_out`, got it in both",
    );
    check(
        &|corpora| {
            corpora[1].leave_out.insert("citizens of".into());
        },
        "settings: `corpora`: `two`: unknown relation `citizens of`, the nearest known one is `citizen of`",
    );
    check(
        &|corpora| drop(corpora[1].relations.insert("P17".into(), "".into())),
        "`corpora`: `two`: `relations`: `P17`: expected a name",
    );
    let all: Vec<String> = facts(&fixture, "two").into_keys().collect();
    let leave_out = || all.iter().map(|name| (**name).into()).collect();
    check(
        &|corpora| corpora[1] = CorpusConfig { leave_out: leave_out(), ..corpus("two") },
        "two/train: expected documents with facts, found none",
    );
}

/// A stage that makes a split of a corpus.
fn split(name: &str, split: &str, first: u32) -> String {
    format!(
        "[[stage]]\nname = \"{name}-split\"\nkind = \"synthesize\"\nsplit = \"{split}\"\ndocuments = 6\nfirst = {first}\nfacts = 4\n\
         outputs = {{ tables = \"{name}\" }}\n\n"
    )
}

#[test]
fn a_stage_takes_several_splits_and_its_model_is_scored_like_one_corpus() {
    let splits = ["a_train", "b_train", "a_dev", "b_dev"].iter().zip((0..).step_by(6));
    let splits: String = splits.map(|(name, first)| split(name, &name[2..], first)).collect();
    let outputs = "checkpoint = \"model\", log = \"training_log\", figures = \"figures\"";
    let corpora = "epochs = 2\ncorpora = [{ name = \"a\", leave_out = [] }, { name = \"b\", apart = true }]";
    let stage = training("train", "kind = \"atlop\", embedding = 16, block = 4", corpora, "", outputs);
    let stage = stage
        .replace("train = \"train\"", "train = [\"a_train\", \"b_train\"]")
        .replace("dev = \"dev\"", "dev = [\"a_dev\", \"b_dev\"]");
    let rest = r#"
[[stage]]
name = "score"
kind = "score"
like = "b"
inputs = { checkpoint = "model", corpus = "b_dev" }
outputs = { relations = "relations", scores = "scores" }
"#;
    let place = Place::new(&(splits.clone() + &stage.replace(", figures = \"figures\"", "") + rest));
    let refused = |settings: &[&str], expected: &str| {
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let told = place.failure(&settings);
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(!place.path("runs").exists(), "{told}");
    };
    refused(&["train.corpora=[]"], "`corpora`: expected one for each of the 2 inputs `train`, to name it, got none");
    refused(&["train.corpora=[{name=\"a\"}]"], "input `train`: expected 1, one for each of `corpora`, got 2");
    refused(
        &["train.corpora=[{name=\"a\",train=\"x\"},{name=\"b\"}]"],
        "`corpora`: `a`: expected no `train` and no `dev`, as inputs are that",
    );
    refused(&["score.like=c"], "stage `score`: `like`: unknown corpus `c`");
    refused(&["train.corpora=[{name=\"a\",shar=0.5},{name=\"b\"}]"], "unknown field `shar`");
    place.write("tiny.toml", &(splits + &stage + rest));
    refused(
        &["train.inputs.train=a_train", "train.inputs.dev=a_dev", "train.corpora=[{name=\"b\"}]"],
        "output `figures`: expected none, as figures by corpus are of several `corpora`",
    );
    assert_eq!(place.run(&[]).len(), 6);
    let run = place.path("runs/tiny");
    assert_eq!(rows(&run, "SELECT count(*) FROM figures"), ["4"]);
    let named = rows(&run, "SELECT DISTINCT relation FROM scores");
    assert!(named.iter().all(|name| !name.contains(':')), "{named:?}");
    let config = Checkpoint::load(&run.join("model"), &candle_core::Device::Cpu).unwrap().config;
    assert!(config.relations.iter().any(|name| name.starts_with("b:")), "{:?}", config.relations);
    assert_eq!(card_of(&run.join("model")).corpora.len(), 2);
    assert_eq!(place.run(&[]), [""; 0]);
}

fn card_of(checkpoint: &Path) -> Card {
    Card::find(checkpoint).unwrap().unwrap()
}

#[test]
fn evidence_of_several_corpora_is_learnt_by_their_own_relations() {
    let fixture = Fixture::new();
    two_corpora(&fixture);
    let model =
        ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 4, evidence_weight: 0.1, ..AtlopConfig::default() });
    done(&fixture.train(&TrainConfig { model, epochs: 1, ..both(&fixture) }, "taught", &[]));
    assert_eq!(rows(&fixture.path("taught"), "SELECT count(*) FROM training_log WHERE evidence_loss IS NULL"), ["0"]);
}

//! A second scoring on evidence alone: what it is of, what is made of both scorings, and what is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use docre::checkpoint::ModelConfig;
use docre::decide::{Decision, EVIDENCE_ONLY, Ensemble};
use docre::model::atlop::AtlopConfig;
use docre::table::rows::{DocumentRow, FactRow, PairRow, RelationRow, ScoreRow, SentenceWeightRow};
use docre::table::{self, Row, Table, TableFiles};
use docre::train::TrainConfig;
use serde_json::{Value, json};

use crate::pipeline::Place;
use crate::support::{Run, docre, files};
use crate::train::Fixture;

/// A document, the head and the tail.
type Pair = (String, u32, u32);
/// How far each relation of a pair lies above the threshold.
type Margins = BTreeMap<Pair, BTreeMap<String, f32>>;

fn done(run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

fn refused(run: &Run, code: i32, expected: &str) {
    assert!(run.code == Some(code) && run.stderr.contains(expected), "{:?}: {}", run.code, run.stderr);
}

fn all<R: Row + 'static>(fixture: &Fixture, folder: &str) -> Vec<R> {
    Table::require(&fixture.path(folder)).unwrap().all().unwrap()
}

/// The program, with places in the fixture's folder after `@`.
fn command(fixture: &Fixture, arguments: &[&str]) -> Run {
    docre(arguments.iter().map(|argument| match argument.strip_prefix('@') {
        Some(name) => fixture.path(name).to_str().unwrap().to_owned(),
        None => (*argument).to_owned(),
    }))
}

/// Each document by itself, so that no bit hangs on others.
fn score(fixture: &Fixture, split: &str, out: &str, more: &[&str]) -> Run {
    let split = format!("@{split}");
    let usual = ["score", "--checkpoint", "@model/best", "--corpus", &split, "--out", out, "--pieces-at-once", "1"];
    command(fixture, &[&usual[..], more].concat())
}

/// ATLOP that learnt evidence, for long enough to predict something, and what it says of dev, twice.
fn taught() -> Fixture {
    let fixture = Fixture::new();
    let config = AtlopConfig { embedding: 16, block: 4, evidence_weight: 1.0, ..AtlopConfig::default() };
    let config = TrainConfig { model: ModelConfig::Atlop(config), epochs: 12, ..fixture.config() };
    done(&fixture.train(&config, "model", &[]));
    done(&score(&fixture, "corpus/dev", "@documents", &[]));
    done(&score(&fixture, "corpus/dev", "@alone", &["--evidence-only", "@documents"]));
    fixture
}

fn margins(fixture: &Fixture, folder: &str) -> Margins {
    let mut margins = Margins::new();
    for row in all::<ScoreRow>(fixture, folder) {
        let of_pair = margins.entry((row.doc_id.to_string(), row.head, row.tail)).or_default();
        of_pair.insert(row.relation.to_string(), row.logit - row.threshold_logit);
    }
    margins
}

/// The sentences of each pair above a threshold, with those that first mention what they do not mention, from the tables
/// and the documents of DocRED's JSON.
fn evidence(fixture: &Fixture, documents: &[Value], threshold: f32) -> BTreeMap<Pair, BTreeSet<u64>> {
    let mut above: BTreeMap<Pair, BTreeSet<u64>> = BTreeMap::new();
    for row in all::<SentenceWeightRow>(fixture, "documents").iter().filter(|row| row.weight > threshold) {
        let of_pair = above.entry((row.doc_id.to_string(), row.head, row.tail)).or_default();
        of_pair.insert(row.sent_id.into());
    }
    let weighed: BTreeSet<Pair> = all::<SentenceWeightRow>(fixture, "documents")
        .iter()
        .map(|row| (row.doc_id.to_string(), row.head, row.tail))
        .collect();
    let mut found = BTreeMap::new();
    for row in all::<PairRow>(fixture, "corpus/dev").iter().filter(|row| row.candidate) {
        let document = documents.iter().find(|document| document["title"] == *row.doc_id).unwrap();
        let [pair, turned] =
            [(row.head, row.tail), (row.tail, row.head)].map(|(head, tail)| (row.doc_id.to_string(), head, tail));
        let of = if weighed.contains(&pair) { &pair } else { &turned };
        let Some(mut sentences) = above.get(of).cloned() else { continue };
        for entity in [row.head, row.tail] {
            let mentions = document["vertexSet"][entity as usize].as_array().unwrap();
            let mentioned: BTreeSet<u64> =
                mentions.iter().map(|mention| mention["sent_id"].as_u64().unwrap()).collect();
            if mentioned.is_disjoint(&sentences) {
                sentences.insert(*mentioned.first().unwrap());
            }
        }
        found.insert(pair, sentences);
    }
    found
}

/// A document of some sentences of another, with the entities that they mention, and the numbers that these had.
fn cut(document: &Value, sentences: &BTreeSet<u64>, title: &str) -> (Value, Vec<u32>) {
    let place = |sentence: u64| sentences.iter().position(|other| *other == sentence);
    let (mut entities, mut numbers) = (Vec::new(), Vec::new());
    for (number, mentions) in (0..).zip(document["vertexSet"].as_array().unwrap()) {
        let mentions = mentions.as_array().unwrap().iter().filter_map(|mention| {
            let mut mention = mention.clone();
            mention["sent_id"] = json!(place(mention["sent_id"].as_u64().unwrap())?);
            Some(mention)
        });
        let mentions: Vec<Value> = mentions.collect();
        if !mentions.is_empty() {
            entities.push(mentions);
            numbers.push(number);
        }
    }
    let text: Vec<&Value> = sentences.iter().map(|sentence| &document["sents"][*sentence as usize]).collect();
    (json!({"title": title, "sents": text, "vertexSet": entities, "labels": []}), numbers)
}

/// The split's documents in DocRED's JSON.
fn documents(fixture: &Fixture) -> Vec<Value> {
    done(&command(fixture, &["convert", "--to", "docred", "--out", "@dev.json", "@corpus/dev"]));
    serde_json::from_slice(&fs::read(fixture.path("dev.json")).unwrap()).unwrap()
}

#[test]
fn evidence_alone_is_scored_as_a_document_of_its_sentences_is() {
    let fixture = taught();
    let documents = documents(&fixture);
    let evidence = evidence(&fixture, &documents, 0.2);
    let of_pairs: BTreeSet<&BTreeSet<u64>> = evidence.values().collect();
    assert!(of_pairs.len() > 3, "{of_pairs:?}");
    let (mut by_hand, mut numbers) = (Vec::new(), Vec::new());
    for (place, ((name, ..), sentences)) in evidence.iter().enumerate() {
        let document = documents.iter().find(|document| document["title"] == **name).unwrap();
        let (document, of) = cut(document, sentences, &place.to_string());
        by_hand.push(document);
        numbers.push(of);
    }
    fs::write(fixture.path("hand.json"), json!(by_hand).to_string()).unwrap();
    done(&command(
        &fixture,
        &["convert", "--format", "docred", "--split", "all", "--out", "@hand", "@hand.json", "--unlabelled"],
    ));
    done(&score(&fixture, "hand/all", "@hand/scored", &[]));
    let by_hand = margins(&fixture, "hand/scored");
    let mut alone = margins(&fixture, "alone");
    for (place, pair) in evidence.keys().enumerate() {
        let number = |entity| numbers[place].iter().position(|other| *other == entity).unwrap() as u32;
        let expected = by_hand.get(&(place.to_string(), number(pair.1), number(pair.2))).cloned().unwrap_or_default();
        let found = alone.remove(pair).unwrap();
        if expected.is_empty() {
            // The best, which lies too low to be kept by itself.
            assert!(found.len() == 1 && found.values().all(|margin| *margin <= -5.0), "{pair:?}: {found:?}");
            continue;
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{pair:?}");
        for (relation, margin) in found {
            assert!((margin - expected[&relation]).abs() < 1e-5, "{pair:?}: {relation}: {margin} {expected:?}");
        }
    }
    assert!(alone.is_empty(), "{alone:?}");
    told(&fixture);
}

/// What a table says of itself, and what is not there.
fn told(fixture: &Fixture) {
    let noted = |folder: &str| TableFiles::find(&fixture.path(folder), "scores").unwrap().unwrap().note(EVIDENCE_ONLY);
    assert_eq!((noted("alone").unwrap().as_deref(), noted("documents").unwrap()), (Some("0.2"), None));
    for name in ["sentence_weights", "evidence"] {
        assert!(!fixture.path("alone").join(name).exists() && fixture.path("documents").join(name).exists());
    }
    let again = score(fixture, "corpus/dev", "@alone", &["--evidence-only", "@documents/sentence_weights"]);
    assert!(again.code == Some(0) && again.stderr.ends_with("alone/relations: up to date\n"), "{}", again.stderr);
    // Another threshold is another making.
    fs::write(fixture.path("few.json"), r#"{"evidence_threshold": 0.9}"#).unwrap();
    let few = ["--evidence-only", "@documents", "--decision", "@few.json"];
    refused(&score(fixture, "corpus/dev", "@alone", &few), 1, "alone");
    done(&score(fixture, "corpus/dev", "@few", &few));
    assert!(margins(fixture, "few").len() < margins(fixture, "alone").len());
}

/// How far each relation lies above the threshold in sum.
fn sums(fixture: &Fixture, without: f32) -> BTreeMap<(String, u32, u32, String), f32> {
    let [documents, alone] = ["documents", "alone"].map(|folder| margins(fixture, folder));
    let mut sums = BTreeMap::new();
    for (pair, relation) in
        documents.iter().chain(&alone).flat_map(|(pair, of)| of.keys().map(move |relation| (pair, relation)))
    {
        let of_document = documents.get(pair).and_then(|of| of.get(relation)).copied().unwrap_or(-5.0);
        let of_evidence = match alone.get(pair) {
            Some(of) => of.get(relation).copied().unwrap_or_else(|| of.values().copied().fold(-5.0, f32::min)),
            None => without,
        };
        sums.insert((pair.0.clone(), pair.1, pair.2, relation.clone()), of_document + of_evidence);
    }
    sums
}

/// What is claimed at a threshold.
fn claimed(sums: &BTreeMap<(String, u32, u32, String), f32>, shift: f32) -> BTreeSet<(String, u32, u32, String)> {
    let mut of_pairs: BTreeMap<Pair, Vec<(f32, String)>> = BTreeMap::new();
    for ((document, head, tail, relation), sum) in sums.iter().filter(|(_, sum)| **sum > shift) {
        of_pairs.entry((document.clone(), *head, *tail)).or_default().push((*sum, relation.clone()));
    }
    let best = |((document, head, tail), mut of): (Pair, Vec<(f32, String)>)| {
        of.sort_by(|one, other| other.0.total_cmp(&one.0));
        of.into_iter().take(4).map(move |(_, relation)| (document.clone(), head, tail, relation))
    };
    of_pairs.into_iter().flat_map(best).collect()
}

fn f1(fixture: &Fixture, claimed: &BTreeSet<(String, u32, u32, String)>) -> f64 {
    let facts = all::<FactRow>(fixture, "corpus/dev").into_iter();
    let facts: BTreeSet<_> =
        facts.map(|row| (row.doc_id.to_string(), row.head, row.tail, row.relation.to_string())).collect();
    2.0 * facts.intersection(claimed).count() as f64 / (facts.len() + claimed.len()) as f64
}

fn relations(fixture: &Fixture, folder: &str) -> BTreeSet<(String, u32, u32, String)> {
    let rows = all::<RelationRow>(fixture, folder).into_iter();
    rows.map(|row| (row.doc_id.to_string(), row.head, row.tail, row.relation.to_string())).collect()
}

const OF_DEV: [&str; 4] = ["--corpus", "@corpus", "--split", "dev"];
const BOTH: [&str; 4] = ["--scores", "@alone", "--scores", "@documents"];

fn decide(fixture: &Fixture, scores: &[&str], more: &[&str]) -> Run {
    command(fixture, &[&["decide"], scores, &OF_DEV, more].concat())
}

#[test]
fn one_threshold_is_fitted_to_the_sums_and_decides_of_both() {
    let fixture = taught();
    // Some pairs have no evidence: a threshold of 0.9 leaves few.
    fs::write(fixture.path("few.json"), r#"{"evidence_threshold": 0.9}"#).unwrap();
    let few = ["--evidence-only", "@documents", "--decision", "@few.json", "--force"];
    done(&score(&fixture, "corpus/dev", "@alone", &few));
    assert!(margins(&fixture, "alone").len() < margins(&fixture, "documents").len());
    let fit = [&["fit"], &BOTH[..], &OF_DEV, &["--ensemble", "fusion", "--out", "@fused.json"]].concat();
    done(&command(&fixture, &fit));
    let decision = Decision::read(&fixture.path("fused.json")).unwrap();
    assert_eq!((decision.ensemble, decision.fitted_runs.len()), (Ensemble::Fusion, 2));
    assert_ne!(decision.fitted_runs[0].model, decision.fitted_runs[1].model);
    let sums = sums(&fixture, 0.0);
    let run = decide(&fixture, &BOTH, &["--decision", "@fused.json", "--out", "@fused"]);
    done(&run);
    assert!(!run.stderr.contains("another model"), "{}", run.stderr);
    let fused = relations(&fixture, "fused");
    assert_eq!(fused, claimed(&sums, decision.shift));
    // It is called as the run over documents, wherever that stands, and has its evidence.
    assert!(all::<RelationRow>(&fixture, "fused").iter().all(|row| *row.run_id == *"documents"));
    assert!(fixture.path("fused/evidence").exists());
    let best = (-98..98).map(|step| f1(&fixture, &claimed(&sums, step as f32 / 20.0))).fold(0.0, f64::max);
    assert!(f1(&fixture, &fused) >= best - 1e-9, "{} {best}", f1(&fixture, &fused));
    let told = [&["--ensemble", "fusion", "--shift", "-1", "--out", "@told"][..], &["--without-evidence", "-2"]];
    done(&decide(&fixture, &BOTH, &told.concat()));
    assert_eq!(relations(&fixture, "told"), claimed(&self::sums(&fixture, -2.0), -1.0));
    // Each alone is decided as ever, and evaluated as scores are.
    done(&decide(&fixture, &["--scores", "@alone"], &["--out", "@one"]));
    assert!(all::<ScoreRow>(&fixture, "alone").iter().all(|row| *row.run_id == *"alone"));
    let evaluate = [&["evaluate"], &BOTH[..], &OF_DEV, &["--decision", "@fused.json", "--out", "@metrics"]].concat();
    done(&command(&fixture, &evaluate));
    refusals(&fixture);
}

/// What another model says of the evidence is not to be added.
fn of_another_model(fixture: &Fixture) {
    let [best, other] = ["model/best", "other"].map(|folder| fixture.path(folder));
    fs::create_dir(&other).unwrap();
    for file in fs::read_dir(&best).unwrap().map(Result::unwrap).filter(|file| file.path().is_file()) {
        fs::copy(file.path(), other.join(file.file_name())).unwrap();
    }
    let config = other.join("config.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    settings["most_labels"] = json!(3);
    fs::write(&config, settings.to_string()).unwrap();
    let others = ["score", "--checkpoint", "@other", "--corpus", "@corpus/dev", "--evidence-only", "@documents"];
    done(&command(fixture, &[&others[..], &["--out", "@others"]].concat()));
    let scores = ["--scores", "@documents", "--scores", "@others"];
    let told = "documents, with its relations called alike, got another's\nhint: score both with one `--checkpoint`";
    refused(&decide(fixture, &scores, &["--ensemble", "fusion", "--out", "@no"]), 1, told);
}

fn refusals(fixture: &Fixture) {
    let one_of_each = "expected for `fusion` the scores of documents and those of their evidence alone, one table of each, \
                       got 1 and 0\nhint: score a second time with `--evidence-only`";
    let alone = ["--scores", "@documents"];
    refused(&decide(fixture, &alone, &["--decision", "@fused.json", "--out", "@no"]), 1, one_of_each);
    let mixed = "alone: expected scores of documents, as the others are, got those of their evidence alone\nhint: pass \
                 `--ensemble fusion`";
    refused(&decide(fixture, &BOTH, &["--out", "@no"]), 1, mixed);
    let twice = [&BOTH[..], &alone].concat();
    refused(&decide(fixture, &twice, &["--ensemble", "fusion", "--out", "@no"]), 1, "one table of each, got 2 and 1");
    of_another_model(fixture);
    let unfused = decide(fixture, &alone, &["--without-evidence", "-1", "--out", "@no"]);
    refused(&unfused, 2, "--without-evidence`: expected it with the ensemble `fusion`, got `margins`");
    let bonus = decide(fixture, &BOTH, &["--ensemble", "fusion", "--without-evidence", "1", "--out", "@no"]);
    refused(&bonus, 2, "--without-evidence`: expected -1000 to 0, got 1");
    let score = |out: &str, more: &[&str]| score(fixture, "corpus/dev", out, more);
    refused(&score("@no", &["--decision", "@fused.json"]), 1, one_of_each);
    fs::copy(fixture.path("fused.json"), fixture.path("model/best/decision.json")).unwrap();
    refused(&score("@no", &[]), 1, one_of_each);
    fs::remove_file(fixture.path("model/best/decision.json")).unwrap();
    let no_weights = "alone: expected the table `sentence_weights` of a run over the same split, found none\nhint: score the \
                      split first with a model that was taught evidence";
    refused(&score("@no", &["--evidence-only", "@alone"]), 1, no_weights);
    let itself = score("@documents", &["--evidence-only", "@documents", "--force"]);
    refused(&itself, 1, "documents: expected another folder than that of the run whose evidence is scored");
    let begun = score("@no", &["--evidence-only", "@documents", "--first-relations", "@documents"]);
    refused(&begun, 2, "cannot be used with");
    let mut weights: Vec<SentenceWeightRow> = all(fixture, "documents");
    weights[0].sent_id = 99;
    table::write(&fixture.path("strange"), "", weights.clone()).unwrap();
    refused(
        &score("@no", &["--evidence-only", "@strange"]),
        1,
        "sentences, got sentence 99\nhint: name the weights of",
    );
    weights[0].sent_id = 0;
    weights.last_mut().unwrap().doc_id = "elsewhere".into();
    table::write(&fixture.path("elsewhere"), "", weights).unwrap();
    refused(&score("@no", &["--evidence-only", "@elsewhere"]), 1, "elsewhere");
    assert!(!fixture.path("no").join("scores").exists());
}

/// Weights by which every sentence is evidence of every pair of a split.
fn whole(fixture: &Fixture, split: &str) {
    let sentences: BTreeMap<_, _> =
        all::<DocumentRow>(fixture, split).into_iter().map(|row| (row.doc_id, row.n_sentences)).collect();
    let of_pair = |row: PairRow| {
        let PairRow { doc_id, head, tail, .. } = row;
        let n_sentences = sentences[&doc_id];
        (0..n_sentences).map(move |sent_id| {
            let doc_id = doc_id.clone();
            SentenceWeightRow { run_id: "hand".into(), doc_id, head, tail, sent_id, weight: 0.9 }
        })
    };
    let rows = all::<PairRow>(fixture, split).into_iter().flat_map(of_pair).collect::<Vec<_>>();
    table::write(&fixture.path("whole"), "", rows).unwrap();
}

/// A model that infers has all that it had, too.
#[test]
fn evidence_that_is_all_of_a_document_gives_its_scores() {
    let fixture = Fixture::new();
    done(&fixture.train(&fixture.inferring(), "model", &[]));
    whole(&fixture, "corpus/dev");
    let named = ["--run-id", "run"];
    done(&score(&fixture, "corpus/dev", "@documents", &named));
    done(&score(&fixture, "corpus/dev", "@alone", &[&named[..], &["--evidence-only", "@whole"]].concat()));
    let mut alone: Vec<ScoreRow> = all(&fixture, "alone");
    alone.retain(|row| row.logit - row.threshold_logit > -5.0);
    assert_eq!(alone, all::<ScoreRow>(&fixture, "documents"));
    assert!(!alone.is_empty() && alone.iter().all(|row| row.base_logit.is_some()));
    assert_eq!(all::<RelationRow>(&fixture, "alone"), all::<RelationRow>(&fixture, "documents"));
    let claims = |folder: &str| all::<docre::table::rows::ClaimRow>(&fixture, folder);
    assert_eq!(claims("alone"), claims("documents"));
    let traces = |folder: &str| all::<docre::table::rows::TraceRow>(&fixture, folder);
    assert_eq!(traces("alone"), traces("documents"));
}

#[test]
fn shards_on_evidence_are_joined_to_the_tables_of_one_run() {
    let fixture = taught();
    let many = ["synthesize", "--docs", "300", "--first", "99", "--split", "many", "--facts", "4", "--out", "@corpus"];
    done(&command(&fixture, &many));
    let score = |out: &str, more: &[&str]| score(&fixture, "corpus/many", out, more);
    done(&score("@first", &[]));
    let on_evidence = ["--run-id", "run", "--evidence-only", "@first"];
    done(&score("@one", &on_evidence));
    for part in [&["--shard", "1/2"][..], &["--shard", "0/2"], &["--join"]] {
        done(&score("@shards", &[&on_evidence[..], part].concat()));
    }
    for table in ["relations", "scores", "claims", "traces"] {
        let [one, shards] = ["one", "shards"].map(|out| files(&fixture.path(out).join(table)));
        assert!(!one.is_empty() && one.iter().map(|(_, bytes)| bytes).eq(shards.iter().map(|(_, bytes)| bytes)));
    }
}

#[test]
fn a_pipeline_scores_fits_and_decides_by_fusion() {
    let fixture = taught();
    let [model, dev] = ["model/best", "corpus/dev"].map(|name| fixture.path(name).to_str().unwrap().to_owned());
    let text = |outputs: &str| {
        let score = |name: &str, inputs: &str, outputs: &str| {
            format!(
                "[[stage]]\nname = \"{name}\"\nkind = \"score\"\npieces_at_once = 1\n\
                 inputs = {{ checkpoint = \"model\", corpus = \"dev\"{inputs} }}\noutputs = {{ {outputs} }}\n"
            )
        };
        let first = "relations = \"own\", scores = \"scores\", sentence_weights = \"weights\"";
        let both = "scores = [\"evidence_scores\", \"scores\"], sentence_weights = \"weights\", corpus = \"dev\"";
        format!("[sources]\nmodel = {model:?}\ndev = {dev:?}\n")
            + &score("first", "", first)
            + &score("second", ", sentence_weights = \"weights\"", outputs)
            + &format!(
                "[[stage]]\nname = \"fit\"\nkind = \"fit\"\nensemble = \"fusion\"\ninputs = {{ {both} }}\n\
                 outputs = {{ decision = \"fused.json\" }}\n\
                 [[stage]]\nname = \"decide\"\nkind = \"decide\"\ninputs = {{ {both}, decision = \"fused.json\" }}\n\
                 outputs = {{ relations = \"relations\", evidence = \"evidence\" }}\n"
            )
    };
    let place = Place::new(&text("relations = \"of_evidence\", scores = \"evidence_scores\""));
    done(&place.docre(&["tiny.toml"]));
    let rows = |path: &str| Table::<ScoreRow>::require_at(&place.path(path)).unwrap().all().unwrap();
    assert!(rows("runs/tiny/scores").iter().all(|row| *row.run_id == *"tiny"));
    assert!(rows("runs/tiny/evidence_scores").iter().all(|row| *row.run_id == *"tiny-evidence"));
    let fit = [&["fit"], &BOTH[..], &OF_DEV, &["--ensemble", "fusion", "--out", "@fused.json"]].concat();
    done(&command(&fixture, &fit));
    let shift = |path| Decision::read(path).unwrap().shift;
    assert_eq!(shift(&place.path("runs/tiny/fused.json")), shift(&fixture.path("fused.json")));
    let place = Place::new(&text("relations = \"a\", scores = \"evidence_scores\", sentence_weights = \"b\""));
    let told = place.failure(&[]);
    assert!(told.contains("stage `second`: output `sentence_weights`: expected none, as of evidence alone"), "{told}");
}

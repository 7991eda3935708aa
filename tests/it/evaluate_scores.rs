//! `docre evaluate --scores`: figures over all thresholds, and of probabilities.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use docre::decide::{Calibration, Decision};
use docre::ground::random::Random;
use docre::metrics::{Metric, Scored, ScoresRequest, evaluate_scores};
use docre::table;
use docre::table::rows::{DocumentRow, EntityRow, FactRow, PairRow, RelationTypeRow, ScoreRow};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Run, docre, document_row, rows};

/// A document: its name, its entities, its facts (head, tail, relation) and the scores of such.
#[derive(Clone)]
struct Doc {
    name: &'static str,
    entities: u32,
    facts: Vec<(u32, u32, &'static str)>,
    scores: Vec<(u32, u32, &'static str, f32)>,
    labelled: bool,
    left_out: Option<(u32, u32)>,
}

impl Doc {
    fn new(name: &'static str, facts: &[(u32, u32, &'static str)], scores: &[(u32, u32, &'static str, f32)]) -> Self {
        let (facts, scores) = (facts.to_vec(), scores.to_vec());
        Self { name, entities: 4, facts, scores, labelled: true, left_out: None }
    }

    fn pairs(&self) -> Vec<PairRow> {
        let ends = (0..self.entities).flat_map(|head| (0..self.entities).map(move |tail| (head, tail)));
        let pair = |(head, tail): (u32, u32)| {
            let labels = self.facts.iter().filter(|fact| (fact.0, fact.1) == (head, tail)).map(|fact| fact.2.into());
            PairRow {
                doc_id: self.name.into(),
                head,
                tail,
                intra: true,
                sentence_distance: 0,
                candidate: self.left_out != Some((head, tail)),
                labels: self.labelled.then(|| labels.collect()),
            }
        };
        ends.filter(|(head, tail)| head != tail).map(pair).collect()
    }

    fn scores(&self, most_labels: u32) -> Vec<ScoreRow> {
        let score = |&(head, tail, relation, margin): &(u32, u32, &str, f32)| ScoreRow {
            run_id: "mine".into(),
            doc_id: self.name.into(),
            head,
            tail,
            relation: relation.into(),
            logit: margin + 0.5,
            threshold_logit: 0.5,
            base_logit: None,
            base_threshold_logit: None,
            iteration: None,
            margin: 5.0,
            most_labels,
        };
        self.scores.iter().map(score).collect()
    }
}

/// A corpus `dev` in which `Both` holds both ways, and scores in the folder `run`.
struct Corpus(TempDir);

impl Corpus {
    fn new(docs: &[Doc], most_labels: u32) -> Self {
        let corpus = Self(TempDir::new().unwrap());
        let split = &corpus.split();
        let document = |(position, doc): (u32, &Doc)| DocumentRow {
            labelled: doc.labelled,
            n_entities: doc.entities,
            ..document_row(doc.name, position)
        };
        let entity = |doc: &Doc, entity_id: u32| EntityRow {
            doc_id: doc.name.into(),
            entity_id,
            name: "it".into(),
            r#type: "LOC".into(),
            kb_id: None,
            n_mentions: 1,
        };
        let fact = |doc: &Doc, &(head, tail, relation): &(u32, u32, &str)| FactRow {
            doc_id: doc.name.into(),
            head,
            tail,
            relation: relation.into(),
            evidence: vec![],
            attributes: vec![],
        };
        let mut facts: Vec<FactRow> = docs.iter().flat_map(|doc| doc.facts.iter().map(|one| fact(doc, one))).collect();
        facts.dedup();
        let both = RelationTypeRow { relation: "Both".into(), label: None, n_facts: 0, undirected: true };
        table::write(split, "", (0..).zip(docs).map(document).collect()).unwrap();
        let entities = docs.iter().flat_map(|doc| (0..doc.entities).map(|number| entity(doc, number)));
        table::write(split, "", entities.collect()).unwrap();
        table::write(split, "", docs.iter().flat_map(Doc::pairs).collect()).unwrap();
        table::write(split, "", facts).unwrap();
        table::write(split, "", Vec::<docre::table::rows::MentionRow>::new()).unwrap();
        table::write(split, "", vec![both]).unwrap();
        table::write(&corpus.run(), "", docs.iter().flat_map(|doc| doc.scores(most_labels)).collect()).unwrap();
        corpus
    }

    fn split(&self) -> PathBuf {
        self.0.path().join("dev")
    }

    fn run(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn scored(&self, decision: &Decision) -> Scored {
        evaluate_scores(&ScoresRequest {
            tables: &self.split(),
            scores: &[self.run()],
            decision,
            corpus: "",
            split: "",
            run_id: None,
            resamples: 50,
            seed: 0,
        })
        .unwrap()
    }

    fn evaluate(&self, more: &[&str]) -> Run {
        let [split, run] = [self.split(), self.run()].map(|path| path.to_str().unwrap().to_owned());
        docre(["evaluate", "--corpus", &split, "--scores", &run].iter().chain(more))
    }
}

fn figure<'a>(scored: &'a Scored, metric: &str) -> &'a Metric {
    scored.metrics.iter().find(|row| &*row.metric == metric).unwrap()
}

fn value(scored: &Scored, metric: &str) -> f64 {
    figure(scored, metric).f1.unwrap()
}

#[track_caller]
fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-6, "got {got}, expected {expected}");
}

fn sigmoid(margin: f64) -> f64 {
    1.0 / (1.0 + (-margin).exp())
}

/// Four facts, of which (2, 3) has no score.
fn by_hand() -> Vec<Doc> {
    let d = [(0, 1, "P", 3.0), (0, 2, "P", 2.0), (1, 2, "P", 1.0)];
    vec![
        Doc::new("d", &[(0, 1, "P"), (1, 2, "P"), (2, 3, "P")], &d),
        Doc::new("e", &[(0, 1, "P")], &[(0, 1, "P", 1.0), (1, 0, "P", -1.0)]),
    ]
}

#[test]
fn figures_are_what_hand_and_a_library_say() {
    let scored = Corpus::new(&by_hand(), 4).scored(&Decision::default());
    // From above: right; wrong; two right, alike; wrong. AP = 1/4 · 1/1 + 2/4 · 3/4. As scikit-learn has it, whose recall
    // is of scored facts: average_precision_score([1, 0, 1, 1, 0], [3, 2, 1, 1, -1]) = 0.8333…, times 3/4.
    close(value(&scored, "AP"), 0.625);
    let row = figure(&scored, "AP");
    assert_eq!((row.true_positives, row.predicted, row.gold, row.recall), (Some(3), Some(5), Some(4), Some(0.75)));
    // F1: 2/5, 2/6, 6/8, 6/9.
    let row = figure(&scored, "best F1");
    close(row.f1.unwrap(), 0.75);
    assert_eq!((row.true_positives, row.predicted, row.gold), (Some(3), Some(4), Some(4)));
    // brier_score_loss([1, 0, 1, 1, 0], sigmoid([3, 2, 1, 1, -1])) = 0.19901
    let squares = [1.0 - sigmoid(3.0), sigmoid(2.0), 1.0 - sigmoid(1.0), 1.0 - sigmoid(1.0), sigmoid(-1.0)];
    close(value(&scored, "Brier"), squares.iter().map(|distance| distance * distance).sum::<f64>() / 5.0);
    assert!((value(&scored, "Brier") - 0.19901).abs() < 1e-5);
    // Bins: 0.95 and 1 right of 1, 0.88 and 0 of 1, 0.73 and 2 of 2, 0.27 and 0 of 1.
    let distances = (1.0 - sigmoid(3.0)) + sigmoid(2.0) + 2.0 * (1.0 - sigmoid(1.0)) + sigmoid(-1.0);
    close(value(&scored, "ECE"), distances / 5.0);
    let points: Vec<(f32, u64, u64, u64)> =
        scored.curve.iter().map(|row| (row.margin, row.predicted, row.correct, row.gold)).collect();
    assert_eq!(points, [(3.0, 1, 1, 4), (2.0, 2, 1, 4), (1.0, 4, 3, 4), (-1.0, 5, 3, 4)]);
    close(scored.curve[2].f1, 0.75);
    let bins: Vec<(f64, f64, u64, u64)> =
        scored.reliability.iter().map(|row| (row.low, row.high, row.predicted, row.correct)).collect();
    assert_eq!(bins, [(0.2, 0.3, 1, 0), (0.7, 0.8, 2, 2), (0.8, 0.9, 1, 0), (0.9, 1.0, 1, 1)]);
    close(scored.reliability[1].probability, sigmoid(1.0));
    // Of two documents a resample has either twice, or both: AP of `d` alone is 1/3 · 1 + 1/3 · 2/3, of `e` 1.
    let row = figure(&scored, "AP");
    close(row.f1_low.unwrap(), 5.0 / 9.0);
    close(row.f1_high.unwrap(), 1.0);
    assert!(scored.warnings().is_empty());
}

#[test]
fn probabilities_are_those_of_the_decision() {
    let corpus = Corpus::new(&by_hand(), 4);
    let own = corpus.scored(&Decision::default());
    let fitted_on = ["2f0a1b3c".into()].into();
    let decision =
        Decision { calibration: Some(Calibration::Temperature(2.0)), shift: 1.0, fitted_on, ..Decision::default() };
    let calibrated = corpus.scored(&decision);
    let squares =
        [1.0 - sigmoid(1.5), sigmoid(1.0), 1.0 - sigmoid(0.5), 1.0 - sigmoid(0.5), sigmoid(-0.5)].map(|one| one * one);
    close(value(&calibrated, "Brier"), squares.iter().sum::<f64>() / 5.0);
    // The order is the same, and a shift is one of the thresholds.
    assert_eq!((value(&own, "AP"), value(&own, "best F1")), (value(&calibrated, "AP"), value(&calibrated, "best F1")));
    assert_eq!(own.curve, calibrated.curve);
    // What a decision cannot claim counts as missed: of (0, 1) one relation, the best.
    let docs = [Doc::new("d", &[(0, 1, "Q")], &[(0, 1, "P", 2.0), (0, 1, "Q", 1.0)])];
    let corpus = Corpus::new(&docs, 4);
    close(value(&corpus.scored(&Decision::default()), "AP"), 0.5);
    close(value(&corpus.scored(&Decision { most_labels: Some(1), ..Decision::default() }), "AP"), 0.0);
}

#[test]
fn the_command_shows_and_writes_them() {
    let corpus = Corpus::new(&by_hand(), 4);
    let out = corpus.0.path().join("out");
    let run = corpus.evaluate(&["--out", out.to_str().unwrap(), "--resamples", "20"]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{}", run.stderr);
    let line = |start: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(start)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("AP")[1..5], ["62.50", "55.56", "to", "100.00"], "{}", run.stdout);
    assert_eq!(line("AP")[5..], ["60.00", "75.00", "3", "5", "4"]);
    assert_eq!((&*line("Brier")[1], &line("Brier")[5..]), ("19.90", &["-", "-", "3", "5", "-"].map(str::to_owned)[..]));
    assert!(run.stdout.contains("\nF1 is best with a margin of +1.00 to the model's threshold\n"), "{}", run.stdout);
    assert!(run.stdout.ends_with("1 of 4 facts have no score and count as missed: AP is at least this\n"));
    assert_eq!(rows(&out, "SELECT metric FROM metrics"), ["AP", "Brier", "ECE", "best F1"]);
    assert_eq!(
        rows(&out, "SELECT run_id, margin, f1 FROM precision_recall WHERE correct = 3 LIMIT 1"),
        ["mine,1.0,0.75"]
    );
    assert_eq!(rows(&out, "SELECT predicted, share FROM reliability WHERE correct = 2"), ["2,1.0"]);
    // Other figures are not put in their place unasked.
    let file = corpus.0.path().join("decision.json");
    fs::write(&file, r#"{"calibration": {"temperature": 2}}"#).unwrap();
    let more = ["--decision", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "--resamples", "20"];
    let refused = corpus.evaluate(&more);
    assert!(refused.code == Some(1) && refused.stderr.contains("--force"), "{}", refused.stderr);

    let json = corpus.evaluate(&["--format", "json", "--resamples", "0"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["precision_recall"].as_array().unwrap().len(), 4);
    assert_eq!((&json["reliability"][1]["share"], &json["metrics"][0]["f1_low"]), (&Value::from(1.0), &Value::Null));
}

#[test]
fn what_has_no_value_is_a_dash_and_null() {
    let nothing = Corpus::new(&[Doc::new("d", &[], &[])], 4);
    let run = nothing.evaluate(&[]);
    assert_eq!(run.stderr, "warning: there are no scores\n");
    let dashes = |metric: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(metric)).unwrap();
        line.split_whitespace().filter(|cell| *cell == "-").count()
    };
    assert_eq!(["AP", "best F1", "Brier", "ECE"].map(dashes), [3, 3, 4, 4], "{}", run.stdout);
    let scored = nothing.scored(&Decision::default());
    assert!(scored.metrics.iter().all(|row| row.f1.is_none() && row.f1_low.is_none()));
    assert!(scored.curve.is_empty() && scored.reliability.is_empty());
    // All missed is 0, and all wrong too, but has probabilities.
    let missed = Corpus::new(&[Doc::new("d", &[(0, 1, "P")], &[])], 4).scored(&Decision::default());
    assert_eq!((figure(&missed, "AP").f1, figure(&missed, "best F1").f1), (Some(0.0), Some(0.0)));
    assert_eq!(figure(&missed, "Brier").f1, None);
    let wrong = Corpus::new(&[Doc::new("d", &[], &[(0, 1, "P", 0.0)])], 4).scored(&Decision::default());
    assert_eq!(["AP", "best F1", "Brier"].map(|metric| figure(&wrong, metric).f1), [None, None, Some(0.25)]);
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    let unlabelled = Corpus::new(&[Doc { labelled: false, ..Doc::new("d", &[], &[(0, 1, "P", 1.0)]) }], 4);
    let run = unlabelled.evaluate(&[]);
    assert!(run.code == Some(1) && run.stderr.contains("the split has no labels"), "{}", run.stderr);
    let [one, other] = [Corpus::new(&by_hand(), 4), Corpus::new(&[Doc::new("z", &[], &[(0, 1, "P", 1.0)])], 4)];
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    let (split, scores) = (path(one.split()), path(other.run()));
    let run = docre(["evaluate", "--corpus", &split, "--scores", &scores]);
    assert!(run.code == Some(1) && run.stderr.contains("`z`"), "{}", run.stderr);
    let run = docre(["evaluate", "--corpus", &split]);
    assert!(run.code == Some(2) && run.stderr.contains("--relations"), "{}", run.stderr);
    let run = one.evaluate(&["--against", &scores]);
    assert!(run.code == Some(2) && run.stderr.contains("--relations"), "{}", run.stderr);
}

/// A split by chance: of each document some pairs scored, some facts, one pair no candidate, some without labels.
fn by_chance(seed: u64) -> Vec<Doc> {
    const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let mut random = Random::new(seed);
    let document = |name| {
        let mut doc = Doc { labelled: random.chance(0.8), ..Doc::new(name, &[], &[]) };
        for (head, tail) in (0..4).flat_map(|head| (0..4).map(move |tail| (head, tail))).filter(|(one, two)| one != two)
        {
            for relation in ["Both", "P", "Q"] {
                // A fact of an undirected relation has one direction.
                if doc.labelled && random.chance(0.2) && (relation != "Both" || head < tail) {
                    doc.facts.push((head, tail, relation));
                }
            }
            let mut scores = Vec::new();
            for relation in ["Both", "P", "Q"] {
                if random.chance(0.6) {
                    scores.push((head, tail, relation, (random.unit() * 16.0).floor() as f32 / 2.0 - 4.25));
                }
            }
            scores.sort_by(|one, other| other.3.total_cmp(&one.3));
            doc.scores.extend(scores);
        }
        doc.left_out = Some((2, 3));
        doc
    };
    NAMES.into_iter().map(document).collect()
}

#[test]
fn claims_at_the_threshold_are_counted_as_predictions_are() {
    for seed in 0..6 {
        let corpus = Corpus::new(&by_chance(seed), 2);
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let (split, scores, out) = (path(&corpus.split()), path(&corpus.run()), path(&corpus.0.path().join("claims")));
        assert_eq!(docre(["decide", "--scores", &scores, "--out", &out]).code, Some(0));
        let run = docre(["evaluate", "--corpus", &split, "--relations", &out, "--resamples", "0", "--format", "json"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let figures: Value = serde_json::from_str(&run.stdout).unwrap();
        let of_all = |row: &&Value| row["metric"] == "F1" && row["scope"] == "all" && row["relation"].is_null();
        let f1 = figures["metrics"].as_array().unwrap().iter().find(of_all).unwrap();
        let scored = corpus.scored(&Decision::default());
        let point = scored.curve.iter().rfind(|row| row.margin > 0.0).unwrap();
        let expected = ["true_positives", "predicted", "gold"].map(|key| f1[key].as_u64().unwrap());
        assert_eq!([point.correct, point.predicted, point.gold], expected, "seed {seed}");
    }
}

/// Average precision by its definition: over thresholds, precision by the gain of recall.
fn plainly(scores: &[(f32, bool)], gold: usize) -> f64 {
    let mut thresholds: Vec<f32> = scores.iter().map(|score| score.0).collect();
    thresholds.sort_by(|one, other| other.total_cmp(one));
    thresholds.dedup();
    let (mut sum, mut before) = (0.0, 0.0);
    for threshold in thresholds {
        let claimed = scores.iter().filter(|score| score.0 >= threshold);
        let (right, all) = (claimed.clone().filter(|score| score.1).count() as f64, claimed.count() as f64);
        let recall = right / gold as f64;
        sum += (recall - before) * right / all;
        before = recall;
    }
    sum
}

#[test]
fn average_precision_is_its_definition_in_any_order_of_rows() {
    for seed in 0..6 {
        let mut docs = by_chance(seed);
        docs.iter_mut().for_each(|doc| doc.left_out = None);
        let scored = Corpus::new(&docs, 9).scored(&Decision::default());
        let mut scores = Vec::new();
        let mut gold = 0;
        for doc in docs.iter().filter(|doc| doc.labelled) {
            let key = |(head, tail, relation): (u32, u32, &'static str)| match relation {
                "Both" => (head.min(tail), head.max(tail), relation),
                _ => (head, tail, relation),
            };
            let facts: BTreeSet<_> = doc.facts.iter().map(|fact| key(*fact)).collect();
            gold += facts.len();
            let claims: BTreeSet<_> = doc.scores.iter().map(|score| key((score.0, score.1, score.2))).collect();
            for claim in claims {
                let margins = doc.scores.iter().filter(|score| key((score.0, score.1, score.2)) == claim);
                let margin = margins.map(|score| score.3).reduce(f32::max).unwrap();
                scores.push((margin, facts.contains(&claim)));
            }
        }
        let row = figure(&scored, "AP");
        close(row.f1.unwrap(), plainly(&scores, gold));
        assert!(row.f1_low.unwrap() <= row.f1.unwrap() && row.f1.unwrap() <= row.f1_high.unwrap(), "{row:?}");
        let best = scored.curve.iter().map(|row| row.f1).fold(0.0, f64::max);
        assert_eq!(value(&scored, "best F1"), best);
        docs.iter_mut().for_each(|doc| doc.scores.reverse());
        docs.reverse();
        let again = Corpus::new(&docs, 9).scored(&Decision::default());
        let values = |scored: &Scored| ["AP", "best F1"].map(|metric| value(scored, metric));
        assert_eq!(values(&again), values(&scored));
        assert_eq!((again.curve, again.reliability.len()), (scored.curve, scored.reliability.len()));
    }
}

#[test]
fn a_perfect_ranking_has_an_average_precision_of_1() {
    let mut docs = by_chance(3);
    for doc in &mut docs {
        (doc.left_out, doc.labelled) = (None, true);
        let facts: BTreeSet<_> = doc.facts.iter().copied().collect();
        doc.scores = Vec::new();
        for (head, tail) in (0..4).flat_map(|head| (0..4).map(move |tail| (head, tail))).filter(|(one, two)| one != two)
        {
            let holds = facts.contains(&(head, tail, "P"));
            doc.scores.push((head, tail, "P", if holds { head as f32 - 1.0 } else { -1.5 - tail as f32 }));
        }
        doc.facts.retain(|fact| fact.2 == "P");
    }
    let scored = Corpus::new(&docs, 4).scored(&Decision::default());
    for metric in ["AP", "best F1"] {
        let row = figure(&scored, metric);
        assert_eq!((row.f1, row.f1_low, row.f1_high, row.recall), (Some(1.0), Some(1.0), Some(1.0), Some(1.0)));
    }
}

#[test]
fn calibrated_scores_have_hardly_an_error_and_a_curve_of_two_hundred_points() {
    let mut random = Random::new(5);
    let mut doc = Doc { entities: 150, ..Doc::new("d", &[], &[]) };
    for (head, tail) in (0..150).flat_map(|head| (0..150).map(move |tail| (head, tail))).filter(|(one, two)| one != two)
    {
        let margin = random.unit() * 8.0 - 4.0;
        doc.scores.push((head, tail, "P", margin as f32));
        if random.chance(sigmoid(margin)) {
            doc.facts.push((head, tail, "P"));
        }
    }
    let claims = doc.scores.iter().filter(|(.., margin)| *margin > 0.0).count() as u64;
    let scored = Corpus::new(&[doc], 4).scored(&Decision::default());
    // Of 22,350 scores some 2,000 are in a bin: a share's deviation is 0.01 there at most.
    assert!(value(&scored, "ECE") < 0.015, "{:?}", figure(&scored, "ECE"));
    assert_eq!(scored.reliability.len(), 10);
    assert!(scored.reliability.iter().all(|bin| (bin.probability - bin.share).abs() < 0.04));
    assert!((199..=200).contains(&scored.curve.len()), "{}", scored.curve.len());
    let claimed: Vec<u64> = scored.curve.iter().map(|row| row.predicted).collect();
    assert_eq!((claimed[0], claimed[claimed.len() - 1]), (1, 22_350));
    assert_eq!(
        scored.curve.iter().rfind(|row| row.margin > 0.0).unwrap().predicted,
        claims,
        "the model's own threshold"
    );
    assert!(claimed.windows(2).all(|two| two[0] < two[1] && two[1] - two[0] <= 114));
}

#[test]
fn a_stage_evaluates_scores_beside_relations_or_alone() {
    let corpus = Corpus::new(&by_hand(), 4);
    let folder = corpus.0.path();
    let run = |name: &str, inputs: &str, outputs: &str| {
        let [split, scores, claims] = ["dev", "run/scores", "claims/relations"].map(|name| folder.join(name));
        let text = format!(
            "[sources]\ndev = {split:?}\nscores = {scores:?}\nclaims = {claims:?}\n[[stage]]\nname = \"it\"\n\
             kind = \"evaluate\"\ninputs = {{ corpus = \"dev\"{inputs} }}\noutputs = {{ metrics = \"metrics\"{outputs} }}\n"
        );
        let pipeline = folder.join(name).with_extension("toml");
        fs::write(&pipeline, text).unwrap();
        docre(["run", pipeline.to_str().unwrap(), "--runs", folder.join("runs").to_str().unwrap()])
    };
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    assert_eq!(docre(["decide", "--scores", &path("run"), "--out", &path("claims")]).code, Some(0));
    let tables = ", precision_recall = \"curve\", reliability = \"reliability\"";
    let alone = run("alone", ", scores = \"scores\"", tables);
    assert_eq!(alone.code, Some(0), "{}", alone.stderr);
    assert!(alone.stdout.contains("F1 is best with a margin of +1.00"), "{}", alone.stdout);
    assert_eq!(rows(&folder.join("runs/alone"), "SELECT count(*) FROM curve"), ["4"]);
    let both = run("both", ", scores = \"scores\", relations = \"claims\"", tables);
    assert_eq!(both.code, Some(0), "{}", both.stderr);
    let metrics = "SELECT metric, f1 FROM metrics WHERE scope = 'all' AND relation IS NULL AND metric IN ('F1', 'AP')";
    assert_eq!(rows(&folder.join("runs/both"), metrics), ["AP,0.625", "F1,0.75"]);
    for (inputs, outputs, expected) in [
        ("", "", "expected an input `relations` or `scores`, got neither"),
        (", relations = \"claims\"", tables, "without the input `scores` there is none"),
        (", relations = \"claims\", decision = \"scores\"", "", "input `decision`: expected it beside `scores`"),
        (", scores = \"scores\", training = \"dev\"", "", "input `training`: expected it beside `relations`"),
    ] {
        let refused = run("refused", inputs, outputs);
        assert!(refused.code == Some(1) && refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

#[test]
fn no_predictions_that_were_made_of_another_split_are_told_apart_from_none() {
    let scored = Corpus::new(&[Doc::new("z", &[], &[(0, 1, "P", -1.0)])], 4);
    let other = Corpus::new(&by_hand(), 4);
    let folder = scored.0.path();
    let run = |name: &str, judged: &Path| {
        let (split, scores) = (scored.split(), scored.run().join("scores"));
        let text = format!(
            "[sources]\nscored = {split:?}\njudged = {judged:?}\nscores = {scores:?}\n\
             [[stage]]\nname = \"decide\"\nkind = \"decide\"\n\
             inputs = {{ scores = \"scores\", corpus = \"scored\" }}\noutputs = {{ relations = \"relations\" }}\n\
             [[stage]]\nname = \"evaluate\"\nkind = \"evaluate\"\n\
             inputs = {{ corpus = \"judged\", relations = \"relations\" }}\noutputs = {{ metrics = \"metrics\" }}\n"
        );
        let pipeline = folder.join(name).with_extension("toml");
        fs::write(&pipeline, text).unwrap();
        docre(["run", pipeline.to_str().unwrap(), "--runs", folder.join("runs").to_str().unwrap()])
    };
    let told = "which is not the split that they are judged on";
    let same = run("same", &scored.split());
    assert!(same.code == Some(0) && same.stderr.contains("there are no predictions"), "{}", same.stderr);
    assert!(!same.stderr.contains(told), "{}", same.stderr);
    let another = run("another", &other.split());
    assert!(another.code == Some(0) && another.stderr.contains(told), "{}", another.stderr);
}

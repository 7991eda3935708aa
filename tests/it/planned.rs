//! What the file of a pipeline tells is refused before anything runs.

use std::fs;

use crate::models::{splits, training};
use crate::pipeline::Place;
use crate::support::{docre, rows};

const SCORE: &str = r#"
[[stage]]
name = "score"
kind = "score"
inputs = { checkpoint = "model", corpus = "dev" }
outputs = { relations = "relations" }
"#;

/// A base, a whole over it, and what the whole says of a split.
fn stages() -> String {
    let (base, whole) =
        ("kind = \"docre-ii\", embedding = 16, block = 4, K = 0", "kind = \"docre-ii\", embedding = 16, block = 4");
    let outputs = |name: &str| format!("checkpoint = \"{name}\", log = \"{name}-log\"");
    splits(6, 3)
        + &training("base", base, "epochs = 1", "", &outputs("base"))
        + &training("whole", whole, "epochs = 1\nsecond_stage = { epochs = 1 }", ", base = \"base\"", &outputs("model"))
        + SCORE
}

/// What is said of the file with settings, where nothing was made.
fn refused(place: &Place, settings: &[&str]) -> String {
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let told = place.failure(&settings);
    assert_eq!(place.failure(&[&settings[..], &["--dry-run"]].concat()), told);
    assert!(!place.path("runs").exists(), "{told}");
    told
}

#[test]
fn a_base_of_other_settings_is_refused_before_it_is_trained() {
    let place = Place::new(&stages());
    let both = "`averaged_layers` and `mentions` of the model";
    let shape = "`embedding`, `pair_feature` and `block` of the model";
    for (setting, expected) in [
        ("whole.model.averaged_layers=2", both),
        ("base.model.averaged_layers=2", both),
        ("base.model.mentions=both", both),
        ("whole.model.embedding=32", shape),
        ("whole.model.pair_feature=released", shape),
        ("base.model.K=1", "base of the model alone, with a `K` of 0"),
        ("base.model.kind=atlop", "base of the model, a `docre-ii` with a `K` of 0"),
        ("base.encoder.scratch.layers=3", "encoder of the model"),
        ("base.markers.typed=[\"PER\"]", "`markers` of the model"),
    ] {
        let told = refused(&place, &["base.encoder.scratch.layers=2", "whole.encoder.scratch.layers=2", setting]);
        let expected = format!(
            "error: tiny.toml: stage `whole`: input `base`: expected the {expected}, got another from stage `base`\n"
        );
        assert_eq!(told, expected, "{setting}");
    }
    // What blocks are is the same to a feature that has none, and how many pieces there are the corpus says.
    for setting in ["whole.model.block=8", "base.encoder.scratch.vocabulary=100", "base.epochs=2"] {
        let run = place.docre(&["tiny.toml", "--dry-run", "--set", setting]);
        assert_eq!(run.code, Some(0), "{setting}: {}", run.stderr);
    }
    let variants =
        "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\nset = { \"whole.model.mentions\" = \"both\" }\n";
    let place = Place::new(&(variants.to_owned() + &stages()));
    let told = refused(&place, &[]);
    assert!(told.contains("stage `b/whole`: input `base`: expected the `averaged_layers` and"), "{told}");
}

#[test]
fn what_a_model_has_no_use_for_is_refused_before_it_is_trained() {
    let place = Place::new(&stages());
    let infers =
        "stage `score`: input `checkpoint`: expected a model that infers, `docre-ii` with `K` above 0, got another";
    let alone = ["whole.inputs={ train = \"train\", dev = \"dev\" }", "whole.model.K=0"];
    assert!(refused(&place, &[&alone[..], &["score.iterations=2"]].concat()).contains(infers));
    assert_eq!(place.docre(&["tiny.toml", "--dry-run", "--set", "score.iterations=2"]).code, Some(0));
    let begun = "score.inputs={ checkpoint = \"model\", corpus = \"dev\", first_relations = \"base-log\" }";
    assert!(refused(&place, &[&alone[..], &[begun]].concat()).contains(infers));
    let of_none = refused(&place, &[begun, "score.iterations=0"]);
    assert!(of_none.contains("stage `score`: `first_relations`: expected none, as `iterations` is 0"), "{of_none}");
    for role in ["evidence", "sentence_weights"] {
        let outputs = format!("score.outputs={{ relations = \"relations\", {role} = \"{role}\" }}");
        let told = refused(&place, &[&outputs]);
        let expected =
            format!("stage `score`: output `{role}`: expected a model that learns evidence, with `evidence_weight`");
        assert!(told.contains(&expected) && told.contains("got another from stage `whole`"), "{told}");
        let taught = ["whole.model.evidence_weight=0.1", "base.model.evidence_weight=0.1", &outputs];
        let arguments = taught.iter().flat_map(|setting| ["--set", setting]);
        let arguments: Vec<&str> = ["tiny.toml", "--dry-run"].into_iter().chain(arguments).collect();
        assert_eq!(place.docre(&arguments).code, Some(0), "{}", place.docre(&arguments).stderr);
    }
    let folds = refused(&place, &[&alone[..], &["whole.second_stage.folds=2"]].concat());
    let expected = "`second_stage.folds`: expected 0, as the model has no base that is trained before it, got 2";
    assert!(folds.contains(expected), "{folds}");
    let run = place.docre(&["tiny.toml", "--set", alone[0], "--set", alone[1], "--until", "whole"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("tiny/whole: note: the model has no base that is trained before it: `second_stage` says nothing"),
        "{}",
        run.stderr
    );
}

/// A split scored as it is and on its evidence alone, a decision fitted on both, and taken; and another split scored.
const FUSED: &str = r#"
[[stage]]
name = "on-evidence"
kind = "score"
inputs = { checkpoint = "model", corpus = "dev", sentence_weights = "weights" }
outputs = { relations = "evidence-relations", scores = "evidence-scores" }

[[stage]]
name = "fit"
kind = "fit"
ensemble = "fusion"
inputs = { scores = ["scores", "evidence-scores"], sentence_weights = "weights", corpus = "dev" }
outputs = { decision = "decision.json" }

[[stage]]
name = "decide"
kind = "decide"
inputs = { scores = ["scores", "evidence-scores"], corpus = "dev", decision = "decision.json" }
outputs = { relations = "decided" }

[[stage]]
name = "taken"
kind = "score"
inputs = { checkpoint = "model", corpus = "train" }
outputs = { relations = "taken" }
"#;

#[test]
fn tables_that_are_not_what_they_are_wanted_as_are_refused() {
    let place = Place::new(&(stages() + FUSED));
    let outputs = "score.outputs={ relations = \"relations\", scores = \"scores\", sentence_weights = \"weights\" }";
    let taught = ["whole.model.evidence_weight=0.1", "base.model.evidence_weight=0.1", outputs];
    let refused = |settings: &[&str]| refused(&place, &[&taught[..], settings].concat());
    let arguments = taught.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["tiny.toml", "--dry-run"].into_iter().chain(arguments).collect();
    assert_eq!(place.docre(&arguments).code, Some(0), "{}", place.docre(&arguments).stderr);
    for (setting, expected) in [
        (
            "decide.inputs.scores=[\"relations\", \"evidence-scores\"]",
            "stage `decide`: input `scores`: expected `scores` of stage `score`, got its `relations`",
        ),
        (
            "fit.inputs.sentence_weights=scores",
            "stage `fit`: input `sentence_weights`: expected `sentence_weights` of stage `score`, got its `scores`",
        ),
        (
            "decide.inputs.scores=scores",
            "stage `decide`: `ensemble` of a decision: expected for `fusion` the scores of documents and those of their \
             evidence alone, one table of each, got 1 and 0",
        ),
        ("fit.inputs.scores=[\"scores\", \"scores\"]", "evidence alone, one table of each, got 2 and 0"),
        (
            "decide.inputs={ scores = [\"scores\", \"evidence-scores\"], decision = \"decision.json\" }",
            "stage `decide`: several tables of scores: expected the corpus that was scored, got none",
        ),
        ("decide.iteration=0", "stage `decide`: `iteration`: expected `claims` as the input `scores`, got scores"),
        (
            "decide.inputs.decision=base",
            "stage `decide`: input `decision`: expected `decision` of stage `base`, got its `checkpoint`",
        ),
        (
            "taken.inputs.first_relations=scores",
            "stage `taken`: input `first_relations`: expected `relations` of stage `score`, got its `scores`",
        ),
        ("taken.inputs.decision=decision.json", "stage `taken`: `ensemble` of a decision: expected for `fusion`"),
        (
            "taken.inputs.checkpoint=relations",
            "stage `taken`: input `checkpoint`: expected `checkpoint` of stage `score`, got its `relations`",
        ),
        (
            "fit.ensemble=margins",
            "stage `fit`: input `scores`: expected scores of documents or of evidence alone, got both, which `ensemble = \
             \"fusion\"` fuses",
        ),
    ] {
        let told = refused(&[setting]);
        assert!(told.contains(expected), "{setting}: {told}");
    }
}

#[test]
fn branches_that_are_the_same_are_told() {
    let r_drop = "kind = \"docre-sd\", embedding = 16, block = 4, distillation = \"r-drop\"";
    let outputs = "checkpoint = \"model\", log = \"log\"";
    let place = Place::new(&(splits(6, 3) + &training("train", r_drop, "epochs = 1", "", outputs)));
    let told = "warning: `distillation` is `r-drop` and nothing is dropped";
    let dropped = place.docre(&["tiny.toml"]);
    assert!(dropped.code == Some(0) && !dropped.stderr.contains(told), "{}", dropped.stderr);
    let alike = place.docre(&["tiny.toml", "--set", "train.encoder.scratch.dropout=0"]);
    assert!(alike.code == Some(0) && alike.stderr.contains(told), "{}", alike.stderr);
}

#[test]
fn numbers_that_have_no_room_name_their_setting() {
    let place = Place::new(&stages());
    let reason = "expected a whole number below 2^63, got 9223372036854775808";
    let of_set = refused(&place, &["whole.seed=9223372036854775808"]);
    assert_eq!(of_set, format!("error: tiny.toml: --set whole.seed=9223372036854775808: {reason}\n"));
    let of_list = refused(&place, &["matrix.seeds=[1, 9223372036854775808]"]);
    assert_eq!(of_list, format!("error: tiny.toml: --set matrix.seeds=[1, 9223372036854775808]: {reason}\n"));
    let broken = refused(&place, &["matrix.seeds=[1, 2"]);
    assert!(broken.contains("--set matrix.seeds=[1, 2: expected a value of TOML, or text: "), "{broken}");
    let place = Place::new(&stages().replacen("epochs = 1", "epochs = 1\nseed = 9223372036854775808", 1));
    let of_file = refused(&place, &[]);
    assert!(of_file.contains(&format!(": `seed`: {reason}\n")), "{of_file}");
}

/// Two runs of a split, and their figures, as sources of another file.
const RUNS: &str = r#"
[sources]
all = "copy.sql"
some = "some.sql"

[[stage]]
name = "test"
kind = "synthesize"
split = "test"
documents = 4
outputs = { tables = "test" }

[[stage]]
name = "all"
kind = "query"
inputs = { sql = "all", test = "test" }
outputs = { table = "all.parquet" }

[[stage]]
name = "some"
kind = "query"
inputs = { sql = "some", test = "test" }
outputs = { table = "some.parquet" }

[[stage]]
name = "figures-of-all"
kind = "evaluate"
resamples = 0
inputs = { corpus = "test", relations = "all.parquet" }
outputs = { metrics = "of-all" }

[[stage]]
name = "figures-of-some"
kind = "evaluate"
resamples = 0
inputs = { corpus = "test", relations = "some.parquet" }
outputs = { metrics = "of-some" }
"#;

fn summarise(metrics: [&str; 2], relations: [&str; 2]) -> String {
    format!(
        "[[stage]]\nname = \"summarise\"\nkind = \"summarise\"\nresamples = 10\nvariants = [\"a\", \"b\"]\n\
         inputs = {{ metrics = {metrics:?}, relations = {relations:?}, corpus = \"test\" }}\noutputs = {{ summary = \"summary\" }}\n"
    )
}

#[test]
fn figures_and_runs_that_are_summarised_are_of_each_other() {
    let (metrics, relations) = (["of-all", "of-some"], ["all.parquet", "some.parquet"]);
    let swapped = ["of-some", "of-all"];
    let some = "SELECT 'some' AS run_id, doc_id, head, tail, relation FROM test_facts WHERE head < tail";
    let place = Place::new(&(RUNS.to_owned() + &summarise(swapped, relations)));
    place.write("some.sql", some);
    let told = refused(&place, &[]);
    let expected = "stage `summarise`: input `relations`: expected `some.parquet`, of which stage `figures-of-some` made the \
                    figures, got `all.parquet`";
    assert!(told.contains(expected), "{told}");
    place.write("tiny.toml", &(RUNS.to_owned() + &summarise(metrics, relations)));
    place.run(&[]);
    assert_eq!(rows(&place.path("runs/tiny"), "SELECT count(DISTINCT variant) FROM summary"), ["2"]);

    // Of files nobody knows what they were made of: what they say tells.
    let sources = "[sources]\nof-all = \"runs/tiny/of-all\"\nof-some = \"runs/tiny/of-some\"\ntest = \"runs/tiny/test\"\n\
                   \"all.parquet\" = \"runs/tiny/all.parquet\"\n\"some.parquet\" = \"runs/tiny/some.parquet\"\n";
    let run = |name: &str, metrics: [&str; 2]| {
        place.write(&format!("{name}.toml"), &(sources.to_owned() + &summarise(metrics, relations)));
        place.docre(&[&*format!("{name}.toml")])
    };
    let right = run("right", metrics);
    assert_eq!(right.code, Some(0), "{}", right.stderr);
    let wrong = run("wrong", swapped);
    let expected = "runs/tiny/of-some: expected figures of runs/tiny/all.parquet, got those of the run `some`: ";
    assert!(wrong.code == Some(1) && wrong.stderr.contains(expected), "{}", wrong.stderr);

    // The same counts under other names.
    place.write("some.sql", &some.replace(" WHERE head < tail", ""));
    assert_eq!(place.docre(&["tiny.toml"]).code, Some(0));
    let alike = run("alike", swapped);
    let expected = "input `metrics`: expected figures of the run `copy`, got those of `some`";
    assert!(alike.code == Some(1) && alike.stderr.contains(expected), "{}", alike.stderr);
    assert_eq!(run("named", metrics).code, Some(0));
}

#[test]
fn stages_take_rows_of_annotated_in_the_place_of_splits() {
    let outputs = "checkpoint = \"model\", log = \"log\"";
    let model = training("train", "kind = \"atlop\", embedding = 16, block = 4", "epochs = 2", "", outputs);
    let encode = "\n[[stage]]\nname = \"encode\"\nkind = \"encode\"\ninputs = { corpus = \"dev\", encoder = \"model\" }\n\
                  outputs = { pieces = \"pieces\" }\n";
    let score = SCORE.replace("relations = \"relations\"", "relations = \"relations\", scores = \"scores\"");
    let place = Place::new(&(splits(6, 3) + &model + &score + encode));
    place.run(&[]);
    for split in ["train", "dev"] {
        let path = |name: String| place.path(&name).to_str().unwrap().to_owned();
        let (split, out) = (path(format!("runs/tiny/{split}")), path(format!("corpus/{split}")));
        assert_eq!(docre(["convert", "--to", "annotated", "--out", &out, &split]).code, Some(0));
    }
    // Rows know no relations but those of their facts: a model that learns from them is another one.
    let sources = "[sources]\ntrain = \"corpus/train\"\ndev = \"corpus/dev\"\ngiven = \"runs/tiny/model\"\n";
    let [score, encode] = [&*score, encode].map(|stage| stage.replace("= \"model\"", "= \"given\""));
    let convert = "\n[[stage]]\nname = \"split\"\nkind = \"convert\"\nformat = \"annotated\"\nsplit = \"dev\"\n\
                   inputs = { documents = \"dev\" }\noutputs = { tables = \"split\" }\n\
                   \n[[stage]]\nname = \"evaluate\"\nkind = \"evaluate\"\nresamples = 0\n\
                   inputs = { corpus = \"split\", relations = \"relations\" }\noutputs = { metrics = \"metrics\" }\n";
    place.write("rows.toml", &(sources.to_owned() + &model + &score + &encode + convert));
    let run = place.docre(&["rows.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let again = place.docre(&["rows.toml"]);
    assert!(again.code == Some(0) && !again.stderr.contains("running"), "{}", again.stderr);
    let [of_splits, of_rows] = ["runs/tiny", "runs/rows"].map(|folder| place.path(folder));
    for statement in [
        "SELECT doc_id, head, tail, relation, logit FROM scores ORDER BY doc_id, head, tail, relation",
        "SELECT step, epoch, stage FROM log ORDER BY step",
        "SELECT * FROM pieces",
    ] {
        let found = rows(&of_rows, statement);
        assert!(!found.is_empty() && found == rows(&of_splits, statement), "{statement}");
    }
    assert_eq!(rows(&of_rows, "SELECT * FROM split_facts"), rows(&of_splits, "SELECT * FROM dev_facts"));
    assert!(!of_rows.join(".work").exists());
    let card = fs::read_to_string(of_rows.join("model/card.json")).unwrap();
    assert!(card.contains("\"corpus\": \"corpus\"") && card.contains("\"split\": \"train\""), "{card}");

    let other = place.docre(&["rows.toml", "--set", "split.unlabelled=true"]);
    let expected = "stage `split`: `unlabelled`: expected none of rows of `annotated`, which say all themselves";
    assert!(other.code == Some(1) && other.stderr.contains(expected), "{}", other.stderr);
    let lost = place.docre(&["rows.toml", "--set", "sources.dev=rows.toml", "--from", "score"]);
    assert!(lost.code == Some(1) && lost.stderr.contains("rows/score: rows.toml: "), "{}", lost.stderr);
}

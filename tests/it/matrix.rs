//! Pipelines that repeat stages over variants and seeds: what is shared, what fails alone, and what is made of all.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::thread;

use docre::pipeline::Pipeline;
use serde_json::Value;

use crate::models::{splits, training};
use crate::pipeline::{Place, outputs};
use crate::support::{command, docre, rows};

/// A base, a whole over it, and their figures.
static MODELS: LazyLock<String> = LazyLock::new(|| {
    let whole = r#"kind = "docre-ii", embedding = 16, block = 4, N_I = 1"#;
    let base = r#"kind = "docre-ii", embedding = 16, block = 4, K = 0"#;
    let second = "epochs = 3\nsecond_stage = { epochs = 2, base_rate = 1e-3, inference_rate = 1e-2 }";
    let log = |name: &str, log: &str| format!(r#"checkpoint = "{name}", log = "{log}""#);
    let base = training("base", base, "epochs = 3", "", &log("base", "base_log"));
    let whole = training("train", whole, second, r#", base = "base""#, &log("model", "training_log"));
    splits(12, 8) + &base + &whole + REST
});

const REST: &str = r#"
[[stage]]
name = "score"
kind = "score"
inputs = { checkpoint = "model", corpus = "dev" }
outputs = { relations = "relations" }

[[stage]]
name = "evaluate"
kind = "evaluate"
inputs = { corpus = "dev", relations = "relations", training = "train" }
outputs = { metrics = "metrics" }

[[stage]]
name = "summarise"
kind = "summarise"
shown = ["F1 all", "F1 intra"]
inputs = { metrics = "metrics", corpus = "dev", relations = "relations", training = "train" }
outputs = { summary = "summary" }
"#;

const TWO_BY_TWO: &str = r#"
[matrix]
seeds = [1, 2]

[[variant]]
name = "full"

[[variant]]
name = "no fusion"
set = { "train.model.fusion" = false }
"#;

/// Facts as predictions of themselves, as a statement copies them.
const COPIES: &str = r#"
[sources]
copy = "copy.sql"

[[stage]]
name = "test"
kind = "synthesize"
split = "test"
documents = 5
outputs = { tables = "test" }

[[stage]]
name = "copy"
kind = "query"
inputs = { sql = "copy", test = "test" }
outputs = { table = "relations.parquet" }

[[stage]]
name = "evaluate"
kind = "evaluate"
resamples = 10
inputs = { corpus = "test", relations = "relations.parquet" }
outputs = { metrics = "figures" }

[[stage]]
name = "summarise"
kind = "summarise"
resamples = 10
inputs = { metrics = "figures", corpus = "test", relations = "relations.parquet" }
outputs = { summary = "summary" }
"#;

const HALF: &str = "SELECT 'copy' AS run_id, doc_id, head, tail, relation FROM test_facts WHERE head < tail";

fn models(matrix: &str) -> Place {
    Place::new(&(matrix.to_owned() + &MODELS))
}

/// A pipeline of copies, with a file `half.sql` that copies fewer.
fn copies(matrix: &str) -> Place {
    let place = Place::new(&format!("{COPIES}{matrix}"));
    place.write("half.sql", HALF);
    place
}

const HALVES: &str = r#"
[[variant]]
name = "whole"
[[variant]]
name = "half"
set = { "sources.copy" = "half.sql" }
"#;

/// The stages that a dry run lists.
fn planned(place: &Place, further: &[&str]) -> Vec<String> {
    let run = place.docre(&[&["tiny.toml", "--dry-run"], further].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout.lines().map(|line| line.strip_prefix("tiny/").unwrap().split(": ").next().unwrap().to_owned()).collect()
}

#[test]
fn variants_and_seeds_share_what_none_of_them_bears_on() {
    let place = models(TWO_BY_TWO);
    let first = place.run(&[]);
    let cells =
        |variant: &str, seed: u64| ["train", "score", "evaluate"].map(|stage| format!("{variant}/seed-{seed}/{stage}"));
    let expected = [
        &["train-split", "dev-split", "seed-1/base"].map(str::to_owned)[..],
        &cells("full", 1),
        &cells("no fusion", 1),
        &["seed-2/base".to_owned()],
        &cells("full", 2),
        &cells("no fusion", 2),
        &["summarise".to_owned()],
    ];
    assert_eq!(first, expected.concat(), "the base runs once a seed");
    let run = place.docre(&["tiny.toml"]);
    assert!(run.code == Some(0) && !run.stderr.contains("running"), "{}", run.stderr);
    assert!(run.stdout.starts_with("F1 all ") && run.stdout.contains("\nF1 intra"), "{}", run.stdout);
    assert!(
        run.stdout.contains("\nno fusion") && run.stdout.ends_with("differences are from full\n"),
        "{}",
        run.stdout
    );
    let folder = place.path("runs/tiny");
    assert!(!folder.join(".work").exists());

    // Training logs are tables as others are: twelve documents in batches of three, two epochs.
    let log = |variant: &str| {
        let named = "count(*), count(feature_weight), count(relation_weight)";
        rows(&folder, &format!("SELECT {named} FROM {variant}_seed_1_training_log"))
    };
    assert_eq!([log("full"), log("no_fusion")], [["8,2,2"], ["8,2,2"]]);
    let by_variant = "SELECT 'full' AS variant, avg(feature_weight) AS f FROM full_seed_1_training_log UNION ALL \
                      SELECT 'no fusion', avg(feature_weight) FROM no_fusion_seed_1_training_log";
    assert_eq!(rows(&folder, by_variant).len(), 2);
    check_by_hand(&folder);

    // Other seeds and a part of the variants, and back: nothing is lost.
    let one = ["--set", "matrix.seeds=[1]"];
    assert_eq!(place.run(&one), ["summarise"]);
    assert_eq!(rows(&folder, "SELECT DISTINCT n, standard_deviation FROM summary"), ["1,"]);
    assert_eq!(place.run(&["--variant", "full"]), ["summarise"]);
    assert_eq!(rows(&folder, "SELECT DISTINCT variant, n FROM summary"), ["full,2"]);
    assert_eq!(place.run(&[]), ["summarise"]);
    let narrower = ["--set", "train.second_stage.epochs=1", "--until", "train", "--variant", "no fusion"];
    let trains = ["full/seed-1/train", "no fusion/seed-1/train", "full/seed-2/train", "no fusion/seed-2/train"];
    assert_eq!(place.run(&narrower), trains, "a variant runs with what it is compared with");
}

/// The summary has what `docre evaluate --against` says of the same runs.
fn check_by_hand(folder: &Path) {
    let relations = |variant: &str| [1, 2].map(|seed| folder.join(format!("{variant}/seed-{seed}/relations")));
    let mut arguments: Vec<String> =
        ["evaluate", "--format", "json", "--split", "dev", "--corpus"].map(Into::into).into();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    arguments.extend([text(folder), "--train-facts".into(), text(&folder.join("train"))]);
    for (argument, variant) in [("--relations", "no fusion"), ("--against", "full")] {
        arguments.extend(relations(variant).iter().flat_map(|path| [argument.to_owned(), text(path)]));
    }
    let run = docre(&arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap();
    let comparisons = found["comparisons"].as_array().unwrap();
    assert!(comparisons.len() >= 4, "{}", run.stdout);
    for row in comparisons {
        let (metric, scope) = (row["metric"].as_str().unwrap(), row["scope"].as_str().unwrap());
        let f1 = |metrics: &&Value| {
            metrics["metric"] == metric && metrics["scope"] == scope && metrics["relation"].is_null()
        };
        let each: Vec<f64> =
            found["metrics"].as_array().unwrap().iter().filter(f1).filter_map(|row| row["f1"].as_f64()).collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        // Of two values, half their distance times the root of two.
        let deviation = (each[0] - each[1]).abs() / 2.0_f64.sqrt();
        let of = format!("FROM summary WHERE variant = 'no fusion' AND metric = '{metric}' AND scope = '{scope}'");
        let summary =
            rows(folder, &format!("SELECT n, mean, standard_deviation, difference, low, high, p_value, against {of}"));
        let cells: Vec<&str> = summary[0].split(',').collect();
        let got: Vec<f64> = cells[..7].iter().map(|cell| cell.parse().unwrap()).collect();
        let tested = ["difference", "low", "high", "p_value"].map(|name| number(row, name));
        assert_eq!((got[0], &got[3..], cells[7]), (2.0, &tested[..], "full"), "{metric} {scope}");
        assert!((got[1] - mean).abs() < 1e-12 && (got[2] - deviation).abs() < 1e-12, "{metric} {scope}: {summary:?}");
    }
    let reference =
        "SELECT count(*) FROM summary WHERE variant = 'full' AND (difference IS NOT NULL OR against IS NOT NULL)";
    assert_eq!(rows(folder, reference), ["0"]);
    let untested = "SELECT count(*) FROM summary WHERE variant = 'no fusion' AND metric = 'macro F1' AND difference IS NOT NULL AND p_value IS NULL";
    assert_eq!(rows(folder, untested), ["1"]);
}

#[test]
fn a_killed_run_goes_on() {
    let one_seed = TWO_BY_TWO.replace("[1, 2]", "[1]");
    let whole = models(&one_seed);
    whole.run(&["--until", "score"]);
    let killed = models(&one_seed);
    let mut run = command(["run", "tiny.toml", "--until", "score"]);
    run.current_dir(killed.path("")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = run.spawn().unwrap();
    let in_training = |place: &Place| {
        let recipes = fs::read_dir(place.path("runs/tiny/.work/no fusion@seed-1@train"));
        recipes.is_ok_and(|mut recipes| recipes.any(|recipe| recipe.unwrap().path().join("last/state.json").is_file()))
    };
    while !in_training(&killed) && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    let _ = child.kill();
    child.wait().unwrap();
    let run = killed.docre(&["tiny.toml", "--until", "score"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for done in ["seed-1/base", "full/seed-1/train", "full/seed-1/score"] {
        assert!(run.stderr.contains(&format!("tiny/{done}: up to date\n")), "{}", run.stderr);
    }
    assert!(!run.stderr.contains("no fusion/seed-1/train: stage 2, epoch 4:"), "{}", run.stderr);
    let timeless = |place: &Place| {
        let all = outputs(&place.path("runs/tiny"));
        all.into_iter().filter(|(path, _)| !path.to_str().unwrap().contains("log")).collect::<Vec<_>>()
    };
    assert!(timeless(&killed) == timeless(&whole));
}

#[test]
fn a_variant_that_fails_leaves_the_others() {
    let place = copies(&HALVES.replace("\"half.sql\"", "\"broken.sql\""));
    place.write("broken.sql", "SELECT nothing FROM nowhere");
    let none = place.docre(&["tiny.toml", "--from", "summarise"]);
    assert_eq!(none.code, Some(1), "{}", none.stderr);
    assert!(none.stderr.contains("found nothing; run the stage before it first"), "{}", none.stderr);
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("failed: tiny/half/copy: broken.sql: "), "{}", run.stderr);
    let left_out = "tiny/half/evaluate: left out, as its input `half/relations.parquet` was not made\n";
    assert!(run.stderr.contains(left_out), "{}", run.stderr);
    let end = "error: tiny: 1 stage failed, and 1 that needed them were left out\n";
    assert!(run.stderr.contains("error: tiny/half/copy: broken.sql: ") && run.stderr.ends_with(end), "{}", run.stderr);
    assert!(run.stdout.contains("\nwhole   1  100.00"), "what there is is shown: {}", run.stdout);
    // So it is where a later run begins behind what failed.
    let from = place.docre(&["tiny.toml", "--from", "summarise"]);
    let told = "tiny/summarise: goes without `half/figures`, which is not there\n";
    assert!(from.code == Some(0) && from.stderr.contains(told), "{}", from.stderr);
    assert!(from.stderr.contains("tiny/summarise: up to date\n"), "{}", from.stderr);
    assert!(place.docre(&["tiny.toml", "--from", "summarise", "--dry-run"]).stdout.contains("summarise: up to date"));
    let folder = place.path("runs/tiny");
    assert_eq!(rows(&folder, "SELECT DISTINCT variant FROM summary"), ["whole"]);
    place.write("broken.sql", HALF);
    assert_eq!(place.run(&[]), ["half/copy", "half/evaluate", "summarise"]);
    let all = "SELECT variant, n, against FROM summary WHERE metric = 'F1' AND scope = 'all' ORDER BY variant";
    assert_eq!(rows(&folder, all), ["half,1,whole", "whole,1,"]);
    assert!(!folder.join(".work").exists());
    // The variant that others are compared with: there is nothing to compare with.
    place.write("copy.sql", "SELECT nothing FROM nowhere");
    assert_eq!(place.docre(&["tiny.toml"]).code, Some(1));
    assert_eq!(rows(&folder, "SELECT DISTINCT variant, n, difference FROM summary"), ["half,1,"]);
    place.write("broken.sql", "SELECT nothing FROM nowhere");
    let none = place.docre(&["tiny.toml"]);
    assert_eq!(none.code, Some(1));
    assert_eq!(none.stdout, "", "nothing of before is shown");
    assert!(none.stderr.contains("tiny/summarise: left out, as its input "), "{}", none.stderr);
    assert!(none.stderr.ends_with("tiny: 2 stages failed, and 3 that needed them were left out\n"), "{}", none.stderr);
}

#[test]
fn a_setting_that_variants_replace_is_told_and_one_that_all_do_refused() {
    let place = copies(&HALVES.replace("name = \"whole\"", "name = \"whole\"\nset = { \"evaluate.resamples\" = 5 }"));
    let planned = |setting: &str| place.docre(&["tiny.toml", "--dry-run", "--set", setting]);
    let some = planned("sources.copy=half.sql");
    let told = "--set sources.copy=half.sql: the variant `half` says otherwise";
    assert!(some.code == Some(0) && some.stderr.contains(told), "{}", some.stderr);
    assert!(planned("test.documents=4").stderr.is_empty());
    let place =
        copies(&HALVES.replace("name = \"whole\"", "name = \"whole\"\nset = { \"sources.copy\" = \"copy.sql\" }"));
    let all = place.docre(&["tiny.toml", "--set", "sources.copy=half.sql"]);
    let told = "expected a key that not every variant sets, got one that `whole`, `half` set";
    assert!(all.code == Some(1) && all.stderr.contains(told), "{}", all.stderr);
}

#[test]
fn a_variant_that_lacks_a_seed_is_told() {
    let seeds = "[matrix]\nseeds = [1, 2]\nseed_of = [\"test\"]\n";
    let place = copies(&(HALVES.replace("\"half.sql\"", "\"broken.sql\"") + seeds));
    // Fails on the second seed's documents alone, whose number is another.
    let count = "(SELECT count(*) FROM test_facts)";
    place.write("broken.sql", HALF);
    assert_eq!(place.docre(&["tiny.toml"]).code, Some(0));
    let of = |seed: u32| {
        rows(&place.path(&format!("runs/tiny/seed-{seed}")), "SELECT count(*) AS n FROM test_facts").remove(0)
    };
    assert_ne!(of(1), of(2));
    let broken = format!("{HALF} AND CAST(CASE WHEN {count} = {} THEN 'bad' ELSE '1' END AS BIGINT) = 1", of(2));
    place.write("broken.sql", &broken);
    let run = place.docre(&["tiny.toml"]);
    let told = "tiny/summarise: the runs of `half` and `whole` that are left are not of the same seeds";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn what_is_taken_as_it_is_and_not_up_to_date_is_told() {
    let place = copies(HALVES);
    assert_eq!(place.docre(&["tiny.toml"]).code, Some(0));
    place.write("half.sql", &format!("{HALF} AND head <> 3"));
    let plan = place.docre(&["tiny.toml", "--from", "summarise", "--dry-run"]);
    let run = place.docre(&["tiny.toml", "--from", "summarise"]);
    let told = "tiny: `half/copy` is taken as it is, and is not up to date: input `sql` changed";
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    assert!(plan.stderr.contains(told), "{}", plan.stderr);
    assert!(!place.docre(&["tiny.toml"]).stderr.contains("taken as it is"));
    assert!(!place.docre(&["tiny.toml", "--from", "summarise"]).stderr.contains("taken as it is"));
}

#[test]
fn tables_that_somebody_put_into_an_output_are_not_lost() {
    let place = copies(HALVES);
    assert_eq!(place.docre(&["tiny.toml"]).code, Some(0));
    let (made, own) = (place.path("runs/tiny/test/facts"), place.path("runs/tiny/test/mine"));
    fs::create_dir(&own).unwrap();
    fs::copy(made.join("part-00000.parquet"), own.join("part-00000.parquet")).unwrap();
    for more in [&[][..], &["--dry-run"], &["--force"]] {
        let run = place.docre(&[&["tiny.toml"], more].concat());
        assert!(
            run.code == Some(1) && run.stderr.contains("test/mine: stands in what docre has made"),
            "{}",
            run.stderr
        );
        assert!(own.join("part-00000.parquet").is_file());
    }
    fs::remove_dir_all(&own).unwrap();
    for (name, bytes) in
        [("test/facts/part-00001.parquet", &b"PAR1"[..]), ("figures/mine", b"x"), ("summary/part-7.parquet", b"")]
    {
        // Of whole folders, and of one of a variant.
        let path = place.path(&format!("runs/tiny/{name}"));
        let path = if path.parent().unwrap().is_dir() { path } else { place.path(&format!("runs/tiny/half/{name}")) };
        fs::write(&path, bytes).unwrap();
        let run = place.docre(&["tiny.toml"]);
        assert!(run.code == Some(1) && path.is_file(), "{name}: {}", run.stderr);
        fs::remove_file(&path).unwrap();
    }
    let run = place.docre(&["tiny.toml"]);
    assert!(run.code == Some(0) && !run.stderr.contains("running"), "{}", run.stderr);
}

#[test]
fn what_is_left_out_is_so_for_want_of_what_was_to_be_made() {
    let aside = "[[variant]]\nname = \"aside\"\nset = { \"test.documents\" = 2 }\n";
    let place = copies(&(aside.to_owned() + &HALVES.replace("name = \"half\"", "name = \"half\"\nagainst = \"half\"")));
    place.write("half.sql", "SELECT nothing FROM nowhere");
    let run = place.docre(&["tiny.toml", "--variant", "half"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("tiny/summarise: left out, as its input `half/figures` was not made\n"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("aside"), "{}", run.stderr);
}

#[test]
fn seeds_need_no_variants_and_variants_no_seeds() {
    let place = models("");
    let plain = place.docre(&["tiny.toml", "--dry-run"]);
    assert!(
        plain.stderr.contains("stage `summarise`: `variants`: expected the variant of each run"),
        "{}",
        plain.stderr
    );
    let seeds = ["--set", "matrix.seeds=[3, 4]"];
    let each = |seed: u64| ["base", "train", "score", "evaluate"].map(|stage| format!("seed-{seed}/{stage}"));
    let stages =
        [&["train-split".to_owned(), "dev-split".to_owned()][..], &each(3), &each(4), &["summarise".to_owned()]];
    assert_eq!(planned(&place, &seeds), stages.concat());
    let both = place.failure(&["--set", "matrix.seeds=[3]", "--set", "train.seed=7"]);
    assert!(both.contains("--set train.seed=7: expected it in `matrix.seeds`"), "{both}");
    let corpora = ["--set", "matrix.seeds=[3]", "--set", "matrix.seed_of=[\"dev-split\"]"];
    let stages = ["train-split", "seed-3/dev-split", "seed-3/base", "seed-3/train", "seed-3/score", "seed-3/evaluate"];
    assert_eq!(planned(&place, &corpora), [&stages[..], &["summarise"]].concat());

    // Nor is trained what only other variants have a use for.
    let alone = "[[variant]]\nname = \"full\"\n[[variant]]\nname = \"alone\"\nagainst = \"alone\"\n\
                 set = { \"train.model.K\" = 0 }\nunset = [\"train.inputs.base\"]\n";
    let place = models(alone);
    let stages = ["train-split", "dev-split", "alone/train", "alone/score", "alone/evaluate", "summarise"];
    assert_eq!(planned(&place, &["--variant", "alone"]), stages);
    assert_eq!(planned(&place, &["--variant", "full", "--until", "base"]), ["train-split", "dev-split", "base"]);

    let place = copies(HALVES);
    assert_eq!(place.run(&[]), ["test", "whole/copy", "whole/evaluate", "half/copy", "half/evaluate", "summarise"]);
    let folder = place.path("runs/tiny");
    let all = "SELECT pipeline, variant, n, mean = 1.0, standard_deviation, difference < 0.0 FROM summary \
               WHERE metric = 'F1' AND scope = 'all' ORDER BY variant DESC";
    assert_eq!(rows(&folder, all), ["tiny,whole,1,true,,", "tiny,half,1,false,,true"]);
    let unknown = place.failure(&["--variant", "halff"]);
    assert!(unknown.contains("tiny: unknown variant `halff`, the nearest known one is `half`"), "{unknown}");
    let several = place.docre(&["tiny.toml", "other.toml", "--variant", "half"]);
    assert_eq!(several.code, Some(2), "{}", several.stderr);
}

#[test]
fn variants_with_the_same_settings_share_their_runs() {
    let place = copies("[[variant]]\nname = \"one\"\n[[variant]]\nname = \"other\"\n");
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let note = "tiny: variants `one` and `other` have the same settings: they share their runs\n";
    assert!(run.stderr.starts_with(note), "{}", run.stderr);
    let folder = place.path("runs/tiny");
    assert!(folder.join("figures").is_dir() && !folder.join("one").exists());
    let all = "SELECT variant, mean, difference, p_value FROM summary WHERE metric = 'F1' AND scope = 'all'";
    assert_eq!(rows(&folder, all), ["one,1.0,,", "other,1.0,0.0,1.0"]);
    // Some share what others do not: the first of them gives it its name.
    let place = copies(&format!(
        "{HALVES}[[variant]]\nname = \"more\"\nset = {{ \"sources.copy\" = \"half.sql\", \"evaluate.seed\" = 1 }}\n"
    ));
    let stages = ["test", "whole/copy", "whole/evaluate", "half/copy", "half/evaluate", "more/evaluate", "summarise"];
    assert_eq!(planned(&place, &[]), stages);
    assert_eq!(
        planned(&place, &["--variant", "more"]),
        ["test", "whole/copy", "whole/evaluate", "half/copy", "more/evaluate", "summarise"]
    );
}

#[test]
fn each_variant_may_be_compared_with_another() {
    let place = copies(
        "[matrix]\nagainst = \"half\"\n[[variant]]\nname = \"whole\"\n[[variant]]\nname = \"small\"\nagainst = \"small\"\n\
         set = { \"test.documents\" = 2 }\n[[variant]]\nname = \"half\"\nset = { \"sources.copy\" = \"half.sql\" }\n\
         [[variant]]\nname = \"small half\"\nagainst = \"small\"\nset = { \"sources.copy\" = \"half.sql\", \"test.documents\" = 2 }\n\
         [[variant]]\nname = \"small and whole\"\nagainst = \"whole\"\nset = { \"test.documents\" = 2 }\n",
    );
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.ends_with("differences are from the variant that the column `against` names\n"),
        "{}",
        run.stdout
    );
    let all = "SELECT variant, against, difference > 0.0, p_value IS NULL FROM summary WHERE metric = 'F1' AND scope = 'all' ORDER BY variant";
    let expected = [
        "half,,,true",
        "small,,,true",
        // Of other documents: a difference, and no test.
        "small and whole,whole,false,true",
        "small half,small,false,false",
        "whole,half,true,false",
    ];
    assert_eq!(rows(&place.path("runs/tiny"), all), expected);
}

#[test]
fn a_matrix_with_a_fault_is_refused_before_anything_runs() {
    let variant = |name: &str| format!("[[variant]]\nname = {name}\n");
    let long = format!("\"{}\"", "x".repeat(101));
    let with = |rest: &str| format!("[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n{rest}\n");
    let cases = [
        (variant("\"..\""), "`variant.name`: expected a name that can be that of a folder, got `..`"),
        (variant("\"a/b\""), "expected a name that can be that of a folder, got `a/b`"),
        (variant("\"\""), "expected a name that can be that of a folder, got ``"),
        (variant("\".work\""), "expected a name that can be that of a folder, got `.work`"),
        (variant("\"a\\nb\""), "no control character and no space at an end, got `a\\nb`"),
        (variant("\" a\""), "no space at an end, got ` a`"),
        (variant("\"a@b\""), "expected at most 100 bytes, no `@`, "),
        (variant(&long), "expected at most 100 bytes"),
        (with("[[variant]]\nname = \"b\""), "two variants are named `b`"),
        (variant("\"a b\"") + &variant("\"A-b\""), "variants `a b` and `A-b` would bear one name in queries"),
        (with("against = \"c\""), "variant `b`: `against`: unknown variant `c`"),
        (with("nmae = 1"), "`variant[1]`: unknown field `nmae`"),
        (
            with("set = { evaluate = 1 }"),
            "variant `b`: `evaluate`: expected \"STAGE.KEY\" or \"sources.NAME\", with the quotes",
        ),
        (with("set = { \"evaluat.seed\" = 1 }"), "variant `b`: `evaluat.seed`: unknown stage `evaluat`"),
        (with("set = { \"sources.cpy\" = \"x\" }"), "variant `b`: `sources.cpy`: unknown source `cpy`"),
        (with("set = { \"sources.copy\" = 1 }"), "variant `b`: `sources.copy`: "),
        (
            with("set = { \"evaluate.kind\" = \"graph\" }"),
            "variant `b`: `evaluate.kind`: `kind` of a stage cannot be set",
        ),
        (
            with("set = { \"evaluate.sed\" = 1 }"),
            "stage `b/evaluate`: unknown key `sed`, the nearest known one is `seed`",
        ),
        (with("set = { \"evaluate.seed\" = \"x\" }"), "stage `b/evaluate`: `seed`: expected a whole number"),
        (
            with("set = { \"summarise.seed\" = 1 }"),
            "stage `summarise`: variant `b`: expected no setting of a stage that takes all",
        ),
        (with("unset = [\"evaluate.seed\"]"), "variant `b`: `unset`: `evaluate.seed`: expected a setting of the file"),
        (with("unset = [\"evaluate.inputs.corpus\"]"), "stage `b/evaluate`: expected an input `corpus`, got none"),
        ("[matrix]\n".into(), "`matrix`: expected `seeds`, or a `[[variant]]` beside it, got neither"),
        ("[matrix]\nseeds = []\n".into(), "`matrix.seeds`: expected a seed or several, got none"),
        ("[matrix]\nseeds = [1, 2, 1]\n".into(), "`matrix.seeds`: expected each once, got 1 twice"),
        ("[matrix]\nseeds = [-1]\n".into(), "`matrix`: `seeds[0]`: "),
        ("[matrix]\nseeds = [1]\n".into(), "`matrix.seeds`: expected a stage that learns, or `seed_of`, got neither"),
        ("[matrix]\nseeds = [1]\nseed_of = [\"tset\"]\n".into(), "`matrix.seed_of`: unknown stage `tset`"),
        ("[matrix]\nseeds = [1, 2]\nseed_of = []\n".into(), "`matrix.seed_of`: expected a stage at least, got none"),
        ("[matrix]\nseeds = [1]\nseed_of = [\"copy\"]\n".into(), "stage `seed-1/copy`: unknown key `seed`"),
        (
            "[matrix]\nseeds = [1]\nseed_of = [\"summarise\"]\n".into(),
            "`matrix.seed_of`: expected stages of one run each, got `summarise`, which takes all together",
        ),
        (
            "[matrix]\nseeds = [1, 9223372036854775808]\n".into(),
            ", column 13: `seeds`: expected a whole number below 2^63, got 9223372036854775808",
        ),
        (
            variant("\"a\"") + "set = { \"summarise.seed\" = 1 }\n" + &variant("\"b\""),
            "stage `summarise`: variant `a`: expected no setting of a stage that takes all",
        ),
        ("[matrix]\nseds = [1]\n".into(), "`matrix`: unknown field `seds`"),
        ("[matrix]\nagainst = \"c\"\n[[variant]]\nname = \"a\"\n".into(), "`matrix`: `against`: unknown variant `c`"),
        (
            "[matrix]\nseeds = [1]\nseed_of = [\"test\"]\n".to_owned() + &with("set = { \"test.seed\" = 3 }"),
            "variant `b`: `test.seed`: expected it in `matrix.seeds` alone, got it here too",
        ),
        (
            variant("\"a\"") + &variant("\"test\"") + "set = { \"evaluate.seed\" = 1 }",
            "`test/figures` of stage `test/evaluate` and `test` of stage `test` lie one inside the other",
        ),
    ];
    for (matrix, expected) in cases {
        let place = copies(&matrix);
        let message = place.failure(&[]);
        assert!(message.starts_with("error: tiny.toml: ") && message.contains(expected), "{matrix}: {message}");
        assert!(!place.path("runs").exists(), "{matrix}");
    }
    let filled = COPIES.replace("kind = \"summarise\"", "kind = \"summarise\"\nvariants = [\"x\"]");
    let place = Place::new(&format!("{filled}{HALVES}"));
    assert!(
        place.failure(&[]).contains("stage `summarise`: `variants`: expected none, as the variants of the file say it")
    );
    let place = copies(&HALVES.replace(
        "[[variant]]\nname = \"half\"",
        "[[variant]]\nname = \"half\"\nunset = [\"evaluate.inputs.relations\"]",
    ));
    let message = place.failure(&[]);
    assert!(
        message.contains("stage `half/evaluate`: expected an input `relations` or `scores`, got neither"),
        "{message}"
    );
}

#[test]
fn runs_are_summarised_by_hand_too() {
    let matrixless = COPIES.replace(
        "kind = \"summarise\"",
        "kind = \"summarise\"\nvariants = [\"a\", \"a\", \"b\"]\nagainst = { b = \"a\" }",
    );
    let three = matrixless.replace("metrics = \"figures\", ", "metrics = [\"figures\", \"figures\", \"figures\"], ");
    let place = Place::new(&three);
    place.run(&[]);
    let all = "SELECT variant, n, mean, standard_deviation, difference, p_value FROM summary WHERE metric = 'F1' AND scope = 'all'";
    // The same figures twice are those of one run.
    assert_eq!(rows(&place.path("runs/tiny"), all), ["a,1,1.0,,,", "b,1,1.0,,0.0,1.0"]);
    let place = Place::new(&matrixless.replace("metrics = \"figures\", ", "metrics = [\"figures\", \"figures\"], "));
    let message = place.failure(&[]);
    assert!(message.contains("stage `summarise`: input `metrics`: expected one of each of 3 runs, got 2"), "{message}");
    assert!(!place.path("runs").exists(), "nothing runs before");
    let place = Place::new(&matrixless.replace(
        "corpus = \"test\", relations = \"relations.parquet\" }\noutputs = { summ",
        "corpus = \"test\" }\noutputs = { summ",
    ));
    assert!(place.failure(&[]).contains("expected `corpus` and `relations` together"), "{}", place.failure(&[]));
    let shown = place.failure(&["--set", "summarise.shown=[\"F1 al\"]"]);
    assert!(shown.contains("`shown`: unknown figure `F1 al`, the nearest known one is `F1 all`"), "{shown}");
}

#[test]
fn a_file_extends_another() {
    let place = copies(HALVES);
    let more = concat!(
        "extends = \"tiny.toml\"\n[sources]\ncopy = \"half.sql\"\n[matrix]\nagainst = \"half\"\n[[stage]]\nname = \"test\"\n",
        "kind = \"synthesize\"\nsplit = \"test\"\ndocuments = 2\noutputs = { tables = \"test\" }\n",
    );
    place.write("more.toml", more);
    let read = |name: &str| Pipeline::read(&place.path(name), &[]);
    let run = place.docre(&["more.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let folder = place.path("runs/more");
    assert_eq!(rows(&folder, "SELECT count(*) FROM test_documents"), ["2"]);
    assert_eq!(rows(&folder, "SELECT DISTINCT variant, against FROM summary"), ["half,", "whole,half"]);
    place.write("own.toml", "extends = \"tiny.toml\"\n[[variant]]\nname = \"only\"\n");
    let own = place.docre(&["own.toml", "--dry-run"]);
    assert!(own.stdout.contains("own/copy: to run") && !own.stdout.contains("half/"), "{}", own.stdout);
    // With other variants goes the one that those before were compared with.
    place.write("other.toml", "extends = \"more.toml\"\n[[variant]]\nname = \"one\"\n[[variant]]\nname = \"two\"\n");
    let other = place.docre(&["other.toml", "--dry-run"]);
    let left_out = "other: `extends`: more.toml: leaves out its `matrix.against`: no variant here is called `half`\n";
    assert!(other.code == Some(0) && other.stderr.starts_with(left_out), "{}", other.stderr);
    place.write("same.toml", "extends = \"more.toml\"\n[matrix]\nagainst = \"two\"\n[[variant]]\nname = \"one\"\n[[variant]]\nname = \"two\"\n");
    let same = place.docre(&["same.toml", "--dry-run"]);
    assert!(same.code == Some(0) && !same.stderr.contains("leaves out"), "{}", same.stderr);
    // What is added runs before what comes to read it, and else behind the rest.
    let page = "[[stage]]\nname = \"NAME\"\nkind = \"query\"\ninputs = { sql = \"copy\", test = \"FROM\" }\noutputs = { table = \"OF\" }\n";
    let stage = |name: &str, from: &str, of: &str| page.replace("NAME", name).replace("FROM", from).replace("OF", of);
    let stages = stage("copy", "before.parquet", "relations.parquet")
        + &stage("last", "test", "last.parquet")
        + &stage("before", "test", "before.parquet");
    place.write("ordered.toml", &("extends = \"tiny.toml\"\n".to_owned() + &stages));
    let ordered = place.docre(&["ordered.toml", "--dry-run", "--variant", "whole"]);
    let names = ordered.stdout.lines().map(|line| line.split(": ").next().unwrap().rsplit('/').next().unwrap());
    let names: Vec<&str> = names.collect();
    let place_of = |name: &str| names.iter().position(|other| *other == name).unwrap();
    assert!(place_of("test") < place_of("before") && place_of("before") < place_of("copy"), "{names:?}");
    assert!(place_of("copy") < place_of("last"), "{names:?}");
    let twice = stage("more", "test", "one.parquet") + &stage("more", "test", "other.parquet");
    place.write("twice.toml", &("extends = \"tiny.toml\"\n".to_owned() + &twice));
    let twice = place.docre(&["twice.toml"]);
    assert!(twice.code == Some(1) && twice.stderr.contains("two stages are named `more`"), "{}", twice.stderr);
    place.write("circle.toml", "extends = \"circle.toml\"\n");
    let circle = place.docre(&["circle.toml"]);
    let expected = "in no circle, got `circle.toml`, which extends `circle.toml`";
    assert!(circle.stderr.contains(expected), "{}", circle.stderr);
    for (one, other) in [("one", "two"), ("two", "three"), ("three", "./two")] {
        place.write(&format!("{one}.toml"), &format!("extends = \"{other}.toml\"\n"));
    }
    let circle = place.docre(&["one.toml"]);
    let expected = "got `two.toml`, which extends `three.toml`, which extends `./two.toml`";
    assert!(circle.stderr.contains(expected), "{}", circle.stderr);
    for deep in 0..10 {
        place.write(&format!("deep{deep}.toml"), &format!("extends = \"deep{}.toml\"\n", deep + 1));
    }
    let deep = place.docre(&["deep0.toml"]);
    assert!(deep.stderr.contains("expected at most 8 files that extend one another, got more"), "{}", deep.stderr);
    place.write("lost.toml", "extends = \"nowhere.toml\"\n");
    assert!(format!("{:#}", read("lost.toml").unwrap_err()).contains("`extends`: nowhere.toml: cannot read"));
}

#[test]
fn the_shipped_experiments_are_whole_and_run_when_they_are_asked_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = |arguments: &[&str]| {
        let output = command(["run", "--dry-run", "--runs", "target/no-such-folder"].iter().chain(arguments))
            .current_dir(root)
            .output();
        let output = output.unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let [all, _] = run(&["--all"]);
    let folder = root.join("pipelines/experiments");
    let names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    for name in ["ablations", "compare", "patterns", "iterations"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
    }
    for name in names {
        assert!(!all.contains(&format!("{name}/")), "{name} takes hours: {all}");
        let [stdout, stderr] = run(&[&format!("pipelines/experiments/{name}.toml")]);
        let left_out = stderr.contains(&format!("{name}: left out: "));
        assert!(left_out || stdout.contains(&format!("\n{name}/summarise: to run: ")), "{name}: {stdout}{stderr}");
        // Where a model is shared by several variants it is trained once.
        let trained = stdout.lines().filter(|line| line.contains("/train: ")).count();
        let expected = match &*name {
            "iterations" => 9,
            "compare" => 15,
            "patterns" => 24,
            _ => trained,
        };
        assert_eq!(trained, expected, "{name}: {stdout}");
    }
}

//! A setting stands once: what the command line takes a pipeline file takes, and what one refuses the other refuses.

use std::fs;

use docre::graph::Format;
use docre::ground::choice::Choice;
use docre::ground::parsed::{FolderName, TypePair};
use docre::pipeline::Pipeline;
use tempfile::TempDir;

use crate::pipeline::Place;
use crate::support::{DOCUMENT, docre};

/// A stage of a kind with an option; its inputs are sources.
fn stage(kind: &str, option: &str) -> String {
    let (inputs, output) = match kind {
        "convert" => (r#"documents = "a""#, "tables"),
        "synthesize" => ("", "tables"),
        "encode" => (r#"corpus = "a", encoder = "b""#, "pieces"),
        "score" => (r#"corpus = "a", checkpoint = "b""#, "relations"),
        "decide" => (r#"scores = "a""#, "relations"),
        "fit" => (r#"scores = "a", corpus = "b""#, "decision"),
        "evaluate" => (r#"corpus = "a", relations = "b""#, "metrics"),
        "graph" => (r#"corpus = "a", relations = "b""#, "graph"),
        other => panic!("{other}"),
    };
    let needed = match kind {
        "convert" if option.starts_with("split") => "format = \"docred\"",
        "convert" => "format = \"docred\"\nsplit = \"dev\"",
        "synthesize" if !option.starts_with("doc") => "documents = 3",
        _ => "",
    };
    format!(
        "[sources]\na = \"a\"\nb = \"b\"\n[[stage]]\nname = \"it\"\nkind = \"{kind}\"\n{needed}\n{option}\n\
         inputs = {{ {inputs} }}\noutputs = {{ {output} = \"out\" }}\n"
    )
}

fn read(kind: &str, option: &str) -> Result<(), String> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tiny.toml");
    fs::write(&file, stage(kind, option)).unwrap();
    Pipeline::read(&file, &[]).map(drop).map_err(|error| format!("{error:#}"))
}

/// The arguments that a command needs besides.
fn needed(kind: &str, option: &str) -> &'static [&'static str] {
    match kind {
        "convert" => &["--format", "docred", "--out", "o", "no-such-file"],
        "synthesize" if option.starts_with("doc") => &["--out", "/dev/null/o"],
        "synthesize" => &["--out", "/dev/null/o", "--documents", "3"],
        "encode" => &["--corpus", "c", "--encoder", "no-such-encoder"],
        "score" => &["--corpus", "c", "--checkpoint", "no-such", "--out", "/dev/null/o"],
        "decide" => &["--scores", "no-such", "--out", "/dev/null/o"],
        "fit" => &["--scores", "no-such", "--corpus", "c", "--out", "/dev/null/o"],
        "evaluate" => &["--corpus", "c", "--relations", "no-such"],
        _ => &["--corpus", "c", "--relations", "no-such", "--out", "/dev/null/o"],
    }
}

#[test]
fn what_one_refuses_the_other_refuses() {
    for (kind, option, arguments, expected) in [
        ("convert", r#"candidates = ["A"]"#, ["--candidates", "A"], "such as `Chemical:Disease`, got `A`"),
        ("convert", r#"unit = "passage""#, ["--unit", "passage"], "unit`: expected it with the format"),
        ("convert", "max_rejected = 2", ["--max-rejected", "2"], "rejected`: expected 0 to 1, got 2"),
        ("convert", r#"candidates = [":B"]"#, ["--candidates", ":B"], "such as `Chemical:Disease`, got `:B`"),
        ("convert", r#"split = "a/b""#, ["--split", "a/b"], "expected a name that can be that of a folder, got `a/b`"),
        ("convert", "most_pairs = 0", ["--most-pairs", "0"], "pairs`: expected 1 or more, got 0"),
        ("synthesize", r#"split = ".a""#, ["--split", ".a"], "expected a name that can be that of a folder, got `.a`"),
        ("synthesize", "facts = 3", ["--facts", "3"], "facts`: expected 4 to 100, got 3"),
        ("synthesize", "documents = 0", ["--documents", "0"], "documents`: expected 1 to 4294967295, got 0"),
        ("synthesize", "first = 9007199254740993", ["--first", "9007199254740993"], "first`: expected 0 to "),
        ("synthesize", "across = 1.5", ["--across", "1.5"], "across`: expected 0 to 1, got 1.5"),
        ("encode", "most_pieces = 2", ["--most-pieces", "2"], "pieces`: expected 3 or more, got 2"),
        ("score", "iterations = 1001", ["--iterations", "1001"], "iterations`: expected 0 to 1000, got 1001"),
        ("score", "pieces_at_once = 0", ["--pieces-at-once", "0"], "once`: expected 1 or more, got 0"),
        ("score", "most_pairs = 0", ["--most-pairs", "0"], "pairs`: expected 1 or more, got 0"),
        ("score", "margin = -1", ["--margin", "-1"], "margin`: expected 0 to 1000, got -1"),
        ("decide", "most_labels = 0", ["--most-labels", "0"], "labels`: expected 1 or more, got 0"),
        ("score", "at_precision = 1.5", ["--at-precision", "1.5"], "precision`: expected 0 to 1, got 1.5"),
        ("decide", "at_recall = -1", ["--at-recall", "-1"], "recall`: expected 0 to 1, got -1"),
        ("fit", "precision = 90", ["--precision", "90"], "precision`: expected above 0 and up to 1, got 90"),
        ("fit", "shrinkage = -1", ["--shrinkage", "-1"], "shrinkage`: expected 0 or more, got -1"),
        ("fit", r#"calibration = "platt""#, ["--calibration", "platt"], "platt"),
        ("decide", r#"ensemble = "means""#, ["--ensemble", "means"], "means"),
        ("fit", r#"ensemble = "means""#, ["--ensemble", "means"], "means"),
        (
            "decide",
            "without_evidence = -1",
            ["--without-evidence", "-1"],
            "expected it with the ensemble `fusion`, got",
        ),
        ("evaluate", "resamples = 1000001", ["--resamples", "1000001"], "resamples`: expected 0 to 1000000, got"),
        ("graph", "min_probability = 1.5", ["--min-probability", "1.5"], "probability`: expected 0 to 1, got 1.5"),
        ("graph", r#"base = "x""#, ["--base", "x"], "`x`: expected an absolute IRI that ends in `/`"),
    ] {
        let of_file = read(kind, option).unwrap_err();
        assert!(of_file.contains(expected), "{kind}: {of_file}");
        let split: &[&str] = if kind == "convert" && arguments[0] != "--split" { &["--split", "dev"] } else { &[] };
        let run = docre([&[kind], &arguments[..], split, needed(kind, option)].concat());
        assert_eq!(run.code, Some(2), "{kind}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{kind}: {}", run.stderr);
        assert!(run.stderr.contains(arguments[0]), "{kind}: {}", run.stderr);
    }
}

#[test]
fn a_published_model_has_the_same_range_of_pieces() {
    for (argument, expected) in [("--most-pieces", "expected 3 or more"), ("--most-labels", "expected 1 or more")] {
        let needed = ["checkpoint", "--from-atlop", "a", "--encoder", "b", "--relations", "c", "--out", "d"];
        let run = docre(needed.iter().chain(&[argument, "0"]));
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("`{argument}`: {expected}, got 0")), "{}", run.stderr);
    }
}

#[test]
fn a_setting_is_known_by_the_name_that_it_has_on_the_other_side() {
    for (kind, option, arguments) in [
        ("synthesize", "docs = 3", ["--docs", "3"]),
        ("synthesize", "documents = 3", ["--documents", "3"]),
        ("synthesize", r#"pattern = ["s>i,i>o"]"#, ["--pattern", "s>i,i>o"]),
        ("synthesize", r#"patterns = ["s>i,i>o"]"#, ["--patterns", "s>i,i>o"]),
        ("graph", r#"relation = ["P17"]"#, ["--relation", "P17"]),
        ("graph", r#"type = ["LOC"]"#, ["--type", "LOC"]),
        ("graph", r#"types = ["LOC"]"#, ["--types", "LOC"]),
        ("graph", r#"format = ["kgx"]"#, ["--format", "kgx"]),
        ("graph", r#"formats = ["kgx"]"#, ["--formats", "kgx"]),
        ("graph", r#"merge = "none""#, ["--merge", "none"]),
        ("score", r#"precision = "f32""#, ["--precision", "f32"]),
        ("evaluate", "resamples = 1000000", ["--resamples", "1000000"]),
    ] {
        read(kind, option).unwrap();
        // The setting is understood; what it is to be applied to is not there.
        let run = docre([&[kind], &arguments[..], needed(kind, option)].concat());
        assert_eq!(run.code, Some(1), "{kind}: {}", run.stderr);
    }
    let misspelt = read("graph", r#"formats = ["nquad"]"#).unwrap_err();
    assert!(misspelt.contains("unknown format `nquad`, the nearest known one is `nquads`"), "{misspelt}");
}

#[test]
fn a_pipeline_says_that_no_entity_has_the_types() {
    let place = Place::new(&stage("convert", r#"candidates = ["loc:loc"]"#).replace("a = \"a\"", "a = \"dev.json\""));
    place.write("dev.json", &format!("[{DOCUMENT}]"));
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("warning: no pair of entities has the types that `candidates` names"),
        "{}",
        run.stderr
    );
}

#[test]
fn forms_are_checked_where_they_are_read() {
    let pair: TypePair = "Chemical:Disease".parse().unwrap();
    assert!(pair.fits("Chemical", "Disease") && pair.to_string() == "Chemical:Disease");
    for wrong in ["", ":", "A", "A:", ":B"] {
        assert!(wrong.parse::<TypePair>().is_err(), "{wrong}");
        assert!(serde_json::from_value::<TypePair>(wrong.into()).is_err(), "{wrong}");
    }
    assert_eq!(&*"dev".parse::<FolderName>().unwrap(), "dev");
    for wrong in ["", ".", "..", ".hidden", "a/b", "a\\b"] {
        assert!(wrong.parse::<FolderName>().is_err(), "{wrong}");
        assert!(serde_json::from_value::<FolderName>(wrong.into()).is_err(), "{wrong}");
    }
    for format in Format::ALL {
        assert_eq!(Format::named(format.name()), Ok(format));
        assert_eq!(serde_json::to_value(format).unwrap(), format.name());
    }
}

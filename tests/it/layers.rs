//! The architecture, held by a test: which outside library lives where. Which room may use which, Cargo holds.

use std::fs;
use std::path::{Path, PathBuf};

use docre::corpus::Format;

/// An outside library and the only places that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("polars", &["frames", "metrics", "query"]),
    ("sqlparser", &["query"]),
    ("clap", &["main", "cli"]),
    ("indicatif", &["cli"]),
    ("parquet", &["table"]),
    ("miniz_oxide", &["report"]),
    ("flate2", &["corpus"]),
    ("zstd", &["corpus"]),
    ("glob", &["corpus"]),
    ("arrow", &["table"]),
    ("tokenizers", &["pieces"]),
    ("oxrdf", &["graph"]),
    ("oxttl", &["graph"]),
    ("oxigraph", &["graph"]),
    ("toml", &["pipeline"]),
    ("blake3", &["ground"]),
    ("hf_hub", &["encoder"]),
    ("signal_hook", &["cli"]),
    ("candle_core", &["nn", "encoder", "model", "checkpoint", "score", "train"]),
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The sources with the room that each stands in.
fn rooms() -> Vec<(String, PathBuf, String)> {
    let room = |path: &PathBuf| {
        let first = path.strip_prefix(src()).unwrap().iter().next().unwrap().to_str().unwrap().to_owned();
        first.trim_end_matches(".rs").to_owned()
    };
    sources(&src()).into_iter().map(|path| (room(&path), path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn a_room_names_only_rooms_below_it() {
    let text = fs::read_to_string(src().with_file_name("Cargo.toml")).unwrap();
    let members: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("\"src/")?.strip_suffix("\",")).collect();
    assert!(members.len() > 10);
    for (floor, member) in members.iter().enumerate() {
        let manifest = fs::read_to_string(src().join(member).join("Cargo.toml")).unwrap();
        for line in manifest.lines().filter_map(|line| line.strip_suffix(".workspace = true")) {
            let above = members.iter().position(|other| *other == line).is_some_and(|place| place >= floor);
            assert!(!above, "`{member}` must not name `{line}`, which is not below it");
        }
    }
}

#[test]
fn each_outside_library_has_one_home() {
    for (room, path, text) in rooms() {
        for (library, homes) in HOMES {
            let named = text.contains(&format!("{library}::"));
            assert!(!named || homes.contains(&room.as_str()), "{}: `{library}` lives in {homes:?}", path.display());
        }
    }
}

#[test]
fn a_format_is_named_in_corpus_alone() {
    for (room, path, text) in rooms() {
        if ["corpus", "main", "cli"].contains(&room.as_str()) {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            // DocRED's name is also that of submissions, which other rooms read.
            for name in Format::ALL.map(Format::name).into_iter().filter(|name| *name != "docred") {
                assert!(
                    !line.contains(&format!("\"{name}\"")),
                    "{}: names the format `{name}`: {line}",
                    path.display()
                );
            }
        }
    }
}

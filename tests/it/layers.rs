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
    ("arrow", &["table", "python"]),
    ("tokenizers", &["pieces"]),
    ("oxrdf", &["graph"]),
    ("oxttl", &["graph"]),
    ("oxigraph", &["graph"]),
    ("toml", &["pipeline"]),
    ("blake3", &["ground"]),
    ("hf_hub", &["encoder"]),
    ("signal_hook", &["cli"]),
    ("pyo3", &["python"]),
    ("candle_core", &["kernels", "nn", "encoder", "model", "checkpoint", "score", "train"]),
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

/// The rooms from the ground floor up, with their manifests.
fn members() -> Vec<(String, String)> {
    let text = fs::read_to_string(src().with_file_name("Cargo.toml")).unwrap();
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("\"src/")?.strip_suffix("\","));
    let manifest = |name: &str| fs::read_to_string(src().join(name).join("Cargo.toml")).unwrap();
    names.map(|name| (name.to_owned(), manifest(name))).collect()
}

#[test]
fn a_room_names_only_rooms_below_it() {
    let members = members();
    assert!(members.len() > 10);
    for (floor, (member, manifest)) in members.iter().enumerate() {
        for line in manifest.lines().filter_map(|line| line.strip_suffix(".workspace = true")) {
            let above = members.iter().position(|(other, _)| other == line).is_some_and(|place| place >= floor);
            assert!(!above, "`{member}` must not name `{line}`, which is not below it");
        }
    }
}

/// A table of the architecture page names every room, in their order.
#[test]
fn the_code_map_has_every_room() {
    let page = fs::read_to_string(src().join("lib.rs")).unwrap();
    let room = |line: &str| {
        let first = line.strip_prefix("//! | ")?.split(" | ").next()?;
        Some(first.trim_matches(['[', ']']).strip_prefix('`')?.strip_suffix('`')?.to_owned())
    };
    let mapped: Vec<String> = page.lines().filter_map(room).filter(|room| room != "pipeline").collect();
    assert_eq!(mapped, members().into_iter().map(|(name, _)| name).collect::<Vec<_>>());
}

/// `kernels` may have it, since CUDA's driver can be spoken to in no other way, and there two files; and `python`, where
/// other libraries' Arrow comes in.
#[test]
fn unsafe_code_stands_where_others_pointers_come_in_alone() {
    let root = fs::read_to_string(src().with_file_name("Cargo.toml")).unwrap();
    assert!(root.contains("unsafe_code = \"forbid\"\n"));
    for (member, manifest) in members() {
        let lints = if ["kernels", "python"].contains(&&*member) {
            "unsafe_code = \"deny\"\n"
        } else {
            "[lints]\nworkspace = true\n"
        };
        assert!(manifest.contains(lints), "`{member}`: expected {lints:?} in its manifest");
    }
    let may = ["kernels/launch.rs", "kernels/device.rs", "python/arrow.rs"].map(|path| src().join(path));
    for (_, path, text) in rooms().into_iter().filter(|(_, path, _)| !may.contains(path)) {
        assert!(!text.contains("unsafe"), "{}: has unsafe code, or a word of it", path.display());
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

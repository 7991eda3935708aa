//! The architecture, held by a test: which module may use which, and which outside library lives where.

use std::fs;
use std::path::{Path, PathBuf};

/// A module of the library and what it may import from the crate.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("names", &[]),
    ("settings", &[]),
    ("table", &[]),
    ("random", &[]),
    ("workers", &[]),
    ("device", &["workers"]),
    ("corpus", &["names", "table", "random"]),
    ("submission", &[]),
    ("metrics", &["table", "random", "submission"]),
    ("graph", &["table", "submission"]),
    ("query", &["table", "graph"]),
    ("report", &["table"]),
    (
        "pipeline",
        &[
            "names", "settings", "table", "random", "device", "corpus", "pieces", "encoder", "model", "score", "train",
            "metrics", "graph", "query", "report",
        ],
    ),
    ("pieces", &["table"]),
    ("encoder", &["random"]),
    ("model", &["settings", "table", "random", "pieces", "encoder"]),
    ("checkpoint", &["table", "device", "pieces", "encoder", "model"]),
    ("score", &["table", "workers", "device", "pieces", "encoder", "model", "checkpoint"]),
    (
        "train",
        &["table", "random", "workers", "device", "pieces", "encoder", "model", "checkpoint", "score", "metrics"],
    ),
];

/// An outside library and the only places that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("polars", &["metrics", "query"]),
    ("clap", &["main", "cli"]),
    ("indicatif", &["cli"]),
    ("parquet", &["table"]),
    ("miniz_oxide", &["report"]),
    ("arrow", &["table"]),
    ("tokenizers", &["pieces"]),
    ("oxrdf", &["graph"]),
    ("oxttl", &["graph"]),
    ("oxigraph", &["graph"]),
    ("toml", &["pipeline"]),
    ("hf_hub", &["encoder"]),
    ("candle_core", &["device", "encoder", "model", "checkpoint", "score", "train"]),
];

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

/// The sources of the library with the top-level module that each belongs to.
fn modules() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module = |path: &PathBuf| {
        let first = path.strip_prefix(&src).unwrap().iter().next().unwrap().to_str().unwrap().to_owned();
        first.trim_end_matches(".rs").to_owned()
    };
    sources(&src).into_iter().map(|path| (module(&path), path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn modules_import_only_what_is_upstream() {
    for (module, path, text) in modules() {
        if ["lib", "main", "cli"].contains(&module.as_str()) {
            continue;
        }
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{}: the module `{module}` has no place in the layers", path.display()));
        for imported in text.split("crate::").skip(1) {
            let name: String = imported.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(
                name == module || allowed.contains(&name.as_str()),
                "{}: `{module}` must not import `{name}`",
                path.display()
            );
        }
    }
}

#[test]
fn each_outside_library_has_one_home() {
    for (module, path, text) in modules() {
        for (library, homes) in HOMES {
            let named = text.contains(&format!("{library}::"));
            assert!(!named || homes.contains(&module.as_str()), "{}: `{library}` lives in {homes:?}", path.display());
        }
    }
}

#[test]
fn a_format_is_named_in_corpus_alone() {
    for (module, path, text) in modules() {
        if ["corpus", "main", "cli"].contains(&module.as_str()) {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for name in ["pubtator", "edge-graph", "jsonl", "gda"] {
                assert!(
                    !line.contains(&format!("\"{name}\"")),
                    "{}: names the format `{name}`: {line}",
                    path.display()
                );
            }
        }
    }
}

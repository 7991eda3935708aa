//! Identities: what they depend on, and what they do not.

use std::fs;
use std::path::Path;

use docre::corpus::Format;
use docre::corpus::convert::{Conversion, Options};
use docre::ground::identity::{Contents, Identity, content, digest};
use serde_json::json;
use tempfile::TempDir;

use crate::support::DOCUMENT;

#[expect(dead_code, reason = "its `main` is Cargo's to run")]
#[path = "../../build.rs"]
mod build_script;

#[test]
fn no_two_lists_of_fields_run_together() {
    let of = |fields: &[(&str, &str)]| {
        fields.iter().fold(Identity::of("test"), |identity, (name, value)| identity.field(name, value)).finish()
    };
    let different = [
        of(&[("x", "ab"), ("y", "c")]),
        of(&[("x", "a"), ("y", "bc")]),
        of(&[("y", "c"), ("x", "ab")]),
        of(&[("xa", "b"), ("y", "c")]),
        of(&[("x", "abyc")]),
        of(&[]),
        Identity::of("tes").field("t", "ab").finish(),
    ];
    for (place, one) in different.iter().enumerate() {
        assert_eq!(one.len(), 32);
        assert!(different.iter().skip(place + 1).all(|other| other != one), "{place}");
    }
    assert_eq!(of(&[("x", "ab")]), of(&[("x", "ab")]));
}

#[test]
fn a_value_counts_and_not_how_it_was_written() {
    let of = |value: &serde_json::Value| Identity::of("test").field("value", value).finish();
    assert_eq!(of(&json!({"a": 1, "b": 0.5})), of(&json!({"b": 5e-1, "a": 1})), "keys are sorted");
    for (one, other) in [
        (json!(1), json!(1.0)),
        (json!(0.1), json!(0.1 + f64::EPSILON)),
        (json!(null), json!("null")),
        (json!(["a", "b"]), json!(["a,b"])),
        (json!([]), json!(null)),
    ] {
        assert_ne!(of(&one), of(&other));
    }
}

/// Some files in a folder, and what they hold.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_folder_is_its_names_and_contents() {
    let files = [("a", "1"), ("b/c", "2"), ("b/d", "3"), ("e", "")];
    let first = content(tree(&files).path()).unwrap();
    for n_threads in [1, 2, 7] {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        assert_eq!(threads.install(|| content(tree(&files).path())).unwrap(), first, "{n_threads} threads");
    }
    for changed in [
        &[("a", "2"), ("b/c", "1"), ("b/d", "3"), ("e", "")][..],
        &[("a", "1"), ("b/c", "2"), ("b/d", "3")],
        &[("a", "1"), ("b/cb", "2"), ("d", "3"), ("e", "")],
    ] {
        assert_ne!(content(tree(changed).path()).unwrap(), first);
    }
    let folder = tree(&files);
    assert_eq!(content(&folder.path().join("a")).unwrap(), digest(b"1"), "a file is its bytes");
    assert!(content(Path::new("/dev/null")).unwrap_err().to_string().contains("got a pipe or device"));
}

#[test]
fn what_was_read_is_not_read_again() {
    let folder = tree(&[("a", "1")]);
    let (path, mut contents) = (folder.path().join("a"), Contents::default());
    assert_eq!(contents.known(&path), None);
    assert_eq!(contents.of(&path).unwrap(), Some(digest(b"1")));
    fs::remove_file(&path).unwrap();
    assert_eq!(contents.known(&path), Some(&*digest(b"1")));
    assert_eq!(contents.of(&path).unwrap(), Some(digest(b"1")));
    assert_eq!(contents.of(&folder.path().join("b")).unwrap(), None);
}

#[test]
fn a_conversion_takes_what_is_known_of_its_files() {
    let folder = tree(&[("dev.json", &format!("[{DOCUMENT}]"))]);
    let path = folder.path().join("dev.json");
    let conversion = Conversion {
        options: Options::of(Format::DocRed, "dev".parse().unwrap()),
        inputs: vec![path.clone()],
        mesh: None,
        relation_labels: None,
        ids: None,
        relations: None,
    };
    let made_from = |told: Option<String>| {
        let mut contents = Contents::default();
        told.into_iter().for_each(|content| contents.set(path.clone(), content));
        conversion.run_knowing(&contents, folder.path(), true, &|_| ()).unwrap();
        fs::read(folder.path().join("dev/documents/part-00000.parquet")).unwrap()
    };
    assert!(made_from(None) == made_from(Some(content(&path).unwrap())));
    assert!(made_from(None) != made_from(Some(digest(b"other"))), "what is told is not read again");
}

#[test]
fn a_build_is_its_sources() {
    let files = [
        ("src/main.rs", "fn main() {}"),
        ("src/metrics/lib.rs", ""),
        ("schemas/facts.json", "{}"),
        ("Cargo.toml", "[package]"),
        ("Cargo.lock", ""),
    ];
    let of = |files: &[(&str, &str)]| build_script::identity(tree(files).path()).unwrap();
    let build = of(&files);
    assert_eq!(build.len(), 32);
    assert_eq!(of(&files), build, "the same sources elsewhere are the same build");
    let beside = [
        ("README.md", "."),
        ("src/metrics/README.md", "."),
        ("src/.lib.rs.swp", "."),
        ("src/python/lib.rs", "."),
        ("target/x", "."),
    ];
    assert_eq!(of(&[&files[..], &beside].concat()), build, "what is not built is no part of it");
    for place in 0..files.len() {
        let mut changed = files;
        changed[place].1 = " ";
        assert_ne!(of(&changed), build, "{}", files[place].0);
        let mut renamed = files;
        renamed[place].0 = "src/other.rs";
        assert_ne!(of(&renamed), build, "{}", files[place].0);
    }
    // Without a lock file and schemas, as where the crate is another's dependency.
    assert_ne!(of(&files[..1]), build);
    assert_eq!(build_script::identity(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap(), docre::BUILD);
}

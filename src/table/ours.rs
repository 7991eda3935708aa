//! What docre knows as its own, and so may replace: by marks that no other program makes, not by names alone.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use ground::present;
use serde_json::Value;

use super::aside::stands;
use super::files::{footer, open};
use super::folder::not_ours;
use super::lock::is_held;
use super::{TableError, is_part_name};

/// What a table's file has its schema under, as `relations/1`.
const SCHEMA: &str = "docre.schema";

/// How folders of one kind are known.
#[derive(Debug, Clone, Copy)]
pub struct Ours {
    /// Whether a folder is of the kind, by its marks, and holds nothing else: replacing it cannot destroy anybody's
    /// files. An empty one is of every kind.
    pub is: fn(&Path) -> bool,
    /// Whether a file of this name, beside those of tables, is part of one in the making.
    pub names: fn(&str) -> bool,
}

impl Ours {
    /// Tables, and folders of tables.
    pub const TABLES: Self = Self { is: holds_only_tables, names: |_| false };

    /// Refuses to replace what stands at a path and is not of the kind.
    pub(super) fn check(self, target: &Path) -> Result<(), TableError> {
        if !stands(target)? || (self.is)(target) {
            return Ok(());
        }
        let path = target.to_path_buf();
        if is_folder(target) && holds_only_tables(target) {
            return Err(TableError::OtherTables { path });
        }
        Err(not_ours(path))
    }

    /// Whether a folder is what a process that died has left in making one of the kind, or in removing it: half
    /// written, it has no marks, so that its names must do. They are hidden, and below a hidden name.
    pub fn is_left(self, folder: &Path) -> bool {
        let is_ours = |path: &Path, name: &str| {
            let half = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".partial"));
            // Between name and ending, [`write_file`](super::write_file) has a random part.
            let bare = half.and_then(|half| half.rsplit_once('.')).map(|(bare, _)| bare);
            let mut names = [Some(name), half, bare].into_iter().flatten();
            names.any(|name| is_part_of_ours(name) || (self.names)(name)) || is_free_lock(path, name)
        };
        is_folder(folder)
            && entries(folder, |path, name| if is_folder(path) { self.is_left(path) } else { is_ours(path, name) })
    }
}

/// Whether a folder holds nothing but tables of docre's, or parts of one. What a process that was killed in the making
/// of one has left is as good as gone; a lock that is held is not.
///
/// A part that is damaged bears no mark: it counts where its name is of docre's and another file beside it is marked.
pub fn holds_only_tables(folder: &Path) -> bool {
    let mut found = Found::default();
    found.only_tables(folder) && (found.damaged == 0 || found.marked > 0)
}

/// The same of one table, by its schema's name: no other stands there, nor in folders below.
pub fn holds_only_table(folder: &Path, name: &str) -> bool {
    let is_of = |path: &Path| {
        let schema = said(path, SCHEMA);
        schema.is_none_or(|schema| schema.split('/').next() == Some(name))
    };
    holds_only_tables(folder)
        && entries(folder, |path, entry| entry.starts_with('.') || !is_folder(path) && is_of(path))
}

/// Parts of tables.
#[derive(Default)]
struct Found {
    marked: usize,
    damaged: usize,
}

impl Found {
    fn only_tables(&mut self, folder: &Path) -> bool {
        entries(folder, |path, name| {
            if is_folder(path) {
                return if is_workplace(name) { Ours::TABLES.is_left(path) } else { self.only_tables(path) };
            }
            if name.starts_with('.') {
                return is_half_a_part(name) || is_free_lock(path, name);
            }
            is_part_name(name) && self.is_table(path, name)
        })
    }

    fn is_table(&mut self, path: &Path, name: &str) -> bool {
        if let Some(schema) = said(path, SCHEMA) {
            let is_marked = !schema.is_empty();
            self.marked += usize::from(is_marked);
            return is_marked;
        }
        self.damaged += 1;
        is_part_of_ours(name)
    }
}

/// Whether a folder holds nothing but entries that are `ours`, and a JSON file that docre has marked by a text under this
/// key; an empty one is anybody's.
pub fn holds_only(folder: &Path, mark: (&str, &str), ours: impl Fn(&DirEntry) -> bool) -> bool {
    let Ok(entries) = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) else { return false };
    let (file, key) = mark;
    let is_marked = || {
        let text = fs::read(folder.join(file)).ok();
        let found: Option<Value> = text.and_then(|text| serde_json::from_slice(&text).ok());
        found.is_some_and(|found| found.get(key).is_some_and(Value::is_string))
    };
    entries.is_empty() || entries.iter().all(ours) && is_marked()
}

/// Whether an entry is a file, of a name that is `ours`: a link to one is somebody's.
pub fn is_named_file(entry: &DirEntry, ours: fn(&str) -> bool) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_file()) && entry.file_name().to_str().is_some_and(ours)
}

/// Refuses a folder in which docre is to work, and which it will remove, where it holds what docre did not put there:
/// all that it works on lies below identities, or in `further` folders.
///
/// # Errors
/// Where it does, or the system refuses to look.
pub fn check_workplace(work: &Path, further: &[&str]) -> Result<(), TableError> {
    let is_identity = |name: &str| !name.is_empty() && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_ours = |name: &str| {
        let bare = name.strip_prefix('.').unwrap_or(name).split('.').next().unwrap_or(name);
        is_identity(bare) || further.contains(&name)
    };
    if stands(work)? && !(is_folder(work) && entries(work, |_, name| is_ours(name))) {
        return Err(not_ours(work.to_path_buf()));
    }
    Ok(())
}

/// Whether docre says in a Parquet file that it wrote it, a table or a query's answer; `None` where the file cannot be
/// read as one.
pub fn is_marked(path: &Path) -> Option<bool> {
    said(path, "docre.producer").map(|producer| !producer.is_empty())
}

/// What a Parquet file has under this key; empty where it has nothing, `None` where it cannot be read as one.
fn said(path: &Path, key: &str) -> Option<String> {
    if !fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return Some(String::new());
    }
    // What the system does not let us read is not ours.
    let Ok(file) = open(path) else { return Some(String::new()) };
    match footer(&file, path) {
        Ok(metadata) => {
            let mut entries = metadata.file_metadata().key_value_metadata().into_iter().flatten();
            let found = entries.find(|entry| entry.key == key);
            Some(found.and_then(|found| found.value.clone()).unwrap_or_default())
        }
        Err(TableError::Io { .. }) => Some(String::new()),
        Err(_) => None,
    }
}

/// `part-00000.parquet` and on.
fn is_part_of_ours(name: &str) -> bool {
    let number = name.strip_prefix("part-").and_then(|rest| rest.strip_suffix(".parquet"));
    number.is_some_and(|number| number.len() >= 5 && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// `.part-00000.parquet.partial` and on.
fn is_half_a_part(name: &str) -> bool {
    name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".partial")).is_some_and(is_part_of_ours)
}

/// Whether a folder of this name is one in which docre works beside another.
fn is_workplace(name: &str) -> bool {
    name.starts_with('.') && [".partial", ".replaced", ".work"].iter().any(|role| name.ends_with(role))
}

/// A lock's file, which is empty, and nobody holds it.
fn is_free_lock(path: &Path, name: &str) -> bool {
    let is_empty = || fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0);
    name.starts_with('.') && name.strip_suffix(".lock").is_some() && is_empty() && !is_held(path)
}

/// Whether a folder stands there: a link to one is somebody's.
fn is_folder(path: &Path) -> bool {
    matches!(present(fs::symlink_metadata(path)), Ok(Some(found)) if found.is_dir())
}

fn entries(folder: &Path, mut is_ours: impl FnMut(&Path, &str) -> bool) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.all(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(|name| is_ours(&entry.path(), name)))
        })
    })
}

//! The tables of a folder, by the names that a query can use.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ground::open_file;
use table::{found_under, is_part_name, stands_for};

use crate::error::QueryError;

/// Folders are searched this deep.
pub(crate) const DEPTH: usize = 6;

/// The names under which the tables of a folder can be queried, with their files.
///
/// # Errors
/// Where the folder cannot be read or holds no table, or the paths of two tables come to one name.
pub fn tables(folder: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, QueryError> {
    let mut found = Vec::new();
    search(&found_under(folder), &mut Vec::new(), &mut found)
        .map_err(|source| QueryError::Io { path: folder.to_path_buf(), source })?;
    let mut named = BTreeMap::new();
    for (path, files) in &found {
        add(&mut named, path.join("_"), files.clone())?;
    }
    // A short name is an addition: it never takes the place of a path.
    let short = |(path, _): &(Vec<String>, _)| path.last().cloned().unwrap_or_default();
    for table in &found {
        let name = short(table);
        if found.iter().filter(|other| short(other) == name).count() == 1 {
            named.entry(name).or_insert_with(|| table.1.clone());
        }
    }
    if named.is_empty() {
        return Err(QueryError::NoTable { folder: folder.to_path_buf() });
    }
    Ok(named)
}

/// Adds a table under a name that is its alone.
///
/// # Errors
/// Where another table bears the name.
pub fn add(tables: &mut BTreeMap<String, Vec<PathBuf>>, name: String, files: Vec<PathBuf>) -> Result<(), QueryError> {
    let path = |files: &[PathBuf]| files.first().cloned().unwrap_or_default();
    if let Some(other) = tables.get(&name) {
        return Err(QueryError::TwoTables { first: path(other), second: path(&files), name });
    }
    tables.insert(name, files);
    Ok(())
}

/// Adds the tables at and below `folder`, each as the names on the way to it and its files.
fn search(folder: &Path, way: &mut Vec<String>, found: &mut Vec<(Vec<String>, Vec<PathBuf>)>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    let name_of = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    // One that stands aside is found under its own name.
    let called = |path: &Path| name_of(stands_for(path).as_deref().unwrap_or(path));
    let files: Vec<PathBuf> =
        entries.iter().filter(|path| path.is_file() && is_table(path, &name_of(path))).cloned().collect();
    let (parts, singles): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| name_of(path).starts_with("part-"));
    if !parts.is_empty() {
        let table = if way.is_empty() { vec![identifier(&called(folder))] } else { way.clone() };
        found.push((table, parts));
    }
    for single in singles {
        let stem = single.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        found.push((way.iter().cloned().chain([identifier(stem)]).collect(), vec![single]));
    }
    for entry in entries.iter().filter(|path| path.is_dir() && !leads_back(path)) {
        let name = called(entry);
        if way.len() < DEPTH && !name.starts_with('.') {
            way.push(identifier(&name));
            search(entry, way, found)?;
            way.pop();
        }
    }
    Ok(())
}

/// Whether a folder is a link to one that it is in.
fn leads_back(folder: &Path) -> bool {
    let above = || Some(folder.parent()?.canonicalize().ok()?.starts_with(folder.canonicalize().ok()?));
    folder.is_symlink() && above().unwrap_or(false)
}

/// Whether a file is a table by its name, or without an ending by its first bytes: so a stage of a pipeline may call one.
fn is_table(path: &Path, name: &str) -> bool {
    let is_bare = path.extension().is_none() && !name.starts_with('.') && !name.starts_with("part-");
    is_part_name(name) || is_bare && begins_as_parquet(path)
}

fn begins_as_parquet(path: &Path) -> bool {
    let mut start = [0; 4];
    open_file(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"PAR1"
}

/// What a file or a folder of a name is called in statements: a name that SQL takes without quotes.
pub fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

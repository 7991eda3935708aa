//! Finished outputs into their places in the run folder, and whose those places are.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;

use super::run_folder::RunFolder;
use super::stage::kind::Stage;
use crate::checkpoint;
use crate::decide::Decision;
use crate::graph;
use crate::report::is_page;
use crate::table::{
    Ours, TableError, check_workplace, holds_only_tables, is_file, is_marked, make_folder, not_ours, put, restore,
    sibling, through,
};

/// How what stages make is known, whichever made it.
const OURS: Ours = Ours { is: is_an_output, names: |name| (graph::OURS.names)(name) || (checkpoint::OURS.names)(name) };

fn is_an_output(path: &Path) -> bool {
    if path.is_dir() {
        return holds_only_tables(path) || (graph::OURS.is)(path) || (checkpoint::OURS.is)(path);
    }
    is_file(path).is_ok_and(|there| there)
        && (is_page(path) || Decision::is_written(path) || is_marked(path) == Some(true))
}

/// Puts a finished file or folder at `target`, in place of what stood there. `made` stays where it is, so that a run
/// that is killed before the manifest knows of it has lost nothing. Works in `folder`, or beside what a link at `target` leads
/// to, under a name that bears `role`.
///
/// # Errors
/// Where the file system refuses; the old content stands then.
pub fn install(made: &Path, target: &Path, folder: &Path, role: &str) -> anyhow::Result<()> {
    let reached = through(target)?;
    // What a link leads to may be on another file system: it is made there.
    let new = if reached == target { folder.join(format!(".new-{role}")) } else { sibling(&reached, role) };
    // May be left by a run that was killed in between; what was exchanged for it, too.
    remove(&new).and_then(|()| link(made, &new)).with_context(|| new.display().to_string())?;
    if let Some(parent) = target.parent() {
        make_folder(parent)?;
    }
    Ok(put(&new, target)?)
}

/// Puts back outputs that a run which died had set aside. For the one run that holds the lock of the folder.
///
/// # Errors
/// Where the system refuses.
pub fn recover(folder: &RunFolder<'_>, stages: &[&Stage]) -> Result<(), TableError> {
    stages
        .iter()
        .flat_map(|stage| stage.outputs.values())
        .try_for_each(|output| restore(&folder.path.join(output), OURS))
}

/// Refuses where something stands at the place of an output, or in it, that docre did not make: a run replaces its own
/// outputs, and nobody's files.
///
/// What the manifest names may be damaged, and is made again; what it does not, a run may have made that was killed
/// before it could say so.
///
/// # Errors
/// The path.
pub fn check_places(folder: &RunFolder<'_>, stages: &[&Stage]) -> Result<(), TableError> {
    let made = folder.manifest.stages.iter().flat_map(|entry| entry.outputs.values());
    let known: BTreeSet<&str> = made.map(|artefact| artefact.path.as_str()).collect();
    for &stage in stages {
        check_workplace(&folder.stage_folder(stage), &[])?;
    }
    for output in stages.iter().flat_map(|stage| stage.outputs.values()) {
        let mut above = Path::new(output).ancestors().skip(1).map(|above| folder.path.join(above));
        if let Some(path) = above.find(|above| above.symlink_metadata().is_ok() && !above.is_dir()) {
            return Err(not_ours(path));
        }
        let path = through(&folder.path.join(output))?;
        if path.symlink_metadata().is_ok() && !may_replace(&path, known.contains(output.as_str())) {
            return Err(not_ours(path));
        }
    }
    match stages.iter().find_map(|stage| folder.put_into(stage)) {
        Some(path) => Err(TableError::PutThere { path }),
        None => Ok(()),
    }
}

fn may_replace(path: &Path, is_known: bool) -> bool {
    let is_whole = || is_file(path).is_ok_and(|there| there) || OURS.is_left(path);
    is_an_output(path) || is_known && is_whole()
}

/// Takes an output away that nothing makes any more.
///
/// # Errors
/// Where the file system refuses.
pub fn clear(path: &Path) -> anyhow::Result<()> {
    remove(path).with_context(|| format!("{}: cannot remove", path.display()))
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// A second name for every file; a copy where the file system has no such names.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop));
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

//! Tables that an earlier making left beside those of a new one which has none of their name: who joins them with the new
//! ones joins what does not belong together.

use std::path::Path;

use super::aside::stands;
use super::ours::Ours;
use super::place::check_place;
use super::{Staging, TableError, check_making};

/// Refuses where tables of these names stand in a folder, unless they are to be removed by `force`: for a command that does
/// not make them now, before it makes others beside them.
///
/// # Errors
/// Where one stands that may not go, or the system refuses to look.
pub fn check_outdated(folder: &Path, names: &[&str], force: bool) -> Result<(), TableError> {
    names.iter().try_for_each(|name| {
        if !force {
            check_making(folder, name, None)?;
        }
        check_place(&folder.join(name), Ours::TABLES)
    })
}

/// Removes the tables of these names from a folder, before new ones take their names beside them.
///
/// # Errors
/// Where something else stands there, another process is at work on it, or the system refuses.
pub fn remove_outdated(folder: &Path, names: &[&str]) -> Result<(), TableError> {
    for path in names.iter().map(|name| folder.join(name)) {
        if stands(&path)? {
            Staging::begin(&path)?.clear()?;
        }
    }
    Ok(())
}

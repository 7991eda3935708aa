//! What a stage works on, and what it makes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use tempfile::{Builder, TempDir};

use crate::corpus::annotated;
use crate::corpus::convert::Summary;
use crate::ground::folder_name;
use crate::ground::identity::Contents;
use crate::ground::manifest::Manifest;
use crate::ground::observe::Observer;
use crate::nn::device::DeviceChoice;

/// What an action works on.
pub struct Work<'w> {
    /// The pipeline's name.
    pub pipeline: &'w str,
    /// What the manifest says of the stages before.
    pub before: Manifest,
    /// Where its inputs are, by role.
    pub inputs: BTreeMap<&'w str, Vec<PathBuf>>,
    /// What those hold, as far as it was read.
    pub contents: &'w Contents,
    /// Its own folder. What a killed run of the same recipe left in it is still there: to go on from, or to write over.
    pub folder: &'w Path,
    /// Where it computes, if it computes with tensors.
    pub device: DeviceChoice,
    /// Told how far it is, and what is worth a line of its own. Warnings are told again each time that the stage is up
    /// to date.
    pub observe: Observer<'w>,
}

impl Work<'_> {
    /// The input in a role that takes one, where there is one.
    pub fn optional(&self, role: &str) -> Option<&Path> {
        self.inputs.get(role)?.first().map(PathBuf::as_path)
    }

    /// The split in a role that needs one; rows of `annotated` that stand in its place are set down as one. A checkpoint's
    /// card tells what they are called.
    ///
    /// # Errors
    /// Where a row is wrong, or the disk refuses.
    pub fn split(&self, role: &str) -> anyhow::Result<Split> {
        self.split_at(self.input(role)?)
    }

    /// The splits in a role that takes several.
    ///
    /// # Errors
    /// As [`Self::split`].
    pub fn splits(&self, role: &str) -> anyhow::Result<Vec<Split>> {
        self.inputs.get(role).into_iter().flatten().map(|path| self.split_at(path)).collect()
    }

    fn split_at(&self, path: &Path) -> anyhow::Result<Split> {
        let Some(table) = annotated::table_at(path)? else {
            return Ok(Split { folder: path.to_path_buf(), _held: None });
        };
        let held = Builder::new().prefix(".rows-").tempdir_in(self.folder);
        let held = held.with_context(|| format!("{}: cannot create a folder in it", self.folder.display()))?;
        let corpus = path.parent().map(folder_name).filter(|corpus| !corpus.is_empty());
        let name = path.file_stem().unwrap_or_default();
        let folder = held.path().join(corpus.as_deref().unwrap_or("rows")).join(name);
        annotated::set_down_table(&table, &folder)?;
        Ok(Split { folder, _held: Some(held) })
    }

    /// The input in a role that needs one.
    ///
    /// # Errors
    /// Never for a pipeline that was checked.
    pub fn input(&self, role: &str) -> anyhow::Result<&Path> {
        self.optional(role).ok_or_else(|| anyhow!("expected an input `{role}`, got none"))
    }
}

/// A split that a stage works on.
pub struct Split {
    /// Its folder.
    pub folder: PathBuf,
    /// Where it was set down, until nobody works on it any more.
    _held: Option<TempDir>,
}

/// What an action made.
#[derive(Default)]
pub struct Made {
    /// Each output, by role: where it is now. The runner moves it to its place.
    pub outputs: BTreeMap<&'static str, PathBuf>,
    /// The same of outputs whose roles the options name.
    pub further_outputs: BTreeMap<String, PathBuf>,
    /// What is to be said of it, a line each.
    pub notes: Vec<String>,
    /// What is to be said of it now, and each time that it is up to date, beside the warnings that were told.
    pub warnings: Vec<String>,
    /// Records that were not taken over.
    pub rejected: u64,
    /// What was computed on.
    pub device: Option<String>,
}

/// What is to be said as warnings.
pub fn warnings(told: Vec<String>) -> Vec<String> {
    told.into_iter().map(|told| format!("warning: {told}")).collect()
}

/// The tables of a corpus, as an output `tables`.
pub fn corpus(summary: Summary) -> Made {
    let mut warnings = summary.lost();
    if let Some(first) = warnings.first_mut() {
        *first = format!("{first} were rejected, see the table `rejects`:");
    }
    Made {
        outputs: BTreeMap::from([("tables", summary.folder)]),
        notes: summary.totals.iter().map(ToString::to_string).collect(),
        warnings,
        rejected: summary.losses.count(),
        ..Made::default()
    }
}

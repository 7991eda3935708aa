//! What a run leaves behind: the best and the last checkpoint, the log, and all that it needs to go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use checkpoint::{BASE, BEST, Checkpoint, CheckpointError, OURS, read_tensors, save_tensors};
use ground::present;
use nn::optimizer::AdamW;
use table::rows::{TrainingFigureRow, TrainingLogRow};
use table::{Ours, Row, Table, TableError, TableFiles, check_place, restore};

use super::TrainError;
use super::plan::Stage;

/// The folder of the checkpoint of the last whole epoch, which also holds the optimizer's state.
pub const LAST: &str = "last";
const STATE: &str = "state.json";
const MOMENTS: &str = "optimizer.safetensors";

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Identifies the settings and the corpus.
    pub run: String,
    /// The stage.
    pub stage: u32,
    /// Epochs done, in all stages.
    pub epochs: u32,
    /// Steps taken in the stage.
    pub steps: u64,
}

/// A run that can go on.
pub struct Saved {
    /// Where it stands.
    pub state: State,
    /// The weights of the model.
    pub weights: BTreeMap<String, Tensor>,
    /// The moments of the optimizer.
    pub moments: BTreeMap<String, Tensor>,
    /// Its log so far.
    pub log: Vec<TrainingLogRow>,
    /// Its figures by corpus so far.
    pub figures: Vec<TrainingFigureRow>,
}

impl Saved {
    /// The same as it stood before a stage.
    #[must_use]
    pub fn before(mut self, stage: u32) -> Self {
        self.log.retain(|row| row.stage < stage);
        self.figures.retain(|row| row.stage < stage);
        self.state.epochs = self.log.last().map_or(0, |row| row.epoch);
        // Of weights and moments the stage takes none.
        self.state.stage = stage - 1;
        self
    }
}

impl State {
    /// Where the run in a folder stands; `None` where no epoch has ended.
    ///
    /// # Errors
    /// Where its state is damaged.
    pub fn read(out: &Path) -> Result<Option<Self>, TrainError> {
        let path = out.join(LAST).join(STATE);
        let fault = |source| CheckpointError::Io { path: path.clone(), action: "read", source };
        let text = present(fs::read(&path)).map_err(fault)?;
        let state = text.map(|text| serde_json::from_slice(&text)).transpose();
        Ok(state.map_err(|error| CheckpointError::File { path, reason: error.to_string() })?)
    }

    /// All that the run needs to go on, which is of several corpora or of one.
    ///
    /// # Errors
    /// Where a file is missing or damaged.
    pub fn load(self, out: &Path, n_corpora: usize) -> Result<Saved, TrainError> {
        let last = out.join(LAST);
        let log = self.log(out)?;
        let figures = if n_corpora > 1 { rows::<TrainingFigureRow>(out)? } else { Vec::new() };
        let figures = figures.into_iter().filter(|row| row.epoch <= self.epochs).collect();
        let weights = weights(out, LAST)?;
        let moments = read_tensors(&last.join(MOMENTS), &Device::Cpu)?;
        Ok(Saved { state: self, weights, moments, log, figures })
    }

    /// The run's log up to here.
    ///
    /// # Errors
    /// Where it is missing or damaged.
    pub fn log(&self, out: &Path) -> Result<Vec<TrainingLogRow>, TrainError> {
        Ok(rows::<TrainingLogRow>(out)?.into_iter().filter(|row| row.epoch <= self.epochs).collect())
    }

    /// Writes the state and the optimizer's moments beside a checkpoint.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn save(&self, folder: &Path, adam: &AdamW) -> Result<(), TrainError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| CheckpointError::File { path: folder.join(STATE), reason: error.to_string() })?;
        checkpoint::write(&folder.join(STATE), &text)?;
        Ok(save_tensors(&folder.join(MOMENTS), adam.moments()?.into_iter())?)
    }
}

/// Puts back what a process that died in replacing something of a run had set aside.
///
/// # Errors
/// Where docre did not make it, or the system refuses.
pub fn recover(out: &Path, stages: &[Stage]) -> Result<(), TrainError> {
    for checkpoint in checkpoints(stages) {
        restore(&out.join(checkpoint), OURS)?;
    }
    for table in tables() {
        restore(&out.join(table), Ours::TABLES)?;
    }
    Ok(())
}

/// Refuses what no run may replace, before one is begun.
///
/// # Errors
/// Where something that docre did not make stands in a place of the run's, or a checkpoint of no run that is told here.
pub fn check_places(out: &Path, stages: &[Stage]) -> Result<(), TrainError> {
    for table in tables() {
        check_place(&out.join(table), Ours::TABLES)?;
    }
    let is_told = TableFiles::find(out, &TrainingLogRow::schema().name)?.is_some();
    for checkpoint in checkpoints(stages) {
        let path = out.join(checkpoint);
        check_place(&path, OURS)?;
        // A run writes its log before all of them, and its state with the last.
        if path.exists() && (checkpoint == LAST || !is_told) {
            return Err(TrainError::OtherCheckpoint(path));
        }
    }
    Ok(())
}

/// Whether a run that has no state was begun before: its last checkpoint was taken away, or it was killed before there was
/// one.
///
/// # Errors
/// Where a table is that of another run, or cannot be read.
pub fn is_begun(out: &Path, run: &str) -> Result<bool, TrainError> {
    let found = tables().into_iter().filter_map(|table| TableFiles::find(out, table).transpose());
    let found = found.collect::<Result<Vec<_>, _>>()?;
    for table in &found {
        if table.fingerprint()?.as_deref() != Some(run) {
            return Err(TrainError::OtherRun(out.to_path_buf()));
        }
    }
    Ok(!found.is_empty())
}

/// The names of the tables that a run may leave.
fn tables() -> [&'static str; 2] {
    [&TrainingLogRow::schema().name, &TrainingFigureRow::schema().name]
}

/// The folders of the checkpoints that a run may leave.
fn checkpoints(stages: &[Stage]) -> impl Iterator<Item = &str> {
    let folds = stages.iter().filter(|stage| stage.fold.is_some()).map(|stage| &*stage.best);
    [BASE, BEST, LAST].into_iter().chain(folds)
}

/// Whether a run's last checkpoint and its best ones, by their folders' names, can be read.
///
/// # Errors
/// Where one or a file of one is missing, or damaged.
pub fn check<'s>(out: &Path, best: impl Iterator<Item = &'s str>) -> Result<(), TrainError> {
    for checkpoint in best.chain([LAST]) {
        let path = out.join(checkpoint);
        if !exists(&path)? {
            return Err(TrainError::Lost(path));
        }
        Checkpoint::load(&path, &Device::Cpu)?;
    }
    Ok(())
}

/// The rows of a table that the run has left.
fn rows<R: Row>(out: &Path) -> Result<Vec<R>, TrainError> {
    let table = Table::<R>::find(out)?.ok_or_else(|| TrainError::Lost(out.join(&R::schema().name)))?;
    Ok(table.all()?)
}

/// Whether something stands at a path.
///
/// # Errors
/// Where the system refuses to look.
pub fn exists(path: &Path) -> Result<bool, TableError> {
    let found = present(fs::metadata(path));
    let found = found.map_err(|source| TableError::Io { path: path.to_path_buf(), action: "look at it", source })?;
    Ok(found.is_some())
}

/// The weights of one of the run's checkpoints.
///
/// # Errors
/// Where its file is missing or damaged.
pub fn weights(out: &Path, checkpoint: &str) -> Result<BTreeMap<String, Tensor>, TrainError> {
    Ok(read_tensors(&out.join(checkpoint).join("model.safetensors"), &Device::Cpu)?)
}

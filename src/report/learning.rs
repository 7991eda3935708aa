//! The training log as curves.

use std::path::Path;

use serde::Serialize;

use table::rows::TrainingLogRow;
use table::{Table, TableError};

/// Points that a curve has at most: more than a screen shows.
const POINTS: usize = 600;

/// How a model learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Learning {
    /// Steps, or means over as many neighbours as it takes.
    pub steps: Vec<Stretch>,
    /// Steps that a point stands for.
    pub steps_a_point: usize,
    /// Epochs.
    pub epochs: Vec<Pass>,
}

/// A point of the curves: a step, or a few in a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stretch {
    step: u64,
    loss: f64,
    encoder_rate: f64,
    head_rate: f64,
    gradient_norm: f64,
}

/// A pass over the documents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pass {
    epoch: u32,
    stage: u32,
    step: u64,
    loss: f64,
    dev_f1: Option<f64>,
}

/// Reads the table that stands at a path.
///
/// # Errors
/// Where it is damaged.
pub fn learning(path: &Path) -> Result<Learning, TableError> {
    let rows: Vec<TrainingLogRow> = Table::require_at(path)?.all()?;
    let steps_a_point = rows.len().div_ceil(POINTS).max(1);
    // Epochs are counted through all stages, and each is of one: a base is not compared with what stands over it.
    let epochs = rows.chunk_by(|a, b| (a.stage, a.epoch) == (b.stage, b.epoch)).filter_map(pass).collect();
    Ok(Learning { steps: rows.chunks(steps_a_point).filter_map(stretch).collect(), steps_a_point, epochs })
}

fn stretch(rows: &[TrainingLogRow]) -> Option<Stretch> {
    let &TrainingLogRow { step, encoder_rate, head_rate, .. } = rows.last()?;
    let (loss, gradient_norm) = (mean(rows, |row| row.loss), mean(rows, |row| row.gradient_norm));
    Some(Stretch { step, loss, encoder_rate, head_rate, gradient_norm })
}

fn pass(rows: &[TrainingLogRow]) -> Option<Pass> {
    let &TrainingLogRow { epoch, stage, step, dev_f1, .. } = rows.last()?;
    Some(Pass { epoch, stage, step, loss: mean(rows, |row| row.loss), dev_f1 })
}

fn mean(rows: &[TrainingLogRow], of: impl Fn(&TrainingLogRow) -> f64) -> f64 {
    rows.iter().map(of).sum::<f64>() / rows.len() as f64
}

//! What is told of a run.

use std::fmt;

use table::rows::TrainingLogRow;

use super::{Epoch, Trained};

/// What is said where a run that is to go on begins anew.
pub const ANEW: &str = "the checkpoint `last` is not there, so training begins anew";

impl Trained {
    /// What the log of a run says of its last stage; `None` where no epoch has ended.
    pub fn of(log: &[TrainingLogRow]) -> Option<Self> {
        Self::of_stage(log, log.last()?.stage)
    }

    /// What the log says of one stage; `None` where no epoch of it has ended. Of equal epochs the first is the best.
    pub(super) fn of_stage(log: &[TrainingLogRow], stage: u32) -> Option<Self> {
        let rows = || log.iter().filter(|row| row.stage == stage);
        let ended = || rows().filter_map(|row| Some((row.epoch, row.dev_f1?)));
        let (best_epoch, best_f1) = ended().reduce(|best, other| if other.1 > best.1 { other } else { best })?;
        let (epochs, _) = ended().next_back()?;
        Some(Self { stage, best_epoch, best_f1, epochs })
    }
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, best_epoch, best_f1, epochs } = self;
        match stage {
            0 | 1 => write!(f, "the best of {epochs} epochs, {best_epoch},")?,
            _ => write!(f, "the best of stage {stage}, epoch {best_epoch} of {epochs},")?,
        }
        write!(f, " has a dev F1 of {:.2}", 100.0 * best_f1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.2}", 100.0 * share));
        if let Some(stage) = self.stage {
            write!(f, "stage {stage}, ")?;
        }
        write!(
            f,
            "epoch {}: loss {:.4}, {:.1} documents/s, dev P {} R {} F1 {}{}",
            self.number,
            self.loss,
            self.documents_per_second,
            percent(self.dev.precision()),
            percent(self.dev.recall()),
            percent(Some(self.dev.f1())),
            if self.is_best { ", the best" } else { "" }
        )
    }
}

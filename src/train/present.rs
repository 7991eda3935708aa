//! What is told of a run.

use std::fmt;

use ground::counts::Counts;
use table::rows::TrainingLogRow;

/// One of the parts into which training documents are dealt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// Its place, from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// An epoch that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// Its stage, where the run has several.
    pub stage: Option<u32>,
    /// What the stage leaves out.
    pub fold: Option<Fold>,
    /// Its number, from 1.
    pub number: u32,
    /// The mean loss of its steps.
    pub loss: f64,
    /// Documents that it trained on, a second.
    pub documents_per_second: f64,
    /// What the model then did on the dev split; of several corpora on that of each, with its name.
    pub dev: Vec<(Option<String>, Counts)>,
    /// Whether no epoch before it was as good.
    pub is_best: bool,
}

/// A run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trained {
    /// Its last stage.
    pub stage: u32,
    /// The epoch whose checkpoint is the best of the last stage.
    pub best_epoch: u32,
    /// Its F1 on the dev split.
    pub best_f1: f64,
    /// Epochs in all.
    pub epochs: u32,
    /// The F1 of the base that the last stage stands over, where it is known.
    pub base_f1: Option<f64>,
}

/// What is said where a run that is to go on begins anew.
pub const ANEW: &str = "the checkpoint `last` is not there, so training begins anew";

/// What is said where a run goes back to a stage that it did without.
pub fn went_back(stage: u32) -> String {
    format!("features of the base are gone, and a base that makes them: the run goes back to stage {stage}")
}

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
        Some(Self { stage, best_epoch, best_f1, epochs, base_f1: None })
    }
}

impl fmt::Display for Trained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, best_epoch, best_f1, epochs, base_f1 } = self;
        match stage {
            0 | 1 => write!(f, "the best epoch, {best_epoch} of {epochs},")?,
            _ => write!(f, "the best of stage {stage}, epoch {best_epoch} of {epochs},")?,
        }
        write!(f, " has a dev F1 of {:.2}", 100.0 * best_f1)?;
        match base_f1 {
            Some(base) if best_f1 > base => write!(f, ", its base {:.2}", 100.0 * base),
            Some(base) => write!(f, ", which is not above its base's {:.2}", 100.0 * base),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.2}", 100.0 * share));
        if let Some(stage) = self.stage {
            write!(f, "stage {stage}, ")?;
        }
        if let Some(Fold { number, of }) = self.fold {
            write!(f, "without fold {number} of {of}, ")?;
        }
        write!(f, "epoch {}: loss {:.4}, {:.1} documents/s", self.number, self.loss, self.documents_per_second)?;
        if self.dev.len() > 1 {
            let mean = self.dev.iter().map(|(_, counts)| counts.f1()).sum::<f64>() / self.dev.len() as f64;
            write!(f, ", dev mean F1 {}", percent(Some(mean)))?;
        }
        for (name, counts) in &self.dev {
            let [precision, recall] = [counts.precision(), counts.recall()].map(percent);
            let name = name.as_deref().filter(|_| self.dev.len() > 1).unwrap_or("dev");
            write!(f, ", {name} P {precision} R {recall} F1 {}", percent(Some(counts.f1())))?;
        }
        f.write_str(if self.is_best { ", the best" } else { "" })
    }
}

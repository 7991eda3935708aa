//! The scores of one run or several, document by document, as a decision sees them: joined, and held to inverses.

use std::path::PathBuf;

use table::Text;

use crate::consistent::Inverses;
use crate::decision::{Decision, Ensemble};
use crate::error::DecideError;
use crate::scores::Score;
use crate::source::Source;

/// Several runs over the same documents, or one.
pub struct Runs {
    sources: Vec<Source>,
    /// How far below the threshold each reaches.
    margins: Vec<f32>,
    /// How far they reach together; `None`: there are no scores.
    reach: Option<f32>,
    iteration: Option<u32>,
    ensemble: Ensemble,
    inverses: Inverses,
}

impl Runs {
    /// Their beginnings; of an iteration of their models, or of the last.
    pub fn open(paths: &[PathBuf], decision: &Decision, iteration: Option<u32>) -> Result<Self, DecideError> {
        if paths.is_empty() {
            return Err(DecideError::NoScores);
        }
        let sources: Vec<Source> = paths.iter().map(|path| Source::open(path, iteration)).collect::<Result<_, _>>()?;
        let known = sources.iter().filter_map(Source::margin).reduce(f32::min);
        // A run without scores reaches as far down as the others: it found nothing there.
        let margins: Vec<f32> = sources.iter().map(|run| run.margin().or(known).unwrap_or_default()).collect();
        let ensemble = decision.ensemble;
        let reach = known.map(|known| if margins.len() > 1 { ensemble.margin(&margins) } else { known });
        Ok(Self { sources, margins, reach, iteration, ensemble, inverses: Inverses::new(&decision.inverses) })
    }

    /// How far below the threshold they reach.
    pub fn reach(&self) -> f32 {
        self.reach.unwrap_or_default()
    }

    /// Refuses a decision that goes lower.
    pub fn check_reach(&self, decision: &Decision) -> Result<(), DecideError> {
        let shift = decision.least_shift();
        match self.reach {
            Some(_) if shift < 0.0 && self.iteration.is_some() => Err(DecideError::Lowered { shift }),
            Some(margin) => decision.check_reach(margin),
            None => Ok(()),
        }
    }

    /// The scores of the next document that has any, of one run: of several, the corpus says which document is next.
    pub fn next(&mut self) -> Result<Option<Vec<Score>>, DecideError> {
        let [run] = self.sources.as_mut_slice() else {
            return Err(DecideError::NoCorpus("several tables of scores"));
        };
        Ok(run.next()?.map(|scores| self.inverses.consistent(scores)))
    }

    /// The scores of a document, where it is the next of the corpus.
    pub fn of(&mut self, document: &Text) -> Result<Vec<Score>, DecideError> {
        let scores = self.sources.iter_mut().map(|run| run.of(document));
        let mut scores: Vec<Vec<Score>> = scores.collect::<Result<_, DecideError>>()?;
        let scores = match scores.len() {
            1 => scores.remove(0),
            _ => self.ensemble.join(scores, &self.margins),
        };
        Ok(self.inverses.consistent(scores))
    }

    /// Refuses scores behind the last document of the corpus.
    pub fn finish(&mut self) -> Result<(), DecideError> {
        Ok(self.sources.iter_mut().try_for_each(Source::finish)?)
    }
}

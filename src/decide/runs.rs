//! The scores of one run or several, document by document, as a decision sees them: joined, and held to inverses.

use std::collections::BTreeSet;
use std::path::PathBuf;

use table::rows::ScoreRow;
use table::{Text, in_or_at};

use crate::consistent::Inverses;
use crate::decision::{Decision, Ensemble, FittedRun};
use crate::error::DecideError;
use crate::fusion;
use crate::scores::Score;
use crate::source::Source;

/// Several runs over the same documents, or one.
pub struct Runs {
    sources: Vec<Source>,
    /// How far below the threshold each reaches; `None`: there are no scores.
    margin: Option<f32>,
    iteration: Option<u32>,
    ensemble: Ensemble,
    /// What a pair without evidence has in place of a second score, where they are fused.
    without_evidence: f32,
    inverses: Inverses,
    /// Relations that somebody names in a decision, and no score has been of yet.
    unscored: BTreeSet<Text>,
}

impl Runs {
    /// Their beginnings; of an iteration of their models, or of the last.
    pub fn open(paths: &[PathBuf], decision: &Decision, iteration: Option<u32>) -> Result<Self, DecideError> {
        if paths.is_empty() {
            return Err(DecideError::NoScores);
        }
        // What a claim lacks lay somewhere below the threshold: no mean is of it.
        if iteration.is_some() && paths.len() > 1 {
            return Err(DecideError::OneRun(paths.len()));
        }
        if iteration.is_some() && !decision.inverses.is_empty() {
            return Err(DecideError::NoInverses);
        }
        let sources: Vec<Source> = paths.iter().map(|path| Source::open(path, iteration)).collect::<Result<_, _>>()?;
        let (ensemble, without_evidence) = (decision.ensemble, decision.without_evidence());
        let sources = of_kinds(sources, ensemble)?;
        let margin = one_margin(&sources)?;
        if decision.most_labels.is_none() {
            check_most_labels(&sources)?;
        }
        // Claims do not tell what was scored.
        let unscored = if iteration.is_none() { decision.names() } else { BTreeSet::new() };
        let inverses = Inverses::new(&decision.inverses);
        Ok(Self { sources, margin, iteration, ensemble, without_evidence, inverses, unscored })
    }

    /// Refuses a table of scores that is there twice: it would count as two runs.
    pub fn check_once(&self) -> Result<(), DecideError> {
        let mut met = BTreeSet::new();
        for path in self.sources.iter().map(Source::path) {
            // A folder that holds the table, or the table itself.
            let place = in_or_at::<ScoreRow>(path)?.map_or_else(|| path.to_path_buf(), |(place, _)| place);
            if !met.insert(place.canonicalize().unwrap_or(place)) {
                return Err(DecideError::Twice(path.to_path_buf()));
            }
        }
        Ok(())
    }

    /// What they are called: as the first that has any scores; `None`: none has.
    pub fn run_id(&self) -> Option<&Text> {
        self.sources.iter().find_map(Source::run_id)
    }

    /// Those that have any scores, each with its model.
    pub fn all(&self) -> Vec<FittedRun> {
        self.sources.iter().filter_map(Source::run).collect()
    }

    /// What is to be said of a decision that is taken of them, though it was fitted on others.
    pub fn fitted_elsewhere(&self, decision: &Decision) -> Option<String> {
        let of_others = decision.fitted_elsewhere(&self.all());
        if of_others.is_some() {
            return of_others;
        }
        let is_early = !decision.fitted_runs.is_empty() && self.sources.iter().any(Source::is_early);
        is_early.then(|| "the decision was fitted on what the model says at its last iteration".to_owned())
    }

    /// How far below the threshold they reach.
    pub fn reach(&self) -> f32 {
        self.margin.unwrap_or_default()
    }

    /// Refuses a decision that goes lower.
    pub fn check_reach(&self, decision: &Decision) -> Result<(), DecideError> {
        let shift = decision.least_shift();
        match self.margin {
            Some(_) if shift < 0.0 && self.iteration.is_some() => Err(DecideError::Lowered { shift }),
            Some(margin) => decision.check_reach(margin),
            None => Ok(()),
        }
    }

    /// The next document that has any scores, and those, of one run: of several, the corpus says which document is next.
    pub fn next(&mut self) -> Result<Option<(Text, Vec<Score>)>, DecideError> {
        let [run] = self.sources.as_mut_slice() else {
            return Err(DecideError::NoCorpus("several tables of scores"));
        };
        let Some((doc_id, scores)) = run.next()? else { return Ok(None) };
        self.met(&scores);
        Ok(Some((doc_id, self.inverses.consistent(self.within(scores)))))
    }

    /// Of evidence alone the best of a pair is kept wherever it lies, which tells those that fuse that the pair has
    /// evidence: by itself it is a score like others, and within the margin or none.
    fn within(&self, mut scores: Vec<Score>) -> Vec<Score> {
        if self.ensemble != Ensemble::Fusion && self.sources.first().is_some_and(Source::is_of_evidence) {
            let reach = self.reach();
            scores.retain(|score| score.above > -reach);
        }
        scores
    }

    /// Takes note of relations that were scored: before those that follow from their inverses are among them.
    fn met(&mut self, scores: &[Score]) {
        if !self.unscored.is_empty() {
            scores.iter().for_each(|score| _ = self.unscored.remove(&score.row.relation));
        }
    }

    /// Relations that somebody names in a decision, and none of these scores is of.
    pub fn unscored(self) -> Vec<Text> {
        self.unscored.into_iter().collect()
    }

    /// The scores of a document, where it is the next of the corpus. A run without any reaches as far down as the others: it
    /// found nothing there.
    pub fn of(&mut self, document: &Text) -> Result<Vec<Score>, DecideError> {
        let scores = self.sources.iter_mut().map(|run| run.of(document));
        let scores: Vec<Vec<Score>> = scores.collect::<Result<_, DecideError>>()?;
        scores.iter().for_each(|scores| self.met(scores));
        let mut scores: Vec<Vec<Score>> = scores.into_iter().map(|scores| self.within(scores)).collect();
        let scores = match scores.len() {
            1 => scores.remove(0),
            _ => self.ensemble.join(scores, self.reach(), self.without_evidence),
        };
        Ok(self.inverses.consistent(scores))
    }

    /// Refuses scores behind the last document of the corpus.
    pub fn finish(&mut self) -> Result<(), DecideError> {
        Ok(self.sources.iter_mut().try_for_each(Source::finish)?)
    }
}

/// The tables that an ensemble takes: of documents or of their evidence alone; to be fused one of each, that of documents
/// first.
fn of_kinds(sources: Vec<Source>, ensemble: Ensemble) -> Result<Vec<Source>, DecideError> {
    let (evidence, documents): (Vec<Source>, Vec<Source>) = sources.into_iter().partition(Source::is_of_evidence);
    match (ensemble, documents.len(), evidence.as_slice()) {
        (Ensemble::Fusion, 1, [evidence_alone]) => {
            documents.iter().try_for_each(|of| fusion::check_one_model(of, evidence_alone))?;
            Ok(documents.into_iter().chain(evidence).collect())
        }
        (Ensemble::Fusion, documents, evidence) => Err(DecideError::Fusion { documents, evidence: evidence.len() }),
        (_, 1.., [first, ..]) => Err(DecideError::EvidenceOnly(first.path().to_path_buf())),
        _ => Ok(if documents.is_empty() { evidence } else { documents }),
    }
}

/// Refuses models that give a pair more relations and fewer: which of them, no mean says.
fn check_most_labels(sources: &[Source]) -> Result<(), DecideError> {
    let mut most = sources.iter().filter_map(Source::most_labels);
    let Some(first) = most.next() else { return Ok(()) };
    most.find(|&other| other != first).map_or(Ok(()), |other| Err(DecideError::MostLabels { first, other }))
}

/// The margin of all that have scores. With another each, what one has not scored would weigh as its margin says: a mean
/// of runs that think alike would not be theirs.
fn one_margin(sources: &[Source]) -> Result<Option<f32>, DecideError> {
    let mut margins = sources.iter().filter_map(Source::margin);
    let Some(first) = margins.next() else { return Ok(None) };
    match margins.find(|margin| margin.to_bits() != first.to_bits()) {
        Some(other) => Err(DecideError::Margins { first, other }),
        None => Ok(Some(first)),
    }
}

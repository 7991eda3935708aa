//! Scores and facts → figures over all thresholds, and of probabilities.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use decide::{Decision, JudgedDocument, Judging, judge};
use ground::figure::Figure;
use table::Text;
use table::rows::{MetricRow, PrecisionRecallRow, ReliabilityRow};

use crate::bootstrap::{draws, percentiles};
use crate::error::Error;
use crate::evaluation::Run;
use crate::ranking::{OverThresholds, Ranking};
use crate::reliability::Reliability;

/// Resamples that walk the scores together: their weights of a document fill a line of the processor's cache.
const TOGETHER: usize = 16;

/// Scores to evaluate.
#[derive(Debug, Clone, Copy)]
pub struct ScoresRequest<'a> {
    /// The folder of the split's tables.
    pub tables: &'a Path,
    /// Tables of scores, or folders that hold one: each of another run over the same documents, which are joined.
    pub scores: &'a [PathBuf],
    /// What may be claimed of a pair, how runs are joined, and what probabilities are. Its shifts change nothing.
    pub decision: &'a Decision,
    /// The corpus's name.
    pub corpus: &'a str,
    /// The split's name.
    pub split: &'a str,
    /// The run's name; `None`: as the scores say, or their file's name.
    pub run_id: Option<&'a str>,
    /// Bootstrap resamples; 0 leaves the intervals out.
    pub resamples: u64,
    /// The seed of the resamples.
    pub seed: u64,
}

/// What was found of scores.
#[derive(Debug, Clone)]
pub struct Scored {
    /// AP, best F1, Brier and ECE.
    pub metrics: Vec<MetricRow>,
    /// Precision and recall at thresholds.
    pub curve: Vec<PrecisionRecallRow>,
    /// Probabilities, and how often what they are of holds.
    pub reliability: Vec<ReliabilityRow>,
    /// Documents without labels: left out.
    pub unlabelled_documents: u64,
    /// Documents on which the decision was fitted.
    fitted_on: u64,
    fitted_elsewhere: Option<String>,
}

/// Figures that are resampled.
#[derive(Debug, Clone, Copy)]
struct Figures {
    average_precision: Option<f64>,
    best_f1: Option<f64>,
    brier: Option<f64>,
    calibration_error: Option<f64>,
}

impl Figures {
    fn new(over: &OverThresholds, reliability: &Reliability) -> Self {
        Self {
            average_precision: over.average_precision(),
            best_f1: over.best_f1(),
            brier: reliability.brier(),
            calibration_error: reliability.calibration_error(),
        }
    }

    fn of(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::AveragePrecision => self.average_precision,
            Figure::BestF1 => self.best_f1,
            Figure::Brier => self.brier,
            Figure::CalibrationError => self.calibration_error,
            _ => None,
        }
    }
}

/// Scores of all labelled documents.
#[derive(Debug, Default)]
struct Documents {
    ranking: Ranking,
    reliability: Vec<Reliability>,
}

impl Documents {
    fn add(&mut self, document: &JudgedDocument, decision: &Decision) {
        self.ranking.add(document);
        let mut reliability = Reliability::default();
        for (_, score) in &document.scores {
            reliability.add(decision.probability(score.margin), score.holds);
        }
        self.reliability.push(reliability);
    }

    /// What `N` resamples come to, in which a document counts as often as its weights say.
    fn weighted<const N: usize>(&self, weights: &[[u32; N]]) -> [(OverThresholds, Reliability); N] {
        let mut sums = [Reliability::default(); N];
        for (reliability, weights) in self.reliability.iter().zip(weights) {
            let drawn = sums.iter_mut().zip(weights).filter(|(_, weight)| **weight > 0);
            drawn.for_each(|(sum, &weight)| *sum += *reliability * u64::from(weight));
        }
        let mut sums = sums.into_iter();
        self.ranking.over_thresholds(weights).map(|over| (over, sums.next().unwrap_or_default()))
    }

    /// What the whole comes to.
    fn whole(&self) -> (OverThresholds, Reliability) {
        let [whole] = self.weighted(&vec![[1]; self.ranking.documents()]);
        whole
    }

    /// The figures of each resample.
    fn resampled(&self, resamples: u64, seed: u64) -> Vec<Figures> {
        let documents = self.ranking.documents();
        let together = |block: u64| {
            let mut weights = vec![[0; TOGETHER]; documents];
            for lane in 0..TOGETHER {
                for document in draws(seed, block * TOGETHER as u64 + lane as u64, documents) {
                    if let Some(weight) = weights.get_mut(document).and_then(|weights| weights.get_mut(lane)) {
                        *weight += 1;
                    }
                }
            }
            self.weighted(&weights).map(|(over, reliability)| Figures::new(&over, &reliability))
        };
        let blocks: Vec<[Figures; TOGETHER]> =
            (0..resamples.div_ceil(TOGETHER as u64)).into_par_iter().map(together).collect();
        blocks.into_iter().flatten().take(resamples as usize).collect()
    }
}

/// Puts figures on a run's scores over a labelled split: whatever its threshold, and of its probabilities.
///
/// # Errors
/// A missing or misshapen table, a split without labels, or scores of documents that it lacks.
pub fn evaluate_scores(request: &ScoresRequest<'_>) -> Result<Scored, Error> {
    let ScoresRequest { tables, scores, decision, resamples, seed, .. } = *request;
    let mut documents = Documents::default();
    let judging = judge(scores, tables, decision, |document| documents.add(&document, decision))?;
    if documents.reliability.is_empty() {
        return Err(Error::Unlabelled(tables.to_path_buf()));
    }
    documents.ranking.sort();
    let (over, reliability) = documents.whole();
    let resampled = documents.resampled(resamples, seed);
    let run = run(request, &judging);
    let run_id = Text::from(run.name.as_str());
    let of_whole = Figures::new(&over, &reliability);
    let metrics = Figure::OF_SCORES.into_iter().map(|figure| {
        let value = of_whole.of(figure);
        let interval = percentiles(resampled.iter().filter_map(|figures| figures.of(figure)).collect());
        let (f1_low, f1_high) = value.and(interval).unzip();
        MetricRow { f1: value, f1_low, f1_high, ..row(&run, figure, &over, &reliability) }
    });
    Ok(Scored {
        metrics: metrics.collect(),
        curve: documents.ranking.curve(&run_id, &over),
        reliability: reliability.rows(&run_id),
        unlabelled_documents: judging.unlabelled,
        fitted_on: judging.fitted_on,
        fitted_elsewhere: judging.fitted_elsewhere,
    })
}

fn run(request: &ScoresRequest<'_>, judging: &Judging) -> Run {
    let own = judging.run_id.as_deref().or_else(|| request.scores.first()?.file_stem()?.to_str());
    Run {
        name: request.run_id.or(own).unwrap_or_default().to_owned(),
        corpus: request.corpus.to_owned(),
        split: request.split.to_owned(),
        tables: request.tables.to_path_buf(),
        resamples: request.resamples,
        seed: request.seed,
    }
}

/// What a figure is made of.
fn row(run: &Run, figure: Figure, over: &OverThresholds, reliability: &Reliability) -> MetricRow {
    match figure {
        Figure::BestF1 => run.row(figure, over.counts(over.best)),
        Figure::AveragePrecision => run.row(figure, over.counts(over.all)),
        _ => MetricRow {
            true_positives: Some(reliability.correct()),
            predicted: Some(reliability.scores()),
            ..run.blank(figure)
        },
    }
}

impl Scored {
    /// A sentence for each oddity that was found.
    pub fn warnings(&self) -> Vec<String> {
        let none = self.reliability.is_empty().then(|| "there are no scores".to_owned());
        let unlabelled = self.unlabelled_documents;
        let unlabelled = (unlabelled > 0).then(|| format!("{unlabelled} documents have no labels and do not count"));
        let (fitted_on, fitted_elsewhere) = (self.fitted_on, self.fitted_elsewhere.clone());
        let fitted = decide::Claims { fitted_on, fitted_elsewhere, ..decide::Claims::default() }.warnings();
        [none, unlabelled].into_iter().flatten().chain(fitted).collect()
    }
}

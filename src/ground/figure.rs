//! The figures of an evaluation: their names in the table `metrics`, what they mean, and the order in which people read
//! them.

use crate::pattern::Pattern;
use crate::scope::Scope;

/// A figure over all relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// F1 of the facts in a scope.
    F1(Scope),
    /// F1 of all, less the correct predictions that training showed.
    IgnF1,
    /// F1 of the relations with most facts.
    Frequent,
    /// F1 of all other relations.
    LongTail,
    /// Recall of what a pattern concludes from facts; of any of them, where none is named.
    InferAc(Option<Pattern>),
    /// The share of facts that a pattern concludes from facts.
    Coverage,
    /// F1 of sentences of evidence.
    EvidenceF1,
    /// The mean of the relations' F1.
    MacroF1,
    /// The area below precision by recall, over all thresholds of scores.
    AveragePrecision,
    /// F1 at the threshold of scores at which it is greatest.
    BestF1,
    /// The mean squared distance of the scores' probabilities from what holds.
    Brier,
    /// How far probabilities lie from the share of scores that hold, on average.
    CalibrationError,
}

impl Figure {
    /// The names of its metric and its scope.
    pub const fn names(self) -> (&'static str, &'static str) {
        let all = Scope::All.name();
        match self {
            Self::F1(scope) => ("F1", scope.name()),
            Self::IgnF1 => ("IgnF1", all),
            Self::Frequent => ("F1", "frequent"),
            Self::LongTail => ("F1", "long tail"),
            Self::InferAc(Some(pattern)) => ("Infer-Ac", pattern.name()),
            Self::InferAc(None) => ("Infer-Ac", "any"),
            Self::Coverage => ("coverage", all),
            Self::EvidenceF1 => ("evidence F1", all),
            Self::MacroF1 => ("macro F1", all),
            Self::AveragePrecision => ("AP", all),
            Self::BestF1 => ("best F1", all),
            Self::Brier => ("Brier", all),
            Self::CalibrationError => ("ECE", all),
        }
    }

    /// What it is of, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::F1(scope) => scope.meaning(),
            Self::IgnF1 => "correct predictions that training showed leave precision",
            Self::Frequent => "the ten relations with most facts",
            Self::LongTail => "all other relations",
            Self::InferAc(_) => "recall of what two other facts conclude",
            Self::Coverage => "share of facts that two other facts conclude",
            Self::EvidenceF1 => "sentences of evidence",
            Self::MacroF1 => "mean over relations",
            Self::AveragePrecision => "mean precision over all thresholds of the scores",
            Self::BestF1 => "at the threshold of the scores that is best for it",
            Self::Brier => "mean squared error of the scores' probabilities",
            Self::CalibrationError => "how far probabilities are from shares of what holds",
        }
    }

    /// All, in the order in which a reader looks for them.
    pub fn in_reading_order() -> Vec<Self> {
        let [all, scopes @ ..] = Scope::ALL.map(Self::F1);
        let mut patterns = Pattern::ALL;
        patterns.sort_by_key(|pattern| pattern.name());
        let mut order = vec![all, Self::IgnF1];
        order.extend(scopes);
        order.extend([Self::Frequent, Self::LongTail, Self::InferAc(None)]);
        order.extend(patterns.map(|pattern| Self::InferAc(Some(pattern))));
        order.extend([Self::Coverage, Self::EvidenceF1, Self::MacroF1]);
        order.extend(Self::OF_SCORES);
        order
    }

    /// Those of scores rather than of predictions, in the same order.
    pub const OF_SCORES: [Self; 4] = [Self::AveragePrecision, Self::BestF1, Self::Brier, Self::CalibrationError];

    /// The figure of these names.
    pub fn named(metric: &str, scope: &str) -> Option<Self> {
        Self::in_reading_order().into_iter().find(|figure| figure.names() == (metric, scope))
    }

    /// A figure's place in the reading order, by its names; unknown ones come last.
    pub fn place(metric: &str, scope: &str) -> usize {
        let order = Self::in_reading_order();
        order.iter().position(|figure| figure.names() == (metric, scope)).unwrap_or(order.len())
    }
}

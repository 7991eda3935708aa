//! A decision that is fitted on a labelled split: the threshold for F1, or for a precision or a recall that is wanted, and
//! probabilities that say how often a claim is right.
//!
//! A threshold of each relation is drawn towards that of all the more, the fewer facts it was fitted on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use ground::choice;
use ground::counts::Counts;
use ground::settings::{Settings, at_least};

use crate::calibrate::{steps, temperature};
use crate::decision::{Calibration, Decision, Ensemble, Point};
use crate::ended::relations;
use crate::error::DecideError;
use crate::judged::{Evidence, OfRelation, counts, sentences};
use crate::seen::types_seen;
use crate::shares::lacking;

/// How a decision is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitOptions {
    /// The precision that is wanted, with as much recall as there is; absent: as much F1 as there is.
    pub precision: Option<f64>,
    /// The recall that is wanted, with as much precision as there is.
    pub recall: Option<f64>,
    /// Whether each relation has a threshold of its own.
    pub per_relation: bool,
    /// How many facts a relation's own threshold weighs against that of all.
    pub shrinkage: f64,
    /// How probabilities are calibrated.
    pub calibration: Calibrated,
    /// What is made of what several runs say; absent: as the decision says.
    pub ensemble: Option<Ensemble>,
}

/// How probabilities are calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Calibrated {
    /// As the model has them.
    None,
    /// By a temperature.
    #[default]
    Temperature,
    /// By steps that only rise.
    Isotonic,
}

choice!(Calibrated, "calibration", { None => "none", Temperature => "temperature", Isotonic => "isotonic" });

impl Default for FitOptions {
    fn default() -> Self {
        let calibration = Calibrated::default();
        Self { precision: None, recall: None, per_relation: false, shrinkage: 20.0, calibration, ensemble: None }
    }
}

impl Settings for FitOptions {
    fn check(&self) -> Result<(), String> {
        self.precision.map_or(Ok(()), |wanted| share("precision", wanted))?;
        self.recall.map_or(Ok(()), |wanted| share("recall", wanted))?;
        if self.precision.is_some() && self.recall.is_some() {
            return Err("`recall`: expected it or `precision`, got both".to_owned());
        }
        at_least("shrinkage", self.shrinkage, 0.0)
    }
}

/// Checks what is wanted: nothing is had for nothing, and by any threshold.
fn share(name: &str, wanted: f64) -> Result<(), String> {
    if wanted > 0.0 && wanted <= 1.0 {
        Ok(())
    } else {
        Err(format!("`{name}`: expected above 0 and up to 1, got {wanted}"))
    }
}

/// What to fit on.
#[derive(Debug, Clone, Copy)]
pub struct FitRequest<'a> {
    /// Tables of scores, or folders that hold one: each of another run over the same documents.
    pub scores: &'a [PathBuf],
    /// Their tables of the weights of sentences, where there are any: then what is evidence is fitted, too.
    pub weights: &'a [PathBuf],
    /// The folder of the labelled split that was scored.
    pub split: &'a Path,
    /// What is decided beforehand: types, inverses, how runs are joined.
    pub decision: &'a Decision,
    /// The folder of a split whose facts say which types of entities a relation may join; `None`: as the decision says.
    pub types_of: Option<&'a Path>,
    /// How it is fitted.
    pub options: &'a FitOptions,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The decision.
    pub decision: Decision,
    /// What is claimed of the split with the model's own threshold.
    pub before: Counts,
    /// What the decision claims of it.
    pub after: Counts,
    /// Whether probabilities were to be calibrated and could not be: no score is wrong.
    pub all_right: bool,
    /// Sentences of evidence with the threshold for them, where it was fitted.
    pub evidence: Option<Counts>,
    /// What is to be said where that is not by the weights of all runs.
    pub lacking: Option<String>,
}

impl Fit {
    /// What is to be said of it, a line each.
    pub fn told(&self) -> [String; 3] {
        let Decision { shift, shifts, fitted_on, .. } = &self.decision;
        let own = match shifts.len() as u64 {
            0 => String::new(),
            own => format!(", {} of their own", relations(own)),
        };
        [
            format!("a shift of {shift}{own}, fitted on {} documents", fitted_on.len()),
            format!("before: {}", figures(self.before)),
            format!("after:  {}, on the documents that it was fitted on", figures(self.after)),
        ]
    }
}

impl Fit {
    /// What is to be said of evidence, where its threshold was fitted.
    pub fn told_of_evidence(&self) -> Option<String> {
        let counts = self.evidence?;
        Some(format!("evidence above a weight of {}: {}", self.decision.evidence_threshold(), figures(counts)))
    }

    /// What is to be said of what could not be done.
    pub fn warnings(&self) -> Vec<String> {
        let right = self.all_right.then(|| "no score is wrong: probabilities stay as the model has them".to_owned());
        right.into_iter().chain(self.lacking.clone()).collect()
    }
}

fn figures(counts: Counts) -> String {
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", 100.0 * share));
    format!("P {} R {} F1 {:.2}", percent(counts.precision()), percent(counts.recall()), 100.0 * counts.f1())
}

/// Fits a decision.
///
/// # Errors
/// Where a table cannot be used, nothing is labelled, or no threshold within the scores comes to what is wanted.
pub fn fit(request: &FitRequest<'_>) -> Result<Fit, DecideError> {
    let FitRequest { scores, weights, split, decision, types_of, options } = *request;
    let types = types_of.map_or_else(|| Ok(decision.types.clone()), types_seen)?;
    if let Some(split) = types_of.filter(|_| types.is_empty()) {
        return Err(DecideError::Unlabelled(split.to_path_buf()));
    }
    let ensemble = options.ensemble.unwrap_or(decision.ensemble);
    let own = Decision { shift: 0.0, shifts: [].into(), types, ensemble, ..decision.clone() };
    own.check().map_err(DecideError::Options)?;
    let evidence = Evidence::take(scores, split, &own)?;
    let pooled = evidence.above(&own);
    let right = pooled.scores.iter().filter(|score| score.holds).count();
    if right == 0 {
        let (path, wrong, by_types) = (split.to_path_buf(), pooled.scores.len(), !own.types.is_empty());
        return Err(DecideError::NothingRight { path, wrong, by_types });
    }
    let aim = Aim::of(options);
    let shift = aim.cut(&pooled, evidence.reach).ok_or_else(|| aim.unreachable(&pooled, evidence.reach))?;
    let common = Decision { shift, ..own.clone() };
    let each = options.per_relation.then(|| of_each(&evidence, aim, &common, options.shrinkage)).flatten();
    let each = each.unwrap_or_else(|| common.clone());
    let [before, of_all, after] = counts(scores, split, [&own, &common, &each])?;
    // Thresholds of single relations stay where they serve all together: drawn towards another they may not.
    let (decision, after) = if aim.value_of(after) >= aim.value_of(of_all) { (each, after) } else { (common, of_all) };
    let points = points(&evidence.above(&decision), evidence.reach + decision.least_shift());
    let calibration = match options.calibration {
        Calibrated::None => None,
        // Whatever makes the right more probable would do: there is no end to it.
        _ if right == pooled.scores.len() => None,
        Calibrated::Temperature => Some(Calibration::Temperature(temperature(&pooled.scores))),
        Calibrated::Isotonic => Some(Calibration::Steps(steps(&pooled.scores))),
    };
    let (fitted_on, fitted_runs) = (evidence.documents, evidence.runs);
    let decision = Decision { calibration, points, fitted_on, fitted_runs, ..decision };
    let all_right = options.calibration != Calibrated::None && right == pooled.scores.len();
    let lacking = lacking(&decision, weights.len(), scores.len());
    let (decision, evidence) = of_evidence([scores, weights], split, decision)?;
    Ok(Fit { decision, before, after, all_right, evidence, lacking })
}

/// A decision with the threshold of sentences for the greatest F1 of evidence, and what it comes to, where the weights of
/// sentences are known and facts name evidence.
fn of_evidence(
    [scores, weights]: [&[PathBuf]; 2],
    split: &Path,
    decision: Decision,
) -> Result<(Decision, Option<Counts>), DecideError> {
    if weights.is_empty() {
        return Ok((decision, None));
    }
    let of = sentences([scores, weights], split, &decision)?;
    // Weights are shares: below 0 there is nothing.
    let Some(cut) = Aim::F1.best(&of, 0.0).filter(|cut| cut.right > 0) else { return Ok((decision, None)) };
    let counts =
        Counts { true_positives: cut.right, predicted: cut.claims as u64, gold: of.facts, ..Counts::default() };
    Ok((Decision { evidence_threshold: Some(cut.shift), ..decision }, Some(counts)))
}

/// A threshold of each relation. Drawn towards that of all they come to something else together, so all are moved alike
/// until they come to what is wanted.
fn of_each(evidence: &Evidence, aim: Aim, common: &Decision, shrinkage: f64) -> Option<Decision> {
    let shifts = shifts(evidence, aim.of_each(evidence), common.shift, shrinkage).collect();
    let drawn = Decision { shifts, ..common.clone() };
    let by = aim.cut(&evidence.above(&drawn), evidence.reach + drawn.least_shift())?;
    Some(drawn.moved(by))
}

/// Shares of which [`points`] tells how they are come to.
fn told_shares() -> impl Iterator<Item = f64> {
    (50..=100).map(|percent| f64::from(percent) / 100.0)
}

/// A share, down to what is read of a file as it was written.
fn millionths(part: u64, of: u64) -> f64 {
    (u128::from(part) * 1_000_000 / u128::from(of.max(1))) as f64 / 1e6
}

/// For each of some precisions the lowest threshold that came to it, and for each of some recalls the highest.
fn points(of: &OfRelation, reach: f32) -> Vec<Point> {
    let cuts: Vec<Cut> = cuts(of, reach).filter(|cut| cut.claims > 0).collect();
    let precision = |cut: &Cut| millionths(cut.right, cut.claims as u64);
    let recall = |cut: &Cut| millionths(cut.right, of.facts);
    let mut chosen: BTreeMap<usize, Cut> = BTreeMap::new();
    let mut shares = told_shares().peekable();
    // Below the last right claim there is nothing to gain.
    let ends_right = cuts.iter().zip([0].into_iter().chain(cuts.iter().map(|cut| cut.right)));
    let ends_right: Vec<&Cut> = ends_right.filter(|(cut, before)| cut.right > *before).map(|(cut, _)| cut).collect();
    for cut in ends_right.into_iter().rev() {
        while shares.next_if(|share| precision(cut) >= *share).is_some() {
            chosen.insert(cut.claims, *cut);
        }
    }
    let mut shares = told_shares().peekable();
    for cut in &cuts {
        while shares.next_if(|share| recall(cut) >= *share).is_some() {
            chosen.insert(cut.claims, *cut);
        }
    }
    let point = |cut: &Cut| Point { shift: cut.shift, precision: precision(cut), recall: recall(cut) };
    chosen.values().map(point).collect()
}

/// The threshold of each relation that has facts and scores.
fn shifts(evidence: &Evidence, aim: Aim, of_all: f32, shrinkage: f64) -> impl Iterator<Item = (table::Text, f32)> + '_ {
    let fitted = evidence.relations.iter().filter(|(_, of)| of.facts > 0 && !of.scores.is_empty());
    fitted.map(move |(relation, of)| {
        let own = aim.cut(of, evidence.reach).unwrap_or(of_all);
        let weight = of.facts as f64 / (of.facts as f64 + shrinkage);
        (relation.clone(), (weight * f64::from(own) + (1.0 - weight) * f64::from(of_all)) as f32)
    })
}

/// What a threshold is fitted for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Aim {
    /// The greatest F1.
    F1,
    /// The greatest gain: two for each right claim, less this for each claim.
    Gain(f64),
    Precision(f64),
    Recall(f64),
}

/// So many claims, of which so many are right.
#[derive(Debug, Clone, Copy)]
struct Cut {
    claims: usize,
    right: u64,
    shift: f32,
}

impl Aim {
    fn of(options: &FitOptions) -> Self {
        match (options.precision, options.recall) {
            (Some(precision), _) => Self::Precision(precision),
            (None, Some(recall)) => Self::Recall(recall),
            (None, None) => Self::F1,
        }
    }

    /// The same for a relation alone. F1 of all relations together is greatest where each relation's claims gain most, at
    /// that F1 as the price of a claim (Dinkelbach 1967): 2 TP / (P + G) ≥ λ where 2 TP − λ P ≥ λ G.
    fn of_each(self, evidence: &Evidence) -> Self {
        if self != Self::F1 {
            return self;
        }
        let mut price = 0.0;
        for _ in 0..50 {
            let best = evidence.relations.values().filter_map(|of| Self::Gain(price).best(of, evidence.reach));
            let (right, claims) = best.fold((0, 0), |(right, claims), cut| (right + cut.right, claims + cut.claims));
            let f1 = f1(right, claims, evidence.facts());
            if f1 <= price {
                break;
            }
            price = f1;
        }
        Self::Gain(price)
    }

    /// The threshold for it; `None`: there is none.
    fn cut(self, of: &OfRelation, reach: f32) -> Option<f32> {
        self.best(of, reach).map(|cut| cut.shift)
    }

    /// Of cuts that are equally good the one that shifts less.
    fn best(self, of: &OfRelation, reach: f32) -> Option<Cut> {
        let value = |cut: &Cut| self.value(cut, of.facts);
        let sound = cuts(of, reach).filter(|cut| value(cut).is_finite());
        sound.reduce(|best, cut| match value(&cut).total_cmp(&value(&best)) {
            std::cmp::Ordering::Greater => cut,
            std::cmp::Ordering::Equal if cut.shift.abs() < best.shift.abs() => cut,
            _ => best,
        })
    }

    /// How good claims are.
    fn value_of(self, counts: Counts) -> f64 {
        let Counts { true_positives: right, predicted, gold, .. } = counts;
        self.value(&Cut { claims: predicted as usize, right, shift: 0.0 }, gold)
    }

    /// How good a cut is; negative infinity: it will not do.
    fn value(self, cut: &Cut, facts: u64) -> f64 {
        let (right, claims, facts_all) = (cut.right as f64, cut.claims as f64, facts as f64);
        let if_it_does = |does: bool, value: f64| if does { value } else { f64::NEG_INFINITY };
        match self {
            Self::F1 => f1(cut.right, cut.claims, facts),
            Self::Gain(price) => 2.0 * right - price * claims,
            // Of as many right claims the fewest: what lies below the last right one is wrong.
            Self::Precision(wanted) => if_it_does(cut.claims > 0 && right / claims >= wanted, right - 1e-9 * claims),
            Self::Recall(wanted) => if_it_does(right / facts_all >= wanted, -claims),
        }
    }

    fn unreachable(self, of: &OfRelation, margin: f32) -> DecideError {
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        let best = |of_cut: &dyn Fn(Cut) -> f64| cuts(of, margin).map(of_cut).fold(0.0, f64::max);
        match self {
            Self::Recall(wanted) => {
                let best = best(&|cut| share(cut.right as f64, of.facts as f64));
                DecideError::Unreachable { what: "recall", wanted, best, margin }
            }
            Self::Precision(wanted) => {
                let best = best(&|cut| share(cut.right as f64, cut.claims as f64));
                DecideError::Unreachable { what: "precision", wanted, best, margin }
            }
            // There is always one: without scores too.
            Self::F1 | Self::Gain(_) => DecideError::NoScores,
        }
    }
}

fn f1(right: u64, claims: usize, facts: u64) -> f64 {
    let all = claims as f64 + facts as f64;
    if all > 0.0 { 2.0 * right as f64 / all } else { 0.0 }
}

/// Every threshold that tells scores apart, from the highest down: half-way between a score and the next.
fn cuts(of: &OfRelation, reach: f32) -> impl Iterator<Item = Cut> + '_ {
    let scores = &of.scores;
    let margin_of = |place: usize| scores.get(place).map(|score| score.margin);
    let mut right = 0;
    let below = scores.iter().enumerate().filter_map(move |(place, score)| {
        right += u64::from(score.holds);
        // The last threshold is where the scores end, and not below.
        let lower = margin_of(place + 1).unwrap_or(-reach).max(-reach);
        let middle = f32::midpoint(score.margin, lower);
        let shift = if middle < score.margin { middle } else { lower };
        (lower < score.margin).then_some(Cut { claims: place + 1, right, shift })
    });
    let none = Cut { claims: 0, right: 0, shift: margin_of(0).unwrap_or_default().max(-reach) };
    std::iter::once(none).chain(below)
}

#[cfg(test)]
mod tests;

//! What is decided, as a small JSON file has it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use ground::choice;
use ground::excerpt::quoted;
use ground::identity::{Identity, digest};
use ground::parsed::TypePair;
use ground::settings::{self, Fields, Settings, at_least, within};
use ground::{Text, open_file, present};

use table::{TableError, write_file};

use crate::error::DecideError;

/// Above which share a sentence is evidence, unless a decision says otherwise: as in DREEAM.
const EVIDENCE_THRESHOLD: f32 = 0.2;

/// What a decision's file says first where docre wrote it.
const MARK: (&str, &str) = ("docre", "decision");
/// How far below the threshold a score is said to lie at most.
const MOST_MARGIN: f32 = 1000.0;
/// Bytes of a decision's file at most: one that was fitted on a million documents is a third of it.
const MOST_BYTES: u64 = 64 << 20;

/// How relations are chosen among scores. Nothing set, it is the model's own threshold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decision {
    /// How far above the threshold class's logit a relation's must lie; below 0, how far below it may.
    pub shift: f32,
    /// The same of single relations, in its place.
    pub shifts: BTreeMap<Text, f32>,
    /// What makes probabilities of logits; none: the sigmoid of their difference.
    pub calibration: Option<Calibration>,
    /// Relations that a pair is given at most; none: as many as the model gives.
    pub most_labels: Option<usize>,
    /// The types of entities that a relation may join. One that is not named may join any.
    pub types: BTreeMap<Text, BTreeSet<TypePair>>,
    /// Relations that hold together with another in the other direction, each pair of them named once; of itself, one that
    /// holds both ways.
    pub inverses: BTreeMap<Text, Text>,
    /// How several runs are joined.
    pub ensemble: Ensemble,
    /// What a pair without evidence has in place of a second score, where `ensemble` is `fusion`; none: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_evidence: Option<f32>,
    /// Above which weight a sentence is evidence; none: 0.2, as in DREEAM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_threshold: Option<f32>,
    /// What other thresholds came to on the documents of its fitting.
    pub points: Vec<Point>,
    /// The documents on which it was fitted, each by a short hash of its name.
    pub fitted_on: BTreeSet<Text>,
    /// The runs on whose scores it was fitted.
    pub fitted_runs: Vec<FittedRun>,
}

/// A run of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedRun {
    /// What it is called.
    pub run_id: Text,
    /// Identifies the model, and how often it infers; absent: its scores do not say.
    #[serde(default)]
    pub model: Option<Text>,
    /// Above which weight a sentence was evidence, where that alone was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_only: Option<f32>,
}

/// Identifies a model that sees evidence alone, of what identifies the model.
pub fn model_on_evidence(model: &str) -> String {
    Identity::of("model on evidence").field("checkpoint", model).finish()
}

/// Under this key a table of scores or claims notes the model that it is of.
pub const MODEL: &str = "model";

/// Under this key a table of scores or claims of evidence alone notes above which weight a sentence was that.
pub const EVIDENCE_ONLY: &str = "evidence_only";

/// A threshold, and what it came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// How far above the decision's own threshold it lies, of every relation.
    pub shift: f32,
    /// The share of claims that were right.
    pub precision: f64,
    /// The share of facts that were claimed.
    pub recall: f64,
}

/// What a threshold is to come to, in place of a decision's own.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct At {
    /// The precision, with as much recall as there is.
    pub precision: Option<f64>,
    /// The recall, with as much precision as there is.
    pub recall: Option<f64>,
}

impl At {
    /// Whether one thing at most is asked for, and it can be.
    ///
    /// # Errors
    /// Expected, then got.
    pub fn check(&self) -> Result<(), String> {
        within("at_precision", self.precision.unwrap_or(1.0), 0.0, 1.0)?;
        within("at_recall", self.recall.unwrap_or(1.0), 0.0, 1.0)?;
        match (self.precision, self.recall) {
            (Some(_), Some(_)) => Err("`at_recall`: expected it or `at_precision`, got both".to_owned()),
            _ => Ok(()),
        }
    }
}

/// What makes a probability of how far a logit is above the threshold class's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// The sigmoid of it, divided by this.
    Temperature(f32),
    /// The probability of the last step that it reaches; below the first, that of the first.
    Steps(Vec<Step>),
}

/// A probability from a place on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How far a logit is above the threshold class's.
    pub margin: f32,
    /// How probable its relation is.
    pub probability: f32,
}

/// What is made of what several runs say, where they have scored the same documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ensemble {
    /// The mean of how far the logits are above the threshold classes'.
    #[default]
    Margins,
    /// The mean of the sigmoids of that.
    Probabilities,
    /// The sum of how far they are above, of a run over documents and one over their evidence alone.
    Fusion,
}

choice!(Ensemble, "ensemble", { Margins => "margins", Probabilities => "probabilities", Fusion => "fusion" });

impl Decision {
    /// Reads the file at a path.
    ///
    /// # Errors
    /// Where it cannot be read, or something in it is out of its range.
    pub fn read(path: &Path) -> Result<Self, DecideError> {
        let text = read_text(path).map_err(|source| DecideError::Read { path: path.to_path_buf(), source })?;
        let refused = |reason| DecideError::Decision { path: path.to_path_buf(), reason };
        if text.len() as u64 > MOST_BYTES {
            return Err(refused(format!("expected a decision of {MOST_BYTES} bytes at most, got more")));
        }
        let decision = parse(&text).map_err(refused)?;
        decision.check().map_err(refused)?;
        Ok(decision)
    }

    /// The same where there is a file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn find(path: &Path) -> Result<Option<Self>, DecideError> {
        let refused = |source| DecideError::Read { path: path.to_path_buf(), source };
        // A link that leads nowhere is there: whoever made it means a decision.
        present(path.symlink_metadata()).map_err(refused)?.map(|_| Self::read(path)).transpose()
    }

    /// Writes its file, by which docre knows it again; one that stands already with the same in it is let stand, and another
    /// that docre wrote replaced only where `force` is set. Returns whether it was written.
    ///
    /// # Errors
    /// Where one stands there, or what docre did not write, or the system refuses.
    pub fn write(&self, path: &Path, force: bool) -> Result<bool, DecideError> {
        let refused = |source| DecideError::from(TableError::Io { path: path.to_path_buf(), action: "write", source });
        let text = self.text().map_err(refused)?;
        let is_ours = Self::is_written(path);
        if is_ours && ground::read_text(path).is_ok_and(|standing| standing == text) {
            return Ok(false);
        }
        // Whatever it is, a configuration or a decision of somebody's own hand, it is nobody's to replace.
        if !is_ours && path.is_file() {
            return Err(DecideError::Foreign(path.to_path_buf()));
        }
        write_file(path, force, |file| file.write_all(text.as_bytes()).map_err(refused))?;
        Ok(true)
    }

    /// What its file says.
    fn text(&self) -> io::Result<String> {
        let text = serde_json::to_string_pretty(self)?;
        Ok(format!("{}{}\n", head(), text.strip_prefix('{').unwrap_or(&text)))
    }

    /// The same into a stream.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn send(&self, mut stream: impl Write) -> io::Result<()> {
        stream.write_all(self.text()?.as_bytes())?;
        stream.flush()
    }

    /// Whether a file is a decision that docre wrote.
    pub fn is_written(path: &Path) -> bool {
        let head = head();
        let mut start = Vec::new();
        let read = open_file(path).and_then(|file| file.take(head.len() as u64).read_to_end(&mut start));
        read.is_ok() && start == head.as_bytes()
    }

    /// The same with the threshold that came to what is wanted.
    ///
    /// # Errors
    /// Where none did.
    pub fn at(self, at: At) -> Result<Self, DecideError> {
        let (what, wanted, share): (_, _, fn(&Point) -> f64) = match (at.precision, at.recall) {
            (Some(wanted), _) => ("precision", wanted, |point| point.precision),
            (None, Some(wanted)) => ("recall", wanted, |point| point.recall),
            (None, None) => return Ok(self),
        };
        let reached = self.points.iter().filter(|point| share(point) >= wanted).map(|point| point.shift);
        // The lowest threshold has the most recall, and the highest mostly the most precision.
        let shift = reached.reduce(if what == "precision" { f32::min } else { f32::max });
        let best = self.points.iter().map(share).reduce(f64::max);
        let fitted = !self.fitted_on.is_empty();
        shift.map(|shift| self.moved(shift)).ok_or(DecideError::At { what, wanted, best, fitted })
    }

    /// The same with its thresholds so much higher.
    pub(crate) fn moved(self, by: f32) -> Self {
        let shifts = self.shifts.into_iter().map(|(relation, shift)| (relation, shift + by)).collect();
        Self { shift: self.shift + by, shifts, points: Vec::new(), ..self }
    }

    /// Refuses scores that reach less far down than it goes.
    ///
    /// # Errors
    /// Where they do.
    pub fn check_reach(&self, margin: f32) -> Result<(), DecideError> {
        let wanted = -self.least_shift();
        // What was fitted may lie at the very end of the scores, and is rounded.
        if wanted > margin * (1.0 + 4.0 * f32::EPSILON) { Err(DecideError::Margin { wanted, margin }) } else { Ok(()) }
    }

    /// How far above the threshold class's logit that of a relation must lie.
    pub fn shift_of(&self, relation: &str) -> f32 {
        self.shifts.get(relation).copied().unwrap_or(self.shift)
    }

    /// Above which weight a sentence is evidence.
    pub fn evidence_threshold(&self) -> f32 {
        self.evidence_threshold.unwrap_or(EVIDENCE_THRESHOLD)
    }

    /// What a pair without evidence has in place of a second score.
    pub(crate) fn without_evidence(&self) -> f32 {
        self.without_evidence.unwrap_or_default()
    }

    /// Refuses what one run says, where it fuses two.
    ///
    /// # Errors
    /// Where it does.
    pub fn check_one_run(&self) -> Result<(), DecideError> {
        let fuses = self.ensemble == Ensemble::Fusion;
        if fuses { Err(DecideError::Fusion { documents: 1, evidence: 0 }) } else { Ok(()) }
    }

    /// Whether it was fitted on a document.
    pub(crate) fn was_fitted_on(&self, document: &str) -> bool {
        !self.fitted_on.is_empty() && self.fitted_on.contains(&hashed(document))
    }

    /// What is to be said where the runs over whose scores it is taken are not those of its fitting. `None` where they are of
    /// the same models on the same evidence, or nobody knows.
    pub(crate) fn fitted_elsewhere(&self, runs: &[FittedRun]) -> Option<String> {
        let models = |runs: &[FittedRun]| {
            let mut models: Vec<Text> = runs.iter().map(|run| run.model.clone()).collect::<Option<_>>()?;
            models.sort();
            (!models.is_empty()).then_some(models)
        };
        let on_evidence = |models: &[Text]| {
            let mut models: Vec<Text> = models.iter().map(|model| model_on_evidence(model).into()).collect();
            models.sort();
            models
        };
        let (fitted, these) = (models(&self.fitted_runs)?, models(runs)?);
        let names = || self.fitted_runs.iter().map(|run| quoted(&run.run_id)).collect::<Vec<_>>().join(", ");
        if on_evidence(&fitted) == these {
            let of = names();
            return Some(format!(
                "the decision was fitted on scores of documents, those of the run {of}, and these are of evidence alone"
            ));
        }
        if fitted == on_evidence(&these) {
            let of = names();
            return Some(format!(
                "the decision was fitted on scores of evidence alone, those of the run {of}, and these are of documents"
            ));
        }
        if fitted != these {
            return Some(format!("the decision was fitted on scores of another model: those of the run {}", names()));
        }
        let weights = |runs: &[FittedRun]| runs.iter().filter_map(|run| run.evidence_only).collect::<Vec<f32>>();
        match (weights(&self.fitted_runs).as_slice(), weights(runs).as_slice()) {
            ([fitted], [these]) if fitted.to_bits() != these.to_bits() => Some(format!(
                "the decision was fitted where sentences above a weight of {fitted} were evidence, here those above \
                 {these} are: fit it on such scores, or name a decision with that `evidence_threshold` where they are made"
            )),
            _ => None,
        }
    }

    /// Relations that somebody names in it. One that was fitted may know more of them than these documents have.
    pub(crate) fn names(&self) -> BTreeSet<Text> {
        let inverses = self.inverses.iter().flat_map(|(one, other)| [one, other]);
        let all = self.shifts.keys().chain(self.types.keys()).chain(inverses);
        all.filter(|_| self.fitted_on.is_empty()).cloned().collect()
    }

    /// The pairs of types that somebody names in it, with their relations. Of one that was fitted they are those of a split.
    pub(crate) fn named_types(&self) -> BTreeSet<&TypePair> {
        let all = self.types.values().flatten();
        all.filter(|_| self.fitted_on.is_empty()).collect()
    }

    /// Whether it names documents or relations, of which there may be something to tell.
    pub fn names_anything(&self) -> bool {
        !self.fitted_on.is_empty() || !self.names().is_empty()
    }

    /// The least of the shifts.
    pub(crate) fn least_shift(&self) -> f32 {
        self.shifts.values().copied().fold(self.shift, f32::min)
    }

    /// Whether it asks for the types of entities.
    pub fn asks_types(&self) -> bool {
        !self.types.is_empty()
    }
}

impl Settings for Decision {
    fn check(&self) -> Result<(), String> {
        finite("shift", self.shift)?;
        self.shifts.iter().try_for_each(|(relation, shift)| finite(&format!("shifts.{relation}"), *shift))?;
        let without = self.without_evidence.unwrap_or_default();
        within("without_evidence", without, -MOST_MARGIN, 0.0)?;
        if self.without_evidence.is_some() && self.ensemble != Ensemble::Fusion {
            return Err(format!("`without_evidence`: expected it with the ensemble `fusion`, got `{}`", self.ensemble));
        }
        within("evidence_threshold", self.evidence_threshold.unwrap_or_default(), 0.0, 1.0)?;
        at_least("most_labels", self.most_labels.unwrap_or(1), 1)?;
        self.calibration.as_ref().map_or(Ok(()), Calibration::check)?;
        self.points.iter().try_for_each(Point::check)?;
        let mut partners: BTreeMap<&str, &str> = BTreeMap::new();
        for (relation, inverse) in self.inverses.iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
            let known = partners.insert(relation, inverse).filter(|known| *known != &**inverse);
            if let Some(known) = known {
                return Err(format!("`inverses`: expected one inverse of `{relation}`, got `{known}` and `{inverse}`"));
            }
        }
        Ok(())
    }
}

impl Point {
    fn check(&self) -> Result<(), String> {
        finite("points.shift", self.shift)?;
        within("points.precision", self.precision, 0.0, 1.0)?;
        within("points.recall", self.recall, 0.0, 1.0)
    }
}

impl Calibration {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Temperature(t) if t.is_finite() && *t > 0.0 => Ok(()),
            Self::Temperature(t) => Err(format!("`calibration.temperature`: expected a number above 0, got {t}")),
            Self::Steps(steps) if steps.is_empty() => {
                Err("`calibration.steps`: expected at least one, got none".to_owned())
            }
            Self::Steps(steps) => {
                steps.iter().zip(steps.iter().skip(1).map(Some).chain([None])).try_for_each(check_step)
            }
        }
    }
}

/// A step and the next.
fn check_step((step, next): (&Step, Option<&Step>)) -> Result<(), String> {
    let Step { margin, probability } = *step;
    finite("calibration.steps.margin", margin)?;
    within("calibration.steps.probability", probability, 0.0, 1.0)?;
    match next {
        Some(next) if next.margin <= margin || next.probability < probability => Err(format!(
            "`calibration.steps`: expected greater margins and no smaller probabilities from step to step, got {} and {} \
             behind {margin} and {probability}",
            next.margin, next.probability
        )),
        _ => Ok(()),
    }
}

fn finite(name: &str, got: f32) -> Result<(), String> {
    if got.is_finite() { Ok(()) } else { Err(format!("`{name}`: expected a finite number, got {got}")) }
}

/// The first bytes of a decision's file that docre wrote.
fn head() -> String {
    format!("{{\n  \"{}\": \"{}\",", MARK.0, MARK.1)
}

/// The text of a file, or so much of it as is too much.
fn read_text(path: &Path) -> io::Result<String> {
    io::read_to_string(open_file(path)?.take(MOST_BYTES + 1))
}

/// A decision of JSON, with the mark or without.
fn parse(text: &str) -> Result<Decision, String> {
    let mut fields: Fields = settings::from_json(text)?;
    let (key, value) = MARK;
    if let Some(mark) = fields.take(key).filter(|mark| *mark != value) {
        return Err(format!("`{key}`: expected \"{value}\", got {mark}"));
    }
    settings::from_fields(fields).map_err(|error: serde_json::Error| error.to_string())
}

/// A document's name as a decision has it. Two of a million by a thousand may have one hash, and hardly more: for
/// warnings, that is rare enough.
pub(crate) fn hashed(document: &str) -> Text {
    digest(document.as_bytes()).chars().take(12).collect::<String>().into()
}

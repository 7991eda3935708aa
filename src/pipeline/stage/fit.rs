//! `fit`: scores of a labelled split → a decision, as one JSON file.

use std::collections::BTreeMap;

use super::kind::{Action, Before, Kind, Needs};
use super::scorings::check_kinds;
use super::work::{Made, Work, warnings};
use crate::decide::{self, Decision, Ensemble, FitOptions, FitRequest};
use crate::ground::manifest::role;
use crate::pipeline::options::{keys_of, settings};

pub const KIND: Kind = Kind {
    name: "fit",
    inputs: &[
        (role::SCORES, Needs::Several),
        (role::SENTENCE_WEIGHTS, Needs::Any),
        (role::CORPUS, Needs::One),
        (TRAINING, Needs::Optional),
        (role::DECISION, Needs::Optional),
    ],
    outputs: &[role::DECISION],
    options: keys_of::<FitOptions>,
    parse: |options, _| Ok(Box::new(settings::<FitOptions>(options)?)),
    ..Kind::PLAIN
};

/// The split whose facts say which types a relation may join.
const TRAINING: &str = "training";

impl Action for FitOptions {
    fn check(&self, before: &Before<'_>) -> anyhow::Result<()> {
        // Else a decision says it that is read.
        let is_told = self.ensemble.is_some() || before.inputs(role::DECISION).is_empty();
        if is_told { check_kinds(before, self.ensemble.unwrap_or_default()) } else { Ok(()) }
    }

    fn fits(&self) -> Option<Ensemble> {
        self.ensemble
    }

    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let decision = work.optional(role::DECISION).map(Decision::read).transpose()?.unwrap_or_default();
        let fit = decide::fit(&FitRequest {
            scores: work.inputs.get(role::SCORES).map_or(&[], Vec::as_slice),
            weights: work.inputs.get(role::SENTENCE_WEIGHTS).map_or(&[], Vec::as_slice),
            split: work.input(role::CORPUS)?,
            decision: &decision,
            types_of: work.optional(TRAINING),
            options: self,
        })?;
        let file = work.folder.join("decision.json");
        fit.decision.write(&file, true)?;
        Ok(Made {
            outputs: BTreeMap::from([(role::DECISION, file)]),
            notes: fit.told().into_iter().chain(fit.told_of_evidence()).collect(),
            warnings: warnings(fit.warnings()),
            ..Made::default()
        })
    }
}

//! `decide`: scores of one run or several, and a decision → the table `relations`; by the weights of sentences, `evidence`.
//!
//! The options are what the file of a decision says, and the run's name; or the file is an input.

use anyhow::ensure;
use toml::Table;

use super::kind::{Action, Before, Kind, Needs};
use super::scorings::{check_kinds, check_split};
use super::work::{Made, Work, warnings};
use crate::decide::{self, Decision, Options, Request};
use crate::ground::manifest::role;
use crate::pipeline::options::{keys_of, settings};

pub const KIND: Kind = Kind {
    name: "decide",
    inputs: &[
        (role::SCORES, Needs::Several),
        (role::SENTENCE_WEIGHTS, Needs::Any),
        (role::CORPUS, Needs::Optional),
        (role::DECISION, Needs::Optional),
    ],
    outputs: &[role::RELATIONS],
    optional_outputs: &[role::EVIDENCE],
    options: || keys_of::<Options>().into_iter().chain(keys_of::<Decision>()).collect(),
    parse,
    ..Kind::PLAIN
};

/// What is decided, unless it is an input.
struct Decide {
    options: Options,
    decision: Decision,
    knows_weights: bool,
}

fn parse(options: Table, inputs: &[String]) -> anyhow::Result<Box<dyn Action>> {
    let own = keys_of::<Options>();
    let (options, decision): (Table, Table) = options.into_iter().partition(|(key, _)| own.contains(&key.as_str()));
    let is_input = inputs.iter().any(|role| role == role::DECISION);
    let set = decision.keys().next();
    ensure!(
        !is_input || set.is_none(),
        "`{}`: expected it in the input `{}`, got it beside that",
        set.map_or("", String::as_str),
        role::DECISION
    );
    let knows_weights = inputs.iter().any(|role| role == role::SENTENCE_WEIGHTS);
    let decision: Decision = settings(decision)?;
    ensure!(
        knows_weights || decision.evidence_threshold.is_none(),
        "`evidence_threshold`: expected it beside the input `{}`, got it alone",
        role::SENTENCE_WEIGHTS
    );
    Ok(Box::new(Decide { options: settings(options)?, decision, knows_weights }))
}

impl Action for Decide {
    fn check(&self, before: &Before<'_>) -> anyhow::Result<()> {
        check_split(before)?;
        let mut makers = before.inputs(role::SCORES).iter().filter_map(|input| before.maker(input));
        let is_of_scores = self.options.iteration.is_some() && makers.any(|(_, made)| made == role::SCORES);
        ensure!(!is_of_scores, "`iteration`: expected `{}` as the input `{}`, got scores", role::CLAIMS, role::SCORES);
        let is_read = !before.inputs(role::DECISION).is_empty();
        let ensemble = if is_read { before.fitted() } else { Some(self.decision.ensemble) };
        ensemble.map_or(Ok(()), |ensemble| check_kinds(before, ensemble))
    }

    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let read = work.optional(role::DECISION).map(Decision::read).transpose()?;
        let decision = read.unwrap_or_else(|| self.decision.clone()).at(self.options.at())?;
        let ended = decide::decide(&Request {
            scores: work.inputs.get(role::SCORES).map_or(&[], Vec::as_slice),
            weights: work.inputs.get(role::SENTENCE_WEIGHTS).map_or(&[], Vec::as_slice),
            split: work.optional(role::CORPUS),
            decision: &decision,
            run_id: Some(self.options.run_id.as_deref().unwrap_or(work.pipeline)),
            iteration: self.options.iteration,
            out: work.folder,
            force: true,
        })?;
        Ok(Made {
            outputs: [role::RELATIONS, role::EVIDENCE].map(|role| (role, work.folder.join(role))).into(),
            notes: vec![ended.claims().counted()],
            warnings: warnings(ended.claims().warnings()),
            ..Made::default()
        })
    }

    fn lacks(&self, role: &str) -> Option<&'static str> {
        (role == role::EVIDENCE && !self.knows_weights).then_some("without the input `sentence_weights` there is none")
    }
}

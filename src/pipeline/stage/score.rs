//! `score`: a checkpoint and a split → the table `relations`, and `scores`, `traces`, `claims` and `model_relations`
//! beside it; of a checkpoint that learnt evidence, `sentence_weights` and `evidence`. With the weights of a run before,
//! what is evidence by these alone is scored.

use anyhow::{bail, ensure};

use super::kind::{Action, Before, Kind, Needs};
use super::work::{Made, Work};
use crate::decide::{DecideError, Ensemble};
use crate::ground::manifest::role;
use crate::ground::suggest::unknown;
use crate::pipeline::options::{keys_of, settings};
use crate::score::{self, Ended, Options, Request, ScoreError};
use crate::train::BASE;

pub const CHECKPOINT: &str = "checkpoint";

pub const KIND: Kind = Kind {
    name: "score",
    inputs: &[
        (CHECKPOINT, Needs::One),
        (role::CORPUS, Needs::One),
        (role::DECISION, Needs::Optional),
        (role::FIRST_RELATIONS, Needs::Optional),
        (role::SENTENCE_WEIGHTS, Needs::Optional),
    ],
    outputs: &[role::RELATIONS],
    optional_outputs: &[
        role::SCORES,
        role::TRACES,
        role::CLAIMS,
        role::MODEL_RELATIONS,
        role::SENTENCE_WEIGHTS,
        role::EVIDENCE,
    ],
    options: keys_of::<Options>,
    parse: |options, inputs| {
        let on_evidence = inputs.iter().any(|role| role == role::SENTENCE_WEIGHTS);
        Ok(Box::new(Score { options: settings(options)?, on_evidence }))
    },
    ..Kind::PLAIN
};

struct Score {
    options: Options,
    /// Whether evidence alone is scored.
    on_evidence: bool,
}

impl Action for Score {
    fn check(&self, before: &Before<'_>) -> anyhow::Result<()> {
        let begins = !before.inputs(role::FIRST_RELATIONS).is_empty();
        ensure!(!begins || self.options.iterations != Some(0), ScoreError::FirstOfNone);
        ensure!(!begins || !self.on_evidence, ScoreError::FirstOnEvidence);
        let fuses = before.fitted() == Some(Ensemble::Fusion);
        ensure!(!fuses, DecideError::Fusion { documents: 1, evidence: 0 });
        let Some((maker, trained, made)) = before.trained(CHECKPOINT) else { return Ok(()) };
        if let Some(corpus) = &self.options.like {
            let known: Vec<&str> = trained.corpora.iter().map(|corpus| &*corpus.name).collect();
            let told = || format!("`like`: {}, of stage `{}`", unknown("corpus", corpus, &known), maker.name);
            ensure!(known.contains(&&**corpus), told());
        }
        let of_base = if made == BASE { trained.model.base() } else { None };
        let model = of_base.unwrap_or_else(|| trained.model.clone());
        let infers = self.options.iterations.is_none_or(|iterations| model.with_iterations(iterations).is_some());
        ensure!(
            infers && !(begins && model.iterations() == 0),
            "input `{CHECKPOINT}`: expected a model that infers, `docre-ii` with `K` above 0, got another from stage `{}`",
            maker.name
        );
        let of_evidence = [role::SENTENCE_WEIGHTS, role::EVIDENCE].into_iter();
        if let Some(role) = of_evidence.filter(|_| !model.taught().is_any()).find(|role| before.makes(role)) {
            bail!(
                "output `{role}`: expected a model that learns evidence, with `evidence_weight` or `attention_weight` above \
                 0, got another from stage `{}`",
                maker.name
            );
        }
        Ok(())
    }

    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let device = work.device.open(self.options.precision)?.to_string();
        let (checkpoint, split) = (work.input(CHECKPOINT)?, work.split(role::CORPUS)?);
        // Of one pipeline both scorings would bear its name.
        let run_id = if self.on_evidence { &format!("{}-evidence", work.pipeline) } else { work.pipeline };
        let request = Request::new(checkpoint, &split.folder, work.folder, run_id, work.device).with(&self.options);
        let request = request.decided_by(work.optional(role::DECISION)).forced(true);
        let request = request.begun_with(work.optional(role::FIRST_RELATIONS));
        let request = request.on_evidence(work.optional(role::SENTENCE_WEIGHTS));
        let ended = score::score(&request, work.observe)?;
        Ok(Made {
            outputs: [&[role::RELATIONS], KIND.optional_outputs]
                .concat()
                .into_iter()
                .map(|role| (role, work.folder.join(role)))
                .collect(),
            notes: match ended {
                Ended::UpToDate { .. } => Vec::new(),
                made => vec![made.to_string()],
            },
            rejected: ended.too_large(),
            device: Some(device),
            ..Made::default()
        })
    }

    fn lacks(&self, role: &str) -> Option<&'static str> {
        let is_of_evidence = [role::SENTENCE_WEIGHTS, role::EVIDENCE].contains(&role);
        (is_of_evidence && self.on_evidence)
            .then_some("of evidence alone there is no other evidence than what it was given")
    }
}

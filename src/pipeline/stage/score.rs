//! `score`: a checkpoint and a split → the table `relations`, and `scores`, `traces`, `claims` and `model_relations`
//! beside it; of a checkpoint that learnt evidence, `sentence_weights` and `evidence`.

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::ground::manifest::role;
use crate::pipeline::options::settings;
use crate::score::{self, Ended, Options, Request};

pub const KIND: Kind = Kind {
    name: "score",
    inputs: &[
        ("checkpoint", Needs::One),
        (role::CORPUS, Needs::One),
        (role::DECISION, Needs::Optional),
        (role::FIRST_RELATIONS, Needs::Optional),
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
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
    ..Kind::PLAIN
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let device = work.device.open(self.precision)?.to_string();
        let (checkpoint, split) = (work.input("checkpoint")?, work.input(role::CORPUS)?);
        let request = Request::new(checkpoint, split, work.folder, work.pipeline, work.device).with(self).forced(true);
        let request =
            request.decided_by(work.optional(role::DECISION)).begun_with(work.optional(role::FIRST_RELATIONS));
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
}

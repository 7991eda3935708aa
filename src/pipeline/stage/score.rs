//! `score`: a checkpoint and a split → the table `relations`.

use std::collections::BTreeMap;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::ground::manifest::role;
use crate::pipeline::options::settings;
use crate::score::{self, Options, Request};

pub const KIND: Kind = Kind {
    name: "score",
    inputs: &[("checkpoint", Needs::One), (role::CORPUS, Needs::One)],
    outputs: &[role::RELATIONS],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
    ..Kind::PLAIN
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let device = work.device.open(self.precision)?.to_string();
        let (checkpoint, split) = (work.input("checkpoint")?, work.input(role::CORPUS)?);
        let request = Request::new(checkpoint, split, work.folder, work.pipeline, work.device).with(self).forced(true);
        let ended = score::score(&request, work.observe)?;
        Ok(Made {
            outputs: BTreeMap::from([(role::RELATIONS, work.folder.join("relations"))]),
            notes: ended.scored().iter().map(ToString::to_string).collect(),
            rejected: ended.too_large(),
            device: Some(device),
            ..Made::default()
        })
    }
}

//! `score`: a checkpoint and a split → the table `relations`.

use std::collections::BTreeMap;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::pipeline::options::settings;
use crate::pipeline::progress::Progress;
use crate::score::{self, Event, Options, Request, Scored};

pub const KIND: Kind = Kind {
    name: "score",
    inputs: &[("checkpoint", Needs::One), ("corpus", Needs::One)],
    further_inputs: false,
    outputs: &["relations"],
    optional_outputs: &[],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let device = work.device.open(self.precision)?.to_string();
        let (checkpoint, split) = (work.input("checkpoint")?, work.input("corpus")?);
        let request = Request::new(checkpoint, split, work.folder, work.pipeline, work.device).with(self);
        let observe = |event: Event| match event {
            Event::Device(_) => {}
            Event::Unused(unused) => (work.say)(&unused.to_string()),
            Event::Documents(documents) => (work.progress)(Progress::documents(documents)),
        };
        let scored = score::score(&request, &observe)?;
        Ok(Made {
            outputs: BTreeMap::from([("relations", work.folder.join("relations"))]),
            notes: scored.iter().map(ToString::to_string).collect(),
            warnings: scored.iter().filter_map(Scored::warning).collect(),
            device: Some(device),
            ..Made::default()
        })
    }
}

//! `synthesize`: options → the tables of a synthetic corpus.

use super::kind::{Action, Kind};
use super::work::{Made, Work, corpus};
use crate::corpus::synthetic::Options;
use crate::corpus::synthetic::tables::{Portion, Synthesis};
use crate::pipeline::options::{keys_of, part, settings};

pub const KIND: Kind = Kind {
    name: "synthesize",
    inputs: &[],
    outputs: &["tables"],
    options: || [keys_of::<Portion>(), keys_of::<Options>()].concat(),
    parse: |mut options, _| {
        let portion = settings(part::<Portion>(&mut options))?;
        Ok(Box::new(Synthesis { options: settings(options)?, portion, json: false }))
    },
    ..Kind::PLAIN
};

impl Action for Synthesis {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        Ok(corpus(Self::run(self, work.folder, true, work.observe)?))
    }
}

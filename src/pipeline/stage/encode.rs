//! `encode`: a split and an encoder's tokenizer → the table `pieces`, for queries and other programs. Training and
//! scoring cut the documents themselves.

use std::collections::BTreeMap;

use super::kind::{Action, Kind, Needs};
use super::work::{Made, Work};
use crate::pieces::{Cutter, Options, Tokenizer, stored};
use crate::pipeline::options::{keys_of, settings};

pub const KIND: Kind = Kind {
    name: "encode",
    inputs: &[("corpus", Needs::One), ("encoder", Needs::One)],
    outputs: &["pieces"],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
    ..Kind::PLAIN
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let cutter = Cutter::new(Tokenizer::load(work.input("encoder")?)?, self.most_pieces);
        let mut cutter = cutter.marking(&self.markers)?;
        let written = stored::write(&work.split("corpus")?.folder, work.folder, &mut cutter, true, work.observe)?;
        Ok(Made {
            outputs: BTreeMap::from([("pieces", work.folder.join("pieces"))]),
            notes: written.iter().map(ToString::to_string).collect(),
            ..Made::default()
        })
    }
}

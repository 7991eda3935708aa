//! `encode`: a split and an encoder's tokenizer → the table `pieces`, for queries and other programs. Training and
//! scoring cut the documents themselves.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::pieces::{Cutter, MOST_PIECES, Tokenizer, stage};
use crate::pipeline::options::typed;

pub const KIND: Kind = Kind {
    name: "encode",
    inputs: &[("corpus", Needs::One), ("encoder", Needs::One)],
    further_inputs: false,
    outputs: &["pieces"],
    optional_outputs: &[],
    options: keys_of::<Encode>,
    parse: |options, _| Ok(Box::new(typed::<Encode>(options)?)),
};

#[derive(Deserialize)]
struct Encode {
    #[serde(default = "usual_most_pieces")]
    most_pieces: usize,
}

fn usual_most_pieces() -> usize {
    MOST_PIECES
}

impl Action for Encode {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let mut cutter = Cutter::new(Tokenizer::load(work.input("encoder")?)?, self.most_pieces);
        let written = stage::write(work.input("corpus")?, work.folder, &mut cutter, work.observe)?;
        Ok(Made {
            outputs: BTreeMap::from([("pieces", work.folder.join("pieces"))]),
            notes: written.iter().map(ToString::to_string).collect(),
            ..Made::default()
        })
    }
}

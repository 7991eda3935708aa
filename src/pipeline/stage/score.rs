//! `score`: a checkpoint and a split → the table `relations`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::ground::manifest::role;
use crate::nn::device::Precision;
use crate::pipeline::options::typed;
use crate::score::{self, PIECES_AT_ONCE, Request};

pub const KIND: Kind = Kind {
    name: "score",
    inputs: &[("checkpoint", Needs::One), (role::CORPUS, Needs::One)],
    further_inputs: false,
    outputs: &[role::RELATIONS],
    optional_outputs: &[],
    options: keys_of::<Score>,
    parse: |options, _| Ok(Box::new(typed::<Score>(options)?)),
};

#[derive(Deserialize)]
struct Score {
    /// What the run is called; absent: as the pipeline.
    run_id: Option<String>,
    iterations: Option<usize>,
    #[serde(default = "usual_pieces_at_once")]
    pieces_at_once: usize,
    precision: Option<Precision>,
}

fn usual_pieces_at_once() -> usize {
    PIECES_AT_ONCE
}

impl Action for Score {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let device = work.device.open(self.precision)?.to_string();
        let request = Request {
            checkpoint: work.input("checkpoint")?,
            split: work.input(role::CORPUS)?,
            out: work.folder,
            run_id: self.run_id.as_deref().unwrap_or(work.pipeline),
            iterations: self.iterations,
            budget: self.pieces_at_once,
            device: work.device,
            precision: self.precision,
        };
        let scored = score::score(&request, work.observe)?;
        Ok(Made {
            outputs: BTreeMap::from([(role::RELATIONS, work.folder.join("relations"))]),
            notes: scored.iter().map(ToString::to_string).collect(),
            device: Some(device),
            ..Made::default()
        })
    }
}

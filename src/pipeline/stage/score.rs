//! `score`: a checkpoint and a split → the table `relations`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::nn::device::Precision;
use crate::pipeline::options::typed;
use crate::pipeline::progress::Progress;
use crate::score::{self, Event, PIECES_AT_ONCE, Request, Scored};

pub const KIND: Kind = Kind {
    name: "score",
    inputs: &[("checkpoint", Needs::One), ("corpus", Needs::One)],
    further_inputs: false,
    outputs: &["relations"],
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
    most_pairs: Option<u64>,
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
            split: work.input("corpus")?,
            out: work.folder,
            run_id: self.run_id.as_deref().unwrap_or(work.pipeline),
            iterations: self.iterations,
            budget: self.pieces_at_once,
            most_pairs: self.most_pairs,
            device: work.device,
            precision: self.precision,
        };
        let observe = |event: Event| match event {
            Event::Device(_) => {}
            Event::Unused(unused) => (work.say)(&unused.to_string()),
            Event::TooLarge(document) => (work.say)(&document.to_string()),
            // A stage's folder is new: there is no table yet.
            Event::UpToDateWithout(_) => {}
            Event::Documents(documents) => (work.progress)(Progress::documents(documents)),
        };
        let scored = score::score(&request, &observe)?;
        Ok(Made {
            outputs: BTreeMap::from([("relations", work.folder.join("relations"))]),
            notes: scored.iter().map(ToString::to_string).collect(),
            warnings: scored.iter().flat_map(Scored::warnings).collect(),
            device: Some(device),
            ..Made::default()
        })
    }
}

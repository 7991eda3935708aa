//! `synthesize`: options → the tables of a synthetic corpus.

use serde::Deserialize;

use super::kind::{Action, Kind, Made, Work, corpus, keys_of};
use crate::corpus::synthetic::Options;
use crate::corpus::synthetic::tables::Synthesis;
use crate::ground::pattern::Pattern;
use crate::pipeline::options::{check_name, typed};

pub const KIND: Kind = Kind {
    name: "synthesize",
    inputs: &[],
    further_inputs: false,
    outputs: &["tables"],
    optional_outputs: &[],
    options: keys_of::<Synthesize>,
    parse: |options, _| Ok(Box::new(typed::<Synthesize>(options)?.synthesis()?)),
};

/// The options; what is not given is as in [`Options`].
#[derive(Deserialize)]
struct Synthesize {
    split: String,
    documents: u64,
    #[serde(default)]
    first: u64,
    seed: Option<u64>,
    facts: Option<usize>,
    implied_share: Option<f64>,
    chain_length: Option<u32>,
    patterns: Option<Vec<String>>,
    distractors: Option<usize>,
    across: Option<f64>,
    paraphrase: Option<f64>,
    label_noise: Option<f64>,
}

impl Synthesize {
    fn synthesis(self) -> anyhow::Result<Synthesis> {
        check_name(&self.split)?;
        let usual = Options::default();
        let patterns = self.patterns.map(|names| names.iter().map(|name| name.parse::<Pattern>()).collect());
        let options = Options {
            seed: self.seed.unwrap_or(usual.seed),
            facts: self.facts.unwrap_or(usual.facts),
            implied_share: self.implied_share.unwrap_or(usual.implied_share),
            chain_length: self.chain_length.unwrap_or(usual.chain_length),
            patterns: patterns.transpose()?.unwrap_or(usual.patterns),
            distractors: self.distractors.unwrap_or(usual.distractors),
            across: self.across.unwrap_or(usual.across),
            paraphrase: self.paraphrase.unwrap_or(usual.paraphrase),
            label_noise: self.label_noise.unwrap_or(usual.label_noise),
        };
        options.check()?;
        Ok(Synthesis { options, first: self.first, n_documents: self.documents, split: self.split, json: false })
    }
}

impl Action for Synthesis {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        Ok(corpus(Self::run(self, work.folder, true, work.observe)?))
    }
}

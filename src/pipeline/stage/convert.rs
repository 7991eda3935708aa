//! `convert`: the files of a corpus → its tables.

use anyhow::{anyhow, bail};
use serde::Deserialize;

use super::kind::{Action, Kind, Made, Needs, Work, corpus, keys_of};
use crate::corpus::convert::Conversion;
use crate::corpus::{Format, MOST_PAIRS};
use crate::pipeline::options::unknown;
use crate::pipeline::options::{check_name, typed};
use crate::pipeline::progress::Progress;
use crate::table::Text;

pub const KIND: Kind = Kind {
    name: "convert",
    inputs: &[
        ("documents", Needs::Several),
        ("mesh", Needs::Optional),
        ("relation_labels", Needs::Optional),
        ("ids", Needs::Optional),
    ],
    further_inputs: false,
    outputs: &["tables"],
    optional_outputs: &[],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(typed::<Options>(options)?.checked()?)),
};

#[derive(Deserialize)]
struct Options {
    format: String,
    split: String,
    #[serde(default)]
    candidates: Vec<String>,
    #[serde(default)]
    unlabelled: bool,
    #[serde(default = "usual_most_pairs")]
    most_pairs: u64,
}

fn usual_most_pairs() -> u64 {
    MOST_PAIRS
}

struct Convert {
    format: Format,
    split: String,
    candidates: Vec<(Text, Text)>,
    unlabelled: bool,
    most_pairs: u64,
}

impl Options {
    fn checked(self) -> anyhow::Result<Convert> {
        check_name(&self.split)?;
        let names = Format::ALL.map(Format::name);
        let format = self.format.parse().map_err(|_| anyhow!("{}", unknown("format", &self.format, &names)))?;
        let candidates = self.candidates.iter().map(|pair| types(pair)).collect::<anyhow::Result<_>>()?;
        let Self { split, unlabelled, most_pairs, .. } = self;
        Ok(Convert { format, split, candidates, unlabelled, most_pairs })
    }
}

fn types(pair: &str) -> anyhow::Result<(Text, Text)> {
    match pair.split_once(':') {
        Some((head, tail)) if !head.is_empty() && !tail.is_empty() => Ok((head.into(), tail.into())),
        _ => bail!("candidates: expected two types, such as `Chemical:Disease`, got `{pair}`"),
    }
}

impl Action for Convert {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let conversion = Conversion {
            format: self.format,
            inputs: work.inputs.get("documents").cloned().unwrap_or_default(),
            split: self.split.clone(),
            candidates: self.candidates.clone(),
            mesh: work.optional("mesh").map(Into::into),
            relation_labels: work.optional("relation_labels").map(Into::into),
            unlabelled: self.unlabelled,
            ids: work.optional("ids").map(Into::into),
            most_pairs: self.most_pairs,
        };
        let progress = work.progress;
        let told = |_, documents| progress(Progress::documents(documents));
        Ok(corpus(conversion.run(work.folder, true, &told)?))
    }
}

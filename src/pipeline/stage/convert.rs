//! `convert`: the files of a corpus → its tables.

use super::kind::{Action, Kind, Made, Needs, Work, corpus, keys_of};
use crate::corpus::convert::{Conversion, Options};
use crate::pipeline::options::settings;

pub const KIND: Kind = Kind {
    name: "convert",
    inputs: &[
        ("documents", Needs::Several),
        ("mesh", Needs::Optional),
        ("relation_labels", Needs::Optional),
        ("ids", Needs::Optional),
        ("relations", Needs::Optional),
    ],
    outputs: &["tables"],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
    ..Kind::PLAIN
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let conversion = Conversion {
            options: self.clone(),
            inputs: work.inputs.get("documents").cloned().unwrap_or_default(),
            mesh: work.optional("mesh").map(Into::into),
            relation_labels: work.optional("relation_labels").map(Into::into),
            ids: work.optional("ids").map(Into::into),
            relations: work.optional("relations").map(Into::into),
        };
        Ok(corpus(conversion.run_knowing(work.contents, work.folder, true, work.observe)?))
    }
}

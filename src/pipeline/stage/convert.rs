//! `convert`: the files of a corpus → its tables; of the format `annotated`, rows of that table → those of a split.

use anyhow::{bail, ensure};
use toml::{Table, Value};

use super::kind::{Action, Kind, Needs};
use super::work::{Made, Work, corpus};
use crate::corpus::annotated::{set_down_table, table_at};
use crate::corpus::convert::{Conversion, Options};
use crate::ground::parsed::FolderName;
use crate::pipeline::options::{keys_of, settings, typed};

pub const KIND: Kind = Kind {
    name: "convert",
    inputs: &[
        (DOCUMENTS, Needs::Several),
        ("mesh", Needs::Optional),
        ("relation_labels", Needs::Optional),
        ("ids", Needs::Optional),
        ("relations", Needs::Optional),
    ],
    outputs: &[TABLES],
    options: keys_of::<Options>,
    parse,
    ..Kind::PLAIN
};

const DOCUMENTS: &str = "documents";
const TABLES: &str = "tables";
/// What `format` says of rows, and the one setting that they have beside it.
const ANNOTATED: &str = "annotated";
const SPLIT: &str = "split";

fn parse(mut options: Table, inputs: &[String]) -> anyhow::Result<Box<dyn Action>> {
    if options.get("format").and_then(Value::as_str) != Some(ANNOTATED) {
        return Ok(Box::new(settings::<Options>(options)?));
    }
    options.remove("format");
    if let Some(key) = options.keys().find(|key| *key != SPLIT) {
        bail!("`{key}`: expected none of rows of `{ANNOTATED}`, which say all themselves");
    }
    let other = inputs.iter().find(|role| *role != DOCUMENTS);
    ensure!(
        other.is_none(),
        "input `{}`: expected none beside rows of `{ANNOTATED}`",
        other.map_or("", String::as_str)
    );
    Ok(Box::new(typed::<Rows>(options)?))
}

/// What rows become.
#[derive(serde::Deserialize)]
struct Rows {
    split: FolderName,
}

impl Action for Rows {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let documents = work.inputs.get(DOCUMENTS).map_or(&[][..], Vec::as_slice);
        let [documents] = documents else {
            bail!("input `{DOCUMENTS}`: expected one table of rows, got {}", documents.len())
        };
        let Some(table) = table_at(documents)? else {
            bail!("{}: expected the table `{ANNOTATED}`, found none", documents.display())
        };
        let folder = work.folder.join(&*self.split);
        if folder.exists() {
            // Of a run that was killed.
            std::fs::remove_dir_all(&folder)?;
        }
        let totals = set_down_table(&table, &folder)?;
        Ok(Made { outputs: [(TABLES, folder)].into(), notes: vec![totals.to_string()], ..Made::default() })
    }
}

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let conversion = Conversion {
            options: self.clone(),
            inputs: work.inputs.get(DOCUMENTS).cloned().unwrap_or_default(),
            mesh: work.optional("mesh").map(Into::into),
            relation_labels: work.optional("relation_labels").map(Into::into),
            ids: work.optional("ids").map(Into::into),
            relations: work.optional("relations").map(Into::into),
        };
        Ok(corpus(conversion.run_knowing(work.contents, work.folder, true, work.observe)?))
    }
}

//! `query`: tables and SQL → a table, as one Parquet file.
//!
//! The statement sees the inputs and nothing else. An input that is a table bears the name of its role; the tables in
//! one that is a folder of tables, such as a split, bear that name before theirs: `train_facts`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::kind::{Action, Kind, Needs};
use super::work::{Made, Work};
use crate::pipeline::options::{keys_of, settings};
use crate::query::{self, Options, Output};
use crate::table::write_file;

pub const KIND: Kind = Kind {
    name: "query",
    inputs: &[("sql", Needs::One)],
    further_inputs: true,
    outputs: &["table"],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
    ..Kind::PLAIN
};

/// The statement is no option: it is a source of its own.
impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let statement = work.input("sql")?;
        let sql = fs::read_to_string(statement).with_context(|| format!("{}: cannot read", statement.display()))?;
        let mut tables = BTreeMap::new();
        for (role, paths) in work.inputs.iter().filter(|(role, _)| **role != "sql") {
            for path in paths {
                for (name, files) in named(role, path)? {
                    query::add(&mut tables, name, files)?;
                }
            }
        }
        let table = work.folder.join("table.parquet");
        write_file(&table, true, |file| {
            query::run_over(tables, &sql, self, Output::Parquet, file).with_context(|| statement.display().to_string())
        })?;
        Ok(Made { outputs: BTreeMap::from([("table", table)]), ..Made::default() })
    }
}

/// The tables of an input, with their files.
fn named(role: &str, path: &Path) -> anyhow::Result<BTreeMap<String, Vec<PathBuf>>> {
    if path.is_file() {
        return Ok(BTreeMap::from([(role.to_owned(), vec![path.to_path_buf()])]));
    }
    let is_itself = |files: &[PathBuf]| files.iter().any(|file| file.parent() == Some(path) && is_part(file));
    let rename = |(name, files): (String, Vec<PathBuf>)| {
        if is_itself(&files) { (role.to_owned(), files) } else { (format!("{role}_{name}"), files) }
    };
    Ok(query::tables(path)?.into_iter().map(rename).collect())
}

fn is_part(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("part-"))
}

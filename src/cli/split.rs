//! `docre split`: the tables of a split → those of several, by documents.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use docre::corpus::split::{Division, Options};
use docre::ground::parsed::FolderName;

use super::{Messages, Outcome, SplitArgs, Usage, checked, no_stream, told, whole};

/// Divide a split by its documents into several: train, dev and test of one corpus.
///
/// Every document goes whole into one of them, in the order in which it stood.
#[derive(Args)]
#[command(
    after_help = include_str!("help/split.txt").trim_end()
)]
pub struct DivideArgs {
    #[command(flatten)]
    source: SplitArgs,
    /// Draw this share of the documents for each new split, several separated by commas; together they are 1.
    #[arg(long, value_name = "NAME=SHARE", value_delimiter = ',', value_parser = share, required_unless_present = "ids", conflicts_with = "ids")]
    shares: Vec<(FolderName, f64)>,
    /// The seed of the drawing.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed, value_parser = whole::<u64>)]
    seed: u64,
    /// A file with the names of the documents of a new split, one a line; once for each split.
    #[arg(long, value_name = "NAME=FILE", value_parser = list)]
    ids: Vec<(FolderName, PathBuf)>,
    /// The folder of the corpus that is made: each new split is a folder in it.
    #[arg(long, value_name = "DIR", value_parser = no_stream)]
    out: PathBuf,
    /// Replace tables that were made from other input or in another way.
    #[arg(long)]
    force: bool,
}

/// Divides.
pub fn run(args: DivideArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = checked(Options { shares: once_each("--shares", args.shares)?, seed: args.seed })?;
    let division = Division { options, source: args.source.folder()?, lists: once_each("--ids", args.ids)? };
    let listener = messages.listener();
    let summaries = division.run(&args.out, args.force, &|event| listener.hear(&event))?;
    drop(listener);
    for summary in &summaries {
        told(summary, messages);
    }
    Ok(Outcome::Done)
}

fn share(text: &str) -> Result<(FolderName, f64), String> {
    let (name, share) = named(text, "train=0.8")?;
    let share = share.parse().map_err(|_| format!("expected a number behind `=`, got `{share}`"))?;
    Ok((name, share))
}

fn list(text: &str) -> Result<(FolderName, PathBuf), String> {
    let (name, path) = named(text, "dev=dev.ids")?;
    Ok((name, path.into()))
}

fn named<'t>(text: &'t str, example: &str) -> Result<(FolderName, &'t str), String> {
    match text.split_once('=') {
        Some((name, of)) if !of.is_empty() => Ok((name.parse()?, of)),
        _ => Err(format!("expected a split's name and what it has, such as `{example}`, got `{text}`")),
    }
}

fn once_each<T>(argument: &str, given: Vec<(FolderName, T)>) -> anyhow::Result<BTreeMap<FolderName, T>> {
    let mut by_name = BTreeMap::new();
    for (name, of) in given {
        if by_name.contains_key(&name) {
            bail!(Usage(format!("`{argument}`: expected each split once, got `{name}` twice")));
        }
        by_name.insert(name, of);
    }
    Ok(by_name)
}

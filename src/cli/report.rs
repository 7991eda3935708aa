//! `docre report`: a run folder → one HTML page.

use std::path::PathBuf;

use clap::Args;
use docre::report::{self, Given, Options, Sources};

use super::{Messages, Outcome, checked, no_stdin, no_stream, whole};

/// Write a page that shows a run: figures, curves, documents, graph.
///
/// The page is one HTML file. It works from disk, in any browser of the last years, and loads nothing. It shows what the
/// folder has: manifest.json; a folder with a split's tables; and the tables relations, evidence, sentence_weights,
/// model_relations, traces, metrics, comparisons, precision_recall, reliability, training_log, and graph/nodes with
/// graph/edges.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/report.txt").trim_end()
)]
pub struct ReportArgs {
    /// The folder of the run.
    #[arg(value_name = "RUN", value_parser = no_stdin)]
    run: PathBuf,
    /// Predicted facts in the place of the folder's: a folder with the table `relations`, a Parquet file, or a submission
    /// in DocRED's JSON.
    #[arg(long, value_name = "PATH", value_parser = no_stdin)]
    relations: Option<PathBuf>,
    /// The folder of the split that they are of [default: the one in RUN that has their first document].
    #[arg(long, value_name = "DIR", value_parser = no_stdin)]
    corpus: Option<PathBuf>,
    /// Another run's folder, or its predicted facts as above, to show beside them.
    #[arg(long, value_name = "PATH", value_parser = no_stdin)]
    against: Option<PathBuf>,
    /// How many documents the page holds at most; figures are of all.
    #[arg(long, value_name = "N", default_value_t = Options::default().documents, value_parser = whole::<u64>)]
    documents: u64,
    /// The page [default: RUN/report.html].
    #[arg(long, value_name = "FILE", value_parser = no_stream)]
    out: Option<PathBuf>,
    /// Replace a file that is no page of docre's.
    #[arg(long)]
    force: bool,
}

/// Reports.
pub fn run(args: &ReportArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = checked(Options { documents: args.documents })?;
    let given = Given { relations: args.relations.clone(), corpus: args.corpus.clone(), against: args.against.clone() };
    let sources = Sources::find(&args.run, &given)?;
    let out = args.out.clone().unwrap_or_else(|| args.run.join("report.html"));
    let listener = messages.listener();
    let written = report::write(&sources, &options, &out, args.force, &|event| listener.hear(&event))?;
    drop(listener);
    messages.say(&format!("{}: {written}", out.display()));
    Ok(Outcome::Done)
}

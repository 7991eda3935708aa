//! The command line: arguments → a stage → messages and an exit code.
//!
//! Data goes to stdout, everything else to stderr. Exit code 0: done; 1: failed, and nothing was changed; 2: wrong
//! usage; 3: done, but some records were rejected.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use docre::corpus::convert::{Conversion, Summary};
use docre::corpus::synthesis::Synthesis;
use docre::corpus::synthetic::{Options, Pattern};
use docre::corpus::{self, CorpusError, Format, reject_line};
use docre::metrics::{self, Request, present};
use docre::query::{self, Output};
use docre::table::{self, TableError, Text};
use indicatif::{ProgressBar, ProgressStyle};

/// Document-level relation extraction in bulk: corpora to tables, tables to relations, metrics and a knowledge graph.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 120)]
#[command(
    after_help = "Example:\n  docre convert --format docred --split dev --out corpora/docred dev.json\n  docre query corpora/docred/dev \"SELECT relation, count(*) FROM facts GROUP BY relation\""
)]
struct Cli {
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(ConvertArgs),
    Synthesize(SynthesizeArgs),
    Evaluate(EvaluateArgs),
    Query(QueryArgs),
}

/// Turn an annotated corpus into tables, or tables back into DocRED's JSON.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  docre convert --format docred --split dev --relation-labels rel_info.json --out corpora/docred dev.json\n  docre convert --format pubtator --split train --candidates Chemical:Disease --mesh 2017MeshTree.txt --out corpora/cdr \\\n      CDR_TrainingSet.PubTator.txt\n  docre convert --to docred --out dev.json corpora/docred/dev\n\nExit code 3 says that some records were rejected: see the table `rejects`."
)]
struct ConvertArgs {
    /// The source's format.
    #[arg(long, value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>()), required_unless_present = "to")]
    format: Option<Format>,
    /// The split's name, also that of its folder below --out.
    #[arg(long, value_name = "NAME", value_parser = folder_name, required_unless_present = "to")]
    split: Option<String>,
    /// Write tables back in this format instead; INPUT is then the folder of a split.
    #[arg(long, value_parser = ["docred"], conflicts_with_all = ["format", "split", "candidates", "mesh", "relation_labels", "unlabelled"])]
    to: Option<String>,
    /// The folder of the corpus; with --to, the file to write [default with --to: stdout].
    #[arg(long, value_name = "PATH", required_unless_present = "to")]
    out: Option<PathBuf>,
    /// Keep only pairs of these entity types, as HEAD:TAIL [default: every ordered pair].
    #[arg(long, value_name = "HEAD:TAIL", value_parser = types, value_delimiter = ',')]
    candidates: Vec<(Text, Text)>,
    /// A MeSH tree file: leave out a negative pair whose tail is a broader term than that of a fact with the same head.
    #[arg(long, value_name = "FILE")]
    mesh: Option<PathBuf>,
    /// A JSON object from relation to label, such as DocRED's rel_info.json; documents with other relations are rejected.
    #[arg(long, value_name = "FILE")]
    relation_labels: Option<PathBuf>,
    /// The source has no relations because nobody annotated any.
    #[arg(long)]
    unlabelled: bool,
    /// Replace tables that were made from other input or with other options.
    #[arg(long)]
    force: bool,
    /// Source files in order; for gda, the folder.
    #[arg(required = true)]
    input: Vec<PathBuf>,
}

/// Make documents with facts that the text states and facts that it only implies.
///
/// Each implied fact is a row of the table `implied`. The same options and seed give the same documents.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  docre synthesize --docs 400 --seed 7 --split train --out corpora/synthetic\n  docre synthesize --docs 80 --seed 7 --first 400 --split dev --out corpora/synthetic --json\n  docre synthesize --docs 100000 --seed 1 --split load --out /tmp/load --implied-share 0"
)]
struct SynthesizeArgs {
    /// How many documents.
    #[arg(long, value_name = "N")]
    docs: u64,
    /// The seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Place of the first document: splits of one corpus take different ones.
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// The split's name, also that of its folder below --out.
    #[arg(long, value_name = "NAME", value_parser = folder_name, default_value = "train")]
    split: String,
    /// The folder of the corpus.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Stated facts a document, on average.
    #[arg(long, value_name = "N", default_value_t = Options::default().facts)]
    facts: usize,
    /// Share of implied facts among all, from 0 to 0.5.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().implied_share)]
    implied_share: f64,
    /// Rules between an implied fact and stated ones, at most.
    #[arg(long, value_name = "N", default_value_t = Options::default().chain_length)]
    chain_length: u32,
    /// Only rules of these patterns, such as \"s>i,i>o\"; may be given several times [default: all four].
    #[arg(long, value_name = "PATTERN", value_parser = str::parse::<Pattern>)]
    pattern: Vec<Pattern>,
    /// Sentences that put two entities side by side and state no relation.
    #[arg(long, value_name = "N", default_value_t = Options::default().distractors)]
    distractors: usize,
    /// Probability that a fact is stated across two sentences.
    #[arg(long, value_name = "P", default_value_t = Options::default().across)]
    across: f64,
    /// Probability that a fact stated in one sentence is put in rare words.
    #[arg(long, value_name = "P", default_value_t = Options::default().paraphrase)]
    paraphrase: f64,
    /// Probability that a fact is missing from the labels though it holds.
    #[arg(long, value_name = "P", default_value_t = Options::default().label_noise)]
    label_noise: f64,
    /// Also write the documents as DocRED's JSON, with rel_info.json, beside the tables.
    #[arg(long)]
    json: bool,
    /// Replace tables that were made with other options.
    #[arg(long)]
    force: bool,
}

/// Score predicted relations against a split's facts.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  docre evaluate --corpus corpora/redocred --split dev --relations predictions.json --train-facts train_annotated.fact\n  docre evaluate --corpus runs/sample --split test --relations runs/a --against runs/b --format json"
)]
struct EvaluateArgs {
    /// The folder of the corpus, or of the split itself.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME", value_parser = folder_name)]
    split: Option<String>,
    /// The predictions: a folder with the table `relations`, a Parquet file of it, or a submission in DocRED's JSON.
    #[arg(long, value_name = "PATH")]
    relations: PathBuf,
    /// Facts seen in training, for IgnF1: the folder of a split, or a .fact file.
    #[arg(long, value_name = "PATH")]
    train_facts: Option<PathBuf>,
    /// Other predictions, to compare with by a paired bootstrap test.
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// What the run is called [default: as the table says, or the file's name].
    #[arg(long, value_name = "NAME")]
    run_id: Option<String>,
    /// Bootstrap resamples for intervals and tests; 0: none.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    resamples: u64,
    /// The seed of the resamples.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Show each relation's figures too.
    #[arg(long)]
    per_relation: bool,
    /// How figures are written to stdout.
    #[arg(long, value_parser = ["table", "json"], default_value = "table")]
    format: String,
    /// Also write the tables `metrics`, and `comparisons` with --against, into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Query the tables of a folder with SQL.
#[derive(Args)]
#[command(
    after_help = "Example:\n  docre query corpora/docred/dev \"SELECT relation, count(*) AS n FROM facts GROUP BY relation ORDER BY n DESC\"\n\nA table bears the name of its folder; where several below the folder bear one name, that of its path: dev_facts."
)]
struct QueryArgs {
    /// A folder with tables at or below it.
    folder: PathBuf,
    /// One SQL statement.
    #[arg(allow_hyphen_values = true)]
    sql: String,
    /// How the result is written.
    #[arg(long, value_parser = PossibleValuesParser::new(Output::NAMES).try_map(|name| name.parse::<Output>()), default_value = "table")]
    format: Output,
}

/// A name that is one step of a path.
fn folder_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
        return Err("expected a name that can be that of a folder".to_owned());
    }
    Ok(name.to_owned())
}

fn types(pair: &str) -> Result<(Text, Text), String> {
    match pair.split_once(':') {
        Some((head, tail)) if !head.is_empty() && !tail.is_empty() => Ok((head.into(), tail.into())),
        _ => Err("expected two types, such as Chemical:Disease".to_owned()),
    }
}

/// How a command that did not fail ended.
enum Outcome {
    Done,
    SomeRejected,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let messages = Messages { quiet: cli.quiet };
    let outcome = match cli.command {
        Command::Convert(args) => convert(args, messages),
        Command::Synthesize(args) => synthesize(args, messages),
        Command::Evaluate(args) => evaluate(&args, messages),
        Command::Query(args) => query(&args),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeRejected) => ExitCode::from(3),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of stdout went away, as `head` does: no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}

fn report(error: &anyhow::Error) {
    let mut stderr = io::stderr();
    // Nothing can be done where stderr itself refuses.
    let _ = writeln!(stderr, "error: {error:#}");
    if let Some(hint) = hint(error) {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

/// What to do next, for errors that leave a choice.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<CorpusError>() {
        return match error {
            CorpusError::Exists { .. } => Some("pass `--force` to replace them, or choose another `--out`"),
            CorpusError::Foreign { .. } => Some("choose another `--out`, or move the files away"),
            CorpusError::NoDocument { .. } => Some("check that `--format` names the format of the files"),
            _ => None,
        };
    }
    if let Some(metrics::Error::Unlabelled(_)) = error.downcast_ref() {
        return Some("evaluate on a labelled split, or submit the predictions where the corpus is scored officially");
    }
    match error.downcast_ref::<TableError>() {
        Some(TableError::NoTable { .. }) => Some("name the folder of a split, which `docre convert` has written"),
        _ => None,
    }
}

/// What goes to stderr while a command runs.
#[derive(Clone, Copy)]
struct Messages {
    quiet: bool,
}

impl Messages {
    fn say(self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// A progress bar where stderr is a terminal, and nothing elsewhere.
    fn bar(self, total: u64, template: &str) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(total).with_style(style)
    }
}

fn convert(args: ConvertArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let (Some(format), Some(split), Some(out)) = (args.format, args.split, &args.out) else {
        return export(&args.input, args.out.as_deref());
    };
    let conversion = Conversion {
        format,
        split,
        inputs: args.input,
        candidates: args.candidates,
        mesh: args.mesh,
        relation_labels: args.relation_labels,
        unlabelled: args.unlabelled,
    };
    let n_bytes = conversion.inputs.iter().filter_map(|input| input.metadata().ok()).map(|file| file.len()).sum();
    let bar = messages.bar(n_bytes, "{bar:30} {bytes}/{total_bytes} {msg} {eta} left");
    let progress = |bytes: u64, documents: u64| {
        bar.set_position(bytes);
        bar.set_message(format!("{documents} documents, {:.0}/s", documents as f64 / bar.elapsed().as_secs_f64()));
    };
    let summary = conversion.run(out, args.force, &progress)?;
    bar.finish_and_clear();
    Ok(told(&summary, messages))
}

fn synthesize(args: SynthesizeArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let patterns = if args.pattern.is_empty() { Pattern::ALL.to_vec() } else { args.pattern };
    let synthesis = Synthesis {
        options: Options {
            seed: args.seed,
            facts: args.facts,
            implied_share: args.implied_share,
            chain_length: args.chain_length,
            patterns,
            distractors: args.distractors,
            across: args.across,
            paraphrase: args.paraphrase,
            label_noise: args.label_noise,
        },
        first: args.first,
        n_documents: args.docs,
        split: args.split,
        json: args.json,
    };
    let bar = messages.bar(args.docs, "{bar:30} {pos}/{len} documents, {per_sec}, {eta} left");
    let summary = synthesis.run(&args.out, args.force, &|_, documents| bar.set_position(documents))?;
    bar.finish_and_clear();
    Ok(told(&summary, messages))
}

fn told(summary: &Summary, messages: Messages) -> Outcome {
    let folder = summary.folder.display();
    let Some(totals) = summary.totals else {
        messages.say(&format!("{folder}: up to date"));
        return Outcome::Done;
    };
    messages.say(&format!(
        "{folder}: {} documents, {} tokens, {} entities, {} pairs ({} left out), {} facts",
        totals.documents, totals.tokens, totals.entities, totals.pairs, totals.left_out, totals.facts
    ));
    if summary.n_rejects == 0 {
        return Outcome::Done;
    }
    messages.say(&format!("{} records were rejected, see {folder}/rejects:", summary.n_rejects));
    for reject in &summary.rejects {
        messages.say(&format!("  {}", reject_line(reject)));
    }
    Outcome::SomeRejected
}

/// Writes tables back as DocRED's JSON.
fn export(input: &[PathBuf], out: Option<&Path>) -> anyhow::Result<Outcome> {
    let [folder] = input else { bail!("expected the folder of one split, got {}", input.len()) };
    corpus::export(folder, out)?;
    Ok(Outcome::Done)
}

fn evaluate(args: &EvaluateArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let tables = args.split.as_ref().map_or_else(|| args.corpus.clone(), |split| args.corpus.join(split));
    let names =
        if args.split.is_some() { [Some(&*args.corpus), Some(&*tables)] } else { [tables.parent(), Some(&*tables)] };
    let [corpus, split] = names.map(|path| path.and_then(Path::file_name).unwrap_or_default().to_string_lossy());
    let request = Request {
        training_facts: args.train_facts.as_deref(),
        corpus: &corpus,
        split: &split,
        run_id: args.run_id.as_deref(),
        resamples: args.resamples,
        seed: args.seed,
        ..Request::new(&tables, &args.relations)
    };
    let evaluation = metrics::evaluate(&request)?;
    let comparisons = match &args.against {
        Some(other) => {
            evaluation.compare(&metrics::evaluate(&Request { predictions: other, run_id: None, ..request })?)?
        }
        None => Vec::new(),
    };
    for warning in evaluation.notes.warnings() {
        messages.say(&format!("warning: {warning}"));
    }
    let mut stdout = BufWriter::new(io::stdout().lock());
    if args.format == "json" {
        stdout.write_all(present::json(&evaluation.metrics, &comparisons)?.as_bytes())?;
    } else {
        stdout.write_all(present::table(&evaluation.metrics, args.per_relation).as_bytes())?;
        if !comparisons.is_empty() {
            write!(stdout, "\n{}", present::comparison_table(&comparisons))?;
        }
    }
    stdout.flush()?;
    if let Some(out) = &args.out {
        let fingerprint = evaluation.fingerprint();
        table::write(out, &fingerprint, evaluation.metrics)?;
        if args.against.is_some() {
            table::write(out, &fingerprint, comparisons)?;
        }
    }
    Ok(Outcome::Done)
}

fn query(args: &QueryArgs) -> anyhow::Result<Outcome> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    query::run(&args.folder, &args.sql, args.format, &mut stdout)?;
    Ok(Outcome::Done)
}

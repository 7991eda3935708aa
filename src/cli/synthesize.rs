//! `docre synthesize`: options → a synthetic corpus.

use std::path::PathBuf;

use clap::Args;
use docre::corpus::synthetic::Options;
use docre::corpus::synthetic::tables::{Portion, Synthesis, usual_split};
use docre::ground::parsed::FolderName;
use docre::ground::pattern::Pattern;

use super::{Messages, Outcome, checked, no_stream, number, one_of, told, whole};

/// Make documents with facts that the text states and facts that it only implies.
///
/// Each implied fact is a row of the table `implied`. The same options and seed give the same documents.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/synthesize.txt").trim_end()
)]
pub struct SynthesizeArgs {
    /// How many documents.
    #[arg(long, alias = "docs", value_name = "N", value_parser = whole::<u64>)]
    documents: u64,
    /// The seed.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed, value_parser = whole::<u64>)]
    seed: u64,
    /// Place of the first document: splits of one corpus take different ones.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>)]
    first: u64,
    /// The split's name, also that of its folder below --out.
    #[arg(long, value_name = "NAME", default_value_t = usual_split())]
    split: FolderName,
    /// The folder of the corpus.
    #[arg(long, value_name = "DIR", value_parser = no_stream)]
    out: PathBuf,
    /// Stated facts a document, on average.
    #[arg(long, value_name = "N", default_value_t = Options::default().facts, value_parser = whole::<usize>)]
    facts: usize,
    /// Share of implied facts among all, from 0 to 0.5.
    #[arg(long, value_name = "SHARE", default_value_t = Options::default().implied_share, value_parser = number::<f64>)]
    implied_share: f64,
    /// Rules between an implied fact and stated ones, at most.
    #[arg(long, value_name = "N", default_value_t = Options::default().chain_length, value_parser = whole::<u32>)]
    chain_length: u32,
    /// Only rules of these patterns, such as `s>i,i>o`; may be given several times [default: all four].
    #[arg(long, alias = "patterns", value_name = "PATTERN", value_parser = one_of::<Pattern>())]
    pattern: Vec<Pattern>,
    /// Sentences that put two entities side by side and state no relation.
    #[arg(long, value_name = "N", default_value_t = Options::default().distractors, value_parser = whole::<usize>)]
    distractors: usize,
    /// Probability that a fact is stated across two sentences.
    #[arg(long, value_name = "P", default_value_t = Options::default().across, value_parser = number::<f64>)]
    across: f64,
    /// Probability that a fact stated in one sentence is put in rare words.
    #[arg(long, value_name = "P", default_value_t = Options::default().paraphrase, value_parser = number::<f64>)]
    paraphrase: f64,
    /// Probability that a fact is missing from the labels though it holds.
    #[arg(long, value_name = "P", default_value_t = Options::default().label_noise, value_parser = number::<f64>)]
    label_noise: f64,
    /// Probability, for each fact that holds, that the labels have a false one of its relation too, which no sentence
    /// states.
    #[arg(long, value_name = "P", default_value_t = Options::default().false_facts, value_parser = number::<f64>)]
    false_facts: f64,
    /// Also write the documents as DocRED's JSON, with rel_info.json, beside the tables.
    #[arg(long)]
    json: bool,
    /// Replace tables that were made with other options, and the JSON files.
    #[arg(long)]
    force: bool,
}

/// Synthesizes.
pub fn run(args: SynthesizeArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let patterns = if args.pattern.is_empty() { Options::default().patterns } else { args.pattern };
    let options = checked(Options {
        seed: args.seed,
        facts: args.facts,
        implied_share: args.implied_share,
        chain_length: args.chain_length,
        patterns,
        distractors: args.distractors,
        across: args.across,
        paraphrase: args.paraphrase,
        label_noise: args.label_noise,
        false_facts: args.false_facts,
    })?;
    let portion = checked(Portion { split: args.split, documents: args.documents, first: args.first })?;
    let synthesis = Synthesis { options, portion, json: args.json };
    let listener = messages.listener();
    let summary = synthesis.run(&args.out, args.force, &|event| listener.hear(&event))?;
    drop(listener);
    Ok(told(&summary, messages))
}

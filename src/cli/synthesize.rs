//! `docre synthesize`: options → a synthetic corpus.

use std::path::PathBuf;

use clap::Args;
use docre::corpus::synthetic::Options;
use docre::corpus::synthetic::tables::Synthesis;
use docre::ground::pattern::Pattern;

use super::{Messages, Outcome, folder_name, told};

/// Make documents with facts that the text states and facts that it only implies.
///
/// Each implied fact is a row of the table `implied`. The same options and seed give the same documents.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:\n  docre synthesize --docs 400 --seed 7 --split train --out corpora/synthetic\n  docre synthesize --docs 80 --seed 7 --first 400 --split dev --out corpora/synthetic --json\n  docre synthesize --docs 100000 --seed 1 --split load --out /tmp/load --implied-share 0"
)]
pub struct SynthesizeArgs {
    /// How many documents.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=u64::from(u32::MAX)))]
    docs: u64,
    /// The seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Place of the first document: splits of one corpus take different ones.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1 << 53))]
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
    /// Only rules of these patterns, such as `s>i,i>o`; may be given several times [default: all four].
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
    /// Replace tables that were made with other options, and the JSON files.
    #[arg(long)]
    force: bool,
}

/// Synthesizes.
pub fn run(args: SynthesizeArgs, messages: Messages) -> anyhow::Result<Outcome> {
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
    let listener = messages.listener();
    let summary = synthesis.run(&args.out, args.force, &|event| listener.hear(&event))?;
    drop(listener);
    Ok(told(&summary, messages))
}

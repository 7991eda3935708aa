//! Why a split cannot be scored.

use std::path::PathBuf;

use checkpoint::CheckpointError;
use corpus::CorpusError;
use decide::DecideError;
use examples::ExamplesError;
use ground::hint::{Hint, Words};
use ground::interrupt::Interrupted;
use nn::device::{DeviceError, FOR_ANOTHER_CARD, Failure};
use pieces::PiecesError;
use submission::SubmissionError;
use table::TableError;

use super::shard::Shard;

/// Why a split cannot be scored. Finished parts are kept.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The documents cannot be cut.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    /// The split cannot be read as the checkpoint wants it.
    #[error(transparent)]
    Examples(#[from] ExamplesError),
    /// The decision cannot be taken.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// A table cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model does not iterate.
    #[error("{}: expected a model that infers, `docre-ii` with `K` above 0", .0.display())]
    Iterations(PathBuf),
    /// The checkpoint was trained on one corpus, or nobody knows on what.
    #[error("{}: expected the card of a checkpoint of several corpora, to score like one of `{corpus}`, found none", checkpoint.display())]
    OfNone {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// The corpus.
        corpus: String,
    },
    /// The checkpoint was trained on several corpora, none of which is called so.
    #[error("{}: {reason}", checkpoint.display())]
    Unlike {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// What is known.
        reason: String,
    },
    /// Inference is to begin with relations, and not to take place.
    #[error("`first_relations`: expected none, as `iterations` is 0 and nothing begins with them")]
    FirstOfNone,
    /// An option is out of range.
    #[error("{0}")]
    Options(String),
    /// A row of documents in memory is wrong.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// No shard of a run is finished.
    #[error("{}: expected the finished shards of a run, found none", .0.display())]
    NoShards(PathBuf),
    /// Some shards of a run are not finished.
    #[error("{}: expected {of} finished shards, found none of {shards}", out.display())]
    Missing {
        /// Where they go.
        out: PathBuf,
        /// How many there are to be.
        of: usize,
        /// Which are missing.
        shards: String,
        /// The first of them.
        first: Shard,
    },
    /// Some shards are of another run.
    #[error("{}: expected shards of this checkpoint, corpus and options, got others: {shards}", out.display())]
    Foreign {
        /// Where they are.
        out: PathBuf,
        /// Which.
        shards: String,
        /// The first of them.
        first: Shard,
    },
    /// What finished shards have left word of cannot be read or written.
    #[error("{}: cannot read or write", path.display())]
    Shards {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// None of the relations to begin with can be used.
    #[error(
        "{}: expected relations of the model about documents of the split, got {count} of others alone, the first {first}",
        path.display()
    )]
    Elsewhere {
        /// Where they are.
        path: PathBuf,
        /// How many there are.
        count: u64,
        /// A relation or a document of the first.
        first: String,
    },
    /// Inference is to begin with relations, where evidence alone is scored.
    #[error("`first_relations`: expected none where documents are scored on their evidence alone")]
    FirstOnEvidence,
    /// There are no weights of sentences.
    #[error("{}: expected the table `sentence_weights` of a run over the same split, found none", .0.display())]
    NoWeights(PathBuf),
    /// The weights lie where the tables are to go.
    #[error("{}: expected another folder than that of the run whose evidence is scored", .0.display())]
    OverItself(PathBuf),
    /// A weight is of a sentence that its document does not have.
    #[error("{}: document `{document}`: expected one of its {n_sentences} sentences, got sentence {sentence}", path.display())]
    Sentence {
        /// The weights.
        path: PathBuf,
        /// The document.
        document: String,
        /// The sentence.
        sentence: u32,
        /// How many it has.
        n_sentences: usize,
    },
    /// What is cut of a document is not in it: a fault of docre's.
    #[error("expected sentences of the documents that are scored together, got others")]
    Cut,
    /// The relations to begin with cannot be read.
    #[error(transparent)]
    First(#[from] SubmissionError),
    /// The relations to begin with are several.
    #[error("{}: expected the predictions of one run to begin with, got those of several", .0.display())]
    Runs(PathBuf),
    /// The system gives no threads.
    #[error("threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A model predicts a class that its checkpoint has no relation for: a fault of docre's.
    #[error("class {class}: expected one of the checkpoint's {known} relations, from 1")]
    Class {
        /// The class.
        class: u32,
        /// The relations.
        known: usize,
    },
    /// The program was told to stop.
    #[error("{0}")]
    Stopped(#[from] Interrupted),
    /// The computation fails.
    #[error("model")]
    Model(#[from] candle_core::Error),
    /// What a dead run has left cannot be removed.
    #[error("{}: cannot remove", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl Hint for ScoreError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Checkpoint(error) => error.hint(),
            Self::Pieces(error) => error.hint(),
            Self::Examples(error) => error.hint(),
            Self::Decide(error) => error.hint(),
            Self::First(error) => error.hint(),
            Self::Table(error) => error.hint(),
            Self::Device(error) => error.hint(),
            Self::Corpus(error) => error.hint(),
            Self::NoShards(_) => Some("score each first: the same command with `--shard I/N` for `--join`".into()),
            Self::Missing { first, .. } | Self::Foreign { first, .. } => Some(
                format!("the same command with `--shard {first}` for `--join` scores it, or goes on with it").into(),
            ),
            Self::NoWeights(_) => Some(
                "score the split first with a model that was taught evidence (`evidence_weight`, `attention_weight` when it \
                 is trained)"
                    .into(),
            ),
            Self::OverItself(_) => Some("choose another `--out`: both tables of scores are wanted".into()),
            Self::Sentence { .. } => Some("name the weights of a run over this split".into()),
            Self::Model(error) => Failure::of(error).map(of_device),
            _ => None,
        }
    }
}

/// What to do where the device has failed while it computed.
fn of_device(failure: Failure) -> Words {
    match failure {
        Failure::Memory => {
            "the card's memory is full: pass a smaller `--pieces-at-once`, or `--most-pairs` to leave out \
                            the largest documents; parts that are done are kept"
                .into()
        }
        Failure::Build => FOR_ANOTHER_CARD.into(),
        Failure::Device => "the card or its driver has failed: the same command goes on with what is left to do".into(),
    }
}

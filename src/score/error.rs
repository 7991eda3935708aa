//! Why a split cannot be scored.

use std::path::PathBuf;

use checkpoint::CheckpointError;
use decide::DecideError;
use examples::ExamplesError;
use ground::hint::{Hint, Words};
use ground::interrupt::Interrupted;
use nn::device::{DeviceError, FOR_ANOTHER_CARD, Failure};
use pieces::PiecesError;
use submission::SubmissionError;
use table::TableError;

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
    /// Inference is to begin with relations, and not to take place.
    #[error("`first_relations`: expected none, as `iterations` is 0 and nothing begins with them")]
    FirstOfNone,
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

//! Why a training run stops.

use std::path::PathBuf;

use checkpoint::CheckpointError;
use encoder::LoadError;
use encoder::hub::NotFound;
use examples::ExamplesError;
use ground::hint::{Hint, Words};
use ground::interrupt::Interrupted;
use nn::device::{DeviceError, FOR_ANOTHER_CARD, Failure};
use pieces::PiecesError;
use table::TableError;

/// Why a training run stops. Checkpoints that were there stay.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting is out of its range, or settings do not fit each other.
    #[error("settings: {0}")]
    Config(String),
    /// The folder holds a run.
    #[error("{}: holds a training run", .0.display())]
    Exists(PathBuf),
    /// The folder's run was made with other settings, from another corpus, encoder or checkpoint, or by another build.
    #[error(
        "{}: expected a run of these settings on this corpus, with this encoder and by this build of docre, got another",
        .0.display()
    )]
    OtherRun(PathBuf),
    /// A checkpoint stands where the run's is to be, and it is none that a run here has left.
    #[error("{}: expected a checkpoint of this run, found another", .0.display())]
    OtherCheckpoint(PathBuf),
    /// A part of the folder's run, without which it cannot go on, is not there.
    #[error("{}: expected what the run has left there so far, found nothing", .0.display())]
    Lost(PathBuf),
    /// A split has documents without labels.
    #[error("{}: document `{document}`: expected labels, it has none", split.display())]
    Unlabelled {
        /// The split's folder.
        split: PathBuf,
        /// The first such document.
        document: String,
    },
    /// A split has nothing to learn from.
    #[error("{}: expected documents with facts, found none", .0.display())]
    Empty(PathBuf),
    /// A split has no evidence to learn from.
    #[error("{}: expected facts with evidence, which `evidence_weight` is to teach, found none", .0.display())]
    NoEvidence(PathBuf),
    /// The tokenizer has pieces that the encoder does not know.
    #[error("encoder `{encoder}`: expected at most {expected} pieces in its vocabulary, the tokenizer has {got}")]
    Vocabulary {
        /// The encoder.
        encoder: String,
        /// Its embeddings.
        expected: usize,
        /// Pieces of the tokenizer.
        got: usize,
    },
    /// A checkpoint reads or tells other things than the model, or is not that of its base.
    #[error("{role} {}: expected the {what}", folder.display())]
    Misfit {
        /// What it was given as.
        role: &'static str,
        /// Its folder.
        folder: PathBuf,
        /// What differs: expected, then got.
        what: String,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Training has diverged.
    #[error("step {step}: expected a finite loss, got {loss} (first document `{document}`)")]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// The loss.
        loss: f32,
        /// The first document of its batch.
        document: String,
    },
    /// A step cannot be taken.
    #[error("step {step}")]
    Step {
        /// The step, from 1.
        step: u64,
        /// Why.
        source: candle_core::Error,
    },
    /// The dev split cannot be scored.
    #[error("step {step}: on dev")]
    Dev {
        /// The last step before, from 1.
        step: u64,
        /// Why.
        source: candle_core::Error,
    },
    /// The encoder is not at hand.
    #[error(transparent)]
    Encoder(#[from] NotFound),
    /// The encoder cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The documents cannot be cut.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    /// A split cannot be read.
    #[error(transparent)]
    Examples(#[from] ExamplesError),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A table cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The program was told to stop. The last whole epoch is kept.
    #[error("{0}")]
    Stopped(#[from] Interrupted),
    /// The system gives no threads.
    #[error("threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The model cannot be built or computed.
    #[error("model")]
    Model(#[from] candle_core::Error),
}

impl Hint for TrainError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Exists(_) => Some("pass `--resume` to go on with it, or choose another `--out`".into()),
            Self::OtherRun(_) => Some(
                "give it the settings, the corpus and the encoder that it was begun with, or choose another `--out`"
                    .into(),
            ),
            Self::Lost(_) => {
                Some("put it back, or train anew in another `--out`: the run cannot go on without it".into())
            }
            Self::OtherCheckpoint(_) => Some("move it away, or choose another `--out`".into()),
            Self::NoEvidence(_) => {
                Some("set `evidence_weight` to 0, or train on a corpus whose facts name their sentences".into())
            }
            Self::Misfit { role: "teacher", folder, what } if what.starts_with("tokenizer") => Some(
                format!("take its encoder, too, in place of another: `pretrained` \"{}\"", folder.display()).into(),
            ),
            Self::Misfit { role: "teacher", what, .. } if what.starts_with("relations") => Some(
                "train it on this corpus, or learn from where it looks alone: `attention_weight`, without `teaching`"
                    .into(),
            ),
            Self::Misfit { role: "base", .. } => {
                Some("name the checkpoint `base` that a run of two stages with this corpus and encoder has left".into())
            }
            Self::Misfit { role: "begin_with", folder, what } if what.starts_with("tokenizer") => Some(
                format!("take its encoder too, in place of one from nothing: `pretrained` \"{}\"", folder.display())
                    .into(),
            ),
            Self::Device(error) => error.hint(),
            Self::Diverged { step: 1, .. } => Some(
                "nothing has been learnt yet: a weight of the encoder or the base, or a setting, is at fault".into(),
            ),
            Self::Diverged { .. } => Some("try smaller learning rates".into()),
            Self::Dev { source, .. } => Some(
                Failure::of(source)
                    .map_or("where that is a NaN, training has diverged: try smaller learning rates".into(), of_device),
            ),
            Self::Step { source, .. } => Failure::of(source).map(of_device),
            Self::Model(error) => Failure::of(error).map(of_device),
            Self::Encoder(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::Pieces(error) => error.hint(),
            Self::Examples(error) => error.hint(),
            Self::Checkpoint(error) => error.hint(),
            Self::Table(error) => error.hint(),
            _ => None,
        }
    }
}

/// What to do where the device has failed while it computed.
fn of_device(failure: Failure) -> Words {
    match failure {
        Failure::Memory => "the card's memory is full: set a smaller `batch`, with `accumulation` as much greater".into(),
        Failure::Build => FOR_ANOTHER_CARD.into(),
        Failure::Device => {
            "the card or its driver has failed: go on from the last whole epoch with `--resume`, or run the pipeline again"
                .into()
        }
    }
}

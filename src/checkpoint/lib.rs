//! A trained model as a folder: `config.json`, `model.safetensors`, `tokenizer.json`. It is all that scoring needs.
//!
//! Beside them may stand `card.json`, what the model is for ([`Card`]), and `decision.json`, what is decided of what it
//! scores. They are no part of what identifies the model.
//!
//! Models that other code has trained become checkpoints in [`published`].

mod card;
pub mod published;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, Var, safetensors};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use encoder::{EncoderConfig, LoadError, read_weights};
use ground::excerpt::quoted;
use ground::hint::{Hint, Words};
use ground::identity::Identity;
use ground::present;
use ground::settings::{Settings, at_least};
use model::example::Relations;
use model::{Model, Task};
use nn::device::Compute;
use nn::{Unused, Weights};
use pieces::{Markers, PiecesError, Tokenizer};
use table::{Ours, Snapshot, TableError, Text, found_under, holds_only, is_named_file, is_random};

pub use card::{Card, CardCorpus, CardRelation, CorpusRelation, Figures, OfBase, SplitName, mean_f1};
pub use model::ModelConfig;

/// A checkpoint that cannot be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read or written.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Expected, then got.
        reason: String,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] LoadError),
    /// The tokenizer cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] PiecesError),
    /// The folder cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Hint for CheckpointError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Weights(error) => error.hint(),
            Self::Tokenizer(error) => error.hint(),
            Self::Table(error) => error.hint(),
            Self::Io { path, action: "read", .. } if path.ends_with(CONFIG) => Some(
                "name a checkpoint: `model` in the folder of a pipeline's run, or `best` in that of `docre train`"
                    .into(),
            ),
            Self::File { reason, .. } if reason.contains("unknown field") => {
                Some("a later docre may have made it: score with that, or train it anew".into())
            }
            Self::Io { .. } | Self::File { .. } => None,
        }
    }
}

/// What `config.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// The version of docre that wrote it.
    pub docre: String,
    /// The model.
    #[serde(deserialize_with = "ModelConfig::of_checkpoint")]
    pub model: ModelConfig,
    /// Its encoder.
    pub encoder: EncoderConfig,
    /// The relations that it tells apart, by class less one.
    pub relations: Vec<Text>,
    /// The tokenizer's identity.
    pub tokenizer: Text,
    /// Pieces that a document keeps at most.
    pub most_pieces: usize,
    /// What marks where mentions begin and end.
    #[serde(default, skip_serializing_if = "Markers::is_star")]
    pub markers: Markers,
    /// Relations that a pair is given at most.
    pub most_labels: usize,
}

/// A checkpoint in memory.
pub struct Checkpoint {
    /// What it says of itself.
    pub config: CheckpointConfig,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Its weights by name.
    pub weights: BTreeMap<String, Tensor>,
    /// A hash of its three files.
    pub fingerprint: String,
    folder: PathBuf,
}

/// Relations that a pair is given at most, unless asked otherwise: as in the reference code for DocRED.
pub const MOST_LABELS: usize = 4;
/// Files that stand beside these where training goes on from them.
pub const FOR_RESUMING: [&str; 2] = ["state.json", "optimizer.safetensors"];
/// The folder of a run's best checkpoint.
pub const BEST: &str = "best";
/// The folder of the base's best checkpoint, where a first stage trains it.
pub const BASE: &str = "base";
/// A file that may stand beside these: what is decided of what it scores. Where it is to be read, [`decision_in`] says.
pub const DECISION: &str = "decision.json";
/// A file that may stand beside these: what the model is for.
pub const CARD: &str = "card.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

impl CheckpointConfig {
    /// The classes of the model.
    pub fn relations(&self) -> Relations {
        Relations::new(self.relations.iter().cloned())
    }

    /// Whether a model can be made of it.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> Result<(), String> {
        at_least("most_labels", self.most_labels, 1)?;
        pieces::Options { most_pieces: self.most_pieces, markers: self.markers.clone() }.check()?;
        self.model.check()?;
        self.encoder.check()?;
        let (averaged, layers) = (self.model.reads().0, self.encoder.num_hidden_layers);
        if averaged > layers {
            return Err(format!("`averaged_layers`: expected 1 to the {layers} that the encoder has, got {averaged}"));
        }
        Ok(())
    }

    /// The model over some weights.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn build(&self, weights: &mut Weights) -> candle_core::Result<Box<dyn Model>> {
        let n_classes = self.relations.len() + 1;
        self.model.build(&Task { encoder: &self.encoder, n_classes, most_labels: self.most_labels }, weights)
    }

    /// Writes a checkpoint into a folder that its caller makes appear as a whole.
    ///
    /// # Errors
    /// Where the file system refuses.
    pub fn save(
        &self,
        folder: &Path,
        tokenizer: &Tokenizer,
        variables: &BTreeMap<String, Var>,
    ) -> Result<(), CheckpointError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| CheckpointError::File { path: folder.join(CONFIG), reason: error.to_string() })?;
        write(&folder.join(CONFIG), &text)?;
        write(&folder.join(TOKENIZER), &tokenizer.to_json()?)?;
        let weights = variables.iter().map(|(name, variable)| (name.clone(), variable.as_detached_tensor()));
        save_tensors(&folder.join(WEIGHTS), weights)
    }
}

impl Checkpoint {
    /// Reads the checkpoint of a folder.
    ///
    /// # Errors
    /// Where a file is missing, damaged, or replaced meanwhile, or the tokenizer is not the model's.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, CheckpointError> {
        let folder = &*found_under(folder);
        let mut files = [CONFIG, WEIGHTS, TOKENIZER].map(|file| folder.join(file)).to_vec();
        files.retain(|file| file.exists());
        let snapshot = Snapshot::of_files(&files)?;
        let config = read_config(folder)?;
        let tokenizer = Tokenizer::load(folder)?;
        let (expected, got) = (config.encoder.vocab_size, tokenizer.n_pieces());
        if got > expected {
            let reason = format!("expected at most {expected} pieces, as the encoder knows, the tokenizer has {got}");
            return Err(CheckpointError::File { path: folder.join(TOKENIZER), reason });
        }
        if tokenizer.identity() != &*config.tokenizer {
            let reason = format!("expected the tokenizer `{}`, got `{}`", config.tokenizer, tokenizer.identity());
            return Err(CheckpointError::File { path: folder.join(TOKENIZER), reason });
        }
        let fingerprint = fingerprint(folder)?;
        let weights = read_weights(folder, device)?;
        // A run that trains puts each better one in the place of the last.
        snapshot.check()?;
        Ok(Self { config, tokenizer, weights, fingerprint, folder: folder.to_path_buf() })
    }

    /// The model on a device, without gradients, and the weights that it has no place for.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn model(&self, compute: &Compute) -> Result<(Box<dyn Model>, Unused), CheckpointError> {
        let weights = Weights::given(self.weights.clone(), "", 0, &compute.device);
        let mut weights = weights.computing_in(compute.precision.dtype()).fixed();
        let model = self.config.build(&mut weights).map_err(|error| fault(&self.folder.join(WEIGHTS), &error))?;
        Ok((model, weights.unused()))
    }
}

/// What the checkpoint in a folder says of itself.
///
/// # Errors
/// Where there is none, or its file is damaged.
pub fn read_config(folder: &Path) -> Result<CheckpointConfig, CheckpointError> {
    let folder = &*found_under(folder);
    let path = folder.join(CONFIG);
    if !path.exists() && folder.join(BEST).join(CONFIG).is_file() {
        let another = if folder.join(BASE).is_dir() { format!(", `{BASE}` another") } else { String::new() };
        let reason = format!("expected a checkpoint, found a run: `{BEST}` in it is one{another}");
        return Err(CheckpointError::File { path: folder.to_path_buf(), reason });
    }
    let config: CheckpointConfig = serde_json::from_slice(&read(&path)?)
        .map_err(|error| fault(&path, &format!("expected a checkpoint of docre: {error}")))?;
    check_relations(&path, &config.relations)?;
    config.check().map_err(|reason| fault(&path, &reason))?;
    Ok(config)
}

/// Refuses relations that a file names, by class less one, where one has no name or that of another: what is predicted of
/// them could not be told apart.
fn check_relations(path: &Path, relations: &[Text]) -> Result<(), CheckpointError> {
    let mut known = BTreeSet::new();
    for (class, relation) in (1..).zip(relations) {
        if relation.is_empty() {
            return Err(fault(path, &format!("class {class}: expected a relation's name, got an empty one")));
        }
        if !known.insert(relation) {
            return Err(fault(path, &format!("expected each relation once, got {} again", quoted(relation))));
        }
    }
    Ok(())
}

/// The same, where the folder is that of a checkpoint at all; of an encoder's it is none.
///
/// # Errors
/// Where the file cannot be read, or is that of a checkpoint and damaged.
pub fn find_config(folder: &Path) -> Result<Option<CheckpointConfig>, CheckpointError> {
    let path = found_under(folder).join(CONFIG);
    let text = present(ground::read_text(&path));
    let text = text.map_err(|source| CheckpointError::Io { path, action: "read", source })?;
    let is_ours = |text: &String| serde_json::from_str(text).is_ok_and(|config: Value| config.get("docre").is_some());
    text.filter(is_ours).map(|_| read_config(folder)).transpose()
}

/// Where the decision lies that travels with the checkpoint in a folder, if there is one.
pub fn decision_in(folder: &Path) -> PathBuf {
    found_under(folder).join(DECISION)
}

/// Whether a folder is that of a checkpoint with a decision beside it.
pub fn is_decided(folder: &Path) -> bool {
    found_under(folder).join(CONFIG).is_file() && decision_in(folder).is_file()
}

/// Identifies a checkpoint by its three files.
///
/// # Errors
/// Where one of them cannot be read.
pub fn fingerprint(folder: &Path) -> Result<String, CheckpointError> {
    let folder = &*found_under(folder);
    let mut identity = Identity::of("checkpoint");
    for file in [CONFIG, WEIGHTS, TOKENIZER] {
        let path = folder.join(file);
        identity = identity.file(file, &path).map_err(|source| CheckpointError::Io { path, action: "read", source })?;
    }
    Ok(identity.finish())
}

/// Writes named tensors as a safetensors file.
///
/// # Errors
/// Where the file system refuses.
pub fn save_tensors(path: &Path, tensors: impl Iterator<Item = (String, Tensor)>) -> Result<(), CheckpointError> {
    let tensors: HashMap<String, Tensor> = tensors.collect();
    let refused = |source| CheckpointError::Io { path: path.to_path_buf(), action: "write", source };
    // The library makes files that their owner alone may read; these are to be like all others.
    let permissions = File::create(path).and_then(|file| file.metadata()).map_err(refused)?.permissions();
    safetensors::save(&tensors, path).map_err(|error| fault(path, &error))?;
    let durable = fs::set_permissions(path, permissions).and_then(|()| File::open(path)?.sync_all());
    durable.map_err(refused)
}

/// Reads a safetensors file.
///
/// # Errors
/// Where it is missing or damaged.
pub fn read_tensors(path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>, CheckpointError> {
    let tensors = safetensors::load_buffer(&read(path)?, device).map_err(|error| fault(path, &error))?;
    Ok(tensors.into_iter().collect())
}

fn fault(path: &Path, reason: &impl ToString) -> CheckpointError {
    CheckpointError::File { path: path.to_path_buf(), reason: reason.to_string() }
}

/// Writes a file and makes it durable.
///
/// # Errors
/// Where the file system refuses.
pub fn write(path: &Path, text: &str) -> Result<(), CheckpointError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| CheckpointError::Io { path: path.to_path_buf(), action: "write", source })
}

/// The bytes of a file.
///
/// # Errors
/// Where it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    ground::read_file(path).map_err(|source| CheckpointError::Io { path: path.to_path_buf(), action: "read", source })
}

/// How the folder of a checkpoint is known.
pub const OURS: Ours = Ours { is: holds_only_a_checkpoint, names: |name| is_name(name) || is_half(name) };

fn is_name(name: &str) -> bool {
    [CONFIG, WEIGHTS, TOKENIZER, DECISION, CARD].contains(&name) || FOR_RESUMING.contains(&name)
}

/// Whether a file is one in which the library of tensors was writing: it renames what it has written.
fn is_half(name: &str) -> bool {
    name.strip_prefix(".tmp").is_some_and(is_random)
}

/// Whether a folder holds nothing but a checkpoint, so that another may take its place: its config says that docre made
/// it.
fn holds_only_a_checkpoint(folder: &Path) -> bool {
    holds_only(folder, (CONFIG, "docre"), |entry| is_named_file(entry, is_name))
}

//! Configuration and weights from a Hugging Face folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, safetensors};
use serde::Deserialize;

use ground::hint::{Hint, Words};

use super::{EncoderConfig, archive};

/// An encoder's folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{}: cannot read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Expected, then got.
        reason: String,
    },
    /// A file is no archive of PyTorch's that can be read.
    #[error("{}: expected a PyTorch archive: {reason}", path.display())]
    Pickled {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
        /// Whether PyTorch before 1.6 wrote it.
        is_bare: bool,
    },
    /// Git has put a pointer in the place of a file.
    #[error("{}: expected a file of the encoder's, got a pointer of Git LFS to it", path.display())]
    Pointer {
        /// The file.
        path: PathBuf,
    },
    /// The folder has no weights.
    #[error("{}: expected `model.safetensors`, `model.safetensors.index.json` or `pytorch_model.bin`, found none of them", folder.display())]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
}

impl Hint for LoadError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Pickled { is_bare: true, .. } => {
                Some("a file that PyTorch before 1.6 wrote must be saved anew, as `model.safetensors`".into())
            }
            Self::Pointer { .. } => Some("fetch what it stands for, by `git lfs pull` in its folder".into()),
            Self::Io { .. } | Self::File { .. } | Self::Pickled { .. } | Self::NoWeights { .. } => None,
        }
    }
}

/// The shape of the encoder in a folder, from its `config.json`.
///
/// # Errors
/// Where there is none, or it describes an encoder that cannot be built.
pub fn read_config(folder: &Path) -> Result<EncoderConfig, LoadError> {
    let path = folder.join("config.json");
    let text = read(&path)?;
    let config: EncoderConfig = serde_json::from_slice(&text).map_err(|error| fault(&path, &error))?;
    config.check().map_err(|reason| fault(&path, &reason))?;
    Ok(config)
}

/// Every weight in a folder, an encoder's named `model.…` whatever the file calls it: from `model.safetensors`, else
/// its shards by `model.safetensors.index.json`, else `pytorch_model.bin`.
///
/// # Errors
/// Where there is none, or a file is damaged.
pub fn read_weights(folder: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>, LoadError> {
    let [whole, index, pickled] =
        ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"].map(|name| folder.join(name));
    let (path, weights) = if whole.is_file() {
        (&whole, shard(&whole, device)?)
    } else if index.is_file() {
        (&index, sharded(folder, &index, device)?)
    } else if pickled.is_file() {
        (&pickled, unpickle(&pickled)?)
    } else {
        return Err(LoadError::NoWeights { folder: folder.to_path_buf() });
    };
    called(path, weights, published)
}

/// Every weight of a state dict, with names as [`read_weights`] gives them: a safetensors file or an archive of PyTorch,
/// which its content tells.
///
/// # Errors
/// Where it is missing, damaged or neither.
pub fn read_state_dict(path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor>, LoadError> {
    let start = start_of(path)?;
    let is_pickled = [ARCHIVE, BARE].iter().any(|of| start.starts_with(*of));
    let weights = if is_pickled { unpickle(path)? } else { shard(path, device)? };
    // Training on several devices puts `module.` before every name.
    called(path, weights, |name| published(name.strip_prefix("module.").unwrap_or(name)))
}

/// Weights by what they are called here; a file may call one in several ways, but has it once.
fn called(
    path: &Path,
    mut weights: Vec<(String, Tensor)>,
    call: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, Tensor>, LoadError> {
    weights.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut known: BTreeMap<String, (String, Tensor)> = BTreeMap::new();
    for (name, tensor) in weights {
        if let Some((other, _)) = known.get(&call(&name)) {
            // A count that older files hold is read by nobody.
            if name.ends_with(".position_ids") {
                continue;
            }
            let reason = format!("expected each weight once, got `{other}` and `{name}`, which are one");
            return Err(fault(path, &reason));
        }
        known.insert(call(&name), (name, tensor));
    }
    Ok(known.into_iter().map(|(called, (_, tensor))| (called, tensor)).collect())
}

/// How archives of PyTorch begin.
const ARCHIVE: &[u8; 4] = b"PK\x03\x04";
/// How files begin that PyTorch before 1.6 wrote, pickles one after another. No safetensors file does: its header would
/// be of 177 MB or more, and the format allows 100.
const BARE: &[u8; 4] = b"\x80\x02\x8a\x0a";

/// What `model.safetensors.index.json` says: which file holds which weight.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The weights of all shards, each from the one that the index names for it.
fn sharded(folder: &Path, index: &Path, device: &Device) -> Result<Vec<(String, Tensor)>, LoadError> {
    let Index { weight_map } = serde_json::from_slice(&read(index)?).map_err(|error| fault(index, &error))?;
    let names: BTreeSet<&String> = weight_map.values().collect();
    if let Some(name) = names.iter().find(|name| Path::new(name).components().count() != 1 || name.contains("..")) {
        return Err(fault(index, &format!("expected names of files beside it, got `{name}`")));
    }
    let mut weights = BTreeMap::new();
    for name in names {
        for (weight, tensor) in shard(&folder.join(name), device)? {
            let is_named = weight_map.get(&weight);
            if is_named.is_some_and(|other| other != name) {
                continue;
            }
            if weights.insert(weight.clone(), tensor).is_some() {
                return Err(fault(
                    index,
                    &format!("weight `{weight}`: expected the name of its file, as two have one"),
                ));
            }
        }
    }
    match weight_map.iter().find(|(weight, _)| !weights.contains_key(*weight)) {
        Some((weight, name)) => Err(fault(index, &format!("weight `{weight}`: expected it in `{name}`, found none"))),
        None => Ok(weights.into_iter().collect()),
    }
}

fn shard(path: &Path, device: &Device) -> Result<Vec<(String, Tensor)>, LoadError> {
    let weights = safetensors::load_buffer(&read(path)?, device)
        .map_err(|error| fault(path, &format!("expected a whole safetensors file: {error}")))?;
    Ok(weights.into_iter().collect())
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let bytes = ground::read_file(path).map_err(|source| LoadError::Io { path: path.to_path_buf(), source })?;
    if ground::is_pointer(&bytes) {
        return Err(LoadError::Pointer { path: path.to_path_buf() });
    }
    Ok(bytes)
}

fn unpickle(path: &Path) -> Result<Vec<(String, Tensor)>, LoadError> {
    let start = start_of(path)?;
    if ground::is_pointer(&start) {
        return Err(LoadError::Pointer { path: path.to_path_buf() });
    }
    let is_bare = start.starts_with(BARE);
    archive::read(path).map_err(|reason| LoadError::Pickled { path: path.to_path_buf(), reason, is_bare })
}

/// The first bytes of a file, enough to tell what it is.
fn start_of(path: &Path) -> Result<Vec<u8>, LoadError> {
    let mut start = Vec::new();
    let opened = ground::open_file(path).and_then(|file| file.take(64).read_to_end(&mut start));
    opened.map_err(|source| LoadError::Io { path: path.to_path_buf(), source })?;
    Ok(start)
}

fn fault(path: &Path, reason: &impl ToString) -> LoadError {
    LoadError::File { path: path.to_path_buf(), reason: reason.to_string() }
}

/// What published files put before an encoder's names.
const PREFIXES: [&str; 5] = ["bert.", "roberta.", "camembert.", "electra.", "model."];

/// The one name of a weight that published files call differently.
fn published(name: &str) -> String {
    let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let modern = match bare.rsplit_once('.') {
        Some((layer, "gamma")) => format!("{layer}.weight"),
        Some((layer, "beta")) => format!("{layer}.bias"),
        _ => bare.to_owned(),
    };
    let is_encoder =
        ["embeddings.", "embeddings_project.", "encoder.", "pooler."].iter().any(|part| modern.starts_with(part));
    if is_encoder { format!("model.{modern}") } else { name.to_owned() }
}

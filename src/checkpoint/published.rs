//! A state dict that ATLOP's released code has saved → a checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use encoder::{read_config, read_state_dict};
use ground::settings::{Settings, at_least};
use model::atlop::AtlopConfig;
use nn::{Unused, Weights};
use pieces::Tokenizer;
use table::{Staging, TableError, Text, restore};

use super::{CheckpointConfig, CheckpointError, MOST_LABELS, ModelConfig, OURS, fault, read};

/// What a checkpoint is made of.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// The state dict: an archive of PyTorch or a safetensors file, with the weights `model.*`, `head_extractor.*`,
    /// `tail_extractor.*` and `bilinear.*`.
    pub weights: &'a Path,
    /// The folder of its encoder: `config.json` and a tokenizer.
    pub encoder: &'a Path,
    /// Its relations in JSON: an object that gives each its class, as the code's `rel2id.json`, or a list in the order
    /// of the classes. Class 0, no relation, is the threshold; a list may leave it out.
    pub relations: &'a Path,
    /// What the model was trained with.
    pub options: &'a Options,
}

/// What a model was trained with, which no file of it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Relations that a pair is given at most: 4 for DocRED, 1 for CDR and GDA.
    pub most_labels: usize,
    /// Pieces that a document keeps at most.
    pub most_pieces: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { most_labels: MOST_LABELS, most_pieces: pieces::Options::default().most_pieces }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        at_least("most_labels", self.most_labels, 1)?;
        pieces::Options { most_pieces: self.most_pieces }.check()
    }
}

/// Makes a checkpoint in the folder `out`, and returns the weights that it left behind. Where `force` is set, a
/// checkpoint that stands there is replaced.
///
/// # Errors
/// Where a file is missing or damaged, the files do not fit each other, or something stands at `out`.
pub fn convert(published: &Published<'_>, out: &Path, force: bool) -> Result<Unused, CheckpointError> {
    restore(out, OURS)?;
    if out.exists() && !force {
        return Err(TableError::Stands { path: out.to_path_buf() }.into());
    }
    let weights = read_state_dict(published.weights, &Device::Cpu)?;
    let tokenizer = Tokenizer::load(published.encoder)?;
    let config = config(published, &weights, &tokenizer)?;
    let mut weights = Weights::given(weights, "", 0, &Device::Cpu);
    config.build(&mut weights).map_err(|error| fault(published.weights, &error))?;
    let staging = Staging::begin_over(out, OURS)?;
    config.save(staging.folder(), &tokenizer, weights.variables())?;
    staging.commit()?;
    Ok(weights.unused())
}

fn config(
    published: &Published<'_>,
    weights: &BTreeMap<String, Tensor>,
    tokenizer: &Tokenizer,
) -> Result<CheckpointConfig, CheckpointError> {
    let (embedding, _) = shape(published.weights, weights, "head_extractor.weight")?;
    let (classes, columns) = shape(published.weights, weights, "bilinear.weight")?;
    Ok(CheckpointConfig {
        docre: env!("CARGO_PKG_VERSION").to_owned(),
        model: ModelConfig::Atlop(AtlopConfig { embedding, block: columns / embedding.max(1) }),
        encoder: read_config(published.encoder)?,
        relations: relations(published.relations, classes)?,
        tokenizer: tokenizer.identity().into(),
        most_pieces: published.options.most_pieces,
        most_labels: published.options.most_labels,
    })
}

/// Rows and columns of a weight.
fn shape(path: &Path, weights: &BTreeMap<String, Tensor>, name: &str) -> Result<(usize, usize), CheckpointError> {
    match weights.get(name).map(Tensor::dims) {
        Some(&[rows, columns]) => Ok((rows, columns)),
        Some(other) => Err(fault(path, &format!("weight `{name}`: expected rows and columns, got {other:?}"))),
        None => Err(fault(path, &format!("expected a state dict of ATLOP, found no weight `{name}`"))),
    }
}

/// The file of relations.
#[derive(Deserialize)]
#[serde(untagged)]
enum RelationNames {
    Classes(BTreeMap<Text, usize>),
    Ordered(Vec<Text>),
}

/// The relations from class 1 on.
fn relations(path: &Path, classes: usize) -> Result<Vec<Text>, CheckpointError> {
    let names: RelationNames = serde_json::from_slice(&read(path)?).map_err(|_| {
        fault(path, &"expected an object that gives each relation its class, or a list of relations, got neither")
    })?;
    let names = match names {
        RelationNames::Ordered(names) if names.len() + 1 == classes => return Ok(names),
        RelationNames::Ordered(names) => names,
        RelationNames::Classes(names) => ordered(path, names)?,
    };
    match names.split_first() {
        Some((_threshold, relations)) if names.len() == classes => Ok(relations.to_vec()),
        _ => {
            let got = names.len();
            Err(fault(path, &format!("expected the {classes} classes of `bilinear.weight`, got {got}")))
        }
    }
}

fn ordered(path: &Path, names: BTreeMap<Text, usize>) -> Result<Vec<Text>, CheckpointError> {
    let by_class: BTreeMap<usize, Text> = names.into_iter().map(|(name, class)| (class, name)).collect();
    match by_class.keys().zip(0..).find(|(class, place)| *class != place) {
        Some((class, place)) => Err(fault(path, &format!("expected the classes 0, 1, …, got {class} for {place}"))),
        None => Ok(by_class.into_values().collect()),
    }
}

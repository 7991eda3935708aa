//! A state dict that the released code of ATLOP, DocRE-II or DocRE-SD has saved → a checkpoint.
//!
//! Whose it is its names tell ([`names`]). ATLOP's is our model by our names. The two others make features as their
//! papers do not say, for which there are settings: see [`model::base`].

mod names;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use encoder::{EncoderConfig, EncoderFamily, read_config, read_state_dict};
use ground::settings::{Settings, at_least};
use model::atlop::AtlopConfig;
use model::base::PairFeature;
use model::docre_ii::{Contrastive, DocreIiConfig, Logits};
use model::docre_sd::DocreSdConfig;
use model::pair::Mentions;
use nn::{Unused, Weights};
use pieces::{Cutter, Markers, Tokenizer};
use table::{Staging, TableError, Text, restore};

use super::{CheckpointConfig, CheckpointError, MOST_LABELS, ModelConfig, OURS, check_relations, fault, read};
use names::{Kind, count};

/// Layers of the encoder that the code of DocRE-II and DocRE-SD reads.
const AVERAGED_LAYERS: usize = 3;
/// Types of entities that it has markers for.
const N_TYPES: usize = 6;
const POSITIONS: &str = "model.embeddings.position_embeddings.weight";

/// What a checkpoint is made of.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// The state dict: an archive of PyTorch or a safetensors file.
    pub weights: &'a Path,
    /// The folder of its encoder: `config.json` and a tokenizer.
    pub encoder: &'a Path,
    /// Its relations in JSON: an object that gives each its class, as the code's `rel2id.json`, or a list in the order
    /// of the classes. Class 0, no relation, is the threshold; a list may leave it out.
    pub relations: &'a Path,
    /// The types of entities in JSON, as the code's `ner2id.json`: DocRE-II's and DocRE-SD's mark mentions by them.
    pub types: Option<&'a Path>,
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
        pieces::Options { most_pieces: self.most_pieces, ..Default::default() }.check()
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
    let kind = Kind::of(&weights).map_err(|reason| fault(published.weights, &reason))?;
    let weights = kind.renamed(weights);
    let tokenizer = Tokenizer::load(published.encoder)?;
    let config = config(published, kind, &weights, &tokenizer)?;
    // The vocabulary has to have the markers; else they would be found lacking only where documents are read.
    let tokenizer = Cutter::new(tokenizer, config.most_pieces).marking(&config.markers)?.into_tokenizer();
    let mut weights = Weights::given(weights, "", 0, &Device::Cpu);
    config.build(&mut weights).map_err(|error| fault(published.weights, &error))?;
    let staging = Staging::begin_over(out, OURS)?;
    config.save(staging.folder(), &tokenizer, weights.variables())?;
    staging.commit()?;
    Ok(weights.unused())
}

fn config(
    published: &Published<'_>,
    kind: Kind,
    weights: &BTreeMap<String, Tensor>,
    tokenizer: &Tokenizer,
) -> Result<CheckpointConfig, CheckpointError> {
    let markers = markers(published, kind)?;
    let shape = |name: &str| shape(published.weights, weights, name);
    let (embedding, _) = shape("head_extractor.weight")?;
    let products = if kind == Kind::Atlop { "bilinear.weight" } else { "pair_feature.weight" };
    let block = shape(products)?.1 / embedding.max(1);
    let (model, classes) = match kind {
        Kind::Atlop => {
            (ModelConfig::Atlop(AtlopConfig { embedding, block, ..AtlopConfig::default() }), "bilinear.weight")
        }
        Kind::DocreIi => (ModelConfig::DocreIi(docre_ii(weights, (embedding, block))), "classifier.weight"),
        Kind::DocreSd => (ModelConfig::DocreSd(docre_sd(weights, (embedding, block))), "reasoning.classifier.weight"),
    };
    let encoder = read_config(published.encoder)?;
    Ok(CheckpointConfig {
        docre: env!("CARGO_PKG_VERSION").to_owned(),
        model,
        encoder: if kind == Kind::Atlop { encoder } else { stretched(published, encoder, shape(POSITIONS)?.0)? },
        relations: relations(published.relations, classes, shape(classes)?.0)?,
        tokenizer: tokenizer.identity().into(),
        most_pieces: published.options.most_pieces,
        markers,
        most_labels: published.options.most_labels,
    })
}

/// What DocRE-II's code does; a state dict without its inference module is that of a base.
fn docre_ii(weights: &BTreeMap<String, Tensor>, (embedding, block): (usize, usize)) -> DocreIiConfig {
    let config = DocreIiConfig {
        embedding,
        block,
        pair_feature: PairFeature::Released,
        averaged_layers: AVERAGED_LAYERS,
        mentions: Mentions::Both,
        logits: Logits::Sum,
        // Its projection has a batch norm: nothing but training has a use for it.
        contrastive: Contrastive::None,
        ..DocreIiConfig::default()
    };
    match weights.get("inference.reduction.weight").and_then(|weight| weight.dims().first().copied()) {
        Some(width) => {
            DocreIiConfig { inference_width: Some(width), layers: count(weights, "inference.layer."), ..config }
        }
        None => DocreIiConfig { iterations: 0, ..config },
    }
}

/// What DocRE-SD's code does.
fn docre_sd(weights: &BTreeMap<String, Tensor>, (embedding, block): (usize, usize)) -> DocreSdConfig {
    DocreSdConfig {
        embedding,
        block,
        pair_feature: PairFeature::Released,
        averaged_layers: AVERAGED_LAYERS,
        mentions: Mentions::Both,
        layers: count(weights, "reasoning.layer."),
        moving_average: count(weights, "average.layer.") > 0,
        highway: true,
        ..DocreSdConfig::default()
    }
}

/// An encoder with as many positions as the state dict has: the code trains three times as many as BERT has.
fn stretched(
    published: &Published<'_>,
    encoder: EncoderConfig,
    positions: usize,
) -> Result<EncoderConfig, CheckpointError> {
    if encoder.family != EncoderFamily::Bert {
        let reason = "expected a BERT, as the released code of DocRE-II and DocRE-SD has, got one of its kin";
        return Err(fault(&published.encoder.join("config.json"), &reason));
    }
    Ok(EncoderConfig { max_position_embeddings: positions, ..encoder })
}

fn markers(published: &Published<'_>, kind: Kind) -> Result<Markers, CheckpointError> {
    match (kind, published.types) {
        (Kind::Atlop, None) => Ok(Markers::Star),
        (Kind::Atlop, Some(_)) => Err(fault(
            published.weights,
            &"expected a state dict of DocRE-II or DocRE-SD beside types, got one of ATLOP",
        )),
        (_, None) => {
            let reason = "expected the numbers of types (`--types`), by which its code marks mentions, got none";
            Err(fault(published.weights, &reason))
        }
        (_, Some(path)) => types(path).map(Markers::Typed),
    }
}

/// The types by their numbers, from 1.
fn types(path: &Path) -> Result<Vec<Text>, CheckpointError> {
    let numbers: BTreeMap<Text, usize> = serde_json::from_slice(&read(path)?)
        .map_err(|_| fault(path, &"expected an object that gives each type of entities its number, got another"))?;
    // The code never marks a mention with 0, which stands for no type.
    let mut types: Vec<(usize, Text)> =
        numbers.into_iter().filter(|(_, number)| *number > 0).map(|(name, number)| (number, name)).collect();
    types.sort_unstable();
    if types.iter().map(|(number, _)| *number).eq(1..=N_TYPES) {
        return Ok(types.into_iter().map(|(_, name)| name).collect());
    }
    let found: Vec<String> = types.iter().map(|(number, _)| number.to_string()).collect();
    let reason = format!(
        "expected types of the numbers 1 to {N_TYPES}, as the released code counts entities from {}, got {}",
        N_TYPES + 1,
        found.join(", ")
    );
    Err(fault(path, &reason))
}

/// Rows and columns of a weight.
fn shape(path: &Path, weights: &BTreeMap<String, Tensor>, name: &str) -> Result<(usize, usize), CheckpointError> {
    match weights.get(name).map(Tensor::dims) {
        Some(&[rows, columns]) => Ok((rows, columns)),
        Some(other) => Err(fault(path, &format!("weight `{name}`: expected rows and columns, got {other:?}"))),
        None => Err(fault(path, &format!("expected a weight `{name}`, found no such weight"))),
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
fn relations(path: &Path, of: &str, classes: usize) -> Result<Vec<Text>, CheckpointError> {
    let relations = named(path, of, classes)?;
    check_relations(path, &relations)?;
    Ok(relations)
}

/// The same as the file names them.
fn named(path: &Path, of: &str, classes: usize) -> Result<Vec<Text>, CheckpointError> {
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
            Err(fault(path, &format!("expected the {classes} classes of `{of}`, got {got}")))
        }
    }
}

fn ordered(path: &Path, names: BTreeMap<Text, usize>) -> Result<Vec<Text>, CheckpointError> {
    let mut by_class: BTreeMap<usize, Text> = BTreeMap::new();
    for (name, class) in names {
        if let Some(other) = by_class.get(&class) {
            let told = format!("expected a class of its own for each relation, got {class} for `{other}` and `{name}`");
            return Err(fault(path, &told));
        }
        by_class.insert(class, name);
    }
    match by_class.keys().zip(0..).find(|(class, place)| *class != place) {
        Some((class, place)) => Err(fault(path, &format!("expected the classes 0, 1, …, got {class} for {place}"))),
        None => Ok(by_class.into_values().collect()),
    }
}

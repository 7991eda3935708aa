//! Settings and a corpus → documents on disk, a tokenizer, and the weights to begin with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use checkpoint::{BASE, Card, Checkpoint, CheckpointConfig};
use encoder::{EncoderConfig, hub, read_config, read_weights};
use examples::{DOCUMENTS_AT_ONCE, Profile, Taken, examples};
use ground::identity::Identity;
use model::Model;
use model::example::{Example, Relations};
use nn::Weights;
use nn::device::Compute;
use pieces::{CutOff, Cutter, Tokenizer, WordCounts, documents, stored};
use table::rows::PairRow;
use table::{Standing, TableError};

use super::TrainError;
use super::card;
use super::config::{EncoderSource, Scratch, TrainConfig};
use super::documents::{DocumentWriter, Documents};
use super::plan::{CLASSIFIER, Stage};

/// What a run works on.
pub struct Prepared {
    /// The documents to train on.
    pub train: Documents,
    /// The documents that choose the best checkpoint.
    pub dev: Documents,
    /// What the checkpoints are for, before an epoch has ended.
    pub card: Card,
    /// What checkpoints say of themselves.
    pub checkpoint: CheckpointConfig,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// Identifies both splits as they were cut.
    pub corpus: String,
    /// The same and the checkpoints that were given.
    pub fingerprint: String,
    /// What the model learns from, where it has a teacher.
    pub teacher: Option<Box<dyn Model>>,
    /// The weights of the base, where it is trained already, and what identifies them.
    base: Option<(BTreeMap<String, Tensor>, String)>,
    encoder: Option<PathBuf>,
}

impl Prepared {
    /// Reads what the settings name. Documents are set down in the folder `out` for as long as this lives.
    ///
    /// # Errors
    /// Where a split or the encoder cannot be used.
    pub fn read(config: &TrainConfig, out: &Path, compute: &Compute) -> Result<Self, TrainError> {
        let [train, dev] = [&config.train, &config.dev].map(|split| config.corpus.join(split));
        let standing = [Standing::of(&train)?, Standing::of(&dev)?];
        for split in [&train, &dev] {
            check_labels(split)?;
        }
        let told = card::relations(&train, &dev)?;
        let relations = Relations::new(told.iter().map(|told| told.relation.clone()));
        let (encoder, shape, tokenizer) = match &config.encoder {
            EncoderSource::Scratch(scratch) => from_scratch(scratch, &train)?,
            EncoderSource::Pretrained(name) => pretrained(name)?,
        };
        let checkpoint = CheckpointConfig {
            docre: env!("CARGO_PKG_VERSION").to_owned(),
            model: config.model.spelt_out(),
            encoder: shape,
            relations: relations.names().to_vec(),
            tokenizer: tokenizer.identity().into(),
            most_pieces: config.most_pieces,
            markers: config.markers.clone(),
            most_labels: config.most_labels,
        };
        let mut cutter = Cutter::new(tokenizer, config.most_pieces).marking(&config.markers)?;
        let splits = standing.each_ref().map(|split| read_as(split, &cutter));
        let identity = Identity::of("prepared").field("splits", &splits.into_iter().collect::<Result<Vec<_>, _>>()?);
        let corpus = identity.clone().finish();
        let mut read =
            |split: &Path, is_taken: fn(&Example) -> bool| read((split, out), &mut cutter, &relations, is_taken);
        let (train_documents, profile) = read(&train, |example| !example.pairs.is_empty())?;
        let (dev_documents, dev_profile) = read(&dev, |_| true)?;
        standing.iter().try_for_each(Standing::check)?;
        for (split, documents) in [(&train, &train_documents), (&dev, &dev_documents)] {
            if !documents.has_facts {
                return Err(TrainError::Empty(split.clone()));
            }
        }
        let (teacher, taught) =
            config.teacher.as_ref().map(|folder| teacher(folder, &checkpoint, compute)).transpose()?.unzip();
        let base = config.base.as_ref().map(|folder| base(folder, &checkpoint)).transpose()?;
        let begun = base.as_ref().map(|(_, begun)| begun);
        let fingerprint = identity.field("teacher", &taught).field("base", &begun).finish();
        let card = Card {
            docre: checkpoint.docre.as_str().into(),
            train: card::split_name(&train, &standing[0], profile.documents)?,
            dev: card::split_name(&dev, &standing[1], dev_profile.documents)?,
            profile,
            relations: told,
            figures: None,
            base: None,
            beside_recipe: config.model.beside_recipe(),
            settings: card::settings(config, taught.as_deref(), begun.map(String::as_str))
                .map_err(|error| TrainError::Config(error.to_string()))?,
        };
        let tokenizer = cutter.into_tokenizer();
        let (train, dev) = (train_documents, dev_documents);
        config.check_folds(train.count()).map_err(TrainError::Config)?;
        Ok(Self { train, dev, card, checkpoint, tokenizer, corpus, fingerprint, teacher, base, encoder })
    }

    /// What the documents of both splits lost at their ends.
    pub fn cut_off(&self) -> CutOff {
        let mut lost = self.train.cut_off;
        lost += self.dev.cut_off;
        lost
    }

    /// What was read, and from where.
    pub fn sources(&self, config: &TrainConfig) -> Vec<String> {
        let split = |name: &str, documents: &Documents| {
            format!("reads {} documents of {}", documents.count(), config.corpus.join(name).display())
        };
        let encoder = self.encoder.as_ref().map(|folder| format!("reads the encoder {}", folder.display()));
        let checkpoints = config.base.iter().chain(&config.teacher);
        let checkpoints = checkpoints.map(|folder| format!("reads the checkpoint {}", folder.display()));
        let splits = [split(&config.train, &self.train), split(&config.dev, &self.dev)];
        splits.into_iter().chain(encoder).chain(checkpoints).collect()
    }

    /// The weights that a stage of the run in `out` begins with, on a device; what the model has beside these begins at
    /// random.
    ///
    /// # Errors
    /// Where those of the encoder, or of the base before it, cannot be read.
    pub fn weights(&self, seed: u64, stage: &Stage, out: &Path, device: &Device) -> Result<Weights, TrainError> {
        let of_encoder = || self.encoder.as_ref().map(|folder| read_weights(folder, &Device::Cpu)).transpose();
        let given = |weights, prefix| Weights::given(weights, prefix, seed, device);
        if stage.fold.is_some() {
            // As a fresh run does, but for the classifier of the base that all documents have trained.
            let of_encoder = of_encoder()?;
            let prefix = if of_encoder.is_some() { "model." } else { CLASSIFIER };
            let classifier = self.base(out)?.0.into_iter().filter(|(name, _)| is_of_classifier(name));
            return Ok(given(of_encoder.into_iter().flatten().chain(classifier).collect(), prefix));
        }
        if stage.is_over_a_base() {
            return Ok(given(self.base(out)?.0, "model."));
        }
        Ok(of_encoder()?.map_or_else(|| Weights::fresh(seed, device), |weights| given(weights, "model.")))
    }

    /// The weights of the base that all documents have trained, in the run in `out` or before it, and what identifies
    /// them.
    ///
    /// # Errors
    /// Where its checkpoint cannot be read.
    pub fn base(&self, out: &Path) -> Result<(BTreeMap<String, Tensor>, String), TrainError> {
        if let Some(base) = &self.base {
            return Ok(base.clone());
        }
        let checkpoint = Checkpoint::load(&out.join(BASE), &Device::Cpu)?;
        Ok((checkpoint.weights, checkpoint.fingerprint))
    }
}

fn is_of_classifier(name: &str) -> bool {
    name.split('.').next() == Some(CLASSIFIER)
}

/// The documents of a split, set down in a folder as far as they are taken, and what all are made of.
fn read(
    (split, out): (&Path, &Path),
    cutter: &mut Cutter,
    relations: &Relations,
    is_taken: fn(&Example) -> bool,
) -> Result<(Documents, Profile), TrainError> {
    let (mut documents, mut profile) = (DocumentWriter::inside(out)?, Profile::default());
    let taken = Taken { relations, left_out: &BTreeSet::new(), passes_over: false, documents: DOCUMENTS_AT_ONCE };
    for batch in examples(split, cutter, taken)? {
        let batch = batch?;
        batch.examples.iter().filter(|example| is_taken(example)).try_for_each(|example| documents.push(example))?;
        profile += &batch.profile;
    }
    Ok((documents.finish()?, profile))
}

/// The teacher and what identifies it.
fn teacher(folder: &Path, of: &CheckpointConfig, compute: &Compute) -> Result<(Box<dyn Model>, String), TrainError> {
    let checkpoint = like_minded("teacher", folder, of)?;
    let (model, _) = checkpoint.model(compute)?;
    Ok((model, checkpoint.fingerprint))
}

/// The weights of a base that is trained already, and what identifies them.
fn base(folder: &Path, of: &CheckpointConfig) -> Result<(BTreeMap<String, Tensor>, String), TrainError> {
    let checkpoint = like_minded("base", folder, of)?;
    let misfit = |what| TrainError::Misfit { role: "base", folder: folder.to_path_buf(), what };
    if checkpoint.config.encoder != of.encoder {
        return Err(misfit("encoder of the model".to_owned()));
    }
    if checkpoint.config.model.reads() != of.model.reads() {
        return Err(misfit("`averaged_layers` and `mentions` of the model".to_owned()));
    }
    // Settings of what comes after the base may differ: the variables tell whether it is one.
    let model = of.model.base().unwrap_or_else(|| of.model.clone());
    let mut weights = Weights::given(checkpoint.weights.clone(), "", 0, &Device::Cpu);
    if let Err(error) = (CheckpointConfig { model, ..of.clone() }).build(&mut weights) {
        return Err(misfit(format!("base of the model: {error}")));
    }
    if !weights.unused().is_empty() {
        return Err(misfit("base of the model alone, got one with more".to_owned()));
    }
    Ok((checkpoint.weights, checkpoint.fingerprint))
}

/// A checkpoint that reads the same pieces as a model and tells the same relations.
fn like_minded(role: &'static str, folder: &Path, of: &CheckpointConfig) -> Result<Checkpoint, TrainError> {
    let checkpoint = Checkpoint::load(folder, &Device::Cpu)?;
    let fits = [
        ("relations of the model", checkpoint.config.relations == of.relations),
        ("tokenizer of the model", checkpoint.config.tokenizer == of.tokenizer),
        ("markers of the model", checkpoint.config.markers == of.markers),
    ];
    match fits.into_iter().find(|(_, fits)| !fits) {
        Some((what, _)) => Err(TrainError::Misfit { role, folder: folder.to_path_buf(), what: what.to_owned() }),
        None => Ok(checkpoint),
    }
}

type EncoderParts = (Option<PathBuf>, EncoderConfig, Tokenizer);

fn from_scratch(scratch: &Scratch, train: &Path) -> Result<EncoderParts, TrainError> {
    let mut counts = WordCounts::default();
    for document in documents(train)? {
        counts.add(&document?.words);
    }
    let tokenizer = counts.vocabulary(scratch.vocabulary())?;
    let shape = scratch.encoder(tokenizer.n_pieces());
    shape.check().map_err(TrainError::Config)?;
    Ok((None, shape, tokenizer))
}

fn pretrained(name: &str) -> Result<EncoderParts, TrainError> {
    let folder = hub::resolve(name)?;
    let (shape, tokenizer) = (read_config(&folder)?, Tokenizer::load(&folder)?);
    let (expected, got) = (shape.vocab_size, tokenizer.n_pieces());
    if got > expected {
        return Err(TrainError::Vocabulary { encoder: name.to_owned(), expected, got });
    }
    Ok((Some(folder), shape, tokenizer))
}

/// Identifies what a split is read as: its pieces and its pairs, as they stand.
fn read_as(split: &Standing, cutter: &Cutter) -> Result<[String; 2], TableError> {
    Ok([stored::fingerprint(split, cutter)?, split.identity(&["pairs", "relation_types"])?])
}

fn check_labels(split: &Path) -> Result<(), TrainError> {
    for rows in table::read::<PairRow>(split)? {
        if let Some(pair) = rows?.into_iter().find(|pair| pair.labels.is_none()) {
            return Err(TrainError::Unlabelled { split: split.to_path_buf(), document: pair.doc_id.to_string() });
        }
    }
    Ok(())
}

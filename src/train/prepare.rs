//! Settings and a corpus → documents in memory, a tokenizer, and the weights to begin with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use checkpoint::{BASE, Card, Checkpoint, CheckpointConfig};
use encoder::{EncoderConfig, hub, read_config, read_weights};
use examples::{DOCUMENTS_AT_ONCE, Profile, Taken, examples};
use ground::identity::Identity;
use model::Model;
use model::evidence::gold;
use model::example::{Example, Relations};
use nn::Weights;
use nn::device::Compute;
use pieces::{Cutter, MarkedDocument, Tokenizer, documents, stored, train_vocabulary};
use table::rows::PairRow;
use table::{Standing, TableError};

use super::TrainError;
use super::card;
use super::config::{EncoderSource, Scratch, TrainConfig};
use super::plan::{CLASSIFIER, Stage};

/// What a run works on.
pub struct Prepared {
    /// The documents to train on.
    pub train: Vec<Example>,
    /// The documents that choose the best checkpoint.
    pub dev: Vec<Example>,
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
    /// Reads what the settings name.
    ///
    /// # Errors
    /// Where a split or the encoder cannot be used.
    pub fn read(config: &TrainConfig, compute: &Compute) -> Result<Self, TrainError> {
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
        let learns_evidence = config.model.evidence_weight() > 0.0;
        let evidence = learns_evidence.then(|| standing[0].identity(&["facts"])).transpose()?;
        let identity = evidence.iter().fold(identity, |identity, facts| identity.field("evidence", facts));
        let corpus = identity.clone().finish();
        let mut read = |split: &Path, evidence| read(split, &mut cutter, &relations, evidence);
        let ((train_examples, profile), (dev_examples, dev_profile)) =
            (read(&train, learns_evidence)?, read(&dev, false)?);
        standing.iter().try_for_each(Standing::check)?;
        let trained: Vec<Example> = train_examples.into_iter().filter(|example| !example.pairs.is_empty()).collect();
        for (split, examples) in [(&train, &trained), (&dev, &dev_examples)] {
            if examples.iter().all(|example| example.labels.iter().all(Vec::is_empty)) {
                return Err(TrainError::Empty(split.clone()));
            }
        }
        if learns_evidence && trained.iter().all(|example| gold(example).is_empty()) {
            return Err(TrainError::NoEvidence(train));
        }
        let (teacher, taught) =
            config.teacher.as_ref().map(|folder| teacher(folder, &checkpoint, compute)).transpose()?.unzip();
        let base = config.base.as_ref().map(|folder| base(folder, config, &checkpoint)).transpose()?;
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
            settings: card::settings(config, taught.as_deref(), begun.map(String::as_str))
                .map_err(|error| TrainError::Config(error.to_string()))?,
        };
        let tokenizer = cutter.into_tokenizer();
        let (train, dev) = (trained, dev_examples);
        config.check_folds(train.len()).map_err(TrainError::Config)?;
        Ok(Self { train, dev, card, checkpoint, tokenizer, corpus, fingerprint, teacher, base, encoder })
    }

    /// The documents of both splits.
    pub fn examples(&self) -> impl Iterator<Item = &Example> {
        self.train.iter().chain(&self.dev)
    }

    /// What was read, and from where.
    pub fn sources(&self, config: &TrainConfig) -> Vec<String> {
        let split = |name: &str, examples: &[Example]| {
            format!("reads {} documents of {}", examples.len(), config.corpus.join(name).display())
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

/// The documents of a split, all in memory, and what they are made of.
fn read(
    split: &Path,
    cutter: &mut Cutter,
    relations: &Relations,
    evidence: bool,
) -> Result<(Vec<Example>, Profile), TrainError> {
    let (mut all, mut profile) = (Vec::new(), Profile::default());
    let (left_out, passes_over, documents) = (&BTreeSet::new(), false, DOCUMENTS_AT_ONCE);
    let taken = Taken { relations, left_out, passes_over, evidence, documents };
    for batch in examples(split, cutter, taken)? {
        let batch = batch?;
        all.extend(batch.examples);
        profile += &batch.profile;
    }
    Ok((all, profile))
}

/// The teacher and what identifies it.
fn teacher(folder: &Path, of: &CheckpointConfig, compute: &Compute) -> Result<(Box<dyn Model>, String), TrainError> {
    let checkpoint = like_minded("teacher", folder, of)?;
    let (model, _) = checkpoint.model(compute)?;
    Ok((model, checkpoint.fingerprint))
}

/// The weights of a base that is trained already, and what identifies them.
fn base(
    folder: &Path,
    config: &TrainConfig,
    of: &CheckpointConfig,
) -> Result<(BTreeMap<String, Tensor>, String), TrainError> {
    let checkpoint = like_minded("base", folder, of)?;
    let misfit = |what| TrainError::Misfit { role: "base", folder: folder.to_path_buf(), what };
    if checkpoint.config.encoder != of.encoder {
        return Err(misfit("encoder of the model".to_owned()));
    }
    if checkpoint.config.model.reads() != of.model.reads() {
        return Err(misfit("`averaged_layers` and `mentions` of the model".to_owned()));
    }
    let stays = config.second_stage().is_some_and(|second| second.is_frozen());
    if stays && of.model.evidence_weight() > 0.0 && checkpoint.config.model.evidence_weight() <= 0.0 {
        return Err(misfit("base of the model, taught evidence (`evidence_weight`): it stays as it is".to_owned()));
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
    let documents: Vec<MarkedDocument> = documents(train)?.collect::<Result<_, _>>()?;
    let words = documents.iter().flat_map(|document| &document.words);
    let tokenizer = train_vocabulary(words, scratch.vocabulary())?;
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

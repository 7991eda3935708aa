//! Settings and corpora → documents on disk, a tokenizer, and the weights to begin with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use checkpoint::{BASE, Card, Checkpoint, CheckpointConfig, SplitName, find_config};
use encoder::{EncoderConfig, LoadError, hub, read_config, read_weights};
use examples::{DOCUMENTS_AT_ONCE, Profile, Taken, examples};
use ground::identity::{Contents, Identity, content};
use ground::observe::Event;
use model::Model;
use model::example::{Example, Relations};
use nn::Weights;
use nn::device::Compute;
use pieces::{CutOff, Cutter, Tokenizer, WordCounts, documents, stored};
use table::{Standing, TableError, found_under};

use super::TrainError;
use super::begin::{self, Begun, like_minded};
use super::card;
use super::config::{EncoderSource, Scratch, TrainConfig};
use super::corpora::{self, Corpus};
use super::documents::{DocumentWriter, Documents};
use super::plan::{CLASSIFIER, Stage};

/// What a run works on.
pub struct Prepared {
    /// The documents to train on.
    pub train: Documents,
    /// The documents that choose the best checkpoint.
    pub dev: Documents,
    /// The corpora that both are of.
    pub corpora: Vec<Corpus>,
    /// What the checkpoints are for, before an epoch has ended.
    pub card: Card,
    /// What checkpoints say of themselves.
    pub checkpoint: CheckpointConfig,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// Identifies both splits as they were cut.
    pub corpus: String,
    /// The same, and the encoder and the checkpoints that were given.
    pub fingerprint: String,
    /// What the model learns from, where it has a teacher.
    pub teacher: Option<Box<dyn Model>>,
    /// What identifies the teacher.
    pub taught: Option<String>,
    /// The base, where it is trained already.
    base: Option<Begun>,
    /// What all begins with.
    begun: Option<Begun>,
    encoder: Option<Pretrained>,
}

/// An encoder that was trained before.
struct Pretrained {
    folder: PathBuf,
    /// The content of the folder.
    content: String,
}

impl Prepared {
    /// Reads what the settings name. Documents are set down in the folder `out` for as long as this lives. Of `contents`
    /// that are known nothing is read to identify it.
    ///
    /// # Errors
    /// Where a split or the encoder cannot be used.
    pub fn read(config: &TrainConfig, out: &Path, compute: &Compute, contents: &Contents) -> Result<Self, TrainError> {
        let corpora = Corpus::all(config)?;
        let told = corpora::relations(&corpora);
        let relations = Relations::new(told.iter().map(|told| told.relation.clone()));
        let (encoder, shape, tokenizer) = match &config.encoder {
            EncoderSource::Scratch(scratch) => from_scratch(scratch, &corpora)?,
            EncoderSource::Pretrained(name) => pretrained(name, contents)?,
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
        checkpoint.check().map_err(TrainError::Config)?;
        let mut cutter = Cutter::new(tokenizer, config.most_pieces).marking(&config.markers)?;
        let standing = || corpora.iter().flat_map(|corpus| &corpus.standing);
        let splits = standing().map(|split| read_as(split, &cutter));
        let identity = Identity::of("prepared").field("splits", &splits.collect::<Result<Vec<_>, _>>()?);
        let learns_evidence = config.model.taught().evidence > 0.0;
        let evidence = corpora.iter().filter(|_| learns_evidence).map(|corpus| corpus.standing[0].identity(&["facts"]));
        let evidence = evidence.collect::<Result<Vec<_>, _>>()?;
        let identity = evidence.iter().fold(identity, |identity, facts| identity.field("evidence", facts));
        let corpus = identity.clone().finish();
        let mut reading = Reading { out, cutter: &mut cutter, relations: &relations, corpora: &corpora };
        let (train, profiles) = reading.read(0, learns_evidence, |example| !example.pairs.is_empty())?;
        let (dev, dev_profiles) = reading.read(1, false, |_| true)?;
        standing().try_for_each(Standing::check)?;
        if learns_evidence && !train.has_evidence {
            return Err(TrainError::NoEvidence(corpora[0].splits[0].clone()));
        }
        let (teacher, taught) =
            config.teacher.as_ref().map(|folder| teacher(folder, &checkpoint, compute)).transpose()?.unzip();
        let base = config.base.as_ref().map(|folder| begin::base(folder, config, &checkpoint)).transpose()?;
        let begun =
            config.begin_with.as_ref().map(|folder| begin::begin_with(folder, config, &checkpoint)).transpose()?;
        let [of_base, of_begun] = [&base, &begun].map(|begun| begun.as_ref().map(|begun| begun.identity.as_str()));
        let fingerprint = identity.field("teacher", &taught).field("base", &of_base).field("begin_with", &of_begun);
        let of_encoder = encoder.as_ref().map(|encoder| &encoder.content);
        let fingerprint = fingerprint.field("encoder", &of_encoder).finish();
        let of_corpora = corpora.iter().zip(&profiles).zip(&dev_profiles);
        let of_corpora = of_corpora.map(|((corpus, profile), dev)| corpus.card(dev.documents, profile));
        let of_corpora = of_corpora.collect::<Result<Vec<_>, _>>()?;
        let card = Card {
            docre: checkpoint.docre.as_str().into(),
            train: SplitName::of_all(of_corpora.iter().map(|corpus| &corpus.train)),
            dev: SplitName::of_all(of_corpora.iter().map(|corpus| &corpus.dev)),
            profile: sum(&profiles),
            relations: told,
            figures: None,
            corpora: if config.corpora.is_empty() { Vec::new() } else { of_corpora },
            base: None,
            beside_recipe: config.model.beside_recipe(),
            settings: card::settings(config, [taught.as_deref(), of_base, of_begun])
                .map_err(|error| TrainError::Config(error.to_string()))?,
        };
        let tokenizer = cutter.into_tokenizer();
        config.check_folds(train.count()).map_err(TrainError::Config)?;
        Ok(Self {
            train,
            dev,
            corpora,
            card,
            checkpoint,
            tokenizer,
            corpus,
            fingerprint,
            teacher,
            taught,
            base,
            begun,
            encoder,
        })
    }

    /// What the documents of both splits lost at their ends.
    pub fn cut_off(&self) -> CutOff {
        let mut lost = self.train.cut_off;
        lost += self.dev.cut_off;
        lost
    }

    /// What was read, and from where.
    pub fn sources(&self, config: &TrainConfig) -> Vec<String> {
        let split = |(place, path): (usize, &PathBuf), corpus: usize| {
            let documents = if place == 0 { &self.train } else { &self.dev };
            format!("reads {} documents of {}", documents.count_of(corpus), path.display())
        };
        let of_corpus = |(place, corpus): (usize, &Corpus)| {
            corpus.splits.iter().enumerate().map(|of| split(of, place)).collect::<Vec<_>>()
        };
        let encoder = self.encoder.as_ref().map(|encoder| format!("reads the encoder {}", encoder.folder.display()));
        let checkpoints = config.base.iter().chain(&config.teacher).chain(&config.begin_with);
        let checkpoints = checkpoints.map(|folder| format!("reads the checkpoint {}", folder.display()));
        let splits = self.corpora.iter().enumerate().flat_map(of_corpus);
        splits.chain(encoder).chain(checkpoints).collect()
    }

    /// What was taken of the checkpoints that it begins with, and what not; and what is odd of the corpora.
    pub fn told(&self) -> impl Iterator<Item = Event> {
        let begun = self.base.iter().chain(&self.begun).flat_map(|begun| begun.told.iter().cloned());
        begun.chain(self.oddities().into_iter().map(Event::Warning))
    }

    /// What people may not have meant: a split that trains and chooses, and relations of a corpus that become one.
    fn oddities(&self) -> Vec<String> {
        let Card { train, dev, corpora, .. } = &self.card;
        let of_each = corpora.iter().map(|corpus| (&corpus.train, &corpus.dev));
        let splits = of_each.chain(corpora.is_empty().then_some((train, dev)));
        let same = splits.filter(|(train, dev)| train.identity == dev.identity).map(|(train, _)| {
            let SplitName { corpus, split, .. } = train;
            format!("{corpus}/{split} trains the model and chooses its best epoch: its figures flatter the model")
        });
        let joined = corpora.iter().flat_map(|corpus| {
            corpus.joined().into_iter().map(|(model, own)| {
                let own: Vec<String> = own.into_iter().map(|name| format!("`{name}`")).collect();
                format!("`{}`: the relations {} become one, `{model}`", corpus.name, own.join(", "))
            })
        });
        same.chain(joined).collect()
    }

    /// What identifies the checkpoint that all begins with.
    pub fn begun(&self) -> Option<&str> {
        self.begun.as_ref().map(|begun| begun.identity.as_str())
    }

    /// What identifies the encoder that was trained before, where it is one.
    pub fn encoder(&self) -> Option<&str> {
        self.encoder.as_ref().map(|encoder| encoder.content.as_str())
    }

    /// The weights that a stage of the run in `out` begins with, on a device; what the model has beside these begins at
    /// random.
    ///
    /// # Errors
    /// Where those of the encoder, or of the base before it, cannot be read.
    pub fn weights(&self, seed: u64, stage: &Stage, out: &Path, device: &Device) -> Result<Weights, TrainError> {
        let given = |weights, prefix| Weights::given(weights, prefix, seed, device);
        if stage.fold.is_some() {
            // As a fresh run does, but for the classifier of the base that all documents have trained.
            let first = self.first(stage)?;
            let prefix = if first.is_some() { "model." } else { CLASSIFIER };
            let classifier = self.base(out)?.0.into_iter().filter(|(name, _)| is_of_classifier(name));
            return Ok(given(first.into_iter().flatten().chain(classifier).collect(), prefix));
        }
        if stage.is_over_a_base() {
            let begun = self.begun.iter().flat_map(|begun| begun.weights.clone());
            let of_module = begun.filter(|(name, _)| self.is_of_module(name));
            return Ok(given(self.base(out)?.0.into_iter().chain(of_module).collect(), "model."));
        }
        Ok(self.first(stage)?.map_or_else(|| Weights::fresh(seed, device), |weights| given(weights, "model.")))
    }

    /// Why a stage's model cannot be built: where it begins with an encoder, that one lacks what `config.json` promises.
    pub fn unfit(&self, stage: &Stage, error: candle_core::Error) -> TrainError {
        let is_over_encoder = self.begun.is_none() && !stage.is_over_a_base();
        match self.encoder.as_ref().filter(|_| is_over_encoder) {
            Some(Pretrained { folder, .. }) => TrainError::Misfit {
                role: "encoder",
                folder: folder.clone(),
                what: format!("weights that its `config.json` promises: {error}"),
            },
            None => error.into(),
        }
    }

    /// What a stage begins with that stands over no base: the checkpoint that all begins with, else the encoder.
    fn first(&self, stage: &Stage) -> Result<Option<BTreeMap<String, Tensor>>, TrainError> {
        if let Some(begun) = &self.begun {
            let is_whole = stage.model == self.checkpoint.model;
            let weights = begun.weights.clone().into_iter().filter(|(name, _)| is_whole || !self.is_of_module(name));
            return Ok(Some(weights.collect()));
        }
        let Some(Pretrained { folder, .. }) = &self.encoder else { return Ok(None) };
        let mut weights = read_weights(folder, &Device::Cpu)?;
        if find_config(folder)?.is_some() {
            weights.retain(|name, _| name.starts_with("model."));
        }
        Ok(Some(weights))
    }

    /// Whether a variable is of what stands over the base.
    fn is_of_module(&self, name: &str) -> bool {
        let first = name.split('.').next();
        first == self.checkpoint.model.module() || first == Some("average")
    }

    /// The weights of the base that all documents have trained, in the run in `out` or before it, and what identifies
    /// them.
    ///
    /// # Errors
    /// Where its checkpoint cannot be read.
    pub fn base(&self, out: &Path) -> Result<(BTreeMap<String, Tensor>, String), TrainError> {
        if let Some(base) = &self.base {
            return Ok((base.weights.clone(), base.identity.clone()));
        }
        let checkpoint = Checkpoint::load(&out.join(BASE), &Device::Cpu)?;
        Ok((checkpoint.weights, checkpoint.fingerprint))
    }
}

fn is_of_classifier(name: &str) -> bool {
    name.split('.').next() == Some(CLASSIFIER)
}

/// What documents are read with.
struct Reading<'a> {
    /// The folder of the run.
    out: &'a Path,
    cutter: &'a mut Cutter,
    relations: &'a Relations,
    corpora: &'a [Corpus],
}

impl Reading<'_> {
    /// The documents of the training splits of all corpora, or of the others, set down as far as they are taken; and what
    /// all of each corpus are made of.
    fn read(
        &mut self,
        split: usize,
        evidence: bool,
        is_taken: fn(&Example) -> bool,
    ) -> Result<(Documents, Vec<Profile>), TrainError> {
        let (mut documents, mut profiles) = (DocumentWriter::inside(self.out)?, Vec::new());
        for corpus in self.corpora {
            let (relations, passes_over) = (&corpus.classes(self.relations), corpus.leaves_out());
            let (left_out, at_once) = (&BTreeSet::new(), DOCUMENTS_AT_ONCE);
            let taken = Taken { relations, left_out, passes_over, evidence, documents: at_once };
            let mut profile = Profile::default();
            for batch in examples(&corpus.splits[split], self.cutter, taken)? {
                let batch = batch?;
                for mut example in batch.examples.into_iter().filter(is_taken) {
                    example.doc_id = corpus.document(&example.doc_id);
                    documents.push(&example)?;
                }
                profile += &batch.profile;
            }
            if !documents.end_corpus() {
                return Err(TrainError::Empty(corpus.splits[split].clone()));
            }
            profiles.push(profile);
        }
        Ok((documents.finish()?, profiles))
    }
}

fn sum(profiles: &[Profile]) -> Profile {
    let mut sum = Profile::default();
    profiles.iter().for_each(|profile| sum += profile);
    sum
}

/// The teacher and what identifies it.
fn teacher(folder: &Path, of: &CheckpointConfig, compute: &Compute) -> Result<(Box<dyn Model>, String), TrainError> {
    let checkpoint = like_minded("teacher", folder, of)?;
    if of.model.learns_predictions() && checkpoint.config.relations != of.relations {
        let what = "relations of the model".to_owned();
        return Err(TrainError::Misfit { role: "teacher", folder: folder.to_path_buf(), what });
    }
    let (model, _) = checkpoint.model(compute)?;
    Ok((model, checkpoint.fingerprint))
}

type EncoderParts = (Option<Pretrained>, EncoderConfig, Tokenizer);

fn from_scratch(scratch: &Scratch, corpora: &[Corpus]) -> Result<EncoderParts, TrainError> {
    let mut counts = WordCounts::default();
    for corpus in corpora {
        for document in documents(&corpus.splits[0])? {
            counts.add(&document?.words);
        }
    }
    let tokenizer = counts.vocabulary(scratch.vocabulary())?;
    let shape = scratch.encoder(tokenizer.n_pieces());
    shape.check().map_err(TrainError::Config)?;
    Ok((None, shape, tokenizer))
}

fn pretrained(name: &str, contents: &Contents) -> Result<EncoderParts, TrainError> {
    let folder = hub::resolve(name)?;
    // A checkpoint has an encoder too.
    let (folder, shape) = match find_config(&folder)? {
        Some(config) => (found_under(&folder).into_owned(), config.encoder),
        None => (folder.clone(), read_config(&folder)?),
    };
    let tokenizer = Tokenizer::load(&folder)?;
    let (expected, got) = (shape.vocab_size, tokenizer.n_pieces());
    if got > expected {
        return Err(TrainError::Vocabulary { encoder: name.to_owned(), expected, got });
    }
    let read = || content(&folder).map_err(|source| LoadError::Io { path: folder.clone(), source });
    let content = contents.known(&folder).map_or_else(read, |known| Ok(known.to_owned()))?;
    Ok((Some(Pretrained { folder, content }), shape, tokenizer))
}

/// Identifies what a split is read as: its pieces and its pairs, as they stand.
fn read_as(split: &Standing, cutter: &Cutter) -> Result<[String; 2], TableError> {
    Ok([stored::fingerprint(split, cutter)?, split.identity(&["pairs", "relation_types"])?])
}

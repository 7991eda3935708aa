//! What to train, on what, and how.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use checkpoint::{MOST_LABELS, ModelConfig};
use encoder::{EncoderConfig, EncoderFamily};
use ground::settings::{Settings, at_least, within};
use model::teaching::Teaching;
use nn::device::Precision;
use pieces::{Markers, VocabularyOptions};

use super::corpus_config::CorpusConfig;

/// The settings of a training run, as a file or a section of one gives them. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The model.
    pub model: ModelConfig,
    /// Its encoder.
    pub encoder: EncoderSource,
    /// The folder of the corpus.
    pub corpus: PathBuf,
    /// The split to train on.
    #[serde(default = "train")]
    pub train: String,
    /// The split that chooses the best checkpoint.
    #[serde(default = "dev")]
    pub dev: String,
    /// Several corpora, in the place of one; each has such splits in its own folder below `corpus`, or says where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corpora: Vec<CorpusConfig>,
    /// Peak learning rate of the encoder's variables.
    pub encoder_rate: f64,
    /// Peak learning rate of all others.
    pub head_rate: f64,
    /// Decoupled weight decay of matrices; biases and norms have none.
    #[serde(default)]
    pub weight_decay: f64,
    /// Share of the steps over which the rates rise.
    #[serde(default = "warm_up")]
    pub warm_up: f64,
    /// Global L2 norm to which gradients are scaled down.
    #[serde(default = "one")]
    pub clip: f64,
    /// Passes over the training documents.
    pub epochs: u32,
    /// Documents that are computed together.
    #[serde(default = "four")]
    pub batch: usize,
    /// Batches of a step.
    #[serde(default = "single")]
    pub accumulation: usize,
    /// The type in which matrix products are computed; absent: `bf16` on a CUDA device, `f32` on the CPU.
    #[serde(default)]
    pub precision: Option<Precision>,
    /// Where all random numbers come from.
    #[serde(default)]
    pub seed: u64,
    /// Epochs without a better F1 after which training stops; absent: never.
    #[serde(default)]
    pub patience: Option<u32>,
    /// Relations that a pair is given at most.
    #[serde(default = "most_labels")]
    pub most_labels: usize,
    /// Pieces that a document keeps at most.
    #[serde(default = "most_pieces")]
    pub most_pieces: usize,
    /// What marks where mentions begin and end.
    #[serde(default)]
    pub markers: Markers,
    /// Pairs of a document at most that a step takes: of one that has more, those of some entities, drawn anew each time.
    /// Absent: as many as training holds in 8 GiB.
    #[serde(default)]
    pub most_pairs: Option<u64>,
    /// How the whole is trained, where the model has a base that is trained before it; see
    /// [`TrainConfig::second_stage`].
    #[serde(default)]
    pub second_stage: Option<SecondStage>,
    /// The folder of a checkpoint, where the model learns from a teacher.
    #[serde(default)]
    pub teacher: Option<PathBuf>,
    /// The folder of a checkpoint, where the model's base is trained already: it takes the place of the first stage.
    #[serde(default)]
    pub base: Option<PathBuf>,
    /// The folder of a checkpoint with whose variables all begins, as far as they fit: fine-tuning.
    #[serde(default)]
    pub begin_with: Option<PathBuf>,
}

/// The stage that follows that of the base. Absent fields have these values, those of DocRE-II's paper for DocRED over
/// BERT base (Zhang et al. 2022, Table 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecondStage {
    /// Whether a first stage trains the base alone: true.
    pub pretrain_base: bool,
    /// Whether the base then stays as it is: false.
    pub freeze_base: bool,
    /// Parts into which the training documents are dealt, 0 for none: each is read by a base that was trained on all
    /// the others, and the base stays as it is: 0.
    pub folds: u32,
    /// MiB of features that are kept at most of a base that stays as it is: 1024.
    pub most_kept: u32,
    /// Peak learning rate of the base, its encoder included, after the first stage: 10⁻⁵.
    pub base_rate: f64,
    /// Peak learning rate of the module that infers or reasons: 10⁻⁴.
    pub inference_rate: f64,
    /// Passes over the training documents: 15.
    pub epochs: u32,
}

impl Default for SecondStage {
    fn default() -> Self {
        Self {
            pretrain_base: true,
            freeze_base: false,
            folds: 0,
            most_kept: 1024,
            base_rate: 1e-5,
            inference_rate: 1e-4,
            epochs: 15,
        }
    }
}

impl SecondStage {
    /// Whether the base stays as it is. With folds it does: what the module sees of a document in training is not of
    /// the base that it stands over when it scores.
    pub fn is_frozen(&self) -> bool {
        self.freeze_base || self.folds > 0
    }

    fn check(&self) -> Result<(), String> {
        if self.is_frozen() && !self.pretrain_base {
            let name = if self.folds > 0 { "folds" } else { "freeze_base" };
            return Err(format!("`second_stage.{name}`: expected `pretrain_base`, or the base learns nothing"));
        }
        if self.folds == 1 || self.folds > MOST_FOLDS {
            return Err(format!("`second_stage.folds`: expected 0, or 2 to {MOST_FOLDS}, got {}", self.folds));
        }
        Ok(())
    }
}

/// Epochs of a stage at most: more is a slip, and those of all stages are counted through.
const MOST_EPOCHS: u32 = 1_000_000;
/// Folds at most: each costs the training of a base.
const MOST_FOLDS: u32 = 100;

/// Where the encoder comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "EncoderFields")]
pub enum EncoderSource {
    /// A folder, of a checkpoint too, or a name in the Hugging Face cache.
    Pretrained(String),
    /// Drawn at random, with a vocabulary made from the training split.
    Scratch(Scratch),
}

/// The keys of an [`EncoderSource`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncoderFields {
    pretrained: Option<String>,
    scratch: Option<Scratch>,
}

impl TryFrom<EncoderFields> for EncoderSource {
    type Error = &'static str;

    fn try_from(fields: EncoderFields) -> Result<Self, Self::Error> {
        match (fields.pretrained, fields.scratch) {
            (Some(name), None) => Ok(Self::Pretrained(name)),
            (None, Some(scratch)) => Ok(Self::Scratch(scratch)),
            (Some(_), Some(_)) => Err("expected one of `pretrained` and `scratch`, got both"),
            (None, None) => Err("expected one of `pretrained` and `scratch`, got neither"),
        }
    }
}

/// The shape of an encoder that starts at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scratch {
    /// Layers.
    pub layers: usize,
    /// Width of the hidden states.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward parts.
    pub inner: usize,
    /// Pieces of the vocabulary at most.
    pub vocabulary: usize,
    /// Whether case and accents are dropped.
    #[serde(default)]
    pub lower: bool,
    /// The longest sequence that is read at once, in pieces.
    #[serde(default = "positions")]
    pub positions: usize,
    /// Probability with which values are dropped in training.
    #[serde(default = "tenth")]
    pub dropout: f64,
}

fn train() -> String {
    "train".to_owned()
}

fn dev() -> String {
    "dev".to_owned()
}

fn warm_up() -> f64 {
    0.06
}

fn one() -> f64 {
    1.0
}

fn four() -> usize {
    4
}

fn single() -> usize {
    1
}

fn most_labels() -> usize {
    MOST_LABELS
}

fn most_pieces() -> usize {
    pieces::Options::default().most_pieces
}

fn positions() -> usize {
    512
}

fn tenth() -> f64 {
    0.1
}

impl TrainConfig {
    /// How the whole is trained after its base: with DocRE-II always; with DocRE-SD, which its paper trains at once,
    /// where the settings say how, or name a base.
    pub fn second_stage(&self) -> Option<SecondStage> {
        let is_staged = self.model.is_staged() || self.second_stage.is_some() || self.base.is_some();
        (self.model.base().is_some() && is_staged).then(|| self.second_stage.clone().unwrap_or_default())
    }

    /// The settings without what no weight hangs on: places of files, and how much is kept.
    pub(super) fn without_places(&self) -> Self {
        let second_stage = self.second_stage.clone().map(|second| SecondStage { most_kept: 0, ..second });
        let (corpus, train, dev) = (PathBuf::new(), String::new(), String::new());
        let placeless = |corpus: &CorpusConfig| CorpusConfig { train: None, dev: None, ..corpus.clone() };
        let corpora = self.corpora.iter().map(placeless).collect();
        let encoder = match &self.encoder {
            EncoderSource::Pretrained(_) => EncoderSource::Pretrained(String::new()),
            scratch @ EncoderSource::Scratch(_) => scratch.clone(),
        };
        Self {
            encoder,
            corpus,
            train,
            dev,
            corpora,
            base: None,
            teacher: None,
            begin_with: None,
            second_stage,
            ..self.clone()
        }
    }

    /// Whether there are as many documents as folds.
    pub(super) fn check_folds(&self, documents: usize) -> Result<(), String> {
        match self.second_stage() {
            Some(SecondStage { folds, .. }) if folds as usize > documents => Err(format!(
                "`second_stage.folds`: expected at most the {documents} documents to train on, got {folds}"
            )),
            _ => Ok(()),
        }
    }

    /// Whether there is a base for what is to be done with it.
    fn check_second_stage(&self) -> Result<(), String> {
        let Some(second) = &self.second_stage else { return Ok(()) };
        if self.model.base().is_none() && second.folds > 0 {
            let got = second.folds;
            return Err(format!(
                "`second_stage.folds`: expected 0, as the model has no base that is trained before it, got {got}"
            ));
        }
        Ok(())
    }

    /// What of the settings says nothing, as the model is trained at once.
    pub(super) fn unused(&self) -> Option<&'static str> {
        let is_unused = self.second_stage.is_some() && self.second_stage().is_none();
        is_unused.then_some("the model has no base that is trained before it: `second_stage` says nothing of it")
    }

    /// Whether the model has a use for the checkpoints that it is given.
    fn check_checkpoints(&self) -> Result<(), String> {
        let has_base = self.model.base().is_some();
        let reason = match (self.model.has_teacher(), &self.teacher, &self.base) {
            (true, None, _) => {
                let setting = match self.model.judged().1 {
                    Teaching::Mse { .. } => "`teaching` is `mse`",
                    Teaching::Kl { .. } => "`teaching` is `kl`",
                    Teaching::None if self.model.learns_predictions() => "`distillation` is `teacher`",
                    Teaching::None => "`attention_weight` is above 0",
                };
                return Err(format!(
                    "`teacher`: expected a checkpoint, as {setting}: its folder, or an input of a pipeline's stage"
                ));
            }
            (false, Some(_), _) => "`teacher`: expected none, as the model does not learn from one",
            (.., Some(_)) if !has_base => "`base`: expected none, as the model has no base that is trained before it",
            (.., Some(_)) if self.second_stage.as_ref().is_some_and(|second| !second.pretrain_base) => {
                "`base`: expected none, as `second_stage.pretrain_base` is false"
            }
            _ => return Ok(()),
        };
        Err(reason.to_owned())
    }
}

impl Settings for TrainConfig {
    fn check(&self) -> Result<(), String> {
        let second = self.second_stage.clone().unwrap_or_default();
        let counts = [
            ("epochs", self.epochs as usize),
            ("batch", self.batch),
            ("accumulation", self.accumulation),
            ("most_labels", self.most_labels),
            ("patience", self.patience.unwrap_or(1) as usize),
            ("second_stage.epochs", second.epochs as usize),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("`{name}`: expected at least 1, got 0"));
        }
        within("epochs", self.epochs, 1, MOST_EPOCHS)?;
        within("second_stage.epochs", second.epochs, 1, MOST_EPOCHS)?;
        pieces::Options { most_pieces: self.most_pieces, markers: self.markers.clone() }.check()?;
        at_least("most_pairs", self.most_pairs.unwrap_or(1), 1)?;
        let amounts = [
            ("encoder_rate", self.encoder_rate),
            ("head_rate", self.head_rate),
            ("weight_decay", self.weight_decay),
            ("second_stage.base_rate", second.base_rate),
            ("second_stage.inference_rate", second.inference_rate),
        ];
        if let Some((name, got)) = amounts.iter().find(|(_, amount)| !(amount.is_finite() && *amount >= 0.0)) {
            return Err(format!("`{name}`: expected 0 or more, got {got}"));
        }
        if let EncoderSource::Scratch(scratch) = &self.encoder {
            scratch.check().map_err(|reason| format!("`encoder.scratch.{reason}"))?;
            let (averaged, _) = self.model.reads();
            if averaged > scratch.layers {
                let there = scratch.layers;
                return Err(format!(
                    "`model`: `averaged_layers`: expected at most the {there} of `encoder.scratch.layers`, got {averaged}"
                ));
            }
        }
        if !(0.0..1.0).contains(&self.warm_up) {
            return Err(format!("`warm_up`: expected 0 or more and less than 1, got {}", self.warm_up));
        }
        second.check()?;
        if self.clip.is_nan() || self.clip <= 0.0 {
            return Err(format!("`clip`: expected more than 0, got {}", self.clip));
        }
        self.model.check().map_err(|reason| format!("`model`: {reason}"))?;
        self.check_corpora()?;
        self.check_checkpoints()?;
        self.check_second_stage()
    }
}

/// The widest, deepest encoder that may start at random, and its largest vocabulary: more is a slip.
const GREATEST_WIDTH: usize = 1 << 16;
const MOST_LAYERS: usize = 1000;
const GREATEST_VOCABULARY: usize = 10_000_000;
/// A start, an end and two pieces between them.
const FEWEST_POSITIONS: usize = 4;

impl Scratch {
    /// Whether an encoder can be made of it.
    ///
    /// # Errors
    /// The first field that is out of range, without the backtick before it: expected then got.
    fn check(&self) -> Result<(), String> {
        let counts = [
            ("layers", self.layers, MOST_LAYERS),
            ("hidden", self.hidden, GREATEST_WIDTH),
            ("heads", self.heads, GREATEST_WIDTH),
            ("inner", self.inner, GREATEST_WIDTH),
            ("vocabulary", self.vocabulary, GREATEST_VOCABULARY),
            ("positions", self.positions, GREATEST_WIDTH),
        ];
        if let Some((name, got, most)) = counts.into_iter().find(|(_, count, most)| !(1..=*most).contains(count)) {
            return Err(format!("{name}`: expected 1 to {most}, got {got}"));
        }
        if self.positions < FEWEST_POSITIONS {
            return Err(format!("positions`: expected at least {FEWEST_POSITIONS}, got {}", self.positions));
        }
        let (hidden, heads) = (self.hidden, self.heads);
        if !hidden.is_multiple_of(heads) {
            return Err(format!("heads`: expected a divisor of the hidden width of {hidden}, got {heads}"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("dropout`: expected 0 or more and less than 1, got {}", self.dropout));
        }
        Ok(())
    }

    /// The encoder's shape over a vocabulary.
    pub fn encoder(&self, vocab_size: usize) -> EncoderConfig {
        EncoderConfig {
            family: EncoderFamily::Bert,
            vocab_size,
            embedding_size: None,
            hidden_size: self.hidden,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            intermediate_size: self.inner,
            hidden_act: "gelu".to_owned(),
            hidden_dropout_prob: self.dropout,
            attention_probs_dropout_prob: self.dropout,
            max_position_embeddings: self.positions,
            type_vocab_size: 1,
            layer_norm_eps: 1e-12,
            pad_token_id: 0,
        }
    }

    /// How its vocabulary is made.
    pub fn vocabulary(&self) -> VocabularyOptions {
        VocabularyOptions { size: self.vocabulary, least_count: 2, lower: self.lower }
    }
}

//! The shape of an encoder, as `config.json` gives it.

use serde::{Deserialize, Serialize};

/// Wider vectors are a slip, or a file that means harm: some ten times the largest encoders'.
const GREATEST_WIDTH: usize = 1 << 16;
/// The same of layers.
const MOST_LAYERS: usize = 1000;
/// The same of rows in a table of embeddings.
const MOST_ROWS: usize = 1 << 24;
/// Hugging Face's defaults: of dropout,
const DROPOUT: f64 = 0.1;
/// of the constant in layer norms,
const EPSILON: f64 = 1e-12;
/// of the number of piece types,
const TYPES: usize = 2;
/// and of the width of ELECTRA's embeddings.
const ELECTRA_WIDTH: usize = 128;

/// The families whose computation is BERT's. They differ in positions, in the end pieces of a window, and in the width
/// of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderFamily {
    /// Positions from 0; a window ends with `[SEP]`.
    Bert,
    /// As BERT; embeddings may be narrower than hidden states.
    Electra,
    /// Positions from one past the padding id; a window ends with `</s></s>`.
    Roberta,
    /// As RoBERTa.
    XlmRoberta,
    /// As RoBERTa.
    Camembert,
}

/// The fields of `config.json` that matter, by their Hugging Face names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Published")]
#[expect(missing_docs, reason = "the names are Hugging Face's own")]
pub struct EncoderConfig {
    #[serde(rename = "model_type")]
    pub family: EncoderFamily,
    pub vocab_size: usize,
    /// The width of embeddings, where the family gives them one of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_size: Option<usize>,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub hidden_act: String,
    pub hidden_dropout_prob: f64,
    pub attention_probs_dropout_prob: f64,
    pub max_position_embeddings: usize,
    pub type_vocab_size: usize,
    pub layer_norm_eps: f64,
    pub pad_token_id: usize,
}

/// `config.json` as it stands: a field that is absent has its family's default, as Hugging Face's library has it.
#[derive(Deserialize)]
struct Published {
    model_type: Option<EncoderFamily>,
    architectures: Option<Vec<String>>,
    vocab_size: usize,
    embedding_size: Option<usize>,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Option<String>,
    hidden_dropout_prob: Option<f64>,
    attention_probs_dropout_prob: Option<f64>,
    max_position_embeddings: usize,
    type_vocab_size: Option<usize>,
    layer_norm_eps: Option<f64>,
    pad_token_id: Option<usize>,
    position_embedding_type: Option<String>,
    is_decoder: Option<bool>,
    quantization_config: Option<serde_json::Value>,
}

/// How the names of a family's architectures begin.
const ARCHITECTURES: [(&str, EncoderFamily); 4] = [
    ("Electra", EncoderFamily::Electra),
    ("Roberta", EncoderFamily::Roberta),
    ("XLMRoberta", EncoderFamily::XlmRoberta),
    ("Camembert", EncoderFamily::Camembert),
];

impl Published {
    /// The family; a file that names none is of a time when there was BERT alone, unless its architecture is another's.
    fn family(&self) -> EncoderFamily {
        self.model_type.or_else(|| self.architecture()).unwrap_or(EncoderFamily::Bert)
    }

    /// That of the first architecture which names another than BERT.
    fn architecture(&self) -> Option<EncoderFamily> {
        let named = |name: &String| ARCHITECTURES.iter().find(|(start, _)| name.starts_with(start));
        self.architectures.iter().flatten().find_map(named).map(|(_, family)| *family)
    }

    /// Refuses what changes the computation.
    fn check(&self) -> Result<(), String> {
        if let Some(got) = self.position_embedding_type.as_deref().filter(|kind| *kind != "absolute") {
            return Err(format!("encoder: `position_embedding_type`: expected `absolute`, got `{got}`"));
        }
        if self.is_decoder == Some(true) {
            return Err("encoder: `is_decoder`: expected false, got true".to_owned());
        }
        if self.quantization_config.is_some() {
            return Err("encoder: `quantization_config`: expected none: weights are to be floating-point".to_owned());
        }
        let is_known = |name: &&String| name.starts_with("Bert") || self.architecture().is_some();
        if let Some(got) = self.architectures.iter().flatten().find(|name| self.model_type.is_none() && !is_known(name))
        {
            return Err(format!("encoder: `architectures`: expected those of BERT or RoBERTa, got `{got}`"));
        }
        Ok(())
    }
}

impl TryFrom<Published> for EncoderConfig {
    type Error = String;

    fn try_from(published: Published) -> Result<Self, String> {
        published.check()?;
        let family = published.family();
        let own_width = (family == EncoderFamily::Electra).then(|| published.embedding_size.unwrap_or(ELECTRA_WIDTH));
        Ok(Self {
            family,
            vocab_size: published.vocab_size,
            embedding_size: own_width,
            hidden_size: published.hidden_size,
            num_hidden_layers: published.num_hidden_layers,
            num_attention_heads: published.num_attention_heads,
            intermediate_size: published.intermediate_size,
            hidden_act: published.hidden_act.unwrap_or_else(gelu),
            hidden_dropout_prob: published.hidden_dropout_prob.unwrap_or(DROPOUT),
            attention_probs_dropout_prob: published.attention_probs_dropout_prob.unwrap_or(DROPOUT),
            max_position_embeddings: published.max_position_embeddings,
            type_vocab_size: published.type_vocab_size.unwrap_or(TYPES),
            layer_norm_eps: published.layer_norm_eps.unwrap_or(EPSILON),
            pad_token_id: published.pad_token_id.unwrap_or(usize::from(family.counts_from_padding())),
        })
    }
}

impl EncoderFamily {
    /// Whether positions begin one past the padding id.
    fn counts_from_padding(self) -> bool {
        match self {
            Self::Bert | Self::Electra => false,
            Self::Roberta | Self::XlmRoberta | Self::Camembert => true,
        }
    }
}

fn gelu() -> String {
    "gelu".to_owned()
}

impl EncoderConfig {
    /// A BERT of a given size, for training from scratch: feed-forward parts four times as wide, 512 positions.
    pub fn small(vocab_size: usize, hidden_size: usize, layers: usize, heads: usize) -> Self {
        Self {
            family: EncoderFamily::Bert,
            vocab_size,
            embedding_size: None,
            hidden_size,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: 4 * hidden_size,
            hidden_act: gelu(),
            hidden_dropout_prob: DROPOUT,
            attention_probs_dropout_prob: DROPOUT,
            max_position_embeddings: 512,
            type_vocab_size: 1,
            layer_norm_eps: EPSILON,
            pad_token_id: 0,
        }
    }

    /// Checks that an encoder of this shape can be built.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> Result<(), String> {
        let sizes = [
            ("vocab_size", self.vocab_size, 1, MOST_ROWS),
            ("hidden_size", self.hidden_size, 1, GREATEST_WIDTH),
            ("embedding_size", self.embedding_width(), 1, GREATEST_WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, 1, MOST_LAYERS),
            ("num_attention_heads", self.num_attention_heads, 1, GREATEST_WIDTH),
            ("intermediate_size", self.intermediate_size, 1, 4 * GREATEST_WIDTH),
            ("type_vocab_size", self.type_vocab_size, 1, MOST_ROWS),
            ("max_position_embeddings", self.max_position_embeddings, 0, MOST_ROWS),
        ];
        if let Some((name, size, least, _)) = sizes.iter().find(|(_, size, least, _)| size < least) {
            return Err(format!("encoder: `{name}`: expected at least {least}, got {size}"));
        }
        if let Some((name, size, _, most)) = sizes.iter().find(|(_, size, _, most)| size > most) {
            return Err(format!("encoder: `{name}`: expected at most {most}, got {size}"));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
            return Err(format!("encoder: `num_attention_heads`: expected a divisor of {hidden}, got {heads}"));
        }
        if self.hidden_act != "gelu" {
            return Err(format!("encoder: `hidden_act`: expected `gelu`, got `{}`", self.hidden_act));
        }
        let dropout = [self.hidden_dropout_prob, self.attention_probs_dropout_prob];
        if let Some(got) = dropout.iter().find(|probability| !(0.0..1.0).contains(*probability)) {
            return Err(format!("encoder: dropout: expected 0 or more and less than 1, got {got}"));
        }
        if !(0.0..1.0).contains(&self.layer_norm_eps) {
            let got = self.layer_norm_eps;
            return Err(format!("encoder: `layer_norm_eps`: expected 0 or more and less than 1, got {got}"));
        }
        match self.positions() {
            0..4 => Err(format!("encoder: `max_position_embeddings`: too few, got {}", self.max_position_embeddings)),
            _ => Ok(()),
        }
    }

    /// The width of embeddings.
    pub fn embedding_width(&self) -> usize {
        self.embedding_size.unwrap_or(self.hidden_size)
    }

    /// The position of a sequence's first piece.
    pub fn first_position(&self) -> usize {
        if self.family.counts_from_padding() { self.pad_token_id.saturating_add(1) } else { 0 }
    }

    /// The longest sequence that can be read at once, in pieces.
    pub fn positions(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.first_position())
    }

    /// End pieces after a window that is not a document's last.
    pub fn end_pieces(&self) -> usize {
        if self.family.counts_from_padding() { 2 } else { 1 }
    }
}

//! The shape of an encoder, as `config.json` gives it.

use serde::{Deserialize, Serialize};

/// Wider vectors are a slip, or a file that means harm: some ten times the largest encoders'.
const GREATEST_WIDTH: usize = 1 << 16;
/// The same of layers.
const MOST_LAYERS: usize = 1000;
/// The same of rows in a table of embeddings.
const MOST_ROWS: usize = 1 << 24;

/// The two families, which differ in positions and in the end pieces of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderFamily {
    /// Positions from 0; a window ends with `[SEP]`.
    Bert,
    /// Positions from one past the padding id; a window ends with `</s></s>`.
    Roberta,
}

/// The fields of `config.json` that matter, by their Hugging Face names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are Hugging Face's own")]
pub struct EncoderConfig {
    #[serde(rename = "model_type", default = "bert")]
    pub family: EncoderFamily,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    #[serde(default = "gelu")]
    pub hidden_act: String,
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f64,
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f64,
    pub max_position_embeddings: usize,
    #[serde(default = "one")]
    pub type_vocab_size: usize,
    #[serde(default = "tiny")]
    pub layer_norm_eps: f64,
    #[serde(default)]
    pub pad_token_id: usize,
}

fn bert() -> EncoderFamily {
    EncoderFamily::Bert
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn tenth() -> f64 {
    0.1
}

fn one() -> usize {
    1
}

fn tiny() -> f64 {
    1e-12
}

impl EncoderConfig {
    /// A BERT of a given size, for training from scratch: feed-forward parts four times as wide, 512 positions.
    pub fn small(vocab_size: usize, hidden_size: usize, layers: usize, heads: usize) -> Self {
        Self {
            family: EncoderFamily::Bert,
            vocab_size,
            hidden_size,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: 4 * hidden_size,
            hidden_act: gelu(),
            hidden_dropout_prob: tenth(),
            attention_probs_dropout_prob: tenth(),
            max_position_embeddings: 512,
            type_vocab_size: 1,
            layer_norm_eps: tiny(),
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
        match self.positions() {
            0..4 => Err(format!("encoder: `max_position_embeddings`: too few, got {}", self.max_position_embeddings)),
            _ => Ok(()),
        }
    }

    /// The position of a sequence's first piece.
    pub fn first_position(&self) -> usize {
        match self.family {
            EncoderFamily::Bert => 0,
            EncoderFamily::Roberta => self.pad_token_id.saturating_add(1),
        }
    }

    /// The longest sequence that can be read at once, in pieces.
    pub fn positions(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.first_position())
    }

    /// End pieces after a window that is not a document's last.
    pub fn end_pieces(&self) -> usize {
        match self.family {
            EncoderFamily::Bert => 1,
            EncoderFamily::Roberta => 2,
        }
    }
}

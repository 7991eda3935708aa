//! Piece ids → hidden states, and the attention of chosen pieces: the last layer's, or the mean of the last ones.
//!
//! BERT, RoBERTa and their kin ([`bert`]) over documents of any length ([`window`]), with weights from a Hugging Face folder
//! ([`load`], [`hub`]) or drawn at random ([`nn::Weights`]). Documents lie one after another in one matrix, without padding,
//! so that a document's result does not depend on what it is batched with, but for the last bits of its numbers: in which
//! order a product adds up may change with its size.
//!
//! This module knows no table.

mod bert;
mod config;
pub mod hub;
mod load;
mod archive;
mod pickle;
mod window;

use candle_core::{Result, Tensor, bail};

use nn::{Mode, Span, Weights};

pub use config::{EncoderConfig, EncoderFamily};
pub use load::{LoadError, read_config, read_state_dict, read_weights};

use bert::Bert;

/// A document to encode.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Its pieces, start and end pieces included.
    pub ids: &'a [u32],
    /// The pieces whose attention is wanted.
    pub rows: &'a [u32],
}

/// Encoded documents.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Hidden states, `(pieces of all documents, hidden)`, the mean over the layers that are read.
    pub states: Tensor,
    /// Where each document lies in them.
    pub spans: Vec<Span>,
    /// The attention of their rows, the mean over the same layers. A document without rows is in none of these, every
    /// other in one.
    pub attention: Vec<Attention>,
}

/// The attention of the rows of some documents: of one where operations are fused, else of several of like size, so
/// that a batch takes no more operations than one document.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Which documents, by their places.
    pub documents: Vec<usize>,
    /// `(documents, rows, heads, pieces)` in f32, each row adding up to 1, padded to the most rows and the most pieces:
    /// rows that pad hold anything, pieces that pad have 0.
    pub shares: Tensor,
}

/// A BERT, RoBERTa or one of their kin.
#[derive(Debug, Clone)]
pub struct Encoder {
    bert: Bert,
}

impl Encoder {
    /// An encoder whose variables stand in `weights` under `prefix` (such as `model`), in the published names.
    ///
    /// # Errors
    /// Where a weight is missing or has another shape than the configuration asks for.
    pub fn new(config: &EncoderConfig, weights: &mut Weights, prefix: &str) -> Result<Self> {
        config.check().map_err(candle_core::Error::Msg)?;
        Ok(Self { bert: Bert::new(config, weights, prefix)? })
    }

    /// The same, read at the mean of so many of its last layers, states and attention, in place of the last alone.
    ///
    /// # Errors
    /// Where it has fewer.
    pub fn averaging(mut self, n_layers: usize) -> Result<Self> {
        let most = self.config().num_hidden_layers;
        if n_layers == 0 || n_layers > most {
            bail!("`averaged_layers`: expected 1 to the {most} that the encoder has, got {n_layers}");
        }
        self.bert.average(n_layers);
        Ok(self)
    }

    /// The encoder's shape.
    pub fn config(&self) -> &EncoderConfig {
        self.bert.config()
    }

    /// Encodes documents. One that is longer than the encoder's positions is read in overlapping windows.
    ///
    /// # Errors
    /// Where a piece is not in the vocabulary, or a row is out of range.
    pub fn encode(&self, documents: &[Input], mode: &mut Mode) -> Result<Encoded> {
        documents.iter().try_for_each(|document| self.check(document))?;
        window::encode(&self.bert, documents, mode)
    }

    fn check(&self, document: &Input) -> Result<()> {
        let n_pieces = document.ids.len();
        let size = self.config().vocab_size;
        if let Some(id) = document.ids.iter().find(|&&id| id as usize >= size) {
            bail!("encoder: piece {id} is out of range, the vocabulary has {size} pieces");
        }
        if let Some(row) = document.rows.iter().find(|&&row| row as usize >= n_pieces) {
            bail!("encoder: row {row} is out of range, the document has {n_pieces} pieces");
        }
        if n_pieces < 2 {
            bail!("encoder: expected a start and an end piece, got {n_pieces} pieces");
        }
        Ok(())
    }
}

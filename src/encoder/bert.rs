//! BERT (Devlin et al. 2019), RoBERTa (Liu et al. 2019) and those that compute as they do, in the names of their published
//! checkpoints: XLM-RoBERTa (Conneau et al. 2020), CamemBERT (Martin et al. 2020), ELECTRA (Clark et al. 2020).

mod node;

use candle_core::{DType, Result, Tensor, bail};

use nn::ops::{
    NO_ROW, Places, Sequences, add_bias, attend, attention_of_padded, attention_of_rows, dropout, gather, gelu,
    is_fused, normalize,
};
use nn::{Init, Linear, Mode, Norm, Span, Weights, alike};

use super::{Attention, EncoderConfig};

/// One pass over sequences none of which is longer than the encoder's positions.
pub(super) struct Passed {
    /// `(pieces, hidden)`.
    pub states: Tensor,
    /// The attention of the rows of all sequences that have any.
    pub attention: Vec<Attention>,
}

/// What the layers that are read make, added up.
#[derive(Default)]
struct Sum {
    of: Option<Passed>,
    n_layers: usize,
}

impl Sum {
    /// Adds a layer; the attention of each is of the same rows in the same groups.
    fn add(&mut self, layer: Passed) -> Result<()> {
        self.n_layers += 1;
        let Some(sum) = &mut self.of else {
            self.of = Some(layer);
            return Ok(());
        };
        sum.states = (&sum.states + layer.states)?;
        for (sum, of_layer) in sum.attention.iter_mut().zip(layer.attention) {
            sum.shares = (&sum.shares + of_layer.shares)?;
        }
        Ok(())
    }

    /// The mean; of one layer what it made.
    fn mean(self) -> Result<Passed> {
        let Some(mut sum) = self.of else { bail!("encoder: expected a layer that is read") };
        if self.n_layers > 1 {
            let share = 1.0 / self.n_layers as f64;
            sum.states = (sum.states * share)?;
            for of_rows in &mut sum.attention {
                of_rows.shares = (&of_rows.shares * share)?;
            }
        }
        Ok(sum)
    }
}

/// Queries, keys and values.
#[derive(Debug, Clone)]
enum Projections {
    Apart([Linear; 3]),
    /// Side by side, once and for all.
    Joined(Linear),
}

#[derive(Debug, Clone)]
struct Layer {
    projections: Projections,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

#[derive(Debug, Clone)]
pub(super) struct Bert {
    config: EncoderConfig,
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
    /// From the width of embeddings to that of hidden states, where they differ.
    projection: Option<Linear>,
    layers: Vec<Layer>,
    /// How many of the last are read.
    averaged: usize,
    /// The type of hidden states.
    computing: DType,
}

/// The published deviation of embeddings.
const DEVIATION: f64 = 0.02;
/// The hidden width for which it was published for matrices too.
const PUBLISHED_WIDTH: f64 = 768.0;
/// How many times as large positions begin as words, and queries and keys as the other matrices. With keys that begin as
/// their queries (Trockman and Kolter 2023), pieces attend to those near them from the first step. Where they have to
/// find out where their neighbours are, a small corpus teaches nothing for thousands of steps.
const NEARNESS: f64 = 3.0;

/// Layers side by side.
fn join(parts: &[Linear; 3]) -> Result<Linear> {
    let weight = Tensor::cat(&parts.each_ref().map(|part| &part.weight), 0)?;
    Ok(Linear { weight, bias: Tensor::cat(&parts.each_ref().map(|part| &part.bias), 0)? })
}

impl Layer {
    fn new(config: &EncoderConfig, weights: &mut Weights, name: &str) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let deviation = DEVIATION * (PUBLISHED_WIDTH / hidden as f64).sqrt();
        let query_name = format!("{name}.attention.self.query");
        let mut near = |name: &str| Linear::alike(weights, name, &query_name, (hidden, hidden), NEARNESS * deviation);
        let (query, key) = (near(&query_name)?, near(&format!("{name}.attention.self.key"))?);
        let (init, are_fixed) = ([Init::Normal(deviation), Init::Constant(0.0)], weights.are_fixed());
        let mut linear = |part: &str, shape| Linear::new(weights, &format!("{name}.{part}"), shape, init);
        let projections = [query, key, linear("attention.self.value", (hidden, hidden))?];
        let projections =
            if are_fixed { Projections::Joined(join(&projections)?) } else { Projections::Apart(projections) };
        Ok(Self {
            projections,
            attention_output: linear("attention.output.dense", (hidden, hidden))?,
            intermediate: linear("intermediate.dense", (wide, hidden))?,
            output: linear("output.dense", (hidden, wide))?,
            attention_norm: Norm::new(weights, &format!("{name}.attention.output.LayerNorm"), hidden)?,
            output_norm: Norm::new(weights, &format!("{name}.output.LayerNorm"), hidden)?,
        })
    }

    /// Queries, keys and values side by side, without bias, and the bias: `(pieces, 3·hidden)`, `(3·hidden)`.
    fn project(&self, states: &Tensor) -> Result<(Tensor, Tensor)> {
        match &self.projections {
            Projections::Joined(joined) => Ok((joined.product(states)?, joined.bias.clone())),
            Projections::Apart(parts) => {
                let joined = join(parts)?;
                Ok((joined.product(states)?, joined.bias))
            }
        }
    }

    /// The rest of the layer after attention, `(pieces, hidden)`.
    fn finish(&self, attended: &Tensor, states: &Tensor, config: &EncoderConfig, mode: &mut Mode) -> Result<Tensor> {
        let (epsilon, probability) = (config.layer_norm_eps, config.hidden_dropout_prob);
        let mut close = |x: &Tensor, residual: &Tensor, linear: &Linear, norm: &Norm| {
            let affine = [&linear.bias, &norm.weight, &norm.shift];
            normalize(&linear.product(x)?, residual, affine, epsilon, mode.drop(probability))
        };
        let states = close(attended, states, &self.attention_output, &self.attention_norm)?;
        let wide = gelu(&self.intermediate.product(&states)?, &self.intermediate.bias)?;
        close(&wide, &states, &self.output, &self.output_norm)
    }
}

impl Bert {
    pub(super) fn new(config: &EncoderConfig, weights: &mut Weights, prefix: &str) -> Result<Self> {
        let (hidden, width) = (config.hidden_size, config.embedding_width());
        let mut table = |name: &str, rows: usize, init| {
            weights.take(&format!("{prefix}.embeddings.{name}_embeddings.weight"), (rows, width), init)
        };
        let words = table("word", config.vocab_size, Init::Normal(DEVIATION))?;
        let positions = table("position", config.max_position_embeddings, Init::Waves(NEARNESS * DEVIATION))?;
        let types = table("token_type", config.type_vocab_size, Init::Normal(DEVIATION))?;
        let norm = Norm::new(weights, &format!("{prefix}.embeddings.LayerNorm"), width)?;
        let init = [Init::Normal(DEVIATION), Init::Constant(0.0)];
        let mut project = || Linear::new(weights, &format!("{prefix}.embeddings_project"), (hidden, width), init);
        let projection = (width != hidden).then(&mut project).transpose()?;
        let layer = |index| Layer::new(config, weights, &format!("{prefix}.encoder.layer.{index}"));
        let layers = (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?;
        let computing = weights.computing();
        Ok(Self { config: config.clone(), words, positions, types, norm, projection, layers, averaged: 1, computing })
    }

    pub(super) fn average(&mut self, n_layers: usize) {
        self.averaged = n_layers;
    }

    pub(super) fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Encodes sequences that lie one after another in `ids`. `rows` are places within each sequence.
    pub(super) fn forward(&self, ids: &[u32], spans: &[Span], rows: &[Vec<u32>], mode: &mut Mode) -> Result<Passed> {
        let n_heads = self.config.num_attention_heads;
        let mut states = self.embed(ids, spans, mode)?;
        let sequences = Sequences::new(spans, &states, n_heads)?;
        let mut read = Sum::default();
        for (place, layer) in self.layers.iter().enumerate() {
            let is_read = place + self.averaged >= self.layers.len();
            // The attention of a layer that is read is asked for too, and has a gradient of its own.
            if !is_read && layer.is_node(&states) {
                states = layer.node(&states, &sequences, &self.config, mode)?;
                continue;
            }
            let (projected, bias) = layer.project(&states)?;
            let attention = is_read.then(|| self.attention(&projected, &bias, spans, rows, mode)).transpose()?;
            let drop = mode.drop(self.config.attention_probs_dropout_prob);
            let attended = attend(&projected, &bias, &sequences, n_heads, drop)?;
            states = layer.finish(&attended, &states, &self.config, mode)?;
            if let Some(attention) = attention {
                read.add(Passed { states: states.clone(), attention })?;
            }
        }
        read.mean()
    }

    fn embed(&self, ids: &[u32], spans: &[Span], mode: &mut Mode) -> Result<Tensor> {
        let device = self.words.device();
        let first = self.config.first_position();
        let places = spans.iter().flat_map(|span| (0..span.len).map(|place| (first + place) as u32));
        let positions = gather(&self.positions, &Places::new(places.collect::<Vec<u32>>(), device)?)?;
        let words = gather(&self.words, &Places::new(ids, device)?)?;
        // Every piece is of the first type: its embedding serves as the bias.
        let affine = [&self.types.get(0)?, &self.norm.weight, &self.norm.shift];
        let states = normalize(&words, &positions, affine, self.config.layer_norm_eps, None)?;
        let states = dropout(&states, mode.drop(self.config.hidden_dropout_prob))?.to_dtype(self.computing)?;
        match &self.projection {
            Some(projection) => projection.forward(&states)?.to_dtype(self.computing),
            None => Ok(states),
        }
    }

    /// The attention of the given rows alone, computed apart: the layer itself keeps none.
    fn attention(
        &self,
        projected: &Tensor,
        bias: &Tensor,
        spans: &[Span],
        rows: &[Vec<u32>],
        mode: &mut Mode,
    ) -> Result<Vec<Attention>> {
        let sequences: Vec<Asked> = (0..).zip(spans).zip(rows).filter(|(_, rows)| !rows.is_empty()).collect();
        if is_fused(projected) {
            return sequences.iter().map(|asked| self.attention_of_one(projected, bias, asked, mode)).collect();
        }
        let hidden = self.config.hidden_size;
        let keys = add_bias(&projected.narrow(1, hidden, hidden)?, &bias.narrow(0, hidden, hidden)?)?;
        let groups = alike(sequences.iter().map(|(_, rows)| rows.len()), 1);
        let group = |places: &Vec<usize>| -> Vec<Asked> {
            places.iter().filter_map(|&place| sequences.get(place).copied()).collect()
        };
        groups.iter().map(|places| self.attention_of_group([projected, bias, &keys], &group(places), mode)).collect()
    }

    /// That of one sequence.
    fn attention_of_one(
        &self,
        projected: &Tensor,
        bias: &Tensor,
        &((place, span), rows): &Asked,
        mode: &mut Mode,
    ) -> Result<Attention> {
        let hidden = self.config.hidden_size;
        let part = |index: usize| {
            let part = projected.narrow(0, span.start, span.len)?.narrow(1, index * hidden, hidden)?;
            add_bias(&part, &bias.narrow(0, index * hidden, hidden)?)
        };
        let attention = attention_of_rows(&part(0)?, &part(1)?, rows, self.config.num_attention_heads)?;
        let shares = dropout(&attention, mode.drop(self.config.attention_probs_dropout_prob))?.unsqueeze(0)?;
        Ok(Attention { documents: vec![place], shares })
    }

    /// That of several, padded to the most rows and to the longest.
    fn attention_of_group(
        &self,
        [projected, bias, keys]: [&Tensor; 3],
        group: &[Asked],
        mode: &mut Mode,
    ) -> Result<Attention> {
        let hidden = self.config.hidden_size;
        let most = group.iter().map(|(_, rows)| rows.len()).max().unwrap_or_default();
        let rows = group.iter().flat_map(|((_, span), rows)| {
            let rows = rows.iter().map(|row| span.start as u32 + row);
            rows.chain(std::iter::repeat(NO_ROW)).take(most)
        });
        let rows = Places::new(rows.collect::<Vec<u32>>(), projected.device())?;
        let queries = add_bias(&gather(projected, &rows)?.narrow(1, 0, hidden)?, &bias.narrow(0, 0, hidden)?)?;
        let spans: Vec<Span> = group.iter().map(|((_, span), _)| **span).collect();
        let queries = queries.reshape((group.len(), most, hidden))?;
        let attention = attention_of_padded(&queries, keys, &spans, self.config.num_attention_heads)?;
        let shares = dropout(&attention, mode.drop(self.config.attention_probs_dropout_prob))?;
        Ok(Attention { documents: group.iter().map(|((place, _), _)| *place).collect(), shares })
    }
}

/// A sequence by its place and span, and the rows whose attention is wanted.
type Asked<'a> = ((usize, &'a Span), &'a Vec<u32>);

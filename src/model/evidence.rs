//! Evidence: how much of a pair's local context is made of each sentence, and what can be learnt of that (DREEAM, Ma et
//! al. 2023): from gold evidence, by sentence, and from a teacher's attention, piece by piece, where nobody has annotated
//! any. It has no parameters of its own: it is the attention by which contexts are pooled.

use std::collections::BTreeMap;

use candle_core::{D, Device, Result, Tensor, bail};

use ground::settings::within;
use nn::ops::{Places, gather};

use crate::example::Example;

/// What is added to a share before its logarithm is taken: of one that is 0 it would be infinite, and its gradient more
/// than f32 holds.
const LEAST: f64 = 1e-10;
/// The greatest weight of a loss: more is a slip.
const GREATEST_WEIGHT: f64 = 1000.0;

/// What teaches a model what contexts are to be made of, and how much it counts; with 0 it teaches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Taught {
    /// The sentences that are gold evidence ([`Taught::by_gold`]).
    pub evidence: f64,
    /// A teacher's attention ([`Taught::by_teacher`]).
    pub attention: f64,
}

/// The sentences of each document, as what sums the shares of pieces: `(documents, pieces, sentences)`, 1 where a piece is
/// of a sentence, else 0.
///
/// # Errors
/// Where the device refuses.
pub fn by_sentence(documents: &[&Example], [pieces, sentences]: [usize; 2], device: &Device) -> Result<Tensor> {
    let mut ones = vec![0f32; documents.len() * pieces * sentences];
    for (ones, example) in ones.chunks_exact_mut((pieces * sentences).max(1)).zip(documents) {
        for (sentence, span) in example.sentence_spans().enumerate() {
            let rows = ones.chunks_exact_mut(sentences).take(span.end).skip(span.start);
            rows.filter_map(|row| row.get_mut(sentence)).for_each(|one| *one = 1.0);
        }
    }
    Tensor::from_vec(ones, (documents.len(), pieces, sentences), device)
}

/// The places of those of a document's pairs whose evidence can be learnt, each with the sentences that are it: an entity
/// that is cut off has no context, and a sentence that is cut off no piece. None of a document whose pairs have kept
/// features: their contexts are not made.
pub fn gold(example: &Example) -> Vec<(usize, Vec<u32>)> {
    if example.evidence.is_empty() || example.kept.is_some() {
        return Vec::new();
    }
    let places: BTreeMap<(u32, u32), usize> = example.pairs.iter().copied().zip(0..).collect();
    let is_there = |entity: u32| example.n_mentions.get(entity as usize).is_some_and(|&count| count > 0);
    let in_reach: Vec<bool> = example.sentence_spans().map(|span| !span.is_empty()).collect();
    let of = |(pair, sentences): &((u32, u32), Vec<u32>)| {
        let place = *places.get(pair).filter(|_| is_there(pair.0) && is_there(pair.1))?;
        let is_in_reach = |sentence: &&u32| in_reach.get(**sentence as usize).is_some_and(|is| *is);
        let sentences: Vec<u32> = sentences.iter().filter(is_in_reach).copied().collect();
        (!sentences.is_empty()).then_some((place, sentences))
    };
    example.evidence.iter().filter_map(of).collect()
}

impl Taught {
    /// Whether the model learns what is evidence.
    pub fn is_any(self) -> bool {
        self.evidence > 0.0 || self.attention > 0.0
    }

    /// Whether the weights may be these.
    ///
    /// # Errors
    /// The first that may not, expected then got.
    pub fn check(self) -> std::result::Result<(), String> {
        within("evidence_weight", self.evidence, 0.0, GREATEST_WEIGHT)?;
        within("attention_weight", self.attention, 0.0, GREATEST_WEIGHT)
    }

    /// Of how many pairs of some documents the loss by gold evidence is the mean.
    pub fn n_pairs(self, examples: &[Example]) -> usize {
        if self.evidence > 0.0 { examples.iter().map(|example| gold(example).len()).sum() } else { 0 }
    }

    /// The loss by gold evidence, by the shares that sentences have, where any are made.
    ///
    /// # Errors
    /// As [`loss`].
    pub fn by_gold(self, examples: &[Example], shares: Option<&Tensor>) -> Result<Option<Tensor>> {
        match shares {
            Some(shares) if self.evidence > 0.0 => loss(examples, shares, self.evidence),
            _ => Ok(None),
        }
    }

    /// The mean over pairs of `KL(t ‖ a) = Σ t (log t − log a)`, with t the shares that pieces have of a pair's context with
    /// the teacher, and a those with the model, `(pairs, pieces)` each: what DREEAM adds for documents whose evidence nobody
    /// knows (`forward` in model.py of github.com/YoumiMa/dreeam). A scalar, times its weight; `None` where it has none, or
    /// where no shares are made, as with kept features.
    ///
    /// # Errors
    /// Where the teacher's shares are not there, or the shapes differ.
    pub fn by_teacher(self, teacher: Option<&Tensor>, shares: Option<&Tensor>) -> Result<Option<Tensor>> {
        let Some(shares) = shares.filter(|_| self.attention > 0.0) else { return Ok(None) };
        let Some(teacher) = teacher.map(Tensor::detach) else {
            bail!("expected the attention of a teacher, found none")
        };
        let log = |shares: &Tensor| (shares + LEAST)?.log();
        let apart = (&teacher * (log(&teacher)? - log(shares)?)?)?;
        (apart.sum(D::Minus1)?.mean_all()? * self.attention).map(Some)
    }
}

/// The mean over pairs with evidence of `KL(g ‖ q) = Σ g (log g − log q)`, with g spread evenly over the sentences that are
/// a pair's evidence, and q the shares that all sentences have of its context: `shares` of all pairs of some documents in
/// order, `(pairs, sentences)`. A scalar, times a weight; `None` where no pair has evidence.
///
/// # Errors
/// Where there are not as many shares.
pub fn loss(examples: &[Example], shares: &Tensor, weight: f64) -> Result<Option<Tensor>> {
    let (n_pairs, n_sentences) = shares.dims2()?;
    let (mut rows, mut golds, mut entropy, mut first) = (Vec::new(), Vec::new(), 0.0, 0);
    for example in examples {
        for (place, sentences) in gold(example) {
            let (share, before) = (1.0 / sentences.len() as f64, golds.len());
            rows.push((first + place) as u32);
            golds.resize(before + n_sentences, 0f32);
            for sentence in sentences {
                match golds.get_mut(before + sentence as usize) {
                    Some(gold) => *gold = share as f32,
                    None => bail!("evidence: expected one of {n_sentences} sentences, got {sentence}"),
                }
            }
            entropy -= share.ln();
        }
        first += example.pairs.len();
    }
    if first != n_pairs {
        bail!("evidence: expected the shares of {first} pairs, got those of {n_pairs}");
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let n_taught = rows.len();
    let golds = Tensor::from_vec(golds, (n_taught, n_sentences), shares.device())?;
    let shares = gather(shares, &Places::new(rows, shares.device())?)?;
    let crossed = ((shares + LEAST)?.log()? * golds)?.sum(D::Minus1)?.sum_all()?;
    // What a pair's own spread is worth, −log of how many sentences it has.
    let scale = weight / n_taught as f64;
    crossed.affine(-scale, -scale * entropy).map(Some)
}

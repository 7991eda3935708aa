//! Evidence: how much of a pair's local context is made of each sentence, and what can be learnt of that (DREEAM, Ma et
//! al. 2023). It has no parameters of its own: it is the attention by which contexts are pooled, summed by sentence.

use std::collections::BTreeMap;

use candle_core::{D, Device, Result, Tensor, bail};

use ground::settings::within;
use nn::ops::{Places, gather};

use crate::example::Example;

/// What is added to a sentence's share before its logarithm is taken: of one that has none it would be infinite, and its
/// gradient more than f32 holds.
const LEAST: f64 = 1e-10;
/// The greatest weight of the loss: more is a slip.
const GREATEST_WEIGHT: f64 = 1000.0;

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

/// Of how many pairs of some documents the loss with a weight is the mean.
pub fn n_taught(examples: &[Example], weight: f64) -> usize {
    if weight > 0.0 { examples.iter().map(|example| gold(example).len()).sum() } else { 0 }
}

/// The loss by the shares that sentences have, where any are made.
///
/// # Errors
/// As [`loss`].
pub fn taught(examples: &[Example], shares: Option<&Tensor>, weight: f64) -> Result<Option<Tensor>> {
    shares.map_or(Ok(None), |shares| loss(examples, shares, weight))
}

/// Whether the loss may have such a weight.
///
/// # Errors
/// Expected, then got.
pub fn check_weight(weight: f64) -> std::result::Result<(), String> {
    within("evidence_weight", weight, 0.0, GREATEST_WEIGHT)
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

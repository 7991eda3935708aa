//! Examples → predictions, in batches of documents of like length that are computed side by side.

use std::result::Result as Outcome;

use candle_core::{Device, Error, Result, bail};

use ground::interrupt;
use ground::workers::Workers;

use crate::chunks::pairs_at_once;
use crate::contract::{Model, Scores};
use crate::decode::{Predicted, Wanted, decode_wanted};
use crate::example::Example;
use crate::trace::{Held, Span};

/// Pieces of a batch, unless a document alone has more: on the CPU, whose caches they fill, and on a CUDA device, which
/// less leaves idle.
const PIECES_AT_ONCE: usize = 2048;
const PIECES_ON_A_CARD: usize = 32_768;
/// How many times as many pairs a batch has on a CUDA device.
const PAIRS_ON_A_CARD: usize = 8;

/// Bytes that a model may hold of a document's pairs when it scores it, unless these are bounded by number.
pub const USUAL_BYTES: u64 = 3 << 30;

/// A relation that a model predicts for a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Head entity.
    pub head: u32,
    /// Tail entity.
    pub tail: u32,
    /// The relation's class, its logit and its rank.
    pub relation: Predicted,
    /// The threshold class's logit.
    pub threshold: f32,
    /// The two logits before inference, where the model has an inference module.
    pub base: Option<BaseLogits>,
    /// The iteration at which the pair's prediction last changed, where the model iterates.
    pub iteration: Option<u32>,
}

/// What a model's base thinks of a relation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BaseLogits {
    /// The relation's logit.
    pub relation: f32,
    /// The threshold class's.
    pub threshold: f32,
}

/// What is predicted of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// What is wanted of its predictions, pair by pair and best first; none of pairs with an entity of which no mention is
    /// left.
    pub predictions: Vec<Prediction>,
    /// What its pairs were given on the way, pair by pair, the first iteration first and best first; none where the model
    /// does not iterate.
    pub given: Vec<Given>,
    /// The shares that sentences have of the contexts of the pairs of which anything is predicted, pair by pair, of
    /// [`LEAST_SHARE`] at least; none where the model does not learn what is evidence.
    pub sentences: Vec<SentenceShare>,
}

/// The least share of a sentence that is kept: evidence is what has several times as much.
pub const LEAST_SHARE: f32 = 0.02;

/// How much of a pair's context is made of a sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SentenceShare {
    /// Head entity.
    pub head: u32,
    /// Tail entity.
    pub tail: u32,
    /// The sentence.
    pub sentence: u32,
    /// Its share, of 1.
    pub share: f32,
}

/// A relation that a pair was given at an iteration, or at several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given {
    /// When.
    pub span: Span,
    /// As it was predicted then; its iteration is the last change up to then.
    pub prediction: Prediction,
}

/// How much is computed at a time: of documents of like length at most so many pieces and pairs, or one document.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Pieces.
    pub pieces: usize,
    /// Pairs that the model looks at. Of a document that has more, so many are computed at a time, as far as they do not
    /// depend on each other.
    pub pairs: usize,
}

impl Budget {
    /// As much as suits a device; so many pieces, where that is asked for.
    pub fn on(device: &Device, model: &dyn Model, pieces: Option<usize>) -> Self {
        let (usual, times) = if device.is_cpu() { (PIECES_AT_ONCE, 1) } else { (PIECES_ON_A_CARD, PAIRS_ON_A_CARD) };
        Self { pieces: pieces.unwrap_or(usual), pairs: times * pairs_at_once(model.width()) }
    }
}

/// What is wanted of each example's predictions, pair by pair and best first, in batches of documents of like length.
///
/// # Errors
/// Where the examples do not fit the model, or a logit is not a number; and where the program is told to stop, which
/// this error only says in words: who calls asks [`interrupt::check`] first.
pub fn predict(
    workers: &Workers,
    model: &dyn Model,
    examples: Vec<Example>,
    wanted: Wanted,
    budget: Budget,
) -> Result<Vec<Vec<Prediction>>> {
    let found = predict_traced(workers, model, examples, wanted, budget)?;
    Ok(found.into_iter().map(|found| found.predictions).collect())
}

/// The same with what each pair was given on the way.
///
/// # Errors
/// As [`predict`].
pub fn predict_traced(
    workers: &Workers,
    model: &dyn Model,
    examples: Vec<Example>,
    wanted: Wanted,
    budget: Budget,
) -> Result<Vec<Found>> {
    let sized = examples.into_iter().map(|example| (Size::of(model, &example), example));
    predict_each(workers, model, sized.collect(), (wanted, budget), Ok::<_, Error>, |_, found| found)
}

/// The same of documents that lie elsewhere, each read when its batch is computed: what `taken` makes of each, in their
/// order. Whatever stands for them, the batches are the same.
///
/// # Errors
/// As [`predict`], and where a document cannot be read.
pub fn predict_each<D: Send, T: Send, E: From<Error> + Send>(
    workers: &Workers,
    model: &dyn Model,
    documents: Vec<(Size, D)>,
    (wanted, budget): (Wanted, Budget),
    read: impl Fn(D) -> Outcome<Example, E> + Sync,
    taken: impl Fn(&Example, Found) -> T + Sync,
) -> Outcome<Vec<T>, E> {
    let job = |Batch { places, documents, .. }: Batch<D>| {
        let examples = documents.into_iter().map(&read).collect::<Outcome<Vec<_>, E>>()?;
        let found = of_batch(model, &examples, wanted, budget.pairs, workers)?;
        let taken = examples.iter().zip(found).map(|(example, found)| taken(example, found));
        Ok::<_, E>(places.into_iter().zip(taken).collect::<Vec<_>>())
    };
    // Documents of many pairs take all threads, one after another: side by side, each would hold its own pairs.
    let (large, usual): (Vec<_>, Vec<_>) =
        batches(documents, budget).into_iter().partition(|batch| batch.pairs > budget.pairs as u64);
    let mut predicted = large.into_iter().map(job).collect::<Outcome<Vec<_>, E>>()?;
    predicted.extend(workers.run(usual, job)?);
    let mut in_order: Vec<(usize, T)> = predicted.into_iter().flatten().collect();
    in_order.sort_unstable_by_key(|(place, _)| *place);
    Ok(in_order.into_iter().map(|(_, taken)| taken).collect())
}

/// How large a document is to those that share a batch with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pieces.
    pub pieces: usize,
    /// Pairs that the model looks at.
    pub pairs: u64,
}

impl Size {
    /// That of a document to a model.
    pub fn of(model: &dyn Model, example: &Example) -> Self {
        Self { pieces: example.ids.len(), pairs: model.need(example).pairs }
    }
}

/// Documents that are computed together, and their places.
struct Batch<D> {
    places: Vec<usize>,
    documents: Vec<D>,
    pieces: usize,
    pairs: u64,
}

/// Longest first: the last batches to be computed are the cheapest.
fn batches<D>(documents: Vec<(Size, D)>, budget: Budget) -> Vec<Batch<D>> {
    let mut sorted: Vec<(usize, (Size, D))> = documents.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, (size, _))| std::cmp::Reverse(size.pieces));
    let mut batches: Vec<Batch<D>> = Vec::new();
    for (place, (Size { pieces, pairs }, document)) in sorted {
        let fits = |batch: &Batch<D>| {
            batch.pieces + pieces <= budget.pieces && batch.pairs.saturating_add(pairs) <= budget.pairs as u64
        };
        if !batches.last().is_some_and(fits) {
            batches.push(Batch { places: Vec::new(), documents: Vec::new(), pieces: 0, pairs: 0 });
        }
        if let Some(batch) = batches.last_mut() {
            batch.places.push(place);
            batch.documents.push(document);
            batch.pieces += pieces;
            batch.pairs += pairs;
        }
    }
    batches
}

fn of_batch(
    model: &dyn Model,
    batch: &[Example],
    wanted: Wanted,
    at_once: usize,
    workers: &Workers,
) -> Result<Vec<Found>> {
    let mut reader = Reader::new(batch, wanted);
    interrupt::check().map_err(Error::wrap)?;
    let mut found = Vec::new();
    let mut take = |scores| {
        interrupt::check().map_err(Error::wrap)?;
        if workers.share_a_device() {
            found.push(scores);
        } else {
            reader.read(scored(scores)?)?;
        }
        Ok(())
    };
    workers.on_the_device(|| model.score_in_chunks(batch, at_once, &mut take))?;
    // To read them waits for the device; where workers share it, the others ask it for more meanwhile.
    found.into_iter().try_for_each(|scores| reader.read(scored(scores)?))?;
    reader.end()
}

/// Reads what is wanted of the scores of a batch, pair by pair.
struct Reader<'b, P> {
    batch: &'b [Example],
    wanted: Wanted,
    /// The pairs that come, each with the place of its document.
    pairs: P,
    found: Vec<Found>,
}

impl<'b> Reader<'b, ()> {
    fn new(batch: &'b [Example], wanted: Wanted) -> Reader<'b, impl Iterator<Item = (usize, (u32, u32))>> {
        let of = |(place, example): (usize, &'b Example)| example.pairs.iter().map(move |&pair| (place, pair));
        let pairs = batch.iter().enumerate().flat_map(of);
        Reader { batch, wanted, pairs, found: vec![Found::default(); batch.len()] }
    }
}

impl<P: Iterator<Item = (usize, (u32, u32))>> Reader<'_, P> {
    fn read(&mut self, (held, scored): (Vec<Held>, Vec<Scored>)) -> Result<()> {
        let mut held = held.as_slice();
        for (row, mut scored) in (0..).zip(scored) {
            let next = self.pairs.next();
            let next = next.and_then(|(place, pair)| Some((pair, self.batch.get(place)?, self.found.get_mut(place)?)));
            let Some((pair, example, found)) = next else {
                bail!("scores: expected those of each pair, got more");
            };
            let of_pair;
            (of_pair, held) = held.split_at(held.iter().take_while(|held| held.pair == row).count());
            let (before, shares) = (found.predictions.len(), std::mem::take(&mut scored.sentences));
            // Of what is cut off the model has seen nothing: whatever it says of a pair with such an end is of no text.
            let is_seen = |entity: u32| example.n_mentions.get(entity as usize).is_some_and(|left| *left > 0);
            if !(is_seen(pair.0) && is_seen(pair.1)) {
                continue;
            }
            add(found, &example.doc_id, pair, (scored, of_pair), self.wanted)?;
            if found.predictions.len() > before || !of_pair.is_empty() {
                found.sentences.extend(shares_of(pair, shares, example.sentences.len()));
            }
        }
        debug_assert!(held.is_empty(), "what pairs are given comes pair by pair");
        Ok(())
    }

    fn end(mut self) -> Result<Vec<Found>> {
        match self.pairs.next() {
            None => Ok(self.found),
            Some(_) => bail!("scores: expected those of each pair, got fewer"),
        }
    }
}

/// What a model thinks of one pair.
struct Scored {
    logits: Vec<f32>,
    base: Option<Vec<f32>>,
    iteration: Option<u32>,
    sentences: Vec<f32>,
}

/// Pair by pair, and what each was given on the way.
fn scored(scores: Scores) -> Result<(Vec<Held>, Vec<Scored>)> {
    let base = scores.base.map(|base| base.to_vec2::<f32>()).transpose()?;
    let mut base = base.into_iter().flatten();
    let mut changed = scores.changed.into_iter().flatten();
    let sentences = scores.sentences.map(|sentences| sentences.to_vec2::<f32>()).transpose()?;
    let mut sentences = sentences.into_iter().flatten();
    let logits = scores.logits.to_vec2::<f32>()?.into_iter();
    let scored = logits.map(|logits| Scored {
        logits,
        base: base.next(),
        iteration: changed.next(),
        sentences: sentences.next().unwrap_or_default(),
    });
    Ok((scores.held, scored.collect()))
}

/// The shares of a document's sentences that are kept; those behind are none of its own.
fn shares_of((head, tail): (u32, u32), shares: Vec<f32>, n_sentences: usize) -> impl Iterator<Item = SentenceShare> {
    let shares = (0..).zip(shares).take(n_sentences).filter(|(_, share)| *share >= LEAST_SHARE);
    shares.map(move |(sentence, share)| SentenceShare { head, tail, sentence, share })
}

/// Adds what is predicted for a pair.
fn add(
    found: &mut Found,
    doc_id: &str,
    (head, tail): (u32, u32),
    (Scored { logits, base, iteration, sentences: _ }, held): (Scored, &[Held]),
    wanted: Wanted,
) -> Result<()> {
    if let Some(logit) = logits.iter().chain(base.iter().flatten()).find(|logit| !logit.is_finite()) {
        bail!("document `{doc_id}`: pair ({head}, {tail}): expected finite logits, got {logit}");
    }
    let Some(&threshold) = logits.first() else { bail!("document `{doc_id}`: pair ({head}, {tail}): got no logits") };
    let before = |relation: &Predicted| {
        let (threshold, relation) =
            base.as_ref().and_then(|base| base.first().zip(base.get(relation.class as usize)))?;
        Some(BaseLogits { relation: *relation, threshold: *threshold })
    };
    let prediction = |relation, threshold, iteration| Prediction {
        head,
        tail,
        relation,
        threshold,
        base: before(&relation),
        iteration,
    };
    let wanted = decode_wanted(&logits, wanted).into_iter();
    found.predictions.extend(wanted.map(|relation| prediction(relation, threshold, iteration)));
    found.given.extend(held.iter().map(|&Held { pair: _, span, relation, threshold }| Given {
        span,
        prediction: prediction(relation, threshold, Some(span.changed)),
    }));
    Ok(())
}

//! Examples → predictions, in batches of documents of like length that are computed side by side.

use candle_core::{Result, bail};

use ground::workers::Workers;

use crate::contract::{Model, Scores};
use crate::decode::{Predicted, decode};
use crate::example::Example;

/// Pieces of a batch, unless a document alone has more.
pub const PIECES_AT_ONCE: usize = 2048;

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
    /// Its probability before inference, where the model has an inference module.
    pub base_probability: Option<f32>,
    /// The iteration at which the pair's prediction last changed, where the model iterates.
    pub iteration: Option<u32>,
}

/// σ of how far a logit is above the threshold class's.
pub fn probability(logit: f32, threshold: f32) -> f32 {
    1.0 / (1.0 + (threshold - logit).exp())
}

/// The predictions of each example, pair by pair and best first: at most `most_labels` a pair. Batches hold documents
/// of like length and at most `budget` pieces, or one document.
///
/// # Errors
/// Where the examples do not fit the model, or a logit is not a number.
pub fn predict(
    workers: &Workers,
    model: &dyn Model,
    examples: Vec<Example>,
    most_labels: usize,
    budget: usize,
) -> Result<Vec<Vec<Prediction>>> {
    let n_examples = examples.len();
    let batches = batches(examples, budget);
    let predicted = workers.run(batches, |(places, batch)| {
        let found = of_batch(model, &batch, most_labels)?;
        Ok::<_, candle_core::Error>((places, found))
    });
    let mut in_order = vec![Vec::new(); n_examples];
    for (place, predictions) in predicted?.into_iter().flat_map(|(places, found)| places.into_iter().zip(found)) {
        if let Some(slot) = in_order.get_mut(place) {
            *slot = predictions;
        }
    }
    Ok(in_order)
}

/// The places of the documents in a batch, and the documents.
type Batch = (Vec<usize>, Vec<Example>);

/// Longest first: the last batches to be computed are the cheapest.
fn batches(examples: Vec<Example>, budget: usize) -> Vec<Batch> {
    let mut sorted: Vec<(usize, Example)> = examples.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, example)| std::cmp::Reverse(example.ids.len()));
    let mut batches: Vec<Batch> = Vec::new();
    let mut room = 0;
    for (place, example) in sorted {
        let n_pieces = example.ids.len();
        if let Some((places, batch)) = batches.last_mut().filter(|_| n_pieces <= room) {
            places.push(place);
            batch.push(example);
        } else {
            room = budget;
            batches.push((vec![place], vec![example]));
        }
        room = room.saturating_sub(n_pieces);
    }
    batches
}

fn of_batch(model: &dyn Model, batch: &[Example], most_labels: usize) -> Result<Vec<Vec<Prediction>>> {
    let mut rows = model.score(batch)?.map(scored).transpose()?.unwrap_or_default().into_iter();
    batch.iter().map(|example| of_example(example, rows.by_ref(), most_labels)).collect()
}

/// What a model thinks of one pair.
struct Scored {
    logits: Vec<f32>,
    base: Option<Vec<f32>>,
    iteration: Option<u32>,
}

/// Pair by pair.
fn scored(scores: Scores) -> Result<Vec<Scored>> {
    let base = scores.base.map(|base| base.to_vec2::<f32>()).transpose()?;
    let mut base = base.into_iter().flatten();
    let mut changed = scores.changed.into_iter().flatten();
    let logits = scores.logits.to_vec2::<f32>()?.into_iter();
    Ok(logits.map(|logits| Scored { logits, base: base.next(), iteration: changed.next() }).collect())
}

fn of_example(
    example: &Example,
    rows: &mut dyn Iterator<Item = Scored>,
    most_labels: usize,
) -> Result<Vec<Prediction>> {
    let mut predictions = Vec::new();
    for (&(head, tail), scored) in example.pairs.iter().zip(rows.take(example.pairs.len())) {
        let Scored { logits, base, iteration } = scored;
        if logits.iter().any(|logit| logit.is_nan()) {
            bail!("document `{}`: pair ({head}, {tail}): expected logits, got a NaN", example.doc_id);
        }
        let threshold = logits.first().copied().unwrap_or_default();
        let before = |relation: &Predicted| {
            let (first, logit) = base.as_ref().and_then(|base| base.first().zip(base.get(relation.class as usize)))?;
            Some(probability(*logit, *first))
        };
        predictions.extend(decode(&logits, most_labels).into_iter().map(|relation| Prediction {
            head,
            tail,
            relation,
            threshold,
            base_probability: before(&relation),
            iteration,
        }));
    }
    Ok(predictions)
}

//! Documents longer than the encoder's positions, in overlapping windows.
//!
//! The first window holds the document's beginning and end pieces after it, the last the start piece before the
//! document's end, as in the reference code; where two do not suffice, windows with both stand evenly spaced between
//! them. A piece's hidden state is the mean over the windows that see it. Attention is added up over windows and each
//! row normalised.

use candle_core::{Result, Tensor, bail};

use nn::ops::{NO_ROW, Places, gather, is_fused};
use nn::{Mode, Span, alike, consecutive};

use super::bert::{Bert, Passed};
use super::{Attention, Encoded, Input};

/// A stretch of a document with the pieces put around it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    document: usize,
    /// The document's pieces that it sees: the first, and how many.
    seen: Span,
    /// Start pieces put before them: 0 or 1.
    lead: usize,
    ids: Vec<u32>,
}

pub(super) fn encode(bert: &Bert, documents: &[Input], mode: &mut Mode) -> Result<Encoded> {
    let (positions, n_ends) = (bert.config().positions(), bert.config().end_pieces());
    let windows: Vec<Window> =
        (0..).zip(documents).flat_map(|(place, document)| windows(place, document.ids, positions, n_ends)).collect();
    let ids: Vec<u32> = windows.iter().flat_map(|window| window.ids.iter().copied()).collect();
    let rows: Vec<Vec<u32>> = windows
        .iter()
        .map(|window| documents.get(window.document).map_or_else(Vec::new, |document| window.rows(document.rows)))
        .collect();
    let spans = consecutive(windows.iter().map(|window| window.ids.len()));
    let passed = bert.forward(&ids, &spans, &rows, mode)?;
    let spans_of_documents = consecutive(documents.iter().map(|document| document.ids.len()));
    if windows.len() == documents.len() {
        let Passed { states, attention } = passed;
        return Ok(Encoded { states, spans: spans_of_documents, attention });
    }
    let states = merge_states(&passed.states, &windows, &spans, &spans_of_documents)?;
    let attention = merge_attention(documents, &windows, &passed.attention)?;
    Ok(Encoded { states, attention, spans: spans_of_documents })
}

/// The fewest windows that see every piece.
fn windows(document: usize, ids: &[u32], positions: usize, n_ends: usize) -> Vec<Window> {
    let n_pieces = ids.len();
    let (Some(&start), Some(&end)) = (ids.first(), ids.last()) else { return Vec::new() };
    if n_pieces <= positions {
        return vec![Window { document, seen: Span { start: 0, len: n_pieces }, lead: 0, ids: ids.to_vec() }];
    }
    // Windows begin at 0 and at `last`, and elsewhere in between.
    let last = n_pieces + 1 - positions;
    let n_steps = if last <= positions - n_ends { 1 } else { last.div_ceil(positions - 1 - n_ends) };
    let window = |step: usize| {
        let (lead, ends) = (usize::from(step > 0), if step < n_steps { n_ends } else { 0 });
        let seen = Span { start: last * step / n_steps, len: positions - lead - ends };
        let pieces = ids.iter().skip(seen.start).take(seen.len);
        let before = std::iter::repeat_n(&start, lead);
        let ids = before.chain(pieces).chain(std::iter::repeat_n(&end, ends)).copied().collect();
        Window { document, seen, lead, ids }
    };
    (0..=n_steps).map(window).collect()
}

impl Window {
    /// Where it has a piece of the document.
    fn place(&self, piece: usize) -> Option<usize> {
        piece.checked_sub(self.seen.start).filter(|&place| place < self.seen.len).map(|place| place + self.lead)
    }

    /// Where it has those of the given pieces that it sees.
    fn rows(&self, pieces: &[u32]) -> Vec<u32> {
        pieces.iter().filter_map(|&piece| self.place(piece as usize)).map(|place| place as u32).collect()
    }
}

/// The mean over windows: `(pieces of windows, hidden)` → `(pieces of documents, hidden)`.
fn merge_states(states: &Tensor, windows: &[Window], spans: &[Span], documents: &[Span]) -> Result<Tensor> {
    let n_pieces: usize = documents.iter().map(|span| span.len).sum();
    let mut sources: Vec<Vec<u32>> = vec![Vec::new(); n_pieces];
    for (window, span) in windows.iter().zip(spans) {
        let Some(document) = documents.get(window.document) else { continue };
        let pieces = sources.iter_mut().skip(document.start + window.seen.start).take(window.seen.len);
        for (piece, row) in pieces.zip(span.start + window.lead..) {
            piece.push(row as u32);
        }
    }
    let device = states.device();
    let shares = sources.iter().map(|rows| 1.0 / rows.len().max(1) as f32);
    let shares = Tensor::from_iter(shares, device)?.unsqueeze(1)?.to_dtype(states.dtype())?;
    let deepest = sources.iter().map(Vec::len).max().unwrap_or_default();
    let mut sum: Option<Tensor> = None;
    for depth in 0..deepest {
        let rows = sources.iter().map(|rows| rows.get(depth).copied().unwrap_or(NO_ROW));
        let rows = gather(states, &Places::new(rows.collect::<Vec<u32>>(), device)?)?;
        sum = Some(match sum {
            None => rows,
            Some(sum) => (sum + rows)?,
        });
    }
    sum.map_or_else(|| Ok(states.clone()), |sum| sum.broadcast_mul(&shares))
}

/// The attention of documents from that of windows: where a document has one window it stays as it is, with all that is
/// beside it; where it has several, theirs are put together.
fn merge_attention(documents: &[Input], windows: &[Window], attention: &[Attention]) -> Result<Vec<Attention>> {
    let is_alone = |window: &&Window| documents.get(window.document).is_some_and(|of| of.ids.len() == window.seen.len);
    let mut parts: Vec<Vec<(&Window, Tensor)>> = vec![Vec::new(); documents.len()];
    let mut merged = Vec::new();
    for Attention { documents: places, shares } in attention {
        let (mut whole, mut slots) = (Vec::new(), Vec::new());
        for (slot, window) in places.iter().enumerate().filter_map(|(slot, &place)| Some((slot, windows.get(place)?))) {
            if is_alone(&window) {
                whole.push(window.document);
                slots.push(slot as u32);
            } else if let Some(parts) = parts.get_mut(window.document) {
                parts.push((window, shares.narrow(0, slot, 1)?.squeeze(0)?));
            }
        }
        if slots.len() == places.len() {
            merged.push(Attention { documents: whole, shares: shares.clone() });
        } else if !slots.is_empty() {
            let (n, n_rows, n_heads, pieces) = shares.dims4()?;
            let shares = gather(&shares.reshape((n, ()))?, &Places::new(slots, shares.device())?)?;
            merged.push(Attention { documents: whole, shares: shares.reshape(((), n_rows, n_heads, pieces))? });
        }
    }
    parts.iter_mut().for_each(|parts| parts.sort_by_key(|(window, _)| window.seen.start));
    merged.extend(attention_of_long(documents, &parts)?);
    merged.sort_by_key(|attention| attention.documents.first().copied());
    Ok(merged)
}

/// A long document: its place, itself, and the attention in each of its windows.
type Long<'d> = (usize, &'d Input<'d>, &'d [(&'d Window, Tensor)]);

/// The attention of documents from that in each of their windows, one by one where operations are fused, else those of
/// like size together. A document without windows is in none.
fn attention_of_long(documents: &[Input], parts: &[Vec<(&Window, Tensor)>]) -> Result<Vec<Attention>> {
    let long = documents.iter().enumerate().zip(parts).filter(|(_, parts)| !parts.is_empty());
    let long: Vec<Long> = long.map(|((place, document), parts)| (place, document, parts.as_slice())).collect();
    let is_apart = long.iter().flat_map(|(_, _, parts)| *parts).any(|(_, attention)| is_fused(attention));
    let groups = if is_apart {
        (0..long.len()).map(|place| vec![place]).collect()
    } else {
        alike(long.iter().map(|(_, document, _)| document.ids.len() * document.rows.len()), 1)
    };
    let group = |places: &Vec<usize>| {
        let group = || places.iter().filter_map(|&place| long.get(place));
        let most = |of: fn(&Input) -> usize| group().map(|(_, document, _)| of(document)).max().unwrap_or_default();
        let size = (most(|document| document.rows.len()), most(|document| document.ids.len()));
        let shares = group().map(|(_, document, parts)| sum_of_parts(document, parts, size));
        let sum = Tensor::stack(&shares.collect::<Result<Vec<_>>>()?, 0)?;
        let total = (sum.sum_keepdim(3)? + 1e-10)?;
        let documents = group().map(|(place, _, _)| *place).collect();
        Ok(Attention { documents, shares: sum.broadcast_div(&total)? })
    };
    groups.iter().map(group).collect()
}

/// The attention of a document's rows, added up over its windows, of which each has at least the rows that it sees:
/// `(rows, heads, pieces)`, padded by zeros to so many rows and pieces.
fn sum_of_parts(document: &Input, parts: &[(&Window, Tensor)], (n_rows, n_pieces): (usize, usize)) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (window, attention) in parts {
        let (seen, (of_window, n_heads, _)) = (window.seen, attention.dims3()?);
        let mut found = 0..;
        let rows =
            document.rows.iter().map(|&row| window.place(row as usize).and_then(|_| found.next()).unwrap_or(NO_ROW));
        let rows: Vec<u32> = rows.chain(std::iter::repeat(NO_ROW)).take(n_rows).collect();
        let attention = attention.narrow(2, window.lead, seen.len)?.reshape((of_window, n_heads * seen.len))?;
        let attention = gather(&attention, &Places::new(rows, attention.device())?)?.reshape((n_rows, n_heads, ()))?;
        let attention = attention.pad_with_zeros(2, seen.start, n_pieces.saturating_sub(seen.start + seen.len))?;
        sum = Some(match sum {
            None => attention,
            Some(sum) => (sum + attention)?,
        });
    }
    sum.map_or_else(|| bail!("attention of a document: expected some windows"), Ok)
}

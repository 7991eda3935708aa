//! From hidden states to pairs of entities: entity vectors, and the context that a pair shares (Zhou et al. 2021).

use std::collections::BTreeSet;
use std::ops::Range;

use candle_core::{D, DType, Result, Tensor, bail};

use encoder::{Attention, Encoded};
use nn::ops::{NO_ROW, Places, gather, is_fused};
use nn::{Span, alike};

use crate::chunks::pairs_at_once;
use crate::evidence::by_sentence;
use crate::example::Example;
pub use crate::joint_attention::joint_attention;
use crate::joint_attention::{PRODUCTS_AT_ONCE, joint_attention_of_padded};
pub use crate::pooling::{Mentions, Pooling};

/// What the classifier sees of a batch's pairs.
#[derive(Debug, Clone)]
pub struct PairFeatures {
    /// `(entities of all documents, hidden)`: logsumexp over each entity's mentions; zeros where it has none.
    pub entities: Tensor,
    /// `(unordered pairs of all documents, hidden)`: the context is the same for (s, o) and (o, s).
    pub contexts: Tensor,
    /// For each pair, its head among `entities`.
    pub heads: Places,
    /// For each pair, its tail among `entities`.
    pub tails: Places,
    /// For each pair, its context among `contexts`; [`NO_ROW`] where no entity of its document is mentioned.
    pub context_of: Places,
    /// Where pairs have the vectors of their documents, `(documents, hidden)`: these, and each pair's among them.
    pub documents: Option<(Tensor, Places)>,
    /// Where they are asked for, the shares that sentences have of the contexts: `(unordered pairs of all documents,
    /// sentences)` in f32, padded by zeros to the most sentences.
    pub sentence_shares: Option<Tensor>,
    /// Likewise those of pieces.
    pub piece_shares: Option<Tensor>,
}

impl PairFeatures {
    /// The shares that sentences have of each pair's context, `(pairs, sentences)`, where they are asked for.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn sentences(&self) -> Result<Option<Tensor>> {
        self.of_pairs(self.sentence_shares.as_ref())
    }

    /// The same of pieces, `(pairs, pieces)`.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn pieces(&self) -> Result<Option<Tensor>> {
        self.of_pairs(self.piece_shares.as_ref())
    }

    fn of_pairs(&self, shares: Option<&Tensor>) -> Result<Option<Tensor>> {
        shares.map(|shares| gather(shares, &self.context_of)).transpose()
    }
}

/// A batch as the encoder reads it, before its pairs are looked at.
pub struct Pooled<'e> {
    examples: &'e [Example],
    encoded: &'e Encoded,
    pooling: Pooling,
    /// `(entities of all documents, hidden)`.
    entities: Tensor,
    /// The mean attention of the entities of documents that have pairs, where any is mentioned.
    attention: Vec<EntityAttention>,
}

/// The mean attention of the entities of documents of like size, or of one document.
struct EntityAttention {
    documents: Vec<usize>,
    /// `(documents, entities, heads, pieces)`, padded to the most entities and the most pieces.
    shares: Tensor,
}

/// The contexts of unordered pairs, `(pairs, hidden)`, and where they are asked for what they are made of, in f32: the
/// shares of sentences, `(pairs, sentences)`, and of pieces, `(pairs, pieces)`.
struct Contexts {
    states: Tensor,
    sentences: Option<Tensor>,
    pieces: Option<Tensor>,
}

/// The unordered pairs of a document, in order.
type Unordered = Vec<(u32, u32)>;

/// The same, where they lie.
type Pairs<'p> = &'p [(u32, u32)];

/// The features of every pair of a batch; `None` where it has no pair.
///
/// # Errors
/// Where the examples are not those that were encoded.
pub fn features(examples: &[Example], encoded: &Encoded, pooling: Pooling) -> Result<Option<PairFeatures>> {
    let Some(pooled) = Pooled::new(examples, encoded, pooling)? else { return Ok(None) };
    pooled.features(&(0..pooled.n_pairs())).map(Some)
}

impl<'e> Pooled<'e> {
    /// A batch and what the encoder makes of it; `None` where it has no pair.
    ///
    /// # Errors
    /// Where the examples are not those that were encoded.
    pub fn new(examples: &'e [Example], encoded: &'e Encoded, pooling: Pooling) -> Result<Option<Self>> {
        if examples.iter().all(|example| example.pairs.is_empty()) {
            return Ok(None);
        }
        if examples.len() != encoded.spans.len() {
            bail!("pair features: expected {} encoded documents, got {}", examples.len(), encoded.spans.len());
        }
        let mut attention = Vec::new();
        for of_rows in &encoded.attention {
            attention.extend(entity_attention(examples, of_rows, pooling.mentions)?);
        }
        let entities = pool_entities(examples, encoded, pooling.mentions)?;
        Ok(Some(Self { examples, encoded, pooling, entities, attention }))
    }

    /// How many pairs the batch has.
    pub fn n_pairs(&self) -> usize {
        self.examples.iter().map(|example| example.pairs.len()).sum()
    }

    /// Pairs whose features are made together, of so many that are asked for: each has a share of every piece of its
    /// document, so they are fewer where a document is long. All, where all are asked for together.
    pub fn pairs_at_once(&self, at_once: usize) -> usize {
        let longest = self.encoded.spans.iter().map(|span| span.len).max().unwrap_or_default();
        if at_once < usize::MAX { at_once.min(pairs_at_once(longest)) } else { at_once }
    }

    /// The features of some of the batch's pairs, at least one.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn features(&self, rows: &Range<usize>) -> Result<PairFeatures> {
        let asked = self.asked(rows);
        let unordered: Vec<Unordered> = asked.iter().map(|pairs| unordered(pairs)).collect();
        let (contexts, first_contexts) = self.contexts(&unordered)?;
        let documents = self.pooling.released.then(|| self.documents(&asked)).transpose()?;
        let (mut heads, mut tails, mut context_of, mut first_entity) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let of_documents = self.examples.iter().zip(asked).zip(unordered.iter().zip(first_contexts));
        for ((example, pairs), (unordered, first_context)) in of_documents {
            for &(head, tail) in pairs {
                heads.push(first_entity + head);
                tails.push(first_entity + tail);
                let Ok(context) = unordered.binary_search(&ordered((head, tail))) else {
                    bail!("pair ({head}, {tail}): expected it among those that have a context");
                };
                context_of.push(first_context.map_or(NO_ROW, |first| first + context as u32));
            }
            first_entity += example.n_entities() as u32;
        }
        let device = self.encoded.states.device();
        Ok(PairFeatures {
            entities: self.entities.clone(),
            contexts: contexts.states,
            heads: Places::new(heads, device)?,
            tails: Places::new(tails, device)?,
            context_of: Places::new(context_of, device)?,
            documents,
            sentence_shares: contexts.sentences,
            piece_shares: contexts.pieces,
        })
    }

    /// The vectors of all documents, those of their start pieces, and of which document each pair is.
    fn documents(&self, asked: &[Pairs<'_>]) -> Result<(Tensor, Places)> {
        let states = &self.encoded.states;
        let starts: Vec<u32> = self.encoded.spans.iter().map(|span| span.start as u32).collect();
        let of_pairs = (0..).zip(asked).flat_map(|(place, pairs)| std::iter::repeat_n(place, pairs.len()));
        let of_pairs = Places::new(of_pairs.collect::<Vec<u32>>(), states.device())?;
        Ok((gather(states, &Places::new(starts, states.device())?)?, of_pairs))
    }

    /// Those of each document's pairs that are among some of the batch's.
    fn asked(&self, rows: &Range<usize>) -> Vec<&'e [(u32, u32)]> {
        let mut first_pair = 0;
        let of = |example: &'e Example| {
            let within = |row: usize| row.saturating_sub(first_pair).min(example.pairs.len());
            let pairs = within(rows.start)..within(rows.end);
            first_pair += example.pairs.len();
            example.pairs.get(pairs).unwrap_or_default()
        };
        self.examples.iter().map(of).collect()
    }

    /// The contexts of unordered pairs of each document, document by document in any order, and where each document's
    /// begin.
    fn contexts(&self, unordered: &[Unordered]) -> Result<(Contexts, Vec<Option<u32>>)> {
        let (mut contexts, mut firsts, mut first) = (Vec::new(), vec![None; unordered.len()], 0);
        for of_entities in &self.attention {
            let documents = of_entities.asked(unordered)?;
            for place in documents.iter().flat_map(|group| group.documents.iter().copied()) {
                let n_pairs = unordered.get(place).map_or(0, Vec::len);
                if let Some(of_document) = firsts.get_mut(place) {
                    *of_document = Some(first);
                }
                first += n_pairs as u32;
            }
            for group in documents {
                contexts.push(self.local_contexts(&group, unordered)?);
            }
        }
        if contexts.is_empty() {
            contexts.push(self.no_contexts()?);
        }
        Ok((Contexts::cat(&contexts)?, firsts))
    }

    /// A row that nothing reads, where no entity is mentioned.
    fn no_contexts(&self) -> Result<Contexts> {
        let states = &self.encoded.states;
        let shares =
            |are_asked: bool, n| are_asked.then(|| Tensor::zeros((1, n), DType::F32, states.device())).transpose();
        Ok(Contexts {
            states: Tensor::zeros((1, states.dim(1)?), states.dtype(), states.device())?,
            sentences: shares(self.pooling.sentences, self.most_sentences())?,
            pieces: shares(self.pooling.pieces, self.most_pieces())?,
        })
    }

    /// Columns of the shares of sentences.
    fn most_sentences(&self) -> usize {
        self.examples.iter().map(|example| example.sentences.len()).max().unwrap_or_default().max(1)
    }

    /// Columns of the shares of pieces.
    fn most_pieces(&self) -> usize {
        self.encoded.spans.iter().map(|span| span.len).max().unwrap_or_default().max(1)
    }

    /// The shares of the sentences of some documents, `(documents, pairs, sentences)`, by those of their pieces; where they
    /// are asked for.
    fn by_sentence(&self, documents: &[usize], shares: &Tensor) -> Result<Option<Tensor>> {
        if !self.pooling.sentences {
            return Ok(None);
        }
        let documents: Vec<&Example> = documents.iter().filter_map(|&place| self.examples.get(place)).collect();
        let sizes = [shares.dim(2)?, self.most_sentences()];
        shares.to_dtype(DType::F32)?.matmul(&by_sentence(&documents, sizes, shares.device())?).map(Some)
    }

    /// The shares of pieces as they are given on, where they are asked for.
    fn by_piece(&self, shares: &Tensor) -> Result<Option<Tensor>> {
        let padding = self.most_pieces().saturating_sub(shares.dim(D::Minus1)?);
        let padded = || shares.to_dtype(DType::F32)?.pad_with_zeros(D::Minus1, 0, padding);
        self.pooling.pieces.then(padded).transpose()
    }

    /// The contexts of unordered pairs of some documents.
    ///
    /// `c = Hᵀ a` with `a = A_s·A_o / (Σ A_s·A_o + 1e-5)`, where `A_e` is the mean attention of an entity's mentions and
    /// the product is averaged over heads, or added up.
    fn local_contexts(&self, group: &EntityAttention, unordered: &[Unordered]) -> Result<Contexts> {
        let states = &self.encoded.states;
        let of = |place: &usize| Some((self.encoded.spans.get(*place)?, unordered.get(*place)?.as_slice()));
        let (spans, pairs): (Vec<&Span>, Vec<Pairs>) = group.documents.iter().filter_map(of).unzip();
        // Where products are added up, what is added to their sum is so much less beside it.
        let least = if self.pooling.released { 1e-5 / group.shares.dim(2)?.max(1) as f64 } else { 1e-5 };
        let normalised = |joint: Tensor| joint.broadcast_div(&(joint.sum_keepdim(D::Minus1)? + least)?);
        if let ([span], [pairs]) = (spans.as_slice(), pairs.as_slice()) {
            let shares = normalised(joint_attention(&group.shares.squeeze(0)?.narrow(2, 0, span.len)?, pairs)?)?;
            let sentences = self.by_sentence(&group.documents, &shares.unsqueeze(0)?)?;
            return Ok(Contexts {
                states: shares.to_dtype(states.dtype())?.matmul(&states.narrow(0, span.start, span.len)?)?,
                sentences: sentences.map(|sentences| sentences.squeeze(0)).transpose()?,
                pieces: self.by_piece(&shares)?,
            });
        }
        let (n, _, _, longest) = group.shares.dims4()?;
        let shares = normalised(joint_attention_of_padded(&group.shares, &pairs)?)?;
        let most = shares.dim(1)?;
        let places = Places::unpadded(pairs.iter().map(|pairs| pairs.len()), most, states.device())?;
        let unpadded = |of_pairs: Tensor| gather(&of_pairs.reshape((n * most, ()))?, &places);
        let sentences = self.by_sentence(&group.documents, &shares)?.map(unpadded).transpose()?;
        let pieces = self.by_piece(&shares)?.map(unpadded).transpose()?;
        let shares = shares.to_dtype(states.dtype())?;
        let states = gather(states, &Places::padded(spans, longest, states.device())?)?;
        let states = unpadded(shares.matmul(&states.reshape((n, longest, ()))?)?)?;
        Ok(Contexts { states, sentences, pieces })
    }
}

impl Contexts {
    /// All of them, in order.
    fn cat(parts: &[Self]) -> Result<Self> {
        let cat = |of: fn(&Self) -> Option<&Tensor>| {
            let parts: Vec<&Tensor> = parts.iter().filter_map(of).collect();
            (!parts.is_empty()).then(|| Tensor::cat(&parts, 0)).transpose()
        };
        let states: Vec<&Tensor> = parts.iter().map(|part| &part.states).collect();
        Ok(Self {
            states: Tensor::cat(&states, 0)?,
            sentences: cat(|part| part.sentences.as_ref())?,
            pieces: cat(|part| part.pieces.as_ref())?,
        })
    }
}

impl EntityAttention {
    /// That of the documents that have some of the pairs, as many together as may be.
    fn asked(&self, unordered: &[Unordered]) -> Result<Vec<Self>> {
        let has_pairs = |place: usize| unordered.get(place).is_some_and(|pairs| !pairs.is_empty());
        let slots: Vec<usize> =
            (0..).zip(&self.documents).filter(|(_, place)| has_pairs(**place)).map(|(slot, _)| slot).collect();
        let (_, n_entities, _, pieces) = self.shares.dims4()?;
        let at_once = (PRODUCTS_AT_ONCE / (n_entities * n_entities * pieces).max(1)).max(1);
        slots.chunks(at_once).map(|slots| self.of(slots, n_entities)).collect()
    }

    /// That of some of its documents, and of so many of their entities.
    fn of(&self, slots: &[usize], n_entities: usize) -> Result<Self> {
        let documents: Vec<usize> = slots.iter().filter_map(|&slot| self.documents.get(slot).copied()).collect();
        let shares = self.shares.narrow(1, 0, n_entities)?;
        if slots.len() == self.documents.len() {
            return Ok(Self { documents, shares });
        }
        let (n, _, heads, pieces) = shares.dims4()?;
        let slots = Places::new(slots.iter().map(|&slot| slot as u32).collect::<Vec<u32>>(), shares.device())?;
        let shares = gather(&shares.reshape((n, n_entities * heads * pieces))?, &slots)?;
        Ok(Self { documents, shares: shares.reshape(((), n_entities, heads, pieces))? })
    }
}

fn ordered((one, other): (u32, u32)) -> (u32, u32) {
    (one.min(other), one.max(other))
}

fn unordered(pairs: &[(u32, u32)]) -> Unordered {
    let unordered: BTreeSet<(u32, u32)> = pairs.iter().map(|&pair| ordered(pair)).collect();
    unordered.into_iter().collect()
}

/// `log Σ exp` over the states at each entity's mentions: `(entities, hidden)`. Where operations are not fused, a batch is
/// so large that not every entity is padded to the most mentions of any.
fn pool_entities(examples: &[Example], encoded: &Encoded, of: Mentions) -> Result<Tensor> {
    let states = &encoded.states;
    let mut entities: Vec<Vec<[u32; 2]>> = Vec::new();
    for (example, span) in examples.iter().zip(&encoded.spans) {
        let ends = if of == Mentions::Both { &example.mention_ends } else { &example.mentions };
        let within = |place: &u32| span.start as u32 + place;
        let mut mentions = example.mentions.iter().zip(ends).map(|(start, end)| [start, end].map(within));
        entities.extend(example.n_mentions.iter().map(|&count| mentions.by_ref().take(count).collect::<Vec<_>>()));
    }
    let groups =
        if is_fused(states) { vec![(0..entities.len()).collect()] } else { alike(entities.iter().map(Vec::len), 1) };
    let pooled = |group: &Vec<usize>| {
        let of_group: Vec<&[[u32; 2]]> =
            group.iter().filter_map(|&place| entities.get(place)).map(Vec::as_slice).collect();
        pool(&of_group, states, of)
    };
    let pooled = Tensor::cat(&groups.iter().map(pooled).collect::<Result<Vec<_>>>()?, 0)?;
    if groups.len() == 1 {
        return Ok(pooled);
    }
    let mut places = vec![NO_ROW; entities.len()];
    for (row, &entity) in (0..).zip(groups.iter().flatten()) {
        if let Some(place) = places.get_mut(entity) {
            *place = row;
        }
    }
    gather(&pooled, &Places::new(places, states.device())?)
}

/// The same of some entities by their mentions.
fn pool(entities: &[&[[u32; 2]]], states: &Tensor, of: Mentions) -> Result<Tensor> {
    let most = entities.iter().map(|mentions| mentions.len()).max().unwrap_or_default().max(1);
    let (mut rows, mut mask) = (Vec::new(), Vec::new());
    for mentions in entities {
        // A padding index reads zeros: alone, as for an entity without mentions, they give a zero vector.
        rows.extend(mentions.iter().copied().chain(std::iter::repeat([NO_ROW; 2])).take(most));
        mask.extend((0..most).map(|slot| if slot < mentions.len().max(1) { 0f32 } else { -1e30 }));
    }
    let mask = Tensor::from_vec(mask, (entities.len(), most, 1), states.device())?;
    let at = |end: usize| {
        let rows = rows.iter().filter_map(|ends| ends.get(end).copied());
        gather(states, &Places::new(rows.collect::<Vec<u32>>(), states.device())?)?.to_dtype(DType::F32)
    };
    let of_mentions = match of {
        Mentions::Opening => at(0)?,
        Mentions::Both => ((at(0)? + at(1)?)? / 2.0)?,
    };
    let of_mentions = of_mentions.reshape((entities.len(), most, ()))?.broadcast_add(&mask)?;
    let top = of_mentions.max_keepdim(1)?.detach();
    let sum = of_mentions.broadcast_sub(&top)?.exp()?.sum_keepdim(1)?.log()?;
    (sum + top)?.squeeze(1)?.to_dtype(states.dtype())
}

/// `(documents, mentions, heads, pieces)` → `(documents, entities, heads, pieces)`, the mean over each entity's mentions,
/// of those documents that have pairs; apart, where some have many more entities than others.
fn entity_attention(examples: &[Example], attention: &Attention, of: Mentions) -> Result<Vec<EntityAttention>> {
    let (n, n_rows, heads, pieces) = attention.shares.dims4()?;
    let documents: Vec<&Example> = attention.documents.iter().filter_map(|&place| examples.get(place)).collect();
    if documents.iter().all(|example| example.pairs.is_empty()) {
        return Ok(Vec::new());
    }
    let most = documents.iter().map(|example| example.n_entities()).max().unwrap_or_default();
    let means: Vec<f32> = documents.iter().flat_map(|example| of.means(example, n_rows, most)).collect();
    let means = Tensor::from_vec(means, (n, most, n_rows), attention.shares.device())?;
    let shares = means.matmul(&attention.shares.reshape((n, n_rows, heads * pieces))?)?;
    let whole =
        EntityAttention { documents: attention.documents.clone(), shares: shares.reshape((n, most, heads, pieces))? };
    let with_pairs = (0..).zip(&documents).filter(|(_, example)| !example.pairs.is_empty());
    let (slots, sizes): (Vec<usize>, Vec<usize>) =
        with_pairs.map(|(slot, example)| (slot, example.n_entities())).unzip();
    let group = |places: &Vec<usize>| {
        let of =
            |from: &[usize]| -> Vec<usize> { places.iter().filter_map(|&place| from.get(place).copied()).collect() };
        whole.of(&of(&slots), of(&sizes).into_iter().max().unwrap_or_default())
    };
    alike(sizes.iter().copied(), 2).iter().map(group).collect()
}

//! A WordPiece vocabulary from a corpus's own words, for encoders trained from scratch.
//!
//! Byte-pair merges over characters (Sennrich et al. 2016), written in WordPiece's form: a piece that continues a word
//! begins with `##`. The same words give the same vocabulary: of equally frequent pairs the first in order is merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use ground::excerpt::quoted;
use table::Text;

use super::error::{PiecesError, tokenizer_fault};
use super::tokenizer::Tokenizer;
use super::word_piece::bert;

/// How a vocabulary is made.
#[derive(Debug, Clone, Copy)]
pub struct VocabularyOptions {
    /// Pieces at most, special ones included. All characters of the corpus are pieces, so there may be more.
    pub size: usize,
    /// Times that two pieces must stand together to become one.
    pub least_count: u64,
    /// Whether case and accents are dropped.
    pub lower: bool,
}

/// In the order of their ids; the marker is always a piece.
const SPECIAL: [&str; 6] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "*"];

/// A tokenizer whose vocabulary is made from words.
///
/// # Errors
/// Where a word cannot be normalised.
pub fn train_vocabulary<'w>(
    words: impl Iterator<Item = &'w Text>,
    options: VocabularyOptions,
) -> Result<Tokenizer, PiecesError> {
    let mut counts = WordCounts::default();
    counts.add(words);
    counts.vocabulary(options)
}

/// The words of documents that come one after another: each distinct one is in memory, and how often it came.
#[derive(Debug, Clone, Default)]
pub struct WordCounts(HashMap<Text, u64>);

impl WordCounts {
    /// Counts more words.
    pub fn add<'w>(&mut self, words: impl IntoIterator<Item = &'w Text>) {
        for word in words {
            // Looked up first: most are there, and need no copy.
            if let Some(times) = self.0.get_mut(word) {
                *times += 1;
            } else {
                self.0.insert(word.clone(), 1);
            }
        }
    }

    /// A tokenizer whose vocabulary is made from them.
    ///
    /// # Errors
    /// Where a word cannot be normalised.
    pub fn vocabulary(self, options: VocabularyOptions) -> Result<Tokenizer, PiecesError> {
        let normalizer = BertNormalizer::new(true, true, None, options.lower);
        let mut merger = Merger::default();
        for (part, times) in parts(self.0.into_iter().collect(), normalizer)? {
            merger.add(&part, times);
        }
        let pieces = merger.run(options);
        let inner = bert(pieces.into_iter(), normalizer).map_err(tokenizer_fault)?;
        Tokenizer::from_json(&inner.to_string(false).map_err(tokenizer_fault)?)
    }
}

/// The parts that words are cut into before pieces are sought, each with its count.
fn parts(counts: BTreeMap<Text, u64>, normalizer: BertNormalizer) -> Result<BTreeMap<String, u64>, PiecesError> {
    let mut parts: BTreeMap<String, u64> = BTreeMap::new();
    for (word, times) in counts {
        for part in split(&word, normalizer)
            .map_err(|error| PiecesError::Word { word: quoted(&word), reason: error.to_string() })?
        {
            *parts.entry(part).or_default() += times;
        }
    }
    Ok(parts)
}

fn split(word: &str, normalizer: BertNormalizer) -> Result<Vec<String>, tokenizers::Error> {
    let mut text = NormalizedString::from(word);
    normalizer.normalize(&mut text)?;
    let mut text = PreTokenizedString::from(text);
    BertPreTokenizer.pre_tokenize(&mut text)?;
    let splits = text.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
    Ok(splits.into_iter().map(|(part, ..)| part.to_owned()).collect())
}

type Pair = (u32, u32);

/// Merges pieces, the most frequent pair first.
#[derive(Default)]
struct Merger {
    pieces: Vec<String>,
    ids: HashMap<String, u32>,
    /// Each distinct word as pieces, with its count.
    words: Vec<(Vec<u32>, u64)>,
    pairs: HashMap<Pair, u64>,
    /// The words in which a pair stands, or once stood.
    places: HashMap<Pair, BTreeSet<usize>>,
}

impl Merger {
    fn add(&mut self, word: &str, times: u64) {
        let mut ids = Vec::new();
        for (place, letter) in word.chars().enumerate() {
            let piece = if place == 0 { letter.to_string() } else { format!("##{letter}") };
            ids.push(self.id(piece));
        }
        self.words.push((ids, times));
    }

    fn id(&mut self, piece: String) -> u32 {
        let next = ground::whole(self.pieces.len());
        *self.ids.entry(piece).or_insert_with_key(|piece| {
            self.pieces.push(piece.clone());
            next
        })
    }

    /// The vocabulary: special pieces, characters in order, merged pieces in the order of their making.
    fn run(mut self, options: VocabularyOptions) -> Vec<String> {
        let characters: BTreeSet<String> = self.pieces.iter().cloned().collect();
        let mut vocabulary: Vec<String> = SPECIAL.map(str::to_owned).to_vec();
        vocabulary.extend(characters.into_iter().filter(|piece| !SPECIAL.contains(&piece.as_str())));
        let mut known: BTreeSet<String> = vocabulary.iter().cloned().collect();
        (0..self.words.len()).for_each(|word| self.count(word, None));
        let mut queue: BinaryHeap<_> = self.pairs.iter().map(|(&pair, &times)| self.ranked(pair, times)).collect();
        while vocabulary.len() < options.size
            && let Some((times, Reverse((first, second, pair)))) = queue.pop()
        {
            let now = self.pairs.get(&pair).copied().unwrap_or_default();
            if now < times {
                // Counts fall while a pair waits: it goes back with its present one.
                queue.push((now, Reverse((first, second, pair))));
                continue;
            }
            if times < options.least_count.max(1) {
                break;
            }
            let merged = format!("{first}{}", second.strip_prefix("##").unwrap_or(&second));
            for pair in self.merge(pair, merged.clone()) {
                queue.push(self.ranked(pair, self.pairs.get(&pair).copied().unwrap_or_default()));
            }
            if known.insert(merged.clone()) {
                vocabulary.push(merged);
            }
        }
        vocabulary
    }

    /// What orders the queue: the count, then the pieces' text.
    fn ranked(&self, pair: Pair, times: u64) -> (u64, Reverse<(String, String, Pair)>) {
        let text = |id: u32| self.pieces.get(id as usize).cloned().unwrap_or_default();
        (times, Reverse((text(pair.0), text(pair.1), pair)))
    }

    /// Joins a pair everywhere, and returns the pairs that this makes.
    fn merge(&mut self, pair: Pair, merged: String) -> BTreeSet<Pair> {
        let id = self.id(merged);
        let mut made = BTreeSet::new();
        for word in self.places.remove(&pair).unwrap_or_default() {
            self.uncount(word);
            if let Some((ids, _)) = self.words.get_mut(word) {
                *ids = joined(ids, pair, id);
            }
            self.count(word, Some((id, &mut made)));
        }
        self.pairs.remove(&pair);
        made
    }

    fn count(&mut self, word: usize, mut made: Option<(u32, &mut BTreeSet<Pair>)>) {
        let Some((ids, times)) = self.words.get(word) else { return };
        for pair in neighbours(ids) {
            *self.pairs.entry(pair).or_default() += times;
            self.places.entry(pair).or_default().insert(word);
            if let Some((id, made)) = &mut made
                && (pair.0 == *id || pair.1 == *id)
            {
                made.insert(pair);
            }
        }
    }

    fn uncount(&mut self, word: usize) {
        let Some((ids, times)) = self.words.get(word) else { return };
        for pair in neighbours(ids) {
            if let Some(count) = self.pairs.get_mut(&pair) {
                *count = count.saturating_sub(*times);
            }
        }
    }
}

fn neighbours(ids: &[u32]) -> impl Iterator<Item = Pair> + '_ {
    ids.iter().copied().zip(ids.iter().copied().skip(1))
}

fn joined(ids: &[u32], pair: Pair, id: u32) -> Vec<u32> {
    let mut joined: Vec<u32> = Vec::with_capacity(ids.len());
    let mut rest = ids.iter().copied().peekable();
    while let Some(first) = rest.next() {
        let meets = first == pair.0 && rest.next_if_eq(&pair.1).is_some();
        joined.push(if meets { id } else { first });
    }
    joined
}

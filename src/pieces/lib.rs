//! Tables → subword pieces with markers around the mentions of entities, as an encoder reads them. No tensor here.
//!
//! A word's pieces are those of the word alone, so each distinct word is cut once. A marker `*` stands before a
//! mention's first word and after its last, once even where several mentions start or end there (Zhou et al. 2021). Other
//! [`Markers`] tell entities and types apart; where several mentions start or end, the last one's stands.

pub mod stored;
mod cut_off;
mod error;
mod markers;
mod described;
mod tokenizer;
mod word_piece;
mod vocabulary;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use ground::settings::{Settings, at_least};
use ground::{up_to_error, whole};
use table::rows::{MentionRow, PieceRow, TokenRow};
use table::{TableError, Text, Walk};

pub use cut_off::CutOff;
pub use error::PiecesError;
pub use markers::Markers;
pub use tokenizer::{Family, Tokenizer};
pub use vocabulary::{VocabularyOptions, WordCounts, train_vocabulary};

use markers::Marking;

/// Pieces of a document at most, unless asked otherwise: as in the reference code.
pub const MOST_PIECES: usize = 1024;
/// A start, an end and a piece between them.
const FEWEST_PIECES: usize = 3;
/// Documents that are cut at once.
const DOCUMENTS_AT_ONCE: usize = 512;
/// Distinct words after which the cache starts anew: some tens of megabytes.
const MOST_WORDS: usize = 1 << 19;

/// How documents are cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Pieces that a document keeps at most.
    pub most_pieces: usize,
    /// What marks where mentions begin and end.
    pub markers: Markers,
}

impl Default for Options {
    fn default() -> Self {
        Self { most_pieces: MOST_PIECES, markers: Markers::Star }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        at_least("most_pieces", self.most_pieces, FEWEST_PIECES)?;
        self.markers.check()
    }
}

/// A document's words and where its entities are mentioned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkedDocument {
    /// The document's name, unique in its corpus.
    pub id: Text,
    /// Its words in order.
    pub words: Vec<Text>,
    /// The first word of each of its sentences; none where these are not known.
    pub sentences: Vec<u32>,
    /// For each entity, the words of each mention: first, and one past the last.
    pub entities: Vec<Vec<(u32, u32)>>,
    /// The types of the same mentions; no marker but those of types asks for them.
    pub types: Vec<Vec<Text>>,
}

/// Cuts documents into pieces.
pub struct Cutter {
    tokenizer: Tokenizer,
    most_pieces: usize,
    markers: Markers,
    marking: Marking,
    cache: HashMap<Text, Box<[u32]>>,
}

impl Cutter {
    /// A cutter that leaves at most `most_pieces` of a document, its start and end pieces included, and marks mentions
    /// with `*`.
    pub fn new(tokenizer: Tokenizer, most_pieces: usize) -> Self {
        let marking = Marking::Star(tokenizer.marker());
        Self { tokenizer, most_pieces, markers: Markers::Star, marking, cache: HashMap::new() }
    }

    /// The same with other markers.
    ///
    /// # Errors
    /// Where the vocabulary lacks a piece for them.
    pub fn marking(self, markers: &Markers) -> Result<Self, PiecesError> {
        let marking = Marking::new(markers, &self.tokenizer)?;
        Ok(Self { markers: markers.clone(), marking, ..self })
    }

    /// The tokenizer in use.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokenizer, when cutting is over.
    pub fn into_tokenizer(self) -> Tokenizer {
        self.tokenizer
    }

    /// One row a document, in their order.
    ///
    /// # Errors
    /// Where the tokenizer fails on a word.
    pub fn cut(&mut self, documents: &[MarkedDocument]) -> Result<Vec<PieceRow>, PiecesError> {
        self.learn(documents)?;
        let encoder: Text = self.tokenizer.identity().into();
        documents.par_iter().map(|document| self.row(document, encoder.clone())).collect()
    }

    /// Cuts the words that are not in the cache yet.
    fn learn(&mut self, documents: &[MarkedDocument]) -> Result<(), PiecesError> {
        if self.cache.len() > MOST_WORDS {
            self.cache.clear();
        }
        let words = documents.iter().flat_map(|document| &document.words);
        let fresh: BTreeSet<&Text> = words.filter(|word| !self.cache.contains_key(*word)).collect();
        let fresh: Vec<&Text> = fresh.into_iter().collect();
        let of = |word: &Text| documents.iter().find(|document| document.words.contains(word));
        let fault = |word: &Text, error: PiecesError| match of(word) {
            Some(document) => PiecesError::Document { document: document.id.to_string(), reason: error.to_string() },
            None => error,
        };
        let cut = |word: &Text| match self.tokenizer.pieces(word) {
            Ok(pieces) => Ok((word.clone(), pieces.into())),
            Err(error) => Err(fault(word, error)),
        };
        let cut: Result<Vec<_>, PiecesError> = fresh.into_par_iter().map(cut).collect();
        self.cache.extend(cut?);
        Ok(())
    }

    fn row(&self, document: &MarkedDocument, encoder: Text) -> Result<PieceRow, PiecesError> {
        let mut layout = Layout::new(document);
        let mut ids = vec![self.tokenizer.start()];
        let (mut sentences, mut sentence_starts) = (document.sentences.iter().peekable(), Vec::new());
        for (place, (word, marks)) in document.words.iter().zip(&mut layout.marks).enumerate() {
            while sentences.next_if(|&&first| first as usize <= place).is_some() {
                sentence_starts.push(whole(ids.len()));
            }
            if let Some(entity) = marks.opens {
                marks.start = ids.len();
                ids.push(self.marking.opening(entity));
            }
            let uncut = || PiecesError::Uncut { document: document.id.to_string(), word: word.to_string() };
            ids.extend(self.cache.get(word).ok_or_else(uncut)?);
            if let Some(mention) = marks.closes {
                marks.end = ids.len();
                ids.push(self.closing(document, mention)?);
            }
        }
        let kept = ids.len().min(self.most_pieces.saturating_sub(1));
        sentence_starts.extend(sentences.map(|_| whole(kept)));
        sentence_starts.iter_mut().for_each(|start| *start = (*start).min(whole(kept)));
        let truncated = whole(ids.len() - kept);
        ids.truncate(kept);
        ids.push(self.tokenizer.end());
        let [mention_starts, mention_ends] = layout.ends(document, kept);
        let doc_id = document.id.clone();
        Ok(PieceRow { doc_id, encoder, ids, mention_starts, mention_ends, sentence_starts, truncated })
    }

    fn closing(&self, document: &MarkedDocument, (entity, mention): (usize, usize)) -> Result<u32, PiecesError> {
        let of_type = document.types.get(entity).and_then(|types| types.get(mention));
        let misfit = |reason| PiecesError::Document {
            document: document.id.to_string(),
            reason: format!("mention {mention} of entity {entity}: {reason}"),
        };
        self.marking.closing(of_type).map_err(misfit)
    }
}

/// What stands around a word.
#[derive(Debug, Clone, Default)]
struct Marks {
    /// The last entity of those that have a mention which begins here.
    opens: Option<usize>,
    /// The last mention of those that end here, by its entity and its place among that one's.
    closes: Option<(usize, usize)>,
    /// Where the opening marker came to stand.
    start: usize,
    /// Where the closing one did.
    end: usize,
}

/// The marks of each word of a document.
struct Layout {
    marks: Vec<Marks>,
}

impl Layout {
    fn new(document: &MarkedDocument) -> Self {
        let mut marks = vec![Marks::default(); document.words.len()];
        let mentions = |(entity, mentions)| (0..).zip(mentions).map(move |(place, span)| ((entity, place), span));
        for ((entity, place), &(start, end)) in (0..).zip(&document.entities).flat_map(mentions) {
            if let Some(first) = marks.get_mut(start as usize) {
                first.opens = Some(entity);
            }
            if let Some(last) = end.checked_sub(1).and_then(|last| marks.get_mut(last as usize)) {
                last.closes = Some((entity, place));
            }
        }
        Self { marks }
    }

    /// The places of the opening markers among the first `kept` pieces, by entity and mention, and those of the closing
    /// ones; of a mention that is cut off within, that of the last of these pieces.
    fn ends(&self, document: &MarkedDocument, kept: usize) -> [Vec<Vec<u32>>; 2] {
        let ends = |&(start, end): &(u32, u32)| {
            let start = self.marks.get(start as usize)?.start;
            let end = self.marks.get(end.checked_sub(1)? as usize)?.end;
            (start < kept).then(|| (whole(start), whole(end.min(kept - 1))))
        };
        let of_entity = |mentions: &Vec<(u32, u32)>| mentions.iter().filter_map(ends).unzip();
        let (starts, ends) = document.entities.iter().map(of_entity).unzip();
        [starts, ends]
    }
}

/// The documents of a corpus folder, read in order, one at a time.
///
/// # Errors
/// Where a table is missing or not as its schema says; later, where a mention does not fit its document.
pub fn documents(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<MarkedDocument, PiecesError>> + use<>, TableError> {
    let walk = Walk::<(TokenRow, MentionRow)>::open(folder)?;
    Ok(walk.map(|document| {
        let (row, (tokens, mentions)) = document?;
        marked((&row.doc_id, row.n_entities as usize, row.n_sentences), tokens, &mentions)
    }))
}

/// A document of its rows: its name and how many entities and sentences it has, its words, and its mentions by entity.
///
/// # Errors
/// Where a mention does not fit the document.
pub fn marked(
    (doc_id, n_entities, n_sentences): (&Text, usize, u32),
    tokens: Vec<TokenRow>,
    mentions: &[MentionRow],
) -> Result<MarkedDocument, PiecesError> {
    let n_words = tokens.len();
    let (mut entities, mut types) = (vec![Vec::new(); n_entities], vec![Vec::new(); n_entities]);
    for mention in mentions {
        // A mention without identity is part of no pair: it gets no marker.
        let Some(entity) = mention.entity_id else { continue };
        let (start, end) = (mention.token_start, mention.token_end);
        let reason = || {
            let expected = format!("expected one of {n_entities} entities and words of {n_words}");
            format!("mention {}: {expected}, got entity {entity}, words {start} to {end}", mention.mention_id)
        };
        let misfit = || PiecesError::Document { document: doc_id.to_string(), reason: reason() };
        let mentions = entities.get_mut(entity as usize).filter(|_| start < end && end as usize <= n_words);
        mentions.ok_or_else(misfit)?.push((start, end));
        types.get_mut(entity as usize).ok_or_else(misfit)?.push(mention.r#type.clone());
    }
    let sentences = sentences(n_sentences, &tokens);
    let words = tokens.into_iter().map(|token| token.text).collect();
    Ok(MarkedDocument { id: doc_id.clone(), words, sentences, entities, types })
}

/// The first word of each sentence; of one without words, that of the next.
fn sentences(n_sentences: u32, tokens: &[TokenRow]) -> Vec<u32> {
    (0..n_sentences).map(|sentence| whole(tokens.partition_point(|token| token.sent_id < sentence))).collect()
}

/// The rows of `pieces` for a corpus folder, some hundred documents at a time.
///
/// # Errors
/// Where a table is missing or not as its schema says; later, where one is damaged or the tokenizer fails on a word.
pub fn encode<'c>(
    folder: &Path,
    cutter: &'c mut Cutter,
) -> Result<impl Iterator<Item = Result<Vec<PieceRow>, PiecesError>> + use<'c>, TableError> {
    encode_within(folder, cutter, 0..usize::MAX)
}

/// The same of the documents at these places in the folder alone.
fn encode_within<'c>(
    folder: &Path,
    cutter: &'c mut Cutter,
    places: Range<usize>,
) -> Result<impl Iterator<Item = Result<Vec<PieceRow>, PiecesError>> + use<'c>, TableError> {
    let mut documents = within(documents(folder)?, places);
    let next = move || {
        let batch: Vec<MarkedDocument> = documents.by_ref().take(DOCUMENTS_AT_ONCE).collect::<Result<_, _>>()?;
        if batch.is_empty() { Ok(None) } else { cutter.cut(&batch).map(Some) }
    };
    Ok(up_to_error(next))
}

/// The items at these places; an error at a place before them is one of theirs.
fn within<T, E>(items: impl Iterator<Item = Result<T, E>>, places: Range<usize>) -> impl Iterator<Item = Result<T, E>> {
    let items = items.enumerate().take_while(move |(place, _)| *place < places.end);
    items.filter(move |(place, item)| item.is_err() || *place >= places.start).map(|(_, item)| item)
}

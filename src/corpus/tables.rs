//! Documents → the corpus tables, and [back](read()).

mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter::Peekable;
use std::path::Path;

use rayon::prelude::*;

use ground::whole;
use table::rows::{
    DocumentRow, EntityRow, FactRow, ImpliedRow, MentionRow, PairRow, RejectRow, RelationTypeRow, SentenceRow, TokenRow,
};
use table::{TableError, TableWriter, Text};

use crate::document::{Document, Entity, Fact, Mention, Token, sentence_spans};
use crate::pairs::Pairs;

pub use read::read;

/// Pair rows that are built at once: they are the most, up to the square of a document's entities. Documents are never
/// split but where one has more by itself.
const PAIRS_AT_ONCE: usize = 1 << 19;

/// A document on its way into the tables.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The document, checked.
    pub document: Document,
    /// Name of the file it came from.
    pub source: Text,
    /// The pairs that the corpus asks about.
    pub pairs: Pairs,
    /// Rows of the side table of a synthetic corpus.
    pub implied: Vec<ImpliedRow>,
}

/// How much was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Documents.
    pub documents: u64,
    /// Of these, the ones of whose relations something is known.
    pub labelled: u64,
    /// Tokens.
    pub tokens: u64,
    /// Mentions, those without identity included.
    pub mentions: u64,
    /// Entities.
    pub entities: u64,
    /// Rows of `pairs`.
    pub pairs: u64,
    /// Of these, the ones kept out of training and scoring.
    pub left_out: u64,
    /// Facts.
    pub facts: u64,
    /// Relations of the source that became these facts: one of lists is several facts, one that is given twice the same.
    pub relations: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, labelled: _, tokens, mentions, entities, pairs, left_out, facts, relations } = self;
        write!(
            f,
            "{documents} documents, {tokens} tokens, {mentions} mentions, {entities} entities, {pairs} pairs ({left_out} left out), {facts} facts"
        )?;
        if relations == facts { Ok(()) } else { write!(f, " of {relations} relations") }
    }
}

/// The tables that every split has.
pub const TABLES: [&str; 9] =
    ["documents", "sentences", "tokens", "mentions", "entities", "pairs", "facts", "relation_types", "rejects"];

/// The tables of a synthetic split: these, and which facts follow from others.
pub(crate) fn synthetic_tables() -> Vec<&'static str> {
    [&TABLES[..], &["implied"]].concat()
}

/// Writes the corpus tables of one split.
pub struct CorpusWriter {
    split: Text,
    pairs_at_once: usize,
    totals: Totals,
    n_facts: BTreeMap<Text, u64>,
    /// Undirected relations of which no fact can tell.
    undirected: Vec<Text>,
    documents: TableWriter<DocumentRow>,
    sentences: TableWriter<SentenceRow>,
    tokens: TableWriter<TokenRow>,
    mentions: TableWriter<MentionRow>,
    entities: TableWriter<EntityRow>,
    pairs: TableWriter<PairRow>,
    facts: TableWriter<FactRow>,
    relation_types: TableWriter<RelationTypeRow>,
    rejects: TableWriter<RejectRow>,
    implied: Option<TableWriter<ImpliedRow>>,
}

impl CorpusWriter {
    /// A writer of the tables in `folder`. `fingerprint` identifies what they are made from.
    ///
    /// # Errors
    /// Where a folder cannot be made.
    pub fn create(folder: &Path, split: &str, fingerprint: &str, synthetic: bool) -> Result<Self, TableError> {
        Ok(Self {
            split: split.into(),
            pairs_at_once: PAIRS_AT_ONCE,
            totals: Totals::default(),
            n_facts: BTreeMap::new(),
            undirected: Vec::new(),
            documents: TableWriter::create(folder, fingerprint)?,
            sentences: TableWriter::create(folder, fingerprint)?,
            tokens: TableWriter::create(folder, fingerprint)?,
            mentions: TableWriter::create(folder, fingerprint)?,
            entities: TableWriter::create(folder, fingerprint)?,
            pairs: TableWriter::create(folder, fingerprint)?,
            facts: TableWriter::create(folder, fingerprint)?,
            relation_types: TableWriter::create(folder, fingerprint)?,
            rejects: TableWriter::create(folder, fingerprint)?,
            implied: if synthetic { Some(TableWriter::create(folder, fingerprint)?) } else { None },
        })
    }

    /// The same, with so many pair rows built at once: the tables hold the same rows.
    #[must_use]
    pub fn with_pairs_at_once(self, pairs_at_once: usize) -> Self {
        Self { pairs_at_once: pairs_at_once.max(1), ..self }
    }

    /// Appends documents.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn write(&mut self, documents: &[Accepted]) -> Result<(), TableError> {
        let mut rest = documents;
        while !rest.is_empty() {
            let mut n_pairs = 0;
            let fits = |accepted: &&Accepted| {
                n_pairs += accepted.pairs.len();
                n_pairs <= self.pairs_at_once as u64
            };
            let n_documents = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at(n_documents);
            self.write_at_once(now)?;
            rest = later;
        }
        Ok(())
    }

    fn write_at_once(&mut self, documents: &[Accepted]) -> Result<(), TableError> {
        let first = whole(self.totals.documents as usize);
        self.count(documents);
        let (split, at_once) = (self.split.clone(), self.pairs_at_once);
        let Self { documents: document_rows, sentences, tokens, mentions, entities, pairs, facts, implied, .. } = self;
        let mut results = [const { Ok(()) }; 8];
        let [on_documents, on_sentences, on_tokens, on_mentions, on_entities, on_pairs, on_facts, on_implied] =
            &mut results;
        rayon::scope(|scope| {
            scope.spawn(|_| *on_pairs = write_pairs(pairs, documents, at_once));
            scope.spawn(|_| *on_sentences = sentences.write(gather(documents, sentence_rows)));
            scope.spawn(|_| *on_tokens = tokens.write(gather(documents, token_rows)));
            scope.spawn(|_| *on_mentions = mentions.write(gather(documents, mention_rows)));
            scope.spawn(|_| *on_entities = entities.write(gather(documents, entity_rows)));
            scope.spawn(|_| *on_facts = facts.write(gather(documents, fact_rows)));
            scope.spawn(|_| {
                let rows = documents
                    .par_iter()
                    .enumerate()
                    .map(|(place, accepted)| document_row(accepted, split.clone(), first.saturating_add(whole(place))));
                *on_documents = document_rows.write(rows.collect());
            });
            if let Some(implied) = implied {
                *on_implied = implied.write(gather(documents, |accepted| accepted.implied.clone()));
            }
        });
        results.into_iter().collect()
    }

    fn count(&mut self, documents: &[Accepted]) {
        for Accepted { document, pairs, .. } in documents {
            self.totals.documents += 1;
            self.totals.labelled += u64::from(document.facts.is_some());
            self.totals.tokens += document.sentences.iter().map(Vec::len).sum::<usize>() as u64;
            let mentions = document.entities.iter().map(|entity| entity.mentions.len()).sum::<usize>();
            self.totals.mentions += (mentions + document.loose_mentions.len()) as u64;
            self.totals.entities += document.entities.len() as u64;
            self.totals.pairs += pairs.len();
            self.totals.left_out += document.left_out.iter().filter(|pair| pairs.contains(**pair)).count() as u64;
            for fact in document.facts.iter().flatten() {
                self.totals.facts += 1;
                *self.n_facts.entry(fact.relation.clone()).or_default() += 1;
            }
            self.totals.relations += document.relations().values().sum::<u64>();
        }
    }

    /// Appends records that were not taken over, in the order of the sources.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn reject(&mut self, rows: Vec<RejectRow>) -> Result<(), TableError> {
        if rows.is_empty() { Ok(()) } else { self.rejects.write(rows) }
    }

    /// The relations of the facts so far.
    pub fn relations(&self) -> impl Iterator<Item = &Text> {
        self.n_facts.keys()
    }

    /// Keeps relations that hold both ways, `*` for all, where no document is labelled: those who predict relations for
    /// them are to know.
    pub fn keep_undirected(&mut self, relations: &[Text]) {
        if self.totals.labelled == 0 {
            self.undirected = relations.to_vec();
        }
    }

    /// Ends the tables. `labels` says what relations are called in words, `undirected` which hold both ways.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn finish(
        mut self,
        labels: &BTreeMap<Text, Text>,
        undirected: impl Fn(&str) -> bool,
    ) -> Result<Totals, TableError> {
        let names: BTreeSet<&Text> = self.n_facts.keys().chain(labels.keys()).chain(&self.undirected).collect();
        let rows = names.into_iter().map(|name| RelationTypeRow {
            relation: name.clone(),
            label: labels.get(name).cloned(),
            n_facts: self.n_facts.get(name).copied().unwrap_or_default(),
            undirected: undirected(name),
        });
        self.relation_types.write(rows.collect())?;
        // Side by side: what is left of each is compressed, and the disk waited for. The largest first.
        let ends: Vec<Box<dyn FnOnce() -> Result<(), TableError> + Send>> = vec![
            Box::new(|| self.pairs.finish()),
            Box::new(|| self.tokens.finish()),
            Box::new(|| self.sentences.finish()),
            Box::new(|| self.mentions.finish()),
            Box::new(|| self.entities.finish()),
            Box::new(|| self.facts.finish()),
            Box::new(|| self.documents.finish()),
            Box::new(|| self.relation_types.finish()),
            Box::new(|| self.rejects.finish()),
            Box::new(|| self.implied.map_or(Ok(()), TableWriter::finish)),
        ];
        ends.into_par_iter().map(|end| end()).collect::<Result<(), _>>()?;
        Ok(self.totals)
    }
}

/// The rows that each document gives, in the order of the documents.
fn gather<R: Send>(documents: &[Accepted], rows: impl Fn(&Accepted) -> Vec<R> + Send + Sync) -> Vec<R> {
    let each: Vec<Vec<R>> = documents.par_iter().map(rows).collect();
    let mut all = Vec::with_capacity(each.iter().map(Vec::len).sum());
    each.into_iter().for_each(|mut rows| all.append(&mut rows));
    all
}

fn document_row(accepted: &Accepted, split: Text, position: u32) -> DocumentRow {
    let document = &accepted.document;
    DocumentRow {
        doc_id: document.id.clone(),
        title: document.title.clone(),
        split,
        source: accepted.source.clone(),
        position,
        labelled: document.facts.is_some(),
        n_sentences: whole(document.sentences.len()),
        n_tokens: whole(document.sentences.iter().map(Vec::len).sum()),
        n_entities: whole(document.entities.len()),
        text_hash: text_hash(&document.sentences),
    }
}

fn text_hash(sentences: &[Vec<Token>]) -> Text {
    let mut bytes = Vec::new();
    for sentence in sentences {
        for token in sentence {
            bytes.extend_from_slice(token.text.as_bytes());
            bytes.push(0);
        }
        bytes.extend([0, 0]);
    }
    ground::identity::digest(&bytes).into()
}

fn sentence_rows(accepted: &Accepted) -> Vec<SentenceRow> {
    let document = &accepted.document;
    let row = |((sent_id, tokens), (token_start, n_tokens)): ((u32, &Vec<Token>), (u32, u32))| {
        let of = |token: Option<&Token>| token.and_then(|token| token.characters);
        let characters = of(tokens.first()).zip(of(tokens.last()));
        SentenceRow {
            doc_id: document.id.clone(),
            sent_id,
            text: document.text_of(sent_id, tokens),
            token_start,
            token_end: token_start + n_tokens,
            char_start: characters.map(|((start, _), _)| start),
            char_end: characters.map(|(_, (_, end))| end),
        }
    };
    (0..).zip(&document.sentences).zip(sentence_spans(&document.sentences)).map(row).collect()
}

pub(crate) fn token_rows(accepted: &Accepted) -> Vec<TokenRow> {
    let document = &accepted.document;
    let tokens =
        (0..).zip(&document.sentences).flat_map(|(sent_id, tokens)| tokens.iter().map(move |token| (sent_id, token)));
    let row = |(token_id, (sent_id, token)): (u32, (u32, &Token))| TokenRow {
        doc_id: document.id.clone(),
        sent_id,
        token_id,
        text: token.text.clone(),
        char_start: token.characters.map(|(start, _)| start),
        char_end: token.characters.map(|(_, end)| end),
    };
    (0..).zip(tokens).map(row).collect()
}

pub(crate) fn mention_rows(accepted: &Accepted) -> Vec<MentionRow> {
    let document = &accepted.document;
    let row = |entity_id: Option<u32>, mention_id: u32, mention: &Mention| MentionRow {
        doc_id: document.id.clone(),
        entity_id,
        mention_id,
        sent_id: mention.sentence,
        token_start: mention.start,
        token_end: mention.end,
        name: mention.name.clone(),
        r#type: mention.kind.clone(),
    };
    let mut rows = Vec::new();
    for (entity_id, entity) in (0..).zip(&document.entities) {
        rows.extend((0..).zip(&entity.mentions).map(|(place, mention)| row(Some(entity_id), place, mention)));
    }
    rows.extend((0..).zip(&document.loose_mentions).map(|(place, mention)| row(None, place, mention)));
    rows
}

pub(crate) fn entity_rows(accepted: &Accepted) -> Vec<EntityRow> {
    let document = &accepted.document;
    let row = |(entity_id, entity): (u32, &Entity)| EntityRow {
        doc_id: document.id.clone(),
        entity_id,
        name: entity.name(),
        r#type: entity.kind(),
        kb_id: entity.kb_id.clone(),
        n_mentions: whole(entity.mentions.len()),
    };
    (0..).zip(&document.entities).map(row).collect()
}

/// Writes the rows of some documents together, or those of one, so many at a time.
fn write_pairs(writer: &mut TableWriter<PairRow>, documents: &[Accepted], at_once: usize) -> Result<(), TableError> {
    match documents {
        [one] if one.pairs.len() > at_once as u64 => {
            let mut rows = pair_rows(one);
            let next = || Some(rows.by_ref().take(at_once).collect::<Vec<_>>()).filter(|rows| !rows.is_empty());
            std::iter::from_fn(next).try_for_each(|rows| writer.write(rows))
        }
        _ => {
            let rows = |accepted: &Accepted| {
                let mut rows = Vec::with_capacity(accepted.pairs.len() as usize);
                rows.extend(pair_rows(accepted));
                rows
            };
            writer.write(gather(documents, rows))
        }
    }
}

pub(crate) fn pair_rows(accepted: &Accepted) -> impl Iterator<Item = PairRow> + '_ {
    let document = &accepted.document;
    let sentences: Vec<Vec<u32>> = document.entities.iter().map(sentences_of).collect();
    let mut facts = document.facts.iter().flatten().peekable();
    accepted.pairs.iter().map(move |(head, tail)| {
        let distance = distance(&sentences, head, tail);
        let labels = labels_of(&mut facts, (head, tail));
        PairRow {
            doc_id: document.id.clone(),
            head,
            tail,
            intra: distance == 0,
            sentence_distance: distance,
            candidate: !document.left_out.contains(&(head, tail)),
            labels: document.facts.is_some().then_some(labels),
        }
    })
}

/// The sentences that mention an entity, ascending.
fn sentences_of(entity: &Entity) -> Vec<u32> {
    let sentences: BTreeSet<u32> = entity.mentions.iter().map(|mention| mention.sentence).collect();
    sentences.into_iter().collect()
}

fn distance(sentences: &[Vec<u32>], head: u32, tail: u32) -> u32 {
    let of = |entity: u32| sentences.get(entity as usize).map_or(&[][..], Vec::as_slice);
    let (head, tail) = (of(head), of(tail));
    head.iter().flat_map(|&one| tail.iter().map(move |&other| one.abs_diff(other))).min().unwrap_or_default()
}

/// The relations of a pair, from facts in the same order as the pairs.
fn labels_of<'d>(facts: &mut Peekable<impl Iterator<Item = &'d Fact>>, pair: (u32, u32)) -> Vec<Text> {
    while facts.next_if(|fact| (fact.head, fact.tail) < pair).is_some() {}
    let mut labels = Vec::new();
    while let Some(fact) = facts.next_if(|fact| (fact.head, fact.tail) == pair) {
        labels.push(fact.relation.clone());
    }
    labels
}

fn fact_rows(accepted: &Accepted) -> Vec<FactRow> {
    let document = &accepted.document;
    let row = |fact: &Fact| FactRow {
        doc_id: document.id.clone(),
        head: fact.head,
        tail: fact.tail,
        relation: fact.relation.clone(),
        evidence: fact.evidence.clone(),
        attributes: fact.attributes.clone(),
    };
    document.facts.iter().flatten().map(row).collect()
}

//! What several tables of a split say together: the rows of each document, and the words for relations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ground::excerpt::quoted;
use serde::Serialize;

use super::rows::{
    ClaimRow, DocumentRow, EntityRow, EvidenceRow, FactRow, ImpliedRow, MentionRow, ModelRelationRow, PairRow,
    PieceRow, RelationTypeRow, ScoreRow, SentenceRow, SentenceWeightRow, TokenRow,
};
use super::{Cursor, Row, Standing, Table, TableError, Text};

/// Sentences without tokens, or entities without mentions, that a document has at most: whoever reads it takes memory
/// for each.
pub const MOST_EMPTY: usize = 1 << 12;

/// A row that is about one document.
pub trait OfDocument: Row + 'static {
    /// The document's name.
    fn doc_id(&self) -> &Text;

    /// Among how many things its document shares such rows out, by that one's row, and the column that says so.
    fn counted(_document: &DocumentRow) -> Option<(&'static str, u32)> {
        None
    }
}

macro_rules! of_document {
    ($($row:ident)*) => {$(
        impl OfDocument for $row {
            fn doc_id(&self) -> &Text {
                &self.doc_id
            }
        }
    )*};
}

of_document! { SentenceRow EntityRow PairRow FactRow ImpliedRow PieceRow ScoreRow ClaimRow SentenceWeightRow EvidenceRow }

impl OfDocument for TokenRow {
    fn doc_id(&self) -> &Text {
        &self.doc_id
    }

    fn counted(document: &DocumentRow) -> Option<(&'static str, u32)> {
        Some(("n_sentences", document.n_sentences))
    }
}

impl OfDocument for MentionRow {
    fn doc_id(&self) -> &Text {
        &self.doc_id
    }

    fn counted(document: &DocumentRow) -> Option<(&'static str, u32)> {
        Some(("n_entities", document.n_entities))
    }
}

/// Tables of a split by their types of rows, as a tuple: `(TokenRow, MentionRow)`.
pub trait SplitTables {
    /// A place in each.
    type Cursors;
    /// The rows of a document, of each.
    type Rows;

    /// The start of each.
    ///
    /// # Errors
    /// Where one is missing or not as its schema says.
    fn open(folder: &Path, standing: &Standing) -> Result<Self::Cursors, TableError>;

    /// The rows of the document from here on.
    ///
    /// # Errors
    /// Where a table is damaged.
    fn of(cursors: &mut Self::Cursors, document: &Text) -> Result<Self::Rows, TableError>;

    /// What a document's row says more of than its rows can bear out: the column; expected, then got.
    fn excess(document: &DocumentRow, rows: &Self::Rows) -> Option<(&'static str, String)>;

    /// The first table that has rows left, and the document of the next.
    ///
    /// # Errors
    /// Where a table is damaged.
    fn left(cursors: &mut Self::Cursors) -> Result<Option<(&'static str, Text)>, TableError>;
}

macro_rules! split_tables {
    ($($row:ident $place:tt),*) => {
        impl<$($row: OfDocument),*> SplitTables for ($($row,)*) {
            type Cursors = ($(Cursor<$row>,)*);
            type Rows = ($(Vec<$row>,)*);

            fn open(folder: &Path, standing: &Standing) -> Result<Self::Cursors, TableError> {
                Ok(($(Table::<$row>::require(folder)?.of_split(standing).cursor()?,)*))
            }

            fn of(cursors: &mut Self::Cursors, document: &Text) -> Result<Self::Rows, TableError> {
                Ok(($(cursors.$place.of(document)?,)*))
            }

            fn excess(document: &DocumentRow, rows: &Self::Rows) -> Option<(&'static str, String)> {
                None$(.or_else(|| excess(document, &rows.$place)))*
            }

            fn left(cursors: &mut Self::Cursors) -> Result<Option<(&'static str, Text)>, TableError> {
                $(if let Some(row) = cursors.$place.next_if(|_| true)? {
                    return Ok(Some((&$row::schema().name, row.doc_id().clone())));
                })*
                Ok(None)
            }
        }
    };
}

fn excess<R: OfDocument>(document: &DocumentRow, rows: &[R]) -> Option<(&'static str, String)> {
    let (column, count) = R::counted(document)?;
    let most = rows.len() + MOST_EMPTY;
    let reason =
        || format!("expected at most {most}, as it has {} rows of `{}`, got {count}", rows.len(), R::schema().name);
    (count as usize > most).then(|| (column, reason()))
}

split_tables! { A 0 }
split_tables! { A 0, B 1 }
split_tables! { A 0, B 1, C 2 }
split_tables! { A 0, B 1, C 2, D 3 }
split_tables! { A 0, B 1, C 2, D 3, E 4 }

/// Tables of a split that are read along with its documents, whose order theirs is.
pub struct Followers<T: SplitTables> {
    folder: PathBuf,
    cursors: T::Cursors,
}

impl<T: SplitTables> Followers<T> {
    /// The start of the tables of a split, as it stands.
    ///
    /// # Errors
    /// Where one is missing or not as its schema says.
    pub fn open(folder: &Path, standing: &Standing) -> Result<Self, TableError> {
        Ok(Self { folder: folder.to_path_buf(), cursors: T::open(folder, standing)? })
    }

    /// The rows of the next document.
    ///
    /// # Errors
    /// Where a table is damaged.
    pub fn of(&mut self, document: &Text) -> Result<T::Rows, TableError> {
        T::of(&mut self.cursors, document)
    }

    /// Refuses rows that are left behind the last document: they are of a document that is not there, or in another
    /// order than the documents.
    ///
    /// # Errors
    /// Where there are any, or a table is damaged.
    pub fn finish(&mut self) -> Result<(), TableError> {
        let Some((table, document)) = T::left(&mut self.cursors)? else { return Ok(()) };
        let (folder, document) = (self.folder.clone(), document.to_string());
        Err(TableError::Stray { folder, table: table.to_owned(), document })
    }
}

impl<R: OfDocument> Followers<(R,)> {
    /// The next row, where it is one of a document: for a table of which a document has too many rows to hold.
    ///
    /// # Errors
    /// Where the table is damaged.
    pub fn next_of(&mut self, document: &Text) -> Result<Option<R>, TableError> {
        self.cursors.0.next_if(|row| row.doc_id() == document)
    }
}

/// A split, document by document: its row of `documents`, and its rows of other tables. What is in memory is a
/// document's rows, beside a few thousand of each table.
///
/// Ends with an error where a table has rows that are of none of the documents: none is lost without a word. So it does
/// where the split was replaced on the way, and where a document says that it has more sentences or entities than its
/// tokens or mentions can be of.
pub struct Walk<T: SplitTables> {
    standing: Standing,
    documents: Cursor<DocumentRow>,
    followers: Followers<T>,
    ended: bool,
}

impl<T: SplitTables> Walk<T> {
    /// The start of a split.
    ///
    /// # Errors
    /// Where a table is missing or not as its schema says, or the tables are not of one making.
    pub fn open(folder: &Path) -> Result<Self, TableError> {
        let standing = Standing::of(folder)?;
        let documents = Table::<DocumentRow>::require(folder)?.of_split(&standing).cursor()?;
        let followers = Followers::open(folder, &standing)?;
        Ok(Self { standing, documents, followers, ended: false })
    }

    /// The tables of the split, as they are read.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    fn step(&mut self) -> Result<Option<(DocumentRow, T::Rows)>, TableError> {
        match self.documents.next_if(|_| true)? {
            Some(document) => {
                let rows = self.followers.of(&document.doc_id)?;
                match T::excess(&document, &rows) {
                    None => Ok(Some((document, rows))),
                    Some((field, reason)) => Err(self.misfit(&document, field, reason)),
                }
            }
            None => self.followers.finish().map(|()| None),
        }
    }

    fn misfit(&self, document: &DocumentRow, field: &str, reason: String) -> TableError {
        let path = self.followers.folder.join(&DocumentRow::schema().name);
        TableError::Field { path, document: quoted(&document.doc_id), field: field.to_owned(), reason }
    }
}

impl<T: SplitTables> Iterator for Walk<T> {
    type Item = Result<(DocumentRow, T::Rows), TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let mut step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        if self.ended {
            step = self.standing.confirm(step);
        }
        step.transpose()
    }
}

/// What is said of relations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelationWords {
    /// What they are called in words, where that is said.
    pub labels: BTreeMap<Text, Text>,
    /// Those that hold both ways.
    pub undirected: Undirected,
}

/// What a split says of its relations, and of those that it does not speak of, a table `model_relations`.
///
/// # Errors
/// Where a table cannot be read.
pub fn relation_words(split: &Path, model: Option<&Path>) -> Result<RelationWords, TableError> {
    let (mut words, mut own) = (RelationWords::default(), BTreeSet::new());
    for RelationTypeRow { relation, label, undirected, .. } in relation_types(split)? {
        if undirected {
            words.undirected.0.insert(relation.clone());
        }
        if let Some(label) = label {
            words.labels.insert(relation.clone(), label);
        }
        own.insert(relation);
    }
    let Some(model) = model else { return Ok(words) };
    for ModelRelationRow { relation, label, undirected, .. } in Table::<ModelRelationRow>::require_at(model)?.all()? {
        if undirected && !own.contains(&relation) {
            words.undirected.0.insert(relation.clone());
        }
        if let Some(label) = label {
            words.labels.entry(relation).or_insert(label);
        }
    }
    Ok(words)
}

/// What stands for every relation in `relation_types`, where a split has no labels that would name them.
pub const EVERY_RELATION: &str = "*";

/// The relations that hold both ways.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Undirected(BTreeSet<Text>);

impl Undirected {
    /// Whether a relation is one of them.
    pub fn contains(&self, relation: &str) -> bool {
        self.0.contains(relation) || self.0.contains(EVERY_RELATION)
    }
}

/// The relations of a split that hold both ways; none where it does not say.
///
/// # Errors
/// Where its table `relation_types` cannot be read.
pub fn undirected_relations(split: &Path) -> Result<Undirected, TableError> {
    Ok(Undirected(relation_types(split)?.into_iter().filter(|row| row.undirected).map(|row| row.relation).collect()))
}

/// What a split says of its relations; nothing, where it lacks that table.
fn relation_types(split: &Path) -> Result<Vec<RelationTypeRow>, TableError> {
    Table::<RelationTypeRow>::find(split)?.map_or(Ok(Vec::new()), |table| table.all())
}

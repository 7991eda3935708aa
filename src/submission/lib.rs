//! Predicted facts, whoever made them ([`predictions`]), and two JSON files of the DocRED family: a submission to the
//! official server, and the training facts that IgnF1 leaves out. Both are lists, and a submission may be lines instead;
//! what is wrong is said with the entry's number.

pub mod places;
pub mod predictions;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use ground::excerpt::excerpt;
use ground::hint::{Hint, Words};
use table::TableError;

use places::Places;

/// What no document has so many entities to have.
pub const NO_ENTITY: u32 = u32::MAX;

/// Columns of a value that a message shows: values are told apart further in than names.
const SHOWN: usize = 61;

/// How files begin in which a submission may be packed, and what people call them.
const PACKED: [(&[u8], &str); 3] =
    [(b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "a file that gzip has packed"), (b"PAR1", "a Parquet file")];

/// Why such a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SubmissionError {
    /// The system refuses.
    #[error("`{}`: cannot read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("`{}`: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The entry's number from 1 and its field; expected, then got.
        reason: String,
    },
    /// A table of predictions cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A probability is none.
    #[error("{}: document `{doc_id}`: column `{column}`: expected a number from 0 to 1, got {found}", path.display())]
    Probability {
        /// The predictions.
        path: PathBuf,
        /// The document.
        doc_id: String,
        /// The column.
        column: &'static str,
        /// The number.
        found: f32,
    },
    /// A relation has no name.
    #[error("{}: document `{doc_id}`: column `relation`: expected a relation's name, got an empty one", path.display())]
    Unnamed {
        /// The predictions.
        path: PathBuf,
        /// The document.
        doc_id: String,
    },
    /// A table tells what was weighed, not what is claimed.
    #[error("{}: expected predicted facts, got a table `{table}`, of which not every row is claimed", path.display())]
    Undecided {
        /// The table.
        path: PathBuf,
        /// Which it is.
        table: &'static str,
    },
    /// A submission comes in another form.
    #[error("`{}`: expected predicted facts, got {found}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
}

impl Hint for SubmissionError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Table(error) => error.hint(),
            Self::Undecided { .. } => {
                Some("name the table `relations` beside it, or decide first: `docre decide --scores`".into())
            }
            Self::Form { .. } => Some(
                "predictions are a JSON list of objects with `title`, `h_idx`, `t_idx` and `r`, or such objects one a \
                 line; or a table, in a file that ends in `.parquet` or a folder of such files"
                    .into(),
            ),
            _ => None,
        }
    }
}

/// A predicted fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// The document.
    pub title: String,
    /// The head's place among the document's entities.
    pub head: u32,
    /// The tail's.
    pub tail: u32,
    /// The relation.
    pub relation: String,
    /// Sentences of evidence, where the entry has any field for them.
    pub evidence: Option<Vec<u32>>,
    /// The number that the entry has as its `score`, also where it stands in a text; what is none is not a number (NaN).
    pub score: Option<f64>,
}

/// The predicted facts of a submission about a split, in its order, entities as the split's tables number them. One that
/// the tables have lost is [`NO_ENTITY`].
///
/// # Errors
/// As [`read_submission`], and where what the split has lost cannot be read.
pub fn read_submission_about(path: &Path, split: &Path) -> Result<Vec<Predicted>, SubmissionError> {
    let (mut entries, places) = (read_submission(path)?, Places::of(split)?);
    for entry in &mut entries {
        entry.head = places.in_tables(&entry.title, entry.head).unwrap_or(NO_ENTITY);
        entry.tail = places.in_tables(&entry.title, entry.tail).unwrap_or(NO_ENTITY);
    }
    Ok(entries)
}

/// The predicted facts of a submission, in its order.
///
/// # Errors
/// Where the file cannot be read or an entry lacks one of `title`, `h_idx`, `t_idx` and `r`.
pub fn read_submission(path: &Path) -> Result<Vec<Predicted>, SubmissionError> {
    let form = |found: String| SubmissionError::Form { path: path.to_path_buf(), found };
    let bytes = read(path)?;
    if let Some((_, found)) = PACKED.into_iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Err(form(found.to_owned()));
    }
    let json = text_of(&bytes, path)?;
    let entries = match json.trim_start().chars().next() {
        Some('[') => list(json, path)?,
        Some('{') => lines(json, path)?,
        Some(_) => return Err(form(format!("text that begins with `{}`", excerpt(json.trim_start(), SHOWN)))),
        None => return Err(form("an empty file".to_owned())),
    };
    let numbered = (1u64..).zip(entries);
    let whole = numbered.map(|(number, entry): (u64, Entry)| {
        if entry.is_document {
            return Err(form(format!("documents of a corpus, from entry {number} on")));
        }
        entry.whole().map_err(|field| SubmissionError::Json {
            path: path.to_path_buf(),
            reason: format!("entry {number}: `{field}`: expected a value, got none"),
        })
    });
    whole.collect()
}

/// Training facts `[[head name, tail name, relation], …]`.
///
/// # Errors
/// Where the file cannot be read or has no facts.
pub fn read_training_facts(path: &Path) -> Result<Vec<[String; 3]>, SubmissionError> {
    let triples: Vec<Triple> = list(text_of(&read(path)?, path)?, path)?;
    if triples.is_empty() {
        let reason = "expected a list of training facts, got an empty one".to_owned();
        return Err(SubmissionError::Json { path: path.to_path_buf(), reason });
    }
    Ok(triples.into_iter().map(|Triple(names)| names).collect())
}

/// One predicted fact as it stands in a submission.
#[derive(Default)]
struct Entry {
    title: Option<String>,
    head: Option<u32>,
    tail: Option<u32>,
    relation: Option<String>,
    evidence: Option<Vec<u32>>,
    score: Option<f64>,
    /// It has what documents have.
    is_document: bool,
}

/// A training fact: head name, tail name, relation.
struct Triple([String; 3]);

impl<'de> Deserialize<'de> for Triple {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = <[String; 3]>::deserialize(deserializer);
        names
            .map(Triple)
            .map_err(|fault| D::Error::custom(format_args!("expected [head name, tail name, relation]: {fault}")))
    }
}

/// A JSON list whose errors name the entry.
struct List<T>(Vec<T>);

fn read(path: &Path) -> Result<Vec<u8>, SubmissionError> {
    fs::read(path).map_err(|source| SubmissionError::Io { path: path.to_path_buf(), source })
}

fn fault(path: &Path) -> impl Fn(String) -> SubmissionError {
    |reason| SubmissionError::Json { path: path.to_path_buf(), reason }
}

fn text_of<'b>(bytes: &'b [u8], path: &Path) -> Result<&'b str, SubmissionError> {
    let text = std::str::from_utf8(bytes).map_err(|error| fault(path)(format!("expected UTF-8, got {error}")))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn list<T: DeserializeOwned>(json: &str, path: &Path) -> Result<Vec<T>, SubmissionError> {
    let list: List<T> = serde_json::from_str(json).map_err(|error| fault(path)(error.to_string()))?;
    Ok(list.0)
}

/// Entries that stand one behind the other.
fn lines(json: &str, path: &Path) -> Result<Vec<Entry>, SubmissionError> {
    let entries = (1u64..).zip(serde_json::Deserializer::from_str(json).into_iter());
    let entry = |(number, entry): (u64, serde_json::Result<Entry>)| {
        entry.map_err(|error| fault(path)(format!("entry {number}: {error}")))
    };
    entries.map(entry).collect()
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(std::marker::PhantomData))
    }
}

struct ListVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        loop {
            let entry = entries.next_element();
            let number = list.len() + 1;
            match entry.map_err(|error| A::Error::custom(format_args!("entry {number}: {error}")))? {
                Some(entry) => list.push(entry),
                None => return Ok(List(list)),
            }
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a predicted fact with `title`, `h_idx`, `t_idx` and `r`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Entry, A::Error> {
        let mut entry = Entry::default();
        while let Some(field) = fields.next_key()? {
            match field {
                Field::Other => drop(fields.next_value::<IgnoredAny>()?),
                Field::Document => {
                    fields.next_value::<IgnoredAny>()?;
                    entry.is_document = true;
                }
                field => entry.set(field, fields.next_value()?).map_err(A::Error::custom)?,
            }
        }
        Ok(entry)
    }
}

/// A field's name; those that nobody needs are passed over.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Field {
    #[serde(rename = "title")]
    Title,
    #[serde(rename = "h_idx")]
    Head,
    #[serde(rename = "t_idx")]
    Tail,
    #[serde(rename = "r")]
    Relation,
    #[serde(rename = "evidence")]
    Evidence,
    #[serde(rename = "score")]
    Score,
    #[serde(rename = "sents", alias = "vertexSet")]
    Document,
    #[serde(other)]
    Other,
}

impl Entry {
    /// The fact, or the name of the field that it lacks.
    fn whole(self) -> Result<Predicted, &'static str> {
        Ok(Predicted {
            title: self.title.ok_or("title")?,
            head: self.head.ok_or("h_idx")?,
            tail: self.tail.ok_or("t_idx")?,
            relation: self.relation.ok_or("r")?,
            evidence: self.evidence,
            score: self.score,
        })
    }

    fn set(&mut self, field: Field, value: Value) -> Result<(), String> {
        match field {
            Field::Title => self.title = Some(text("title", value)?),
            Field::Head => self.head = Some(index("h_idx", &value)?),
            Field::Tail => self.tail = Some(index("t_idx", &value)?),
            Field::Relation => {
                let name = text("r", value)?;
                if name.is_empty() {
                    return Err("`r`: expected a relation's name, got an empty one".to_owned());
                }
                self.relation = Some(name);
            }
            Field::Evidence => self.evidence = Some(indices(&value)?),
            Field::Score => self.score = score(&value),
            Field::Document | Field::Other => {}
        }
        Ok(())
    }
}

fn text(field: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("`{field}`: expected a text, got `{}`", beginning(&other))),
    }
}

fn score(value: &Value) -> Option<f64> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.trim().parse().unwrap_or(f64::NAN)),
        other => Some(other.as_f64().unwrap_or(f64::NAN)),
    }
}

fn index(field: &str, value: &Value) -> Result<u32, String> {
    let index = value.as_u64().and_then(|index| u32::try_from(index).ok());
    index.ok_or_else(|| format!("`{field}`: expected an index from 0, got `{}`", beginning(value)))
}

fn indices(value: &Value) -> Result<Vec<u32>, String> {
    let fault = || format!("`evidence`: expected a list of sentences, got `{}`", beginning(value));
    value.as_array().ok_or_else(fault)?.iter().map(|item| index("evidence", item)).collect()
}

/// The beginning of a value, enough to find it by.
fn beginning(value: &Value) -> String {
    excerpt(&value.to_string(), SHOWN)
}

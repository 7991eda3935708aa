//! Two JSON files of the DocRED family: a submission to the official server, and the training facts that IgnF1 leaves out.

use std::fmt;
use std::fs;
use std::path::Path;

use polars::prelude::{Column, DataFrame, IntoLazy, LazyFrame, PolarsResult, df};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::error::{self, Error};

/// Predicted facts as rows.
#[derive(Default)]
struct Rows {
    doc_ids: Vec<String>,
    heads: Vec<u32>,
    tails: Vec<u32>,
    relations: Vec<String>,
}

/// One predicted fact of a submission.
#[derive(Default)]
struct Entry {
    title: Option<String>,
    head: Option<u32>,
    tail: Option<u32>,
    relation: Option<String>,
    evidence: Option<Vec<u32>>,
}

/// A submission as two frames: `doc_id`, `head`, `tail`, `relation`; and the same with `sentence`, one row a sentence
/// of predicted evidence, where any entry has the field `evidence`.
pub(super) fn read_submission(path: &Path) -> Result<(LazyFrame, Option<LazyFrame>), Error> {
    let entries: Vec<Entry> = read_list(path)?;
    let with_evidence = entries.iter().any(|entry| entry.evidence.is_some());
    let (mut facts, mut evidence, mut sentences) = (Rows::default(), Rows::default(), Vec::new());
    for (number, entry) in (1u64..).zip(entries) {
        let missing = |field| Error::Json {
            path: path.to_path_buf(),
            reason: format!("entry {number}: `{field}`: expected a value, got none"),
        };
        let title = entry.title.ok_or_else(|| missing("title"))?;
        let head = entry.head.ok_or_else(|| missing("h_idx"))?;
        let tail = entry.tail.ok_or_else(|| missing("t_idx"))?;
        let relation = entry.relation.ok_or_else(|| missing("r"))?;
        for sentence in entry.evidence.into_iter().flatten() {
            evidence.push(title.clone(), head, tail, relation.clone());
            sentences.push(sentence);
        }
        facts.push(title, head, tail, relation);
    }
    let place = || error::query(path.display().to_string());
    let evidence = evidence.frame().and_then(|mut frame| {
        frame.with_column(Column::new("sentence".into(), sentences))?;
        Ok(frame)
    });
    let evidence = evidence.map_err(place())?.lazy();
    Ok((facts.frame().map_err(place())?.lazy(), with_evidence.then_some(evidence)))
}

/// Training facts `[[head name, tail name, relation], …]` as a frame `head_name`, `tail_name`, `relation`.
pub(super) fn read_training_facts(path: &Path) -> Result<LazyFrame, Error> {
    let triples: Vec<Triple> = read_list(path)?;
    if triples.is_empty() {
        let reason = "expected a list of training facts, got an empty one".to_owned();
        return Err(Error::Json { path: path.to_path_buf(), reason });
    }
    let (mut heads, mut tails, mut relations) = (Vec::new(), Vec::new(), Vec::new());
    for Triple([head, tail, relation]) in triples {
        heads.push(head);
        tails.push(tail);
        relations.push(relation);
    }
    let frame = df!("head_name" => heads, "tail_name" => tails, "relation" => relations);
    Ok(frame.map_err(error::query(path.display().to_string()))?.lazy())
}

impl Rows {
    fn push(&mut self, doc_id: String, head: u32, tail: u32, relation: String) {
        self.doc_ids.push(doc_id);
        self.heads.push(head);
        self.tails.push(tail);
        self.relations.push(relation);
    }

    fn frame(self) -> PolarsResult<DataFrame> {
        df!("doc_id" => self.doc_ids, "head" => self.heads, "tail" => self.tails, "relation" => self.relations)
    }
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

fn read_list<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let fault = |reason: String| Error::Json { path: path.to_path_buf(), reason };
    let bytes = fs::read(path).map_err(error::io(path))?;
    let json = std::str::from_utf8(&bytes).map_err(|error| fault(format!("expected UTF-8, got {error}")))?;
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let list: List<T> = serde_json::from_str(json).map_err(|error| fault(error.to_string()))?;
    Ok(list.0)
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
                field => entry.set(field, fields.next_value()?).map_err(A::Error::custom)?,
            }
        }
        Ok(entry)
    }
}

/// A field's name; those that evaluation does not need are passed over.
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
    #[serde(other)]
    Other,
}

impl Entry {
    fn set(&mut self, field: Field, value: Value) -> Result<(), String> {
        match field {
            Field::Title => self.title = Some(text("title", value)?),
            Field::Head => self.head = Some(index("h_idx", &value)?),
            Field::Tail => self.tail = Some(index("t_idx", &value)?),
            Field::Relation => self.relation = Some(text("r", value)?),
            Field::Evidence => self.evidence = Some(indices(&value)?),
            Field::Other => {}
        }
        Ok(())
    }
}

fn text(field: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("`{field}`: expected a text, got `{}`", clip(&other))),
    }
}

fn index(field: &str, value: &Value) -> Result<u32, String> {
    let index = value.as_u64().and_then(|index| u32::try_from(index).ok());
    index.ok_or_else(|| format!("`{field}`: expected an index from 0, got `{}`", clip(value)))
}

fn indices(value: &Value) -> Result<Vec<u32>, String> {
    let fault = || format!("`evidence`: expected a list of sentences, got `{}`", clip(value));
    value.as_array().ok_or_else(fault)?.iter().map(|item| index("evidence", item)).collect()
}

/// The beginning of a value, enough to find it by.
fn clip(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

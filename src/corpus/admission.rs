//! Which documents pass into the tables: those that are asked for, each name once.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::path::{Path, PathBuf};

use ground::excerpt::quoted;
use table::Text;
use table::rows::RejectRow;

use crate::error::CorpusError;
use crate::fault::{Fault, Loss, Part};
use crate::losses::{Losses, Remarks};
use crate::reader::Reject;
use crate::source::read_aside;
use crate::tables::Accepted;

/// Names that an error shows.
const SHOWN_NAMES: usize = 5;

/// A record, and what became of it.
pub struct Parsed {
    /// The source's name.
    pub source: Text,
    /// The record's place in it, from 1.
    pub record: u64,
    /// Its document, or why there is none.
    pub outcome: Result<Accepted, Reject>,
}

/// The names of the documents that are asked for, as a file lists them.
#[derive(Debug, Clone)]
pub struct Asked {
    path: PathBuf,
    names: BTreeSet<Text>,
}

impl Asked {
    /// Reads a file with a name a line; empty lines say nothing.
    ///
    /// # Errors
    /// Where it cannot be read or names no document.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        let text = String::from_utf8(read_aside(path)?).map_err(|_| {
            let reason = "expected names of documents in UTF-8".to_owned();
            CorpusError::Format { path: path.into(), reason }
        })?;
        let names: BTreeSet<Text> = text.lines().filter(|line| !line.is_empty()).map(Text::from).collect();
        if names.is_empty() {
            let reason = "expected names of documents, one a line, found none".to_owned();
            return Err(CorpusError::Format { path: path.into(), reason });
        }
        Ok(Self { path: path.into(), names })
    }

    /// Whether a document is asked for.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The names, all of which must be there.
    ///
    /// # Errors
    /// Those that are not.
    pub fn all_found(self, is_there: impl Fn(&Text) -> bool) -> Result<BTreeSet<Text>, CorpusError> {
        let (names, missing) = self.names.into_iter().partition(is_there);
        Self { path: self.path, names: missing }.none_left()?;
        Ok(names)
    }

    /// Fails where there is a name.
    fn none_left(self) -> Result<(), CorpusError> {
        let Self { path, names } = self;
        if names.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> = names.iter().take(SHOWN_NAMES).map(|name| quoted(name)).collect();
        let more = if names.len() > shown.len() { ", …" } else { "" };
        let (n, shown) = (names.len(), shown.join(", "));
        let reason = format!("expected names of documents in the source, {n} are not there: {shown}{more}");
        Err(CorpusError::Format { path, reason })
    }
}

/// Lets each document name through once, in the order of the sources, and keeps count.
#[derive(Default)]
pub struct Admission {
    /// The documents that are asked for, where not all are; those that came are taken out.
    asked: Option<Asked>,
    /// Where each name was first seen, by the first half of its hash: names of millions of documents stay small.
    seen: HashMap<[u8; 16], (Text, u64)>,
    /// Documents that passed.
    pub n_documents: u64,
    /// What did not, and what is missing from those that did.
    pub losses: Losses,
    /// What was remarked of those that did.
    pub(crate) remarks: Remarks,
}

impl Admission {
    /// A gate for these documents, or for all.
    pub fn new(asked: Option<Asked>) -> Self {
        Self { asked, ..Self::default() }
    }

    /// The documents of a batch that may pass, and what may not, in the order of the sources.
    pub fn pass(&mut self, batch: Vec<Parsed>) -> (Vec<Accepted>, Vec<RejectRow>) {
        let (mut accepted, mut rejects) = (Vec::new(), Vec::new());
        for Parsed { source, record, outcome } in batch {
            let name = outcome.as_ref().map_or_else(|reject| reject.name.clone(), |one| Some(one.document.id.clone()));
            if let (Some(asked), Some(name)) = (&mut self.asked, name) {
                asked.names.remove(&name);
            }
            match outcome.and_then(|document| self.unique(document, &source, record)) {
                Ok(mut one) => {
                    let document = &mut one.document;
                    for Loss { part, fault } in mem::take(&mut document.losses) {
                        rejects.push(row(&source, record, Some(document.id.clone()), part, fault));
                    }
                    self.remarks.add(&document.id, mem::take(&mut document.remarks));
                    accepted.push(one);
                }
                Err(Reject { name, fault }) => rejects.push(row(&source, record, name, Part::Document, fault)),
            }
        }
        self.n_documents += accepted.len() as u64;
        rejects.iter().for_each(|row| self.losses.add(row));
        (accepted, rejects)
    }

    /// Fails where documents that are asked for did not come.
    pub fn check(&mut self) -> Result<(), CorpusError> {
        self.asked.take().map_or(Ok(()), Asked::none_left)
    }

    fn unique(&mut self, accepted: Accepted, source: &Text, record: u64) -> Result<Accepted, Reject> {
        let id = &accepted.document.id;
        let key = ground::identity::key(id.as_bytes());
        match self.seen.get(&key) {
            None => {
                self.seen.insert(key, (source.clone(), record));
                Ok(accepted)
            }
            Some((source, record)) => {
                let reason = format!("expected a name of its own, got that of record {record} of {source}");
                Err(Reject { name: Some(id.clone()), fault: Fault::new("doc_id", reason) })
            }
        }
    }
}

/// A row of `rejects`.
pub(crate) fn row(
    source: &Text,
    record: u64,
    name: Option<Text>,
    part: Part,
    Fault { column, reason }: Fault,
) -> RejectRow {
    RejectRow { source: source.clone(), record, name, part: part.into(), column: column.into(), reason: reason.into() }
}

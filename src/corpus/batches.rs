//! Sources cut into records and parsed, a batch at a time.

use rayon::prelude::*;

use table::Text;

use crate::acceptance::Acceptance;
use crate::admission::{Asked, Parsed};
use crate::cut::CutError;
use crate::document::Document;
use crate::error::CorpusError;
use crate::fault::Fault;
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::{Input, Sources, Unopened, name_of};

const BATCH_RECORDS: usize = 128;
const BATCH_BYTES: usize = 4 << 20;

/// Cuts and parses the sources one after another. A batch may be of several: a corpus may have a file a document.
pub(crate) struct Batches<'c> {
    pub(crate) parser: Parser<'c>,
    pub(crate) sources: Sources,
    open: Option<Open>,
}

/// A source that is being cut.
struct Open {
    source: Text,
    path: std::path::PathBuf,
    records: Records,
    /// Of the last record.
    number: u64,
}

/// What was cut.
struct Cut {
    source: Text,
    /// Or the place where one should be, and what is damaged there.
    record: Result<Record, (u64, String)>,
}

impl<'c> Batches<'c> {
    pub(crate) fn new(parser: Parser<'c>, sources: Sources) -> Self {
        Self { parser, sources, open: None }
    }

    /// The next records, parsed; `None` when there are no more.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Vec<Parsed>>, CorpusError> {
        let (mut batch, mut n_bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_RECORDS && n_bytes < BATCH_BYTES {
            let Some(cut) = self.cut()? else { break };
            n_bytes += cut.record.as_ref().map_or(0, |record| record.bytes.len());
            batch.push(cut);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let parser = &self.parser;
        Ok(Some(batch.into_par_iter().flat_map_iter(|cut| parser.parse(cut)).collect()))
    }

    /// The next record. A source that is damaged ends there, and the next goes on.
    fn cut(&mut self) -> Result<Option<Cut>, CorpusError> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(input) = self.sources.next() else { return Ok(None) };
                match input.and_then(|input| self.open(input)) {
                    Ok(open) => self.open = Some(open),
                    Err(Unopened { path, error }) => {
                        let open =
                            Open { source: name_of(&path), path, records: Box::new(std::iter::empty()), number: 0 };
                        return open.damaged(error).map(Some);
                    }
                }
                continue;
            };
            match open.records.next() {
                Some(Ok(record)) => {
                    open.number = record.number;
                    return Ok(Some(Cut { source: open.source.clone(), record: Ok(record) }));
                }
                Some(Err(error)) => return self.open.take().map(|open| open.damaged(error)).transpose(),
                None => self.open = None,
            }
        }
    }

    fn open(&self, input: Input) -> Result<Open, Unopened> {
        let (source, path) = (input.name(), input.path().to_path_buf());
        match self.parser.reader.records(input) {
            Ok(records) => Ok(Open { source, path, records, number: 0 }),
            Err(error) => Err(Unopened { path, error }),
        }
    }
}

impl Open {
    /// Damage behind the last record, as what was cut there.
    fn damaged(self, error: CutError) -> Result<Cut, CorpusError> {
        match error {
            CutError::Damaged(reason) => Ok(Cut { source: self.source, record: Err((self.number + 1, reason)) }),
            error => Err(CorpusError::of_source(&self.path, error)),
        }
    }
}

/// Makes documents of records.
pub(crate) struct Parser<'c> {
    pub(crate) asked: Option<&'c Asked>,
    pub(crate) rules: Acceptance<'c>,
    pub(crate) reader: Box<dyn Reader>,
    pub(crate) most_bytes: u64,
}

impl Parser<'_> {
    /// What became of a record, but for documents that are not asked for.
    fn parse(&self, Cut { source, record }: Cut) -> Vec<Parsed> {
        let record = match &record {
            Ok(record) => record,
            Err((record, reason)) => {
                let outcome = Err(Reject { name: None, fault: Fault::new("record", reason) });
                return vec![Parsed { source, record: *record, outcome }];
            }
        };
        let asked = |name: &str| self.asked.is_none_or(|asked| asked.contains(name));
        let read = match self.bounded(record) {
            Ok(()) => self.reader.parse_those(record, &asked),
            Err(reject) => vec![Err(reject)],
        };
        read.into_iter().filter_map(|read| self.parsed(&source, record.number, read)).collect()
    }

    fn parsed(&self, source: &Text, record: u64, read: Result<Document, Reject>) -> Option<Parsed> {
        let name = read.as_ref().map_or_else(|reject| reject.name.as_ref(), |document| Some(&document.id));
        if let (Some(asked), Some(name)) = (self.asked, name)
            && !asked.contains(name)
        {
            return None;
        }
        let outcome = read.and_then(|document| {
            let name = document.id.clone();
            self.rules.accept(document, source.clone()).map_err(|fault| Reject { name: Some(name), fault })
        });
        Some(Parsed { source: source.clone(), record, outcome })
    }

    /// Refuses a record that is too long before anything is made of it.
    fn bounded(&self, record: &Record) -> Result<(), Reject> {
        let most = self.most_bytes;
        if record.bytes.len() as u64 <= most {
            return Ok(());
        }
        // How many there are, a reader need not know: it may hold no more than it takes to see that they are too many.
        let reason = format!("expected at most {most} bytes (`--most-bytes`, `most_bytes` in a pipeline), got more");
        Err(Reject { name: None, fault: Fault::new("record", reason) })
    }
}

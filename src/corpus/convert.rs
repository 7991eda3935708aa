//! Source files → the tables of one split, a batch of documents at a time.
//!
//! While one batch is written, the next is cut and parsed; at most two are in memory. A batch is so many records and
//! bytes; it holds no pairs, which are made as they are written and whose number is bounded. Documents keep the order of the
//! sources, so the same input gives the same bytes whatever the number of threads. A record that cannot be read is a
//! row of `rejects`; the others go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use ground::identity::{self, Contents, Identity};
use ground::observe::{Event, Observer, Progress};
use ground::parsed::{FolderName, TypePair};
use ground::settings::{Settings, at_least, within};
use table::rows::RejectRow;
use table::{Ours, Staging, TableError, Text};

use crate::acceptance::Acceptance;
use crate::admission::{Admission, Asked, Parsed};
use crate::document::Document;
use crate::error::CorpusError;
use crate::fault::{Fault, Part};
use crate::formats::Format;
use crate::formats::dialect::{Bars, Dialect, Unit};
use crate::formats::pubtator::beside::Beside;
use crate::losses::Losses;
use crate::mesh::MeshTree;
use crate::pairs::MOST_PAIRS;
use crate::reader::{CutError, Reader, Record, Records, Reject};
use crate::source::Input;
use crate::tables::{CorpusWriter, TABLES, Totals};

const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// How a corpus is converted. Format and split are to be given; the others may be absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The source format.
    pub format: Format,
    /// The split's name, also that of its folder.
    pub split: FolderName,
    /// Types of the pairs that the corpus asks about; none: every ordered pair, or what the source says.
    #[serde(default)]
    pub candidates: Vec<TypePair>,
    /// Relations that hold both ways, `*` for all: their facts have one direction, and where all are, so have pairs.
    #[serde(default)]
    pub undirected: Vec<Text>,
    /// Takes the source as unlabelled: nothing is known of its relations.
    #[serde(default)]
    pub unlabelled: bool,
    /// What `|` between ids means, for formats that have it.
    #[serde(default)]
    pub bars: Option<Bars>,
    /// What becomes a document, for formats whose documents have parts.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// The share of documents that may be lost.
    #[serde(default = "usual_max_rejected")]
    pub max_rejected: f64,
    /// Pairs of a document at most; one that has more is rejected.
    #[serde(default = "usual_most_pairs")]
    pub most_pairs: u64,
    /// Bytes of a record at most; a longer one is rejected.
    #[serde(default = "usual_most_bytes")]
    pub most_bytes: u64,
}

/// Bytes of a record at most, where no number is named: more than a dozen novels. What is made of it takes some 45 times
/// as much memory.
pub fn usual_most_bytes() -> u64 {
    16 << 20
}

/// The share of documents that a pipeline may lose, where none is named.
pub fn usual_max_rejected() -> f64 {
    0.1
}

/// Pairs of a document at most, where none are named.
pub fn usual_most_pairs() -> u64 {
    MOST_PAIRS
}

impl Options {
    /// Those that are usual for a pipeline.
    pub fn of(format: Format, split: FolderName) -> Self {
        Self {
            format,
            split,
            candidates: Vec::new(),
            undirected: Vec::new(),
            unlabelled: false,
            bars: None,
            unit: None,
            max_rejected: usual_max_rejected(),
            most_pairs: usual_most_pairs(),
            most_bytes: usual_most_bytes(),
        }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        self.format.check(self.bars, self.unit)?;
        within("max_rejected", self.max_rejected, 0.0, 1.0)?;
        at_least("most_pairs", self.most_pairs, 1)?;
        at_least("most_bytes", self.most_bytes, 1)
    }
}

/// What to convert, and how.
pub struct Conversion {
    /// How.
    pub options: Options,
    /// Files, or folders where the format's source is one, in order.
    pub inputs: Vec<PathBuf>,
    /// A MeSH tree file, for the hypernym filter.
    pub mesh: Option<PathBuf>,
    /// A JSON object from relation to what it is called in words; a relation that it lacks is a fault.
    pub relation_labels: Option<PathBuf>,
    /// A file with the names of the documents to take, one a line; without it, all are taken.
    pub ids: Option<PathBuf>,
    /// A file with the relations, for formats that have them beside the documents.
    pub relations: Option<PathBuf>,
}

/// What a conversion did.
#[derive(Debug, Default)]
pub struct Summary {
    /// Where the tables are.
    pub folder: PathBuf,
    /// What they hold; `None` where they were up to date and nothing was done.
    pub totals: Option<Totals>,
    /// What was lost.
    pub losses: Losses,
}

impl Summary {
    /// What was lost, beside what was taken, and why; empty where nothing was.
    pub fn lost(&self) -> Vec<String> {
        let taken = |part| {
            let totals = self.totals?;
            match part {
                Part::Document => Some(totals.documents),
                Part::Entity => Some(totals.entities),
                Part::Mention => Some(totals.mentions),
                Part::Relation => Some(totals.facts),
                Part::Evidence => None,
            }
        };
        if self.losses.is_empty() { Vec::new() } else { self.losses.lines(taken) }
    }
}

impl Conversion {
    /// Writes the tables of the split into `out/SPLIT`, all of them or nothing.
    ///
    /// Unless `force` is set, tables made from the same input and options are left as they are, and others refused.
    ///
    /// # Errors
    /// Where an input cannot be read or is not of the format, no document of it could be taken over, one that is asked
    /// for is not in it, or the folder holds something else or cannot be written.
    pub fn run(&self, out: &Path, force: bool, observe: Observer<'_>) -> Result<Summary, CorpusError> {
        self.run_knowing(&Contents::default(), out, force, observe)
    }

    /// As [`Conversion::run`]; files whose content is known are not read once more to identify them.
    ///
    /// # Errors
    /// As there.
    pub fn run_knowing(
        &self,
        contents: &Contents,
        out: &Path,
        force: bool,
        observe: Observer<'_>,
    ) -> Result<Summary, CorpusError> {
        let target = out.join(&self.options.split);
        let prepared = self.prepare(contents)?;
        for input in &self.inputs {
            observe(Event::Detail(format!("reads {}", input.display())));
        }
        let staging = match begin(&target, &prepared.fingerprint, force)? {
            Begun::UpToDate(summary) => return Ok(summary),
            Begun::Work(staging) => staging,
        };
        let mut writer = CorpusWriter::create(staging.folder(), &self.options.split, &prepared.fingerprint, false)?;
        let mut admission = Admission::new(prepared.asked.clone());
        let mut batches = Batches::new(self, &prepared);
        let n_bytes = self.n_bytes();
        let mut batch = batches.next_batch()?;
        while let Some(parsed) = batch {
            let (accepted, rejects) = admission.pass(parsed);
            let (written, next) =
                rayon::join(|| writer.reject(rejects).and_then(|()| writer.write(&accepted)), || batches.next_batch());
            written?;
            let done = Progress::documents(admission.n_documents).through(batches.n_bytes, n_bytes);
            observe(Event::Progress(done));
            batch = next?;
        }
        admission.check()?;
        self.lose_strays(&prepared, &mut writer, &mut admission)?;
        self.check_losses(&admission)?;
        let totals = writer.finish(&prepared.labels, |relation| batches.parser.rules.holds_both_ways(relation))?;
        staging.commit()?;
        admission.remarks.lines().into_iter().map(Event::Warning).for_each(observe);
        self.warning(totals).into_iter().for_each(observe);
        Ok(Summary { folder: target, totals: Some(totals), losses: admission.losses })
    }

    /// Notes relations of a file beside whose documents did not come, where all are taken.
    fn lose_strays(
        &self,
        prepared: &Prepared,
        writer: &mut CorpusWriter,
        admission: &mut Admission,
    ) -> Result<(), CorpusError> {
        let (Some(beside), Some(path), None) = (&prepared.beside, &self.relations, &self.ids) else { return Ok(()) };
        let rows = beside.strays(&source_name(path));
        rows.iter().for_each(|row| admission.losses.add(row));
        Ok(writer.reject(rows)?)
    }

    /// Fails where nothing was taken, or too little.
    fn check_losses(&self, Admission { n_documents, losses, .. }: &Admission) -> Result<(), CorpusError> {
        let (taken, lost, most) = (*n_documents, losses.of(Part::Document), self.options.max_rejected);
        if taken == 0 {
            let reasons = if losses.is_empty() { Vec::new() } else { losses.lines(|_| None) };
            return Err(CorpusError::NoDocument { inputs: self.inputs.clone(), reasons });
        }
        if ground::counts::ratio(lost, taken + lost).is_none_or(|share| share <= most) {
            return Ok(());
        }
        let commonest = losses.commonest().map(|(count, first)| format!("{count} for the reason {first}"));
        Err(CorpusError::TooManyLost { lost, taken, most, reason: commonest.unwrap_or_default() })
    }

    /// What is not as one may think.
    fn warning(&self, totals: Totals) -> Option<Event> {
        let none_fits = !self.options.candidates.is_empty() && totals.pairs == totals.left_out;
        none_fits.then(|| Event::Warning("no pair of entities has the types that `candidates` names".into()))
    }

    /// Bytes of all inputs; 0 where one is a folder, of which not all is read.
    fn n_bytes(&self) -> u64 {
        let sizes = self.inputs.iter().map(|input| input.metadata().ok().filter(fs::Metadata::is_file));
        sizes.map(|file| file.map(|file| file.len())).sum::<Option<u64>>().unwrap_or_default()
    }

    /// Reads the small files and identifies the large ones.
    fn prepare(&self, contents: &Contents) -> Result<Prepared, CorpusError> {
        if self.relations.is_some() {
            self.options.format.check_relations().map_err(CorpusError::Options)?;
        }
        let fingerprint = self.fingerprint(contents)?;
        Ok(Prepared {
            asked: self.ids.as_deref().map(Asked::read).transpose()?,
            mesh: self.mesh.as_deref().map(read_mesh).transpose()?,
            labels: self.relation_labels.as_deref().map(read_labels).transpose()?.unwrap_or_default(),
            beside: self.relations.as_deref().map(read_beside).transpose()?,
            fingerprint,
        })
    }

    /// Identifies what the tables are made from. A file counts with its name: it is what `source` in them says.
    fn fingerprint(&self, contents: &Contents) -> Result<String, CorpusError> {
        let file = |path: &PathBuf| {
            let content = match contents.known(path) {
                Some(known) => known.to_owned(),
                None => identity::content(path).map_err(|source| CorpusError::Read { path: path.clone(), source })?,
            };
            Ok((source_name(path), content))
        };
        let files = |paths: &[PathBuf]| paths.iter().map(file).collect::<Result<Vec<_>, CorpusError>>();
        Ok(Identity::of("convert")
            .field("options", &self.options)
            .field("mesh", &files(self.mesh.as_slice())?)
            .field("relation_labels", &files(self.relation_labels.as_slice())?)
            .field("ids", &files(self.ids.as_slice())?)
            .field("relations", &files(self.relations.as_slice())?)
            .field("inputs", &files(&self.inputs)?)
            .finish())
    }
}

struct Prepared {
    asked: Option<Asked>,
    mesh: Option<MeshTree>,
    labels: BTreeMap<Text, Text>,
    beside: Option<Arc<Beside>>,
    fingerprint: String,
}

/// Starts work towards the folder `target`, or says what stands there where that is what would be made.
///
/// What must not be replaced is refused under the lock alone: until then another process may be replacing it.
pub(super) fn begin(target: &Path, fingerprint: &str, force: bool) -> Result<Begun, CorpusError> {
    table::clear_leftovers(target.parent().unwrap_or(Path::new("")), Ours::TABLES);
    table::restore(target, Ours::TABLES)?;
    let current = || if force { Ok(None) } else { current(target, fingerprint) };
    if let Some(summary) = current()? {
        return Ok(Begun::UpToDate(summary));
    }
    let staging = Staging::begin(target)?;
    if let Some(summary) = current()? {
        return Ok(Begun::UpToDate(summary));
    }
    // The same tables, one of them damaged or removed, are made again.
    let same = || Ok::<_, TableError>(table::fingerprint(target, "documents")?.as_deref() == Some(fingerprint));
    let vacant = || !target.exists() || is_empty(target);
    if force || vacant() || same()? {
        Ok(Begun::Work(staging))
    } else {
        Err(CorpusError::Exists { target: target.into() })
    }
}

/// What a conversion starts with.
pub(super) enum Begun {
    /// The tables are there already.
    UpToDate(Summary),
    /// They are to be made.
    Work(Staging),
}

/// A summary of whole tables that were made from the same; `None` where they are of another making, or damaged.
fn current(target: &Path, fingerprint: &str) -> Result<Option<Summary>, TableError> {
    for table in TABLES {
        if table::fingerprint(target, table)?.as_deref() != Some(fingerprint) {
            return Ok(None);
        }
    }
    match summary(target) {
        Ok(summary) => Ok(Some(summary)),
        Err(refused @ (TableError::Io { .. } | TableError::Stopped(_))) => Err(refused),
        Err(_) => Ok(None),
    }
}

fn summary(target: &Path) -> Result<Summary, TableError> {
    let mut summary = Summary { folder: target.to_path_buf(), ..Summary::default() };
    for batch in table::read::<RejectRow>(target)? {
        let batch = batch?;
        batch.iter().for_each(|row| summary.losses.add(row));
    }
    Ok(summary)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn source_name(path: &Path) -> Text {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into()
}

fn read_mesh(path: &Path) -> Result<MeshTree, CorpusError> {
    MeshTree::read(path).map_err(|source| cut_error(path, source))
}

fn read_beside(path: &Path) -> Result<Arc<Beside>, CorpusError> {
    Ok(Arc::new(Beside::read(Input::at(path)).map_err(|error| cut_error(path, error))?))
}

fn read_labels(path: &Path) -> Result<BTreeMap<Text, Text>, CorpusError> {
    let text = fs::read(path).map_err(|source| CorpusError::Read { path: path.to_path_buf(), source })?;
    let labels: BTreeMap<String, String> = serde_json::from_slice(&text).map_err(|error| CorpusError::Format {
        path: path.to_path_buf(),
        reason: format!("expected a JSON object of texts, from relation to label: {error}"),
    })?;
    Ok(labels.into_iter().map(|(relation, label)| (relation.into(), label.into())).collect())
}

fn cut_error(path: &Path, error: CutError) -> CorpusError {
    let path = path.to_path_buf();
    match error {
        CutError::Io(source) => CorpusError::Read { path, source },
        CutError::Format(reason) | CutError::Damaged(reason) => CorpusError::Format { path, reason },
    }
}

/// Cuts and parses the inputs one after another.
struct Batches<'c> {
    parser: Parser<'c>,
    inputs: std::slice::Iter<'c, PathBuf>,
    open: Option<(&'c Path, Records)>,
    n_bytes: u64,
}

impl<'c> Batches<'c> {
    fn new(conversion: &'c Conversion, prepared: &'c Prepared) -> Self {
        let rules = Acceptance {
            candidates: &conversion.options.candidates,
            mesh: prepared.mesh.as_ref(),
            relations: conversion.relation_labels.as_ref().map(|_| &prepared.labels),
            undirected: &conversion.options.undirected,
            unlabelled: conversion.options.unlabelled,
            most_pairs: conversion.options.most_pairs,
        };
        let Options { format, bars, unit, most_bytes, .. } = conversion.options;
        let (bars, unit) = (bars.unwrap_or_default(), unit.unwrap_or_default());
        let reader = format.reader_with(Dialect { bars, unit, most_bytes }, prepared.beside.clone());
        let parser = Parser { asked: prepared.asked.as_ref(), rules, reader, most_bytes };
        Self { parser, inputs: conversion.inputs.iter(), open: None, n_bytes: 0 }
    }

    /// The next records, parsed; `None` when there are no more.
    fn next_batch(&mut self) -> Result<Option<Vec<Parsed>>, CorpusError> {
        loop {
            if self.open.is_none() {
                let Some(path) = self.inputs.next() else { return Ok(None) };
                if path.metadata().is_ok_and(|file| file.is_file() && file.len() == 0) {
                    let reason = "the file is empty".to_owned();
                    return Err(CorpusError::Format { path: path.clone(), reason });
                }
                self.open =
                    Some((path, self.parser.reader.records(Input::at(path)).map_err(|error| cut_error(path, error))?));
            }
            let batch = self.cut()?;
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    /// Up to a batch of records of the open file, which is closed at its end.
    fn cut(&mut self) -> Result<Vec<Parsed>, CorpusError> {
        let Some((path, mut records)) = self.open.take() else { return Ok(Vec::new()) };
        let source = source_name(path);
        let (mut batch, mut n_bytes, mut damage) = (Vec::new(), 0, None);
        while batch.len() < BATCH_RECORDS && n_bytes < BATCH_BYTES {
            match records.next() {
                None => break,
                Some(Ok(record)) => {
                    n_bytes += record.bytes.len();
                    batch.push(record);
                }
                Some(Err(CutError::Damaged(reason))) => {
                    damage = Some(reason);
                    break;
                }
                Some(Err(error)) => return Err(cut_error(path, error)),
            }
        }
        self.n_bytes += n_bytes as u64;
        let parser = &self.parser;
        let mut parsed: Vec<Parsed> = batch.par_iter().flat_map_iter(|record| parser.parse(&source, record)).collect();
        if let Some(reason) = damage {
            let record = batch.last().map_or(1, |last| last.number + 1);
            let fault = Fault::new("record", reason);
            parsed.push(Parsed { source, record, outcome: Err(Reject { name: None, fault }) });
        } else if !batch.is_empty() {
            self.open = Some((path, records));
        }
        Ok(parsed)
    }
}

/// Makes documents of records.
struct Parser<'c> {
    asked: Option<&'c Asked>,
    rules: Acceptance<'c>,
    reader: Box<dyn Reader>,
    most_bytes: u64,
}

impl Parser<'_> {
    /// What became of a record, but for documents that are not asked for.
    fn parse(&self, source: &Text, record: &Record) -> Vec<Parsed> {
        let read = self.bounded(record).map_or_else(|reject| vec![Err(reject)], |()| self.reader.parse_all(record));
        read.into_iter().filter_map(|read| self.parsed(source, record.number, read)).collect()
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
        let (most, got) = (self.most_bytes, record.bytes.len());
        if got as u64 <= most {
            return Ok(());
        }
        let reason = format!("expected at most {most} bytes (`--most-bytes`, `most_bytes` in a pipeline), got {got}");
        Err(Reject { name: None, fault: Fault::new("record", reason) })
    }
}

//! Source files → the tables of one split, a batch of documents at a time.
//!
//! While one batch is written, the next is cut and parsed; at most two are in memory. A batch is so many records and
//! bytes; it holds no pairs, which are made as they are written and whose number is bounded. Documents keep the order of the
//! sources, so the same input gives the same bytes whatever the number of threads. A record that cannot be read is a
//! row of `rejects`; the others go on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use table::rows::RejectRow;
use table::{Staging, Text};

use crate::acceptance::Acceptance;
use crate::admission::SHOWN_REJECTS;
use crate::admission::{Asked, Gate, Parsed};
use crate::document::Fault;
use crate::error::CorpusError;
use crate::formats::Format;
use crate::mesh::MeshTree;
use crate::reader::{CutError, Reader, Record, Records, Reject};
use crate::tables::{CorpusWriter, TABLES, Totals};

const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// What to convert, and how.
pub struct Conversion {
    /// The source format.
    pub format: Format,
    /// Files, or folders where the format's source is one, in order.
    pub inputs: Vec<PathBuf>,
    /// The split's name, also that of its folder.
    pub split: String,
    /// Types (head, tail) of the pairs that the corpus asks about; empty: every ordered pair, or what the source says.
    pub candidates: Vec<(Text, Text)>,
    /// A MeSH tree file, for the hypernym filter.
    pub mesh: Option<PathBuf>,
    /// A JSON object from relation to what it is called in words; a relation that it lacks is a fault.
    pub relation_labels: Option<PathBuf>,
    /// Takes the source as unlabelled: nothing is known of its relations.
    pub unlabelled: bool,
    /// A file with the names of the documents to take, one a line; without it, all are taken.
    pub ids: Option<PathBuf>,
    /// Pairs of a document at most; one that has more is rejected.
    pub most_pairs: u64,
}

/// What a conversion did.
#[derive(Debug, Default)]
pub struct Summary {
    /// Where the tables are.
    pub folder: PathBuf,
    /// What they hold; `None` where they were up to date and nothing was done.
    pub totals: Option<Totals>,
    /// Records that were not taken over.
    pub n_rejects: u64,
    /// The first few of these.
    pub rejects: Vec<RejectRow>,
}

/// Told after each batch: bytes read and documents written so far.
pub type Progress<'p> = &'p (dyn Fn(u64, u64) + Sync);

impl Conversion {
    /// Writes the tables of the split into `out/SPLIT`, all of them or nothing.
    ///
    /// Unless `force` is set, tables made from the same input and options are left as they are, and others refused.
    ///
    /// # Errors
    /// Where an input cannot be read or is not of the format, no document of it could be taken over, one that is asked
    /// for is not in it, or the folder holds something else or cannot be written.
    pub fn run(&self, out: &Path, force: bool, progress: Progress) -> Result<Summary, CorpusError> {
        let target = out.join(&self.split);
        let prepared = self.prepare()?;
        let staging = match begin(&target, &prepared.fingerprint, force)? {
            Begun::UpToDate(summary) => return Ok(summary),
            Begun::Work(staging) => staging,
        };
        let mut writer = CorpusWriter::create(staging.folder(), &self.split, &prepared.fingerprint, false)?;
        let mut gate = Gate::new(prepared.asked.clone());
        let mut batches = Batches::new(self, &prepared);
        let mut batch = batches.next_batch()?;
        while let Some(parsed) = batch {
            let (accepted, rejects) = gate.pass(parsed);
            let (written, next) =
                rayon::join(|| writer.reject(rejects).and_then(|()| writer.write(&accepted)), || batches.next_batch());
            written?;
            progress(batches.n_bytes, gate.n_documents);
            batch = next?;
        }
        gate.check()?;
        if gate.n_documents == 0 {
            return Err(CorpusError::NoDocument { inputs: self.inputs.clone(), rejects: gate.rejects });
        }
        let totals = writer.finish(&prepared.labels)?;
        staging.commit()?;
        Ok(Summary { folder: target, totals: Some(totals), n_rejects: gate.n_rejects, rejects: gate.rejects })
    }

    /// Reads the small files and identifies the large ones.
    fn prepare(&self) -> Result<Prepared, CorpusError> {
        let mut hasher = blake3::Hasher::new();
        let candidates: Vec<String> = self.candidates.iter().map(|(head, tail)| format!("{head}:{tail}")).collect();
        let options = [
            concat!("docre convert ", env!("CARGO_PKG_VERSION")),
            self.format.name(),
            &self.split,
            &candidates.join(","),
            if self.unlabelled { "unlabelled" } else { "labelled" },
            &self.most_pairs.to_string(),
        ];
        for option in options {
            hasher.update(option.as_bytes());
            hasher.update(b"\0");
        }
        let roles = [(&b"mesh"[..], self.mesh.as_slice()), (b"labels", self.relation_labels.as_slice())];
        for (role, paths) in roles.into_iter().chain([(&b"inputs"[..], &self.inputs[..])]) {
            hasher.update(role);
            for path in paths {
                hash_source(path, &mut hasher).map_err(|source| CorpusError::Read { path: path.clone(), source })?;
            }
        }
        if let Some(ids) = &self.ids {
            hasher.update(b"ids");
            hash_source(ids, &mut hasher).map_err(|source| CorpusError::Read { path: ids.clone(), source })?;
        }
        Ok(Prepared {
            asked: self.ids.as_deref().map(Asked::read).transpose()?,
            mesh: self.mesh.as_deref().map(read_mesh).transpose()?,
            labels: self.relation_labels.as_deref().map(read_labels).transpose()?.unwrap_or_default(),
            fingerprint: hasher.finalize().to_hex()[..32].to_owned(),
        })
    }
}

struct Prepared {
    asked: Option<Asked>,
    mesh: Option<MeshTree>,
    labels: BTreeMap<Text, Text>,
    fingerprint: String,
}

/// Starts work towards the folder `target`, or says what stands there where that is what would be made.
///
/// What must not be replaced is refused under the lock alone: until then another process may be replacing it.
pub(super) fn begin(target: &Path, fingerprint: &str, force: bool) -> Result<Begun, CorpusError> {
    let current = || if force { None } else { current(target, fingerprint) };
    if let Some(summary) = current() {
        return Ok(Begun::UpToDate(summary));
    }
    let staging = Staging::begin(target)?;
    if let Some(summary) = current() {
        return Ok(Begun::UpToDate(summary));
    }
    // The same tables, one of them damaged or removed, are made again.
    let same = || table::fingerprint(target, "documents").as_deref() == Some(fingerprint);
    let vacant = || !target.exists() || entries(target).is_ok_and(|tables| tables.is_empty());
    if force || vacant() || same() {
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

/// A summary of whole tables that were made from the same.
fn current(target: &Path, fingerprint: &str) -> Option<Summary> {
    if TABLES.iter().any(|table| table::fingerprint(target, table).as_deref() != Some(fingerprint)) {
        return None;
    }
    let mut summary = Summary { folder: target.to_path_buf(), ..Summary::default() };
    for batch in table::read::<RejectRow>(target).ok()? {
        let batch = batch.ok()?;
        summary.n_rejects += batch.len() as u64;
        summary.rejects.extend(batch.into_iter().take(SHOWN_REJECTS.saturating_sub(summary.rejects.len())));
    }
    Some(summary)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Adds a file's name and content, or those of the files in a folder, to a fingerprint.
fn hash_source(path: &Path, hasher: &mut blake3::Hasher) -> io::Result<()> {
    if path.is_dir() {
        for file in entries(path)?.iter().filter(|file| file.is_file()) {
            hash_source(file, hasher)?;
        }
        return Ok(());
    }
    if !path.metadata()?.is_file() {
        let reason = "expected a file or a folder, got a pipe or device: a source is read twice, once to identify it";
        return Err(io::Error::other(reason));
    }
    hasher.update(source_name(path).as_bytes());
    hasher.update(b"\0");
    let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 20]);
    loop {
        let n_bytes = file.read(&mut buffer)?;
        if n_bytes == 0 {
            return Ok(());
        }
        hasher.update(buffer.get(..n_bytes).unwrap_or_default());
    }
}

fn source_name(path: &Path) -> Text {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into()
}

fn read_mesh(path: &Path) -> Result<MeshTree, CorpusError> {
    MeshTree::read(path).map_err(|source| cut_error(path, source))
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
            candidates: &conversion.candidates,
            mesh: prepared.mesh.as_ref(),
            relations: conversion.relation_labels.as_ref().map(|_| &prepared.labels),
            unlabelled: conversion.unlabelled,
            most_pairs: conversion.most_pairs,
        };
        let parser = Parser { asked: prepared.asked.as_ref(), rules, reader: conversion.format.reader() };
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
                self.open = Some((path, self.parser.reader.records(path).map_err(|error| cut_error(path, error))?));
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
        let mut parsed: Vec<Parsed> = batch.par_iter().filter_map(|record| parser.parse(&source, record)).collect();
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
}

impl Parser<'_> {
    /// What became of a record; `None` where its document is not asked for.
    fn parse(&self, source: &Text, record: &Record) -> Option<Parsed> {
        let read = self.reader.parse(record);
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
        Some(Parsed { source: source.clone(), record: record.number, outcome })
    }
}

//! Gene-disease associations: a folder of `abstracts.txt`, `anns.txt` and `labels.csv`, joined by PMID.
//!
//! - `abstracts.txt`: blocks of lines (PMID, title, abstract where there is one) with blank lines between;
//! - `anns.txt`: `PubTator` mention lines;
//! - `labels.csv`: the header `pmid,geneId,diseaseId,label`, then a row a pair with the label 1 (the relation holds) or
//!   0 (it does not).
//!
//! A block, the mentions and the relations of its PMID together are one `PubTator` document, and are read as one.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use ground::excerpt::quoted;

use super::lines::{Blocks, Lines};
use super::pubtator::PubTator;
use crate::cut::CutError;
use crate::cut::Unreadable;
use crate::document::Document;
use crate::fault::{Fault, Part};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;

/// The name of the one relation.
const RELATION: &str = "GDA";
const HEADER: &str = "pmid,geneId,diseaseId,label";

/// Bytes of a PMID at most, of which each line of its document has a copy.
const LONGEST_PMID: usize = 100;

const ABSTRACTS: &str = "abstracts.txt";
const ANNOTATIONS: &str = "anns.txt";
const LABELS: &str = "labels.csv";

/// The reader of a GDA folder: always labelled, its only relation `GDA`, the gene the head, the disease the tail.
///
/// Abstracts are streamed; `anns.txt` and `labels.csv` are held in memory, indexed by PMID. Annotations or labels whose
/// PMID has no abstract are damage, told after the last document. A row of labels that cannot be read is a relation lost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gda;

/// What the two other files say of one PMID, as the lines of a `PubTator` document.
#[derive(Debug, Default)]
struct Notes {
    lines: Vec<u8>,
    source: &'static str,
    joined: bool,
}

type Index = HashMap<Vec<u8>, Notes>;

struct Joined {
    abstracts: Blocks,
    /// `None` at the end.
    index: Option<Index>,
}

impl Reader for Gda {
    fn takes_folders(&self) -> bool {
        true
    }

    fn records(&self, input: Input) -> Result<Records, CutError> {
        let path = input.path();
        let mut index = Index::new();
        index_annotations(path, &mut index)?;
        index_labels(path, &mut index)?;
        let abstracts = Blocks::of(Input::at(&path.join(ABSTRACTS))).map_err(|error| named(ABSTRACTS, &error))?;
        Ok(Box::new(Joined { abstracts, index: Some(index) }))
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let mark = [LABELS.as_bytes(), b"\t"].concat();
        let lines = || record.bytes.split(|&byte| byte == b'\n');
        let spoilt: Vec<&[u8]> = lines().filter_map(|line| line.strip_prefix(&mark[..])).collect();
        if spoilt.is_empty() {
            return PubTator::default().parse(record);
        }
        let sound: Vec<&[u8]> = lines().filter(|line| !line.starts_with(&mark)).collect();
        let record = Record { number: record.number, bytes: sound.join(&b'\n') };
        let mut document = PubTator::default().parse(&record)?;
        for row in spoilt {
            let row = quoted(&String::from_utf8_lossy(row));
            let reason = format!("expected `{HEADER}` with label 0 or 1, got {row}");
            document.lose(Part::Relation, Fault::new(LABELS, reason));
        }
        Ok(document)
    }
}

impl Iterator for Joined {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index.as_mut()?;
        match self.abstracts.next() {
            Some(Ok(block)) => Some(Ok(Record { number: block.number, bytes: join(&block.bytes, index) })),
            Some(Err(error)) => {
                self.index = None;
                Some(Err(error))
            }
            None => left_over(&self.index.take()?).map(Err),
        }
    }
}

/// A block as a `PubTator` document: its second line is the title, each further one a passage. What can be no PMID stays
/// alone, and is refused as such.
fn join(block: &[u8], index: &mut Index) -> Vec<u8> {
    let mut lines = block.split(|&byte| byte == b'\n');
    let pmid = lines.next().unwrap_or_default().trim_ascii();
    let mut bytes = Vec::with_capacity(2 * block.len());
    let n_lines = if pmid.len() <= LONGEST_PMID { usize::MAX } else { 0 };
    for (place, line) in lines.take(n_lines).enumerate() {
        let passage: &[u8] = if place == 0 { b"|t|" } else { b"|a|" };
        bytes.extend(if place == 0 { &b""[..] } else { b"\n" });
        bytes.extend([pmid, passage, line].concat());
    }
    if bytes.is_empty() {
        bytes.extend_from_slice(pmid);
    }
    if let Some(notes) = index.get_mut(pmid) {
        notes.joined = true;
        bytes.extend_from_slice(&notes.lines);
    }
    bytes
}

fn index_annotations(folder: &Path, index: &mut Index) -> Result<(), CutError> {
    for line in open(folder, ANNOTATIONS)? {
        let line = line.map_err(|error| named(ANNOTATIONS, &error))?.bytes;
        if !line.trim_ascii().is_empty() {
            let pmid = line.split(|&byte| byte == b'\t').next().unwrap_or_default();
            note(index, pmid.to_vec(), ANNOTATIONS, &line);
        }
    }
    Ok(())
}

fn index_labels(folder: &Path, index: &mut Index) -> Result<(), CutError> {
    let mut lines = open(folder, LABELS)?;
    let header =
        lines.next().transpose().map_err(|error| named(LABELS, &error))?.map_or_else(Vec::new, |line| line.bytes);
    if header.trim_ascii() != HEADER.as_bytes() {
        let got = quoted(&String::from_utf8_lossy(&header));
        return Err(CutError::Format(format!("{LABELS}: expected the header `{HEADER}`, got {got}")));
    }
    for line in lines {
        let row = line.map_err(|error| named(LABELS, &error))?.bytes;
        let columns: Vec<&[u8]> = row.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).collect();
        match *columns.as_slice() {
            [b""] | [] => {}
            [pmid, gene, disease, b"1"] => {
                let relation = [pmid, RELATION.as_bytes(), gene, disease].join(&b'\t');
                note(index, pmid.to_vec(), LABELS, &relation);
            }
            [pmid, _, _, b"0"] => note(index, pmid.to_vec(), LABELS, b""),
            // The document says that it is lost.
            [pmid, ..] => note(index, pmid.to_vec(), LABELS, &[LABELS.as_bytes(), &row].join(&b'\t')),
        }
    }
    Ok(())
}

fn note(index: &mut Index, pmid: Vec<u8>, source: &'static str, line: &[u8]) {
    let notes = index.entry(pmid).or_insert_with(|| Notes { source, ..Notes::default() });
    if !line.is_empty() {
        notes.lines.push(b'\n');
        notes.lines.extend_from_slice(line);
    }
}

/// The damage that some annotations or labels have no abstract.
fn left_over(index: &Index) -> Option<CutError> {
    let lone = || index.iter().filter(|(_, notes)| !notes.joined);
    let (pmid, notes) = lone().min_by_key(|(pmid, _)| *pmid)?;
    let first = quoted(&String::from_utf8_lossy(pmid));
    let reason = "expected an abstract for every annotation and label";
    Some(CutError::Damaged(format!(
        "{reason}, got none for {} PMIDs: {first} in {} first",
        lone().count(),
        notes.source
    )))
}

fn open(folder: &Path, name: &str) -> Result<Lines, CutError> {
    Lines::open(&folder.join(name)).map_err(|error| named(name, &error))
}

fn named(name: &str, error: &io::Error) -> CutError {
    match Unreadable::within(error) {
        Some(what) => CutError::Format(format!("{name}: {what}")),
        None => CutError::Io(io::Error::new(error.kind(), format!("{name}: {error}"))),
    }
}

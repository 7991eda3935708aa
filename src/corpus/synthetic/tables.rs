//! Synthetic documents → the tables of one split, and DocRED's JSON where asked for.

use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use table::rows::ImpliedRow;
use table::{Staging, Text, write_file};

use super::{Generated, Options, document, relation_labels};
use crate::convert::{Begun, Progress, Summary, begin};
use crate::error::CorpusError;
use crate::export::export;
use crate::pairs::Pairs;
use crate::tables::{Accepted, CorpusWriter};

const BATCH_DOCUMENTS: u64 = 512;

/// Which synthetic documents to write, and how.
#[derive(Debug, Clone)]
pub struct Synthesis {
    /// What the documents are like.
    pub options: Options,
    /// Place of the first document in the endless corpus of the options: splits of one corpus take different ones.
    pub first: u64,
    /// How many.
    pub n_documents: u64,
    /// The split's name, also that of its folder.
    pub split: String,
    /// Whether to write `SPLIT.json` in DocRED's format, and `rel_info.json`, beside the tables.
    pub json: bool,
}

impl Synthesis {
    /// Writes the tables of the split, with `implied`, into `out/SPLIT`, all of them or nothing.
    ///
    /// # Errors
    /// Where an option is out of range, or the folder holds something else or cannot be written.
    pub fn run(&self, out: &Path, force: bool, progress: Progress) -> Result<Summary, CorpusError> {
        self.options.check()?;
        let target = out.join(&self.split);
        let fingerprint = self.fingerprint();
        let summary = match begin(&target, &fingerprint, force)? {
            Begun::UpToDate(summary) => summary,
            Begun::Work(staging) => self.write(staging, target.clone(), &fingerprint, progress)?,
        };
        if self.json {
            write_json(out, &target, &self.split, force)?;
        }
        Ok(summary)
    }

    fn write(
        &self,
        staging: Staging,
        target: PathBuf,
        fingerprint: &str,
        progress: Progress,
    ) -> Result<Summary, CorpusError> {
        let mut writer = CorpusWriter::create(staging.folder(), &self.split, fingerprint, true)?;
        let end = self.first.saturating_add(self.n_documents);
        let mut first = self.first;
        while first < end {
            let next = end.min(first + BATCH_DOCUMENTS);
            let batch: Vec<Accepted> = (first..next).into_par_iter().map(|index| self.document(index)).collect();
            writer.write(&batch)?;
            progress(0, next - self.first);
            first = next;
        }
        let labels = relation_labels();
        let totals = writer.finish(&labels.iter().map(|&(name, label)| (name.into(), label.into())).collect())?;
        staging.commit()?;
        Ok(Summary { folder: target, totals: Some(totals), ..Summary::default() })
    }

    fn document(&self, index: u64) -> Accepted {
        let Generated { document, implied } = document(&self.options, index);
        let rows = implied.into_iter().map(|implied| ImpliedRow {
            doc_id: document.id.clone(),
            head: implied.head,
            tail: implied.tail,
            relation: implied.relation,
            pattern: implied.pattern.name().into(),
            bridge: implied.bridge,
            first: implied.first,
            second: implied.second,
            depth: implied.depth,
        });
        let implied = rows.collect();
        let pairs = Pairs::asked(&document, &[]);
        Accepted { document, source: Text::from("synthetic"), pairs, implied }
    }

    fn fingerprint(&self) -> String {
        let Self { options, first, n_documents, split, json: _ } = self;
        let text = format!("docre synthesize {} {options:?} {first} {n_documents} {split}", env!("CARGO_PKG_VERSION"));
        blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
    }
}

fn write_json(out: &Path, tables: &Path, split: &str, force: bool) -> Result<(), CorpusError> {
    export(tables, Some(&out.join(format!("{split}.json"))), force)?;
    let labels: serde_json::Map<String, serde_json::Value> =
        relation_labels().iter().map(|&(name, label)| (name.to_owned(), label.into())).collect();
    // The same for every split: written again, it does not change.
    write_file(&out.join("rel_info.json"), true, |file| {
        serde_json::to_writer_pretty(&mut *file, &labels).map_err(std::io::Error::from)?;
        Ok(file.write_all(b"\n")?)
    })
}

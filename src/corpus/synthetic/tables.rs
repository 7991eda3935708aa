//! Synthetic documents → the tables of one split, and DocRED's JSON where asked for.

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use ground::identity::Identity;
use ground::observe::{Event, Observer, Progress};
use ground::parsed::FolderName;
use ground::settings::{Settings, within};
use table::rows::ImpliedRow;
use table::{Staging, Text, write_same};

use super::{Generated, Options, document, relation_labels};
use crate::convert::{Begun, Summary, begin};
use crate::error::CorpusError;
use crate::export::export;
use crate::pairs::{BothWays, Pairs};
use crate::tables::{Accepted, CorpusWriter, synthetic_tables};

const BATCH_DOCUMENTS: u64 = 512;

/// Which documents of the endless corpus that the options describe. Their number is to be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portion {
    /// The split's name, also that of its folder.
    #[serde(default = "usual_split")]
    pub split: FolderName,
    /// How many.
    #[serde(alias = "docs")]
    pub documents: u64,
    /// Place of the first: splits of one corpus take different ones.
    #[serde(default)]
    pub first: u64,
}

/// The file of the labels of relations is called so.
const LABELS: &str = "rel_info";

/// The split, where none is named.
pub fn usual_split() -> FolderName {
    FolderName::fixed("train")
}

impl Settings for Portion {
    fn check(&self) -> Result<(), String> {
        within("documents", self.documents, 1, u64::from(u32::MAX))?;
        within("first", self.first, 0, 1 << 53)
    }
}

/// Which synthetic documents to write, and how.
#[derive(Debug, Clone)]
pub struct Synthesis {
    /// What the documents are like.
    pub options: Options,
    /// Which of them.
    pub portion: Portion,
    /// Whether to write `SPLIT.json` in DocRED's format, and `rel_info.json`, beside the tables.
    pub json: bool,
}

impl Synthesis {
    /// Writes the tables of the split, with `implied`, into `out/SPLIT`, all of them or nothing.
    ///
    /// # Errors
    /// Where an option is out of range, or the folder holds something else or cannot be written.
    pub fn run(&self, out: &Path, force: bool, observe: Observer<'_>) -> Result<Summary, CorpusError> {
        self.options.check().and_then(|()| self.portion.check()).map_err(CorpusError::Options)?;
        if self.json && &*self.portion.split == LABELS {
            let reason =
                format!("`split`: expected another name than `{LABELS}`, whose file has the labels of relations");
            return Err(CorpusError::Options(reason));
        }
        let target = out.join(&self.portion.split);
        let fingerprint = self.fingerprint();
        let write_json = |tables: &Path| if self.json { self.write_json(out, tables, force) } else { Ok(()) };
        match begin(&target, &synthetic_tables(), &fingerprint, force)? {
            Begun::UpToDate(summary) => {
                write_json(&target)?;
                Ok(summary)
            }
            Begun::Work(staging) => self.write((staging, &target), &fingerprint, write_json, observe),
        }
    }

    fn write(
        &self,
        (staging, target): (Staging, &Path),
        fingerprint: &str,
        write_json: impl FnOnce(&Path) -> Result<(), CorpusError>,
        observe: Observer<'_>,
    ) -> Result<Summary, CorpusError> {
        let mut writer = CorpusWriter::create(staging.folder(), &self.portion.split, fingerprint, true)?;
        let Portion { first: begin, documents, .. } = self.portion;
        let end = begin.saturating_add(documents);
        let mut first = begin;
        while first < end {
            let next = end.min(first + BATCH_DOCUMENTS);
            let batch: Vec<Accepted> = (first..next).into_par_iter().map(|index| self.document(index)).collect();
            writer.write(&batch)?;
            observe(Event::Progress(Progress::documents(next - begin).among(documents)));
            first = next;
        }
        let labels = relation_labels();
        let totals =
            writer.finish(&labels.iter().map(|&(name, label)| (name.into(), label.into())).collect(), |_| false)?;
        // What it may not write is refused before the tables stand.
        write_json(staging.folder())?;
        staging.commit()?;
        Ok(Summary { folder: target.to_path_buf(), totals: Some(totals), ..Summary::default() })
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
        let pairs = Pairs::asked(&document, &[], BothWays::None);
        Accepted { document, source: Text::from("synthetic"), pairs, implied }
    }

    fn write_json(&self, out: &Path, tables: &Path, force: bool) -> Result<(), CorpusError> {
        let labels: serde_json::Map<String, serde_json::Value> =
            relation_labels().iter().map(|&(name, label)| (name.to_owned(), label.into())).collect();
        // The same for every split: found again, it is left. Another corpus's is not ours to replace.
        write_same(&out.join(format!("{LABELS}.json")), force, |file| {
            serde_json::to_writer_pretty(&mut *file, &labels).map_err(std::io::Error::from)?;
            Ok::<_, CorpusError>(file.write_all(b"\n")?)
        })?;
        export(tables, &out.join(format!("{}.json", self.portion.split)), force)
    }

    fn fingerprint(&self) -> String {
        let Self { options, portion, json: _ } = self;
        Identity::of("synthesize").field("options", options).field("portion", portion).finish()
    }
}

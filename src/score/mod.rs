//! A checkpoint and a split → the table `relations`, in bounded memory whatever the split.
//!
//! Documents are scored in parts of some hundred. A finished part is kept in a hidden folder beside the table, under a
//! name that is a hash of the model and of the part's content, so a run that was killed goes on where it stopped, and
//! ends with the same table as one that was not.

pub mod examples;
pub mod predict;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::model::Model;
use crate::model::batch::{BatchError, Example};
use crate::pieces::{Cutter, PiecesError};
use crate::table::rows::RelationRow;
use crate::table::{self, Row, Staging, TableError, TableWriter, Text};
use crate::workers::Workers;
use examples::examples;
use predict::{Prediction, predict, probability};

/// Pieces of a batch, unless a document alone has more.
pub const PIECES_AT_ONCE: usize = 2048;

/// Why a split cannot be scored. Finished parts are kept.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The documents cannot be cut.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    /// Rows do not fit each other or the checkpoint.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A table cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The system gives no threads.
    #[error("threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The computation fails.
    #[error("model")]
    Model(#[from] candle_core::Error),
    /// What a dead run has left cannot be removed.
    #[error("{}: cannot remove", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// What to score, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The folder of the checkpoint.
    pub checkpoint: &'a Path,
    /// The folder of the split.
    pub split: &'a Path,
    /// The folder into which the table goes.
    pub out: &'a Path,
    /// What the run is called.
    pub run_id: &'a str,
    /// Pieces of a batch, unless a document alone has more. Does not change what is predicted.
    pub budget: usize,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scored {
    /// Documents, those of kept parts included.
    pub documents: u64,
    /// Documents of parts that an earlier run had finished.
    pub kept: u64,
    /// Predicted facts.
    pub relations: u64,
    /// Documents that lost pieces at their end.
    pub truncated: u64,
}

impl Scored {
    /// What is not as one may think.
    pub fn warning(&self) -> Option<String> {
        let told =
            || format!("warning: {} documents are longer than the model takes, and were cut off", self.truncated);
        (self.truncated > 0).then(told)
    }
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, kept, relations, .. } = self;
        let kept = if *kept > 0 { format!(" ({kept} were there already)") } else { String::new() };
        write!(f, "{documents} documents{kept}, {relations} relations")
    }
}

/// Scores a split; `None` where the table is up to date.
///
/// # Errors
/// Where the checkpoint or a table cannot be used, or the documents do not fit the checkpoint.
pub fn score(request: &Request<'_>, progress: &dyn Fn(u64)) -> Result<Option<Scored>, ScoreError> {
    let checkpoint = Checkpoint::load(request.checkpoint, &Device::Cpu)?;
    let fingerprint = fingerprint(request, &checkpoint);
    if fingerprint.is_some() && table::fingerprint(request.out, "relations") == fingerprint {
        return Ok(None);
    }
    let staging = Staging::begin(&request.out.join(&RelationRow::schema().name))?;
    let mut run = Run {
        workers: Workers::new()?,
        model: checkpoint.model(&Device::Cpu)?,
        request,
        relations: &checkpoint.config.relations,
        most_labels: checkpoint.config.most_labels,
        fingerprint: &checkpoint.fingerprint,
        work: request.out.join(".relations.work"),
        parts: Vec::new(),
        scored: Scored::default(),
    };
    let relations = checkpoint.config.relations();
    let mut cutter = Cutter::new(checkpoint.tokenizer, checkpoint.config.most_pieces);
    for part in examples(request.split, &mut cutter, &relations)? {
        run.part(part?)?;
        progress(run.scored.documents);
    }
    let writer = TableWriter::inside(staging.folder().to_path_buf(), &fingerprint.unwrap_or_default());
    run.join(writer)?;
    staging.commit()?;
    fs::remove_dir_all(&run.work).or_else(absent).map_err(|source| ScoreError::Remove { path: run.work, source })?;
    Ok(Some(run.scored))
}

/// Identifies what the table is made from; `None` where the documents bear no fingerprint.
fn fingerprint(request: &Request<'_>, checkpoint: &Checkpoint) -> Option<String> {
    let documents = table::fingerprint(request.split, "documents")?;
    let text =
        format!("relations {} {documents} {} {}", env!("CARGO_PKG_VERSION"), checkpoint.fingerprint, request.run_id);
    Some(hash(&text))
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

fn absent(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Scoring under way.
struct Run<'a> {
    workers: Workers,
    model: Box<dyn Model>,
    request: &'a Request<'a>,
    relations: &'a [Text],
    most_labels: usize,
    fingerprint: &'a str,
    /// Where finished parts are kept.
    work: PathBuf,
    /// Their folders in order.
    parts: Vec<PathBuf>,
    scored: Scored,
}

impl Run<'_> {
    /// Scores some documents, unless their part is there.
    fn part(&mut self, examples: Vec<Example>) -> Result<(), ScoreError> {
        let n_documents = examples.len() as u64;
        self.scored.truncated += examples.iter().filter(|example| example.truncated > 0).count() as u64;
        let key = hash(&format!("{} {} {} {examples:?}", self.fingerprint, self.request.run_id, self.request.budget));
        let folder = self.work.join(&key);
        if table::fingerprint(&folder, "relations").as_ref() == Some(&key) {
            self.scored.kept += n_documents;
        } else {
            let names: Vec<Text> = examples.iter().map(|example| example.doc_id.clone()).collect();
            let predictions = predict(&self.workers, &*self.model, examples, self.most_labels, self.request.budget)?;
            table::write(&folder, &key, self.rows(&names, &predictions))?;
        }
        self.scored.documents += n_documents;
        self.parts.push(folder);
        Ok(())
    }

    fn rows(&self, names: &[Text], predictions: &[Vec<Prediction>]) -> Vec<RelationRow> {
        let run_id: Text = self.request.run_id.into();
        let row = |doc_id: &Text, prediction: &Prediction| {
            let Prediction { head, tail, relation, threshold, base_probability, iteration } = *prediction;
            let name = (relation.class as usize).checked_sub(1).and_then(|place| self.relations.get(place));
            RelationRow {
                run_id: run_id.clone(),
                doc_id: doc_id.clone(),
                head,
                tail,
                relation: name.cloned().unwrap_or_default(),
                logit: relation.logit,
                threshold_logit: threshold,
                probability: probability(relation.logit, threshold),
                rank: relation.rank + 1,
                base_probability,
                iteration,
            }
        };
        let documents = names.iter().zip(predictions);
        documents.flat_map(|(name, found)| found.iter().map(move |found| row(name, found))).collect()
    }

    /// Puts the parts together.
    fn join(&mut self, mut writer: TableWriter<RelationRow>) -> Result<(), TableError> {
        for part in &self.parts {
            for rows in table::read::<RelationRow>(part)? {
                let rows = rows?;
                self.scored.relations += rows.len() as u64;
                writer.write(rows)?;
            }
        }
        writer.finish()
    }
}

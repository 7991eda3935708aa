//! A submission's predictions and a file's training facts as frames.

use std::path::Path;

use polars::prelude::{Column, DataFrame, IntoLazy, LazyFrame, PolarsResult, df};

use super::error::{self, Error};

/// Predicted facts as rows.
#[derive(Default)]
struct Rows {
    doc_ids: Vec<String>,
    heads: Vec<u32>,
    tails: Vec<u32>,
    relations: Vec<String>,
}

/// A submission as two frames: `doc_id`, `head`, `tail`, `relation`; and the same with `sentence`, one row a sentence
/// of predicted evidence, where any entry has the field `evidence`.
pub(super) fn read_submission(path: &Path) -> Result<(LazyFrame, Option<LazyFrame>), Error> {
    let entries = submission::read_submission(path)?;
    let with_evidence = entries.iter().any(|entry| entry.evidence.is_some());
    let (mut facts, mut evidence, mut sentences) = (Rows::default(), Rows::default(), Vec::new());
    for entry in entries {
        for sentence in entry.evidence.into_iter().flatten() {
            evidence.push(entry.title.clone(), entry.head, entry.tail, entry.relation.clone());
            sentences.push(sentence);
        }
        facts.push(entry.title, entry.head, entry.tail, entry.relation);
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
    let (mut heads, mut tails, mut relations) = (Vec::new(), Vec::new(), Vec::new());
    for [head, tail, relation] in submission::read_training_facts(path)? {
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

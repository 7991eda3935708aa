//! Splits small enough to read, written as tables.

use std::collections::BTreeSet;
use std::fs::{File, create_dir_all};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use serde_json::{Value, json};

/// A document: its entities by the sentences of their mentions, and its facts.
#[derive(Debug, Clone)]
pub struct Doc {
    pub id: String,
    pub sentences: Vec<Vec<u32>>,
    pub names: Vec<Vec<String>>,
    pub facts: Vec<(u32, u32, String, Vec<u32>)>,
    pub left_out: BTreeSet<(u32, u32)>,
    pub labelled: bool,
}

/// Documents in order.
#[derive(Debug, Clone)]
pub struct Split(pub Vec<Doc>);

impl Doc {
    /// Each entity has one mention in each of its sentences, named after its place.
    pub fn new(id: &str, sentences: &[&[u32]]) -> Self {
        let sentences: Vec<Vec<u32>> = sentences.iter().map(|sentences| sentences.to_vec()).collect();
        let names = (0..sentences.len()).map(|entity| vec![format!("{id} {entity}")]).collect();
        Self { id: id.to_owned(), sentences, names, facts: vec![], left_out: BTreeSet::new(), labelled: true }
    }

    pub fn named(mut self, entity: usize, names: &[&str]) -> Self {
        self.names[entity] = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    pub fn fact(mut self, head: u32, tail: u32, relation: &str, evidence: &[u32]) -> Self {
        self.facts.push((head, tail, relation.to_owned(), evidence.to_vec()));
        self
    }

    pub fn no_candidate(mut self, head: u32, tail: u32) -> Self {
        self.left_out.insert((head, tail));
        self
    }

    pub fn unlabelled(mut self) -> Self {
        self.labelled = false;
        self
    }

    pub fn intra(&self, head: u32, tail: u32) -> bool {
        let sentences = |entity: u32| self.sentences[entity as usize].iter().collect::<BTreeSet<_>>();
        !sentences(head).is_disjoint(&sentences(tail))
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        let entities = self.sentences.len() as u32;
        (0..entities)
            .flat_map(move |head| (0..entities).filter(move |tail| *tail != head).map(move |tail| (head, tail)))
    }
}

impl Split {
    /// Writes the tables that evaluation reads, and gives their folder.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let tables = folder.join("tables");
        write(&tables.join("documents"), self.documents());
        write(&tables.join("facts"), self.facts());
        write(&tables.join("pairs"), self.pairs());
        write(&tables.join("mentions"), self.mentions());
        tables
    }

    fn documents(&self) -> DataFrame {
        let docs = &self.0;
        df!(
            "doc_id" => docs.iter().map(|doc| doc.id.clone()).collect::<Vec<_>>(),
            "position" => (0..docs.len() as u32).collect::<Vec<_>>(),
            "labelled" => docs.iter().map(|doc| doc.labelled).collect::<Vec<_>>(),
            "n_entities" => docs.iter().map(|doc| doc.sentences.len() as u32).collect::<Vec<_>>(),
        )
        .unwrap()
    }

    fn facts(&self) -> DataFrame {
        let rows: Vec<_> = self.0.iter().flat_map(|doc| doc.facts.iter().map(|fact| (doc.id.clone(), fact))).collect();
        let evidence: Vec<Series> = rows.iter().map(|(_, fact)| Series::new("".into(), fact.3.clone())).collect();
        let mut frame = df!(
            "doc_id" => rows.iter().map(|(doc, _)| doc.clone()).collect::<Vec<_>>(),
            "head" => rows.iter().map(|(_, fact)| fact.0).collect::<Vec<_>>(),
            "tail" => rows.iter().map(|(_, fact)| fact.1).collect::<Vec<_>>(),
            "relation" => rows.iter().map(|(_, fact)| fact.2.clone()).collect::<Vec<_>>(),
        )
        .unwrap();
        let evidence = Column::new("evidence".into(), evidence);
        let evidence = evidence.cast(&DataType::List(Box::new(DataType::UInt32))).unwrap();
        frame.with_column(evidence).unwrap();
        frame
    }

    fn pairs(&self) -> DataFrame {
        let rows: Vec<_> = self.0.iter().flat_map(|doc| doc.pairs().map(move |pair| (doc, pair))).collect();
        df!(
            "doc_id" => rows.iter().map(|(doc, _)| doc.id.clone()).collect::<Vec<_>>(),
            "head" => rows.iter().map(|(_, pair)| pair.0).collect::<Vec<_>>(),
            "tail" => rows.iter().map(|(_, pair)| pair.1).collect::<Vec<_>>(),
            "intra" => rows.iter().map(|(doc, pair)| doc.intra(pair.0, pair.1)).collect::<Vec<_>>(),
            "candidate" => rows.iter().map(|(doc, pair)| !doc.left_out.contains(pair)).collect::<Vec<_>>(),
        )
        .unwrap()
    }

    fn mentions(&self) -> DataFrame {
        let mut rows: Vec<(String, Option<u32>, String)> = vec![];
        for doc in &self.0 {
            rows.push((doc.id.clone(), None, "loose".to_owned()));
            for (entity, names) in (0..).zip(&doc.names) {
                rows.extend(names.iter().map(|name| (doc.id.clone(), Some(entity), name.clone())));
            }
        }
        df!(
            "doc_id" => rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>(),
            "entity_id" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            "name" => rows.iter().map(|row| row.2.clone()).collect::<Vec<_>>(),
        )
        .unwrap()
    }
}

/// Writes a table's single part.
pub fn write(folder: &Path, mut frame: DataFrame) {
    create_dir_all(folder).unwrap();
    ParquetWriter::new(File::create(folder.join("part-00000.parquet")).unwrap()).finish(&mut frame).unwrap();
}

/// Writes entries of a submission as a `relations` table.
pub fn write_relations(folder: &Path, run_id: &str, entries: &[Value]) {
    let text = |field: &str| entries.iter().map(|row| row[field].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let index = |field: &str| entries.iter().map(|row| row[field].as_u64().unwrap() as u32).collect::<Vec<_>>();
    let frame = df!(
        "run_id" => vec![run_id; entries.len()],
        "doc_id" => text("title"),
        "head" => index("h_idx"),
        "tail" => index("t_idx"),
        "relation" => text("r"),
    );
    write(folder, frame.unwrap());
}

/// The same with evidence, null where an entry has none; `odd` goes before it in the first row.
pub fn write_with_evidence(folder: &Path, entries: &[Value], odd: &[Option<i64>]) {
    let evidence = |row: &Value| Some(row["evidence"].as_array()?.iter().map(Value::as_i64).collect::<Vec<_>>());
    let mut odd = odd.to_vec();
    let lists: Vec<Option<Series>> = entries
        .iter()
        .map(|row| evidence(row).map(|own| Series::new("".into(), [std::mem::take(&mut odd), own].concat())))
        .collect();
    write_relations(folder, "run", entries);
    let part = folder.join("part-00000.parquet");
    let mut frame = ParquetReader::new(File::open(&part).unwrap()).finish().unwrap();
    frame.with_column(Column::new("evidence".into(), lists)).unwrap();
    write(folder, frame);
}

/// An entry of a submission.
pub fn entry(title: &str, head: u32, tail: u32, relation: &str) -> Value {
    json!({"title": title, "h_idx": head, "t_idx": tail, "r": relation, "score": 0.5})
}

/// The same with evidence.
pub fn with_evidence(title: &str, head: u32, tail: u32, relation: &str, evidence: &[u32]) -> Value {
    json!({"title": title, "h_idx": head, "t_idx": tail, "r": relation, "evidence": evidence})
}

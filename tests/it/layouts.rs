//! Layouts in which others have DocRED's documents, `bigbio_kb` and own documents: read from JSON and Parquet, and written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Run, corpora, docre, rows};

/// A folder in which sources are converted.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Converts a source into the split of a name.
    fn convert(&self, format: &str, split: &str, source: &Path) -> Run {
        let out = self.path("out");
        let arguments = ["convert", "--format", format, "--split", split, "--force", "--out", out.to_str().unwrap()];
        docre(arguments.into_iter().chain([source.to_str().unwrap()]))
    }

    fn split(&self, split: &str) -> PathBuf {
        self.path("out").join(split)
    }

    /// Every row of the tables of a split that a reader makes, but for where they came from.
    fn tables(&self, split: &str) -> Vec<Vec<String>> {
        let tables = ["sentences", "tokens", "mentions", "entities", "pairs", "facts"];
        tables.map(|table| rows(&self.split(split), &format!("SELECT * FROM {table}"))).to_vec()
    }

    fn write_back(&self, split: &str, format: &str, further: &[&str]) -> Run {
        let split = self.split(split);
        let arguments = ["convert", "--to", format, split.to_str().unwrap()];
        docre(arguments.into_iter().chain(further.iter().copied()))
    }
}

/// The array of some values; what is missing is null.
fn array(values: &[&Value], kind: &DataType) -> ArrayRef {
    match kind {
        DataType::Utf8 => Arc::new(values.iter().map(|value| value.as_str()).collect::<StringArray>()),
        DataType::Int64 => Arc::new(values.iter().map(|value| value.as_i64()).collect::<Int64Array>()),
        DataType::List(field) => {
            let lists: Vec<Vec<&Value>> =
                values.iter().map(|value| value.as_array().into_iter().flatten().collect()).collect();
            let items: Vec<&Value> = lists.iter().flatten().copied().collect();
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(Vec::len));
            Arc::new(ListArray::new(field.clone(), offsets, array(&items, field.data_type()), None))
        }
        DataType::Struct(fields) => {
            let column = |field: &Arc<Field>| {
                let members: Vec<&Value> =
                    values.iter().map(|value| value.get(field.name()).unwrap_or(&Value::Null)).collect();
                array(&members, field.data_type())
            };
            Arc::new(StructArray::new(fields.clone(), fields.iter().map(column).collect(), None))
        }
        other => unreachable!("{other}"),
    }
}

fn list(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", of, true)))
}

fn object(members: &[(&str, DataType)]) -> Fields {
    members.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect()
}

/// Writes documents as rows.
fn write_parquet(path: &Path, members: Fields, documents: &[Value]) {
    let documents: Vec<&Value> = documents.iter().collect();
    let rows = array(&documents, &DataType::Struct(members.clone()));
    let rows = rows.as_any().downcast_ref::<StructArray>().unwrap().columns().to_vec();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(members)), rows).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn documents() -> Vec<Value> {
    let document = |title: &str| {
        json!({
            "title": title,
            "sents": [["Anna", "Reed", "works", "at", "Kelp", "Ltd", "."], ["She", "lives", "in", "Oslo", "."]],
            "vertexSet": [
                [{"name": "Anna Reed", "type": "PER", "sent_id": 0, "pos": [0, 2]}, {"name": "She", "type": "PER", "sent_id": 1, "pos": [0, 1]}],
                [{"name": "Kelp Ltd", "type": "ORG", "sent_id": 0, "pos": [4, 6]}],
                [{"name": "Oslo", "type": "LOC", "sent_id": 1, "pos": [3, 4]}]],
            "labels": [{"h": 0, "t": 1, "r": "P108", "evidence": [0]}, {"h": 0, "t": 2, "r": "P551", "evidence": [1]}]})
    };
    vec![document("Harbour notes"), document("Other notes")]
}

#[test]
fn rows_of_parquet_are_documents() {
    let place = Place::new();
    let source = place.write("dev.json", json!(documents()).to_string());
    assert_eq!(place.convert("docred", "json", &source).code, Some(0));

    let mention = object(&[
        ("name", DataType::Utf8),
        ("sent_id", DataType::Int64),
        ("pos", list(DataType::Int64)),
        ("type", DataType::Utf8),
    ]);
    let labels = object(&[
        ("head", list(DataType::Int64)),
        ("tail", list(DataType::Int64)),
        ("relation_id", list(DataType::Utf8)),
        ("relation_text", list(DataType::Utf8)),
        ("evidence", list(list(DataType::Int64))),
    ]);
    let members = object(&[
        ("title", DataType::Utf8),
        ("sents", list(list(DataType::Utf8))),
        ("vertexSet", list(list(DataType::Struct(mention)))),
        ("labels", DataType::Struct(labels)),
    ]);
    let mut documents = documents();
    for document in &mut documents {
        document["labels"] = json!({"head": [0, 0], "tail": [1, 2], "relation_id": ["P108", "P551"],
            "relation_text": ["employer", "residence"], "evidence": [[0], [1]]});
    }
    write_parquet(&place.path("dev.parquet"), members, &documents);
    let run = place.convert("docred", "parquet", &place.path("dev.parquet"));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(place.tables("parquet"), place.tables("json"));

    // A damaged one is refused, and so is one that cannot be sought in.
    let bytes = fs::read(place.path("dev.parquet")).unwrap();
    let cut = place.convert("docred", "cut", &place.write("cut.parquet", &bytes[..bytes.len() / 2]));
    assert_eq!(cut.code, Some(1));
    assert!(cut.stderr.contains("cut.parquet: not a whole Parquet file"), "{}", cut.stderr);
}

#[test]
fn bigbio_is_read_from_json_and_parquet() {
    let document = json!({
        "id": "0", "document_id": "7",
        "passages": [{"id": "1", "type": "title", "text": ["Zeta harms."], "offsets": [[0, 11]]},
                     {"id": "2", "type": "abstract", "text": ["Zeta may cause rash."], "offsets": [[12, 32]]}],
        "entities": [
            {"id": "3", "type": "Chemical", "text": ["Zeta"], "offsets": [[0, 4]], "normalized": [{"db_name": "MESH", "db_id": "D001"}]},
            {"id": "4", "type": "Chemical", "text": ["Zeta"], "offsets": [[12, 16]], "normalized": [{"db_name": "MESH", "db_id": "D001"}]},
            {"id": "5", "type": "Disease", "text": ["rash"], "offsets": [[27, 31]], "normalized": []}],
        "events": [], "coreferences": [],
        "relations": [{"id": "6", "type": "CID", "arg1_id": "4", "arg2_id": "5", "normalized": []}]});
    let place = Place::new();
    let source = place.write("dev.jsonl", document.to_string());
    let run = place.convert("bigbio", "json", &source);
    assert_eq!((run.code, run.stderr.contains("warning")), (Some(0), false), "{}", run.stderr);
    let split = place.split("json");
    assert_eq!(rows(&split, "SELECT doc_id, title FROM documents"), ["7,Zeta harms."]);
    assert_eq!(rows(&split, "SELECT name, kb_id, n_mentions FROM entities"), ["Zeta,MESH:D001,2", "rash,,1"]);
    assert_eq!(rows(&split, "SELECT head, tail, relation FROM facts"), ["0,1,CID"]);

    let spans = || list(list(DataType::Int64));
    let texts = || list(DataType::Utf8);
    let id = || ("id", DataType::Utf8);
    let kind = || ("type", DataType::Utf8);
    let link = DataType::Struct(object(&[("db_name", DataType::Utf8), ("db_id", DataType::Utf8)]));
    let rows_of = |members: &[(&str, DataType)]| list(DataType::Struct(object(members)));
    let members = object(&[
        id(),
        ("document_id", DataType::Utf8),
        ("passages", rows_of(&[id(), kind(), ("text", texts()), ("offsets", spans())])),
        (
            "entities",
            rows_of(&[id(), kind(), ("text", texts()), ("offsets", spans()), ("normalized", list(link.clone()))]),
        ),
        ("events", rows_of(&[id(), kind()])),
        ("coreferences", rows_of(&[id(), ("entity_ids", list(DataType::Utf8))])),
        (
            "relations",
            rows_of(&[
                id(),
                kind(),
                ("arg1_id", DataType::Utf8),
                ("arg2_id", DataType::Utf8),
                ("normalized", list(link)),
            ]),
        ),
    ]);
    write_parquet(&place.path("dev.parquet"), members, &[document]);
    assert_eq!(place.convert("bigbio", "parquet", &place.path("dev.parquet")).code, Some(0));
    assert_eq!(place.tables("parquet"), place.tables("json"));
}

#[test]
fn an_unlabelled_source_is_told() {
    let place = Place::new();
    let mut documents = documents();
    for document in &mut documents {
        document["label"] = document["labels"].take();
    }
    let run = place.convert("docred", "dev", &place.write("dev.json", json!(documents).to_string()));
    assert_eq!(run.code, Some(0));
    let words = "warning: documents that are taken as unlabelled: nothing is known of their relations: 2, the first in \
                 document `Harbour notes`: expected the key `labels`, for which `label` may be meant";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    let run = place.write_back("dev", "submission", &[]);
    assert_eq!((run.code, &*run.stdout), (Some(0), "[\n]\n"));
    assert!(run.stderr.contains("no document of the split is labelled"), "{}", run.stderr);
}

#[test]
fn labels_of_which_there_are_none_are_told() {
    let place = Place::new();
    let mut documents = documents();
    for document in &mut documents {
        document["labels"] = json!({"head": [], "tail": [], "relation_id": [], "relation_text": [], "evidence": []});
    }
    let source = place.write("test.json", json!(documents).to_string());
    let run = place.convert("docred", "test", &source);
    assert!(run.stderr.contains("no document has a relation: where nobody annotated any, say so"), "{}", run.stderr);
    assert_eq!(rows(&place.split("test"), "SELECT DISTINCT labelled FROM documents"), ["true"]);
}

/// The documents, the first entity of the second of which has mentions that cannot be read.
fn with_a_lost_entity() -> Vec<Value> {
    let mut documents = documents();
    documents[1]["vertexSet"][0][0]["pos"] = json!([0, 0]);
    documents[1]["vertexSet"][0][1]["pos"] = json!([0, 9]);
    documents[1]["labels"] = json!([{"h": 1, "t": 2, "r": "P159"}, {"h": 0, "t": 2, "r": "P551"}]);
    documents
}

#[test]
fn a_submission_counts_entities_as_its_source_does() {
    let place = Place::new();
    let run = place.convert("docred", "dev", &place.write("dev.json", json!(with_a_lost_entity()).to_string()));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let split = place.split("dev");
    assert_eq!(rows(&split, "SELECT head, tail FROM facts WHERE relation = 'P159'"), ["0,1"]);
    let run = place.write_back("dev", "submission", &[]);
    let written: Value = serde_json::from_str(&run.stdout).unwrap();
    let fact = |title: &str, head: u32, tail: u32, relation: &str| json!({"title": title, "h_idx": head, "t_idx": tail, "r": relation});
    let mut expected = json!([
        fact("Harbour notes", 0, 1, "P108"),
        fact("Harbour notes", 0, 2, "P551"),
        fact("Other notes", 1, 2, "P159")
    ]);
    (expected[0]["evidence"], expected[1]["evidence"]) = (json!([0]), json!([1]));
    assert_eq!(written, expected);

    // It is read as it is meant: all of it is right, and what names the lost entity is not there or is wrong.
    let submission = place.write("result.json", run.stdout);
    let (split, submission) = (split.to_str().unwrap(), submission.to_str().unwrap());
    let again = place.write_back("dev", "submission", &["--relations", submission]);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).unwrap(), written);
    let f1 = |submission: &str| {
        let arguments = [
            "evaluate",
            "--relations",
            submission,
            "--corpus",
            place.path("out").to_str().unwrap(),
            "--split",
            "dev",
            "--out",
            place.path("metrics").to_str().unwrap(),
            "--force",
        ]
        .map(str::to_owned);
        let run = docre(arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        rows(
            &place.path("metrics"),
            "SELECT precision, recall FROM metrics WHERE scope = 'all' AND metric = 'F1' AND relation IS NULL",
        )
    };
    assert_eq!(f1(submission), ["1.0,1.0"], "{split}");
    expected.as_array_mut().unwrap().push(fact("Other notes", 0, 2, "P551"));
    let wrong = place.write("wrong.json", expected.to_string());
    assert_eq!(f1(wrong.to_str().unwrap()), ["0.75,1.0"]);
}

#[test]
fn own_documents_survive_the_way_out_and_back() {
    let place = Place::new();
    let document = json!({"id": "1", "title": "Rome", "text": "Rome\nRome 😀 is in  Italy. It is old.\n\nThe end.", "entities": [
        {"id": "a", "kb_id": "wikidata:Q220", "type": "LOC", "mentions": [{"start": 0, "end": 4}, {"start": 5, "end": 9}, {"start": 26, "end": 28}]},
        {"type": "LOC", "mentions": [{"start": 19, "end": 24}]}],
        "relations": [{"head": "a", "tail": 1, "type": "P17", "evidence": [1], "attributes": {"novelty": "Novel"}}]});
    let source = place.write("all.jsonl", document.to_string());
    let run = place.convert("jsonl", "first", &source);
    assert_eq!((run.code, run.stderr.contains("warning")), (Some(0), false), "{}", run.stderr);
    let run = place.write_back("first", "jsonl", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(place.convert("jsonl", "second", &place.write("again.jsonl", run.stdout)).code, Some(0));
    assert_eq!(place.tables("first"), place.tables("second"));
    assert_eq!(
        rows(&place.split("second"), "SELECT evidence, attributes FROM facts"),
        ["[1],\"[\"\"novelty=Novel\"\"]\""]
    );

    // Predictions stand in place of annotations, with how sure they are.
    let predicted = place
        .write("result.json", json!([{"title": "1", "h_idx": 1, "t_idx": 0, "r": "P36", "score": 0.5}]).to_string());
    let run = place.write_back("first", "jsonl", &["--relations", predicted.to_str().unwrap()]);
    let written: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        written["relations"],
        json!([{"head": 1, "tail": 0, "type": "P36", "attributes": {"probability": 0.5}}])
    );
}

#[test]
fn jacred_has_its_published_size() {
    let Some(source) = corpora().map(|corpora| corpora.join("jacred/dev.json")).filter(|source| source.is_file())
    else {
        return println!("skipped: no jacred/dev.json among the corpora");
    };
    let place = Place::new();
    let run = place.convert("docred", "dev", &source);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let split = place.split("dev");
    assert_eq!(rows(&split, "SELECT count(*) AS n FROM documents"), ["300"]);
    assert_eq!(rows(&split, "SELECT count(*) AS n FROM facts"), ["6157"]);
    // Of its 6,997 mentions two have no tokens: the dates of one document, which have others.
    assert_eq!(rows(&split, "SELECT count(*) AS n FROM mentions"), ["6995"]);
    let rejects = rows(&split, "SELECT part, name, \"column\" FROM rejects");
    assert_eq!(rejects.len(), 2, "{rejects:?}");
    assert!(rejects.iter().all(|row| row.starts_with("mention,ヨセフ・トショフスキー,")), "{rejects:?}");
}

//! Rows of `annotated`, a document each, in the place of a split: made of one, and taken by what works on one.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::record_batch::RecordBatch;
use docre::corpus::annotated::set_down;
use docre::table::annotated::{Entity, Fact, Mention, Pair, Sentence, Token};
use docre::table::rows::AnnotatedRow;
use docre::table::stream::{StreamWriter, receive};
use docre::table::{Row, Table, TableError};
use docre::train::TrainConfig;
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use crate::support::{Run, command, corpora, docre, rows};
use crate::train::Fixture;

/// Nested mentions, a sentence that is uneven, an empty document, one of one entity, one without facts, and loose mentions.
const AWKWARD: &str = r#"
{"id": "nested", "title": "Rome", "text": "Rome University lies\nin Rome, Italy. It  is old.", "entities": [
  {"type": "ORG", "kb_id": "wikidata:Q1", "mentions": [{"start": 0, "end": 15}, {"start": 37, "end": 39}]},
  {"type": "LOC", "mentions": [{"start": 0, "end": 4}, {"start": 24, "end": 28}]},
  {"type": "LOC", "mentions": [{"start": 30, "end": 35}, {"start": 24, "end": 35}]}],
 "mentions": [{"start": 5, "end": 15, "type": "ORG"}],
 "relations": [{"head": 0, "tail": 1, "type": "P131", "evidence": [0], "attributes": {"novelty": "Novel"}},
  {"head": 1, "tail": 2, "type": "P17"}, {"head": 0, "tail": 2, "type": "P17", "evidence": [1, 0]}]}
{"id": "empty", "text": "", "entities": [], "relations": []}
{"id": "alone", "text": "Ann \"the cat\" sat.", "entities": [{"type": "PER", "mentions": [{"start": 0, "end": 3}]}],
 "relations": []}
{"id": "unlabelled", "text": "Ann met Bob.", "entities": [{"type": "PER", "mentions": [{"start": 0, "end": 3}]},
  {"type": "PER", "mentions": [{"start": 8, "end": 11}]}]}
"#;

/// The tables that say what the source says.
const TABLES: [&str; 7] = ["sentences", "tokens", "mentions", "entities", "pairs", "facts", "relation_types"];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ended(run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// The awkward corpus as a split.
fn awkward(folder: &Path, further: &[&str]) -> PathBuf {
    let (source, out) = (folder.join("awkward.jsonl"), folder.join("corpus"));
    fs::write(&source, AWKWARD).unwrap();
    let arguments =
        ["convert", "--format", "jsonl", "--split", "awkward", "--force", "--out", text(&out), text(&source)];
    ended(&docre(arguments.iter().chain(further)));
    out.join("awkward")
}

/// `docre convert --to annotated`.
pub fn made(split: &Path, out: &Path) {
    ended(&docre(["convert", "--to", "annotated", "--out", text(out), text(split)]));
}

pub fn read(table: &Path) -> Vec<AnnotatedRow> {
    let batches = Table::<AnnotatedRow>::require_at(table).unwrap().conformed().unwrap();
    batches.flat_map(Result::unwrap).collect()
}

/// Rows as any writer of Parquet has them.
fn write(path: &Path, rows: Vec<AnnotatedRow>) {
    let batch = AnnotatedRow::to_batch(rows).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[track_caller]
fn same_split(one: &Path, other: &Path) {
    for table in TABLES {
        let all = |folder: &Path| rows(folder, &format!("SELECT * FROM {table}"));
        assert!(all(one) == all(other), "{table}");
    }
    let documents =
        "SELECT doc_id, title, position, labelled, n_sentences, n_tokens, n_entities, text_hash FROM documents";
    assert_eq!(rows(one, documents), rows(other, documents));
}

#[test]
fn rows_of_a_split_are_the_split_again() {
    let folder = TempDir::new().unwrap();
    let check = |split: &Path, name: &str| {
        let table = folder.path().join(name);
        let back = table.with_extension("back");
        made(split, &table);
        set_down([Ok(read(&table))].into_iter(), &table, &back).unwrap();
        same_split(split, &back);
        table
    };
    let table = check(&awkward(folder.path(), &[]), "all.rows");
    let all = read(&table);
    // Every ordered pair is asked about: that is not listed.
    assert!(all.iter().all(|row| row.pairs.is_none()));
    assert_eq!(all[0].sentences[0].text.as_deref(), Some("Rome University lies\nin Rome, Italy."));
    assert_eq!(
        all.iter().map(|row| row.facts.as_ref().map(Vec::len)).collect::<Vec<_>>(),
        [Some(3), Some(0), Some(0), None]
    );
    let split = awkward(folder.path(), &["--candidates", "ORG:LOC", "--undirected", "P17"]);
    let table = check(&split, "some.rows");
    assert_eq!(read(&table)[0].pairs.as_ref().unwrap().len(), 3);
    // Of the same split it is left, over another it is written with `--force` alone.
    made(&split, &table);
    let json = folder.path().join("corpus");
    ended(&docre(["synthesize", "--docs", "30", "--out", text(&json)]));
    let refused = docre(["convert", "--to", "annotated", "--out", text(&table), text(&json.join("train"))]);
    assert!(refused.code == Some(1) && refused.stderr.contains("stands already"), "{}", refused.stderr);
    check(&json.join("train"), "train.rows");
    let Some(corpora) = corpora() else { return };
    let source = corpora.join("cdr/CDR_DevelopmentSet.PubTator.txt");
    let arguments = ["convert", "--format", "pubtator", "--split", "cdr", "--candidates", "Chemical:Disease", "--out"];
    ended(&docre(arguments.into_iter().chain([text(&json), text(&source)])));
    check(&json.join("cdr"), "cdr.rows");
}

/// `docre score` with every relation among the scores, and its rows.
fn scored(checkpoint: &Path, corpus: &Path, out: &Path, input: &[u8]) -> Vec<Vec<String>> {
    let arguments = ["score", "--checkpoint", text(checkpoint), "--corpus", text(corpus), "--out", text(out)];
    let further = ["--run-id", "run", "--margin", "1000", "--candidates", "corpus", "--force"];
    let mut child =
        command(arguments.into_iter().chain(further)).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses reads no further.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ["relations", "scores", "traces", "claims"].map(|table| rows(out, &format!("SELECT * FROM {table}"))).to_vec()
}

#[test]
fn relations_by_way_of_rows_are_those_of_the_split() {
    let fixture = Fixture::new();
    ended(&fixture.train(&TrainConfig { epochs: 12, ..fixture.config() }, "model", &[]));
    let checkpoint = fixture.path("model/best");
    let tokenizer = checkpoint.clone();
    for split in [fixture.path("corpus/dev"), awkward(fixture.folder.path(), &[])] {
        let (table, file) = (fixture.path("rows"), fixture.path("rows.file.parquet"));
        let _ = fs::remove_dir_all(&table);
        made(&split, &table);
        write(&file, read(&table));
        let expected = scored(&checkpoint, &split, &fixture.path("out"), &[]);
        assert!(!expected[1].is_empty());
        for rows in [&table, &file] {
            assert_eq!(scored(&checkpoint, rows, &fixture.path("out"), &[]), expected);
        }
        let stream = command(["convert", "--to", "annotated", text(&split)]).output().unwrap().stdout;
        assert_eq!(scored(&checkpoint, Path::new("-"), &fixture.path("out"), &stream), expected);
        // In another order come the same rows in another order.
        let mut turned = read(&table);
        turned.reverse();
        write(&file, turned);
        let mut found = scored(&checkpoint, &file, &fixture.path("out"), &[]);
        let mut expected = expected;
        [&mut found, &mut expected].into_iter().flatten().for_each(|rows| rows.sort());
        assert_eq!(found, expected);

        let pieces = |corpus: &Path, out: &Path| {
            let arguments = ["encode", "--corpus", text(corpus), "--encoder", text(&tokenizer), "--out", text(out)];
            ended(&docre(arguments.into_iter().chain(["--force"])));
            rows(out, "SELECT doc_id, ids, mention_starts, truncated FROM pieces")
        };
        assert_eq!(pieces(&table, &fixture.path("cut")), pieces(&split, &fixture.path("cut")));
    }
    let refused = docre(["encode", "--corpus", text(&fixture.path("rows")), "--encoder", text(&tokenizer)]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("`--out`: expected a folder"), "{}", refused.stderr);
}

#[test]
fn training_by_way_of_rows_gives_the_same_weights() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 2, ..fixture.config() };
    ended(&fixture.train(&config, "model", &[]));
    let corpus = fixture.path("rows");
    made(&fixture.path("corpus/train"), &corpus.join("train"));
    made(&fixture.path("corpus/dev"), &corpus.join("dev.table"));
    write(&corpus.join("dev.parquet"), read(&corpus.join("dev.table")));
    let by_rows = TrainConfig { corpus, dev: "dev.parquet".into(), ..config };
    ended(&fixture.train(&by_rows, "again", &[]));
    let of = |run: &str, file: &str| fs::read(fixture.path(run).join("best").join(file)).unwrap();
    assert!(of("model", "model.safetensors") == of("again", "model.safetensors"));
    let card: serde_json::Value = serde_json::from_slice(&of("again", "card.json")).unwrap();
    assert_eq!([&card["train"]["corpus"], &card["dev"]["split"]], ["rows", "dev"]);
    // Where it was stopped, it goes on: rows that are set down anew are the same.
    let run = fixture.train(&by_rows, "again", &["--resume"]);
    ended(&run);
}

#[test]
fn rows_of_one_name_in_two_folders_are_two_splits() {
    let fixture = Fixture::new();
    let corpus = fixture.path("rows");
    for split in ["train", "dev"] {
        fs::create_dir_all(corpus.join(split)).unwrap();
        made(&fixture.path("corpus").join(split), &corpus.join(split).join("annotated"));
    }
    let (train, dev) = ("train/annotated".into(), "dev/annotated".into());
    ended(&fixture.train(&TrainConfig { epochs: 1, corpus, train, dev, ..fixture.config() }, "model", &[]));
    let card = fs::read(fixture.path("model/best/card.json")).unwrap();
    let card: serde_json::Value = serde_json::from_slice(&card).unwrap();
    let count = |split: &str| rows(&fixture.path("corpus").join(split), "SELECT count(*) FROM documents")[0].clone();
    let documents = ["train", "dev"].map(|split| card[split]["documents"].to_string());
    assert_eq!(documents, ["train", "dev"].map(count));
    assert_ne!(documents[0], documents[1]);
}

/// A sound row.
pub fn row() -> AnnotatedRow {
    let token = |text: &str| Token { text: text.into(), char_start: None, char_end: None };
    let sentence =
        |token_start, token_end| Sentence { token_start, token_end, text: None, char_start: None, char_end: None };
    let entity = Entity { name: None, r#type: None, kb_id: None };
    let mention = |entity_id, token_start, name: &str| {
        let (name, kind) = (name.into(), "PER".into());
        Mention { entity_id: Some(entity_id), token_start, token_end: token_start + 1, name, r#type: kind }
    };
    let fact = Fact {
        head: 0,
        tail: 1,
        relation: "met".into(),
        label: None,
        undirected: None,
        evidence: Some(vec![0]),
        attributes: None,
    };
    AnnotatedRow {
        doc_id: "a".into(),
        title: None,
        sentences: vec![sentence(0, 3), sentence(3, 5)],
        tokens: ["Ann", "met", "Bob", "She", "left"].map(token).to_vec(),
        entities: vec![entity.clone(), entity],
        mentions: vec![mention(0, 0, "Ann"), mention(1, 2, "Bob"), mention(0, 3, "She")],
        pairs: Some(vec![Pair { head: 0, tail: 1, candidate: None }]),
        facts: Some(vec![fact]),
    }
}

#[test]
fn a_bad_row_is_told_by_document_and_field() {
    let folder = TempDir::new().unwrap();
    let said = |rows: Vec<AnnotatedRow>| {
        let down = set_down([Ok(rows)].into_iter(), Path::new("rows"), &folder.path().join("split"));
        down.unwrap_err().to_string()
    };
    let first = || AnnotatedRow { doc_id: "first".into(), ..row() };
    let check = |spoil: fn(&mut AnnotatedRow), expected: &str| {
        let mut bad = row();
        spoil(&mut bad);
        assert_eq!(said(vec![first(), bad]), format!("rows: document `a`: {expected}"));
    };
    assert!(set_down([Ok(vec![first(), row()])].into_iter(), Path::new("rows"), &folder.path().join("sound")).is_ok());
    check(|row| row.mentions[2].token_start = 7, "`mentions[2].token_start`: expected one of 5 tokens, got 7");
    check(
        |row| row.mentions[1].token_end = 4,
        "`mentions[1].token_end`: expected 3 to 3, where sentence 0 ends, got 4",
    );
    check(
        |row| row.mentions[1].token_end = 2,
        "`mentions[1].token_end`: expected 3 to 3, where sentence 0 ends, got 2",
    );
    check(|row| row.mentions[1].entity_id = Some(2), "`mentions[1].entity_id`: expected one of 2 entities, got 2");
    check(|row| row.mentions[1].r#type = "".into(), "`mentions[1].type`: expected its type, got none");
    check(|row| drop(row.mentions.remove(1)), "`entities[1]`: expected at least one mention, got none");
    check(
        |row| row.entities[0].name = Some("She".into()),
        "`entities[0].name`: expected `Ann`, as its first mention has it, got `She`",
    );
    check(
        |row| row.sentences[1].token_start = 2,
        "`sentences[1].token_start`: expected 3, where the sentence before ends, got 2",
    );
    check(
        |row| row.sentences[1].token_end = 6,
        "`sentences[1].token_end`: expected 3 to 5, the number of tokens, got 6",
    );
    check(
        |row| row.sentences[1].token_end = 4,
        "`sentences`: expected all 5 tokens in sentences, got none from token 4 on",
    );
    check(
        |row| row.tokens[0].char_start = Some(1),
        "`tokens[0]`: expected `char_start` and `char_end` or neither, got one",
    );
    check(|row| row.pairs.as_mut().unwrap()[0].tail = 2, "`pairs[0].tail`: expected one of 2 entities, got 2");
    check(|row| row.pairs.as_mut().unwrap()[0].tail = 0, "`pairs[0]`: expected two entities, got 0 twice");
    let twice: fn(&mut AnnotatedRow) = |row| {
        let again = row.pairs.as_ref().unwrap()[0].clone();
        row.pairs.as_mut().unwrap().push(again);
    };
    check(twice, "`pairs[1]`: expected each pair once, got (0, 1) again");
    check(|row| row.facts.as_mut().unwrap()[0].head = 9, "`facts[0].head`: expected one of 2 entities, got 9");
    check(
        |row| row.facts.as_mut().unwrap()[0].evidence = Some(vec![2]),
        "`facts[0].evidence`: expected sentences below 2, got 2",
    );
    let twice: fn(&mut AnnotatedRow) = |row| {
        let again = row.facts.as_ref().unwrap()[0].clone();
        row.facts.as_mut().unwrap().push(again);
    };
    check(twice, "`facts[1]`: expected each fact once, got it again");
    let again = said(vec![first(), first()]);
    assert_eq!(again, "rows: document `first`: `doc_id`: expected a name of its own, got that of a row before it");
    let nameless = said(vec![AnnotatedRow { doc_id: " ".into(), ..row() }]);
    assert!(nameless.ends_with("`doc_id`: expected the document's name, got none"), "{nameless}");
}

/// What reading says of a batch in a stream.
fn streamed(batch: &RecordBatch) -> Result<Vec<AnnotatedRow>, TableError> {
    let mut stream = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(batch).unwrap();
    stream.finish().unwrap();
    let rows: Vec<Vec<AnnotatedRow>> = receive(&stream.into_inner().unwrap()[..])?.collect::<Result<_, _>>()?;
    Ok(rows.concat())
}

#[test]
fn what_stands_behind_a_stream_is_not_lost_without_a_word() {
    let stream = || {
        let mut stream = StreamWriter::<AnnotatedRow, _>::begin(Vec::new()).unwrap();
        stream.write(vec![row()]).unwrap();
        stream.finish().unwrap()
    };
    let read = |bytes: Vec<u8>| receive::<AnnotatedRow>(&bytes[..]).unwrap().collect::<Result<Vec<_>, _>>();
    assert_eq!(read(stream()).unwrap().concat().len(), 1);
    for behind in [stream(), b"x".to_vec()] {
        let error = read([stream(), behind].concat()).unwrap_err();
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(reason.contains("expected nothing behind the stream"), "{reason}");
    }
}

/// As other engines lay a type out: wide numbers and lists, and nothing that cannot be null.
fn wide(kind: &DataType) -> DataType {
    let field = |field: &Arc<Field>| Arc::new(Field::new(field.name(), wide(field.data_type()), true));
    match kind {
        DataType::List(item) => DataType::LargeList(field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Fields>()),
        DataType::UInt32 => DataType::Int64,
        DataType::Utf8 => DataType::LargeUtf8,
        other => other.clone(),
    }
}

pub fn batch(columns: Vec<(String, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

pub fn widened(rows: Vec<AnnotatedRow>) -> Vec<(String, ArrayRef)> {
    let ours = AnnotatedRow::to_batch(rows).unwrap();
    let names = ours.schema();
    let names = names.fields().iter().map(|field| field.name().clone());
    names.zip(ours.columns().iter().map(|array| cast(array, &wide(array.data_type())).unwrap())).collect()
}

#[test]
fn rows_of_any_program_will_do() {
    let labelled = AnnotatedRow { doc_id: "b".into(), title: Some("B".into()), ..row() };
    let written = vec![row(), AnnotatedRow { pairs: None, facts: None, ..labelled }];
    let mut columns = widened(written.clone());
    assert_eq!(streamed(&batch(columns.clone())).unwrap(), written);
    // What may be null may be missing, and further columns are left aside.
    columns.retain(|(name, _)| name != "title");
    columns.push(("further".to_owned(), Arc::new(arrow::array::Int64Array::from(vec![1, 2]))));
    let found = streamed(&batch(columns.clone())).unwrap();
    assert!(found.iter().all(|row| row.title.is_none()));
    columns.retain(|(name, _)| name != "mentions");
    let refused = streamed(&batch(columns)).unwrap_err().to_string();
    assert!(refused.starts_with("standard input: column `mentions`: expected List("), "{refused}");
    let ours = StreamWriter::<AnnotatedRow, _>::begin(Vec::new()).unwrap();
    assert!(receive::<AnnotatedRow>(&ours.finish().unwrap()[..]).unwrap().next().is_none());
}

/// The columns of two rows, with the field of one of the lists of a column made another by a closure.
fn with_field(column: &str, field: &str, change: impl Fn(&ArrayRef) -> ArrayRef) -> RecordBatch {
    let changed = |array: &ArrayRef| -> ArrayRef {
        let lists = array.as_list::<i64>();
        let structs = lists.values().as_struct();
        let of = |(declared, array): (&Arc<Field>, &ArrayRef)| {
            let array = if declared.name() == field { change(array) } else { array.clone() };
            (Arc::new(Field::new(declared.name(), array.data_type().clone(), true)), array)
        };
        let structs =
            arrow::array::StructArray::from(structs.fields().iter().zip(structs.columns()).map(of).collect::<Vec<_>>());
        let item = Arc::new(Field::new_list_field(structs.data_type().clone(), true));
        Arc::new(arrow::array::LargeListArray::new(item, lists.offsets().clone(), Arc::new(structs), None))
    };
    let columns = widened(vec![AnnotatedRow { doc_id: "first".into(), ..row() }, row()]).into_iter();
    batch(columns.map(|(name, array)| if name == column { (name, changed(&array)) } else { (name, array) }).collect())
}

#[test]
fn a_value_that_fits_no_field_is_told_by_document_and_field() {
    let numbers = |values: Vec<Option<i64>>| -> ArrayRef { Arc::new(arrow::array::Int64Array::from(values)) };
    let changed = |place: usize, value: Option<i64>| {
        move |array: &ArrayRef| {
            let mut values: Vec<Option<i64>> = array.as_primitive::<arrow::datatypes::Int64Type>().iter().collect();
            values[place] = value;
            numbers(values)
        }
    };
    let said = |batch: &RecordBatch| streamed(batch).unwrap_err().to_string();
    // Three mentions a document: the fifth is the second of the second.
    assert_eq!(
        said(&with_field("mentions", "token_start", changed(4, None))),
        "standard input: document `a`: `mentions[1].token_start`: expected a value, got null"
    );
    assert_eq!(
        said(&with_field("mentions", "token_end", changed(2, Some(-1)))),
        "standard input: document `first`: `mentions[2].token_end`: expected a value that fits UInt32"
    );
    let texts = |array: &ArrayRef| cast(array, &DataType::Utf8).unwrap();
    assert_eq!(
        said(&with_field("pairs", "head", texts)),
        "standard input: column `pairs.head`: expected UInt32, found Utf8"
    );
    let nothing = |array: &ArrayRef| arrow::array::new_null_array(&DataType::Null, array.len());
    let read = streamed(&with_field("facts", "evidence", nothing)).unwrap();
    assert!(read.iter().flat_map(|row| row.facts.iter().flatten()).all(|fact| fact.evidence.is_none()));
}

#[test]
fn what_is_no_table_of_rows_is_refused() {
    let fixture = Fixture::new();
    ended(&fixture.train(&TrainConfig { epochs: 1, ..fixture.config() }, "model", &[]));
    let score = |corpus: &Path, further: &[&str]| {
        let checkpoint = fixture.path("model/best");
        let out = fixture.path("out");
        let arguments = ["score", "--checkpoint", text(&checkpoint), "--corpus", text(corpus), "--out", text(&out)];
        docre(arguments.iter().chain(further))
    };
    let run = score(&fixture.path("corpus/dev/tokens"), &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("column `sentences`: expected List("), "{}", run.stderr);
    let table = fixture.path("rows");
    made(&fixture.path("corpus/dev"), &table);
    let run = score(&table, &["--split", "dev"]);
    let expected =
        format!("`--split`: expected none: the rows of `annotated` in {} are one split, got `dev`", table.display());
    assert!(run.code == Some(2) && run.stderr.contains(&expected), "{}", run.stderr);
    let run = score(Path::new("-"), &["--split", "dev"]);
    assert!(run.code == Some(2) && run.stderr.contains("`--split`: expected none"), "{}", run.stderr);
    let run = score(Path::new("-"), &[]);
    assert!(run.code == Some(1) && run.stderr.contains("expected a whole Arrow IPC stream"), "{}", run.stderr);
    let file = fixture.path("none.parquet");
    write(&file, Vec::new());
    let run = score(&file, &[]);
    assert!(run.code == Some(1) && run.stderr.contains("expected documents, a row each, got none"), "{}", run.stderr);
}

//! Tables against their schema files, and what readers and writers promise.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, LargeStringArray, ListArray, ListBuilder, StringArray, UInt32Builder,
};
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use docre::table::rows::*;
use docre::table::sort::Sorter;
use docre::table::{self, Lock, Row, Staging, Table, TableError, TableFiles, TableWriter, Text, Walk};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use crate::support::document_row;

fn text(text: &str) -> Text {
    text.into()
}

/// Writes rows, checks the file against the schema file, and reads the rows back.
fn check<R: Row + Clone + PartialEq + std::fmt::Debug>(rows: Vec<R>) {
    let folder = TempDir::new().unwrap();
    table::write(folder.path(), "fingerprint", rows.clone()).unwrap();
    let schema = R::schema();
    let path = folder.path().join(&schema.name).join("part-00000.parquet");
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    assert_eq!(builder.schema().fields(), schema.arrow().fields());
    let metadata = builder.metadata().file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| metadata.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.clone());
    assert_eq!(value("docre.schema"), Some(format!("{}/{}", schema.name, schema.version)));
    assert_eq!(value("docre.producer"), Some(format!("docre {}", env!("CARGO_PKG_VERSION"))));
    assert_eq!(table::fingerprint(folder.path(), &schema.name).unwrap().as_deref(), Some("fingerprint"));
    let read: Vec<R> = table::read(folder.path()).unwrap().flat_map(Result::unwrap).collect();
    assert_eq!(read, rows);
}

#[test]
fn a_table_keeps_notes_beside_its_rows() {
    let folder = TempDir::new().unwrap();
    // A note that looks like the place of the checksum is none.
    let note = format!("line\ndocre.checksum\u{18} {}", "0".repeat(32));
    let writer = TableWriter::<FactRow>::create(folder.path(), "made").unwrap();
    let mut writer = writer.noting("told", note.clone()).noting("model", "m".to_owned());
    writer.write(vec![fact("a", vec![0])]).unwrap();
    writer.finish().unwrap();
    let files = TableFiles::find(folder.path(), "facts").unwrap().unwrap();
    let noted = ["told", "model", "other"].map(|key| files.note(key).unwrap());
    assert_eq!(noted, [Some(note), Some("m".to_owned()), None]);
    assert_eq!(files.fingerprint().unwrap().as_deref(), Some("made"));
    files.paths().iter().for_each(|path| table::verify(path).unwrap());
    assert_eq!(table::read::<FactRow>(folder.path()).unwrap().flat_map(Result::unwrap).count(), 1);
    // Another table in its place notes nothing.
    table::write(folder.path(), "made", vec![fact("b", vec![0])]).unwrap();
    assert_eq!(TableFiles::find(folder.path(), "facts").unwrap().unwrap().note("told").unwrap(), None);
}

fn fact(doc_id: &str, evidence: Vec<u32>) -> FactRow {
    FactRow { doc_id: text(doc_id), head: 1, tail: 0, relation: text("P17"), evidence, attributes: Vec::new() }
}

#[test]
fn every_table_is_written_as_its_schema_file_says_and_read_back() {
    check(vec![DocumentRow {
        doc_id: text("a"),
        title: text("A \"quoted\" 🦀"),
        split: text("dev"),
        source: text("dev.json"),
        position: 0,
        labelled: true,
        n_sentences: 1,
        n_tokens: 2,
        n_entities: 3,
        text_hash: text("00"),
    }]);
    let token = |char_start| TokenRow {
        doc_id: text("a"),
        sent_id: 0,
        token_id: 0,
        text: text("x"),
        char_start,
        char_end: char_start.map(|start| start + 1),
    };
    check(vec![token(None), token(Some(7))]);
    let pieces = |mention_starts| PieceRow {
        doc_id: text("a"),
        encoder: text("bert:00"),
        ids: vec![2, 3],
        mention_starts,
        mention_ends: vec![vec![2]],
        sentence_starts: vec![1],
        truncated: 1,
    };
    check(vec![pieces(vec![]), pieces(vec![vec![1, 2], vec![], vec![3]])]);
    let mention = |entity_id| MentionRow {
        doc_id: text("a"),
        entity_id,
        mention_id: 0,
        sent_id: 0,
        token_start: 0,
        token_end: 1,
        name: text("x"),
        r#type: text("PER"),
    };
    check(vec![mention(Some(0)), mention(None)]);
    let entity = |kb_id: Option<&str>| EntityRow {
        doc_id: text("a"),
        entity_id: 0,
        name: text("x"),
        r#type: text("PER"),
        kb_id: kb_id.map(text),
        n_mentions: 1,
    };
    check(vec![entity(None), entity(Some("D003000"))]);
    let pair = |labels: Option<Vec<Text>>| PairRow {
        doc_id: text("a"),
        head: 0,
        tail: 1,
        intra: true,
        sentence_distance: 0,
        candidate: false,
        labels,
    };
    check(vec![pair(None), pair(Some(vec![])), pair(Some(vec![text("P17"), text("P30")])), pair(None)]);
    check(vec![fact("a", vec![]), fact("a", vec![0, 4_000_000_000]), fact("b", vec![7])]);
    check(vec![RelationTypeRow {
        relation: text("P17"),
        label: Some(text("country")),
        n_facts: 1 << 40,
        undirected: true,
    }]);
    check(vec![ImpliedRow {
        doc_id: text("a"),
        head: 0,
        tail: 1,
        relation: text("P17"),
        pattern: text("s>i,i>o"),
        bridge: 2,
        first: text("P131"),
        second: text("P17"),
        depth: 1,
    }]);
    check(vec![RejectRow {
        source: text("f"),
        record: 1,
        name: None,
        part: text("document"),
        column: text("sents"),
        reason: text("missing"),
    }]);
    check(vec![RelationRow {
        run_id: text("r"),
        doc_id: text("a"),
        head: 0,
        tail: 1,
        relation: text("P17"),
        logit: 1.5,
        threshold_logit: -0.5,
        probability: 0.880_797,
        rank: 1,
        base_probability: None,
        iteration: Some(2),
    }]);
    check(vec![MetricRow {
        run_id: text("r"),
        corpus: text("c"),
        split: text("dev"),
        metric: text("F1"),
        scope: text("all"),
        relation: None,
        true_positives: Some(1),
        predicted: Some(2),
        gold: Some(3),
        precision: Some(0.5),
        recall: Some(1.0 / 3.0),
        f1: Some(0.4),
        f1_low: None,
        f1_high: None,
    }]);
    check(vec![ComparisonRow {
        run_id: text("r"),
        against: text("s"),
        metric: text("F1"),
        scope: text("all"),
        seeds: 3,
        against_seeds: 1,
        difference: 0.1,
        low: 0.0,
        high: 0.2,
        p_value: 0.04,
    }]);
    check(vec![PrecisionRecallRow {
        run_id: text("r"),
        margin: -0.5,
        predicted: 2,
        correct: 1,
        gold: 3,
        precision: 0.5,
        recall: 1.0 / 3.0,
        f1: 0.4,
    }]);
    check(vec![ReliabilityRow {
        run_id: text("r"),
        low: 0.9,
        high: 1.0,
        predicted: 4,
        correct: 3,
        probability: 0.92,
        share: 0.75,
    }]);
}

#[test]
fn every_table_of_a_graph_is_written_as_its_schema_file_says_and_read_back() {
    let prediction = |run_id, evidence| PredictionRow {
        run_id,
        doc_id: text("a"),
        head: 0,
        tail: 1,
        relation: text("P17"),
        probability: None,
        evidence,
        attributes: Some(vec![text("novelty=Novel")]),
    };
    check(vec![prediction(None, None), prediction(Some(text("r")), Some(vec![0, 2]))]);
    check(vec![NodeRow {
        node_id: text("name:LOC:x"),
        name: text("X"),
        r#type: text("LOC"),
        kb_id: None,
        aliases: vec![text("x"), text("🦀")],
        n_documents: 1,
        n_entities: 2,
        n_mentions: 3,
        n_out: 4,
        n_in: 5,
    }]);
    check(vec![EdgeRow {
        edge_id: text("e0"),
        head: text("name:LOC:x"),
        relation: text("P17"),
        tail: text("name:LOC:y"),
        label: Some(text("country")),
        n_documents: 1,
        n_facts: 2,
        best_probability: Some(0.5),
        combined_probability: Some(0.75),
    }]);
    check(vec![ProvenanceRow {
        edge_id: text("e0"),
        run_id: text("r"),
        doc_id: text("a"),
        head: 0,
        tail: 1,
        probability: None,
        evidence: vec![],
        head_mentions: vec![vec![0, 1, 2], vec![3, 4, 5]],
        tail_mentions: vec![],
        attributes: vec![],
    }]);
    let merge = MergeRow { doc_id: text("a"), entity_id: 0, node_id: text("name:LOC:x"), merged_by: text("name") };
    check(vec![merge]);
}

/// Reads predictions from a batch that another program may have made, by file and by stream.
fn foreign(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<PredictionRow>, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("any.parquet");
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut stream = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.finish().unwrap();
    let bytes = stream.into_inner().unwrap();
    let all = |batches: &mut dyn Iterator<Item = Result<Vec<PredictionRow>, TableError>>| {
        let rows = batches.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string());
        rows.map(|batches| batches.concat())
    };
    let from_file = all(&mut Table::<PredictionRow>::require_at(&path).unwrap().conformed().unwrap());
    let from_stream = all(&mut table::stream::receive(&bytes[..]).unwrap());
    let name = path.to_str().unwrap();
    assert_eq!(from_file.clone().map_err(|error| error.replace(name, "standard input")), from_stream);
    from_stream
}

#[test]
fn a_table_by_any_program_is_read_where_its_columns_can_be() {
    let texts = |texts: Vec<&str>| Arc::new(LargeStringArray::from(texts)) as ArrayRef;
    let numbers = |number: i64| Arc::new(Int64Array::from(vec![number])) as ArrayRef;
    let columns = |head: ArrayRef| {
        vec![
            ("further", numbers(7)),
            ("probability", Arc::new(Float64Array::from(vec![0.5])) as ArrayRef),
            ("doc_id", texts(vec!["a"])),
            ("head", head),
            ("tail", numbers(1)),
            ("relation", texts(vec!["P17"])),
        ]
    };
    let read = foreign(columns(numbers(3))).unwrap();
    assert_eq!((read[0].head, read[0].probability, &read[0].run_id, &read[0].evidence), (3, Some(0.5), &None, &None));
    let refused = |head| foreign(columns(head)).unwrap_err();
    assert_eq!(refused(numbers(-1)), "standard input: column `head`: expected values that fit UInt32");
    assert_eq!(refused(texts(vec!["3"])), "standard input: column `head`: expected UInt32, found LargeUtf8");
    let null = Arc::new(Int64Array::from(vec![None::<i64>])) as ArrayRef;
    assert_eq!(refused(null), "standard input: column `head`: expected a value in every row, found 1 nulls");
}

#[test]
fn every_schema_file_has_a_row_type_and_its_own_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str().unwrap().strip_suffix(".json").map(str::to_owned))
        .collect();
    files.sort();
    let mut names: Vec<String> = table::rows::all().iter().map(|schema| schema.name.clone()).collect();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn an_empty_table_is_a_file_without_rows() {
    check::<FactRow>(vec![]);
}

#[test]
fn a_table_of_several_files_is_read_in_their_order() {
    let folder = TempDir::new().unwrap();
    let parts = folder.path().join("facts");
    table::write(folder.path(), "f", vec![fact("b", vec![])]).unwrap();
    fs::rename(parts.join("part-00000.parquet"), folder.path().join("kept")).unwrap();
    table::write(folder.path(), "f", vec![fact("a", vec![1])]).unwrap();
    fs::rename(folder.path().join("kept"), parts.join("part-00001.parquet")).unwrap();
    fs::write(parts.join(".part-00002.parquet.partial"), "half written").unwrap();
    let read: Vec<FactRow> = table::read(folder.path()).unwrap().flat_map(Result::unwrap).collect();
    assert_eq!(read, [fact("a", vec![1]), fact("b", vec![])]);
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let bytes = || {
        let folder = TempDir::new().unwrap();
        table::write(folder.path(), "f", vec![fact("a", vec![1]), fact("b", vec![])]).unwrap();
        fs::read(folder.path().join("facts/part-00000.parquet")).unwrap()
    };
    assert_eq!(bytes(), bytes());
}

/// The message of reading `facts` from a file with these columns.
fn refusal(columns: Vec<(&str, ArrayRef)>) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("facts.parquet");
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let error = match table::read::<FactRow>(folder.path()) {
        Err(error) => error,
        Ok(mut batches) => batches.next().unwrap().unwrap_err(),
    };
    error.to_string().replace(folder.path().to_str().unwrap(), "DIR")
}

#[test]
fn a_table_of_another_shape_is_refused_by_file_column_expected_and_found() {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert_eq!(
        refusal(vec![("head", numbers.clone())]),
        "DIR/facts.parquet: column `doc_id`: expected Utf8, found no such column"
    );
    assert_eq!(
        refusal(vec![("doc_id", names), ("head", numbers)]),
        "DIR/facts.parquet: column `head`: expected UInt32, found Int64"
    );
}

#[test]
fn a_null_where_none_may_be_is_refused() {
    let folder = TempDir::new().unwrap();
    let schema = FactRow::schema().arrow();
    let nullable: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let batch = FactRow::to_batch(vec![fact("a", vec![])]).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[0] = Arc::new(StringArray::from(vec![None::<&str>]));
    let schema = Arc::new(arrow::datatypes::Schema::new(nullable));
    let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
    let file = File::create(folder.path().join("facts.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let error = table::read::<FactRow>(folder.path()).unwrap().next().unwrap().unwrap_err();
    assert!(matches!(error, TableError::Null { nulls: 1, .. }), "{error}");
}

#[test]
fn a_truncated_or_missing_file_is_refused() {
    let folder = TempDir::new().unwrap();
    assert!(matches!(table::read::<FactRow>(folder.path()), Err(TableError::NoTable { .. })));
    table::write(folder.path(), "f", vec![fact("a", vec![1])]).unwrap();
    let path = folder.path().join("facts/part-00000.parquet");
    let bytes = fs::read(&path).unwrap();
    for length in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(table::read::<FactRow>(folder.path()), Err(TableError::Parquet { .. })), "{length} bytes");
    }
}

#[test]
fn a_folder_in_the_making_is_not_seen_and_keeps_others_out() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("dev");
    table::write(&target, "old", vec![fact("a", vec![])]).unwrap();
    let staging = Staging::begin(&target).unwrap();
    fs::write(staging.folder().join("new.parquet"), "new").unwrap();
    assert!(matches!(Staging::begin(&target), Err(TableError::Busy { .. })));
    assert!(target.join("facts").exists());
    staging.commit().unwrap();
    assert!(target.join("new.parquet").exists() && !target.join("facts").exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn work_that_is_dropped_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let staging = Staging::begin(&folder.path().join("dev")).unwrap();
    fs::write(staging.folder().join("new"), "new").unwrap();
    drop(staging);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_a_killed_process_set_aside_is_put_back() {
    let folder = TempDir::new().unwrap();
    let aside = folder.path().join(".dev.replaced");
    table::write(&aside, "old", vec![fact("a", vec![])]).unwrap();
    // A reader finds it where it stands, and moves nothing.
    let dev = folder.path().join("dev");
    assert_eq!(Table::<FactRow>::require(&dev).unwrap().all().unwrap(), [fact("a", vec![])]);
    assert!(aside.exists() && !dev.exists());
    drop(Staging::begin(&dev).unwrap());
    assert!(dev.join("facts").exists() && !aside.exists());
}

#[test]
fn what_is_no_table_is_not_replaced() {
    let folder = TempDir::new().unwrap();
    let metrics = folder.path().join("facts");
    fs::create_dir(&metrics).unwrap();
    fs::write(metrics.join("thesis.tex"), "precious").unwrap();
    let refused = table::write(folder.path(), "f", vec![fact("a", vec![])]);
    assert!(matches!(refused, Err(TableError::Foreign { .. })));
    fs::remove_dir_all(&metrics).unwrap();
    fs::write(&metrics, "a file").unwrap();
    let refused = table::write(folder.path(), "f", vec![fact("a", vec![])]);
    assert!(matches!(refused, Err(TableError::Taken { found: "a file", .. })));
    assert_eq!(fs::read_to_string(&metrics).unwrap(), "a file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A file of Arrow columns.
fn write_parquet(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_null_in_a_list_is_refused_at_any_depth() {
    let folder = TempDir::new().unwrap();
    let own = |evidence: Vec<Option<u32>>| {
        let batch = FactRow::to_batch(vec![fact("a", vec![])]).unwrap();
        let mut columns = batch.columns().to_vec();
        columns[4] = Arc::new(ListArray::from_iter_primitive::<UInt32Type, _, _>([Some(evidence)]));
        write_parquet(&folder.path().join("facts.parquet"), &RecordBatch::try_new(batch.schema(), columns).unwrap());
        Table::<FactRow>::require(folder.path()).unwrap().all().map_err(|error| error.to_string())
    };
    assert_eq!(own(vec![Some(3), Some(4)]).unwrap(), [fact("a", vec![3, 4])]);
    let refused = "facts.parquet: column `evidence`: expected a value in every row, found 1 nulls";
    assert!(own(vec![Some(3), None]).unwrap_err().ends_with(refused));

    // Lists in lists: the first document's second mention is of no piece, the second's of a null one.
    let pieces = |mention_starts: Vec<Vec<Option<u32>>>| {
        let mut starts = ListBuilder::new(ListBuilder::new(UInt32Builder::new()));
        for mention in mention_starts {
            mention.into_iter().for_each(|place| starts.values().values().append_option(place));
            starts.values().append(true);
        }
        starts.append(true);
        let (doc_id, encoder) = (text("a"), text("e"));
        let row = PieceRow {
            doc_id,
            encoder,
            ids: vec![],
            mention_starts: vec![],
            mention_ends: vec![],
            sentence_starts: vec![],
            truncated: 0,
        };
        let batch = PieceRow::to_batch(vec![row]).unwrap();
        let mut columns = batch.columns().to_vec();
        columns[3] = Arc::new(starts.finish());
        let path = folder.path().join("pieces.parquet");
        write_parquet(&path, &RecordBatch::try_new(batch.schema(), columns).unwrap());
        let table = Table::<PieceRow>::require_at(&path).unwrap();
        let conformed: Result<Vec<_>, _> = table.conformed().unwrap().collect();
        [table.all(), conformed.map(|batches| batches.concat())].map(|rows| rows.map_err(|error| error.to_string()))
    };
    for rows in pieces(vec![vec![Some(1)], vec![]]) {
        assert_eq!(rows.unwrap()[0].mention_starts, [vec![1], vec![]]);
    }
    for rows in pieces(vec![vec![Some(1)], vec![Some(2), None]]) {
        let error = rows.unwrap_err();
        assert!(error.ends_with("column `mention_starts`: expected a value in every row, found 1 nulls"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_table_that_cannot_be_looked_at_is_not_absent() {
    let folder = TempDir::new().unwrap();
    assert!(Table::<FactRow>::find(folder.path()).unwrap().is_none());
    assert_eq!(table::fingerprint(folder.path(), "facts").unwrap(), None);
    assert_eq!(table::relation_words(folder.path(), None).unwrap().labels.len(), 0);
    // A link to itself: no user may look behind it, however much he may.
    for name in ["facts", "relation_types"] {
        std::os::unix::fs::symlink(name, folder.path().join(name)).unwrap();
    }
    assert!(matches!(Table::<FactRow>::find(folder.path()), Err(TableError::Io { .. })));
    assert!(matches!(TableFiles::at(&folder.path().join("facts")), Err(TableError::Io { .. })));
    assert!(matches!(table::fingerprint(folder.path(), "facts"), Err(TableError::Io { .. })));
    assert!(matches!(table::relation_words(folder.path(), None), Err(TableError::Io { .. })));
}

/// Runs with 64 open files at most, in [`a_table_of_more_files_than_may_be_open_is_read`].
#[test]
#[ignore = "a part of another test"]
fn reads_a_table_of_many_files() {
    let folder = std::env::var_os("MANY_FILES").unwrap();
    let table = Table::<FactRow>::require(Path::new(&folder)).unwrap();
    assert_eq!(table.all().unwrap().len(), 100);
    assert_eq!(table.conformed().unwrap().map(|rows| rows.unwrap().len()).sum::<usize>(), 100);
}

#[cfg(unix)]
#[test]
fn a_table_of_more_files_than_may_be_open_is_read() {
    let folder = TempDir::new().unwrap();
    table::write(folder.path(), "f", vec![fact("a", vec![1])]).unwrap();
    let part = |number: usize| folder.path().join(format!("facts/part-{number:05}.parquet"));
    for number in 1..100 {
        fs::copy(part(0), part(number)).unwrap();
    }
    let test = std::env::current_exe().unwrap();
    let run = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" --ignored --exact table::reads_a_table_of_many_files"])
        .arg(test)
        .env("MANY_FILES", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_later_file_of_another_shape_is_refused_in_its_turn() {
    let folder = TempDir::new().unwrap();
    table::write(folder.path(), "f", vec![fact("a", vec![1])]).unwrap();
    let other = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    write_parquet(&folder.path().join("facts/part-00001.parquet"), &other);
    let mut batches = table::read::<FactRow>(folder.path()).unwrap();
    assert_eq!(batches.next().unwrap().unwrap(), [fact("a", vec![1])]);
    assert!(matches!(batches.next(), Some(Err(TableError::NoColumn { .. }))));
    assert!(batches.next().is_none());
}

#[test]
fn a_walk_gives_each_document_its_rows_and_refuses_strays() {
    let folder = TempDir::new().unwrap();
    let document = |doc_id| DocumentRow {
        doc_id: text(doc_id),
        title: text(""),
        split: text("dev"),
        source: text("dev.json"),
        position: 0,
        labelled: true,
        n_sentences: 0,
        n_tokens: 0,
        n_entities: 2,
        text_hash: text("00"),
    };
    table::write(folder.path(), "f", ["b", "a", "c"].map(document).to_vec()).unwrap();
    let walk = |facts: Vec<FactRow>| {
        table::write(folder.path(), "f", facts).unwrap();
        let walk = Walk::<(FactRow,)>::open(folder.path()).unwrap();
        let walked: Result<Vec<_>, _> =
            walk.map(|step| step.map(|(row, (facts,))| (row.doc_id, facts.len()))).collect();
        walked.map_err(|error| error.to_string().replace(folder.path().to_str().unwrap(), "DIR"))
    };
    let of = |documents: &[&str]| documents.iter().map(|doc_id| fact(doc_id, vec![])).collect();
    let refused = |document| {
        Err(format!("DIR: table `facts`: document `{document}`: expected the documents of `documents`, in their order"))
    };
    assert_eq!(walk(of(&["b", "b", "c"])), Ok(vec![(text("b"), 2), (text("a"), 0), (text("c"), 1)]));
    assert_eq!(walk(of(&["b", "c", "d"])), refused("d"), "no such document");
    assert_eq!(walk(of(&["a", "b"])), refused("b"), "another order");
}

#[test]
fn a_document_says_no_more_of_itself_than_its_rows_bear_out() {
    let folder = TempDir::new().unwrap();
    let token =
        TokenRow { doc_id: text("a"), sent_id: 0, token_id: 0, text: text("x"), char_start: None, char_end: None };
    table::write(folder.path(), "f", vec![token.clone(), TokenRow { token_id: 1, ..token }]).unwrap();
    table::write(folder.path(), "f", Vec::<MentionRow>::new()).unwrap();
    let walk = |n_sentences, n_entities| {
        let document = DocumentRow { n_sentences, n_entities, ..document_row("a", 0) };
        table::write(folder.path(), "f", vec![document]).unwrap();
        let mut walk = Walk::<(TokenRow, MentionRow)>::open(folder.path()).unwrap();
        let step = walk.next().unwrap().map(drop).map_err(|error| error.to_string());
        step.map_err(|said| said.replace(folder.path().to_str().unwrap(), "DIR"))
    };
    let refused = |field, most, n_rows, table, got: u32| {
        let expected = format!("expected at most {most}, as it has {n_rows} rows of `{table}`, got {got}");
        Err(format!("DIR/documents: document `a`: `{field}`: {expected}"))
    };
    // 2 tokens and 4,096 sentences without any.
    assert_eq!(walk(4098, 4096), Ok(()));
    assert_eq!(walk(4099, 0), refused("n_sentences", 4098, 2, "tokens", 4099));
    assert_eq!(walk(u32::MAX, 0), refused("n_sentences", 4098, 2, "tokens", u32::MAX));
    assert_eq!(walk(1, u32::MAX), refused("n_entities", 4096, 0, "mentions", u32::MAX));
}

#[test]
fn writers_of_one_file_at_once_leave_it_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rel_info.json");
    let write = |letter: u8| {
        table::write_file::<TableError>(&path, true, |file| {
            (0..1000).for_each(|_| file.write_all(&[letter; 100]).unwrap());
            Ok(())
        })
    };
    std::thread::scope(|scope| {
        for letter in b'a'..=b'h' {
            scope.spawn(move || (0..10).for_each(|_| write(letter).unwrap()));
        }
    });
    let found = fs::read(&path).unwrap();
    assert!(found.len() == 100_000 && found.iter().all(|letter| *letter == found[0]));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_failed_or_whose_writer_died_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("page.html");
    fs::write(folder.path().join(".page.html.a1B2c3.partial"), "a dead writer's").unwrap();
    fs::write(folder.path().join(".page.html.other.partial.x"), "not ours").unwrap();
    fs::write(folder.path().join(".page.html.mine.partial"), "nor this").unwrap();
    let held = File::create(folder.path().join(".page.html.d4E5f6.partial")).unwrap();
    held.lock().unwrap();
    let failed = table::write_file(&path, false, |_| Err(TableError::Sorted(path.clone())));
    assert!(failed.is_err() && !path.exists());
    table::write_file::<TableError>(&path, false, |_| Ok(())).unwrap();
    let again = table::write_file::<TableError>(&path, false, |_| Ok(()));
    assert!(matches!(again, Err(TableError::Stands { .. })));
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let stay = [".page.html.d4E5f6.partial", ".page.html.mine.partial", ".page.html.other.partial.x", "page.html"];
    assert_eq!(names, stay);
}

#[cfg(unix)]
#[test]
fn a_file_can_be_read_by_whom_any_new_file_can() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let (ours, any) = (folder.path().join("ours"), folder.path().join("any"));
    table::write_file::<TableError>(&ours, false, |_| Ok(())).unwrap();
    fs::write(&any, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&any));
}

#[test]
fn what_a_process_killed_inside_a_folder_left_does_not_block_its_replacement() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("dev");
    table::write(&target, "f", vec![fact("a", vec![])]).unwrap();
    fs::create_dir(target.join(".pieces.partial")).unwrap();
    fs::write(target.join(".pieces.partial/.part-00000.parquet.partial"), "half").unwrap();
    fs::write(target.join(".pieces.lock"), "").unwrap();
    Staging::begin(&target).unwrap().commit().unwrap();
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    let _held = Lock::beside(&target.join("pieces")).unwrap();
    assert!(matches!(Staging::begin(&target), Err(TableError::Foreign { .. })));
}

#[test]
fn a_lock_keeps_others_out_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let inside = folder.path().join("run");
    let held = Lock::inside(&inside).unwrap();
    assert!(matches!(Lock::inside(&inside), Err(TableError::Busy { path }) if path == inside));
    drop(held);
    assert!(!inside.exists(), "a folder that was made for nothing else goes too");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join(".lock"), "of a dead process").unwrap();
    Lock::inside(&inside).unwrap();
}

table::sort::sortable! {
    /// A record.
    Number {
        number: u32,
    }
}

#[test]
fn sorted_records_that_break_off_are_refused() {
    let folder = TempDir::new().unwrap();
    let mut sorter = Sorter::new(folder.path().join("sorted")).unwrap();
    [3, 1, 2].iter().for_each(|&number| sorter.push(&Number { number }).unwrap());
    let sorted = sorter.finish().unwrap();
    let numbers = || -> Result<Vec<u32>, TableError> { sorted.read()?.map(|record| Ok(record?.number)).collect() };
    assert_eq!(numbers().unwrap(), [1, 2, 3]);
    // Each record is four bytes behind four of its length.
    let run = File::options().write(true).open(folder.path().join("sorted/0")).unwrap();
    for length in [23, 20, 18, 17, 2] {
        run.set_len(length).unwrap();
        assert!(matches!(numbers(), Err(TableError::Sorted(_))), "{length} bytes");
    }
}

//! Tables against their schema files, and what readers and writers promise.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, LargeStringArray, StringArray};
use arrow::record_batch::RecordBatch;
use docre::table::rows::*;
use docre::table::{self, Row, Staging, TableError, Text};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

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
    assert_eq!(table::fingerprint(folder.path(), &schema.name).as_deref(), Some("fingerprint"));
    let read: Vec<R> = table::read(folder.path()).unwrap().flat_map(Result::unwrap).collect();
    assert_eq!(read, rows);
}

fn fact(doc_id: &str, evidence: Vec<u32>) -> FactRow {
    FactRow { doc_id: text(doc_id), head: 1, tail: 0, relation: text("P17"), evidence }
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
    check(vec![RelationTypeRow { relation: text("P17"), label: Some(text("country")), n_facts: 1 << 40 }]);
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
    check(vec![RejectRow { source: text("f"), record: 1, name: None, column: text("sents"), reason: text("missing") }]);
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
        difference: 0.1,
        low: 0.0,
        high: 0.2,
        p_value: 0.04,
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
    };
    check(vec![prediction(None, None), prediction(Some(text("r")), Some(vec![0, 2]))]);
    check(vec![NodeRow {
        node_id: text("name:LOC/x"),
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
        head: text("name:LOC/x"),
        relation: text("P17"),
        tail: text("name:LOC/y"),
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
    }]);
    let merge = MergeRow { doc_id: text("a"), entity_id: 0, node_id: text("name:LOC/x"), merged_by: text("name") };
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
    let from_file = all(&mut table::read_foreign(&path).unwrap());
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
fn the_tables_of_a_split_come_through_one_pipe() {
    let folder = TempDir::new().unwrap();
    table::write(folder.path(), "f", vec![fact("a", vec![1])]).unwrap();
    table::write(folder.path(), "f", vec![RelationTypeRow { relation: text("P17"), label: None, n_facts: 1 }]).unwrap();
    let bytes = table::stream::send::<FactRow, _>(folder.path(), Vec::new()).unwrap();
    let bytes = table::stream::send::<RelationTypeRow, _>(folder.path(), bytes).unwrap();
    let set_down = folder.path().join("set down");
    table::stream::receive_split(&bytes[..], &set_down).unwrap();
    let read: Vec<FactRow> = table::read(&set_down).unwrap().flat_map(Result::unwrap).collect();
    assert_eq!(read, [fact("a", vec![1])]);
    assert_eq!(table::parts(&set_down, "relation_types").unwrap().len(), 1);
    let unnamed = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let mut stream = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &unnamed.schema()).unwrap();
    stream.finish().unwrap();
    let refused = table::stream::receive_split(&stream.into_inner().unwrap()[..], &set_down).unwrap_err();
    assert!(refused.to_string().contains("expected the name of a corpus table, such as `tokens/1`, got ``"));
}

#[test]
fn every_schema_file_has_a_row_type_and_its_own_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
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
    fs::create_dir(&target).unwrap();
    fs::write(target.join("old.parquet"), "old").unwrap();
    let staging = Staging::begin(&target).unwrap();
    fs::write(staging.folder().join("new.parquet"), "new").unwrap();
    assert!(matches!(Staging::begin(&target), Err(TableError::Busy { .. })));
    assert!(target.join("old.parquet").exists());
    staging.commit().unwrap();
    assert!(target.join("new.parquet").exists() && !target.join("old.parquet").exists());
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
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("old.parquet"), "old").unwrap();
    drop(Staging::begin(&folder.path().join("dev")).unwrap());
    assert!(folder.path().join("dev/old.parquet").exists());
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
    assert!(matches!(refused, Err(TableError::Foreign { .. })));
    assert_eq!(fs::read_to_string(&metrics).unwrap(), "a file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

//! Tables that are damaged, mixed, replaced while they are read, made by other programs, or far larger than they look:
//! every reader ends with a right answer or in words.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Float16Array, ListArray, ListViewArray, StringArray, UInt32Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Float16Type};
use arrow::record_batch::RecordBatch;
use docre::graph::{self, Options, Request};
use docre::ground::observe::unheard;
use docre::ground::random::Random;
use docre::report::{self, Sources};
use docre::table::rows::{FactRow, MentionRow, PredictionRow, TokenRow};
use docre::table::{self, Standing, Table, TableError, Walk};
use docre::{corpus, metrics};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tempfile::TempDir;

use crate::support::{Run, build_as_the_program, docre, files};

/// A split of some documents of an endless corpus, from `first` on.
fn split(folder: &Path, name: &str, first: &str) -> PathBuf {
    let arguments = ["synthesize", "--seed", "1", "--docs", "12", "--first", first, "--split", name, "--out"];
    let run = docre(arguments.into_iter().chain([folder.to_str().unwrap()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    folder.join(name)
}

/// The split's facts as predictions.
fn predictions(split: &Path) -> PathBuf {
    let rows = Table::<FactRow>::require(split).unwrap().all().unwrap();
    let predicted = |row: FactRow| PredictionRow {
        run_id: Some("run".into()),
        doc_id: row.doc_id,
        head: row.head,
        tail: row.tail,
        relation: row.relation,
        probability: None,
        evidence: Some(row.evidence),
        attributes: Some(row.attributes),
    };
    table::write(split, "predicted", rows.into_iter().map(predicted).collect()).unwrap();
    split.join("predictions")
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in files(from) {
        let path = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A reader of a split and of predictions about it, which works in a folder of its own.
type Reader = fn(&Path, &Path) -> Result<Vec<u8>, String>;

/// What every reader makes of them.
const READERS: [(&str, Reader); 4] = [
    ("evaluate", |split, _| {
        let figures = metrics::evaluate(&metrics::Request::new(split, &split.join("predictions")));
        Ok(format!("{:?}", words(figures)?.metrics).into_bytes())
    }),
    ("export", |split, scratch| {
        words(corpus::export(split, &scratch.join("documents.json"), true))?;
        Ok(fs::read(scratch.join("documents.json")).unwrap())
    }),
    ("graph", |split, scratch| {
        let (relations, options) = (split.join("predictions"), Options::default());
        let out = scratch.join("graph");
        let _ = fs::remove_dir_all(&out);
        let request = Request {
            relations: &relations,
            split,
            model_relations: None,
            evidence: None,
            aliases: None,
            out: &out,
            options: &options,
            force: true,
        };
        words(graph::build(&request, &unheard))?;
        Ok(format!("{:?}", Table::<docre::table::rows::EdgeRow>::require(&out).unwrap().all().unwrap()).into_bytes())
    }),
    ("report", |split, scratch| {
        let sources = Sources { name: "page".to_owned(), corpus: Some(split.to_path_buf()), ..Sources::default() };
        words(report::write(&sources, &report::Options::default(), &scratch.join("page.html"), true, &unheard))?;
        Ok(fs::read(scratch.join("page.html")).unwrap())
    }),
];

fn words<T, E: std::error::Error>(outcome: Result<T, E>) -> Result<T, String> {
    outcome.map_err(|error| error.to_string())
}

/// Flips a bit, zeroes eight bytes or cuts a file off, at a place that chance says.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(bytes.len());
    match random.below(3) {
        0 => bytes[place] ^= 1 << random.below(8),
        1 => bytes[place..].iter_mut().take(8).for_each(|byte| *byte = 0),
        _ => bytes.truncate(place),
    }
}

/// Damages a file of a split again and again, and gives every reader's outcome to `judge`, with the right one.
fn damaged(split: &Path, times: u64, judge: impl Fn(&str, Result<Vec<u8>, String>, &[u8])) {
    let scratch = TempDir::new().unwrap();
    let right = READERS.map(|(name, read)| (name, read, read(split, scratch.path()).unwrap()));
    let files = files(split);
    for number in 0..times {
        let mut random = Random::stream(7, number);
        let (path, whole) = &files[random.below(files.len())];
        let mut bytes = whole.clone();
        damage(&mut bytes, &mut random);
        fs::write(path, &bytes).unwrap();
        for (name, read, right) in &right {
            let outcome = catch_unwind(AssertUnwindSafe(|| read(split, scratch.path())));
            let place = format!("damage {number}: {}: {name}", path.display());
            judge(&place, outcome.unwrap_or_else(|_| panic!("{place}: panicked")), right);
        }
        fs::write(path, whole).unwrap();
    }
}

#[test]
fn a_table_of_ours_is_read_right_or_not_at_all() {
    build_as_the_program();
    let folder = TempDir::new().unwrap();
    let split = split(folder.path(), "test", "0");
    predictions(&split);
    damaged(&split, 60, |place, outcome, right| {
        if let Ok(found) = outcome {
            assert!(found == right, "{place}: another answer");
        }
    });
}

#[test]
fn a_damaged_table_of_another_program_ends_in_words() {
    build_as_the_program();
    let folder = TempDir::new().unwrap();
    let split = split(folder.path(), "test", "0");
    predictions(&split);
    for (path, _) in files(&split) {
        rewrite(&path, Compression::UNCOMPRESSED);
    }
    damaged(&split, 60, |_, _, _| {});
}

/// Writes a table anew, as another program would.
fn rewrite(path: &Path, compression: Compression) {
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap());
    let batches: Vec<RecordBatch> = reader.unwrap().build().unwrap().map(Result::unwrap).collect();
    if let Some(first) = batches.first() {
        write(path, &batches, first.schema(), compression);
    }
}

fn write(path: &Path, batches: &[RecordBatch], schema: arrow::datatypes::SchemaRef, compression: Compression) {
    // As tightly as a file can be packed.
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(None)
        .set_data_page_row_count_limit(usize::MAX)
        .set_write_batch_size(1 << 20)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
}

#[test]
fn a_split_of_two_versions_is_refused_by_every_reader() {
    build_as_the_program();
    let folder = TempDir::new().unwrap();
    let [one, other] = [("one", "0"), ("other", "12")].map(|(name, first)| split(folder.path(), name, first));
    predictions(&one);
    fs::remove_dir_all(one.join("facts")).unwrap();
    copy(&other.join("facts"), &one.join("facts"));
    for (name, read) in READERS {
        let refused = read(&one, folder.path()).unwrap_err();
        let expected = "tables `documents` and `facts` were made from different sources";
        assert!(refused.contains(expected), "{name}: {refused}");
    }
    // A table that says nothing of its making may stand among ours.
    rewrite(&one.join("facts/part-00000.parquet"), Compression::SNAPPY);
    assert!(Standing::of(&one).is_ok());
}

#[test]
fn a_split_that_is_replaced_is_not_read_on() {
    let folder = TempDir::new().unwrap();
    let split = split(folder.path(), "test", "0");
    let mut walk = Walk::<(TokenRow, MentionRow)>::open(&split).unwrap();
    assert!(walk.next().unwrap().is_ok());
    let standing = Standing::of(&split).unwrap();
    let before = standing.identity(&["tokens"]).unwrap();
    copy(&split, &folder.path().join("copy"));
    assert!(standing.check().is_ok());
    fs::rename(&split, folder.path().join("aside")).unwrap();
    fs::rename(folder.path().join("copy"), &split).unwrap();
    let ended = walk.find_map(Result::err);
    assert!(matches!(ended, Some(TableError::Replaced { .. })), "{ended:?}");
    assert!(matches!(standing.check(), Err(TableError::Replaced { .. })));
    assert_eq!(Standing::of(&split).unwrap().identity(&["tokens"]).unwrap(), before, "the content is the same");
    let mut tokens = Table::<TokenRow>::require(&split).unwrap().all().unwrap();
    tokens[0].text = "another".into();
    table::write(&split, "", tokens).unwrap();
    assert_ne!(Standing::of(&split).unwrap().identity(&["tokens"]).unwrap(), before);
}

#[test]
fn figures_are_of_one_version_while_another_takes_its_place() {
    build_as_the_program();
    let folder = TempDir::new().unwrap();
    // The same documents under other labels: no figure but of one version is one of these.
    let versions = ["one", "other"].map(|name| split(folder.path(), name, "0"));
    let mut facts = Table::<FactRow>::require(&versions[1]).unwrap().all().unwrap();
    let predicted = predictions(&versions[0]);
    facts.truncate(facts.len() / 2);
    table::write(&versions[1], "", facts).unwrap();
    let figures = |split: &Path| {
        let evaluation = metrics::evaluate(&metrics::Request::new(split, &predicted));
        evaluation.map(|evaluation| format!("{:?}", evaluation.metrics.iter().map(|row| row.f1).collect::<Vec<_>>()))
    };
    let right = versions.each_ref().map(|version| figures(version).unwrap());
    assert_ne!(right[0], right[1]);
    let current = folder.path().join("current");
    copy(&versions[0], &current);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0.. {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let next = folder.path().join(format!("next{turn}"));
                copy(&versions[(turn + 1) % 2], &next);
                let past = folder.path().join("past");
                fs::rename(&current, &past).unwrap();
                fs::rename(&next, &current).unwrap();
                fs::remove_dir_all(&past).unwrap();
            }
        });
        for _ in 0..25 {
            if let Ok(found) = figures(&current) {
                assert!(right.contains(&found), "{found}");
            }
        }
        ended.store(true, Ordering::SeqCst);
    });
}

#[test]
fn what_is_damaged_is_not_up_to_date() {
    let folder = TempDir::new().unwrap();
    let split = split(folder.path(), "test", "0");
    let relations = predictions(&split);
    both(&split, &relations);
    let out = folder.path().join("test-graph");
    let again = || {
        let paths = [&split, &relations, &out].map(|path| path.to_str().unwrap());
        let run = docre(["graph", "--corpus", paths[0], "--relations", paths[1], "--out", paths[2]]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr.contains("up to date")
    };
    assert!(again());
    let edges = out.join("edges/part-00000.parquet");
    let whole = fs::read(&edges).unwrap();
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    fs::write(&edges, damaged).unwrap();
    assert!(!again());
    assert!(fs::read(&edges).unwrap() == whole);
}

/// A table of predictions with further columns.
fn foreign(folder: &Path, further: Vec<(&str, ArrayRef)>, compression: Compression) -> PathBuf {
    let split = folder.join("test");
    let facts = Table::<FactRow>::require(&split).unwrap().all().unwrap();
    let texts =
        |text: fn(&FactRow) -> &str| Arc::new(StringArray::from_iter_values(facts.iter().map(text))) as ArrayRef;
    let numbers =
        |number: fn(&FactRow) -> u32| Arc::new(UInt32Array::from_iter_values(facts.iter().map(number))) as ArrayRef;
    let columns = [
        ("doc_id", texts(|row| &row.doc_id)),
        ("head", numbers(|row| row.head)),
        ("tail", numbers(|row| row.tail)),
        ("relation", texts(|row| &row.relation)),
    ];
    let batch = RecordBatch::try_from_iter(columns.into_iter().chain(further)).unwrap();
    let path = folder.join("theirs.parquet");
    write(&path, std::slice::from_ref(&batch), batch.schema(), compression);
    path
}

fn both(split: &Path, relations: &Path) -> [Run; 2] {
    let (split, relations) = (split.to_str().unwrap(), relations.to_str().unwrap());
    let out = format!("{split}-graph");
    let _ = fs::remove_dir_all(&out);
    let evaluated = docre(["evaluate", "--corpus", split, "--relations", relations, "--format", "json"]);
    [evaluated, docre(["graph", "--corpus", split, "--relations", relations, "--out", &out])]
}

#[test]
fn every_reader_knows_every_codec() {
    let folder = TempDir::new().unwrap();
    let split = split(folder.path(), "test", "0");
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ];
    for codec in codecs {
        for run in both(&split, &foreign(folder.path(), Vec::new(), codec)) {
            assert_eq!(run.code, Some(0), "{codec}: {}", run.stderr);
        }
    }
}

#[test]
fn a_column_of_a_rare_type_is_no_panic() {
    let folder = TempDir::new().unwrap();
    let split = split(folder.path(), "test", "0");
    let n_rows = Table::<FactRow>::require(&split).unwrap().all().unwrap().len();
    let item = Arc::new(Field::new_list_field(DataType::UInt32, true));
    let view = ListViewArray::new(
        item,
        ScalarBuffer::from(vec![0; n_rows]),
        ScalarBuffer::from(vec![1; n_rows]),
        Arc::new(UInt32Array::from(vec![1])),
        None,
    );
    let half =
        Float16Array::from(vec![<Float16Type as arrow::datatypes::ArrowPrimitiveType>::Native::default(); n_rows]);
    let rare: [(&str, ArrayRef); 2] = [("list view", Arc::new(view)), ("half", Arc::new(half))];
    for (name, column) in rare {
        for run in both(&split, &foreign(folder.path(), vec![(name, column)], Compression::SNAPPY)) {
            assert!(matches!(run.code, Some(0 | 1)) && !run.stderr.contains("panicked"), "{name}: {}", run.stderr);
        }
    }
}

#[test]
fn what_unfolds_beyond_measure_is_refused() {
    let folder = TempDir::new().unwrap();
    let split = split(folder.path(), "test", "0");
    let path = folder.path().join("bomb.parquet");
    let rows =
        RecordBatch::try_from_iter([("head", Arc::new(UInt32Array::from(vec![7; 1 << 20])) as ArrayRef)]).unwrap();
    write(&path, &vec![rows.clone(); 32], rows.schema(), Compression::SNAPPY);
    let refused = |what: &str| {
        assert!(fs::metadata(&path).unwrap().len() < 6000);
        for run in both(&split, &path) {
            let expected = format!("{what} in a file of its size, got");
            assert!(run.code == Some(1) && run.stderr.contains(&expected), "{}", run.stderr);
        }
        assert!(!folder.path().join(".test-graph.work").exists(), "no scratch is left");
    };
    refused("rows");
    let items = UInt32Array::from(vec![7; 24 << 20]);
    let field = Arc::new(Field::new_list_field(DataType::UInt32, true));
    let list = ListArray::new(field, OffsetBuffer::from_lengths([items.len()]), Arc::new(items), None);
    let row = RecordBatch::try_from_iter([("evidence", Arc::new(list) as ArrayRef)]).unwrap();
    write(&path, std::slice::from_ref(&row), row.schema(), Compression::SNAPPY);
    refused("items in the lists of a column");
}

#[test]
fn predictions_of_another_split_are_refused_and_none_are_told() {
    let folder = TempDir::new().unwrap();
    let [one, other] = [("one", "0"), ("other", "12")].map(|(name, first)| split(folder.path(), name, first));
    for run in both(&one, &predictions(&other)) {
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("that name others, such as `"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: compare their `doc_id`"), "{}", run.stderr);
    }
    let none = folder.path().join("none.json");
    fs::write(&none, "[]").unwrap();
    let [evaluated, made] = both(&one, &none);
    assert!(evaluated.code == Some(0) && evaluated.stderr.contains("warning: there are no predictions"));
    assert!(made.code == Some(0) && made.stderr.contains("warning: there are no facts"), "{}", made.stderr);
}

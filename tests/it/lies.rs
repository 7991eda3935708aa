//! Files and streams that say another size of themselves than they have: refused by what they say, before memory is taken.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, NullArray, RecordBatch, StringArray, StringViewBuilder, UInt32Array};
use arrow::datatypes::Int32Type;
use arrow::ipc::writer::StreamWriter;
use docre::ground::random::Random;
use docre::table::rows::PredictionRow;
use docre::table::{Table, TableError, stream, verify};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;
use tempfile::TempDir;

use crate::support::{DOCUMENT, docre};

/// The largest number of a page's header.
const MOST: i64 = i32::MAX as i64;

/// A number in Thrift's compact form, in a field behind the one before.
fn field(number: i64) -> Vec<u8> {
    let (mut rest, mut bytes) = (((number << 1) ^ (number >> 63)).cast_unsigned(), vec![0x15]);
    while rest > 127 {
        bytes.push((rest & 127) as u8 | 128);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// The header of a page of plain numbers: bytes that it is unpacked to, bytes in the file, values.
fn data(unpacked: i64, packed: i64, values: i64) -> Vec<u8> {
    [field(0), field(unpacked), field(packed), vec![0x2c], field(values), field(0), field(3), field(3), vec![0, 0]]
        .concat()
}

/// That of a dictionary.
fn dictionary(unpacked: i64, packed: i64, values: i64) -> Vec<u8> {
    [field(2), field(unpacked), field(packed), vec![0x4c], field(values), field(0), vec![0, 0]].concat()
}

/// A file of one column `head` of three numbers, whose chunk has these bytes, and values by the footer.
fn file(path: &Path, chunk: &[u8], values: i64, has_dictionary: bool) {
    let schema = Arc::new(parse_message_type("message m { required int32 head (INTEGER(32,false)); }").unwrap());
    let column = SchemaDescriptor::new(schema.clone()).column(0);
    let size = i64::try_from(chunk.len()).unwrap();
    let metadata = ColumnChunkMetaData::builder(column)
        .set_encodings(vec![Encoding::PLAIN])
        .set_compression(Compression::UNCOMPRESSED)
        .set_num_values(values)
        .set_total_compressed_size(size)
        .set_total_uncompressed_size(size)
        .set_dictionary_page_offset(has_dictionary.then_some(0))
        .set_data_page_offset(0)
        .build()
        .unwrap();
    let closed = ColumnCloseResult {
        bytes_written: chunk.len() as u64,
        rows_written: 3,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let source = path.with_extension("chunk");
    fs::write(&source, chunk).unwrap();
    group.append_column(&File::open(source).unwrap(), closed).unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

/// What is said of a file of such bytes.
fn said(chunk: &[u8], values: i64, has_dictionary: bool) -> Result<(), String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("part-00000.parquet");
    file(&path, chunk, values, has_dictionary);
    let outcome = verify(&path);
    outcome.map_err(|error| format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string)))
}

#[test]
fn pages_hold_no_more_than_the_footer_says() {
    let numbers = [7, 0, 0, 0].repeat(3);
    let with = |header: Vec<u8>| [header, numbers.clone()].concat();
    assert_eq!(said(&with(data(12, 12, 3)), 3, false), Ok(()));
    let two = [with(data(12, 12, 3)), with(data(12, 12, 3))].concat();
    let listed = with(dictionary(12, 12, MOST));
    let nested = [vec![0x1c; 100], vec![0; 101]].concat();
    let cases = [
        (with(data(12, 12, MOST)), 3, "column `head`: expected at most 3 values in its pages, got 2147483647"),
        (with(data(12, 12, -1)), 3, "column `head`: expected at most 3 values in its pages, got -1"),
        (two, 3, "column `head`: expected at most 3 values in its pages, got 6"),
        (with(data(12, 12, 3)), MOST, "column `head`: expected at most 3 values, got 2147483647"),
        (with(data(MOST, 12, 3)), 3, "column `head`: expected at most 268436224 bytes in a page, got 2147483647"),
        (listed, 3, "column `head`: expected at most 12 values in a dictionary, got 2147483647"),
        (with(data(12, MOST, 3)), 3, "it goes on behind its column"),
        (with(data(12, -12, 3)), 3, "a page of less than no bytes"),
        (data(12, 12, 3)[..7].to_vec(), 3, "it goes on behind its column"),
        (nested, 3, "structures that lie too deep"),
    ];
    for (chunk, values, expected) in cases {
        let said = said(&chunk, values, expected.contains("dictionary")).unwrap_err();
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

/// A split with one document, and the file that a stream comes from.
fn place() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("dev.json"), format!("[{DOCUMENT}]")).unwrap();
    let arguments = ["convert", "--format", "docred", "--split", "dev", "--out"].map(Into::into);
    let run = docre(arguments.into_iter().chain([folder.path().to_path_buf(), folder.path().join("dev.json")]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    folder
}

/// A stream of one batch.
fn streamed(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn received(stream: &[u8]) -> Result<Vec<Vec<PredictionRow>>, TableError> {
    stream::receive(stream)?.collect()
}

#[test]
fn a_long_batch_comes_in_portions() {
    let n_rows = 20_000u32;
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..n_rows).map(|row| format!("d{row}"))));
    let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..n_rows));
    let relations: ArrayRef =
        Arc::new((0..n_rows).map(|row| ["P17", "P131"][row as usize % 2]).collect::<DictionaryArray<Int32Type>>());
    let columns = vec![("doc_id", texts), ("head", numbers.clone()), ("tail", numbers), ("relation", relations)];
    let portions = received(&streamed(columns)).unwrap();
    assert_eq!(portions.iter().map(Vec::len).collect::<Vec<_>>(), [8192, 8192, 3616]);
    for (row, number) in portions.iter().flatten().zip(0..) {
        assert_eq!((&*row.doc_id, row.head, row.tail), (&*format!("d{number}"), number, number));
        assert_eq!(&*row.relation, ["P17", "P131"][number as usize % 2]);
    }
}

#[test]
fn a_text_that_many_rows_share_is_made_a_few_times_at_once() {
    let n_rows = 1000;
    let long = "x".repeat(16 << 20);
    let numbers: ArrayRef = Arc::new(UInt32Array::from(vec![0; n_rows]));
    let short: ArrayRef = Arc::new(StringArray::from(vec!["a"; n_rows]));
    let listed: ArrayRef = Arc::new(vec![&*long; n_rows].into_iter().collect::<DictionaryArray<Int32Type>>());
    let mut views = StringViewBuilder::new();
    let block = views.append_block(long.as_bytes().into());
    (0..n_rows).for_each(|_| views.try_append_view(block, 0, long.len() as u32).unwrap());
    for shared in [listed, Arc::new(views.finish()) as ArrayRef] {
        let columns =
            vec![("doc_id", short.clone()), ("head", numbers.clone()), ("tail", numbers.clone()), ("relation", shared)];
        let stream = streamed(columns);
        assert!(stream.len() < 40 << 20);
        let mut portions = stream::receive::<PredictionRow>(&*stream).unwrap();
        assert_eq!(portions.next().unwrap().unwrap().len(), 8);
    }
}

#[test]
fn rows_that_take_no_bytes_take_no_memory() {
    let n_rows = 1usize << 50;
    let nothing: ArrayRef = Arc::new(NullArray::new(n_rows));
    let columns = ["doc_id", "head", "tail", "relation"].map(|name| (name, nothing.clone())).to_vec();
    let said = received(&streamed(columns)).unwrap_err();
    assert!(matches!(said, TableError::Null { nulls: 8192, .. }), "{said}");
}

#[test]
fn a_batch_without_end_is_refused() {
    let folder = place();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..100));
    let batch = RecordBatch::try_from_iter([("head", numbers)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let schema = writer.get_ref().len();
    writer.write(&batch).unwrap();
    let mut stream = writer.into_inner().unwrap();
    // The length of the body is the one number of 64 bits that says 448: 400 bytes, and what fills them up.
    let places = (schema..stream.len() - 8).filter(|&place| stream[place..place + 8] == 448u64.to_le_bytes());
    let places: Vec<usize> = places.collect();
    for place in &places {
        stream[*place..place + 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    }
    assert!(!places.is_empty());
    let arguments = ["graph", "--relations", "-", "--corpus", &at("dev"), "--out", &at("graph")];
    let mut child = crate::support::command(arguments);
    let mut child = child.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let zeros = vec![0; 1 << 20];
    let mut sent = stdin.write_all(&stream).map(|()| 0);
    // It reads no more than it may: what comes behind finds nobody.
    while let Ok(number) = sent
        && number < 3000
    {
        sent = stdin.write_all(&zeros).map(|()| number + 1);
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("expected batches of at most 1073741824 bytes"), "{said}");
    assert!(sent.is_err());
}

/// A table whose dictionary has one long text, which all rows share.
#[test]
fn a_text_that_a_dictionary_shares_is_made_a_few_times_at_once() {
    let folder = TempDir::new().unwrap();
    let n_rows = 4096;
    let long = "x".repeat(1 << 20);
    let numbers = |number: u32| Arc::new(UInt32Array::from(vec![number; n_rows])) as ArrayRef;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("doc_id", Arc::new(StringArray::from(vec!["Altomonte"; n_rows]))),
        ("head", numbers(0)),
        ("tail", numbers(1)),
        ("relation", Arc::new(vec![&*long; n_rows].into_iter().collect::<DictionaryArray<Int32Type>>())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_dictionary_page_size_limit(8 << 20)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let path = folder.path().join("shared.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 4 << 20);
    let table = Table::<PredictionRow>::require_at(&path).unwrap();
    let first = table.conformed().unwrap().next().unwrap().unwrap();
    assert_eq!(first.len(), 128);
}

/// Puts numbers that say much, or nothing, where others stood, flips bits, or cuts the end off.
fn disturbed(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) {
        let (place, choice) = (random.below(bytes.len()), random.below(6));
        let rest = &mut bytes[place..];
        match choice {
            0 => rest[0] ^= 1 << random.below(8),
            1 => rest.iter_mut().take(8).for_each(|byte| *byte = 0),
            2 => rest.iter_mut().take(4).zip(i32::MAX.to_le_bytes()).for_each(|(byte, other)| *byte = other),
            3 => rest.iter_mut().take(8).zip((1u64 << 40).to_le_bytes()).for_each(|(byte, other)| *byte = other),
            4 => rest.iter_mut().take(5).for_each(|byte| *byte = 0xff),
            _ => bytes.truncate(place + 1),
        }
    }
    bytes
}

/// Reads some rows. What it gives, or that it is refused, is not asked.
fn pass<E>(batches: Result<impl Iterator<Item = Result<Vec<PredictionRow>, E>>, E>) {
    let mut n_rows = 0;
    for batch in batches.into_iter().flatten().map_while(Result::ok) {
        n_rows += batch.len();
        if n_rows > 1 << 16 {
            break;
        }
    }
}

#[test]
fn disturbed_tables_and_streams_end_in_words() {
    let times = std::env::var("DOCRE_DISTURBED").ok().map_or(500, |times| times.parse().unwrap());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("part-00000.parquet");
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds/tables");
    let [table, edges] = ["one.parquet", "one.arrows"].map(|name| fs::read(seeds.join(name)).unwrap());
    let texts = |text: &str| Arc::new(StringArray::from(vec![text; 3])) as ArrayRef;
    let numbers = Arc::new(UInt32Array::from(vec![0, 1, 2])) as ArrayRef;
    let listed = Arc::new(["a", "b", "a"].into_iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef;
    let columns = vec![("doc_id", texts("d")), ("head", numbers.clone()), ("tail", numbers), ("relation", listed)];
    let facts = streamed(columns);
    for number in 0..times {
        let mut random = Random::stream(11, number);
        fs::write(&path, disturbed(&table, &mut random)).unwrap();
        pass(Table::<PredictionRow>::require_at(&path).and_then(|table| table.conformed()));
        for seed in [&facts, &edges] {
            pass(stream::receive::<PredictionRow>(&*disturbed(seed, &mut random)));
        }
    }
}

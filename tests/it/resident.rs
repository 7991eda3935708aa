//! A scorer that stays loaded: the rows of a run from batches in memory, whatever the batches, and what it refuses.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::record_batch::RecordBatch;
use docre::ground::hint::Hint;
use docre::ground::observe::unheard;
use docre::nn::device::DeviceChoice;
use docre::score::{self, Grouping, Options, Outcome, Request, Scorer, Seen, Setup};
use docre::table::rows::AnnotatedRow;
use docre::table::{Row, Table, rows_of};
use docre::train::TrainConfig;

use crate::annotated::{batch, made, read, row, widened};
use crate::support::{command, docre};
use crate::train::Fixture;

/// A fixture with a model that infers, and rows of 40 further documents.
fn inferring() -> (Fixture, Vec<AnnotatedRow>) {
    let fixture = Fixture::new();
    let run = fixture.train(&fixture.inferring(), "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let rows = further(&fixture, 40);
    (fixture, rows)
}

fn further(fixture: &Fixture, documents: usize) -> Vec<AnnotatedRow> {
    let (corpus, documents) = (fixture.path("corpus"), documents.to_string());
    let arguments =
        ["synthesize", "--docs", &documents, "--first", "99", "--split", "further", "--facts", "4", "--out"];
    let run = docre(arguments.into_iter().map(Into::into).chain([corpus.clone().into_os_string()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    made(&corpus.join("further"), &fixture.path("rows"));
    read(&fixture.path("rows"))
}

fn wide_margin(pieces_at_once: Option<usize>) -> Options {
    Options { margin: 20.0, pieces_at_once, ..Options::default() }
}

fn scorer(fixture: &Fixture, options: Options, grouping: Option<Grouping>) -> Scorer {
    let checkpoint = fixture.path("model/best");
    Scorer::quietly(&Setup { options, grouping, ..Setup::new(&checkpoint, "run", DeviceChoice::Cpu) }).unwrap()
}

/// The tables of a run over the same documents: relations, scores, claims, traces.
fn tables(fixture: &Fixture, options: &Options) -> [RecordBatch; 4] {
    let (checkpoint, split, out) = (fixture.path("model/best"), fixture.path("corpus/further"), fixture.path("out"));
    let request = Request::new(&checkpoint, &split, &out, "run", DeviceChoice::Cpu).with(options).forced(true);
    score::score(&request, &unheard).unwrap();
    [
        table::<table_rows::Relation>(&out),
        table::<table_rows::Score>(&out),
        table::<table_rows::Claim>(&out),
        table::<table_rows::Trace>(&out),
    ]
}

mod table_rows {
    pub use docre::table::rows::{ClaimRow as Claim, RelationRow as Relation, ScoreRow as Score, TraceRow as Trace};
}

fn table<R: Row + 'static>(folder: &Path) -> RecordBatch {
    let batches: Vec<RecordBatch> =
        Table::<R>::require(folder).unwrap().record_batches().unwrap().map(Result::unwrap).collect();
    joined(&batches, &R::schema().arrow())
}

fn joined(batches: &[RecordBatch], schema: &Schema) -> RecordBatch {
    let plain = |batch: &RecordBatch| RecordBatch::try_new(Arc::new(schema.clone()), batch.columns().to_vec()).unwrap();
    concat_batches(&Arc::new(schema.clone()), batches.iter().map(plain).collect::<Vec<_>>().iter()).unwrap()
}

fn of_outcomes(outcomes: &[Outcome]) -> [RecordBatch; 4] {
    fn all<R: Row>(outcomes: &[Outcome], of: impl Fn(&Outcome) -> &RecordBatch) -> RecordBatch {
        let schema = R::schema().arrow();
        joined(&outcomes.iter().map(|outcome| of(outcome).clone()).collect::<Vec<_>>(), &schema)
    }
    [
        all::<table_rows::Relation>(outcomes, |outcome| &outcome.relations),
        all::<table_rows::Score>(outcomes, |outcome| &outcome.scores),
        all::<table_rows::Claim>(outcomes, |outcome| &outcome.claims),
        all::<table_rows::Trace>(outcomes, |outcome| &outcome.traces),
    ]
}

fn scored(scorer: &Scorer, rows: &[AnnotatedRow], at_once: usize) -> Vec<Outcome> {
    let batch = |rows: &[AnnotatedRow]| AnnotatedRow::to_batch(rows.to_vec()).unwrap();
    rows.chunks(at_once).map(|rows| scorer.score(&batch(rows)).unwrap()).collect()
}

#[test]
fn batches_give_the_rows_of_a_run_however_they_are_cut() {
    let (fixture, rows) = inferring();
    let expected = tables(&fixture, &wide_margin(Some(1)));
    assert!(expected.iter().all(|table| table.num_rows() > 0), "{expected:?}");
    let resident = scorer(&fixture, wide_margin(None), None);
    for at_once in [1, 7, 40] {
        assert!(of_outcomes(&scored(&resident, &rows, at_once)) == expected, "{at_once}");
    }
    // In one go, as a part of a run is computed.
    let together = scorer(&fixture, wide_margin(None), Some(Grouping::Together));
    assert!(of_outcomes(&scored(&together, &rows, 40)) == tables(&fixture, &wide_margin(None)));
    let named = resident.score(&AnnotatedRow::to_batch(rows).unwrap()).unwrap();
    assert_eq!(named.scores.schema().metadata()["docre.schema"], "scores/1");
}

#[test]
fn several_threads_use_one_scorer() {
    let (fixture, rows) = inferring();
    let checkpoint = fixture.path("model/best");
    let setup = Setup { threads: Some(2), ..Setup::new(&checkpoint, "run", DeviceChoice::Cpu) };
    let resident = Scorer::quietly(&setup).unwrap();
    let expected = of_outcomes(&scored(&resident, &rows, 40));
    assert!(expected == tables(&fixture, &Options { pieces_at_once: Some(1), ..Options::default() }));
    thread::scope(|scope| {
        for at_once in [3, 5, 40] {
            let (resident, rows, expected) = (&resident, &rows, &expected);
            scope.spawn(move || assert!(of_outcomes(&scored(resident, rows, at_once)) == *expected, "{at_once}"));
        }
    });
}

/// As polars hands its columns out: views of texts, lists of long offsets.
fn views(kind: &DataType) -> DataType {
    let field = |field: &Arc<Field>| Arc::new(Field::new(field.name(), views(field.data_type()), true));
    match kind {
        DataType::List(item) => DataType::LargeList(field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Fields>()),
        DataType::Utf8 => DataType::Utf8View,
        other => other.clone(),
    }
}

#[test]
fn columns_of_other_programs_will_do_in_any_order() {
    let (fixture, rows) = inferring();
    let resident = scorer(&fixture, Options::default(), None);
    let expected = of_outcomes(&scored(&resident, &rows, 40));
    let ours = AnnotatedRow::to_batch(rows.clone()).unwrap();
    let names = ours.schema();
    let names = names.fields().iter().map(|field| field.name().clone());
    let arrays = ours.columns().iter().map(|array| cast(array, &views(array.data_type())).unwrap());
    for columns in [widened(rows), names.zip(arrays).collect()] {
        let mut columns: Vec<(String, ArrayRef)> = columns;
        columns.reverse();
        columns.push(("further".to_owned(), Arc::new(StringArray::from(vec!["x"; 40]))));
        assert!(of_outcomes(&[resident.score(&batch(columns)).unwrap()]) == expected);
    }
}

#[test]
fn a_bad_batch_is_refused_and_the_next_is_scored() {
    let (fixture, rows) = inferring();
    let resident = scorer(&fixture, Options::default(), None);
    let expected = of_outcomes(&scored(&resident, &rows, 40));
    let refused = |batch: &RecordBatch, expected: &str| {
        let refused = resident.score(batch).unwrap_err();
        let _ = refused.hint();
        assert!(refused.to_string().starts_with(expected), "expected `{expected}`, got `{refused}`");
    };
    let whole = widened(vec![row()]);
    let without = |name: &str| batch(whole.iter().filter(|(other, _)| other != name).cloned().collect());
    refused(&without("mentions"), "annotated: column `mentions`: expected List(");
    let mut wrong = whole.clone();
    let numbers: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![1]));
    wrong.iter_mut().filter(|(name, _)| name == "tokens").for_each(|(_, array)| *array = numbers.clone());
    refused(&batch(wrong), "annotated: column `tokens`: expected List(");
    let mut outside = rows[1].clone();
    outside.doc_id = "outside".into();
    outside.mentions[1].token_start = 9999;
    let said = "annotated: document `outside`: `mentions[1].token_start`: expected one of ";
    refused(&AnnotatedRow::to_batch(vec![rows[0].clone(), outside]).unwrap(), said);
    let said = format!("annotated: document `{}`: `doc_id`: expected a name of its own", rows[0].doc_id);
    refused(&AnnotatedRow::to_batch(vec![rows[0].clone(), rows[1].clone(), rows[0].clone()]).unwrap(), &said);
    assert!(of_outcomes(&scored(&resident, &rows, 40)) == expected);
    // No documents are no fault of anybody.
    let none = resident.score(&AnnotatedRow::to_batch(Vec::new()).unwrap()).unwrap();
    assert_eq!((none.relations.num_rows(), none.seen.scored().documents), (0, 0));
    assert!(rows_of::<AnnotatedRow>(&none.relations, Path::new("x")).is_err());
}

#[test]
fn what_a_run_tells_is_told_of_batches_together() {
    let (fixture, mut rows) = inferring();
    for row in &mut rows {
        row.mentions.iter_mut().for_each(|mention| mention.r#type = "Unseen".into());
        row.entities.iter_mut().for_each(|entity| entity.r#type = None);
    }
    let options = || Options { most_pairs: Some(40), ..Options::default() };
    let resident = scorer(&fixture, options(), None);
    let told = |at_once| {
        let mut seen = Seen::default();
        scored(&resident, &rows, at_once).iter().for_each(|outcome| seen += &outcome.seen);
        (resident.warnings(&seen), seen.scored())
    };
    let (warnings, all) = told(40);
    assert_eq!((warnings.clone(), all), told(3));
    assert!(all.too_large > 0 && all.documents + all.too_large == 40);
    for expected in ["not scored", "entities of", "are too large and were not scored"] {
        assert!(warnings.iter().any(|warning| warning.contains(expected)), "{expected}: {warnings:?}");
    }
    let refused = Scorer::quietly(&Setup {
        options: Options { margin: -1.0, ..Options::default() },
        ..Setup::new(&fixture.path("model/best"), "run", DeviceChoice::Cpu)
    });
    assert!(refused.err().unwrap().to_string().starts_with("`margin`: expected"));
}

/// What comes and goes through pipes is nowhere set down: the system's folder for that is not there.
#[test]
fn from_pipe_to_pipe_there_is_no_disk() {
    let fixture = Fixture::new();
    let run = fixture.train(&TrainConfig { epochs: 12, ..fixture.config() }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    further(&fixture, 300);
    let checkpoint = fixture.path("model/best");
    let arguments =
        ["score", "--checkpoint", checkpoint.to_str().unwrap(), "--out", "-", "--run-id", "run", "--corpus"];
    let score = |corpus: &str, input: Stdio| {
        let mut command = command(arguments.iter().chain([&corpus]));
        let output = command.env("TMPDIR", fixture.path("nowhere")).stdin(input).output().unwrap();
        (output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let expected = tables(&fixture, &Options::default())[0].clone();
    let relations = |stream: &[u8]| {
        let reader = arrow::ipc::reader::StreamReader::try_new(stream, None).unwrap();
        joined(&reader.map(Result::unwrap).collect::<Vec<_>>(), &table_rows::Relation::schema().arrow())
    };
    let rows = fixture.path("rows");
    let (code, stream, errors) = score(rows.to_str().unwrap(), Stdio::null());
    assert_eq!(code, Some(0), "{errors}");
    assert!(relations(&stream) == expected);
    assert!(errors.contains("-/relations: 300 documents, "), "{errors}");
    let mut convert = command(["convert", "--to", "annotated", fixture.path("corpus/further").to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (code, stream, errors) = score("-", convert.stdout.take().unwrap().into());
    assert!(convert.wait().unwrap().success() && code == Some(0), "{errors}");
    assert!(relations(&stream) == expected);
    let (code, _, errors) = score("-", Stdio::null());
    assert_eq!(code, Some(1), "{errors}");
    assert!(expected.num_rows() > 300);
}

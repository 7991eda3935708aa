//! `docre convert --format bioc` and `--to bioc-json`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Run, docre, rows};

const SOURCE: &str = r#"<?xml version="1.0" encoding="UTF-8"?><collection><source>own</source><date></date><key></key>
<document><id>1</id><passage><infon key="type">title</infon><offset>0</offset><text>Alphazine and cough.</text>
<annotation id="0"><infon key="type">Chemical</infon><infon key="identifier">D000001</infon>
<location offset="0" length="9"/><text>Alphazine</text></annotation>
<annotation id="1"><infon key="type">Disease</infon><infon key="identifier">D000002</infon>
<location offset="14" length="5"/><text>cough</text></annotation></passage>
<relation id="R0"><infon key="entity1">D000001</infon><infon key="entity2">D000002</infon>
<infon key="type">Association</infon><infon key="novel">No</infon></relation></document></collection>
"#;

const MENTIONS: &str = "SELECT doc_id, entity_id, name, sent_id FROM mentions ORDER BY entity_id";
const FACTS: &str = "SELECT head, tail, relation FROM facts";
const IDS: &str = "SELECT kb_id FROM entities ORDER BY entity_id";

fn convert(source: &Path, out: &Path, more: &[&str]) -> Run {
    let arguments = ["convert", "--format", "bioc", "--split", "s", "--out"].map(OsString::from);
    let paths = [out.as_os_str().to_owned(), source.as_os_str().to_owned()];
    docre(arguments.into_iter().chain(paths).chain(more.iter().map(OsString::from)))
}

#[test]
fn tables_are_made_of_xml_and_written_back_as_json() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("source.xml"), SOURCE).unwrap();
    let run = convert(&path("source.xml"), &path("xml"), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let check = |split: &Path| {
        assert_eq!(rows(split, MENTIONS), ["1,0,Alphazine,0", "1,1,cough,0"]);
        assert_eq!(rows(split, FACTS), ["0,1,Association"]);
        assert_eq!(rows(split, IDS), ["MESH:D000001", "MESH:D000002"]);
    };
    check(&path("xml/s"));
    let arguments = ["convert", "--to", "bioc-json", "--out"].map(OsString::from);
    let written = docre(arguments.into_iter().chain([path("back.json").into(), path("xml/s").into()]));
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let run = convert(&path("back.json"), &path("json"), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    check(&path("json/s"));
}

#[test]
fn what_is_too_long_is_rejected_and_the_rest_taken() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let long = format!("<document><id>{}</id></document>", "x".repeat(10_000));
    fs::write(path("source.xml"), SOURCE.replace("<document>", &format!("{long}<document>"))).unwrap();
    let run = convert(&path("source.xml"), &path("out"), &["--most-bytes", "5000"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("expected at most 5000 bytes"), "{}", run.stderr);
    assert_eq!(rows(&path("out/s"), FACTS), ["0,1,Association"]);
}

#[test]
fn a_passage_may_be_a_document() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("source.xml"), SOURCE).unwrap();
    let run = convert(&path("source.xml"), &path("out"), &["--unit", "passage"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(rows(&path("out/s"), MENTIONS), ["1#0,0,Alphazine,0", "1#0,1,cough,0"]);
    assert_eq!(rows(&path("out/s"), FACTS), ["0,1,Association"]);
}

#[test]
fn xml_given_as_another_format_is_answered_by_the_one_that_reads_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("input.xml");
    fs::write(&path, "<?xml version=\"1.0\"?><collection/>").unwrap();
    let out = folder.path().join("out");
    let [path, out] = [path, out].map(|path| path.to_str().unwrap().to_owned());
    for format in ["pubtator", "jsonl", "docred"] {
        let run = docre(["convert", "--format", format, "--split", "s", "--out", &out, &path]);
        assert!(run.stderr.contains("\nhint: `--format bioc` reads BioC"), "{format}: {}", run.stderr);
    }
}

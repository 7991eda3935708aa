//! `docre convert`: what becomes of good and bad input, of killed runs and of full disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{DOCUMENT, Run, command, corpora, docre, files, redocred, rows};

/// A source file, and a place for the tables.
struct Corpus {
    folder: TempDir,
    source: PathBuf,
}

impl Corpus {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = TempDir::new().unwrap();
        let source = folder.path().join(name);
        fs::write(&source, content).unwrap();
        Self { folder, source }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn dev(&self) -> PathBuf {
        self.out().join("dev")
    }

    fn convert(&self, format: &str, further: &[&str]) -> Run {
        let (out, source) = (self.out(), self.source.clone());
        let arguments = ["convert", "--format", format, "--split", "dev", "--out", out.to_str().unwrap()];
        docre(arguments.into_iter().chain(further.iter().copied()).chain([source.to_str().unwrap()]))
    }

    fn documents(&self) -> Vec<String> {
        rows(&self.dev(), "SELECT doc_id FROM documents ORDER BY position")
    }
}

/// `DOCUMENT` under another title, with one part replaced.
fn document(title: &str, from: &str, to: &str) -> String {
    let document = DOCUMENT.replacen("\"Altomonte\"", &format!("\"{title}\""), 1);
    assert!(from.is_empty() || document.contains(from), "{from}");
    document.replacen(from, to, 1)
}

/// Converts a good document, a bad one and a good one: the bad one is rejected for `reason`, the others stay.
fn check_rejected(bad: &str, reason: &str) {
    let corpus = Corpus::new("dev.json", format!("[{},\n{bad},\n{}]", document("A", "", ""), document("Z", "", "")));
    let run = corpus.convert("docred", &[]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains(reason), "expected {reason:?} in:\n{}", run.stderr);
    assert!(run.stderr.contains("dev.json: record 2"), "{}", run.stderr);
    assert_eq!(corpus.documents(), ["A", "Z"]);
    let rejects = rows(&corpus.dev(), "SELECT source, record FROM rejects");
    assert_eq!(rejects, ["dev.json,2"]);
}

/// The same of a document of which something is wrong: the rest of it stays.
fn check_lost(bad: &str, reason: &str) {
    let corpus = Corpus::new("dev.json", format!("[{},\n{bad},\n{}]", document("A", "", ""), document("Z", "", "")));
    let run = corpus.convert("docred", &[]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let rejects =
        rows(&corpus.dev(), "SELECT \"column\", reason FROM rejects WHERE source = 'dev.json' AND record = 2");
    let is_told = |row: &String| row.replace('"', "").replacen(',', ": ", 1).contains(reason);
    assert!(rejects.iter().any(is_told), "expected {reason:?} in {rejects:?}");
    assert_eq!(corpus.documents(), ["A", "Bad", "Z"]);
}

/// A run that fails with `message` and leaves no table.
fn check_failed(name: &str, content: impl AsRef<[u8]>, message: &str) {
    let corpus = Corpus::new(name, content);
    let run = corpus.convert("docred", &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains(message), "expected {message:?} in:\n{}", run.stderr);
    assert_eq!(files(&corpus.out()), []);
}

#[test]
fn a_document_becomes_rows_of_every_table() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    let run = corpus.convert("docred", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let dev = corpus.dev();
    assert_eq!(
        rows(&dev, "SELECT doc_id, split, source, labelled, n_sentences, n_tokens, n_entities FROM documents"),
        ["Altomonte,dev,dev.json,true,2,9,3"]
    );
    assert_eq!(
        rows(&dev, "SELECT entity_id, mention_id, sent_id, token_start, token_end, name FROM mentions"),
        ["0,0,0,0,1,Altomonte", "0,1,1,5,6,It", "1,0,0,3,4,Calabria", "2,0,1,7,8,Italy"]
    );
    assert_eq!(
        rows(&dev, "SELECT head, tail, intra, sentence_distance, candidate, labels FROM pairs"),
        [
            "0,1,true,0,true,\"[\"\"P131\"\"]\"",
            "0,2,true,0,true,\"[\"\"P17\"\"]\"",
            "1,0,true,0,true,[]",
            "1,2,false,1,true,[]",
            "2,0,true,0,true,[]",
            "2,1,false,1,true,[]"
        ]
    );
    assert_eq!(rows(&dev, "SELECT head, tail, relation, evidence FROM facts"), ["0,1,P131,[0]", "0,2,P17,[1]"]);
    assert_eq!(rows(&dev, "SELECT relation, n_facts FROM relation_types"), ["P131,1", "P17,1"]);
    assert_eq!(rows(&dev, "SELECT * FROM rejects"), Vec::<String>::new());
}

#[test]
fn a_bad_document_is_rejected_and_the_others_stay() {
    let bad = |from: &str, to: &str| document("Bad", from, to);
    check_rejected(&bad(r#""sents""#, r#""sentences""#), "sents: missing");
    check_rejected(&bad(r#"["It", "joined""#, r#"["It", null"#), "sents[1][1]: expected a text, got null");
    check_rejected(&document("", "", ""), "expected the document's name, got none");
    check_rejected(&document("A", "", ""), "doc_id: expected a name of its own, got that of record 1 of dev.json");
    check_rejected("17", "record: expected an object, got 17");
    check_rejected("{\"title\": }", "record: expected JSON");
}

#[test]
fn of_a_document_the_smallest_thing_that_is_wrong_is_rejected() {
    let bad = |from: &str, to: &str| document("Bad", from, to);
    check_lost(
        &bad(r#""h": 0, "t": 2"#, r#""h": 9, "t": 2"#),
        "labels[1].h: 9 is out of range, the document has 3 entities",
    );
    check_lost(
        &bad(r#""pos": [3, 4]"#, r#""pos": [3, 6]"#),
        "vertexSet[1][0].pos: expected a span of at least one token within the 5 of sentence 0, got [3, 6]",
    );
    check_lost(&bad(r#""pos": [3, 4]"#, r#""pos": [4, 4]"#), "vertexSet[1][0].pos");
    check_lost(&bad(r#""pos": [3, 4]"#, r#""pos": [4, 3]"#), "vertexSet[1][0].pos");
    check_lost(&bad(r#""pos": [3, 4]"#, r#""pos": [3]"#), "vertexSet[1][0].pos: expected [start, end], got 1 numbers");
    check_lost(&bad(r#""pos": [3, 4]"#, r#""pos": [-3, 4]"#), "vertexSet[1][0].pos[0]: expected a whole number");
    check_lost(
        &bad(r#""sent_id": 1, "pos": [2, 3]"#, r#""sent_id": 2, "pos": [2, 3]"#),
        "vertexSet[2][0].sent_id: expected a sentence below 2, got 2",
    );
    check_lost(&bad(r#""name": "Italy", "#, ""), "vertexSet[2][0].name: missing");
    check_lost(&bad(r#""name": "Italy""#, r#""name": 7"#), "vertexSet[2][0].name: expected a text, got 7");
    check_lost(
        &bad(r#""evidence": [1]"#, r#""evidence": [2]"#),
        "labels[1].evidence[0]: 2 is out of range, the document has 2 sentences",
    );
    check_lost(
        &bad(r#""evidence": [1]"#, r#""evidence": "1""#),
        "labels[1].evidence: expected a list, got the text `1`",
    );
    check_lost(&bad(r#""h": 0, "t": 2"#, r#""h": 2, "t": 2"#), "expected two entities, got one and the same");
    check_lost(&bad(r#""vertexSet": ["#, r#""vertexSet": [[],"#), "entity 0: expected at least one mention, got none");
}

#[test]
fn a_relation_that_the_list_of_relations_lacks_is_rejected() {
    let corpus = Corpus::new("dev.json", format!("[{},{}]", document("A", "", ""), document("B", "P17", "P9")));
    let labels = corpus.folder.path().join("rel_info.json");
    fs::write(&labels, r#"{"P17": "country", "P131": "located in", "P30": "continent"}"#).unwrap();
    let run = corpus.convert("docred", &["--relation-labels", labels.to_str().unwrap()]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("relation `P9` is not in the list of relations"), "{}", run.stderr);
    assert_eq!(corpus.documents(), ["A", "B"], "a document stays without the relation");
    assert_eq!(rows(&corpus.dev(), "SELECT name, part FROM rejects"), ["B,relation"]);
    assert_eq!(
        rows(&corpus.dev(), "SELECT relation, label, n_facts FROM relation_types ORDER BY relation"),
        ["P131,located in,2", "P17,country,1", "P30,continent,0"]
    );
    fs::write(&labels, "[]").unwrap();
    let run = corpus.convert("docred", &["--force", "--relation-labels", labels.to_str().unwrap()]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("rel_info.json: expected a JSON object of texts"), "{}", run.stderr);
    assert_eq!(corpus.documents(), ["A", "B"], "the old tables stay");
}

#[test]
fn what_stands_before_damage_is_kept() {
    let whole = format!("[{},\n{},\n{}]", document("A", "", ""), document("B", "", ""), document("C", "", ""));
    let last = whole.find("\"C\"").unwrap();
    for (length, place) in
        [(last + 2, "inside a string"), (last + 40, "inside the array"), (whole.len() - 1, "inside the array")]
    {
        let corpus = Corpus::new("dev.json", &whole[..length]);
        let run = corpus.convert("docred", &[]);
        assert_eq!(run.code, Some(3), "{length}: {}", run.stderr);
        assert!(run.stderr.contains("dev.json: record 3"), "{}", run.stderr);
        assert!(run.stderr.contains(place) && run.stderr.contains("truncated"), "{}", run.stderr);
        assert_eq!(corpus.documents(), ["A", "B"]);
    }
    let corpus = Corpus::new("dev.json", format!("{whole} extra"));
    let run = corpus.convert("docred", &[]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("something follows the end of the array"), "{}", run.stderr);
    assert_eq!(corpus.documents(), ["A", "B", "C"]);
}

#[test]
fn a_file_without_documents_fails_and_leaves_nothing() {
    check_failed("dev.json", "", "dev.json: the file is empty");
    check_failed("dev.json", " \n", "dev.json: the file is empty");
    check_failed("dev.json", "[]", "no document could be read");
    check_failed("dev.json", "\u{feff}[ ]", "no document could be read");
    check_failed("dev.json", "title,text\n", "expected a JSON array");
    check_failed("dev.json", [0xFF, 0xFE, b'[', 0], "a text in UTF-16: expected UTF-8");
    check_failed("dev.json", "[", "truncated");
    check_failed("dev.json", "[17, null, \"x\", [[{}]]]", "record: expected an object, got 17");
    check_failed("dev.json", format!("[{}", "[".repeat(100_000)), "truncated");
    check_failed("dev.json", format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000)), "recursion limit");
}

#[test]
fn a_document_that_is_not_utf8_is_rejected() {
    let mut bytes = format!("[{},\n", document("A", "", "")).into_bytes();
    bytes.extend(document("B", "", "").bytes().map(|byte| if byte == b'y' { 0xE9 } else { byte }));
    bytes.extend(b"]");
    let corpus = Corpus::new("dev.json", bytes);
    let run = corpus.convert("docred", &[]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("record 2: record: expected JSON: invalid unicode"), "{}", run.stderr);
    assert_eq!(corpus.documents(), ["A"]);
}

#[test]
fn lines_byte_order_marks_and_carriage_returns_are_taken() {
    let lines = format!(
        "\u{feff}{}\r\n\r\n{}",
        document("A", "", "").replace('\n', ""),
        document("B", "", "").replace('\n', "")
    );
    let corpus = Corpus::new("dev.jsonl", lines);
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    assert_eq!(corpus.documents(), ["A", "B"]);
    let corpus = Corpus::new("dev.json", format!("\u{feff}[\r\n{DOCUMENT}\r\n]\r\n"));
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    assert_eq!(corpus.documents(), ["Altomonte"]);
}

#[test]
fn odd_but_whole_documents_are_kept() {
    // Labels given twice count once, with the evidence of both.
    let twice = document("Twice", r#""labels": ["#, r#""labels": [{"r": "P17", "h": 0, "t": 2, "evidence": [0]},"#);
    // An empty sentence keeps its number.
    let empty = document("Empty", r#""sents": [["#, r#""sents": [[], ["#)
        .replace("\"sent_id\": 1", "\"sent_id\": 2")
        .replace("\"sent_id\": 0", "\"sent_id\": 1");
    let none = r#"{"title": "None", "sents": [["Nothing", "."]], "vertexSet": [], "labels": []}"#;
    let one = r#"{"title": "One", "sents": [["Rome", "."]], "vertexSet": [[{"name": "Rome", "type": "LOC", "sent_id": 0, "pos": [0, 1]}]], "labels": []}"#;
    let unlabelled = r#"{"title": "Unlabelled", "sents": [["Rome", "."]], "vertexSet": []}"#;
    let corpus = Corpus::new("dev.json", format!("[{twice},{empty},{none},{one},{unlabelled}]"));
    let run = corpus.convert("docred", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let dev = corpus.dev();
    assert_eq!(
        rows(&dev, "SELECT doc_id, n_sentences, n_tokens, n_entities, labelled FROM documents ORDER BY position"),
        ["Twice,2,9,3,true", "Empty,3,9,3,true", "None,1,2,0,true", "One,1,2,1,true", "Unlabelled,1,2,0,false"]
    );
    assert_eq!(
        rows(&dev, "SELECT relation, evidence FROM facts WHERE doc_id = 'Twice'"),
        ["P131,[0]", "\"P17\",\"[0,1]\""].map(|row| row.replace("\"P17\"", "P17"))
    );
    assert_eq!(
        rows(
            &dev,
            "SELECT sent_id, min(token_id) AS t FROM tokens WHERE doc_id = 'Empty' GROUP BY sent_id ORDER BY sent_id"
        ),
        ["1,0", "2,5"]
    );
    assert_eq!(rows(&dev, "SELECT count(*) AS n FROM pairs WHERE doc_id IN ('None', 'One', 'Unlabelled')"), ["0"]);
}

#[test]
fn a_document_with_400_entities_has_all_its_pairs() {
    let tokens: Vec<String> = (0..400).map(|entity| format!("\"E{entity}\"")).collect();
    let mention = |entity: usize| {
        format!(r#"[{{"name": "E{entity}", "type": "MISC", "sent_id": 0, "pos": [{entity}, {}]}}]"#, entity + 1)
    };
    let entities: Vec<String> = (0..400).map(mention).collect();
    let text = format!(
        r#"[{{"title": "Many", "sents": [[{}]], "vertexSet": [{}], "labels": [{{"r": "P1", "h": 399, "t": 398, "evidence": []}}]}}]"#,
        tokens.join(","),
        entities.join(",")
    );
    let corpus = Corpus::new("dev.json", text);
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    // 400 · 399 ordered pairs.
    assert_eq!(rows(&corpus.dev(), "SELECT count(*) AS n FROM pairs"), ["159600"]);
    assert_eq!(rows(&corpus.dev(), "SELECT head, tail FROM pairs WHERE array_length(labels) > 0"), ["399,398"]);
}

#[test]
fn candidates_restrict_pairs_but_lose_no_fact() {
    let corpus = Corpus::new(
        "dev.json",
        format!("[{}]", document("A", r#""name": "Italy", "type": "LOC""#, r#""name": "Italy", "type": "COUNTRY""#)),
    );
    let run = corpus.convert("docred", &["--candidates", "LOC:LOC"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        rows(&corpus.dev(), "SELECT head, tail, candidate FROM pairs ORDER BY head, tail"),
        ["0,1,true", "0,2,false", "1,0,true"]
    );
}

#[test]
fn tables_are_not_replaced_by_others_unless_forced() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    let before = files(&corpus.out());
    let again = corpus.convert("docred", &[]);
    assert_eq!((again.code, again.stderr.contains("up to date")), (Some(0), true), "{}", again.stderr);
    let other = corpus.convert("docred", &["--candidates", "LOC:LOC"]);
    assert_eq!(other.code, Some(1));
    assert!(other.stderr.contains("holds tables that were made from other input"), "{}", other.stderr);
    assert!(other.stderr.contains("hint: pass `--force`"), "{}", other.stderr);
    assert_eq!(files(&corpus.out()), before);
    assert_eq!(corpus.convert("docred", &["--candidates", "LOC:PER", "--force"]).code, Some(0));
    assert_ne!(files(&corpus.out()), before);
}

#[test]
fn a_damaged_or_missing_table_is_made_again() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    let before = files(&corpus.out());
    fs::remove_dir_all(corpus.dev().join("facts")).unwrap();
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    assert_eq!(files(&corpus.out()), before);
    let tokens = corpus.dev().join("tokens/part-00000.parquet");
    fs::write(&tokens, &fs::read(&tokens).unwrap()[..100]).unwrap();
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    assert_eq!(files(&corpus.out()), before);
}

#[test]
fn what_was_rejected_is_said_again() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}, 17]"));
    assert_eq!(corpus.convert("docred", &[]).code, Some(3));
    let again = corpus.convert("docred", &[]);
    assert_eq!(again.code, Some(3));
    assert!(again.stderr.contains("up to date") && again.stderr.contains("record 2"), "{}", again.stderr);
}

#[test]
fn several_writers_at_once_leave_whole_tables() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    let write = || {
        for _ in 0..25 {
            let run = corpus.convert("docred", &["--force"]);
            let busy = run.code == Some(1) && run.stderr.contains("another docre is writing it");
            assert!(run.code == Some(0) || busy, "{}", run.stderr);
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(write);
        }
    });
    assert_eq!(corpus.convert("docred", &["--force"]).code, Some(0));
    assert_eq!(corpus.documents(), ["Altomonte"]);
    assert_eq!(fs::read_dir(corpus.out()).unwrap().count(), 1);
}

#[test]
fn a_pipe_is_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let arguments = ["convert", "--format", "docred", "--split", "dev", "--out", folder.path().to_str().unwrap()];
    let run = docre(arguments.into_iter().chain(["/dev/null"]));
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("/dev/null: cannot read: expected a file or a folder"), "{}", run.stderr);
}

#[test]
fn json_is_replaced_only_by_force() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    assert_eq!(corpus.convert("docred", &[]).code, Some(0));
    let (dev, json) = (corpus.dev(), corpus.folder.path().join("back.json"));
    let export = |further: &[&str]| {
        let paths = ["convert", "--to", "docred", "--out", json.to_str().unwrap(), dev.to_str().unwrap()];
        docre(paths.iter().chain(further))
    };
    assert_eq!(export(&[]).code, Some(0));
    let made = fs::read(&json).unwrap();
    assert_eq!(export(&[]).code, Some(0), "what is there already is left");
    fs::write(&json, "mine").unwrap();
    let refused = export(&[]);
    assert_eq!((refused.code, &*fs::read(&json).unwrap()), (Some(1), &b"mine"[..]));
    assert!(refused.stderr.contains("back.json: stands already\nhint: pass `--force`"), "{}", refused.stderr);
    assert_eq!(export(&["--force"]).code, Some(0));
    assert!(fs::read(&json).unwrap() == made);
    assert_eq!(export(&["another"]).code, Some(2));
}

#[test]
fn types_that_no_entity_has_are_said() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    let run = corpus.convert("docred", &["--candidates", "loc:loc"]);
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("no pair of entities has the types"), "{}", run.stderr);
}

#[test]
fn files_that_are_not_tables_are_never_replaced() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    fs::create_dir_all(corpus.dev()).unwrap();
    fs::write(corpus.dev().join("thesis.tex"), "precious").unwrap();
    for further in [&[][..], &["--force"]] {
        let run = corpus.convert("docred", further);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains("holds files that docre did not write"), "{}", run.stderr);
    }
    assert_eq!(fs::read_to_string(corpus.dev().join("thesis.tex")).unwrap(), "precious");
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let corpus = Corpus::new("dev.json", format!("[{DOCUMENT}]"));
    // `/proc` refuses new folders even to the superuser; a file cannot hold a folder.
    let refused = [
        (Path::new("/proc/docre"), "/proc/docre: cannot create the folder"),
        (&corpus.source, "dev.json: expected a folder or nothing, found a file"),
    ];
    for (out, expected) in refused {
        let arguments = ["convert", "--format", "docred", "--split", "dev", "--out"].map(Into::into);
        let run = docre(arguments.into_iter().chain([out.into(), corpus.source.clone().into_os_string()]));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [
        &["convert"][..],
        &["convert", "--format", "word", "--split", "dev", "--out", "o", "i"],
        &["convert", "--format", "docred", "--split", "../dev", "--out", "o", "i"],
        &["convert", "--format", "docred", "--split", "dev", "--candidates", "LOC", "--out", "o", "i"],
        &["convert", "--to", "jsonl", "-"],
        &["unknown"],
    ] {
        assert_eq!(docre(arguments).code, Some(2), "{arguments:?}");
    }
    let run = docre(["convert", "--format", "docred", "--split", "dev", "--out", "o", "no-such-file.json"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("no-such-file.json: cannot read: No such file"), "{}", run.stderr);
}

#[test]
fn tables_do_not_depend_on_the_number_of_threads() {
    let documents: Vec<String> = (0..600).map(|number| document(&format!("D{number}"), "", "")).collect();
    let corpus = Corpus::new("dev.json", format!("[{}]", documents.join(",")));
    let convert = |threads: &str| {
        let out = corpus.folder.path().join(threads);
        let arguments = ["convert", "--format", "docred", "--split", "dev", "--out", out.to_str().unwrap()];
        let status = command(arguments.into_iter().chain([corpus.source.to_str().unwrap()]))
            .env("RAYON_NUM_THREADS", threads)
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        files(&out)
            .into_iter()
            .map(|(path, bytes)| (path.strip_prefix(&out).unwrap().to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(convert("1"), convert("4"));
}

#[test]
fn a_killed_conversion_leaves_the_old_tables_nothing_or_the_new_ones() {
    let documents: Vec<String> = (0..3000).map(|number| document(&format!("D{number}"), "", "")).collect();
    let corpus = Corpus::new("dev.json", format!("[{}]", documents.join(",")));
    let small = corpus.folder.path().join("small.json");
    fs::write(&small, format!("[{DOCUMENT}]")).unwrap();
    let arguments = |source: &Path| {
        ["convert", "--format", "docred", "--split", "dev", "--force", "--out"]
            .map(std::ffi::OsString::from)
            .into_iter()
            .chain([corpus.out().into_os_string(), source.as_os_str().to_owned()])
    };
    let mut seen = std::collections::BTreeMap::new();
    for round in 0..50u64 {
        assert_eq!(docre(arguments(&small)).code, Some(0));
        let mut child = command(arguments(&corpus.source)).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_micros(round * 37_337 % 120_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let left = if corpus.dev().exists() { corpus.documents().len() } else { 0 };
        assert!([0, 1, 3000].contains(&left), "round {round}: {left} documents");
        *seen.entry(left).or_insert(0) += 1;
    }
    println!("documents left → times: {seen:?}");
    assert_eq!(docre(arguments(&corpus.source)).code, Some(0));
    assert_eq!(corpus.documents().len(), 3000);
    let hidden = |path: &PathBuf| path.iter().any(|step| step.to_str().unwrap().starts_with(".dev."));
    assert!(!files(&corpus.out()).iter().any(|(path, _)| hidden(path)), "nothing of the killed runs is left");
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing() {
    let corpus = Corpus::new("dev.json", {
        let documents: Vec<String> = (0..3000).map(|number| document(&format!("D{number}"), "", "")).collect();
        format!("[{}]", documents.join(","))
    });
    fs::create_dir(corpus.out()).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=48k", "tmpfs"]).arg(corpus.out()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: a small tmpfs cannot be mounted here");
        return;
    }
    let run = corpus.convert("docred", &[]);
    let left = files(&corpus.out());
    assert!(Command::new("umount").arg(corpus.out()).status().unwrap().success());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("cannot write: No space left on device"), "{}", run.stderr);
    assert!(run.stderr.contains("part-00000.parquet"), "{}", run.stderr);
    assert_eq!(left, []);
}

#[test]
fn redocred_has_its_published_size_and_survives_the_way_out_and_back() {
    let folder = TempDir::new().unwrap();
    let Some(dev) = redocred(folder.path()) else { return };
    assert_eq!(
        rows(&dev, "SELECT count(*) AS d, sum(n_entities) AS e, sum(n_tokens) AS t FROM documents"),
        ["500,9684,101970"]
    );
    assert_eq!(rows(&dev, "SELECT count(*) AS n FROM facts"), ["17284"]);
    assert_eq!(rows(&dev, "SELECT count(*) AS n FROM pairs WHERE candidate"), ["193232"]);

    let json = folder.path().join("dev_revised.json");
    assert_eq!(
        docre(["convert", "--to", "docred", "--out", json.to_str().unwrap(), dev.to_str().unwrap()]).code,
        Some(0)
    );
    let back = folder.path().join("back");
    let arguments = ["convert", "--format", "docred", "--split", "dev", "--out", back.to_str().unwrap()];
    assert_eq!(docre(arguments.into_iter().chain([json.to_str().unwrap()])).code, Some(0));
    for table in ["documents", "sentences", "tokens", "mentions", "entities", "pairs", "facts", "relation_types"] {
        let all = |folder: &Path| rows(folder, &format!("SELECT * FROM {table}"));
        assert_eq!(all(&dev), all(&back.join("dev")), "{table}");
    }
}

#[test]
fn an_unlabelled_corpus_says_so() {
    let Some(corpora) = corpora() else { return };
    let folder = TempDir::new().unwrap();
    let source = corpora.join("docred/test.json");
    let out = folder.path().to_str().unwrap();
    let run = docre(["convert", "--format", "docred", "--split", "test", "--out", out, source.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let dev = folder.path().join("test");
    assert_eq!(
        rows(&dev, "SELECT labelled, count(*) AS d, sum(n_entities) AS e FROM documents GROUP BY labelled"),
        ["false,1000,19539"]
    );
    assert_eq!(rows(&dev, "SELECT count(*) AS n FROM pairs WHERE labels IS NOT NULL"), ["0"]);
}

/// The pairs of a CDR split as a sorted list of (PMID, chemical, disease, label); a pair left out has no label.
fn cdr_pairs(split: &Path) -> Vec<String> {
    let sql = "SELECT p.doc_id AS doc, h.kb_id AS chemical, t.kb_id AS disease, p.candidate AS candidate, p.labels AS labels \
               FROM pairs p JOIN entities h ON p.doc_id = h.doc_id AND p.head = h.entity_id \
               JOIN entities t ON p.doc_id = t.doc_id AND p.tail = t.entity_id";
    let mut pairs = rows(split, sql);
    pairs.sort();
    pairs
}

#[test]
fn chemical_disease_pairs_are_those_of_the_usual_preprocessing() {
    let Some(corpora) = corpora() else { return };
    let path = |name: &str| corpora.join("cdr").join(name).into_os_string().into_string().unwrap();
    let folder = TempDir::new().unwrap();
    let convert = |out: &str, arguments: &[&str]| {
        let out = folder.path().join(out);
        let run = docre(["convert", "--out", out.to_str().unwrap()].into_iter().chain(arguments.iter().copied()));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        out
    };
    for (split, source, reference, expected) in [
        ("train", "CDR_TrainingSet.PubTator.txt", "train_filter.data", ["false,0,192", "true,0,4204", "true,1,1038"]),
        ("dev", "CDR_DevelopmentSet.PubTator.txt", "dev_filter.data", ["false,0,174", "true,0,4075", "true,1,1012"]),
    ] {
        let mesh = path("2017MeshTree.txt");
        let options = ["--format", "pubtator", "--split", split, "--candidates", "Chemical:Disease", "--mesh", &mesh];
        let ours = convert("pubtator", &[&options[..], &[&path(source)]].concat()).join(split);
        let theirs = convert("graph", &["--format", "edge-graph", "--split", split, &path(reference)]).join(split);
        assert_eq!(rows(&ours, "SELECT count(*) AS n FROM documents"), ["500"]);
        let count = "SELECT candidate, array_length(labels) AS n_labels, count(*) AS n FROM pairs \
                     GROUP BY candidate, n_labels ORDER BY candidate, n_labels";
        assert_eq!(rows(&ours, count), expected);
        assert_eq!(cdr_pairs(&ours), cdr_pairs(&theirs));
    }
}

/// Two documents of two entities, of which `from` are the first's texts.
fn lines(folder: &Path, texts: &[(&str, u32)]) -> String {
    let line = |(number, &(text, end)): (usize, &(&str, u32))| {
        let start = text.chars().count() - 3;
        let mention = |start, end| json!([{"start": start, "end": end}]);
        let entities = json!([
            {"type": "ORG", "mentions": mention(0, end as usize)},
            {"type": "PER", "mentions": mention(start, start + 3)},
        ]);
        let relation =
            json!({"head": 0, "tail": 1, "type": "met", "evidence": [0], "attributes": {"novelty": "Novel"}});
        json!({"id": number.to_string(), "text": text, "entities": entities, "relations": [relation]}).to_string()
    };
    let path = folder.join("d.jsonl");
    fs::write(&path, texts.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")).unwrap();
    let (out, path) = (folder.join("c"), path.to_str().unwrap().to_owned());
    let run = docre(["convert", "--format", "jsonl", "--split", "s", "--out", out.to_str().unwrap(), &path]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    out.join("s").to_str().unwrap().to_owned()
}

#[test]
fn predictions_are_written_with_their_attributes() {
    let folder = TempDir::new().unwrap();
    let split = lines(folder.path(), &[("Acme met Ann", 4)]);
    let facts = format!("{split}/facts");
    for format in ["jsonl", "pubtator", "bioc-json", "doccano", "label-studio"] {
        let run = docre(["convert", "--to", format, "--relations", &facts, &split]);
        assert!(run.code == Some(0) && run.stdout.contains("Novel"), "{format}: {}", run.stdout);
    }
    // How sure each is, beside what is said of it, and one that somebody has called so.
    let sql = "SELECT doc_id, head, tail, relation, CAST(0.5 AS FLOAT) AS probability, attributes FROM facts";
    let predicted = command(["query", &split, sql, "--format", "parquet"]).output().unwrap().stdout;
    let path = folder.path().join("p.parquet");
    fs::write(&path, predicted).unwrap();
    for (format, expected) in
        [("jsonl", r#""attributes":{"novelty":"Novel","probability":0.5}"#), ("pubtator", "\t0.5;Novel\n")]
    {
        let run = docre(["convert", "--to", format, "--relations", path.to_str().unwrap(), &split]);
        assert!(run.code == Some(0) && run.stdout.contains(expected), "{format}: {}", run.stdout);
    }
}

#[test]
fn brat_has_what_is_not_seen_as_blanks_and_reads_it_back() {
    let folder = TempDir::new().unwrap();
    let split = lines(folder.path(), &[("A\u{1f}B met Ann", 3), ("\u{feff}Acme met Ann", 5), ("A\u{0}B met Ann", 3)]);
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = docre(["convert", "--to", "brat", "--out", &at("brat"), &split]);
    let told = "documents with control characters, which brat's files have as blanks";
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    let run = docre(["convert", "--format", "brat", "--split", "s", "--out", &at("back"), &at("brat")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let names = "SELECT name FROM mentions WHERE type = 'ORG' ORDER BY doc_id";
    assert_eq!(rows(&folder.path().join("back/s"), names), ["A B", "Acme", "A B"]);
    assert_eq!(rows(&folder.path().join("back/s"), "SELECT count(*) AS n FROM facts"), ["3"]);
}

//! brat's folders.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use ground::observe::Event;

use crate::convert::{Conversion, Options};
use crate::formats::Format;
use crate::formats::brat::Brat;
use crate::formats::dialect::Dialect;
use crate::{CutError, Document, Loss, Reject};
use proptest::prelude::*;
use tempfile::TempDir;

use super::reading::{facts, mentions, read_path, sentences, survive};

const TEXT: &str = "Alphazine eased cough. It eased the cough of mice.";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    folder
}

fn read(files: &[(&str, &str)]) -> Result<Vec<Result<Document, Reject>>, CutError> {
    read_path(&Brat::default(), folder(files).path())
}

/// The document of one text and its annotations.
fn of(text: &str, annotations: &str) -> Document {
    let mut documents = read(&[("d1.txt", text), ("d1.ann", annotations)]).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0).unwrap()
}

fn remarks(document: &Document) -> Vec<String> {
    document.remarks.iter().map(|remark| format!("{}: {}", remark.what, remark.example)).collect()
}

fn losses(document: &Document) -> Vec<String> {
    let shown = |Loss { part, fault }: &Loss| format!("{part}: {}: {}", fault.column, fault.reason);
    document.losses.iter().map(shown).collect()
}

fn kb_ids(document: &Document) -> Vec<Option<&str>> {
    document.entities.iter().map(|entity| entity.kb_id.as_deref()).collect()
}

#[test]
fn mentions_and_relations() {
    let document = of(TEXT, "T1\tChemical 0 9\tAlphazine\nT2\tDisease 16 21\tcough\nR1\tTreats Arg1:T1 Arg2:T2\n");
    assert_eq!((&*document.id, &*document.title), ("d1", ""));
    assert_eq!(sentences(&document), ["Alphazine eased cough .", "It eased the cough of mice ."]);
    assert_eq!(mentions(&document, 0), [("Alphazine", 0, 0, 1)]);
    assert_eq!(&*document.entities[1].kind(), "Disease");
    assert_eq!(facts(&document), [(0, "Treats", 1)]);
    assert!(document.losses.is_empty() && document.remarks.is_empty());
}

#[test]
fn equiv_and_identifiers_make_entities() {
    let annotations = "T1\tChemical 0 9\tAlphazine\nT2\tDisease 16 21\tcough\nT3\tPronoun 23 25\tIt\n\
        T4\tDisease 36 41\tcough\nT5\tSpecies 45 49\tmice\n*\tEquiv T1 T3\n\
        N1\tReference T2 MESH:D003371\tcough\nN2\tReference T4 D003371\tcough\nN3\tReference T5 10090\tmouse\n\
        R1\tTreats Arg1:T3 Arg2:T4\n";
    let document = of(TEXT, annotations);
    assert_eq!(mentions(&document, 0), [("Alphazine", 0, 0, 1), ("It", 1, 4, 5)]);
    assert_eq!(mentions(&document, 1), [("cough", 0, 2, 3), ("cough", 1, 7, 8)], "one identity, in two spellings");
    assert_eq!(kb_ids(&document), [None, Some("MESH:D003371"), Some("10090")]);
    assert_eq!(facts(&document), [(0, "Treats", 1)]);
    assert!(document.remarks.is_empty(), "{:?}", remarks(&document));
    let clash = of(TEXT, &format!("{annotations}N4\tReference T1 MESH:D1\ta\nN5\tReference T3 MESH:D2\tb\n"));
    let what = "mentions of one entity with several identifiers, the first of which counts";
    assert_eq!(
        (kb_ids(&clash)[0], remarks(&clash)),
        (Some("MESH:D1"), vec![format!("{what}: T3: `MESH:D1`, then `MESH:D2`")])
    );
}

#[test]
fn mentions_of_one_name_or_number_stay_apart() {
    let document = of(TEXT, "T1\tDisease 16 21\tcough\nT2\tDisease 36 41\tcough\n");
    assert_eq!(document.entities.len(), 2);
    let numbers = "T1\tGene 0 9\tAlphazine\nT2\tSpecies 45 49\tmice\nN1\tReference T1 7\ta\nN2\tReference T2 7\tb\n";
    assert_eq!(of(TEXT, numbers).entities.len(), 2, "a gene and a species");
}

#[test]
fn roles_may_have_any_name_and_numbers_any_order() {
    let two = "T1\tA 0 9\tAlphazine\nT2\tB 16 21\tcough\n";
    let relation = |line: &str| -> Vec<(u32, String, u32)> {
        let document = of(TEXT, &format!("{two}{line}\n"));
        facts(&document).into_iter().map(|(head, name, tail)| (head, name.to_owned(), tail)).collect()
    };
    assert_eq!(relation("R1\ttreats Drug:T1 Target:T2"), [(0, "treats".into(), 1)]);
    assert_eq!(relation("R1\ttreats Arg2:T2 Arg1:T1\t"), [(0, "treats".into(), 1)]);
    assert_eq!(relation("R1\tLocated In Arg1:T2 Arg2:T1"), [(1, "Located In".into(), 0)]);
    assert_eq!(relation("R1\tCoref Arg1:T1 Arg2:T2"), []);
}

#[test]
fn attributes_of_a_relation_are_the_facts() {
    let document = of(
        TEXT,
        "T1\tA 0 9\tAlphazine\nT2\tB 16 21\tcough\nR1\ttreats Arg1:T1 Arg2:T2\nA1\tNegation R1\nA2\tNovelty R1 Novel\nM1\tSpeculation T1\n",
    );
    let attributes = &document.facts.as_ref().unwrap()[0].attributes;
    assert_eq!(attributes.iter().map(|one| &**one).collect::<Vec<_>>(), ["Negation=true", "Novelty=Novel"]);
    assert_eq!(remarks(&document), ["attributes of mentions and events: left aside: `Speculation` of `T1`"]);
}

#[test]
fn what_is_no_relation_of_a_pair_is_left_aside_and_told() {
    let annotations = "T1\tProtein 0 9\tAlphazine\nT2\tProtein 16 21\tcough\nT3\tTrigger 10 15\teased\n\
        E1\tPPI:T3 Arg1:T1 Arg2:T2\nA1\tNegation E1\n#1\tAnnotatorNotes T1\tsuspect\n???\n";
    let document = of(TEXT, annotations);
    assert_eq!(document.entities.len(), 2, "no entity that names an event");
    assert_eq!(
        remarks(&document),
        [
            "events, which are no relations of pairs: left aside: `E1\\tPPI:T3 Arg1:T1 Arg2:T2`",
            "notes: left aside: `#1\\tAnnotatorNotes T1\\tsuspect`",
            "lines of annotations of no known kind: left aside: line 7: `???`",
            "attributes of mentions and events: left aside: `Negation` of `E1`",
            "mentions that name an event, and nothing else: left aside: T3",
        ]
    );
}

#[test]
fn a_mention_in_pieces_is_taken_whole_where_it_is_short() {
    let document = of(TEXT, "T1\tA 0 9;16 21\tAlphazine cough\n");
    assert_eq!(mentions(&document, 0), [("Alphazine eased cough", 0, 0, 3)]);
    assert_eq!(
        remarks(&document),
        ["mentions in pieces: taken from the first piece to the last: T1: `Alphazine eased cough`"]
    );
    let far = format!("{} {}", TEXT, "and so on ".repeat(30));
    let document = of(&far, "T1\tA 0 9;300 302\tAlphazine on\n");
    assert_eq!(mentions(&document, 0)[0].0, "Alphazine");
    let lines = of("a broken\nname here", "T1\tA 2 8;9 13\tbroken name\n");
    assert_eq!(mentions(&lines, 0)[0].0, "broken name");
    assert!(lines.remarks.is_empty(), "an end of a line leaves nothing out: {:?}", remarks(&lines));
}

#[test]
fn what_is_wrong_is_lost_alone() {
    let annotations = "T1\tA 0 9\tAlphazine\nT2\tB 16 99\tcough\nT3\tB 21 16\tx\nT4\tB\tx\nT1\tB 16 21\tcough\n\
        T5\tB 9 10\t \nR1\ttreats Arg1:T1 Arg2:T2\nR2\ttreats Arg1:T1 Arg2:T9\nR3\ttreats Arg1:T1\n*\tEquiv T1 T8\n";
    let document = of(TEXT, annotations);
    assert_eq!(mentions(&document, 0), [("Alphazine", 0, 0, 1)]);
    assert_eq!(
        losses(&document),
        [
            "mention: T4: expected a type and offsets, `Chemical 0 9`, got `B`",
            "relation: R3: expected a relation of two mentions, `Treats Arg1:T1 Arg2:T2`, got `treats Arg1:T1`",
            "mention: T2: expected an end within the text's 50 characters, got 99",
            "mention: T3: expected an end after the start 21, got 16",
            "mention: T1: expected an id of its own, got `T1` again",
            "mention: T5: expected a mention, got nothing but whitespace",
            "relation: line 10: expected the ids of two mentions, got `T8`",
            "relation: R1: expected the ids of two mentions, got `T2`, which was left out",
            "relation: R2: expected the ids of two mentions, got `T9`",
        ]
    );
}

#[test]
fn the_text_counts_where_names_differ() {
    let document = of(TEXT, "T1\tA 0 9\talphazine\n");
    assert_eq!(mentions(&document, 0)[0].0, "Alphazine");
    assert_eq!(
        remarks(&document),
        ["mentions whose text is not that of their span, which counts: T1: `alphazine`, in the text `Alphazine`"]
    );
}

#[test]
fn a_mention_of_quite_another_text_is_lost() {
    let document = of(TEXT, "T1\tA 0 9\tAlphazine\nT2\tB 10 15\tcough\nR1\ttreats Arg1:T1 Arg2:T2\n");
    assert_eq!(
        losses(&document),
        [
            "mention: T2: expected the text of the span, `eased`, got `cough`",
            "relation: R1: expected the ids of two mentions, got `T2`, which was left out",
        ]
    );
    let shifted = "T1\tA 3 12\tAlphazine\nT2\tB 19 24\tcough\nT3\tA 26 28\tIt\nT4\tC 45 49\tmice\n";
    let rejected = read(&[("d1.txt", TEXT), ("d1.ann", shifted)]).unwrap().remove(0).unwrap_err();
    assert_eq!(
        rejected.fault.to_string(),
        "mentions: expected mentions that fit the text, got 3 of 4 that do not, the first in T1: expected the text of the span, `hazine ea`, got `Alphazine`"
    );
    let files = [("d1.txt", "é😀 tea is here"), ("d1.ann", "T1\tA 7 10\ttea\n")];
    let bytes = read(&files).unwrap().remove(0).unwrap();
    assert_eq!(bytes.losses.len(), 1, "a lone mention may be wrong by itself");
    assert!(losses(&bytes)[0].contains("; counted in bytes, all mentions"), "{bytes:?}");
}

#[test]
fn offsets_count_characters_of_the_file_as_it_is() {
    assert_eq!(mentions(&of("é😀 tea\r\nand coffee", "T1\tA 3 6\ttea\r\nT2\tA 12 18\tcoffee\r\n"), 1)[0].0, "coffee");
    let unfit = of("é😀 tea\r\nand coffee", "T1\tA 3 6\ttea\nT2\tA 11 17\tcoffee\n");
    assert_eq!(mentions(&unfit, 1)[0].0, "coffee", "counted by a program that drops `\\r`");
    assert_eq!(unfit.remarks.len(), 1);
    for (start, n_remarks) in [(1, 0), (0, 1)] {
        let marked = of("\u{FEFF}tea", &format!("T1\tA {start} {}\ttea\n", start + 3));
        assert_eq!((mentions(&marked, 0), marked.remarks.len()), (vec![("tea", 0, 0, 1)], n_remarks));
    }
}

#[cfg(unix)]
#[test]
fn links_are_left_aside_and_told() {
    use std::os::unix::fs::symlink;

    let outside = folder(&[("secret.txt", TEXT), ("far.txt", TEXT)]);
    let folder = folder(&[("corpus/d1.txt", TEXT), ("corpus/d1.ann", ""), ("corpus/below/d2.txt", TEXT)]);
    let corpus = folder.path().join("corpus");
    symlink(outside.path(), corpus.join("below/out")).unwrap();
    symlink(outside.path().join("far.txt"), corpus.join("far.txt")).unwrap();
    symlink(&corpus, corpus.join("below/round")).unwrap();
    symlink("nowhere", corpus.join("gone.ann")).unwrap();
    let conversion = Conversion {
        options: Options::of(Format::Brat, "all".parse().unwrap()),
        inputs: vec![corpus.clone()],
        mesh: None,
        relation_labels: None,
        ids: None,
        relations: None,
    };
    let told = RefCell::new(Vec::new());
    let observe = |event| {
        if let Event::Note(words) = event {
            told.borrow_mut().push(words);
        }
    };
    let summary = conversion.run(&folder.path().join("tables"), false, &observe).unwrap();
    assert_eq!(summary.totals.unwrap().documents, 2);
    let links = "links left aside: `below/out`, `below/round`, `far.txt`, `gone.ann`";
    assert_eq!(told.into_inner(), [format!("{}: {links}", corpus.display())]);
}

#[test]
fn a_byte_order_mark_costs_no_line() {
    let files = [
        ("d1.txt", TEXT),
        ("d1.a1", "\u{FEFF}T1\tA 0 9\tAlphazine\n"),
        ("d1.a2", "\u{FEFF}T2\tB 16 21\tcough\nR1\ttreats Arg1:T1 Arg2:T2\n"),
    ];
    let document = read(&files).unwrap().remove(0).unwrap();
    assert_eq!((facts(&document), document.remarks.len()), (vec![(0, "treats", 1)], 0));
}

#[test]
fn a_folder_has_documents_by_name_and_folders() {
    let files = [
        ("b.txt", TEXT),
        ("b.ann", ""),
        ("a/c.txt", TEXT),
        ("a/c.a1", "T1\tA 0 9\tAlphazine\n"),
        ("a/c.a2", "T2\tB 16 21\tcough\nR1\ttreats Arg1:T1 Arg2:T2\n"),
        ("a/given.txt", TEXT),
        ("a/given.a1", "T1\tA 0 9\tAlphazine\n"),
        ("c.txt", TEXT),
        ("lost.ann", "T1\tA 0 9\tAlphazine\n"),
        ("annotation.conf", "[entities]\n"),
        (".stats_cache", "x"),
    ];
    let documents = read(&files).unwrap();
    let shown = documents.iter().map(|document| match document {
        Ok(document) => (document.id.to_string(), document.facts.as_ref().map(Vec::len)),
        Err(reject) => (reject.fault.reason.clone(), None),
    });
    let expected = [
        ("a/c", Some(1)),
        ("a/given", None),
        ("b", Some(0)),
        ("c", None),
        ("expected a text `lost.txt` beside the annotations, got none", None),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected.map(|(name, facts)| (name.to_owned(), facts)));
}

#[test]
fn one_document_is_named_by_either_file() {
    let mark = "T1\tA 0 9\tAlphazine\n";
    let folder = folder(&[("a.txt", TEXT), ("a.ann", mark), ("b.txt", TEXT), ("corpus.tar.gz", "")]);
    for name in ["a.txt", "a.ann"] {
        let documents = read_path(&Brat::default(), &folder.path().join(name)).unwrap();
        assert_eq!((documents.len(), documents[0].as_ref().unwrap().entities.len()), (1, 1));
    }
    let error = |path: &Path| read_path(&Brat::default(), path).unwrap_err().to_string();
    assert_eq!(
        error(&folder.path().join("a.json")),
        "expected a folder, or a file `NAME.txt` or `NAME.ann` that stands in one"
    );
    assert_eq!(
        error(&folder.path().join("corpus.tar.gz/d1.ann")),
        "expected a folder, or a file `NAME.txt` or `NAME.ann` that stands in one, got one in an archive: unpack it first"
    );
    assert_eq!(error(tempfile::tempdir().unwrap().path()), "expected files `NAME.txt` and `NAME.ann`, found none");
}

#[test]
fn a_text_longer_than_a_record_may_be_is_not_held() {
    let folder = folder(&[("a.txt", &"a ".repeat(500_000))]);
    let reader = Brat { dialect: Dialect { most_bytes: 1_000, ..Dialect::default() } };
    let records: Vec<_> = crate::Reader::records(&reader, crate::Input::at(folder.path())).unwrap().collect();
    let length = records[0].as_ref().unwrap().bytes.len();
    assert!((1_001..1_100).contains(&length), "{length}");
}

#[test]
fn relations_of_other_names_may_join() {
    let annotations = "T1\tA 0 9\tAlphazine\nT2\tB 23 25\tIt\nR1\tcoref Arg1:T1 Arg2:T2\nR2\tsame Arg1:T1 Arg2:T2\n";
    let folder = folder(&[("a.txt", TEXT), ("a.ann", annotations)]);
    let reader = Brat { dialect: Dialect { coreference: Some(Vec::new()), ..Dialect::default() } };
    let document = read_path(&reader, folder.path()).unwrap().remove(0).unwrap();
    assert_eq!(facts(&document), [(0, "coref", 1), (0, "same", 1)]);
    let reader = Brat { dialect: Dialect { coreference: Some(vec!["same".into()]), ..Dialect::default() } };
    let document = read_path(&reader, folder.path()).unwrap().remove(0).unwrap();
    assert_eq!((facts(&document), document.entities.len()), (vec![(0, "coref", 0)], 1));
}

/// Each would take minutes if any step looked back or ahead without bound.
#[test]
fn hostile_lines_take_linear_time() {
    for unit in [" ", " 1", " 1;", ": ", "T1:", "1 1;1 1"] {
        let body = unit.repeat(400_000);
        of(TEXT, &format!("T1\tA{body}\nR1\tB{body}\nN1\tC{body}\nE1\tD{body}\n*\tEquiv{body}\nA1\t{body}\n"));
    }
    let chain: String = (2..100_000).map(|place| format!("*\tEquiv T{} T{place}\n", place - 1)).collect();
    let many: String = (1..100_000).map(|place| format!("T{place}\tA 0 9\tAlphazine\n")).collect();
    assert_eq!(of(TEXT, &format!("{many}{chain}")).entities.len(), 1);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&Brat::default(), &bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = read(&[("a.txt", TEXT), ("a.ann", &text)]);
    }

    #[test]
    fn arbitrary_lines_do_not_panic(
        lines in proptest::collection::vec("[TRENAM*#][1-3]?\t([A-C] ?|[0-9]{1,2} |;|Arg[12]:T[1-3] |Equiv |T[1-3] ){1,5}\t?x?", 0..8),
    ) {
        let _ = read(&[("a.txt", TEXT), ("a.ann", &lines.join("\n"))]);
    }
}

//! Documents of many entities: their pairs are counted before they are made, and written and scored in chunks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use docre::corpus::tables::CorpusWriter;
use docre::corpus::{Acceptance, BothWays, Document, Entity, Fact, Mention, Pairs, Token};
use docre::ground::parsed::TypePair;
use docre::table::rows::PairRow;
use docre::table::{self, Text};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{DOCUMENT, docre, rows};

/// A document of entities of these types, a token and a sentence each, with facts between some.
fn document(name: &str, kinds: &[&str], facts: &[(u32, u32)]) -> Document {
    let token = |place: usize| Token { text: format!("E{place}").into(), characters: None };
    let entity = |(place, kind): (usize, &&str)| {
        let (place, kind) = (place as u32, Text::from(*kind));
        let name = format!("E{place}").into();
        Entity { kb_id: None, mentions: vec![Mention { name, kind, sentence: place, start: place, end: place + 1 }] }
    };
    let fact = |&(head, tail): &(u32, u32)| Fact { head, tail, relation: "P1".into(), ..Fact::default() };
    Document {
        id: name.into(),
        sentences: (0..kinds.len()).map(|place| vec![token(place)]).collect(),
        entities: kinds.iter().enumerate().map(entity).collect(),
        facts: Some(facts.iter().map(fact).collect()),
        ..Document::default()
    }
}

const KINDS: [&str; 3] = ["A", "B", "C"];

proptest! {
    #[test]
    fn pairs_are_those_of_the_plain_rule(
        kinds in prop::collection::vec(0usize..3, 0..9),
        candidates in prop::collection::vec((0usize..3, 0usize..3), 0..4),
        listed in prop::option::of(prop::collection::btree_set((0u32..10, 0u32..10), 0..20)),
        facts in prop::collection::btree_set((0u32..9, 0u32..9), 0..6),
    ) {
        let kinds: Vec<&str> = kinds.into_iter().map(|kind| KINDS[kind]).collect();
        let n_entities = kinds.len() as u32;
        let facts: Vec<(u32, u32)> =
            facts.into_iter().filter(|&(head, tail)| head != tail && head.max(tail) < n_entities).collect();
        let mut document = document("D", &kinds, &facts);
        document.asked.clone_from(&listed);
        let candidates: Vec<TypePair> = candidates
            .into_iter()
            .map(|(head, tail)| format!("{}:{}", KINDS[head], KINDS[tail]).parse().unwrap())
            .collect();
        let fits = |head: u32, tail: u32| {
            let types = format!("{}:{}", kinds[head as usize], kinds[tail as usize]);
            head != tail && (candidates.is_empty() || candidates.contains(&types.parse().unwrap()))
        };
        let all = (0..n_entities).flat_map(|head| (0..n_entities).map(move |tail| (head, tail)));
        let asked = all.filter(|&(head, tail)| fits(head, tail));
        let asked: BTreeSet<(u32, u32)> =
            asked.filter(|pair| listed.as_ref().is_none_or(|listed| listed.contains(pair))).collect();
        let unasked: BTreeSet<(u32, u32)> = facts.into_iter().filter(|pair| !asked.contains(pair)).collect();
        let pairs = Pairs::asked(&document, &candidates, BothWays::None).with_facts(&mut document);
        let expected: Vec<(u32, u32)> = asked.union(&unasked).copied().collect();
        prop_assert_eq!(pairs.iter().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(pairs.len(), expected.len() as u64);
        prop_assert_eq!(&document.left_out, &unasked);
        for head in 0..10 {
            for tail in 0..10 {
                prop_assert_eq!(pairs.contains((head, tail)), expected.contains(&(head, tail)));
            }
        }
    }
}

#[test]
fn a_document_of_too_many_pairs_is_rejected_before_they_are_made() {
    // Its pairs are more than any memory holds.
    let kinds = vec!["A"; 3_000_000];
    let mut huge = document("huge", &["A"], &[]);
    let entity = huge.entities[0].clone();
    huge.entities = kinds.iter().map(|_| entity.clone()).collect();
    let fault = Acceptance::default().accept(huge, "source".into()).unwrap_err();
    assert_eq!(fault.column, "pairs");
    assert_eq!(
        fault.reason,
        "expected at most 10000000 pairs (`--most-pairs`, `most_pairs` in a pipeline), got 8999997000000 of 3000000 entities"
    );
}

#[test]
fn most_pairs_is_an_option() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("dev.json");
    let two = r#"{"title": "Two", "sents": [["A", "B"]], "vertexSet": [
        [{"name": "A", "type": "X", "sent_id": 0, "pos": [0, 1]}], [{"name": "B", "type": "X", "sent_id": 0, "pos": [1, 2]}]]}"#;
    fs::write(&source, format!("[{DOCUMENT}, {two}]")).unwrap();
    let convert = |most: &str| {
        let arguments = ["convert", "--format", "docred", "--split", "dev", "--force", "--most-pairs", most, "--out"];
        docre(arguments.iter().map(std::ffi::OsString::from).chain([folder.path().into(), source.clone().into()]))
    };
    let run = convert("5");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let words = "record 1 (`Altomonte`): pairs: expected at most 5 pairs (`--most-pairs`, `most_pairs` in a pipeline), \
                 got 6 of 3 entities";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    let dev = folder.path().join("dev");
    assert_eq!(rows(&dev, "SELECT doc_id FROM documents"), ["Two"]);
    assert_eq!(rows(&dev, "SELECT name, \"column\" FROM rejects"), ["Altomonte,pairs"]);
    assert_eq!(convert("6").code, Some(0));
    assert_eq!(rows(&dev, "SELECT count(*) AS n FROM pairs"), ["8"]);
}

#[test]
fn pairs_are_written_in_chunks_alike() {
    let folder = TempDir::new().unwrap();
    let documents: Vec<_> = [("a", 2), ("b", 9), ("c", 0), ("d", 5), ("e", 12)]
        .map(|(name, n_entities)| {
            let facts: Vec<(u32, u32)> = (1..n_entities).map(|tail| (0, tail)).collect();
            let document = document(name, &vec!["A"; n_entities as usize], &facts);
            Acceptance::default().accept(document, "source".into()).unwrap()
        })
        .to_vec();
    let write = |name: &str, at_once: Option<usize>| {
        let folder = folder.path().join(name);
        let writer = CorpusWriter::create(&folder, "dev", "f", false).unwrap();
        let mut writer = match at_once {
            Some(at_once) => writer.with_pairs_at_once(at_once),
            None => writer,
        };
        writer.write(&documents).unwrap();
        (writer.finish(&std::collections::BTreeMap::new(), |_| false).unwrap(), read(&folder))
    };
    let whole = write("whole", None);
    assert_eq!(whole.1.len(), 2 + 72 + 20 + 132);
    for at_once in [1, 7, 72, 1000] {
        assert_eq!(write(&at_once.to_string(), Some(at_once)), whole, "{at_once}");
    }
}

fn read(folder: &Path) -> Vec<PairRow> {
    table::read(folder).unwrap().flat_map(Result::unwrap).collect()
}

//! `PubTator` out: what is written is read back the same.

use std::collections::BTreeMap;

use crate::formats::dialect::{Bars, Dialect};
use crate::formats::pubtator::{PubTator, PubTatorWriter};
use crate::writer::{Claim, Writer, Written};
use crate::{Document, Entity, Mention, Reader, Record, Token};
use proptest::prelude::*;

use super::reading::{corpus, document, losses, read, sentences};

fn reader(bars: Bars) -> PubTator {
    PubTator { dialect: Dialect { bars, most_bytes: 1 << 24, ..Dialect::default() }, ..PubTator::default() }
}

fn text_of(written: &Written<'_>) -> String {
    let mut output = Vec::new();
    PubTatorWriter.write(written, &mut output).unwrap();
    String::from_utf8(output).unwrap()
}

/// Writes a document and reads it back: but for what was wrong with it, and white space that is no single blank, it is
/// the same.
fn check(document: &Document) {
    let text = text_of(&Written::annotated(document));
    let expected = Document { losses: Vec::new(), remarks: Vec::new(), n_relations: None, ..document.clone() };
    let expected = Document { uneven: BTreeMap::new(), ..expected };
    let record = Record { number: 1, bytes: text.clone().into_bytes() };
    let again =
        Document { n_relations: None, uneven: BTreeMap::new(), ..reader(Bars::Entities).parse(&record).unwrap() };
    let first = again.entities.iter().zip(&expected.entities).find(|(one, other)| one != other);
    assert!(again == expected, "{text}\n{first:?}\n{:?}\n{:?}", sentences(&again), sentences(&expected));
}

const SOURCE: &str = "7|t|One.\n7|a|Two six. Ten one.\n7\t0\t3\tOne\tGene\t11\n7\t5\t8\tTwo\tDisease\tD000001,D000002\n\
                      7\t9\t12\tsix\tChemical\t-\n7\t14\t17\tTen\tVariant\tp|FS|S,A|290,291||;Gene:11\n\
                      7\t18\t21\tone\tGene\t11\n7\tR\t11\tD000002\tNovel\n7\tS\tD000001\t11\n";

#[test]
fn an_article_is_written_as_it_was_read() {
    let read = document(&reader(Bars::Entities), SOURCE);
    let listed = SOURCE.replace("D000001,D000002\n", "D000001\n7\t5\t8\tTwo\tDisease\tD000002\n");
    assert_eq!(text_of(&Written::annotated(&read)), listed + "\n");
    check(&read);
}

#[test]
fn passages_are_written_where_they_end_sentences() {
    for source in [
        "7|t|one\n7|a|two\n\n7|a|six ten\n",
        "7|t|one. Two\n",
        "7|a|One. Two\n7|a|six\n",
        "7|t|\n7|a|two\n",
        "7|t|one\n7|a|\n7|a|\n7|a|two\n",
        "7|t|one two\n7|a|six ten\n7\t4\t11\ttwo six\tGene\t1\n",
    ] {
        check(&document(&reader(Bars::Entities), source));
    }
    let twice =
        "7|t|one two\n7\t4\t7\ttwo\tGene\t1\n7\t0\t3\tone\tGene\t1\n7\t4\t7\ttwo\tGene\t1,2\n7\t4\t7\ttwo\tGene\n";
    check(&document(&reader(Bars::Entities), format!("{twice}7\t4\t7\ttwo\tGene\t-\n")));
    let plain = text_of(&Written::annotated(&document(&reader(Bars::Entities), "7|t|One.\n7|a|Two. Six.\n")));
    assert_eq!(plain, "7|t|One.\n7|a|Two. Six.\n\n");
}

#[test]
fn predictions_have_their_probability() {
    let read = document(&reader(Bars::Entities), SOURCE);
    let claim =
        Claim { head: 3, tail: 0, relation: "R".into(), evidence: vec![], attributes: vec![], probability: Some(0.75) };
    let text = text_of(&Written::predicted(&read, vec![claim]));
    assert!(text.ends_with("\n7\tR\tp|FS|S,A|290,291||;Gene:11\t11\t0.75\n\n"), "{text}");
    let again = document(&reader(Bars::Entities), &text);
    assert_eq!(again.facts.unwrap()[0].attributes, ["score=0.75".into()]);
}

/// A document of another format: tokens without places, a title that is no part of them, entities without identity.
#[test]
fn a_document_of_another_format_is_an_article() {
    let token = |text: &str| Token { text: text.into(), characters: None };
    let mention = |name: &str, start: u32| Mention {
        name: name.into(),
        kind: "PER".into(),
        sentence: start / 2,
        start,
        end: start + 1,
    };
    let entity = |kb_id: Option<&str>, mentions: Vec<Mention>| Entity { kb_id: kb_id.map(Into::into), mentions };
    let document = Document {
        id: "a|b".into(),
        title: "Tea\ttime".into(),
        sentences: vec![vec![token("Ann"), token("came")], vec![token("bo"), token("went")]],
        entities: vec![
            entity(None, vec![mention("bo", 2)]),
            entity(Some("wikidata:Q1"), vec![mention("Ann", 0)]),
            entity(Some("-"), vec![mention("went", 3)]),
        ],
        ..Document::default()
    };
    let text = text_of(&Written::annotated(&document));
    let id = text.split('|').next().unwrap();
    assert!(id.starts_with("a_b-"), "{id}");
    let expected = format!(
        "{id}|t|Tea time\n{id}|a|Ann came\n{id}|a|bo went\n\
         {id}\t18\t20\tbo\tPER\tlocal:{id}_0\n{id}\t9\t12\tAnn\tPER\twikidata:Q1\n\
         {id}\t21\t25\twent\tPER\tlocal:{id}_2\n\n"
    );
    assert_eq!(text, expected);
    let again = super::reading::document(&reader(Bars::Entities), &text);
    assert_eq!((again.entities.len(), again.sentences.len(), losses(&again).len()), (3, 3, 0));
    let accepted = crate::Acceptance::default().accept(again, "s".into()).unwrap().document;
    let kb_ids: Vec<Option<&str>> = accepted.entities.iter().map(|entity| entity.kb_id.as_deref()).collect();
    assert_eq!(kb_ids, [None, Some("wikidata:Q1"), None]);
}

#[test]
fn corpora_are_written_as_they_were_read() {
    for (name, bars) in [
        ("biored/Dev.PubTator", Bars::Entities),
        ("cdr/CDR_DevelopmentSet.PubTator.txt", Bars::Entities),
        ("pubtator/tmVar3_Test.PubTator", Bars::Entities),
        ("pubtator/DrugProt_Test.PubTator", Bars::Entities),
        ("pubtator/NLMchem_Test.PubTator", Bars::Entities),
        ("pubtator/chr_dev.pubtator", Bars::Names),
        ("pubtator/bioconcepts2pubtator_offsets.sample", Bars::Entities),
    ] {
        let Some(path) = corpus(name) else { continue };
        for read in super::reading::read_path(&reader(bars), &path).unwrap() {
            check(&read.unwrap());
        }
    }
}

/// Sources of articles with all that the format has.
fn source() -> impl Strategy<Value = String> {
    let passage = "([A-Z]?[a-z]{1,3}( |  |\\. |-|\u{e9}|\u{a0})){0,8}[a-z]{0,2}\\.?";
    let ids = "(-|11|12|D000001|D000001,D000002|rs7|p\\|SUB\\|V\\|1\\|E|p\\|SUB\\|V\\|1\\|E;Gene:11)";
    let mention = (0..60_u32, 1..12_u32, "(Gene|Disease|Variant)", ids);
    let relation = (ids, ids, "(Novel|No|0\\.5|a=b|)");
    let kinds = proptest::collection::vec((passage, "(a|t|b)", "(\n|)"), 1..5);
    (kinds, proptest::collection::vec(mention, 0..8), proptest::collection::vec(relation, 0..4)).prop_map(
        |(passages, mentions, relations)| {
            let texts: Vec<&str> = passages.iter().map(|(text, _, _)| &**text).collect();
            let text: Vec<char> = texts.join(" ").chars().collect();
            let mut source: String =
                passages.iter().map(|(text, kind, blank)| format!("7|{kind}|{text}\n{blank}")).collect();
            for (start, extent, kind, ids) in mentions {
                let end = start + extent;
                if let Some(name) = text.get(start as usize..end as usize) {
                    let name: String = name.iter().collect();
                    source += &format!("7\t{start}\t{end}\t{name}\t{kind}\t{ids}\n");
                }
            }
            for (head, tail, said) in relations {
                source += &format!("7\tR\t{head}\t{tail}\t{said}\n");
            }
            source
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(source in source()) {
        for document in read(&reader(Bars::Entities), &source).unwrap().into_iter().flatten() {
            check(&document);
        }
    }
}

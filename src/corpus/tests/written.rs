//! What forms of writing keep of a document that is not as their own are.

use std::cell::RefCell;

use ground::observe::{Event, unheard};

use crate::convert::{Conversion, Options};
use crate::export::{Export, Exported};
use crate::formats::Format;
use crate::formats::bioc::{BioC, BioCJsonWriter};
use crate::formats::dialect::Dialect;
use crate::formats::doccano::{Doccano, DoccanoWriter};
use crate::formats::docred::{DocRed, DocRedWriter};
use crate::formats::jsonl::{JsonLines, JsonLinesWriter};
use crate::formats::label_studio::{LabelStudio, LabelStudioWriter};
use crate::formats::pubtator::{PubTator, PubTatorWriter};
use crate::{Document, Entity, Fact, Mention, Reader, Record, Token, Writer, Written};

use super::reading::{corpus, losses, read_path, sentences};

const DIALECT: Dialect = Dialect {
    bars: crate::formats::dialect::Bars::Entities,
    unit: crate::formats::dialect::Unit::Document,
    coreference: None,
    most_bytes: 1 << 24,
};

fn mention(name: &str, sentence: u32, start: u32) -> Mention {
    Mention { name: name.into(), kind: "PER".into(), sentence, start, end: start + 1 }
}

/// Sentences that no segmentation finds, and a loose mention.
fn document() -> Document {
    let token = |text: &str| Token { text: text.into(), characters: None };
    let sentence = |words: &[&str]| words.iter().map(|word| token(word)).collect();
    let entity = |mentions| Entity { kb_id: None, mentions };
    Document {
        id: "d".into(),
        title: "".into(),
        sentences: vec![sentence(&["ann", "came"]), sentence(&["bo", ".", "Went"]), sentence(&["home"])],
        entities: vec![entity(vec![mention("ann", 0, 0)]), entity(vec![mention("bo", 1, 2)])],
        ..Document::default()
    }
}

fn bytes(writer: &dyn Writer, document: &Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    writer.write(&Written::annotated(document), &mut bytes).unwrap();
    bytes
}

fn through(writer: &dyn Writer, reader: &impl Reader, document: &Document) -> Document {
    reader.parse(&Record { number: 1, bytes: bytes(writer, document) }).unwrap().sound().unwrap()
}

#[test]
fn a_name_that_is_not_the_text_is_written_as_the_text() {
    let mut document = document();
    document.entities[1].mentions[0].name = "Robert".into();
    let readers = [
        through(&BioCJsonWriter, &BioC { dialect: DIALECT }, &document),
        through(&PubTatorWriter, &PubTator { dialect: DIALECT, ..PubTator::default() }, &document),
    ];
    for read in readers {
        assert_eq!(losses(&read), Vec::<String>::new());
        assert_eq!(&*read.entities[1].name(), "bo");
    }
}

const LINES: JsonLines = JsonLines { most_bytes: 1 << 24 };

#[test]
fn json_lines_keep_sentences() {
    let mut document = document();
    document.sentences.insert(2, Vec::new());
    let read = through(&JsonLinesWriter, &LINES, &document);
    assert_eq!(sentences(&read), sentences(&document));
    assert_eq!(read.entities[1].mentions, document.entities[1].mentions);
}

#[test]
fn json_lines_keep_mentions_without_identity() {
    let mut document = document();
    document.loose_mentions = vec![mention("home", 2, 5)];
    let read = through(&JsonLinesWriter, &LINES, &document);
    assert_eq!((&read.loose_mentions, losses(&read)), (&document.loose_mentions, vec![]));
}

#[test]
fn sentences_of_json_lines_are_checked() {
    let line = |sentences: &str, end: u32| {
        format!(
            "{{\"id\":\"d\",\"text\":\"Ann a. Bo b.\",\"sentences\":{sentences},\"entities\":[{{\"type\":\"P\",\"mentions\":[\
             {{\"start\":0,\"end\":{end}}},{{\"start\":0,\"end\":3}}]}}]}}"
        )
    };
    for (sentences, expected) in [
        ("[[0,6]]", "sentences: expected sentences with nothing outside them, got `Bo b.`"),
        ("[[0,7],[6,12]]", "sentences[1]: expected a sentence within 7 to 12, got [6, 12]"),
        ("[[0,13]]", "sentences[0]: expected a sentence within 0 to 12, got [0, 13]"),
        ("[[0,6],[7,12,1]]", "sentences[1]: expected [start, end], got 3 numbers"),
    ] {
        assert_eq!(super::reading::fault(&LINES, line(sentences, 3)), expected);
    }
    let crossed = super::reading::document(&LINES, line("[[0,6],[7,12]]", 9));
    assert_eq!(
        losses(&crossed),
        ["mention: entities[0].mentions: expected a mention within one sentence, got `Ann a. Bo` over several"]
    );
    assert_eq!(crossed.entities[0].mentions.len(), 1);
}

fn told(writer: &dyn Writer, document: &Document) -> Vec<(&'static str, String)> {
    let remarks = writer.remarks(&Written::annotated(document));
    remarks.into_iter().map(|remark| (remark.what, remark.example)).collect()
}

#[test]
fn docred_tells_mentions_without_identity() {
    let mut document = document();
    assert_eq!(told(&DocRedWriter, &document), []);
    document.loose_mentions = vec![mention("home", 2, 5)];
    let what = "mentions without identity, for which DocRED's JSON has no place, not written";
    assert_eq!(told(&DocRedWriter, &document), [(what, "`home`".to_owned())]);
}

#[test]
fn docred_keeps_attributes() {
    let mut document = document();
    let attributes = vec!["novelty=Novel".into(), "score=0.5".into()];
    document.facts = Some(vec![Fact { head: 0, tail: 1, relation: "R".into(), evidence: vec![1], attributes }]);
    let read = through(&DocRedWriter, &DocRed { most_bytes: 1 << 24 }, &document);
    assert_eq!(read.facts, document.facts);
}

#[test]
fn pubtator_keeps_names_apart_and_tells() {
    let named = |id: &str| Document { id: id.into(), facts: Some(Vec::new()), ..document() };
    let names = ["1|x", "1_x", "1\tx", "1 x"].map(|id| {
        let read = through(&PubTatorWriter, &PubTator { dialect: DIALECT, ..PubTator::default() }, &named(id));
        read.id.to_string()
    });
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!((distinct.len(), &*names[1], &*names[3]), (4, "1_x", "1 x"));
    let what = "documents whose names PubTator cannot have, written with others";
    assert_eq!(told(&PubTatorWriter, &named("1|x")), [(what, format!("written as `{}`", names[0]))]);
    assert_eq!(told(&PubTatorWriter, &named("1_x")), []);
    let unlabelled = told(&PubTatorWriter, &Document { facts: None, ..named("1_x") });
    assert!(unlabelled.len() == 1 && unlabelled[0].0.contains("not labelled"), "{unlabelled:?}");
}

#[test]
fn blanks_around_names_keep_documents_apart() {
    let named = |id: &str| Document { id: id.into(), facts: Some(Vec::new()), ..document() };
    let pubtator = PubTator { dialect: DIALECT, ..PubTator::default() };
    for id in ["a ", " a", "a\u{a0}"] {
        let bioc = through(&BioCJsonWriter, &BioC { dialect: DIALECT }, &named(id));
        let read = through(&PubTatorWriter, &pubtator, &named(id));
        assert!(bioc.id.starts_with("a-") && bioc.id == read.id, "{} {}", bioc.id, read.id);
        assert_eq!((told(&BioCJsonWriter, &named(id)).len(), told(&PubTatorWriter, &named(id)).len()), (1, 1));
    }
    assert_eq!(told(&BioCJsonWriter, &named("a")), []);
}

#[test]
fn a_title_that_is_put_before_a_text_is_told() {
    let titled = |title: &str| Document { title: title.into(), facts: Some(Vec::new()), ..document() };
    let what = "documents whose text does not begin with their title, before which PubTator has it as a sentence";
    assert_eq!(told(&PubTatorWriter, &titled("Rome")), [(what, "`Rome`".to_owned())]);
    assert_eq!(told(&PubTatorWriter, &titled("ann came")), []);
    let within =
        "documents whose title ends within a sentence of their text, which PubTator would part, written without";
    assert_eq!(told(&PubTatorWriter, &titled("ann")), [(within, "`ann`".to_owned())]);
    let read = through(&PubTatorWriter, &PubTator { dialect: DIALECT, ..PubTator::default() }, &titled("ann"));
    assert_eq!(sentences(&read)[0], "ann came", "neither doubled nor parted");
    assert_eq!(told(&PubTatorWriter, &titled("")), []);
}

#[test]
fn a_title_that_a_format_has_no_place_for_is_told() {
    let titled = |title: &str| Document { title: title.into(), facts: Some(Vec::new()), ..document() };
    let what = "titles with which no text begins, for which DocRED's JSON has no place, not written";
    assert_eq!(told(&DocRedWriter, &titled("Rome")), [(what, "`Rome`".to_owned())]);
    for kept in ["", "ann  came", &document().id] {
        assert_eq!(told(&DocRedWriter, &titled(kept)), []);
    }
}

#[test]
fn a_title_of_several_sentences_is_a_line() {
    let source = r#"{"id": "d", "title": "What is Rome? A city", "text": "What is Rome? A city\nit is in Italy", "entities": []}"#;
    let document = super::reading::document(&LINES, source);
    let expected = ["What is Rome ?", "A city", "it is in Italy"];
    assert_eq!(sentences(&document), expected);
    assert_eq!(sentences(&through(&DoccanoWriter, &Doccano::default(), &document)), expected);
    assert_eq!(sentences(&through(&LabelStudioWriter, &LabelStudio::default(), &document)), expected);
}

#[test]
fn attributes_that_pubtator_reads_as_others_are_told() {
    let what = "attributes of relations with `;`, tabs or line ends, which PubTator reads as others";
    for (attribute, is_kept) in [
        ("novelty=Novel", true),
        ("score=0.5", true),
        ("note=a b", true),
        ("by=hand", true),
        ("note=a;b", false),
        ("note=a\tb", false),
        ("note= a", true),
        ("note=a ", false),
    ] {
        let fact =
            Fact { head: 0, tail: 1, relation: "R".into(), attributes: vec![attribute.into()], ..Fact::default() };
        let mut document = Document { facts: Some(vec![fact]), ..document() };
        document
            .entities
            .iter_mut()
            .zip(["MESH:D1", "MESH:D2"])
            .for_each(|(entity, id)| entity.kb_id = Some(id.into()));
        let read = through(&PubTatorWriter, &PubTator { dialect: DIALECT, ..PubTator::default() }, &document);
        assert_eq!(read.facts == document.facts, is_kept, "{attribute:?}: {:?}", read.facts);
        let expected = if is_kept { vec![] } else { vec![(what, ground::excerpt::quoted(attribute))] };
        assert_eq!(told(&PubTatorWriter, &document), expected, "{attribute:?}");
    }
}

#[test]
fn an_entity_stays_one_in_pubtator() {
    let reader = PubTator { dialect: DIALECT, ..PubTator::default() };
    let facts = Some(vec![Fact { head: 0, tail: 1, relation: "R".into(), ..Fact::default() }]);
    let mut document = Document { facts: facts.clone(), ..document() };
    for (kb_ids, n_lists) in [
        (["inchi:1S/C2H6O/c1-2-3,4", "x:a|b;c"], 2),
        (["MESH:D1;", "wikidata:Q1"], 1),
        (["p|FS|S,A|290,291||;Gene:11", "wikidata:Q1"], 0),
    ] {
        for (entity, kb_id) in document.entities.iter_mut().zip(kb_ids) {
            entity.kb_id = Some(kb_id.into());
        }
        let read = through(&PubTatorWriter, &reader, &document);
        assert_eq!((read.entities.len(), &read.facts, losses(&read)), (2, &facts, vec![]), "{kb_ids:?}");
        let told = told(&PubTatorWriter, &document);
        let what = "entities whose identifiers PubTator has as lists of several, written without";
        assert_eq!(told.len(), n_lists, "{told:?}");
        assert!(told.iter().all(|remark| remark.0 == what), "{told:?}");
    }
}

#[test]
fn entities_that_come_back_as_others_are_told() {
    let mut document = Document { facts: Some(Vec::new()), ..document() };
    document.entities.iter_mut().for_each(|entity| entity.kb_id = Some("MESH:D1".into()));
    document.loose_mentions = vec![mention("home", 2, 5)];
    let one = "entities of the identity and type of another, read back as one with it";
    let each = "mentions without identity, read back as an entity each";
    let readers: [(&dyn Writer, Document); 2] = [
        (&DoccanoWriter, through(&DoccanoWriter, &Doccano::default(), &document)),
        (&LabelStudioWriter, through(&LabelStudioWriter, &LabelStudio::default(), &document)),
    ];
    for (writer, read) in readers {
        assert_eq!((read.entities.len(), read.loose_mentions.len()), (2, 0));
        assert_eq!(told(writer, &document), [(one, "`MESH:D1`".to_owned()), (each, "`home`".to_owned())]);
    }
    let read = through(&PubTatorWriter, &PubTator { dialect: DIALECT, ..PubTator::default() }, &document);
    assert_eq!((read.entities.len(), read.loose_mentions.len()), (1, 1));
    let of_pubtator = "entities of the identity of another, which PubTator has as one with it";
    assert_eq!(told(&PubTatorWriter, &document), [(of_pubtator, "`MESH:D1`".to_owned())]);
    // Of another type they are two to tools, and one to PubTator still.
    document.entities[1].mentions[0].kind = "LOC".into();
    document.loose_mentions.clear();
    assert_eq!(through(&DoccanoWriter, &Doccano::default(), &document).entities.len(), 2);
    assert_eq!((told(&DoccanoWriter, &document), told(&PubTatorWriter, &document).len()), (vec![], 1));
}

#[test]
fn bioc_keeps_who_is_first_and_what_is_not_labelled() {
    let mut document = document();
    document.entities[0].mentions.insert(0, mention("home", 2, 5));
    let read = through(&BioCJsonWriter, &BioC { dialect: DIALECT }, &document);
    assert_eq!((&*read.entities[0].name(), &*read.entities[1].name(), read.facts), ("home", "bo", None));
    document.facts = Some(Vec::new());
    let read = through(&BioCJsonWriter, &BioC { dialect: DIALECT }, &document);
    assert_eq!(read.facts, Some(Vec::new()));
}

#[test]
fn evidence_in_bioc_is_of_the_sentences_that_are_read() {
    let source = |sentences: &str, evidence: &str| {
        format!(
            r#"{{"id": "d", "text": "Ann ran. Bob sat. Cy met Di. Ed left.", "sentences": {sentences}, "entities": [
                {{"type": "PER", "mentions": [{{"start": 18, "end": 20}}]}},
                {{"type": "PER", "mentions": [{{"start": 25, "end": 27}}]}}],
                "relations": [{{"head": 0, "tail": 1, "type": "met", "evidence": {evidence}}}]}}"#
        )
    };
    let shown = |document: &Document| -> String {
        let all = sentences(document);
        let evidence = document.facts.iter().flatten().flat_map(|fact| &fact.evidence);
        evidence.map(|&sentence| all[sentence as usize].replace(' ', "")).collect()
    };
    let wordless = "relations whose evidence is a sentence without words, for which BioC has no place";
    for (bounds, evidence, expected, n_told) in [
        ("[[0,17],[18,28],[29,37]]", "[1]", "CymetDi.", 0),
        ("[[0,17],[18,28],[29,37]]", "[0, 2]", "Annran.Bobsat.Edleft.", 0),
        ("[[0,8],[9,17],[17,17],[18,28],[29,37]]", "[3]", "CymetDi.", 0),
        ("[[0,8],[9,17],[17,17],[18,28],[29,37]]", "[2, 4]", "Edleft.", 1),
    ] {
        let document = super::reading::document(&LINES, source(bounds, evidence).replace('\n', ""));
        let read = through(&BioCJsonWriter, &BioC { dialect: DIALECT }, &document);
        assert_eq!(shown(&read), expected, "{bounds} {evidence}");
        assert_eq!(told(&BioCJsonWriter, &document), vec![(wordless, "`met`".to_owned()); n_told]);
    }
}

#[test]
fn a_few_words_far_apart_are_written_near() {
    let source = |offset: u32| {
        format!(
            r#"{{"documents": [{{"id": "d", "passages": [{{"offset": 0, "text": "Ann ran."}},
                {{"offset": {offset}, "text": "Bob sat."}}]}}]}}"#
        )
    };
    let length = |offset| {
        let document = super::reading::document(&BioC { dialect: DIALECT }, source(offset));
        Written::annotated(&document).text.len()
    };
    assert_eq!([9, 1_000_000, 2_000_000, 60_000_000].map(length), [17, 1_000_008, 17, 17]);
}

#[test]
fn relations_in_bioc_make_a_document_labelled() {
    let facts = Some(vec![Fact { head: 0, tail: 1, relation: "R".into(), ..Fact::default() }]);
    let labelled = bytes(&BioCJsonWriter, &Document { facts: facts.clone(), ..document() });
    let said =
        String::from_utf8(labelled).unwrap().replacen("\"infons\":{}", "\"infons\":{\"docre:labelled\":\"false\"}", 1);
    assert!(said.contains("docre:labelled"), "{said}");
    let read = BioC { dialect: DIALECT }.parse(&Record { number: 1, bytes: said.into_bytes() }).unwrap();
    assert_eq!(read.facts, facts);
}

/// A document's sentences, each without white space: reading cuts tokens anew.
fn unspaced(document: &Document) -> Vec<String> {
    sentences(document).iter().map(|sentence| sentence.split_whitespace().collect()).collect()
}

#[test]
fn corpora_without_a_text_of_their_own_lose_nothing() {
    for name in ["redocred/dev_revised.json", "jacred/dev.json"] {
        let Some(path) = corpus(name) else { continue };
        for document in read_path(&DocRed { most_bytes: 1 << 24 }, &path).unwrap() {
            let document = document.unwrap().sound().unwrap();
            let read = through(&JsonLinesWriter, &LINES, &document);
            assert_eq!((unspaced(&read), &read.facts), (unspaced(&document), &document.facts));
            let pubtator = PubTator { dialect: DIALECT, ..PubTator::default() };
            let others = [
                through(&BioCJsonWriter, &BioC { dialect: DIALECT }, &document),
                through(&PubTatorWriter, &pubtator, &document),
            ];
            for read in others.iter().chain([&read]) {
                assert_eq!(losses(read), Vec::<String>::new(), "{}", document.id);
            }
        }
    }
}

#[test]
fn what_a_form_cannot_have_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let line = |id: &str| {
        let mention = "{\"type\":\"P\",\"start\":0,\"end\":3}";
        format!("{{\"id\":\"{id}\",\"text\":\"Ann a.\",\"entities\":[],\"mentions\":[{mention}]}}\n")
    };
    std::fs::write(path("source.jsonl"), line("1|x") + &line("1_x")).unwrap();
    let options = Options::of(Format::Jsonl, "all".parse().unwrap());
    let inputs = vec![path("source.jsonl")];
    let conversion = Conversion { options, inputs, mesh: None, relation_labels: None, ids: None, relations: None };
    conversion.run(folder.path(), false, &unheard).unwrap();
    let told = |format| {
        let told = RefCell::new(Vec::new());
        let export = Export { split: &path("all"), relations: None, format };
        let hear = |event| {
            if let Event::Warning(words) = event {
                told.borrow_mut().push(words);
            }
        };
        export.run(&path("out"), true, &hear).unwrap();
        told.into_inner()
    };
    let lost = "mentions without identity, for which DocRED's JSON has no place, not written: 2, the first in document `1|x`: `Ann`";
    assert_eq!(told(Exported::DocRed), [lost]);
    let told = told(Exported::PubTator);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("not labelled") && told[0].contains(": 2, the first"), "{}", told[0]);
    assert!(told[1].contains("written with others: 1, the first in document `1|x`: written as `1_x-"), "{}", told[1]);
}

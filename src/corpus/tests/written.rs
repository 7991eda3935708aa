//! What forms of writing keep of a document that is not as their own are.

use crate::formats::bioc::{BioC, BioCJsonWriter};
use crate::formats::dialect::Dialect;
use crate::formats::jsonl::{JsonLines, JsonLinesWriter};
use crate::formats::pubtator::{PubTator, PubTatorWriter};
use crate::{Document, Entity, Mention, Reader, Record, Token, Writer, Written};

use super::reading::{losses, sentences};

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
        title: "d".into(),
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

//! What is written is read back.

use proptest::prelude::*;
use submission::places::Places;

use crate::document::sentence_spans;
use crate::formats::docred::{DocRed, DocRedWriter, SubmissionWriter};
use crate::formats::jsonl::{JsonLines, JsonLinesWriter};
use crate::writer::{Writer, Written};
use crate::{Document, Entity, Fact, Mention, Reader, Record, Token};

const MOST_BYTES: u64 = 1 << 24;

/// Any text that a token, a name, a type or a relation can be.
const TEXT: &str = "[a-zA-Z0-9é咖😀\"\\\\{}\\[\\],:]{1,6}";

/// A mention by numbers that are brought into its document's range.
type Pick = (usize, usize, usize, String, String);

fn mention(sentences: &[Vec<Token>], (sentence, start, length, name, kind): Pick) -> Mention {
    let sentence = sentence % sentences.len();
    let n_tokens = sentences[sentence].len();
    let start = start % n_tokens;
    let end = start + 1 + length % (n_tokens - start);
    let offset = sentence_spans(sentences)[sentence].0 as usize;
    let (start, end) = (ground::whole(offset + start), ground::whole(offset + end));
    Mention { name: name.into(), kind: kind.into(), sentence: ground::whole(sentence), start, end }
}

/// Documents of tokens without places in a text.
fn documents() -> impl Strategy<Value = Document> {
    let sentences = proptest::collection::vec(proptest::collection::vec(TEXT, 1..6), 1..5);
    let pick = (any::<usize>(), any::<usize>(), any::<usize>(), TEXT, TEXT);
    let entities = proptest::collection::vec(
        (proptest::option::of("[A-Z]{2}:[0-9]{1,3}"), proptest::collection::vec(pick, 1..4)),
        0..5,
    );
    let facts = proptest::option::of(proptest::collection::vec(
        (any::<u32>(), any::<u32>(), TEXT, proptest::collection::btree_set(0_u32..4, 0..3)),
        0..5,
    ));
    (TEXT, sentences, entities, facts).prop_map(|(id, sentences, entities, facts)| {
        let token = |text: String| Token { text: text.into(), characters: None };
        let sentences: Vec<Vec<Token>> =
            sentences.into_iter().map(|tokens| tokens.into_iter().map(token).collect()).collect();
        let entities: Vec<Entity> = entities
            .into_iter()
            .map(|(kb_id, picks)| Entity {
                kb_id: kb_id.map(Into::into),
                mentions: picks.into_iter().map(|pick| mention(&sentences, pick)).collect(),
            })
            .collect();
        let (n_entities, n_sentences) = (ground::whole(entities.len()), ground::whole(sentences.len()));
        let fact = |(head, tail, relation, evidence): (u32, u32, String, std::collections::BTreeSet<u32>)| Fact {
            head: head % n_entities,
            tail: tail % n_entities,
            relation: relation.into(),
            evidence: evidence.into_iter().filter(|sentence| *sentence < n_sentences).collect(),
            ..Fact::default()
        };
        let facts = facts.map(|facts| if n_entities == 0 { Vec::new() } else { facts.into_iter().map(fact).collect() });
        let (id, title) = (id.as_str().into(), id.into());
        Document { id, title, sentences, entities, facts, ..Document::default() }.sound().unwrap()
    })
}

/// What a writer makes of a document, without a frame.
fn written(writer: &dyn Writer, document: &Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    writer.write(&Written::annotated(document), &mut bytes).unwrap();
    bytes
}

fn read_back(reader: &impl Reader, bytes: Vec<u8>) -> Document {
    let document = reader.parse(&Record { number: 1, bytes }).unwrap().sound().unwrap();
    Document { remarks: Vec::new(), ..document }
}

proptest! {
    #[test]
    fn docred(document in documents()) {
        // What it says of facts beside evidence has no place there, nor have losses.
        let document = Document { losses: Vec::new(), ..document };
        prop_assume!(document.facts.iter().flatten().all(|fact| !fact.relation.eq_ignore_ascii_case("na")));
        let back = read_back(&DocRed { most_bytes: MOST_BYTES }, written(&DocRedWriter, &document));
        prop_assert_eq!(back, document);
    }

    #[test]
    fn json_lines(
        words in proptest::collection::vec("[a-zé咖😀\"\\\\]{1,5}[.]?", 1..20),
        gaps in proptest::collection::vec("( |\n|\n\n|  |\t|\r\n|\u{a0})", 20),
        picks in proptest::collection::vec((any::<usize>(), any::<usize>(), proptest::option::of("[A-Z]{2}:[0-9]")), 0..6),
        facts in proptest::option::of(proptest::collection::vec((any::<usize>(), any::<usize>(), TEXT, 0..2_u32), 0..4))
    ) {
        let text: String = words.iter().zip(&gaps).map(|(word, gap)| format!("{word}{gap}")).collect();
        let starts: Vec<usize> = words.iter().zip(&gaps).scan(0, |next, (word, gap)| {
            let own = *next;
            *next += word.chars().count() + gap.chars().count();
            Some(own)
        }).collect();
        let entities: Vec<_> = picks.iter().map(|(first, length, kb_id)| {
            let first = first % words.len();
            let last = first + length % (words.len() - first);
            let end = starts[last] + words[last].chars().count();
            serde_json::json!({"type": "T", "kb_id": kb_id, "mentions": [{"start": starts[first], "end": end}]})
        }).collect();
        let mut source = serde_json::json!({"id": 1, "text": text, "title": words[0], "entities": entities});
        if let Some(facts) = &facts {
            let fact = |(head, tail, relation, evidence): &(usize, usize, String, u32)| {
                let attributes = serde_json::json!({"novelty": relation});
                serde_json::json!({"head": head % entities.len(), "tail": tail % entities.len(), "type": relation,
                    "evidence": [evidence], "attributes": attributes})
            };
            let facts = if entities.is_empty() { Vec::new() } else { facts.iter().map(fact).collect() };
            source["relations"] = facts.into();
        }
        let reader = JsonLines { most_bytes: MOST_BYTES };
        let document = Document { losses: Vec::new(), ..read_back(&reader, source.to_string().into_bytes()) };
        let back = read_back(&reader, written(&JsonLinesWriter, &document));
        prop_assert_eq!(back, document);
    }

    #[test]
    fn submissions(document in documents()) {
        let mut json = b"[".to_vec();
        json.extend(written(&SubmissionWriter::new(Places::default()), &document));
        json.extend(b"\n]");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        let back = submission::read_submission(file.path()).unwrap();
        let facts: Vec<Fact> = back.into_iter().map(|fact| Fact {
            head: fact.head,
            tail: fact.tail,
            relation: fact.relation.into(),
            evidence: fact.evidence.unwrap_or_default(),
            ..Fact::default()
        }).collect();
        prop_assert_eq!(facts, document.facts.unwrap_or_default());
    }
}

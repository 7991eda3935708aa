//! The model from within: what is written in either form is read as it was.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::borrow::Cow;
use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::model::{Annotation, Article, Infons, Passage, Relation, Source};
use super::{BioC, BioCJsonWriter, document, json, xml};
use crate::formats::dialect::{Bars, Dialect, Unit};
use crate::formats::json::Json;
use crate::writer::{Writer, Written};
use crate::{Acceptance, Document, Reader, Record};

const DIALECT: Dialect = Dialect { bars: Bars::Entities, unit: Unit::Document, coreference: None, most_bytes: 1 << 24 };

fn text() -> impl Strategy<Value = Source<'static>> {
    "[a-c<&>\"';\r\n\u{e9}\u{1d49c} \\]]{0,8}".prop_map(Cow::Owned)
}

fn infons() -> impl Strategy<Value = Infons<'static>> {
    vec((prop_oneof![Just(Cow::Borrowed("type")), text()], text()), 0..3).prop_map(Infons)
}

fn annotation() -> impl Strategy<Value = Annotation<'static>> {
    (text(), infons(), vec((any::<u32>(), any::<u32>()), 0..3), text())
        .prop_map(|(id, infons, locations, text)| Annotation { id, infons, locations, text })
}

fn relation() -> impl Strategy<Value = Relation<'static>> {
    (text(), infons(), vec((text(), text()), 0..3)).prop_map(|(id, infons, nodes)| Relation { id, infons, nodes })
}

fn passage(levels: u32) -> BoxedStrategy<Passage<'static>> {
    let sentences = if levels == 0 { Just(Vec::new()).boxed() } else { vec(passage(levels - 1), 0..3).boxed() };
    let inside = (vec(annotation(), 0..3), vec(relation(), 0..2));
    (infons(), proptest::option::of(any::<u32>()), text(), sentences, inside)
        .prop_map(|(infons, offset, text, sentences, (annotations, relations))| Passage {
            infons,
            offset,
            text,
            sentences,
            annotations,
            relations,
        })
        .boxed()
}

fn article() -> impl Strategy<Value = Article<'static>> {
    (text(), infons(), vec(passage(1), 0..3), vec(annotation(), 0..2), vec(relation(), 0..2)).prop_map(
        |(id, infons, passages, annotations, relations)| Article {
            id,
            infons,
            passages,
            annotations,
            relations,
            losses: Vec::new(),
        },
    )
}

fn escaped(text: &str) -> String {
    let escape = |character| match character {
        '<' => "&lt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '>' => "&#x3E;".to_owned(),
        '"' | '\'' | '\r' | '\n' => format!("&#{};", u32::from(character)),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

fn infons_xml(infons: &Infons, xml: &mut String) {
    for (key, value) in &infons.0 {
        write!(xml, "<infon key=\"{}\">{}</infon>", escaped(key), escaped(value)).unwrap();
    }
}

fn annotations_xml(annotations: &[Annotation], xml: &mut String) {
    for annotation in annotations {
        writeln!(xml, "<annotation id='{}'>", escaped(&annotation.id)).unwrap();
        infons_xml(&annotation.infons, xml);
        for (offset, length) in &annotation.locations {
            write!(xml, "<location length=\"{length}\"  offset=\"{offset}\" />").unwrap();
        }
        write!(xml, "<text>{}</text></annotation>", escaped(&annotation.text)).unwrap();
    }
}

fn relations_xml(relations: &[Relation], xml: &mut String) {
    for relation in relations {
        write!(xml, "<relation id=\"{}\">", escaped(&relation.id)).unwrap();
        infons_xml(&relation.infons, xml);
        for (refid, role) in &relation.nodes {
            write!(xml, "<node refid=\"{}\" role=\"{}\"></node>", escaped(refid), escaped(role)).unwrap();
        }
        xml.push_str("</relation>");
    }
}

fn passage_xml(passage: &Passage, tag: &str, xml: &mut String) {
    write!(xml, "<{tag}><!-- <text> -->").unwrap();
    infons_xml(&passage.infons, xml);
    if let Some(offset) = passage.offset {
        write!(xml, "<offset>{offset}</offset>").unwrap();
    }
    write!(xml, "<text>{}</text>", escaped(&passage.text)).unwrap();
    passage.sentences.iter().for_each(|sentence| passage_xml(sentence, "sentence", xml));
    annotations_xml(&passage.annotations, xml);
    relations_xml(&passage.relations, xml);
    write!(xml, "</{tag}>").unwrap();
}

fn article_xml(article: &Article) -> String {
    let mut xml = format!("<document><id>{}</id>", escaped(&article.id));
    infons_xml(&article.infons, &mut xml);
    article.passages.iter().for_each(|passage| passage_xml(passage, "passage", &mut xml));
    annotations_xml(&article.annotations, &mut xml);
    relations_xml(&article.relations, &mut xml);
    xml + "</document>"
}

/// An object in which a key may stand several times.
fn infons_json(infons: &Infons) -> String {
    let infon = |(key, value): &(Source, Source)| format!("{}:{}", json!(key), json!(value));
    format!("{{{}}}", infons.0.iter().map(infon).collect::<Vec<_>>().join(","))
}

fn with_infons(infons: &Infons, mut rest: Value) -> String {
    rest["infons"] = json!("@");
    rest.to_string().replacen("\"infons\":\"@\"", &format!("\"infons\":{}", infons_json(infons)), 1)
}

fn list(items: Vec<String>) -> String {
    format!("[{}]", items.join(","))
}

fn annotations_json(annotations: &[Annotation]) -> String {
    let one = |annotation: &Annotation| {
        let locations =
            annotation.locations.iter().map(|(offset, length)| json!({ "offset": offset, "length": length }));
        let locations: Vec<Value> = locations.collect();
        let rest = json!({ "id": annotation.id, "locations": locations, "text": annotation.text });
        with_infons(&annotation.infons, rest)
    };
    list(annotations.iter().map(one).collect())
}

fn relations_json(relations: &[Relation]) -> String {
    let one = |relation: &Relation| {
        let nodes: Vec<Value> =
            relation.nodes.iter().map(|(refid, role)| json!({ "refid": refid, "role": role })).collect();
        with_infons(&relation.infons, json!({ "id": relation.id, "nodes": nodes }))
    };
    list(relations.iter().map(one).collect())
}

fn passage_json(passage: &Passage) -> String {
    format!(
        "{{\"infons\":{},\"offset\":{},\"text\":{},\"sentences\":{},\"annotations\":{},\"relations\":{}}}",
        infons_json(&passage.infons),
        json!(passage.offset),
        json!(passage.text),
        list(passage.sentences.iter().map(passage_json).collect()),
        annotations_json(&passage.annotations),
        relations_json(&passage.relations)
    )
}

fn article_json(article: &Article) -> String {
    format!(
        "{{\"id\":{},\"infons\":{},\"passages\":{},\"annotations\":{},\"relations\":{}}}",
        json!(article.id),
        infons_json(&article.infons),
        list(article.passages.iter().map(passage_json).collect()),
        annotations_json(&article.annotations),
        relations_json(&article.relations)
    )
}

/// Text of words and stops, and annotations and relations that mostly fit it.
fn plausible() -> impl Strategy<Value = Article<'static>> {
    let words = "((Zeta|may|harm|e\u{301}|\u{1d49c}|\\(|\\)|1|\")[ ]?[ .,]?[ ]{0,2}\n?){1,12}";
    let annotation = (0_u32..60, 1_u32..8, "[ab]", "[XYZ-]?");
    let passages = vec((words, vec(annotation, 0..4), 0_u32..3, any::<bool>()), 1..5);
    let relations = vec(("[XYZ]", "[XYZ]", "[rs]"), 0..4);
    (passages, relations).prop_map(|(passages, relations)| {
        let infons = |list: &[(&'static str, &str)]| {
            let infon = |(key, value): &(&'static str, &str)| (Cow::Borrowed(*key), Cow::Owned((*value).to_owned()));
            Infons(list.iter().map(infon).collect())
        };
        let (mut offset, mut article) = (0, Article { id: "1".into(), ..Article::default() });
        for (number, (text, annotations, gap, is_title)) in passages.into_iter().enumerate() {
            let annotation = |(start, length, kind, id): (u32, u32, String, String)| Annotation {
                id: format!("{number}.{start}").into(),
                infons: infons(&[("type", &kind), ("identifier", &id)]),
                locations: vec![(offset + start, length)],
                text: "".into(),
            };
            let annotations = annotations.into_iter().map(annotation).collect();
            let next = offset + ground::whole(text.chars().count()) + gap;
            let kind = if is_title && number == 0 { "title" } else { "paragraph" };
            article.passages.push(Passage {
                infons: infons(&[("type", kind)]),
                offset: Some(offset),
                text: text.into(),
                annotations,
                ..Passage::default()
            });
            offset = next;
        }
        for (one, other, kind) in relations {
            let novel = if kind == "r" { "Novel" } else { "No" };
            let infons = infons(&[("type", &kind), ("entity1", &one), ("entity2", &other), ("novel", novel)]);
            article.relations.push(Relation { infons, ..Relation::default() });
        }
        article
    })
}

fn accepted(document: Document) -> Document {
    let mut document = Acceptance::default().accept(document, "s".into()).unwrap().document;
    // What is written has no white space but one blank.
    document.uneven.clear();
    let all = document.entities.iter_mut().flat_map(|entity| &mut entity.mentions).chain(&mut document.loose_mentions);
    all.for_each(|mention| mention.name = mention.name.replace('\n', " ").into());
    document.loose_mentions.sort_by_key(|mention| (mention.start, mention.end));
    document.losses.clear();
    document.remarks.clear();
    document.n_relations = None;
    document
}

proptest! {
    #[test]
    fn xml_is_read_as_it_was_written(article in article()) {
        let xml = article_xml(&article);
        prop_assert_eq!(xml::parse(xml.as_bytes()).unwrap(), article);
    }

    #[test]
    fn json_is_read_as_it_was_written(article in article()) {
        let source = article_json(&article);
        let parsed = Json::parse(source.as_bytes()).unwrap();
        prop_assert_eq!(json::article(&parsed).unwrap(), article);
    }

    #[test]
    fn both_forms_are_one_document(article in plausible(), unit in prop_oneof![Just(Unit::Document), Just(Unit::Section), Just(Unit::Passage)]) {
        let reader = BioC { dialect: Dialect { unit, ..DIALECT } };
        let read = |source: String| reader.parse_all(&Record { number: 1, bytes: source.into_bytes() });
        let xml = read(article_xml(&article));
        prop_assert_eq!(&xml, &read(article_json(&article)));
        for document in xml {
            accepted(document.unwrap());
        }
    }

    #[test]
    fn a_document_that_is_written_is_read_back(article in plausible()) {
        let expected = accepted(document::documents(&article, &DIALECT, &|_| true).remove(0).unwrap());
        let mut bytes = Vec::new();
        BioCJsonWriter.write(&Written::annotated(&expected), &mut bytes).unwrap();
        let read = BioC { dialect: DIALECT }.parse(&Record { number: 1, bytes }).unwrap();
        prop_assert!(read.losses.is_empty(), "{:?}", read.losses);
        prop_assert_eq!(accepted(read), expected);
    }
}

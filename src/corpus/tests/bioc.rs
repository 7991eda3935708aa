//! `BioC`, in XML and JSON.

use std::fmt::Write;
use std::path::Path;

use crate::formats::bioc::{BioC, BioCJsonWriter};
use crate::formats::dialect::{Bars, Dialect, Unit};
use crate::formats::pubtator::PubTator;
use crate::source::Input;
use crate::writer::{Claim, Writer, Written};
use crate::{CutError, Document, Fault, Reader, Record, Reject};

use super::reading::{corpus, cut_error, facts, mentions, sentences, survive};

pub const READER: BioC =
    BioC { dialect: Dialect { bars: Bars::Entities, unit: Unit::Document, coreference: None, most_bytes: 1 << 24 } };

pub fn read(reader: &BioC, contents: impl AsRef<[u8]>) -> Result<Vec<Result<Document, Reject>>, CutError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source");
    std::fs::write(&path, contents).unwrap();
    read_path(reader, &path)
}

fn read_path(reader: &BioC, path: &Path) -> Result<Vec<Result<Document, Reject>>, CutError> {
    let mut documents = Vec::new();
    for record in reader.records(Input::at(path))? {
        documents.extend(reader.parse_all(&record?));
    }
    Ok(documents)
}

pub fn document(contents: impl AsRef<[u8]>) -> Document {
    let mut documents = read(&READER, contents).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0).unwrap()
}

fn fault(contents: impl AsRef<[u8]>) -> String {
    let mut documents = read(&READER, contents).unwrap();
    assert_eq!(documents.len(), 1);
    let Fault { column, reason } = documents.remove(0).unwrap_err().fault;
    format!("{column}: {reason}")
}

pub fn losses(document: &Document) -> Vec<String> {
    let told = |loss: &crate::Loss| format!("{}: {}: {}", loss.part.name(), loss.fault.column, loss.fault.reason);
    document.losses.iter().map(told).collect()
}

pub fn remarks(document: &Document) -> Vec<&str> {
    document.remarks.iter().map(|remark| remark.what).collect()
}

pub fn collection(documents: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><!DOCTYPE collection SYSTEM \"BioC.dtd\"><collection><source>own\
         </source><date></date><key/>{documents}</collection>\n"
    )
}

fn infons(infons: &[(&str, &str)]) -> String {
    infons.iter().fold(String::new(), |mut all, (key, value)| {
        write!(all, "<infon key=\"{key}\">{value}</infon>").unwrap();
        all
    })
}

/// An annotation: id, type, identifier, offset, length, text.
pub fn annotation(id: &str, kind: &str, identifier: &str, offset: u32, length: u32, text: &str) -> String {
    let infons = infons(&[("type", kind), ("identifier", identifier)]);
    format!(
        "<annotation id=\"{id}\">{infons}<location offset=\"{offset}\" length=\"{length}\"/><text>{text}</text></annotation>"
    )
}

pub fn passage(kind: &str, offset: u32, text: &str, annotations: &str) -> String {
    format!(
        "<passage><infon key=\"type\">{kind}</infon><offset>{offset}</offset><text>{text}</text>{annotations}</passage>"
    )
}

pub fn relation(said: &[(&str, &str)], nodes: &str) -> String {
    format!("<relation id=\"R0\">{}{nodes}</relation>", infons(said))
}

pub fn article(id: &str, inside: &str) -> String {
    format!("<document><id>{id}</id>{inside}</document>")
}

/// `Zeta harms. Zeta may cause deep-vein rash.` with two entities, and what stands behind its passages.
pub fn with(relations: &str) -> String {
    let title = passage("title", 0, "Zeta harms.", &annotation("1", "Chemical", "D000001", 0, 4, "Zeta"));
    let body = annotation("2", "Chemical", "D000001", 12, 4, "Zeta")
        + &annotation("3", "Disease", "D000002", 27, 14, "deep-vein rash");
    let body = passage("abstract", 12, "Zeta may cause deep-vein rash.", &body);
    collection(&article("7", &(title + &body + relations)))
}

#[test]
fn a_document_is_read() {
    let said = [("entity1", "D000001"), ("entity2", "D000002"), ("type", "Association"), ("novel", "No")];
    let document = document(with(&relation(&said, "")));
    assert_eq!((&*document.id, &*document.title), ("7", "Zeta harms."));
    assert_eq!(sentences(&document), ["Zeta harms .", "Zeta may cause deep - vein rash ."]);
    assert_eq!(document.entities[0].kb_id.as_deref(), Some("D000001"));
    assert_eq!(mentions(&document, 0), [("Zeta", 0, 0, 1), ("Zeta", 1, 3, 4)]);
    assert_eq!(mentions(&document, 1), [("deep-vein rash", 1, 6, 10)]);
    assert_eq!(facts(&document), [(0, "Association", 1)]);
    assert_eq!(document.facts.as_ref().unwrap()[0].attributes, ["novelty=No".into()]);
    assert_eq!(document.sentences[1][0].characters, Some((12, 16)));
    assert!(document.losses.is_empty() && document.remarks.is_empty());
}

#[test]
fn relations_are_read_in_all_dialects() {
    let check = |relations: &str| {
        let document = document(with(relations));
        assert_eq!(facts(&document), [(0, "CID", 1)], "{relations}: {:?}", losses(&document));
    };
    check(&relation(&[("type", "CID")], "<node refid=\"2\" role=\"Chemical\"/><node refid=\"3\" role=\"Disease\"/>"));
    check(&relation(&[("type", "CID"), ("entity1", "D000001"), ("entity2", "D000002")], ""));
    check(&relation(&[("type", "CID"), ("entity1", "MESH:D000001"), ("entity2", "D000002")], ""));
    let roles = [("type", "CID"), ("role1", "Chemical|MESH:D000001"), ("role2", "Disease|D000002"), ("score", "0.98")];
    check(&relation(&roles, "<node refid=\"0\" role=\"0,1\"/>"));
    check(&relation(&[("relation", "CID"), ("Chemical", "D000001"), ("Disease", "D000002")], ""));
    let document = document(with(&relation(&roles, "")));
    assert_eq!(document.facts.as_ref().unwrap()[0].attributes, ["score=0.98".into()]);
}

#[test]
fn a_relation_that_is_wrong_is_lost_alone() {
    let check = |relations: String, expected: &str| {
        let document = document(with(&relations));
        assert_eq!(losses(&document), [format!("relation: relation `R0`: {expected}")]);
        assert_eq!((document.entities.len(), facts(&document).len()), (2, 0));
    };
    let of = |one, other| relation(&[("type", "CID"), ("entity1", one), ("entity2", other)], "");
    check(of("D000001", "D9"), "expected the id of a mention, got `D9`");
    check(of("-", "D000001"), "expected the id of a mention, got `-`");
    check(relation(&[("entity1", "D000001"), ("entity2", "D000002")], ""), "expected an infon `type`, got none");
    check(relation(&[("type", "CID")], ""), "expected two ends, as nodes or infons, got 0 nodes");
    let nodes = "<node refid=\"2\" role=\"\"/><node refid=\"9\" role=\"\"/>";
    check(relation(&[("type", "CID")], nodes), "expected the id of an annotation, got `9`");
    let three = "<node refid=\"2\" role=\"\"/><node refid=\"3\" role=\"\"/><node refid=\"1\" role=\"\"/>";
    check(relation(&[("type", "CID")], three), "expected two ends, as nodes or infons, got 3 nodes");
}

/// A document of one passage with the text, and annotations in it.
fn of_text(text: &str, annotations: &str) -> Document {
    document(collection(&article("1", &passage("title", 0, text, annotations))))
}

#[test]
fn a_mention_that_is_wrong_is_lost_alone() {
    let check = |annotation: String, expected: &str| {
        let document = of_text("Zeta harms.", &(annotation + &self::annotation("2", "T", "X", 0, 4, "Zeta")));
        assert_eq!(losses(&document), [format!("mention: annotation `1`: {expected}")]);
        assert_eq!(document.entities.len(), 1);
    };
    check(annotation("1", "T", "X", 5, 5, "cures"), "expected the text `harms`, got `cures`");
    check(annotation("1", "T", "X", 5, 50, ""), "expected a span within the text of a passage, got 5 to 55");
    check(annotation("1", "T", "X", 5, 0, ""), "expected a length of at least 1, got 0");
    check(annotation("1", "T", "X", 4, 1, ""), "expected a mention, got nothing but whitespace");
    check(annotation("1", "", "X", 0, 4, "Zeta"), "expected an infon `type`, got none");
    check("<annotation id=\"1\"><infon key=\"type\">T</infon></annotation>".into(), "expected a location, got none");
    let bad = "<annotation id=\"1\"><infon key=\"type\">T</infon><location offset=\"x\" length=\"4\"/></annotation>";
    check(bad.into(), "expected a whole number as the offset of its location, got `x`");
}

#[test]
fn the_text_wins_over_names() {
    let document = of_text("A  Deep\nrash.", &annotation("1", "T", "X", 3, 9, "deep rash"));
    assert_eq!(mentions(&document, 0), [("Deep\nrash", 0, 1, 3)]);
    assert_eq!(remarks(&document), ["names that differ from the text, and are taken as it has them"]);
}

#[test]
fn pieces_are_taken_from_the_first_to_the_last() {
    let pieces = |text: &str, end: u32| {
        format!(
            "<annotation id=\"1\"><infon key=\"type\">T</infon><infon key=\"cui\">X</infon><location offset=\"{end}\" \
             length=\"7\"/><location offset=\"0\" length=\"6\"/><text>{text}</text></annotation>"
        )
    };
    let text = "breast and ovarian cancers";
    for name in ["breast [...] cancers", "breast cancers", "breast and ovarian cancers", ""] {
        let document = of_text(text, &pieces(name, 19));
        assert_eq!(mentions(&document, 0), [(text, 0, 0, 4)], "{name}");
        assert_eq!(remarks(&document), ["mentions in several pieces, taken from the first to the last"]);
    }
    let document = of_text(text, &pieces("lung cancers", 19));
    assert_eq!(losses(&document), ["mention: annotation `1`: expected the text `breastcancers`, got `lung cancers`"]);
    let far = format!("breast {} cancers", "and ".repeat(300));
    let far = of_text(&far, &pieces("breast cancers", 1208));
    assert_eq!(remarks(&far), ["mentions in pieces far apart, taken as the first of them"]);
}

#[test]
fn ids_are_identities_by_type() {
    let annotations = [
        annotation("1", "Gene", "9606", 0, 1, "A"),
        annotation("2", "Species", "9606", 2, 1, "B"),
        annotation("3", "Gene", "NCBIGene:9606", 4, 1, "C"),
        annotation("4", "Disease", "-", 6, 1, "D"),
        annotation("5", "Disease", "", 8, 1, "E"),
        annotation("6", "Disease", "D000001,D000002", 10, 1, "F"),
        annotation("7", "SequenceVariant", "c|DEL|1314_1328|", 12, 1, "G"),
        "<annotation id=\"8\"><infon key=\"type\">Gene</infon><infon key=\"NCBI Homologene\">9606</infon>\
         <location offset=\"14\" length=\"1\"/><text>H</text></annotation>"
            .to_owned(),
        annotation("9", "Disease", "Disease|MESH:D000001", 16, 1, "I"),
    ];
    let document = of_text("A B C D E F G H I", &annotations.concat());
    let ids: Vec<&str> = document.entities.iter().map(|entity| entity.kb_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["9606", "9606", "D000001", "D000002", "c|DEL|1314_1328|", "homologene:9606"]);
    let n_mentions: Vec<usize> = document.entities.iter().map(|entity| entity.mentions.len()).collect();
    assert_eq!((n_mentions, document.loose_mentions.len()), (vec![2, 1, 2, 1, 1, 1], 2));
}

#[test]
fn annotations_without_identity_are_entities_where_relations_name_them() {
    let bare = |id: &str, offset: u32, text: &str| {
        format!(
            "<annotation id=\"{id}\"><infon key=\"type\">T</infon><location offset=\"{offset}\" length=\"1\"/><text>\
             {text}</text></annotation>"
        )
    };
    let passage = passage("title", 0, "A B C", &(bare("x", 0, "A") + &bare("y", 2, "B") + &bare("z", 4, "C")));
    let alone = document(collection(&article("1", &passage)));
    assert_eq!((alone.entities.len(), alone.loose_mentions.len()), (0, 3));
    let nodes = relation(&[("type", "r")], "<node refid=\"z\" role=\"a\"/><node refid=\"x\" role=\"b\"/>");
    let related = document(collection(&article("1", &(passage + &nodes))));
    assert_eq!((related.entities.len(), facts(&related)), (3, vec![(2, "r", 0)]));
}

#[test]
fn offsets_in_other_units_are_told() {
    let text = "Café ‰ naïve 𝒜 Zeta. Ünder Beta.";
    let at = |part: &str, unit: fn(char) -> usize, base: u32| -> u32 {
        let before = &text[..text.find(part).unwrap()];
        base + u32::try_from(before.chars().map(unit).sum::<usize>()).unwrap()
    };
    let check = |unit: fn(char) -> usize, base: u32, expected: &[&str]| {
        let annotations = annotation("1", "T", "X", at("Zeta", unit, base), 4, "Zeta")
            + &annotation("2", "T", "Y", at("Beta", unit, base), 4, "Beta");
        let passages = passage("title", 0, "Title", "") + &passage("abstract", 6, text, &annotations);
        let document = document(collection(&article("1", &passages)));
        assert_eq!(remarks(&document), expected);
        assert_eq!((losses(&document).len(), mentions(&document, 0)), (0, vec![("Zeta", 1, 5, 6)]));
    };
    check(|_| 1, 6, &[]);
    check(char::len_utf8, 6, &["documents whose offsets count bytes"]);
    check(char::len_utf16, 6, &["documents whose offsets count UTF-16 units"]);
    check(|_| 1, 0, &["documents whose offsets count from the passage"]);
}

#[test]
fn an_annotation_may_stand_in_another_passage() {
    let annotations = annotation("1", "T", "X", 6, 4, "Zeta");
    let passages = passage("title", 0, "Title", &annotations) + &passage("abstract", 6, "Zeta harms.", "");
    let document = document(collection(&article("1", &passages)));
    assert_eq!(mentions(&document, 0), [("Zeta", 1, 1, 2)]);
}

#[test]
fn sentences_are_passages_of_a_passage() {
    let sentence = |offset: u32, text: &str, inside: &str| {
        format!("<sentence><offset>{offset}</offset><text>{text}</text>{inside}</sentence>")
    };
    let inside = sentence(0, "Zeta harms ", "") + &sentence(11, "It may.", &annotation("1", "T", "X", 11, 2, "It"));
    let source = collection(&article("1", &format!("<passage><offset>0</offset>{inside}</passage>")));
    let document = document(source);
    assert_eq!(sentences(&document), ["Zeta harms", "It may ."]);
    assert_eq!(mentions(&document, 0), [("It", 1, 2, 3)]);
}

/// A full text with three sections, entities X in all, Y in the results alone, Z in the methods.
fn full_text() -> String {
    let of = |kind: &str, section: &str, offset: u32, text: &str, annotations: &str| {
        let infons = infons(&[("section_type", section), ("type", kind)]);
        format!("<passage>{infons}<offset>{offset}</offset><text>{text}</text>{annotations}</passage>")
    };
    let title = of("front", "TITLE", 0, "On X", &annotation("1", "T", "X", 3, 1, "X"));
    let methods = of("title_1", "METHODS", 5, "How", "")
        + &of(
            "paragraph",
            "METHODS",
            9,
            "X Z.",
            &(annotation("2", "T", "X", 9, 1, "X") + &annotation("3", "T", "Z", 11, 1, "Z")),
        );
    let results = of(
        "paragraph",
        "RESULTS",
        14,
        "X Y.",
        &(annotation("4", "T", "X", 14, 1, "X") + &annotation("5", "T", "Y", 16, 1, "Y")),
    );
    let relations: String = [("X", "Y"), ("X", "Z"), ("Y", "Z")]
        .map(|(one, other)| relation(&[("type", "r"), ("entity1", one), ("entity2", other)], ""))
        .concat();
    collection(&article("9", &(title + &methods + &results + &relations)))
}

#[test]
fn a_document_may_be_a_section_or_a_passage() {
    let of = |unit| {
        let reader = BioC { dialect: Dialect { unit, ..READER.dialect } };
        let documents = read(&reader, full_text()).unwrap();
        documents.into_iter().map(|document| document.unwrap()).collect::<Vec<_>>()
    };
    let named = |documents: &[Document]| -> Vec<(String, String, usize)> {
        let named = |document: &Document| (document.id.to_string(), document.title.to_string(), facts(document).len());
        documents.iter().map(named).collect()
    };
    let expected = |list: &[(&str, &str, usize)]| -> Vec<(String, String, usize)> {
        list.iter().map(|&(id, title, facts)| (id.into(), title.into(), facts)).collect()
    };
    assert_eq!(named(&of(Unit::Document)), expected(&[("9", "On X", 3)]));
    let sections = of(Unit::Section);
    assert_eq!(
        named(&sections),
        expected(&[("9#TITLE", "On X", 0), ("9#METHODS", "How", 1), ("9#RESULTS", "On X", 1)])
    );
    let out_of_reach =
        "relation: relation `R0`: out of reach: expected both ends in one section or passage, got them in several";
    assert_eq!(losses(&sections[0]), [out_of_reach]);
    assert_eq!(sections[1].sentences[0][0].characters, Some((0, 3)), "from the start of the section");
    let passages = of(Unit::Passage);
    assert_eq!(
        named(&passages),
        expected(&[("9#0", "On X", 0), ("9#1", "On X", 0), ("9#2", "On X", 1), ("9#3", "On X", 1)])
    );
}

#[test]
fn references_are_those_of_xml_alone() {
    let document =
        of_text("A &lt;&#98;&gt; &amp;<![CDATA[<c>]]><!-- d --> e", &annotation("1", "T", "X", 6, 4, "&amp;&lt;c&gt;"));
    assert_eq!(sentences(&document), ["A < b > & < c > e"]);
    let entity = collection(&article("1", &passage("title", 0, "&nbsp;", "")));
    assert_eq!(fault(entity), "record: expected one of XML's five entities or a number, got `&nbsp;`");
    let bomb = "<!DOCTYPE collection [<!-- don't --> <!ELEMENT a (b)>\n<!ENTITY a \"aaaa\">]><collection/>";
    let refused = "expected no entities of its own, found `<!ENTITY` in its DOCTYPE: they are not expanded";
    assert_eq!(cut_error(&READER, bomb), refused);
    let declared = "<!DOCTYPE collection [<!-- don't --> <!ELEMENT a (b)> <?pi?>]><collection/>";
    assert_eq!(read(&READER, declared).unwrap().len(), 0);
}

#[test]
fn documents_are_cut_past_comments_and_cdata() {
    let tricky = "<!-- </document> --><infon key=\"a>b\"><![CDATA[</document>]]></infon><?x </document> ?>";
    let source =
        collection(&(article("1", tricky) + "<!--<document>-->\n<document  >\n<id>2</id></document ><document/>"));
    let ids: Vec<Option<String>> = read(&READER, &source)
        .unwrap()
        .into_iter()
        .map(|document| document.ok().map(|document| document.id.to_string()))
        .collect();
    assert_eq!(ids, [Some("1".into()), Some("2".into()), None]);
    assert_eq!(read(&READER, format!("\u{FEFF} {}", &source[38..])).unwrap().len(), 3, "a byte order mark, blanks");
    assert_eq!(read(&READER, collection("")).unwrap().len(), 0);
    assert_eq!(read(&READER, "<document><id>1</id></document>").unwrap().len(), 1);
    assert_eq!(read(&READER, source.repeat(2)).unwrap().len(), 6, "one collection behind the other");
}

/// The documents up to the damage, and what it is.
fn damaged(contents: &[u8]) -> (usize, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source");
    std::fs::write(&path, contents).unwrap();
    let records: Vec<_> = READER.records(Input::at(&path)).unwrap().collect();
    let (last, before) = records.split_last().unwrap();
    (before.len(), last.as_ref().unwrap_err().to_string())
}

#[test]
fn damage_stays_where_it_is() {
    let source = collection(&(article("1", "") + &article("2", "")));
    let end = source.find("<id>2").unwrap();
    let truncated = |inside: &str| format!("the file ends inside {inside}: it is truncated there");
    assert_eq!(damaged(&source.as_bytes()[..end]), (1, truncated("a document")));
    assert_eq!(damaged(&source.as_bytes()[..end - 10]), (1, truncated("the collection")));
    assert_eq!(damaged(b"<collection><!-- "), (0, truncated("a comment")));
    assert_eq!(damaged(b"<!DOCTYPE collection [ "), (0, truncated("its DOCTYPE")));
    let unclosed = read(&READER, source.replacen("</document>", "", 1)).unwrap();
    let reject = unclosed[0].clone().unwrap_err();
    assert_eq!(reject.fault.reason, "expected `</document>`, got the end of the record");
    assert!(unclosed[1].is_ok());
    let array = br#"{"documents": [{"id": "1", "passages": []}, {"id": "#;
    assert_eq!(damaged(array), (1, truncated("a document")));
    assert_eq!(damaged(br#"[{"id": "1"},"#), (1, truncated("the array of documents")));
    assert_eq!(damaged(br#"{"id": "1"} x"#), (1, "expected a document or the end, found 'x'".into()));
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    assert_eq!(
        cut_error(&READER, "<article><body/></article>"),
        "expected BioC, an element `collection`, found `article`"
    );
    assert_eq!(cut_error(&READER, "1|t|x"), "expected BioC, in XML (`<`) or JSON (`{` or `[`), found '1'");
    assert_eq!(cut_error(&READER, ""), "the file is empty");
    assert_eq!(cut_error(&READER, "<!-- x -->"), "expected an element `collection`, found none");
    let encoded = "expected UTF-8, found the encoding `ISO-8859-1`: convert it, as by `iconv -t UTF-8`";
    let latin = "<?xml version='1.0' encoding='ISO-8859-1'?><collection/>";
    assert_eq!(cut_error(&READER, latin), encoded);
    // Told of any text before its format is looked at.
    assert_eq!(cut_error(&READER, b"\xFF\xFE<\0c\0"), "a text in UTF-16: expected UTF-8, save it so");
    let ascii = latin.replace("ISO-8859-1", "us-ascii");
    assert_eq!(read(&READER, ascii).unwrap().len(), 0);
    let bytes = b"<collection><document><id>\xE9</id></document></collection>";
    assert_eq!(fault(bytes), "record: expected UTF-8: invalid utf-8 sequence of 1 bytes from index 14");
}

#[test]
fn a_document_that_is_refused_is_named() {
    for json in [r#"{"id": 17, "text": "Zeta."}"#, r#"{"_id": "17", "passages": 3}"#] {
        let reject = read(&READER, json).unwrap()[0].clone().unwrap_err();
        assert_eq!((reject.name.as_deref(), &*reject.fault.column), (Some("17"), "passages"), "{json}");
    }
}

#[test]
fn what_is_hostile_is_refused_in_bounds() {
    let levels = 100_000;
    let deep = "<a>".repeat(levels) + &"</a>".repeat(levels);
    let too_deep = "record: expected elements nested at most 100 deep, got more";
    assert_eq!(fault(collection(&article("1", &deep))), too_deep);
    assert_eq!(fault(collection(&article("1", &format!("<passage><text>{deep}</text></passage>")))), too_deep);
    let json = format!(r#"{{"documents": [{{"id": "1", "a": {}{}}}]}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(fault(json).starts_with("record: expected JSON: recursion limit exceeded"));
    assert!(damaged("[".repeat(levels).as_bytes()).1.starts_with("expected arrays nested at most 16 deep"));
    // A record that is too long is cut, and the next one whole.
    let reader = BioC { dialect: Dialect { most_bytes: 1_000, ..READER.dialect } };
    let long = "x".repeat(100_000);
    let json = format!(r#"{{"infons": "{long}", "documents": [{{"id": "{long}"}}, {{"id": "2", "passages": []}}]}}"#);
    for source in [collection(&(article(&long, "") + &article("2", ""))), json] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        std::fs::write(&path, source).unwrap();
        let records: Vec<Record> = reader.records(Input::at(&path)).unwrap().map(Result::unwrap).collect();
        assert_eq!((records[0].bytes.len(), records.len()), (1_001, 2));
        assert!(reader.parse(&records[0]).is_err());
        assert_eq!(&*reader.parse(&records[1]).unwrap().id, "2");
    }
}

/// Bytes of a source without an end.
struct Endless {
    start: &'static [u8],
    left: u64,
}

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let from_start = n.min(self.start.len());
        let (start, rest) = self.start.split_at(from_start);
        buffer[..from_start].copy_from_slice(start);
        buffer[from_start..n].fill(b'x');
        (self.start, self.left) = (rest, self.left - n as u64);
        Ok(n)
    }
}

#[test]
#[ignore = "reads gigabytes"]
fn a_text_of_a_gigabyte_is_not_held() {
    for start in [&b"<collection><document><id>"[..], b"{\"documents\": [{\"id\": \"", b"<collection><source>"] {
        let endless = Endless { start, left: 1 << 30 };
        let records = READER.records_of(Box::new(std::io::BufReader::new(endless))).unwrap();
        let last = records.last().unwrap();
        assert!(last.unwrap_err().to_string().starts_with("the file ends inside"));
    }
}

#[test]
fn json_is_read_in_all_its_layouts() {
    let one = r#"{"id": "7", "infons": {}, "passages": [{"offset": 0, "infons": {"type": "title"}, "text": "Zeta harms.",
        "annotations": [{"id": "1", "infons": {"identifier": "D000001", "type": "Chemical", "valid": true},
            "text": "Zeta", "locations": [{"offset": 0, "length": 4}]},
          {"id": 2, "infons": {"identifier": 5, "type": "Disease", "normalized": [5]}, "text": "harms",
            "locations": [{"offset": "5", "length": 5}]}]}],
        "relations": [{"id": "R0", "infons": {"score": 0.5, "type": "CID",
            "role1": {"type": "Chemical", "identifier": "D000001"}, "role2": {"type": "Disease", "identifier": "5"}},
          "nodes": [{"refid": "0", "role": "0,1"}]}]}"#;
    let two = one.replace("\"7\"", "8");
    for source in [
        format!(r#"{{"source": "", "infons": {{"documents": "no"}}, "documents": [{one}, {two}], "key": [1, {{}}]}}"#),
        format!(r#"{{"PubTator3": [{one}, {two}]}}"#),
        format!("[{one},\n{two}]"),
        format!("\u{FEFF}{one}\n{two}\n"),
        format!(r#"[{{"documents": [{one}]}}, {{"documents": [{two}], "date": ""}}]"#),
    ] {
        let documents: Vec<Document> =
            read(&READER, &source).unwrap().into_iter().map(|document| document.unwrap()).collect();
        assert_eq!(documents.iter().map(|document| &*document.id).collect::<Vec<_>>(), ["7", "8"], "{source}");
        assert_eq!(facts(&documents[0]), [(0, "CID", 1)]);
        assert_eq!(documents[0].facts.as_ref().unwrap()[0].attributes, ["score=0.5".into()]);
    }
    let bad = one.replace("\"offset\": \"5\"", "\"offset\": \"five\"");
    assert_eq!(
        losses(&document(bad))[0],
        "mention: passages[0].annotations[1].locations[0].offset: expected a whole number from 0 and below 2^32, got the text `five`"
    );
    assert_eq!(fault("{\"passages\": []}"), "id: expected the document's id, got none");
    assert_eq!(fault(r#"{"id": "7", "text": "of another format"}"#), "passages: missing");
    assert_eq!(fault("[7]"), "record: expected an object, got 7");
    assert_eq!(read(&READER, "{\"documents\": []}").unwrap().len(), 0);
}

#[test]
fn biored_is_the_same_in_both_forms() {
    let Some(folder) = corpus("biored") else { return };
    let read = |name: &str| -> Vec<Document> {
        let documents = read_path(&READER, &folder.join(name)).unwrap();
        documents.into_iter().map(|document| document.unwrap()).collect()
    };
    let (xml, mut json) = (read("biored_Dev.BioC.XML"), read("biored_Dev.BioC.JSON"));
    assert_eq!(xml.len(), 100);
    let lost: Vec<String> = xml.iter().flat_map(losses).collect();
    assert_eq!(lost, ["relation: relation `R18`: expected two things, got one and the same"]);
    let facts: usize = xml.iter().map(|document| facts(document).len()).sum();
    assert_eq!(facts + lost.len(), 1_162);
    // The JSON says of no passage what it is.
    assert!(json.iter().all(|document| document.title.is_empty()));
    for (json, xml) in json.iter_mut().zip(&xml) {
        json.title = xml.title.clone();
    }
    assert_eq!(xml, json);
    let n_mentions = |document: &Document| {
        let spans = document.entities.iter().flat_map(|entity| &entity.mentions).chain(&document.loose_mentions);
        spans.map(|mention| (mention.start, mention.end)).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(xml.iter().map(n_mentions).sum::<usize>(), 3_533);
}

/// A document's sentences, mentions by CURIE, and facts by CURIEs, in order.
fn told(document: Document) -> (String, Vec<String>, Vec<String>, Vec<String>) {
    let document = accepted(document);
    let mention = |id: &str, mention: &crate::Mention| {
        let crate::Mention { name, kind, sentence, start, end } = mention;
        format!("{id} {kind} {name} {sentence} {start} {end}")
    };
    let id = |entity: u32| document.entities[entity as usize].kb_id.as_deref().unwrap();
    let mut mentions: Vec<String> = (0..)
        .zip(&document.entities)
        .flat_map(|(place, entity)| entity.mentions.iter().map(move |one| mention(id(place), one)))
        .chain(document.loose_mentions.iter().map(|one| mention("", one)))
        .collect();
    mentions.sort();
    let facts = document.facts.iter().flatten();
    let mut facts: Vec<String> = facts
        .map(|fact| format!("{} {} {} {:?}", id(fact.head), fact.relation, id(fact.tail), fact.attributes))
        .collect();
    facts.sort();
    let places = document.sentences.iter().flatten().map(|token| format!("{:?}", token.characters)).collect();
    (document.id.to_string(), [sentences(&document), places].concat(), mentions, facts)
}

#[test]
fn biored_is_the_same_as_in_pubtator() {
    let Some(folder) = corpus("biored") else { return };
    let xml = read_path(&READER, &folder.join("biored_Dev.BioC.XML")).unwrap();
    let pubtator = super::reading::read_path(&PubTator::default(), &folder.join("Dev.PubTator")).unwrap();
    assert_eq!(xml.len(), pubtator.len());
    let mut n_facts = 0;
    for (xml, pubtator) in xml.into_iter().zip(pubtator) {
        let (xml, pubtator) = (told(xml.unwrap()), told(pubtator.unwrap()));
        assert_eq!(xml, pubtator);
        n_facts += xml.3.len();
    }
    assert_eq!(n_facts, 1_161, "1,162 less one of an entity with itself");
}

/// A document as the tables have it.
fn accepted(document: Document) -> Document {
    crate::Acceptance::default().accept(document, "s".into()).unwrap().document
}

/// The same, written and read.
fn there_and_back(document: &Document) -> Document {
    let mut bytes = Vec::new();
    BioCJsonWriter.write(&Written::annotated(document), &mut bytes).unwrap();
    accepted(self::document(&bytes))
}

/// With mentions that have no identity in the order of the text.
fn in_order(mut document: Document) -> Document {
    document.loose_mentions.sort_by_key(|mention| (mention.start, mention.end));
    document.losses.clear();
    document.remarks.clear();
    document
}

#[test]
fn what_is_written_is_read_back() {
    let said = [("entity1", "D000001"), ("entity2", "D000002"), ("type", "Association"), ("novel", "No")];
    let mut documents = vec![document(with(&relation(&said, ""))), document(full_text())];
    documents.push(of_text(
        "A heading, then (what",
        "<annotation id=\"1\"><infon key=\"type\">T</infon><location offset=\"0\" length=\"1\"/></annotation>",
    ));
    documents[0].facts.as_mut().unwrap()[0].evidence = vec![0, 1];
    documents[0].entities[0].kb_id = None;
    documents.push(Document { title: "elsewhere".into(), ..documents[0].clone() });
    documents.push(Document { id: "none".into(), ..Document::default() });
    if let Some(folder) = corpus("biored") {
        let read = read_path(&READER, &folder.join("biored_Dev.BioC.XML")).unwrap();
        documents.extend(read.into_iter().map(Result::unwrap));
    }
    for document in documents {
        let expected = in_order(accepted(document));
        assert_eq!(in_order(there_and_back(&expected)), expected);
    }
}

#[test]
fn each_value_of_an_attribute_comes_back() {
    let mut document =
        accepted(document(with(&relation(&[("type", "R"), ("entity1", "D000001"), ("entity2", "D000002")], ""))));
    let attributes = [
        "Entity1=a",
        "docre:2:novelty=x",
        "docre:evidence=9",
        "novel=Yes",
        "novelty=No",
        "novelty=Novel",
        "novelty=a,b",
        "novelty_2=y",
        "score=1",
        "score=2",
        "type=other",
    ];
    document.facts.as_mut().unwrap()[0].attributes = attributes.map(Into::into).to_vec();
    let mut back = there_and_back(&document);
    let fact = &mut back.facts.as_mut().unwrap()[0];
    assert_eq!(&*fact.relation, "R");
    fact.attributes.sort_unstable();
    assert_eq!(fact.attributes, attributes.map(Into::into));
    assert!(BioCJsonWriter.remarks(&Written::annotated(&document)).is_empty());
    let long = format!("a={}", "b".repeat(300));
    document.facts.as_mut().unwrap()[0].attributes = vec!["a= b".into(), "bare".into(), long.into(), "c=d".into()];
    assert_eq!(BioCJsonWriter.remarks(&Written::annotated(&document)).len(), 3);
}

#[test]
fn predictions_are_written_with_their_probability() {
    let document = accepted(document(with("")));
    let claim = Claim {
        head: 0,
        tail: 1,
        relation: "CID".into(),
        evidence: vec![],
        attributes: vec![],
        probability: Some(0.75),
    };
    let mut bytes = Vec::new();
    BioCJsonWriter.write(&Written::predicted(&document, vec![claim]), &mut bytes).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let expected = serde_json::json!({
        "id": "R0",
        "infons": { "type": "CID", "score": "0.75", "entity1": "MESH:D000001", "entity2": "MESH:D000002" },
        "nodes": [{ "refid": "0", "role": "head" }, { "refid": "2", "role": "tail" }],
    });
    assert_eq!(json["relations"], serde_json::json!([expected]));
    assert_eq!(json["passages"][1]["offset"], 12);
    assert_eq!(json["passages"][0]["infons"]["type"], "title");
    assert_eq!(json["passages"][0]["annotations"][0]["text"], "Zeta");
}

/// Seconds that this thread has had of a core, whoever else wants it.
fn seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    times.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Told by `cargo test --release -p docre-corpus reading_speed -- --ignored --nocapture`.
#[test]
#[ignore = "tells a speed"]
fn reading_speed() {
    let Some(folder) = corpus("biored") else { return };
    for name in ["biored_Dev.BioC.XML", "biored_Dev.BioC.JSON"] {
        let source = std::fs::read(folder.join(name)).unwrap();
        let megabytes = source.len() as f64 / 1e6 * 20.0;
        let start = seconds();
        let records: Vec<Record> = (0..20)
            .flat_map(|_| READER.records_of(Box::new(std::io::Cursor::new(source.clone()))).unwrap())
            .map(Result::unwrap)
            .collect();
        let cut = seconds() - start;
        let n_documents = records.iter().map(|record| READER.parse_all(record).len()).sum::<usize>();
        let all = seconds() - start;
        println!(
            "{name}: {n_documents} documents, cut {:.0} MB/s, in all {:.0} MB/s",
            megabytes / cut,
            megabytes / all
        );
    }
}

mod any {
    use super::{READER, survive};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), first in "[<\\[{]?") {
            survive(&READER, &[first.as_bytes(), &bytes].concat());
        }

        #[test]
        fn arbitrary_xml_does_not_panic(inside in "(<(/?(document|passage|annotation|infon key=\"type\"|text|id|relation|offset|!--|!\\[CDATA\\[|location offset=\"1\" length=\"2\"/|node refid=\"1\"/))>|a|&lt;|\\]\\]>|-->|\u{e9}|7){0,40}") {
            survive(&READER, format!("<collection>{inside}</document></collection>").as_bytes());
        }

        #[test]
        fn arbitrary_json_does_not_panic(inside in "(\"(documents|id|passages|text|infons|offset)\":|\\{|\\}|\\[|\\]|,|\"a\"|7){0,40}") {
            survive(&READER, format!("{{{inside}").as_bytes());
        }
    }
}

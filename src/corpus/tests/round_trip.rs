//! What is written for annotation tools is read back as it was.

use std::fs;
use std::path::Path;

use crate::formats::brat::{Brat, BratFolder};
use crate::formats::doccano::{Doccano, DoccanoWriter};
use crate::formats::label_studio::{LabelStudio, LabelStudioWriter};
use crate::{Claim, Document, Entity, Fact, Mention, Reader, Token, Writer, Written};
use proptest::prelude::*;

use super::reading::{read, read_path};

/// Writes and reads a document in one file.
fn through(writer: &dyn Writer, reader: &impl Reader, written: &Written) -> Document {
    let frame = writer.frame();
    let mut bytes = frame.opening.as_bytes().to_vec();
    writer.write(written, &mut bytes).unwrap();
    bytes.extend(frame.closing.as_bytes());
    let mut documents = read(reader, bytes).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0).unwrap()
}

fn through_brat(written: &Written) -> Document {
    let folder = tempfile::tempdir().unwrap();
    let mut brat = BratFolder::new(folder.path());
    brat.write(written).unwrap();
    brat.finish().unwrap();
    let mut documents = read_path(&Brat::default(), folder.path()).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0).unwrap()
}

/// What a document says, without where it comes from.
fn said(document: &Document) -> (Vec<&Vec<Token>>, &[Entity], Option<&[Fact]>) {
    (document.sentences.iter().collect(), &document.entities, document.facts.as_deref())
}

/// A text of words, entities that are runs of them, and relations, as a reader has them.
fn documents() -> impl Strategy<Value = Document> {
    let words = proptest::collection::vec("[a-zA-Zéµ咖😀\"\\\\]{1,6}[.]?", 1..20);
    let runs = proptest::collection::vec((0..20_usize, 1..4_usize, 0..6_u32), 1..12);
    let claims = proptest::collection::vec((0..6_usize, 0..6_usize, "(treats|P17|a-b)", 0..2_u32), 0..6);
    (words, runs, claims).prop_map(|(words, runs, claims)| {
        let text = words.join(" ");
        let start = |word: usize| words[..word].iter().map(|word| word.chars().count() + 1).sum::<usize>();
        let mut lines = Vec::new();
        for (number, &(first, length, _)) in (1..).zip(&runs) {
            let (first, past) = (first % words.len(), (first % words.len() + length).min(words.len()));
            lines.push(format!("T{number}\tKind{} {} {}", number % 2, start(first), start(past) - 1));
        }
        for (number, (_, _, group)) in (1..).zip(&runs) {
            let same = runs.iter().position(|run| run.2 == *group).unwrap() + 1;
            if same < number {
                lines.push(format!("*\tEquiv T{same} T{number}"));
            } else if group % 2 == 0 {
                lines.push(format!("N{number}\tReference T{number} MESH:D{group}"));
            }
        }
        for (number, (head, tail, name, novel)) in (1..).zip(&claims) {
            let place = |end: usize| end % runs.len() + 1;
            lines.push(format!("R{number}\t{name} Arg1:T{} Arg2:T{}", place(*head), place(*tail)));
            if *novel > 0 {
                lines.push(format!("A{number}\tNovelty R{number} Novel"));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("d.txt"), text).unwrap();
        fs::write(folder.path().join("d.ann"), lines.join("\n")).unwrap();
        read_path(&Brat::default(), folder.path()).unwrap().remove(0).unwrap().sound().unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(document in documents()) {
        let written = Written::annotated(&document);
        let documents = [
            through_brat(&written),
            through(&DoccanoWriter, &Doccano::default(), &written),
            through(&LabelStudioWriter, &LabelStudio::default(), &written),
        ];
        for read in documents {
            prop_assert!(read.losses.is_empty(), "{:?}", read.losses);
            let read = read.sound().unwrap();
            prop_assert_eq!(said(&read), said(&document));
        }
    }
}

#[test]
fn a_title_ends_a_sentence_on_the_way_back_too() {
    let mut document = small();
    // Nothing but the line's end says that a sentence begins.
    document.title = "Tea has caffeine".into();
    document.sentences[0].truncate(3);
    document.sentences[1][0].text = "it".into();
    document.entities[0].mentions[1] =
        Mention { start: 3, end: 4, name: "it".into(), ..document.entities[0].mentions[1].clone() };
    let written = Written::annotated(&document);
    for read in [
        through(&DoccanoWriter, &Doccano::default(), &written),
        through(&LabelStudioWriter, &LabelStudio::default(), &written),
    ] {
        assert_eq!((&*read.title, read.sentences.len()), ("Tea has caffeine", 2));
        assert_eq!(said(&read).1, said(&document).1);
    }
    let folder = tempfile::tempdir().unwrap();
    BratFolder::new(folder.path()).write(&Written::annotated(&Document { id: "d".into(), ..document })).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("d.txt")).unwrap(), "Tea has caffeine\nit wakes .");
    let source = r#"{"text": "On tea\nit wakes", "entities": [], "meta": {"title": "On tea"}}"#;
    assert_eq!(read(&Doccano::default(), source).unwrap().remove(0).unwrap().sentences.len(), 2);
}

fn small() -> Document {
    let token = |text: &str| Token { text: text.into(), characters: None };
    let mention = |name: &str, kind: &str, sentence, start| Mention {
        name: name.into(),
        kind: kind.into(),
        sentence,
        start,
        end: start + 1,
    };
    let entity = |kb_id: Option<&str>, mentions| Entity { kb_id: kb_id.map(Into::into), mentions };
    let text = |words: &str| words.split(' ').map(token).collect();
    Document {
        id: "../a b".into(),
        title: "On tea".into(),
        sentences: vec![text("Tea has caffeine ."), text("It wakes .")],
        entities: vec![
            entity(Some("Q6097"), vec![mention("Tea", "Hot Drink", 0, 0), mention("It", "Hot Drink", 1, 4)]),
            entity(None, vec![mention("caffeine", "Drug", 0, 2)]),
        ],
        facts: Some(vec![Fact { head: 0, tail: 1, relation: "has part".into(), ..Fact::default() }]),
        ..Document::default()
    }
}

#[test]
fn brat_shows_what_is_predicted() {
    let document = small();
    let claim = Claim { probability: Some(0.25), ..Claim::from(&document.facts.as_ref().unwrap()[0]) };
    let folder = tempfile::tempdir().unwrap();
    let mut brat = BratFolder::new(folder.path());
    brat.write(&Written::predicted(&document, vec![claim])).unwrap();
    brat.finish().unwrap();
    let mut names: Vec<String> =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.len(), 3);
    assert!(
        names[0].starts_with("___a_b-") && Path::new(&names[0]).extension().is_some_and(|ending| ending == "ann"),
        "within the folder: {}",
        names[0]
    );
    assert_eq!(
        fs::read_to_string(folder.path().join(&names[0])).unwrap(),
        "T1\tHot_Drink 0 3\tTea\nN1\tReference T1 id:Q6097\tTea\nT2\tHot_Drink 19 21\tIt\nN2\tReference T2 id:Q6097\tIt\n\
         *\tEquiv T1 T2\nT3\tDrug 8 16\tcaffeine\nR1\thas_part Arg1:T2 Arg2:T3\t\n#1\tAnnotatorNotes R1\tprobability 0.2500\n"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("annotation.conf")).unwrap(),
        "[entities]\n\nDrug\nHot_Drink\n\n[relations]\n\n\
         Equiv\tArg1:<ENTITY>, Arg2:<ENTITY>, <REL-TYPE>:symmetric-transitive\nhas_part\tArg1:<ENTITY>, Arg2:<ENTITY>\n\n\
         [events]\n\n[attributes]\n\n"
    );
    let read = read_path(&Brat::default(), folder.path()).unwrap().remove(0).unwrap();
    assert_eq!(read.entities[0].kb_id.as_deref(), Some("Q6097"));
}

#[test]
fn no_document_is_in_the_way_of_another_in_brat() {
    let ids = ["a", "a.txt/b", "annotation.conf/c", "d.ann/e/f", "a.txt", "g/h"];
    let folder = tempfile::tempdir().unwrap();
    let mut brat = BratFolder::new(folder.path());
    for id in ids {
        brat.write(&Written::annotated(&Document { id: id.into(), ..small() })).unwrap();
    }
    brat.finish().unwrap();
    let read = read_path(&Brat::default(), folder.path()).unwrap();
    let mut names: Vec<String> = read.into_iter().map(|document| document.unwrap().id.to_string()).collect();
    names.sort_unstable();
    assert_eq!((names.len(), &*names[0], &*names[1], &*names[5]), (6, "a", "a.txt", "g/h"), "{names:?}");
    assert!(
        brat.renamed()[0].contains("written with others: 3, such as `a.txt/b` as `a_txt_b-"),
        "{:?}",
        brat.renamed()
    );
    let (place, _) = brat.write(&Written::annotated(&Document { id: "g/h".into(), ..small() })).unwrap_err();
    assert_eq!(place, Path::new("g/h"));
}

#[test]
fn different_names_stay_different_in_brat() {
    let mut document = small();
    let names = ["is in", "is_in", "is_in_2"];
    let fact = |name: &&str| Fact { head: 0, tail: 1, relation: (*name).into(), ..Fact::default() };
    document.facts = Some(names.iter().map(fact).collect());
    document.entities[1].mentions[0].kind = "Hot_Drink".into();
    let read = through_brat(&Written::annotated(&document));
    let relations: Vec<&str> = read.facts.iter().flatten().map(|fact| &*fact.relation).collect();
    assert_eq!(relations, ["is_in", "is_in_2", "is_in_2_2"]);
    assert_eq!((&*read.entities[0].kind(), &*read.entities[1].kind()), ("Hot_Drink", "Hot_Drink_2"));
}

#[test]
fn different_identifiers_stay_different_in_brat() {
    let mut document = small();
    let kb_ids = ["x:a b", "x:a c"];
    document.entities[1].mentions[0].kind = document.entities[0].kind();
    document.entities.iter_mut().zip(kb_ids).for_each(|(entity, kb_id)| entity.kb_id = Some(kb_id.into()));
    let read = through_brat(&Written::annotated(&document));
    let kb_ids: Vec<Option<&str>> = read.entities.iter().map(|entity| entity.kb_id.as_deref()).collect();
    assert_eq!(kb_ids, [Some("x:a_b"), Some("x:a_c")]);
}

#[test]
fn label_studio_shows_what_is_predicted() {
    let document = small();
    let claim = |probability| Claim { probability, ..Claim::from(&document.facts.as_ref().unwrap()[0]) };
    let task = |written: &Written| {
        let mut bytes = Vec::new();
        LabelStudioWriter.write(written, &mut bytes).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let predicted = task(&Written::predicted(&document, vec![claim(Some(0.25)), claim(Some(0.75))]));
    assert_eq!(predicted["data"]["doc_id"], "../a b");
    let prediction = &predicted["predictions"][0];
    assert_eq!((&prediction["score"], &prediction["model_version"]), (&0.25.into(), &"docre".into()));
    let results = prediction["result"].as_array().unwrap();
    assert_eq!(results.len(), 3 + 1 + 2, "regions, coreference, relations");
    assert_eq!(results[3]["labels"][0], "coreference");
    assert_eq!(
        (&results[4]["score"], &results[4]["from_id"], &results[4]["to_id"]),
        (&0.25.into(), &"m2".into(), &"m3".into())
    );
    let unscored = task(&Written::predicted(&document, vec![claim(None)]));
    assert_eq!((unscored.get("annotations"), unscored["predictions"][0].get("score")), (None, None));
    let annotated = task(&Written::annotated(&document));
    assert_eq!(annotated["annotations"][0]["result"].as_array().unwrap().len(), 5);
    let unlabelled = Document { facts: None, ..document.clone() };
    let read = through(&LabelStudioWriter, &LabelStudio::default(), &Written::annotated(&unlabelled));
    assert_eq!((&*read.id, &*read.title), ("../a b", "On tea"));
    assert_eq!((read.entities.len(), read.facts), (2, None), "nobody has looked for relations");
}

#[test]
fn relations_stand_between_the_closest_mentions() {
    let mut document = small();
    document.facts = Some(vec![Fact { head: 1, tail: 0, relation: "r".into(), ..Fact::default() }]);
    document.sentences[0].truncate(3);
    document.entities[0].mentions[1] = Mention { start: 3, end: 4, ..document.entities[0].mentions[1].clone() };
    let mut bytes = Vec::new();
    DoccanoWriter.write(&Written::annotated(&document), &mut bytes).unwrap();
    let task: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&task["relations"][1]["from_id"], &task["relations"][1]["to_id"]), (&3.into(), &2.into()));
}

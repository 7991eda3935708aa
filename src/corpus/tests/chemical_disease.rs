//! The real CDR corpus, in its two forms: read from its source and filtered here, it asks the same questions with the
//! same answers as its usual preprocessing. Skipped, in words, where the corpus is missing.

use std::collections::BTreeMap;
use std::path::Path;

use crate::formats::edge_graph::EdgeGraph;
use crate::formats::pubtator::PubTator;
use crate::mesh::MeshTree;
use crate::{Document, Reader};

use super::reading::{corpus, read_path, sentences};

fn documents(reader: &impl Reader, path: &Path) -> Vec<Document> {
    read_path(reader, path).unwrap().into_iter().map(Result::unwrap).collect()
}

/// Every pair from a chemical to a disease.
fn candidates(document: &Document) -> Vec<(u32, u32)> {
    let of_kind = |kind: &'static str| {
        (0..).zip(&document.entities).filter(move |(_, entity)| &*entity.kind() == kind).map(|(place, _)| place)
    };
    of_kind("Chemical").flat_map(|head| of_kind("Disease").map(move |tail| (head, tail))).collect()
}

type Answers = BTreeMap<(String, String, String), &'static str>;

/// The answer to each pair: (document, chemical, disease) to `fact`, `negative` or `left out`.
fn answers(documents: &[Document], asked: impl Fn(&Document) -> Vec<(u32, u32)>) -> Answers {
    let mut answers = Answers::new();
    for document in documents {
        let id = |entity: u32| document.entities[entity as usize].kb_id.as_deref().unwrap().to_owned();
        for pair in asked(document) {
            let is_fact = document.facts.iter().flatten().any(|fact| (fact.head, fact.tail) == pair);
            let answer = match (is_fact, document.left_out.contains(&pair)) {
                (true, _) => "fact",
                (false, true) => "left out",
                (false, false) => "negative",
            };
            assert!(answers.insert((document.id.to_string(), id(pair.0), id(pair.1)), answer).is_none());
        }
    }
    answers
}

fn counts(answers: &Answers) -> [usize; 3] {
    ["fact", "negative", "left out"].map(|kind| answers.values().filter(|&&answer| answer == kind).count())
}

#[test]
fn the_source_and_its_usual_preprocessing_agree_pair_for_pair() {
    let Some(folder) = corpus("cdr") else { return };
    let tree = MeshTree::read(&folder.join("2017MeshTree.txt")).unwrap();
    for (source, preprocessed, expected) in [
        ("CDR_TrainingSet.PubTator.txt", "train_filter.data", [1_038, 4_204, 192]),
        ("CDR_DevelopmentSet.PubTator.txt", "dev_filter.data", [1_012, 4_075, 174]),
    ] {
        let mut ours = documents(&PubTator::default(), &folder.join(source));
        for document in &mut ours {
            let candidates = candidates(document);
            tree.filter(document, candidates.iter().copied());
        }
        let ours = answers(&ours, candidates);
        let theirs = answers(&documents(&EdgeGraph, &folder.join(preprocessed)), |document| {
            document.asked.iter().flatten().copied().collect()
        });
        assert_eq!(counts(&ours), expected);
        assert_eq!(ours, theirs);
    }
}

/// Where sentences end, as counts of characters that are not whitespace, the last end aside.
fn inner_ends(document: &Document) -> (usize, Vec<usize>) {
    let lengths = sentences(document).into_iter().map(|sentence| sentence.chars().filter(|&c| c != ' ').count());
    let mut ends: Vec<usize> = lengths
        .scan(0, |end, length| {
            *end += length;
            Some(*end)
        })
        .collect();
    (ends.pop().unwrap_or(0), ends)
}

#[test]
fn sentences_are_those_of_the_usual_preprocessing() {
    let Some(folder) = corpus("cdr") else { return };
    let ours = documents(&PubTator::default(), &folder.join("CDR_DevelopmentSet.PubTator.txt"));
    let theirs: BTreeMap<_, _> = documents(&EdgeGraph, &folder.join("dev.data"))
        .into_iter()
        .map(|document| (document.id.clone(), document))
        .collect();
    let (mut same_count, mut shared, mut all) = (0, 0, 0);
    for document in &ours {
        let other = &theirs[&document.id];
        same_count += usize::from(document.sentences.len() == other.sentences.len());
        let ((length, ends), (other_length, other_ends)) = (inner_ends(document), inner_ends(other));
        // The preprocessing changed the text of a few documents: their places cannot be compared.
        if length == other_length {
            let common = ends.iter().filter(|end| other_ends.contains(end)).count();
            shared += common;
            all += ends.len() + other_ends.len() - common;
        }
    }
    println!("{same_count} of {} documents have as many sentences; {shared} of {all} ends are shared", ours.len());
    assert!(same_count * 100 >= ours.len() * 88 && shared * 100 >= all * 96);
}

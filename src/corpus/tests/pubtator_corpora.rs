//! `PubTator` as public corpora have it: as many documents, mentions and relations as they are said to hold. Skipped, in
//! words, where the files are missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::formats::dialect::{Bars, Dialect, Unit};
use crate::formats::pubtator::PubTator;
use crate::{Document, Input, Part, Reader};

use super::reading::corpus;

fn reader(bars: Bars, unit: Unit) -> PubTator {
    PubTator { dialect: Dialect { bars, unit, coreference: None, most_bytes: 16 << 20 }, ..PubTator::default() }
}

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    documents: usize,
    /// Distinct spans of a type: one that names several entities counts once.
    mentions: usize,
    facts: usize,
    lost: BTreeMap<Part, usize>,
}

fn documents(reader: &PubTator, path: &Path) -> Vec<Document> {
    let records = reader.records(Input::at(path)).unwrap();
    records.flat_map(|record| reader.parse_all(&record.unwrap())).map(Result::unwrap).collect()
}

fn counts(documents: &[Document]) -> Counts {
    let mut counts = Counts { documents: documents.len(), ..Counts::default() };
    for document in documents {
        let named = document.entities.iter().flat_map(|entity| &entity.mentions);
        let spans: BTreeSet<_> =
            named.chain(&document.loose_mentions).map(|mention| (mention.start, mention.end, &mention.kind)).collect();
        counts.mentions += spans.len();
        counts.facts += document.facts.as_ref().map_or(0, Vec::len);
        for loss in &document.losses {
            *counts.lost.entry(loss.part).or_default() += 1;
        }
        let sound = document.clone().sound().unwrap();
        assert_eq!(sound.losses, document.losses, "nothing else is wrong");
    }
    counts
}

fn check(name: &str, bars: Bars, expected: (usize, usize, usize), lost: &[(Part, usize)]) -> Vec<Document> {
    let Some(path) = corpus(name) else { return Vec::new() };
    let read = documents(&reader(bars, Unit::Document), &path);
    let (documents, mentions, facts) = expected;
    assert_eq!(counts(&read), Counts { documents, mentions, facts, lost: lost.iter().copied().collect() }, "{name}");
    read
}

fn reasons(documents: &[Document]) -> BTreeSet<&str> {
    documents.iter().flat_map(|document| &document.losses).map(|loss| &*loss.fault.reason).collect()
}

const ITSELF: &str = "expected another entity than the head, got the same";

/// 400 documents, 13,351 lines of mentions, 4,178 of relations of 8 types. Three relations are of a gene with itself
/// (27014915, 28851297, 20428796); four have `A|B` for a tail, which is two entities and so two facts (19721134, and
/// 20528871 three times): 4,178 - 3 + 4. Where bars part names of one thing, 4,178 - 3.
#[test]
fn biored_train() {
    let lost = [(Part::Relation, 3)];
    let read = check("biored/Train.PubTator", Bars::Entities, (400, 13_351, 4_179), &lost);
    check("biored/Train.PubTator", Bars::Names, (400, 13_351, 4_175), &lost);
    if !read.is_empty() {
        assert_eq!(reasons(&read), BTreeSet::from([ITSELF]));
        let facts = || read.iter().flat_map(|document| document.facts.iter().flatten());
        assert_eq!(facts().map(|fact| &fact.relation).collect::<BTreeSet<_>>().len(), 8);
        let novel = facts().filter(|fact| fact.attributes == ["novelty=Novel".into()]).count();
        let known = facts().filter(|fact| fact.attributes == ["novelty=No".into()]).count();
        assert_eq!(
            (novel, known),
            (2_838 - 2 + 4, 1_340 - 1),
            "the four with two tails are novel, one self-relation not"
        );
    }
}

/// 100 documents, 3,533 lines of mentions, 1,162 of relations, one of them of a gene with itself (24036311).
#[test]
fn biored_dev() {
    let read = check("biored/Dev.PubTator", Bars::Entities, (100, 3_533, 1_161), &[(Part::Relation, 1)]);
    assert!(read.is_empty() || reasons(&read) == BTreeSet::from([ITSELF]));
}

/// 750 documents, 18,339 lines of mentions, none with an id.
#[test]
fn drugprot_test() {
    let read = check("pubtator/DrugProt_Test.PubTator", Bars::Entities, (750, 18_339, 0), &[]);
    assert!(read.iter().all(|document| document.entities.is_empty()));
}

/// 50 documents of 3,428 passages, 12,411 lines of mentions whose offsets begin anew in each passage.
#[test]
fn nlm_chem_test() {
    let name = "pubtator/NLMchem_Test.PubTator";
    let read = check(name, Bars::Entities, (50, 12_411, 0), &[]);
    let loose: usize = read.iter().map(|document| document.loose_mentions.len()).sum();
    assert!(read.is_empty() || loose == 682, "those with the id `-`");
    if let Some(path) = corpus(name) {
        let passages = documents(&reader(Bars::Entities, Unit::Passage), &path);
        assert_eq!(counts(&passages), Counts { documents: 3_428, mentions: 12_411, ..Counts::default() });
    }
}

/// 158 documents, 4,625 lines of mentions. A variant is one entity of its document, and none is called by a part of its id.
#[test]
fn tmvar3_test() {
    let read = check("pubtator/tmVar3_Test.PubTator", Bars::Entities, (158, 4_625, 0), &[]);
    for document in &read {
        let ids: Vec<&str> = document.entities.iter().filter_map(|entity| entity.kb_id.as_deref()).collect();
        assert!(!ids.iter().any(|id| matches!(*id, "p" | "c" | "SUB" | "DEL" | "VariantGroup:0")), "{ids:?}");
        let variants =
            |entity: &&crate::Entity| entity.mentions.iter().any(|mention| mention.kind.ends_with("Mutation"));
        let listed = document.entities.iter().filter(variants).count();
        let spans: BTreeSet<_> = document
            .entities
            .iter()
            .filter(variants)
            .flat_map(|entity| &entity.mentions)
            .map(|mention| (mention.start, mention.end))
            .collect();
        assert!(listed <= spans.len());
    }
}

/// 1,182 documents, 10,885 lines of mentions, 3,243 of relations. 55 of these name one id twice; three more have two names
/// of one thing (26824002, 9350059, 23989918: `HMDB:HMDB00595` is with `CHEBI:17544` and with `CHEBI:28976`). Three say
/// again what an earlier line says by other names (9445250, 26824002, 9350059): 3,243 - 58 - 3.
#[test]
fn chr_dev() {
    let lost = [(Part::Relation, 55 + 3)];
    let read = check("pubtator/chr_dev.pubtator", Bars::Names, (1_182, 10_885, 3_243 - 58 - 3), &lost);
    assert!(read.is_empty() || reasons(&read) == BTreeSet::from([ITSELF]));
}

/// 651 documents, 7,539 lines of mentions, two of them of a `NO ABSTRACT` that the text lacks (27103693, 27063103).
#[test]
fn pubtator_central() {
    let name = "pubtator/bioconcepts2pubtator_offsets.sample";
    let read = check(name, Bars::Entities, (651, 7_539 - 2, 0), &[(Part::Mention, 2)]);
    let lost: Vec<&str> =
        read.iter().filter(|document| !document.losses.is_empty()).map(|document| &*document.id).collect();
    assert!(read.is_empty() || lost == ["27103693", "27063103"]);
    // Of 544 mentions without an id, these two are lost.
    let loose: usize = read.iter().map(|document| document.loose_mentions.len()).sum();
    assert!(read.is_empty() || loose == 542);
}

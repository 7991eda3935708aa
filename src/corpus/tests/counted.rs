//! How many relations of a source are taken, and how many are lost.

use std::fs;

use ground::observe::unheard;

use crate::convert::{Conversion, Options, Summary};
use crate::formats::Format;
use crate::formats::dialect::Unit;

/// What becomes of a source, by passages or whole: of all or some of its documents, with all or some of its relations.
fn convert(
    (format, source): (Format, &str),
    unit: Option<Unit>,
    ids: Option<&str>,
    relation_labels: Option<&str>,
) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let conversion = Conversion {
        options: Options { unit, ..Options::of(format, "all".parse().unwrap()) },
        inputs: vec![file("source", source)],
        mesh: None,
        relation_labels: relation_labels.map(|labels| file("labels", labels)),
        ids: ids.map(|ids| file("ids", ids)),
        relations: None,
    };
    conversion.run(&folder.path().join("out"), false, &unheard).unwrap()
}

/// Facts, the relations that these are, and what is lost, by numbers.
fn counts(summary: &Summary) -> (u64, u64, String) {
    let totals = summary.totals.unwrap();
    (totals.facts, totals.relations, summary.lost().into_iter().next().unwrap_or_default())
}

/// Three passages: of the things 1 and 2, of 1, 2, 3 and one that is elsewhere, and of 4. Relations of 1 and 2, of 1 and
/// 3, and of 3 and 4.
const ARTICLE: &str = "7|t|one two\n7|a|one two six\n7|b|ten\n7\t0\t3\tone\tGene\t1\n7\t4\t7\ttwo\tGene\t2\n\
    7\t8\t11\tone\tGene\t1\n7\t12\t15\ttwo\tGene\t2\n7\t16\t19\tsix\tGene\t3\n7\t16\t19\tten\tGene\t9\n\
    7\t20\t23\tten\tGene\t4\n7\tR\t1\t2\n7\tS\t1\t3\n7\tR\t3\t4\n";

/// The same in BioC.
fn bioc() -> String {
    let passage = |offset: u32, text: &str, mentions: &[(u32, &str, &str)]| {
        let annotation = |&(start, name, id): &(u32, &str, &str)| {
            format!(
                r#"{{"id": "{start}{id}", "infons": {{"type": "Gene", "identifier": "{id}"}}, "text": "{name}", "locations": [{{"offset": {start}, "length": 3}}]}}"#
            )
        };
        let annotations: Vec<String> = mentions.iter().map(annotation).collect();
        format!(r#"{{"offset": {offset}, "text": "{text}", "annotations": [{}]}}"#, annotations.join(", "))
    };
    let passages = [
        passage(0, "one two", &[(0, "one", "1"), (4, "two", "2")]),
        passage(8, "one two six", &[(8, "one", "1"), (12, "two", "2"), (16, "six", "3"), (16, "ten", "9")]),
        passage(20, "ten", &[(20, "ten", "4")]),
    ];
    let relations = [("R", 1, 2), ("S", 1, 3), ("R", 3, 4)].map(|(name, head, tail)| {
        format!(
            r#"{{"id": "{name}{head}", "infons": {{"type": "{name}", "entity1": "{head}", "entity2": "{tail}"}}, "nodes": []}}"#
        )
    });
    format!(
        r#"{{"documents": [{{"id": "7", "passages": [{}], "relations": [{}]}}]}}"#,
        passages.join(", "),
        relations.join(", ")
    )
}

#[test]
fn what_is_wrong_with_an_article_is_told_with_whichever_passages_are_taken() {
    let bioc = bioc();
    let all = |facts, relations| (facts, relations, format!("1 of 7 mentions, 1 of {} relations", relations + 1));
    let second = |facts, relations| (facts, relations, format!("1 of 4 mentions, 1 of {} relations", relations + 1));
    for (source, first) in [((Format::PubTator, ARTICLE), 1), ((Format::BioC, &*bioc), 0)] {
        let passages = |ids: Option<&str>| counts(&convert(source, Some(Unit::Passage), ids, None));
        // The relation of 1 and 2 is a fact of the first passage and one of the second.
        assert_eq!(passages(None), all(3, 2), "{source:?}");
        let number = first + 1;
        assert_eq!(passages(Some(&format!("7#{number}\n"))), second(2, 2), "{source:?}");
        let (facts, relations, _) = passages(Some(&format!("7#{first}\n")));
        assert_eq!((facts, relations), (1, 1), "{source:?}");
    }
}

#[test]
fn relations_that_nobody_lists_are_lost_each_once() {
    let mentions = "7|t|one two six ten\n7\t0\t3\tone\tGene\t1\n7\t4\t7\ttwo\tGene\t2\n7\t8\t11\tsix\tGene\t3\n\
        7\t12\t15\tten\tGene\t4\n";
    let of = |relations: &str| {
        let source = format!("{mentions}{relations}");
        counts(&convert((Format::PubTator, &source), None, None, Some(r#"{"R2": "two"}"#)))
    };
    let lost = |lost: &str| lost.to_owned();
    assert_eq!(of("7\tR1\t1,2\t3,4\n7\tR2\t1\t2\n7\tR2\t3\t4\n"), (2, 2, lost("1 of 3 relations")), "four facts");
    assert_eq!(of("7\tR1\t1\t2\n7\tR1\t1\t2\tNovel\n7\tR2\t3\t4\n"), (1, 1, lost("2 of 3 relations")), "one fact");
    assert_eq!(of("7\tR2\t1,2\t3\n7\tR2\t1\t3\tNovel\n"), (2, 2, String::new()));
    assert_eq!(of("7\tNA\t1\t2\n7\tR2\t3\t4\n"), (1, 1, String::new()), "none");
    let passages = convert((Format::PubTator, ARTICLE), Some(Unit::Passage), None, Some(r#"{"S": "two"}"#));
    assert_eq!(counts(&passages), (1, 1, lost("1 of 7 mentions, 2 of 3 relations")), "of two passages");
}

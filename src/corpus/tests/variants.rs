//! One variant has many names within its document, and across documents only those that say which it is.

use proptest::prelude::*;
use serde_json::json;

use super::reading::{document, facts, losses, read_path};
use crate::formats::bigbio::BigBio;
use crate::formats::brat::Brat;
use crate::formats::pubtator::PubTator;
use crate::identity::identify;
use crate::{Document, Entity};

/// The document of the text `one two six ten.` and annotations, whose columns are parted by blanks.
fn read(lines: &[&str]) -> Document {
    let lines: Vec<String> = lines.iter().map(|line| format!("7 {line}\n").replace(' ', "\t")).collect();
    document(&PubTator::default(), format!("7|t|one two six ten.\n7|a|\n{}", lines.concat()))
}

/// Who the entities of a document are.
fn identities(document: Document) -> Vec<String> {
    let identity = |entity: Entity| entity.kb_id.unwrap_or_default().to_string();
    identify(document).entities.into_iter().map(identity).collect()
}

/// Ids of one variant.
const NAMES: [&str; 9] = [
    "rs77",
    "dbSNP:rs77",
    "rs77;CorrespondingGene:5",
    "RS#:77",
    "tmVar:c|SUB|G|1|C;HGVS:c.1G>C;CorrespondingGene:5;RS#:77",
    "c|SUB|G|1|C;Gene:5;RS#:77",
    "tmVar:c|SUB|G|1|C;RS#:77",
    "c|SUB|G|1|C",
    "HGVS:c.1G>C",
];

#[test]
fn any_name_of_a_variant_finds_it() {
    let mention = "0 3 one Variant tmVar:c|SUB|G|1|C;HGVS:c.1G>C;CorrespondingGene:5;RS#:77;CA#:9";
    for name in NAMES {
        let found = read(&[mention, "4 7 two Disease D000001", &format!("R {name} D000001")]);
        assert_eq!((facts(&found), losses(&found)), (vec![(0, "R", 1)], vec![]), "`{name}`");
        let (kind, id) = ("SequenceVariant", "D000001");
        let typed = read(&[mention, "4 7 two Disease D000001", &format!("R {kind}|{name} Disease|{id}")]);
        assert_eq!(facts(&typed), [(0, "R", 1)], "`{kind}|{name}`");
    }
    // Of those that name its number each finds the others.
    for one in &NAMES[..7] {
        for other in NAMES[..7].iter().filter(|name| !name.starts_with("RS#")) {
            let found =
                read(&[&format!("0 3 one Variant {other}"), "4 7 two Disease D000001", &format!("R {one} D000001")]);
            assert_eq!((facts(&found), losses(&found)), (vec![(0, "R", 1)], vec![]), "`{one}` for `{other}`");
        }
    }
}

#[test]
fn another_gene_or_number_is_another_variant() {
    let mention = "0 3 one Variant c|SUB|G|1|C;Gene:5;RS#:77";
    for other in ["c|SUB|G|1|C;Gene:6", "c|SUB|G|1|C;Gene:5;RS#:78", "rs78", "c|SUB|G|2|C;Gene:5"] {
        let found = read(&[mention, "4 7 two Disease D000001", &format!("R {other} D000001")]);
        assert_eq!((facts(&found).len(), losses(&found).len()), (0, 1), "`{other}`");
    }
    let both = ["0 3 one Variant p|SUB|V|600|E;Gene:5", "8 11 six Variant p|SUB|V|600|E;Gene:6"];
    let found =
        read(&[&both[..], &["4 7 two Disease D000001", "R tmVar:p|SUB|V|600|E;CorrespondingGene:6 D000001"]].concat());
    assert_eq!(facts(&found), [(1, "R", 2)]);
}

#[test]
fn an_id_before_others_is_not_all_of_its_list() {
    let lines = ["0 3 one Variant rs77", "4 7 two Disease D000001", "8 11 six Disease D000002"];
    let found = read(&[&lines[..], &["R rs77,D000001 D000002"]].concat());
    assert_eq!(facts(&found), [(0, "R", 2), (1, "R", 2)]);
}

#[test]
fn a_change_is_its_genes_across_documents_and_nobodys_without() {
    let bare = "0 3 one Variant p|SUB|V|600|E";
    let of_673 = "4 7 two Variant tmVar:p|SUB|V|600|E;HGVS:p.V600E;CorrespondingGene:673";
    let of_9 = "8 11 six Variant p|SUB|V|600|E;Gene:9";
    let of_number = "12 15 ten Variant p|SUB|V|600|E;RS#:77";
    let gened = "tmVar:p|SUB|V|600|E;CorrespondingGene:673";
    assert_eq!(identities(read(&[bare, of_673])), [gened]);
    assert_eq!(identities(read(&[of_673, bare])), [gened]);
    assert_eq!(identities(read(&[bare])), ["tmVar:p|SUB|V|600|E"]);
    let three = ["tmVar:p|SUB|V|600|E", gened, "tmVar:p|SUB|V|600|E;CorrespondingGene:9"];
    assert_eq!(identities(read(&[bare, of_673, of_9])), three);
    assert_eq!(
        identities(read(&[bare, of_673, of_number])),
        ["dbSNP:rs77"],
        "one gene and one number are of one change"
    );
    assert_eq!(identities(read(&[of_673, of_9, of_number])).len(), 3);
    let twice = read(&[
        "0 3 one Variant c|DEL|1|A;Gene:8,7",
        "4 7 two Variant tmVar:c|DEL|1|A;CorrespondingGene:7,8(Tax:9606)",
    ]);
    assert_eq!(identities(twice), ["tmVar:c|DEL|1|A;CorrespondingGene:7,8"]);
}

#[test]
fn annotation_tools_and_tables_have_one_rule() {
    let brat = |ids: [&str; 3]| {
        let folder = tempfile::tempdir().unwrap();
        let line = |(number, id): (usize, &&str)| {
            let start = 4 * (number - 1);
            format!("T{number}\tVariant {start} {}\tone\nN{number}\tReference T{number} {id}\n", start + 3)
        };
        let lines: String = (1..).zip(&ids).map(line).collect();
        std::fs::write(folder.path().join("d.txt"), "one one one").unwrap();
        std::fs::write(folder.path().join("d.ann"), lines).unwrap();
        let document = read_path(&Brat::default(), folder.path()).unwrap().remove(0).unwrap();
        assert!(document.remarks.is_empty(), "{:?}", document.remarks);
        identities(document)
    };
    let bigbio = |ids: [&str; 3]| {
        let mention = |(number, id): (u32, &&str)| {
            let start = 4 * number;
            json!({"id": number.to_string(), "type": "Variant", "text": ["one"], "offsets": [[start, start + 3]],
                "normalized": [{"db_name": "tmVar", "db_id": id}]})
        };
        let entities: Vec<_> = (0..).zip(&ids).map(mention).collect();
        let passage = json!({"id": "p", "type": "title", "text": ["one one one"], "offsets": [[0, 11]]});
        let source = json!({"id": "0", "document_id": 7, "passages": [passage], "entities": entities, "events": [],
            "coreferences": [], "relations": []});
        identities(document(&BigBio { most_bytes: 1 << 20 }, source.to_string()))
    };
    let (bare, one, other) = ("tmVar:p|SUB|V|600|E", "tmVar:p|SUB|V|600|E;Gene:5", "tmVar:p|SUB|V|600|E;Gene:6");
    let of_gene = |gene: u32| format!("{bare};CorrespondingGene:{gene}");
    for read in [&brat as &dyn Fn([&str; 3]) -> Vec<String>, &bigbio] {
        assert_eq!(read([bare, one, bare]), [of_gene(5)]);
        assert_eq!(read([bare, one, other]), [bare.to_owned(), of_gene(5), of_gene(6)]);
    }
}

#[test]
fn lists_are_not_multiplied_beyond_measure() {
    let text = "7|t|one two\n";
    let mentions: String = (0..4_000).map(|gene| format!("7\t0\t3\tone\tGene\t{gene}\n")).collect();
    let ids: Vec<String> = (0..4_000).map(|gene| gene.to_string()).collect();
    let line = |number: usize, n_heads: usize, n_tails: usize| {
        format!("7\tR{number}\t{}\t{}\n", ids[..n_heads].join(","), ids[4_000 - n_tails..].join(","))
    };
    let found =
        document(&PubTator::default(), format!("{text}{mentions}{}{}", line(1, 4_000, 4_000), line(2, 50, 200)));
    assert_eq!(losses(&found), ["relation: line 4002, tail: expected at most 10000 pairs of things, got more"]);
    assert_eq!(found.facts.unwrap().len(), 10_000);
    let lines: String = (0..120).map(|number| line(number, 50, 200)).collect();
    let found = document(&PubTator::default(), format!("{text}{mentions}{lines}{}", line(1_000, 1, 1)));
    assert_eq!((found.facts.unwrap().len(), found.losses.len()), (1_000_001, 20), "a million and the one of no lists");
}

proptest! {
    #[test]
    fn what_is_read_as_one_is_so_across_documents(picks in proptest::collection::vec(0..NAMES.len(), 1..4)) {
        let line = |(place, &pick): (usize, &usize)| format!("{} {} {} Variant {}", 4 * place, 4 * place + 3, ["one", "two", "six"][place], NAMES[pick]);
        let lines: Vec<String> = picks.iter().enumerate().map(line).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let names = identities(read(&lines));
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        prop_assert_eq!(distinct.len(), names.len(), "no identity twice: {:?}", names);
    }
}

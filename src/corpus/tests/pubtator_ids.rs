//! What ids, names and relation lines of `PubTator` files come to, in all the ways in which corpora write them.

use std::sync::Arc;

use crate::formats::dialect::{Bars, Dialect, Unit};
use crate::formats::pubtator::PubTator;
use crate::formats::pubtator::beside::Beside;
use crate::{Document, Input, Reader};
use proptest::prelude::*;

use super::reading::{document, facts, losses, mentions, sentences, survive};

fn reader(bars: Bars, unit: Unit) -> PubTator {
    PubTator { dialect: Dialect { bars, unit, coreference: None, most_bytes: 1 << 24 }, ..PubTator::default() }
}

/// The document of the text `one two six ten.` and annotations, whose columns are parted by blanks.
fn of(bars: Bars, lines: &[&str]) -> Document {
    let lines: Vec<String> = lines.iter().map(|line| format!("7 {line}\n").replace(' ', "\t")).collect();
    document(&reader(bars, Unit::Document), format!("7|t|one two six ten.\n7|a|\n{}", lines.concat()))
}

fn read(lines: &[&str]) -> Document {
    of(Bars::Entities, lines)
}

/// Its entities' ids, and how many mentions each has.
fn entities(document: &Document) -> Vec<(&str, usize)> {
    document.entities.iter().map(|entity| (entity.kb_id.as_deref().unwrap(), entity.mentions.len())).collect()
}

fn attributes(document: &Document) -> Vec<String> {
    let joined = |fact: &crate::Fact| fact.attributes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    document.facts.iter().flatten().map(joined).collect()
}

#[test]
fn ids_that_stand_for_none_are_no_entity() {
    for none in ["", " -", " -1", " None", " -,-", " MESH:-"] {
        let read = read(&[&format!("0 3 one Gene{none}"), &format!("4 7 two Gene{none}"), "8 11 six Gene 6"]);
        assert_eq!((entities(&read), read.loose_mentions.len()), (vec![("6", 1)], 2), "`{none}`");
    }
}

#[test]
fn listed_ids_are_an_entity_each() {
    for list in ["11,12", "11;12", "11|12", "11, 12".trim(), "12;11;11"] {
        let read = document(
            &reader(Bars::Entities, Unit::Document),
            format!("7|t|one two\n7\t0\t3\tone\tGene\t{list}\n7\t4\t7\ttwo\tDisease\tD000001\n7\tR\t12\tD000001\n"),
        );
        assert_eq!(entities(&read), [("11", 1), ("12", 1), ("D000001", 1)], "`{list}`");
        assert_eq!(facts(&read), [(1, "R", 2)]);
    }
    let read = read(&[
        "0 3 one Disease MESH:D000001,D000002",
        "4 7 two Disease OMIM:600000,D000003,-",
        "R D000001 MESH:D000003",
    ]);
    let ids = ["MESH:D000001", "MESH:D000002", "D000003", "OMIM:600000"];
    assert_eq!(entities(&read), ids.map(|id| (id, 1)));
    assert_eq!(facts(&read), [(0, "R", 2)]);
}

#[test]
fn a_variant_is_one_thing() {
    let one = [
        "p|SUB|V|600|E",
        "tmVar:p|SUB|V|600|E",
        "tmVar:p|SUB|V|600|E;CorrespondingGene:673",
        "c|DEL|1314_1328|",
        "c|DEL888|C",
        "c|SYB|T2734|C",
        "|INS|118_119|A",
        "p|FS|S,A|290,291||;Gene:2162;Disease:D005177,D000001;VariantGroup:0",
        "c|DEL|13025-13033,14417-14425|;Gene:4540,4541",
        "c|DEL|IVS21-2|AG;5310;Disease:D007690",
        "rs2066865;Disease:D020246,D009203;VariantGroup:0",
        "rs2066865",
    ];
    for id in one {
        for kind in ["SequenceVariant", "ProteinMutation", "Anything"] {
            let read = read(&[&format!("0 3 one {kind} {id}"), "4 7 two Disease D000001", &format!("R {id} D000001")]);
            assert_eq!(entities(&read), [(id, 1), ("D000001", 1)]);
            assert_eq!((facts(&read), losses(&read)), (vec![(0, "R", 1)], vec![]), "`{id}`");
        }
    }
    let lists = ["rs1,rs2", "rs1;rs2", "c|SUB|A|1|G,p|SUB|V|2|E", "c|SUB|A|1|G;Gene:1;p|SUB|V|2|E;Gene:1", "672;rs1"];
    for list in lists {
        assert_eq!(read(&[&format!("0 3 one Variant {list}")]).entities.len(), 2, "`{list}`");
    }
    assert_eq!(entities(&read(&["0 3 one Disease D000001|C000002|D000003"])).len(), 3);
}

#[test]
fn a_variant_with_and_without_its_gene_is_one_and_of_two_genes_two() {
    let bare = "0 3 one Variant p|SUB|V|600|E";
    let of_673 = "4 7 two Variant tmVar:p|SUB|V|600|E;CorrespondingGene:673";
    let of_9 = "8 11 six Variant p|SUB|V|600|E;Gene:9";
    let joined = read(&[bare, of_673, "12 15 ten Gene 673", "R p|SUB|V|600|E 673"]);
    assert_eq!(entities(&joined), [("tmVar:p|SUB|V|600|E;CorrespondingGene:673", 2), ("673", 1)]);
    assert_eq!(facts(&joined), [(0, "R", 1)]);
    assert_eq!(read(&[of_673, bare]).entities.len(), 1);
    assert_eq!(read(&[of_673, of_9]).entities.len(), 2);
    assert_eq!(read(&[bare, of_673, of_9]).entities.len(), 3, "it may be either");
    let of_dbsnp =
        ["0 3 one Variant c|SUB|G|1|C;RS#:77", "4 7 two Variant p|SUB|S|2|T;RS#:77", "8 11 six Variant rs77"];
    assert_eq!(read(&of_dbsnp).entities.len(), 1, "dbSNP has one number for them");
}

#[test]
fn a_gene_and_a_species_of_one_number_are_two() {
    let lines = ["0 3 one Gene 9606", "4 7 two Species 9606", "8 11 six Disease D000001"];
    let with = |line: &str| read(&[&lines[..], &[line]].concat());
    assert_eq!(entities(&with("R D000001 D000001")).len(), 3);
    let named = with("R Gene|9606 Disease|D000001");
    assert_eq!((facts(&named), named.remarks.len()), (vec![(0, "R", 2)], 0));
    let each = with("R 9606 D000001");
    assert_eq!(facts(&each), [(0, "R", 2), (1, "R", 2)]);
    assert_eq!(each.remarks[0].what, "relations whose id several entities share, taken for each");
    assert_eq!(each.remarks[0].example, "`R` of `9606` and `D000001`");
    let same = read(&["0 3 one Gene 672", "4 7 two GeneOrGeneProduct 672(Tax:9606)", "8 11 six Gene NCBIGene:672"]);
    assert_eq!(entities(&same), [("672", 3)]);
}

#[test]
fn a_type_before_an_id_is_no_id() {
    let lines = ["0 3 one Chemical MESH:D000001", "4 7 two ProteinMutation tmVar:p|SUB|V|600|E;Gene:673"];
    let read = read(&[&lines[..], &["treat Chemical|MESH:D000001 Variant|p|SUB|V|600|E"]].concat());
    assert_eq!((facts(&read), losses(&read)), (vec![(0, "treat", 1)], vec![]));
}

#[test]
fn bars_may_part_names_of_one_thing() {
    let lines = [
        "0 3 one Chem HMDB:HMDB01|CHEBI:1",
        "4 7 two Chem CHEBI:2",
        "8 11 six Chem CHEBI:1|KEGG:C1",
        "12 15 ten Chem CHEBI:2|HMDB:HMDB02",
    ];
    let relations = ["React KEGG:C1 CHEBI:2", "React HMDB:HMDB01|CHEBI:1 HMDB:HMDB02", "React CHEBI:1 HMDB:HMDB01"];
    let read = of(Bars::Names, &[&lines[..], &relations].concat());
    assert_eq!(entities(&read), [("HMDB:HMDB01", 2), ("CHEBI:2", 2)]);
    assert_eq!(facts(&read), [(0, "React", 1)]);
    assert_eq!(losses(&read), ["relation: line 9, tail: expected another entity than the head, got the same"]);
    let list = of(Bars::Names, &["0 3 one Chem HMDB:HMDB01|CHEBI:1,HMDB:HMDB02|CHEBI:2"]);
    assert_eq!(entities(&list), [("HMDB:HMDB01", 1), ("HMDB:HMDB02", 1)]);
}

#[test]
fn what_a_fifth_column_says_is_kept() {
    let lines = ["0 3 one Gene 1", "4 7 two Gene 2"];
    let with = |relations: &[&str]| read(&[&lines[..], relations].concat());
    let read = with(&["Association 1 2 Novel", "Bind 1 2 No", "Bind 2 1 0.98", "Cause 1 2 seen", "Cause 2 1 a=b;c=d"]);
    assert_eq!(attributes(&read), ["novelty=Novel", "novelty=No", "score=0.98", "note=seen", "a=b c=d"]);
    assert_eq!(facts(&with(&["R 1 2", "R 1 2", "R 1 2 "])), [(0, "R", 1)]);
    assert_eq!(attributes(&with(&["R 1 2 No", "R 1 2 Novel"])), ["novelty=No novelty=Novel"]);
}

#[test]
fn what_further_columns_say_is_kept() {
    let lines = ["0 3 one Gene 1", "4 7 two Gene 2"];
    let with = |relations: &[&str]| read(&[&lines[..], relations].concat());
    let found = with(&["Association 1 2 Novel 0.98", "Bind 1 2  seen", "Cause 1 2 No a=b seen"]);
    assert_eq!(
        (attributes(&found), losses(&found)),
        (["novelty=Novel score=0.98", "note=seen", "a=b note=seen novelty=No"].map(str::to_owned).to_vec(), vec![],)
    );
    let spoilt = ["7x 3 one Gene 1", "x 3 one Gene 1", "- 3 one Gene 1"].map(|line| losses(&with(&[line])).remove(0));
    assert!(
        spoilt.iter().all(|loss| loss.starts_with("mention: line 5, start: expected a whole number")),
        "{spoilt:?}"
    );
}

#[test]
fn attributes_that_contradict_each_other_are_told() {
    let lines = ["0 3 one Gene 1", "4 7 two Gene 2"];
    let told = |relations: &[&str]| {
        let found = read(&[&lines[..], relations].concat()).sound().unwrap();
        let attributes = attributes(&found).join("|");
        (
            attributes,
            found.remarks.into_iter().map(|remark| format!("{}: {}", remark.what, remark.example)).collect::<Vec<_>>(),
        )
    };
    let what = "relations that are given again with other attributes, all of which are kept";
    let words = format!("{what}: fact (0, 1, `R`): `novelty=No`, then `novelty=Novel`");
    assert_eq!(told(&["R 1 2 No", "R 1 2 Novel", "R 1 2 No "]), ("novelty=No novelty=Novel".to_owned(), vec![words]));
    for same in [["R 1 2 No", "R 1 2 0.5"], ["R 1 2 No", "R 2 1 Novel"], ["R 1 2 seen", "R 1 2 heard"]] {
        assert_eq!(told(&same).1, Vec::<String>::new(), "{same:?}");
    }
}

#[test]
fn a_line_is_one_relation_to_whoever_counts() {
    let lines = ["0 3 one Gene 1", "4 7 two Gene 2", "8 11 six Gene 3"];
    let found = read(&[&lines[..], &["R 1 2,3", "S 1 1,2,9,8", "R 1 3", "T 1 2"]].concat());
    assert_eq!(facts(&found), [(0, "R", 1), (0, "R", 2), (0, "S", 1), (0, "T", 1)]);
    assert_eq!(losses(&found), ["relation: line 7, tail: expected the id of a mention, got `9`"]);
    assert_eq!(
        found.n_relations,
        Some([("R".into(), 2), ("T".into(), 1)].into()),
        "what became of three lines: one is spoilt in part"
    );
    let listed: Vec<&str> = found.remarks.iter().map(|remark| remark.what).collect();
    assert_eq!(listed, ["relations of several things, a fact for each pair"; 2]);
}

#[test]
fn names_that_are_spelt_otherwise_are_taken_from_the_text() {
    let source = |name: &str, there: &str| {
        let end = there.chars().count();
        let sound = format!("7\t{}\t{}\tis\tOther\t\n", end + 1, end + 3);
        format!("7|t|{there} is.\n7|a|\n7\t0\t{end}\t{name}\tChemical\tX1\n{sound}")
    };
    let same = [
        ("cough  ", "cough"),
        ("IL-2", "IL\u{2010}2"),
        ("a-toxin", "\u{3b1}\u{2010}toxin"),
        ("alpha-toxin", "α-toxin"),
        ("β toxin", "Beta-toxin"),
        ("micro-RNA", "microRNA"),
        ("TNF alpha", "tnf-α"),
        ("5' end", "5\u{2032} end"),
        ("\"so\"", "“so”"),
    ];
    for (name, there) in same {
        let read = document(&reader(Bars::Entities, Unit::Document), source(name, there));
        assert_eq!((mentions(&read, 0)[0].0, losses(&read)), (there, vec![]), "`{name}`");
        assert_eq!(read.remarks[0].what, "names that differ from the text, and are taken as it has them");
    }
    for (name, there) in [("cough", "fever"), ("ough", "cough"), ("β", "α"), ("a", "β"), ("-", "'"), ("IL-2", "IL-3")]
    {
        assert_eq!(
            losses(&document(&reader(Bars::Entities, Unit::Document), source(name, there))).len(),
            1,
            "`{name}`"
        );
    }
}

#[test]
fn annotations_behind_a_blank_line_join_their_document() {
    let text = "7|t|one\n7|a|two\n\n\n7\t0\t3\tone\tGene\t1\n\n7\t4\t7\ttwo\tGene\t2\n7\tR\t1\t2\n\n";
    let read = super::reading::read(
        &reader(Bars::Entities, Unit::Document),
        format!("{text}8|t|one\n8|a|two\n\n7\tR\t1\t2\n"),
    );
    let documents: Vec<Document> = read.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!((documents.len(), facts(&documents[0])), (2, vec![(0, "R", 1)]));
    assert_eq!(losses(&documents[1]), ["relation: line 4, id: expected `8`, got `7`"]);
}

#[test]
fn offsets_count_over_all_passages_or_anew_in_each_group() {
    let anew = "7|t|one\n7|a|\n\n7|t|two one\n7|a|\n7\t0\t3\ttwo\tGene\t2\n7\t4\t7\tone\tGene\t1\n\n7|t|one\n7|a|\n7\t0\t3\tone\tGene\t1\n";
    let read = document(&reader(Bars::Entities, Unit::Document), anew);
    assert_eq!(sentences(&read), ["one", "two one", "one"]);
    assert_eq!(mentions(&read, 1), [("one", 1, 2, 3), ("one", 2, 3, 4)]);
    let through = "7|title|one\n7|body|two\n7|b|six\n7\t4\t7\ttwo\tGene\t2\n7\t8\t11\tsix\tGene\t1\n";
    assert_eq!(mentions(&document(&reader(Bars::Entities, Unit::Document), through), 1), [("six", 2, 2, 3)]);
    let apart = "7|t|one\n\n7|a|two\n\n7|a|six\n7\t4\t7\ttwo\tGene\t2\n7\t8\t11\tsix\tGene\t1\n";
    assert_eq!(mentions(&document(&reader(Bars::Entities, Unit::Document), apart), 1), [("six", 2, 2, 3)]);
    let alike = "7|t|one two\n\n7|a|one six\n\n7\t0\t3\tone\tGene\t1\n";
    assert_eq!(mentions(&document(&reader(Bars::Entities, Unit::Document), alike), 0), [("one", 0, 0, 1)]);
    let same = "7|t|one\n7|a|two\n7\t0\t3\tone\tGene\t1\n\n7|t|one\n7|a|two\n7\t0\t3\tone\tGene\t1\n";
    let repeated = super::reading::read(&reader(Bars::Entities, Unit::Document), same).unwrap();
    assert_eq!(repeated.len(), 2, "a whole article again is one of its own, and refused by its name");
}

#[test]
fn two_articles_of_one_id_are_not_joined() {
    let one = |title: &str| format!("7|t|{title}\n7\t0\t3\t{title}\tGene\t1\n");
    let n_records =
        |source: String| super::reading::read(&reader(Bars::Entities, Unit::Document), source).unwrap().len();
    for between in ["", "\n"] {
        assert_eq!(n_records(format!("{}{between}{}", one("one"), one("two"))), 2, "titles alone, `{between}`");
        assert_eq!(n_records(format!("{}{between}{}", one("one"), one("one"))), 2, "the same title");
        let whole = |title: &str| format!("7|t|{title}\n7|a|text\n7\t0\t3\t{title}\tGene\t1\n");
        assert_eq!(n_records(format!("{}{between}{}", whole("one"), whole("two"))), 2, "whole articles");
    }
    assert_eq!(n_records("7|t|one\n\n7|t|two\n".to_owned()), 2);
    assert_eq!(n_records("7|t|one\n7|t|two\n7\t0\t3\tone\tGene\t1\n".to_owned()), 1, "lines of one block");
    assert_eq!(n_records("7|t|one\n\n7|a|two\n\n7|a|six\n".to_owned()), 1);
    let passage = |text: &str| format!("7|t|{text}\n7|a|\n7\t0\t3\t{text}\tGene\t1\n");
    assert_eq!(n_records(format!("{}\n{}", passage("one"), passage("two"))), 1, "a full text of passages");
}

#[test]
fn a_section_or_passage_can_be_a_document() {
    let source = "7|t|one\n7|a|two six\n7\t0\t3\tone\tGene\t1\n7\t4\t7\ttwo\tGene\t2\n7\t8\t11\tsix\tGene\t3\n\n\
                  7|t|\n7|a|ten\n7\t1\t4\tten\tGene\t4\n7\tR\t2\t3\n7\tR\t1\t2\n7\tR\t1\t4\n";
    let all = |unit: Unit| -> Vec<Document> {
        let reader = reader(Bars::Entities, unit);
        let records = reader.records(Input::at(&file(source))).unwrap();
        records.flat_map(|record| reader.parse_all(&record.unwrap())).map(Result::unwrap).collect()
    };
    let shown = |documents: &[Document]| -> Vec<(String, String, usize)> {
        let one = |document: &Document| (document.id.to_string(), sentences(document).join("|"), facts(document).len());
        documents.iter().map(one).collect()
    };
    let lost = |documents: &[Document]| documents.iter().map(|document| document.losses.len()).collect::<Vec<_>>();
    let own = |id: &str, text: &str, facts: usize| (id.to_owned(), text.to_owned(), facts);
    assert_eq!(shown(&all(Unit::Document)), [own("7", "one|two six|ten", 3)]);
    let sections = all(Unit::Section);
    assert_eq!(shown(&sections), [own("7#1", "one|two six", 2), own("7#2", "ten", 0)]);
    assert_eq!(lost(&sections), [1, 0]);
    let passages = all(Unit::Passage);
    assert_eq!(shown(&passages), [own("7#1", "one", 0), own("7#2", "two six", 1), own("7#4", "ten", 0)]);
    assert_eq!(lost(&passages), [2, 0, 0]);
}

/// A file of these contents, which the system clears away.
fn file(contents: &str) -> std::path::PathBuf {
    let (mut file, path) = tempfile::NamedTempFile::new().unwrap().keep().unwrap();
    std::io::Write::write_all(&mut file, contents.as_bytes()).unwrap();
    path
}

#[test]
fn relations_may_stand_in_a_file_beside() {
    let relations = "7\tchem^gene:affects\tMESH:D000001\t154\n8\tR\t1\t2\n7\tR\n\n7\tR\t154\tMESH:D000009\n9\tR\t1\t2\n8\tS\t1\t2\n";
    let path = file(relations);
    let beside = Arc::new(Beside::read(Input::at(&path)).unwrap());
    let reader = PubTator { beside: Some(Arc::clone(&beside)), ..PubTator::default() };
    let source = "7|t|one two\n7\t0\t3\tone\tChemical\tMESH:D000001\n7\t4\t7\ttwo\tGene\t154\n";
    let read = document(&reader, source);
    assert_eq!(facts(&read), [(0, "chem^gene:affects", 1)]);
    let expected = [
        "relation: relations, line 5, tail: expected the id of a mention, got `MESH:D000009`",
        "relation: relations, line 3: expected a mention (5 columns or more) or a relation (4 or more), got `7\\tR`",
    ];
    assert_eq!(losses(&read), expected);
    assert_eq!(beside.left_over(), [(2, "8"), (6, "9"), (7, "8")]);
    std::fs::write(&path, "{\"a\": 1}\n").unwrap();
    let error = Beside::read(Input::at(&path)).unwrap_err().to_string();
    assert_eq!(error, "expected lines `ID<tab>RELATION<tab>SUBJECT<tab>OBJECT`, got `{\"a\": 1}`");
}

#[test]
fn lines_end_as_the_first_one_does() {
    let source = "\u{FEFF}7|t|one\n7|a|two\n7\t0\t3\tone\tGene\t1\n\n8|t|one\n8|a|two\n";
    for end in ["\r", "\r\n"] {
        let read = super::reading::read(&reader(Bars::Entities, Unit::Document), source.replace('\n', end)).unwrap();
        assert_eq!(read.iter().map(|one| one.as_ref().unwrap().entities.len()).collect::<Vec<_>>(), [1, 0]);
    }
}

#[test]
fn lines_end_alike_however_long_the_first_is() {
    let n_entities = |source: String| -> Vec<usize> {
        let read = super::reading::read(&reader(Bars::Entities, Unit::Document), source).unwrap();
        read.into_iter().map(|one| one.unwrap().entities.len()).collect()
    };
    for length in [400, 600, 70_000, 2 << 20] {
        let title = "one ".repeat(length / 4);
        let source = format!("7|t|{title}\n7|a|two\n7\t0\t3\tone\tGene\t1\n\n8|t|one\n8|a|two\n");
        assert_eq!(n_entities(source.replace('\n', "\r")), [1, 0], "{length}");
        let stray = source.replacen("one one", "one\rone", 1);
        assert_eq!(n_entities(stray), [1, 0], "a `\\r` in a first line of {length} bytes");
    }
}

#[test]
fn a_long_article_is_not_held() {
    let reader = PubTator { dialect: Dialect { most_bytes: 40, ..Dialect::default() }, ..PubTator::default() };
    let source = format!("7|t|one\n{}8|t|two\n", "7\t0\t3\tone\tGene\t1\n".repeat(1_000));
    let records: Vec<_> = reader.records(Input::at(&file(&source))).unwrap().map(Result::unwrap).collect();
    assert_eq!(records.iter().map(|record| record.bytes.len()).collect::<Vec<_>>(), [41, 7]);
}

#[test]
fn hostile_ids_take_linear_time() {
    let lists = [",".repeat(300_000), "c|SUB|A|1|G,".repeat(50_000), "rs1;".repeat(100_000), "p|SUB|;".repeat(60_000)];
    for list in lists {
        document(&reader(Bars::Names, Unit::Document), format!("7|t|one\n7\t0\t3\tone\tGene\t{list}\n"));
    }
    let genes: String = (0..30_000).map(|gene| format!("7\t0\t3\tone\tGene\tp|SUB|V|600|E;Gene:{gene}\n")).collect();
    assert_eq!(document(&reader(Bars::Entities, Unit::Document), format!("7|t|one\n{genes}")).entities.len(), 30_000);
}

proptest! {
    #[test]
    fn arbitrary_ids_do_not_panic(ids in "([,;|:-]|rs1|p\\|SUB\\|V|tmVar:|Gene:|C1|\u{e9}| ){0,12}") {
        for bars in [Bars::Entities, Bars::Names] {
            let source = format!("7|t|one two\n7\t0\t3\tone\tGene\t{ids}\n7\tR\t{ids}\t{ids}\n");
            survive(&reader(bars, Unit::Passage), source.as_bytes());
        }
    }
}

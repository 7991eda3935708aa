//! The `MeSH` tree and the hypernym filter.

use std::collections::BTreeSet;
use std::fs;

use crate::mesh::MeshTree;
use crate::{Document, Entity, Fact, Mention};

const TREE: &str = "Tree Number\tDesc Ui\tTerm\n\
    C01\tD1\tDisease\n\
    C01.10\tD2\tLiver disease\n\
    C01.10.5\tD3\tHepatitis\n\
    C01.100\tD4\tHeart disease\n\
    C02.7\tD3\tHepatitis\n\
    C02\tD5\tInfection\n";

fn tree(contents: &str) -> Result<MeshTree, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree.txt");
    fs::write(&path, contents).unwrap();
    MeshTree::read(&path).map_err(|error| error.to_string())
}

#[test]
fn a_hypernym_has_a_strict_prefix() {
    let tree = tree(TREE).unwrap();
    assert!(tree.is_hypernym("D1", "D2"));
    assert!(tree.is_hypernym("D1", "D3"));
    assert!(tree.is_hypernym("D5", "D3"), "by its second tree number");
    assert!(!tree.is_hypernym("D2", "D1"));
    assert!(!tree.is_hypernym("D2", "D2"));
    assert!(!tree.is_hypernym("D2", "D4"), "`C01.10` begins `C01.100` but not at a `.`");
    assert!(!tree.is_hypernym("D9", "D3") && !tree.is_hypernym("D1", "D9"));
}

#[test]
fn a_file_that_is_no_tree_is_an_error() {
    assert_eq!(
        tree("C01\tD1\tx\n").unwrap_err(),
        "line 1: expected the header `Tree Number`, `Desc Ui`, `Term`, got `C01\\tD1\\tx`"
    );
    assert_eq!(
        tree("Tree Number\tDesc Ui\tTerm\n\nC01 D1\n").unwrap_err(),
        "line 3: expected a tree number, a descriptor and a term, got `C01 D1`"
    );
    assert!(MeshTree::read(std::path::Path::new("/no/such/tree")).is_err());
}

fn entity(id: Option<&str>) -> Entity {
    let mention = Mention { name: "x".into(), kind: "T".into(), sentence: 0, start: 0, end: 1 };
    Entity { kb_id: id.map(Into::into), mentions: vec![mention] }
}

#[test]
fn negatives_above_a_fact_are_left_out() {
    let fact = |head, tail| Fact { head, tail, relation: "CID".into(), ..Fact::default() };
    let mut document = Document {
        entities: [Some("C1"), Some("D1"), Some("D2"), Some("D3"), Some("D4"), Some("C2"), None].map(entity).into(),
        facts: Some(vec![fact(0, 3), fact(0, 2), fact(5, 4)]),
        ..Document::default()
    };
    // From C1 the facts go to D3 and D2: D1 is above both. D2 is above D3 but a fact itself. From C2 the fact goes to
    // D4, which only D1 is above.
    let candidates = [(0, 1), (0, 2), (0, 3), (0, 4), (0, 6), (5, 1), (5, 2), (5, 3), (9, 9)];
    tree(TREE).unwrap().filter(&mut document, candidates.iter().copied());
    assert_eq!(document.left_out, BTreeSet::from([(0, 1), (5, 1)]));

    let mut unlabelled = Document { facts: None, left_out: BTreeSet::new(), ..document };
    tree(TREE).unwrap().filter(&mut unlabelled, candidates.iter().copied());
    assert!(unlabelled.left_out.is_empty());
}

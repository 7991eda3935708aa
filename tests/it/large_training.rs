//! Documents of more pairs than training holds at once are learnt from in parts, and told; others as ever, to the bit.

use docre::train::TrainConfig;

use crate::support::{files, rows};
use crate::train::Fixture;

#[test]
fn a_document_that_is_too_large_is_learnt_from_in_parts() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 1, ..fixture.config() };
    let train = |name: &str, most_pairs: Option<u64>| {
        let run = fixture.train(&TrainConfig { most_pairs, ..config.clone() }, name, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let [weights] = ["model.safetensors"].map(|file| std::fs::read(fixture.path(name).join("best").join(file)));
        (weights.unwrap(), run.stderr)
    };
    let split = fixture.path("corpus/train");
    let sizes = rows(&split, "SELECT doc_id, count(*) AS n FROM pairs GROUP BY doc_id ORDER BY n DESC, doc_id");
    let (largest, n_pairs) = sizes[0].rsplit_once(',').unwrap();
    let n_pairs: u64 = n_pairs.parse().unwrap();
    let (usual, told) = train("usual", None);
    assert!(!told.contains("in parts"), "{told}");
    assert!(train("bounded", Some(n_pairs)).0 == usual);
    let (parts, told) = train("parts", Some(n_pairs - 1));
    assert!(parts != usual);
    let words = format!(
        "document `{largest}`: expected at most {} pairs (`most_pairs`), got {n_pairs}; a step takes",
        n_pairs - 1
    );
    assert!(told.contains(&words), "{told}");
    let n_large = sizes.iter().filter(|row| row.ends_with(&format!(",{n_pairs}"))).count();
    assert!(told.contains(&format!("{n_large} documents are trained on in parts")), "{told}");
    // The same entities are drawn again.
    assert!(train("again", Some(n_pairs - 1)).0 == parts);
    assert!(!files(&fixture.path("again/best")).is_empty());
}

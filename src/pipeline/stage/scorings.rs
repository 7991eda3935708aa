//! What a stage before makes, told apart before anything runs: of several tables it is easily another.

use anyhow::ensure;

use super::kind::Before;
use super::score::CHECKPOINT;
use super::train::{BASE, BEGIN_WITH, TEACHER};
use crate::decide::{DecideError, Ensemble};
use crate::ground::manifest::role;

/// What an input in a role may be made as.
const WANTED: [(&str, &[&str]); 10] = [
    (CHECKPOINT, &[CHECKPOINT, BASE]),
    (BASE, &[BASE, CHECKPOINT]),
    (TEACHER, &[CHECKPOINT, BASE]),
    (BEGIN_WITH, &[CHECKPOINT, BASE]),
    (role::DECISION, &[role::DECISION]),
    (role::RELATIONS, &[role::RELATIONS]),
    (role::FIRST_RELATIONS, &[role::RELATIONS]),
    (role::SCORES, &[role::SCORES, role::CLAIMS]),
    (role::SENTENCE_WEIGHTS, &[role::SENTENCE_WEIGHTS]),
    (role::EVIDENCE, &[role::EVIDENCE]),
];

/// What `score` makes and no input is.
const SHOWN: [&str; 2] = [role::TRACES, role::MODEL_RELATIONS];

/// Whether it is known what an output in a role is. What other stages make may be anything: a query's table is what it says.
fn is_known(made: &str) -> bool {
    SHOWN.contains(&made) || WANTED.iter().any(|(_, fitting)| fitting.contains(&made))
}

/// Refuses an input that is made as another thing than it is wanted as.
pub fn check_made(before: &Before<'_>) -> anyhow::Result<()> {
    for (wanted, fitting) in WANTED {
        for (maker, made) in before.inputs(wanted).iter().filter_map(|input| before.maker(input)) {
            let fits = fitting.contains(&made) || !is_known(made);
            ensure!(fits, "input `{wanted}`: expected `{}` of stage `{}`, got its `{made}`", fitting[0], maker.name);
        }
    }
    Ok(())
}

/// Refuses what one stage decides over several tables without the split that says which document is next.
pub fn check_split(before: &Before<'_>) -> anyhow::Result<()> {
    let (several, split) = (before.inputs(role::SCORES).len() > 1, !before.inputs(role::CORPUS).is_empty());
    ensure!(split || !several, DecideError::NoCorpus("several tables of scores"));
    Ok(())
}

/// Refuses scores of documents and of evidence alone that are not fused, and what is to be fused and cannot, where stages
/// before make all of them.
pub fn check_kinds(before: &Before<'_>, ensemble: Ensemble) -> anyhow::Result<()> {
    let makers = before.inputs(role::SCORES).iter().map(|input| before.maker(input));
    let Some(makers) = makers.collect::<Option<Vec<_>>>() else { return Ok(()) };
    let evidence = makers.iter().filter(|(stage, _)| stage.inputs.contains_key(role::SENTENCE_WEIGHTS)).count();
    let documents = makers.len() - evidence;
    if ensemble == Ensemble::Fusion {
        ensure!([documents, evidence] == [1, 1], DecideError::Fusion { documents, evidence });
    } else {
        ensure!(
            documents == 0 || evidence == 0,
            "input `{}`: expected scores of documents or of evidence alone, got both, which `ensemble = \"fusion\"` fuses",
            role::SCORES
        );
    }
    Ok(())
}

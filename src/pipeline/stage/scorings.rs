//! Tables that a stage before makes, told apart before anything runs: of several it is easily another.

use anyhow::ensure;

use super::kind::Before;
use crate::decide::{DecideError, Ensemble};
use crate::ground::manifest::role;

/// What `score` and `decide` make.
const TABLES: [&str; 7] = [
    role::RELATIONS,
    role::SCORES,
    role::TRACES,
    role::CLAIMS,
    role::MODEL_RELATIONS,
    role::SENTENCE_WEIGHTS,
    role::EVIDENCE,
];

/// What an input in a role may be made as, where that is not its name.
const LIKEWISE: [(&str, &str); 1] = [(role::SCORES, role::CLAIMS)];

/// Refuses an input that is made as another table than it is wanted as.
pub fn check_tables(before: &Before<'_>) -> anyhow::Result<()> {
    for wanted in [role::SCORES, role::SENTENCE_WEIGHTS, role::EVIDENCE] {
        for (maker, made) in before.inputs(wanted).iter().filter_map(|input| before.maker(input)) {
            let fits = made == wanted || !TABLES.contains(&made) || LIKEWISE.contains(&(wanted, made));
            ensure!(fits, "input `{wanted}`: expected that output of stage `{0}`, got its `{made}`", maker.name);
        }
    }
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

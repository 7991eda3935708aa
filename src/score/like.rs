//! A checkpoint of several corpora as if it were that of one of them: what it claims of a split is called as there, and is
//! judged on that corpus as it is.

use std::collections::BTreeMap;
use std::path::Path;

use checkpoint::{Card, CardCorpus, Checkpoint};
use ground::excerpt::quoted;
use ground::identity::Identity;
use model::example::Relations;
use table::Text;

use super::error::ScoreError;

/// Calls a checkpoint's relations as one of its corpora does, and gives those that the corpus has: of the others nothing is
/// claimed.
///
/// # Errors
/// Where it was not trained on several corpora of which one is called so.
pub fn called(checkpoint: &mut Checkpoint, folder: &Path, corpus: &str) -> Result<Relations, ScoreError> {
    let card = card(folder, corpus)?;
    let corpus = of(&card, folder, corpus)?;
    let own: BTreeMap<Text, Text> =
        corpus.own_relations().into_iter().map(|(model, own)| (model, own.relation)).collect();
    let calls = |name: &Text| own.get(name).cloned().unwrap_or_else(|| name.clone());
    let names: Vec<Text> = checkpoint.config.relations.iter().map(calls).collect();
    let of_corpus = corpus.relations.iter().filter_map(|of| Some((of.told.relation.clone(), of.model.clone()?)));
    let of_corpus: BTreeMap<Text, Text> = of_corpus.collect();
    let relations = checkpoint.config.relations().called(&of_corpus).named(names.clone());
    let identity = Identity::of("checkpoint").field("checkpoint", &checkpoint.fingerprint);
    checkpoint.fingerprint = identity.field("names", &names).field("like", &of_corpus).finish();
    checkpoint.config.relations = names;
    Ok(relations)
}

/// What is to be said of relations of the corpus that are one to the model: claims of them bear one name.
///
/// # Errors
/// As [`called`].
pub fn joined(folder: &Path, corpus: &str) -> Result<Vec<String>, ScoreError> {
    let card = card(folder, corpus)?;
    let of = of(&card, folder, corpus)?;
    let told = of.joined().into_iter().map(|(model, own)| {
        let names: Vec<String> = own.iter().map(|name| quoted(name)).collect();
        let missed: Vec<String> = own.iter().filter(|name| **name != model).map(|name| quoted(name)).collect();
        let model = quoted(model);
        format!(
            "the model has the relations {} of `{corpus}` as one, and all are claimed as {model}: facts of {} count as missed",
            names.join(", "),
            missed.join(", ")
        )
    });
    Ok(told.collect())
}

/// The card of a checkpoint that was trained on several corpora.
fn card(folder: &Path, corpus: &str) -> Result<Card, ScoreError> {
    let card = Card::find(folder)?.filter(|card| !card.corpora.is_empty());
    card.ok_or_else(|| ScoreError::OfNone { checkpoint: folder.to_path_buf(), corpus: corpus.to_owned() })
}

fn of<'c>(card: &'c Card, folder: &Path, corpus: &str) -> Result<&'c CardCorpus, ScoreError> {
    card.corpus(corpus).map_err(|reason| ScoreError::Unlike { checkpoint: folder.to_path_buf(), reason })
}

/// What a checkpoint was trained on; of one that was on several corpora, that one which is asked for.
///
/// # Errors
/// As [`called`].
pub fn of_card(folder: &Path, like: Option<&str>) -> Result<Option<Card>, ScoreError> {
    let Some(corpus) = like else { return Ok(Card::find(folder)?) };
    let card = card(folder, corpus)?;
    let corpus = of(&card, folder, corpus)?.clone();
    Ok(Some(card.like(&corpus)))
}

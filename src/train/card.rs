//! What a checkpoint's card says of its training.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use checkpoint::{CardRelation, SplitName};
use table::rows::{DocumentRow, RelationTypeRow};
use table::{Row, Standing, TableError, Text};

use super::config::{EncoderSource, TrainConfig};

/// Settings that are places: of the same files elsewhere the card is the same.
const PLACES: [&str; 6] = ["corpus", "train", "dev", "base", "teacher", "begin_with"];

/// The relations of both splits, by name, with what the tables say of them.
pub fn relations([train, dev]: &[PathBuf; 2]) -> Result<Vec<CardRelation>, TableError> {
    let mut relations: BTreeMap<Text, CardRelation> = BTreeMap::new();
    for (split, trains) in [(train, 1), (dev, 0)] {
        for rows in table::read::<RelationTypeRow>(split)? {
            for RelationTypeRow { relation, label, n_facts, undirected } in rows? {
                let new = || CardRelation { relation: relation.clone(), label: None, facts: 0, undirected: false };
                let told = relations.entry(relation.clone()).or_insert_with(new);
                told.facts += trains * n_facts;
                told.undirected |= undirected;
                told.label = told.label.take().or(label);
            }
        }
    }
    Ok(relations.into_values().collect())
}

/// Which split it is.
pub fn split_name(split: &Path, standing: &Standing, documents: u64) -> Result<SplitName, TableError> {
    let name = |path: Option<&Path>| {
        let name = path.and_then(Path::file_name).unwrap_or_default();
        Text::from(name.to_string_lossy())
    };
    let told = table::fingerprint(split, &DocumentRow::schema().name)?.filter(|told| !told.is_empty());
    let identity = told.map_or_else(|| standing.identity(&["documents", "tokens", "mentions", "pairs"]), Ok)?;
    Ok(SplitName { corpus: name(split.parent()), split: name(Some(split)), identity: identity.into(), documents })
}

/// The settings, but for places. Checkpoints that were given, a teacher, a base and what all begins with, are told by what
/// identifies them.
pub fn settings(config: &TrainConfig, given: [Option<&str>; 3]) -> serde_json::Result<Value> {
    let mut settings = serde_json::to_value(config)?;
    if let Some(fields) = settings.as_object_mut() {
        PLACES.iter().for_each(|place| drop(fields.remove(*place)));
        let corpora = fields.get_mut("corpora").and_then(Value::as_array_mut);
        for corpus in corpora.into_iter().flatten().filter_map(Value::as_object_mut) {
            ["train", "dev"].iter().for_each(|place| drop(corpus.remove(*place)));
        }
        // Of a folder the checkpoint has the shape: the same encoder elsewhere is no other one.
        if matches!(&config.encoder, EncoderSource::Pretrained(name) if Path::new(name).is_dir()) {
            fields.remove("encoder");
        }
        for (name, identity) in ["teacher", "base", "begin_with"].into_iter().zip(given) {
            fields.extend(identity.map(|identity| (name.to_owned(), identity.into())));
        }
    }
    Ok(settings)
}

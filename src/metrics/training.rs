//! Facts that training showed: what IgnF1 leaves out.
//!
//! A fact is known where some mention name of its head, some mention name of its tail and its relation stand together
//! among the training facts, as in the official DocRED scorer.

use std::path::Path;

use polars::prelude::*;

use super::error::Error;
use super::split::{Numbering, Split, collect, entity, stands};
use super::submitted::read_training_facts;

/// Those of some numbered facts that training showed: a column `fact`. `training` as [`training_facts`] has it.
pub(super) fn known_facts(
    training: LazyFrame,
    split: &Split,
    numbering: &Numbering,
    facts: LazyFrame,
) -> Result<DataFrame, Error> {
    let keys = ["head_name", "tail_name", "code"].map(col);
    let pair = numbering.pair_of(col("fact"));
    let facts = facts.select([
        col("fact"),
        numbering.head(pair.clone()).alias("head"),
        numbering.tail(pair).alias("tail"),
        numbering.code_of(col("fact")).alias("code"),
    ]);
    let trained = numbering.with_code(training).select(&keys);
    let known = named(facts, &split.mentions()?).join(trained, &keys, &keys, JoinArgs::new(JoinType::Semi));
    collect(known.select([col("fact")]).unique(None, UniqueKeepStrategy::Any), "known facts")
}

/// Training facts as names: `head_name`, `tail_name`, `relation`; from a `.fact` file or a split's folder.
pub(super) fn training_facts(path: &Path) -> Result<LazyFrame, Error> {
    if path.is_file() {
        return read_training_facts(path);
    }
    let split = Split::open(path)?;
    let facts = split.in_labelled(split.facts()?).filter(stands("head").and(stands("tail")));
    let facts = facts.select([entity("head").alias("head"), entity("tail").alias("tail"), col("relation")]);
    Ok(named(facts, &split.mentions()?).select(["head_name", "tail_name", "relation"].map(col)))
}

/// A row each way to name a row's `head` and `tail`: `head_name` and `tail_name` in their place.
fn named(facts: LazyFrame, mentions: &LazyFrame) -> LazyFrame {
    let names =
        |side: &str| mentions.clone().select([col("entity").alias(side), col("name").alias(format!("{side}_name"))]);
    facts.inner_join(names("head"), col("head"), col("head")).inner_join(names("tail"), col("tail"), col("tail"))
}

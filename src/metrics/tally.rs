//! The marks, counted: by document, by relation, by pattern; and the predictions beyond the split.

use std::collections::BTreeMap;

use polars::prelude::*;

use ground::counts::Counts;

use super::error::{self, Error};
use super::scopes::Tally;
use super::split::{FACT, Numbering, Split, collect, stands};
use super::triangles::PATTERNS;

/// Counts by relation's name.
pub(super) type ByRelation = BTreeMap<String, Counts>;

/// Each labelled document's counts, in the order of [`Tally`].
pub(super) fn by_document(facts: &DataFrame, split: &Split) -> Result<Vec<Tally>, Error> {
    let [triangle @ .., _] = PATTERNS;
    let scopes = [
        (lit(true), lit(true)),
        (col("intra"), col("intra")),
        (col("intra").not(), col("intra").not()),
        (col("engaged"), any_of(&triangle)),
        (col("implied").not(), col("implied").not()),
        (col("implied").or(col("gold").not()), col("implied")),
    ];
    let mut sums: Vec<Expr> = scopes.into_iter().flat_map(|(predicted, gold)| counts(predicted, gold)).collect();
    sums.push(col("known"));
    let sums: Vec<Expr> = (0..).zip(sums).map(|(place, mark)| count(mark).alias(slot(place))).collect();
    let rows = collect(facts.clone().lazy().group_by([col("document")]).agg(sums), "counts by document")?;
    spread(&rows, split.labelled).map_err(error::query("counts by document"))
}

/// Correct predictions, predictions and facts of a scope, as marks to count.
fn counts(predicted: Expr, gold: Expr) -> [Expr; 3] {
    let predicted = col("predicted").and(predicted);
    let gold = col("gold").and(gold);
    [predicted.clone().and(gold.clone()), predicted, gold]
}

fn any_of(marks: &[&str]) -> Expr {
    marks.iter().map(|mark| col(*mark)).reduce(Expr::or).unwrap_or_else(|| lit(false))
}

fn count(mark: Expr) -> Expr {
    mark.sum().cast(DataType::UInt32)
}

fn slot(place: usize) -> String {
    format!("count {place}")
}

/// One tally a document, zero where no row tells of it.
fn spread(rows: &DataFrame, documents: usize) -> PolarsResult<Vec<Tally>> {
    let mut tallies = vec![Tally::default(); documents];
    let places = rows.column("document")?.u32()?;
    for place in 0..Tally::default().len() {
        let counts = rows.column(&slot(place))?.u32()?;
        for (document, count) in places.iter().zip(counts.iter()) {
            let tally = document.and_then(|document| tallies.get_mut(document as usize));
            if let Some(slot) = tally.and_then(|tally| tally.get_mut(place)) {
                *slot = count.unwrap_or_default();
            }
        }
    }
    Ok(tallies)
}

/// The counts of every relation.
pub(super) fn by_relation(facts: &DataFrame, numbering: &Numbering) -> Result<ByRelation, Error> {
    let [correct, predicted, gold] = counts(lit(true), lit(true)).map(count);
    let rows = facts
        .clone()
        .lazy()
        .group_by([numbering.code_of(col("fact")).alias("code")])
        .agg([correct.alias("true_positives"), predicted.alias("predicted"), gold.alias("gold")])
        .inner_join(numbering.relations.clone().lazy(), col("code"), col("code"));
    let rows = collect(rows, "counts by relation")?;
    named_counts(&rows, "relation").map_err(error::query("counts by relation"))
}

fn named_counts(rows: &DataFrame, name: &str) -> PolarsResult<ByRelation> {
    let number = |column: &str| rows.column(column).and_then(Column::u32).map(ChunkedArray::iter);
    let numbers = number("true_positives")?.zip(number("predicted")?).zip(number("gold")?);
    let named = rows.column(name)?.str()?.iter().zip(numbers).map(|(name, ((correct, predicted), gold))| {
        let counts = Counts {
            true_positives: u64::from(correct.unwrap_or_default()),
            predicted: u64::from(predicted.unwrap_or_default()),
            gold: u64::from(gold.unwrap_or_default()),
            known: 0,
        };
        (name.unwrap_or_default().to_owned(), counts)
    });
    Ok(named.collect())
}

/// The facts that each of the patterns concludes, or any of them (`any`, last), and how many of those were predicted.
pub(super) fn by_pattern(facts: &DataFrame) -> Result<Vec<(&'static str, Counts)>, Error> {
    let patterns = PATTERNS.iter().map(|pattern| (*pattern, col(*pattern)));
    let marks = patterns.chain([("any", any_of(&PATTERNS))]).flat_map(|(name, mark)| {
        let concluded = mark.and(col("gold"));
        [count(concluded.clone().and(col("predicted"))).alias(found(name)), count(concluded).alias(name)]
    });
    let row = collect(facts.clone().lazy().select(marks.collect::<Vec<_>>()), "counts by pattern")?;
    let names = PATTERNS.into_iter().chain(["any"]);
    names.map(|name| Ok((name, only_counts(&row, &found(name), &found(name), name)?))).collect()
}

fn found(pattern: &str) -> String {
    format!("{pattern} predicted")
}

/// The counts in a single row.
fn only_counts(row: &DataFrame, true_positives: &str, predicted: &str, gold: &str) -> Result<Counts, Error> {
    let number = |column: &str| -> PolarsResult<u64> { Ok(row.column(column)?.u32()?.get(0).map_or(0, u64::from)) };
    let counts = || -> PolarsResult<Counts> {
        Ok(Counts {
            true_positives: number(true_positives)?,
            predicted: number(predicted)?,
            gold: number(gold)?,
            known: 0,
        })
    };
    counts().map_err(error::query("counts"))
}

/// Sentences of evidence, predicted and gold, of the facts that count. `facts` are marked.
pub(super) fn evidence(
    predicted: LazyFrame,
    facts: &DataFrame,
    split: &Split,
    numbering: &Numbering,
) -> Result<Counts, Error> {
    let mut columns = FACT.to_vec();
    columns.push(("evidence", DataType::List(Box::new(DataType::UInt32))));
    let options = ExplodeOptions { empty_as_null: false, keep_nulls: false };
    let gold = split.table("facts", &columns)?.explode(by_name(["evidence"], true, false), options);
    let sentences = |rows: LazyFrame, sentence: &str, gold: bool| {
        numbering.with_code(split.in_labelled(rows).filter(stands("head").and(stands("tail")))).select([
            numbering.fact_of_row().alias("fact"),
            col(sentence).alias("sentence"),
            lit(gold).alias("gold"),
            lit(!gold).alias("predicted"),
        ])
    };
    let both = [sentences(gold, "evidence", true), sentences(predicted, "sentence", false)];
    let both = concat(both, UnionArgs::default()).map_err(error::query("evidence"))?;
    let distinct = both
        .semi_join(facts.clone().lazy(), col("fact"), col("fact"))
        .group_by([col("fact"), col("sentence")])
        .agg([col("gold").max(), col("predicted").max()]);
    let [correct, predicted, gold] = counts(lit(true), lit(true)).map(count);
    let row = collect(distinct.select([correct.alias("true_positives"), predicted, gold]), "evidence")?;
    only_counts(&row, "true_positives", "predicted", "gold")
}

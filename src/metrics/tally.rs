//! The marks, counted: by document and scope, by relation, by pattern; and sentences of evidence.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use polars::prelude::*;

use ground::counts::Counts;
use ground::pattern::Pattern;
use ground::scope::Scope;

use crate::error::{self, Error, given};
use crate::marked_facts::{TRIANGLE, any_of};
use crate::split::{Numbering, Split, collect, stands};

/// What an evaluation is told besides facts and predictions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knowledge {
    /// Which facts training showed.
    pub training: bool,
    /// Which facts are only implied.
    pub implied: bool,
}

/// Which predictions and which facts are in a scope, as marks of a row: for a new scope, said here and nowhere else.
/// `None` where the corpus does not tell.
fn members(scope: Scope, knowledge: Knowledge) -> Option<[Expr; 2]> {
    Some(match scope {
        Scope::All => [lit(true), lit(true)],
        Scope::Intra => [col("intra"), col("intra")],
        Scope::Inter => [col("intra").not(), col("intra").not()],
        Scope::Infer => [col("engaged"), any_of(&TRIANGLE)],
        Scope::InferGold => [lit(true), any_of(&TRIANGLE)],
        Scope::Stated | Scope::Implied if !knowledge.implied => return None,
        // What is neither may be meant as either: a prediction that is wrong, or is right by a false label alone.
        Scope::Stated => [col("implied").not(), col("stated")],
        Scope::Implied => [col("stated").not(), col("implied")],
    })
}

/// The scopes that have every prediction, so also those that name what the split lacks.
pub(super) const OF_ALL_PREDICTIONS: [Scope; 2] = [Scope::All, Scope::InferGold];

impl Knowledge {
    /// The scopes whose facts it tells.
    pub fn scopes(self) -> Vec<Scope> {
        Scope::ALL.into_iter().filter(|scope| members(*scope, self).is_some()).collect()
    }

    /// What two evaluations both know.
    pub fn and(self, other: Self) -> Self {
        Self { training: self.training && other.training, implied: self.implied && other.implied }
    }
}

/// A value for each scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByScope<T>([T; Scope::ALL.len()]);

impl<T> Index<Scope> for ByScope<T> {
    type Output = T;

    fn index(&self, scope: Scope) -> &T {
        &self.0[scope as usize]
    }
}

impl<T> IndexMut<Scope> for ByScope<T> {
    fn index_mut(&mut self, scope: Scope) -> &mut T {
        &mut self.0[scope as usize]
    }
}

/// Counts of one document: 32 bits are enough, and a resample reads half as much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DocumentCounts {
    pub correct: u32,
    pub predicted: u32,
    pub gold: u32,
}

/// The counts of one document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub scopes: ByScope<DocumentCounts>,
    /// Correct predictions that training showed.
    pub known: u32,
}

/// The counts of many documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    scopes: ByScope<Counts>,
    known: u64,
}

impl Sums {
    /// The sum of some tallies.
    pub fn of(tallies: impl Iterator<Item = Tally>) -> Self {
        let mut sums = Self::default();
        for tally in tallies {
            for (sum, counts) in sums.scopes.0.iter_mut().zip(tally.scopes.0) {
                sum.true_positives += u64::from(counts.correct);
                sum.predicted += u64::from(counts.predicted);
                sum.gold += u64::from(counts.gold);
            }
            sums.known += u64::from(tally.known);
        }
        sums
    }

    /// The counts in a scope. Where no fact is in a triangle there is nothing to find, and predictions are not wrong for it.
    pub fn counts(&self, scope: Scope) -> Counts {
        let counts = self.scopes[scope];
        if scope == Scope::InferGold && counts.gold == 0 { Counts::default() } else { counts }
    }

    /// Those of all facts, for IgnF1.
    pub fn ignoring_known(&self) -> Counts {
        Counts { known: self.known, ..self.scopes[Scope::All] }
    }
}

/// Each labelled document's counts.
pub(super) fn by_document(facts: &DataFrame, split: &Split, knowledge: Knowledge) -> Result<Vec<Tally>, Error> {
    let mut sums = vec![count(col("known")).alias("known")];
    for scope in knowledge.scopes() {
        let marks = members(scope, knowledge).into_iter().flat_map(|[predicted, gold]| counts(predicted, gold));
        sums.extend(marks.zip(KINDS).map(|(mark, kind)| count(mark).alias(column(scope, kind))));
    }
    let rows = collect(facts.clone().lazy().group_by([col("document")]).agg(sums), "counts by document")?;
    spread(&rows, split.labelled, &knowledge.scopes()).map_err(error::query("counts by document"))
}

/// What is counted of a scope, in the order of [`counts`].
const KINDS: [&str; 3] = ["correct", "predicted", "gold"];

fn column(scope: Scope, kind: &str) -> String {
    format!("{} {kind}", scope.name())
}

/// Correct predictions, predictions and facts of a scope, as marks to count.
fn counts(predicted: Expr, gold: Expr) -> [Expr; 3] {
    let predicted = col("predicted").and(predicted);
    let gold = col("gold").and(gold);
    [predicted.clone().and(gold.clone()), predicted, gold]
}

fn count(mark: Expr) -> Expr {
    mark.sum().cast(DataType::UInt32)
}

/// One tally a document, zero where no row tells of it.
fn spread(rows: &DataFrame, n_documents: usize, scopes: &[Scope]) -> PolarsResult<Vec<Tally>> {
    let mut tallies = vec![Tally::default(); n_documents];
    let documents = numbers(rows, "document")?;
    for (&document, known) in documents.iter().zip(numbers(rows, "known")?) {
        tally_of(&mut tallies, document)?.known = known;
    }
    for &scope in scopes {
        let [correct, predicted, gold] = KINDS.map(|kind| numbers(rows, &column(scope, kind)));
        let counts = correct?.into_iter().zip(predicted?).zip(gold?);
        for (&document, ((correct, predicted), gold)) in documents.iter().zip(counts) {
            tally_of(&mut tallies, document)?.scopes[scope] = DocumentCounts { correct, predicted, gold };
        }
    }
    Ok(tallies)
}

fn tally_of(tallies: &mut [Tally], document: u32) -> PolarsResult<&mut Tally> {
    let labelled = tallies.len();
    let missing = || polars_err!(ComputeError: "expected a document from 0 to below {labelled}, got {document}");
    tallies.get_mut(document as usize).ok_or_else(missing)
}

/// A column of counts, none of them null.
fn numbers(rows: &DataFrame, column: &str) -> PolarsResult<Vec<u32>> {
    let null = || polars_err!(ComputeError: "expected a number in every row of `{column}`, got a null");
    rows.column(column)?.u32()?.iter().map(|number| number.ok_or_else(null)).collect()
}

/// Counts by relation's name.
pub(super) type ByRelation = BTreeMap<String, Counts>;

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
            true_positives: u64::from(given(correct, "true_positives")?),
            predicted: u64::from(given(predicted, "predicted")?),
            gold: u64::from(given(gold, "gold")?),
            known: 0,
        };
        Ok((given(name, "name")?.to_owned(), counts))
    });
    named.collect()
}

/// The facts that each of the patterns concludes, or any of them (`None`, last), and how many of those were predicted.
pub(super) fn by_pattern(facts: &DataFrame) -> Result<Vec<(Option<Pattern>, Counts)>, Error> {
    let any = [(None, "any", any_of(&Pattern::ALL))];
    let each = Pattern::ALL.map(|pattern| (Some(pattern), pattern.name(), col(pattern.name())));
    let patterns: Vec<_> = each.into_iter().chain(any).collect();
    let marks = patterns.iter().flat_map(|(_, name, mark)| {
        let concluded = mark.clone().and(col("gold"));
        [count(concluded.clone().and(col("predicted"))).alias(found(name)), count(concluded).alias(*name)]
    });
    let row = collect(facts.clone().lazy().select(marks.collect::<Vec<_>>()), "counts by pattern")?;
    let counts = |name: &str| only_counts(&row, &found(name), &found(name), name);
    patterns.iter().map(|(pattern, name, _)| Ok((*pattern, counts(name)?))).collect()
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
    let sentences = |rows: LazyFrame, sentence: &str, gold: bool| {
        numbering.with_code(split.in_labelled(rows).filter(stands("head").and(stands("tail")))).select([
            numbering.fact_of_row().alias("fact"),
            col(sentence).alias("sentence"),
            lit(gold).alias("gold"),
            lit(!gold).alias("predicted"),
        ])
    };
    let both = [sentences(split.evidence()?, "evidence", true), sentences(predicted, "sentence", false)];
    let both = concat(both, UnionArgs::default()).map_err(error::query("evidence"))?;
    let distinct = both
        .semi_join(facts.clone().lazy(), col("fact"), col("fact"))
        .group_by([col("fact"), col("sentence")])
        .agg([col("gold").max(), col("predicted").max()]);
    let [correct, predicted, gold] = counts(lit(true), lit(true)).map(count);
    let row = collect(distinct.select([correct.alias("true_positives"), predicted, gold]), "evidence")?;
    only_counts(&row, "true_positives", "predicted", "gold")
}

//! Every fact that stands in the corpus or was predicted, once, with the marks that the metrics count by.
//!
//! # Triangles
//! Pairs that hold a fact are the edges of a document: what a fact could have been inferred from.
//!
//! Over the edges (h, e), (e, t) of a document, h, e and t distinct, goes a path ([`closed`]). A path closed by the edge
//! (h, t) engages its three edges, and each of them is the conclusion of one pattern of premises; a path closed by
//! (t, h) is a ring, and its closing edge concludes the fourth pattern. With s the head of the conclusion, o its tail
//! and i the bridge, h→e→t reads:
//!
//! | conclusion (s, o) | premises | pattern |
//! | --- | --- | --- |
//! | (h, t) | (s, i), (i, o) | `s>i,i>o` |
//! | (h, e) | (s, i), (o, i) | `s>i,o>i` |
//! | (e, t) | (i, s), (i, o) | `i>s,i>o` |
//! | (t, h) | (o, i), (i, s) | `o>i,i>s` |
//!
//! A relation that holds both ways makes edges of both directions, and its fact is what either concludes.

use ground::pattern::Pattern;
use polars::prelude::*;

use crate::closed::{CONCLUDED, Edge, closed};
use crate::error::{self, Error};
use crate::predictions::{Predictions, known_facts};
use crate::split::{FACT, Numbering, Split, collect, stands};

/// What the edges of a closed triangle conclude, in the order of the table.
pub(super) const TRIANGLE: [Pattern; 3] = [Pattern::Forward, Pattern::Inward, Pattern::Outward];

/// The union of gold and predicted facts: `fact`, `document`, `gold`, `predicted`. One row of a null `fact` stands
/// for strays, where there are any.
pub(super) fn union(predictions: &Predictions, split: &Split, numbering: &Numbering) -> Result<DataFrame, Error> {
    let inside = stands("head").and(stands("tail"));
    let gold = numbering.with_code(split.in_labelled(split.facts()?).filter(inside.clone()));
    let gold = gold.select([
        numbering.fact_of_row().alias("fact"),
        col("document"),
        lit(true).alias("gold"),
        lit(false).alias("predicted"),
    ]);
    let predicted = numbering.with_code(split.in_any(predictions.facts.clone()).filter(counted()));
    let fact = when(inside).then(numbering.fact_of_row()).otherwise(lit(NULL));
    let predicted =
        predicted.select([fact.alias("fact"), col("document"), lit(false).alias("gold"), lit(true).alias("predicted")]);
    let both = concat([gold, predicted], UnionArgs::default()).map_err(error::query("facts"))?;
    let union = both.group_by([col("fact")]).agg([col("document").max(), col("gold").max(), col("predicted").max()]);
    collect(union, "gold and predicted facts")
}

/// Whether a prediction counts: not where its document is unlabelled.
pub(super) fn counted() -> Expr {
    col("document").is_not_null().or(col("n_entities").is_null())
}

/// The facts among the given (those of [`union`] that are not null) whose pairs are candidates, with their pairs' marks:
/// `intra`, `engaged` (an edge of a triangle of predicted pairs), and the name of each [`Pattern`] (concluded from gold
/// pairs); and their own: `known` (a correct prediction that training showed), and in a synthetic corpus `implied` (it only
/// follows) and `stated` (a sentence states it): false facts that noise has put among the labels are neither.
pub(super) fn marked_facts(
    facts: &DataFrame,
    split: &Split,
    numbering: &Numbering,
    training: Option<LazyFrame>,
) -> Result<DataFrame, Error> {
    let (by_pair, (known, implied, shown)) = rayon::join(
        || marked_by_pair(facts, split, numbering),
        || {
            let known = known_among(facts, split, numbering, training);
            (known, implied_facts(facts, split, numbering), shown_facts(facts, split, numbering))
        },
    );
    let facts = marked(by_pair?.lazy(), known?, "known");
    let facts = marked(marked(facts, implied?, "implied"), shown?, "stated");
    collect(facts.with_column(col("stated").and(col("implied").not())), "marked facts")
}

/// The facts whose pairs are candidates, with their pairs' marks.
fn marked_by_pair(facts: &DataFrame, split: &Split, numbering: &Numbering) -> Result<DataFrame, Error> {
    let facts = with_pairs(facts, split, numbering);
    let pairs = marked_pairs(facts.clone(), split, numbering)?.lazy();
    let facts = facts.select([col("fact"), col("document"), col("gold"), col("predicted"), col("held")]);
    let facts = facts.inner_join(pairs, col("held"), col("held"));
    collect(facts.drop(by_name(["held"], true, false)), "facts with the marks of their pairs")
}

/// Adds to facts the `pair` that each holds for, whether `both` ways, and the number of these two, `held`.
fn with_pairs(facts: &DataFrame, split: &Split, numbering: &Numbering) -> LazyFrame {
    let facts = facts.clone().lazy();
    let facts = if split.has_undirected() {
        numbering.with_relation(facts).with_column(split.is_undirected().alias("both"))
    } else {
        facts.with_column(lit(false).alias("both"))
    };
    facts.with_column(numbering.pair_of(col("fact")).alias("pair")).with_column(held(col("both")).alias("held"))
}

/// The number of a row's `pair`, held for both ways or in its one direction.
fn held(both: Expr) -> Expr {
    col("pair") * lit(2u64) + both.cast(DataType::UInt64)
}

/// What facts with their pairs hold for, of the pairs that are candidates: `pair`, `held` and the marks.
fn marked_pairs(facts: LazyFrame, split: &Split, numbering: &Numbering) -> Result<DataFrame, Error> {
    let pairs = facts
        .group_by([col("held"), col("pair"), col("both")])
        .agg([col("gold").max().alias("gold_pair"), col("predicted").max().alias("predicted_pair")]);
    let pairs = collect(pairs, "pairs of facts")?.lazy();
    let special = special_pairs(split, numbering, &pairs)?.lazy();
    let pairs = pairs
        .left_join(special, col("pair"), col("pair"))
        .filter(col("candidate").fill_null(lit(true)))
        .with_column(col("intra").fill_null(lit(false)));
    let pairs = collect(pairs, "candidate pairs")?.lazy();
    let of_kind = |kind: &str| pairs.clone().filter(col(kind));
    let engaged = concluded(of_kind("predicted_pair"), split, numbering)?.lazy();
    let engaged = engaged.select([col("held"), any_of(&TRIANGLE).alias("engaged")]);
    let concluded = concluded(of_kind("gold_pair"), split, numbering)?.lazy();
    let patterns = CONCLUDED.iter().map(|pattern| pattern.name());
    let marks = patterns.chain(["engaged"]).map(|mark| col(mark).fill_null(lit(false)));
    let marks: Vec<Expr> = ["held", "pair", "intra"].map(col).into_iter().chain(marks).collect();
    let by_held = |one: LazyFrame, other: LazyFrame| one.left_join(other, col("held"), col("held"));
    collect(by_held(by_held(pairs, engaged), concluded).select(marks), "pairs in triangles")
}

/// What pairs conclude from each other: `held`, and the name of each [`Pattern`].
fn concluded(pairs: LazyFrame, split: &Split, numbering: &Numbering) -> Result<DataFrame, Error> {
    if !split.has_undirected() {
        let closed = closing(pairs.select([col("pair")]), numbering)?.lazy();
        return collect(closed.with_column(held(lit(false)).alias("held")), "what edges conclude");
    }
    let edges = pairs.clone().select([col("held"), col("pair")]);
    let turned = pairs.filter(col("both")).select([col("held"), numbering.turned(col("pair")).alias("pair")]);
    let edges = concat([edges, turned], UnionArgs::default()).map_err(error::query("edges"))?;
    let edges = collect(edges, "edges")?.lazy();
    let distinct = edges.clone().select([col("pair")]).unique(None, UniqueKeepStrategy::Any);
    let closed = closing(distinct, numbering)?.lazy();
    let edges = edges.inner_join(closed, col("pair"), col("pair"));
    let either: Vec<Expr> = CONCLUDED.iter().map(|pattern| col(pattern.name()).max()).collect();
    collect(edges.group_by([col("held")]).agg(either), "what edges of both directions conclude")
}

/// Whether a pair concludes by any of some patterns.
pub(super) fn any_of(patterns: &[Pattern]) -> Expr {
    patterns.iter().map(|pattern| col(pattern.name())).reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// What each of some distinct pairs (a column `pair`) concludes from two others of them: `pair`, and the name of each
/// [`Pattern`].
fn closing(pairs: LazyFrame, numbering: &Numbering) -> Result<DataFrame, Error> {
    let [head, tail] = [numbering.head(col("pair")), numbering.tail(col("pair"))];
    let [head, tail] = [head.alias("head"), tail.alias("tail")].map(|end| end.cast(DataType::UInt64));
    let pairs = collect(pairs.select([col("pair"), head, tail]), "the ends of pairs")?;
    let fault = || error::query("the ends of pairs");
    let column = |name: &str| -> Result<Vec<u64>, Error> {
        let numbers = pairs.column(name).and_then(|numbers| numbers.u64()).map_err(fault())?;
        Ok(numbers.into_no_null_iter().collect())
    };
    let edges: Vec<Edge> = column("head")?.into_iter().zip(column("tail")?).collect();
    let closed = closed(&edges);
    let marks = CONCLUDED.iter().enumerate().map(|(place, pattern)| {
        let concludes: Vec<bool> = closed.iter().filter_map(|by| by.get(place)).copied().collect();
        Column::new(pattern.name().into(), concludes)
    });
    let marks: Vec<Column> = marks.collect();
    pairs.select(["pair"]).and_then(|pairs| pairs.hstack(&marks)).map_err(fault())
}

/// Those of the given pairs that are intra or no candidates, as most are not: `pair`, `intra`, `candidate`.
fn special_pairs(split: &Split, numbering: &Numbering, pairs: &LazyFrame) -> Result<DataFrame, Error> {
    let columns = [
        ("doc_id", DataType::String),
        ("head", DataType::UInt32),
        ("tail", DataType::UInt32),
        ("intra", DataType::Boolean),
        ("candidate", DataType::Boolean),
    ];
    let special = split.table("pairs", &columns)?.filter(col("intra").or(col("candidate").not()));
    let special = split.in_labelled(special).filter(stands("head").and(stands("tail")));
    let special = special.select([numbering.pair_of_row().alias("pair"), col("intra"), col("candidate")]);
    let special = special.semi_join(pairs.clone(), col("pair"), col("pair"));
    let special = special.group_by([col("pair")]).agg([col("intra").max(), col("candidate").min()]);
    let special = collect(special, "pairs that share a sentence")?;
    if split.lists_every_pair()? { Ok(special) } else { with_unlisted(special, split, numbering, pairs) }
}

/// Adds the pairs that the table `pairs` does not list, as no question was asked of them, and that share a sentence.
fn with_unlisted(
    special: DataFrame,
    split: &Split,
    numbering: &Numbering,
    pairs: &LazyFrame,
) -> Result<DataFrame, Error> {
    let sentences = split.sentences()?;
    let named = |side: &str| sentences.clone().rename(["entity"], [side], true);
    let keys = [col("tail"), col("sent_id")];
    let together = pairs
        .clone()
        .anti_join(special.clone().lazy(), col("pair"), col("pair"))
        .select([col("pair"), numbering.head(col("pair")).alias("head"), numbering.tail(col("pair")).alias("tail")])
        .inner_join(named("head"), col("head"), col("head"))
        .join(named("tail"), &keys, &keys, JoinArgs::new(JoinType::Semi))
        .select([col("pair")])
        .unique(None, UniqueKeepStrategy::Any)
        .with_columns([lit(true).alias("intra"), lit(true).alias("candidate")]);
    let both = concat([special.lazy(), together], UnionArgs::default()).map_err(error::query("pairs"))?;
    collect(both, "pairs that share a sentence")
}

/// The correct predictions that stand among the training facts, a column `fact`; none without training facts.
fn known_among(
    facts: &DataFrame,
    split: &Split,
    numbering: &Numbering,
    training: Option<LazyFrame>,
) -> Result<DataFrame, Error> {
    let correct = facts.clone().lazy().filter(col("gold").and(col("predicted"))).select([col("fact")]);
    match training {
        Some(training) => known_facts(training, split, numbering, correct),
        None => collect(correct.limit(0), "no training facts"),
    }
}

/// The facts that no sentence of a synthetic corpus states, a column `fact`; none of another corpus.
fn implied_facts(facts: &DataFrame, split: &Split, numbering: &Numbering) -> Result<DataFrame, Error> {
    if !split.has_implied()? {
        return collect(facts.clone().lazy().select([col("fact")]).limit(0), "no implied facts");
    }
    let implied = numbering.with_code(split.in_labelled(split.table("implied", &FACT)?));
    let implied = implied.select([numbering.fact_of_row().alias("fact")]);
    collect(implied.unique(None, UniqueKeepStrategy::Any), "implied facts")
}

/// The facts of a synthetic corpus that sentences show, a column `fact`; none of another corpus. Each that holds has its
/// sentences, by construction.
fn shown_facts(facts: &DataFrame, split: &Split, numbering: &Numbering) -> Result<DataFrame, Error> {
    if !split.has_implied()? {
        return collect(facts.clone().lazy().select([col("fact")]).limit(0), "no stated facts");
    }
    let shown = numbering.with_code(split.in_labelled(split.evidence()?));
    let shown = shown.select([numbering.fact_of_row().alias("fact")]);
    collect(shown.unique(None, UniqueKeepStrategy::Any), "facts that sentences show")
}

/// Adds a column: whether the fact is one of these.
fn marked(facts: LazyFrame, these: DataFrame, name: &str) -> LazyFrame {
    let these = these.lazy().with_column(lit(true).alias(name));
    facts.left_join(these, col("fact"), col("fact")).with_column(col(name).fill_null(lit(false)))
}

//! Triangles of pairs that hold a fact: what a fact could have been inferred from.
//!
//! Over the edges (h, e), (e, t) of a document, h, e and t distinct, one join finds every path. A path closed by the
//! edge (h, t) engages its three edges, and each of them is the conclusion of one pattern of premises; a path closed by
//! (t, h) is a ring, and its closing edge concludes the fourth pattern. With s the head of the conclusion, o its tail
//! and i the bridge, h→e→t reads:
//!
//! | conclusion (s, o) | premises | pattern |
//! | --- | --- | --- |
//! | (h, t) | (s, i), (i, o) | `s>i,i>o` |
//! | (h, e) | (s, i), (o, i) | `s>i,o>i` |
//! | (e, t) | (i, s), (i, o) | `i>s,i>o` |
//! | (t, h) | (o, i), (i, s) | `o>i,i>s` |

use polars::prelude::*;

use super::error::Error;
use super::split::{Numbering, collect};

/// The patterns, in the order of the table.
pub(super) const PATTERNS: [&str; 4] = ["s>i,i>o", "s>i,o>i", "i>s,i>o", "o>i,i>s"];

/// The closed triangles over some distinct pairs (a column `pair`), three columns of pairs: what the first three
/// patterns conclude, in their order.
pub(super) fn triangles(pairs: &LazyFrame, numbering: &Numbering) -> Result<DataFrame, Error> {
    let closing = numbering.pair(col("h"), col("t")).alias("closing");
    let paths = paths(pairs, numbering).select([closing, col("first"), col("second")]);
    collect(paths.semi_join(pairs.clone(), col("closing"), col("pair")), "triangles")
}

/// The rings over some distinct pairs, one column of pairs: what the last pattern concludes.
pub(super) fn rings(pairs: &LazyFrame, numbering: &Numbering) -> Result<DataFrame, Error> {
    let paths = paths(pairs, numbering).select([numbering.pair(col("t"), col("h")).alias("closing")]);
    collect(paths.semi_join(pairs.clone(), col("closing"), col("pair")), "rings")
}

/// The paths h→e→t: `h`, `t`, and the pairs `first` and `second`.
fn paths(pairs: &LazyFrame, numbering: &Numbering) -> LazyFrame {
    let edges = pairs
        .clone()
        .select([numbering.head(col("pair")).alias("h"), numbering.tail(col("pair")).alias("t"), col("pair")])
        .filter(col("h").neq(col("t")));
    let first = edges.clone().select([col("h"), col("t").alias("e"), col("pair").alias("first")]);
    let second = edges.select([col("h").alias("e"), col("t"), col("pair").alias("second")]);
    first.inner_join(second, col("e"), col("e")).filter(col("h").neq(col("t")))
}

//! Window functions.
//!
//! Rows are numbered in each window's order, and all functions follow the number: so rows that are alike in the order
//! (peers) can be told from those before them, and any order is had. SQL's frame, where none is said, ends with the last
//! peer.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, WindowFrame,
    WindowFrameBound::{self, CurrentRow, Following, Preceding},
    WindowFrameUnits, WindowSpec, WindowType,
};

use super::expressions::{arguments, name_of, signed};
use super::groups::Taken;
use super::{Lowering, raw, refused};
use crate::error::QueryError;

/// The aggregates that the engine counts part by part; of the others it gives that of all rows.
const OF_PARTS: [&str; 16] = [
    "avg",
    "count",
    "first",
    "last",
    "max",
    "median",
    "min",
    "stddev",
    "stddev_samp",
    "stdev",
    "stdev_samp",
    "sum",
    "total",
    "var",
    "var_samp",
    "variance",
];

/// Rows of a frame that has a number at both ends.
pub(super) const MOST_ROWS: i64 = 64;

/// The rows that a function sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Frame {
    /// All of the part.
    All,
    /// Up to the last peer.
    Peers,
    /// Up to the row itself.
    Rows,
    /// From the row itself.
    After,
    /// From so many rows behind to so many behind, below 0 before.
    Between(i64, i64),
}

/// A window: rows of one part, in an order.
pub(super) struct Window {
    /// What stands in OVER for a function that sees all rows of a part.
    pub part: String,
    /// The same, with the order of the row numbers.
    pub ordered: String,
    /// The same, in the other direction.
    pub backwards: String,
    /// The rows that are alike in the order.
    pub peers: String,
    /// A row's number in the order, over all parts.
    pub number: String,
    pub has_order: bool,
}

impl Lowering<'_> {
    /// Rows with the values of window functions, and the column that tells their order before.
    pub(super) fn windows(
        &mut self,
        mut from: String,
        taken: Vec<Taken>,
        unordered: &[String],
    ) -> Result<(String, String), QueryError> {
        if !unordered.is_empty() {
            from = self.staged(format!("SELECT * FROM {from} ORDER BY {}", unordered.join(", ")));
        }
        let row = self.fresh("n");
        let mut text = self.with(&from, &[format!("{} AS {row}", number("ROW_NUMBER() OVER ()"))]);
        let mut rest = taken;
        while let Some(first) = rest.first() {
            let spec = spec(&first.function)?;
            let key = spec_key(&spec);
            let (same, others): (Vec<Taken>, Vec<Taken>) = rest
                .into_iter()
                .partition(|taken| self::spec(&taken.function).is_ok_and(|spec| spec_key(&spec) == key));
            let mut same = same;
            let (numbered, window) = self.numbered(&text, &spec, &mut same, &row)?;
            text = self.stepped(numbered, &window, &same)?;
            rest = others;
        }
        Ok((text, row))
    }

    /// Rows with more columns.
    fn with(&mut self, from: &str, columns: &[String]) -> String {
        if columns.is_empty() {
            return from.to_owned();
        }
        self.staged(format!("SELECT *, {} FROM {from}", columns.join(", ")))
    }

    /// Rows numbered in the order of a window.
    fn numbered(
        &mut self,
        from: &str,
        spec: &WindowSpec,
        taken: &mut [Taken],
        row: &str,
    ) -> Result<(String, Window), QueryError> {
        let mut before = Vec::new();
        let mut named = |this: &mut Self, text: String| {
            let id = this.fresh("p");
            before.push(format!("{text} AS {id}"));
            id
        };
        // A window of all rows is one part, too.
        let mut part: Vec<String> = spec.partition_by.iter().map(|part| named(self, part.to_string())).collect();
        if part.is_empty() {
            part.push(named(self, "1".to_owned()));
        }
        let keys: Vec<String> = spec.order_by.iter().map(|key| named(self, key.expr.to_string())).collect();
        for taken in taken {
            self.arguments_before(&mut taken.function, &mut before)?;
        }
        let options = spec.order_by.iter().map(|key| key.options.to_string());
        let by = keys.iter().zip(options).map(|(key, options)| format!("{key}{options}"));
        let by: Vec<String> = part.iter().cloned().chain(by).chain([row.to_owned()]).collect();
        let text = self.with(from, &before);
        let ordered = self.staged(format!("SELECT * FROM {text} ORDER BY {}", by.join(", ")));
        let place = self.fresh("n");
        let text = self.with(&ordered, &[format!("{} AS {place}", number("ROW_NUMBER() OVER ()"))]);
        let window = Window::new(&part, &keys, place);
        Ok((text, window))
    }

    /// The columns of the functions of one window.
    fn stepped(&mut self, mut text: String, window: &Window, taken: &[Taken]) -> Result<String, QueryError> {
        let mut steps = Steps::default();
        for taken in taken {
            let Taken { id, function, .. } = taken;
            self.function(&Call { name: &name_of(function), function, id, window }, &mut steps)?;
        }
        for step in [&steps.first, &steps.second, &steps.third] {
            text = self.with(&text, step);
        }
        Ok(text)
    }

    /// The columns of a function.
    fn function(&mut self, call: &Call, steps: &mut Steps) -> Result<(), QueryError> {
        let Call { name, id, window, .. } = *call;
        let frame = frame(call.function, window.has_order)?;
        let value = call.argument(0);
        let column = match (name, frame) {
            ("row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile", _) => {
                return self.rank(call, steps);
            }
            ("lag" | "lead", _) => return self.shifted(call, steps),
            ("first_value", Frame::All | Frame::Peers | Frame::Rows) => {
                format!("FIRST({value}) {} AS {id}", window.ordered)
            }
            ("last_value", Frame::Rows) => format!("{value} AS {id}"),
            ("last_value", Frame::All) => format!("LAST({value}) {} AS {id}", window.ordered),
            ("last_value", Frame::Peers) => window.last(&value, id),
            ("nth_value" | "first_value" | "last_value", _) => {
                return refused(format!("`{name}` with this frame"), "number the rows with row_number() and join");
            }
            (_, Frame::All) if OF_PARTS.contains(&name) => {
                let whole = format!("{} {}", bare_call(call.function), window.part);
                format!("{} AS {id}", if name == "count" { number(&whole) } else { whole })
            }
            ("sum" | "count" | "min" | "max" | "avg", _) => return self.moving(call, frame, steps),
            (_, Frame::All) => {
                return refused(format!("`{name}` of a window"), "join a query in parentheses with a GROUP BY");
            }
            _ => {
                let instead = "there are sum, count, avg, min and max, and more without ORDER BY in OVER";
                return refused(format!("`{name}` of a running window"), instead);
            }
        };
        steps.first.push(column);
        Ok(())
    }
}

/// A call of a window function.
pub(super) struct Call<'c> {
    pub name: &'c str,
    pub function: &'c Function,
    /// The column of its values.
    pub id: &'c str,
    pub window: &'c Window,
}

impl Call<'_> {
    /// An argument; empty where there is none.
    pub fn argument(&self, place: usize) -> String {
        match arguments(self.function).get(place) {
            Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(value))) => value.to_string(),
            _ => String::new(),
        }
    }
}

impl Window {
    /// Of parts and keys that are columns, whose rows are numbered.
    fn new(part: &[String], keys: &[String], number: String) -> Self {
        let parts = part.join(", ");
        Self {
            ordered: format!("OVER (PARTITION BY {parts} ORDER BY {number})"),
            backwards: format!("OVER (PARTITION BY {parts} ORDER BY {number} DESC)"),
            peers: format!("PARTITION BY {}", part.iter().chain(keys).cloned().collect::<Vec<_>>().join(", ")),
            part: format!("OVER (PARTITION BY {parts})"),
            has_order: !keys.is_empty(),
            number,
        }
    }

    /// The value of the last peer.
    pub fn last(&self, value: &str, id: &str) -> String {
        format!("LAST({value}) OVER ({} ORDER BY {}) AS {id}", self.peers, self.number)
    }
}

/// Columns that build on each other.
#[derive(Default)]
pub(super) struct Steps {
    pub first: Vec<String>,
    pub second: Vec<String>,
    pub third: Vec<String>,
}

/// A count as a number with a sign.
pub(super) fn number(count: &str) -> String {
    signed(&raw(count)).to_string()
}

/// What stands in OVER.
fn spec(function: &Function) -> Result<WindowSpec, QueryError> {
    match &function.over {
        Some(WindowType::WindowSpec(spec)) if spec.window_name.is_none() => Ok(spec.clone()),
        _ => refused("a window that builds on another", "write its parts in OVER (…)"),
    }
}

/// What windows have to share to be counted together: all but the frame.
fn spec_key(spec: &WindowSpec) -> String {
    let part: Vec<String> = spec.partition_by.iter().map(ToString::to_string).collect();
    let order: Vec<String> = spec.order_by.iter().map(ToString::to_string).collect();
    format!("{} / {}", part.join(", "), order.join(", "))
}

/// The function without its OVER.
fn bare_call(function: &Function) -> Expr {
    Expr::Function(Function { over: None, ..function.clone() })
}

fn frame(function: &Function, has_order: bool) -> Result<Frame, QueryError> {
    let Some(WindowType::WindowSpec(WindowSpec { window_frame, .. })) = &function.over else { return Ok(Frame::All) };
    let Some(WindowFrame { units, start_bound, end_bound }) = window_frame else {
        return Ok(if has_order { Frame::Peers } else { Frame::All });
    };
    let end = end_bound.as_ref().unwrap_or(&CurrentRow);
    let rows = *units == WindowFrameUnits::Rows;
    match (start_bound, end) {
        (Preceding(None), Following(None)) => Ok(Frame::All),
        (Preceding(None), CurrentRow) if rows => Ok(Frame::Rows),
        (Preceding(None), CurrentRow) if *units == WindowFrameUnits::Range && has_order => Ok(Frame::Peers),
        (Preceding(None), CurrentRow) if *units == WindowFrameUnits::Range => Ok(Frame::All),
        (CurrentRow, Following(None)) if rows => Ok(Frame::After),
        (start, end) if rows => match (place(start), place(end)) {
            (Some(start), Some(end)) => Ok(Frame::Between(start, end)),
            _ => refused(
                "a frame that is unbounded on one side and ends with a number",
                "number both ends, or write UNBOUNDED PRECEDING AND CURRENT ROW",
            ),
        },
        _ => refused(
            format!("a frame of {units} with such ends"),
            "write ROWS, or RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        ),
    }
}

/// How many rows an end of a frame is behind the row itself.
fn place(bound: &WindowFrameBound) -> Option<i64> {
    let number = |value: &Expr| value.to_string().parse::<i64>().ok().filter(|rows| (0..=MOST_ROWS).contains(rows));
    match bound {
        WindowFrameBound::CurrentRow => Some(0),
        WindowFrameBound::Preceding(Some(value)) => number(value).map(|rows| -rows),
        WindowFrameBound::Following(Some(value)) => number(value),
        _ => None,
    }
}

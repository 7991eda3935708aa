//! Aggregates of frames that move with the rows.

use sqlparser::ast::{FunctionArgumentList, FunctionArguments};

use super::groups::counts_rows;
use super::window::{Call, Frame, MOST_ROWS, Steps, number};
use super::{Lowering, refused};
use crate::error::QueryError;

impl Lowering<'_> {
    pub(super) fn moving(&mut self, call: &Call, frame: Frame, steps: &mut Steps) -> Result<(), QueryError> {
        let treated = matches!(
            &call.function.args,
            FunctionArguments::List(FunctionArgumentList { duplicate_treatment: Some(_), .. })
        );
        if treated {
            return refused(
                "DISTINCT in a running window",
                "mark the first of each with row_number() = 1, and count these",
            );
        }
        if let Frame::Between(start, end) = frame {
            self.between(call, start, end, steps)
        } else {
            self.running(call, frame, steps);
            Ok(())
        }
    }

    /// An aggregate of the rows up to each, or from each.
    fn running(&mut self, call: &Call, frame: Frame, steps: &mut Steps) {
        let Call { name, id, window, .. } = *call;
        let (value, running) = (call.argument(0), self.fresh("n"));
        let over = if frame == Frame::After { &window.backwards } else { &window.ordered };
        let counted = if counts_rows(call.function) { "ROW_NUMBER()".to_owned() } else { format!("COUNT({value})") };
        let counted = number(&format!("{counted} {over}"));
        match name {
            "avg" => {
                let (sum, count) = (self.fresh("n"), self.fresh("n"));
                steps.first.extend([format!("SUM({value}) {over} AS {sum}"), format!("{counted} AS {count}")]);
                steps.second.push(format!("CASE WHEN {count} > 0 THEN {sum} / {count} END AS {running}"));
            }
            "count" => steps.first.push(format!("{counted} AS {running}")),
            _ => steps.first.push(format!("{name}({value}) {over} AS {running}")),
        }
        let last = if frame == Frame::Peers { window.last(&running, id) } else { format!("{running} AS {id}") };
        steps.third.push(last);
    }

    /// An aggregate of so many rows around each.
    fn between(&mut self, call: &Call, start: i64, end: i64, steps: &mut Steps) -> Result<(), QueryError> {
        if start > end {
            return refused("a frame that ends before it begins", "turn its ends around");
        }
        if end - start >= MOST_ROWS {
            let construct = format!("a frame of more than {MOST_ROWS} rows");
            return refused(construct, "number the rows with row_number() and join");
        }
        let Call { name, id, window, .. } = *call;
        let value = if counts_rows(call.function) { window.number.clone() } else { call.argument(0) };
        let mut rows = Vec::new();
        for place in start..=end {
            let row = self.fresh("n");
            let shifted = match place {
                0 => value.clone(),
                before if before < 0 => format!("LAG({value}, {}) {}", -before, window.ordered),
                behind => format!("LEAD({value}, {behind}) {}", window.ordered),
            };
            steps.first.push(format!("{shifted} AS {row}"));
            rows.push(row);
        }
        steps.second.push(format!("{} AS {id}", of_rows(name, &rows)));
        Ok(())
    }
}

/// An aggregate of columns, some of which may be NULL.
fn of_rows(name: &str, rows: &[String]) -> String {
    let sum = rows.iter().map(|row| format!("COALESCE({row}, 0)")).collect::<Vec<_>>().join(" + ");
    let there = |row: &String| format!("CASE WHEN {row} IS NULL THEN 0 ELSE 1 END");
    let count = rows.iter().map(there).collect::<Vec<_>>().join(" + ");
    let any = format!("COALESCE({})", rows.join(", "));
    match name {
        "count" => count,
        "sum" => format!("CASE WHEN {any} IS NOT NULL THEN {sum} END"),
        "avg" => format!("CASE WHEN {any} IS NOT NULL THEN ({sum}) / ({count}) END"),
        "min" => format!("LEAST({})", rows.join(", ")),
        _ => format!("GREATEST({})", rows.join(", ")),
    }
}

//! Subqueries in expressions. One that stands alone is asked for before the statement; one of WHERE that names columns
//! of the statement around it becomes a join of the engine's.

use polars::prelude::{AnyValue, DataFrame};
use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::expressions::{parsed, signed};
use super::scope::ids;
use super::{Lowered, Lowering, Rows, raw, refused, text};
use crate::error::QueryError;
use crate::words::in_full;

/// A list of values that stands in the place of a subquery has at most so many.
const MOST_VALUES: usize = 10_000;

impl Lowering<'_> {
    /// Lowers a subquery; whether it names columns of the statement around it.
    fn subquery(&mut self, query: &Query) -> Result<(Lowered, bool), QueryError> {
        let before = std::mem::take(&mut self.correlated);
        let lowered = self.query(query, Rows::Any);
        let correlated = std::mem::replace(&mut self.correlated, before);
        Ok((lowered?, correlated))
    }

    /// Whether a bound condition names columns of the statement around the innermost.
    pub(super) fn names_outer(&self, condition: &Expr) -> bool {
        let text = condition.to_string();
        let outer = self.scopes.len().checked_sub(2).and_then(|place| self.scopes.get(place));
        let mut columns = outer.iter().flat_map(|scope| &scope.relations).flat_map(|relation| &relation.columns);
        columns.any(|column| ids(&text).any(|id| id == column.id))
    }

    /// The value that a subquery gives: one column, one row at most.
    pub(super) fn value_of(&mut self, query: &Query) -> Result<Expr, QueryError> {
        let open = self.close();
        let lowered = self.subquery(query);
        self.open(open);
        let (lowered, _) = lowered?;
        one_column(&lowered)?;
        let limited = format!("SELECT * FROM {} LIMIT 2", self.staged(lowered.sql));
        let rows = self.asked(&limited)?;
        match rows.height() {
            0 => Ok(raw("NULL")),
            1 => value(&cell(&rows, 0)?),
            _ => {
                let what = format!("expected a subquery of one row at most, got more: ({query})");
                let hint = "give it an aggregate such as max(…), or LIMIT 1, or write IN";
                Err(QueryError::Name { what, hint: Some(hint.to_owned()) })
            }
        }
    }

    /// `[NOT] EXISTS (SELECT …)`.
    pub(super) fn exists(&mut self, query: &Query, negated: bool) -> Result<Expr, QueryError> {
        let (lowered, correlated) = self.subquery(query)?;
        let not = if negated { "NOT " } else { "" };
        if correlated {
            return Ok(raw(format!("{not}EXISTS ({})", lowered.sql)));
        }
        let limited = format!("SELECT * FROM {} LIMIT 1", self.staged(lowered.sql));
        let found = self.asked(&limited)?.height() > 0;
        Ok(raw(if found == negated { "FALSE" } else { "TRUE" }))
    }

    /// `x [NOT] IN (SELECT …)`, also of several x.
    pub(super) fn contained(&mut self, items: &[Expr], query: &Query, negated: bool) -> Result<Expr, QueryError> {
        let is_open = self.scope().is_open;
        let (lowered, correlated) = self.subquery(query)?;
        if lowered.columns.len() != items.len() {
            let (n, got) = (items.len(), lowered.columns.len());
            let what = format!("expected a subquery of {n} columns before IN, got {got}: ({query})");
            return Err(QueryError::Name { what, hint: None });
        }
        let not = if negated { "NOT " } else { "" };
        match items {
            // Beside its own column it may have one that keeps rows apart.
            [item] if is_open && !correlated => {
                let column = lowered.columns.first().map(|column| column.id.clone()).unwrap_or_default();
                Ok(raw(format!("{item} {not}IN (SELECT {column} FROM {})", self.staged(lowered.sql))))
            }
            [item] if is_open => Ok(raw(format!("{item} {not}IN ({})", lowered.sql))),
            _ if negated => refused("NOT IN of several columns", "write NOT EXISTS (SELECT 1 FROM … WHERE …)"),
            _ if correlated || !is_open => {
                refused("IN of several columns here", "write it in WHERE, joined by AND, or write EXISTS")
            }
            _ => Ok(self.several(items, &lowered)),
        }
    }

    /// `x [NOT] IN (SELECT …)` where no join can be made of it: the values of the subquery are asked for.
    pub(super) fn listed(&mut self, item: &Expr, query: &Query, negated: bool) -> Result<Expr, QueryError> {
        let (lowered, correlated) = self.subquery(query)?;
        if correlated {
            return refused("IN of a subquery that names columns of the statement around it here", "write it in WHERE");
        }
        one_column(&lowered)?;
        let limited = format!("SELECT DISTINCT * FROM {} LIMIT {}", self.staged(lowered.sql), MOST_VALUES + 1);
        let rows = self.asked(&limited)?;
        if rows.height() > MOST_VALUES {
            return refused("IN of so large a subquery outside of WHERE", "write it in WHERE, or join the two");
        }
        let values = (0..rows.height()).map(|row| parsed(&literal(&cell(&rows, row)?)?.to_string()));
        let list = values.collect::<Result<Vec<_>, _>>()?;
        if list.is_empty() {
            return parsed(if negated { "TRUE" } else { "FALSE" });
        }
        let expr = Box::new(Expr::Nested(Box::new(item.clone())));
        Ok(Expr::Nested(Box::new(Expr::InList { expr, list, negated })))
    }

    fn several(&mut self, items: &[Expr], lowered: &Lowered) -> Expr {
        let of = |(item, column): (&Expr, &super::Column)| Expr::BinaryOp {
            left: Box::new(raw(&column.id)),
            op: BinaryOperator::Eq,
            right: Box::new(item.clone()),
        };
        let pairs: Vec<Expr> = items.iter().zip(&lowered.columns).map(of).collect();
        let joined = pairs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" AND ");
        raw(format!("EXISTS (SELECT 1 FROM {} WHERE {joined})", self.staged(lowered.sql.clone())))
    }

    fn asked(&mut self, sql: &str) -> Result<DataFrame, QueryError> {
        let sql = self.whole(sql);
        (self.ask)(&sql)
    }
}

fn one_column(lowered: &Lowered) -> Result<(), QueryError> {
    if lowered.columns.len() == 1 {
        return Ok(());
    }
    let what = format!("expected a subquery of one column, got {}", lowered.columns.len());
    Err(QueryError::Name { what, hint: None })
}

fn cell(rows: &DataFrame, row: usize) -> Result<AnyValue<'static>, QueryError> {
    let column = rows.columns().first().ok_or(QueryError::Engine)?;
    Ok(column.get(row)?.into_static())
}

/// A value that stands for a subquery.
fn value(value: &AnyValue) -> Result<Expr, QueryError> {
    let written = literal(value)?;
    if value.is_integer() { Ok(raw(signed(&written).to_string())) } else { Ok(raw(format!("({written})"))) }
}

/// A value as it is written in a list.
fn literal(value: &AnyValue) -> Result<Expr, QueryError> {
    let number = |number: f64| {
        let kind = if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "inf"
        } else {
            "-inf"
        };
        if number.is_finite() { raw(in_full(number)) } else { raw(format!("CAST('{kind}' AS DOUBLE)")) }
    };
    Ok(match value {
        AnyValue::Null => raw("NULL"),
        AnyValue::Boolean(value) => raw(if *value { "TRUE" } else { "FALSE" }),
        AnyValue::String(value) => raw(text(value)),
        AnyValue::StringOwned(value) => raw(text(value)),
        AnyValue::Float64(value) => number(*value),
        AnyValue::Float32(value) => raw(format!("CAST({} AS FLOAT4)", number(f64::from(*value)))),
        other if other.is_integer() => raw(other.to_string()),
        _ => return refused("a subquery whose value is a list", "join with it instead"),
    })
}

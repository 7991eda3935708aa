//! A statement as users write it → one that the engine answers right.
//!
//! The engine takes a part of SQL, and of some of the rest it gives other rows than SQL has: a running sum without its
//! peers, a share of a sum of counts. So a SELECT becomes a chain of small ones, of which each does one thing: names
//! columns, joins, groups, counts within windows, orders. Each column has a name of its own all the way (`__c7`), so
//! that no two can be taken for each other, and gets back the user's at the end. What cannot be said so is refused.
//!
//! Lowered SQL is text: the engine reads nothing else.

mod bind;
mod expressions;
mod from;
mod groups;
mod items;
mod joins;
mod moving;
mod parts;
mod ranks;
mod scope;
mod select;
mod subquery;
mod truths;
mod unnest;
mod window;

use std::collections::BTreeMap;

use polars::prelude::{DataFrame, DataType, SchemaRef};
use sqlparser::ast::{
    Cte, Expr, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier, Value,
};

use crate::error::QueryError;
use scope::{Column, Scope};

/// Answers a lowered statement: a subquery that gives one value is asked for before the statement that it stands in.
pub type Ask<'a> = dyn FnMut(&str) -> Result<DataFrame, QueryError> + 'a;

/// A statement that is being lowered.
pub struct Lowering<'a> {
    /// The columns of the tables that there are.
    tables: &'a BTreeMap<String, SchemaRef>,
    /// Those of the CTEs in sight, innermost last.
    named: Vec<(String, String, Vec<Column>)>,
    /// CTEs of the lowered statement, each of those before it.
    written: Vec<String>,
    /// SELECTs that are being lowered, the innermost last.
    scopes: Vec<Scope>,
    ask: &'a mut Ask<'a>,
    next: usize,
    /// Whether the subquery that is being lowered names columns of the statement around it.
    correlated: bool,
    /// What ids stand for, for messages.
    pub meant: BTreeMap<String, String>,
}

/// A lowered query: its text, and its columns by the names that users know.
pub struct Lowered {
    pub sql: String,
    pub columns: Vec<Column>,
}

impl Lowered {
    /// With a name for each column that is its alone, so that each can be named.
    fn told_apart(mut self) -> Self {
        let mut names: Vec<String> = Vec::new();
        for column in &mut self.columns {
            column.name = distinct(&column.name, &names);
            names.push(column.name.clone());
        }
        self
    }
}

/// How the rows of a statement are ordered where it does not say it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// As they come.
    Any,
    /// By ORDER BY; by their columns where it leaves them alike.
    Ties,
    /// By their columns.
    Sorted,
}

/// `construct` is not had; `instead` says what to write.
pub(crate) fn refused<T>(construct: impl Into<String>, instead: &'static str) -> Result<T, QueryError> {
    Err(QueryError::Refused { construct: construct.into(), instead })
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in quotes.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// An expression of lowered text.
pub(crate) fn raw(text: impl Into<String>) -> Expr {
    Expr::value(Value::Placeholder(text.into()))
}

impl<'a> Lowering<'a> {
    pub fn new(tables: &'a BTreeMap<String, SchemaRef>, ask: &'a mut Ask<'a>) -> Self {
        let (named, written, scopes) = (Vec::new(), Vec::new(), Vec::new());
        Self { tables, named, written, scopes, ask, next: 0, correlated: false, meant: BTreeMap::new() }
    }

    /// The text of a statement for the engine.
    ///
    /// # Errors
    /// Where a name stands for nothing or for several things, or something is refused.
    pub fn statement(&mut self, query: &Query, rows: Rows) -> Result<String, QueryError> {
        let lowered = self.query(query, rows)?.told_apart();
        let columns = lowered.columns.iter().map(|column| format!("{} AS {}", column.id, quoted(&column.name)));
        let sql = format!("SELECT {} FROM {}", list(columns), self.staged(lowered.sql));
        Ok(self.whole(&sql))
    }

    /// A lowered query with the CTEs that it names.
    fn whole(&self, sql: &str) -> String {
        if self.written.is_empty() { sql.to_owned() } else { format!("WITH {} {sql}", self.written.join(", ")) }
    }

    /// Names the rows of a query: stages stand beside each other in WITH, as deep ones would be too deep for the reader.
    fn staged(&mut self, sql: String) -> String {
        let name = self.fresh("r");
        self.written.push(format!("{name} AS ({sql})"));
        name
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("__{kind}{}", self.next)
    }

    /// Lowers a query, with its CTEs, order and limit.
    fn query(&mut self, query: &Query, rows: Rows) -> Result<Lowered, QueryError> {
        let others = [query.for_clause.is_some(), query.format_clause.is_some(), !query.locks.is_empty()];
        if others.contains(&true) || query.settings.is_some() || !query.pipe_operators.is_empty() {
            return refused("a clause behind the query", "leave FOR, FORMAT, SETTINGS and `|>` out");
        }
        let in_sight = self.named.len();
        if let Some(with) = &query.with {
            if with.recursive {
                return refused("WITH RECURSIVE", "join the table with itself once for each step");
            }
            with.cte_tables.iter().try_for_each(|cte| self.cte(cte))?;
        }
        let limit = limit(query)?;
        let lowered = self.body(&query.body, query.order_by.as_ref(), rows, &limit);
        self.named.truncate(in_sight);
        lowered
    }

    fn cte(&mut self, cte: &Cte) -> Result<(), QueryError> {
        let closed = self.close();
        let lowered = self.query(&cte.query, Rows::Any);
        self.open(closed);
        let lowered = lowered?.told_apart();
        let names: Vec<&str> = cte.alias.columns.iter().map(|column| &*column.name.value).collect();
        let columns = renamed(lowered.columns, &names)?;
        let name = self.staged(lowered.sql);
        self.named.push((cte.alias.name.value.clone(), name, columns));
        Ok(())
    }

    fn body(
        &mut self,
        body: &SetExpr,
        order: Option<&OrderBy>,
        rows: Rows,
        limit: &str,
    ) -> Result<Lowered, QueryError> {
        match body {
            SetExpr::Select(select) => self.select(select, order, rows, limit),
            SetExpr::Query(query) if order.is_none() && limit.is_empty() && rows == Rows::Any => {
                self.query(query, Rows::Any)
            }
            _ => {
                let lowered = self.rows_of(body)?;
                self.tail(lowered, order, rows, limit)
            }
        }
    }

    /// A query that is no SELECT, before it is ordered.
    fn rows_of(&mut self, body: &SetExpr) -> Result<Lowered, QueryError> {
        match body {
            SetExpr::Query(query) => self.query(query, Rows::Any),
            SetExpr::Select(select) => self.select(select, None, Rows::Any, ""),
            SetExpr::SetOperation { op, set_quantifier, left, right } => self.set(*op, *set_quantifier, left, right),
            SetExpr::Values(values) => self.values(values),
            SetExpr::Table(table) => {
                let name = table.table_name.clone().unwrap_or_default();
                let relation = self.named_relation(&name, &name)?;
                let columns = relation.columns.clone();
                let every = list(columns.iter().map(|column| column.id.clone()));
                let sql = format!("SELECT {every} FROM {}", from::source(&relation, None, self));
                Ok(Lowered { sql, columns })
            }
            _ => Err(QueryError::Statement),
        }
    }

    fn set(
        &mut self,
        operator: SetOperator,
        quantifier: SetQuantifier,
        left: &SetExpr,
        right: &SetExpr,
    ) -> Result<Lowered, QueryError> {
        let is_union = operator == SetOperator::Union;
        let word = match (is_union, quantifier) {
            (_, SetQuantifier::None) | (false, SetQuantifier::Distinct) => operator.to_string(),
            (true, SetQuantifier::All | SetQuantifier::Distinct) => format!("UNION {quantifier}"),
            (true, _) => return refused("UNION BY NAME", "name the columns in one order on both sides"),
            _ => return refused(format!("{operator} {quantifier}"), "INTERSECT and EXCEPT give each row once"),
        };
        let (left, right) = (self.rows_of(left)?, self.rows_of(right)?);
        let (n_left, n_right) = (left.columns.len(), right.columns.len());
        if n_left != n_right {
            let what = format!("expected as many columns on both sides of {operator}, got {n_left} and {n_right}");
            return Err(QueryError::Name { what, hint: None });
        }
        let one = list(left.columns.iter().map(|column| column.id.clone()));
        let pairs = left.columns.iter().zip(&right.columns);
        let other = list(pairs.map(|(left, right)| format!("{} AS {}", right.id, left.id)));
        let (a, b) = (self.staged(left.sql), self.staged(right.sql));
        let sql = format!("SELECT {one} FROM {a} {word} SELECT {other} FROM {b}");
        Ok(Lowered { sql, columns: left.columns })
    }

    fn values(&mut self, values: &sqlparser::ast::Values) -> Result<Lowered, QueryError> {
        let n_columns = values.rows.first().map_or(0, |row| row.content.len());
        let columns: Vec<Column> =
            (0..n_columns).map(|place| Column::new(format!("col{place}"), self.fresh("c"))).collect();
        let mut rows = Vec::new();
        for row in &values.rows {
            if row.content.len() != n_columns {
                let what = format!("expected {n_columns} values in each row of VALUES, got {}", row.content.len());
                return Err(QueryError::Name { what, hint: None });
            }
            rows.push(&row.content);
        }
        // The engine takes a column's type from its first row: numbers go as texts, and are read all together.
        let of_column = |place: usize| rows.iter().filter_map(move |row| row.get(place));
        let numbers: Vec<Option<&str>> = (0..n_columns).map(|place| number_type(of_column(place))).collect();
        let cell = |(value, number): (&Expr, Option<&str>)| {
            let digits = number.and_then(|_| truths::written(value));
            digits.map_or_else(|| value.to_string(), |(digits, _)| text(&digits))
        };
        let rows = rows.iter().map(|row| format!("({})", list(row.iter().zip(numbers.iter().copied()).map(cell))));
        let ids = || columns.iter().map(|column| column.id.clone());
        let read = list(ids().zip(&numbers).map(|(id, number)| match number {
            Some(kind) => format!("CAST({id} AS {kind}) AS {id}"),
            None => id,
        }));
        let (rows, ids) = (list(rows), list(ids()));
        let sql = format!("SELECT {read} FROM (VALUES {rows}) AS {} ({ids})", self.fresh("r"));
        Ok(Lowered { sql, columns })
    }

    /// Orders and limits rows by their columns alone.
    fn tail(
        &mut self,
        lowered: Lowered,
        order: Option<&OrderBy>,
        rows: Rows,
        limit: &str,
    ) -> Result<Lowered, QueryError> {
        let mut keys = Vec::new();
        for key in order_keys(order)? {
            let column = match output(&key.expr, &lowered.columns)? {
                Some(column) => column.id.clone(),
                None => return refused(format!("ORDER BY {} behind a set operation", key.expr), "name a column of it"),
            };
            keys.push(format!("{column}{}", key.options));
        }
        Ok(self.ordered(lowered, keys, rows, limit))
    }

    /// A query in an order.
    fn ordered(&mut self, lowered: Lowered, mut keys: Vec<String>, rows: Rows, limit: &str) -> Lowered {
        let ids = || lowered.columns.iter().map(|column| &*column.id);
        let every = list(ids().map(ToOwned::to_owned));
        match rows {
            Rows::Any => {}
            Rows::Ties => keys.extend(ids().map(ToOwned::to_owned)),
            Rows::Sorted => keys.extend(ids().map(|id| format!("{id} NULLS FIRST"))),
        }
        if keys.is_empty() && limit.is_empty() {
            return lowered;
        }
        let by = if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) };
        let sql = format!("SELECT {every} FROM {}{by}{limit}", self.staged(lowered.sql));
        Lowered { sql, columns: lowered.columns }
    }

    /// Keeps subqueries from naming columns of the statements around them.
    fn close(&mut self) -> Vec<bool> {
        self.scopes.iter_mut().map(|scope| std::mem::take(&mut scope.is_open)).collect()
    }

    fn open(&mut self, open: Vec<bool>) {
        for (scope, is_open) in self.scopes.iter_mut().zip(open) {
            scope.is_open = is_open;
        }
    }
}

/// The type of values that are all numbers, or NULL; `None` where others are among them, or none is a number.
fn number_type<'e>(values: impl Iterator<Item = &'e Expr>) -> Option<&'static str> {
    let numbers = values.filter(|value| !truths::is_null(value)).map(truths::written);
    let kinds: Vec<bool> = numbers.map(|number| Some(number?.1)).collect::<Option<_>>()?;
    let is_fraction = kinds.iter().any(|is_fraction| *is_fraction);
    (!kinds.is_empty()).then_some(if is_fraction { "DOUBLE" } else { "BIGINT" })
}

/// The name of a column beside others: `x`, `x_1`, `x_2`.
fn distinct(name: &str, others: &[String]) -> String {
    let taken = |name: &str| others.iter().any(|other| other == name);
    let mut distinct = name.to_owned();
    let mut number = 0;
    while taken(&distinct) {
        number += 1;
        distinct = format!("{name}_{number}");
    }
    distinct
}

/// The column of a query that an expression of ORDER BY names, by its place or its name.
fn output<'c>(expression: &Expr, columns: &'c [Column]) -> Result<Option<&'c Column>, QueryError> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(place, _) => {
                let column = place.parse::<usize>().ok().and_then(|place| columns.get(place.checked_sub(1)?));
                let what = || format!("expected the place of a column, 1 to {}, got {place}", columns.len());
                column.map(Some).ok_or_else(|| QueryError::Name { what: what(), hint: None })
            }
            _ => Ok(None),
        },
        Expr::Identifier(name) => {
            let exact = columns.iter().find(|column| column.name == name.value);
            Ok(exact.or_else(|| columns.iter().find(|column| scope::same(&column.name, &name.value))))
        }
        _ => Ok(None),
    }
}

/// The expressions of an ORDER BY; of `ORDER BY ALL`, none: the tie-breaker orders by all.
fn order_keys(order: Option<&OrderBy>) -> Result<&[OrderByExpr], QueryError> {
    match order.map(|order| &order.kind) {
        None => Ok(&[]),
        Some(OrderByKind::Expressions(keys)) if keys.iter().any(|key| key.with_fill.is_some()) => {
            refused("WITH FILL", "leave it out")
        }
        Some(OrderByKind::Expressions(keys)) => Ok(keys),
        Some(OrderByKind::All(_)) => refused("ORDER BY ALL", "name the columns, or their places: ORDER BY 1, 2"),
    }
}

/// Columns with the names that an alias gives them.
fn renamed(mut columns: Vec<Column>, names: &[&str]) -> Result<Vec<Column>, QueryError> {
    if names.len() > columns.len() {
        let what = format!("expected at most {} names of columns, got {}", columns.len(), names.len());
        return Err(QueryError::Name { what, hint: None });
    }
    for (column, name) in columns.iter_mut().zip(names) {
        (*name).clone_into(&mut column.name);
    }
    Ok(columns)
}

/// LIMIT, OFFSET and FETCH as the engine takes them, a space before them.
fn limit(query: &Query) -> Result<String, QueryError> {
    let number = |expression: &Expr| -> Result<String, QueryError> {
        let text = expression.to_string();
        let is_number = text.parse::<u32>().is_ok();
        if is_number { Ok(text) } else { refused(format!("LIMIT or OFFSET of `{text}`"), "write a number below 2^32") }
    };
    let pair = |rows: Option<&Expr>, first: Option<&Expr>| -> Result<String, QueryError> {
        let rows = rows.map(|rows| Ok::<_, QueryError>(format!(" LIMIT {}", number(rows)?))).transpose()?;
        let first = first.map(|first| Ok::<_, QueryError>(format!(" OFFSET {}", number(first)?))).transpose()?;
        Ok(rows.unwrap_or_default() + &first.unwrap_or_default())
    };
    match (&query.limit_clause, &query.fetch) {
        (Some(LimitClause::LimitOffset { limit_by, .. }), _) if !limit_by.is_empty() => {
            refused("LIMIT BY", "number the rows with row_number() OVER (PARTITION BY …) and keep the first")
        }
        (None, Some(fetch)) if fetch.with_ties || fetch.percent => {
            refused("FETCH with TIES or PERCENT", "write LIMIT and a number")
        }
        (None, Some(fetch)) => pair(fetch.quantity.as_ref(), None),
        (None, None) => Ok(String::new()),
        (Some(LimitClause::LimitOffset { limit, offset, .. }), fetch) => {
            let rows = limit.as_ref().or_else(|| fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()));
            pair(rows, offset.as_ref().map(|offset| &offset.value))
        }
        (Some(LimitClause::OffsetCommaLimit { offset, limit }), _) => pair(Some(limit), Some(offset)),
    }
}

fn list(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(", ")
}

fn is_list(kind: &DataType) -> bool {
    matches!(kind, DataType::List(_))
}

/// A text with what users call columns in the place of their ids.
pub(crate) fn in_names(text: &str, meant: &BTreeMap<String, String>) -> String {
    let mut ids: Vec<String> = scope::ids(text).collect();
    ids.sort_by_key(|id| std::cmp::Reverse(id.len()));
    let name = |id: &String| meant.get(id).cloned().unwrap_or_else(|| "…".to_owned());
    ids.iter().fold(text.to_owned(), |text, id| text.replace(id, &name(id)))
}

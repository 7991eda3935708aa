//! A statement before it is run: that it only reads, that it names no file, and that it is not too much for the engine.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use polars::prelude::PolarsResult;
use polars::sql::{extract_table_identifiers, keywords};
use sqlparser::ast::{
    CastKind, DataType, Expr, Function, GroupByExpr, LimitClause, ObjectNamePart, OrderByExpr, OrderByKind,
    OrderByOptions, Query, Select, SelectItem, SetExpr, Statement as Parsed, TableFactor, Value, Visit, VisitMut,
    Visitor, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError, ParserOptions};

use crate::error::{MOST_LEVELS, MOST_STEPS, QueryError};

/// Functions whose values the engine counts without a sign.
const COUNTING: [&str; 13] = [
    "array_length",
    "bit_count",
    "bit_length",
    "bitcount",
    "char_length",
    "character_length",
    "count",
    "dense_rank",
    "length",
    "octet_length",
    "rank",
    "row_number",
    "strpos",
];

/// A statement that can be run.
pub(crate) struct Statement {
    parsed: Parsed,
    /// In which order its rows come.
    pub order: Order,
    /// Names of columns whose type it says itself, by a CAST.
    pub typed: BTreeSet<String>,
}

/// The order of a statement's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of the tables' rows, or one that is said further in.
    Kept,
    /// The statement says one.
    Said,
    /// The engine groups, joins or unites rows, and gives them in another order each time.
    Varying,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// That it is no SQL; inside, that it is one that is not run here.
    pub fn read(sql: &str) -> Result<Result<Self, QueryError>, ParserError> {
        if let Err(error) = short(sql) {
            return Ok(Err(error));
        }
        if !reads(sql) {
            return Ok(Err(QueryError::Statement));
        }
        // The engine's own dialect and options.
        let options = ParserOptions { trailing_commas: true, ..ParserOptions::default() };
        let mut parsed = Parser::new(&GenericDialect).with_options(options).try_with_sql(sql)?.parse_statements()?;
        let (Some(mut parsed), true) = (parsed.pop(), parsed.is_empty()) else {
            return Ok(Err(QueryError::Statement));
        };
        let mut extent = Extent::default();
        if let ControlFlow::Break(what) = Visit::visit(&parsed, &mut extent) {
            return Ok(Err(QueryError::TooDeep { what }));
        }
        if !only_reads(&parsed) {
            return Ok(Err(QueryError::Statement));
        }
        let _ = VisitMut::visit(&mut parsed, &mut Widen);
        let order = order(&mut parsed, &extent);
        Ok(Ok(Self { parsed, order, typed: extent.typed }))
    }

    /// The statement as the engine gets it.
    pub fn text(&self) -> String {
        self.parsed.to_string()
    }

    fn query(&mut self) -> Option<&mut Query> {
        match &mut self.parsed {
            Parsed::Query(query) => Some(query),
            _ => None,
        }
    }

    /// Puts rows that its order leaves alike into that of their columns, from the left.
    pub fn break_ties(&mut self, columns: usize) {
        let place = |number: usize| OrderByExpr {
            expr: Expr::value(Value::Number(number.to_string(), false)),
            options: OrderByOptions { asc: None, nulls_first: None },
            with_fill: None,
        };
        let kind = self.query().and_then(|query| query.order_by.as_mut()).map(|order| &mut order.kind);
        if let Some(OrderByKind::Expressions(by)) = kind {
            by.extend((1..=columns).map(place));
        }
    }

    /// Takes the limit on its rows away, as the first that it leaves out and how many it gives.
    pub fn take_limit(&mut self) -> Option<(usize, usize)> {
        let query = self.query()?;
        if let (None, Some(fetch)) = (&query.limit_clause, &query.fetch) {
            let rows = fetch.quantity.as_ref().filter(|_| !fetch.with_ties && !fetch.percent).and_then(number)?;
            query.fetch = None;
            return Some((0, rows));
        }
        let (offset, limit) = match query.limit_clause.as_ref()? {
            LimitClause::LimitOffset { limit, offset, limit_by } if limit_by.is_empty() => {
                let offset = offset.as_ref().map_or(Some(0), |offset| number(&offset.value))?;
                (offset, limit.as_ref().map_or(Some(usize::MAX), number)?)
            }
            LimitClause::LimitOffset { .. } => return None,
            LimitClause::OffsetCommaLimit { offset, limit } => (number(offset)?, number(limit)?),
        };
        query.limit_clause = None;
        Some((offset, limit))
    }
}

/// A whole number that stands in a statement.
fn number(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// The query in parentheses that say nothing of its rows.
fn innermost(query: &Query) -> &Query {
    let is_bare = query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    match &*query.body {
        SetExpr::Query(inner) if is_bare && query.with.is_none() => innermost(inner),
        _ => query,
    }
}

/// What a statement consists of; it ends with a word for what there is too much of.
#[derive(Default)]
struct Extent {
    level: usize,
    selects: usize,
    tables: usize,
    shuffles: bool,
    orders: bool,
    typed: BTreeSet<String>,
}

impl Visitor for Extent {
    type Break = &'static str;

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<&'static str> {
        self.level += 1;
        let branches = if let Expr::Case { conditions, .. } = expression { conditions.len() } else { 0 };
        at_most(self.level, "operators in a row")?;
        at_most(branches, "branches of a CASE")
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<&'static str> {
        self.level -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        self.orders |= query.order_by.is_some();
        self.shuffles |= matches!(*query.body, SetExpr::SetOperation { .. });
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<&'static str> {
        self.selects += 1;
        self.shuffles |= shuffles(select);
        self.typed.extend(select.projection.iter().filter_map(cast_to));
        at_most(self.selects, "SELECTs")
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<&'static str> {
        self.tables += 1;
        self.shuffles |= matches!(table, TableFactor::NestedJoin { .. });
        at_most(self.tables, "tables")
    }
}

/// The name of a column that is a CAST.
fn cast_to(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { expr: Expr::Cast { .. }, alias } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(Expr::Cast { expr, .. }) => match &**expr {
            Expr::Identifier(name) => Some(name.value.clone()),
            Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn at_most(got: usize, what: &'static str) -> ControlFlow<&'static str> {
    if got > MOST_LEVELS { ControlFlow::Break(what) } else { ControlFlow::Continue(()) }
}

/// Whether the engine puts the rows that it selects from into another order.
fn shuffles(select: &Select) -> bool {
    let groups = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    groups || select.from.len() > 1 || select.from.iter().any(|table| !table.joins.is_empty())
}

/// Takes parentheses off that say nothing of the rows in them, and tells the order of these.
fn order(statement: &mut Parsed, extent: &Extent) -> Order {
    let Parsed::Query(query) = statement else { return Order::Kept };
    if query.with.is_none() {
        **query = innermost(query).clone();
    }
    match &*query.body {
        _ if query.order_by.is_some() => Order::Said,
        SetExpr::SetOperation { .. } => Order::Varying,
        SetExpr::Select(select) if shuffles(select) => Order::Varying,
        // Further in there may be an order that is kept.
        _ if extent.shuffles && !extent.orders => Order::Varying,
        _ => Order::Kept,
    }
}

/// Makes counts numbers with a sign: a difference of two would be 4294967295 where it is -1.
struct Widen;

impl VisitorMut for Widen {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if matches!(expression, Expr::Function(function) if counts(function)) {
            let function = std::mem::replace(expression, Expr::value(Value::Null));
            *expression = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(function),
                data_type: DataType::BigInt(None),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}

fn counts(function: &Function) -> bool {
    let name = function.name.0.first().and_then(ObjectNamePart::as_ident);
    name.is_some_and(|name| COUNTING.contains(&name.value.to_lowercase().as_str()))
}

/// Checks that a statement, SQL or SPARQL, is short enough to be read.
///
/// # Errors
/// That it is not.
pub(crate) fn short(statement: &str) -> Result<(), QueryError> {
    let steps = steps(statement);
    if steps > MOST_STEPS { Err(QueryError::TooLong { steps }) } else { Ok(()) }
}

/// Words and operators: every level of nesting takes one at least. Numbers, commas and quotes open none, so that a long
/// list of numbers is no long statement.
pub(crate) fn steps(statement: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = statement.split(|c| !is_word(c)).filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()));
    let opens = |c: &char| !is_word(*c) && !c.is_whitespace() && !matches!(c, ',' | '\'' | '"');
    words.count() + statement.chars().filter(opens).count()
}

/// Whether a statement only reads, by its first word behind comments.
fn reads(sql: &str) -> bool {
    let mut rest = sql.trim_start();
    while let Some(comment) = rest.strip_prefix("--") {
        rest = comment.split_once('\n').map_or("", |(_, next)| next).trim_start();
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    let reading = ["select", "with", "show", "explain", "from", "values", "table"];
    rest.starts_with('(') || reading.contains(&word.to_lowercase().as_str())
}

/// Whether a statement only reads, all the way down.
fn only_reads(statement: &Parsed) -> bool {
    fn read_only(body: &SetExpr) -> bool {
        match body {
            SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Table(_) => true,
            SetExpr::Query(query) => read_only(&query.body),
            SetExpr::SetOperation { left, right, .. } => read_only(left) && read_only(right),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
        }
    }
    match statement {
        Parsed::Query(query) => read_only(&query.body),
        Parsed::Explain { statement, .. } => only_reads(statement),
        Parsed::ShowTables { .. } => true,
        _ => false,
    }
}

/// Checks that a statement calls none of the engine's functions that open a file, such as `read_parquet('…')`: what it
/// gives follows from the tables alone.
///
/// The engine looks for such a function by the first part of a table's name, wherever one may stand, and so does this:
/// names are those that its own parser finds.
///
/// # Errors
/// The first such name.
pub fn names_no_file(named: &BTreeSet<String>) -> Result<(), QueryError> {
    let opening: Vec<&str> = keywords::all_functions().into_iter().filter(|name| name.starts_with("read_")).collect();
    let opened = named.iter().find(|name| opening.contains(&name.as_str())).cloned();
    opened.map_or(Ok(()), |function| Err(QueryError::OpensFile { function }))
}

/// What a statement names where a table may stand, in small letters.
///
/// # Errors
/// That it is no SQL.
pub fn named(sql: &str) -> PolarsResult<BTreeSet<String>> {
    let first = |name: String| name.split('.').next().unwrap_or_default().to_lowercase();
    Ok(extract_table_identifiers(sql, true, true)?.into_iter().map(first).collect())
}

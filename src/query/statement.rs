//! A statement before it is run: that it only reads, that it names no file, and that it is not too much for the engine.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use polars::prelude::PolarsResult;
use polars::sql::{extract_table_identifiers, keywords};
use sqlparser::ast::{
    Expr, GroupByExpr, ObjectName, Query, Select, SelectItem, SetExpr, Statement as Parsed, TableFactor, Visit, Visitor,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError, ParserOptions};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{MOST_LEVELS, MOST_STEPS, QueryError};
use crate::lower::refused;
use crate::words::{behind_comments, first_word, known, words};

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
        let parser = Parser::new(&GenericDialect).with_options(options);
        let words = words(&known(sql))?;
        let is_bare_within = names_bare_table(&words);
        let parsed = parser.with_tokens_with_locations(words).parse_statements();
        if parsed.is_err() && is_bare_within {
            return Ok(refused(
                "`TABLE` within a statement",
                "write FROM in its place: (FROM t), EXPLAIN FROM t; or DESCRIBE t",
            ));
        }
        let mut every = parsed?;
        if every.len() > 1 {
            return Ok(Err(QueryError::Several { statements: every.len() }));
        }
        let Some(mut parsed) = every.pop() else { return Ok(Err(QueryError::Statement)) };
        let mut extent = Extent::default();
        if let ControlFlow::Break(what) = Visit::visit(&parsed, &mut extent) {
            return Ok(Err(QueryError::TooDeep { what }));
        }
        if !only_reads(&parsed) {
            return Ok(Err(QueryError::Statement));
        }
        let order = order(&mut parsed, &extent);
        Ok(Ok(Self { parsed, order, typed: extent.typed }))
    }

    /// What it asks for.
    pub fn asked(&self) -> Asked<'_> {
        match &self.parsed {
            Parsed::Query(query) => Asked::Rows(query),
            Parsed::Explain { statement, .. } => match &**statement {
                Parsed::Query(query) => Asked::Plan(query),
                _ => Asked::Tables,
            },
            Parsed::ExplainTable { table_name, .. } => Asked::Columns(table_name),
            _ => Asked::Tables,
        }
    }
}

/// What a statement asks for.
pub(crate) enum Asked<'s> {
    /// The rows of a query.
    Rows(&'s Query),
    /// How the engine comes to them.
    Plan(&'s Query),
    /// The columns of a table.
    Columns(&'s ObjectName),
    /// The names of the tables.
    Tables,
}

/// Whether a statement says TABLE somewhere, which the parser knows in few places.
fn names_bare_table(words: &[TokenWithSpan]) -> bool {
    words.iter().any(|word| matches!(&word.token, Token::Word(word) if word.keyword == Keyword::TABLE))
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
    let reading = ["select", "with", "show", "describe", "desc", "explain", "from", "values", "table"];
    behind_comments(sql).starts_with('(') || reading.contains(&&*first_word(sql))
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
        Parsed::ShowTables { .. } | Parsed::ExplainTable { .. } => true,
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
    Ok(extract_table_identifiers(&known(sql), true, true)?.into_iter().map(first).collect())
}

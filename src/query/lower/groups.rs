//! Aggregates and window functions are taken out of expressions; GROUP BY.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Value,
    VisitMut, VisitorMut, visit_expressions,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::expressions::{all, arguments, bare, name_of, one_argument, signed};
use super::scope::ids;
use super::{Lowering, list, raw, refused};
use crate::error::QueryError;

/// Functions of a group of rows.
pub(super) const AGGREGATES: [&str; 28] = [
    "array_agg",
    "avg",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "first",
    "group_concat",
    "last",
    "listagg",
    "max",
    "median",
    "min",
    "quantile_cont",
    "quantile_disc",
    "stddev",
    "stddev_samp",
    "stdev",
    "stdev_samp",
    "string_agg",
    "sum",
    "total",
    "var",
    "var_samp",
    "variance",
    "bool_and",
    "bool_or",
];

/// Those for which the order of rows matters.
const IN_ORDER: [&str; 6] = ["array_agg", "first", "group_concat", "last", "listagg", "string_agg"];

/// A function and the column that its values have.
pub(super) struct Taken {
    pub id: String,
    pub function: Function,
    text: String,
}

impl Taken {
    /// The number of a row in a part of the rows: `over` is what stands in OVER.
    pub fn row_number(id: String, over: &str) -> Option<Self> {
        let text = format!("ROW_NUMBER() OVER ({over})");
        let mut parser = Parser::new(&GenericDialect).try_with_sql(&text).ok()?;
        let Ok(Expr::Function(function)) = parser.parse_expr() else { return None };
        Some(Self { id, function, text })
    }
}

/// What is taken out of the expressions of a SELECT.
#[derive(Default)]
pub(super) struct Extracted {
    pub aggregates: Vec<Taken>,
    pub windows: Vec<Taken>,
}

struct Extractor<'e, 'b, 'a> {
    lowering: &'b mut Lowering<'a>,
    taken: &'e mut Extracted,
}

impl VisitorMut for Extractor<'_, '_, '_> {
    type Break = QueryError;

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<QueryError> {
        let Expr::Function(function) = expression else { return ControlFlow::Continue(()) };
        let is_aggregate = AGGREGATES.contains(&&*name_of(function));
        if function.over.is_none() && !is_aggregate {
            return ControlFlow::Continue(());
        }
        match self.take(function) {
            Ok(id) => *expression = raw(id),
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

impl Extractor<'_, '_, '_> {
    fn take(&mut self, function: &Function) -> Result<String, QueryError> {
        let text = function.to_string();
        let is_window = function.over.is_some();
        for id in ids(&text) {
            let within = |taken: &[Taken]| taken.iter().any(|taken| taken.id == id);
            if within(&self.taken.windows) {
                return refused(
                    "a window function within another, or within an aggregate",
                    "name it in a query in parentheses",
                );
            }
            if !is_window && within(&self.taken.aggregates) {
                return refused("an aggregate within an aggregate", "name it in a query in parentheses");
            }
        }
        let known = if is_window { &self.taken.windows } else { &self.taken.aggregates };
        if let Some(known) = known.iter().find(|known| known.text == text) {
            return Ok(known.id.clone());
        }
        let id = self.lowering.fresh(if is_window { "w" } else { "g" });
        let taken = Taken { id: id.clone(), function: filtered(function)?, text };
        if is_window {
            self.taken.windows.push(taken);
        } else {
            self.taken.aggregates.push(taken);
        }
        Ok(id)
    }
}

/// `FILTER (WHERE …)` as a CASE: what it leaves out is NULL, which no aggregate sees.
fn filtered(function: &Function) -> Result<Function, QueryError> {
    let mut function = function.clone();
    let Some(condition) = function.filter.take() else { return Ok(function) };
    let name = name_of(&function);
    if ["array_agg", "first", "last"].contains(&&*name) {
        return refused(format!("FILTER of {name}"), "filter the rows with WHERE in a query in parentheses");
    }
    match &mut function.args {
        FunctionArguments::List(list) => {
            let value = match list.args.first() {
                None | Some(FunctionArg::Unnamed(FunctionArgExpr::Wildcard)) => "1".to_owned(),
                Some(argument) => argument.to_string(),
            };
            let case = raw(format!("CASE WHEN {condition} THEN {value} END"));
            let case = FunctionArg::Unnamed(FunctionArgExpr::Expr(case));
            list.args.splice(..list.args.len().min(1), [case]);
        }
        _ => function.args = one_argument(raw(format!("CASE WHEN {condition} THEN 1 END"))),
    }
    Ok(function)
}

impl Lowering<'_> {
    /// Takes aggregates and window functions out of an expression.
    pub(super) fn extract(&mut self, expression: &mut Expr, taken: &mut Extracted) -> Result<(), QueryError> {
        match VisitMut::visit(expression, &mut Extractor { lowering: self, taken }) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Groups rows by keys: the relation of the groups.
    pub(super) fn grouped(
        &mut self,
        from: &str,
        filters: &[Expr],
        keys: &[(String, String)],
        aggregates: &mut [Taken],
    ) -> Result<String, QueryError> {
        let mut before: Vec<String> = keys.iter().map(|(text, id)| format!("{text} AS {id}")).collect();
        let mut columns: Vec<String> = keys.iter().map(|(_, id)| id.clone()).collect();
        for taken in aggregates {
            let name = name_of(&taken.function);
            self.arguments_before(&mut taken.function, &mut before)?;
            let mut function = Expr::Function(taken.function.clone());
            if name == "count" {
                function = signed(&function);
            }
            columns.push(format!("{function} AS {}", taken.id));
        }
        let filter = if filters.is_empty() { String::new() } else { format!(" WHERE {}", all(filters)) };
        let by = list(keys.iter().map(|(_, id)| id.clone()));
        let by = if by.is_empty() { by } else { format!(" GROUP BY {by}") };
        let columns = columns.join(", ");
        if before.is_empty() {
            return Ok(self.staged(format!("SELECT {columns} FROM {from}{filter}")));
        }
        let rows = self.staged(format!("SELECT {} FROM {from}{filter}", before.join(", ")));
        Ok(self.staged(format!("SELECT {columns} FROM {rows}{by}")))
    }

    /// Gives the arguments of a function columns of their own.
    pub(super) fn arguments_before(
        &mut self,
        function: &mut Function,
        before: &mut Vec<String>,
    ) -> Result<(), QueryError> {
        let name = name_of(function);
        if !function.within_group.is_empty() {
            return refused("WITHIN GROUP", "write quantile_cont(x, 0.5) or median(x)");
        }
        if matches!(&*name, "bool_and" | "bool_or") {
            return refused(name, "write min(x) or max(x), which are the same of truth values");
        }
        let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
        if name == "ntile" {
            return Ok(());
        }
        for (place, argument) in list.args.iter_mut().enumerate() {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument else { continue };
            // A number of rows or a separator has to stay what it is.
            if place > 0 && is_literal(value) {
                continue;
            }
            // Truth values would be counted without a sign, numbers of a statement in 32 bits.
            let text = if matches!(&*name, "sum" | "total") {
                format!("({value}) * CAST(1 AS BIGINT)")
            } else {
                value.to_string()
            };
            self.before(value, &text, before);
        }
        let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let is_ordered = || list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
        if is_distinct && IN_ORDER.contains(&&*name) && is_ordered() {
            let instead = "write it without DISTINCT, of a query in parentheses that has it";
            return refused(format!("DISTINCT with ORDER BY in `{name}`"), instead);
        }
        if !IN_ORDER.contains(&&*name) {
            // In any order the same.
            list.clauses.retain(|clause| !matches!(clause, FunctionArgumentClause::OrderBy(_)));
        }
        list.clauses.iter_mut().try_for_each(|clause| self.clause_before(&name, clause, before))
    }

    fn clause_before(
        &mut self,
        name: &str,
        clause: &mut FunctionArgumentClause,
        before: &mut Vec<String>,
    ) -> Result<(), QueryError> {
        match clause {
            FunctionArgumentClause::OrderBy(_) if matches!(name, "first" | "last") => {
                let instead = "take first_value(…) OVER (PARTITION BY … ORDER BY …)";
                refused(format!("ORDER BY of `{name}`"), instead)
            }
            FunctionArgumentClause::OrderBy(keys) => {
                for key in keys {
                    let text = key.expr.to_string();
                    self.before(&mut key.expr, &text, before);
                }
                Ok(())
            }
            FunctionArgumentClause::IgnoreOrRespectNulls(_) => {
                refused("IGNORE NULLS and RESPECT NULLS", "leave NULL out with WHERE in a query in parentheses")
            }
            _ => Ok(()),
        }
    }

    fn before(&mut self, value: &mut Expr, text: &str, before: &mut Vec<String>) {
        let id = self.fresh("a");
        before.push(format!("{text} AS {id}"));
        *value = raw(id);
    }

    /// Puts the columns of group keys into the places of the keys; nothing else of the tables may be left.
    pub(super) fn of_groups(&mut self, expression: &mut Expr, keys: &[(String, String)]) -> Result<(), QueryError> {
        let _ = VisitMut::visit(expression, &mut Keys(keys));
        let columns: BTreeSet<String> = self.column_ids();
        match ids(&expression.to_string()).find(|id| columns.contains(id)) {
            None => Ok(()),
            Some(id) => {
                let name = self.meant.get(&id).cloned().unwrap_or_default();
                let what = format!("`{name}` is neither in GROUP BY nor in an aggregate such as max(…)");
                Err(QueryError::Name { what, hint: None })
            }
        }
    }

    /// The ids of all columns of FROM.
    pub(super) fn column_ids(&mut self) -> BTreeSet<String> {
        let relations = self.scope().relations.iter();
        relations.flat_map(|relation| relation.columns.iter().map(|column| column.id.clone())).collect()
    }
}

/// Replaces the expressions that are keys.
struct Keys<'k>(&'k [(String, String)]);

impl VisitorMut for Keys<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let text = bare(expression).to_string();
        if let Some((_, id)) = self.0.iter().find(|(key, _)| *key == text) {
            *expression = raw(id);
        }
        ControlFlow::Continue(())
    }
}

fn is_literal(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if !matches!(value.value, Value::Placeholder(_)))
}

/// Whether an expression has an aggregate or a window function.
pub(super) fn counts_groups(expression: &Expr) -> bool {
    calls(expression, &|function| function.over.is_some() || AGGREGATES.contains(&&*name_of(function)))
}

/// Whether an expression calls a function of a kind.
pub(super) fn calls(expression: &Expr, is_it: &dyn Fn(&Function) -> bool) -> bool {
    let found = visit_expressions(expression, |inner| match inner {
        Expr::Function(function) if is_it(function) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Whether a function of a window or group counts rows: `count(*)` or `count()`.
pub(super) fn counts_rows(function: &Function) -> bool {
    matches!(arguments(function), [] | [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)])
}

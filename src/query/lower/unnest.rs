//! `unnest(…)` in the list: a row for each item of a list, and none for an empty or missing one.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, VisitMut, VisitorMut, visit_expressions};

use super::expressions::{arguments, name_of};
use super::groups::{AGGREGATES, calls};
use super::parts::Parts;
use super::{Lowering, raw, refused};
use crate::error::QueryError;

const INSTEAD: &str = "name it in a query in parentheses";

/// That an expression has no unnest, where rows cannot be made of its items.
pub(super) fn no_unnest(expression: &Expr, place: &str) -> Result<(), QueryError> {
    if calls(expression, &is_unnest) { refused(format!("unnest in {place}"), INSTEAD) } else { Ok(()) }
}

impl Lowering<'_> {
    /// Finds the list whose items are grouped.
    pub(super) fn grouped_list(&mut self, parts: &mut Parts) -> Result<(), QueryError> {
        let is_group = |function: &Function| {
            let counts = function.over.is_some() || AGGREGATES.contains(&&*name_of(function));
            counts && calls(&Expr::Function(function.clone()), &is_unnest)
        };
        if parts.expressions().any(|expression| calls(expression, &is_group)) {
            return refused("unnest within an aggregate or a window function", INSTEAD);
        }
        let found = lists(parts.keys.iter())?;
        for condition in parts.having.iter().chain(&parts.qualify).chain(&parts.distinct_on) {
            if found.is_none() {
                no_unnest(condition, "HAVING, QUALIFY or DISTINCT ON")?;
            }
        }
        if let Some(list) = found {
            let id = self.fresh("u");
            self.meant.insert(id.clone(), format!("unnest({list})"));
            parts.expressions().for_each(|expression| replace(expression, &id));
            parts.keys.iter_mut().for_each(|key| replace(key, &id));
            parts.grouped_list = Some((list, id));
        }
        Ok(())
    }

    /// A row for each item of the list whose items are grouped.
    pub(super) fn grouped_items(&mut self, from: String, filters: &mut Vec<Expr>, parts: &mut Parts) -> String {
        let Some((list, id)) = parts.grouped_list.take() else { return from };
        let rows = self.filtered(from, &std::mem::take(filters));
        self.exploded(&rows, &list, &id)
    }

    /// A row for each item of the list that the SELECT's list unnests.
    pub(super) fn unnested(
        &mut self,
        from: String,
        filters: &mut Vec<Expr>,
        parts: &mut Parts,
    ) -> Result<String, QueryError> {
        let Some(list) = lists(parts.expressions().map(|expression| &*expression))? else { return Ok(from) };
        if parts.is_grouped {
            return refused("unnest in a grouped list", INSTEAD);
        }
        let id = self.fresh("u");
        parts.expressions().for_each(|expression| replace(expression, &id));
        let rows = self.filtered(from, &std::mem::take(filters));
        Ok(self.exploded(&rows, &list, &id))
    }
}

fn is_unnest(function: &Function) -> bool {
    name_of(function) == "unnest"
}

/// The list that expressions unnest; two at once would have to be gone through side by side.
fn lists<'e>(expressions: impl Iterator<Item = &'e Expr>) -> Result<Option<String>, QueryError> {
    let mut found: Option<String> = None;
    for expression in expressions {
        let outcome = visit_expressions(expression, |inner| {
            let Expr::Function(function) = inner else { return ControlFlow::Continue(()) };
            if !is_unnest(function) {
                return ControlFlow::Continue(());
            }
            match arguments(function) {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(list))]
                    if found.as_ref().is_none_or(|found| *found == list.to_string()) =>
                {
                    found = Some(list.to_string());
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            }
        });
        if outcome.is_break() {
            return refused("unnest beside or within another", INSTEAD);
        }
    }
    Ok(found)
}

/// Puts the column of the items into the place of unnest.
fn replace(expression: &mut Expr, id: &str) {
    let _ = VisitMut::visit(expression, &mut Items(id));
}

struct Items<'i>(&'i str);

impl VisitorMut for Items<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if matches!(expression, Expr::Function(function) if is_unnest(function)) {
            *expression = raw(self.0);
        }
        ControlFlow::Continue(())
    }
}

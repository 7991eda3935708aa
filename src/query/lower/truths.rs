//! Comparisons that the engine answers otherwise than SQL where a value is missing, or refuses.

use std::fmt::Display;

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use super::bind::{balanced, not, once};
use super::refused;
use crate::error::QueryError;
use crate::words::{DISTINCT, NOT_DISTINCT};

/// The same in the engine's words; `None` where it is that already.
pub(super) fn known(expression: &Expr) -> Result<Option<Expr>, QueryError> {
    let truth = |value: &Expr, known: &str| once(&format!("COALESCE(CAST({value} AS BOOLEAN), {known})"));
    Ok(Some(match expression {
        Expr::IsTrue(value) => truth(value, "FALSE")?,
        Expr::IsNotTrue(value) => nested(not(truth(value, "FALSE")?)),
        Expr::IsFalse(value) => nested(not(truth(value, "TRUE")?)),
        Expr::IsNotFalse(value) => truth(value, "TRUE")?,
        Expr::IsUnknown(value) => nested(Expr::IsNull(within(value))),
        Expr::IsNotUnknown(value) => nested(Expr::IsNotNull(within(value))),
        Expr::BinaryOp { left, op: BinaryOperator::Custom(operator), right } => match &**operator {
            NOT_DISTINCT => nested(same(left, right)),
            DISTINCT => nested(not(nested(same(left, right)))),
            _ => return refused(format!("`{operator}`"), "compare with =, <, LIKE or regexp_like(text, pattern)"),
        },
        Expr::Position { expr, r#in } => once(&place(r#in, expr))?,
        Expr::InList { expr, list, negated } => return Ok(one_of(expr, list, *negated)),
        Expr::Array(array) if !array.elem.iter().all(is_literal) => {
            return refused(format!("`{expression}`, a list of what is no constant"), "name its items one by one");
        }
        Expr::SimilarTo { .. } => return refused("SIMILAR TO", "write LIKE, or regexp_like(text, pattern)"),
        _ => return Ok(None),
    }))
}

/// Where a text stands in another, from 1; 0 where it does not.
pub(super) fn place(text: impl Display, part: impl Display) -> String {
    format!("CAST(CASE WHEN {text} IS NOT NULL AND {part} IS NOT NULL THEN STRPOS({text}, {part}) END AS BIGINT)")
}

/// `x IN (…)` of a list that the engine takes no list of: of columns, or of whole numbers and fractions.
fn one_of(value: &Expr, list: &[Expr], negated: bool) -> Option<Expr> {
    if list.iter().all(is_literal) {
        let is_fraction = |item: &Expr| number(item).is_some_and(|digits| digits.contains('.'));
        let is_mixed = list.iter().any(is_fraction) && list.iter().any(|item| number(item).is_some_and(is_whole));
        let list = list.iter().map(|item| if is_mixed { with_fraction(item) } else { item.clone() }).collect();
        return is_mixed.then(|| Expr::InList { expr: Box::new(value.clone()), list, negated });
    }
    let equal = |item: &Expr| Expr::BinaryOp { left: within(value), op: BinaryOperator::Eq, right: within(item) };
    let any = nested(balanced(&list.iter().map(equal).collect::<Vec<_>>(), &BinaryOperator::Or));
    Some(if negated { nested(not(any)) } else { any })
}

fn same(left: &Expr, right: &Expr) -> Expr {
    Expr::BinaryOp { left: within(left), op: BinaryOperator::Spaceship, right: within(right) }
}

fn nested(expression: Expr) -> Expr {
    Expr::Nested(Box::new(expression))
}

fn within(expression: &Expr) -> Box<Expr> {
    Box::new(nested(expression.clone()))
}

/// Whether the engine takes it in a list.
fn is_literal(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } | Expr::Cast { expr, .. } => {
            is_literal(expr)
        }
        Expr::Array(array) => array.elem.iter().all(is_literal),
        Expr::TypedString(_) => true,
        _ => false,
    }
}

/// The digits of a number.
fn number(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(digits),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => number(expr),
        _ => None,
    }
}

fn is_whole(digits: &str) -> bool {
    digits.chars().all(|digit| digit.is_ascii_digit())
}

fn with_fraction(item: &Expr) -> Expr {
    let mut item = item.clone();
    let mut inner = &mut item;
    while let Expr::UnaryOp { expr, .. } = inner {
        inner = expr;
    }
    if let Expr::Value(value) = inner
        && let Value::Number(digits, _) = &mut value.value
        && is_whole(digits)
    {
        digits.push_str(".0");
    }
    item
}

//! Comparisons that the engine answers otherwise than SQL where a value is missing, or refuses.

use std::fmt::Display;

use sqlparser::ast::BinaryOperator::{self, Minus, Multiply, Plus};
use sqlparser::ast::{DataType, Expr, FunctionArg, FunctionArgExpr, UnaryOperator, Value};

use super::expressions::{arguments, balanced, name_of, not, once};
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

/// At which character a text stands in another, from 1; 0 where it does not. The engine finds the byte.
pub(super) fn place(text: impl Display, part: impl Display) -> String {
    let (text, part) = (format!("CAST({text} AS VARCHAR)"), format!("CAST({part} AS VARCHAR)"));
    format!(
        "CAST(CASE WHEN {text} IS NULL OR {part} IS NULL THEN NULL WHEN {part} = '' THEN 1 WHEN STRPOS({text}, {part}) = 0 \
         THEN 0 ELSE CHAR_LENGTH(SPLIT_PART({text}, {part}, 1)) + 1 END AS BIGINT)"
    )
}

/// `x IN (…)` of a list that the engine takes no list of: of columns, or with fractions, which it compares as doubles with
/// numbers in single precision.
fn one_of(value: &Expr, list: &[Expr], negated: bool) -> Option<Expr> {
    let is_fraction = |item: &Expr| written(item).is_some_and(|(_, is_fraction)| is_fraction);
    if list.iter().all(|item| is_literal(item) && !is_fraction(item)) {
        return None;
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

/// Functions that make whole numbers of whole numbers.
const WHOLE: [&str; 6] = ["abs", "coalesce", "greatest", "ifnull", "least", "nullif"];

/// Whether an expression is a whole number that the statement writes, or one of several.
pub(super) fn is_whole(expression: &Expr) -> bool {
    let or_null = |expression: &Expr| is_null(expression) || is_whole(expression);
    match expression {
        Expr::Nested(inner) => is_whole(inner),
        Expr::BinaryOp { left, op: Minus | Multiply | Plus, right } => is_whole(left) && is_whole(right),
        Expr::Cast { data_type: DataType::BigInt(None), expr, .. } => is_whole(expr),
        Expr::Case { conditions, else_result, .. } => {
            let results = || conditions.iter().map(|when| &when.result).chain(else_result.as_deref());
            results().all(or_null) && results().any(is_whole)
        }
        Expr::Function(function) if WHOLE.contains(&&*name_of(function)) => {
            let value = |argument: &FunctionArg| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => or_null(value),
                _ => false,
            };
            !arguments(function).is_empty() && arguments(function).iter().all(value)
        }
        _ => written(expression).is_some_and(|(_, is_fraction)| !is_fraction),
    }
}

/// Whether nothing is written.
pub(super) fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if value.value == Value::Null)
}

/// A number that the statement writes, with its sign; whether it is not whole. `None` for all else, and for a whole number
/// of more than 64 bits.
pub(super) fn written(expression: &Expr) -> Option<(String, bool)> {
    match expression {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => written(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            let (digits, is_fraction) = written(expr)?;
            Some((digits.strip_prefix('-').map_or_else(|| format!("-{digits}"), ToOwned::to_owned), is_fraction))
        }
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                let is_fraction = !digits.chars().all(|digit| digit.is_ascii_digit());
                (is_fraction || digits.parse::<i64>().is_ok()).then(|| (digits.clone(), is_fraction))
            }
            _ => None,
        },
        _ => None,
    }
}

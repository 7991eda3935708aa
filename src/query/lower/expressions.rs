//! Small parts of expressions: taken apart, and put together.

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, UnaryOperator,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::raw;
use crate::error::QueryError;

/// Bytes of a lowered expression.
const MOST_TEXT: usize = 1 << 16;

/// An expression without parentheses around it.
pub(super) fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// A whole number with a sign: the engine counts without, and 3 - 4 would be 4294967295.
pub(super) fn signed(expression: &Expr) -> Expr {
    let data_type = DataType::BigInt(None);
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expression.clone()), data_type, array: false, format: None }
}

/// The name of a function, in small letters.
pub(super) fn name_of(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

pub(super) fn arguments(function: &Function) -> &[FunctionArg] {
    match &function.args {
        FunctionArguments::List(list) => &list.args,
        _ => &[],
    }
}

pub(super) fn one_argument(argument: Expr) -> FunctionArguments {
    FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))],
        clauses: Vec::new(),
    })
}

pub(super) fn not(expression: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expression) }
}

/// Conditions joined by an operator, in a tree that is as deep as its logarithm.
pub(super) fn balanced(parts: &[Expr], operator: &BinaryOperator) -> Expr {
    match parts {
        [] => raw("FALSE"),
        [part] => part.clone(),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            let side = |parts| Box::new(Expr::Nested(Box::new(balanced(parts, operator))));
            Expr::BinaryOp { left: side(left), op: operator.clone(), right: side(right) }
        }
    }
}

/// All of the conditions, as one.
pub(super) fn all(conditions: &[Expr]) -> String {
    let parts = conditions.iter().map(|condition| match condition {
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => format!("({condition})"),
        other => other.to_string(),
    });
    parts.collect::<Vec<_>>().join(" AND ")
}

/// A text in which a part stands more than once: within each other they would double at each step.
pub(super) fn once(text: &str) -> Result<Expr, QueryError> {
    if text.len() > MOST_TEXT { Err(QueryError::TooDeep { what: "operators in a row" }) } else { parsed(text) }
}

/// An expression of lowered text, whose functions can still be taken out.
pub(super) fn parsed(text: &str) -> Result<Expr, QueryError> {
    let parser = Parser::new(&GenericDialect).try_with_sql(text);
    parser.and_then(|mut parser| parser.parse_expr()).map_err(|_| QueryError::Engine)
}

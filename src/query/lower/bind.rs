//! Expressions: names become ids, subqueries what they give, functions those that the engine has.

use std::fmt::Display;
use std::ops::ControlFlow;

use sqlparser::ast::BinaryOperator::{self, Minus, Multiply, Plus};
use sqlparser::ast::{
    AccessExpr, DataType, Expr, Function, FunctionArg, FunctionArgExpr, Ident, NamedWindowDefinition, NamedWindowExpr,
    ObjectName, ObjectNamePart, UnaryOperator, Value, VisitMut, VisitorMut, WindowType,
};

use super::expressions::{arguments, balanced, bare, name_of, not, once, one_argument, parsed, signed};
use super::groups::counts_groups;
use super::scope::{Column, Scope};
use super::{Lowering, raw, refused, truths};
use crate::error::QueryError;

/// Functions whose values the engine counts without a sign.
const COUNTING: [&str; 7] =
    ["array_length", "bit_count", "bit_length", "char_length", "character_length", "length", "octet_length"];

/// Names that others give to functions of the engine.
const RENAMED: [(&str, &str); 19] = [
    ("any_value", "first"),
    ("array_has", "array_contains"),
    ("array_size", "array_length"),
    ("bitcount", "bit_count"),
    ("cardinality", "array_length"),
    ("instr", "strpos"),
    ("list", "array_agg"),
    ("list_avg", "array_mean"),
    ("list_contains", "array_contains"),
    ("list_has", "array_contains"),
    ("list_length", "array_length"),
    ("list_max", "array_upper"),
    ("list_min", "array_lower"),
    ("list_reverse", "array_reverse"),
    ("list_sum", "array_sum"),
    ("mean", "avg"),
    ("prefix", "starts_with"),
    ("regexp_matches", "regexp_like"),
    ("suffix", "ends_with"),
];

/// Reads expressions of one SELECT.
pub(super) struct Binder<'b, 'a> {
    pub lowering: &'b mut Lowering<'a>,
    /// The columns of its list, by their names.
    pub aliases: &'b [(String, Expr)],
    /// The named windows.
    pub windows: &'b [NamedWindowDefinition],
}

type Flow = ControlFlow<QueryError>;

impl VisitorMut for Binder<'_, '_> {
    type Break = QueryError;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> Flow {
        flow(self.before(expression))
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> Flow {
        flow(self.after(expression))
    }
}

fn flow(outcome: Result<(), QueryError>) -> Flow {
    outcome.map_or_else(ControlFlow::Break, ControlFlow::Continue)
}

impl Binder<'_, '_> {
    pub fn bind(&mut self, expression: &Expr) -> Result<Expr, QueryError> {
        let mut bound = expression.clone();
        match VisitMut::visit(&mut bound, self) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(bound),
        }
    }

    fn before(&mut self, expression: &mut Expr) -> Result<(), QueryError> {
        match expression {
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
                return refused(format!("`{value}`"), "write the value itself");
            }
            Expr::Subquery(query) => *expression = self.lowering.value_of(query)?,
            Expr::Exists { subquery, negated } => *expression = self.lowering.exists(subquery, *negated)?,
            Expr::AnyOp { compare_op: BinaryOperator::Eq, left, right, .. } if matches!(**right, Expr::Subquery(_)) => {
                let Expr::Subquery(subquery) = &**right else { return Ok(()) };
                *expression = self.contained((**left).clone(), &subquery.clone(), false)?;
            }
            Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } if matches!(**right, Expr::Subquery(_)) => {
                return refused(
                    "ANY or ALL of a subquery",
                    "compare with (SELECT max(…) FROM …) or (SELECT min(…) FROM …)",
                );
            }
            Expr::InSubquery { expr, subquery, negated } => {
                *expression = self.contained((**expr).clone(), &subquery.clone(), *negated)?;
            }
            Expr::InList { expr, list, negated } if matches!(**expr, Expr::Tuple(_)) => {
                let any = list.iter().map(|item| equal_tuples(expr, item)).collect::<Result<Vec<_>, _>>()?;
                let any = Expr::Nested(Box::new(balanced(&any, &BinaryOperator::Or)));
                *expression = if *negated { not(any) } else { any };
            }
            Expr::BinaryOp { left, op, right } if matches!(**left, Expr::Tuple(_)) => {
                *expression = compared_tuples(left, op, right)?;
            }
            Expr::CompoundFieldAccess { root, access_chain } => return fields(root, access_chain),
            Expr::Function(function) => self.named_window(function)?,
            Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_) => return groupings(),
            _ => {}
        }
        Ok(())
    }

    /// `x IN (SELECT …)`.
    fn contained(&mut self, expr: Expr, subquery: &sqlparser::ast::Query, negated: bool) -> Result<Expr, QueryError> {
        let items = match expr {
            Expr::Tuple(items) => items,
            Expr::Nested(inner) if matches!(*inner, Expr::Tuple(_)) => {
                return self.contained(*inner, subquery, negated);
            }
            other => vec![other],
        };
        if let ([item], false) = (&items[..], self.lowering.scope().is_open) {
            // Its names are bound, and its aggregates taken out, with those around it.
            return self.lowering.listed(item, subquery, negated);
        }
        let items = items.iter().map(|item| self.bind(item)).collect::<Result<Vec<_>, _>>()?;
        if items.iter().any(counts_groups) {
            return refused("an aggregate in WHERE", "write it in HAVING, or compare with (SELECT max(…) FROM …)");
        }
        self.lowering.contained(&items, subquery, negated)
    }

    fn after(&mut self, expression: &mut Expr) -> Result<(), QueryError> {
        match expression {
            Expr::Identifier(name) => *expression = self.name(name)?,
            Expr::CompoundIdentifier(names) => match &names[..] {
                [table, column] => *expression = self.lowering.column(Some(&table.value), &column.value)?.0,
                _ => return refused(format!("the name `{expression}`"), "write table.column"),
            },
            Expr::Tuple(_) => {
                let construct = format!("`{expression}`");
                return refused(construct, "compare the parts one by one: a = 1 AND b = 2");
            }
            Expr::Lambda(_) => return refused("a lambda", "unnest the list and group its items"),
            Expr::Function(function) => {
                let renamed = self.function(function)?;
                if let Some(renamed) = renamed {
                    *expression = renamed;
                }
            }
            // Whole numbers have 64 bits, also those that were to fit into fewer.
            Expr::Cast { data_type, .. } if is_narrow(data_type) => *expression = signed(expression),
            Expr::BinaryOp { left, op: Plus | Minus | Multiply, right } => {
                for side in [left, right] {
                    // The engine knows how wide a product of two numbers is, and not one of what is chosen from several.
                    if matches!(bare(side), Expr::Case { .. } | Expr::Function(_)) && truths::is_whole(side) {
                        **side = signed(side);
                    }
                }
            }
            // Two in a row would begin a comment.
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } if expr.to_string().starts_with('-') => {
                **expr = Expr::Nested(expr.clone());
            }
            Expr::BinaryOp { left, op: BinaryOperator::Modulo, right } => *expression = remainder(left, right)?,
            Expr::BinaryOp { left, op: BinaryOperator::DuckIntegerDivide, right } => {
                *expression = quotient(left, right)?;
            }
            other => {
                if let Some(truth) = truths::known(other)? {
                    *other = truth;
                }
            }
        }
        Ok(())
    }

    /// A bare name: a column of the tables, or one of the list before it.
    fn name(&mut self, name: &Ident) -> Result<Expr, QueryError> {
        let alias = self.aliases.iter().find(|(alias, _)| super::scope::same(alias, &name.value));
        match self.lowering.column(None, &name.value) {
            Err(QueryError::Name { .. }) if alias.is_some() && !self.lowering.scope().has(&name.value) => {
                let expression = alias.map(|(_, expression)| expression.clone());
                Ok(Expr::Nested(Box::new(expression.ok_or(QueryError::Engine)?)))
            }
            outcome => outcome.map(|(text, _)| text),
        }
    }

    fn named_window(&self, function: &mut Function) -> Result<(), QueryError> {
        let Some(WindowType::NamedWindow(name)) = &function.over else { return Ok(()) };
        let of = |name: &Ident| self.windows.iter().find(|window| super::scope::same(&window.0.value, &name.value));
        let mut found = of(name);
        // A window may bear another's name.
        for _ in 0..self.windows.len() {
            match found.map(|window| &window.1) {
                Some(NamedWindowExpr::NamedWindow(other)) => found = of(other),
                Some(NamedWindowExpr::WindowSpec(spec)) => {
                    function.over = Some(WindowType::WindowSpec(spec.clone()));
                    return Ok(());
                }
                None => break,
            }
        }
        Err(QueryError::Name { what: format!("no window is named `{name}`"), hint: None })
    }

    /// The function of the engine that gives the same.
    fn function(&self, function: &mut Function) -> Result<Option<Expr>, QueryError> {
        let mut name = name_of(function);
        if let Some((_, own)) = RENAMED.iter().find(|(other, _)| *other == name) {
            name = (*own).to_owned();
        }
        let arguments = arguments(function).to_vec();
        match (&*name, &arguments[..]) {
            ("len" | "length", [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))]) => {
                let is_made = match value {
                    Expr::Array(_) => true,
                    Expr::Function(inner) => name_of(inner) == "array_agg",
                    _ => false,
                };
                let is_list = is_made || self.lowering.scopes.iter().any(|scope| scope.is_list(&value.to_string()));
                let known = if is_list { "array_length" } else { "length" };
                known.clone_into(&mut name);
            }
            ("contains", [one, other]) => return once(&format!("({} > 0)", truths::place(one, other))).map(Some),
            ("strpos", [one, other]) => return once(&truths::place(one, other)).map(Some),
            ("count_if" | "countif", [condition]) => {
                function.args = one_argument(parsed(&format!("CASE WHEN {condition} THEN 1 END"))?);
                "count".clone_into(&mut name);
            }
            ("mod", [one, other]) => return remainder(one, other).map(Some),
            ("div", [one, other]) => return quotient(one, other).map(Some),
            ("array_sum", [value]) => {
                return once(&format!("CASE WHEN ARRAY_LENGTH({value}) > 0 THEN ARRAY_SUM({value}) END")).map(Some);
            }
            ("log", [value]) => return once(&format!("LOG10({value})")).map(Some),
            ("log", [base, value]) => return once(&format!("(LN({value}) / LN({base}))")).map(Some),
            ("round", [value]) => return rounded(value, 0).map(Some),
            ("round", [value, places]) => match places.to_string().parse() {
                Ok(places @ 0..=15) => return rounded(value, places).map(Some),
                _ => {
                    return refused(
                        "round to less than 0 or more than 15 places",
                        "divide first: round(x / 100) * 100",
                    );
                }
            },
            ("columns", _) => return refused("COLUMNS(…)", "name the columns"),
            ("grouping" | "rollup" | "cube", _) => return groupings(),
            _ => {}
        }
        function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name.clone()))]);
        if COUNTING.contains(&&*name) && function.over.is_none() {
            return Ok(Some(signed(&Expr::Function(function.clone()))));
        }
        Ok(None)
    }
}

impl Lowering<'_> {
    /// The innermost SELECT's names.
    pub(super) fn scope(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// An expression over the tables of FROM alone.
    pub(super) fn bound(&mut self, expression: &Expr) -> Result<Expr, QueryError> {
        Binder { lowering: self, aliases: &[], windows: &[] }.bind(expression)
    }

    /// What a column's name stands for: of the innermost SELECT, or of the one around it where that is open.
    pub(super) fn column(&mut self, table: Option<&str>, name: &str) -> Result<(Expr, Column), QueryError> {
        let innermost = self.scopes.len().saturating_sub(1);
        for place in (0..=innermost).rev() {
            let Some(scope) = self.scopes.get_mut(place) else { continue };
            let Some(column) = scope.column(table, name)? else { continue };
            if place < innermost {
                if place + 1 < innermost || !scope.is_open {
                    let construct = format!("a subquery that names `{name}` of the statement around it here");
                    return refused(construct, "write a JOIN with a query in parentheses that has a GROUP BY");
                }
                self.correlated = true;
            }
            let text = if table.is_some() { column.id.clone() } else { column.bare().to_owned() };
            return Ok((raw(text), column));
        }
        Err(self.scope().no_column(table, name))
    }
}

impl Scope {
    /// Whether one of its columns bears a name.
    fn has(&self, name: &str) -> bool {
        self.relations.iter().flat_map(|relation| &relation.columns).any(|column| column.name == name)
    }

    fn is_list(&self, id: &str) -> bool {
        self.relations.iter().flat_map(|relation| &relation.columns).any(|column| column.id == id && column.is_list)
    }
}

/// Whether a type is one of whole numbers of less than 64 bits.
fn is_narrow(kind: &DataType) -> bool {
    use DataType::{Int, Int2, Int4, Integer, MediumInt, SmallInt, TinyInt};
    matches!(kind, Int(_) | Integer(_) | Int4(_) | MediumInt(_) | SmallInt(_) | Int2(_) | TinyInt(_))
}

/// `(a, b) = (1, 2)`.
fn equal_tuples(left: &Expr, right: &Expr) -> Result<Expr, QueryError> {
    let (Expr::Tuple(left), Expr::Tuple(right)) = (left, right) else {
        return refused(format!("a comparison of `{left}` and `{right}`"), "give both as many parts: (a, b) = (1, 2)");
    };
    if left.len() != right.len() {
        return refused("a comparison of tuples of different length", "give both as many parts: (a, b) = (1, 2)");
    }
    let equal = |(left, right): (&Expr, &Expr)| Expr::BinaryOp {
        left: Box::new(Expr::Nested(Box::new(left.clone()))),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::Nested(Box::new(right.clone()))),
    };
    Ok(balanced(&left.iter().zip(right).map(equal).collect::<Vec<_>>(), &BinaryOperator::And))
}

fn compared_tuples(left: &Expr, operator: &BinaryOperator, right: &Expr) -> Result<Expr, QueryError> {
    let equal = Expr::Nested(Box::new(equal_tuples(left, right)?));
    match operator {
        BinaryOperator::Eq => Ok(equal),
        BinaryOperator::NotEq => Ok(not(equal)),
        _ => refused(format!("`{operator}` between tuples"), "compare the parts one by one"),
    }
}

/// `t.list[1]`: the reader takes the column for a part of the table.
fn fields(root: &mut Box<Expr>, chain: &mut Vec<AccessExpr>) -> Result<(), QueryError> {
    if let (Expr::Identifier(table), Some(AccessExpr::Dot(Expr::Identifier(column)))) = (&**root, chain.first()) {
        **root = Expr::CompoundIdentifier(vec![table.clone(), column.clone()]);
        chain.remove(0);
    }
    if chain.len() > 1 {
        return refused("more than one index of a list", "take one item, and of it the next in a query around it");
    }
    Ok(())
}

/// The rest of a division, with the sign of what is divided: the engine's has the divisor's.
fn remainder(one: impl Display, other: impl Display) -> Result<Expr, QueryError> {
    once(&format!("(SIGN({one}) * (ABS({one}) % ABS({other})))"))
}

/// The whole part of a quotient: the engine's is the next whole number below it.
fn quotient(one: impl Display, other: impl Display) -> Result<Expr, QueryError> {
    once(&format!("(SIGN({one}) * SIGN({other}) * (ABS({one}) // ABS({other})))"))
}

/// Rounded, a half away from zero: the engine rounds it to the even side.
fn rounded(value: impl Display, places: i32) -> Result<Expr, QueryError> {
    let scale = 10_f64.powi(places);
    let (times, over) =
        if places == 0 { (String::new(), String::new()) } else { (format!(" * {scale:?}"), format!(" / {scale:?}")) };
    let rounded = format!("(SIGN({value}) * FLOOR(ABS({value}){times} + 0.5){over})");
    // The engine divides by a number by multiplying with its reciprocal: the last digit is put right.
    once(&if places == 0 { rounded } else { format!("ROUND({rounded}, {places})") })
}

pub(super) fn groupings<T>() -> Result<T, QueryError> {
    refused("ROLLUP, CUBE and GROUPING SETS", "write a SELECT for each grouping, and UNION ALL")
}

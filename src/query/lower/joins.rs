//! The joins of FROM.

use sqlparser::ast::BinaryOperator::{self, Eq, Gt, GtEq, Lt, LtEq, NotEq};
use sqlparser::ast::{Expr, Join, JoinConstraint, JoinOperator as Of, TableWithJoins};

use super::expressions::all;
use super::from::{Factor, source};
use super::scope::{Column, Relation, Source, ids};
use super::unnest::no_unnest;
use super::{Lowering, raw, refused};
use crate::error::QueryError;

/// One step of FROM.
pub(super) struct Step {
    kind: Kind,
    relation: usize,
    /// Conditions of its ON and USING.
    conditions: Vec<Expr>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Inner,
    /// A word that keeps rows without a partner.
    Outer(&'static str),
    /// SEMI or ANTI.
    Partial(&'static str),
    /// Of a list: itself, and the id of its items.
    List(String, String),
}

impl Lowering<'_> {
    /// Reads FROM: its relations stand in the innermost scope from now on.
    pub(super) fn steps(&mut self, from: &[TableWithJoins]) -> Result<Vec<Step>, QueryError> {
        let mut steps = Vec::new();
        for tables in from {
            let is_behind_a_comma = !steps.is_empty();
            let factor = self.factor(&tables.relation)?;
            steps.push(self.step(Kind::Inner, factor, &JoinConstraint::None)?);
            for join in &tables.joins {
                let step = self.join(join)?;
                if let Kind::Outer(word @ ("RIGHT" | "FULL")) = step.kind
                    && is_behind_a_comma
                {
                    // It keeps rows of its own tables alone, and not of what stands before the comma.
                    return refused(
                        format!("a {word} JOIN behind a comma"),
                        "write its tables first, and the comma behind them",
                    );
                }
                steps.push(step);
            }
        }
        Ok(steps)
    }

    fn join(&mut self, join: &Join) -> Result<Step, QueryError> {
        let factor = self.factor(&join.relation)?;
        let (kind, constraint) = match &join.join_operator {
            Of::Join(on) | Of::Inner(on) | Of::CrossJoin(on) => (Kind::Inner, on),
            Of::Left(on) | Of::LeftOuter(on) => (Kind::Outer("LEFT"), on),
            Of::Right(on) | Of::RightOuter(on) => (Kind::Outer("RIGHT"), on),
            Of::FullOuter(on) => (Kind::Outer("FULL"), on),
            Of::Semi(on) | Of::LeftSemi(on) => (Kind::Partial("SEMI"), on),
            Of::Anti(on) | Of::LeftAnti(on) => (Kind::Partial("ANTI"), on),
            _ => {
                return refused(format!("`{join}`"), "there are INNER, LEFT, RIGHT, FULL, SEMI, ANTI and CROSS JOIN");
            }
        };
        self.step(kind, factor, constraint)
    }

    fn step(&mut self, kind: Kind, factor: Factor, constraint: &JoinConstraint) -> Result<Step, QueryError> {
        let (kind, relation) = match factor {
            Factor::Relation(relation) => (kind, relation),
            Factor::List(array, alias, name) => {
                if kind != Kind::Inner || *constraint != JoinConstraint::None {
                    return refused("a join with UNNEST but CROSS JOIN", "write CROSS JOIN UNNEST(column) AS t(item)");
                }
                let array = self.bound(array)?.to_string();
                let column = Column::new(name, self.fresh("c"));
                let kind = Kind::List(array, column.id.clone());
                (
                    kind,
                    Relation { alias, columns: vec![column], source: Source::Query(String::new()), is_hidden: false },
                )
            }
        };
        let place = self.scope().relations.len();
        if self.scope().relation(&relation.alias).is_some() {
            let what = format!("two tables of the statement's FROM are named `{}`", relation.alias);
            return Err(QueryError::Name { what, hint: Some("give one another name: `AS name`".to_owned()) });
        }
        self.scope().relations.push(relation);
        let conditions = self.conditions(&kind, constraint)?;
        self.scope().relations[place].is_hidden = matches!(kind, Kind::Partial(_));
        Ok(Step { kind, relation: place, conditions })
    }

    /// What ON or USING says of the last relation.
    fn conditions(&mut self, kind: &Kind, constraint: &JoinConstraint) -> Result<Vec<Expr>, QueryError> {
        match constraint {
            JoinConstraint::None => Ok(Vec::new()),
            JoinConstraint::On(on) => {
                let bound = self.bound(on)?;
                no_unnest(&bound, "ON")?;
                let mut conditions = Vec::new();
                conjuncts(bound, &mut conditions);
                Ok(conditions)
            }
            JoinConstraint::Using(names) => names.iter().map(|name| self.merge(kind, &name.to_string())).collect(),
            JoinConstraint::Natural => {
                let (last, others) = self.scope().relations.split_last().ok_or(QueryError::Statement)?;
                let known = |name: &String| {
                    let mut columns = others.iter().flat_map(|other| &other.columns);
                    columns.any(|column| column.name == *name)
                };
                let names: Vec<String> = last.columns.iter().map(|column| column.name.clone()).filter(known).collect();
                if names.is_empty() {
                    return refused("a NATURAL JOIN of tables that share no column", "write JOIN … ON …");
                }
                names.iter().map(|name| self.merge(kind, name)).collect()
            }
        }
    }

    /// Makes the last relation's column and the one of its name before it one column.
    fn merge(&mut self, kind: &Kind, name: &str) -> Result<Expr, QueryError> {
        let name = name.trim_matches('"');
        let scope = self.scope();
        let Some(mut last) = scope.relations.pop() else { return Err(QueryError::Statement) };
        let left = scope.column(None, name)?.ok_or_else(|| scope.no_column(None, name))?;
        let found = last.columns.iter_mut().find(|column| super::scope::same(&column.name, name));
        let Some(right) = found else {
            let alias = last.alias.clone();
            scope.relations.push(last);
            return Err(scope.no_column(Some(&alias), name));
        };
        right.is_merged = true;
        let (one, other) = (left.bare().to_owned(), right.id.clone());
        scope.used.insert(other.clone());
        let value = match kind {
            Kind::Outer("RIGHT") => Some(other.clone()),
            Kind::Outer("FULL") => Some(format!("COALESCE({one}, {other})")),
            _ => left.value.clone(),
        };
        let columns = scope.relations.iter_mut().flat_map(|relation| &mut relation.columns);
        columns.filter(|column| column.id == left.id).for_each(|column| column.value.clone_from(&value));
        scope.relations.push(last);
        Ok(equal(&one, &other))
    }

    /// The text of FROM, and what is left of WHERE.
    pub(super) fn from(&mut self, steps: Vec<Step>, filters: Vec<Expr>) -> Result<(String, Vec<Expr>), QueryError> {
        let is_plain = steps.iter().all(|step| step.kind == Kind::Inner);
        let (mut open, mut rest) = if is_plain { (filters, Vec::new()) } else { (Vec::new(), filters) };
        let (mut text, mut before, mut asked) = (String::new(), Vec::new(), Vec::new());
        for Step { kind, relation, conditions } in steps {
            let (relation, used) = (self.scope().relations[relation].clone(), self.scope().used.clone());
            let own: Vec<String> = relation.columns.iter().map(|column| column.id.clone()).collect();
            let sides = Sides { left: before.clone(), right: own.clone() };
            if let Kind::List(array, id) = &kind {
                text = self.exploded(&text, array, id);
            } else if text.is_empty() {
                text = source(&relation, Some(&used), self);
                rest.extend(conditions);
            } else if kind == Kind::Inner {
                open.extend(conditions);
                let on = sides.take_inner(&mut open);
                let word = if on.is_empty() { "CROSS JOIN" } else { "JOIN" };
                text = format!("{text} {word} {}{}", source(&relation, Some(&used), self), on_text(&on));
                if !is_plain {
                    asked.append(&mut open);
                }
            } else {
                // What an inner join before it asks for has to hold before rows without a partner come.
                if kind == Kind::Outer("RIGHT") || kind == Kind::Outer("FULL") {
                    text = self.filtered(text, &std::mem::take(&mut asked));
                }
                text = self.kept(&text, &kind, &relation, &sides, conditions)?;
            }
            if !matches!(kind, Kind::Partial(_)) {
                before.extend(own);
            }
        }
        rest.extend(open.into_iter().chain(asked));
        Ok((text, rest))
    }

    /// An outer, semi or anti join.
    fn kept(
        &mut self,
        text: &str,
        kind: &Kind,
        relation: &Relation,
        sides: &Sides,
        conditions: Vec<Expr>,
    ) -> Result<String, QueryError> {
        let (Kind::Outer(word) | Kind::Partial(word)) = kind else { return Err(QueryError::Engine) };
        let used = self.scope().used.clone();
        let (on, others): (Vec<Expr>, Vec<Expr>) =
            conditions.into_iter().partition(|condition| sides.is_equality(condition));
        let is_right_only = |condition: &Expr| ids(&condition.to_string()).all(|id| sides.right.contains(&id));
        // What ON asks of the right table alone can be asked before the join, where its own rows need no partner.
        let is_asked_before =
            others.is_empty() || !matches!(*word, "FULL" | "RIGHT") && others.iter().all(is_right_only);
        if on.is_empty() || !is_asked_before {
            let instead = "join on equal columns, and keep other conditions for WHERE or for a query in parentheses";
            return refused(format!("a {word} JOIN whose ON is more than equations of the two tables"), instead);
        }
        let mut right = source(relation, Some(&used), self);
        right = self.filtered(right, &others);
        let word = if matches!(kind, Kind::Partial(_)) { format!("LEFT {word}") } else { (*word).to_owned() };
        Ok(format!("{text} {word} JOIN {right}{}", on_text(&on)))
    }

    /// The rows for which conditions hold.
    pub(super) fn filtered(&mut self, text: String, conditions: &[Expr]) -> String {
        if conditions.is_empty() {
            return text;
        }
        self.staged(format!("SELECT * FROM {text} WHERE {}", all(conditions)))
    }

    /// A row for each item of a list.
    pub(super) fn exploded(&mut self, text: &str, array: &str, id: &str) -> String {
        let items = self.fresh("u");
        let from = if text.is_empty() { String::new() } else { format!(" FROM {text}") };
        let every = if text.is_empty() { "" } else { "*, " };
        let inner = self.staged(format!("SELECT {every}{array} AS {items}{from}"));
        let rows = self.staged(format!("SELECT * FROM {inner} WHERE ARRAY_LENGTH({items}) > 0"));
        let others = if text.is_empty() { String::new() } else { "*, ".to_owned() };
        self.staged(format!("SELECT {others}UNNEST({items}) AS {id} FROM {rows}"))
    }
}

/// The columns of the tables before a join, and of its own.
struct Sides {
    left: Vec<String>,
    right: Vec<String>,
}

impl Sides {
    fn side(&self, expression: &Expr) -> Option<bool> {
        let text = expression.to_string();
        let mut found = ids(&text).peekable();
        found.peek()?;
        let all: Vec<String> = found.collect();
        if all.iter().all(|id| self.left.contains(id)) {
            return Some(false);
        }
        all.iter().all(|id| self.right.contains(id)).then_some(true)
    }

    fn is_comparison(&self, condition: &Expr, operators: &[BinaryOperator]) -> bool {
        let Expr::BinaryOp { left, op, right } = condition else { return false };
        let sides = (self.side(left), self.side(right));
        operators.contains(op) && matches!(sides, (Some(false), Some(true)) | (Some(true), Some(false)))
    }

    fn is_equality(&self, condition: &Expr) -> bool {
        self.is_comparison(condition, &[BinaryOperator::Eq])
    }

    /// Takes the conditions that an inner join is made by: equations, or comparisons where there are none.
    fn take_inner(&self, open: &mut Vec<Expr>) -> Vec<Expr> {
        for operators in [&[Eq][..], &[Lt, LtEq, Gt, GtEq, NotEq][..]] {
            let taken: Vec<Expr> = open.extract_if(.., |condition| self.is_comparison(condition, operators)).collect();
            if !taken.is_empty() {
                return taken;
            }
        }
        Vec::new()
    }
}

/// The parts of a condition that all have to hold.
pub(super) fn conjuncts(condition: Expr, parts: &mut Vec<Expr>) {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(*left, parts);
            conjuncts(*right, parts);
        }
        Expr::Nested(inner) => conjuncts(*inner, parts),
        other => parts.push(other),
    }
}

fn on_text(on: &[Expr]) -> String {
    if on.is_empty() { String::new() } else { format!(" ON {}", all(on)) }
}

fn equal(one: &str, other: &str) -> Expr {
    Expr::BinaryOp { left: Box::new(raw(one)), op: BinaryOperator::Eq, right: Box::new(raw(other)) }
}

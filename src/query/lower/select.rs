//! A SELECT as a chain of small ones.

use sqlparser::ast::{BinaryOperator, Distinct, Expr, GroupByExpr, OrderBy, Select, UnaryOperator};

use super::bind::{Binder, groupings};
use super::expressions::{all, bare, signed};
use super::groups::{Extracted, Taken};
use super::items::Item;
use super::joins::conjuncts;
use super::parts::{Key, Parts};
use super::scope::{Column, Scope};
use super::unnest::no_unnest;
use super::{Lowered, Lowering, Rows, order_keys, output, raw, refused, truths};
use crate::error::QueryError;

impl Lowering<'_> {
    /// Lowers a SELECT.
    pub(super) fn select(
        &mut self,
        select: &Select,
        order: Option<&OrderBy>,
        rows: Rows,
        limit: &str,
    ) -> Result<Lowered, QueryError> {
        plain(select)?;
        let parent = self.scopes.len().checked_sub(1);
        let is_open = parent.is_some_and(|parent| std::mem::take(&mut self.scopes[parent].is_open));
        let depth = self.scopes.len();
        self.scopes.push(Scope::default());
        let outcome = self.lowered(select, is_open, order, rows, limit);
        self.scopes.truncate(depth);
        if let Some(parent) = parent {
            self.scopes[parent].is_open = is_open;
        }
        outcome
    }

    fn lowered(
        &mut self,
        select: &Select,
        is_open: bool,
        order: Option<&OrderBy>,
        rows: Rows,
        limit: &str,
    ) -> Result<Lowered, QueryError> {
        let steps = self.steps(&select.from)?;
        let before = std::mem::take(&mut self.correlated);
        let items = self.items(select)?;
        let filters = self.filters(select, &items, is_open)?;
        let correlated = std::mem::replace(&mut self.correlated, before) || before;
        let is_correlated = correlated && !before;
        let mut parts = Parts { items, filters, is_correlated, ..Parts::default() };
        self.rest(select, order, &mut parts)?;
        if is_correlated && limit.is_empty() {
            // In EXISTS and IN alone, where no order tells.
            parts.order.clear();
        }
        self.grouped_list(&mut parts)?;
        let mut taken = Extracted::default();
        self.take(&mut parts, &mut taken)?;
        let is_simple = taken.windows.is_empty()
            && !parts.is_grouped
            && limit.is_empty()
            && parts.order.is_empty()
            && parts.distinct_on.is_empty();
        if is_correlated && !is_simple {
            let construct =
                "a subquery with a GROUP BY, an aggregate or a LIMIT that names columns of the statement around it";
            return refused(construct, "write a JOIN with a query in parentheses that has a GROUP BY");
        }
        self.correlated |= correlated;
        let filters = std::mem::take(&mut parts.filters);
        if self.scope().relations.len() > 1 {
            let columns = self.column_ids();
            parts.unordered = self.scope().used.intersection(&columns).cloned().collect();
        }
        let (mut from, mut filters) = self.from(steps, filters)?;
        if is_correlated {
            // The engine joins by what is left, and knows no EXISTS or IN beside it.
            let own: Vec<Expr> = filters.extract_if(.., |filter| !self.names_outer(filter)).collect();
            from = self.filtered(from, &own);
        }
        self.chain(select, from, filters, parts, taken, rows, limit)
    }

    /// WHERE, in the parts that all have to hold.
    fn filters(&mut self, select: &Select, items: &[Item], is_open: bool) -> Result<Vec<Expr>, QueryError> {
        let mut filters = Vec::new();
        let mut raw_filters = Vec::new();
        select.selection.iter().for_each(|filter| conjuncts(filter.clone(), &mut raw_filters));
        let parent = self.scopes.len().checked_sub(2);
        for filter in raw_filters {
            let is_subquery = matches!(&filter, Expr::Exists { .. } | Expr::InSubquery { .. });
            let filter = negated_exists(filter);
            self.scope().is_open = is_subquery || matches!(&filter, Expr::Exists { .. });
            if let Some(parent) = parent {
                self.scopes[parent].is_open = is_open && is_equation(&filter);
            }
            let bound = self.bind(select, items, &filter)?;
            self.scope().is_open = false;
            if let Some(parent) = parent {
                self.scopes[parent].is_open = false;
            }
            filters.push(bound);
        }
        let mut taken = Extracted::default();
        for filter in &filters {
            no_unnest(filter, "WHERE")?;
            self.extract(&mut filter.clone(), &mut taken)?;
        }
        if !taken.aggregates.is_empty() {
            return refused("an aggregate in WHERE", "write it in HAVING, or compare with (SELECT max(…) FROM …)");
        }
        if !taken.windows.is_empty() {
            return refused("a window function in WHERE", "write it in QUALIFY, or name it in a query in parentheses");
        }
        Ok(filters)
    }

    pub(super) fn bind(&mut self, select: &Select, items: &[Item], expression: &Expr) -> Result<Expr, QueryError> {
        let aliases: Vec<(String, Expr)> = items.iter().map(|item| (item.name.clone(), item.value.clone())).collect();
        let bound = Binder { lowering: self, aliases: &aliases, windows: &select.named_window }.bind(expression)?;
        // Names of the list that stand for others double them.
        if bound.to_string().len() > 1 << 20 {
            Err(QueryError::TooDeep { what: "operators in a row" })
        } else {
            Ok(bound)
        }
    }

    /// What stands behind WHERE.
    fn rest(&mut self, select: &Select, order: Option<&OrderBy>, parts: &mut Parts) -> Result<(), QueryError> {
        self.group_keys(select, parts)?;
        let bind = |this: &mut Self, expression: &Expr| this.bind(select, &parts.items, expression);
        parts.having = select.having.as_ref().map(|having| bind(self, having)).transpose()?;
        parts.qualify = select.qualify.as_ref().map(|qualify| bind(self, qualify)).transpose()?;
        if let Some(Distinct::On(columns)) = &select.distinct {
            parts.distinct_on = columns.iter().map(|column| bind(self, column)).collect::<Result<_, _>>()?;
        }
        self.order(select, order, parts)
    }

    /// GROUP BY.
    fn group_keys(&mut self, select: &Select, parts: &mut Parts) -> Result<(), QueryError> {
        match &select.group_by {
            GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => {
                for key in keys {
                    let named = Self::output_of(key, parts, false)?;
                    parts.keys.push(match named {
                        Some(place) => parts.items[place].value.clone(),
                        None => self.bind(select, &parts.items, key)?,
                    });
                }
                parts.is_grouped = !keys.is_empty();
            }
            GroupByExpr::All(modifiers) if modifiers.is_empty() => {
                parts.is_grouped = true;
                for item in &parts.items {
                    let mut taken = Extracted::default();
                    self.extract(&mut item.value.clone(), &mut taken)?;
                    if taken.aggregates.is_empty() && taken.windows.is_empty() {
                        parts.keys.push(item.value.clone());
                    }
                }
            }
            _ => return groupings(),
        }
        Ok(())
    }

    /// ORDER BY.
    fn order(&mut self, select: &Select, order: Option<&OrderBy>, parts: &mut Parts) -> Result<(), QueryError> {
        for key in order_keys(order)? {
            let options = key.options.to_string();
            let is_all = matches!(&key.expr, Expr::Identifier(name) if name.value.eq_ignore_ascii_case("all"));
            match Self::output_of(&key.expr, parts, true)? {
                Some(place) => parts.order.push(Key { value: Ok(place), options }),
                None if is_all => {
                    let every = 0..parts.items.len();
                    parts.order.extend(every.map(|place| Key { value: Ok(place), options: options.clone() }));
                }
                None => {
                    let value = Err(self.bind(select, &parts.items, &key.expr)?);
                    parts.order.push(Key { value, options });
                }
            }
        }
        Ok(())
    }

    /// The column of the list that an expression names, by its place or, in ORDER BY, its name.
    fn output_of(expression: &Expr, parts: &Parts, by_name: bool) -> Result<Option<usize>, QueryError> {
        if !by_name && !matches!(expression, Expr::Value(_)) {
            return Ok(None);
        }
        let column = |(place, item): (usize, &Item)| Column::new(&item.name, place.to_string());
        let columns: Vec<Column> = parts.items.iter().enumerate().map(column).collect();
        Ok(output(expression, &columns)?.and_then(|column| column.id.parse().ok()))
    }

    /// Takes aggregates and windows out, and puts group keys in.
    fn take(&mut self, parts: &mut Parts, taken: &mut Extracted) -> Result<(), QueryError> {
        for expression in parts.expressions() {
            self.extract(expression, taken)?;
        }
        parts.is_grouped |= !taken.aggregates.is_empty() || parts.having.is_some();
        Ok(())
    }

    /// The text of a SELECT whose parts are bound.
    #[expect(clippy::too_many_arguments, reason = "the parts of a SELECT")]
    fn chain(
        &mut self,
        select: &Select,
        mut from: String,
        mut filters: Vec<Expr>,
        mut parts: Parts,
        mut taken: Extracted,
        rows: Rows,
        limit: &str,
    ) -> Result<Lowered, QueryError> {
        if from.is_empty() {
            let one = self.fresh("a");
            from = self.staged(format!("SELECT 1 AS {one}"));
        }
        from = self.grouped_items(from, &mut filters, &mut parts);
        if parts.is_grouped {
            from = self.groups(&from, &mut filters, &mut parts, &mut taken)?;
        }
        if !parts.distinct_on.is_empty() {
            self.first_of_each(&mut parts, &mut taken)?;
        }
        let mut row = None;
        if !taken.windows.is_empty() {
            from = self.filtered(from, &std::mem::take(&mut filters));
            let (text, number) = self.windows(from, taken.windows, &parts.unordered)?;
            (from, row) = (text, Some(number));
        }
        filters.extend(parts.qualify.take());
        from = self.unnested(from, &mut filters, &mut parts)?;
        let mut columns = Vec::new();
        let mut texts = Vec::new();
        for item in &parts.items {
            let id = self.fresh("o");
            self.meant.insert(id.clone(), item.name.clone());
            // The engine would give what is written 32 bits.
            let is_wide = !parts.is_correlated && truths::is_whole(&item.value);
            let value = if is_wide { signed(&item.value).to_string() } else { item.value.to_string() };
            texts.push(format!("{value} AS {id}"));
            columns.push(Column::new(&item.name, id));
        }
        let is_distinct = matches!(select.distinct, Some(Distinct::Distinct));
        let row = row.filter(|_| rows == Rows::Any);
        let keys = self.keys(&parts, &columns, &mut texts, row, is_distinct)?;
        if !is_distinct && !parts.is_correlated && texts.iter().all(|text| is_constant(text)) {
            from = self.kept_rows(from, &mut filters, &mut texts);
        }
        let source = if from.is_empty() { String::new() } else { format!(" FROM {from}") };
        let filter = if filters.is_empty() { String::new() } else { format!(" WHERE {}", all(&filters)) };
        let word = if is_distinct { "DISTINCT " } else { "" };
        let sql = format!("SELECT {word}{}{source}{filter}", texts.join(", "));
        Ok(self.ordered(Lowered { sql, columns }, keys, rows, limit))
    }

    /// Gives constants a column beside them: alone they would be one row, however many there are.
    fn kept_rows(&mut self, from: String, filters: &mut Vec<Expr>, texts: &mut Vec<String>) -> String {
        let rows = self.filtered(from, &std::mem::take(filters));
        let row = self.fresh("n");
        texts.push(format!("{row} AS {}", self.fresh("s")));
        self.staged(format!("SELECT *, ROW_NUMBER() OVER () AS {row} FROM {rows}"))
    }

    /// DISTINCT ON: the first row of each part, in the statement's order.
    fn first_of_each(&mut self, parts: &mut Parts, taken: &mut Extracted) -> Result<(), QueryError> {
        let part: Vec<String> = parts.distinct_on.iter().map(ToString::to_string).collect();
        let key = |Key { value, options }: &Key| match value {
            Ok(place) => format!("{}{options}", parts.items[*place].value),
            Err(value) => format!("{value}{options}"),
        };
        let order: Vec<String> = parts.order.iter().map(key).collect();
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        let id = self.fresh("w");
        let number = Taken::row_number(id.clone(), &format!("PARTITION BY {}{order}", part.join(", ")));
        taken.windows.push(number.ok_or(QueryError::Engine)?);
        let first = raw(format!("{id} = 1"));
        parts.qualify = Some(match parts.qualify.take() {
            Some(qualify) => raw(format!("({qualify}) AND {first}")),
            None => first,
        });
        Ok(())
    }

    fn groups(
        &mut self,
        from: &str,
        filters: &mut Vec<Expr>,
        parts: &mut Parts,
        taken: &mut Extracted,
    ) -> Result<String, QueryError> {
        let mut keys: Vec<(String, String)> = Vec::new();
        for key in &parts.keys {
            let text = bare(key).to_string();
            if !keys.iter().any(|(known, _)| *known == text) {
                keys.push((text, self.fresh("k")));
            }
        }
        for (text, id) in &keys {
            let name = self.meant.get(text).cloned().unwrap_or_else(|| text.clone());
            self.meant.insert(id.clone(), name);
        }
        for expression in parts.expressions() {
            self.of_groups(expression, &keys)?;
        }
        for window in &mut taken.windows {
            let mut function = Expr::Function(window.function.clone());
            self.of_groups(&mut function, &keys)?;
            if let Expr::Function(function) = function {
                window.function = function;
            }
        }
        parts.unordered = keys.iter().map(|(_, id)| id.clone()).collect();
        let text = self.grouped(from, filters, &keys, &mut taken.aggregates)?;
        *filters = parts.having.take().into_iter().collect();
        Ok(text)
    }

    /// The keys of ORDER BY as columns.
    fn keys(
        &mut self,
        parts: &Parts,
        columns: &[Column],
        texts: &mut Vec<String>,
        row: Option<String>,
        is_distinct: bool,
    ) -> Result<Vec<String>, QueryError> {
        let mut keys = Vec::new();
        for Key { value, options } in &parts.order {
            let id = match value {
                Ok(place) => columns[*place].id.clone(),
                Err(value) => {
                    let text = value.to_string();
                    let known = parts.items.iter().position(|item| bare(&item.value).to_string() == text);
                    match known {
                        Some(place) => columns[place].id.clone(),
                        None if is_distinct => {
                            return refused(
                                "ORDER BY of what SELECT DISTINCT leaves out",
                                "order by a column of the list",
                            );
                        }
                        None => {
                            let id = self.fresh("s");
                            texts.push(format!("{text} AS {id}"));
                            id
                        }
                    }
                }
            };
            keys.push(format!("{id}{options}"));
        }
        if let Some(row) = row.filter(|_| keys.is_empty() && !is_distinct) {
            let id = self.fresh("s");
            texts.push(format!("{row} AS {id}"));
            keys.push(id);
        }
        Ok(keys)
    }
}

/// `NOT EXISTS (…)`, which the reader takes for NOT of EXISTS.
fn negated_exists(filter: Expr) -> Expr {
    match filter {
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => match *expr {
            Expr::Exists { subquery, negated } => Expr::Exists { subquery, negated: !negated },
            other => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(other) },
        },
        other => other,
    }
}

/// Whether a column of a list, `value AS id`, has a value that names no column.
fn is_constant(text: &str) -> bool {
    super::scope::ids(text).count() == 1
}

/// Whether a condition makes two columns equal.
fn is_equation(filter: &Expr) -> bool {
    let is_column = |side: &Expr| matches!(side, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = filter else { return false };
    is_column(left) && is_column(right)
}

/// That a SELECT has no clause but those that are lowered.
fn plain(select: &Select) -> Result<(), QueryError> {
    let clauses = [
        ("TOP", select.top.is_some()),
        ("INTO", select.into.is_some()),
        ("EXCLUDE behind the list", select.exclude.is_some()),
        ("LATERAL VIEW", !select.lateral_views.is_empty()),
        ("PREWHERE", select.prewhere.is_some()),
        ("CONNECT BY", !select.connect_by.is_empty()),
        ("CLUSTER BY", !select.cluster_by.is_empty()),
        ("DISTRIBUTE BY", !select.distribute_by.is_empty()),
        ("SORT BY", !select.sort_by.is_empty()),
        ("AS VALUE", select.value_table_mode.is_some()),
        ("a modifier behind SELECT", select.select_modifiers.is_some()),
    ];
    match clauses.iter().find(|(_, is_there)| *is_there) {
        Some((clause, _)) => refused(*clause, "there are WHERE, GROUP BY, HAVING, QUALIFY, ORDER BY and LIMIT"),
        None => Ok(()),
    }
}

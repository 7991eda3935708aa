//! FROM: its relations, each with ids for its columns.

use sqlparser::ast::{Expr, ObjectName, TableAlias, TableFactor};

use super::scope::{Column, Relation, Source, same};
use super::{Lowering, Rows, is_list, list, quoted, refused, renamed};
use crate::error::QueryError;

/// A table, query or list in FROM.
pub(super) enum Factor<'q> {
    Relation(Relation),
    /// UNNEST of a column of the tables before it: the list, the table's name, the column's name.
    List(&'q Expr, String, String),
}

impl Lowering<'_> {
    pub(super) fn factor<'q>(&mut self, factor: &'q TableFactor) -> Result<Factor<'q>, QueryError> {
        match factor {
            TableFactor::Table { name, alias, args: None, sample: None, with_ordinality: false, .. } => {
                let table = table_name(name)?;
                let alias_name = alias.as_ref().map_or(&table, |alias| &alias.name.value);
                let relation = self.named_relation(&table, alias_name)?;
                aliased(relation, alias.as_ref()).map(Factor::Relation)
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let open = self.close();
                let lowered = self.query(subquery, Rows::Any);
                self.open(open);
                let lowered = lowered?.told_apart();
                let name = alias.as_ref().map_or_else(|| self.fresh("r"), |alias| alias.name.value.clone());
                let relation = Relation {
                    alias: name,
                    columns: lowered.columns,
                    source: Source::Query(lowered.sql),
                    is_hidden: false,
                };
                aliased(relation, alias.as_ref()).map(Factor::Relation)
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_ordinality: false, .. } => {
                let [array] = &array_exprs[..] else {
                    return refused("UNNEST of several lists", "unnest one at a time");
                };
                let name = alias.as_ref().map_or_else(|| "unnest".to_owned(), |alias| alias.name.value.clone());
                let column = alias.as_ref().and_then(|alias| alias.columns.first());
                let column = column.map_or_else(|| name.clone(), |column| column.name.value.clone());
                Ok(Factor::List(array, name, column))
            }
            TableFactor::NestedJoin { .. } => refused("a join in parentheses", "write it as (SELECT … FROM …) AS name"),
            TableFactor::Derived { .. } => refused("LATERAL", "write a JOIN with a GROUP BY"),
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => {
                refused("PIVOT", "write an aggregate of CASE for each column: sum(CASE WHEN … THEN 1 ELSE 0 END)")
            }
            other => refused(format!("`{other}` in FROM"), "name a table, or a query in parentheses"),
        }
    }

    /// A table or CTE by its name.
    pub(super) fn named_relation(&mut self, name: &str, alias: &str) -> Result<Relation, QueryError> {
        let known = self.named.iter().rev().find(|(known, _, _)| same(known, name)).cloned();
        let (source, columns) = match known {
            Some((_, source, columns)) => {
                let ids = columns.iter().map(|column| column.id.clone()).collect();
                (Source::Named(source, ids), columns)
            }
            None => self.table(name)?,
        };
        let mut own = Vec::new();
        for mut column in columns {
            column.id = self.fresh("c");
            column.value = None;
            self.meant.insert(column.id.clone(), column.name.clone());
            own.push(column);
        }
        Ok(Relation { alias: alias.to_owned(), columns: own, source, is_hidden: false })
    }

    fn table(&mut self, name: &str) -> Result<(Source, Vec<Column>), QueryError> {
        let known = self.tables.get_key_value(name);
        let known = known.or_else(|| self.tables.iter().find(|(known, _)| same(known, name)));
        let Some((name, schema)) = known else { return Err(no_table(name)) };
        let column = |(name, kind): (&polars::prelude::PlSmallStr, &_)| Column {
            is_list: is_list(kind),
            ..Column::new(name.as_str(), String::new())
        };
        let columns = schema.iter().map(column).collect();
        let names = schema.iter_names().map(|name| quoted(name)).collect();
        Ok((Source::Named(quoted(name), names), columns))
    }
}

/// The relation as FROM names it: only the columns that are used, under their ids.
pub(super) fn source(
    relation: &Relation,
    used: Option<&std::collections::BTreeSet<String>>,
    names: &mut Lowering,
) -> String {
    match &relation.source {
        Source::Query(sql) => names.staged(sql.clone()),
        Source::Named(table, columns) => {
            let is_used = |id: &String| used.is_none_or(|used| used.contains(id));
            let pairs = columns.iter().zip(&relation.columns);
            let mut taken: Vec<_> = pairs.clone().filter(|(_, column)| is_used(&column.id)).collect();
            // Rows are counted even where no column is named.
            if taken.is_empty() {
                taken.extend(pairs.take(1));
            }
            let taken = list(taken.into_iter().map(|(name, column)| format!("{name} AS {}", column.id)));
            names.staged(format!("SELECT {taken} FROM {table}"))
        }
    }
}

fn aliased(mut relation: Relation, alias: Option<&TableAlias>) -> Result<Relation, QueryError> {
    let names: Vec<&str> = alias.iter().flat_map(|alias| &alias.columns).map(|column| &*column.name.value).collect();
    relation.columns = renamed(relation.columns, &names)?;
    Ok(relation)
}

/// The name of a table: one word.
fn table_name(name: &ObjectName) -> Result<String, QueryError> {
    match &name.0[..] {
        [part] => match part.as_ident() {
            Some(name) => Ok(name.value.clone()),
            None => Err(no_table(&name.to_string())),
        },
        _ => Err(no_table(&name.to_string())),
    }
}

fn no_table(name: &str) -> QueryError {
    QueryError::UnknownTable { name: name.to_owned(), tables: String::new(), meant: None }
}

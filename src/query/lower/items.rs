//! The list of a SELECT.

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Select, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::expressions::bare;
use super::scope::ids;
use super::{Lowering, raw, refused};
use crate::error::QueryError;

/// A column of the list.
pub(super) struct Item {
    pub name: String,
    pub value: Expr,
}

impl Lowering<'_> {
    /// The list of a SELECT.
    pub(super) fn items(&mut self, select: &Select) -> Result<Vec<Item>, QueryError> {
        let mut items: Vec<Item> = Vec::new();
        let from_first = [SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        let projection = if select.projection.is_empty() { &from_first[..] } else { &select.projection };
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    let value = self.bind(select, &items, expression)?;
                    let name = self.name_of(expression);
                    items.push(Item { name, value });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let value = self.bind(select, &items, expr)?;
                    items.push(Item { name: alias.value.clone(), value });
                }
                SelectItem::Wildcard(options) => items.extend(self.every(None, options)?),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let table = name.to_string();
                    items.extend(self.every(Some(table.trim_matches('"')), options)?);
                }
                other => return refused(format!("`{other}` in the list"), "name the columns"),
            }
        }
        Ok(items)
    }

    /// The name of a column that the statement gives none: the table's, or the expression as it is written.
    fn name_of(&mut self, expression: &Expr) -> String {
        let (table, name) = match bare(expression) {
            Expr::Identifier(name) => (None, name),
            Expr::CompoundIdentifier(names) => match &names[..] {
                [table, name] => (Some(&*table.value), name),
                _ => return expression.to_string(),
            },
            other => return other.to_string(),
        };
        self.column(table, &name.value).map_or_else(|_| name.value.clone(), |(_, column)| column.name)
    }

    /// `*`, or `t.*`.
    fn every(&mut self, table: Option<&str>, options: &WildcardAdditionalOptions) -> Result<Vec<Item>, QueryError> {
        let left_out = left_out(options)?;
        let scope = self.scope();
        if scope.relations.is_empty() {
            return refused("`*` without FROM", "name a table");
        }
        if let Some(name) = table.filter(|table| scope.relation(table).is_none()) {
            return Err(scope.no_column(table, if name.is_empty() { name } else { "*" }));
        }
        let relations: Vec<_> = match table {
            Some(table) => scope.relation(table).into_iter().collect(),
            None => scope.relations.iter().filter(|relation| !relation.is_hidden).collect(),
        };
        let columns = relations.iter().flat_map(|relation| &relation.columns);
        let mut items = Vec::new();
        for column in columns.filter(|column| table.is_some() || !column.is_merged) {
            let text = if table.is_some() { column.id.clone() } else { column.bare().to_owned() };
            if !left_out.iter().any(|name| super::scope::same(name, &column.name)) {
                items.push(Item { name: column.name.clone(), value: raw(text) });
            }
        }
        let named = items.iter().flat_map(|item| ids(&item.value.to_string()).collect::<Vec<_>>()).collect::<Vec<_>>();
        self.scope().used.extend(named);
        if items.is_empty() { refused("a list without columns", "name one") } else { Ok(items) }
    }
}

/// Columns that `*` leaves out.
fn left_out(options: &WildcardAdditionalOptions) -> Result<Vec<String>, QueryError> {
    if options.opt_ilike.is_some() || options.opt_replace.is_some() || options.opt_rename.is_some() {
        return refused("ILIKE, REPLACE and RENAME behind `*`", "name the columns");
    }
    let names = match &options.opt_exclude {
        None => Vec::new(),
        Some(ExcludeSelectItem::Single(name)) => vec![name.to_string()],
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().map(ToString::to_string).collect(),
    };
    let except = options.opt_except.iter().flat_map(|except| {
        [&except.first_element].into_iter().chain(&except.additional_elements).map(|name| name.value.clone())
    });
    Ok(names.into_iter().chain(except).map(|name| name.trim_matches('"').to_owned()).collect())
}

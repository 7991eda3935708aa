//! What the names of a SELECT stand for: the relations of its FROM, and their columns.

use std::collections::BTreeSet;

use ground::suggest::nearest;

use crate::error::QueryError;

/// A column of a relation.
#[derive(Debug, Clone)]
pub struct Column {
    /// As the user knows it.
    pub name: String,
    /// As the lowered statement knows it: no other column of the statement has this name.
    pub id: String,
    pub is_list: bool,
    /// It is the second of two that USING has made one: `*` leaves it out, and its bare name is the other's.
    pub is_merged: bool,
    /// What its bare name stands for, where that is more than the column: the two that USING has made one.
    pub value: Option<String>,
}

impl Column {
    pub fn new(name: impl Into<String>, id: String) -> Self {
        Self { name: name.into(), id, is_list: false, is_merged: false, value: None }
    }

    /// What its bare name stands for.
    pub fn bare(&self) -> &str {
        self.value.as_deref().unwrap_or(&self.id)
    }
}

/// Where the rows of a relation are.
#[derive(Debug, Clone)]
pub enum Source {
    /// A table or a CTE: its name, and those of its columns in their order.
    Named(String, Vec<String>),
    /// A lowered query, whose columns have their ids.
    Query(String),
}

/// A table or query in FROM.
#[derive(Debug, Clone)]
pub struct Relation {
    pub alias: String,
    pub columns: Vec<Column>,
    pub source: Source,
    /// Behind a SEMI or ANTI JOIN: its columns cannot be named.
    pub is_hidden: bool,
}

/// The names of one SELECT.
#[derive(Debug, Default)]
pub struct Scope {
    pub relations: Vec<Relation>,
    /// The ids of columns that something names.
    pub used: BTreeSet<String>,
    /// Whether a subquery may name columns of this SELECT where it stands.
    pub is_open: bool,
}

impl Scope {
    /// What a column's name stands for; `None` where no column bears it.
    pub fn column(&mut self, table: Option<&str>, name: &str) -> Result<Option<Column>, QueryError> {
        let same_table = |relation: &&Relation| table.is_none_or(|table| same(&relation.alias, table));
        let visible = self.relations.iter().filter(|relation| !relation.is_hidden).filter(same_table);
        let named = |is_same: fn(&str, &str) -> bool| -> Vec<(&str, &Column)> {
            visible
                .clone()
                .flat_map(|relation| relation.columns.iter().map(|column| (&*relation.alias, column)))
                .filter(|(_, column)| is_same(&column.name, name) && (table.is_some() || !column.is_merged))
                .collect()
        };
        let mut found = named(|one, other| one == other);
        if found.is_empty() {
            found = named(same);
        }
        let column = match found[..] {
            [] => return Ok(None),
            [(_, column)] => column.clone(),
            [(first, _), ..] => {
                let tables: Vec<String> = found.iter().map(|(table, _)| format!("`{table}`")).collect();
                let what = format!("`{name}` is a column of several: {}", tables.join(", "));
                let hint = format!("say which by a name before it, such as `{first}.{name}`");
                return Err(QueryError::Name { what, hint: Some(hint) });
            }
        };
        let text = if table.is_some() { &column.id } else { column.bare() };
        self.used.extend(ids(text));
        Ok(Some(column))
    }

    /// The relation of a name.
    pub fn relation(&self, table: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| same(&relation.alias, table) && !relation.is_hidden)
    }

    /// That no column bears a name.
    pub fn no_column(&self, table: Option<&str>, name: &str) -> QueryError {
        if let Some(table) = table.filter(|table| self.relation(table).is_none()) {
            let known: Vec<&str> = self.relations.iter().map(|relation| &*relation.alias).collect();
            let what = format!("`{table}` is no table of the statement's FROM: `{table}.{name}`");
            return QueryError::Name {
                what,
                hint: (!known.is_empty()).then(|| format!("there is `{}`", known.join("`, `"))),
            };
        }
        let of = table.map_or(String::new(), |table| format!(" of `{table}`"));
        let known: Vec<&str> = self
            .relations
            .iter()
            .filter(|relation| table.is_none_or(|table| same(&relation.alias, table)))
            .flat_map(|relation| relation.columns.iter().map(|column| &*column.name))
            .collect();
        let hint = match nearest(name, &known) {
            Some((edits, nearest)) if edits <= nearest.len().div_ceil(2) => Some(format!("did you mean `{nearest}`")),
            _ if known.is_empty() => None,
            _ => Some(format!("there is `{}`", known.join("`, `"))),
        };
        QueryError::Name { what: format!("no column{of} is named `{name}`"), hint }
    }
}

/// Whether two names are one: case is no difference where nothing else tells them apart.
pub fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The ids in a text, but for what looks like one within a literal.
pub fn ids(text: &str) -> impl Iterator<Item = String> + '_ {
    let part = |c: char| !(c.is_alphanumeric() || c == '_');
    // A quote within a literal is written twice, which ends and begins it.
    let outside = text.split('\'').step_by(2);
    outside.flat_map(move |text| text.split(part)).filter(|word| word.starts_with("__")).map(ToOwned::to_owned)
}

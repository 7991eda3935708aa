//! A SELECT, taken apart.

use sqlparser::ast::Expr;

use super::items::Item;

/// A key of ORDER BY: an expression, or the place of a column; and its options.
pub(super) struct Key {
    pub value: Result<usize, Expr>,
    pub options: String,
}

/// The parts of a SELECT, their names bound.
#[derive(Default)]
pub(super) struct Parts {
    pub items: Vec<Item>,
    pub filters: Vec<Expr>,
    pub keys: Vec<Expr>,
    pub having: Option<Expr>,
    pub qualify: Option<Expr>,
    pub order: Vec<Key>,
    /// The columns of DISTINCT ON.
    pub distinct_on: Vec<Expr>,
    pub is_grouped: bool,
    /// A list whose items are grouped, and their column.
    pub grouped_list: Option<(String, String)>,
    /// It names columns of the statement around it.
    pub is_correlated: bool,
    /// Columns by which rows are put into an order that is the same each time, where the engine has none.
    pub unordered: Vec<String>,
}

impl Parts {
    /// What is seen of rows or groups: all but WHERE and GROUP BY.
    pub fn expressions(&mut self) -> impl Iterator<Item = &mut Expr> {
        let order = self.order.iter_mut().filter_map(|key| key.value.as_mut().err());
        let items = self.items.iter_mut().map(|item| &mut item.value);
        let others = self.having.iter_mut().chain(&mut self.qualify).chain(&mut self.distinct_on);
        items.chain(others).chain(order)
    }
}

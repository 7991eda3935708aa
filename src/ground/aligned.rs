//! Tables for people: columns as wide as their widest cell, in columns of the screen, which wide characters take two of.
//! A cell that is too wide ends in `…`, and no cell breaks a line or the terminal.

use unicode_width::UnicodeWidthStr;

use crate::excerpt::excerpt;

/// Columns of the screen that a cell takes at most.
pub const WIDEST: usize = 72;

/// Where a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// At the left, as names do.
    Left,
    /// At the right, as numbers do.
    Right,
}

/// Between two columns.
const GAP: &str = "  ";

/// The lines of a table: heads, a rule below them where there is to be one, and the rows. `sides` has each column's.
pub fn lines<'t>(
    heads: &[String],
    sides: &'t [Side],
    rule: Option<char>,
    rows: &[Vec<String>],
) -> impl Iterator<Item = String> + use<'t> {
    let shown = |cells: &[String]| cells.iter().map(|cell| excerpt(cell, WIDEST)).collect::<Vec<_>>();
    let (heads, rows) = (shown(heads), rows.iter().map(|row| shown(row)).collect::<Vec<_>>());
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain(heads.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let rule: Option<Vec<String>> =
        rule.map(|rule| widths.iter().map(|&width| rule.to_string().repeat(width)).collect());
    let rule = rule.map(|rule| line(&rule, sides, &widths));
    let head = line(&heads, sides, &widths);
    [Some(head), rule].into_iter().flatten().chain(rows.into_iter().map(move |row| line(&row, sides, &widths)))
}

fn line(cells: &[String], sides: &[Side], widths: &[usize]) -> String {
    let mut line = String::new();
    for ((cell, side), width) in cells.iter().zip(sides).zip(widths) {
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        let [before, after] = match side {
            Side::Left => ["", padding.as_str()],
            Side::Right => [padding.as_str(), ""],
        };
        for part in [before, cell, after, GAP] {
            line.push_str(part);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

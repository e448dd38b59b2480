//! Neat tables on standard output: columns as wide as they need, two spaces between them.

use crate::terminal::{Style, harmless};

/// Where a column's texts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A table that is filled row by row and then printed at once.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; what is missing at its end stays empty.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        let cells = cells.iter().map(|cell| harmless(cell)).collect();
        self.rows.push(cells);
    }

    /// The whole table, a line per row, without spaces at the ends of lines.
    pub(crate) fn render(&self, style: Style) -> String {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (name, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                cells.map(|cell| width(cell)).max().unwrap_or(0).max(width(name))
            })
            .collect();
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.to_uppercase()).collect();
        let mut text = style.bold(&self.line(&names, &widths));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (at, (_, align)) in self.columns.iter().enumerate() {
            let cell = cells.get(at).map_or("", String::as_str);
            let space = " ".repeat(widths[at].saturating_sub(width(cell)));
            if at > 0 {
                line.push_str("  ");
            }
            match align {
                Align::Left => line.extend([cell, space.as_str()]),
                Align::Right => line.extend([space.as_str(), cell]),
            }
        }
        line.trim_end().to_owned()
    }
}

/// Columns on the screen: good enough for names in most scripts.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table =
            Table::new(&[("job", Align::Right), ("name", Align::Left), ("state", Align::Left)]);
        table.row(vec!["7".into(), "cornell".into(), "active".into()]);
        table.row(vec!["1204".into(), "ü".into()]);
        insta::assert_snapshot!(table.render(Style::plain()), @r"
         JOB  NAME     STATE
           7  cornell  active
        1204  ü
        ");
    }

    #[test]
    fn an_empty_table_is_its_heading() {
        let table = Table::new(&[("node", Align::Left)]);
        assert_eq!(table.render(Style::plain()), "NODE\n");
    }

    #[test]
    fn a_cell_cant_steer_the_terminal() {
        let mut table = Table::new(&[("name", Align::Left)]);
        table.row(vec!["\x1b[31mred".into()]);
        assert!(!table.render(Style::plain()).contains('\x1b'));
    }
}

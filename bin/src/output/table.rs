//! Results for people: rows under a header, drawn on a terminal, tab-separated elsewhere.

use comfy_table::{ContentArrangement, LineStyle, Table as Drawing, TableStyle};

/// One line under the header and nothing else: rows stay dense, and text can be copied.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A header and its rows. Cells may hold anything: control characters are escaped when printed,
/// so that no value can steer the terminal or break a line of a script's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table whose rows all have one cell for each column of the header.
    pub fn new<const COLUMNS: usize>(
        header: [&'static str; COLUMNS],
        rows: Vec<Vec<String>>,
    ) -> Self {
        Self::with_columns(header.map(str::to_owned).into(), rows)
    }

    /// The same, with columns that depend on what is shown.
    pub fn with_columns(header: Vec<String>, rows: Vec<Vec<String>>) -> Self {
        assert!(
            rows.iter().all(|row| row.len() == header.len()),
            "every row has one cell for each column"
        );
        let header = header.into_iter().map(|name| escape(&name)).collect();
        Self { header, rows }
    }

    /// One line for each row, the header first, cells separated by one tab.
    pub fn plain(&self) -> String {
        let mut text = self.header.join("\t") + "\n";
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        text
    }

    /// The table with a line under its header; long cells wrap within `columns`.
    pub fn drawn(&self, columns: Option<u16>) -> String {
        let mut drawing = Drawing::new();
        drawing.load_style(STYLE);
        if let Some(columns) = columns {
            drawing.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
        }
        drawing.set_header(&self.header);
        for row in &self.rows {
            drawing.add_row(row.iter().map(|cell| escape(cell)));
        }
        let lines: Vec<String> =
            drawing.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n") + "\n"
    }
}

fn escape(cell: &str) -> String {
    let escape_one = |character: char| {
        if character.is_control() {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    };
    cell.chars().map(escape_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cells: [&str; 2]) -> Table {
        Table::new(["key", "value"], vec![cells.map(str::to_owned).to_vec()])
    }

    #[test]
    fn plain_rows_can_be_cut_at_tabs() {
        assert_eq!(table(["a", "b c"]).plain(), "key\tvalue\na\tb c\n");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(table(["a\tb", "c\n\u{1b}[2J"]).plain(), "key\tvalue\na\\tb\tc\\n\\u{1b}[2J\n");
        let drawn = table(["a\tb", "c\n\u{1b}[2J"]).drawn(None);
        assert!(drawn.contains("a\\tb") && drawn.contains("c\\n\\u{1b}[2J"), "{drawn}");
    }

    #[test]
    fn columns_are_aligned_under_the_header() {
        assert_eq!(
            table(["num.partitions", "1"]).drawn(Some(80)),
            " key              value\n\
             ────────────────────────\n num.partitions   1\n"
        );
    }

    #[test]
    fn long_cells_wrap_within_the_terminal() {
        let drawn = table(["key", &"word ".repeat(40)]).drawn(Some(40));
        assert!(drawn.lines().all(|line| line.chars().count() <= 40), "{drawn}");
        assert_eq!(drawn.matches("word").count(), 40, "{drawn}");
    }

    #[test]
    #[should_panic(expected = "one cell for each column")]
    fn a_row_of_another_width_is_a_bug() {
        Table::new(["key", "value"], vec![vec!["alone".to_owned()]]);
    }
}

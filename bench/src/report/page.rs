//! What a report says: a verdict with its key numbers, the facts that make the comparison fair,
//! and sections of text, charts and tables.

use super::{Bars, Chart};

/// One report. All text is plain; what HTML would read as markup is escaped.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// What was measured.
    pub title: String,
    /// The answer, which stands on top.
    pub verdict: Verdict,
    /// What a reader needs to judge whether the comparison is fair, as name and value: broker,
    /// version, acks, flush, replication, batch sizes, CPU set, heap, machine.
    pub facts: Vec<(String, String)>,
    /// The evidence, in the order of reading.
    pub sections: Vec<Section>,
}

/// The answer in five seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How it ended, which gives the colour.
    pub grade: Grade,
    /// The answer in large print; the word of the grade without it.
    pub answer: Option<String>,
    /// The answer in one sentence.
    pub headline: String,
    /// The numbers behind it, the most important first. One to four are readable.
    pub numbers: Vec<KeyNumber>,
}

/// How a measurement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// All objectives hold.
    Good,
    /// Some objectives hold.
    Mixed,
    /// The objectives do not hold.
    Bad,
    /// The run says nothing, neither good nor bad.
    Invalid,
    /// The question has an answer, which is neither good nor bad: one of two is ahead.
    Clear,
}

/// A number in large print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNumber {
    /// The number with its unit, as [`super::Unit::format`] writes it.
    pub value: String,
    /// What it is.
    pub label: String,
}

/// A part of the report with a heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Paragraphs with empty lines between them; may be empty.
    pub text: String,
    /// What is shown below the text.
    pub items: Vec<Item>,
}

/// One thing shown in a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Lines or dots over two axes.
    Chart(Chart),
    /// One bar for each of several things.
    Bars(Bars),
    /// Numbers in rows.
    Table(Table),
    /// What is equal on all sides, and what is not.
    Settings(Settings),
    /// A remark that must not be missed, such as a limit of the method.
    Note(String),
}

/// Rows of text under named columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What the rows are.
    pub title: String,
    /// The columns, from the left.
    pub columns: Vec<Column>,
    /// The rows; each has one cell for each column.
    pub rows: Vec<Vec<String>>,
}

/// A column and the side on which its cells line up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Words.
    Text(String),
    /// Numbers, lined up on the right.
    Number(String),
}

/// Settings side by side. Those that differ become rows that catch the eye, the others one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What is set, in a heading.
    pub title: String,
    /// Whose settings, from the left.
    pub columns: Vec<String>,
    /// The settings that are not equal, each with a value for each column; none where it is not
    /// known. A row whose known values are equal does not catch the eye.
    pub different: Vec<(String, Vec<Option<String>>)>,
    /// The settings that all have.
    pub equal: Vec<(String, String)>,
}

impl Page {
    /// The charts and bars with the stem of the names of their files, in the order of the page.
    pub(super) fn figures(&self) -> impl Iterator<Item = (String, &Item)> {
        let items = self.sections.iter().flat_map(|section| &section.items);
        let drawn = items.filter(|item| item.title().is_some());
        drawn.enumerate().map(|(index, item)| {
            let title = item.title().expect("only items with a picture are left");
            (format!("{:02}-{}", index + 1, slug(title)), item)
        })
    }
}

impl Item {
    /// The title of what becomes a picture.
    fn title(&self) -> Option<&str> {
        match self {
            Self::Chart(chart) => Some(&chart.title),
            Self::Bars(bars) => Some(&bars.title),
            Self::Table(_) | Self::Settings(_) | Self::Note(_) => None,
        }
    }
}

/// A title as part of a file name: lower-case letters, digits and single dashes, at most 48.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for character in title.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(48);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_a_name_that_is_safe_on_every_disk() {
        assert_eq!(slug("Latency, p99.9 (ms)"), "latency-p99-9-ms");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("Zeit in µs"), "zeit-in-s");
        assert_eq!(slug("***"), "");
        assert_eq!(slug(&"a b".repeat(50)).len(), 48);
    }
}

//! The page as one HTML file: style, font and drawings are inside, scripts are not needed.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::palette;
use super::picture::{BOLD, REGULAR};
use super::svg::{Frame, escape};
use super::{
    Bars, Chart, Column, Grade, Item, Mark, Page, Refusal, Section, Settings, Table, Verdict,
};

impl Page {
    /// The page, whose links to PNG and CSV lead to files beside it.
    pub fn html(&self) -> Result<String, Refusal> {
        self.check()?;
        let (title, style) = (escape(&self.title), palette::page_style());
        let fonts = font(REGULAR, 400) + &font(BOLD, 700);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{style}{fonts}</style>\n</head>\n<body>\n<main>\n"
        );
        let _ = writeln!(html, "<header>\n<h1>{title}</h1>");
        self.verdict.write(&mut html);
        write_facts(&mut html, &self.facts);
        html.push_str("</header>\n");
        let mut names = self.figures().map(|(name, _)| name);
        for section in &self.sections {
            section.write(&mut html, &mut names);
        }
        html.push_str("</main>\n</body>\n</html>\n");
        Ok(html)
    }
}

impl Verdict {
    fn write(&self, html: &mut String) {
        let (class, sign, word) = match self.grade {
            Grade::Good => ("good", "M5 13l5 5L20 6", "Good"),
            Grade::Mixed => ("mixed", "M4 8h16M4 16h9", "Mixed"),
            Grade::Bad => ("bad", "M6 6l12 12M18 6L6 18", "Bad"),
            Grade::Invalid => ("invalid", "M5 19L19 5", "Invalid"),
            Grade::Clear => ("clear", "M5 5l7 7-7 7M13 5l7 7-7 7", "Clear"),
        };
        let word = self.answer.as_deref().map_or(Cow::Borrowed(word), |it| escape(it).into());
        let headline = escape(&self.headline);
        let _ = writeln!(
            html,
            "<section class=\"verdict {class}\">\n<p class=\"grade\"><svg viewBox=\"0 0 24 24\" \
             aria-hidden=\"true\"><path d=\"{sign}\"/></svg>{word}</p>\n\
             <p class=\"headline\">{headline}</p>"
        );
        if !self.numbers.is_empty() {
            html.push_str("<dl class=\"numbers\">\n");
            for number in &self.numbers {
                let (value, label) = (escape(&number.value), escape(&number.label));
                let _ = writeln!(html, "<div><dd>{value}</dd><dt>{label}</dt></div>");
            }
            html.push_str("</dl>\n");
        }
        html.push_str("</section>\n");
    }
}

impl Section {
    fn write(&self, html: &mut String, names: &mut impl Iterator<Item = String>) {
        let _ = writeln!(html, "<section>\n<h2>{}</h2>", escape(&self.title));
        write_paragraphs(html, &self.text);
        for item in &self.items {
            let mut name = || names.next().expect("every picture of the page has a name");
            match item {
                Item::Chart(chart) => write_chart(html, chart, &name()),
                Item::Bars(bars) => write_bars(html, bars, &name()),
                Item::Table(table) => write_table(html, table),
                Item::Settings(settings) => write_settings(html, settings),
                Item::Note(note) => {
                    let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(note));
                }
            }
        }
        html.push_str("</section>\n");
    }
}

fn write_facts(html: &mut String, facts: &[(String, String)]) {
    if facts.is_empty() {
        return;
    }
    html.push_str("<dl class=\"facts\">\n");
    for (name, value) in facts {
        let (name, value) = (escape(name), escape(value));
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl>\n");
}

fn write_paragraphs(html: &mut String, text: &str) {
    for paragraph in text.split("\n\n").map(str::trim).filter(|it| !it.is_empty()) {
        let _ = writeln!(html, "<p>{}</p>", escape(paragraph));
    }
}

fn write_chart(html: &mut String, chart: &Chart, name: &str) {
    write_figure(html, &chart.draw(Frame::Inline), name);
    if chart.has_unlabelled_marks() {
        write_marks(html, chart);
    }
    html.push_str("</figure>\n");
}

fn write_bars(html: &mut String, bars: &Bars, name: &str) {
    write_figure(html, &bars.draw(Frame::Inline), name);
    html.push_str("</figure>\n");
}

/// A drawing and the links to its files; the element stays open.
fn write_figure(html: &mut String, drawing: &str, name: &str) {
    let _ = write!(html, "<figure>\n<div class=\"drawing\">\n{drawing}</div>\n<p class=\"files\">");
    let _ = writeln!(html, "<a href=\"{name}.png\">PNG</a> <a href=\"{name}.csv\">CSV</a></p>");
}

/// All marks of a chart that has no room for their labels.
fn write_marks(html: &mut String, chart: &Chart) {
    let count = chart.marks.len();
    let _ = writeln!(html, "<details><summary>All {count} marks</summary>\n<ol>");
    let unit = chart.x.unit;
    for Mark { span, label } in &chart.marks {
        let (from, to) = span.ends();
        let (from, to, label) = (unit.format(from), unit.format(to), escape(label));
        let place = if from == to { from } else { format!("{from} to {to}") };
        let _ = writeln!(html, "<li>{place}: {label}</li>");
    }
    html.push_str("</ol>\n</details>\n");
}

fn write_table(html: &mut String, table: &Table) {
    html.push_str("<div class=\"table\"><table>\n");
    if !table.title.is_empty() {
        let _ = writeln!(html, "<caption>{}</caption>", escape(&table.title));
    }
    html.push_str("<thead><tr>");
    for column in &table.columns {
        let (class, name) = column.parts();
        let _ = write!(html, "<th{class} scope=\"col\">{}</th>", escape(name));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for (column, cell) in table.columns.iter().zip(row) {
            let _ = write!(html, "<td{}>{}</td>", column.parts().0, escape(cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

/// The settings that are not equal in a table, the equal ones in a line below it.
fn write_settings(html: &mut String, settings: &Settings) {
    if !settings.different.is_empty() {
        html.push_str("<div class=\"table\"><table class=\"settings\">\n");
        let _ = write!(html, "<thead><tr><th scope=\"col\">{}</th>", escape(&settings.title));
        for column in &settings.columns {
            let _ = write!(html, "<th scope=\"col\">{}</th>", escape(column));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for (name, values) in &settings.different {
            let class = if is_contradicted(values) { " class=\"unequal\"" } else { "" };
            let _ = write!(html, "<tr{class}><th scope=\"row\">{}</th>", escape(name));
            for value in values {
                let _ = match value {
                    Some(value) => write!(html, "<td>{}</td>", escape(value)),
                    None => write!(html, "<td class=\"unknown\">not told</td>"),
                };
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table></div>\n");
    }
    if !settings.equal.is_empty() {
        html.push_str("<p class=\"equal\">The same for all:");
        for (name, value) in &settings.equal {
            let _ = write!(html, " <span>{} <b>{}</b></span>", escape(name), escape(value));
        }
        html.push_str("</p>\n");
    }
}

/// Whether two are known to differ, not only one to be silent.
fn is_contradicted(values: &[Option<String>]) -> bool {
    let mut known = values.iter().flatten();
    let first = known.next();
    known.any(|value| Some(value) != first)
}

impl Column {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Text(name) => ("", name),
            Self::Number(name) => (" class=\"number\"", name),
        }
    }
}

/// A font as a rule of the style sheet.
fn font(bytes: &[u8], weight: u32) -> String {
    format!(
        "@font-face{{font-family:Roboto;font-weight:{weight};\
         src:url(data:font/ttf;base64,{}) format(\"truetype\")}}\n",
        STANDARD.encode(bytes)
    )
}

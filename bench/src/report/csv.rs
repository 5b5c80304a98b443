//! The numbers behind a picture as CSV, exact, one line a point.

use super::{Axis, Bars, Chart, Scale, Unit};

impl Chart {
    /// Lines of `series,x,y`; the header says what x and y are, in base units.
    pub fn csv(&self) -> String {
        let header = ["series".to_owned(), column(&self.x), column(&self.y)];
        let points = self.series.iter().flat_map(|series| {
            let line = |(x, y): &(f64, f64)| [series.name.clone(), x.to_string(), y.to_string()];
            series.points.iter().map(line)
        });
        lines(std::iter::once(header).chain(points))
    }
}

impl Bars {
    /// Lines of `name,value,low,high`; low and high are empty without a spread.
    pub fn csv(&self) -> String {
        let value = match base(self.unit) {
            "" => self.label.clone(),
            unit => format!("{} [{unit}]", self.label),
        };
        let header = ["name".to_owned(), value, "low".to_owned(), "high".to_owned()];
        let bars = self.bars.iter().map(|bar| {
            let (low, high) = bar.spread.unzip();
            let number = |end: Option<f64>| end.map(|end| end.to_string()).unwrap_or_default();
            [bar.name.clone(), bar.value.to_string(), number(low), number(high)]
        });
        lines(std::iter::once(header).chain(bars))
    }
}

/// The name of a column and the unit of its numbers.
fn column(axis: &Axis) -> String {
    let unit = if axis.scale == Scale::Percentile { "%" } else { base(axis.unit) };
    if unit.is_empty() { axis.label.clone() } else { format!("{} [{unit}]", axis.label) }
}

/// The unit of plain data.
fn base(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds | Unit::Elapsed => "s",
        Unit::Messages => "msg/s",
        Unit::Throughput => "B/s",
        Unit::Bytes => "B",
        Unit::Percent => "%",
        Unit::Ratio | Unit::Count => "",
    }
}

fn lines<const CELLS: usize>(rows: impl Iterator<Item = [String; CELLS]>) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&row.map(quoted).join(","));
        text.push('\n');
    }
    text
}

/// A cell as RFC 4180 has it: in quotes where it holds a separator.
fn quoted(cell: String) -> String {
    if !cell.contains(['"', ',', '\n', '\r']) {
        return cell;
    }
    format!("\"{}\"", cell.replace('"', "\"\""))
}

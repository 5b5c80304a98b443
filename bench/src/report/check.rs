//! What cannot be drawn is refused before anything is drawn, with its place.

use thiserror::Error;

use super::{Axis, Bars, Chart, Item, Page, Scale, Settings, Table};

/// Numbers beyond this say nothing and would run out of the numbers that axes count with.
const VALUE_MAX: f64 = 1e15;

/// The smallest value of a logarithmic axis.
const LOG_MIN: f64 = 1e-15;

/// Points of a series at most.
const POINTS_MAX: usize = 1_000_000;

/// Series of a chart at most, bars of a comparison at most.
const SERIES_MAX: usize = 256;

/// Marks of a chart at most.
const MARKS_MAX: usize = 1_000;

/// Why a page is not drawn. `chart` is a title, `name` the series, mark, limit or bar in it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Refusal {
    /// A value is not a number, infinite, or beyond 1e15.
    #[error("{chart}: {name}: {value} is not a finite number within 1e15")]
    NotFinite {
        /// Where.
        chart: String,
        /// Of what.
        name: String,
        /// The value.
        value: f64,
    },
    /// A value has no place on the scale of its axis.
    #[error("{chart}: {name}: {value} does not lie on a {scale:?} axis")]
    OffScale {
        /// Where.
        chart: String,
        /// Of what.
        name: String,
        /// The value.
        value: f64,
        /// The scale.
        scale: Scale,
    },
    /// A span or a spread ends before it begins, or a spread is not around its value.
    #[error("{chart}: {name}: {low} to {high} is not in order")]
    Reversed {
        /// Where.
        chart: String,
        /// Of what.
        name: String,
        /// The first end.
        low: f64,
        /// The second end.
        high: f64,
    },
    /// Two series or two bars have one name.
    #[error("{chart}: two are called {name}")]
    SameName {
        /// Where.
        chart: String,
        /// The name.
        name: String,
    },
    /// More than can be drawn.
    #[error("{chart}: {count} {what}, at most {count_max}")]
    TooMany {
        /// Where.
        chart: String,
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        count_max: usize,
    },
    /// A row has more or fewer cells than the table has columns.
    #[error("{table}: row {row} has {cells} cells for {columns} columns")]
    Ragged {
        /// The title of the table.
        table: String,
        /// Which row, from 0.
        row: usize,
        /// Its cells.
        cells: usize,
        /// The columns.
        columns: usize,
    },
}

impl Page {
    /// Refuses what cannot be drawn.
    pub fn check(&self) -> Result<(), Refusal> {
        for item in self.sections.iter().flat_map(|section| &section.items) {
            match item {
                Item::Chart(chart) => chart.check()?,
                Item::Bars(bars) => bars.check()?,
                Item::Table(table) => table.check()?,
                Item::Settings(settings) => settings.check()?,
                Item::Note(_) => {}
            }
        }
        Ok(())
    }
}

impl Chart {
    /// Refuses what cannot be drawn.
    pub fn check(&self) -> Result<(), Refusal> {
        let place = Place { chart: &self.title };
        place.bound("series", self.series.len(), SERIES_MAX)?;
        place.bound("marks", self.marks.len(), MARKS_MAX)?;
        place.bound("limits", self.limits.len(), SERIES_MAX)?;
        place.names(self.series.iter().map(|series| series.name.as_str()))?;
        for series in &self.series {
            place.bound("points in a series", series.points.len(), POINTS_MAX)?;
            for (x, y) in &series.points {
                place.on_axis(&self.x, &series.name, *x)?;
                place.on_axis(&self.y, &series.name, *y)?;
            }
        }
        for mark in &self.marks {
            let (from, to) = mark.span.ends();
            place.on_axis(&self.x, &mark.label, from)?;
            place.on_axis(&self.x, &mark.label, to)?;
            place.order(&mark.label, &[from, to])?;
        }
        for limit in &self.limits {
            place.on_axis(&self.y, &limit.label, limit.value)?;
        }
        Ok(())
    }
}

impl Bars {
    /// Refuses what cannot be drawn.
    pub fn check(&self) -> Result<(), Refusal> {
        let place = Place { chart: &self.title };
        place.bound("bars", self.bars.len(), SERIES_MAX)?;
        place.bound("limits", self.limits.len(), SERIES_MAX)?;
        place.names(self.bars.iter().map(|bar| bar.name.as_str()))?;
        for bar in &self.bars {
            place.finite(&bar.name, bar.value)?;
            if let Some((low, high)) = bar.spread {
                place.finite(&bar.name, low)?;
                place.finite(&bar.name, high)?;
                place.order(&bar.name, &[low, bar.value, high])?;
            }
        }
        self.limits.iter().try_for_each(|limit| place.finite(&limit.label, limit.value))
    }
}

impl Table {
    /// Refuses rows that do not fit the columns.
    pub fn check(&self) -> Result<(), Refusal> {
        rectangular(&self.title, self.columns.len(), self.rows.iter().map(Vec::len))
    }
}

impl Settings {
    /// Refuses rows that do not fit the columns.
    pub fn check(&self) -> Result<(), Refusal> {
        let rows = self.different.iter().map(|(_, values)| values.len());
        rectangular(&self.title, self.columns.len(), rows)
    }
}

fn rectangular(
    title: &str,
    columns: usize,
    rows: impl Iterator<Item = usize>,
) -> Result<(), Refusal> {
    rows.enumerate().find(|(_, cells)| *cells != columns).map_or(Ok(()), |(row, cells)| {
        Err(Refusal::Ragged { table: title.to_owned(), row, cells, columns })
    })
}

/// Where values are checked.
struct Place<'a> {
    chart: &'a str,
}

impl Place<'_> {
    fn finite(&self, name: &str, value: f64) -> Result<(), Refusal> {
        if value.abs() <= VALUE_MAX {
            return Ok(());
        }
        Err(Refusal::NotFinite { chart: self.chart.to_owned(), name: name.to_owned(), value })
    }

    fn on_axis(&self, axis: &Axis, name: &str, value: f64) -> Result<(), Refusal> {
        self.finite(name, value)?;
        let lies_on_it = match axis.scale {
            Scale::Linear => true,
            Scale::Log => value >= LOG_MIN,
            Scale::Percentile => (0.0..=100.0).contains(&value),
        };
        if lies_on_it {
            return Ok(());
        }
        let (chart, name) = (self.chart.to_owned(), name.to_owned());
        Err(Refusal::OffScale { chart, name, value, scale: axis.scale })
    }

    fn order(&self, name: &str, values: &[f64]) -> Result<(), Refusal> {
        if values.is_sorted() {
            return Ok(());
        }
        let (low, high) = (values[0], values[values.len() - 1]);
        Err(Refusal::Reversed { chart: self.chart.to_owned(), name: name.to_owned(), low, high })
    }

    fn names<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), Refusal> {
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| {
            Err(Refusal::SameName { chart: self.chart.to_owned(), name: pair[0].to_owned() })
        })
    }

    fn bound(&self, what: &'static str, count: usize, count_max: usize) -> Result<(), Refusal> {
        if count <= count_max {
            return Ok(());
        }
        Err(Refusal::TooMany { chart: self.chart.to_owned(), what, count, count_max })
    }
}

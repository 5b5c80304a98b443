//! A bar for each of several things, with the spread of its measurements: comparisons and ratios.

use super::{Limit, Unit};

/// Bars from zero, one below the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// What is compared, best as what the comparison says.
    pub title: String,
    /// What the values are, without the unit.
    pub label: String,
    /// The unit of the values; the report chooses the prefix.
    pub unit: Unit,
    /// The bars, from the top.
    pub bars: Vec<Bar>,
    /// Lines across all bars, such as "equal" at a ratio of one.
    pub limits: Vec<Limit>,
}

/// One value and how far its measurements spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What was measured.
    pub name: String,
    /// The value, best the median of the runs.
    pub value: f64,
    /// The lowest and the highest run, around the value; nothing after a single run.
    pub spread: Option<(f64, f64)>,
}

impl Bar {
    /// A value of several runs.
    pub fn new(name: &str, value: f64, spread: Option<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), value, spread }
    }
}

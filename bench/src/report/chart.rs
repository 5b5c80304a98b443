//! A chart over two axes: series of points, marked spans of the x axis, and lines that say what
//! was promised.

use super::Unit;

/// Lines, steps or dots over two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What the chart shows, best as what it says.
    pub title: String,
    /// The axis to the right.
    pub x: Axis,
    /// The axis upwards.
    pub y: Axis,
    /// What is drawn. The first eight have a colour and a shape each and a label beside their
    /// end; further ones are grey lines without a label.
    pub series: Vec<Series>,
    /// What happened at some x, such as a stall.
    pub marks: Vec<Mark>,
    /// What was promised for y.
    pub limits: Vec<Limit>,
}

/// What an axis means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// What its values are, without the unit.
    pub label: String,
    /// The unit of its values; the report chooses the prefix.
    pub unit: Unit,
    /// How values become places.
    pub scale: Scale,
}

/// How values become places on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally wide.
    Linear,
    /// Equal ratios are equally wide. Values must be above zero.
    Log,
    /// Each further nine is equally wide: 0, 90, 99, 99.9, ... Values are percentiles from 0 to
    /// 100, and 100 stands at the end as the maximum.
    Percentile,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What they are; one name once in a chart.
    pub name: String,
    /// x and y in the units of the axes, in the order in which they are connected.
    pub points: Vec<(f64, f64)>,
    /// How they are drawn.
    pub style: Style,
}

/// How points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Straight lines from point to point.
    Line,
    /// Each y holds until the next x.
    Steps,
    /// Points alone.
    Dots,
    /// A thin grey line for the eye, such as where measured equals predicted.
    Guide,
}

/// Something that happened on the x axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where.
    pub span: Span,
    /// What, in a few words.
    pub label: String,
}

/// A place or a stretch of the x axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// One x.
    At(f64),
    /// From one x to a later one.
    Range(f64, f64),
}

/// A line across the chart: an objective, a bound, a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Where, in the unit of the axis of values.
    pub value: f64,
    /// What it is, such as "objective: 10 ms".
    pub label: String,
}

impl Axis {
    /// An axis with equal differences.
    pub fn linear(label: &str, unit: Unit) -> Self {
        Self { label: label.to_owned(), unit, scale: Scale::Linear }
    }

    /// An axis with equal ratios.
    pub fn log(label: &str, unit: Unit) -> Self {
        Self { label: label.to_owned(), unit, scale: Scale::Log }
    }

    /// An axis of percentiles.
    pub fn percentiles() -> Self {
        Self { label: "Percentile".to_owned(), unit: Unit::Percent, scale: Scale::Percentile }
    }
}

impl Chart {
    /// A chart without marks and limits.
    pub fn new(title: &str, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self { title: title.to_owned(), x, y, series, marks: Vec::new(), limits: Vec::new() }
    }
}

impl Series {
    /// A named series.
    pub fn new(name: &str, style: Style, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, style }
    }
}

impl Span {
    /// Where it begins and ends.
    pub(super) fn ends(self) -> (f64, f64) {
        match self {
            Self::At(x) => (x, x),
            Self::Range(from, to) => (from, to),
        }
    }
}

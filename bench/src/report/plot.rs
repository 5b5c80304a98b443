//! Draws a chart: axes, marked spans, limits, series, and the names beside them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::legend::{Entry, Legend, Reach, Swatch};
use super::palette::SERIES_COUNT;
use super::ruler::{Room, Ruler};
use super::svg::{Anchor, Frame, Place, Svg, WIDTH, pixels, place, point, polyline, text_width};
use super::{Chart, Mark, Refusal, Series, Span, Style};

const MARGIN: f64 = 12.0;

/// From the top to the field, without the labels of marks.
const HEAD: f64 = 60.0;

/// From the field to the bottom: ticks and the name of the axis.
const FOOT: f64 = 46.0;

const FIELD_HEIGHT: f64 = 250.0;

/// A row of labels of marks, and how many rows there are at most.
const ROW: f64 = 15.0;
const ROWS_MAX: usize = 2;

/// Up to so many points of a line are shown as points.
const POINTS_SHOWN_MAX: usize = 12;

/// Shapes on a line of more points than that.
const SHAPES: usize = 4;

/// From so many points on, those that fall on the same pixels are left out.
const POINTS_EXACT_MAX: usize = 2_000;

impl Chart {
    /// The chart as an SVG file of its own, light.
    pub fn svg(&self) -> Result<String, Refusal> {
        self.check()?;
        Ok(self.draw(Frame::Alone))
    }

    /// Marks whose label found no room in the drawing.
    pub(super) fn has_unlabelled_marks(&self) -> bool {
        Field::new(self).rows.iter().any(Option::is_none)
    }

    /// The drawing of a chart that was checked.
    pub(super) fn draw(&self, frame: Frame) -> String {
        let field = Field::new(self);
        let mut svg = Svg::new(&self.title, field.bottom + FOOT, frame);
        let width_max = WIDTH - 2.0 * MARGIN;
        svg.text("title", place(MARGIN, 22.0), (Anchor::Start, width_max), &self.title);
        field.draw_bands(&mut svg, &self.marks);
        field.draw_axes(&mut svg);
        field.draw_marks(&mut svg, &self.marks);
        let mut legend = Legend::default();
        for limit in &self.limits {
            let end = field.y(limit.value);
            svg.line("limit", place(field.left, end), place(field.right, end));
            let (name, swatch) = (limit.label.clone(), Swatch::Limit);
            legend.push(Entry { name, swatch, end, reach: Reach::Edge });
        }
        field.draw_series(&mut svg, &self.series, &mut legend);
        legend.draw(&mut svg, field.right, (field.top, field.bottom));
        if self.series.iter().all(|series| series.points.is_empty()) {
            let middle = place(
                f64::midpoint(field.left, field.right),
                f64::midpoint(field.top, field.bottom),
            );
            svg.text("empty", middle, (Anchor::Middle, width_max), "no data");
        }
        svg.finish()
    }
}

/// Where the points lie, and the rulers along its left and its bottom.
struct Field {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x_ruler: Ruler,
    y_ruler: Ruler,
    /// The row of each mark's label, if it found room.
    rows: Vec<Option<usize>>,
}

impl Field {
    fn new(chart: &Chart) -> Self {
        let points = || chart.series.iter().flat_map(|series| &series.points);
        let ends = chart.marks.iter().map(|mark| mark.span.ends());
        let mut x_values: Vec<f64> = points().map(|(x, _)| *x).collect();
        x_values.extend(ends.flat_map(|(from, to)| [from, to]));
        let mut y_values: Vec<f64> = points().map(|(_, y)| *y).collect();
        y_values.extend(chart.limits.iter().map(|limit| limit.value));
        let x_ruler = Ruler::new(&chart.x, &x_values, Room::Tight, 8);
        let y_ruler = Ruler::new(&chart.y, &y_values, Room::Round, 6);

        let widths = y_ruler.ticks().iter().map(|tick| text_width(&tick.label, 12.0));
        let left = MARGIN + widths.fold(24.0, f64::max) + 8.0;
        let limits = chart.limits.iter().map(|limit| limit.label.as_str());
        let labelled = slots(&chart.series).filter(|(_, slot)| *slot != Slot::Unnamed);
        let names = limits.chain(labelled.map(|(series, _)| series.name.as_str()));
        let high = FIELD_HEIGHT.max(Legend::height(names.clone().count()));
        let right = WIDTH - Legend::width(names);

        let mut field =
            Self { left, right, top: 0.0, bottom: 0.0, x_ruler, y_ruler, rows: Vec::new() };
        field.rows = field.mark_rows(&chart.marks);
        let rows = field.rows.iter().flatten().max().map_or(0, |row| row + 1);
        field.top = HEAD + rows as f64 * ROW;
        field.bottom = field.top + high;
        field
    }

    fn x(&self, value: f64) -> f64 {
        self.left + self.x_ruler.position(value) * (self.right - self.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - self.y_ruler.position(value) * (self.bottom - self.top)
    }

    /// From where to where a mark covers the field; wide enough to be seen.
    fn stretch(&self, mark: &Mark) -> (f64, f64) {
        let (from, to) = mark.span.ends();
        let (from, to) = (self.x(from), self.x(to));
        if to - from < 2.0 { (from - 1.0, to + 1.0) } else { (from, to) }
    }

    /// Puts each label in the first row in which it does not touch another one.
    fn mark_rows(&self, marks: &[Mark]) -> Vec<Option<usize>> {
        let mut taken: Vec<Vec<(f64, f64)>> = vec![Vec::new(); ROWS_MAX];
        let row = |mark: &Mark| {
            let (from, width) = self.mark_label(mark);
            let (from, to) = (from - 4.0, from + width + 4.0);
            let is_free = |row: &Vec<(f64, f64)>| row.iter().all(|it| it.1 < from || to < it.0);
            let row = taken.iter().position(is_free)?;
            taken[row].push((from, to));
            Some(row)
        };
        marks.iter().map(row).collect()
    }

    /// Where the label of a mark begins, and how wide it is.
    fn mark_label(&self, mark: &Mark) -> (f64, f64) {
        let width = text_width(&mark.label, 12.0).min(self.right - self.left);
        (self.stretch(mark).0.min(self.right - width).max(self.left), width)
    }

    fn draw_bands(&self, svg: &mut Svg, marks: &[Mark]) {
        for mark in marks {
            if let Span::Range(..) = mark.span {
                let (from, to) = self.stretch(mark);
                let (from, to) = (place(from, self.top), place(to, self.bottom));
                svg.rectangle("band", from, to, &mark.label);
            }
        }
    }

    fn draw_marks(&self, svg: &mut Svg, marks: &[Mark]) {
        for (mark, row) in marks.iter().zip(&self.rows) {
            let (from, _) = mark.span.ends();
            let from = self.x(from);
            svg.line("edge", place(from, self.top), place(from, self.bottom));
            if let Some(row) = row {
                let (from, width) = self.mark_label(mark);
                let at = place(from, self.top - 5.0 - *row as f64 * ROW);
                svg.text("event", at, (Anchor::Start, width), &mark.label);
            }
        }
    }

    fn draw_axes(&self, svg: &mut Svg) {
        for tick in self.y_ruler.ticks() {
            let y = self.bottom - tick.at * (self.bottom - self.top);
            svg.line("grid", place(self.left, y), place(self.right, y));
            let at = place(self.left - 8.0, y + 4.0);
            svg.text("tick", at, (Anchor::End, WIDTH), &tick.label);
        }
        for tick in self.x_ruler.ticks() {
            let x = self.left + tick.at * (self.right - self.left);
            svg.line("grid", place(x, self.top), place(x, self.bottom));
            let at = place(x, self.bottom + 18.0);
            svg.text("tick", at, (Anchor::Middle, WIDTH), &tick.label);
        }
        svg.line("base", place(self.left, self.bottom), place(self.right, self.bottom));
        let title = self.y_ruler.title();
        svg.text("axis", place(MARGIN, 44.0), (Anchor::Start, WIDTH / 2.0), title);
        let at = place(f64::midpoint(self.left, self.right), self.bottom + 37.0);
        svg.text("axis", at, (Anchor::Middle, self.right - self.left), self.x_ruler.title());
    }

    fn draw_series(&self, svg: &mut Svg, all: &[Series], legend: &mut Legend) {
        let coloured = all.iter().filter(|series| series.style != Style::Guide).count();
        // What has no name lies below what has one.
        let (named, unnamed): (Vec<_>, Vec<_>) =
            slots(all).partition(|(_, slot)| *slot != Slot::Unnamed);
        for (series, slot) in unnamed.into_iter().chain(named) {
            let places: Vec<Place> =
                series.points.iter().map(|(x, y)| place(self.x(*x), self.y(*y))).collect();
            draw_line(svg, series.style, slot, &places);
            let swatch = match (slot, series.style) {
                (Slot::Unnamed, _) => continue,
                (Slot::Guide, _) => Swatch::Guide,
                (Slot::Coloured(colour), Style::Dots) => Swatch::Dot(colour),
                (Slot::Coloured(colour), _) => Swatch::Line(colour),
            };
            if let Slot::Coloured(colour) = slot {
                let shown = match series.style {
                    Style::Dots => apart(&places),
                    _ if places.len() <= POINTS_SHOWN_MAX => places.clone(),
                    _ if coloured > 1 => self.shapes(&places, colour, coloured.min(SERIES_COUNT)),
                    _ => Vec::new(),
                };
                for at in shown {
                    svg.marker(colour, at);
                }
            }
            let (end, reach) = self.end(&places);
            legend.push(Entry { name: series.name.clone(), swatch, end, reach });
        }
    }

    /// Where a line ends on the right.
    fn end(&self, places: &[Place]) -> (f64, Reach) {
        match places.iter().max_by(|one, other| one.x.total_cmp(&other.x)) {
            Some(last) if last.x > self.right - 8.0 => (last.y, Reach::Edge),
            Some(last) => (last.y, Reach::Short),
            None => (self.bottom, Reach::Short),
        }
    }

    /// A few points of a long line, elsewhere for each series, which carry its shape.
    fn shapes(&self, places: &[Place], slot: usize, slots: usize) -> Vec<Place> {
        let distance = (self.right - self.left) / SHAPES as f64;
        let wanted = (0..SHAPES).map(|index| {
            self.left + (index as f64 + (slot as f64 + 0.5) / slots as f64) * distance
        });
        let nearest = wanted.filter_map(|x| {
            let away = |at: &Place| (at.x - x).abs();
            let near = places.iter().min_by(|one, other| away(one).total_cmp(&away(other)));
            near.copied().filter(|at| away(at) < distance / 2.0)
        });
        nearest.collect()
    }
}

/// What a series looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// A colour and a shape.
    Coloured(usize),
    /// Grey with a name.
    Guide,
    /// Grey without a name: one of too many.
    Unnamed,
}

/// The series with what they look like: colours in their order, guides without one.
fn slots(series: &[Series]) -> impl Iterator<Item = (&Series, Slot)> + Clone {
    series.iter().scan(0, |next, series| {
        if series.style == Style::Guide {
            return Some((series, Slot::Guide));
        }
        let slot = if *next < SERIES_COUNT { Slot::Coloured(*next) } else { Slot::Unnamed };
        *next += 1;
        Some((series, slot))
    })
}

fn draw_line(svg: &mut Svg, style: Style, slot: Slot, places: &[Place]) {
    let class = match slot {
        Slot::Coloured(colour) => format!("line s{colour}"),
        Slot::Guide => "guide".to_owned(),
        Slot::Unnamed => "more".to_owned(),
    };
    let path = match style {
        Style::Line | Style::Guide => polyline(thinned(places)),
        Style::Steps => steps(&thinned(places)),
        // Dots that are too many for a shape of their own are short strokes.
        Style::Dots if slot == Slot::Unnamed => strokes(&apart(places)),
        Style::Dots => return,
    };
    if !path.is_empty() {
        svg.path(&class, &path);
    }
}

/// A path on which each y holds until the next x.
fn steps(places: &[Place]) -> String {
    let mut path = String::new();
    for at in places {
        if path.is_empty() {
            path = format!("M{}", point(*at));
        } else {
            let _ = write!(path, "H{}V{}", pixels(at.x), pixels(at.y));
        }
    }
    path
}

fn strokes(places: &[Place]) -> String {
    places.iter().map(|at| format!("M{}h2", point(*at))).collect::<Vec<_>>().concat()
}

/// A line of many points with as many as a screen can show: of the points in one column of
/// pixels the first, the lowest, the highest and the last, so that no peak is lost.
fn thinned(places: &[Place]) -> Vec<Place> {
    if places.len() <= POINTS_EXACT_MAX {
        return places.to_vec();
    }
    let mut thin = Vec::new();
    for column in places.chunk_by(|one, other| one.x as i64 == other.x as i64) {
        let by_height = |one: &usize, other: &usize| column[*one].y.total_cmp(&column[*other].y);
        let lowest = (0..column.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..column.len()).max_by(by_height).unwrap_or(0);
        let mut kept = vec![0, lowest, highest, column.len() - 1];
        kept.sort_unstable();
        kept.dedup();
        thin.extend(kept.into_iter().map(|index| column[index]));
    }
    thin
}

/// Dots without those that would hide each other.
fn apart(places: &[Place]) -> Vec<Place> {
    if places.len() <= POINTS_EXACT_MAX {
        return places.to_vec();
    }
    let mut taken = BTreeSet::new();
    let is_new = |at: &&Place| taken.insert(((at.x / 2.0) as i32, (at.y / 2.0) as i32));
    places.iter().filter(is_new).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_peaks() {
        let mut places: Vec<Place> =
            (0..100_000).map(|index| place(f64::from(index) / 1_000.0, 50.0)).collect();
        places[54_321].y = 3.0;
        places[54_322].y = 99.0;
        let thin = thinned(&places);
        assert!(thin.len() < 500, "{}", thin.len());
        assert!(thin.contains(&places[54_321]) && thin.contains(&places[54_322]));
        assert!(thin.is_sorted_by(|one, other| one.x <= other.x));
    }

    #[test]
    fn a_short_line_is_exact() {
        let places: Vec<Place> = (0..2_000).map(|index| place(0.0, f64::from(index))).collect();
        assert_eq!(thinned(&places), places);
        assert_eq!(apart(&places), places);
    }

    #[test]
    fn steps_go_right_and_then_up() {
        let places = [place(0.0, 9.0), place(5.0, 4.0), place(7.5, 9.0)];
        assert_eq!(steps(&places), "M0,9H5V4H7.5V9");
        assert_eq!(steps(&[]), "");
    }
}

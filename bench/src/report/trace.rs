//! What the points of one series become on a screen: a line, steps or dots; and where there are
//! more points than pixels, a shade from the lowest to the highest with a line of medians.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Style;
use super::svg::{Place, Svg, pixels, place, point, polyline};

/// From so many points on, a screen cannot show each of them.
const POINTS_EXACT_MAX: usize = 2_000;

/// Points of a line with more than that many are medians of so many pixels.
const COLUMN: f64 = 2.0;

/// Up to so many points of a line are shown as points.
const POINTS_SHOWN_MAX: usize = 12;

/// More dots than that are small and without the shape of their series.
const SHAPES_MAX: usize = 200;

/// Shapes on a line of more points than can be shown.
const SHAPES_ON_LINE: usize = 4;

/// What a series looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// A colour and a shape.
    Coloured(usize),
    /// Grey with a name.
    Guide,
    /// Grey without a name: one of too many.
    Unnamed,
}

/// The points of a series, where they are drawn.
#[derive(Debug)]
pub(super) struct Trace {
    style: Style,
    /// The points, or the medians of columns of them.
    places: Vec<Place>,
    /// The outline from the lowest to the highest, if the places are medians.
    shade: Option<String>,
}

/// A few of the shapes of a series, so that each series has its own between those of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) series: usize,
    pub(super) of: usize,
}

impl Trace {
    pub(super) fn new(style: Style, places: Vec<Place>) -> Self {
        let is_line = style != Style::Dots;
        let runs_right = places.is_sorted_by(|one, other| one.x <= other.x);
        if is_line && runs_right && places.len() > POINTS_EXACT_MAX {
            let (places, shade) = medians(&places);
            return Self { style, places, shade: Some(shade) };
        }
        Self { style, places: if is_line { places } else { apart(places) }, shade: None }
    }

    /// Whether points were put together.
    pub(super) fn is_dense(&self) -> bool {
        self.shade.is_some()
    }

    /// The point furthest to the right.
    pub(super) fn end(&self) -> Option<Place> {
        self.places.iter().max_by(|one, other| one.x.total_cmp(&other.x)).copied()
    }

    /// Draws shade and line, or dots; shapes come later, on top.
    pub(super) fn draw(&self, svg: &mut Svg, look: Look) {
        let colour = match look {
            Look::Coloured(series) => format!("s{series}"),
            Look::Guide => "guide".to_owned(),
            Look::Unnamed => "more".to_owned(),
        };
        if let Some(shade) = &self.shade {
            svg.path(&format!("shade {colour}"), shade);
        }
        let (class, path) = match self.style {
            Style::Line | Style::Guide => ("line", polyline(self.places.iter().copied())),
            // A median has no moment at which it begins to hold.
            Style::Steps if self.is_dense() => ("line", polyline(self.places.iter().copied())),
            Style::Steps => ("line", steps(&self.places)),
            Style::Dots if self.has_shapes(look) => return,
            Style::Dots => ("specks", specks(&self.places)),
        };
        if !path.is_empty() {
            svg.path(&format!("{class} {colour}"), &path);
        }
    }

    /// Draws the shapes of a coloured series, on all points or on a few of many.
    pub(super) fn draw_shapes(&self, svg: &mut Svg, turn: Turn, (left, right): (f64, f64)) {
        let all = match self.style {
            Style::Dots => self.has_shapes(Look::Coloured(turn.series)),
            Style::Line | Style::Steps => self.places.len() <= POINTS_SHOWN_MAX,
            Style::Guide => return,
        };
        if all {
            for at in &self.places {
                svg.marker(turn.series, *at);
            }
        } else if turn.of > 1 && self.style != Style::Dots {
            for at in self.a_few(turn, (left, right)) {
                svg.marker(turn.series, at);
            }
        }
    }

    fn has_shapes(&self, look: Look) -> bool {
        matches!(look, Look::Coloured(_)) && self.places.len() <= SHAPES_MAX
    }

    fn a_few(&self, turn: Turn, (left, right): (f64, f64)) -> Vec<Place> {
        let distance = (right - left) / SHAPES_ON_LINE as f64;
        let share = (turn.series as f64 + 0.5) / turn.of as f64;
        let wanted = (0..SHAPES_ON_LINE).map(|index| left + (index as f64 + share) * distance);
        let nearest = wanted.filter_map(|x| {
            let away = |at: &Place| (at.x - x).abs();
            let near = self.places.iter().min_by(|one, other| away(one).total_cmp(&away(other)));
            near.copied().filter(|at| away(at) < distance / 2.0)
        });
        nearest.collect()
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

/// Strokes so short that their round ends are dots.
fn specks(places: &[Place]) -> String {
    places.iter().map(|at| format!("M{}h.1", point(*at))).collect::<Vec<_>>().concat()
}

/// The median of each column of pixels, and the outline around all points, so that no peak is
/// lost. The points run to the right.
fn medians(places: &[Place]) -> (Vec<Place>, String) {
    let column = |at: &Place| (at.x / COLUMN) as i64;
    let (mut medians, mut highest, mut lowest) = (Vec::new(), Vec::new(), Vec::new());
    for points in places.chunk_by(|one, other| column(one) == column(other)) {
        let mut heights: Vec<f64> = points.iter().map(|at| at.y).collect();
        heights.sort_unstable_by(f64::total_cmp);
        let x = f64::midpoint(points[0].x, points[points.len() - 1].x);
        medians.push(place(x, heights[heights.len() / 2]));
        highest.push(place(x, heights[0]));
        lowest.push(place(x, heights[heights.len() - 1]));
    }
    let outline = highest.into_iter().chain(lowest.into_iter().rev());
    (medians, format!("{}Z", polyline(outline)))
}

/// Dots without those that would hide each other.
fn apart(places: Vec<Place>) -> Vec<Place> {
    if places.len() <= POINTS_EXACT_MAX {
        return places;
    }
    let mut taken = BTreeSet::new();
    let is_new = |at: &Place| taken.insert(((at.x / 2.0) as i64, (at.y / 2.0) as i64));
    places.into_iter().filter(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(count: u32) -> Vec<Place> {
        (0..count).map(|index| place(f64::from(index) / 100.0, 50.0)).collect()
    }

    #[test]
    fn a_long_line_becomes_medians_in_a_shade_that_keeps_the_peaks() {
        let mut places = flat(50_000);
        places[12_345].y = 3.0;
        places[12_346].y = 99.0;
        let trace = Trace::new(Style::Line, places);
        assert_eq!(trace.places.len(), 250);
        assert!(trace.places.iter().all(|at| (at.y - 50.0).abs() < 1e-9));
        let shade = trace.shade.unwrap();
        assert!(shade.contains(",3L") && shade.contains(",99L"), "{shade}");
    }

    #[test]
    fn a_short_line_is_exact() {
        let trace = Trace::new(Style::Line, flat(2_000));
        assert_eq!((trace.places.len(), trace.is_dense()), (2_000, false));
    }

    #[test]
    fn a_line_that_turns_back_is_exact() {
        let mut places = flat(5_000);
        places.reverse();
        assert_eq!(Trace::new(Style::Line, places.clone()).places, places);
    }

    #[test]
    fn dots_that_hide_each_other_are_drawn_once() {
        assert_eq!(Trace::new(Style::Dots, flat(50_000)).places.len(), 250);
        assert_eq!(Trace::new(Style::Dots, flat(300)).places.len(), 300);
    }

    #[test]
    fn steps_go_right_and_then_up() {
        let places = [place(0.0, 9.0), place(5.0, 4.0), place(7.5, 9.0)];
        assert_eq!(steps(&places), "M0,9H5V4H7.5V9");
        assert_eq!(steps(&[]), "");
    }
}

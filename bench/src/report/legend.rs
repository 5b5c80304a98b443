//! The names beside the ends of lines: each as near as possible to where its line ends, in the
//! same order, and none over another.

use super::svg::{Anchor, Svg, place, text_width};

/// Baselines of two names are so far apart.
const GAP: f64 = 17.0;

/// Of the widest name.
const NAME_WIDTH_MAX: f64 = 190.0;

/// From the field to a swatch, and from there to the name.
const SWATCH_FROM: f64 = 14.0;
const SWATCH_TO: f64 = 34.0;
const NAME_FROM: f64 = 40.0;

/// The names of a chart.
#[derive(Debug, Default)]
pub(super) struct Legend {
    entries: Vec<Entry>,
}

/// A name and what it belongs to.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) swatch: Swatch,
    /// Where the line ends.
    pub(super) end: f64,
    /// Whether it ends at the right edge of the field, so that a lead can join line and name.
    pub(super) reach: Reach,
}

/// How far a line reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Edge,
    Short,
}

/// What stands before a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swatch {
    /// The line and the shape of a series.
    Line(usize),
    /// The shape alone.
    Dot(usize),
    Guide,
    Limit,
}

impl Legend {
    /// How much room the names need to the right of the field.
    pub(super) fn width<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
        let widest = names.map(|name| text_width(name, 12.0)).fold(0.0, f64::max);
        if widest == 0.0 { 24.0 } else { NAME_FROM + widest.min(NAME_WIDTH_MAX) + 8.0 }
    }

    /// How high the field must be so that so many names find room.
    pub(super) fn height(names: usize) -> f64 {
        names as f64 * GAP
    }

    /// One more name.
    pub(super) fn push(&mut self, entry: Entry) {
        if !entry.name.is_empty() {
            self.entries.push(entry);
        }
    }

    /// Draws the names beside the right edge of a field that reaches from `top` to `bottom`.
    pub(super) fn draw(mut self, svg: &mut Svg, right: f64, (top, bottom): (f64, f64)) {
        self.entries.sort_by(|one, other| one.end.total_cmp(&other.end));
        let ends: Vec<f64> = self.entries.iter().map(|entry| entry.end).collect();
        let places = spread(&ends, (top + 4.0, bottom - 4.0));
        for (entry, y) in self.entries.iter().zip(places) {
            if entry.reach == Reach::Edge && (y - entry.end).abs() > 3.0 {
                let to = place(right + SWATCH_FROM - 3.0, y);
                svg.line("lead", place(right + 2.0, entry.end), to);
            }
            entry.draw(svg, right, y);
        }
    }
}

impl Entry {
    fn draw(&self, svg: &mut Svg, right: f64, y: f64) {
        let (from, to) = (place(right + SWATCH_FROM, y), place(right + SWATCH_TO, y));
        let middle = place(f64::midpoint(from.x, to.x), y);
        let class = match self.swatch {
            Swatch::Line(series) => {
                svg.line(&format!("line s{series}"), from, to);
                svg.marker(series, middle);
                "name"
            }
            Swatch::Dot(series) => {
                svg.marker(series, middle);
                "name"
            }
            Swatch::Guide => {
                svg.line("guide", from, to);
                "axis"
            }
            Swatch::Limit => {
                svg.line("limit", from, to);
                "promise"
            }
        };
        let name = place(right + NAME_FROM, y + 4.0);
        svg.text(class, name, (Anchor::Start, NAME_WIDTH_MAX), &self.name);
    }
}

/// Moves ordered targets apart by [`GAP`] with the least movement, and into the range.
fn spread(targets: &[f64], (top, bottom): (f64, f64)) -> Vec<f64> {
    let gap = match targets.len() {
        0 | 1 => GAP,
        count => GAP.min((bottom - top) / (count - 1) as f64),
    };
    // With i gaps taken off the i-th, names may be equal but not out of order; neighbours that
    // are out of order share their mean.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let (mut mean, mut count) = (target - index as f64 * gap, 1);
        while let Some((before, of)) = blocks.pop_if(|(before, _)| *before > mean) {
            let all = of + count;
            mean = (before * of as f64 + mean * count as f64) / all as f64;
            count = all;
        }
        blocks.push((mean, count));
    }
    let last = bottom - targets.len().saturating_sub(1) as f64 * gap;
    let means = blocks.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count));
    let places = means.map(|mean| mean.clamp(top, last.max(top)));
    places.enumerate().map(|(index, mean)| mean + index as f64 * gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: (f64, f64) = (0.0, 100.0);

    #[test]
    fn names_with_room_stay_where_their_lines_end() {
        assert!(spread(&[], RANGE).is_empty());
        assert_eq!(spread(&[5.0, 50.0, 90.0], RANGE), [5.0, 50.0, 90.0]);
    }

    #[test]
    fn names_at_one_place_spread_around_it() {
        assert_eq!(spread(&[50.0, 50.0, 50.0], RANGE), [33.0, 50.0, 67.0]);
    }

    #[test]
    fn names_stay_within_the_field() {
        assert_eq!(spread(&[0.0, 0.0], RANGE), [0.0, 17.0]);
        assert_eq!(spread(&[100.0, 100.0], RANGE), [83.0, 100.0]);
    }

    #[test]
    fn too_many_names_share_the_height() {
        let places = spread(&[50.0; 11], RANGE);
        assert_eq!(places[0], 0.0);
        assert!((places[10] - 100.0).abs() < 1e-9, "{places:?}");
    }
}

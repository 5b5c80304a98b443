//! Draws bars: one row for each, its name on the left, its number at its end.

use super::ruler::{Room, Ruler};
use super::svg::{Anchor, Frame, Place, Svg, WIDTH, place, point, text_width};
use super::{Axis, Bar, Bars, Refusal, Scale};

const MARGIN: f64 = 12.0;

/// From the top to the first row: title and the labels of limits.
const HEAD: f64 = 56.0;

const FOOT: f64 = 46.0;

const ROW: f64 = 32.0;

const BAR_HEIGHT: f64 = 18.0;

const NAME_WIDTH_MAX: f64 = 240.0;

impl Bars {
    /// The bars as an SVG file of their own, light.
    pub fn svg(&self) -> Result<String, Refusal> {
        self.check()?;
        Ok(self.draw(Frame::Alone))
    }

    /// The drawing of bars that were checked.
    pub(super) fn draw(&self, frame: Frame) -> String {
        let rows = Rows::new(self);
        let mut svg = Svg::new(&self.title, rows.bottom + FOOT, frame);
        let width_max = WIDTH - 2.0 * MARGIN;
        svg.text("title", place(MARGIN, 22.0), (Anchor::Start, width_max), &self.title);
        rows.draw_axis(&mut svg);
        for (index, bar) in self.bars.iter().enumerate() {
            let y = HEAD + (index as f64 + 0.5) * ROW;
            let name = place(rows.left - 10.0, y + 4.0);
            svg.text("name", name, (Anchor::End, NAME_WIDTH_MAX), &bar.name);
            rows.draw_bar(&mut svg, bar, y);
        }
        for limit in &self.limits {
            let x = rows.x(limit.value);
            svg.line("limit", place(x, HEAD - 4.0), place(x, rows.bottom));
            let anchor = if x > WIDTH / 2.0 { Anchor::End } else { Anchor::Start };
            svg.text("promise", place(x, HEAD - 9.0), (anchor, WIDTH / 2.0), &limit.label);
        }
        // Numbers come last, on top of the lines that cross the rows.
        for (index, bar) in self.bars.iter().enumerate() {
            rows.draw_number(&mut svg, self, bar, HEAD + (index as f64 + 0.5) * ROW);
        }
        if self.bars.is_empty() {
            svg.text("empty", place(rows.left, HEAD + 20.0), (Anchor::Start, WIDTH), "no data");
        }
        svg.finish()
    }
}

/// Where the bars begin and end.
struct Rows {
    left: f64,
    right: f64,
    bottom: f64,
    ruler: Ruler,
}

impl Rows {
    fn new(bars: &Bars) -> Self {
        let spreads = bars.bars.iter().filter_map(|bar| bar.spread);
        let mut values: Vec<f64> = bars.bars.iter().map(|bar| bar.value).collect();
        values.extend(spreads.flat_map(|(low, high)| [low, high]));
        values.extend(bars.limits.iter().map(|limit| limit.value));
        let axis = Axis { label: bars.label.clone(), unit: bars.unit, scale: Scale::Linear };
        let ruler = Ruler::new(&axis, &values, Room::Round, 6);

        let names = bars.bars.iter().map(|bar| text_width(&bar.name, 12.0));
        let left = MARGIN + names.fold(30.0, f64::max).min(NAME_WIDTH_MAX) + 12.0;
        let numbers = bars.bars.iter().map(|bar| {
            let (number, range) = numbers(bars, bar);
            text_width(&number, 13.0) + text_width(&range, 12.0)
        });
        let right = WIDTH - MARGIN - numbers.fold(20.0, f64::max) - 24.0;
        let bottom = HEAD + bars.bars.len().max(1) as f64 * ROW;
        Self { left, right, bottom, ruler }
    }

    fn x(&self, value: f64) -> f64 {
        self.left + self.ruler.position(value) * (self.right - self.left)
    }

    fn draw_axis(&self, svg: &mut Svg) {
        for tick in self.ruler.ticks() {
            let x = self.left + tick.at * (self.right - self.left);
            svg.line("grid", place(x, HEAD), place(x, self.bottom));
            let at = place(x, self.bottom + 18.0);
            svg.text("tick", at, (Anchor::Middle, WIDTH), &tick.label);
        }
        let at = place(f64::midpoint(self.left, self.right), self.bottom + 37.0);
        svg.text("axis", at, (Anchor::Middle, WIDTH), self.ruler.title());
        svg.line("base", place(self.x(0.0), HEAD), place(self.x(0.0), self.bottom));
    }

    fn draw_bar(&self, svg: &mut Svg, bar: &Bar, y: f64) {
        let (zero, end) = (self.x(0.0), self.x(bar.value));
        let half = BAR_HEIGHT / 2.0;
        let from = place(zero.min(end), y - half);
        svg.rectangle("bar s0", from, place(zero.max(end), y + half), &bar.name);
        if let Some((low, high)) = bar.spread {
            let (low, high) = (place(self.x(low), y), place(self.x(high), y));
            let path = [low, high].map(cap).concat();
            svg.path("spread", &format!("M{}L{}{path}", point(low), point(high)));
        }
    }

    /// The number, and after it the range, behind whatever reaches further.
    fn draw_number(&self, svg: &mut Svg, bars: &Bars, bar: &Bar, y: f64) {
        let (number, range) = numbers(bars, bar);
        let reached = bar.spread.map_or(bar.value, |(_, high)| high).max(0.0);
        let at = place(self.x(reached) + 8.0, y + 4.0);
        svg.text("value", at, (Anchor::Start, WIDTH), &number);
        if !range.is_empty() {
            let at = place(at.x + text_width(&number, 13.0) + 4.0, at.y);
            svg.text("range", at, (Anchor::Start, WIDTH), &range);
        }
    }
}

/// A bar's number, and its range if it has one.
fn numbers(bars: &Bars, bar: &Bar) -> (String, String) {
    let range = bar
        .spread
        .map(|(low, high)| format!("({} to {})", bars.unit.format(low), bars.unit.format(high)));
    (bars.unit.format(bar.value), range.unwrap_or_default())
}

/// The short line across the end of a spread.
fn cap(at: Place) -> String {
    format!("M{}v8", point(place(at.x, at.y - 4.0)))
}

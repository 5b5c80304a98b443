//! Writes SVG: shapes with classes, whose looks are the style sheet's, and text that stays text.

use std::fmt::Write;

use super::palette;

/// The width of every chart; pages scale it.
pub(super) const WIDTH: f64 = 880.0;

/// A place, in pixels from the top left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Which part of a text stands at its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Whose style sheet a drawing uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// The sheet of the page it stands in.
    Inline,
    /// Its own, on white paper.
    Alone,
}

/// A drawing in the making.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
}

/// A place from its two coordinates.
pub(super) const fn place(x: f64, y: f64) -> Place {
    Place { x, y }
}

impl Svg {
    /// Begins a drawing of the width of all charts.
    pub(super) fn new(title: &str, height: f64, frame: Frame) -> Self {
        let (height, title) = (pixels(height), escape(title));
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n"
        );
        if frame == Frame::Alone {
            let style = palette::picture_style();
            let _ = writeln!(text, "<style>\n{style}</style>");
            let _ = writeln!(text, "<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>");
        }
        Self { text }
    }

    /// Ends the drawing.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: Place, to: Place) {
        self.path(class, &format!("M{}L{}", point(from), point(to)));
    }

    /// A path in SVG's own words.
    pub(super) fn path(&mut self, class: &str, path: &str) {
        self.push(&format!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    /// A rectangle from its top left to its bottom right.
    pub(super) fn rectangle(&mut self, class: &str, from: Place, to: Place, hint: &str) {
        let (width, height) = (pixels(to.x - from.x), pixels(to.y - from.y));
        let (x, y) = (pixels(from.x), pixels(from.y));
        let shape = format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\"");
        let hint = escape(hint);
        self.push(&format!("{shape} height=\"{height}\"><title>{hint}</title></rect>"));
    }

    /// A line of text on its baseline; what is wider than `width_max` ends with an ellipsis.
    pub(super) fn text(
        &mut self,
        class: &str,
        at: Place,
        (anchor, width_max): (Anchor, f64),
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let size = if class == "title" { 15.0 } else { 12.0 };
        let shown = escape(&fit(text, width_max, size));
        let (x, y) = (pixels(at.x), pixels(at.y));
        self.push(&format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}>{shown}</text>"));
    }

    /// The shape of a series.
    pub(super) fn marker(&mut self, series: usize, at: Place) {
        let corners: &[(f64, f64)] = match series {
            0 => {
                let (x, y) = (pixels(at.x), pixels(at.y));
                let class = format!("dot s{series}");
                self.push(&format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>"));
                return;
            }
            1 => &[(-3.6, -3.6), (3.6, -3.6), (3.6, 3.6), (-3.6, 3.6)],
            2 => &[(0.0, -4.8), (4.8, 3.6), (-4.8, 3.6)],
            3 => &[(0.0, -5.2), (5.2, 0.0), (0.0, 5.2), (-5.2, 0.0)],
            4 => &[(0.0, 4.8), (4.8, -3.6), (-4.8, -3.6)],
            5 => &[(-5.0, -2.2), (5.0, -2.2), (5.0, 2.2), (-5.0, 2.2)],
            6 => &[(-2.2, -5.0), (2.2, -5.0), (2.2, 5.0), (-2.2, 5.0)],
            _ => &[(-4.8, 0.0), (3.6, -4.8), (3.6, 4.8)],
        };
        let corners = corners.iter().map(|(x, y)| place(at.x + x, at.y + y));
        self.path(&format!("dot s{series}"), &format!("{}Z", polyline(corners)));
    }

    fn push(&mut self, element: &str) {
        self.text.push_str(element);
        self.text.push('\n');
    }
}

/// The path through some places.
pub(super) fn polyline(places: impl IntoIterator<Item = Place>) -> String {
    let mut path = String::new();
    for at in places {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        path.push_str(&point(at));
    }
    path
}

/// Two coordinates as a path wants them.
pub(super) fn point(at: Place) -> String {
    format!("{},{}", pixels(at.x), pixels(at.y))
}

/// A coordinate with one digit after the point, which is finer than any screen.
pub(super) fn pixels(value: f64) -> String {
    // Adding zero turns a negative zero into a plain one.
    let tenths = (value * 10.0).round() + 0.0;
    format!("{}", tenths / 10.0)
}

/// Text in which nothing is markup. Control characters, which no XML may hold, become visible.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            _ if character.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&character) => {
                escaped.push('\u{fffd}');
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// About how wide a text is; Roboto's letters in five groups, rather too wide than too narrow.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let ems = text.chars().map(|character| match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.27,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.36,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.88,
        'A'..='Z' => 0.66,
        _ if !character.is_ascii() && character > '\u{2e80}' => 1.0,
        _ => 0.57,
    });
    ems.sum::<f64>() * size
}

/// As much of a text as fits, with an ellipsis if that is not all of it.
fn fit(text: &str, width_max: f64, size: f64) -> String {
    if text_width(text, size) <= width_max {
        return text.to_owned();
    }
    let mut fitting = text.to_owned();
    while fitting.pop().is_some() && text_width(&fitting, size) + size > width_max {}
    format!("{}\u{2026}", fitting.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        assert_eq!(escape("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
        assert_eq!(escape("\u{1b}[31m\0\u{ffff}"), "\u{fffd}[31m\u{fffd}\u{fffd}");
        assert_eq!(escape("µs, 99.9 %, ≤"), "µs, 99.9 %, ≤");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!(pixels(12.0), "12");
        assert_eq!(pixels(-0.01), "0");
        assert_eq!(pixels(1.0 / 3.0), "0.3");
        assert_eq!(polyline([place(0.0, 1.5), place(2.0, 3.0)]), "M0,1.5L2,3");
        assert_eq!(polyline([]), "");
    }

    #[test]
    fn a_text_that_is_too_wide_ends_with_an_ellipsis() {
        assert_eq!(fit("short", 100.0, 12.0), "short");
        assert_eq!(fit("a very long name of a series", 80.0, 12.0), "a very long\u{2026}");
        assert_eq!(fit("anything", 0.0, 12.0), "\u{2026}");
    }
}

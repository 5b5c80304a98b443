//! The colours, each for light and for dark, and the style sheets in which they are used.
//!
//! The series begin with the blue and the vermillion of Okabe and Ito; the others were chosen for
//! their distance to all before them, with full sight and with each of the three forms of colour
//! blindness, and for different lightness, which is what is left of them in print. Colour is never
//! alone: every series also has a shape and a name beside it, every grade a word and a sign.

/// How many series have a colour and a shape of their own.
pub(super) const SERIES_COUNT: usize = 8;

/// What all charts share; colours are variables.
const CHART: &str = include_str!("chart.css");

/// The page around the charts.
const PAGE: &str = include_str!("page.css");

struct Color {
    name: &'static str,
    light: &'static str,
    dark: &'static str,
}

const fn color(name: &'static str, light: &'static str, dark: &'static str) -> Color {
    Color { name, light, dark }
}

const COLORS: [Color; 22] = [
    color("--paper", "#ffffff", "#14181d"),
    color("--card", "#f5f6f8", "#1d232a"),
    color("--ink", "#1a1d21", "#e8eaed"),
    color("--soft", "#5b636d", "#a3abb5"),
    color("--rule", "#c9ced5", "#46505b"),
    color("--grid", "#e6e8ec", "#2a3139"),
    color("--link", "#0062a3", "#6cb8f0"),
    color("--mark", "#fbe3cf", "#4d3320"),
    color("--edge", "#b34700", "#ffa35c"),
    color("--limit", "#b0006d", "#ff8ac9"),
    color("--s0", "#0072b2", "#56b4e9"),
    color("--s1", "#d55e00", "#ff8b3d"),
    color("--s2", "#3a3330", "#f2eec0"),
    color("--s3", "#7a1fe0", "#8f7bff"),
    color("--s4", "#c0708f", "#f36fb5"),
    color("--s5", "#6f8040", "#1fae86"),
    color("--s6", "#10407a", "#f7b7cf"),
    color("--s7", "#a3101a", "#e8384f"),
    color("--good", "#006b4a", "#2ec99c"),
    color("--mixed", "#8a5a00", "#f0c04a"),
    color("--bad", "#b3261e", "#ff9a8f"),
    color("--invalid", "#4b5560", "#b4bcc6"),
];

/// The style sheet of a page: light, dark where the reader prefers it, and light on paper.
pub(super) fn page_style() -> String {
    let light = variables(|color| color.light);
    let dark = variables(|color| color.dark);
    format!(
        ":root{{color-scheme:light dark;{light}}}\n\
         @media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{PAGE}{CHART}"
    )
}

/// The style sheet of a chart that stands alone, light and without variables.
pub(super) fn picture_style() -> String {
    let mut style = CHART.to_owned();
    for color in &COLORS {
        style = style.replace(&format!("var({})", color.name), color.light);
    }
    style
}

fn variables(shade: impl Fn(&Color) -> &'static str) -> String {
    let rules = COLORS.iter().map(|color| format!("{}:{};", color.name, shade(color)));
    rules.collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of WCAG 2.
    fn luminance(hex: &str) -> f64 {
        let channel = |from: usize| {
            let value = u8::from_str_radix(&hex[from..from + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn lines_and_text_stand_out_from_the_background() {
        let paper = &COLORS[0];
        for color in &COLORS {
            let contrast_min = match color.name {
                "--paper" | "--card" | "--rule" | "--grid" | "--mark" => continue,
                name if name.starts_with("--s") && name.len() == 4 => 3.0,
                _ => 4.5,
            };
            for (color, paper) in [(color.light, paper.light), (color.dark, paper.dark)] {
                let found = contrast(color, paper);
                assert!(found >= contrast_min, "{color} on {paper} has {found:.2}");
            }
        }
    }

    #[test]
    fn a_picture_has_no_variables_and_every_series_has_a_colour() {
        let style = picture_style();
        assert!(!style.contains("var("), "{style}");
        for series in 0..SERIES_COUNT {
            assert!(style.contains(&format!(".s{series}{{")), "series {series} has no colour");
        }
    }
}

//! An axis with numbers on it: which part of the scale is shown, where a value lies on it, and
//! where the ticks are and what they say.

use super::unit::{self, Prefix};
use super::{Axis, Scale, Unit};

/// The highest percentile that is told apart from 100, as its number of nines.
const NINES_MAX: f64 = 6.0;

/// The ticks of the percentile scale and what they say.
const PERCENTILES: [(f64, &str); 8] = [
    (0.0, "0"),
    (50.0, "50"),
    (90.0, "90"),
    (99.0, "99"),
    (99.9, "99.9"),
    (99.99, "99.99"),
    (99.999, "99.999"),
    (99.9999, "99.9999"),
];

/// How much of an axis its values need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// From zero, and up to a round value: for what is read off, y and bars.
    Round,
    /// From the first value to the last: for what only orders, x.
    Tight,
}

/// A part of a scale between 0, its low end, and 1, its high end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ruler {
    scale: Scale,
    /// The ends after the scale's function.
    low: f64,
    high: f64,
    ticks: Vec<Tick>,
    title: String,
}

/// A round value on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where it lies, from 0 to 1.
    pub(super) at: f64,
    /// What stands there.
    pub(super) label: String,
}

impl Ruler {
    /// The ruler for some values, with about as many ticks as wanted.
    pub(super) fn new(axis: &Axis, values: &[f64], room: Room, ticks_wanted: usize) -> Self {
        let ends = values.iter().fold(None, |ends: Option<(f64, f64)>, value| {
            let (low, high) = ends.unwrap_or((*value, *value));
            Some((low.min(*value), high.max(*value)))
        });
        match axis.scale {
            Scale::Linear => {
                Self::linear(axis, ends.unwrap_or((0.0, 1.0)), room, ticks_wanted.max(2))
            }
            Scale::Log => Self::log(axis, ends.unwrap_or((1.0, 10.0)), ticks_wanted.max(2)),
            Scale::Percentile => Self::percentile(axis, values),
        }
    }

    /// Where a value lies, from 0 at the low end to 1 at the high end.
    pub(super) fn position(&self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Log => value.log10(),
            Scale::Percentile => nines(value),
        };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The ticks, from the low end.
    pub(super) fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// The name of the axis, with the unit if the ticks do not say it.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    fn linear(axis: &Axis, (low, high): (f64, f64), room: Room, ticks_wanted: usize) -> Self {
        let is_single = high - low <= high.abs() * 1e-9;
        let from_zero = room == Room::Round || is_single || low < 0.3 * high;
        let low = if from_zero { low.min(0.0) } else { low };
        let high = if from_zero { high.max(0.0) } else { high };
        // Nothing but zeros still needs a stretch.
        let high = if high > low { high } else { 1.0 };
        let (factor, name) = axis.unit.prefix(high.abs().max(low.abs()));
        let step = step(high / factor - low / factor, ticks_wanted);
        let (first, last) = match room {
            Room::Round => ((low / factor / step).floor(), (high / factor / step).ceil()),
            Room::Tight => {
                ((low / factor / step - 1e-6).ceil(), (high / factor / step + 1e-6).floor())
            }
        };
        let (low, high) = match room {
            Room::Round => (first * step * factor, last * step * factor),
            Room::Tight => (low, high),
        };
        let scale = Scale::Linear;
        let title = with_unit(axis, (factor, name));
        let mut ruler = Self { scale, low, high, ticks: Vec::new(), title };
        ruler.ticks = (first as i64..=last as i64)
            .map(|index| {
                let value = index as f64 * step;
                Tick { at: ruler.position(value * factor), label: number(value, step) }
            })
            .collect();
        ruler
    }

    fn log(axis: &Axis, (low, high): (f64, f64), ticks_wanted: usize) -> Self {
        // A single value still needs a stretch around it.
        let (low, high) = if high / low < 1.5 { (low / 1.5, high * 1.5) } else { (low, high) };
        let mut values = round_values(low, high);
        let (first, last) = (values[0], values[values.len() - 1]);
        if values.len() > ticks_wanted + ticks_wanted / 2 {
            let decades = (last / first).log10();
            let every = (decades / ticks_wanted as f64).ceil().max(1.0);
            values.retain(|value| {
                let decade = value.log10();
                (decade - decade.round()).abs() < 1e-6 && decade.round() % every == 0.0
            });
        }
        let (low, high) = (first.log10(), last.log10());
        let title = axis.label.clone();
        let mut ruler = Self { scale: Scale::Log, low, high, ticks: Vec::new(), title };
        ruler.ticks = values
            .iter()
            .map(|value| Tick { at: ruler.position(*value), label: axis.unit.format(*value) })
            .collect();
        ruler
    }

    fn percentile(axis: &Axis, values: &[f64]) -> Self {
        let below = values.iter().map(|value| nines(*value)).filter(|nines| nines.is_finite());
        let known = below.fold(2.0, f64::max).min(NINES_MAX);
        let has_maximum = values.iter().any(|value| *value >= 100.0);
        let known = (known - 1e-6).ceil();
        let high = if has_maximum { known + 0.6 } else { known };
        let scale = Scale::Percentile;
        let mut ruler =
            Self { scale, low: 0.0, high, ticks: Vec::new(), title: axis.label.clone() };
        let shown = PERCENTILES.iter().filter(|(value, _)| nines(*value) <= known + 1e-6);
        ruler.ticks = shown
            .map(|(value, label)| Tick { at: ruler.position(*value), label: (*label).to_owned() })
            .collect();
        if has_maximum {
            ruler.ticks.push(Tick { at: 1.0, label: "max".to_owned() });
        }
        ruler
    }
}

/// How many nines a percentile has: 90 has one, 99.9 three, 100 has no end.
fn nines(percentile: f64) -> f64 {
    2.0 - (100.0 - percentile).log10()
}

/// The name of an axis with the unit of its ticks.
fn with_unit(axis: &Axis, (_, name): Prefix) -> String {
    match axis.unit {
        Unit::Count if name.is_empty() => axis.label.clone(),
        _ => format!("{} ({name})", axis.label),
    }
}

/// The round distance that gives about as many ticks as wanted: 1, 2 or 5 times a power of ten.
fn step(width: f64, ticks_wanted: usize) -> f64 {
    let rough = width / ticks_wanted as f64;
    let power = 10f64.powf(rough.log10().floor());
    let wanted = rough / power;
    let nice = [1.0, 2.0, 5.0].into_iter().find(|nice| wanted <= *nice * 1.0001);
    nice.unwrap_or(10.0) * power
}

/// 1, 2 and 5 times each power of ten, from the last at or below `low` to the first at or above
/// `high`.
fn round_values(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all: Vec<f64> = decades
        .flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| round_value(digit, decade)))
        .collect();
    // The values begin with a power of ten at or below `low` and end above `high`.
    let first = all.iter().rposition(|value| *value <= low * 1.000_001).unwrap_or(0);
    let last = all.iter().position(|value| *value >= high * 0.999_999).unwrap_or(all.len() - 1);
    all[first..=last].to_vec()
}

/// A digit times a power of ten, without the error that multiplying with 0.001 brings.
fn round_value(digit: f64, decade: i32) -> f64 {
    let power = 10f64.powi(decade.abs());
    if decade < 0 { digit / power } else { digit * power }
}

/// A tick as its step is: no more and no fewer digits than its neighbours.
fn number(value: f64, step: f64) -> String {
    let places = -(step.log10() + 1e-9).floor();
    if places > 6.0 || value.abs() >= 1e6 {
        return unit::digits(value);
    }
    let places = places.max(0.0) as usize;
    format!("{:.places$}", value + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(axis: &Axis, values: &[f64], room: Room, labels: &[&str]) -> Ruler {
        let ruler = Ruler::new(axis, values, room, 6);
        let found: Vec<&str> = ruler.ticks().iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(found, labels);
        let places: Vec<f64> = ruler.ticks().iter().map(|tick| tick.at).collect();
        assert!(places.iter().all(|at| (0.0..=1.0).contains(at)), "{places:?}");
        assert!(places.is_sorted(), "{places:?}");
        ruler
    }

    #[test]
    fn linear_ticks_are_round_in_the_unit_that_is_read() {
        let axis = Axis::linear("Latency", Unit::Seconds);
        let labels = ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"];
        let ruler = check(&axis, &[0.0004, 0.0021], Room::Round, &labels);
        assert_eq!(ruler.title(), "Latency (ms)");
        assert!((ruler.position(0.0025) - 1.0).abs() < 1e-9);

        let axis = Axis::linear("Load", Unit::Messages);
        let labels = ["0", "20", "40", "60", "80", "100"];
        let ruler = check(&axis, &[5e3, 117e3], Room::Tight, &labels);
        assert_eq!(ruler.title(), "Load (k msg/s)");
        assert!((ruler.position(117e3) - 1.0).abs() < 1e-9);

        let axis = Axis::linear("Connections", Unit::Count);
        let ruler = check(&axis, &[7.0], Room::Round, &["0", "2", "4", "6", "8"]);
        assert_eq!(ruler.title(), "Connections");
    }

    #[test]
    fn an_axis_of_order_need_not_begin_at_zero() {
        let axis = Axis::linear("Time", Unit::Elapsed);
        let ruler = check(
            &axis,
            &[100.0, 160.0],
            Room::Tight,
            &["100", "110", "120", "130", "140", "150", "160"],
        );
        assert_eq!(ruler.title(), "Time (s)");
        let labels = ["0", "2", "4", "6", "8", "10"];
        assert_eq!(check(&axis, &[0.0, 601.0], Room::Tight, &labels).title(), "Time (min)");
    }

    #[test]
    fn values_below_zero_are_shown() {
        let axis = Axis::linear("Error", Unit::Percent);
        check(
            &axis,
            &[-25.0, 31.0],
            Room::Round,
            &["-30", "-20", "-10", "0", "10", "20", "30", "40"],
        );
    }

    #[test]
    fn a_log_axis_names_every_round_value_while_there_is_room() {
        let axis = Axis::log("Latency", Unit::Seconds);
        let labels = ["200 us", "500 us", "1 ms", "2 ms", "5 ms"];
        check(&axis, &[0.0003, 0.004], Room::Round, &labels);
        let labels = ["100 us", "1 ms", "10 ms", "100 ms", "1 s"];
        let ruler = check(&axis, &[0.000_07, 1.7], Room::Round, &labels);
        assert!(ruler.position(0.000_07) > 0.0 && ruler.position(1.7) < 1.0);
        check(&axis, &[0.001, 1.0], Room::Round, &["1 ms", "10 ms", "100 ms", "1 s"]);
    }

    #[test]
    fn a_single_value_and_no_value_have_axes_too() {
        let log = Axis::log("Latency", Unit::Seconds);
        check(&log, &[0.001], Room::Round, &["500 us", "1 ms", "2 ms"]);
        check(&log, &[], Room::Round, &["1 s", "2 s", "5 s", "10 s"]);
        let linear = Axis::linear("Load", Unit::Throughput);
        check(&linear, &[0.0, 0.0], Room::Round, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(&linear, &[], Room::Tight, &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(&linear, &[5e6], Room::Tight, &["0", "1", "2", "3", "4", "5"]);
    }

    #[test]
    fn a_log_axis_of_many_decades_skips_some() {
        let axis = Axis::log("Count", Unit::Count);
        let ruler = Ruler::new(&axis, &[1e-20, 1e20], Room::Round, 6);
        assert!((4..=8).contains(&ruler.ticks().len()), "{:?}", ruler.ticks());
    }

    #[test]
    fn each_further_nine_is_equally_wide() {
        let axis = Axis::percentiles();
        let labels = ["0", "50", "90", "99", "99.9", "99.99"];
        let ruler = check(&axis, &[0.0, 50.0, 99.99], Room::Tight, &labels);
        for (percentile, nines) in [(0.0, 0.0), (90.0, 1.0), (99.0, 2.0), (99.9, 3.0)] {
            assert!((ruler.position(percentile) - nines / 4.0).abs() < 1e-9, "{percentile}");
        }
    }

    #[test]
    fn the_maximum_stands_after_the_last_nine() {
        let axis = Axis::percentiles();
        let labels = ["0", "50", "90", "99", "99.9", "99.99", "99.999", "max"];
        let ruler = check(&axis, &[0.0, 99.999, 100.0], Room::Tight, &labels);
        assert!((ruler.position(100.0) - 1.0).abs() < 1e-9);
        assert!(ruler.position(99.999) < 0.95);
        // What is beyond the last nine that is told apart lies at the end as well.
        let ruler = Ruler::new(&axis, &[99.999_999_99], Room::Tight, 6);
        assert!((ruler.position(99.999_999_99) - 1.0).abs() < 1e-9);
    }
}

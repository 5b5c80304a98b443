//! Units, their prefixes, and numbers with as many digits as a reader can use.

/// The unit of plain data; a number is printed with the prefix that suits its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A duration in seconds: ns, us, ms, s.
    Seconds,
    /// Time since the start in seconds: s, min, h.
    Elapsed,
    /// Messages per second: msg/s, k msg/s, M msg/s.
    Messages,
    /// Bytes per second, in powers of ten: B/s, kB/s, MB/s, GB/s.
    Throughput,
    /// Bytes, in powers of ten: B, kB, MB, GB, TB.
    Bytes,
    /// Hundredths, so that 100 is all of it.
    Percent,
    /// How many times as much.
    Ratio,
    /// Things that are counted.
    Count,
}

/// A prefix of a unit: so many of the base unit, and the name.
pub(super) type Prefix = (f64, &'static str);

const DIGITS: i32 = 3;

impl Unit {
    /// The number with three significant digits and its unit, such as `1.25 ms`.
    pub fn format(self, value: f64) -> String {
        let value = rounded(value);
        let (factor, name) = self.prefix(value.abs());
        self.join(&digits(rounded(value / factor)), name)
    }

    /// A number that was divided by a prefix, with the name of the prefix.
    fn join(self, number: &str, name: &str) -> String {
        match self {
            Self::Ratio => format!("{number}\u{d7}"),
            Self::Count if name.is_empty() => number.to_owned(),
            _ => format!("{number} {name}"),
        }
    }

    /// The prefix in which a value of this size is best read.
    pub(super) fn prefix(self, value: f64) -> Prefix {
        let prefixes = self.prefixes();
        // A whole number of the larger unit, or one with an exact fraction, has to be in sight.
        let enough = if self == Self::Elapsed { 3.0 } else { 1.0 };
        let fits = |prefix: &&Prefix| value >= prefix.0 * enough;
        // The base unit is first in line for zero, the smallest for what is below all of them.
        let base = if value > 0.0 { prefixes[0] } else { self.base() };
        *prefixes.iter().rev().find(fits).unwrap_or(&base)
    }

    fn base(self) -> Prefix {
        let base = self.prefixes().iter().find(|(factor, _)| factor.to_bits() == 1f64.to_bits());
        *base.expect("every unit has a prefix for one")
    }

    fn prefixes(self) -> &'static [Prefix] {
        match self {
            Self::Seconds => &[(1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s")],
            Self::Elapsed => &[(1.0, "s"), (60.0, "min"), (3600.0, "h")],
            Self::Messages => &[(1.0, "msg/s"), (1e3, "k msg/s"), (1e6, "M msg/s")],
            Self::Throughput => &[(1.0, "B/s"), (1e3, "kB/s"), (1e6, "MB/s"), (1e9, "GB/s")],
            Self::Bytes => &[(1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB")],
            Self::Percent => &[(1.0, "%")],
            Self::Ratio => &[(1.0, "\u{d7}")],
            Self::Count => &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")],
        }
    }
}

/// To three significant digits; whole numbers keep all of theirs up to the prefix.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let places = DIGITS - 1 - value.abs().log10().floor() as i32;
    // Dividing by a power of ten is exact where multiplying with its inverse is not.
    let power = 10f64.powi(places.abs());
    if places >= 0 { (value * power).round() / power } else { (value / power).round() * power }
}

/// A rounded number without an exponent and without zeros that say nothing.
pub(super) fn digits(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:e}");
    }
    let places = (DIGITS - 1 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.places$}");
    if places == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: Unit, value: f64, text: &str) {
        assert_eq!(unit.format(value), text);
    }

    #[test]
    fn durations_have_the_prefix_of_their_size() {
        check(Unit::Seconds, 0.0, "0 s");
        check(Unit::Seconds, 4.2e-10, "0.42 ns");
        check(Unit::Seconds, 45e-6, "45 us");
        check(Unit::Seconds, 0.000_595_4, "595 us");
        check(Unit::Seconds, 0.001_234_5, "1.23 ms");
        check(Unit::Seconds, 0.1, "100 ms");
        check(Unit::Seconds, 12.0, "12 s");
        check(Unit::Seconds, -0.002, "-2 ms");
    }

    #[test]
    fn rounding_up_to_the_next_prefix_takes_that_prefix() {
        check(Unit::Seconds, 0.000_999_6, "1 ms");
        check(Unit::Seconds, 0.999_7, "1 s");
        check(Unit::Messages, 999_900.0, "1 M msg/s");
    }

    #[test]
    fn each_unit_has_its_name() {
        check(Unit::Elapsed, 90.0, "90 s");
        check(Unit::Elapsed, 600.0, "10 min");
        check(Unit::Elapsed, 86_400.0, "24 h");
        check(Unit::Messages, 52_345.0, "52.3 k msg/s");
        check(Unit::Throughput, 132e6, "132 MB/s");
        check(Unit::Throughput, 1.5e9, "1.5 GB/s");
        check(Unit::Bytes, 16_384.0, "16.4 kB");
        check(Unit::Percent, 37.46, "37.5 %");
        check(Unit::Ratio, 2.0, "2\u{d7}");
        check(Unit::Ratio, 0.913_4, "0.913\u{d7}");
        check(Unit::Count, 42.0, "42");
        check(Unit::Count, 1_250.0, "1.25 k");
    }

    #[test]
    fn numbers_outside_all_prefixes_stay_readable() {
        check(Unit::Ratio, 1.25e9, "1.25e9\u{d7}");
        check(Unit::Percent, 0.000_012, "1.2e-5 %");
        check(Unit::Seconds, 123_456.0, "123000 s");
    }
}

//! Quantities as people write them: `1KiB`, `50k`, `7d`, `10Gbit`, `30%`. Each parser takes one
//! kind and says what it would have liked.

use std::str::FromStr;
use std::time::Duration;

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind}: write {rule}")]
pub struct QuantityError {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

/// A unit and how many of the base unit it is.
type UnitTable = [(&'static str, f64)];

const COUNTS: &UnitTable = &[("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];

const BYTES: &UnitTable = &[
    ("", 1.0),
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("PB", 1e15),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

const TIMES: &UnitTable = &[
    ("us", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
    ("y", 31_557_600.0),
];

/// Bits of a network as bytes a second.
const BITS: &UnitTable = &[
    ("kbit", 125.0),
    ("Mbit", 125e3),
    ("Gbit", 125e6),
    ("kbps", 125.0),
    ("Mbps", 125e3),
    ("Gbps", 125e6),
];

/// A number of things: `200`, `50k`, `1.5M`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Count(pub f64);

/// Things a second: `50k`, `50k/s`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

/// A size: `1024`, `1KiB`, `2TB`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Bytes(pub f64);

/// Bytes a second: `10Gbit`, `1.2GB/s`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Bandwidth(pub f64);

/// A time: `5ms`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

/// A part of something: `30%`, `0.3`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Part(pub f64);

/// The number in front and what follows it; none when there is no number, or a negative one.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let is_digit = |character: char| character.is_ascii_digit() || character == '.';
    let end = text.find(|character| !is_digit(character)).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

fn of_table(text: &str, units: &UnitTable) -> Option<f64> {
    let (number, unit) = split(text)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    Some(number * factor)
}

fn refuse(text: &str, kind: &'static str, rule: &'static str) -> QuantityError {
    QuantityError { text: text.to_owned(), kind, rule }
}

impl FromStr for Count {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let rule = "a number with or without k, M or G, as in 200, 50k or 1.5M";
        of_table(text, COUNTS).map(Self).ok_or_else(|| refuse(text, "number", rule))
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let rule = "a number with or without k or M, as in 50k or 50k/s";
        let number = text.trim().strip_suffix("/s").unwrap_or(text);
        of_table(number, COUNTS).map(Self).ok_or_else(|| refuse(text, "rate", rule))
    }
}

impl FromStr for Bytes {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let rule = "a number and B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, as in 1KiB";
        of_table(text, BYTES).map(Self).ok_or_else(|| refuse(text, "size", rule))
    }
}

impl FromStr for Bandwidth {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let rule = "a number and kbit, Mbit or Gbit, or bytes a second, as in 10Gbit or 1.2GB/s";
        let bits = of_table(text.trim().strip_suffix("/s").unwrap_or(text), BITS);
        let bytes = || of_table(text.trim().strip_suffix("/s")?, BYTES);
        bits.or_else(bytes).map(Self).ok_or_else(|| refuse(text, "bandwidth", rule))
    }
}

impl FromStr for Time {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let rule = "a number and us, ms, s, min, h, d, w or y, as in 5ms or 7d";
        let seconds = of_table(text, TIMES);
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        time.map(Self).ok_or_else(|| refuse(text, "time", rule))
    }
}

impl FromStr for Part {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let rule = "a percentage or a fraction, as in 30% or 0.3";
        let part = of_table(text, &[("", 1.0), ("%", 0.01)]);
        part.map(Self).ok_or_else(|| refuse(text, "part", rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: FromStr<Err = QuantityError>>(text: &str, number: impl Fn(T) -> f64, value: f64) {
        let found = number(text.parse().unwrap());
        assert!((found / value - 1.0).abs() < 1e-12, "{text}: {found}");
    }

    #[test]
    fn quantities_are_read_with_their_units() {
        check("50k", |it: Count| it.0, 50e3);
        check("1.5M", |it: Count| it.0, 1.5e6);
        check("50k/s", |it: Rate| it.0, 50e3);
        check("1KiB", |it: Bytes| it.0, 1024.0);
        check("4 TB", |it: Bytes| it.0, 4e12);
        check("10Gbit", |it: Bandwidth| it.0, 1.25e9);
        check("10Gbit/s", |it: Bandwidth| it.0, 1.25e9);
        check("1.2GB/s", |it: Bandwidth| it.0, 1.2e9);
        check("7d", |it: Time| it.0.as_secs_f64(), 604_800.0);
        check("250us", |it: Time| it.0.as_secs_f64(), 250e-6);
        check("30%", |it: Part| it.0, 0.3);
        check("0.3", |it: Part| it.0, 0.3);
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        let refused = "7x".parse::<Time>().unwrap_err().to_string();
        assert_eq!(
            refused,
            "\"7x\" is no time: write a number and us, ms, s, min, h, d, w or y, as in 5ms or 7d"
        );
        assert!("1kb".parse::<Bytes>().is_err() && "".parse::<Count>().is_err());
        assert!("-5".parse::<Rate>().is_err() && "7".parse::<Time>().is_err());
        assert!("10".parse::<Bandwidth>().is_err() && "1e999".parse::<Count>().is_err());
    }
}

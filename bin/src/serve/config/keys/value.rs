//! Values of keys: which texts are valid for a key, and what they become.

use std::fmt;

use corelog_security::Secret;

/// Which values a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// A whole number within bounds, both included.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// What is counted.
        unit: Unit,
    },
    /// A number within bounds, both included.
    Decimal {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, separated by commas; perhaps none.
    Choices(&'static [&'static str]),
    /// Any text, without the spaces around it.
    Text,
    /// Any text, never shown.
    Password,
    /// Texts separated by commas.
    List,
}

/// What an integer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Minutes or hours; only Kafka has such keys.
    Other,
}

/// A valid value of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Decimal`].
    Decimal(f64),
    /// Of [`Kind::Text`] and [`Kind::Choice`].
    Text(String),
    /// Of [`Kind::Password`].
    Secret(Secret),
    /// Of [`Kind::List`] and [`Kind::Choices`].
    List(Vec<String>),
}

/// Whether a number may carry a unit, as in `64MiB` and `5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffixes {
    /// Yes: the key is only ours.
    Allowed,
    /// No: the key is Kafka's, whose values are plain numbers, and a file must mean the same there.
    Refused,
}

/// Why a text is not a value of a key: what is wrong, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong with the text, as the end of the sentence "the value ".
    pub why: String,
    /// What to try.
    pub hint: String,
}

impl Kind {
    /// Checks a text and gives its value. Spaces around the text do not count, as in Kafka.
    pub fn parse(&self, text: &str, suffixes: Suffixes) -> Result<Value, Invalid> {
        let text = text.trim();
        match *self {
            Self::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(Value::Boolean(true)),
                "false" => Ok(Value::Boolean(false)),
                _ => Err(Invalid::new("is neither true nor false", "write true or false")),
            },
            Self::Integer { min, max, unit } => {
                integer(text, unit, suffixes).and_then(|number| within(number, min, max))
            }
            Self::Decimal { min, max } => match text.parse::<f64>() {
                Ok(number) if min <= number && number <= max => Ok(Value::Decimal(number)),
                Ok(_) => Err(out_of_bounds(min, max)),
                Err(_) => Err(Invalid::new("is not a number", format!("write {min} to {max}"))),
            },
            Self::Choice(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
            Self::Choice(words) => {
                Err(Invalid::new("is not one of the known words", one_of(words)))
            }
            Self::Choices(words) => {
                let chosen = list(text);
                match chosen.iter().find(|word| !words.contains(&word.as_str())) {
                    None => Ok(Value::List(chosen)),
                    Some(word) => Err(Invalid::new(format!("names {word:?}"), one_of(words))),
                }
            }
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Password => Ok(Value::Secret(Secret::new(text))),
            Self::List => Ok(Value::List(list(text))),
        }
    }
}

impl fmt::Display for Value {
    /// The value as it would be typed in a properties file.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(formatter),
            Self::Integer(value) => value.fmt(formatter),
            // As Java writes the largest number, not with its 309 digits.
            Self::Decimal(value) if *value >= 1e17 => write!(formatter, "{value:E}"),
            Self::Decimal(value) => value.fmt(formatter),
            Self::Text(value) => formatter.write_str(value),
            Self::Secret(value) if value.is_empty() => Ok(()),
            Self::Secret(value) => value.fmt(formatter),
            Self::List(values) => formatter.write_str(&values.join(",")),
        }
    }
}

impl Invalid {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn one_of(words: &[&str]) -> String {
    format!("use {}", words.join(", "))
}

fn out_of_bounds(min: impl fmt::Display, max: impl fmt::Display) -> Invalid {
    Invalid::new("is out of bounds", format!("write a number from {min} to {max}"))
}

fn within(number: i64, min: i64, max: i64) -> Result<Value, Invalid> {
    if min <= number && number <= max {
        Ok(Value::Integer(number))
    } else {
        Err(out_of_bounds(min, max))
    }
}

fn integer(text: &str, unit: Unit, suffixes: Suffixes) -> Result<i64, Invalid> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let examples = match (unit, suffixes) {
        (Unit::Bytes, Suffixes::Allowed) => "write a number of bytes, or 64KiB, 64MiB, 1GiB",
        (Unit::Milliseconds, Suffixes::Allowed) => "write milliseconds, or 500ms, 5s, 1h",
        (Unit::Microseconds, Suffixes::Allowed) => "write microseconds, or 50us, 1ms",
        _ => "write digits only",
    };
    match (with_suffix(text, unit), suffixes) {
        (Some(number), Suffixes::Allowed) => Ok(number),
        (Some(number), Suffixes::Refused) => Err(Invalid::new(
            "has a unit, but Kafka's keys take plain numbers",
            format!("write {number}"),
        )),
        (None, _) => Err(Invalid::new("is not a whole number", examples)),
    }
}

/// The number in front of a unit, in the unit of the key.
fn with_suffix(text: &str, unit: Unit) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: i64 = text[..digits].parse().ok()?;
    let suffix = text[digits..].trim_start();
    let factor = match unit {
        Unit::Bytes => match suffix {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return None,
        },
        Unit::Milliseconds => microseconds(suffix).filter(|us| us % 1_000 == 0)? / 1_000,
        Unit::Microseconds => microseconds(suffix)?,
        Unit::Count | Unit::Other => return None,
    };
    number.checked_mul(factor)
}

fn microseconds(suffix: &str) -> Option<i64> {
    match suffix {
        "us" => Some(1),
        "ms" => Some(1_000),
        "s" => Some(1_000_000),
        "min" => Some(60_000_000),
        "h" => Some(3_600_000_000),
        "d" => Some(86_400_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Kind = Kind::Integer { min: 10, max: 1 << 40, unit: Unit::Bytes };
    const DELAY_MS: Kind = Kind::Integer { min: -1, max: i64::MAX, unit: Unit::Milliseconds };
    const DELAY_US: Kind = Kind::Integer { min: 0, max: i64::MAX, unit: Unit::Microseconds };

    #[track_caller]
    fn check(kind: Kind, text: &str, expected: Value) {
        assert_eq!(kind.parse(text, Suffixes::Allowed), Ok(expected));
    }

    #[track_caller]
    fn refuse(kind: Kind, suffixes: Suffixes, text: &str, why: &str, hint: &str) {
        assert_eq!(kind.parse(text, suffixes), Err(Invalid::new(why, hint)));
    }

    #[test]
    fn booleans_ignore_case_and_spaces() {
        check(Kind::Boolean, " TRUE ", Value::Boolean(true));
        check(Kind::Boolean, "False", Value::Boolean(false));
        let (why, hint) = ("is neither true nor false", "write true or false");
        refuse(Kind::Boolean, Suffixes::Refused, "yes", why, hint);
    }

    #[test]
    fn our_sizes_and_times_take_units() {
        check(SIZE, "64MiB", Value::Integer(64 << 20));
        check(SIZE, "2 KiB", Value::Integer(2048));
        check(SIZE, "100", Value::Integer(100));
        check(DELAY_MS, "5s", Value::Integer(5_000));
        check(DELAY_MS, "1d", Value::Integer(86_400_000));
        check(DELAY_US, "5s", Value::Integer(5_000_000));
        check(DELAY_US, "7us", Value::Integer(7));
    }

    #[test]
    fn numbers_of_kafka_stay_plain_and_the_hint_does_the_sum() {
        let why = "has a unit, but Kafka's keys take plain numbers";
        refuse(SIZE, Suffixes::Refused, "1GiB", why, "write 1073741824");
        refuse(DELAY_MS, Suffixes::Refused, "7d", why, "write 604800000");
    }

    #[test]
    fn texts_that_are_no_number_are_refused() {
        let bytes = "write a number of bytes, or 64KiB, 64MiB, 1GiB";
        for text in
            ["", "x", "1MB", "MiB", "-1MiB", "1.5MiB", "9999999999TiB", "99999999999999999999"]
        {
            refuse(SIZE, Suffixes::Allowed, text, "is not a whole number", bytes);
        }
        // A microsecond is less than the unit of the key.
        let times = "write milliseconds, or 500ms, 5s, 1h";
        refuse(DELAY_MS, Suffixes::Allowed, "1000us", "is not a whole number", times);
    }

    #[test]
    fn bounds_are_included() {
        check(SIZE, "10", Value::Integer(10));
        check(SIZE, "1TiB", Value::Integer(1 << 40));
        let hint = "write a number from 10 to 1099511627776";
        refuse(SIZE, Suffixes::Allowed, "9", "is out of bounds", hint);
        refuse(SIZE, Suffixes::Allowed, "2TiB", "is out of bounds", hint);
    }

    #[test]
    fn decimals_are_bounded_and_nan_is_refused() {
        let ratio = Kind::Decimal { min: 0.0, max: 1.0 };
        check(ratio, "0.5", Value::Decimal(0.5));
        let hint = "write a number from 0 to 1";
        refuse(ratio, Suffixes::Allowed, "1.1", "is out of bounds", hint);
        refuse(ratio, Suffixes::Allowed, "NaN", "is out of bounds", hint);
        refuse(ratio, Suffixes::Allowed, "half", "is not a number", "write 0 to 1");
    }

    #[test]
    fn choices_are_checked_word_by_word() {
        let policies = Kind::Choices(&["compact", "delete"]);
        check(policies, "compact, delete", Value::List(vec!["compact".into(), "delete".into()]));
        check(policies, "", Value::List(vec![]));
        refuse(policies, Suffixes::Refused, "delete,keep", "names \"keep\"", "use compact, delete");
        let hint = "use a, b";
        refuse(
            Kind::Choice(&["a", "b"]),
            Suffixes::Refused,
            "A",
            "is not one of the known words",
            hint,
        );
    }

    #[test]
    fn values_are_written_as_they_would_be_typed() {
        let texts = [
            Value::Boolean(true),
            Value::Integer(-1),
            Value::Decimal(0.5),
            Value::Text("a b".into()),
            Value::Secret(Secret::new("a b")),
            Value::Secret(Secret::default()),
            Value::List(vec!["a".into(), "b".into()]),
        ]
        .map(|value| value.to_string());
        assert_eq!(texts, ["true", "-1", "0.5", "a b", "[hidden]", "", "a,b"]);
    }
}

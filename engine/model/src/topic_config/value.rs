//! How the text of a config is read and checked: Kafka's types, and the rule of each key.

use std::fmt;

/// The type of a config, as `DescribeConfigs` reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean,
    /// Any text.
    String,
    /// A 32-bit number.
    Int,
    /// A 64-bit number.
    Long,
    /// A decimal fraction.
    Double,
    /// Texts with commas between them.
    List,
    /// A text that is never shown. No config of a topic is one.
    Password,
}

impl ConfigType {
    /// The number in the response of `DescribeConfigs`.
    pub const fn number(self) -> i8 {
        match self {
            ConfigType::Boolean => 1,
            ConfigType::String => 2,
            ConfigType::Int => 3,
            ConfigType::Long => 5,
            ConfigType::Double => 6,
            ConfigType::List => 7,
            ConfigType::Password => 9,
        }
    }
}

/// What a value must be beyond its type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Anything of the type.
    Any,
    /// A number not below this one.
    AtLeast(i64),
    /// A number between these two, ends included.
    Between(i64, i64),
    /// The number -1, or one between these two.
    DefaultOrBetween(i64, i64),
    /// A fraction from 0 to 1.
    Ratio,
    /// One of these texts, or for a list any of them.
    OneOf(&'static [&'static str]),
    /// `*`, or partitions and brokers as in `0:101,1:102`.
    ThrottledReplicas,
}

/// A value that has its type and keeps its rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Boolean(bool),
    Number(i64),
    Fraction(f64),
    Text(String),
    List(Vec<String>),
}

/// Reads `text`; the error ends the sentence "the value ... must be".
pub(super) fn parse(config_type: ConfigType, rule: Rule, text: &str) -> Result<Value, String> {
    let text = text.trim();
    let value = match config_type {
        ConfigType::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
        ConfigType::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
        ConfigType::Boolean => return Err("true or false".to_owned()),
        ConfigType::String | ConfigType::Password => Value::Text(text.to_owned()),
        ConfigType::Int => match text.parse::<i32>() {
            Ok(number) => Value::Number(number.into()),
            Err(_) => return Err("a 32-bit number".to_owned()),
        },
        ConfigType::Long => match text.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => return Err("a 64-bit number".to_owned()),
        },
        ConfigType::Double => match text.parse::<f64>() {
            Ok(fraction) if fraction.is_finite() => Value::Fraction(fraction),
            _ => return Err("a decimal fraction".to_owned()),
        },
        ConfigType::List if text.is_empty() => Value::List(Vec::new()),
        ConfigType::List => {
            Value::List(text.split(',').map(|item| item.trim().to_owned()).collect())
        }
    };
    if rule.allows(&value) { Ok(value) } else { Err(rule.to_string()) }
}

impl Rule {
    fn allows(self, value: &Value) -> bool {
        match (self, value) {
            (Rule::Any, _) => true,
            (Rule::AtLeast(min), Value::Number(number)) => min <= *number,
            (Rule::Between(min, max), Value::Number(number)) => (min..=max).contains(number),
            (Rule::DefaultOrBetween(min, max), Value::Number(number)) => {
                *number == -1 || (min..=max).contains(number)
            }
            (Rule::Ratio, Value::Fraction(fraction)) => (0.0..=1.0).contains(fraction),
            (Rule::OneOf(texts), Value::Text(text)) => texts.contains(&text.as_str()),
            (Rule::OneOf(texts), Value::List(items)) => {
                items.iter().all(|item| texts.contains(&item.as_str()))
            }
            (Rule::ThrottledReplicas, Value::List(items)) => {
                items == &["*"] || items.iter().all(|item| throttled_replica(item).is_some())
            }
            (
                Rule::AtLeast(_)
                | Rule::Between(..)
                | Rule::DefaultOrBetween(..)
                | Rule::Ratio
                | Rule::OneOf(_)
                | Rule::ThrottledReplicas,
                _,
            ) => false,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Any => write!(f, "anything"),
            Rule::AtLeast(min) => write!(f, "at least {min}"),
            Rule::Between(min, max) => write!(f, "from {min} to {max}"),
            Rule::DefaultOrBetween(min, max) => write!(f, "-1, or from {min} to {max}"),
            Rule::Ratio => write!(f, "from 0 to 1"),
            Rule::OneOf(texts) => write!(f, "of {}", texts.join(", ")),
            Rule::ThrottledReplicas => {
                write!(f, "\"*\" or a list such as 0:101,1:102 of partitions and brokers")
            }
        }
    }
}

/// Reads one partition and broker.
pub(super) fn throttled_replica(text: &str) -> Option<(i32, i32)> {
    let number = |digits: &str| {
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|_| is_number)
    };
    let (partition, broker) = text.split_once(':')?;
    Some((number(partition)?, number(broker)?))
}

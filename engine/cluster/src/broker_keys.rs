//! The configs of brokers that can change while they run and are no defaults of topics: their
//! types, bounds and meaning. A value that is set keeps them, so whoever reads one can rely on it.

use corelog_model::BrokerId;
use corelog_model::topic_config::ConfigType;

use crate::image::ClusterImage;
use crate::record::ConfigResource;
use crate::share_reset::{NoReset, ShareReset};

/// One config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrokerKey {
    /// Kafka's name.
    pub name: &'static str,
    /// What its values are.
    pub range: ValueRange,
    /// What it does.
    pub doc: &'static str,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRange {
    /// A whole number between these two, ends included.
    Integer(i64, i64),
    /// A number between these two, ends included.
    Decimal(f64, f64),
    /// `true` or `false`.
    Boolean,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Where share groups begin to read, see [`ShareReset`].
    ShareReset,
}

/// All of them, in the order of their names.
pub const BROKER_KEYS: [BrokerKey; 10] = [
    key(
        "follower.replication.throttled.rate",
        ValueRange::Integer(0, i64::MAX),
        "Bytes a second that throttled replicas fetch; without effect while each is alone.",
    ),
    key(
        "leader.replication.throttled.rate",
        ValueRange::Integer(0, i64::MAX),
        "Bytes a second that throttled replicas send; without effect while each is alone.",
    ),
    key(
        "log.cleaner.backoff.ms",
        ValueRange::Integer(1, i64::MAX),
        "How often a log to compact is looked for while there is none.",
    ),
    key(
        "log.cleaner.dedupe.buffer.size",
        ValueRange::Integer(1 << 20, 1 << 40),
        "Memory for the keys of logs that are being compacted, over all cores; 24 bytes a key.",
    ),
    key(
        "log.cleaner.io.buffer.load.factor",
        ValueRange::Decimal(0.01, 1.0),
        "How full that memory gets before a pass over a log ends where it is.",
    ),
    key(
        "log.cleaner.io.max.bytes.per.second",
        ValueRange::Decimal(1.0, f64::MAX),
        "Bytes that compaction reads and writes in a second, over all cores.",
    ),
    key(
        "max.connections",
        ValueRange::Integer(0, i32::MAX as i64),
        "Open connections over all cores; more are refused.",
    ),
    key(
        "max.connections.per.ip",
        ValueRange::Integer(1, i32::MAX as i64),
        "Open connections from one address over all cores; more are refused.",
    ),
    key(
        "producer.id.expiration.ms",
        ValueRange::Integer(1, i32::MAX as i64),
        "How long a partition remembers a producer that writes nothing.",
    ),
    key(
        "transaction.partition.verification.enable",
        ValueRange::Boolean,
        "Whether the first batch of a transaction is taken only if its coordinator knows of it.",
    ),
];

const fn key(name: &'static str, range: ValueRange, doc: &'static str) -> BrokerKey {
    BrokerKey { name, range, doc }
}

/// The config of this name.
pub fn broker_key(name: &str) -> Option<&'static BrokerKey> {
    BROKER_KEYS.iter().find(|key| key.name == name)
}

impl ValueRange {
    /// Checks a value; the error ends the sentence "the value must be".
    pub fn check(self, text: &str) -> Result<(), String> {
        let text = text.trim();
        let is_good = match self {
            ValueRange::Integer(min, max) => {
                text.parse().is_ok_and(|number: i64| (min..=max).contains(&number))
            }
            ValueRange::Decimal(min, max) => {
                text.parse().is_ok_and(|number: f64| (min..=max).contains(&number))
            }
            ValueRange::Boolean => boolean(text).is_some(),
            ValueRange::Choice(choices) => choices.contains(&text),
            ValueRange::ShareReset => text.parse::<ShareReset>().is_ok(),
        };
        if is_good { Ok(()) } else { Err(self.to_string()) }
    }

    /// Kafka's type: a whole number is as wide as its bounds.
    pub fn config_type(self) -> ConfigType {
        match self {
            ValueRange::Integer(_, max) if max <= i64::from(i32::MAX) => ConfigType::Int,
            ValueRange::Integer(..) => ConfigType::Long,
            ValueRange::Decimal(..) => ConfigType::Double,
            ValueRange::Boolean => ConfigType::Boolean,
            ValueRange::Choice(_) | ValueRange::ShareReset => ConfigType::String,
        }
    }
}

impl std::fmt::Display for ValueRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ValueRange::Integer(min, max) => write!(f, "a whole number from {min} to {max}"),
            ValueRange::Decimal(min, max) if *max < f64::MAX => {
                write!(f, "a number from {min} to {max}")
            }
            ValueRange::Decimal(min, _) => write!(f, "a number of at least {min}"),
            ValueRange::Boolean => f.write_str("true or false"),
            ValueRange::Choice(choices) => f.write_str(&choices.join(" or ")),
            ValueRange::ShareReset => NoReset.fmt(f),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.trim().eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

impl ClusterImage {
    /// What was set at run time for a broker, or else for all of them.
    fn broker_setting(&self, broker: BrokerId, name: &str) -> Option<&str> {
        let own = self.configs_of(&ConfigResource::Broker(broker));
        let own = own.and_then(|configs| configs.get(name));
        let of_all = || self.configs_of(&ConfigResource::BrokerDefault)?.get(name);
        own.or_else(of_all).map(String::as_str)
    }

    /// The whole number that was set at run time for a broker; `None` where its file holds.
    pub fn broker_integer(&self, broker: BrokerId, name: &str) -> Option<i64> {
        self.broker_setting(broker, name)?.trim().parse().ok()
    }

    /// The same for a number with a fraction.
    pub fn broker_decimal(&self, broker: BrokerId, name: &str) -> Option<f64> {
        self.broker_setting(broker, name)?.trim().parse().ok()
    }

    /// The same for `true` and `false`.
    pub fn broker_boolean(&self, broker: BrokerId, name: &str) -> Option<bool> {
        boolean(self.broker_setting(broker, name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_are_no_defaults_of_topics() {
        assert!(BROKER_KEYS.is_sorted_by(|one, next| one.name < next.name));
        let topics = &corelog_model::topic_config::TOPIC_CONFIGS;
        for key in &BROKER_KEYS {
            let mut synonyms = topics.iter().flat_map(|topic| topic.synonyms);
            assert!(synonyms.all(|synonym| synonym.name != key.name), "{}", key.name);
        }
    }

    #[test]
    fn a_value_keeps_its_type_and_bounds() {
        let check = |name, good: &[&str], bad: &[&str]| {
            let range = broker_key(name).unwrap().range;
            assert!(good.iter().all(|text| range.check(text).is_ok()), "{good:?}");
            assert!(bad.iter().all(|text| range.check(text).is_err()), "{bad:?}");
        };
        check("max.connections", &["0", " 7 ", "2147483647"], &["-1", "2147483648", "7.5", ""]);
        check("log.cleaner.io.buffer.load.factor", &["0.5", "1"], &["0", "1.1", "NaN", "x"]);
        check("log.cleaner.io.max.bytes.per.second", &["1", "1e9"], &["0.5", "inf", "-1"]);
        check("transaction.partition.verification.enable", &["true", "FALSE"], &["yes", ""]);
    }
}

//! Wall-clock times of records, as Kafka writes them.

use std::fmt;
use std::ops::{Add, Sub};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// "No timestamp", as Kafka writes it.
    pub const NONE: Timestamp = Timestamp(-1);
    /// The Unix epoch.
    pub const ZERO: Timestamp = Timestamp(0);

    /// The bare number of milliseconds.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// True for [`Timestamp::NONE`].
    pub const fn is_none(self) -> bool {
        self.0 == Timestamp::NONE.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add<i64> for Timestamp {
    type Output = Timestamp;

    fn add(self, milliseconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(milliseconds))
    }
}

impl Sub for Timestamp {
    type Output = i64;

    fn sub(self, other: Timestamp) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

/// Who sets the timestamps of a batch (KIP-32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimestampType {
    /// The producer, when it made the record.
    #[default]
    CreateTime,
    /// The leader, when it appended the batch.
    LogAppendTime,
}

impl TimestampType {
    /// The name Kafka uses in `message.timestamp.type`.
    pub const fn name(self) -> &'static str {
        match self {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        }
    }
}

impl fmt::Display for TimestampType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_on_hostile_timestamps_saturates() {
        assert_eq!(Timestamp(i64::MAX) + 1, Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN) - Timestamp(1), i64::MIN);
        assert!(Timestamp::NONE.is_none());
        assert!(!Timestamp::ZERO.is_none());
    }
}

//! The position of a record in a partition.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// The position of a record in its partition; the first record of a partition has offset 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Offset(pub i64);

impl Offset {
    /// The first offset of a partition.
    pub const ZERO: Offset = Offset(0);
    /// The largest offset; a bound, never a record.
    pub const MAX: Offset = Offset(i64::MAX);
    /// "No such offset", as Kafka writes it on the wire.
    pub const NONE: Offset = Offset(-1);

    /// The bare number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Offset {
        Offset(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add<i64> for Offset {
    type Output = Offset;

    fn add(self, count: i64) -> Offset {
        Offset(self.0 + count)
    }
}

impl AddAssign<i64> for Offset {
    fn add_assign(&mut self, count: i64) {
        self.0 += count;
    }
}

impl Sub for Offset {
    type Output = i64;

    fn sub(self, other: Offset) -> i64 {
        self.0 - other.0
    }
}

impl Sub<i64> for Offset {
    type Output = Offset;

    fn sub(self, count: i64) -> Offset {
        Offset(self.0 - count)
    }
}

impl From<i64> for Offset {
    fn from(value: i64) -> Offset {
        Offset(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_of_two_offsets_is_a_count() {
        assert_eq!(Offset(7) - Offset(4), 3);
        assert_eq!(Offset(4) + 3, Offset(7));
        assert_eq!(Offset(7) - 3, Offset(4));
        assert_eq!(Offset::ZERO.next(), Offset(1));
        assert_eq!(Offset(42).to_string(), "42");
    }
}

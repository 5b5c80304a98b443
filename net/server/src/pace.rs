//! How fast a peer must send what it has begun, and take what it is sent. Who is slower keeps
//! memory from others.

use std::time::Duration;

/// What a peer moves in a second at least, of what lasts longer than a period.
const BYTES_PER_SECOND_MIN: u64 = 32 << 10;

/// A peer that is waited for: in each period of that time it must move its bytes, or all the rest.
/// What it moved before is no help, or it could stall at the end for as long as it was fast.
#[derive(Debug)]
pub(crate) struct Pace {
    period: Duration,
    waited: Duration,
    due: u64,
}

impl Pace {
    /// A peer that was not waited for yet.
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, waited: Duration::ZERO, due: bytes_of(period) }
    }

    /// How long it is waited for until the period is over.
    pub(crate) fn left(&self) -> Duration {
        self.period.saturating_sub(self.waited)
    }

    /// Counts how long it was waited for, and the bytes that it moved meanwhile. False if it is too
    /// slow.
    pub(crate) fn keeps(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.due = self.due.saturating_sub(bytes as u64);
        if self.waited < self.period {
            return true;
        }
        let was_kept = self.due == 0;
        *self = Self::new(self.period);
        was_kept
    }
}

fn bytes_of(period: Duration) -> u64 {
    let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    (BYTES_PER_SECOND_MIN.saturating_mul(millis) / 1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_peer_must_move_its_bytes_in_each_period() {
        let mut pace = Pace::new(ms(2000));
        assert!(pace.keeps(ms(500), 60 << 10));
        assert_eq!(pace.left(), ms(1500));
        assert!(pace.keeps(ms(1500), 4 << 10), "all of the period's bytes");
        assert_eq!(pace.left(), ms(2000));
        assert!(pace.keeps(ms(1999), (64 << 10) - 1), "not over yet");
        assert!(!pace.keeps(ms(1), 0), "one is missing");
    }

    #[test]
    fn what_was_moved_before_is_no_help() {
        let mut pace = Pace::new(ms(2000));
        assert!(pace.keeps(ms(2000), 100 << 20));
        assert!(!pace.keeps(ms(2000), 1), "it was fast, and stalls at the end");
    }

    #[test]
    fn byte_by_byte_is_not_enough() {
        let mut pace = Pace::new(ms(2000));
        assert!((1..20).all(|_| pace.keeps(ms(100), 1)));
        assert!(!pace.keeps(ms(100), 1));
    }
}

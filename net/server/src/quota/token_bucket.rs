//! A bucket of tokens, as Kafka counts changes of partitions (KIP-599): a client may take as long
//! as there is any, even more than there are, and then waits until the debt is paid.

use std::time::Duration;

use corelog_cluster::QuotaValue;
use corelog_io::Instant;

use super::rate::{WINDOW, WINDOWS, whole_ms};

/// So little is no time, but what computing with parts leaves.
const NO_MS: f64 = 1e-6;

/// The tokens of one client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenBucket {
    tokens: f64,
    filled: Option<Instant>,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new() -> Self {
        Self { tokens: 0.0, filled: None }
    }

    /// Whether anything may be taken.
    pub(crate) fn has_tokens(&mut self, quota: QuotaValue, now: Instant) -> bool {
        self.fill(quota, now);
        self.tokens >= 0.0
    }

    /// Takes tokens, though there may be fewer.
    pub(crate) fn take(&mut self, amount: f64, quota: QuotaValue, now: Instant) {
        self.fill(quota, now);
        self.tokens -= amount;
    }

    /// For how long to wait until something may be taken again; zero if it may be taken now.
    pub(crate) fn throttle_time(&mut self, quota: QuotaValue, now: Instant) -> Duration {
        self.fill(quota, now);
        // Rounded up: who has waited that long is not refused for a part of a millisecond.
        let debt_ms = -self.tokens / quota.get() * 1_000.0;
        whole_ms((debt_ms - NO_MS).ceil() / 1_000.0)
    }

    fn fill(&mut self, quota: QuotaValue, now: Instant) {
        let burst = quota.get() * f64::from(WINDOWS) * WINDOW.as_secs_f64();
        let earned = match self.filled {
            None => burst,
            Some(filled) => quota.get() * now.since(filled).as_secs_f64(),
        };
        self.tokens = (self.tokens + earned).min(burst);
        self.filled = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_burst_of_eleven_seconds_and_a_debt_that_is_paid_at_the_rate_of_the_quota() {
        let quota = QuotaValue::new(5.0).unwrap();
        let mut bucket = TokenBucket::new();
        assert!(bucket.has_tokens(quota, at(0)));
        bucket.take(55.0, quota, at(0));
        assert_eq!(bucket.throttle_time(quota, at(0)), Duration::ZERO);
        assert!(bucket.has_tokens(quota, at(0)), "none is left, and none is owed");
        bucket.take(10.0, quota, at(0));
        assert!(!bucket.has_tokens(quota, at(0)));
        assert_eq!(bucket.throttle_time(quota, at(0)), Duration::from_secs(2));
        assert_eq!(bucket.throttle_time(quota, at(1_500)), Duration::from_millis(500));
        let almost = Instant::from_nanos(1_999_900_000);
        assert_eq!(bucket.throttle_time(quota, almost), Duration::from_millis(1));
        assert!(!bucket.has_tokens(quota, almost));
        assert!(bucket.has_tokens(quota, at(2_000)));
    }

    #[test]
    fn a_bucket_never_holds_more_than_the_burst() {
        let quota = QuotaValue::new(1.0).unwrap();
        let mut bucket = TokenBucket::new();
        bucket.take(1.0, quota, at(0));
        bucket.take(12.0, quota, at(3_600_000));
        assert_eq!(bucket.throttle_time(quota, at(3_600_000)), Duration::from_secs(1));
    }

    #[test]
    fn a_smaller_quota_counts_at_once() {
        let (large, small) = (QuotaValue::new(100.0).unwrap(), QuotaValue::new(1.0).unwrap());
        let mut bucket = TokenBucket::new();
        assert!(bucket.has_tokens(large, at(0)));
        bucket.take(12.0, small, at(0));
        assert_eq!(bucket.throttle_time(small, at(0)), Duration::from_secs(1));
    }
}

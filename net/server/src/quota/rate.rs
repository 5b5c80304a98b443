//! A rate over the last seconds, sampled as Kafka does (KIP-13): amounts fall into windows of one
//! second, eleven of them count, and a client that was idle does not start with a burst for free.

use std::collections::VecDeque;
use std::time::Duration;

use corelog_cluster::QuotaValue;
use corelog_io::Instant;

/// Windows that count, the current one among them (`quota.window.num`).
pub(crate) const WINDOWS: u32 = 11;
/// How long a window is (`quota.window.size.seconds`).
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    start: Instant,
    last: Instant,
    amount: f64,
}

/// How much there was of something lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    /// The oldest first. At most one more than windows count: the oldest may reach into them.
    samples: VecDeque<Sample>,
}

impl Rate {
    /// Adds to what there was. What was added and shall not count is taken back as a negative
    /// amount.
    pub(crate) fn record(&mut self, amount: f64, now: Instant) {
        self.forget(now);
        match self.samples.back_mut() {
            Some(current) if now.since(current.start) < WINDOW => {
                current.last = now;
                current.amount += amount;
            }
            _ => self.samples.push_back(Sample { start: now, last: now, amount }),
        }
        let most = WINDOWS as usize + 1;
        while self.samples.len() > most {
            self.samples.pop_front();
        }
    }

    /// For how long to wait until the rate is within the quota again; zero if it is.
    pub(crate) fn throttle_time(&mut self, quota: QuotaValue, now: Instant) -> Duration {
        self.forget(now);
        let window = self.window(now);
        let amount: f64 = self.samples.iter().map(|sample| sample.amount).sum();
        let (rate, quota) = (amount / window.as_secs_f64(), quota.get());
        if rate <= quota {
            return Duration::ZERO;
        }
        whole_ms((rate - quota) / quota * window.as_secs_f64())
    }

    /// The time that the amounts are divided by: what has passed since the oldest, and never less
    /// than all full windows but the current one.
    fn window(&self, now: Instant) -> Duration {
        let passed = self.samples.front().map_or(Duration::ZERO, |oldest| now.since(oldest.start));
        let full = u32::try_from(passed.as_nanos() / WINDOW.as_nanos()).unwrap_or(u32::MAX);
        let missing = (WINDOWS - 1).saturating_sub(full);
        passed + WINDOW * missing
    }

    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.samples.front()
            && now.since(oldest.last) >= WINDOW * WINDOWS
        {
            self.samples.pop_front();
        }
    }
}

/// The most bytes that fit a quota on bytes from a stand-still: what one fetch may take.
pub(crate) fn burst(quota: QuotaValue) -> usize {
    let seconds = f64::from(WINDOWS - 1) * WINDOW.as_secs_f64();
    // Saturates where a quota is above all that can be fetched.
    (quota.get() * seconds) as usize
}

/// A throttle time, rounded to what clients can be told; bounded by what a clock can hold.
pub(super) fn whole_ms(seconds: f64) -> Duration {
    let ms = (seconds * 1_000.0).round().clamp(0.0, f64::from(i32::MAX));
    Duration::from_millis(ms as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(1_000_000_000_000 + ms * 1_000_000)
    }

    /// Records amounts at times and compares the throttle times right after each, in ms.
    #[track_caller]
    fn check(quota: f64, records: &[(u64, f64, u64)]) {
        let quota = QuotaValue::new(quota).unwrap();
        let mut rate = Rate::default();
        for (time, amount, expected) in records {
            rate.record(*amount, at(*time));
            let throttled = rate.throttle_time(quota, at(*time)).as_millis();
            assert_eq!(throttled, u128::from(*expected), "after {amount} at {time} ms");
        }
    }

    #[test]
    fn what_fits_ten_seconds_is_not_throttled_and_the_rest_takes_as_long_as_it_should() {
        // 500 a second: 5000 fit ten windows, then 1 more is (500.1 - 500) / 500 * 10 s = 2 ms.
        check(500.0, &[(0, 5_000.0, 0), (0, 1.0, 2), (0, 499.0, 1_000), (0, 5_500.0, 12_000)]);
    }

    #[test]
    fn within_the_current_window_time_passes_that_counts() {
        // 10.5 s for 6000: 571.4 a second; (571.4 - 500) / 500 * 10.5 s.
        check(500.0, &[(0, 5_000.0, 0), (500, 1_000.0, 1_500)]);
    }

    #[test]
    fn an_idle_client_is_given_no_more_than_ten_windows() {
        check(500.0, &[(0, 1.0, 0), (60_000, 5_000.0, 0), (60_000, 50.0, 100)]);
    }

    #[test]
    fn a_steady_client_below_its_quota_is_never_throttled() {
        let steady: Vec<_> = (0..600).map(|tenth| (tenth * 100, 45.0, 0)).collect();
        check(500.0, &steady);
    }

    #[test]
    fn who_was_twice_as_fast_waits_as_long_as_that_took() {
        let fast: Vec<_> = (0..10).map(|second| (second * 1_000, 1_000.0, 0)).collect();
        let mut rate = Rate::default();
        for (time, amount, _) in fast {
            rate.record(amount, at(time));
        }
        let quota = QuotaValue::new(500.0).unwrap();
        assert_eq!(rate.throttle_time(quota, at(9_000)), Duration::from_secs(10));
    }

    #[test]
    fn what_is_over_for_eleven_windows_is_forgotten() {
        let mut rate = Rate::default();
        let quota = QuotaValue::new(500.0).unwrap();
        rate.record(50_000.0, at(0));
        assert_eq!(rate.throttle_time(quota, at(0)), Duration::from_secs(90));
        assert!(rate.throttle_time(quota, at(10_999)) > Duration::ZERO);
        assert_eq!(rate.throttle_time(quota, at(11_000)), Duration::ZERO);
    }

    #[test]
    fn what_was_taken_back_does_not_count() {
        let mut rate = Rate::default();
        let quota = QuotaValue::new(500.0).unwrap();
        rate.record(5_500.0, at(0));
        assert_eq!(rate.throttle_time(quota, at(0)), Duration::from_secs(1));
        rate.record(-5_500.0, at(0));
        rate.record(5_000.0, at(0));
        assert_eq!(rate.throttle_time(quota, at(0)), Duration::ZERO);
    }

    #[test]
    fn the_samples_of_a_rate_are_bounded() {
        let mut rate = Rate::default();
        for time in 0..100 {
            rate.record(1.0, at(time * 1_000));
        }
        assert!(rate.samples.len() <= WINDOWS as usize + 1);
    }

    #[test]
    fn one_fetch_may_take_what_fits_from_a_stand_still() {
        assert_eq!(burst(QuotaValue::new(500.0).unwrap()), 5_000);
        assert_eq!(burst(QuotaValue::new(1e300).unwrap()), usize::MAX);
    }
}

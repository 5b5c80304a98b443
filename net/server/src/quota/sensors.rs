//! What clients have used up on one core, by quota and by those who share it. Bounded: what was not
//! used for an hour is forgotten, and when there is no room, what was not used for longest.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_cluster::{QuotaKey, QuotaValue, Sharers};
use corelog_io::Instant;

use super::rate::{Rate, WINDOW};
use super::token_bucket::TokenBucket;

/// Sensors of one core at most. Client ids are chosen by clients, so anybody can make some.
const SENSORS_MAX: usize = 10_000;
/// What is unused for so long is forgotten, as in Kafka.
const UNUSED_MAX: Duration = Duration::from_secs(3600);
/// When there is no room, one of so many makes some.
const FORGOTTEN_SHARE: usize = 8;

/// One quota of one client, and with whom it shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) sensor: (QuotaKey, Sharers),
    pub(crate) quota: QuotaValue,
}

#[derive(Clone, Debug)]
enum Meter {
    Rate(Rate),
    Bucket(TokenBucket),
}

#[derive(Clone, Debug)]
struct Sensor {
    used: Instant,
    meter: Meter,
}

/// The sensors of one core.
#[derive(Debug, Default)]
pub(crate) struct Sensors {
    by_key: BTreeMap<(QuotaKey, Sharers), Sensor>,
}

/// Whether a change of partitions that is over the quota is refused (KIP-599).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// It is refused: the client knows what that means.
    Strict,
    /// It is carried out, and the client must wait before it sends more.
    Permissive,
}

impl Sensors {
    /// Adds to what was used, and says for how long the client must wait.
    pub(crate) fn record(&mut self, limit: &Limit, amount: f64, now: Instant) -> Duration {
        let Meter::Rate(rate) = self.meter(limit, now) else { return Duration::ZERO };
        rate.record(amount, now);
        let time = rate.throttle_time(limit.quota, now);
        match limit.sensor.0 {
            // As in Kafka: what takes no bytes is throttled for a window at most.
            QuotaKey::RequestPercentage | QuotaKey::ConnectionCreationRate => time.min(WINDOW),
            QuotaKey::ProducerByteRate
            | QuotaKey::ConsumerByteRate
            | QuotaKey::ControllerMutationRate => time,
        }
    }

    /// Takes back what was recorded at the same time.
    pub(crate) fn take_back(&mut self, limit: &Limit, amount: f64, now: Instant) {
        if let Meter::Rate(rate) = self.meter(limit, now) {
            rate.record(-amount, now);
        }
    }

    /// Creates or deletes so many partitions, or refuses to; and says for how long the client must
    /// wait.
    pub(crate) fn change_partitions(
        &mut self,
        limit: &Limit,
        partitions: usize,
        strictness: Strictness,
        now: Instant,
    ) -> Result<Duration, Duration> {
        let Meter::Bucket(bucket) = self.meter(limit, now) else { return Ok(Duration::ZERO) };
        if strictness == Strictness::Strict {
            if !bucket.has_tokens(limit.quota, now) {
                return Err(bucket.throttle_time(limit.quota, now));
            }
            bucket.take(partitions as f64, limit.quota, now);
            return Ok(Duration::ZERO);
        }
        bucket.take(partitions as f64, limit.quota, now);
        Ok(bucket.throttle_time(limit.quota, now))
    }

    fn meter(&mut self, limit: &Limit, now: Instant) -> &mut Meter {
        if self.by_key.len() >= SENSORS_MAX && !self.by_key.contains_key(&limit.sensor) {
            self.make_room(now);
        }
        let sensor = self.by_key.entry(limit.sensor.clone()).or_insert_with(|| Sensor {
            used: now,
            meter: match limit.sensor.0 {
                QuotaKey::ControllerMutationRate => Meter::Bucket(TokenBucket::new()),
                QuotaKey::ProducerByteRate
                | QuotaKey::ConsumerByteRate
                | QuotaKey::RequestPercentage
                | QuotaKey::ConnectionCreationRate => Meter::Rate(Rate::default()),
            },
        });
        sensor.used = now;
        &mut sensor.meter
    }

    /// Costs a look at every sensor, so it forgets many at once.
    fn make_room(&mut self, now: Instant) {
        self.by_key.retain(|_, sensor| now.since(sensor.used) < UNUSED_MAX);
        if self.by_key.len() < SENSORS_MAX {
            return;
        }
        let mut used: Vec<Instant> = self.by_key.values().map(|sensor| sensor.used).collect();
        let (_, end, _) = used.select_nth_unstable(SENSORS_MAX / FORGOTTEN_SHARE);
        let end = *end;
        let mut left = SENSORS_MAX / FORGOTTEN_SHARE;
        self.by_key.retain(|_, sensor| {
            let is_old = left > 0 && sensor.used <= end;
            left -= usize::from(is_old);
            !is_old
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn limit(key: QuotaKey, sharers: Sharers, quota: f64) -> Limit {
        Limit { sensor: (key, sharers), quota: QuotaValue::new(quota).unwrap() }
    }

    fn bob(key: QuotaKey, quota: f64) -> Limit {
        limit(key, Sharers::User("bob".to_owned()), quota)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn those_who_share_a_quota_use_it_up_together_and_others_do_not() {
        let mut sensors = Sensors::default();
        let of_bob = bob(QuotaKey::ProducerByteRate, 500.0);
        assert_eq!(sensors.record(&of_bob, 5_000.0, at(0)), ms(0));
        assert_eq!(sensors.record(&of_bob, 500.0, at(0)), ms(1_000));
        let of_app = limit(QuotaKey::ProducerByteRate, Sharers::Client("app".to_owned()), 500.0);
        assert_eq!(sensors.record(&of_app, 500.0, at(0)), ms(0));
        let fetched = bob(QuotaKey::ConsumerByteRate, 500.0);
        assert_eq!(sensors.record(&fetched, 500.0, at(0)), ms(0), "each key has its own");
        sensors.take_back(&of_bob, 500.0, at(0));
        assert_eq!(sensors.record(&of_bob, 0.0, at(0)), ms(0));
    }

    #[test]
    fn a_new_quota_counts_what_was_used_before() {
        let mut sensors = Sensors::default();
        sensors.record(&bob(QuotaKey::ProducerByteRate, 500.0), 5_000.0, at(0));
        let halved = bob(QuotaKey::ProducerByteRate, 250.0);
        assert_eq!(sensors.record(&halved, 0.0, at(0)), ms(10_000));
    }

    #[test]
    fn time_on_a_thread_is_throttled_for_a_window_at_most() {
        let mut sensors = Sensors::default();
        let percent = bob(QuotaKey::RequestPercentage, 10.0);
        assert_eq!(sensors.record(&percent, 105.0, at(0)), ms(500));
        assert_eq!(sensors.record(&percent, 1_000.0, at(0)), ms(1_000));
    }

    #[test]
    fn over_the_quota_strict_changes_are_refused_and_others_wait_behind_them() {
        let mut sensors = Sensors::default();
        let quota = bob(QuotaKey::ControllerMutationRate, 1.0);
        let mut change = |partitions, strictness| {
            sensors.change_partitions(&quota, partitions, strictness, at(0))
        };
        assert_eq!(change(12, Strictness::Strict), Ok(ms(0)), "more than there is, once");
        assert_eq!(change(1, Strictness::Strict), Err(ms(1_000)));
        assert_eq!(change(1, Strictness::Permissive), Ok(ms(2_000)));
        assert_eq!(change(1, Strictness::Strict), Err(ms(2_000)), "a refused one takes nothing");
    }

    #[test]
    fn when_there_is_no_room_the_longest_unused_make_some() {
        let mut sensors = Sensors::default();
        let of = |number: usize| {
            limit(QuotaKey::ProducerByteRate, Sharers::Client(number.to_string()), 500.0)
        };
        let fill = |sensors: &mut Sensors, numbers: std::ops::Range<usize>| {
            for number in numbers {
                sensors.record(&of(number), 5_500.0, at(number as u64 / 100));
                assert!(sensors.by_key.len() <= SENSORS_MAX);
            }
        };
        fill(&mut sensors, 0..SENSORS_MAX);
        let last = of(SENSORS_MAX - 1);
        fill(&mut sensors, SENSORS_MAX..SENSORS_MAX + 1);
        assert_eq!(sensors.by_key.len(), SENSORS_MAX - SENSORS_MAX / FORGOTTEN_SHARE + 1);
        assert!(!sensors.by_key.contains_key(&of(0).sensor));
        assert!(sensors.by_key.contains_key(&last.sensor));
        let later = UNUSED_MAX.as_millis() as u64 + 1_000;
        sensors.record(&last, 1.0, at(later));
        sensors.make_room(at(later));
        assert_eq!(sensors.by_key.len(), 1);
    }
}

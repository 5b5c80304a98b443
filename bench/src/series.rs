//! A run second by second. Each thread counts for itself and hands over what it has about once a
//! second; the parts are added here, by the second in which a message was meant to be sent.
//! Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::latency::{Digits, Latency};

/// For so many seconds histograms are kept open for late answers. Later ones still count, but no
/// longer move the percentiles of their second.
const OPEN_SECONDS: usize = 120;

/// Counts of one second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Messages given to the producer.
    pub sent: u64,
    /// Bytes of their keys and values.
    pub sent_bytes: u64,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// Messages that failed.
    pub failed: u64,
    /// Messages that reached a tail reader; each reading group counts.
    pub received: u64,
    /// Bytes that catch-up readers fetched.
    pub caught_up_bytes: u64,
    /// The longest time between a message's intended and actual moment.
    pub lag_max_ns: u64,
}

/// What one thread counted of one second.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The counts.
    pub counts: Counts,
    /// From the intended moment to the acknowledgement.
    pub produce: Latency,
    /// From the intended moment to a tail reader.
    pub end_to_end: Latency,
}

/// One second of a run, as it is saved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Second {
    /// Which, from the start of the schedule.
    pub second: u64,
    /// The counts.
    pub counts: Counts,
    /// From the intended moment to the acknowledgement.
    pub produce: Points,
    /// From the intended moment to a tail reader.
    pub end_to_end: Points,
}

/// The latencies of one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// Half took longer.
    pub p50_ns: u64,
    /// One in a hundred took longer.
    pub p99_ns: u64,
    /// One in a thousand took longer.
    pub p999_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// What one thread has counted since it last handed over.
#[derive(Debug, Default)]
pub struct Tally {
    parts: BTreeMap<u64, Part>,
}

/// The seconds of a run.
#[derive(Debug, Default)]
pub struct Series {
    open: BTreeMap<u64, Part>,
    closed: BTreeMap<u64, Second>,
}

impl Default for Part {
    fn default() -> Self {
        let latency = || Latency::new(Digits::Two);
        Self { counts: Counts::default(), produce: latency(), end_to_end: latency() }
    }
}

impl Counts {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.received += other.received;
        self.caught_up_bytes += other.caught_up_bytes;
        self.lag_max_ns = self.lag_max_ns.max(other.lag_max_ns);
    }
}

impl Part {
    /// Adds what another thread counted.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.produce.merge(&other.produce);
        self.end_to_end.merge(&other.end_to_end);
    }
}

impl Tally {
    /// The part of the second that a moment after the start falls into.
    pub fn at(&mut self, moment: Duration) -> &mut Part {
        self.parts.entry(moment.as_secs()).or_default()
    }

    /// What was counted since the last call.
    pub fn take(&mut self) -> BTreeMap<u64, Part> {
        std::mem::take(&mut self.parts)
    }

    /// Takes back what could not be handed over.
    pub fn put_back(&mut self, parts: BTreeMap<u64, Part>) {
        for (second, part) in parts {
            self.parts.entry(second).or_default().add(&part);
        }
    }
}

impl Series {
    /// Adds what a thread counted.
    pub fn add(&mut self, parts: &BTreeMap<u64, Part>) {
        for (second, part) in parts {
            if let Some(closed) = self.closed.get_mut(second) {
                closed.counts.add(&part.counts);
                let max = |points: &mut Points, latency: &Latency| {
                    points.max_ns = points.max_ns.max(latency.max().as_nanos() as u64);
                };
                max(&mut closed.produce, &part.produce);
                max(&mut closed.end_to_end, &part.end_to_end);
            } else {
                self.open.entry(*second).or_default().add(part);
            }
        }
        while self.open.len() > OPEN_SECONDS
            && let Some((second, part)) = self.open.pop_first()
        {
            self.closed.insert(second, close(second, &part));
        }
    }

    /// All seconds in order.
    pub fn finish(mut self) -> Vec<Second> {
        self.closed.extend(self.open.iter().map(|(second, part)| (*second, close(*second, part))));
        self.closed.into_values().collect()
    }
}

fn close(second: u64, part: &Part) -> Second {
    let points = |latency: &Latency| Points {
        p50_ns: latency.quantile(0.5).as_nanos() as u64,
        p99_ns: latency.quantile(0.99).as_nanos() as u64,
        p999_ns: latency.quantile(0.999).as_nanos() as u64,
        max_ns: latency.max().as_nanos() as u64,
    };
    Second {
        second,
        counts: part.counts.clone(),
        produce: points(&part.produce),
        end_to_end: points(&part.end_to_end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(second: u64, latency_ms: u64) -> BTreeMap<u64, Part> {
        let mut tally = Tally::default();
        let part = tally.at(Duration::from_millis(second * 1000 + 999));
        part.counts.sent += 1;
        part.counts.lag_max_ns = latency_ms;
        part.produce.record(Duration::from_millis(latency_ms));
        tally.take()
    }

    #[test]
    fn threads_add_up_by_the_second_of_the_intended_moment() {
        let mut series = Series::default();
        for (second, latency_ms) in [(1, 10), (0, 1), (1, 30), (1, 20)] {
            series.add(&tally(second, latency_ms));
        }
        let found: Vec<_> = series
            .finish()
            .iter()
            .map(|second| {
                let p50 = second.produce.p50_ns / 1_000_000;
                (second.second, second.counts.sent, second.counts.lag_max_ns, p50)
            })
            .collect();
        assert_eq!(found, [(0, 1, 1, 1), (1, 3, 30, 20)]);
    }

    #[test]
    fn an_answer_that_comes_very_late_still_counts() {
        let mut series = Series::default();
        for second in 0..300 {
            series.add(&tally(second, 1));
        }
        assert_eq!(series.open.len(), OPEN_SECONDS);
        series.add(&tally(0, 5000));
        let first = &series.finish()[0];
        assert_eq!((first.counts.sent, first.produce.p99_ns / 1_000_000), (2, 1));
        assert!(first.produce.max_ns >= 5_000_000_000);
    }

    #[test]
    fn a_tally_is_empty_after_it_was_taken() {
        let mut tally = Tally::default();
        tally.at(Duration::ZERO).counts.failed = 3;
        assert_eq!((tally.take().len(), tally.take().len()), (1, 0));
    }
}

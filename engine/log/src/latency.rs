//! A histogram of latencies in microseconds, two significant digits, bounded memory.

use std::time::Duration;

use hdrhistogram::Histogram;

const MICROS_MAX: u64 = 600_000_000;

/// Latencies from 1 microsecond to 10 minutes; anything above counts as 10 minutes.
#[derive(Debug, Clone)]
pub struct LatencyHistogram {
    histogram: Histogram<u64>,
    sum_us: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl LatencyHistogram {
    /// An empty histogram.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, MICROS_MAX, 2);
        Self { histogram: histogram.expect("the bounds are constants that hold"), sum_us: 0 }
    }

    /// Counts one latency.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(MICROS_MAX).clamp(1, MICROS_MAX);
        self.histogram.saturating_record(micros);
        self.sum_us = self.sum_us.saturating_add(micros);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("both have the same bounds");
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Microseconds below which `quantile` (0 to 1) of the latencies lie; 0 when there are none.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.histogram.value_at_quantile(quantile)
    }

    /// The largest latency in microseconds; 0 when there are none.
    pub fn max_us(&self) -> u64 {
        self.histogram.max()
    }

    /// All latencies together, in microseconds; exact, so that it never goes down.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// Mean in microseconds.
    pub fn mean_us(&self) -> f64 {
        self.histogram.mean()
    }

    /// Latencies counted.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Latencies counted at or below `micros`, up to one percent above it included.
    pub fn count_at_most(&self, micros: u64) -> u64 {
        self.histogram.count_between(0, micros)
    }
}

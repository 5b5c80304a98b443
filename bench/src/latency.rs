//! Latencies: a histogram with three digits, its percentiles, and the two forms in which it is
//! saved, `.hgrm` for existing plotters and counted values for merging. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency that is told apart; longer ones count as this one.
pub const LATENCY_MAX: Duration = Duration::from_secs(3600);

/// The parts of all messages whose latency is reported.
pub const QUANTILES: [f64; 6] = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.999_99];

/// So many samples must lie beyond a percentile, or it is only the luck of a few.
const SAMPLES_BEYOND_MIN: f64 = 10.0;

/// How finely values are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// To 0.1 percent; 270 KiB. For whole runs.
    Three,
    /// To 1 percent; 33 KiB. For one second of many.
    Two,
}

/// Counted latencies.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    histogram: Histogram<u64>,
    nanoseconds_sum: u128,
}

/// A histogram and what is usually asked of it, as it is saved. Values are nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyResult {
    /// How many values.
    pub count: u64,
    /// The smallest.
    pub min_ns: u64,
    /// The mean.
    pub mean_ns: f64,
    /// The largest.
    pub max_ns: u64,
    /// The usual percentiles.
    pub percentiles: Vec<Percentile>,
    /// Each value that was met, to three digits, and how often: what merging needs.
    pub buckets: Vec<(u64, u64)>,
}

/// One percentile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentile {
    /// Which, from 0 to 100.
    pub percentile: f64,
    /// No more than this many percent of the values are larger.
    pub value_ns: u64,
    /// Whether enough values lie beyond it to mean something.
    pub is_supported: bool,
}

impl Latency {
    /// No latencies yet.
    pub fn new(digits: Digits) -> Self {
        let digits = match digits {
            Digits::Three => 3,
            Digits::Two => 2,
        };
        let max = nanoseconds(LATENCY_MAX);
        let histogram = Histogram::new_with_bounds(1, max, digits);
        Self { histogram: histogram.expect("the bounds are constants"), nanoseconds_sum: 0 }
    }

    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let value = nanoseconds(latency);
        self.histogram.saturating_record(value);
        self.nanoseconds_sum += u128::from(value);
    }

    /// Counts those of another histogram, too.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("all histograms have the same upper bound");
        self.nanoseconds_sum += other.nanoseconds_sum;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The latency that the part `quantile` of all does not exceed; zero when there are none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.histogram.value_at_quantile(quantile))
    }

    /// Whether enough latencies lie beyond this quantile for it to mean something.
    pub fn supports(&self, quantile: f64) -> bool {
        is_supported(self.count(), quantile)
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.histogram.max())
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        let count = u128::from(self.count().max(1));
        Duration::from_nanos(u64::try_from(self.nanoseconds_sum / count).unwrap_or(u64::MAX))
    }

    /// Which part of all is not longer.
    pub fn part_within(&self, latency: Duration) -> f64 {
        if self.count() == 0 { 1.0 } else { self.histogram.quantile_below(nanoseconds(latency)) }
    }

    /// The form that is saved.
    pub fn result(&self) -> LatencyResult {
        let percentile = |quantile: f64| Percentile {
            // Rounded, so that 99.9 does not become 99.90000000000001.
            percentile: (quantile * 1e9).round() / 1e7,
            value_ns: self.histogram.value_at_quantile(quantile),
            is_supported: is_supported(self.count(), quantile),
        };
        let recorded = self.histogram.iter_recorded();
        LatencyResult {
            count: self.count(),
            min_ns: self.histogram.min(),
            mean_ns: self.nanoseconds_sum as f64 / self.count().max(1) as f64,
            max_ns: self.histogram.max(),
            percentiles: QUANTILES.map(percentile).to_vec(),
            buckets: recorded
                .map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration()))
                .collect(),
        }
    }

    /// The histogram of a saved form.
    pub fn of_result(result: &LatencyResult) -> Self {
        let mut latency = Self::new(Digits::Three);
        for (value, count) in &result.buckets {
            latency.histogram.saturating_record_n(*value, *count);
        }
        latency.nanoseconds_sum = (result.mean_ns * result.count as f64).round() as u128;
        latency
    }

    /// The percentile distribution as HdrHistogram's plotters read it, in milliseconds.
    pub fn hgrm(&self) -> String {
        let mut text = format!(
            "{:>12} {:>14} {:>10} {:>14}\n\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        );
        let milliseconds = |value: u64| value as f64 / 1e6;
        let mut total = 0;
        for bucket in self.histogram.iter_quantiles(5) {
            total += bucket.count_since_last_iteration();
            let quantile = bucket.quantile_iterated_to();
            let value = milliseconds(bucket.value_iterated_to());
            let _ = write!(text, "{value:>12.6} {quantile:>2.12} {total:>10}");
            if quantile < 1.0 {
                let _ = write!(text, " {:>14.2}", 1.0 / (1.0 - quantile));
            }
            text.push('\n');
        }
        let (mean, deviation) = (self.histogram.mean() / 1e6, self.histogram.stdev() / 1e6);
        let max = milliseconds(self.histogram.max());
        let _ = write!(
            text,
            "#[Mean    = {mean:>12.6}, StdDeviation   = {deviation:>12.6}]\n\
             #[Max     = {max:>12.6}, Total count    = {:>12}]\n\
             #[Buckets = {:>12}, SubBuckets     = {:>12}]\n",
            self.count(),
            self.histogram.buckets(),
            2048
        );
        text
    }
}

impl LatencyResult {
    /// The value of one of the usual percentiles.
    pub fn percentile(&self, percentile: f64) -> Option<Duration> {
        let found = self.percentiles.iter().find(|one| (one.percentile - percentile).abs() < 1e-9);
        found.map(|one| Duration::from_nanos(one.value_ns))
    }
}

fn is_supported(count: u64, quantile: f64) -> bool {
    // A millionth forgives what 1 - 0.999 loses.
    (1.0 - quantile) * count as f64 + 1e-6 >= SAMPLES_BEYOND_MIN
}

fn nanoseconds(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_millis(values: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new(Digits::Three);
        values.into_iter().for_each(|value| latency.record(Duration::from_millis(value)));
        latency
    }

    fn is_near(found: Duration, expected_ms: f64) -> bool {
        (found.as_secs_f64() * 1e3 / expected_ms - 1.0).abs() < 0.002
    }

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let latency = of_millis(1..=1000);
        assert!(is_near(latency.quantile(0.5), 500.0) && is_near(latency.quantile(0.99), 990.0));
        assert!(is_near(latency.max(), 1000.0) && is_near(latency.mean(), 500.5));
        assert!((latency.part_within(Duration::from_millis(250)) - 0.25).abs() < 0.002);
    }

    #[test]
    fn a_saved_histogram_comes_back_and_merges_like_the_original() {
        let (one, other) = (of_millis(1..=100), of_millis([7, 5000]));
        let text = serde_json::to_string(&one.result()).unwrap();
        let mut back = Latency::of_result(&serde_json::from_str(&text).unwrap());
        assert_eq!(back.result(), one.result());
        back.merge(&Latency::of_result(&other.result()));
        let mut both = one;
        both.merge(&other);
        assert_eq!(back.result(), both.result());
    }

    #[test]
    fn what_is_too_long_counts_as_the_longest() {
        let latency = of_millis([10_000_000]);
        assert!(is_near(latency.max(), 3_600_000.0));
    }

    #[test]
    fn percentiles_of_few_values_are_marked() {
        let supported = |count| {
            let percentiles = of_millis((0..count).map(|_| 1)).result().percentiles;
            percentiles.iter().filter(|one| one.is_supported).count()
        };
        assert_eq!([supported(1), supported(1000), supported(10_000)], [0, 3, 4]);
    }

    #[test]
    fn the_text_form_has_head_rows_and_tail() {
        let text = of_millis(1..=100).hgrm();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("1/(1-Percentile)") && lines[1].is_empty());
        let last = lines[lines.len() - 4].split_whitespace().collect::<Vec<_>>();
        assert_eq!(last[1..], ["1.000000000000", "100"]);
        assert!(lines[lines.len() - 2].starts_with("#[Max     =   100."), "{text}");
    }
}

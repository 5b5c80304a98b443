//! A distribution of times as a profile keeps it: points of its quantile function. It can be asked
//! for any quantile, so that sums of times can be drawn from it.

use serde::{Deserialize, Serialize};

use crate::latency::Latency;

/// The quantiles that are kept.
pub(super) const KEPT: [f64; 15] =
    [0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.998, 0.999, 0.9999, 1.0];

/// Half the width of an interval that holds 95 of 100 values of a normal distribution.
const DEVIATIONS_95: f64 = 1.96;

/// Times, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// How many values were measured.
    pub count: u64,
    /// Their mean.
    pub mean_s: f64,
    /// The middle one.
    pub p50: Measured,
    /// The 99th percentile.
    pub p99: Measured,
    /// Quantile from 0 to 1, and its value in seconds; both grow.
    pub points: Vec<(f64, f64)>,
}

/// A number and its error: where it would be in 95 of 100 such measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What was found.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Measured {
    /// The middle of several measurements; its ends are those of the measurements.
    pub fn of(values: &[f64]) -> Self {
        let spread = crate::statistics::spread(values).unwrap_or_default();
        Self { value: spread.median, low: spread.min, high: spread.max }
    }

    /// A number without a spread, such as one that is told and not measured.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// The larger distance to an end as a part of the value.
    pub fn error(&self) -> f64 {
        let away = (self.high - self.value).max(self.value - self.low);
        if self.value > 0.0 { away / self.value } else { 0.0 }
    }
}

impl Distribution {
    /// The distribution of counted times.
    pub fn of(latency: &Latency) -> Self {
        let at = |quantile: f64| latency.quantile(quantile).as_secs_f64();
        let points = KEPT.map(|quantile| match quantile {
            1.0 => (1.0, latency.max().as_secs_f64()),
            _ => (quantile, at(quantile)),
        });
        Self {
            count: latency.count(),
            mean_s: latency.mean().as_secs_f64(),
            p50: measured(latency, 0.5),
            p99: measured(latency, 0.99),
            points: points.to_vec(),
        }
    }

    /// The middle of several measurements of the same, quantile by quantile.
    pub fn middle(all: &[Self]) -> Self {
        let middle =
            |of: &dyn Fn(&Self) -> f64| Measured::of(&all.iter().map(of).collect::<Vec<_>>());
        Self {
            count: all.iter().map(|one| one.count).sum(),
            mean_s: middle(&|one| one.mean_s).value,
            p50: middle(&|one| one.at(0.5)),
            p99: middle(&|one| one.at(0.99)),
            points: KEPT.map(|part| (part, middle(&|one| one.at(part)).value)).to_vec(),
        }
    }

    /// All times alike.
    pub fn constant(seconds: f64) -> Self {
        let value = Measured::exact(seconds);
        let points = vec![(0.0, seconds), (1.0, seconds)];
        Self { count: 1, mean_s: seconds, p50: value, p99: value, points }
    }

    /// The time that the part `quantile` of all does not exceed, between the points on a line.
    pub fn at(&self, quantile: f64) -> f64 {
        let next = self.points.partition_point(|point| point.0 < quantile);
        match (next.checked_sub(1).map(|before| self.points[before]), self.points.get(next)) {
            (None, Some(first)) => first.1,
            (Some(last), None) => last.1,
            (None, None) => 0.0,
            (Some(before), Some(after)) => {
                let part = (quantile - before.0) / (after.0 - before.0);
                before.1 + part * (after.1 - before.1)
            }
        }
    }

    /// The distribution between this one and another, point by point: 0 is this one.
    #[must_use]
    pub fn towards(&self, other: &Self, part: f64) -> Self {
        let between = |one: f64, other: f64| one + part * (other - one);
        let point = |quantile: f64| (quantile, between(self.at(quantile), other.at(quantile)));
        let points: Vec<_> = KEPT.map(point).to_vec();
        let mut all = Self {
            count: self.count.min(other.count),
            mean_s: between(self.mean_s, other.mean_s),
            points,
            ..Self::default()
        };
        all.p50 = Measured::exact(all.at(0.5));
        all.p99 = Measured::exact(all.at(0.99));
        all
    }

    /// The distribution in which each quantile is longer by what is said for it.
    #[must_use]
    pub fn longer_by(&self, more: impl Fn(f64) -> f64) -> Self {
        let points: Vec<_> = KEPT.map(|part| (part, self.at(part) + more(part))).to_vec();
        let mut all = Self { count: self.count, points, ..Self::default() };
        all.mean_s = self.mean_s + all.expect(|time| time) - self.expect(|time| time);
        all.p50 = Measured::exact(all.at(0.5));
        all.p99 = Measured::exact(all.at(0.99));
        all
    }

    /// The mean of `of` over the distribution, by equal parts of it.
    pub fn expect(&self, of: impl Fn(f64) -> f64) -> f64 {
        const PARTS: u32 = 200;
        let at = |part: u32| of(self.at((f64::from(part) + 0.5) / f64::from(PARTS)));
        (0..PARTS).map(at).sum::<f64>() / f64::from(PARTS)
    }
}

/// A quantile and the order statistics around it that hold it in 95 of 100 cases.
fn measured(latency: &Latency, quantile: f64) -> Measured {
    let count = latency.count().max(1) as f64;
    let half = DEVIATIONS_95 * (quantile * (1.0 - quantile) / count).sqrt();
    let at = |quantile: f64| latency.quantile(quantile.clamp(0.0, 1.0)).as_secs_f64();
    Measured { value: at(quantile), low: at(quantile - half), high: at(quantile + half) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::latency::Digits;

    fn of_micros(values: impl IntoIterator<Item = u64>) -> Distribution {
        let mut latency = Latency::new(Digits::Three);
        values.into_iter().for_each(|value| latency.record(Duration::from_micros(value)));
        Distribution::of(&latency)
    }

    #[test]
    fn quantiles_lie_on_lines_between_the_points() {
        let even = of_micros(1..=10_000);
        for quantile in [0.07, 0.3, 0.5, 0.8, 0.99] {
            assert!((even.at(quantile) / (quantile * 10e-3) - 1.0).abs() < 0.01, "{quantile}");
        }
        assert!((even.expect(|time| time) - 5e-3).abs() < 0.05e-3);
        assert!((even.at(1.0) - 10e-3).abs() < 0.02e-3 && even.at(-1.0) < 0.01e-3);
    }

    #[test]
    fn the_error_of_a_percentile_shrinks_with_the_number_of_values() {
        let (few, many) = (of_micros(1..=100), of_micros(1..=10_000));
        assert!(few.p99.low <= few.p99.value && few.p99.value <= few.p99.high);
        assert!(many.p50.error() < few.p50.error());
    }

    #[test]
    fn one_of_three_that_met_a_stall_does_not_count() {
        let [one, two, stalled] = [1.0, 2.0, 90.0].map(Distribution::constant);
        let middle = Distribution::middle(&[one, stalled, two]);
        assert_eq!((middle.at(0.5), middle.at(0.99), middle.mean_s), (2.0, 2.0, 2.0));
        assert_eq!((middle.p99.low, middle.p99.high, middle.count), (1.0, 90.0, 3));
    }

    #[test]
    fn between_two_distributions_lies_their_mean() {
        let half = Distribution::constant(1.0).towards(&Distribution::constant(3.0), 0.5);
        assert_eq!((half.at(0.3), half.mean_s, half.p99.value), (2.0, 2.0, 2.0));
    }
}

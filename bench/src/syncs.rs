//! How long the syncs of a broker took while it was measured. Only the broker can tell: corelog's
//! metrics page counts them in buckets, and two looks at it make a distribution. Pure.

use serde::{Deserialize, Serialize};

use crate::plan::metrics::Counts;

/// Syncs between two looks, over all cores.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Syncs {
    /// How many there were.
    pub count: u64,
    /// How long all of them took together, one after the other.
    pub sum_seconds: f64,
    /// The upper bound of a bucket in seconds, and how many were not longer; both grow.
    pub buckets: Vec<(f64, u64)>,
}

impl Syncs {
    /// What was counted between two looks; none where the page tells nothing about syncs.
    pub fn between(first: &Counts, last: &Counts) -> Option<Self> {
        let passed = last.since(first);
        let whole = |count: f64| count.max(0.0).round() as u64;
        let buckets: Vec<(f64, u64)> =
            passed.sync_buckets().iter().map(|(bound, count)| (*bound, whole(*count))).collect();
        let syncs = Self {
            count: whole(passed.number("corelog_journal_sync_seconds_count")),
            sum_seconds: passed.number("corelog_journal_sync_seconds_sum").max(0.0),
            buckets,
        };
        Some(syncs).filter(|syncs| !syncs.buckets.is_empty())
    }

    /// Those of several repeats together; none without any.
    pub fn together<'s>(all: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let mut all = all.into_iter();
        let mut sum = all.next()?.clone();
        for one in all {
            sum.count += one.count;
            sum.sum_seconds += one.sum_seconds;
            for (bound, count) in &mut sum.buckets {
                let same = one.buckets.iter().find(|(other, _)| other.to_bits() == bound.to_bits());
                *count += same.map_or(0, |(_, count)| *count);
            }
        }
        Some(sum)
    }

    /// The mean in seconds; none when there was no sync.
    pub fn mean_seconds(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_seconds / self.count as f64)
    }

    /// The time in seconds that this percentile of all did not exceed: within its bucket on a
    /// line. What is longer than the last bound is as good as at it.
    pub fn at(&self, percentile: f64) -> Option<f64> {
        let wanted = self.count as f64 * percentile / 100.0;
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            let count = *count as f64;
            if wanted <= count && below < count {
                return Some(low + (bound - low) * ((wanted - below) / (count - below)).max(0.0));
            }
            (low, below) = (*bound, count);
        }
        (self.count > 0).then_some(low)
    }

    /// Percentiles and seconds, a point for each bucket that holds any.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let mut below = 0;
        let mut points = Vec::new();
        for (bound, count) in &self.buckets {
            if *count > below && self.count > 0 {
                points.push((*count as f64 / self.count as f64 * 100.0, *bound));
            }
            below = *count;
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(first: u64, second: u64, count: u64) -> Counts {
        let name = "corelog_journal_sync_seconds";
        Counts::parse(&format!(
            "{name}_bucket{{core=\"0\",le=\"0.001\"}} {first}\n\
             {name}_bucket{{core=\"0\",le=\"0.002\"}} {second}\n\
             {name}_bucket{{core=\"0\",le=\"+Inf\"}} {count}\n\
             {name}_sum{{core=\"0\"}} {}\n{name}_count{{core=\"0\"}} {count}\n",
            count as f64 * 0.001
        ))
    }

    #[test]
    fn only_what_came_between_the_looks_counts() {
        let syncs = Syncs::between(&page(1000, 1000, 1000), &page(1050, 1099, 1100)).unwrap();
        assert_eq!(syncs.count, 100);
        assert_eq!(syncs.buckets, [(0.001, 50), (0.002, 99)]);
        assert!((syncs.mean_seconds().unwrap() - 0.001).abs() < 1e-9);
        assert!((syncs.at(25.0).unwrap() - 0.0005).abs() < 1e-9);
        assert!((syncs.at(99.0).unwrap() - 0.002).abs() < 1e-9);
        assert_eq!(syncs.at(100.0), Some(0.002));
        assert_eq!(syncs.curve(), [(50.0, 0.001), (99.0, 0.002)]);
    }

    #[test]
    fn a_page_without_syncs_tells_nothing_and_no_sync_has_no_length() {
        let other = Counts::parse("other_total 5\n");
        assert_eq!(Syncs::between(&other, &other), None);
        let none = Syncs::between(&page(7, 7, 7), &page(7, 7, 7)).unwrap();
        assert_eq!((none.count, none.mean_seconds(), none.at(50.0)), (0, None, None));
        assert!(none.curve().is_empty());
    }

    #[test]
    fn repeats_add_up() {
        let of = |first, second, count| Syncs::between(&page(0, 0, 0), &page(first, second, count));
        let all = [of(1, 2, 2).unwrap(), of(3, 3, 4).unwrap()];
        let all = Syncs::together(&all).unwrap();
        assert_eq!((all.count, all.buckets), (6, vec![(0.001, 4), (0.002, 5)]));
        assert_eq!(Syncs::together([]), None);
    }
}

//! Numbers about numbers: the middle and the spread of repeats, and whether pairs of measurements
//! differ by more than chance (Wilcoxon's signed-rank test, exact). Pure.

use serde::{Deserialize, Serialize};

/// Up to so many pairs the exact distribution is computed; beyond, its normal approximation.
const EXACT_PAIRS_MAX: usize = 50;

/// Several measurements of the same thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The middle one.
    pub median: f64,
    /// The largest.
    pub max: f64,
    /// The standard deviation as a part of the mean; 0 for a single one.
    pub variation: f64,
}

/// What a test of pairs says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Significance {
    /// Pairs that differ.
    pub pairs: u64,
    /// How likely a difference at least as clear is when there is none, both directions counted.
    pub p_value: f64,
    /// The smallest p-value that so many pairs can give at all.
    pub p_value_min: f64,
}

/// The middle and the spread; none of no values.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len();
    let mean = sorted.iter().sum::<f64>() / count as f64;
    let squares = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let deviation = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
    let variation = if mean == 0.0 { 0.0 } else { deviation / mean.abs() };
    Some(Spread { count: count as u64, min, median: median_sorted(&sorted), max, variation })
}

/// The middle value; NaN of no values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_sorted(&sorted)
}

fn median_sorted(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

/// Wilcoxon's signed-rank test of paired differences around zero, two-sided. Pairs that do not
/// differ are left out; equal differences share the mean of their ranks. The logarithms of ratios
/// are good differences: twice as fast weighs as much as half as fast.
pub fn signed_rank(differences: &[f64]) -> Significance {
    let mut ordered: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    ordered.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let ranks = doubled_ranks(&ordered);
    let pairs = ordered.len();
    let positive: u64 =
        ordered.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, rank)| rank).sum();
    let total: u64 = ranks.iter().sum();
    let smaller = positive.min(total - positive);
    let p_value = if pairs == 0 {
        1.0
    } else if pairs <= EXACT_PAIRS_MAX {
        exact_p(&ranks, smaller)
    } else {
        approximate_p(&ranks, smaller)
    };
    let p_value_min = 0.5_f64.powi(i32::try_from(pairs).unwrap_or(i32::MAX) - 1).min(1.0);
    Significance { pairs: pairs as u64, p_value, p_value_min }
}

/// Twice the rank of each difference, so that the mean of two ranks is whole.
fn doubled_ranks(ordered: &[f64]) -> Vec<u64> {
    let mut ranks = Vec::with_capacity(ordered.len());
    for group in ordered.chunk_by(|one, other| one.abs().total_cmp(&other.abs()).is_eq()) {
        let before = ranks.len() as u64;
        let doubled = 2 * before + 1 + group.len() as u64;
        ranks.extend(std::iter::repeat_n(doubled, group.len()));
    }
    ranks
}

/// Twice the part of all signs whose positive ranks add up to no more than `smaller`.
fn exact_p(ranks: &[u64], smaller: u64) -> f64 {
    let total: u64 = ranks.iter().sum();
    let mut ways = vec![0.0; total as usize + 1];
    ways[0] = 1.0;
    for rank in ranks.iter().map(|rank| *rank as usize) {
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let below: f64 = ways[..=smaller as usize].iter().sum();
    (2.0 * below / 2.0_f64.powi(ranks.len() as i32)).min(1.0)
}

fn approximate_p(ranks: &[u64], smaller: u64) -> f64 {
    let mean = ranks.iter().sum::<u64>() as f64 / 2.0;
    let variance: f64 = ranks.iter().map(|rank| (*rank as f64).powi(2)).sum::<f64>() / 4.0;
    // Two is one rank: half of one makes up for the steps of the true distribution.
    let distance = (mean - smaller as f64 - 1.0).max(0.0) / variance.sqrt();
    (2.0 * normal_tail(distance)).min(1.0)
}

/// The part of the standard normal distribution beyond `distance` (Abramowitz and Stegun 26.2.17,
/// off by at most 7.5e-8).
fn normal_tail(distance: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * distance);
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = series.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    sum * (-distance * distance / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(differences: &[f64]) -> f64 {
        signed_rank(differences).p_value
    }

    #[test]
    fn the_middle_and_the_spread_of_repeats() {
        let found = spread(&[3.0, 1.0, 2.0, 10.0]).unwrap();
        assert_eq!((found.count, found.min, found.median, found.max), (4, 1.0, 2.5, 10.0));
        assert!((found.variation - 1.0206).abs() < 1e-3, "{found:?}");
        assert_eq!(spread(&[5.0]).unwrap().variation, 0.0);
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn all_pairs_on_one_side_give_the_smallest_p_there_is() {
        assert_eq!(p(&[1.0, 2.0, 3.0, 4.0, 5.0]), 0.0625);
        assert_eq!(p(&[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]), 0.03125);
        let found = signed_rank(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!((found.p_value, found.p_value_min), (0.03125, 0.03125));
    }

    #[test]
    fn the_textbook_example_comes_out_right() {
        // The negative ranks sum to 18. So do those of 162 of the 512 ways to choose signs, or
        // to less.
        let differences = [15.0, -7.0, 5.0, 20.0, 0.0, -9.0, 17.0, -12.0, 5.0, -10.0];
        let found = signed_rank(&differences);
        assert_eq!(found.pairs, 9);
        assert_eq!(found.p_value, 2.0 * 162.0 / 512.0);
    }

    #[test]
    fn no_difference_is_no_significance() {
        assert_eq!((p(&[]), p(&[0.0, 0.0]), p(&[1.0, -1.0])), (1.0, 1.0, 1.0));
    }

    #[test]
    fn the_approximation_meets_the_exact_distribution() {
        let differences: Vec<f64> =
            (1..=50).map(|n| if n % 3 == 0 { -f64::from(n) } else { f64::from(n) }).collect();
        let ranks = doubled_ranks(&differences);
        let negative: u64 =
            differences.iter().zip(&ranks).filter(|(d, _)| **d < 0.0).map(|(_, rank)| rank).sum();
        let (exact, near) = (exact_p(&ranks, negative), approximate_p(&ranks, negative));
        assert!((exact - near).abs() < 0.002, "{exact} {near}");
    }
}

//! Sets targets against each other: ratios pair by pair of runs that were made right after each
//! other, and whether they differ by more than chance. Pure.

use serde::{Deserialize, Serialize};

use crate::fairness;
use crate::objective::{Better, Metric};
use crate::result::{FORMAT, Fairness, RunResult};
use crate::statistics::{Significance, median, signed_rank};

/// Below this a difference counts as more than chance.
pub const P_VALUE_MAX: f64 = 0.05;

/// Fewer pairs cannot reach [`P_VALUE_MAX`], however clear they are.
pub const PAIRS_MIN: usize = 6;

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Worse than the first target by more than the threshold, and not by chance.
    Worse,
    /// Better than the first target by more than the threshold, and not by chance.
    Better,
    /// Neither was shown.
    Alike,
    /// Too few pairs of valid runs.
    Undecided,
}

/// One target against the first one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The first target.
    pub base: String,
    /// The other one.
    pub other: String,
    /// The other's number divided by the first's, pair by pair, both runs valid.
    pub ratios: Vec<f64>,
    /// Pairs that were left out because a run was not valid.
    pub invalid_pairs: u64,
    /// The middle of the ratios; none without any.
    pub ratio: Option<f64>,
    /// Wilcoxon's signed-rank test on the logarithms of the ratios, exact and two-sided.
    pub significance: Significance,
    /// What it comes to.
    pub decision: Decision,
    /// What is not equal on both sides.
    pub differences: Vec<String>,
}

/// A finished comparison, as it is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareResult {
    /// The number of the format, as of runs.
    pub format: u32,
    /// What is compared.
    pub metric: Metric,
    /// By which part a target may be worse.
    pub threshold: f64,
    /// The test behind the significances.
    pub test: String,
    /// Each further target against the first one.
    pub comparisons: Vec<Comparison>,
    /// The runs of each target, one repeat for each round.
    pub runs: Vec<RunResult>,
}

impl CompareResult {
    /// Compares the targets; round `n` is the repeat `n` of each. `threshold` is a part: 0.1
    /// allows a tenth.
    pub fn new(metric: Metric, threshold: f64, runs: Vec<RunResult>) -> Self {
        let (base, others) = runs.split_first().expect("a comparison has targets");
        let comparisons =
            others.iter().map(|other| Comparison::new(metric, threshold, base, other)).collect();
        Self {
            format: FORMAT,
            metric,
            threshold,
            test: format!(
                "Wilcoxon signed-rank on log ratios, exact, two-sided, p < {P_VALUE_MAX}"
            ),
            comparisons,
            runs,
        }
    }

    /// Whether a target is worse.
    pub fn is_any(&self, decision: Decision) -> bool {
        self.comparisons.iter().any(|comparison| comparison.decision == decision)
    }
}

impl Comparison {
    fn new(metric: Metric, threshold: f64, base: &RunResult, other: &RunResult) -> Self {
        let mut ratios = Vec::new();
        let mut invalid_pairs = 0;
        for (one, two) in base.repeats.iter().zip(&other.repeats) {
            let are_valid = one.verdict.is_valid && two.verdict.is_valid;
            match (are_valid, metric.of(one), metric.of(two)) {
                (true, Some(one), Some(two)) if one > 0.0 && two > 0.0 => ratios.push(two / one),
                _ => invalid_pairs += 1,
            }
        }
        let logarithms: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        let significance = signed_rank(&logarithms);
        let ratio = Some(median(&ratios)).filter(|ratio| ratio.is_finite());
        Self {
            base: base.target.name.clone(),
            other: other.target.name.clone(),
            decision: decide(metric.better(), threshold, &ratios, &significance),
            differences: differences(&base.fairness, &other.fairness),
            ratios,
            invalid_pairs,
            ratio,
            significance,
        }
    }
}

fn decide(better: Better, threshold: f64, ratios: &[f64], significance: &Significance) -> Decision {
    if ratios.len() < PAIRS_MIN {
        return Decision::Undecided;
    }
    // Turned so that a larger factor is worse.
    let factor = match better {
        Better::Lower => median(ratios),
        Better::Higher => 1.0 / median(ratios),
    };
    let is_clear = significance.p_value < P_VALUE_MAX;
    if is_clear && factor > 1.0 + threshold {
        Decision::Worse
    } else if is_clear && 1.0 / factor > 1.0 + threshold {
        Decision::Better
    } else {
        Decision::Alike
    }
}

/// What makes two targets no equals, in words.
pub fn differences(one: &Fairness, other: &Fairness) -> Vec<String> {
    let is_unequal = |it: &fairness::Setting| it.is_told() && it.equal().is_none();
    let unequal = fairness::of_targets(&[one, other]).into_iter().filter(is_unequal);
    let words =
        |it: fairness::Setting| format!("{}: {} against {}", it.name, it.value(0), it.value(1));
    unequal.map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::tests::{repeat, result};
    use crate::validity::Verdict;

    fn target(name: &str, latencies_ms: &[u64]) -> RunResult {
        let mut run = result(latencies_ms.iter().map(|ms| repeat(*ms, 100.0)).collect());
        run.target.name = name.to_owned();
        run
    }

    #[track_caller]
    fn check(other_ms: &[u64], threshold: f64, expected: Decision) {
        let base: Vec<u64> = (0..other_ms.len() as u64).map(|round| 100 + round).collect();
        let runs = vec![target("a", &base), target("b", other_ms)];
        let found = CompareResult::new("p99".parse().unwrap(), threshold, runs);
        assert_eq!(found.comparisons[0].decision, expected, "{:?}", found.comparisons);
    }

    #[test]
    fn a_clear_difference_beyond_the_threshold_decides() {
        let (slow, fast) = ([120, 121, 122, 123, 124, 125], [80, 81, 82, 83, 84, 85]);
        check(&slow, 0.1, Decision::Worse);
        check(&fast, 0.1, Decision::Better);
        check(&slow, 0.5, Decision::Alike);
    }

    #[test]
    fn a_difference_by_chance_does_not_decide() {
        check(&[150, 60, 160, 70, 150, 60, 170, 60], 0.0, Decision::Alike);
    }

    #[test]
    fn few_or_spoiled_pairs_leave_it_undecided() {
        check(&[200, 200, 200, 200, 200], 0.1, Decision::Undecided);
        let mut other = target("b", &[200; 6]);
        other.repeats[3].verdict = Verdict { is_valid: false, findings: Vec::new() };
        let runs = vec![target("a", &[100; 6]), other];
        let found = CompareResult::new("p99".parse().unwrap(), 0.1, runs);
        let comparison = &found.comparisons[0];
        assert_eq!((comparison.decision, comparison.invalid_pairs), (Decision::Undecided, 1));
    }

    #[test]
    fn more_is_better_for_rates() {
        let of = |rate| result((0..6).map(|_| repeat(1, rate)).collect());
        let found = CompareResult::new(Metric::Rate, 0.1, vec![of(100.0), of(50.0), of(200.0)]);
        let decisions: Vec<_> = found.comparisons.iter().map(|one| one.decision).collect();
        assert_eq!(decisions, [Decision::Worse, Decision::Better]);
    }

    #[test]
    fn what_is_not_equal_is_told() {
        let config = |value: &str| vec![("topic flush.ms".to_owned(), value.to_owned())];
        let one = Fairness { acks: "all".into(), configs: config("1"), ..Fairness::default() };
        let other = Fairness { replicas: Some(3), configs: config("2"), ..one.clone() };
        assert_eq!(
            differences(&one, &other),
            ["replicas: not told against 3", "topic flush.ms: 1 against 2"]
        );
        assert!(differences(&one, &one).is_empty());
    }
}

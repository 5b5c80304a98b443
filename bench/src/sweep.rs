//! Looks for the highest rate at which an objective is kept: rises by a factor until it is missed,
//! then halves the distance. Pure: a driver measures what it is told to and hands the point back.

use serde::{Deserialize, Serialize};

use crate::fairness::Subject;
use crate::machine::Machine;
use crate::objective::Objective;
use crate::resources::Resources;
use crate::result::{FORMAT, Fairness, RunResult, TargetResult};
use crate::validity::Rule;
use crate::workload::RawWorkload;

/// How often a point is measured again that others have disturbed.
const RETRIES_MAX: u32 = 2;

/// A rate is judged by the first to have so many of up to three measurements. One is enough to
/// keep an objective: chance makes latencies longer, hardly ever shorter.
const VOTES: u32 = 2;

/// A target counts as keeping up when it acknowledges this part of what is offered.
const KEEPS_UP: f64 = 0.99;

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SweepPlan {
    /// The first rate.
    pub rate_first: f64,
    /// No higher rate is tried.
    pub rate_max: f64,
    /// By how much the rate rises, or falls while no rate has kept the objective.
    pub factor: f64,
    /// The search ends when the lowest rate that misses is within this part above the highest
    /// that keeps.
    pub precision: f64,
    /// The search ends after so many measurements.
    pub points_max: u32,
}

impl Default for SweepPlan {
    fn default() -> Self {
        Self { rate_first: 1000.0, rate_max: 1e9, factor: 2.0, precision: 0.05, points_max: 40 }
    }
}

/// What one measurement says about the objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// The objective was kept.
    Kept,
    /// It was not.
    Missed,
    /// It was not, but the load itself had reached its limits.
    LoadAtLimit,
    /// Others used the machine, so the point says nothing.
    Disturbed,
}

/// One measured rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Messages a second that were offered.
    pub offered_per_second: f64,
    /// Messages a second that were acknowledged.
    pub acknowledged_per_second: f64,
    /// Bytes of keys and values a second.
    pub payload_bytes_per_second: f64,
    /// The number the objective is about.
    pub value_ns: f64,
    /// Percentiles from intended to acknowledged, and their values.
    pub produce_ns: Vec<(f64, u64)>,
    /// Percentiles from intended to a tail reader.
    pub end_to_end_ns: Vec<(f64, u64)>,
    /// What the broker's process used; none where it was not looked at, and in older files.
    #[serde(default)]
    pub resources: Option<Resources>,
    /// What it says about the objective.
    pub judgement: Judgement,
    /// What spoke against the numbers.
    pub findings: Vec<String>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Measure this rate.
    Measure(f64),
    /// The search is over.
    Done(Sustainable),
}

/// What the search found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sustainable {
    /// The highest rate that kept the objective; none when no rate did.
    pub rate_per_second: Option<f64>,
    /// The lowest rate above it that missed it; none when none did.
    pub missed_per_second: Option<f64>,
    /// What ended the search.
    pub limit: SweepLimit,
}

/// What ended a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SweepLimit {
    /// The target: the bounds are close enough to each other.
    Target,
    /// The load could not be made to send more. The target may sustain more than was found.
    Load,
    /// The highest rate that was allowed kept the objective.
    RateMax,
    /// So many measurements were allowed.
    PointsMax,
    /// Others used the machine again and again.
    Disturbed,
}

/// A finished sweep, as it is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepResult {
    /// The number of the format, as of runs.
    pub format: u32,
    /// What was measured.
    pub target: TargetResult,
    /// The workload; its rate is that of the last point.
    pub workload: RawWorkload,
    /// What had to be kept.
    pub objective: Objective,
    /// What was found.
    pub sustainable: Sustainable,
    /// What a comparison with another system has to hold equal.
    #[serde(default)]
    pub fairness: Fairness,
    /// The machine the load ran on.
    #[serde(default)]
    pub machine: Machine,
    /// CPUs the load was pinned to; empty when it was not.
    #[serde(default)]
    pub load_cpus: Vec<usize>,
    /// All points in the order of their measurement.
    pub points: Vec<Point>,
}

/// What the measurements of the rate that is looked at have said so far.
#[derive(Debug, Clone, Copy, Default)]
struct Votes {
    kept: u32,
    missed: u32,
    /// Of those that missed, the ones whose load was at its limit.
    at_load_limit: u32,
    /// Measurements that said nothing.
    disturbed: u32,
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Sweep {
    plan: SweepPlan,
    kept: Option<f64>,
    missed: Option<f64>,
    /// Whether the lowest rate that missed did so because of the load.
    is_load_at_limit: bool,
    points: u32,
    votes: Votes,
}

impl Sweep {
    /// A search that has measured nothing.
    pub fn new(plan: SweepPlan) -> Self {
        assert!(plan.factor > 1.0 && plan.precision > 0.0, "a search gets on: {plan:?}");
        let votes = Votes::default();
        Self { plan, kept: None, missed: None, is_load_at_limit: false, points: 0, votes }
    }

    /// The first thing to do.
    pub fn begin(&self) -> Next {
        Next::Measure(self.plan.rate_first.min(self.plan.rate_max))
    }

    /// Takes what was measured at the rate that was asked for, and says what to do next. A rate
    /// that missed is measured again: it counts as missed when two of three measurements say so.
    pub fn step(&mut self, rate: f64, judgement: Judgement) -> Next {
        self.points += 1;
        let votes = &mut self.votes;
        match judgement {
            Judgement::Disturbed => votes.disturbed += 1,
            Judgement::Kept => votes.kept += 1,
            Judgement::Missed => votes.missed += 1,
            Judgement::LoadAtLimit => {
                votes.missed += 1;
                votes.at_load_limit += 1;
            }
        }
        let Votes { kept, missed, at_load_limit, disturbed } = *votes;
        if disturbed > RETRIES_MAX {
            return self.done(SweepLimit::Disturbed);
        }
        if missed >= VOTES {
            if self.missed.is_none_or(|lowest| rate < lowest) {
                self.missed = Some(rate);
                self.is_load_at_limit = at_load_limit == missed;
            }
        } else if kept >= VOTES || (kept > 0 && missed == 0) {
            // Noise may keep a rate above one that was missed; the lower bound stays below.
            self.kept = Some(self.kept.map_or(rate, |highest| highest.max(rate)));
        } else if self.points >= self.plan.points_max {
            return self.done(SweepLimit::PointsMax);
        } else {
            return Next::Measure(rate);
        }
        self.votes = Votes::default();
        self.next()
    }

    fn next(&self) -> Next {
        let plan = &self.plan;
        let next = match (self.kept, self.missed) {
            (Some(kept), None) if kept >= plan.rate_max => return self.done(SweepLimit::RateMax),
            (Some(kept), None) => (kept * plan.factor).min(plan.rate_max),
            // A rate of less than one message in a thousand seconds measures nothing.
            (None, Some(missed)) if missed / plan.factor < 0.001 => {
                return self.done(self.limit());
            }
            (None, Some(missed)) => missed / plan.factor,
            (Some(kept), Some(missed)) if missed <= kept * (1.0 + plan.precision) => {
                return self.done(self.limit());
            }
            // Rates matter by their ratio, so the middle is the geometric one.
            (Some(kept), Some(missed)) => (kept * missed).sqrt(),
            (None, None) => plan.rate_first.min(plan.rate_max),
        };
        if self.points >= plan.points_max {
            return self.done(SweepLimit::PointsMax);
        }
        Next::Measure(next)
    }

    fn limit(&self) -> SweepLimit {
        if self.is_load_at_limit { SweepLimit::Load } else { SweepLimit::Target }
    }

    fn done(&self, limit: SweepLimit) -> Next {
        Next::Done(Sustainable {
            rate_per_second: self.kept,
            missed_per_second: self.missed,
            limit,
        })
    }
}

impl Point {
    /// What a run at this rate says about an objective.
    pub fn of(rate: f64, result: &RunResult, objective: &Objective) -> Self {
        let repeats = &result.repeats;
        let middle = |of: &dyn Fn(&crate::result::Repeat) -> f64| {
            crate::statistics::median(&repeats.iter().map(of).collect::<Vec<_>>())
        };
        let value_ns = middle(&|one| objective.metric.of(one).unwrap_or(f64::INFINITY));
        let acknowledged = middle(&|one| one.totals.acknowledged_per_second);
        let points = |of: &[crate::result::PercentileSpread]| {
            of.iter().map(|one| (one.percentile, one.value_ns.median as u64)).collect()
        };
        let offered = middle(&|one| one.totals.sent as f64 / one.measured_seconds);
        // By chance a Poisson load sends a little more or less than its rate.
        let keeps_up = acknowledged >= KEEPS_UP * offered.min(rate);
        let is_kept = keeps_up && value_ns < objective.bound.as_nanos() as f64;
        Self {
            offered_per_second: rate,
            acknowledged_per_second: acknowledged,
            payload_bytes_per_second: middle(&|one| one.totals.payload_bytes_per_second),
            value_ns: if value_ns.is_finite() { value_ns } else { f64::MAX },
            produce_ns: points(&result.summary.produce_ns),
            end_to_end_ns: points(&result.summary.end_to_end_ns),
            resources: Resources::of(repeats),
            judgement: judgement(is_kept, result),
            findings: result.verdict.findings.iter().map(|one| one.what.clone()).collect(),
        }
    }
}

fn judgement(is_kept: bool, result: &RunResult) -> Judgement {
    // What makes latencies longer than the target's own cannot make a kept objective a missed one.
    let only_lengthens = |rule: Rule| {
        matches!(rule, Rule::LagInLatency | Rule::Steal | Rule::OtherLoad | Rule::Frequency)
    };
    let mut reasons = result.verdict.reasons().map(|finding| finding.rule);
    if is_kept && reasons.all(|rule| only_lengthens(rule) || rule == Rule::BusyThread) {
        return Judgement::Kept;
    }
    let is_by = |rule: Rule| result.verdict.is_invalid_by(rule);
    let wrong = [Rule::Failures, Rule::Lost, Rule::Repeated, Rule::Broken, Rule::Empty];
    let has_no_room = result.repeats.iter().any(|one| one.generator.no_room_seconds > 0.0);
    if wrong.into_iter().any(is_by) {
        Judgement::Missed
    } else if is_by(Rule::BusyThread) {
        Judgement::LoadAtLimit
    } else if is_by(Rule::Steal) || is_by(Rule::OtherLoad) || is_by(Rule::Frequency) {
        Judgement::Disturbed
    } else if is_by(Rule::LagInLatency) && !is_by(Rule::BehindSchedule) && !has_no_room {
        // The load was late, though neither the target nor a lack of CPU time held it up.
        Judgement::Disturbed
    } else {
        Judgement::Missed
    }
}

impl SweepResult {
    /// Puts together what was found.
    pub fn new(
        last: &RunResult,
        objective: Objective,
        sustainable: Sustainable,
        points: Vec<Point>,
    ) -> Self {
        Self {
            format: FORMAT,
            target: last.target.clone(),
            workload: last.workload.clone(),
            objective,
            sustainable,
            fairness: last.fairness.clone(),
            machine: last.machine.clone(),
            load_cpus: Subject::of_run(last).load_cpus.to_vec(),
            points,
        }
    }

    /// The target and the load, for a comparison.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            target: &self.fairness,
            producer: &self.workload.producer,
            load_cpus: &self.load_cpus,
            machine: &self.machine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rate_first: f64) -> SweepPlan {
        SweepPlan { rate_first, ..SweepPlan::default() }
    }

    /// Searches against a target that keeps the objective below `capacity`. Gives the outcome and
    /// the number of points.
    fn search(plan: SweepPlan, judge: impl Fn(f64) -> Judgement) -> (Sustainable, u32) {
        let mut sweep = Sweep::new(plan);
        let mut next = sweep.begin();
        loop {
            match next {
                Next::Measure(rate) => next = sweep.step(rate, judge(rate)),
                Next::Done(found) => return (found, sweep.points),
            }
        }
    }

    fn below(capacity: f64, above: Judgement) -> impl Fn(f64) -> Judgement {
        move |rate| if rate <= capacity { Judgement::Kept } else { above }
    }

    #[test]
    fn the_highest_rate_that_keeps_is_found_from_below_and_from_above() {
        for rate_first in [10.0, 1000.0, 1e6] {
            let (found, points) = search(plan(rate_first), below(12_345.0, Judgement::Missed));
            let rate = found.rate_per_second.unwrap();
            assert!(rate <= 12_345.0 && 12_345.0 < rate * 1.05, "{found:?}");
            assert!(found.missed_per_second.unwrap() > 12_345.0 && points < 28, "{points}");
            assert_eq!(found.limit, SweepLimit::Target);
        }
    }

    #[test]
    fn a_rate_that_only_the_load_missed_is_told_as_its_limit() {
        let (found, _) = search(plan(1000.0), below(5000.0, Judgement::LoadAtLimit));
        assert_eq!(found.limit, SweepLimit::Load);
    }

    #[test]
    fn a_target_that_keeps_everything_ends_at_the_highest_rate() {
        let capped = SweepPlan { rate_max: 3000.0, ..plan(1000.0) };
        let (found, points) = search(capped, |_| Judgement::Kept);
        assert_eq!((found.rate_per_second, found.limit), (Some(3000.0), SweepLimit::RateMax));
        assert_eq!(points, 3);
    }

    #[test]
    fn a_target_that_keeps_nothing_has_no_rate() {
        let (found, points) = search(plan(1.0), |_| Judgement::Missed);
        assert_eq!((found.rate_per_second, found.limit), (None, SweepLimit::Target));
        // Ten rates, each of them twice.
        assert!(points <= 22, "{points}");
    }

    /// Measures at a target of so much capacity, whose measurements of these numbers, from 1, a
    /// stall of the machine has spoiled. Gives the outcome, and each rate with its judgement.
    fn measured(
        capacity: f64,
        stalls: &[u32],
        plan: SweepPlan,
    ) -> (Sustainable, Vec<(f64, Judgement)>) {
        let mut sweep = Sweep::new(plan);
        let mut next = sweep.begin();
        let mut measured = Vec::new();
        loop {
            match next {
                Next::Measure(rate) => {
                    let is_stalled = stalls.contains(&(measured.len() as u32 + 1));
                    let is_kept = rate <= capacity && !is_stalled;
                    let judgement = if is_kept { Judgement::Kept } else { Judgement::Missed };
                    measured.push((rate, judgement));
                    next = sweep.step(rate, judgement);
                }
                Next::Done(found) => return (found, measured),
            }
        }
    }

    #[test]
    fn a_single_miss_is_measured_again_and_does_not_count_against_two_that_kept() {
        use Judgement::{Kept, Missed};
        let coarse = SweepPlan { precision: 1.0, ..plan(1000.0) };
        let (quiet, _) = measured(10_000.0, &[], coarse);
        assert_eq!(
            (quiet.rate_per_second, quiet.missed_per_second),
            (Some(8000.0), Some(16_000.0))
        );
        let (found, rates) = measured(10_000.0, &[2], coarse);
        assert_eq!(found, quiet);
        let expected = [
            (1000.0, Kept),
            (2000.0, Missed),
            (2000.0, Kept),
            (2000.0, Kept),
            (4000.0, Kept),
            (8000.0, Kept),
            (16_000.0, Missed),
            (16_000.0, Missed),
        ];
        assert_eq!(rates, expected);
    }

    #[test]
    fn two_of_three_that_missed_are_a_miss() {
        let coarse = SweepPlan { precision: 1.0, ..plan(1000.0) };
        let (found, rates) = measured(10_000.0, &[2, 4], coarse);
        assert_eq!((found.rate_per_second, found.missed_per_second), (Some(1000.0), Some(2000.0)));
        assert_eq!(rates.len(), 4, "{rates:?}");
    }

    #[test]
    fn the_load_is_the_limit_only_when_it_was_so_each_time() {
        let mut sweep = Sweep::new(SweepPlan { precision: 1.0, ..plan(1000.0) });
        assert_eq!(sweep.step(1000.0, Judgement::Kept), Next::Measure(2000.0));
        assert_eq!(sweep.step(2000.0, Judgement::LoadAtLimit), Next::Measure(2000.0));
        let Next::Done(found) = sweep.step(2000.0, Judgement::Missed) else { panic!() };
        assert_eq!(found.limit, SweepLimit::Target);
    }

    #[test]
    fn measurements_that_say_nothing_are_no_votes() {
        let mut sweep = Sweep::new(plan(1000.0));
        assert_eq!(sweep.step(1000.0, Judgement::Missed), Next::Measure(1000.0));
        assert_eq!(sweep.step(1000.0, Judgement::Disturbed), Next::Measure(1000.0));
        assert_eq!(sweep.step(1000.0, Judgement::Kept), Next::Measure(1000.0));
        assert_eq!(sweep.step(1000.0, Judgement::Disturbed), Next::Measure(1000.0));
        assert_eq!(sweep.step(1000.0, Judgement::Kept), Next::Measure(2000.0));
    }

    #[test]
    fn the_number_of_points_bounds_what_is_measured_again_as_well() {
        let few = SweepPlan { points_max: 2, ..plan(1.0) };
        let (found, points) = search(few, |rate| match rate {
            1.0 => Judgement::Kept,
            _ => Judgement::Missed,
        });
        let expected = (Some(1.0), None, SweepLimit::PointsMax);
        assert_eq!((found.rate_per_second, found.missed_per_second, found.limit), expected);
        assert_eq!(points, 2);
    }

    #[test]
    fn a_disturbed_point_is_measured_again_and_given_up_in_the_end() {
        let mut sweep = Sweep::new(plan(1000.0));
        assert_eq!(sweep.step(1000.0, Judgement::Disturbed), Next::Measure(1000.0));
        assert_eq!(sweep.step(1000.0, Judgement::Kept), Next::Measure(2000.0));
        assert_eq!(sweep.step(2000.0, Judgement::Disturbed), Next::Measure(2000.0));
        assert_eq!(sweep.step(2000.0, Judgement::Disturbed), Next::Measure(2000.0));
        let Next::Done(found) = sweep.step(2000.0, Judgement::Disturbed) else { panic!() };
        assert_eq!((found.rate_per_second, found.limit), (Some(1000.0), SweepLimit::Disturbed));
    }

    #[test]
    fn the_number_of_points_is_bounded() {
        let few = SweepPlan { points_max: 4, ..plan(1.0) };
        let (found, points) = search(few, |_| Judgement::Kept);
        assert_eq!(
            (found.rate_per_second, found.limit, points),
            (Some(8.0), SweepLimit::PointsMax, 4)
        );
    }

    #[test]
    fn a_point_is_kept_when_nothing_but_delays_of_others_speaks_against_it() {
        use crate::result::tests::{repeat, result};
        use crate::validity::{Finding, Verdict, Weight};
        let objective: Objective = "p99 < 5ms".parse().unwrap();
        let judge = |latency_ms, acknowledged: f64, rule: Option<Rule>| {
            let mut repeat = repeat(latency_ms, acknowledged);
            repeat.totals.sent = 10_000;
            if let Some(rule) = rule {
                let weight = Weight::Invalid;
                let finding = Finding { rule, weight, what: String::new() };
                repeat.verdict = Verdict { is_valid: false, findings: vec![finding] };
            }
            Point::of(1000.0, &result(vec![repeat]), &objective).judgement
        };
        assert_eq!(judge(4, 1000.0, None), Judgement::Kept);
        assert_eq!(judge(6, 1000.0, None), Judgement::Missed);
        assert_eq!(judge(4, 980.0, None), Judgement::Missed);
        // A load that was late only adds to the latency.
        assert_eq!(judge(4, 1000.0, Some(Rule::LagInLatency)), Judgement::Kept);
        assert_eq!(judge(4, 1000.0, Some(Rule::Steal)), Judgement::Kept);
        assert_eq!(judge(4, 1000.0, Some(Rule::Frequency)), Judgement::Kept);
        assert_eq!(judge(6, 1000.0, Some(Rule::Frequency)), Judgement::Disturbed);
        assert_eq!(judge(6, 1000.0, Some(Rule::LagInLatency)), Judgement::Disturbed);
        assert_eq!(judge(6, 1000.0, Some(Rule::Steal)), Judgement::Disturbed);
        assert_eq!(judge(4, 1000.0, Some(Rule::BehindSchedule)), Judgement::Missed);
        assert_eq!(judge(6, 900.0, Some(Rule::BusyThread)), Judgement::LoadAtLimit);
        assert_eq!(judge(4, 1000.0, Some(Rule::Lost)), Judgement::Missed);
    }
}

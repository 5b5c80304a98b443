//! How well a load was predicted: predicted against measured, with the goals of the model. Pure.

use serde::{Deserialize, Serialize};

use super::demand::{Clients, Demand};
use super::model::{Highest, Load, Model, Prediction};
use crate::result::{RunResult, Summary};
use crate::statistics::{Spread, spread};

/// How far off the highest rate may be.
pub const RATE_GOAL: f64 = 0.15;
/// How far off p99 may be.
pub const P99_GOAL: f64 = 0.30;
/// Points of the predicted curves.
const CURVE_POINTS: u32 = 20;

/// A number that was predicted and measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// By the model.
    pub predicted: f64,
    /// The middle of the repeats.
    pub measured: f64,
    /// The lowest repeat.
    pub measured_min: f64,
    /// The highest repeat.
    pub measured_max: f64,
    /// By which part of the measured number the prediction is above it.
    pub error: f64,
}

/// Whether a goal is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is.
    Held,
    /// It is not.
    Missed,
    /// The run is not valid, so nobody knows.
    NotValid,
}

/// A share of the highest rate that was predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Which share, from 0 to 1.
    pub part: f64,
    /// Messages a second that were offered.
    pub offered_per_second: f64,
    /// What the model says of this load.
    pub prediction: Prediction,
    /// Messages acknowledged a second.
    pub rate: Compared,
    /// The middle latency, in seconds.
    pub p50_s: Compared,
    /// The 99th percentile, in seconds.
    pub p99_s: Compared,
    /// CPU time of the broker as a part of one core; none without its process.
    pub cpu: Option<Compared>,
    /// Bytes written to disk a second; none without its process.
    pub disk_bytes_per_second: Option<Compared>,
    /// Whether rate and p99 are as good as they should be.
    pub outcome: Outcome,
    /// What speaks against the run.
    pub findings: Vec<String>,
}

/// The highest rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighestRate {
    /// By the model.
    pub predicted: Highest,
    /// Predicted and measured, messages a second.
    pub rate: Compared,
    /// Whether it is as good as it should be.
    pub outcome: Outcome,
    /// What speaks against the run.
    pub findings: Vec<String>,
}

/// The number of this format. It grows when a reader of the old one would misunderstand a file.
pub const FORMAT: u32 = 1;

/// A check of a profile's predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// [`FORMAT`].
    pub format: u32,
    /// The profile's name.
    pub profile: String,
    /// What was measured.
    pub target: String,
    /// Bytes of a message.
    pub message_bytes: f64,
    /// Groups of consumers.
    pub fan_out: f64,
    /// How messages were sent.
    pub clients: Clients,
    /// The highest rate.
    pub highest: HighestRate,
    /// Each share of it.
    pub levels: Vec<Level>,
    /// Rate, p50 and p99 by the model, for the curves.
    pub curve: Vec<(f64, f64, f64)>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

impl Compared {
    /// A prediction beside what repeats measured; zero of nothing.
    pub fn of(predicted: f64, measured: Option<Spread>) -> Self {
        let found = measured.unwrap_or_default();
        let error = if found.median > 0.0 { predicted / found.median - 1.0 } else { 0.0 };
        Self {
            predicted,
            measured: found.median,
            measured_min: found.min,
            measured_max: found.max,
            error,
        }
    }

    fn is_within(&self, goal: f64) -> bool {
        self.measured > 0.0 && self.error.abs() <= goal
    }
}

impl Level {
    /// A prediction beside a run.
    pub fn of(part: f64, prediction: Prediction, run: &RunResult) -> Self {
        let broker = |of: &dyn Fn(&crate::result::BrokerUse, f64) -> Option<f64>| {
            let repeats = run.repeats.iter();
            let values = repeats.filter_map(|it| of(it.broker.as_ref()?, it.measured_seconds));
            spread(&values.collect::<Vec<_>>())
        };
        let cpu = broker(&|used, seconds| Some(used.cpu_seconds / seconds));
        let disk = broker(&|used, seconds| Some(used.disk_written_bytes? as f64 / seconds));
        let summary = &run.summary;
        let rate = Compared::of(prediction.messages_per_second, summary.acknowledged_per_second);
        let p99_s = Compared::of(prediction.p99_s, percentile(summary, 99.0));
        let holds = rate.is_within(RATE_GOAL) && p99_s.is_within(P99_GOAL);
        Self {
            part,
            offered_per_second: prediction.messages_per_second,
            rate,
            p50_s: Compared::of(prediction.p50_s, percentile(summary, 50.0)),
            p99_s,
            cpu: cpu.map(|cpu| Compared::of(prediction.cpu, Some(cpu))),
            disk_bytes_per_second: disk
                .map(|disk| Compared::of(prediction.disk_bytes_per_second, Some(disk))),
            outcome: outcome(holds, run),
            findings: findings(run),
            prediction,
        }
    }
}

impl HighestRate {
    /// The predicted highest rate beside a closed loop that asked for all there is.
    pub fn of(predicted: Highest, run: &RunResult) -> Self {
        let measured = run.summary.acknowledged_per_second;
        let rate = Compared::of(predicted.messages_per_second, measured);
        let outcome = outcome(rate.is_within(RATE_GOAL), run);
        Self { predicted, rate, outcome, findings: findings(run) }
    }
}

impl CheckResult {
    /// Everything together: held only when all of it is.
    pub fn outcome(&self) -> Outcome {
        let levels = self.levels.iter().map(|level| level.outcome);
        levels.chain([self.highest.outcome]).max().unwrap_or(Outcome::NotValid)
    }
}

/// Rate, p50 and p99 from a twentieth of the highest rate up to nearly all of it.
pub fn curve(model: &Model<'_>, shape: &Load, highest: f64) -> Vec<(f64, f64, f64)> {
    let at = |point: u32| {
        let rate = highest * f64::from(point) / f64::from(CURVE_POINTS);
        let found = model.predict(&Load { messages_per_second: rate, ..*shape })?;
        Some((rate, found.p50_s, found.p99_s))
    };
    (1..CURVE_POINTS).filter_map(at).collect()
}

/// A load on one core as a check makes it: nothing compressed, no copies.
pub fn shape(demand: &Demand) -> Load {
    Load {
        messages_per_second: 0.0,
        record: demand.record(),
        clients: demand.clients,
        connections: demand.clients.producers,
        partitions: demand.partitions,
        reads: demand.fan_out,
        copies: 0.0,
    }
}

/// Seconds of a percentile over the repeats.
fn percentile(summary: &Summary, wanted: f64) -> Option<Spread> {
    let is_wanted = |percentile: f64| (percentile - wanted).abs() < 1e-9;
    let found = summary.produce_ns.iter().find(|one| is_wanted(one.percentile))?;
    let of = &found.value_ns;
    let seconds = |nanos: f64| nanos * 1e-9;
    let (min, median, max) = (seconds(of.min), seconds(of.median), seconds(of.max));
    Some(Spread { min, median, max, ..*of })
}

fn outcome(holds: bool, run: &RunResult) -> Outcome {
    match (run.verdict.is_valid, holds) {
        (false, _) => Outcome::NotValid,
        (true, true) => Outcome::Held,
        (true, false) => Outcome::Missed,
    }
}

fn findings(run: &RunResult) -> Vec<String> {
    run.verdict.findings.iter().map(|finding| finding.what.clone()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::plan::demand::tests::demand;
    use crate::plan::profile::tests::profile;
    use crate::result::tests::{repeat, result};
    use crate::validity::{Finding, Rule, Verdict, Weight};

    /// A run whose latencies are all so many milliseconds, at a rate.
    fn run(latency_ms: u64, rate: f64) -> RunResult {
        result(vec![repeat(latency_ms, rate)])
    }

    fn prediction(p99_s: f64, rate: f64) -> Prediction {
        let profile = profile();
        let load = shape(&demand());
        let load = Load { messages_per_second: rate, ..load };
        Prediction { p99_s, ..Model::new(&profile).unwrap().predict(&load).unwrap() }
    }

    /// A check with one level of each outcome.
    pub(crate) fn check() -> CheckResult {
        let profile = profile();
        let model = Model::new(&profile).unwrap();
        let shape = shape(&demand());
        let highest = model.highest(&shape);
        let rate = highest.messages_per_second;
        CheckResult {
            format: FORMAT,
            profile: profile.name.clone(),
            target: "this machine".to_owned(),
            message_bytes: 1024.0,
            fan_out: 0.0,
            clients: Clients::default(),
            highest: HighestRate::of(highest, &run(10, rate)),
            levels: vec![
                Level::of(0.25, prediction(10e-3, 100.0), &run(10, 100.0)),
                Level::of(0.5, prediction(30e-3, 200.0), &run(10, 200.0)),
            ],
            curve: curve(&model, &shape, rate),
            notes: Vec::new(),
        }
    }

    #[track_caller]
    fn level(predicted_s: f64, offered: f64, run: &RunResult, expected: Outcome) {
        let found = Level::of(0.5, prediction(predicted_s, offered), run);
        assert_eq!(found.outcome, expected, "{found:?}");
    }

    #[test]
    fn p99_may_be_off_by_a_third_and_the_rate_by_less() {
        level(10e-3, 100.0, &run(10, 100.0), Outcome::Held);
        level(12.5e-3, 100.0, &run(10, 100.0), Outcome::Held);
        level(13.5e-3, 100.0, &run(10, 100.0), Outcome::Missed);
        level(6.5e-3, 100.0, &run(10, 100.0), Outcome::Missed);
        level(10e-3, 100.0, &run(10, 80.0), Outcome::Missed);
    }

    #[test]
    fn a_run_that_is_not_valid_proves_nothing() {
        let mut run = run(10, 100.0);
        let what = "steal".to_owned();
        let finding = Finding { rule: Rule::Steal, weight: Weight::Invalid, what };
        run.verdict = Verdict { is_valid: false, findings: vec![finding] };
        level(10e-3, 100.0, &run, Outcome::NotValid);
        level(90e-3, 100.0, &run, Outcome::NotValid);
    }

    #[test]
    fn the_worst_outcome_is_that_of_all() {
        let mut check = check();
        assert_eq!(check.outcome(), Outcome::Missed);
        check.levels.pop();
        assert_eq!(check.outcome(), Outcome::Held);
        check.highest.outcome = Outcome::NotValid;
        assert_eq!(check.outcome(), Outcome::NotValid);
    }

    #[test]
    fn the_curve_rises_to_nearly_the_highest_rate() {
        let curve = check().curve;
        assert!(curve.len() >= 18 && curve.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(curve.iter().all(|(_, p50, p99)| p50 <= p99));
    }
}

//! What a run found: the file format. Every number has its unit in its name; a file of another
//! format is refused rather than misread.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cores::CpuSeries;
use crate::latency::{Latency, LatencyResult};
use crate::ledger::DeliveryCheck;
use crate::machine::Machine;
use crate::series::Second;
use crate::statistics::{Spread, spread};
use crate::syncs::Syncs;
use crate::validity::Verdict;
use crate::workload::RawWorkload;

/// The number of this format. It grows when a reader of the old one would misunderstand a file.
pub const FORMAT: u32 = 1;

/// One workload on one target, measured one or more times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// [`FORMAT`].
    pub format: u32,
    /// What measured.
    pub tool: String,
    /// When the first repeat began, in milliseconds since 1970.
    pub started_ms: u64,
    /// What was measured.
    pub target: TargetResult,
    /// The workload, with every value.
    pub workload: RawWorkload,
    /// Whether a schedule or the target decided when messages were sent.
    pub loop_kind: LoopKind,
    /// Whether the numbers may be used, over all repeats.
    pub verdict: Verdict,
    /// The middle and the spread over the repeats.
    pub summary: Summary,
    /// What a comparison with another system has to hold equal.
    pub fairness: Fairness,
    /// The machine the load ran on.
    pub machine: Machine,
    /// Each repeat.
    pub repeats: Vec<Repeat>,
}

/// What decided when messages were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoopKind {
    /// A schedule: waiting is part of every latency.
    Open,
    /// The acknowledgement of an earlier message: waiting before a message was sent is in no
    /// number.
    Closed,
}

impl LoopKind {
    /// A few words for people. Every output has them.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open loop: latency from the intended moment",
            Self::Closed => "CLOSED LOOP: waiting before a message is sent is in no number",
        }
    }
}

/// A target by the name that a comparison gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetResult {
    /// What the user calls it.
    pub name: String,
    /// Where it was found.
    pub bootstrap: String,
}

/// One measurement from start to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Messages a second that the schedule asked for; none in a closed loop.
    pub offered_per_second: Option<f64>,
    /// Length of the part that is measured.
    pub measured_seconds: f64,
    /// Messages and bytes of the measured part.
    pub totals: Totals,
    /// Latencies of the measured part.
    pub latencies: Latencies,
    /// What each second was like, the warm-up included.
    pub series: Vec<Second>,
    /// How far the load fell behind its schedule, and what it used.
    pub generator: GeneratorUse,
    /// What the machine was busy with.
    pub machine: MachineUse,
    /// What the broker's process used; none without `--broker-pid`.
    pub broker: Option<BrokerUse>,
    /// How busy each CPU of this machine was, the warm-up included; none where the kernel does not
    /// tell, and in older files.
    #[serde(default)]
    pub cpus: Option<CpuSeries>,
    /// How long the broker's syncs took; none where it does not tell, and in older files.
    #[serde(default)]
    pub syncs: Option<Syncs>,
    /// Whether every acknowledged message arrived once; none without tail readers.
    pub delivery: Option<DeliveryCheck>,
    /// A stall that was caused on purpose.
    pub stall: Option<StallResult>,
    /// Whether the numbers may be used.
    pub verdict: Verdict,
}

/// Messages and bytes of the measured part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Messages given to the producers.
    pub sent: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages that failed for good.
    pub failed: u64,
    /// Messages without an answer when the run gave up waiting.
    pub unanswered: u64,
    /// Bytes of keys and values of the acknowledged messages.
    pub payload_bytes: u64,
    /// Messages that reached tail readers, over all groups.
    pub received: u64,
    /// Bytes of batches that catch-up readers fetched while the load ran.
    pub caught_up_bytes: u64,
    /// Messages acknowledged a second.
    pub acknowledged_per_second: f64,
    /// Bytes of keys and values acknowledged a second.
    pub payload_bytes_per_second: f64,
    /// The first failure, in words.
    pub first_error: Option<String>,
}

/// Latencies of the measured part, apart from each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// From the intended moment to the acknowledgement.
    pub produce: LatencyResult,
    /// From the moment a message was really given to the producer to the acknowledgement: what
    /// most tools call latency. Equal to the former only while the load keeps its schedule.
    pub produce_service: LatencyResult,
    /// From the intended moment to a tail reader, by one clock.
    pub end_to_end: LatencyResult,
    /// From a fetch to its whole answer, tail readers; includes waiting for messages.
    pub fetch_tail: LatencyResult,
    /// From a fetch to its whole answer, catch-up readers.
    pub fetch_catch_up: LatencyResult,
    /// From the intended to the real moment of sending: how late the load itself was.
    pub lag: LatencyResult,
}

/// How well the load did its own work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorUse {
    /// How late the last message of the schedule was.
    pub lag_end_ns: u64,
    /// Messages of the schedule that were never sent.
    pub unsent: u64,
    /// Time in which messages were due but the memory for unanswered ones was full, all
    /// producers together.
    pub no_room_seconds: f64,
    /// CPU time of this process.
    pub cpu_seconds: f64,
    /// How busy each load thread was, from 0 to 1.
    pub load_threads: Vec<f64>,
    /// How busy each tail reader's thread was, from 0 to 1.
    pub reader_threads: Vec<f64>,
    /// CPUs the load was pinned to; empty when it was not.
    pub load_cpus: Vec<usize>,
    /// How late the kernel may wake the load, where it let us choose.
    pub timer_slack_ns: Option<u64>,
}

/// What the machine was busy with during the measured part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineUse {
    /// Part of all CPU time in which something ran.
    pub busy: f64,
    /// Part of all CPU time that the hypervisor gave to others.
    pub steal: f64,
    /// Part of all CPU time used by neither this process nor the broker. Without a broker's
    /// process id its time is in here, if it runs on this machine.
    pub other: f64,
    /// Load average of the last minute at the end.
    pub load_average: f64,
    /// Of the CPU at work whose frequency changed most, the lowest one that was seen; none where
    /// the kernel does not tell.
    pub frequency_mhz_min: Option<f64>,
    /// Its highest one.
    pub frequency_mhz_max: Option<f64>,
}

/// What the broker's process used during the measured part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerUse {
    /// Its process.
    pub pid: u32,
    /// CPU time of all its threads.
    pub cpu_seconds: f64,
    /// Memory at the end.
    pub resident_bytes: u64,
    /// The most memory since it started.
    pub resident_bytes_max: u64,
    /// How often its threads gave up a CPU or lost it.
    pub context_switches: u64,
    /// Bytes it made the disk read; none when the kernel does not let us see.
    pub disk_read_bytes: Option<u64>,
    /// Bytes it made the disk write.
    pub disk_written_bytes: Option<u64>,
    /// Acknowledged bytes of keys and values for each second of its CPU time.
    pub payload_bytes_per_cpu_second: f64,
    /// Bytes written to disk for each acknowledged byte of keys and values.
    pub write_amplification: Option<f64>,
    /// CPUs it may use, as the kernel lists them. Threads may be pinned to fewer.
    pub cpus_allowed: String,
    /// CPUs that those of its threads may use who did nine tenths of the work; none when it did
    /// nothing, and in older files.
    #[serde(default)]
    pub cpus_busy: Option<String>,
}

/// A stall that was caused on purpose, and whether the numbers show it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StallResult {
    /// When, in seconds of the measured part.
    pub at_seconds: f64,
    /// How long the broker stood still.
    pub seconds: f64,
    /// Where in the distribution half of the stall must show.
    pub percentile: f64,
    /// What must stand there at least.
    pub expected_ns: u64,
    /// What stands there.
    pub found_ns: u64,
    /// The longest latency.
    pub max_ns: u64,
    /// What a closed loop with one message at a time would show there: it meets the stall once.
    pub closed_loop_ns: u64,
    /// Whether the stall is in the numbers, where it belongs.
    pub is_shown: bool,
}

/// What a comparison with another system has to hold equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fairness {
    /// Which software it seems to be: the protocol does not tell outright.
    pub software: String,
    /// Its version, as its process or else the protocol tells.
    pub version: Option<String>,
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// How many nodes it names. With corelog a node is a core.
    pub nodes: u64,
    /// Highest versions of Produce and Fetch that both sides speak.
    pub protocol: String,
    /// Who has to have a message before it counts.
    pub acks: String,
    /// How many replicas each partition really has.
    pub replicas: Option<u64>,
    /// Configs that decide when data is safe, and how large batches may be: of the topic and of
    /// the first node, as `topic NAME` or `node NAME` and its value.
    pub configs: Vec<(String, String)>,
    /// CPUs of the broker's process, and of its busy threads if those are others, where it is
    /// known.
    pub broker_cpus: Option<String>,
    /// The heap of the broker's Java machine in words, `none` where it is another program; none
    /// where the process is not known, and in older files.
    #[serde(default)]
    pub heap: Option<String>,
    /// What one should know before comparing.
    pub notes: Vec<String>,
}

/// The middle and the spread of the repeats. Latencies in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Messages acknowledged a second.
    pub acknowledged_per_second: Option<Spread>,
    /// Bytes of keys and values acknowledged a second.
    pub payload_bytes_per_second: Option<Spread>,
    /// From the intended moment to the acknowledgement.
    pub produce_ns: Vec<PercentileSpread>,
    /// From the intended moment to a tail reader.
    pub end_to_end_ns: Vec<PercentileSpread>,
    /// Bytes for each second of the broker's CPU time.
    pub payload_bytes_per_cpu_second: Option<Spread>,
    /// Bytes written to disk for each acknowledged byte.
    pub write_amplification: Option<Spread>,
}

/// One percentile over the repeats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentileSpread {
    /// Which, from 0 to 100; 100 is the longest.
    pub percentile: f64,
    /// Its values.
    pub value_ns: Spread,
}

/// Why a text is no result.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// It is no JSON, or misses something.
    #[error("it is no result of a run: {0}")]
    Json(#[from] serde_json::Error),
    /// It was written by another version.
    #[error("it has format {found}, this program reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u64,
    },
    /// Results that measured different things.
    #[error("they measured different workloads")]
    Workloads,
    /// Nothing to merge.
    #[error("there is no result")]
    Empty,
}

impl RunResult {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, ResultError> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(found) if found != u64::from(FORMAT) => Err(ResultError::Format { found }),
            _ => Ok(serde_json::from_value(value)?),
        }
    }

    /// The text of a file.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts can be written as JSON")
    }

    /// Adds the repeats of another run of the same workload on the same target.
    pub fn add_repeats(&mut self, other: Self) {
        self.repeats.extend(other.repeats);
        self.verdict = Verdict::over(self.repeats.iter().map(|repeat| &repeat.verdict));
        self.summary = Summary::of(&self.repeats);
    }

    /// The latencies of all repeats together.
    pub fn merged(&self, of: impl Fn(&Latencies) -> &LatencyResult) -> Latency {
        let mut repeats = self.repeats.iter().map(|repeat| of(&repeat.latencies));
        let mut merged = Latency::of_result(repeats.next().unwrap_or(&LatencyResult::default()));
        repeats.for_each(|one| merged.merge(&Latency::of_result(one)));
        merged
    }
}

impl Summary {
    /// The middle and the spread of these repeats.
    pub fn of(repeats: &[Repeat]) -> Self {
        let over = |of: &dyn Fn(&Repeat) -> Option<f64>| {
            spread(&repeats.iter().filter_map(of).collect::<Vec<_>>())
        };
        Self {
            acknowledged_per_second: over(&|one| Some(one.totals.acknowledged_per_second)),
            payload_bytes_per_second: over(&|one| Some(one.totals.payload_bytes_per_second)),
            produce_ns: percentiles(repeats, |one| &one.produce),
            end_to_end_ns: percentiles(repeats, |one| &one.end_to_end),
            payload_bytes_per_cpu_second: over(&|one| {
                one.broker.as_ref().map(|broker| broker.payload_bytes_per_cpu_second)
            }),
            write_amplification: over(&|one| one.broker.as_ref()?.write_amplification),
        }
    }
}

fn percentiles(
    repeats: &[Repeat],
    of: impl Fn(&Latencies) -> &LatencyResult,
) -> Vec<PercentileSpread> {
    let of: Vec<&LatencyResult> = repeats.iter().map(|repeat| of(&repeat.latencies)).collect();
    let of: Vec<&LatencyResult> = of.into_iter().filter(|one| one.count > 0).collect();
    let Some(first) = of.first() else { return Vec::new() };
    let mut found = Vec::new();
    for percentile in first.percentiles.iter().map(|one| one.percentile) {
        let at = |one: &&LatencyResult| Some(one.percentile(percentile)?.as_nanos() as f64);
        let values: Vec<f64> = of.iter().filter_map(at).collect();
        found.extend(spread(&values).map(|value_ns| PercentileSpread { percentile, value_ns }));
    }
    let longest: Vec<f64> = of.iter().map(|one| one.max_ns as f64).collect();
    let longest = spread(&longest);
    found.extend(longest.map(|value_ns| PercentileSpread { percentile: 100.0, value_ns }));
    found
}

impl StallResult {
    /// Looks whether a stall of a steady load is where it belongs. Messages come evenly, so one
    /// that is due `t` into a stall of `s` waits `s - t`: of a run of `measured`, the part
    /// `(s - l) / measured` waits longer than `l`. Half of the stall is asked for, and a tenth is
    /// forgiven.
    pub fn judge(at: Duration, stall: Duration, measured: Duration, produce: &Latency) -> Self {
        let half = stall / 2;
        let quantile = 1.0 - half.as_secs_f64() / measured.as_secs_f64();
        let found = produce.quantile(quantile);
        let expected = half.mul_f64(0.9);
        // One message in the whole run waits for the stall; it is one of at least as many as fit
        // at the median, so it shows only beyond this percentile.
        let median = produce.quantile(0.5);
        let count = measured.as_secs_f64() / median.as_secs_f64().max(1e-9);
        let closed_loop = if 1.0 / count.max(1.0) > 1.0 - quantile { stall } else { median };
        Self {
            at_seconds: at.as_secs_f64(),
            seconds: stall.as_secs_f64(),
            percentile: quantile * 100.0,
            expected_ns: expected.as_nanos() as u64,
            found_ns: found.as_nanos() as u64,
            max_ns: produce.max().as_nanos() as u64,
            closed_loop_ns: closed_loop.as_nanos() as u64,
            is_shown: expected <= found && stall.mul_f64(0.9) <= produce.max(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::latency::Digits;

    /// A repeat whose every message took so many milliseconds.
    pub(crate) fn repeat(latency_ms: u64, per_second: f64) -> Repeat {
        let mut produce = Latency::new(Digits::Three);
        (0..100_000).for_each(|_| produce.record(Duration::from_millis(latency_ms)));
        Repeat {
            offered_per_second: Some(per_second),
            measured_seconds: 10.0,
            totals: Totals { acknowledged_per_second: per_second, ..Totals::default() },
            latencies: Latencies { produce: produce.result(), ..Latencies::default() },
            series: Vec::new(),
            generator: GeneratorUse::default(),
            machine: MachineUse::default(),
            broker: None,
            cpus: None,
            syncs: None,
            delivery: None,
            stall: None,
            verdict: Verdict::default(),
        }
    }

    /// A result of such repeats.
    pub(crate) fn result(repeats: Vec<Repeat>) -> RunResult {
        RunResult {
            format: FORMAT,
            tool: "test".to_owned(),
            started_ms: 0,
            target: TargetResult::default(),
            workload: RawWorkload::default(),
            loop_kind: LoopKind::Open,
            verdict: Verdict::over(repeats.iter().map(|repeat| &repeat.verdict)),
            summary: Summary::of(&repeats),
            fairness: Fairness::default(),
            machine: Machine::default(),
            repeats,
        }
    }

    #[test]
    fn a_file_comes_back_as_it_was() {
        let result = result(vec![repeat(3, 100.0), repeat(5, 110.0)]);
        assert_eq!(RunResult::parse(&result.to_json()).unwrap(), result);
    }

    #[test]
    fn a_file_of_another_format_or_with_unknown_names_is_refused() {
        let text = result(vec![repeat(3, 100.0)]).to_json();
        let other = text.replacen("\"format\":1", "\"format\":2", 1);
        let error = RunResult::parse(&other).unwrap_err();
        assert_eq!(error.to_string(), "it has format 2, this program reads format 1");
        let unknown = text.replacen("\"format\":1", "\"format\":1,\"x\":1", 1);
        assert!(RunResult::parse(&unknown).is_err());
    }

    #[test]
    fn the_summary_is_the_middle_and_the_spread_of_the_repeats() {
        let summary = Summary::of(&[repeat(3, 100.0), repeat(5, 110.0), repeat(4, 90.0)]);
        let rate = summary.acknowledged_per_second.unwrap();
        assert_eq!((rate.min, rate.median, rate.max), (90.0, 100.0, 110.0));
        let longest = summary.produce_ns.last().unwrap();
        assert_eq!(longest.percentile, 100.0);
        assert!((longest.value_ns.median / 4e6 - 1.0).abs() < 0.001);
        assert!(summary.end_to_end_ns.is_empty());
    }

    #[test]
    fn repeats_merge_into_one_histogram() {
        let merged = result(vec![repeat(3, 1.0), repeat(5, 1.0)]).merged(|one| &one.produce);
        assert_eq!(merged.count(), 200_000);
        assert!((merged.part_within(Duration::from_millis(4)) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_stall_shows_in_an_honest_distribution_and_not_in_one_that_omits_it() {
        let (stall, measured) = (Duration::from_secs(1), Duration::from_secs(20));
        let judge = |latency: &Latency| StallResult::judge(stall, stall, measured, latency);
        let (mut honest, mut omitting) = (Latency::new(Digits::Three), Latency::new(Digits::Three));
        for millisecond in 0..20_000_u64 {
            let left = 6000_u64.saturating_sub(millisecond);
            let wait = if millisecond >= 5000 { left.max(1) } else { 1 };
            honest.record(Duration::from_millis(wait));
            omitting.record(Duration::from_millis(if millisecond == 5000 { 1000 } else { 1 }));
        }
        let found = judge(&honest);
        assert!(found.is_shown && (found.percentile - 97.5).abs() < 1e-9, "{found:?}");
        assert!((found.found_ns as f64 / 5e8 - 1.0).abs() < 0.01, "{found:?}");
        assert!(!judge(&omitting).is_shown);
        assert_eq!(found.closed_loop_ns / 100_000, 10);
    }
}

//! Short runs on a broker that tell what its work costs: CPU time for each request, commit, record
//! and byte, the latency with nothing else going on, the most that one core takes, and memory.

use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use corelog_client::admin::NewTopic;
use corelog_client::blocking::{Admin, Cluster};
use corelog_client::security::ClientSecurity;
use corelog_client::{ClientConfig, ClientError, Endpoint};

use super::broker::{Broker, CpuShares};
use super::distribution::{Distribution, Measured};
use super::fit::costs;
use super::metrics::Counts;
use super::probe::{Step, Watch};
use super::profile::{Calibration, CalibrationRun, CpuCost, PacedRun};
use crate::result::RunResult;
use crate::run::{self, Job, Moment, RunError, Settings, Target, process_use};
use crate::workload::{RawWorkload, Workload};

mod paced;

use paced::Paced;

/// What is run: a name, and a workload as a file would have it. They do the kinds of work in
/// different proportions, so that the cost of each can be told.
const RUNS: [(&str, &str); 10] = [
    (WARM_UP, "[load]\nshape = 'closed:64'\n[message]\nsize = '32KiB'\n"),
    (UNLOADED, "[load]\nshape = 'poisson'\nrate = 500.0\n"),
    (AWAKE, "[load]\nshape = 'closed:1'\n"),
    ("a few at a time", "[load]\nshape = 'closed:1'\n[producer]\ncount = 8\n"),
    (
        SMALL,
        "[load]\nshape = 'closed:5'\n[message]\nsize = '256'\n\
         [topic]\npartitions = 1\n[producer]\ncount = 8\nbatch_bytes = 1\n",
    ),
    (
        "small records",
        "[load]\nshape = 'closed:4000'\n[message]\nsize = '100'\n\
         [producer]\nlinger_ms = 1.0\nbatch_bytes = 65536\n",
    ),
    ("usual batches", "[load]\nshape = 'closed:1000'\n[producer]\nbatch_bytes = 16384\n"),
    (
        LARGE,
        "[load]\nshape = 'closed:256'\n[message]\nsize = '32KiB'\n\
         [producer]\nbatch_bytes = 1000000\n",
    ),
    (
        "small requests, read",
        "[load]\nshape = 'closed:5'\n[message]\nsize = '256'\n\
         [topic]\npartitions = 1\n[producer]\ncount = 8\nbatch_bytes = 1\n\
         [reader]\ntail_groups = 1\n",
    ),
    (
        "large batches, read",
        "[load]\nshape = 'closed:64'\n[message]\nsize = '32KiB'\n\
         [producer]\nbatch_bytes = 1000000\n[reader]\ntail_groups = 2\n",
    ),
];

/// Prepares the files of the journal; nothing of it is kept.
const WARM_UP: &str = "warm-up";
const UNLOADED: &str = "now and then";
const AWAKE: &str = "one at a time";
const SMALL: &str = "small requests";
const LARGE: &str = "large batches";
/// Partitions that are made to see what one of them takes.
const PARTITIONS: i32 = 1000;
/// The memory of partitions.
const FURTHER_STEPS: u32 = 1;
const OF: u32 = RUNS.len() as u32 + FURTHER_STEPS + paced::RUNS;

/// How a broker is calibrated.
#[derive(Debug, Clone)]
pub struct CalibrationPlan {
    /// CPUs of broker and load.
    pub cpus: CpuShares,
    /// How long each run is measured.
    pub each: Duration,
}

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// A run was not possible.
    #[error("{run}: {source}")]
    Run {
        /// Which.
        run: String,
        /// Why.
        source: RunError,
    },
    /// The broker could not be looked at.
    #[error("cannot look at the broker: {0}")]
    Look(#[from] io::Error),
    /// The broker refused a topic.
    #[error("cannot create partitions: {0}")]
    Topic(#[from] ClientError),
    /// The watcher broke it off.
    #[error("it was broken off")]
    BrokenOff,
}

/// Calibrates a broker that does nothing else.
pub fn calibrate(
    broker: &Broker,
    plan: &CalibrationPlan,
    watch: &mut Watch<'_>,
) -> Result<Calibration, CalibrationError> {
    let mut found = Calibration {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        broker_cpus: plan.cpus.broker.to_string(),
        load_cpus: plan.cpus.load.clone(),
        ..Calibration::default()
    };
    tell(watch, 1, "broker: memory of partitions".to_owned())?;
    found.idle_resident_bytes = resident_bytes(broker)?;
    found.partition_bytes = partition_bytes(broker)?;
    for (number, (name, text)) in (1 + FURTHER_STEPS..).zip(RUNS) {
        tell(watch, number, format!("broker: {name}"))?;
        let mut one = OneRun { broker, plan, name, number, watch: &mut *watch };
        let (run, result, counts) = one.measure(text)?;
        let latency = || Distribution::of(&result.merged(|all| &all.produce));
        match name {
            WARM_UP => continue,
            UNLOADED => (found.unloaded, found.unloaded_cpu) = (latency(), run.cpu),
            AWAKE => {
                (found.awake, found.awake_cpu) = (latency(), run.cpu);
                found.unloaded_sync = counts.syncs();
            }
            LARGE => found.bytes_per_second_max = largest_rate(&run, &result),
            _ => {}
        }
        found.runs.push(run);
    }
    let first = 1 + FURTHER_STEPS + RUNS.len() as u32;
    for (number, paced) in (first..).zip(Paced::all(&found.runs)) {
        let (name, mut latencies) = (&paced.name(), Vec::new());
        for repeat in 0..paced::REPEATS {
            let mut one = OneRun { broker, plan, name, number, watch: &mut *watch };
            let (run, result, _) = one.measure(&paced.text())?;
            latencies.push(Distribution::of(&result.merged(|all| &all.produce)));
            match found.runs.last_mut().filter(|_| repeat > 0) {
                // The costs need one of them, and a reader what speaks against any.
                Some(first) => first.not_valid.extend(run.not_valid),
                None => found.runs.push(run),
            }
        }
        found.paced.push(PacedRun {
            name: name.clone(),
            part: paced.part,
            messages_per_second: paced.rate,
            message_bytes: f64::from(paced.shape.message_bytes),
            partitions: f64::from(paced.shape.partitions),
            clients: paced.shape.clients,
            latency: Distribution::middle(&latencies),
        });
    }
    found.fit();
    Ok(found)
}

impl Calibration {
    /// Finds the costs that explain the runs, and how well they do.
    pub fn fit(&mut self) {
        let rows: Vec<_> = self.runs.iter().map(|run| (run.amounts(), run.cpu)).collect();
        let [turn_s, request_s, frame_s, record_s, byte_s, fetch_s, fetched_byte_s] = costs(&rows);
        self.cost =
            CpuCost { turn_s, request_s, frame_s, record_s, byte_s, fetch_s, fetched_byte_s };
        self.cost_error = 0.0;
        for run in &mut self.runs {
            let parts = run.amounts().into_iter().zip(self.cost.of_kinds());
            run.cpu_fitted = parts.map(|(amount, cost)| amount * cost).sum();
            if run.cpu > 0.0 {
                self.cost_error = self.cost_error.max((run.cpu_fitted / run.cpu - 1.0).abs());
            }
        }
    }
}

impl CalibrationRun {
    fn amounts(&self) -> [f64; 7] {
        [
            self.turns_per_second,
            self.requests_per_second,
            self.frames_per_second,
            self.records_per_second,
            self.bytes_per_second,
            self.fetches_per_second,
            self.fetched_bytes_per_second,
        ]
    }
}

impl CpuCost {
    fn of_kinds(&self) -> [f64; 7] {
        [
            self.turn_s,
            self.request_s,
            self.frame_s,
            self.record_s,
            self.byte_s,
            self.fetch_s,
            self.fetched_byte_s,
        ]
    }
}

fn tell(watch: &mut Watch<'_>, number: u32, name: String) -> Result<(), CalibrationError> {
    let step = Step { name, number, of: OF };
    match watch(&step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(CalibrationError::BrokenOff),
    }
}

/// One run.
struct OneRun<'r, 'w> {
    broker: &'r Broker,
    plan: &'r CalibrationPlan,
    name: &'r str,
    number: u32,
    watch: &'r mut Watch<'w>,
}

impl OneRun<'_, '_> {
    fn measure(
        &mut self,
        text: &str,
    ) -> Result<(CalibrationRun, RunResult, Counts), CalibrationError> {
        let job = self.job(text);
        // Short runs have left little to do, such as files to remove.
        run::wait_until_calm(self.plan.each);
        let (before, begun) = (Look::at(self.broker)?, Instant::now());
        let result = run::run(&job, &mut |moment: &Moment<'_>| {
            let name = format!("broker: {}, {:.0} s", self.name, moment.elapsed.as_secs_f64());
            (self.watch)(&Step { name, number: self.number, of: OF })
        });
        let result = result.map_err(|source| match source {
            RunError::BrokenOff => CalibrationError::BrokenOff,
            source => CalibrationError::Run { run: self.name.to_owned(), source },
        })?;
        let (after, seconds) = (Look::at(self.broker)?, begun.elapsed().as_secs_f64());
        let counts = after.counts.since(&before.counts);
        let a_second = |family: &str| counts.number(family) / seconds;
        let requests_per_second = a_second("corelog_produce_seconds_count");
        let frames_per_second = a_second("corelog_journal_frames_total");
        let connections = f64::from(job.workload.producer.count);
        let run = CalibrationRun {
            name: self.name.to_owned(),
            turns_per_second: requests_per_second.min(frames_per_second * connections),
            requests_per_second,
            frames_per_second,
            records_per_second: a_second("corelog_produced_records_total"),
            bytes_per_second: a_second("corelog_produced_bytes_total"),
            fetches_per_second: a_second("corelog_fetches_total"),
            fetched_bytes_per_second: a_second("corelog_fetched_bytes_total"),
            journal_bytes_per_second: a_second("corelog_journal_bytes_total"),
            cpu: (after.cpu.saturating_sub(before.cpu)).as_secs_f64() / seconds,
            cpu_fitted: 0.0,
            resident_bytes: after.resident_bytes,
            steal: result.repeats.first().map_or(0.0, |repeat| repeat.machine.steal),
            not_valid: result.verdict.reasons().map(|finding| finding.what.clone()).collect(),
        };
        Ok((run, result, counts))
    }

    fn job(&self, text: &str) -> Job {
        let raw = RawWorkload::parse(text).expect("a test reads the text of every run");
        let mut raw = raw.over(calm());
        raw.load.seconds = Some(self.plan.each.as_secs_f64());
        raw.load.warm_up_seconds = Some((self.plan.each / 5).as_secs_f64());
        let workload = Workload::check(raw, |_| Err("there is no trace".to_owned()));
        Job {
            target: target(self.broker),
            workload: workload.expect("a test checks every run"),
            settings: Settings { load_cpus: self.plan.cpus.load.clone(), ..Settings::default() },
        }
    }
}

/// What every run has in common.
fn calm() -> RawWorkload {
    RawWorkload::parse("name = 'plan'\n[reader]\ntail_groups = 0\n").expect("a constant")
}

/// A broker of ours as a target of a run.
pub fn target(broker: &Broker) -> Target {
    let endpoint: Endpoint = broker.address.parse().expect("a broker tells HOST:PORT");
    Target {
        name: "this machine".to_owned(),
        bootstrap: vec![endpoint],
        security: ClientSecurity::default(),
        broker_pid: Some(broker.pid()),
        metrics: Some(broker.metrics.clone()),
    }
}

/// What a broker has done and used so far.
struct Look {
    counts: Counts,
    cpu: Duration,
    resident_bytes: u64,
}

impl Look {
    fn at(broker: &Broker) -> io::Result<Self> {
        let used = process_use(broker.pid()).ok_or(io::ErrorKind::NotFound)?;
        let counts = Counts::read(&broker.metrics)?;
        Ok(Self { counts, cpu: used.cpu, resident_bytes: used.resident_bytes })
    }
}

fn resident_bytes(broker: &Broker) -> io::Result<u64> {
    Ok(process_use(broker.pid()).ok_or(io::ErrorKind::NotFound)?.resident_bytes)
}

/// Bytes of batches a second in the measured part; the ends are those of its whole seconds.
fn largest_rate(run: &CalibrationRun, result: &RunResult) -> Measured {
    let bytes_each = run.bytes_per_second / run.records_per_second.max(1.0);
    let Some(repeat) = result.repeats.first() else { return Measured::default() };
    let value = repeat.totals.acknowledged_per_second * bytes_each;
    // The first and the last second are not whole.
    let seconds = repeat.series.iter().skip(1).rev().skip(1);
    let rates: Vec<f64> =
        seconds.map(|second| second.counts.acknowledged as f64 * bytes_each).collect();
    let spread = Measured::of(&rates);
    if rates.is_empty() {
        return Measured::exact(value);
    }
    Measured { value, low: spread.low.min(value), high: spread.high.max(value) }
}

fn partition_bytes(broker: &Broker) -> Result<f64, CalibrationError> {
    let endpoint: Endpoint = broker.address.parse().expect("a broker tells HOST:PORT");
    let mut admin = Admin::new(Cluster::connect(&[endpoint], ClientConfig::default())?);
    let before = resident_bytes(broker)?;
    admin.create_topic(&NewTopic {
        name: "corelog-plan-partitions".to_owned(),
        partitions: Some(PARTITIONS),
        replication_factor: Some(1),
        configs: Vec::new(),
    })?;
    let after = resident_bytes(broker)?;
    admin.delete_topic("corelog-plan-partitions")?;
    Ok(after.saturating_sub(before) as f64 / f64::from(PARTITIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_a_workload() {
        for (name, text) in RUNS {
            let raw = RawWorkload::parse(text).unwrap().over(calm());
            let workload = Workload::check(raw, |_| Err(String::new()));
            assert!(workload.is_ok(), "{name}: {workload:?}");
        }
        let closed = [SMALL, LARGE].map(|name| CalibrationRun {
            name: name.to_owned(),
            records_per_second: 50_000.0,
            ..CalibrationRun::default()
        });
        let paced = Paced::all(&closed);
        assert_eq!(paced.len() as u32, paced::RUNS);
        for paced in paced {
            let raw = RawWorkload::parse(&paced.text()).unwrap().over(calm());
            let workload = Workload::check(raw, |_| Err(String::new()));
            assert!(workload.is_ok(), "{}: {workload:?}", paced.name());
        }
    }

    #[test]
    fn the_costs_of_runs_are_found_with_their_error() {
        let run = |requests: f64, frames: f64, cpu: f64| CalibrationRun {
            requests_per_second: requests,
            frames_per_second: frames,
            cpu,
            ..CalibrationRun::default()
        };
        let mut found = Calibration {
            runs: vec![run(1000.0, 1000.0, 0.1), run(10_000.0, 1000.0, 0.28)],
            ..Calibration::default()
        };
        found.fit();
        assert!((found.cost.request_s - 20e-6).abs() < 1e-9, "{:?}", found.cost);
        assert!((found.cost.frame_s - 80e-6).abs() < 1e-9 && found.cost_error < 1e-6);
        found.runs.push(run(10_000.0, 1000.0, 0.56));
        found.fit();
        assert!(found.cost_error > 0.2, "{}", found.cost_error);
    }
}

//! `corelog bench sweep`: the highest rate that keeps an objective. The search is in the library;
//! here each rate it asks for is measured.

use std::time::Duration;

use corelog_bench::objective::Objective;
use corelog_bench::pages::sweep_page;
use corelog_bench::run::{Job, Target};
use corelog_bench::schedule::Shape;
use corelog_bench::sweep::{
    Judgement, Next, Point, Sustainable, Sweep, SweepLimit, SweepPlan, SweepResult,
};
use corelog_bench::workload::{Mode, Workload};
use serde::Serialize;

use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Report, Table};

use super::report::{bytes, duration, per_cpu_second, written_per_byte};
use super::workload::WorkloadArguments;
use super::{LoadArguments, Measuring, save};

#[derive(Debug, clap::Args)]
pub(super) struct SweepArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// What has to be kept: a latency and a bound
    #[arg(long, value_name = "TEXT", default_value = "p99.9 < 5ms")]
    objective: Objective,
    /// No higher rate is tried
    #[arg(long, value_name = "N", default_value_t = 1e9)]
    rate_max: f64,
    /// The search ends when the bounds are so close, as a part
    #[arg(long, value_name = "N", default_value_t = 0.05, value_parser = precision)]
    precision: f64,
    /// The search ends after so many measurements
    #[arg(long, value_name = "N", default_value_t = 40)]
    points_max: u32,
    /// Process of the broker on this machine
    #[arg(long, value_name = "PID")]
    broker_pid: Option<u32>,
    /// Where the broker has its metrics page, for how long its syncs take; corelog tells by itself
    #[arg(long, value_name = "HOST:PORT")]
    broker_metrics: Option<String>,
    #[command(flatten)]
    load: LoadArguments,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

fn precision(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.001..=1.0).contains(number));
    number.ok_or_else(|| "write a number from 0.001 to 1".to_owned())
}

/// Runs the command.
pub(super) fn run(arguments: &SweepArguments, output: &mut Output) -> Result<(), Failure> {
    let workload = arguments.workload.check()?;
    let rate = rate_of(&workload)?;
    let job = Job {
        target: Target {
            name: arguments.bootstrap.bootstrap.clone(),
            bootstrap: arguments.bootstrap.endpoints()?,
            security: arguments.bootstrap.security()?,
            broker_pid: arguments.broker_pid,
            metrics: arguments.broker_metrics.clone(),
        },
        workload,
        settings: arguments.load.settings(),
    };
    let mut sweep = Sweep::new(SweepPlan {
        rate_first: rate,
        rate_max: arguments.rate_max,
        precision: arguments.precision,
        points_max: arguments.points_max,
        ..SweepPlan::default()
    });
    let mut measuring = Measuring::begin(&arguments.load)?;
    let mut points = Vec::new();
    let mut last = None;
    let mut next = sweep.begin();
    let found = loop {
        match next {
            Next::Done(found) => break found,
            Next::Measure(rate) => {
                let workload = job.workload.with_rate(rate);
                let result = measuring.measure(&Job { workload, ..job.clone() })?;
                let point = Point::of(rate, &result, &arguments.objective);
                measuring.live.say(&told(&point, &arguments.objective));
                next = sweep.step(rate, point.judgement);
                points.push(point);
                last = Some(result);
            }
        }
    };
    let last = last.expect("a sweep measures before it is done");
    let name = save::name(&last);
    let result = SweepResult::new(&last, arguments.objective, found, points);
    output.show(&SweepReport(&result))?;
    if let Some(folder) = &arguments.load.save {
        let name = format!("sweep-{name}");
        save::json(folder, &name, &result)?;
        save::page(folder, &name, &sweep_page(&result))?;
    }
    if result.sustainable.rate_per_second.is_none() {
        let why = format!("no rate was found that keeps {}", arguments.objective);
        let hint = "look at the findings of the points, then try another objective or --rate";
        return Err(Failure::new(Exit::Failed, "no sustainable rate", why, hint));
    }
    Ok(())
}

/// The first rate; only a schedule by formula has one that can be changed.
fn rate_of(workload: &Workload) -> Result<f64, Failure> {
    let why = match &workload.load.mode {
        Mode::Open { shape: Shape::Trace(_), .. } => "a trace has the rate that was recorded",
        Mode::Open { rate, .. } => return Ok(*rate),
        Mode::Closed { .. } => "a closed loop has no rate",
    };
    Err(Failure::new(Exit::Usage, "cannot sweep", why, "write --shape constant or poisson"))
}

fn told(point: &Point, objective: &Objective) -> String {
    format!(
        "{:.0}/s offered, {:.0}/s acknowledged, {} {}: {}",
        point.offered_per_second,
        point.acknowledged_per_second,
        objective.metric,
        value(point),
        judgement(point.judgement)
    )
}

fn value(point: &Point) -> String {
    if point.value_ns >= 1e18 {
        return "none".to_owned();
    }
    duration(Duration::from_nanos(point.value_ns as u64))
}

fn judgement(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Kept => "kept",
        Judgement::Missed => "missed",
        Judgement::LoadAtLimit => "the load itself is at its limit",
        Judgement::Disturbed => "disturbed by others",
    }
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct SweepReport<'r>(&'r SweepResult);

impl Report for SweepReport<'_> {
    fn tables(&self) -> Vec<Table> {
        let result = self.0;
        let rows = vec![
            vec!["objective".to_owned(), result.objective.to_string()],
            vec!["sustainable rate".to_owned(), sustainable(&result.sustainable)],
            vec!["ended by".to_owned(), limit(result.sustainable.limit).to_owned()],
        ];
        let mut points: Vec<&Point> = result.points.iter().collect();
        points.sort_by(|one, other| one.offered_per_second.total_cmp(&other.offered_per_second));
        let row = |point: &&Point| {
            let at = |percentile: f64| {
                let found =
                    point.produce_ns.iter().find(|(which, _)| (which - percentile).abs() < 1e-9);
                found.map_or("-".to_owned(), |(_, ns)| duration(Duration::from_nanos(*ns)))
            };
            vec![
                format!("{:.0}", point.offered_per_second),
                format!("{:.0}", point.acknowledged_per_second),
                format!("{}/s", bytes(point.payload_bytes_per_second)),
                at(50.0),
                at(99.0),
                at(99.9),
                at(100.0),
                value(point),
                per_cpu_second(point.resources.as_ref()),
                written_per_byte(point.resources.as_ref()),
                judgement(point.judgement).to_owned(),
            ]
        };
        let header = [
            "offered/s",
            "acknowledged/s",
            "payload",
            "p50",
            "p99",
            "p99.9",
            "max",
            "objective",
            "per CPU second",
            "written/byte",
            "judgement",
        ];
        vec![
            Table::new(["sweep", "value"], rows),
            Table::new(header, points.iter().map(row).collect()),
        ]
    }
}

fn sustainable(found: &Sustainable) -> String {
    let missed = found.missed_per_second.map(|missed| format!(" (missed at {missed:.0})"));
    match found.rate_per_second {
        None => "none".to_owned(),
        Some(rate) => format!("{rate:.0} messages/s{}", missed.unwrap_or_default()),
    }
}

fn limit(limit: SweepLimit) -> &'static str {
    match limit {
        SweepLimit::Target => "the target",
        SweepLimit::Load => "the load: the target may sustain more than this",
        SweepLimit::RateMax => "--rate-max: the target may sustain more than this",
        SweepLimit::PointsMax => "--points-max",
        SweepLimit::Disturbed => "others on this machine, again and again",
    }
}

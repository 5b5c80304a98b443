//! `corelog bench compare`: several targets in turn, A B A B, and whether they differ by more than
//! chance. The statistics are in the library; here the runs are made and the exit code is chosen.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use corelog_bench::compare::{CompareResult, Comparison, Decision, PAIRS_MIN};
use corelog_bench::fairness::{self, Setting};
use corelog_bench::objective::Metric;
use corelog_bench::pages::compare_page;
use corelog_bench::resources::Resources;
use corelog_bench::result::{RunResult, Summary};
use corelog_bench::run::{Job, Target};
use corelog_bench::validity::Verdict;
use corelog_bench::workload::Workload;
use corelog_client::Endpoint;
use serde::Serialize;

use crate::command_config;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Report, Table};

use super::report::{bytes, duration, per_cpu_second, percent, written_per_byte};
use super::workload::WorkloadArguments;
use super::{LoadArguments, Measuring, save};

#[derive(Debug, clap::Args)]
pub(super) struct CompareArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// A target; the first one is what the others are compared with
    #[arg(long = "target", value_name = "NAME=HOST:PORT", required = true)]
    targets: Vec<NamedTarget>,
    /// How to encrypt and log in at a target: a file with the properties of Kafka's clients
    #[arg(long = "target-config", value_name = "NAME=FILE")]
    target_configs: Vec<NamedConfig>,
    /// Process of a target's broker on this machine
    #[arg(long = "broker-pid", value_name = "NAME=PID")]
    broker_pids: Vec<NamedPid>,
    /// Where a target's broker has its metrics page; corelog tells by itself
    #[arg(long = "broker-metrics", value_name = "NAME=HOST:PORT")]
    broker_metrics: Vec<NamedMetrics>,
    /// How often each target is measured
    #[arg(long, value_name = "N", default_value_t = 8)]
    pairs: u32,
    /// What is compared: p99.9, max, e2e.p99, rate, received, catch-up, bytes-per-cpu
    #[arg(long, default_value = "p99")]
    metric: Metric,
    /// By how many percent a target may be worse
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    threshold: f64,
    #[command(flatten)]
    load: LoadArguments,
}

#[derive(Debug, Clone)]
struct NamedTarget {
    name: String,
    bootstrap: Vec<Endpoint>,
}

impl FromStr for NamedTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, servers) = pair.ok_or("write NAME=HOST:PORT")?;
        let bootstrap = Endpoint::parse_list(servers).map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), bootstrap })
    }
}

#[derive(Debug, Clone)]
struct NamedPid {
    name: String,
    pid: u32,
}

impl FromStr for NamedPid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = text.split_once('=').and_then(|(name, pid)| Some((name, pid.parse().ok()?)));
        let (name, pid) = pair.ok_or("write NAME=PID")?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

#[derive(Debug, Clone)]
struct NamedMetrics {
    name: String,
    address: String,
}

impl FromStr for NamedMetrics {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once('=').ok_or("write NAME=HOST:PORT")?;
        Ok(Self { name: name.to_owned(), address: address.to_owned() })
    }
}

#[derive(Debug, Clone)]
struct NamedConfig {
    name: String,
    file: PathBuf,
}

impl FromStr for NamedConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text.split_once('=').ok_or("write NAME=FILE")?;
        Ok(Self { name: name.to_owned(), file: file.into() })
    }
}

/// Runs the command.
pub(super) fn run(arguments: &CompareArguments, output: &mut Output) -> Result<(), Failure> {
    let mut workload = arguments.workload.check()?;
    // Repeats are the rounds, one run of each target in each.
    workload.load.repeats = 1;
    let targets = arguments.check(&workload)?;
    let mut measuring = Measuring::begin(&arguments.load)?;
    let mut runs: Vec<RunResult> = Vec::new();
    for round in 0..arguments.pairs {
        for (place, target) in targets.iter().enumerate() {
            let job = Job {
                target: target.clone(),
                workload: workload.clone(),
                settings: arguments.load.settings(),
            };
            let result = measuring.measure(&job)?;
            measuring.live.say(&told(round, &result, arguments));
            match runs.get_mut(place) {
                Some(run) => run.repeats.extend(result.repeats),
                None => runs.push(result),
            }
        }
    }
    for run in &mut runs {
        run.verdict = Verdict::over(run.repeats.iter().map(|repeat| &repeat.verdict));
        run.summary = Summary::of(&run.repeats);
    }
    let name = save::name(&runs[0]);
    let result = CompareResult::new(arguments.metric, arguments.threshold / 100.0, runs);
    output.show(&CompareReport(&result))?;
    if let Some(folder) = &arguments.load.save {
        let name = format!("compare-{name}");
        save::json(folder, &name, &result)?;
        save::page(folder, &name, &compare_page(&result))?;
    }
    conclude(&result)
}

impl CompareArguments {
    fn check(&self, workload: &Workload) -> Result<Vec<Target>, Failure> {
        let refuse =
            |why: String, hint: &str| Err(Failure::new(Exit::Usage, "cannot compare", why, hint));
        if self.targets.len() < 2 {
            return refuse("there is one target".to_owned(), "write --target twice or more");
        }
        let names: BTreeSet<&str> = self.targets.iter().map(|target| &*target.name).collect();
        if names.len() < self.targets.len() {
            let hint = "give each --target a name of its own";
            return refuse("two targets have the same name".to_owned(), hint);
        }
        if !self.metric.is_honest_in(workload.loop_kind()) {
            let hint = "write --shape constant or poisson, or --metric rate";
            let why = "latencies of a closed loop leave out what waits";
            return refuse(why.to_owned(), hint);
        }
        let is_target = |name: &str| self.targets.iter().any(|target| target.name == name);
        let of_pids = self.broker_pids.iter().map(|named| ("--broker-pid", &named.name));
        let of_configs = self.target_configs.iter().map(|named| ("--target-config", &named.name));
        let of_metrics = self.broker_metrics.iter().map(|named| ("--broker-metrics", &named.name));
        let mut mentioned = of_pids.chain(of_configs).chain(of_metrics);
        if let Some((flag, name)) = mentioned.find(|mentioned| !is_target(mentioned.1)) {
            let why = format!("{flag} names {name}, no target does");
            return refuse(why, &format!("write {flag} with the name of a --target"));
        }
        if (self.pairs as usize) < PAIRS_MIN {
            let why = format!("{} pairs cannot tell a difference from chance", self.pairs);
            return refuse(why, &format!("write --pairs {PAIRS_MIN} or more"));
        }
        let pid_of = |name: &str| {
            self.broker_pids.iter().find(|named| named.name == name).map(|named| named.pid)
        };
        let metrics_of = |name: &str| {
            let found = self.broker_metrics.iter().find(|named| named.name == name);
            found.map(|named| named.address.clone())
        };
        let security_of = |name: &str| {
            let config = self.target_configs.iter().find(|named| named.name == name);
            config.map(|named| command_config::read(&named.file)).transpose()
        };
        let target = |named: &NamedTarget| {
            Ok(Target {
                name: named.name.clone(),
                bootstrap: named.bootstrap.clone(),
                security: security_of(&named.name)?.unwrap_or_default(),
                broker_pid: pid_of(&named.name),
                metrics: metrics_of(&named.name),
            })
        };
        self.targets.iter().map(target).collect()
    }
}

fn told(round: u32, result: &RunResult, arguments: &CompareArguments) -> String {
    let value = result.repeats.first().and_then(|repeat| arguments.metric.of(repeat));
    let verdict = if result.verdict.is_valid { "" } else { ", NOT VALID" };
    let value = value.map_or("none".to_owned(), |value| shown(arguments.metric, value));
    let round = round + 1;
    let (pairs, name) = (arguments.pairs, &result.target.name);
    format!("round {round}/{pairs}  {name}  {} {value}{verdict}", arguments.metric)
}

fn shown(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Produce(_) | Metric::EndToEnd(_) => {
            duration(std::time::Duration::from_nanos(value as u64))
        }
        Metric::Rate | Metric::Received => format!("{value:.0}/s"),
        Metric::CatchUp => format!("{}/s", bytes(value)),
        Metric::BytesPerCpuSecond => format!("{value:.0}"),
    }
}

fn conclude(result: &CompareResult) -> Result<(), Failure> {
    let of = |decision: Decision| {
        let found = result.comparisons.iter().filter(move |one| one.decision == decision);
        found
            .map(|one| format!("{} against {}", one.other, one.base))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if result.is_any(Decision::Worse) {
        let why = format!("{} by {}", of(Decision::Worse), result.metric);
        let hint = "look at the ratios, and at what is not equal on both sides";
        return Err(Failure::new(Exit::Worse, "worse than the threshold allows", why, hint));
    }
    if result.is_any(Decision::Undecided) {
        let why = format!("too few valid pairs of {}", of(Decision::Undecided));
        let hint = "look at the findings, then measure on a quieter machine or with more --pairs";
        return Err(Failure::new(Exit::Invalid, "nothing was decided", why, hint));
    }
    Ok(())
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct CompareReport<'r>(&'r CompareResult);

impl Report for CompareReport<'_> {
    fn tables(&self) -> Vec<Table> {
        let result = self.0;
        let row = |one: &Comparison| {
            let ratio = one.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
            let ends = |pick: fn(f64, f64) -> f64| one.ratios.iter().copied().reduce(pick);
            let range = ends(f64::min).zip(ends(f64::max));
            vec![
                format!("{} / {}", one.other, one.base),
                result.metric.to_string(),
                ratio,
                range.map_or("-".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}")),
                format!("{:.4}", one.significance.p_value),
                format!("{} valid, {} not", one.ratios.len(), one.invalid_pairs),
                decision(one.decision).to_owned(),
            ]
        };
        let header = ["comparison", "metric", "ratio", "range", "p", "pairs", "decision"];
        let mut tables = vec![Table::new(header, result.comparisons.iter().map(row).collect())];
        tables.push(self.targets());
        tables.push(self.resources());
        let test = vec![
            vec!["test".to_owned(), result.test.clone()],
            vec!["threshold".to_owned(), percent(result.threshold)],
            vec!["loop".to_owned(), result.runs[0].loop_kind.label().to_owned()],
        ];
        tables.push(Table::new(["method", "value"], test));
        tables.extend(self.differences());
        tables.extend(self.findings());
        tables
    }
}

impl CompareReport<'_> {
    fn targets(&self) -> Table {
        let row = |run: &RunResult| {
            let latency = run.merged(|all| &all.produce);
            let rate = run.summary.acknowledged_per_second.map_or(0.0, |spread| spread.median);
            vec![
                run.target.name.clone(),
                run.fairness.software.clone(),
                format!("{rate:.0}"),
                duration(latency.quantile(0.5)),
                duration(latency.quantile(0.99)),
                duration(latency.quantile(0.999)),
                duration(latency.max()),
            ]
        };
        let header = ["target", "broker", "acknowledged/s", "p50", "p99", "p99.9", "max"];
        Table::new(header, self.0.runs.iter().map(row).collect())
    }

    fn resources(&self) -> Table {
        let row = |run: &RunResult| {
            let used = Resources::of(&run.repeats);
            let told = |shown: &dyn Fn(&Resources) -> String| {
                used.as_ref().map_or_else(|| fairness::NOT_TOLD.to_owned(), shown)
            };
            vec![
                run.target.name.clone(),
                told(&|used| percent(used.cpus)),
                told(&|used| bytes(used.resident_bytes)),
                per_cpu_second(used.as_ref()),
                written_per_byte(used.as_ref()),
            ]
        };
        let header =
            ["broker process", "CPU", "memory", "payload per CPU second", "write amplification"];
        Table::new(header, self.0.runs.iter().map(row).collect())
    }

    /// The settings that are not equal, a column for each target.
    fn differences(&self) -> Option<Table> {
        let runs = &self.0.runs;
        let settings = fairness::of_runs(runs).into_iter().filter(|it| it.equal().is_none());
        let row = |setting: Setting| {
            let values = (0..runs.len()).map(|target| setting.value(target).to_owned());
            std::iter::once(setting.name.clone()).chain(values).collect()
        };
        let rows: Vec<Vec<String>> = settings.map(row).collect();
        let names = runs.iter().map(|run| run.target.name.clone());
        let header = std::iter::once("not equal".to_owned()).chain(names).collect();
        (!rows.is_empty()).then(|| Table::with_columns(header, rows))
    }

    fn findings(&self) -> Option<Table> {
        let rows: Vec<Vec<String>> = self
            .0
            .runs
            .iter()
            .flat_map(|run| {
                let name = run.target.name.clone();
                run.verdict.findings.iter().map(move |one| vec![name.clone(), one.what.clone()])
            })
            .collect();
        (!rows.is_empty()).then(|| Table::new(["finding", "what"], rows))
    }
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Worse => "WORSE",
        Decision::Better => "better",
        Decision::Alike => "no difference beyond the threshold shown",
        Decision::Undecided => "undecided: too few valid pairs",
    }
}

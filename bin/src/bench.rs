//! `corelog bench`: measures any broker that speaks the Kafka protocol. Arguments and output are
//! here, everything else is in `corelog-bench`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use corelog_bench::machine::parse_cpu_list;
use corelog_bench::merge::merge;
use corelog_bench::result::RunResult;
use corelog_bench::run::{self, Job, RunError, Settings, Target, TopicChoice};
use corelog_bench::workload::Workload;

use crate::advice;
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::live::Live;
use self::presets::PresetList;
use self::report::RunReport;
use self::workload::WorkloadArguments;

mod compare;
mod histogram;
mod live;
mod presets;
pub(crate) mod report;
mod save;
mod sweep;
mod workload;

/// The command line of `bench`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Measures one workload on one target
    Run(RunArguments),
    /// Looks for the highest rate at which a latency stays below a bound
    Sweep(sweep::SweepArguments),
    /// Measures several targets in turn and tests whether they differ
    Compare(compare::CompareArguments),
    /// Puts together what several processes measured at the same time
    Merge(MergeArguments),
    /// Lists the workloads that come with the program
    Presets,
}

#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    #[command(flatten)]
    load: LoadArguments,
    /// Process of the broker on this machine: its CPU time, memory and disk bytes are recorded
    #[arg(long, value_name = "PID")]
    broker_pid: Option<u32>,
    /// Where the broker has its metrics page, for how long its syncs take; corelog tells by itself
    #[arg(long, value_name = "HOST:PORT")]
    broker_metrics: Option<String>,
    /// Stops the broker's process for so long in the middle, to show that waiting is in the numbers
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "1",
        requires = "broker_pid"
    )]
    demo_stall: Option<f64>,
    /// Prints the workload with every value, and measures nothing
    #[arg(long)]
    print_workload: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
struct MergeArguments {
    /// Results of `bench run --json` or `--save`
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Folder for the result as JSON, its histograms as .hgrm and a report as HTML
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

/// How the load runs, whatever is measured.
#[derive(Debug, Args)]
struct LoadArguments {
    /// CPUs for the threads of the load, as in 2,4-7
    #[arg(long, value_name = "CPUS", value_parser = cpus)]
    load_cpus: Option<CpuList>,
    /// A topic that is there already, instead of a new one for each repeat
    #[arg(long, value_name = "NAME", conflicts_with = "keep_topic")]
    topic: Option<String>,
    /// Leaves the new topics where they are
    #[arg(long)]
    keep_topic: bool,
    /// Folder for the result as JSON, its histograms as .hgrm and a report as HTML
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Shows nothing while it runs
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Clone)]
struct CpuList(Vec<usize>);

fn cpus(text: &str) -> Result<CpuList, String> {
    parse_cpu_list(text).map(CpuList).ok_or_else(|| "write CPUs as in 2,4-7".to_owned())
}

impl LoadArguments {
    fn settings(&self) -> Settings {
        let topic = match (&self.topic, self.keep_topic) {
            (Some(name), _) => TopicChoice::Existing(name.clone()),
            (None, true) => TopicChoice::FreshAndKept,
            (None, false) => TopicChoice::Fresh,
        };
        Settings {
            load_cpus: self.load_cpus.clone().map_or(Vec::new(), |list| list.0),
            topic,
            stall: None,
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    match &arguments.action {
        Action::Run(run) => run_once(run, output),
        Action::Sweep(sweep) => sweep::run(sweep, output),
        Action::Compare(compare) => compare::run(compare, output),
        Action::Merge(merge) => run_merge(merge, output),
        Action::Presets => output.show(&PresetList::default()),
    }
}

fn run_once(arguments: &RunArguments, output: &mut Output) -> Result<(), Failure> {
    let workload = arguments.workload.check()?;
    if arguments.print_workload {
        return output.bytes(workload.typed.to_toml().as_bytes());
    }
    let mut settings = arguments.load.settings();
    settings.stall = arguments.stall(&workload)?;
    let target = Target {
        name: arguments.bootstrap.bootstrap.clone(),
        bootstrap: arguments.bootstrap.endpoints()?,
        security: arguments.bootstrap.security()?,
        broker_pid: arguments.broker_pid,
        metrics: arguments.broker_metrics.clone(),
    };
    let mut measuring = Measuring::begin(&arguments.load)?;
    let result = measuring.measure(&Job { target, workload, settings })?;
    drop(measuring);
    output.show(&RunReport(&result))?;
    if let Some(folder) = &arguments.load.save {
        save::run(folder, &result)?;
    }
    if let Some(stall) =
        result.repeats.iter().filter_map(|one| one.stall.as_ref()).find(|one| !one.is_shown)
    {
        let why = format!("p{:.2} is {:?}", stall.percentile, Duration::from_nanos(stall.found_ns));
        let hint =
            "let the schedule be constant and longer, and check that the process is the broker's";
        return Err(Failure::new(Exit::Failed, "the stall is not in the numbers", why, hint));
    }
    refuse_invalid(&result)
}

fn run_merge(arguments: &MergeArguments, output: &mut Output) -> Result<(), Failure> {
    let what = "cannot merge";
    let hint = "name results of the same workload, made by this version of bench run";
    let mut results = Vec::new();
    for path in &arguments.files {
        let refuse = |why: String| {
            let what = format!("{what} {}", path.display());
            Failure::new(Exit::Usage, what, why, hint)
        };
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        results.push(RunResult::parse(&text).map_err(|error| refuse(error.to_string()))?);
    }
    let merged = merge(&results).map_err(|error| Failure::new(Exit::Usage, what, error, hint))?;
    output.show(&RunReport(&merged))?;
    if let Some(folder) = &arguments.save {
        save::run(folder, &merged)?;
    }
    refuse_invalid(&merged)
}

impl RunArguments {
    fn stall(&self, workload: &Workload) -> Result<Option<Duration>, Failure> {
        let Some(seconds) = self.demo_stall else { return Ok(None) };
        let what = "cannot stop the broker for a moment";
        let is_usable = (0.01..=20.0).contains(&seconds);
        if !is_usable || workload.load.measured.as_secs_f64() < 4.0 * seconds {
            let why = format!("a stall of {seconds} s in {:?}", workload.load.measured);
            let hint =
                "write from 0.01 to 20 seconds, and measure four times as long with --seconds";
            return Err(Failure::new(Exit::Usage, what, why, hint));
        }
        Ok(Some(Duration::from_secs_f64(seconds)))
    }
}

/// A run that is not valid ends with an exit code of its own, after its result was shown.
fn refuse_invalid(result: &RunResult) -> Result<(), Failure> {
    let reasons: Vec<String> = result.verdict.reasons().map(|one| one.what.clone()).collect();
    if result.verdict.is_valid {
        return Ok(());
    }
    let hint = "docs/benchmarking.md says what makes a run not valid, and what to do";
    Err(Failure::new(Exit::Invalid, "the run is not valid", reasons.join("; "), hint))
}

/// Measures while somebody looks on and may press Ctrl-C.
struct Measuring {
    live: Live,
    interrupt: Interrupt,
}

impl Measuring {
    fn begin(arguments: &LoadArguments) -> Result<Self, Failure> {
        let live = if arguments.quiet { Live::silent() } else { Live::on_stderr() };
        Ok(Self { live, interrupt: Interrupt::watch()? })
    }

    fn measure(&mut self, job: &Job) -> Result<RunResult, Failure> {
        let (live, interrupt) = (&mut self.live, &self.interrupt);
        let result = run::run(job, &mut |moment| {
            live.show(moment);
            if interrupt.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.live.clear();
        result.map_err(|error| unmeasured(&error, &job.target))
    }
}

fn unmeasured(error: &RunError, target: &Target) -> Failure {
    let what = format!("cannot measure {}", target.name);
    match error {
        RunError::Client { doing, source } => advice::failure(format!("{what}: {doing}"), source),
        RunError::BrokenOff => Interrupt::failure(what, "Ctrl-C came before the end"),
        RunError::NoProcess(_) => {
            Failure::new(Exit::Usage, what, error, "check --broker-pid, and who may look at it")
        }
        RunError::NoCpu(_) => {
            Failure::new(Exit::Usage, what, error, "check --load-cpus against taskset -p $$")
        }
        RunError::Stall(_) => {
            Failure::new(Exit::Failed, what, error, "check --broker-pid, and who may stop it")
        }
        RunError::Panicked => Failure::new(Exit::Failed, what, error, "report this"),
    }
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> Failure {
    let what = format!("cannot read {}", path.display());
    Failure::new(Exit::Usage, what, error, "corelog bench presets lists what needs no file")
}

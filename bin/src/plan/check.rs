//! `corelog plan check`: runs what was predicted, and says how far off the prediction was.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use corelog_bench::pages::check_page;
use corelog_bench::plan::broker::CpuShares;
use corelog_bench::plan::calibrate::target;
use corelog_bench::plan::compare::{
    CheckResult, Compared, FORMAT, HighestRate, Level, Outcome, P99_GOAL, RATE_GOAL, curve, shape,
};
use corelog_bench::plan::demand::{Clients, Demand};
use corelog_bench::plan::model::{Load, Model};
use corelog_bench::plan::profile::Profile;
use corelog_bench::plan::quantity::Part;
use corelog_bench::result::RunResult;
use corelog_bench::run::{self, Job, RunError, Settings, Target, this_machine};
use corelog_bench::workload::{
    RawLoad, RawMessage, RawProducer, RawReader, RawTopic, RawWorkload, Workload,
};
use serde::Serialize;

use crate::bench::report::{bytes, percent};
use crate::bootstrap::Bootstrap;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, Report, Table};

use super::own_broker::OwnBroker;
use super::steps::Steps;
use super::terms::{ClientArguments, profile, resource, time, unusable, write_report};

#[derive(Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// Profile of this machine, made by plan probe
    #[arg(value_name = "PROFILE", default_value = "profile.toml")]
    profile: PathBuf,
    /// Shares of the highest rate that are run
    #[arg(long, value_name = "PARTS", value_delimiter = ',', default_value = "25%,50%,75%")]
    levels: Vec<Part>,
    /// Seconds that each run measures
    #[arg(long, value_name = "N", default_value_t = 8.0)]
    seconds: f64,
    /// How often each run is made; the middle one counts
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: u32,
    #[command(flatten)]
    clients: ClientArguments,
    /// Folder on the disk of the profile; a broker of our own has its data there for the time
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Measures the broker at --bootstrap, which has one core, instead of one of our own
    #[arg(long, value_name = "PID")]
    broker_pid: Option<u32>,
    #[command(flatten)]
    bootstrap: Bootstrap,
    /// Folder for a report as HTML, with its pictures as PNG and CSV, and for the result as JSON
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Shows nothing while it runs
    #[arg(long)]
    quiet: bool,
}

/// How long a run waits, at most, for what the one before has left to do.
const CALM_MAX: Duration = Duration::from_secs(10);

/// Runs the command.
pub(super) fn run(arguments: &CheckArguments, output: &mut Output) -> Result<(), Failure> {
    let profile = profile(&arguments.profile)?;
    let model = Model::new(&profile).map_err(|error| unusable(&error))?;
    let demand = arguments.clients.demand()?;
    let shape = shape(&demand);
    let parts = arguments.parts()?;
    let interrupt = Interrupt::watch_all()?;
    let own = match arguments.broker_pid {
        Some(_) => None,
        None => Some(OwnBroker::start(&arguments.dir)?),
    };
    let mut runs = Runs {
        arguments,
        demand: &demand,
        target: arguments.target(own.as_ref())?,
        load_cpus: own.as_ref().map_or_else(Vec::new, |own| own.cpus.load.clone()),
        steps: Steps::new(arguments.quiet),
        interrupt,
        number: 0,
    };
    let highest = model.highest(&shape);
    if own.is_some() {
        // A new broker prepares the files of its journal for a while; nothing of this is kept.
        let job = runs.job(runs.closed())?;
        runs.one(&job, (0, 1 + parts.len() as u32), "warm-up", 1)?;
    }
    let most = runs.measure("the highest rate", runs.closed())?;
    let highest = HighestRate::of(highest, &most);
    let rate = highest.predicted.messages_per_second;
    let mut levels = Vec::new();
    for part in parts {
        let load = Load { messages_per_second: rate * part, ..shape };
        let Some(prediction) = model.predict(&load) else { continue };
        let name = format!("{:.0} % of the highest rate", part * 100.0);
        let run = runs.measure(&name, open(load.messages_per_second))?;
        levels.push(Level::of(part, prediction, &run));
    }
    let result = CheckResult {
        format: FORMAT,
        profile: profile.name.clone(),
        target: runs.target.name.clone(),
        message_bytes: demand.message_bytes,
        fan_out: demand.fan_out,
        clients: demand.clients,
        curve: curve(&model, &shape, rate),
        highest,
        levels,
        notes: notes(&profile, &most),
    };
    drop((runs, own));
    save(arguments, &result)?;
    output.show(&CheckReport(&result))?;
    verdict(&result)
}

impl CheckArguments {
    fn parts(&self) -> Result<Vec<f64>, Failure> {
        let parts: Vec<f64> = self.levels.iter().map(|part| part.0).collect();
        if parts.iter().all(|part| 0.0 < *part && *part < 1.0) && self.seconds >= 0.5 {
            return Ok(parts);
        }
        let why = "a share outside of 0 to 100 %, or less than half a second";
        let hint = "write --levels 25%,50%,75% and --seconds 8";
        Err(Failure::new(Exit::Usage, "cannot check so", why, hint))
    }

    fn target(&self, own: Option<&OwnBroker>) -> Result<Target, Failure> {
        if let Some(own) = own {
            return Ok(target(&own.broker));
        }
        Ok(Target {
            name: self.bootstrap.bootstrap.clone(),
            bootstrap: self.bootstrap.endpoints()?,
            security: self.bootstrap.security()?,
            broker_pid: self.broker_pid,
            metrics: None,
        })
    }
}

/// The runs of a check.
struct Runs<'r> {
    arguments: &'r CheckArguments,
    demand: &'r Demand,
    target: Target,
    load_cpus: Vec<usize>,
    steps: Steps,
    interrupt: Interrupt,
    number: u32,
}

impl Runs<'_> {
    /// As many open messages as fill all requests that producers may have open.
    fn closed(&self) -> RawLoad {
        let Clients { in_flight, .. } = self.demand.clients;
        let full = self.demand.clients.batch_messages_max(&self.demand.record());
        // Twice as many, so that the next batches are full when the first ones are answered.
        let open = (2.0 * in_flight * full).max(1.0);
        RawLoad { shape: Some(format!("closed:{open:.0}")), ..RawLoad::default() }
    }

    fn measure(&mut self, name: &str, load: RawLoad) -> Result<RunResult, Failure> {
        self.number += 1;
        let (number, of) = (self.number, self.arguments.levels.len() as u32 + 1);
        let job = self.job(load)?;
        let mut all = self.one(&job, (number, of), name, 1)?;
        for repeat in 2..=self.arguments.repeats {
            all.add_repeats(self.one(&job, (number, of), name, repeat)?);
        }
        Ok(all)
    }

    fn job(&self, load: RawLoad) -> Result<Job, Failure> {
        Ok(Job {
            target: self.target.clone(),
            workload: self.workload(load)?,
            settings: Settings { load_cpus: self.load_cpus.clone(), ..Settings::default() },
        })
    }

    /// One repeat, when the one before is over in every respect.
    fn one(
        &self,
        job: &Job,
        (number, of): (u32, u32),
        name: &str,
        repeat: u32,
    ) -> Result<RunResult, Failure> {
        let repeats = self.arguments.repeats;
        let which =
            if number == 0 { String::new() } else { format!(", repeat {repeat} of {repeats}") };
        self.steps.show(number, of, &format!("{name}{which}"));
        // Short runs have left little to do, such as files to remove.
        run::wait_until_calm(Duration::from_secs_f64(self.arguments.seconds).min(CALM_MAX));
        let interrupt = &self.interrupt;
        let found = run::run(job, &mut |_| {
            if interrupt.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found.map_err(|error| match error {
            RunError::BrokenOff => {
                Interrupt::failure("cannot check the profile", "Ctrl-C came before the end")
            }
            error => {
                let hint = "check --bootstrap and --broker-pid, and the log of that broker";
                Failure::new(Exit::Failed, format!("cannot measure {name}"), error, hint)
            }
        })
    }

    fn workload(&self, load: RawLoad) -> Result<Workload, Failure> {
        let (clients, arguments) = (&self.demand.clients, self.arguments);
        let raw = RawWorkload {
            name: Some("plan-check".to_owned()),
            about: None,
            load: RawLoad {
                seconds: Some(arguments.seconds),
                warm_up_seconds: Some((arguments.seconds / 4.0).clamp(0.2, 3.0)),
                repeats: Some(1),
                ..load
            },
            topic: RawTopic {
                partitions: Some(self.demand.partitions as i32),
                ..RawTopic::default()
            },
            message: RawMessage {
                size: Some(format!("{:.0}", self.demand.message_bytes)),
                ..RawMessage::default()
            },
            producer: RawProducer {
                count: Some(clients.producers as u32),
                linger_ms: Some(clients.linger_s * 1e3),
                batch_bytes: Some(clients.batch_bytes as usize),
                requests_in_flight_max: Some(clients.in_flight as usize),
                ..RawProducer::default()
            },
            reader: RawReader {
                tail_groups: Some(self.demand.fan_out as u32),
                ..RawReader::default()
            },
        };
        Workload::check(raw, |_| Err("there is no trace".to_owned())).map_err(|problems| {
            let why = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Failure::new(Exit::Usage, "cannot run such messages", why, "write other ones")
        })
    }
}

/// A schedule that knows nothing of the broker.
fn open(rate: f64) -> RawLoad {
    RawLoad { shape: Some("poisson".to_owned()), rate: Some(rate), ..RawLoad::default() }
}

/// What makes the comparison less than it seems.
fn notes(profile: &Profile, run: &RunResult) -> Vec<String> {
    let mut notes = Vec::new();
    let here = this_machine();
    if (&here.cpu_model, here.cpus) != (&profile.machine.cpu_model, profile.machine.cpus) {
        let there = &profile.machine;
        notes.push(format!(
            "the profile is of another machine: {} x {}, here are {} x {}",
            there.cpus, there.cpu_model, here.cpus, here.cpu_model
        ));
    }
    if run.fairness.nodes > 1 {
        let cores = run.fairness.nodes;
        notes.push(format!("the broker has {cores} cores, the model predicts one"));
    }
    if CpuShares::of_this_machine().is_ok_and(|cpus| cpus.load.is_empty()) {
        notes.push("broker and load share the only CPU".to_owned());
    }
    notes
}

fn save(arguments: &CheckArguments, result: &CheckResult) -> Result<(), Failure> {
    write_report(arguments.report.as_ref(), || check_page(result))?;
    let Some(folder) = &arguments.report else { return Ok(()) };
    let path = folder.join("check.json");
    std::fs::write(&path, crate::output::json::document(result)?).map_err(|error| {
        let what = format!("cannot write {}", path.display());
        Failure::new(Exit::Failed, what, error, "check --report, the space and the permissions")
    })
}

fn verdict(result: &CheckResult) -> Result<(), Failure> {
    let hint = "docs/capacity.md says what the model leaves out, and what to do";
    match result.outcome() {
        Outcome::Held => Ok(()),
        Outcome::Missed => {
            let why = "a rate or a p99 is further off than the goals allow";
            Err(Failure::new(Exit::Worse, "the prediction is off", why, hint))
        }
        Outcome::NotValid => {
            let all = result.levels.iter().map(|level| (level.outcome, &level.findings));
            let all = all.chain([(result.highest.outcome, &result.highest.findings)]);
            let invalid = all.filter(|(outcome, _)| *outcome == Outcome::NotValid);
            let why: Vec<String> = invalid.flat_map(|(_, findings)| findings.clone()).collect();
            Err(Failure::new(Exit::Invalid, "a run is not valid", why.join("; "), hint))
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct CheckReport<'r>(&'r CheckResult);

impl Report for CheckReport<'_> {
    fn tables(&self) -> Vec<Table> {
        let result = self.0;
        let mut tables = vec![highest(result), levels(result)];
        let mut findings = Vec::new();
        for level in &result.levels {
            let of = format!("{:.0} %", level.part * 100.0);
            findings.extend(level.findings.iter().map(|what| vec![of.clone(), what.clone()]));
        }
        let of = "highest".to_owned();
        findings.extend(result.highest.findings.iter().map(|it| vec![of.clone(), it.clone()]));
        findings.extend(result.notes.iter().map(|note| vec!["all".to_owned(), note.clone()]));
        if !findings.is_empty() {
            tables.push(Table::new(["finding at", "what"], findings));
        }
        tables
    }
}

fn off(compared: &Compared) -> String {
    format!("{:+.0} %", compared.error * 100.0)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "held",
        Outcome::Missed => "MISSED",
        Outcome::NotValid => "NOT VALID",
    }
}

fn highest(result: &CheckResult) -> Table {
    let highest = &result.highest;
    let rate = &highest.rate;
    let row = vec![
        format!("{:.0}/s", rate.predicted),
        format!("{:.0}/s", rate.measured),
        off(rate),
        format!("{:.0} %", RATE_GOAL * 100.0),
        word(highest.outcome).to_owned(),
        resource(highest.predicted.limit).to_owned(),
    ];
    let header = ["highest rate", "measured", "off by", "goal", "outcome", "binds, predicted"];
    Table::new(header, vec![row])
}

fn levels(result: &CheckResult) -> Table {
    let pair = |compared: &Compared, show: &dyn Fn(f64) -> String| {
        format!("{} / {}", show(compared.predicted), show(compared.measured))
    };
    let row = |level: &Level| {
        let (cpu, disk) = (level.cpu.as_ref(), level.disk_bytes_per_second.as_ref());
        vec![
            format!("{:.0} %", level.part * 100.0),
            pair(&level.rate, &|rate| format!("{rate:.0}/s")),
            pair(&level.p50_s, &time),
            pair(&level.p99_s, &time),
            off(&level.p99_s),
            format!("{:.0} %", P99_GOAL * 100.0),
            word(level.outcome).to_owned(),
            cpu.map_or("-".to_owned(), |cpu| pair(cpu, &percent)),
            disk.map_or("-".to_owned(), |disk| pair(disk, &|it| format!("{}/s", bytes(it)))),
        ]
    };
    let header = [
        "load",
        "rate, predicted / measured",
        "p50",
        "p99",
        "p99 off by",
        "goal",
        "outcome",
        "CPU",
        "disk",
    ];
    Table::new(header, result.levels.iter().map(row).collect())
}

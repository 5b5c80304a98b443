//! Runs a workload on a target and gives the result: sets up producers and readers, starts their
//! threads by one clock, watches the machine meanwhile, and judges what came out.

mod clock;
mod lane;
mod load;
mod measure;
mod open;
mod page;
mod probe;
mod reader;
mod stall;
mod target;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use corelog_client::blocking::Admin;
use corelog_client::security::ClientSecurity;
use corelog_client::{ClientConfig, ClientError, Endpoint};
use fastrand::Rng;

use crate::affinity;
use crate::payload::Pool;
use crate::result::{FORMAT, Fairness, LoopKind, Repeat, RunResult, Summary, TargetResult};
use crate::series::Part;
use crate::validity::Verdict;
use crate::workload::{Mode, Workload};

use self::clock::Clock;
use self::lane::LaneContext;
use self::page::MetricsPage;
use self::target::Connector;

pub use self::probe::{MachineWatch, process_use, this_machine, wait_until_calm};

/// How much memory a request may take and how long a run waits for answers, where nothing else
/// is said.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A workload, a target, and how to go about it.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where.
    pub target: Target,
    /// What.
    pub workload: Workload,
    /// How.
    pub settings: Settings,
}

/// A cluster and what to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name in outputs.
    pub name: String,
    /// Servers to begin with.
    pub bootstrap: Vec<Endpoint>,
    /// How connections to them are secured.
    pub security: ClientSecurity,
    /// The broker's process on this machine, if its resources are to be recorded.
    pub broker_pid: Option<u32>,
    /// Where its metrics page is, as HOST:PORT; none looks where its configs say.
    pub metrics: Option<String>,
}

/// How a run is made, apart from what it measures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// CPUs for the threads of the load, one after the other; empty leaves them free.
    pub load_cpus: Vec<usize>,
    /// Which topic.
    pub topic: TopicChoice,
    /// Stops the broker's process for so long in the middle of the measured part.
    pub stall: Option<Duration>,
}

/// Which topic is measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TopicChoice {
    /// A new one for each repeat, which is deleted afterwards.
    #[default]
    Fresh,
    /// A new one for each repeat, which stays.
    FreshAndKept,
    /// One that is there already, and stays.
    Existing(String),
}

/// What a run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Topics are made and filled.
    Preparing,
    /// The load runs, nothing is measured.
    WarmUp,
    /// The load runs and is measured.
    Measuring,
    /// The schedule has ended; answers are waited for.
    Draining,
}

/// What happened since the last moment, about a second ago.
#[derive(Debug)]
pub struct Moment<'m> {
    /// Which target.
    pub target: &'m str,
    /// Whether a schedule decides, or the target.
    pub loop_kind: LoopKind,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Of how many.
    pub repeats: u32,
    /// What the run is at.
    pub phase: Phase,
    /// Time since the first message was due.
    pub elapsed: Duration,
    /// When the last one is due.
    pub length: Duration,
    /// How long this moment was.
    pub lasted: Duration,
    /// What happened in it.
    pub part: &'m Part,
}

/// Is told what happens, about once a second, and may break the run off.
pub type Watch<'w> = dyn FnMut(&Moment<'_>) -> ControlFlow<()> + 'w;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The target refused something or could not be reached.
    #[error("{doing}: {source}")]
    Client {
        /// What was going on.
        doing: &'static str,
        /// Why it failed.
        source: ClientError,
    },
    /// The watcher broke it off.
    #[error("it was broken off")]
    BrokenOff,
    /// A process that cannot be looked at.
    #[error("there is no process {0} to look at")]
    NoProcess(u32),
    /// A CPU that does not exist, or that we may not use.
    #[error("the load may not run on CPU {0}")]
    NoCpu(usize),
    /// The broker's process could not be stopped for a moment.
    #[error("the broker could not be stopped for a moment: {0}")]
    Stall(std::io::Error),
    /// A thread ended by a bug.
    #[error("a thread of the load panicked")]
    Panicked,
}

impl RunError {
    pub(crate) fn while_doing(doing: &'static str) -> impl Fn(ClientError) -> Self {
        move |source| Self::Client { doing, source }
    }
}

impl Workload {
    /// Whether a schedule decides, or the target.
    pub fn loop_kind(&self) -> LoopKind {
        match self.load.mode {
            Mode::Open { .. } => LoopKind::Open,
            Mode::Closed { .. } => LoopKind::Closed,
        }
    }
}

/// Measures a job, all its repeats one after the other.
pub fn run(job: &Job, watch: &mut Watch<'_>) -> Result<RunResult, RunError> {
    check_machine(job)?;
    let started_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let workload = &job.workload;
    let pool = Pool::new(workload.compressibility, workload.value_bytes_max(), workload.load.seed);
    let mut repeats = Vec::new();
    let mut fairness = Fairness::default();
    for number in 1..=workload.load.repeats {
        let mut one = One { job, number, pool: &pool, watch: &mut *watch };
        let (repeat, found) = one.measure()?;
        repeats.push(repeat);
        fairness = found;
    }
    let broker = repeats.iter().find_map(|repeat| repeat.broker.as_ref());
    fairness.broker_cpus =
        broker.map(|it| affinity::describe(&it.cpus_allowed, it.cpus_busy.as_deref()));
    let software = job.target.broker_pid.map(probe::software).unwrap_or_default();
    fairness.heap = software.heap;
    fairness.version = software.version.or(fairness.version);
    Ok(RunResult {
        format: FORMAT,
        tool: format!("corelog-bench {}", env!("CARGO_PKG_VERSION")),
        started_ms: u64::try_from(started_ms).unwrap_or(u64::MAX),
        target: TargetResult {
            name: job.target.name.clone(),
            bootstrap: job
                .target
                .bootstrap
                .iter()
                .map(Endpoint::to_string)
                .collect::<Vec<_>>()
                .join(","),
        },
        workload: workload.typed.clone(),
        loop_kind: workload.loop_kind(),
        verdict: Verdict::over(repeats.iter().map(|repeat| &repeat.verdict)),
        summary: Summary::of(&repeats),
        fairness,
        machine: this_machine(),
        repeats,
    })
}

/// Refuses what would silently not happen.
fn check_machine(job: &Job) -> Result<(), RunError> {
    if let Some(pid) = job.target.broker_pid
        && !probe::is_visible(pid)
    {
        return Err(RunError::NoProcess(pid));
    }
    let allowed = rustix::thread::sched_getaffinity(None).ok();
    let is_allowed = |cpu: usize| {
        cpu < rustix::thread::CpuSet::MAX_CPU && allowed.is_none_or(|cpus| cpus.is_set(cpu))
    };
    match job.settings.load_cpus.iter().find(|cpu| !is_allowed(**cpu)) {
        Some(cpu) => Err(RunError::NoCpu(*cpu)),
        None => Ok(()),
    }
}

/// One repeat.
struct One<'o, 'w> {
    job: &'o Job,
    number: u32,
    pool: &'o Pool,
    watch: &'o mut Watch<'w>,
}

impl One<'_, '_> {
    fn measure(&mut self) -> Result<(Repeat, Fairness), RunError> {
        let client = ClientConfig {
            client_id: "corelog-bench".to_owned(),
            request_timeout: REQUEST_TIMEOUT,
            security: self.job.target.security.clone(),
            ..ClientConfig::default()
        };
        let connector = Connector { bootstrap: &self.job.target.bootstrap, client: &client };
        let mut admin = connector.admin().map_err(RunError::while_doing("cannot connect"))?;
        // Only tells runs apart; it has nothing to do with the workload's seed.
        let run = Rng::new().u64(..);
        let topic = match &self.job.settings.topic {
            TopicChoice::Existing(name) => name.clone(),
            TopicChoice::Fresh | TopicChoice::FreshAndKept => {
                let name = format!("corelog-bench-{}-{run:016x}", self.job.workload.name);
                target::create_topic(&mut admin, &self.job.workload, &name)
                    .map_err(RunError::while_doing("cannot create a topic"))?;
                name
            }
        };
        let found = self.measure_topic(&connector, &mut admin, &topic, run);
        if self.job.settings.topic == TopicChoice::Fresh {
            // A topic that stays behind is a nuisance, not a reason to lose the numbers.
            let _ = admin.delete_topic(&topic);
        }
        found
    }

    fn measure_topic(
        &mut self,
        connector: &Connector<'_>,
        admin: &mut Admin,
        topic: &str,
        run: u64,
    ) -> Result<(Repeat, Fairness), RunError> {
        let workload = &self.job.workload;
        let doing = RunError::while_doing("cannot describe the target");
        let partitions = target::partitions_of(admin, topic).map_err(&doing)?;
        let (mut fairness, listen) = target::fairness(admin, workload, topic).map_err(&doing)?;
        let metrics = MetricsPage::find(&self.job.target, listen.as_deref());
        let metrics = metrics.unwrap_or_else(|why| {
            fairness.notes.push(why);
            None
        });
        let told = metrics.as_ref().and_then(MetricsPage::version);
        fairness.version = told.or(fairness.version);
        let context = LaneContext {
            workload: Arc::new(workload.clone()),
            clock: Clock::starting(Instant::now()),
            pool: self.pool.clone(),
            topic: topic.into(),
            partitions: i32::try_from(partitions.len().max(1)).unwrap_or(i32::MAX),
            run,
        };
        self.fill(connector, &context)?;
        let measurement = measure::Measurement {
            job: self.job,
            number: self.number,
            connector,
            admin,
            partitions: &partitions,
            context,
            metrics,
        };
        Ok((measurement.run(self.watch)?, fairness))
    }

    /// Puts the backlog into the topic.
    fn fill(&mut self, connector: &Connector<'_>, context: &LaneContext) -> Result<(), RunError> {
        if context.workload.reader.backlog_bytes == 0 {
            return Ok(());
        }
        let doing = RunError::while_doing("cannot fill the topic");
        let mut producer = connector.producer(&context.workload, &context.topic).map_err(&doing)?;
        let (begun, mut shown) = (Instant::now(), Instant::now());
        let mut is_broken_off = false;
        let (job, number, watch) = (self.job, self.number, &mut *self.watch);
        target::fill(&mut producer, context, |bytes| {
            if shown.elapsed() < Duration::from_secs(1) {
                return false;
            }
            let lasted = begun.elapsed();
            shown = Instant::now();
            let mut part = Part::default();
            part.counts.sent_bytes = bytes;
            let moment = Moment {
                target: &job.target.name,
                loop_kind: job.workload.loop_kind(),
                repeat: number,
                repeats: job.workload.load.repeats,
                phase: Phase::Preparing,
                elapsed: Duration::ZERO,
                length: job.workload.load.length(),
                lasted,
                part: &part,
            };
            is_broken_off = watch(&moment).is_break();
            is_broken_off
        })
        .map_err(&doing)?;
        if is_broken_off { Err(RunError::BrokenOff) } else { Ok(()) }
    }
}

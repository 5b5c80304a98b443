//! One measurement on a topic that is ready: starts the threads, watches until the last answer, and
//! puts together what they found.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use corelog_client::blocking::{Admin, Consumer};

use super::clock::Clock;
use super::lane::LaneContext;
use super::load::{Grace, LoadOutcome, LoadThread, Parts};
use super::page::MetricsPage;
use super::probe::{Look, Probe, own_cpu};
use super::reader::{Ends, ReaderOutcome, ReaderThread, Role};
use super::stall::{Stalled, stall};
use super::target::{Connector, ends_of};
use super::{Job, Moment, Phase, RunError, Watch};
use crate::latency::{Digits, Latency};
use crate::ledger::{DeliveryCheck, Ledger};
use crate::result::{GeneratorUse, Latencies, Repeat, StallResult, Totals};
use crate::series::{Part, Second, Series};
use crate::validity::{Evidence, judge};
use crate::workload::Mode;

/// From the last preparation to the first message.
const LEAD: Duration = Duration::from_millis(100);
/// How many parts may wait for the watcher.
const PARTS_MAX: usize = 1024;
/// Late messages are sent for a tenth of the run, but no longer than this.
const SENDING_GRACE_MAX: Duration = Duration::from_secs(5);
/// How long answers are waited for after the schedule's end.
const ANSWER_GRACE: Duration = Duration::from_secs(35);
/// How long readers may take to reach the end after the last answer.
const READING_GRACE: Duration = Duration::from_secs(30);

/// A topic, a target and a workload, ready to be measured.
pub(super) struct Measurement<'m, 'c> {
    pub(super) job: &'m Job,
    pub(super) number: u32,
    pub(super) connector: &'m Connector<'c>,
    pub(super) admin: &'m mut Admin,
    pub(super) partitions: &'m [i32],
    pub(super) context: LaneContext,
    pub(super) metrics: Option<MetricsPage>,
}

type StallOutcome = std::io::Result<Option<Stalled>>;

/// The threads of a measurement.
struct Threads {
    load: Vec<JoinHandle<LoadOutcome>>,
    readers: Vec<JoinHandle<ReaderOutcome>>,
    stall: Option<JoinHandle<StallOutcome>>,
    load_should_stop: Arc<AtomicBool>,
    readers_should_stop: Arc<AtomicBool>,
    ends: Ends,
    parts: Receiver<Parts>,
}

/// What was seen while the threads ran.
struct Watched {
    series: Series,
    first: Look,
    last: Look,
    probe: Probe,
}

/// What the threads found.
struct Found {
    load: Vec<LoadOutcome>,
    readers: Vec<ReaderOutcome>,
    stall: Option<Stalled>,
}

impl Measurement<'_, '_> {
    /// Measures.
    pub(super) fn run(mut self, watch: &mut Watch<'_>) -> Result<Repeat, RunError> {
        let threads = self.start()?;
        let mut watched = Watched {
            series: Series::default(),
            first: Look::default(),
            last: Look::default(),
            probe: Probe::new(self.job.target.broker_pid),
        };
        let followed = self.follow(&threads, &mut watched, watch);
        if followed.is_err() {
            threads.stop();
        }
        let found = threads.finish();
        followed?;
        Ok(self.repeat(&found?, watched))
    }

    fn start(&mut self) -> Result<Threads, RunError> {
        let workload = Arc::clone(&self.context.workload);
        let doing = RunError::while_doing("cannot set up producers");
        let mut lanes: Vec<Vec<_>> = (0..self.load_threads()).map(|_| Vec::new()).collect();
        for number in 0..workload.producer.count {
            let producer = self.connector.producer(&workload, &self.context.topic);
            let thread = number as usize % lanes.len();
            lanes[thread].push((number, producer.map_err(&doing)?));
        }
        let consumers = self.consumers()?;
        self.context.clock = Clock::starting(Instant::now() + LEAD);
        let (sender, parts) = sync_channel(PARTS_MAX);
        let mut threads = Threads {
            load: Vec::new(),
            readers: Vec::new(),
            stall: None,
            load_should_stop: Arc::default(),
            readers_should_stop: Arc::default(),
            ends: Arc::new(OnceLock::new()),
            parts,
        };
        let mut cpus = self.job.settings.load_cpus.iter().copied().cycle();
        for producers in lanes {
            let thread = LoadThread {
                context: self.context.clone(),
                producers,
                cpu: cpus.next(),
                should_stop: Arc::clone(&threads.load_should_stop),
                parts: sender.clone(),
                grace: Grace {
                    sending: SENDING_GRACE_MAX.min(workload.load.length() / 10),
                    answers: ANSWER_GRACE,
                },
            };
            threads.load.push(std::thread::spawn(move || thread.run()));
        }
        for (role, consumer) in consumers {
            threads.read(&self.context, role, consumer, cpus.next(), &sender);
        }
        threads.stall = self.stall(&threads.load_should_stop);
        Ok(threads)
    }

    /// As many as there are producers, but no more than CPUs to run on.
    fn load_threads(&self) -> usize {
        let cpus = match self.job.settings.load_cpus.len() {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        cpus.min(self.context.workload.producer.count as usize).max(1)
    }

    fn consumers(&self) -> Result<Vec<(Role, Consumer)>, RunError> {
        let doing = RunError::while_doing("cannot set up readers");
        let workload = &self.context.workload;
        let plan = &workload.reader;
        let mut consumers = Vec::new();
        for group in 0..plan.tail_groups {
            for member in 0..plan.members {
                let is_its = |(place, _): &(u32, &i32)| place % plan.members == member;
                let its = (0..).zip(self.partitions).filter(is_its).map(|(_, number)| *number);
                let its: Vec<i32> = its.collect();
                if its.is_empty() {
                    continue;
                }
                let consumer = self.connector.consumer(workload, &self.context.topic, &its);
                consumers.push((Role::Tail { group: group as usize }, consumer.map_err(&doing)?));
            }
        }
        for _ in 0..plan.catch_up {
            let consumer = self.connector.consumer(workload, &self.context.topic, &[]);
            consumers.push((Role::CatchUp, consumer.map_err(&doing)?));
        }
        Ok(consumers)
    }

    fn stall(&self, should_stop: &Arc<AtomicBool>) -> Option<JoinHandle<StallOutcome>> {
        let (length, pid) = (self.job.settings.stall?, self.job.target.broker_pid?);
        let (clock, load) = (self.context.clock, &self.context.workload.load);
        let at = load.warm_up + load.measured.saturating_sub(length) / 2;
        let should_stop = Arc::clone(should_stop);
        Some(std::thread::spawn(move || stall(pid, &clock, (at, length), &should_stop)))
    }

    /// Watches until every producer has its answers, then tells the readers where the end is and
    /// waits for them.
    fn follow(
        &mut self,
        threads: &Threads,
        watched: &mut Watched,
        watch: &mut Watch<'_>,
    ) -> Result<(), RunError> {
        let mut interval = Interval::begin(self.context.clock.now());
        watched.probe.look_at_cpus(interval.begun);
        let load = self.context.workload.load.clone();
        let (mut has_first, mut has_last) = (false, false);
        let mut reading_until = None;
        loop {
            let now = self.context.clock.now();
            if !has_first && load.warm_up <= now {
                (has_first, watched.first) = (true, watched.probe.look());
                watched.probe.forget_frequencies();
                self.metrics.iter_mut().for_each(MetricsPage::begin);
            }
            if !has_last && load.length() <= now {
                (has_last, watched.last) = (true, watched.probe.look());
                self.metrics.iter_mut().for_each(MetricsPage::end);
            }
            let boundary = [load.warm_up, load.length()].into_iter().find(|at| now < *at);
            let wait =
                boundary.map_or(Interval::LOOK, |at| Interval::LOOK.min(at.saturating_sub(now)));
            match threads.parts.recv_timeout(wait) {
                Ok(parts) => {
                    watched.series.add(&parts);
                    interval.add(&parts);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // All threads are through: nothing else wakes us.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(wait),
            }
            let now = self.context.clock.now();
            if interval.is_over(now) {
                if !has_last {
                    watched.probe.look_at_cpus(now);
                }
                let moment = self.moment(now, &interval);
                if watch(&moment).is_break() {
                    return Err(RunError::BrokenOff);
                }
                interval = Interval::begin(now);
            }
            let is_through = threads.load.iter().all(JoinHandle::is_finished);
            if is_through && reading_until.is_none() && has_last {
                self.tell_ends(threads)?;
                reading_until = Some(now + READING_GRACE);
            }
            if let Some(until) = reading_until {
                if until <= now {
                    threads.readers_should_stop.store(true, Ordering::Relaxed);
                }
                if threads.readers.iter().all(JoinHandle::is_finished) {
                    threads.parts.try_iter().for_each(|parts| watched.series.add(&parts));
                    return Ok(());
                }
            }
        }
    }

    fn moment<'i>(&'i self, now: Duration, interval: &'i Interval) -> Moment<'i> {
        let load = &self.context.workload.load;
        Moment {
            target: &self.job.target.name,
            loop_kind: self.job.workload.loop_kind(),
            repeat: self.number,
            repeats: load.repeats,
            phase: match now {
                now if now < load.warm_up => Phase::WarmUp,
                now if now < load.length() => Phase::Measuring,
                _ => Phase::Draining,
            },
            elapsed: now,
            length: load.length(),
            lasted: now.saturating_sub(interval.begun),
            part: &interval.part,
        }
    }

    fn tell_ends(&mut self, threads: &Threads) -> Result<(), RunError> {
        let doing = RunError::while_doing("cannot ask where the partitions end");
        let ends = ends_of(self.admin, &self.context.topic, self.partitions).map_err(doing)?;
        // Nobody else sets it.
        let _ = threads.ends.set(ends);
        Ok(())
    }

    fn repeat(&self, found: &Found, watched: Watched) -> Repeat {
        let Watched { series, first, last, probe } = watched;
        let load = &self.context.workload.load;
        let sum = Sum::of(found, load.measured);
        let generator = self.generator(found, &first, &last);
        let machine = probe.machine_use(&first, &last);
        let broker = probe.broker_use(&first, &last, sum.totals.payload_bytes);
        let delivery = self.delivery(found);
        let ended = found.load.iter().map(|one| &one.broken);
        let ended = ended.chain(found.readers.iter().map(|one| &one.broken)).flatten().next();
        let verdict = judge(&Evidence {
            loop_kind: self.context.workload.loop_kind(),
            warm_up: load.warm_up,
            measured: load.measured,
            totals: &sum.totals,
            produce: &sum.produce,
            lag: &sum.lag,
            generator: &generator,
            machine: &machine,
            knows_broker: broker.is_some(),
            delivery: delivery.as_ref(),
            broken: ended.map(String::as_str),
        });
        let stall = found.stall.map(|stalled| {
            let at = stalled.at.saturating_sub(load.warm_up);
            StallResult::judge(at, stalled.lasted, load.measured, &sum.produce)
        });
        let offered = match load.mode {
            Mode::Open { rate, .. } => Some(rate),
            Mode::Closed { .. } => None,
        };
        Repeat {
            offered_per_second: offered,
            measured_seconds: load.measured.as_secs_f64(),
            latencies: sum.latencies(),
            totals: sum.totals,
            series: within(series, load.length()),
            generator,
            machine,
            broker,
            cpus: probe.cpus(),
            syncs: self.metrics.as_ref().and_then(MetricsPage::syncs),
            delivery,
            stall,
            verdict,
        }
    }

    fn generator(&self, found: &Found, first: &Look, last: &Look) -> GeneratorUse {
        let lags = found.load.iter().map(|one| one.lag_end);
        let is_tail = |one: &&ReaderOutcome| one.role != Role::CatchUp;
        GeneratorUse {
            lag_end_ns: lags.max().unwrap_or_default().as_nanos() as u64,
            unsent: found.load.iter().map(|one| one.unsent).sum(),
            no_room_seconds: found.load.iter().map(|one| one.no_room.as_secs_f64()).sum(),
            cpu_seconds: own_cpu(first, last).as_secs_f64(),
            load_threads: found.load.iter().map(|one| one.busy).collect(),
            reader_threads: found.readers.iter().filter(is_tail).map(|one| one.busy).collect(),
            load_cpus: self.job.settings.load_cpus.clone(),
            timer_slack_ns: found.load.first().and_then(|one| one.timer_slack_ns),
        }
    }

    /// Compares what was acknowledged with what each group saw; none without groups.
    fn delivery(&self, found: &Found) -> Option<DeliveryCheck> {
        let mut groups: BTreeMap<usize, Ledger> = BTreeMap::new();
        for reader in &found.readers {
            if let Role::Tail { group } = reader.role {
                groups.entry(group).or_default().merge(&reader.seen);
            }
        }
        if groups.is_empty() {
            return None;
        }
        let all = found.load.iter().flat_map(|one| one.acknowledged.iter().cloned());
        let acknowledged = Ledger::of(all);
        let groups: Vec<Ledger> = groups.into_values().collect();
        let mut check = acknowledged.check(&groups);
        let policy = self.context.workload.topic.configs.get("cleanup.policy");
        if check.lost > 0 && policy.is_some_and(|policy| policy.contains("compact")) {
            let why = "compaction may take a message before it is read";
            check.inconclusive = Some(why.to_owned());
        }
        Some(check)
    }
}

impl Threads {
    fn read(
        &mut self,
        context: &LaneContext,
        role: Role,
        consumer: Consumer,
        cpu: Option<usize>,
        sender: &SyncSender<Parts>,
    ) {
        let thread = ReaderThread {
            role,
            context: context.clone(),
            consumer,
            cpu,
            should_stop: Arc::clone(&self.readers_should_stop),
            parts: sender.clone(),
            ends: Arc::clone(&self.ends),
        };
        self.readers.push(std::thread::spawn(move || thread.run()));
    }

    fn stop(&self) {
        self.load_should_stop.store(true, Ordering::Relaxed);
        self.readers_should_stop.store(true, Ordering::Relaxed);
    }

    fn finish(self) -> Result<Found, RunError> {
        // Threads that still wait to hand over must not wait for us.
        drop(self.parts);
        let load = self.load.into_iter().map(JoinHandle::join).collect::<Result<_, _>>();
        let readers = self.readers.into_iter().map(JoinHandle::join).collect::<Result<_, _>>();
        let stall = self.stall.map(JoinHandle::join).transpose();
        let (Ok(load), Ok(readers), Ok(stall)) = (load, readers, stall) else {
            return Err(RunError::Panicked);
        };
        Ok(Found { load, readers, stall: stall.transpose().map_err(RunError::Stall)?.flatten() })
    }
}

/// What arrived since the last moment.
struct Interval {
    begun: Duration,
    part: Part,
}

impl Interval {
    const LENGTH: Duration = Duration::from_secs(1);
    const LOOK: Duration = Duration::from_millis(100);

    fn begin(now: Duration) -> Self {
        Self { begun: now, part: Part::default() }
    }

    fn add(&mut self, parts: &Parts) {
        for part in parts.values() {
            self.part.add(part);
        }
    }

    fn is_over(&self, now: Duration) -> bool {
        self.begun + Self::LENGTH <= now
    }
}

/// What all threads found together.
struct Sum {
    totals: Totals,
    produce: Latency,
    service: Latency,
    lag: Latency,
    end_to_end: Latency,
    fetch_tail: Latency,
    fetch_catch_up: Latency,
}

impl Sum {
    fn of(found: &Found, measured: Duration) -> Self {
        let merge = |of: &mut dyn Iterator<Item = &Latency>| {
            let mut merged = Latency::new(Digits::Three);
            of.for_each(|one| merged.merge(one));
            merged
        };
        let load = || found.load.iter().map(|one| &one.measured);
        let of_role = |is_catch_up: bool| {
            found.readers.iter().filter(move |one| (one.role == Role::CatchUp) == is_catch_up)
        };
        let mut totals = Totals::default();
        for one in load().map(|measured| &measured.totals) {
            totals.sent += one.sent;
            totals.acknowledged += one.acknowledged;
            totals.failed += one.failed;
            totals.unanswered += one.unanswered;
            totals.payload_bytes += one.payload_bytes;
            totals.first_error = totals.first_error.or_else(|| one.first_error.clone());
        }
        totals.received = found.readers.iter().map(|one| one.received).sum();
        totals.caught_up_bytes = of_role(true).map(|one| one.fetched_bytes).sum();
        totals.acknowledged_per_second = totals.acknowledged as f64 / measured.as_secs_f64();
        totals.payload_bytes_per_second = totals.payload_bytes as f64 / measured.as_secs_f64();
        Self {
            totals,
            produce: merge(&mut load().map(|one| &one.produce)),
            service: merge(&mut load().map(|one| &one.service)),
            lag: merge(&mut load().map(|one| &one.lag)),
            end_to_end: merge(&mut of_role(false).map(|one| &one.end_to_end)),
            fetch_tail: merge(&mut of_role(false).map(|one| &one.fetch)),
            fetch_catch_up: merge(&mut of_role(true).map(|one| &one.fetch)),
        }
    }

    fn latencies(&self) -> Latencies {
        Latencies {
            produce: self.produce.result(),
            produce_service: self.service.result(),
            end_to_end: self.end_to_end.result(),
            fetch_tail: self.fetch_tail.result(),
            fetch_catch_up: self.fetch_catch_up.result(),
            lag: self.lag.result(),
        }
    }
}

/// The seconds of the schedule. What comes later belongs to messages that were due earlier.
fn within(series: Series, length: Duration) -> Vec<Second> {
    let mut seconds = series.finish();
    seconds.retain(|second| second.second < length.as_secs_f64().ceil() as u64);
    seconds
}

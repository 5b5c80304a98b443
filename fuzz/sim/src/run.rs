//! A run: life after life on one machine, with whatever goes wrong in between, and at the end one
//! last look on a disk that does nothing worse than forget.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{sleep, spawn, timeout, wall_clock_ms};
use corelog_log::{AppendStamp, OpenError, Storage};
use corelog_model::builder::BatchBuilder;
use corelog_model::{BatchView, Codec, HeaderStamp, Offset, Timestamp};

use crate::checker::{check_all, check_recovery};
use crate::counts::Counts;
use crate::model::{Batch, Standing};
use crate::rot;
use crate::scenario::{Ending, Life, Scenario, Trouble};
use crate::workload::{Appender, create, keep, read};
use crate::world::{World, partition};

/// Longer than any recovery or stop takes.
const PATIENCE: Duration = Duration::from_secs(600);
const STEPS_MAX: u64 = 3_000_000;

/// What a run found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed it came from.
    pub seed: u64,
    /// Claims that did not hold; none is what we want.
    pub findings: Vec<String>,
    /// What happened, for people.
    pub story: Vec<String>,
    /// How often.
    pub counts: Counts,
    /// Any difference between two runs shows here.
    pub trace_hash: u64,
}

/// Plays a scenario from its first life to its last. A panic of the engine is a finding like any
/// other.
pub fn run(scenario: &Scenario) -> Outcome {
    let faults = DiskFaults { tearing: scenario.tearing, ..DiskFaults::default() };
    let machine = Machine::new(scenario.seed, faults);
    machine.limit_steps(STEPS_MAX);
    let world = World::new(scenario.clone());
    let run = Run { machine, world };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run.play())) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        run.world.find(format!("a panic: {}", text.unwrap_or_default()));
    }
    let faults = run.machine.with_disk(|disk| disk.happened());
    run.world.count(|counts| counts.add_faults(faults));
    Outcome {
        seed: scenario.seed,
        findings: run.world.findings.take(),
        story: run.world.story.take(),
        counts: run.world.counts.take(),
        trace_hash: run.machine.trace_hash(),
    }
}

struct Run {
    machine: Machine,
    world: Rc<World>,
}

impl Run {
    fn play(&self) {
        let lives = self.world.scenario.lives.clone();
        for (number, life) in lives.into_iter().enumerate() {
            self.world.tell(format!("life {number}: {life:?}"));
            if !self.live(&life) {
                return;
            }
        }
        self.world.tell("the last look".to_owned());
        let Some(last) = self.world.scenario.lives.last().map(Life::quiet) else { return };
        if self.live(&last) {
            self.live(&last);
        }
    }

    /// Plays one life. False when the run is over.
    fn live(&self, life: &Life) -> bool {
        let rots = life.troubled && self.world.scenario.trouble == Trouble::RotAtRest;
        match life.ending {
            // A bit must not change before the last frame has a witness.
            _ if rots => {}
            Ending::PowerCut(steps) => self.machine.crash_after(steps),
            Ending::Kill(steps) => self.machine.kill_after(steps),
            Ending::Close | Ending::Drop => {}
        }
        self.world.is_ending.set(false);
        self.world.is_open.set(false);
        self.world.is_troubled.set(false);
        self.set_faults(|_| {});
        let session = Session {
            machine: self.machine.clone(),
            world: Rc::clone(&self.world),
            life: life.clone(),
        };
        let end = self.machine.run(session.run());
        self.world.tell(format!("{end:?} after {} steps", self.machine.steps()));
        if matches!(end, End::Crashed | End::Killed) && !self.world.is_open.get() {
            self.world.count(|counts| counts.interrupted_recoveries += 1);
        }
        self.set_faults(|_| {});
        let goes_on = match end {
            End::Finished(goes_on) => goes_on,
            End::Crashed | End::Killed => true,
            End::Stuck => {
                self.world.find("everything waits and nothing will happen".to_owned());
                false
            }
            End::TooLong => {
                self.world.find("the run goes in circles".to_owned());
                false
            }
        };
        if matches!(end, End::Finished(true)) && self.world.once_in(2) {
            self.cut_power();
        }
        if rots && goes_on {
            self.rot_at_rest(life);
        }
        goes_on && self.world.findings.borrow().is_empty()
    }

    fn cut_power(&self) {
        self.world.tell("a power cut".to_owned());
        self.machine.crash_after(0);
        self.machine.run(async { sleep(Duration::from_secs(1)).await });
    }

    /// Changes a bit and opens: the storage says what is damaged, or has everything.
    fn rot_at_rest(&self, life: &Life) {
        let was_rotten = self.world.is_rotten.get();
        let Some(flip) = rot::flip(&self.world, &self.machine) else { return };
        let config = self.world.scenario.config(life);
        let log = self.world.scenario.log.clone();
        let end = self.machine.run(async move {
            let opened = timeout(PATIENCE, Storage::open(config, |_| log.clone())).await;
            opened.map(|opened| opened.map(drop))
        });
        match end {
            End::Finished(Ok(Ok(()))) => {}
            End::Finished(Ok(Err(error))) => {
                self.world.tell(format!("open: {error}"));
                self.world.count(|counts| counts.damage += 1);
                if !rot::is_report(&error) {
                    self.world.find(format!("a changed bit is not reported as damage: {error}"));
                }
                // With the bit changed back everything must be there.
                rot::undo(&self.machine, &flip);
                self.world.is_rotten.set(was_rotten);
            }
            _ => self.world.find("a storage with a changed bit does not open in time".to_owned()),
        }
    }

    fn set_faults(&self, change: impl FnOnce(&mut DiskFaults)) {
        set_faults(&self.machine, &self.world, change);
    }
}

fn set_faults(machine: &Machine, world: &World, change: impl FnOnce(&mut DiskFaults)) {
    let mut faults = DiskFaults { tearing: world.scenario.tearing, ..DiskFaults::default() };
    change(&mut faults);
    machine.with_disk(|disk| disk.set_faults(faults));
}

/// One life, from the inside of the machine.
struct Session {
    machine: Machine,
    world: Rc<World>,
    life: Life,
}

impl Session {
    /// False when the run is over.
    async fn run(self) -> bool {
        let begins_early = self.world.once_in(3);
        if begins_early {
            self.begin_trouble();
        }
        let Some(storage) = self.open().await else { return false };
        if !begins_early {
            self.begin_trouble();
        }
        let storage = Rc::new(storage);
        for id in self.world.ids() {
            let is_absent = self.world.with(id, |model| model.standing == Standing::Absent);
            let stays_so = self.world.scenario.partitions_change && self.world.once_in(2);
            if is_absent && !stays_so {
                create(&self.world, &storage, id).await;
            }
        }
        self.work(&storage).await;
        if self.life.troubled && self.rots() {
            self.append_witness(&storage).await;
            if self.world.scenario.trouble == Trouble::RotInUse {
                rot::flip(&self.world, &self.machine);
                self.look(&storage).await;
                self.work(&storage).await;
                self.append_witness(&storage).await;
            }
        }
        self.look(&storage).await;
        self.end(storage).await
    }

    fn rots(&self) -> bool {
        matches!(self.world.scenario.trouble, Trouble::RotAtRest | Trouble::RotInUse)
    }

    fn begin_trouble(&self) {
        if !self.life.troubled {
            return;
        }
        // Drawn evenly over magnitudes: some lives fail at once, others late.
        let rate_ppm = 1_000 << self.world.below(8);
        let used: u64 =
            self.machine.with_disk(|disk| disk.files().iter().map(|file| file.len).sum());
        let room = self.world.below(200_000);
        let trouble = self.world.scenario.trouble;
        self.world.is_troubled.set(true);
        set_faults(&self.machine, &self.world, |faults| match trouble {
            Trouble::None | Trouble::RotAtRest | Trouble::RotInUse => {
                self.world.is_troubled.set(false);
            }
            Trouble::Writes => faults.write_failures_ppm = rate_ppm,
            Trouble::Syncs => faults.sync_failures_ppm = rate_ppm,
            Trouble::Reads => faults.read_failures_ppm = rate_ppm,
            Trouble::Full => faults.capacity_bytes = Some(used + room),
            Trouble::Mixed => {
                faults.write_failures_ppm = rate_ppm / 4;
                faults.sync_failures_ppm = rate_ppm / 4;
                faults.read_failures_ppm = rate_ppm;
                faults.capacity_bytes = Some(used + room);
            }
        });
        if matches!(trouble, Trouble::Full | Trouble::Mixed) {
            let (machine, world) = (self.machine.clone(), Rc::clone(&self.world));
            let pause = Duration::from_millis(self.world.below(10_000));
            spawn(async move {
                sleep(pause).await;
                set_faults(&machine, &world, |_| {});
            })
            .detach();
        }
    }

    /// Opens and compares. `None` when the run is over.
    async fn open(&self) -> Option<Storage> {
        for attempt in 0.. {
            let config = self.world.scenario.config(&self.life);
            let log = self.world.scenario.log.clone();
            let Ok(opened) = timeout(PATIENCE, Storage::open(config, |_| log.clone())).await else {
                self.world.find("opening never ends".to_owned());
                return None;
            };
            match opened {
                Ok((storage, report)) => {
                    self.world.tell(format!("{report:?}"));
                    self.world.count(|counts| {
                        counts.recoveries += 1;
                        counts.replayed += report.batches;
                    });
                    if self.world.was_closed.take() {
                        self.world.count(|counts| counts.clean_starts += 1);
                        if report.frames > 0 {
                            self.world.find(format!("after a clean stop: {report:?}"));
                        }
                    }
                    check_recovery(&self.world, &storage).await;
                    self.world.is_open.set(true);
                    return self.world.findings.borrow().is_empty().then_some(storage);
                }
                Err(error) if self.world.is_rotten.get() && rot::is_report(&error) => {
                    self.world.count(|counts| counts.damage += 1);
                    self.world.tell(format!("open: {error}"));
                    return None;
                }
                Err(error) if self.world.is_troubled.get() && !rot::is_report(&error) => {
                    self.world.tell(format!("open: {error}"));
                    if !is_transient(&error) || attempt > 20 {
                        set_faults(&self.machine, &self.world, |_| {});
                    }
                    sleep(Duration::from_secs(1)).await;
                }
                Err(error) => {
                    self.world.find(format!("a good storage does not open: {error}"));
                    return None;
                }
            }
        }
        None
    }

    /// Lets everybody work until the appenders are done.
    async fn work(&self, storage: &Rc<Storage>) {
        let world = &self.world;
        world.is_ending.set(false);
        let appenders: Vec<_> = (0..self.life.appenders)
            .map(|number| {
                let index = number % world.scenario.partitions;
                let is_idempotent = world.below(10) < u64::from(world.scenario.idempotent_tenths);
                let appender = Appender {
                    world: Rc::clone(world),
                    storage: Rc::clone(storage),
                    id: partition(index),
                    number,
                    is_idempotent,
                    batches: self.life.batches,
                };
                spawn(appender.run())
            })
            .collect();
        let readers: Vec<_> = (0..self.life.readers)
            .map(|_| spawn(read(Rc::clone(world), Rc::clone(storage))))
            .collect();
        let keeper = spawn(keep(Rc::clone(world), Rc::clone(storage)));
        for appender in appenders {
            appender.join().await;
        }
        world.is_ending.set(true);
        keeper.join().await;
        for reader in readers {
            reader.join().await;
        }
    }

    /// Compares everything there is.
    async fn look(&self, storage: &Storage) {
        for id in self.world.ids() {
            if let Some(log) = storage.partition(id) {
                check_all(&self.world, &log).await;
                let has_many = log.segment_count() >= 10;
                self.world.count(|counts| counts.many_segments += u64::from(has_many));
            }
        }
        let frames = storage.journal().counters().frames;
        self.world.count(|counts| counts.frames += frames);
    }

    /// Appends one more batch, which alone may be lost when a bit of the journal changes: nothing
    /// behind the last frame can tell its damage from a torn tail.
    async fn append_witness(&self, storage: &Storage) {
        let Some(log) = storage.partitions().into_iter().next() else { return };
        let mut builder = BatchBuilder::new(Codec::None, None);
        let now = Timestamp(wall_clock_ms());
        let key = self.world.scenario.log.compaction.is_some().then_some(&b"witness"[..]);
        builder.append(now, key, Some(b"witness"), &[]);
        let bytes = builder.build(Offset::ZERO);
        let (view, _) = BatchView::parse(&bytes).expect("a batch that was just built");
        if log.ready(bytes.len()).await.is_err() {
            return;
        }
        let leader_epoch = self.world.with(log.id(), |model| model.epoch);
        let stamp = AppendStamp { leader_epoch, append_time: None, now };
        let Ok(appended) = log.append(&view, stamp) else { return };
        let base_offset = appended.base_offset;
        let head = HeaderStamp { base_offset, leader_epoch, append_time: None }.apply(&view);
        let batch = Batch {
            bytes: head.iter().chain(view.payload()).copied().collect(),
            next: appended.last_offset.next(),
            epoch: leader_epoch,
            timestamp_ms: now.0,
        };
        if let Err(wrong) = self.world.with(log.id(), |model| model.attempt(base_offset, batch)) {
            self.world.find(wrong);
        }
        if let Some(commit) = appended.commit
            && commit.durable().await.is_err()
        {
            self.world.find("the witness is not durable on a good disk".to_owned());
        }
    }

    async fn end(&self, storage: Rc<Storage>) -> bool {
        let closes = match self.life.ending {
            Ending::Close => true,
            Ending::Drop => false,
            // The steps were more than this life had.
            Ending::PowerCut(_) | Ending::Kill(_) => self.world.once_in(2),
        };
        let storage = Rc::try_unwrap(storage).ok();
        let Some(storage) = storage else {
            self.world.find("a task that ended holds the storage".to_owned());
            return false;
        };
        if !closes {
            drop(storage);
            return true;
        }
        match timeout(PATIENCE, storage.close()).await {
            Ok(Ok(())) => self.world.was_closed.set(true),
            Ok(Err(error)) if self.world.is_troubled.get() => {
                self.world.tell(format!("close: {error}"));
            }
            Ok(Err(error)) => self.world.find(format!("closing failed on a good disk: {error}")),
            Err(_) => self.world.find("closing never ends".to_owned()),
        }
        true
    }
}

fn is_transient(error: &OpenError) -> bool {
    error.to_string().starts_with("read")
}

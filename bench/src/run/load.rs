//! One thread of the load: an ordinary thread, pinned if asked, that drives the producers of
//! several lanes. It never waits for one of them: it gives what is due, takes what has arrived, and
//! sleeps until the next message is due or a socket has something to read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use corelog_client::ClientError;
use corelog_client::blocking::Producer;
use corelog_client::blocking::connection::{Connection, wait_readable};

use super::clock::{BusyMeter, Clock, prepare_thread};
use super::lane::{Lane, LaneContext, Measured, Pause};
use crate::ledger::Sequences;
use crate::series::Part;

/// The longest sleep: signals and the end of the run are seen at least so often.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// How often counts are handed over.
const HAND_OVER_PERIOD: Duration = Duration::from_millis(500);

/// What a thread counted since it last handed over, by second.
pub(super) type Parts = BTreeMap<u64, Part>;

/// What a thread of the load works with.
pub(super) struct LoadThread {
    pub(super) context: LaneContext,
    pub(super) producers: Vec<(u32, Producer)>,
    pub(super) cpu: Option<usize>,
    pub(super) should_stop: Arc<AtomicBool>,
    pub(super) parts: SyncSender<Parts>,
    /// How long messages may be sent late after the schedule's end, and then how long answers are
    /// waited for.
    pub(super) grace: Grace,
}

/// How long the load goes on after its schedule has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grace {
    /// Messages that are late are sent for so long.
    pub(super) sending: Duration,
    /// Answers are waited for so long after the schedule's end.
    pub(super) answers: Duration,
}

/// What a thread of the load found.
#[derive(Debug)]
pub(super) struct LoadOutcome {
    pub(super) measured: Measured,
    /// The acknowledged messages of each producer.
    pub(super) acknowledged: Vec<(u32, Sequences)>,
    pub(super) unsent: u64,
    pub(super) no_room: Duration,
    pub(super) lag_end: Duration,
    pub(super) busy: f64,
    pub(super) timer_slack_ns: Option<u64>,
    /// Why the thread ended early.
    pub(super) broken: Option<String>,
}

struct Load {
    lanes: Vec<Lane>,
    clock: Clock,
    end: Duration,
    measured: Measured,
    handed_over: Duration,
    meter: BusyMeter,
    should_stop: Arc<AtomicBool>,
    parts: SyncSender<Parts>,
    grace: Grace,
}

impl LoadThread {
    /// Runs the lanes to their end.
    pub(super) fn run(self) -> LoadOutcome {
        let timer_slack_ns = prepare_thread(self.cpu);
        let plan = self.context.workload.load.clone();
        let clock = self.context.clock;
        let lane = |(number, producer)| Lane::new(number, producer, self.context.clone());
        let mut load = Load {
            lanes: self.producers.into_iter().map(lane).collect(),
            clock,
            end: plan.length(),
            measured: Measured::default(),
            handed_over: Duration::ZERO,
            meter: BusyMeter::between(plan.warm_up, plan.length()),
            should_stop: self.should_stop,
            parts: self.parts,
            grace: self.grace,
        };
        clock.wait_for_start();
        let broken = load.run().err().map(|error| error.to_string());
        load.finish(timer_slack_ns, broken)
    }
}

impl Load {
    fn run(&mut self) -> Result<(), ClientError> {
        loop {
            let mut pauses = Vec::with_capacity(self.lanes.len());
            let may_send = self.clock.now() < self.end + self.grace.sending;
            for lane in &mut self.lanes {
                let pause = if may_send { lane.send_due(&mut self.measured)? } else { Pause::End };
                pauses.push(pause);
            }
            for (lane, pause) in self.lanes.iter_mut().zip(&mut pauses) {
                let deliveries = lane.producer.poll()?;
                lane.take(&deliveries, &mut self.measured);
                if *pause == Pause::Room && !deliveries.is_empty() {
                    *pause = Pause::Turn;
                }
            }
            let now = self.clock.now();
            self.meter.look(now);
            self.hand_over(now);
            if self.is_over(now, &pauses) {
                return Ok(());
            }
            self.sleep(now, &pauses)?;
        }
    }

    fn is_over(&self, now: Duration, pauses: &[Pause]) -> bool {
        let is_sent = pauses.iter().all(|pause| *pause == Pause::End);
        let is_answered = self.lanes.iter().all(|lane| lane.open.count() == 0);
        self.should_stop.load(Ordering::Relaxed)
            || (is_sent && is_answered && self.end <= now)
            || self.end + self.grace.answers <= now
    }

    /// Passes on what was counted, about twice a second. When the other side is behind, it waits
    /// for the next time: the load never waits for it.
    fn hand_over(&mut self, now: Duration) {
        if now < self.handed_over + HAND_OVER_PERIOD {
            return;
        }
        self.handed_over = now;
        let parts = self.measured.tally.take();
        if let Err(error) = self.parts.try_send(parts) {
            let (std::sync::mpsc::TrySendError::Full(parts)
            | std::sync::mpsc::TrySendError::Disconnected(parts)) = error;
            self.measured.tally.put_back(parts);
        }
    }

    fn sleep(&self, now: Duration, pauses: &[Pause]) -> Result<(), ClientError> {
        let mut wait = SLEEP_MAX;
        for (lane, pause) in self.lanes.iter().zip(pauses) {
            match pause {
                // The clock has moved on since `now`, so this never sleeps too long.
                Pause::Until(at) => wait = wait.min(at.saturating_sub(self.clock.now())),
                Pause::Turn => return Ok(()),
                Pause::Room => {}
                Pause::End if now < self.end => {
                    wait = wait.min(self.end.saturating_sub(now));
                }
                Pause::End => {}
            }
            wait = wait.min(lane.producer.time_to_wakeup().unwrap_or(SLEEP_MAX));
        }
        if wait.is_zero() {
            return Ok(());
        }
        let connections: Vec<&Connection> =
            self.lanes.iter().flat_map(|lane| lane.producer.waiting_connections()).collect();
        if connections.is_empty() {
            std::thread::sleep(wait);
            return Ok(());
        }
        wait_readable(&connections, wait).map(drop)
    }

    fn finish(mut self, timer_slack_ns: Option<u64>, broken: Option<String>) -> LoadOutcome {
        let unsent = self.lanes.iter_mut().map(|lane| lane.give_up(&mut self.measured)).sum();
        // The last part may wait for its receiver: nothing is due any more.
        let _ = self.parts.send(self.measured.tally.take());
        let lags = self.lanes.iter().map(|lane| lane.lag_last);
        LoadOutcome {
            unsent,
            no_room: self.lanes.iter().map(|lane| lane.no_room).sum(),
            lag_end: lags.max().unwrap_or_default(),
            busy: self.meter.finish(self.clock.now()),
            timer_slack_ns,
            broken,
            acknowledged: self
                .lanes
                .into_iter()
                .map(|lane| (lane.number, lane.acknowledged))
                .collect(),
            measured: self.measured,
        }
    }
}

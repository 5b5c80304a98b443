//! One producer with its own part of the schedule: gives messages to it when they are due and
//! records what became of them.

use std::sync::Arc;
use std::time::Duration;

use corelog_client::ClientError;
use corelog_client::blocking::Producer;
use corelog_client::producer::{Delivery, Message};
use fastrand::Rng;

use super::clock::Clock;
use super::open::{OpenMessage, OpenMessages};
use crate::keys::{KEY_BYTES, KeyChooser, Keys};
use crate::latency::{Digits, Latency};
use crate::ledger::Sequences;
use crate::payload::{Pool, Stamp};
use crate::result::Totals;
use crate::schedule::{Intended, Schedule, Share};
use crate::series::Tally;
use crate::workload::{Mode, Spread, Workload};

/// So many messages are given to a producer before sockets are looked at again.
const BURST_MAX: usize = 256;

/// What all lanes of a run share.
#[derive(Debug, Clone)]
pub(super) struct LaneContext {
    pub(super) workload: Arc<Workload>,
    pub(super) clock: Clock,
    pub(super) pool: Pool,
    pub(super) topic: Arc<str>,
    pub(super) partitions: i32,
    /// Tells the records of this run from those of others.
    pub(super) run: u64,
}

/// What was measured by the lanes of one thread.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) produce: Latency,
    pub(super) service: Latency,
    pub(super) lag: Latency,
    pub(super) totals: Totals,
    pub(super) tally: Tally,
}

impl Default for Measured {
    fn default() -> Self {
        let latency = || Latency::new(Digits::Three);
        Self {
            produce: latency(),
            service: latency(),
            lag: latency(),
            totals: Totals::default(),
            tally: Tally::default(),
        }
    }
}

/// Why a lane stopped giving messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// The next message is due later.
    Until(Duration),
    /// More is due, but others want their turn.
    Turn,
    /// The producer has no room; an answer will make some.
    Room,
    /// Every message was given.
    End,
}

/// A producer and its messages.
pub(super) struct Lane {
    pub(super) number: u32,
    pub(super) producer: Producer,
    pub(super) open: OpenMessages,
    pub(super) acknowledged: Sequences,
    context: LaneContext,
    pace: Pace,
    /// The next message of the schedule; none after the last.
    next: Option<Intended>,
    random: Rng,
    keys: KeyChooser,
    key: Option<[u8; KEY_BYTES]>,
    value: Vec<u8>,
    /// Whether key and value are those of the next message already.
    is_prepared: bool,
    partition: i32,
    sequence: u64,
    no_room_since: Option<Duration>,
    pub(super) no_room: Duration,
    pub(super) lag_last: Duration,
}

enum Pace {
    Schedule(Schedule),
    InFlight(usize),
}

impl Lane {
    pub(super) fn new(number: u32, producer: Producer, context: LaneContext) -> Self {
        let workload = &context.workload;
        let seed = workload.load.seed;
        let share = Share { index: u64::from(number), count: u64::from(workload.producer.count) };
        let pace = match &workload.load.mode {
            Mode::Open { shape, rate } => {
                Pace::Schedule(Schedule::new(shape.clone(), *rate, share, seed))
            }
            Mode::Closed { in_flight } => Pace::InFlight(*in_flight),
        };
        let mut lane = Self {
            number,
            producer,
            open: OpenMessages::default(),
            acknowledged: Sequences::default(),
            random: Rng::with_seed(seed.wrapping_add(1 + u64::from(number))),
            keys: KeyChooser::new(workload.keys),
            key: None,
            value: Vec::new(),
            is_prepared: false,
            // Producers begin at different partitions.
            partition: number as i32 % context.partitions,
            sequence: 0,
            no_room_since: None,
            no_room: Duration::ZERO,
            lag_last: Duration::ZERO,
            context,
            pace,
            next: None,
        };
        lane.advance();
        lane
    }

    /// Gives every message that is due to the producer, without waiting.
    pub(super) fn send_due(&mut self, measured: &mut Measured) -> Result<Pause, ClientError> {
        for _ in 0..BURST_MAX {
            let now = self.context.clock.now();
            let Some(next) = self.due(now) else { return Ok(Pause::End) };
            if let Pace::InFlight(in_flight) = self.pace
                && self.open.count() >= in_flight
            {
                return Ok(Pause::Room);
            }
            if next.at > now {
                return Ok(Pause::Until(next.at));
            }
            self.prepare(&next);
            if !self.give(&next, now, measured)? {
                self.no_room_since.get_or_insert(now);
                return Ok(Pause::Room);
            }
            self.advance();
        }
        Ok(Pause::Turn)
    }

    /// The next message. In a closed loop it is due when there is room for it.
    fn due(&self, now: Duration) -> Option<Intended> {
        match self.pace {
            Pace::Schedule(_) => self.next,
            Pace::InFlight(_) if now < self.context.workload.load.length() => {
                Some(Intended { at: now, value_bytes: None })
            }
            Pace::InFlight(_) => None,
        }
    }

    fn advance(&mut self) {
        if let Pace::Schedule(schedule) = &mut self.pace {
            let length = self.context.workload.load.length();
            self.next = schedule.next().filter(|next| next.at < length);
        }
        self.is_prepared = false;
    }

    /// Makes key and value, once for each message however often it is tried.
    fn prepare(&mut self, next: &Intended) {
        if std::mem::replace(&mut self.is_prepared, true) {
            return;
        }
        let workload = &self.context.workload;
        let stamp = Stamp {
            run: self.context.run,
            producer: self.number,
            sequence: self.sequence,
            intended: next.at,
        };
        let smallest = crate::payload::STAMP_BYTES;
        let len = next.value_bytes.unwrap_or_else(|| workload.sizes.choose(&mut self.random));
        let len = len.clamp(smallest, crate::payload::VALUE_BYTES_MAX);
        self.context.pool.write(&stamp, len, &mut self.random, &mut self.value);
        let key = self.keys.choose(&mut self.random);
        self.key = key.and_then(|key| key.try_into().ok());
    }

    /// Whether the producer took the message.
    fn give(
        &mut self,
        next: &Intended,
        now: Duration,
        measured: &mut Measured,
    ) -> Result<bool, ClientError> {
        let workload = &self.context.workload;
        let chooses = workload.keys == Keys::None && workload.topic.spread == Spread::RoundRobin;
        let partition = chooses.then_some(self.partition);
        let key = self.key.as_ref().map(<[u8; KEY_BYTES]>::as_slice);
        let topic = &*self.context.topic;
        let value = Some(self.value.as_slice());
        let message = Message { topic, partition, key, value, headers: &[], timestamp: None };
        let Some(ticket) = self.producer.try_send(&message)? else { return Ok(false) };
        let bytes = (self.value.len() + key.map_or(0, <[u8]>::len)) as u32;
        self.open.push(ticket, OpenMessage { intended: next.at, sent: now, bytes });
        self.sequence += 1;
        self.partition = (self.partition + 1) % self.context.partitions;
        if let Some(since) = self.no_room_since.take() {
            self.no_room += now.saturating_sub(since);
        }
        let lag = now.saturating_sub(next.at);
        self.lag_last = lag;
        let counts = &mut measured.tally.at(next.at).counts;
        counts.sent += 1;
        counts.sent_bytes += u64::from(bytes);
        counts.lag_max_ns = counts.lag_max_ns.max(lag.as_nanos() as u64);
        if workload.load.warm_up <= next.at {
            measured.lag.record(lag);
            measured.totals.sent += 1;
        }
        Ok(true)
    }

    /// Records what arrived, as of now.
    pub(super) fn take(&mut self, deliveries: &[Delivery], measured: &mut Measured) {
        let now = self.context.clock.now();
        for delivery in deliveries {
            for ticket in &delivery.tickets {
                let Some(message) = self.open.take(*ticket) else { continue };
                match &delivery.outcome {
                    Ok(_) => {
                        self.acknowledged.insert(ticket.0);
                        self.record(&message, now, measured);
                    }
                    Err(error) => record_failure(&message, error, measured),
                }
            }
        }
    }

    fn is_measured(&self, message: &OpenMessage) -> bool {
        self.context.workload.load.warm_up <= message.intended
    }

    fn record(&self, message: &OpenMessage, now: Duration, measured: &mut Measured) {
        let latency = now.saturating_sub(message.intended);
        let part = measured.tally.at(message.intended);
        part.counts.acknowledged += 1;
        part.produce.record(latency);
        if self.is_measured(message) {
            measured.produce.record(latency);
            measured.service.record(now.saturating_sub(message.sent));
            measured.totals.acknowledged += 1;
            measured.totals.payload_bytes += u64::from(message.bytes);
        }
    }

    /// Gives up: what has no answer, or was never sent, counts with the time it has waited so far,
    /// so that it is not missing where it would be the worst. Gives how many were never sent.
    pub(super) fn give_up(&mut self, measured: &mut Measured) -> u64 {
        let now = self.context.clock.now();
        let warm_up = self.context.workload.load.warm_up;
        for message in self.open.drain() {
            measured.totals.unanswered += 1;
            if warm_up <= message.intended {
                measured.produce.record(now.saturating_sub(message.intended));
            }
        }
        if let Some(since) = self.no_room_since.take() {
            self.no_room += now.saturating_sub(since);
        }
        let mut unsent = 0;
        while let Some(next) = self.next.filter(|next| next.at <= now) {
            unsent += 1;
            self.lag_last = now.saturating_sub(next.at);
            if warm_up <= next.at {
                measured.produce.record(self.lag_last);
                measured.lag.record(self.lag_last);
            }
            self.advance();
        }
        unsent
    }
}

fn record_failure(message: &OpenMessage, error: &ClientError, measured: &mut Measured) {
    measured.tally.at(message.intended).counts.failed += 1;
    measured.totals.first_error.get_or_insert_with(|| error.to_string());
    // One that fails during the warm-up counts: the load was not what it should have been.
    measured.totals.failed += 1;
}

//! One reading thread: a member of a tail group, which measures end to end and notes every message
//! it sees, or a reader that catches up, which begins at the first message again and again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use corelog_client::blocking::Consumer;
use corelog_client::consumer::{ConsumedRecord, From, Partitions, Until};
use corelog_client::{ClientError, TopicPartition};
use corelog_model::Offset;

use super::clock::{BusyMeter, Clock, prepare_thread};
use super::lane::LaneContext;
use super::load::Parts;
use crate::latency::{Digits, Latency};
use crate::ledger::Ledger;
use crate::payload::Stamp;
use crate::series::Tally;

/// How long one wait for records may be before signals and the end are looked at.
const WAIT_MAX: Duration = Duration::from_millis(50);

const HAND_OVER_PERIOD: Duration = Duration::from_millis(500);

/// Where the partitions end once every producer has its answers.
pub(super) type Ends = Arc<OnceLock<BTreeMap<TopicPartition, Offset>>>;

/// What a reader is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads the newest messages with others of its group.
    Tail {
        /// Number of the group.
        group: usize,
    },
    /// Reads from the first message on, as fast as it can, until the load ends.
    CatchUp,
}

/// What a reading thread works with.
pub(super) struct ReaderThread {
    pub(super) role: Role,
    pub(super) context: LaneContext,
    pub(super) consumer: Consumer,
    pub(super) cpu: Option<usize>,
    pub(super) should_stop: Arc<AtomicBool>,
    pub(super) parts: SyncSender<Parts>,
    pub(super) ends: Ends,
}

/// What a reading thread found.
#[derive(Debug)]
pub(super) struct ReaderOutcome {
    pub(super) role: Role,
    pub(super) end_to_end: Latency,
    pub(super) fetch: Latency,
    /// Messages of this run and of the measured part.
    pub(super) received: u64,
    /// Bytes of batches fetched in the measured part.
    pub(super) fetched_bytes: u64,
    pub(super) seen: Ledger,
    pub(super) busy: f64,
    /// Why the thread ended early.
    pub(super) broken: Option<String>,
}

struct Reader {
    role: Role,
    clock: Clock,
    run: u64,
    producers: u32,
    warm_up: Duration,
    end: Duration,
    tally: Tally,
    handed_over: Duration,
    meter: BusyMeter,
    parts: SyncSender<Parts>,
    outcome: ReaderOutcome,
}

impl ReaderThread {
    /// Reads to the end.
    pub(super) fn run(self) -> ReaderOutcome {
        prepare_thread(self.cpu);
        let load = &self.context.workload.load;
        let mut reader = Reader {
            role: self.role,
            clock: self.context.clock,
            run: self.context.run,
            producers: self.context.workload.producer.count,
            warm_up: load.warm_up,
            end: load.length(),
            tally: Tally::default(),
            handed_over: Duration::ZERO,
            meter: BusyMeter::between(load.warm_up, load.length()),
            parts: self.parts,
            outcome: ReaderOutcome {
                role: self.role,
                end_to_end: Latency::new(Digits::Three),
                fetch: Latency::new(Digits::Three),
                received: 0,
                fetched_bytes: 0,
                seen: Ledger::default(),
                busy: 0.0,
                broken: None,
            },
        };
        let mut consumer = self.consumer;
        let mut is_over = || match (self.role, self.ends.get()) {
            _ if self.should_stop.load(Ordering::Relaxed) => Over::Stopped,
            (_, Some(ends)) => Over::At(ends),
            (_, None) => Over::NotYet,
        };
        let read = match self.role {
            Role::Tail { .. } => reader.tail(&mut consumer, &mut is_over),
            Role::CatchUp => reader.catch_up(&mut consumer, &self.context.topic, &mut is_over),
        };
        reader.finish(read.err())
    }
}

/// Whether reading may end.
enum Over<'e> {
    NotYet,
    /// Once everything before these offsets was read.
    At(&'e BTreeMap<TopicPartition, Offset>),
    Stopped,
}

impl Reader {
    fn tail<'e>(
        &mut self,
        consumer: &mut Consumer,
        is_over: &mut impl FnMut() -> Over<'e>,
    ) -> Result<(), ClientError> {
        loop {
            consumer.poll(WAIT_MAX, |record| {
                self.note(record);
                ControlFlow::Continue(())
            })?;
            self.after_poll(consumer);
            let is_read = |ends: &BTreeMap<TopicPartition, Offset>| {
                consumer
                    .positions()
                    .all(|(at, position)| ends.get(at).is_none_or(|end| *end <= position))
            };
            match is_over() {
                Over::Stopped => return Ok(()),
                Over::At(ends) if is_read(ends) => return Ok(()),
                Over::At(_) | Over::NotYet => {}
            }
        }
    }

    fn catch_up<'e>(
        &mut self,
        consumer: &mut Consumer,
        topic: &str,
        is_over: &mut impl FnMut() -> Over<'e>,
    ) -> Result<(), ClientError> {
        self.clock.wait_for_start();
        while matches!(is_over(), Over::NotYet) {
            if consumer.is_done() {
                consumer.assign(topic, Partitions::All, From::Beginning, Until::End)?;
                if consumer.is_done() {
                    // Nothing is there yet.
                    std::thread::sleep(WAIT_MAX);
                    continue;
                }
            }
            consumer.poll(WAIT_MAX, |_| ControlFlow::Continue(()))?;
            self.after_poll(consumer);
        }
        Ok(())
    }

    /// Notes a message that arrived just now.
    fn note(&mut self, record: &ConsumedRecord<'_>) {
        let Some(stamp) = record.value.and_then(Stamp::read) else { return };
        if stamp.run != self.run || stamp.producer >= self.producers {
            return;
        }
        let latency = self.clock.now().saturating_sub(stamp.intended);
        self.outcome.seen.note(stamp.producer, stamp.sequence);
        let part = self.tally.at(stamp.intended);
        part.counts.received += 1;
        part.end_to_end.record(latency);
        if self.warm_up <= stamp.intended {
            self.outcome.end_to_end.record(latency);
            self.outcome.received += 1;
        }
    }

    fn after_poll(&mut self, consumer: &mut Consumer) {
        for fetch in consumer.take_fetches() {
            let answered = self.clock.of(fetch.answered);
            if !(self.warm_up..self.end).contains(&answered) {
                continue;
            }
            self.outcome.fetched_bytes += fetch.record_bytes as u64;
            // An answer without records says how long the server was told to wait.
            if fetch.record_bytes > 0 {
                self.outcome.fetch.record(fetch.took);
            }
            if self.role == Role::CatchUp {
                self.tally.at(answered).counts.caught_up_bytes += fetch.record_bytes as u64;
            }
        }
        let now = self.clock.now();
        self.meter.look(now);
        if self.handed_over + HAND_OVER_PERIOD <= now {
            self.handed_over = now;
            if let Err(error) = self.parts.try_send(self.tally.take()) {
                let (std::sync::mpsc::TrySendError::Full(parts)
                | std::sync::mpsc::TrySendError::Disconnected(parts)) = error;
                self.tally.put_back(parts);
            }
        }
    }

    fn finish(mut self, error: Option<ClientError>) -> ReaderOutcome {
        let _ = self.parts.send(self.tally.take());
        self.outcome.busy = self.meter.finish(self.clock.now());
        self.outcome.broken = error.map(|error| error.to_string());
        self.outcome
    }
}

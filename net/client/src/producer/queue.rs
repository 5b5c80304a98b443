//! The batches of one partition on their way: which may go out, in which order, and what an answer
//! means for those behind it. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{BatchBuilder, ErrorCode, NodeId, Offset, Sequence};

use crate::producer::batch::{Batch, Identity, NewRecord, OpenBatch, Writes};
use crate::producer::sender::{Pushed, RequestId};
use crate::producer::{ProducerConfig, Ticket};

/// What a server says about one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is in the log from this offset on; -1 where the server does not tell.
    Appended(Offset),
    /// It is not, or not as asked.
    Refused {
        /// Kafka's code.
        code: ErrorCode,
        /// What the server adds.
        message: Option<String>,
    },
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The records are in the log.
    Delivered(Batch, Offset),
    /// The records are not in the log and will not be.
    Failed(Batch),
    /// The batch waits for another attempt.
    WaitsAgain,
    /// The order of this producer is lost: nothing more may be sent.
    OrderLost(Batch),
}

/// The batches of one partition, oldest first: in flight, then ready, then open.
#[derive(Debug)]
pub(crate) struct PartitionQueue {
    /// Until one batch with a sequence is in the log no two are on their way: Kafka takes any
    /// sequence for the first of a producer it does not know, so the second could overtake a first
    /// that came before its leader was ready, and lock it out.
    is_first_alone: bool,
    writes: Writes,
    builder: Option<BatchBuilder>,
    open: Option<OpenBatch>,
    ready: VecDeque<Batch>,
    in_flight: VecDeque<InFlight>,
    next_number: u64,
    /// Whose sequences these are; none before the first.
    identity: Option<Identity>,
    /// For the next batch that has no sequence yet.
    next_sequence: Sequence,
    /// What the server expects next, as far as answers tell.
    expected_sequence: Sequence,
    /// A batch failed: those in flight behind it come back first, so that the order is kept.
    is_recovering: bool,
    /// A batch with a sequence failed for good, so those behind it need new ones.
    has_gap: bool,
    course: Course,
    pause_until: Duration,
}

/// Whether the sequences can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// They can.
    Open,
    /// A batch before this sequence expired and may be in the log or not. Those that have their
    /// sequence already will tell; new ones wait.
    Unresolved(Sequence),
    /// They cannot: the rest goes in another epoch (KIP-360).
    Over,
}

#[derive(Debug)]
struct InFlight {
    request: RequestId,
    node: NodeId,
    batch: Batch,
}

/// Where and as what a batch goes out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Departure {
    pub(crate) now: Duration,
    pub(crate) request: RequestId,
    pub(crate) node: NodeId,
    pub(crate) identity: Option<Identity>,
    pub(crate) in_flight_max: usize,
}

impl PartitionQueue {
    pub(crate) fn new(config: &ProducerConfig) -> Self {
        let is_transactional = config.transactional_id.is_some();
        Self {
            is_first_alone: config.is_idempotent,
            writes: if is_transactional { Writes::InTransaction } else { Writes::Alone },
            builder: Some(BatchBuilder::new(config.codec, config.level)),
            open: None,
            ready: VecDeque::new(),
            in_flight: VecDeque::new(),
            next_number: 0,
            identity: None,
            next_sequence: Sequence(0),
            expected_sequence: Sequence(0),
            is_recovering: false,
            has_gap: false,
            course: Course::Open,
            pause_until: Duration::ZERO,
        }
    }

    /// Adds a record.
    pub(crate) fn push(
        &mut self,
        now: Duration,
        ticket: Ticket,
        record: &NewRecord<'_>,
        config: &ProducerConfig,
    ) -> Pushed {
        let bytes = record.size_bytes_max();
        let had_no_room = self.has_open_batch() && !self.fits_batch(bytes, config);
        if had_no_room {
            self.close();
        }
        let (builder, config_of) = (&mut self.builder, config);
        let open = self.open.get_or_insert_with(|| {
            let fresh = || BatchBuilder::new(config_of.codec, config_of.level);
            OpenBatch::new(builder.take().unwrap_or_else(fresh), now)
        });
        // The header of a batch counts as well.
        let before = if open.count() == 0 { 0 } else { open.size_bytes() };
        open.push(ticket, record, bytes);
        let grown_bytes = open.size_bytes() - before;
        let is_full =
            config.batch_bytes <= open.size_bytes() || config.batch_records_max <= open.count();
        if is_full {
            self.close();
        }
        let has_filled_batch = had_no_room || is_full;
        Pushed { ticket, has_filled_batch, grown_bytes, has_open_batch: !is_full }
    }

    /// Whether a batch takes records.
    pub(crate) fn has_open_batch(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a record of at most so many bytes fits into the open batch.
    pub(crate) fn fits_batch(&self, bytes: usize, config: &ProducerConfig) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.size_bytes() + bytes <= config.batch_bytes
                && open.count() < config.batch_records_max
        })
    }

    /// Closes the open batch.
    pub(crate) fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let (batch, builder) = open.close(self.next_number);
        self.next_number += 1;
        self.builder = Some(builder);
        self.ready.push_back(batch);
    }

    /// Closes the open batch when it has waited long enough and could leave. While others are in
    /// its way it grows instead: many small batches would wait for as many answers.
    pub(crate) fn close_if_due(&mut self, now: Duration, linger: Duration, in_flight_max: usize) {
        let may_leave = self.ready.is_empty()
            && self.course != Course::Over
            && !self.is_recovering
            && self.pause_until <= now
            && self.has_place(in_flight_max);
        if may_leave && self.open.as_ref().is_some_and(|open| open.opened_at() + linger <= now) {
            self.close();
        }
    }

    /// Whether a batch could go out now, if its leader is known.
    pub(crate) fn is_ready(&self, now: Duration, in_flight_max: usize) -> bool {
        !self.ready.is_empty()
            && self.course != Course::Over
            && !self.is_recovering
            && self.pause_until <= now
            && self.has_place(in_flight_max)
    }

    #[cfg(test)]
    pub(crate) fn assume_known(&mut self) {
        self.is_first_alone = false;
    }

    fn has_place(&self, in_flight_max: usize) -> bool {
        let max = if self.is_first_alone { 1 } else { in_flight_max };
        self.in_flight.len() < max
    }

    /// Whether anything is not yet answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_none() && self.ready.is_empty() && self.in_flight.is_empty()
    }

    /// The bytes of the batch that would go out next.
    pub(crate) fn next_bytes(&self) -> usize {
        self.ready.front().map_or(0, |batch| batch.bytes.len())
    }

    /// Sends the next batch on its way; none when nothing may go to this node now.
    pub(crate) fn depart(&mut self, to: Departure) -> Option<Arc<Vec<u8>>> {
        // What is still at the old leader comes back first, or the order would be lost.
        let elsewhere = self.in_flight.back().is_some_and(|last| last.node != to.node);
        let is_ready = self.is_ready(to.now, to.in_flight_max) && self.may_number(to.identity);
        if elsewhere || !is_ready {
            return None;
        }
        let mut batch = self.ready.pop_front()?;
        if let (Some(identity), None) = (to.identity, batch.sequence) {
            self.adopt(identity);
            batch.stamp(identity, self.next_sequence, self.writes);
            self.next_sequence = batch.next_sequence().unwrap_or(self.next_sequence);
        }
        batch.attempts += 1;
        let bytes = Arc::clone(&batch.bytes);
        self.in_flight.push_back(InFlight { request: to.request, node: to.node, batch });
        Some(bytes)
    }

    /// Whether the next batch has its sequence or may get one: that waits while others on their way
    /// belong to another epoch, and while nobody knows which sequence is right.
    fn may_number(&self, identity: Option<Identity>) -> bool {
        let is_numbered = self.ready.front().is_some_and(|batch| batch.sequence.is_some());
        let is_current = self.identity == identity || self.in_flight.is_empty();
        is_numbered || (is_current && self.course == Course::Open)
    }

    /// Goes on in the epoch of the producer, where another partition needed a new one.
    fn adopt(&mut self, identity: Identity) {
        if self.identity.is_some_and(|before| before != identity) {
            self.number_anew();
        }
        self.identity = Some(identity);
    }

    /// The identity of its sequences, once nothing is on its way, if they cannot go on.
    pub(crate) fn outdated(&self) -> Option<Identity> {
        self.identity.filter(|_| self.course == Course::Over && self.in_flight.is_empty())
    }

    /// Goes on with another id or epoch and sequences from 0.
    pub(crate) fn begin_epoch(&mut self, identity: Identity) {
        assert!(self.in_flight.is_empty(), "batches of another epoch are on their way");
        self.ready.iter_mut().for_each(Batch::unstamp);
        self.number_anew();
        self.identity = Some(identity);
    }

    fn number_anew(&mut self) {
        self.is_first_alone = true;
        self.next_sequence = Sequence(0);
        self.expected_sequence = Sequence(0);
        self.has_gap = false;
        self.course = Course::Open;
    }

    /// Takes the answer for the batch of a request. `pause` is the time to wait after the given
    /// number of attempts.
    pub(crate) fn answered(
        &mut self,
        now: Duration,
        request: RequestId,
        answer: &Answer,
        pause: impl Fn(u32) -> Duration,
    ) -> Option<Verdict> {
        let place = self.in_flight.iter().position(|flying| flying.request == request)?;
        let batch = self.in_flight.remove(place)?.batch;
        let verdict = match answer {
            Answer::Appended(offset) => self.delivered(batch, *offset),
            Answer::Refused { code, .. } => self.refused(now, *code, batch, pause),
        };
        self.settle();
        Some(verdict)
    }

    fn delivered(&mut self, batch: Batch, offset: Offset) -> Verdict {
        self.is_first_alone = false;
        if let Course::Unresolved(_) = self.course {
            // Nothing is appended behind a gap, so what expired before it is in the log.
            self.course = Course::Open;
        }
        self.expected_sequence = batch.next_sequence().unwrap_or(self.expected_sequence);
        Verdict::Delivered(batch, offset)
    }

    fn refused(
        &mut self,
        now: Duration,
        code: ErrorCode,
        batch: Batch,
        pause: impl Fn(u32) -> Duration,
    ) -> Verdict {
        let is_idempotent = batch.sequence.is_some();
        let may_renew = is_idempotent && self.writes == Writes::Alone;
        match code {
            // An earlier attempt was appended; where, the server has forgotten.
            ErrorCode::DuplicateSequenceNumber => self.delivered(batch, Offset::NONE),
            // One before it failed, so this one came too early and will fit later.
            ErrorCode::OutOfOrderSequenceNumber if self.is_early(&batch) => {
                self.wait_again(now + pause(batch.attempts), batch)
            }
            // The server has forgotten the producer, or what it has is not what it acknowledged.
            ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId if may_renew => {
                self.course = Course::Over;
                self.wait_again(now + pause(batch.attempts), batch)
            }
            ErrorCode::InvalidProducerEpoch if may_renew => {
                self.course = Course::Over;
                self.is_recovering = true;
                Verdict::Failed(batch)
            }
            ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::UnknownProducerId
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::ProducerFenced
                if is_idempotent =>
            {
                Verdict::OrderLost(batch)
            }
            code if code.is_retriable() => {
                let mut batch = batch;
                batch.is_unsure |= matches!(
                    code,
                    ErrorCode::RequestTimedOut | ErrorCode::NotEnoughReplicasAfterAppend
                );
                self.wait_again(now + pause(batch.attempts), batch)
            }
            _ => {
                self.has_gap |= is_idempotent;
                self.is_recovering = true;
                Verdict::Failed(batch)
            }
        }
    }

    /// Whether batches before it are missing that may still come.
    fn is_early(&self, batch: &Batch) -> bool {
        let is_behind_expired = batch.sequence.map(Course::Unresolved) == Some(self.course);
        batch.sequence != Some(self.expected_sequence) && !is_behind_expired
    }

    /// Takes back the batch of a request whose answer never comes.
    pub(crate) fn lost(
        &mut self,
        now: Duration,
        request: RequestId,
        pause: impl Fn(u32) -> Duration,
    ) {
        let place = self.in_flight.iter().position(|flying| flying.request == request);
        let Some(flying) = place.and_then(|place| self.in_flight.remove(place)) else { return };
        let mut batch = flying.batch;
        batch.is_unsure = true;
        self.wait_again(now + pause(batch.attempts), batch);
        self.settle();
    }

    fn wait_again(&mut self, until: Duration, batch: Batch) -> Verdict {
        let place = self.ready.partition_point(|other| other.number < batch.number);
        self.ready.insert(place, batch);
        self.pause_until = self.pause_until.max(until);
        self.is_recovering = true;
        Verdict::WaitsAgain
    }

    /// Ends the recovery once nothing is in flight.
    fn settle(&mut self) {
        if !self.in_flight.is_empty() {
            return;
        }
        self.is_recovering = false;
        let has_gap = std::mem::take(&mut self.has_gap);
        let can_tell = self.ready.front().is_some_and(|batch| batch.sequence.is_some());
        let is_unresolved = matches!(self.course, Course::Unresolved(_));
        if is_unresolved && (has_gap || !can_tell) {
            self.course = Course::Over;
        } else if has_gap {
            // The server refused what came behind the gap, so these sequences are free.
            self.next_sequence = self.expected_sequence;
            self.ready.iter_mut().for_each(Batch::unstamp);
        }
    }

    /// Takes out the oldest ready batch whose time is over.
    pub(crate) fn expire(&mut self, now: Duration, timeout: Duration) -> Option<Verdict> {
        if !self.in_flight.is_empty() || self.ready.front()?.opened_at + timeout > now {
            return None;
        }
        let batch = self.ready.pop_front()?;
        match (batch.sequence, self.writes) {
            // It may be in the log or not: no sequence behind it can be right for sure.
            (Some(_), Writes::InTransaction) if batch.is_unsure => {
                return Some(Verdict::OrderLost(batch));
            }
            (Some(_), Writes::Alone) if batch.is_unsure && self.course != Course::Over => {
                self.course = batch.next_sequence().map_or(Course::Over, Course::Unresolved);
            }
            (sequence, _) => self.has_gap |= sequence.is_some(),
        }
        self.settle();
        Some(Verdict::Failed(batch))
    }

    /// Begins anew with the sequences, for another id or epoch of the producer.
    pub(crate) fn renew(&mut self) {
        assert!(self.is_idle(), "records of another epoch are on their way");
        self.number_anew();
        self.identity = None;
        self.is_recovering = false;
        self.pause_until = Duration::ZERO;
    }

    /// Takes out what is not on its way.
    pub(crate) fn abandon(&mut self) -> Vec<Batch> {
        self.close();
        self.ready.drain(..).collect()
    }

    /// Takes out everything.
    pub(crate) fn drain(&mut self) -> Vec<Batch> {
        self.close();
        let flying = self.in_flight.drain(..).map(|flying| flying.batch);
        flying.chain(self.ready.drain(..)).collect()
    }

    /// The next moment after `now` at which something changes by itself.
    pub(crate) fn next_wakeup(&self, now: Duration, config: &ProducerConfig) -> Option<Duration> {
        let linger = self.open.as_ref().map(|open| open.opened_at() + config.linger);
        let pause = (!self.ready.is_empty()).then_some(self.pause_until);
        let expiry = self.ready.front().map(|batch| batch.opened_at + config.delivery_timeout);
        [linger, pause, expiry].into_iter().flatten().filter(|at| *at > now).min()
    }
}

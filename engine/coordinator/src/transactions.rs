//! The transactional ids of one partition of `__transaction_state`. A coordinator is made when a
//! node becomes leader of the partition, is loaded from the log, steps by inputs, and resigns with
//! the leadership. What it has not stored is not so: a change is seen, and told, once it is
//! durable.

mod config;
mod counts;
mod end;
mod initialization;
mod input;
mod loading;
mod markers;
mod output;
mod partitions;
mod pending;
mod queries;
mod state;
mod sweep;
mod transaction;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use corelog_model::{ErrorCode, LeaderEpoch, ProducerEpoch};

use crate::input::{AppendId, Now, RequestId};
use crate::records::TransactionRecord;
use transaction::{Change, Transaction, Waits};

pub use config::TransactionConfig;
pub use counts::{TransactionCounts, TransactionTally};
pub use input::{
    AddPartitions, EndTransaction, InitProducer, MarkersWritten, Producer, Ticket, TransactionInput,
};
pub use output::{TransactionOutput, TransactionReply, WriteMarkers};
pub use queries::{ListedTransaction, TransactionDescription, TransactionFilter};
pub use state::TransactionState;

/// The longest text that a record holds.
const TEXT_BYTES_MAX: usize = i16::MAX as usize;

/// The transactional ids.
#[derive(Debug)]
pub struct Transactions {
    config: TransactionConfig,
    /// Which leader of the partition this is: later ones fence its markers.
    coordinator_epoch: LeaderEpoch,
    phase: Phase,
    by_id: BTreeMap<String, Transaction>,
    /// Which transactional ids an append is about.
    pending: BTreeMap<AppendId, Vec<String>>,
    append_next: u64,
    /// Requests that wait for a producer id.
    parked: BTreeMap<Ticket, Parked>,
    ticket_next: u64,
    /// Transactions whose markers wait for their turn.
    queue: VecDeque<String>,
    /// How many have their markers written.
    marking: usize,
    /// When the markers of which are tried again.
    retries: BTreeSet<(Duration, String)>,
    /// When transactions are looked for next that take too long.
    abort_at: Duration,
    /// When expired ids are looked for next.
    expire_at: Duration,
    counts: TransactionCounts,
    outputs: Vec<TransactionOutput>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Loading,
    Ready,
    Resigned,
}

/// A request that waits for a producer id.
#[derive(Debug)]
enum Parked {
    Init(InitProducer),
    End(EndTransaction),
}

/// A change that is decided, unless a producer id has to be found for it first.
enum Decision {
    Change(Box<NextValue>),
    NeedsProducerId,
    /// It is as asked for already.
    Done(Producer),
}

/// What a transactional id is to become.
struct NextValue {
    value: crate::records::TransactionValue,
    last_epoch: ProducerEpoch,
    waits: Waits,
}

impl Transactions {
    /// The transactional ids before they are loaded.
    pub fn new(config: TransactionConfig, coordinator_epoch: LeaderEpoch) -> Self {
        Transactions {
            config,
            coordinator_epoch,
            phase: Phase::Loading,
            by_id: BTreeMap::new(),
            pending: BTreeMap::new(),
            append_next: 0,
            parked: BTreeMap::new(),
            ticket_next: 0,
            queue: VecDeque::new(),
            marking: 0,
            retries: BTreeSet::new(),
            abort_at: Duration::ZERO,
            expire_at: Duration::ZERO,
            counts: TransactionCounts::default(),
            outputs: Vec::new(),
        }
    }

    /// Advances the transactions by one input.
    pub fn step(&mut self, now: Now, input: TransactionInput) -> Vec<TransactionOutput> {
        if let Some(code) = self.unready() {
            return refusal(&input, code).into_iter().collect();
        }
        match input {
            TransactionInput::Init(init) => self.init(now, init, None),
            TransactionInput::AddPartitions(add) => self.add_partitions(now, add),
            TransactionInput::End(end) => self.end(now, end, None),
            TransactionInput::ProducerId { ticket, result } => {
                self.producer_id_found(now, ticket, result);
            }
            TransactionInput::MarkersWritten(written) => self.markers_written(now, &written),
            TransactionInput::Appended(append) => self.appended(now, append),
            TransactionInput::AppendFailed { append, code } => {
                self.append_failed(now, append, code);
            }
            TransactionInput::Tick => self.tick(now),
        }
        std::mem::take(&mut self.outputs)
    }

    /// When the next [`TransactionInput::Tick`] has something to do.
    pub fn next_wakeup(&self) -> Option<Duration> {
        if self.phase != Phase::Ready {
            return None;
        }
        let sweep = self.abort_at.min(self.expire_at);
        let retry = self.retries.first().map(|(at, _)| *at);
        Some(retry.map_or(sweep, |at| at.min(sweep)))
    }

    /// This node no longer leads the partition: every open request is answered, and all is
    /// forgotten. Whoever leads it goes on with what is decided.
    pub fn resign(&mut self) -> Vec<TransactionOutput> {
        self.phase = Phase::Resigned;
        let code = ErrorCode::NotCoordinator;
        for transaction in std::mem::take(&mut self.by_id).into_values() {
            if let Some(change) = transaction.change {
                self.refuse(change.waits, code);
            }
            for add in transaction.waiting {
                self.reply(add.request, TransactionReply::AddPartitions(Err(code)));
            }
        }
        for parked in std::mem::take(&mut self.parked).into_values() {
            self.refuse_parked(&parked, code);
        }
        self.pending.clear();
        self.queue.clear();
        self.retries.clear();
        std::mem::take(&mut self.outputs)
    }

    /// Why no request is served, if so.
    fn unready(&self) -> Option<ErrorCode> {
        match self.phase {
            Phase::Loading => Some(ErrorCode::CoordinatorLoadInProgress),
            Phase::Ready => None,
            Phase::Resigned => Some(ErrorCode::NotCoordinator),
        }
    }

    fn reply(&mut self, request: RequestId, reply: TransactionReply) {
        self.outputs.push(TransactionOutput::Reply { request, reply });
    }

    fn get_mut(&mut self, id: &str) -> &mut Transaction {
        self.by_id.get_mut(id).expect("the caller has looked for the transactional id")
    }

    /// Asks for a producer id, and keeps the request until there is one.
    fn find_producer_id(&mut self, parked: Parked) {
        let ticket = Ticket(self.ticket_next);
        self.ticket_next += 1;
        self.parked.insert(ticket, parked);
        self.outputs.push(TransactionOutput::FindProducerId { ticket });
    }
}

impl Transactions {
    /// Appends what transactional ids become, all in one.
    fn change(&mut self, changes: Vec<(String, Option<NextValue>)>) {
        let append = AppendId(self.append_next);
        self.append_next += 1;
        let mut records = Vec::with_capacity(changes.len());
        let mut ids = Vec::with_capacity(changes.len());
        for (id, next) in changes {
            let (value, last_epoch, waits) = match next {
                Some(NextValue { value, last_epoch, waits }) => (Some(value), last_epoch, waits),
                None => (None, ProducerEpoch::NONE, Waits::Nobody),
            };
            let record = TransactionRecord { transactional_id: id.clone(), value: value.clone() };
            records.push(record);
            let transaction = self.by_id.entry(id.clone());
            let transaction = transaction.or_insert_with(|| Transaction::new(None));
            assert!(transaction.change.is_none(), "one change is appended at a time");
            transaction.change = Some(Change { next: value, last_epoch, waits });
            ids.push(id);
        }
        assert!(!records.is_empty(), "an append has at least one record");
        self.pending.insert(append, ids);
        self.outputs.push(TransactionOutput::Append { append, records });
    }

    /// Answers those who waited for what never will be.
    fn refuse(&mut self, waits: Waits, code: ErrorCode) {
        match waits {
            Waits::Nobody | Waits::Late => {}
            Waits::Init(request) | Waits::Fence(request) => {
                self.reply(request, TransactionReply::Init(Err(code)));
            }
            Waits::Add(requests) => {
                for request in requests {
                    self.reply(request, TransactionReply::AddPartitions(Err(code)));
                }
            }
            Waits::End(request) => self.reply(request, TransactionReply::End(Err(code))),
        }
    }

    fn refuse_parked(&mut self, parked: &Parked, code: ErrorCode) {
        match parked {
            Parked::Init(init) => self.reply(init.request, TransactionReply::Init(Err(code))),
            Parked::End(end) => self.reply(end.request, TransactionReply::End(Err(code))),
        }
    }
}

/// What a request is answered that is not served; none for inputs that are no requests.
fn refusal(input: &TransactionInput, code: ErrorCode) -> Option<TransactionOutput> {
    let (request, reply) = match input {
        TransactionInput::Init(init) => (init.request, TransactionReply::Init(Err(code))),
        TransactionInput::AddPartitions(add) => {
            (add.request, TransactionReply::AddPartitions(Err(code)))
        }
        TransactionInput::End(end) => (end.request, TransactionReply::End(Err(code))),
        TransactionInput::ProducerId { .. }
        | TransactionInput::MarkersWritten(_)
        | TransactionInput::Appended(_)
        | TransactionInput::AppendFailed { .. }
        | TransactionInput::Tick => return None,
    };
    Some(TransactionOutput::Reply { request, reply })
}

//! What the driver tells the coordinator of transactions: requests in the engine's own words, what
//! became of records, producer ids and markers, and that time has passed.

use corelog_model::control::{TransactionOutcome, TransactionVersion};
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};

use crate::input::{AppendId, RequestId};
use crate::offsets::TopicPartition;

/// A producer and one of its epochs.
pub type Producer = (ProducerId, ProducerEpoch);

/// A producer id that the coordinator waits for. It counts up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// An input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionInput {
    /// A producer wants to speak for a transactional id.
    Init(InitProducer),
    /// A transaction reaches partitions, and begins if there is none.
    AddPartitions(AddPartitions),
    /// A transaction ends.
    End(EndTransaction),
    /// A producer id that the coordinator has asked for, or why there is none.
    ProducerId {
        /// What it was asked for by.
        ticket: Ticket,
        /// An id that nobody ever had.
        result: Result<ProducerId, ErrorCode>,
    },
    /// What became of the markers of a transaction. Told once for each time that they were output.
    MarkersWritten(MarkersWritten),
    /// Records are durable. Told in the order in which they were output, as a log appends.
    Appended(AppendId),
    /// Records are not in the log and never will be.
    AppendFailed {
        /// Which records.
        append: AppendId,
        /// What the requests are answered that waited for them.
        code: ErrorCode,
    },
    /// Time has passed.
    Tick,
}

/// A producer wants to speak for a transactional id (InitProducerId).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducer {
    /// The request.
    pub request: RequestId,
    /// The transactional id.
    pub transactional_id: String,
    /// How long its transactions may take, in milliseconds, as the request says.
    pub timeout_ms: i32,
    /// Who the producer is, if it goes on after an error (KIP-360: versions 3+).
    pub current: Option<Producer>,
}

/// A transaction reaches partitions (AddPartitionsToTxn, AddOffsetsToTxn, and Produce and
/// TxnOffsetCommit where they imply it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitions {
    /// The request.
    pub request: RequestId,
    /// The transactional id.
    pub transactional_id: String,
    /// Who speaks for it.
    pub producer: Producer,
    /// The partitions. They exist.
    pub partitions: Vec<TopicPartition>,
    /// How the producer speaks.
    pub version: TransactionVersion,
}

/// A transaction ends (EndTxn).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTransaction {
    /// The request.
    pub request: RequestId,
    /// The transactional id.
    pub transactional_id: String,
    /// Who speaks for it.
    pub producer: Producer,
    /// Whether its records count.
    pub outcome: TransactionOutcome,
    /// How the producer speaks.
    pub version: TransactionVersion,
}

/// What became of the markers of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkersWritten {
    /// The transactional id.
    pub transactional_id: String,
    /// The producer of the markers.
    pub producer: Producer,
    /// Whether the marker of each partition is durable, or why not. A partition that is no more
    /// needs none. Those left out are tried again.
    pub results: Vec<(TopicPartition, Result<(), ErrorCode>)>,
}

//! What the coordinator of transactions tells the driver to do: answer requests, append records,
//! find producer ids and let markers be written.

use corelog_model::control::{TransactionMarker, TransactionVersion};
use corelog_model::{ErrorCode, ProducerId};

use super::input::{Producer, Ticket};
use crate::input::{AppendId, RequestId};
use crate::offsets::TopicPartition;
use crate::records::TransactionRecord;

/// An output of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionOutput {
    /// Answer a request. Each is answered once.
    Reply {
        /// The request.
        request: RequestId,
        /// The answer.
        reply: TransactionReply,
    },
    /// Append records, all or none, in the order of the outputs, and tell what became of it.
    Append {
        /// What to tell it by.
        append: AppendId,
        /// The records, never none.
        records: Vec<TransactionRecord>,
    },
    /// Find a producer id that nobody ever had, and tell it.
    FindProducerId {
        /// What to tell it by.
        ticket: Ticket,
    },
    /// Have the leaders of partitions write the markers of a transaction, and tell what became of
    /// it. A leader may get the same marker again.
    WriteMarkers(WriteMarkers),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionReply {
    /// To a producer that wants to speak for a transactional id.
    Init(Result<Producer, ErrorCode>),
    /// To one whose transaction reaches partitions, for all of them alike.
    AddPartitions(Result<(), ErrorCode>),
    /// To one whose transaction ends: who it is from now on.
    End(Result<Producer, ErrorCode>),
}

/// The end of a transaction on all partitions that do not know it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteMarkers {
    /// The transactional id.
    pub transactional_id: String,
    /// Whose transaction ends, with the epoch of the marker.
    pub producer: Producer,
    /// How it ended, and who says so.
    pub marker: TransactionMarker,
    /// How the producer speaks, which tells what epochs the leaders take.
    pub version: TransactionVersion,
    /// The partitions, in order and never none.
    pub partitions: Vec<TopicPartition>,
}

/// A producer id, or a wish for one.
pub(crate) type Supply = Option<ProducerId>;

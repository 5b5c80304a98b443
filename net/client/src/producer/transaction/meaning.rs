//! What an error code of a coordinator or a leader means for a transaction.

use corelog_model::ErrorCode;
use corelog_wire::ApiKey;

/// What to do about an answer, from the mildest to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// It is done.
    Done,
    /// An earlier transaction is just ending: ask again soon.
    Soon,
    /// Ask again later.
    Later,
    /// Ask again later, at whoever coordinates then.
    Elsewhere,
    /// The transaction cannot be committed.
    Abort,
    /// The same, and the coordinator no longer knows this producer.
    Unknown,
    /// The producer is of no more use.
    End,
}

/// What the answer of a coordinator means. A code that no rule names ends the producer, as in
/// Kafka's own client, except while partitions are added: there it is about the partition.
pub(super) fn of_coordinator(api: ApiKey, code: ErrorCode) -> Meaning {
    use ErrorCode as Code;
    match code {
        Code::None => Meaning::Done,
        Code::ConcurrentTransactions => match api {
            ApiKey::AddPartitionsToTxn | ApiKey::AddOffsetsToTxn => Meaning::Soon,
            _ => Meaning::Later,
        },
        Code::NotCoordinator | Code::CoordinatorNotAvailable => Meaning::Elsewhere,
        Code::RequestTimedOut if api == ApiKey::TxnOffsetCommit => Meaning::Elsewhere,
        // Old coordinators say the first for the second.
        Code::InvalidProducerEpoch
        | Code::ProducerFenced
        | Code::TransactionalIdAuthorizationFailed
        | Code::ClusterAuthorizationFailed => Meaning::End,
        Code::InvalidProducerIdMapping | Code::UnknownProducerId
            if api != ApiKey::InitProducerId =>
        {
            Meaning::Unknown
        }
        Code::TransactionAbortable
        | Code::GroupAuthorizationFailed
        | Code::TopicAuthorizationFailed => Meaning::Abort,
        // The member has lost its partitions to another one (KIP-447).
        Code::UnknownMemberId
        | Code::IllegalGeneration
        | Code::FencedInstanceId
        | Code::StaleMemberEpoch
            if api == ApiKey::TxnOffsetCommit =>
        {
            Meaning::Abort
        }
        code if code.is_retriable() => Meaning::Later,
        Code::InvalidTxnState => Meaning::End,
        _ if api == ApiKey::AddPartitionsToTxn => Meaning::Abort,
        _ => Meaning::End,
    }
}

/// Whether a record that failed for good with this code ends the producer. An old epoch does not:
/// the coordinator says at the end of the transaction whether another producer has the name.
pub(super) fn ends_producer(code: ErrorCode) -> bool {
    use ErrorCode as Code;
    matches!(
        code,
        Code::ProducerFenced
            | Code::TransactionalIdAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnsupportedVersion
            | Code::InvalidProducerIdMapping
    )
}

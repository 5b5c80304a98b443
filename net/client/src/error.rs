//! What can go wrong, in one enum: what failed, where, and why.

use std::io;

use corelog_model::{BatchError, ErrorCode, Offset, RecordError, RecordsError};
use corelog_wire::frame::FrameError;
use corelog_wire::{ApiKey, EncodeError, WireError};

use crate::{Endpoint, TopicPartition};

/// Why an operation of the client failed. Reads as "what failed: why".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Text that names no server.
    #[error("{text:?} is no list of HOST:PORT: {why}")]
    Address {
        /// What was typed.
        text: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// No connection came about.
    #[error("cannot connect to {address}: {why}")]
    Connect {
        /// Where to.
        address: Endpoint,
        /// What the system says.
        why: String,
    },
    /// None of the servers at hand gives an answer.
    #[error("no server answers: {}", list(tried))]
    Unreachable {
        /// What happened with each of them.
        tried: Vec<ClientError>,
    },
    /// The connection broke.
    #[error("the connection to {address} broke while {doing}: {why}")]
    Broken {
        /// The other side.
        address: Endpoint,
        /// What was going on.
        doing: String,
        /// What the system says.
        why: String,
    },
    /// The other side closed the connection.
    #[error("{address} closed the connection while {doing}")]
    Closed {
        /// The other side.
        address: Endpoint,
        /// What was going on.
        doing: String,
    },
    /// No response within the time set for requests.
    #[error("{address} did not answer within {after_ms} ms while {doing}")]
    TimedOut {
        /// The other side.
        address: Endpoint,
        /// What was going on.
        doing: String,
        /// How long the client waited.
        after_ms: u64,
    },
    /// A length prefix that is refused.
    #[error("{address} sent {source}")]
    Frame {
        /// The other side.
        address: Endpoint,
        /// What is wrong with the length.
        source: FrameError,
    },
    /// A response that answers another request than the oldest one.
    #[error("{address} answered request {found}, the oldest open one is {expected:?}")]
    Correlation {
        /// The other side.
        address: Endpoint,
        /// The oldest request without a response; none when nothing was asked.
        expected: Option<i32>,
        /// What the response says.
        found: i32,
    },
    /// Bytes that are not the response they should be.
    #[error("{address} sent no {} response of version {version}: {source}", api.name())]
    Response {
        /// The other side.
        address: Endpoint,
        /// What was asked.
        api: ApiKey,
        /// In which version.
        version: i16,
        /// What is wrong with the bytes.
        source: WireError,
    },
    /// Bytes behind the end of a response.
    #[error("{address} sent {count} bytes behind a {} response of version {version}", api.name())]
    Surplus {
        /// The other side.
        address: Endpoint,
        /// What was asked.
        api: ApiKey,
        /// In which version.
        version: i16,
        /// How many bytes.
        count: usize,
    },
    /// A response without the part that was asked for.
    #[error("the {} response of {address} says nothing about {about}", api.name())]
    Missing {
        /// The other side.
        address: Endpoint,
        /// What was asked.
        api: ApiKey,
        /// A topic, a partition, a node.
        about: String,
    },
    /// A request that cannot be written.
    #[error("cannot write a {} request: {source}", api.name())]
    Request {
        /// What was to be asked.
        api: ApiKey,
        /// What is wrong with it.
        source: EncodeError,
    },
    /// Client and server share no version of an API.
    #[error(
        "{address} does not offer {} in a version this client speaks ({ours}; offered: {theirs})",
        api.name()
    )]
    Version {
        /// The other side.
        address: Endpoint,
        /// The API.
        api: ApiKey,
        /// The versions of this client.
        ours: String,
        /// What the server offers.
        theirs: String,
    },
    /// The server says no.
    #[error("{} of {about}: {code}{}", api.name(), explain(message.as_deref()))]
    Refused {
        /// What was asked.
        api: ApiKey,
        /// A topic, a partition, a node.
        about: String,
        /// Kafka's code.
        code: ErrorCode,
        /// What the server adds.
        message: Option<String>,
    },
    /// A topic that does not exist.
    #[error("there is no topic {0}")]
    NoTopic(String),
    /// A partition whose leader the cluster does not name.
    #[error("{0} has no leader")]
    NoLeader(TopicPartition),
    /// A partition that the topic does not have.
    #[error("the topic {topic} has {count} partitions, none has number {partition}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// What was asked for.
        partition: i32,
        /// How many it has.
        count: usize,
    },
    /// A node that the cluster does not name.
    #[error("the cluster names no node {0}")]
    NoNode(i32),
    /// The time for all attempts is over.
    #[error("gave up after {after_ms} ms: {last}")]
    GaveUp {
        /// How long the client tried.
        after_ms: u64,
        /// What the last attempt met.
        last: Box<ClientError>,
    },
    /// A record that no request may carry.
    #[error("a record of {bytes} bytes, at most {max} are allowed")]
    RecordTooLarge {
        /// Its size in a batch.
        bytes: usize,
        /// The limit of this client.
        max: usize,
    },
    /// Sending waited for memory in vain.
    #[error("no room for a record within {after_ms} ms: {buffered} bytes wait to be sent")]
    NoRoom {
        /// How long the client waited.
        after_ms: u64,
        /// Bytes of records that wait.
        buffered: usize,
    },
    /// More results of sent records wait than are allowed.
    #[error("{0} delivery results were not taken")]
    DeliveriesNotTaken(usize),
    /// The runtime ended before a record had its result.
    #[error("the client ended before the result was there")]
    Abandoned,
    /// More commits wait for the coordinator of a group than are allowed.
    #[error("too many commits of offsets wait for the coordinator")]
    TooManyCommits,
    /// Nothing says where reading of a partition begins.
    #[error("{0} has no committed offset, and no policy says where to begin")]
    NoOffset(TopicPartition),
    /// What was asked of a partition that is not assigned.
    #[error("{0} is not assigned")]
    NotAssigned(TopicPartition),
    /// A call that does not fit the state of the transaction.
    #[error("{0}")]
    Transaction(&'static str),
    /// The open transaction cannot be committed: only aborting it goes on.
    #[error("the transaction has to be aborted: {why}")]
    MustAbort {
        /// What went wrong in it.
        why: Box<ClientError>,
    },
    /// The transactional producer is of no more use: another one has its name, or the server
    /// refuses it for good.
    #[error("the transactional producer is at its end: {why}")]
    ProducerEnded {
        /// What ended it.
        why: Box<ClientError>,
    },
    /// A setting that contradicts another one.
    #[error("{0}")]
    Setting(&'static str),
    /// Fetched bytes that are no batch.
    #[error("{at} holds no valid batch at offset {offset}: {source}")]
    Batch {
        /// The partition.
        at: TopicPartition,
        /// Where reading was to go on.
        offset: Offset,
        /// What is wrong.
        source: BatchError,
    },
    /// A fetched batch whose records cannot be decompressed.
    #[error("the batch of {at} at offset {offset} cannot be opened: {source}")]
    Records {
        /// The partition.
        at: TopicPartition,
        /// The base offset of the batch.
        offset: Offset,
        /// What is wrong.
        source: RecordsError,
    },
    /// A fetched record that cannot be read.
    #[error("the batch of {at} at offset {offset} holds no valid records: {source}")]
    Record {
        /// The partition.
        at: TopicPartition,
        /// The base offset of the batch.
        offset: Offset,
        /// What is wrong.
        source: RecordError,
    },
}

impl ClientError {
    /// Whether the connection it happened on is of no more use.
    pub fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Broken { .. }
                | Self::Closed { .. }
                | Self::TimedOut { .. }
                | Self::Frame { .. }
                | Self::Correlation { .. }
                | Self::Response { .. }
                | Self::Surplus { .. }
        )
    }

    /// Whether the same may succeed later, perhaps at another node.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::Closed { .. }
            | Self::TimedOut { .. }
            | Self::NoLeader(_)
            | Self::NoNode(_) => true,
            Self::Refused { code, .. } => code.is_retriable(),
            _ => false,
        }
    }

    /// Whether no server could be reached, as against a server that refused.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Unreachable { tried } => tried.iter().all(Self::is_unreachable),
            Self::GaveUp { last, .. } => last.is_unreachable(),
            _ => false,
        }
    }

    /// Kafka's code, where a server sent one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::GaveUp { last, .. } => last.code(),
            Self::MustAbort { why } | Self::ProducerEnded { why } => why.code(),
            _ => None,
        }
    }

    pub(crate) fn connect(address: &Endpoint, error: &io::Error) -> Self {
        Self::Connect { address: address.clone(), why: error.to_string() }
    }

    /// The error for a code in a response; none when the code says that all is well.
    pub(crate) fn refused(
        api: ApiKey,
        about: impl Into<String>,
        code: i16,
        message: Option<&str>,
    ) -> Result<(), Self> {
        // A code that is newer than our table is an error all the same.
        match ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError) {
            ErrorCode::None => Ok(()),
            code => {
                let message = message.map(str::to_owned);
                Err(Self::Refused { api, about: about.into(), code, message })
            }
        }
    }
}

fn list(tried: &[ClientError]) -> String {
    tried.iter().map(ClientError::to_string).collect::<Vec<_>>().join("; ")
}

fn explain(message: Option<&str>) -> String {
    message.map(|message| format!(" ({message})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_api_the_subject_the_code_and_what_the_server_adds() {
        let refused = |code, message| {
            ClientError::refused(ApiKey::CreateTopics, "topic t", code, message).unwrap_err()
        };
        assert_eq!(
            refused(36, Some("it is there")).to_string(),
            "CreateTopics of topic t: TOPIC_ALREADY_EXISTS (36): a topic with this name exists \
             (it is there)"
        );
        assert_eq!(refused(3200, None).code(), Some(ErrorCode::UnknownServerError));
        assert_eq!(ClientError::refused(ApiKey::Fetch, "t-0", 0, None), Ok(()));
    }

    #[test]
    fn only_what_may_pass_is_retried() {
        let address = Endpoint::new("a", 1);
        let refused = |code: ErrorCode| {
            ClientError::refused(ApiKey::Produce, "t-0", code.code(), None).unwrap_err()
        };
        assert!(refused(ErrorCode::NotLeaderOrFollower).is_retriable());
        assert!(!refused(ErrorCode::MessageTooLarge).is_retriable());
        assert!(
            ClientError::Connect { address: address.clone(), why: String::new() }.is_retriable()
        );
        let frame = ClientError::Frame { address, source: FrameError::Negative(-1) };
        assert!(!frame.is_retriable() && frame.ends_connection());
    }
}

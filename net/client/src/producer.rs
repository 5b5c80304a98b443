//! What a producer is made of, without sockets and clock: records become batches, the [`Sender`]
//! decides what is sent when and where, and `request` writes and reads it. The drivers are
//! [`crate::Producer`] and [`crate::blocking::Producer`].

mod batch;
mod config;
mod partitioner;
mod queue;
pub(crate) mod request;
mod sender;
#[cfg(test)]
mod tests;
pub mod transaction;

use std::time::{SystemTime, UNIX_EPOCH};

use corelog_model::{Offset, RecordHeader, Timestamp};

use crate::{ClientError, TopicPartition};

pub use batch::{Identity, NewRecord};
pub use config::{Acks, ProducerConfig, Reports};
pub use partitioner::{Choice, Partitioner};
pub use queue::Answer;
pub use sender::{Abandoned, Departing, Input, Output, PushError, Pushed, RequestId, Sender};
pub use transaction::Transaction;

/// A record with its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; none lets the key decide, or chance where there is no key.
    pub partition: Option<i32>,
    /// The key; none is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; none is Kafka's null.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [RecordHeader<'a>],
    /// When the record came about; none is now.
    pub timestamp: Option<Timestamp>,
}

impl<'a> Message<'a> {
    /// A value without key and headers.
    pub fn of_value(topic: &'a str, value: &'a [u8]) -> Self {
        let value = Some(value);
        Self { topic, partition: None, key: None, value, headers: &[], timestamp: None }
    }

    pub(crate) fn record(&self) -> NewRecord<'a> {
        NewRecord {
            key: self.key,
            value: self.value,
            headers: self.headers,
            timestamp: self.timestamp.unwrap_or_else(wall_clock),
        }
    }

    pub(crate) fn choice(&self) -> Choice<'a> {
        match (self.partition, self.key) {
            (Some(partition), _) => Choice::Partition(partition),
            (None, Some(key)) => Choice::Key(key),
            (None, None) => Choice::Any,
        }
    }
}

/// Ties a result to its record: numbers from 0 in the order of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What became of the records of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where they were sent.
    pub at: TopicPartition,
    /// The records, in order.
    pub tickets: Vec<Ticket>,
    /// The offset of the first one; -1 where the server does not tell (acks 0, or a repetition
    /// whose first success it has forgotten).
    pub outcome: Result<Offset, ClientError>,
}

impl Delivery {
    /// Each record and its offset.
    pub fn records(&self) -> impl Iterator<Item = (Ticket, Result<Offset, &ClientError>)> + '_ {
        self.tickets.iter().zip(0..).map(|(ticket, place)| match &self.outcome {
            Ok(Offset::NONE) => (*ticket, Ok(Offset::NONE)),
            Ok(base) => (*ticket, Ok(*base + place)),
            Err(error) => (*ticket, Err(error)),
        })
    }
}

/// What a producer has sent so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records that are in the log.
    pub records: u64,
    /// Batches that are in the log.
    pub batches: u64,
    /// Bytes of these batches, compressed as they went out.
    pub batch_bytes: u64,
    /// Records that are not in the log, as far as is known.
    pub failed_records: u64,
    /// Why the first of them failed.
    pub first_error: Option<ClientError>,
}

impl Totals {
    fn count(&mut self, records: usize, batch: &[u8], error: Option<&ClientError>) {
        if let Some(error) = error {
            self.failed_records += records as u64;
            self.first_error.get_or_insert_with(|| error.clone());
        } else {
            self.records += records as u64;
            self.batches += 1;
            self.batch_bytes += batch.len() as u64;
        }
    }
}

/// The time by the clock of this machine, for records without a time of their own.
fn wall_clock() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

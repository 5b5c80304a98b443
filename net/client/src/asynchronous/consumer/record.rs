//! Records as an application gets them: owned, their bytes shared by all that came with one poll.

use std::ops::Range;

use bytes::Bytes;
use corelog_model::{Offset, Timestamp};

use crate::TopicPartition;
use crate::consumer::ConsumedRecord;

/// A record that was read. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is from.
    pub at: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// When it came about, or when it was appended, as the topic says.
    pub timestamp: Timestamp,
    /// The key; none is Kafka's null.
    pub key: Option<Bytes>,
    /// The value; none is Kafka's null.
    pub value: Option<Bytes>,
    /// The headers, in order: names, which may repeat, and values.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Takes copies of records, all in one block of memory.
#[derive(Debug, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    records: Vec<Placed>,
}

/// A record whose bytes are in the arena.
#[derive(Debug)]
struct Placed {
    at: TopicPartition,
    offset: Offset,
    timestamp: Timestamp,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Vec<(Range<usize>, Option<Range<usize>>)>,
}

impl Arena {
    /// How many records it has.
    pub(super) fn count(&self) -> usize {
        self.records.len()
    }

    /// Copies a record.
    pub(super) fn push(&mut self, record: &ConsumedRecord<'_>) {
        let key = record.key.map(|bytes| self.place(bytes));
        let value = record.value.map(|bytes| self.place(bytes));
        let headers = record
            .headers
            .iter()
            .map(|header| (self.place(header.key), header.value.map(|bytes| self.place(bytes))));
        let headers = headers.collect();
        let (at, offset, timestamp) = (record.at.clone(), record.offset, record.timestamp);
        self.records.push(Placed { at, offset, timestamp, key, value, headers });
    }

    fn place(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// The records, in the order they came.
    pub(super) fn into_records(self) -> Vec<Record> {
        let bytes = Bytes::from(self.bytes);
        let slice = |range: Range<usize>| bytes.slice(range);
        let record = |placed: Placed| Record {
            at: placed.at,
            offset: placed.offset,
            timestamp: placed.timestamp,
            key: placed.key.map(slice),
            value: placed.value.map(slice),
            headers: placed
                .headers
                .into_iter()
                .map(|(name, value)| (slice(name), value.map(slice)))
                .collect(),
        };
        self.records.into_iter().map(record).collect()
    }
}

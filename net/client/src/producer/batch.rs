//! A batch on the producer's side: first open for records, then closed and stamped with its place
//! in the producer's sequence.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{
    BatchBuilder, HEADER_LEN, Offset, ProducerEpoch, ProducerId, RecordHeader, Sequence, Timestamp,
};

use crate::producer::Ticket;

/// A record as it is sent: nothing is owned, nothing is copied before it is in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// The key; none is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; none is Kafka's null, which compaction takes for a deletion.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [RecordHeader<'a>],
    /// When the record came about.
    pub timestamp: Timestamp,
}

impl NewRecord<'_> {
    /// An upper bound of the bytes the record takes in a batch, without compression.
    pub fn size_bytes_max(&self) -> usize {
        // Length, attributes, timestamp, offset, key length, value length, header count.
        const FIXED: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;
        let part = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers = self.headers.iter().map(|header| 10 + header.key.len() + part(header.value));
        FIXED + part(self.key) + part(self.value) + headers.sum::<usize>()
    }
}

/// Who writes, for a batch of an idempotent producer (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The producer's id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// Whether batches count by themselves or once their transaction is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// By themselves.
    Alone,
    /// With their transaction.
    InTransaction,
}

/// A batch that takes records.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    builder: BatchBuilder,
    tickets: Vec<Ticket>,
    opened_at: Duration,
    buffered_bytes: usize,
}

impl OpenBatch {
    /// An empty batch, written by `builder`.
    pub(crate) fn new(builder: BatchBuilder, opened_at: Duration) -> Self {
        Self { builder, tickets: Vec::new(), opened_at, buffered_bytes: 0 }
    }

    /// When the first record came.
    pub(crate) fn opened_at(&self) -> Duration {
        self.opened_at
    }

    /// How many records it has.
    pub(crate) fn count(&self) -> usize {
        self.tickets.len()
    }

    /// Its size if nothing compresses.
    pub(crate) fn size_bytes(&self) -> usize {
        self.builder.size_estimate_bytes()
    }

    /// Adds a record that counts for `bytes` of the producer's memory.
    pub(crate) fn push(&mut self, ticket: Ticket, record: &NewRecord<'_>, bytes: usize) {
        self.builder.append(record.timestamp, record.key, record.value, record.headers);
        self.tickets.push(ticket);
        self.buffered_bytes += bytes;
    }

    /// Compresses the records. The builder is free for the next batch.
    pub(crate) fn close(mut self, number: u64) -> (Batch, BatchBuilder) {
        let batch = Batch {
            number,
            bytes: Arc::new(self.builder.build(Offset::ZERO)),
            tickets: self.tickets,
            opened_at: self.opened_at,
            buffered_bytes: self.buffered_bytes,
            sequence: None,
            attempts: 0,
            is_unsure: false,
        };
        (batch, self.builder)
    }
}

/// A batch that waits to be sent or answered.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Its place among the batches of its partition, in the order of their records.
    pub(crate) number: u64,
    /// As it goes out.
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Its records.
    pub(crate) tickets: Vec<Ticket>,
    /// When its first record came.
    pub(crate) opened_at: Duration,
    /// What its records count for in the producer's memory.
    pub(crate) buffered_bytes: usize,
    /// The sequence of its first record, once it was sent by an idempotent producer.
    pub(crate) sequence: Option<Sequence>,
    /// How often it was sent.
    pub(crate) attempts: u32,
    /// Whether it may have been appended without our knowing.
    pub(crate) is_unsure: bool,
}

const PRODUCER_ID: Range<usize> = 43..51;
const PRODUCER_EPOCH: Range<usize> = 51..53;
const BASE_SEQUENCE: Range<usize> = 53..57;
const CRC: Range<usize> = 17..21;
const CRC_START: usize = 21;
/// The lower byte of the attributes.
const ATTRIBUTES_LOW: usize = 22;
const TRANSACTIONAL: u8 = 1 << 4;

impl Batch {
    /// Writes its place in the producer's sequence into the batch, and the checksum anew.
    pub(crate) fn stamp(&mut self, identity: Identity, sequence: Sequence, writes: Writes) {
        let bytes = Arc::make_mut(&mut self.bytes);
        assert!(HEADER_LEN <= bytes.len(), "a batch has a whole header");
        bytes[PRODUCER_ID].copy_from_slice(&identity.id.0.to_be_bytes());
        bytes[PRODUCER_EPOCH].copy_from_slice(&identity.epoch.0.to_be_bytes());
        bytes[BASE_SEQUENCE].copy_from_slice(&sequence.0.to_be_bytes());
        if writes == Writes::InTransaction {
            bytes[ATTRIBUTES_LOW] |= TRANSACTIONAL;
        }
        let crc = crc32c::crc32c(&bytes[CRC_START..]);
        bytes[CRC].copy_from_slice(&crc.to_be_bytes());
        self.sequence = Some(sequence);
    }

    /// Takes its place in the sequence from it: it was not appended in that place, or will never be
    /// asked about again.
    pub(crate) fn unstamp(&mut self) {
        self.sequence = None;
        self.is_unsure = false;
    }

    /// The sequence of the batch that follows this one.
    pub(crate) fn next_sequence(&self) -> Option<Sequence> {
        Some(self.sequence?.next_after(self.tickets.len() as i32))
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{BatchView, Codec};

    use super::*;

    fn record(value: &[u8]) -> NewRecord<'_> {
        NewRecord { key: None, value: Some(value), headers: &[], timestamp: Timestamp(7) }
    }

    #[test]
    fn a_stamped_batch_is_valid_and_holds_its_records() {
        for (codec, writes) in Codec::ALL
            .into_iter()
            .flat_map(|codec| [(codec, Writes::Alone), (codec, Writes::InTransaction)])
        {
            let mut open = OpenBatch::new(BatchBuilder::new(codec, None), Duration::ZERO);
            open.push(Ticket(4), &record(b"one"), 50);
            open.push(Ticket(5), &record(b"two"), 50);
            let (mut batch, builder) = open.close(3);
            assert!(builder.is_empty());
            let identity = Identity { id: ProducerId(9), epoch: ProducerEpoch(2) };
            batch.stamp(identity, Sequence(i32::MAX), writes);
            let (view, rest) = BatchView::parse(&batch.bytes).unwrap();
            assert_eq!((view.verify_crc(), rest.len()), (Ok(()), 0));
            assert_eq!(view.is_transactional(), writes == Writes::InTransaction);
            assert_eq!((view.producer_id(), view.producer_epoch()), (identity.id, identity.epoch));
            assert_eq!((view.base_sequence(), view.record_count()), (Sequence(i32::MAX), 2));
            assert_eq!(batch.next_sequence(), Some(Sequence(1)));
            assert_eq!((batch.tickets, batch.buffered_bytes), (vec![Ticket(4), Ticket(5)], 100));
        }
    }

    #[test]
    fn the_bound_of_a_record_is_never_below_its_size() {
        let headers = [RecordHeader { key: b"h", value: Some(&[1; 300]) }];
        let value = vec![2; 70_000];
        let record = NewRecord {
            key: Some(&[1; 200]),
            value: Some(&value),
            headers: &headers,
            timestamp: Timestamp(i64::MIN),
        };
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.append(Timestamp(i64::MAX), None, None, &[]);
        let before = builder.size_estimate_bytes();
        builder.append(record.timestamp, record.key, record.value, record.headers);
        assert!(builder.size_estimate_bytes() - before <= record.size_bytes_max());
    }
}

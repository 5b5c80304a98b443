//! Record batches of magic 2, as they are on the wire and on disk (KIP-98): a view that has
//! checked the header against the bytes present, and the few fields a leader may rewrite.
//!
//! The CRC covers everything from the attributes on, so the leader stamps base offset and leader
//! epoch freely, but has to compute the CRC anew when it sets the timestamps.

mod header;

use std::ops::Range;

use crate::ids::LeaderEpoch;
use crate::offset::Offset;
use crate::time::Timestamp;

pub use self::header::{
    BatchError, BatchHeader, HEADER_LEN, HeaderFields, LOG_OVERHEAD, MAGIC, attribute,
};

/// Where the CRC-32C begins; it ends with the batch.
const CRC_START: usize = 21;
const BASE_OFFSET: Range<usize> = 0..8;
const LEADER_EPOCH: Range<usize> = 12..16;
const CRC: Range<usize> = 17..21;
const ATTRIBUTES: Range<usize> = 21..23;
const MAX_TIMESTAMP: Range<usize> = 35..43;

/// One whole batch within someone else's bytes. The header is checked, the CRC is not.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'a> {
    header: &'a BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// Reads the batch at the front of `bytes` and returns the bytes behind it.
    pub fn parse(bytes: &'a [u8]) -> Result<(BatchView<'a>, &'a [u8]), BatchError> {
        let header = BatchHeader::peek(bytes)?;
        let declared = header.total_len();
        let Some((bytes, rest)) = bytes.split_at_checked(declared) else {
            return Err(BatchError::Truncated { declared, present: bytes.len() });
        };
        Ok((BatchView { header, bytes }, rest))
    }

    /// The header.
    pub fn header(&self) -> &'a BatchHeader {
        self.header
    }

    /// The whole batch.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The length of the whole batch in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a batch has at least a header")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The records, compressed as [`BatchHeader::codec`] says.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }

    /// Compares the CRC with the bytes.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.crc(), crc32c::crc32c(&self.bytes[CRC_START..]));
        if stored == computed { Ok(()) } else { Err(BatchError::Crc { stored, computed }) }
    }
}

impl std::ops::Deref for BatchView<'_> {
    type Target = BatchHeader;

    fn deref(&self) -> &BatchHeader {
        self.header
    }
}

/// What the leader writes into the header of a batch it appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderStamp {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The epoch of this leader.
    pub leader_epoch: LeaderEpoch,
    /// The append time where the topic says LogAppendTime; none keeps the producer's timestamps.
    pub append_time: Option<Timestamp>,
}

impl HeaderStamp {
    /// The stamped header. The source is not touched: write these bytes, then its
    /// [`BatchView::payload`]. Reads the payload only when the append time asks for a new CRC.
    pub fn apply(&self, source: &BatchView<'_>) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header.copy_from_slice(&source.bytes[..HEADER_LEN]);
        self.write(&mut header, source.payload());
        header
    }

    fn write(&self, header: &mut [u8], payload: &[u8]) {
        header[BASE_OFFSET].copy_from_slice(&self.base_offset.0.to_be_bytes());
        header[LEADER_EPOCH].copy_from_slice(&self.leader_epoch.0.to_be_bytes());
        if let Some(append_time) = self.append_time {
            write_append_time(header, payload, append_time);
        }
    }
}

/// One whole batch that may be stamped in place. The header is checked, the CRC is not.
#[derive(Debug)]
pub struct BatchMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> BatchMut<'a> {
    /// Takes the batch at the front of `bytes` and returns the bytes behind it.
    pub fn parse(bytes: &'a mut [u8]) -> Result<(BatchMut<'a>, &'a mut [u8]), BatchError> {
        let declared = BatchHeader::peek(bytes)?.total_len();
        let present = bytes.len();
        let Some((bytes, rest)) = bytes.split_at_mut_checked(declared) else {
            return Err(BatchError::Truncated { declared, present });
        };
        Ok((BatchMut { bytes }, rest))
    }

    /// Writes offset and epoch; the CRC does not cover them.
    pub fn stamp(&mut self, base_offset: Offset, leader_epoch: LeaderEpoch) {
        let (header, payload) = self.bytes.split_at_mut(HEADER_LEN);
        HeaderStamp { base_offset, leader_epoch, append_time: None }.write(header, payload);
    }

    /// Marks the batch as LogAppendTime, sets its largest timestamp and computes the CRC anew.
    pub fn stamp_append_time(&mut self, append_time: Timestamp) {
        let (header, payload) = self.bytes.split_at_mut(HEADER_LEN);
        write_append_time(header, payload, append_time);
    }
}

fn write_append_time(header: &mut [u8], payload: &[u8], append_time: Timestamp) {
    let attributes = i16::from_be_bytes([header[ATTRIBUTES.start], header[ATTRIBUTES.start + 1]]);
    let attributes = attributes | attribute::LOG_APPEND_TIME;
    header[ATTRIBUTES].copy_from_slice(&attributes.to_be_bytes());
    header[MAX_TIMESTAMP].copy_from_slice(&append_time.0.to_be_bytes());
    write_crc(header, payload);
}

/// Computes the CRC over a header and the payload that follows it, and writes it to the header.
pub(crate) fn write_crc(header: &mut [u8], payload: &[u8]) {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header[CRC_START..HEADER_LEN]), payload);
    header[CRC].copy_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;
    use crate::compression::Codec;
    use crate::ids::{ProducerEpoch, ProducerId, Sequence};
    use crate::time::TimestampType;

    /// A batch without meaning whose header is valid.
    fn batch(attributes: i16, payload: &[u8]) -> Vec<u8> {
        let header = BatchHeader::new(&HeaderFields {
            base_offset: Offset(7),
            total_len: HEADER_LEN + payload.len(),
            leader_epoch: LeaderEpoch(3),
            attributes,
            last_offset_delta: 4,
            base_timestamp: Timestamp(1000),
            max_timestamp: Timestamp(1004),
            producer_id: ProducerId(9),
            producer_epoch: ProducerEpoch(2),
            base_sequence: Sequence(i32::MAX - 1),
            record_count: 5,
        });
        let mut bytes = header.as_bytes().to_vec();
        write_crc(&mut bytes, payload);
        bytes.extend_from_slice(payload);
        bytes
    }

    fn parse(bytes: &[u8]) -> BatchView<'_> {
        BatchView::parse(bytes).unwrap().0
    }

    #[test]
    fn a_view_reads_every_field() {
        let attributes = attribute::TRANSACTIONAL | attribute::CONTROL | 4;
        let mut bytes = batch(attributes, b"records");
        bytes.extend_from_slice(b"rest");
        let (view, rest) = BatchView::parse(&bytes).unwrap();
        assert_eq!(rest, b"rest");
        assert_eq!(view.len(), HEADER_LEN + 7);
        assert_eq!(view.bytes(), &bytes[..HEADER_LEN + 7]);
        assert_eq!(view.payload(), b"records");
        assert_eq!((view.base_offset(), view.last_offset()), (Offset(7), Offset(11)));
        assert_eq!((view.next_offset(), view.last_offset_delta()), (Offset(12), 4));
        assert_eq!(view.leader_epoch(), LeaderEpoch(3));
        assert_eq!(view.base_timestamp(), Timestamp(1000));
        assert_eq!(view.max_timestamp(), Timestamp(1004));
        assert_eq!((view.producer_id(), view.producer_epoch()), (ProducerId(9), ProducerEpoch(2)));
        assert_eq!(view.base_sequence(), Sequence(i32::MAX - 1));
        assert_eq!(view.last_sequence(), Sequence(2));
        assert_eq!(view.record_count(), 5);
        assert_eq!(view.attributes(), attributes);
        assert_eq!(view.codec(), Some(Codec::Zstd));
        assert_eq!(view.timestamp_type(), TimestampType::CreateTime);
        assert!(view.is_transactional() && view.is_control() && !view.has_delete_horizon());
        assert_eq!(view.verify_crc(), Ok(()));
    }

    #[test]
    fn a_header_is_read_when_only_its_61_bytes_are_present() {
        let bytes = batch(0, b"records");
        let header = BatchHeader::peek(&bytes[..HEADER_LEN]).unwrap();
        assert_eq!(header.total_len(), HEADER_LEN + 7);
        assert_eq!(header.codec(), Some(Codec::None));
        let error = BatchHeader::peek(&bytes[..HEADER_LEN - 1]).unwrap_err();
        assert_eq!(error, BatchError::HeaderTruncated { present: 60 });
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let check = |place: usize, value: &[u8], expected: BatchError| {
            let mut bytes = batch(0, b"records");
            bytes[place..place + value.len()].copy_from_slice(value);
            assert_eq!(BatchView::parse(&bytes).unwrap_err(), expected);
        };
        check(16, &[1], BatchError::Magic { magic: 1 });
        check(8, &48_i32.to_be_bytes(), BatchError::Length { length: 48 });
        check(8, &(-1_i32).to_be_bytes(), BatchError::Length { length: -1 });
        check(8, &i32::MAX.to_be_bytes(), BatchError::Length { length: i32::MAX });
        let truncated = BatchError::Truncated { declared: 69, present: 68 };
        check(8, &57_i32.to_be_bytes(), truncated);
        check(0, &(-1_i64).to_be_bytes(), BatchError::Offsets { base: -1, delta: 4 });
        let overflow = BatchError::Offsets { base: i64::MAX - 4, delta: 4 };
        check(0, &(i64::MAX - 4).to_be_bytes(), overflow);
        check(23, &(-1_i32).to_be_bytes(), BatchError::Offsets { base: 7, delta: -1 });
        check(57, &(-1_i32).to_be_bytes(), BatchError::RecordCount { count: -1 });
    }

    #[test]
    fn a_flipped_bit_fails_the_crc_wherever_it_covers() {
        let good = batch(0, b"records");
        for place in 0..good.len() {
            // Length and magic fail to parse; base offset and epoch are not covered.
            if (8..12).contains(&place) || place == 16 {
                continue;
            }
            let mut bytes = good.clone();
            bytes[place] ^= 1;
            let Ok((view, _)) = BatchView::parse(&bytes) else { continue };
            assert_eq!(view.verify_crc().is_ok(), place < CRC.start, "byte {place}");
        }
    }

    #[test]
    fn stamping_offset_and_epoch_keeps_the_crc() {
        let source = batch(0, b"records");
        let mut stamped = source.clone();
        BatchMut::parse(&mut stamped).unwrap().0.stamp(Offset(1 << 40), LeaderEpoch(8));
        let view = parse(&stamped);
        assert_eq!((view.base_offset(), view.leader_epoch()), (Offset(1 << 40), LeaderEpoch(8)));
        assert_eq!(view.verify_crc(), Ok(()));
        assert_eq!(stamped[16..], source[16..]);
    }

    #[test]
    fn stamping_the_append_time_sets_type_time_and_crc() {
        let mut bytes = batch(0, b"records");
        BatchMut::parse(&mut bytes).unwrap().0.stamp_append_time(Timestamp(5000));
        let view = parse(&bytes);
        assert_eq!(view.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(view.max_timestamp(), Timestamp(5000));
        assert_eq!(view.base_timestamp(), Timestamp(1000));
        assert_eq!(view.verify_crc(), Ok(()));
    }

    #[test]
    fn a_stamped_copy_of_the_header_equals_stamping_in_place() {
        for append_time in [None, Some(Timestamp(77))] {
            let source = batch(2, b"some records");
            let stamp =
                HeaderStamp { base_offset: Offset(99), leader_epoch: LeaderEpoch(4), append_time };
            let header = stamp.apply(&parse(&source));
            let mut in_place = source.clone();
            let (mut batch, _) = BatchMut::parse(&mut in_place).unwrap();
            batch.stamp(Offset(99), LeaderEpoch(4));
            if let Some(time) = append_time {
                batch.stamp_append_time(time);
            }
            assert_eq!(header, in_place[..HEADER_LEN]);
            assert_eq!(source[HEADER_LEN..], in_place[HEADER_LEN..]);
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
            if let Some(magic) = bytes.get_mut(16) {
                *magic = 2;
            }
            let _ = BatchMut::parse(&mut bytes);
            if let Ok((view, rest)) = BatchView::parse(&bytes) {
                let _ = view.verify_crc();
                let _ = (view.next_offset(), view.last_sequence(), view.codec());
                assert_eq!(view.len() + rest.len(), bytes.len());
            }
        }
    }
}

//! What is built is read back, and bytes that lie about their records are refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use corelog_model::batch::attribute;
use corelog_model::record::{RecordError, RecordHeader, RecordsError};
use corelog_model::varint::VarintError;
use corelog_model::{
    BatchBuilder, BatchHeader, BatchMut, BatchView, Codec, CodecError, HEADER_LEN, LeaderEpoch,
    Offset, ProducerEpoch, ProducerId, RecordIter, Sequence, Timestamp, TimestampType,
};
use proptest::prelude::*;

/// A record with nothing borrowed.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn owned() -> impl Strategy<Value = Owned> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let nullable = move || prop::option::of(bytes());
    let headers = prop::collection::vec((bytes(), nullable()), 0..4);
    let timestamp = prop_oneof![any::<i64>(), 1_700_000_000_000..1_700_000_100_000_i64];
    (timestamp, nullable(), nullable(), headers)
        .prop_map(|(timestamp, key, value, headers)| Owned { timestamp, key, value, headers })
}

fn append(builder: &mut BatchBuilder, record: &Owned) {
    let headers: Vec<_> = record
        .headers
        .iter()
        .map(|(key, value)| RecordHeader { key, value: value.as_deref() })
        .collect();
    let timestamp = Timestamp(record.timestamp);
    builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
}

fn read(view: &BatchView<'_>) -> Vec<(Offset, Owned)> {
    let mut scratch = Vec::new();
    view.records(&mut scratch, 1 << 24)
        .unwrap()
        .map(|record| {
            let record = record.unwrap();
            let headers = record
                .headers
                .iter()
                .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                .collect();
            let owned = Owned {
                timestamp: record.timestamp.0,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers,
            };
            (record.offset, owned)
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        records in prop::collection::vec(owned(), 1..20),
        codec in prop::sample::select(&Codec::ALL[..]),
        base_offset in 0..i64::MAX / 2,
        base_sequence in 0..i32::MAX,
        append_time in prop::option::of(0..i64::MAX),
    ) {
        let mut builder = BatchBuilder::new(codec, None);
        builder.set_producer(ProducerId(1), ProducerEpoch(2), Sequence(base_sequence));
        for record in &records {
            append(&mut builder, record);
        }
        let count = builder.record_count();
        prop_assert_eq!(count as usize, records.len());
        let size_estimate_bytes = builder.size_estimate_bytes();
        let mut bytes = builder.build(Offset(base_offset));
        if codec == Codec::None {
            prop_assert_eq!(bytes.len(), size_estimate_bytes);
        }
        prop_assert!(builder.is_empty());
        if let Some(time) = append_time {
            BatchMut::parse(&mut bytes).unwrap().0.stamp_append_time(Timestamp(time));
        }

        let (view, rest) = BatchView::parse(&bytes).unwrap();
        prop_assert!(rest.is_empty());
        prop_assert_eq!(view.verify_crc(), Ok(()));
        prop_assert_eq!(view.codec(), Some(codec));
        prop_assert_eq!(view.next_offset(), Offset(base_offset) + i64::from(count));
        prop_assert_eq!(view.last_sequence(), Sequence(base_sequence).next_after(count - 1));
        let max_timestamp = records.iter().map(|record| record.timestamp).max().unwrap().max(-1);
        prop_assert_eq!(view.max_timestamp(), Timestamp(append_time.unwrap_or(max_timestamp)));
        let expected: Vec<_> = records
            .into_iter()
            .enumerate()
            .map(|(number, mut record)| {
                record.timestamp = append_time.unwrap_or(record.timestamp);
                (Offset(base_offset + number as i64), record)
            })
            .collect();
        prop_assert_eq!(read(&view), expected);
    }

    #[test]
    fn arbitrary_payloads_never_panic(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        record_count in 0..50_i32,
        attributes in 0..128_i16,
    ) {
        let mut bytes = header_bytes(record_count, attributes, payload.len());
        bytes.extend_from_slice(&payload);
        let (view, _) = BatchView::parse(&bytes).unwrap();
        let mut scratch = Vec::new();
        if let Ok(records) = view.records(&mut scratch, 4096) {
            let mut errors = 0;
            for record in records {
                match record {
                    Ok(record) => assert_eq!(record.headers.iter().count(), record.headers.len()),
                    Err(_) => errors += 1,
                }
            }
            prop_assert!(errors <= 1);
        }
    }
}

fn header_bytes(record_count: i32, attributes: i16, payload_len: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.append(Timestamp(0), None, None, &[]);
    let mut bytes = builder.build(Offset(5));
    bytes.truncate(HEADER_LEN);
    bytes[8..12].copy_from_slice(&(payload_len as i32 + 49).to_be_bytes());
    bytes[21..23].copy_from_slice(&attributes.to_be_bytes());
    bytes[57..61].copy_from_slice(&record_count.to_be_bytes());
    bytes
}

/// Reads `payload` as the uncompressed records of a batch at offset 5.
fn check_error(record_count: i32, payload: &[u8], expected: RecordError) {
    let bytes = header_bytes(record_count, 0, payload.len());
    let header = BatchHeader::peek(&bytes).unwrap();
    let items: Vec<_> = RecordIter::new(header, payload).collect();
    assert_eq!(items.last(), Some(&Err(expected)));
    assert!(items[..items.len() - 1].iter().all(Result::is_ok), "nothing follows an error");
}

#[test]
fn records_that_lie_are_refused() {
    // Length, attributes, timestamp delta, offset delta, key, value, headers.
    let good = [12, 0, 0, 0, 1, 1, 0];
    let at = |place: usize, value: u8| {
        let mut payload = good;
        payload[place] = value;
        payload
    };
    let number = 0;
    let truncated = VarintError::Truncated;
    check_error(1, &[], RecordError::Varint { number, source: truncated });
    check_error(1, &at(0, 14), RecordError::Length { number, declared: 7, present: 6 });
    check_error(1, &at(0, 1), RecordError::Length { number, declared: -1, present: 6 });
    check_error(1, &at(0, 0), RecordError::Part { number, part: "attributes" });
    check_error(1, &at(0, 2), RecordError::Varint { number, source: truncated });
    check_error(1, &at(3, 1), RecordError::OffsetDelta { number, delta: -1 });
    check_error(1, &at(4, 6), RecordError::Part { number, part: "key" });
    check_error(1, &at(4, 3), RecordError::Part { number, part: "key" });
    check_error(1, &at(5, 4), RecordError::Part { number, part: "value" });
    check_error(1, &at(6, 2), RecordError::Part { number, part: "list of headers" });
    check_error(1, &at(6, 1), RecordError::Part { number, part: "list of headers" });
    let half_a_header = [14, 0, 0, 0, 1, 1, 2, 0];
    check_error(1, &half_a_header, RecordError::Part { number, part: "list of headers" });
    let null_header_key = [16, 0, 0, 0, 1, 1, 2, 1, 1];
    check_error(1, &null_header_key, RecordError::Part { number, part: "header key" });
    let padded = [14, 0, 0, 0, 1, 1, 0, 0];
    check_error(1, &padded, RecordError::Padding { number, left: 1 });
    let two = [good, good].concat();
    check_error(1, &two, RecordError::Trailing { left: 7 });
    check_error(3, &two, RecordError::Varint { number: 2, source: truncated });
    check_error(0, &good, RecordError::Trailing { left: 7 });
}

#[test]
fn records_with_an_unknown_codec_or_beyond_the_cap_are_refused() {
    let bytes = header_bytes(1, 7, 0);
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let error = view.records(&mut Vec::new(), 100).unwrap_err();
    assert_eq!(error, RecordsError::UnknownCodec { attributes: 7 });

    let mut builder = BatchBuilder::new(Codec::Gzip, Some(1));
    builder.append(Timestamp(0), None, Some(&[0; 1000]), &[]);
    let bytes = builder.build(Offset(0));
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let error = view.records(&mut Vec::new(), 1000).unwrap_err();
    assert_eq!(error, RecordsError::Codec(CodecError::TooLarge { cap_bytes: 1000 }));
}

#[test]
fn a_builder_moves_its_sequence_on() {
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.set_producer(ProducerId(1), ProducerEpoch(0), Sequence(i32::MAX - 1));
    let mut sequences = Vec::new();
    for count in [3, 1, 1] {
        for _ in 0..count {
            builder.append(Timestamp(0), None, None, &[]);
        }
        let bytes = builder.build(Offset(0));
        let (view, _) = BatchView::parse(&bytes).unwrap();
        sequences.push((view.base_sequence().0, view.last_sequence().0));
    }
    assert_eq!(sequences, [(i32::MAX - 1, 0), (1, 1), (2, 2)]);
}

#[test]
fn compaction_keeps_range_producer_and_times_of_a_batch() {
    let mut builder = BatchBuilder::new(Codec::Lz4, None);
    builder.set_producer(ProducerId(8), ProducerEpoch(1), Sequence(10));
    builder.set_transactional();
    builder.set_leader_epoch(LeaderEpoch(5));
    for number in 0..5 {
        builder.append(Timestamp(1000 + number), Some(&[number as u8]), Some(b"value"), &[]);
    }
    let source = builder.build(Offset(70));
    let (source, _) = BatchView::parse(&source).unwrap();

    let mut scratch = Vec::new();
    let mut compacted = BatchBuilder::in_place_of(source.header(), None).unwrap();
    compacted.set_delete_horizon(Timestamp(9999));
    for record in source.records(&mut scratch, 1 << 16).unwrap().map(Result::unwrap) {
        if record.offset_delta % 2 == 1 {
            let headers = record.headers.iter();
            let delta = record.offset_delta;
            compacted.append_at(delta, record.timestamp, record.key, record.value, headers);
        }
    }
    let bytes = compacted.build(source.base_offset());
    let (view, _) = BatchView::parse(&bytes).unwrap();
    assert_eq!(view.verify_crc(), Ok(()));
    assert_eq!((view.base_offset(), view.last_offset()), (Offset(70), Offset(74)));
    assert_eq!((view.base_sequence(), view.last_sequence()), (Sequence(10), Sequence(14)));
    assert_eq!((view.leader_epoch(), view.record_count()), (LeaderEpoch(5), 2));
    assert_eq!((view.base_timestamp(), view.max_timestamp()), (Timestamp(9999), Timestamp(1003)));
    let attributes = attribute::TRANSACTIONAL | attribute::DELETE_HORIZON | 3;
    assert_eq!(view.attributes(), attributes);
    let offsets: Vec<_> =
        read(&view).into_iter().map(|(offset, record)| (offset.0, record.timestamp)).collect();
    assert_eq!(offsets, [(71, 1001), (73, 1003)]);

    // The horizon belongs to one batch; the rest stays for the next.
    compacted.append(Timestamp(1), None, None, &[]);
    let next = compacted.build(Offset(75));
    let (view, _) = BatchView::parse(&next).unwrap();
    assert_eq!(
        (view.attributes(), view.base_timestamp()),
        (attribute::TRANSACTIONAL | 3, Timestamp(1))
    );
}

#[test]
fn a_batch_may_lose_all_its_records_but_not_its_offsets() {
    let mut builder = BatchBuilder::new(Codec::Zstd, None);
    builder.append(Timestamp(1), None, None, &[]);
    builder.append(Timestamp(2), None, None, &[]);
    let mut source = builder.build(Offset(10));
    BatchMut::parse(&mut source).unwrap().0.stamp_append_time(Timestamp(50));
    let (source, _) = BatchView::parse(&source).unwrap();
    let bytes = BatchBuilder::in_place_of(source.header(), None).unwrap().build(Offset(10));
    let (view, _) = BatchView::parse(&bytes).unwrap();
    assert_eq!((view.len(), view.record_count()), (HEADER_LEN, 0));
    assert_eq!((view.next_offset(), view.codec()), (Offset(12), Some(Codec::None)));
    assert_eq!(view.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(view.max_timestamp(), Timestamp(50));
    assert_eq!(read(&view), []);
}

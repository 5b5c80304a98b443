//! Batches made by the `kafka-protocol` crate are read by us, and ours by it, for every codec.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::{Bytes, BytesMut};
use corelog_model::record::RecordHeader;
use corelog_model::{
    BatchBuilder, BatchView, Codec, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence,
    Timestamp,
};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

const CODECS: [(Codec, Compression); 5] = [
    (Codec::None, Compression::None),
    (Codec::Gzip, Compression::Gzip),
    (Codec::Snappy, Compression::Snappy),
    (Codec::Lz4, Compression::Lz4),
    (Codec::Zstd, Compression::Zstd),
];

/// The same records in the oracle's terms: nulls, empties, headers, and enough bytes for blocks.
fn records(transactional: bool) -> Vec<Record> {
    let header = |key: &'static str, value: Option<&'static [u8]>| {
        (StrBytes::from_static_str(key), value.map(Bytes::from_static))
    };
    let large: Vec<u8> = (0..200_000_u32).map(|place| (place % 251) as u8).collect();
    let contents: [(Option<Bytes>, Option<Bytes>); 5] = [
        (Some(Bytes::from_static(b"key")), Some(Bytes::from_static(b"value"))),
        (None, Some(Bytes::from_static(b""))),
        (Some(Bytes::from_static(b"")), None),
        (None, None),
        (Some(Bytes::from_static(b"large")), Some(Bytes::from(large))),
    ];
    let make = |(number, (key, value)): (usize, (Option<Bytes>, Option<Bytes>))| Record {
        transactional,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 6,
        producer_id: 4711,
        producer_epoch: 3,
        timestamp_type: TimestampType::Creation,
        offset: 100 + number as i64,
        sequence: 40 + number as i32,
        timestamp: 1_700_000_000_000 + [0, 5, 3, 2, 9][number],
        key,
        value,
        headers: IndexMap::from_iter([header("a", Some(b"1")), header("b", None)]),
    };
    contents.into_iter().enumerate().map(make).collect()
}

fn theirs(records: &[Record], compression: Compression) -> Bytes {
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression };
    RecordBatchEncoder::encode(&mut bytes, records, &options).unwrap();
    bytes.freeze()
}

fn ours(records: &[Record], codec: Codec) -> Vec<u8> {
    let first = &records[0];
    let mut builder = BatchBuilder::new(codec, None);
    builder.set_leader_epoch(LeaderEpoch(first.partition_leader_epoch));
    builder.set_producer(
        ProducerId(first.producer_id),
        ProducerEpoch(first.producer_epoch),
        Sequence(first.sequence),
    );
    if first.transactional {
        builder.set_transactional();
    }
    for record in records {
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|(key, value)| RecordHeader { key: key.as_bytes(), value: value.as_deref() })
            .collect();
        let timestamp = Timestamp(record.timestamp);
        builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
    }
    builder.build(Offset(first.offset))
}

fn check_reading(bytes: &[u8], expected: &[Record], codec: Codec) {
    let (view, rest) = BatchView::parse(bytes).unwrap();
    assert_eq!(rest, b"");
    assert_eq!(view.verify_crc(), Ok(()));
    assert_eq!(view.codec(), Some(codec));
    assert_eq!(view.is_transactional(), expected[0].transactional);
    assert_eq!((view.base_offset(), view.last_offset()), (Offset(100), Offset(104)));
    assert_eq!((view.base_sequence(), view.last_sequence()), (Sequence(40), Sequence(44)));
    assert_eq!((view.producer_id(), view.producer_epoch()), (ProducerId(4711), ProducerEpoch(3)));
    assert_eq!((view.leader_epoch(), view.record_count()), (LeaderEpoch(6), 5));
    assert_eq!(view.max_timestamp(), Timestamp(1_700_000_000_009));
    let mut scratch = Vec::new();
    let found: Vec<_> = view.records(&mut scratch, 1 << 20).unwrap().map(Result::unwrap).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!((found.offset.0, found.timestamp.0), (expected.offset, expected.timestamp));
        assert_eq!((found.key, found.value), (expected.key.as_deref(), expected.value.as_deref()));
        let headers: Vec<_> = found.headers.iter().collect();
        let expected: Vec<_> = expected
            .headers
            .iter()
            .map(|(key, value)| RecordHeader { key: key.as_bytes(), value: value.as_deref() })
            .collect();
        assert_eq!(headers, expected);
    }
}

#[test]
fn batches_of_the_oracle_are_read() {
    for (codec, compression) in CODECS {
        for transactional in [false, true] {
            let records = records(transactional);
            check_reading(&theirs(&records, compression), &records, codec);
        }
    }
}

#[test]
fn our_batches_are_read_by_the_oracle() {
    for (codec, compression) in CODECS {
        for transactional in [false, true] {
            let records = records(transactional);
            let bytes = ours(&records, codec);
            check_reading(&bytes, &records, codec);
            let set = RecordBatchDecoder::decode(&mut Bytes::from(bytes)).unwrap();
            assert_eq!((set.compression, set.version), (compression, 2));
            assert_eq!(set.records, records);
        }
    }
}

#[test]
fn an_uncompressed_batch_equals_the_oracles_byte_for_byte() {
    let records = records(true);
    assert_eq!(ours(&records, Codec::None), theirs(&records, Compression::None));
}

//! A leader stores what a producer sent in the codec of the topic and with right numbers, and the
//! records stay what they are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use corelog_model::record::RecordHeader;
use corelog_model::topic_config::{CleanupPolicy, TopicCompression};
use corelog_model::validate::{RecordFault, RecordFaults, RecordsRefusal};
use corelog_model::{
    BatchBuilder, BatchView, Codec, CodecError, Conversion, ConversionRoom, Offset, ProducerEpoch,
    ProducerId, RecordsError, Sequence, Timestamp, TimestampType, TopicConfig,
};

const NOW: Timestamp = Timestamp(1_000_000);
const HOUR_MS: i64 = 3_600_000;

fn topic(compression: TopicCompression) -> TopicConfig {
    TopicConfig { compression, ..TopicConfig::default() }
}

fn compressed(codec: Codec) -> TopicConfig {
    topic(TopicCompression::Codec(codec, None))
}

fn compacted() -> TopicConfig {
    let cleanup_policy = CleanupPolicy { delete: false, compact: true };
    TopicConfig { cleanup_policy, ..topic(TopicCompression::Producer) }
}

/// Four records of a transaction, with these offsets.
fn numbered(codec: Codec, deltas: [i32; 4]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    builder.set_producer(ProducerId(7), ProducerEpoch(2), Sequence(40));
    builder.set_transactional();
    let headers =
        [RecordHeader { key: b"h", value: Some(b"1") }, RecordHeader { key: b"h", value: None }];
    let value = "much the same ".repeat(30);
    for (delta, timestamp) in deltas.into_iter().zip([5, 9, 3, -1]) {
        let value = (timestamp != 9).then_some(value.as_bytes());
        let headers = headers[..timestamp.max(0) as usize % 3].iter().copied();
        builder.append_at(delta, Timestamp(timestamp), Some(b"key"), value, headers);
    }
    builder.build(Offset(0))
}

fn batch(codec: Codec) -> Vec<u8> {
    numbered(codec, [0, 1, 2, 3])
}

/// Overwrites bytes of the header and makes the CRC fit.
fn with(mut bytes: Vec<u8>, place: usize, value: &[u8]) -> Vec<u8> {
    bytes[place..place + value.len()].copy_from_slice(value);
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn with_last_delta(bytes: Vec<u8>, delta: i32) -> Vec<u8> {
    with(bytes, 23, &delta.to_be_bytes())
}

fn with_max_timestamp(bytes: Vec<u8>, timestamp: i64) -> Vec<u8> {
    with(bytes, 35, &timestamp.to_be_bytes())
}

/// The batch that is stored in place of the other, if it is not stored as it is.
fn convert(config: &TopicConfig, bytes: &[u8]) -> Result<Option<Vec<u8>>, RecordsRefusal> {
    let (view, _) = BatchView::parse(bytes).unwrap();
    let (mut decompressed, mut written) = (b"old".to_vec(), b"old".to_vec());
    let mut room = ConversionRoom {
        decompressed: &mut decompressed,
        written: &mut written,
        cap_bytes: 10_000,
    };
    Conversion::of(config, NOW).convert(&view, &mut room)
}

/// All that a batch says but for its codec.
fn content(bytes: &[u8]) -> String {
    let (view, rest) = BatchView::parse(bytes).unwrap();
    assert!(rest.is_empty());
    assert_eq!(view.verify_crc(), Ok(()));
    let mut scratch = Vec::new();
    let records: Vec<_> = view.records(&mut scratch, 10_000).unwrap().map(Result::unwrap).collect();
    let headers: Vec<Vec<_>> =
        records.iter().map(|record| record.headers.iter().collect()).collect();
    let plain: Vec<_> = records
        .iter()
        .map(|record| (record.offset, record.timestamp, record.key, record.value))
        .collect();
    let attributes = view.attributes() & !Codec::ATTRIBUTE_MASK;
    let producer = (view.producer_id(), view.producer_epoch(), view.base_sequence());
    let ends = (view.base_offset(), view.last_offset_delta(), view.record_count());
    let times = (view.base_timestamp(), view.max_timestamp());
    format!("{attributes} {producer:?} {ends:?} {times:?} {plain:?} {headers:?}")
}

fn codec_of(bytes: &[u8]) -> Option<Codec> {
    BatchView::parse(bytes).unwrap().0.codec()
}

#[test]
fn every_codec_becomes_that_of_the_topic_and_nothing_else_changes() {
    for sent in Codec::ALL {
        for stored in Codec::ALL {
            let bytes = batch(sent);
            let converted = convert(&compressed(stored), &bytes).unwrap();
            if sent == stored {
                assert_eq!(converted, None, "{sent}");
                continue;
            }
            let converted = converted.unwrap();
            assert_eq!(codec_of(&converted), Some(stored), "{sent} to {stored}");
            assert_eq!(content(&converted), content(&bytes), "{sent} to {stored}");
        }
        let kept = convert(&topic(TopicCompression::Producer), &batch(sent));
        assert_eq!(kept, Ok(None), "{sent}");
    }
}

#[test]
fn the_level_of_the_topic_counts_where_the_leader_compresses() {
    let mut chance = 1_u32;
    let mut value = Vec::new();
    for _ in 0..20_000 {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        value.push(b'a' + (chance >> 24) as u8 % 16);
    }
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.append(Timestamp(5), None, Some(&value), &[]);
    let bytes = builder.build(Offset(0));
    for (codec, low, high) in [(Codec::Gzip, 1, 9), (Codec::Zstd, -50, 19)] {
        let size = |level| {
            let config = topic(TopicCompression::Codec(codec, Some(level)));
            convert(&config, &bytes).unwrap().unwrap().len()
        };
        assert!(size(high) < size(low), "{codec}: {} {}", size(high), size(low));
    }
}

#[test]
fn wrong_offsets_are_counted_anew() {
    for sent in Codec::ALL {
        let right = batch(sent);
        for deltas in [[0, 2, 3, 4], [1, 2, 3, 4], [0, 1, 2, 700]] {
            let wrong = with_last_delta(numbered(sent, deltas), 3);
            let converted = convert(&compacted(), &wrong).unwrap().unwrap();
            assert_eq!(content(&converted), content(&right), "{sent} {deltas:?}");
            assert_eq!(codec_of(&converted), Some(sent));
        }
    }
    // The builder writes no offsets that fall: 3, 1, 2, 3. Before the first one stand the length of
    // the record, its attributes and its timestamp.
    let right = batch(Codec::None);
    let length_bytes = right[61..].iter().position(|byte| *byte < 0x80).unwrap() + 1;
    let wrong = with(right.clone(), 61 + length_bytes + 2, &[3 << 1]);
    let converted = convert(&topic(TopicCompression::Producer), &wrong).unwrap().unwrap();
    assert_eq!(content(&converted), content(&right));
}

#[test]
fn the_largest_timestamp_is_what_the_records_say() {
    let right = batch(Codec::None);
    let wrong = with_max_timestamp(right.clone(), 500);
    let kept_times = topic(TopicCompression::Producer);
    let converted = convert(&kept_times, &wrong).unwrap().unwrap();
    assert_eq!(content(&converted), content(&right));
    let append_time = TopicConfig { timestamp_type: TimestampType::LogAppendTime, ..kept_times };
    assert_eq!(convert(&append_time, &wrong), Ok(None));
}

#[test]
fn compressed_records_are_read_only_where_the_topic_asks_for_it() {
    let ordinary = topic(TopicCompression::Producer);
    for codec in Codec::ALL {
        let wrong = with_last_delta(numbered(codec, [0, 2, 3, 4]), 3);
        let is_rebuilt = convert(&ordinary, &wrong).unwrap().is_some();
        assert_eq!(is_rebuilt, codec == Codec::None, "{codec}");
        // A header beyond what the topic accepts is not believed, and here it is wrong.
        let wrong = with_max_timestamp(batch(codec), NOW.0 + HOUR_MS + 1);
        let converted = convert(&ordinary, &wrong).unwrap().unwrap();
        assert_eq!(content(&converted), content(&batch(codec)), "{codec}");
    }
}

#[test]
fn faulty_records_are_named_whatever_the_codec() {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(codec, None);
        let late = NOW + HOUR_MS + 1;
        for (timestamp, key) in [(NOW, None), (late, Some(&b"k"[..]))] {
            builder.append(timestamp, key, None, &[]);
        }
        let bytes = builder.build(Offset(0));
        let (earliest, latest) = (NOW + -i64::MAX, NOW + HOUR_MS);
        let time = (1, RecordFault::Timestamp { timestamp: late, earliest, latest });
        let refused = |first: &[(i32, RecordFault)]| {
            let faults =
                RecordFaults { first: first.to_vec(), count: first.len(), has_timestamp: true };
            Err(RecordsRefusal::Records(faults))
        };
        assert_eq!(convert(&topic(TopicCompression::Producer), &bytes), refused(&[time]));
        assert_eq!(convert(&compacted(), &bytes), refused(&[(0, RecordFault::NoKey), time]));
    }
}

#[test]
fn more_than_the_cap_is_not_decompressed() {
    let mut builder = BatchBuilder::new(Codec::Zstd, None);
    builder.append(Timestamp(5), None, Some(&[0; 10_000]), &[]);
    let bytes = builder.build(Offset(0));
    let too_large = RecordsError::Codec(CodecError::TooLarge { cap_bytes: 10_000 });
    let refusal = convert(&compressed(Codec::Lz4), &bytes).unwrap_err();
    assert_eq!(refusal, RecordsRefusal::Batch(too_large));
    assert_eq!(convert(&compressed(Codec::Zstd), &bytes), Ok(None));
}

#[test]
fn the_lent_memory_comes_back() {
    let bytes = batch(Codec::Gzip);
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let (mut decompressed, mut written) = (Vec::new(), Vec::with_capacity(5_000));
    let mut room = ConversionRoom {
        decompressed: &mut decompressed,
        written: &mut written,
        cap_bytes: 10_000,
    };
    let config = compressed(Codec::Snappy);
    Conversion::of(&config, NOW).convert(&view, &mut room).unwrap().unwrap();
    assert!(written.capacity() >= 5_000);
}

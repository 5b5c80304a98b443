//! A leader refuses every batch that breaks a rule of Produce, and says which.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use corelog_model::batch::attribute;
use corelog_model::record::RecordError;
use corelog_model::topic_config::CleanupPolicy;
use corelog_model::validate::{
    InnerOffsets, KeyRule, ProduceLimits, ProduceRefusal, RecordFault, RecordFaults, RecordRules,
    RecordsRefusal, RecordsSummary, TimestampWindow, check_records, require_keys,
    validate_produced,
};
use corelog_model::{
    BatchBuilder, BatchError, BatchMut, BatchView, Codec, HEADER_LEN, Offset, ProducerEpoch,
    ProducerId, Sequence, Timestamp, TimestampType, TopicConfig,
};

const NOW: Timestamp = Timestamp(1_000_000);

fn config() -> TopicConfig {
    TopicConfig {
        max_message_bytes: 1000,
        segment_bytes: 2000,
        timestamp_before_max_ms: 500,
        timestamp_after_max_ms: 100,
        ..TopicConfig::default()
    }
}

fn limits() -> ProduceLimits {
    ProduceLimits::of(&config(), Codec::Zstd)
}

/// Three records around [`NOW`].
fn builder(codec: Codec) -> BatchBuilder {
    let mut builder = BatchBuilder::new(codec, None);
    for number in 0..3 {
        let timestamp = NOW + [0, 7, -7][number as usize];
        builder.append(timestamp, Some(&[number]), Some(b"value"), &[]);
    }
    builder
}

fn batch(codec: Codec) -> Vec<u8> {
    builder(codec).build(Offset(0))
}

/// Overwrites bytes of a header and makes the CRC fit.
fn with(place: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = batch(Codec::None);
    bytes[place..place + value.len()].copy_from_slice(value);
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn with_attributes(attributes: i16) -> Vec<u8> {
    with(21, &attributes.to_be_bytes())
}

/// The fault of a timestamp outside of what [`config`] accepts.
fn outside(timestamp: i64) -> RecordFault {
    let (earliest, latest) = (Timestamp(999_500), Timestamp(1_000_100));
    RecordFault::Timestamp { timestamp: Timestamp(timestamp), earliest, latest }
}

fn check(bytes: &[u8], expected: ProduceRefusal) {
    assert_eq!(validate_produced(bytes, &limits()).unwrap_err(), expected);
}

#[test]
fn a_batch_that_keeps_all_rules_is_accepted() {
    for codec in Codec::ALL {
        let bytes = batch(codec);
        assert_eq!(validate_produced(&bytes, &limits()).unwrap().bytes(), bytes);
    }
    let mut idempotent = builder(Codec::None);
    idempotent.set_producer(ProducerId(0), ProducerEpoch(0), Sequence(0));
    idempotent.set_transactional();
    assert!(validate_produced(&idempotent.build(Offset(0)), &limits()).is_ok());
}

#[test]
fn exactly_one_whole_batch_is_accepted() {
    let good = batch(Codec::None);
    check(&[], ProduceRefusal::NoBatch);
    let two = [good.clone(), good.clone()].concat();
    check(&two, ProduceRefusal::MoreThanOneBatch { extra_bytes: good.len() });
    let present = good.len() - 1;
    let truncated = BatchError::Truncated { declared: good.len(), present };
    check(&good[..present], ProduceRefusal::Batch(truncated));
    let header_truncated = BatchError::HeaderTruncated { present: HEADER_LEN - 1 };
    check(&good[..HEADER_LEN - 1], ProduceRefusal::Batch(header_truncated));
    check(&with(16, &[1]), ProduceRefusal::Batch(BatchError::Magic { magic: 1 }));
}

#[test]
fn damage_is_found_before_the_fields_are_believed() {
    let mut bytes = batch(Codec::None);
    bytes[22] ^= attribute::CONTROL as u8;
    let refusal = validate_produced(&bytes, &limits()).unwrap_err();
    assert!(matches!(refusal, ProduceRefusal::Batch(BatchError::Crc { .. })), "{refusal}");
}

#[test]
fn batches_above_the_sizes_of_the_topic_are_refused() {
    let bytes = batch(Codec::None);
    let mut limits = limits();
    limits.message_bytes_max = bytes.len() - 1;
    let expected = ProduceRefusal::TooLarge { bytes: bytes.len(), max: bytes.len() - 1 };
    assert_eq!(validate_produced(&bytes, &limits).unwrap_err(), expected);
    limits.message_bytes_max = bytes.len();
    assert!(validate_produced(&bytes, &limits).is_ok());
    limits.segment_bytes = bytes.len() - 1;
    let segment_bytes = limits.segment_bytes;
    let expected = ProduceRefusal::LargerThanSegment { bytes: bytes.len(), segment_bytes };
    assert_eq!(validate_produced(&bytes, &limits).unwrap_err(), expected);
}

#[test]
fn offsets_and_counts_that_disagree_are_refused() {
    let base_offset = Offset(1);
    check(&with(0, &1_i64.to_be_bytes()), ProduceRefusal::BaseOffset { base_offset });
    for (count, last_offset_delta) in [(2_i32, 2), (4, 2), (0, 2)] {
        let refusal = ProduceRefusal::RecordCount { count, last_offset_delta };
        check(&with(57, &count.to_be_bytes()), refusal);
    }
}

#[test]
fn flags_that_only_brokers_set_are_refused() {
    check(&with_attributes(attribute::CONTROL), ProduceRefusal::Control);
    check(&with_attributes(attribute::DELETE_HORIZON), ProduceRefusal::DeleteHorizon);
    check(&with_attributes(attribute::LOG_APPEND_TIME), ProduceRefusal::LogAppendTime);
    let transactional = with_attributes(attribute::TRANSACTIONAL);
    check(&transactional, ProduceRefusal::TransactionalWithoutProducer);
}

#[test]
fn a_producer_id_needs_an_epoch_and_a_sequence() {
    for (epoch, sequence) in [(-1, 0), (0, -1)] {
        let (epoch, sequence) = (ProducerEpoch(epoch), Sequence(sequence));
        let mut builder = builder(Codec::None);
        builder.set_producer(ProducerId(5), epoch, sequence);
        let refusal = ProduceRefusal::Sequence { producer_id: ProducerId(5), epoch, sequence };
        check(&builder.build(Offset(0)), refusal);
    }
}

#[test]
fn codecs_that_do_not_exist_or_are_too_new_are_refused() {
    check(&with_attributes(5), ProduceRefusal::UnknownCodec { attributes: 5 });
    let mut limits = limits();
    limits.newest_codec = Codec::Lz4;
    let refusal = validate_produced(&batch(Codec::Zstd), &limits).unwrap_err();
    assert_eq!(refusal, ProduceRefusal::UnsupportedCodec { codec: Codec::Zstd });
    assert!(validate_produced(&batch(Codec::Lz4), &limits).is_ok());
}

#[test]
fn timestamps_outside_the_window_are_refused_and_none_passes() {
    let rules = RecordRules::of(&config(), NOW);
    let check = |timestamps: &[i64], rules: &RecordRules| {
        let mut builder = BatchBuilder::new(Codec::None, None);
        for timestamp in timestamps {
            builder.append(Timestamp(*timestamp), None, None, &[]);
        }
        let bytes = builder.build(Offset(0));
        let view = validate_produced(&bytes, &limits()).unwrap();
        check_records(&view, rules, &mut Vec::new(), 1000).map(drop)
    };
    for accepted in [&[-1][..], &[999_500], &[1_000_100], &[999_500, 1_000_100]] {
        assert_eq!(check(accepted, &rules), Ok(()), "{accepted:?}");
    }
    for (timestamps, number, fault) in [
        (&[999_499][..], 0, 999_499),
        (&[1_000_101], 0, 1_000_101),
        (&[1_000_000, 1_000_101], 1, 1_000_101),
        (&[-2], 0, -2),
    ] {
        let refusal = RecordsRefusal::Records(RecordFaults {
            first: vec![(number, outside(fault))],
            count: 1,
            has_timestamp: true,
        });
        assert_eq!(check(timestamps, &rules), Err(refusal));
    }
    let append_time = TopicConfig { timestamp_type: TimestampType::LogAppendTime, ..config() };
    assert_eq!(check(&[5], &RecordRules::of(&append_time, NOW)), Ok(()));
}

#[test]
fn a_window_without_bounds_accepts_everything() {
    let config = TopicConfig {
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: i64::MAX,
        ..config()
    };
    let window = TimestampWindow::of(&config, NOW);
    for timestamp in [Timestamp(0), NOW, Timestamp(i64::MAX)] {
        assert!(window.contains(timestamp), "{timestamp}");
    }
}

#[test]
fn records_without_a_key_are_named_one_by_one() {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(codec, None);
        for key in [Some(&b"k"[..]), None, Some(b""), None] {
            builder.append(NOW, key, None, &[]);
        }
        let bytes = builder.build(Offset(0));
        let view = validate_produced(&bytes, &limits()).unwrap();
        let refusal = require_keys(&view, &mut Vec::new(), 1000).unwrap_err();
        let first = vec![(1, RecordFault::NoKey), (3, RecordFault::NoKey)];
        let faults = RecordFaults { first, count: 2, has_timestamp: false };
        assert_eq!(refusal, RecordsRefusal::Records(faults), "{codec}");
    }
}

#[test]
fn the_records_timestamps_are_checked_and_the_largest_is_found() {
    let bytes = batch(Codec::Snappy);
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let summary = RecordsSummary { max_timestamp: NOW + 7, offsets: InnerOffsets::Consecutive };
    assert_eq!(require_keys(&view, &mut Vec::new(), 1000), Ok(summary));
    let config = TopicConfig { timestamp_before_max_ms: 6, timestamp_after_max_ms: 6, ..config() };
    let rules = RecordRules::of(&config, NOW);
    assert_eq!(rules.keys, KeyRule::Optional);
    let (earliest, latest) = (NOW + -6, NOW + 6);
    let outside = |timestamp| RecordFault::Timestamp { timestamp, earliest, latest };
    let first = vec![(1, outside(NOW + 7)), (2, outside(NOW + -7))];
    let faults = RecordFaults { first, count: 2, has_timestamp: true };
    let refusal = check_records(&view, &rules, &mut Vec::new(), 1000).unwrap_err();
    assert_eq!(refusal, RecordsRefusal::Records(faults));
}

#[test]
fn a_wrong_timestamp_behind_many_other_faults_still_counts() {
    let mut builder = BatchBuilder::new(Codec::None, None);
    for number in 0..200 {
        let timestamp = if number == 150 { NOW + 101 } else { NOW };
        builder.append(timestamp, (number == 150).then_some(&b"k"[..]), None, &[]);
    }
    let bytes = builder.build(Offset(0));
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let compacted =
        TopicConfig { cleanup_policy: CleanupPolicy { delete: false, compact: true }, ..config() };
    let rules = RecordRules::of(&compacted, NOW);
    match check_records(&view, &rules, &mut Vec::new(), 1000) {
        Err(RecordsRefusal::Records(RecordFaults { first, count: 200, has_timestamp: true })) => {
            assert_eq!(first.len(), RecordFaults::LISTED_MAX);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn inner_offsets_that_are_not_consecutive_are_noticed() {
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.append_at(0, NOW, Some(b"k"), None, [].into_iter());
    builder.append_at(2, NOW, Some(b"k"), None, [].into_iter());
    let bytes = builder.build(Offset(0));
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let summary = require_keys(&view, &mut Vec::new(), 1000).unwrap();
    assert_eq!(summary.offsets, InnerOffsets::Wrong);
}

#[test]
fn a_batch_with_fewer_records_than_it_says_is_refused() {
    let mut bytes = with(23, &3_i32.to_be_bytes());
    bytes[57..61].copy_from_slice(&4_i32.to_be_bytes());
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let refusal = require_keys(&view, &mut Vec::new(), 1000).unwrap_err();
    assert!(
        matches!(refusal, RecordsRefusal::Record(RecordError::Varint { number: 3, .. })),
        "{refusal}"
    );
}

#[test]
fn a_refusal_lists_a_bounded_number_of_records() {
    let mut builder = BatchBuilder::new(Codec::None, None);
    for _ in 0..1000 {
        builder.append(NOW, None, None, &[]);
    }
    let bytes = builder.build(Offset(0));
    let (view, _) = BatchView::parse(&bytes).unwrap();
    match require_keys(&view, &mut Vec::new(), 1000) {
        Err(RecordsRefusal::Records(faults)) => {
            assert_eq!((faults.first.len(), faults.count), (100, 1000));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stamped_batch_stays_readable() {
    let mut bytes = batch(Codec::Gzip);
    let (mut stamped, _) = BatchMut::parse(&mut bytes).unwrap();
    stamped.stamp(Offset(500), corelog_model::LeaderEpoch(1));
    stamped.stamp_append_time(Timestamp(42));
    let (view, _) = BatchView::parse(&bytes).unwrap();
    let mut scratch = Vec::new();
    let found: Vec<_> = view
        .records(&mut scratch, 1000)
        .unwrap()
        .map(|record| record.map(|record| (record.offset.0, record.timestamp.0)).unwrap())
        .collect();
    assert_eq!(found, [(500, 42), (501, 42), (502, 42)]);
}

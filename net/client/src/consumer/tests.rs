//! The fetcher as lists of inputs and outputs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use corelog_model::control::{TransactionMarker, TransactionOutcome};
use corelog_model::{
    BatchBuilder, BatchError, Codec, CodecError, ErrorCode, LeaderEpoch, NodeId, Offset,
    ProducerEpoch, ProducerId, RecordsError, Sequence, Timestamp,
};
use corelog_wire::MetadataResponse;
use corelog_wire::api::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};

use super::*;
use crate::metadata::Scope;
use crate::{ClientError, Metadata, TopicPartition};

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn metadata(leaders: &[i32]) -> Metadata {
    let broker = |node_id| MetadataResponseBroker { node_id, port: 1, ..Default::default() };
    let partition = |(partition_index, leader_id)| MetadataResponsePartition {
        partition_index,
        leader_id,
        leader_epoch: 3,
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        partitions: (0..).zip(leaders.iter().copied()).map(partition).collect(),
        ..Default::default()
    };
    let brokers = vec![broker(1), broker(2)];
    let response = MetadataResponse { brokers, topics: vec![topic], ..Default::default() };
    let mut metadata = Metadata::default();
    metadata.apply(&response, Scope::Everything);
    metadata
}

fn fetcher() -> Fetcher {
    Fetcher::new(ConsumerConfig { batch_bytes_max: 1000, ..ConsumerConfig::default() })
}

/// A batch whose values are its offsets.
fn batch(codec: Codec, offsets: std::ops::Range<i64>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    for offset in offsets.clone() {
        let value = offset.to_string();
        builder.append(Timestamp(offset), None, Some(value.as_bytes()), &[]);
    }
    builder.build(Offset(offsets.start))
}

fn fetched(records: &[u8]) -> Fetched<'_> {
    let (code, high_watermark) = (ErrorCode::None, Offset(100));
    Fetched { code, high_watermark, aborted: Vec::new(), records }
}

/// The values that `take` hands over, at most `count_max`.
fn take(
    fetcher: &mut Fetcher,
    answer: &Fetched<'_>,
    count_max: usize,
) -> (Vec<String>, Result<u64, ClientError>) {
    let mut values = Vec::new();
    let result = fetcher.take(Duration::ZERO, &at(0), answer, &mut |record| {
        let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
        assert_eq!(
            (value.as_str(), record.timestamp.0),
            (record.offset.to_string().as_str(), record.offset.0)
        );
        values.push(value);
        if values.len() < count_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    (values, result)
}

fn from(partition: i32, offset: i64) -> FetchFrom {
    let (offset, leader_epoch) = (Offset(offset), LeaderEpoch(3));
    FetchFrom { at: at(partition), offset, leader_epoch, generation: partition as u64 }
}

fn fetch(node: i32, partitions: Vec<FetchFrom>) -> Output {
    Output::Fetch(Fetch { node: NodeId(node), partitions })
}

fn refresh() -> Output {
    Output::Refresh(BTreeSet::from(["t".into()]))
}

#[test]
fn each_leader_is_asked_once_until_it_answers() {
    let (mut fetcher, metadata) = (fetcher(), metadata(&[1, 2, 1]));
    for partition in 0..3 {
        fetcher.assign(at(partition), Offset(i64::from(partition)), None);
    }
    let now = Duration::ZERO;
    assert_eq!(
        fetcher.step(now, &metadata).unwrap(),
        [fetch(1, vec![from(0, 0), from(2, 2)]), fetch(2, vec![from(1, 1)])]
    );
    assert_eq!(fetcher.step(now, &metadata).unwrap(), []);
    fetcher.answered(NodeId(2));
    assert_eq!(fetcher.step(now, &metadata).unwrap(), [fetch(2, vec![from(1, 1)])]);
}

#[test]
fn records_are_handed_over_from_the_position_on() {
    for codec in Codec::ALL {
        let mut fetcher = fetcher();
        fetcher.assign(at(0), Offset(5), None);
        let bytes = [batch(codec, 0..3), batch(codec, 3..8), batch(codec, 8..9)].concat();
        let (values, result) = take(&mut fetcher, &fetched(&bytes), 99);
        assert_eq!((values, result), (["5", "6", "7", "8"].map(str::to_owned).to_vec(), Ok(4)));
        assert_eq!(fetcher.position(&at(0)), Some(Offset(9)));
        assert_eq!(fetcher.high_watermark(&at(0)), Some(Offset(100)));
    }
}

#[test]
fn a_consumer_that_has_had_enough_goes_on_at_the_next_record() {
    let mut fetcher = fetcher();
    fetcher.assign(at(0), Offset(0), None);
    let bytes = batch(Codec::None, 0..5);
    assert_eq!(take(&mut fetcher, &fetched(&bytes), 2).1, Ok(2));
    assert_eq!(fetcher.position(&at(0)), Some(Offset(2)));
    assert_eq!(take(&mut fetcher, &fetched(&bytes), 99).0, ["2", "3", "4"]);
}

#[test]
fn reading_stops_before_the_end_that_was_given() {
    let mut fetcher = fetcher();
    fetcher.assign(at(0), Offset(0), Some(Offset(3)));
    assert!(!fetcher.is_done());
    let bytes = [batch(Codec::None, 0..2), batch(Codec::None, 2..9)].concat();
    assert_eq!(take(&mut fetcher, &fetched(&bytes), 99).0, ["0", "1", "2"]);
    assert!(fetcher.is_done());
    assert_eq!(fetcher.step(Duration::ZERO, &metadata(&[1])).unwrap(), []);
}

#[test]
fn a_partition_that_ends_where_it_begins_is_done() {
    let mut fetcher = fetcher();
    fetcher.assign(at(0), Offset(7), Some(Offset(7)));
    assert!(fetcher.is_done());
}

#[test]
fn control_batches_and_emptied_batches_are_passed_over() {
    let mut control = BatchBuilder::new(Codec::None, None);
    control.set_control();
    control.append(Timestamp(0), Some(&[0, 0, 0, 1]), Some(&[0; 6]), &[]);
    let control = control.build(Offset(0));
    let original = batch(Codec::Zstd, 1..4);
    let (view, _) = corelog_model::BatchView::parse(&original).unwrap();
    let emptied = BatchBuilder::in_place_of(view.header(), None).unwrap().build(Offset(1));
    let mut fetcher = fetcher();
    fetcher.assign(at(0), Offset(0), Some(Offset(4)));
    let bytes = [control, emptied].concat();
    assert_eq!(take(&mut fetcher, &fetched(&bytes), 99), (vec![], Ok(0)));
    assert!(fetcher.is_done());
}

#[test]
fn a_cut_last_batch_is_left_for_the_next_fetch() {
    let whole = [batch(Codec::None, 0..2), batch(Codec::None, 2..4)].concat();
    let first_len = batch(Codec::None, 0..2).len();
    for len in first_len..whole.len() {
        let mut fetcher = fetcher();
        fetcher.assign(at(0), Offset(0), None);
        assert_eq!(take(&mut fetcher, &fetched(&whole[..len]), 99).0, ["0", "1"], "{len}");
        assert_eq!(fetcher.position(&at(0)), Some(Offset(2)));
    }
}

#[test]
fn damaged_batches_are_refused_with_their_place() {
    let check = |bytes: &[u8], is_expected: fn(&ClientError) -> bool| {
        let mut fetcher = fetcher();
        fetcher.assign(at(0), Offset(0), None);
        let (_, result) = take(&mut fetcher, &fetched(bytes), 99);
        let error = result.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        fetcher.position(&at(0)).unwrap()
    };
    let good = batch(Codec::None, 0..2);
    let mut bad = batch(Codec::None, 2..4);
    *bad.last_mut().unwrap() ^= 1;
    let position = check(&[good.clone(), bad].concat(), |error| {
        matches!(
            error,
            ClientError::Batch { offset: Offset(2), source: BatchError::Crc { .. }, .. }
        )
    });
    assert_eq!(position, Offset(2));
    check(&good[..good.len() - 1], |error| {
        matches!(error, ClientError::Batch { source: BatchError::Truncated { .. }, .. })
    });
    let mut builder = BatchBuilder::new(Codec::Zstd, None);
    builder.append(Timestamp(0), None, Some(&[0; 2000]), &[]);
    check(&builder.build(Offset(0)), |error| {
        let bomb = RecordsError::Codec(CodecError::TooLarge { cap_bytes: 1000 });
        matches!(error, ClientError::Records { source, .. } if *source == bomb)
    });
}

#[test]
fn a_moved_leader_is_looked_up_and_asked_after_a_pause() {
    let (mut fetcher, mut metadata) = (fetcher(), metadata(&[1]));
    fetcher.assign(at(0), Offset(4), None);
    fetcher.step(Duration::ZERO, &metadata).unwrap();
    fetcher.answered(NodeId(1));
    let moved = Fetched { code: ErrorCode::NotLeaderOrFollower, ..fetched(&[]) };
    assert_eq!(take(&mut fetcher, &moved, 99), (vec![], Ok(0)));
    assert_eq!(fetcher.step(Duration::ZERO, &metadata).unwrap(), [refresh()]);
    metadata.apply_leader(&at(0), NodeId(2), LeaderEpoch(4));
    let pause = Duration::from_millis(100);
    assert_eq!(fetcher.next_wakeup(Duration::ZERO), Some(pause));
    let expected = FetchFrom { leader_epoch: LeaderEpoch(4), ..from(0, 4) };
    assert_eq!(fetcher.step(pause, &metadata).unwrap(), [fetch(2, vec![expected])]);
}

#[test]
fn trouble_that_lasts_is_an_error() {
    let (mut fetcher, metadata) = (fetcher(), metadata(&[1]));
    fetcher.assign(at(0), Offset(0), None);
    let second = Duration::from_secs(1);
    let error = ClientError::NoNode(1);
    for round in 0..60 {
        fetcher.step(second * round, &metadata).unwrap();
        fetcher.lost(second * round, NodeId(1), &error);
    }
    let gave_up = ClientError::GaveUp { after_ms: 60_000, last: Box::new(error) };
    assert_eq!(fetcher.step(second * 60, &metadata), Err(gave_up));
}

#[test]
fn an_answer_ends_the_trouble() {
    let (mut fetcher, metadata) = (fetcher(), metadata(&[1]));
    fetcher.assign(at(0), Offset(0), None);
    fetcher.step(Duration::ZERO, &metadata).unwrap();
    fetcher.lost(Duration::ZERO, NodeId(1), &ClientError::NoNode(1));
    let later = Duration::from_secs(59);
    fetcher.step(later, &metadata).unwrap();
    fetcher.answered(NodeId(1));
    assert_eq!(take(&mut fetcher, &fetched(&[]), 99).1, Ok(0));
    assert!(fetcher.step(later * 2, &metadata).is_ok());
}

#[test]
fn an_offset_outside_the_partition_is_an_error_that_names_it() {
    let mut fetcher = fetcher();
    fetcher.assign(at(0), Offset(77), None);
    let refused = Fetched { code: ErrorCode::OffsetOutOfRange, ..fetched(&[]) };
    let error = take(&mut fetcher, &refused, 99).1.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    assert!(error.to_string().contains("partition t-0 at offset 77"), "{error}");
}

#[test]
fn the_partition_that_was_served_last_is_asked_for_last() {
    let (mut fetcher, metadata) = (fetcher(), metadata(&[1, 1]));
    fetcher.assign(at(0), Offset(0), None);
    fetcher.assign(at(1), Offset(0), None);
    fetcher.step(Duration::ZERO, &metadata).unwrap();
    fetcher.answered(NodeId(1));
    take(&mut fetcher, &fetched(&batch(Codec::None, 0..1)), 99).1.unwrap();
    assert_eq!(
        fetcher.step(Duration::ZERO, &metadata).unwrap(),
        [fetch(1, vec![from(1, 0), from(0, 1)])]
    );
}

#[test]
fn aborted_records_are_left_out_also_when_reading_stops_among_them() {
    let transactional = |producer: i64, offsets: std::ops::Range<i64>| {
        let mut builder = BatchBuilder::new(Codec::None, None);
        builder.set_producer(ProducerId(producer), ProducerEpoch(0), Sequence(0));
        builder.set_transactional();
        for offset in offsets.clone() {
            let value = offset.to_string();
            builder.append(Timestamp(offset), None, Some(value.as_bytes()), &[]);
        }
        builder.build(Offset(offsets.start))
    };
    let abort = TransactionMarker { outcome: TransactionOutcome::Abort, coordinator_epoch: 0 };
    let producer = (ProducerId(1), ProducerEpoch(0));
    let marker = abort.build(producer, Timestamp(0), Offset(6), LeaderEpoch(0));
    let bytes = [
        transactional(1, 0..2),
        transactional(2, 2..4),
        transactional(1, 4..6),
        marker,
        transactional(1, 7..9),
    ]
    .concat();
    let aborted = vec![AbortedTransaction { producer: ProducerId(1), first_offset: Offset(0) }];
    let answer = Fetched { aborted, ..fetched(&bytes) };
    let mut fetcher = fetcher();
    fetcher.assign(at(0), Offset(0), None);
    // The same answer is taken in parts, as long as there are some.
    for expected in [&["2"][..], &["3"], &["7"], &["8"], &[]] {
        assert_eq!(take(&mut fetcher, &answer, 1).0, expected);
    }
    assert_eq!(fetcher.position(&at(0)), Some(Offset(9)));
    let mut all = self::fetcher();
    all.assign(at(0), Offset(0), None);
    assert_eq!(take(&mut all, &fetched(&bytes), 99).1, Ok(8), "without isolation all are read");
}

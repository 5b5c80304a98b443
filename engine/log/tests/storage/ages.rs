//! How old segments are: by the timestamps of their records or, where those have none, by when they
//! were appended.

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_log::{AppendStamp, LogConfig, PartitionLog, Storage};
use corelog_model::builder::BatchBuilder;
use corelog_model::{BatchView, Codec, LeaderEpoch, Offset, Timestamp};

use crate::support::{open, partition, small_segments};

fn play<T: 'static>(story: impl Future<Output = T> + 'static) -> T {
    let End::Finished(value) = Machine::new(1, DiskFaults::default()).run(story) else {
        panic!("the story does not end")
    };
    value
}

async fn create(storage: &Storage, config: LogConfig) -> std::rc::Rc<PartitionLog> {
    storage.create_partition(partition(0), config).await.unwrap()
}

/// Appends one record of this time at this time of the clock, durably.
async fn append(log: &PartitionLog, created: Timestamp, now: i64, append_time: Option<Timestamp>) {
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.append(created, Some(b"key"), Some(&vec![7; 30_000]), &[]);
    let bytes = builder.build(Offset::ZERO);
    let (view, _) = BatchView::parse(&bytes).unwrap();
    log.ready(bytes.len()).await.unwrap();
    let stamp = AppendStamp { leader_epoch: LeaderEpoch(0), append_time, now: Timestamp(now) };
    let appended = log.append(&view, stamp).unwrap();
    appended.commit.unwrap().durable().await.unwrap();
}

#[test]
fn without_timestamps_a_segment_goes_by_the_time_of_its_appends() {
    let starts = play(async {
        let storage = open().await;
        let config = LogConfig { retention_ms: Some(500), ..small_segments(partition(0)) };
        let log = create(&storage, config).await;
        // Three batches are a segment.
        for number in 0..9 {
            append(&log, Timestamp::NONE, 1_000 + 100 * (number / 3), None).await;
        }
        let mut starts = Vec::new();
        for now in [1_500, 1_501, 1_601] {
            storage.apply_retention(Timestamp(now)).await.unwrap();
            starts.push(log.log_start().0);
        }
        starts
    });
    assert_eq!(starts, [0, 3, 6]);
}

/// Where the newest segment begins after these appends: time of the record, clock, append time.
fn newest_segment(appends: &'static [(i64, i64, Option<i64>)]) -> i64 {
    play(async move {
        let storage = open().await;
        let rules = LogConfig { segment_ms: 1_000, ..small_segments(partition(0)) };
        let log = create(&storage, rules.clone()).await;
        for (created, now, append_time) in appends {
            append(&log, Timestamp(*created), *now, append_time.map(Timestamp)).await;
        }
        log.set_config(LogConfig { retention_bytes: Some(0), retention_ms: None, ..rules });
        storage.apply_retention(Timestamp(9_000)).await.unwrap();
        log.log_start().0
    })
}

#[test]
fn without_timestamps_a_segment_is_closed_by_the_time_of_its_appends() {
    assert_eq!(newest_segment(&[(-1, 5_000, None), (-1, 6_000, None)]), 0);
    assert_eq!(newest_segment(&[(-1, 5_000, None), (-1, 6_001, None)]), 1);
    assert_eq!(newest_segment(&[(5_000, 1, None), (6_000, 9_000, None)]), 0);
    assert_eq!(newest_segment(&[(5_000, 1, None), (6_001, 1, None)]), 1);
}

#[test]
fn where_the_leader_stamps_times_a_segment_is_closed_by_them() {
    assert_eq!(newest_segment(&[(5, 5_000, Some(5_000)), (5, 6_001, Some(6_001))]), 1);
}

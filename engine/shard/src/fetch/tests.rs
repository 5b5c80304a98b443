//! What readers of both levels get of transactions, on a core of the simulated machine.

use std::cell::Cell;
use std::rc::Rc;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::spawn;
use corelog_log::producers::{MarkerRefusal, SequenceRefusal};
use corelog_log::{Admission, AppendError, MarkerError};
use corelog_model::builder::BatchBuilder;
use corelog_model::control::{TransactionMarker, TransactionOutcome, TransactionVersion};
use corelog_model::{
    BatchView, Codec, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId,
};

use super::*;
use crate::metadata_log::tests::{creation, start};
use crate::offsets::OffsetQuery;
use crate::produce::{ProduceError, Produced};

use IsolationLevel::{Committed, Uncommitted};
use TransactionOutcome::{Abort, Commit};

struct Scene {
    shard: Shard,
    partition: Partition,
}

impl Scene {
    async fn new() -> Self {
        let shard = start(16 << 20).await.unwrap();
        shard.control().change(creation(1)).await.unwrap();
        let partition = shard.partition(TopicId::from_bytes([1; 16]), PartitionIndex(0)).unwrap();
        Self { shard, partition }
    }

    /// Appends one record of epoch 0 of a producer's transaction, with a verification.
    async fn produce(&self, producer: i64, sequence: i32) -> Produced {
        let (id, epoch) = (ProducerId(producer), ProducerEpoch(0));
        let token = self.partition.log.begin_verification(id, epoch, Sequence(sequence)).unwrap();
        let bytes = records(producer, sequence);
        let admission = Admission::Client(Some(&token));
        let outcome =
            self.shard.produce_admitted(&self.partition, &bytes, Codec::Zstd, admission).await;
        outcome.unwrap()
    }

    async fn end(&self, producer: i64, outcome: TransactionOutcome) -> Produced {
        self.try_end(producer, 0, outcome, 5).await.unwrap()
    }

    async fn try_end(
        &self,
        producer: i64,
        epoch: i16,
        outcome: TransactionOutcome,
        coordinator_epoch: i32,
    ) -> Result<Produced, MarkerError> {
        let producer = (ProducerId(producer), ProducerEpoch(epoch));
        let marker = TransactionMarker { outcome, coordinator_epoch };
        let version = TransactionVersion::Classic;
        self.shard.write_marker(&self.partition, producer, marker, version).await
    }

    async fn fetch(
        &self,
        offset: i64,
        isolation: IsolationLevel,
        wait: Duration,
    ) -> FetchedPartition {
        let wanted = FetchPartition {
            partition: Ok(self.partition.clone()),
            offset: Offset(offset),
            bytes_max: 1 << 20,
            leader_epoch: LeaderEpoch::NONE,
        };
        let bounds = FetchBounds { bytes_min: 1, bytes_max: 1 << 20, wait_max: wait, isolation };
        self.shard.fetch(&[wanted], bounds).await.0.remove(0)
    }

    /// Base offsets of what is read at once, and first offsets of aborted transactions.
    async fn read(&self, offset: i64, isolation: IsolationLevel) -> (Vec<i64>, Option<Vec<i64>>) {
        let fetched = self.fetch(offset, isolation, Duration::ZERO).await;
        let aborted = fetched.aborted.map(|all| all.iter().map(|one| one.first_offset.0).collect());
        (offsets(&fetched.batches.unwrap().to_vec()), aborted)
    }

    async fn latest(&self, isolation: IsolationLevel) -> Offset {
        self.partition.list_offset(OffsetQuery::Latest, isolation).await.unwrap().offset
    }
}

fn records(producer: i64, sequence: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None, None);
    builder.set_producer(ProducerId(producer), ProducerEpoch(0), Sequence(sequence));
    builder.set_transactional();
    builder.append(Timestamp(corelog_io::wall_clock_ms()), None, Some(b"value"), &[]);
    builder.build(Offset::ZERO)
}

fn offsets(mut bytes: &[u8]) -> Vec<i64> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (batch, rest) = BatchView::parse(bytes).unwrap();
        found.push(batch.base_offset().0);
        bytes = rest;
    }
    found
}

fn play(story: impl Future<Output = ()> + 'static) {
    assert_eq!(Machine::new(1, DiskFaults::default()).run(story), End::Finished(()));
}

#[test]
fn readers_of_committed_records_stop_at_the_first_open_transaction() {
    play(async {
        let scene = Scene::new().await;
        scene.produce(1, 0).await;
        scene.produce(2, 0).await;
        scene.end(2, Commit).await.durable().await.unwrap();
        assert_eq!(scene.read(0, Uncommitted).await, (vec![0, 1, 2], None));
        assert_eq!(scene.read(0, Committed).await, (vec![], Some(vec![])));
        assert_eq!(scene.read(2, Committed).await, (vec![], Some(vec![])), "not there yet");
        let beyond = scene.fetch(4, Committed, Duration::ZERO).await;
        assert!(matches!(beyond.batches, Err(FetchError::Read(ReadError::OutOfRange { .. }))));
        assert_eq!((beyond.high_watermark, beyond.last_stable_offset), (Offset(3), Offset(0)));
        assert_eq!(scene.latest(Uncommitted).await, Offset(3));
        assert_eq!(scene.latest(Committed).await, Offset(0));
        let by_time = OffsetQuery::AtTime(Timestamp(0));
        let found = scene.partition.list_offset(by_time, Committed).await.unwrap();
        assert_eq!(found.offset, Offset::NONE);
        let marker = scene.end(1, Abort).await;
        assert_eq!(scene.read(0, Committed).await.0, [0; 0], "the marker is not durable");
        marker.durable().await.unwrap();
        assert_eq!(scene.read(0, Committed).await, (vec![0, 1, 2, 3], Some(vec![0])));
        assert_eq!(scene.read(0, Uncommitted).await, (vec![0, 1, 2, 3], None));
        assert_eq!(scene.latest(Committed).await, Offset(4));
    });
}

#[test]
fn a_waiting_reader_is_answered_when_the_transaction_ends() {
    play(async {
        let scene = Rc::new(Scene::new().await);
        scene.produce(1, 0).await.durable().await.unwrap();
        let answered = Rc::new(Cell::new(false));
        let (waiting, flag) = (scene.clone(), answered.clone());
        let reader = spawn(async move {
            let fetched = waiting.fetch(0, Committed, Duration::from_secs(3600)).await;
            flag.set(true);
            offsets(&fetched.batches.unwrap().to_vec())
        });
        // Progress that does not move the last stable offset.
        scene.produce(2, 0).await.durable().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert!(!answered.get(), "it would read what is not decided");
        scene.end(1, Commit).await.durable().await.unwrap();
        assert_eq!(reader.join().await, [0]);
    });
}

#[test]
fn a_transaction_begins_with_a_verification_that_no_marker_voided() {
    play(async {
        let scene = Scene::new().await;
        let producer = ProducerId(1);
        let unverified = |produced: Result<Produced, ProduceError>| {
            let refusal = SequenceRefusal::Unverified { producer };
            match produced {
                Err(ProduceError::Append(AppendError::Sequence(found))) => found == refusal,
                _ => false,
            }
        };
        let bytes = records(1, 0);
        let partition = &scene.partition;
        assert!(unverified(scene.shard.produce(partition, &bytes, Codec::Zstd).await));
        let token = partition.log.begin_verification(producer, ProducerEpoch(0), Sequence(0));
        let token = token.unwrap();
        scene.end(1, Abort).await;
        let admission = Admission::Client(Some(&token));
        let late = scene.shard.produce_admitted(partition, &bytes, Codec::Zstd, admission).await;
        assert!(unverified(late), "the transaction it was taken for is over");
        scene.produce(1, 0).await;
        assert!(partition.log.has_open_transaction(producer, ProducerEpoch(0)));
        let more = scene.shard.produce(partition, &records(1, 1), Codec::Zstd).await;
        assert!(more.is_ok(), "what goes on needs none");
        let retry = scene.shard.produce(partition, &bytes, Codec::Zstd).await;
        assert_eq!(retry.unwrap().durable().await.unwrap().base_offset, Offset(1));
    });
}

#[test]
fn an_older_producer_or_coordinator_writes_no_marker() {
    play(async {
        let scene = Scene::new().await;
        scene.try_end(1, 3, Commit, 5).await.unwrap();
        let refused = |outcome: Result<Produced, MarkerError>| match outcome {
            Err(MarkerError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        let late = refused(scene.try_end(1, 2, Commit, 5).await);
        let (producer, got, current) = (ProducerId(1), ProducerEpoch(2), ProducerEpoch(3));
        assert_eq!(late, MarkerRefusal::Fenced { producer, got, current });
        let old = refused(scene.try_end(1, 3, Commit, 4).await);
        assert_eq!(old, MarkerRefusal::CoordinatorFenced { got: 4, current: 5 });
    });
}

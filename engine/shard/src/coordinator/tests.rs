//! A coordinator whose partition is led in another epoch: the one before knows nothing any more,
//! the next one says that it is loading, and then knows what was stored. On a core of the simulated
//! machine.

use std::future::Future;
use std::rc::Rc;

use corelog_cluster::controller::{Change, Outcome};
use corelog_cluster::decide::Mode;
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_coordinator::input::{CommitOffsets, OffsetToCommit};
use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::transactions::{AddPartitions, InitProducer};
use corelog_coordinator::{Input, Reply, RequestId};
use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

use super::*;
use crate::coordinator::place::{GROUPS_TOPIC, TRANSACTIONS_TOPIC};
use crate::metadata_log::tests::start;

const ID: &str = "writer";
const GROUP: &str = "readers";
const DATA: &str = "data";

fn play(story: impl Future<Output = ()> + 'static) {
    assert_eq!(Machine::new(1, DiskFaults::default()).run(story), End::Finished(()));
}

async fn scene() -> Shard {
    let shard = start(16 << 20).await.unwrap();
    for (number, name) in [(1, DATA), (2, GROUPS_TOPIC), (3, TRANSACTIONS_TOPIC)] {
        let topic = NewTopic {
            name: name.to_owned(),
            id: TopicId::from_bytes([number; 16]),
            partitions: 1,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: Vec::new(),
        };
        let change = CreateTopics { mode: Mode::Apply, topics: vec![topic] };
        let created = shard.control().change(Change::CreateTopics(change)).await;
        assert!(matches!(created, Ok(Outcome::CreateTopics(all)) if all[0].is_ok()));
    }
    shard
}

/// The only partition of a topic, led in the next epoch.
fn led_anew(shard: &Shard, topic: &str) -> (Option<TopicId>, Vec<(PartitionIndex, Partition)>) {
    let mut partition = shard.partition_by_name(topic, PartitionIndex(0)).unwrap();
    partition.leader_epoch = LeaderEpoch(partition.leader_epoch.0 + 1);
    (Some(partition.log.id().topic), vec![(PartitionIndex(0), partition)])
}

/// Does something until it is done; what is loading is asked again.
async fn until_loaded<T>(mut act: impl AsyncFnMut() -> Result<T, ErrorCode>) -> T {
    loop {
        match act().await {
            Ok(done) => return done,
            Err(code) => assert_eq!(code, ErrorCode::CoordinatorLoadInProgress),
        }
        sleep(Duration::from_micros(10)).await;
    }
}

fn init() -> InitProducer {
    let (request, transactional_id) = (RequestId(0), ID.to_owned());
    InitProducer { request, transactional_id, timeout_ms: 60_000, current: None }
}

fn data() -> TopicPartition {
    (TopicName::new(DATA).unwrap(), PartitionIndex(0))
}

#[test]
fn transactions_are_known_to_the_next_coordinator_once_it_has_loaded() {
    play(async {
        let shard = scene().await;
        let before = shard.transaction_coordinator(ID).unwrap();
        let producer = until_loaded(async || before.init(init()).await).await;
        let add = AddPartitions {
            request: RequestId(0),
            transactional_id: ID.to_owned(),
            producer,
            partitions: vec![data()],
            version: TransactionVersion::Classic,
        };
        before.add_partitions(add).await.unwrap();
        let described = before.describe(ID).unwrap();
        let (topic, led) = led_anew(&shard, TRANSACTIONS_TOPIC);
        let begin = |partition| shard.begin_transactions(partition);
        shard.transactions().take_over(topic, led, begin);
        let next = shard.transaction_coordinator(ID).unwrap();
        let loading = ErrorCode::CoordinatorLoadInProgress;
        assert_eq!(next.describe(ID), Err(loading));
        assert_eq!(next.init(init()).await, Err(loading));
        assert_eq!(before.describe(ID), Err(ErrorCode::NotCoordinator));
        assert_eq!(until_loaded(async || next.describe(ID)).await, described);
        // The transaction goes on: another producer has to wait for its end.
        assert_eq!(next.init(init()).await, Err(ErrorCode::ConcurrentTransactions));
    });
}

fn commit(request: RequestId) -> Input {
    let offset = OffsetToCommit {
        topic: data().0,
        topic_id: TopicId::from_bytes([1; 16]),
        partition: data().1,
        offset: Offset(7),
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    };
    Input::CommitOffsets(CommitOffsets {
        request,
        group: GROUP.to_owned(),
        generation: -1,
        member_id: String::new(),
        instance_id: None,
        may_carry_epoch: true,
        retention: None,
        offsets: vec![offset],
    })
}

#[test]
fn offsets_are_known_to_the_next_coordinator_once_it_has_loaded() {
    play(async {
        let shard = scene().await;
        let before = shard.group_coordinator(GROUP).unwrap();
        let committed =
            async |coordinator: &Rc<crate::group_coordinator::GroupCoordinator>| match coordinator
                .ask(commit)
                .await
            {
                Some(Reply::CommitOffsets(results)) => results[0].result,
                other => panic!("a commit is answered {other:?}"),
            };
        until_loaded(async || committed(&before).await).await;
        let stored = before.fetch_offsets(GROUP, None).unwrap();
        let (topic, led) = led_anew(&shard, GROUPS_TOPIC);
        shard.coordinators().take_over(&shard, topic, led, &shard.config().groups);
        let next = shard.group_coordinator(GROUP).unwrap();
        let loading = ErrorCode::CoordinatorLoadInProgress;
        assert_eq!(next.fetch_offsets(GROUP, None), Err(loading));
        assert_eq!(committed(&next).await, Err(loading));
        assert_eq!(before.fetch_offsets(GROUP, None), Err(ErrorCode::NotCoordinator));
        let found = until_loaded(async || next.fetch_offsets(GROUP, None)).await;
        assert_eq!((found.len(), &found), (1, &stored));
        committed(&next).await.unwrap();
    });
}

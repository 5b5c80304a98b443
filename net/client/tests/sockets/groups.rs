//! A member of a group through sockets: the order of what it commits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use corelog_client::consumer::ConsumerConfig;
use corelog_client::group::{CommittedOffset, GroupConfig, Protocol};
use corelog_client::{Cluster, Consumer, Endpoint, TopicPartition};
use corelog_model::Offset;
use corelog_wire::api::consumer_group_heartbeat::{Assignment, TopicPartitions};
use corelog_wire::api::find_coordinator::Coordinator;
use corelog_wire::api::offset_commit::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use corelog_wire::api::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use corelog_wire::{
    ApiKey, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, FindCoordinatorResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchResponse,
};

use crate::fake::{Action, Asked, Fake, TOPIC_ID, config, metadata};

/// Where the group has read to.
const COMMITTED: i64 = 3;

/// What the coordinator of a group with one member does: all of the topic is that member's.
fn coordinate(asked: &Asked, endpoint: &Endpoint, commits: &Mutex<Vec<i64>>) -> Action {
    let frame = match asked.api {
        ApiKey::FindCoordinator => {
            let coordinator = Coordinator {
                key: "g".into(),
                node_id: 1,
                host: endpoint.host().into(),
                port: endpoint.port().into(),
                ..Default::default()
            };
            let coordinators = vec![coordinator];
            asked.answer(&FindCoordinatorResponse { coordinators, ..Default::default() })
        }
        ApiKey::ConsumerGroupHeartbeat => {
            let request: ConsumerGroupHeartbeatRequest<'_> = asked.decode();
            let all = TopicPartitions { topic_id: TOPIC_ID, partitions: vec![0] };
            let assignment = Assignment { topic_partitions: vec![all] };
            asked.answer(&ConsumerGroupHeartbeatResponse {
                member_epoch: 1,
                heartbeat_interval_ms: 5000,
                assignment: (request.member_epoch == 0).then_some(assignment),
                ..Default::default()
            })
        }
        ApiKey::OffsetFetch => {
            let committed_offset = COMMITTED;
            let partition =
                OffsetFetchResponsePartitions { committed_offset, ..Default::default() };
            let topic = OffsetFetchResponseTopics {
                name: "t".into(),
                topic_id: TOPIC_ID,
                partitions: vec![partition],
            };
            let group = OffsetFetchResponseGroup {
                group_id: "g".into(),
                topics: vec![topic],
                ..Default::default()
            };
            asked.answer(&OffsetFetchResponse { groups: vec![group], ..Default::default() })
        }
        ApiKey::OffsetCommit => {
            let request: OffsetCommitRequest<'_> = asked.decode();
            commits.lock().unwrap().push(request.topics[0].partitions[0].committed_offset);
            let topic = OffsetCommitResponseTopic {
                name: "t".into(),
                topic_id: TOPIC_ID,
                partitions: vec![OffsetCommitResponsePartition::default()],
            };
            asked.answer(&OffsetCommitResponse { topics: vec![topic], ..Default::default() })
        }
        // There is nothing to read.
        _ => return Action::Silence,
    };
    Action::Send(frame)
}

/// A member whose only partition is assigned and found, and the offsets that it commits.
async fn member(fake: &Fake) -> (Consumer, Arc<Mutex<Vec<i64>>>) {
    let endpoint = fake.endpoint();
    fake.knows(metadata(std::slice::from_ref(&endpoint), &[(1, 0)]));
    let commits: Arc<Mutex<Vec<i64>>> = Arc::default();
    for _ in 0..100 {
        let (commits, endpoint) = (Arc::clone(&commits), endpoint.clone());
        fake.then(move |asked| coordinate(asked, &endpoint, &commits));
    }
    let cluster = Cluster::connect(&[endpoint], config()).await.unwrap();
    let group = GroupConfig {
        group: "g".to_owned(),
        protocol: Protocol::Consumer,
        ..GroupConfig::default()
    };
    let reads = ConsumerConfig {
        auto_commit: None,
        max_wait: Duration::from_millis(50),
        ..ConsumerConfig::default()
    };
    let mut consumer = Consumer::in_group(&cluster, reads, group).unwrap();
    consumer.subscribe(&["t"]).await.unwrap();
    for _ in 0..100 {
        consumer.poll(Duration::from_millis(50)).await.unwrap();
        if !consumer.positions().is_empty() {
            break;
        }
    }
    assert_eq!(consumer.positions().into_values().collect::<Vec<_>>(), [Offset(COMMITTED)]);
    (consumer, commits)
}

#[tokio::test]
async fn a_commit_without_waiting_is_not_overtaken_by_one_that_waits() {
    let fake = Fake::start();
    let (consumer, commits) = member(&fake).await;
    let early = consumer.commit_async().unwrap();
    // Nothing was awaited yet, so no task has run for the first commit.
    let later = CommittedOffset { offset: Offset(9), leader_epoch: None, metadata: None };
    consumer.commit_offsets(&[(TopicPartition::new("t", 0), later)].into()).await.unwrap();
    early.await.unwrap().unwrap();
    assert_eq!(*commits.lock().unwrap(), [COMMITTED, 9]);
}

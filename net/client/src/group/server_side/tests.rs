//! Every rule of a KIP-848 member, step by step.

use corelog_wire::api::consumer_group_heartbeat::{Assignment, TopicPartitions};

use super::*;
use crate::group::Membership;
use crate::group::rig::{at, broken, metadata, reply, sent, set, topic_id, topics};

mod errors;
mod reconciling;

type Request = ConsumerGroupHeartbeatRequest<'static>;

struct Rig {
    member: Membership,
    metadata: Metadata,
}

impl Rig {
    fn new(config: GroupConfig) -> Self {
        let metadata = metadata(&[("t", 4)]);
        Self { member: Membership::new(config, [1; 16]), metadata }
    }

    fn step(&mut self, seconds: u64, input: Input<'_>) -> Vec<Output> {
        self.member.step(at(seconds), input, &self.metadata)
    }

    fn subscribe(&mut self, seconds: u64, names: &[&str]) -> Vec<Output> {
        let topics = names.iter().map(|name| Arc::from(*name)).collect();
        self.step(seconds, Input::Subscribe(Subscription::Topics(topics)))
    }

    /// A member of epoch 1 that owns these partitions and has said so, at second 0.
    fn stable(config: GroupConfig, numbers: &[i32]) -> Self {
        let mut rig = Self::new(config);
        rig.subscribe(0, &["t"]);
        rig.step(0, Input::Reply(&beaten(1, Some(&[("t", numbers)]))));
        if !numbers.is_empty() {
            sent_heartbeat(&rig.step(0, Input::Assigned));
            rig.step(0, Input::Reply(&beaten(1, None)));
        }
        assert_eq!(rig.member.assigned(), &set("t", numbers));
        rig
    }
}

fn config() -> GroupConfig {
    GroupConfig {
        group: "g".to_owned(),
        protocol: Protocol::Consumer,
        rack: Some("r".to_owned()),
        server_assignor: Some("uniform".to_owned()),
        ..GroupConfig::default()
    }
}

fn static_member() -> GroupConfig {
    GroupConfig { instance_id: Some("i".to_owned()), ..config() }
}

fn listed(topic: &str, numbers: &[i32]) -> TopicPartitions {
    TopicPartitions { topic_id: topic_id(topic), partitions: numbers.to_vec() }
}

/// The answer to a heartbeat, every 5 seconds the next one.
fn beaten(epoch: i32, assignment: Option<&[(&str, &[i32])]>) -> Reply {
    let assignment = assignment.map(|topics| Assignment {
        topic_partitions: topics.iter().map(|(topic, numbers)| listed(topic, numbers)).collect(),
    });
    let response = ConsumerGroupHeartbeatResponse {
        member_epoch: epoch,
        heartbeat_interval_ms: 5000,
        assignment,
        ..ConsumerGroupHeartbeatResponse::default()
    };
    reply::<ConsumerGroupHeartbeatRequest<'_>>(1, &response)
}

fn refused(code: ErrorCode) -> Reply {
    let response = ConsumerGroupHeartbeatResponse {
        error_code: code.code(),
        error_message: Some("so it is".into()),
        ..ConsumerGroupHeartbeatResponse::default()
    };
    reply::<ConsumerGroupHeartbeatRequest<'_>>(1, &response)
}

#[track_caller]
fn sent_heartbeat(outputs: &[Output]) -> Request {
    match sent(outputs) {
        GroupRequest::ConsumerHeartbeat(request) => request,
        other => panic!("{other:?} is no ConsumerGroupHeartbeat"),
    }
}

/// A heartbeat that says nothing new.
fn quiet(epoch: i32) -> Request {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: TopicId::from_bytes([1; 16]).to_string().into(),
        member_epoch: epoch,
        rebalance_timeout_ms: -1,
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

/// A heartbeat that says everything, about a member that wants topic t.
fn full(epoch: i32, owned: &[TopicPartitions]) -> Request {
    ConsumerGroupHeartbeatRequest {
        rack_id: Some("r".into()),
        rebalance_timeout_ms: 300_000,
        subscribed_topic_names: Some(vec!["t".into()]),
        server_assignor: Some("uniform".into()),
        topic_partitions: Some(owned.to_vec()),
        ..quiet(epoch)
    }
}

//! ConsumerGroupHeartbeat: how a member joins, follows and leaves a group whose coordinator assigns
//! (KIP-848).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::consumer_group::{GroupError, HeartbeatReply, MemberId, Partitions};
use corelog_coordinator::input::ConsumerGroupHeartbeat;
use corelog_coordinator::{Input, RequestId};
use corelog_model::{ErrorCode, PartitionId, PartitionIndex, TopicId};
use corelog_wire::api::consumer_group_heartbeat::{Assignment, TopicPartitions};
use corelog_wire::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, Text};

use super::group_membership::Caller;
use crate::authorize::{Access, table};

/// Refuses a member that may not read in the group, or not see a topic that it names.
pub(crate) fn check(
    request: &ConsumerGroupHeartbeatRequest<'_>,
    access: Access<'_>,
) -> Result<(), ErrorCode> {
    access.check(&table::MEMBER_HEARTBEAT, &request.group_id)?;
    let mut topics = request.subscribed_topic_names.iter().flatten();
    topics.try_for_each(|topic| access.check(&table::MEMBER_HEARTBEAT_TOPIC, topic))
}

/// Translates a ConsumerGroupHeartbeat. A new member of version 0 is given an id. Its expression
/// finds `visible_topics`, or any if there is no such set.
pub fn heartbeat(
    request: &ConsumerGroupHeartbeatRequest<'_>,
    version: i16,
    caller: Caller,
    visible_topics: Option<Arc<BTreeSet<Arc<str>>>>,
) -> impl FnOnce(RequestId) -> Input + use<> {
    let text = |text: &Option<Text<'_>>| text.as_deref().map(Arc::from);
    let is_new = version == 0 && request.member_id.is_empty() && request.member_epoch == 0;
    let member = if is_new { &*caller.unique } else { &*request.member_id };
    let timeout = u64::try_from(request.rebalance_timeout_ms);
    let names = request.subscribed_topic_names.as_ref();
    let owned = request.topic_partitions.as_ref();
    let heartbeat = ConsumerGroupHeartbeat {
        request: RequestId(0),
        group: request.group_id.to_string(),
        member: MemberId::from(member),
        epoch: request.member_epoch,
        instance_id: text(&request.instance_id),
        rack_id: text(&request.rack_id),
        rebalance_timeout: timeout.ok().map(Duration::from_millis),
        topic_names: names.map(|names| names.iter().map(|name| Arc::from(&**name)).collect()),
        topic_regex: text(&request.subscribed_topic_regex),
        visible_topics,
        server_assignor: text(&request.server_assignor),
        owned: owned.map(|topics| topics.iter().flat_map(partitions_of).collect()),
        client_id: Arc::from(caller.client_id),
        client_host: Arc::from(caller.client_host),
    };
    move |request| Input::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat { request, ..heartbeat })
}

fn partitions_of(topic: &TopicPartitions) -> impl Iterator<Item = PartitionId> {
    let id = TopicId::from_bytes(topic.topic_id);
    topic.partitions.iter().map(move |index| PartitionId::new(id, PartitionIndex(*index)))
}

/// Answers a ConsumerGroupHeartbeat.
pub fn heard(
    result: Result<HeartbeatReply, GroupError>,
) -> ConsumerGroupHeartbeatResponse<'static> {
    match result {
        Ok(reply) => ConsumerGroupHeartbeatResponse {
            member_id: Some(Text::Owned(reply.member.to_string())),
            member_epoch: reply.epoch,
            heartbeat_interval_ms: i32::try_from(reply.heartbeat_interval.as_millis())
                .unwrap_or(i32::MAX),
            assignment: reply.assignment.as_ref().map(assignment),
            ..Default::default()
        },
        Err(error) => ConsumerGroupHeartbeatResponse {
            error_code: error.code().code(),
            error_message: Some(Text::Owned(error.to_string())),
            ..Default::default()
        },
    }
}

pub(crate) fn assignment(partitions: &Partitions) -> Assignment {
    let mut topics: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(partition.topic).or_default().push(partition.index.get());
    }
    let topics = topics.into_iter();
    let topics =
        topics.map(|(id, partitions)| TopicPartitions { topic_id: *id.as_bytes(), partitions });
    Assignment { topic_partitions: topics.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::{received, served, topic_id};

    fn caller() -> Caller {
        Caller { client_id: "c".into(), client_host: "/h".into(), unique: "u".into() }
    }

    #[track_caller]
    fn translated(request: &ConsumerGroupHeartbeatRequest<'_>, version: i16) -> Input {
        let request: ConsumerGroupHeartbeatRequest<'_> = received(request, version);
        heartbeat(&request, version, caller(), None)(RequestId(7))
    }

    #[test]
    fn null_and_minus_one_say_nothing() {
        for version in served::<ConsumerGroupHeartbeatRequest<'_>>() {
            let request = ConsumerGroupHeartbeatRequest {
                group_id: "g".into(),
                member_id: "m".into(),
                member_epoch: 3,
                ..Default::default()
            };
            let expected = ConsumerGroupHeartbeat {
                request: RequestId(7),
                group: "g".into(),
                member: MemberId::from("m"),
                epoch: 3,
                instance_id: None,
                rack_id: None,
                rebalance_timeout: None,
                topic_names: None,
                topic_regex: None,
                visible_topics: None,
                server_assignor: None,
                owned: None,
                client_id: Arc::from("c"),
                client_host: Arc::from("/h"),
            };
            assert_eq!(translated(&request, version), Input::ConsumerGroupHeartbeat(expected));
        }
    }

    #[test]
    fn everything_that_is_said_arrives() {
        let topics = TopicPartitions { topic_id: *topic_id(1).as_bytes(), partitions: vec![2, 0] };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: "".into(),
            member_epoch: 0,
            instance_id: Some("i".into()),
            rack_id: Some("r".into()),
            rebalance_timeout_ms: 5,
            subscribed_topic_names: Some(vec!["b".into(), "a".into()]),
            subscribed_topic_regex: None,
            server_assignor: Some("range".into()),
            topic_partitions: Some(vec![topics]),
        };
        let id = |index| PartitionId::new(topic_id(1), PartitionIndex(index));
        let expected = ConsumerGroupHeartbeat {
            request: RequestId(7),
            group: "g".into(),
            // In version 0 the server gives out ids.
            member: MemberId::from("u"),
            epoch: 0,
            instance_id: Some(Arc::from("i")),
            rack_id: Some(Arc::from("r")),
            rebalance_timeout: Some(Duration::from_millis(5)),
            topic_names: Some([Arc::from("a"), Arc::from("b")].into()),
            topic_regex: None,
            visible_topics: None,
            server_assignor: Some(Arc::from("range")),
            owned: Some([id(0), id(2)].into()),
            client_id: Arc::from("c"),
            client_host: Arc::from("/h"),
        };
        assert_eq!(translated(&request, 0), Input::ConsumerGroupHeartbeat(expected.clone()));
        let regex = Some("x.*".into());
        let request = ConsumerGroupHeartbeatRequest { subscribed_topic_regex: regex, ..request };
        let expected = ConsumerGroupHeartbeat {
            member: MemberId::from(""),
            topic_regex: Some(Arc::from("x.*")),
            ..expected
        };
        assert_eq!(translated(&request, 1), Input::ConsumerGroupHeartbeat(expected));
    }

    #[test]
    fn an_answer_has_partitions_by_topic_or_an_error_with_its_reason() {
        let id = |number, index| PartitionId::new(topic_id(number), PartitionIndex(index));
        let reply = HeartbeatReply {
            member: MemberId::from("m"),
            epoch: 2,
            heartbeat_interval: Duration::from_secs(5),
            assignment: Some([id(1, 0), id(1, 3), id(2, 1)].into()),
        };
        let topic = |number, partitions| TopicPartitions {
            topic_id: *topic_id(number).as_bytes(),
            partitions,
        };
        let expected = ConsumerGroupHeartbeatResponse {
            member_id: Some("m".into()),
            member_epoch: 2,
            heartbeat_interval_ms: 5000,
            assignment: Some(Assignment {
                topic_partitions: vec![topic(1, vec![0, 3]), topic(2, vec![1])],
            }),
            ..Default::default()
        };
        assert_eq!(heard(Ok(reply.clone())), expected);
        let silent = heard(Ok(HeartbeatReply { assignment: None, ..reply }));
        assert_eq!(silent.assignment, None);
        let refused = heard(Err(GroupError::Full { max: 3 }));
        assert_eq!(refused.error_code, ErrorCode::GroupMaxSizeReached.code());
        assert_eq!(refused.error_message.as_deref(), Some("the group is full: it has 3 members"));
    }
}

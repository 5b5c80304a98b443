//! ConsumerGroupDescribe: what operators see of a group whose coordinator assigns (KIP-848).

use std::collections::BTreeMap;

use corelog_cluster::ClusterImage;
use corelog_coordinator::consumer_group::{GroupDescription, MemberDescription, Partitions};
use corelog_coordinator::group_state::GroupState;
use corelog_model::{ErrorCode, TopicId};
use corelog_wire::api::consumer_group_describe::{
    Assignment, DescribedGroup, Member, TopicPartitions,
};
use corelog_wire::{ConsumerGroupDescribeResponse, Text};

use crate::authorize::{Access, table};

/// A member that speaks the classic protocol.
const CLASSIC: i8 = 0;
/// A member that speaks the new one.
const CONSUMER: i8 = 1;

/// Answers a ConsumerGroupDescribe. Topics that are gone have no names, and are left out.
pub fn described(
    groups: Vec<(String, Result<GroupDescription, ErrorCode>)>,
    operations: impl Fn(&str) -> i32,
    (image, access): (&ClusterImage, Access<'_>),
) -> ConsumerGroupDescribeResponse<'static> {
    let groups = groups.into_iter().map(|(group, found)| match found {
        Ok(description) if !shows_topics(&description, image, access) => DescribedGroup {
            error_code: table::DESCRIBE_MEMBERS_TOPIC.refusal().code(),
            error_message: Some(Text::Borrowed(
                "a member has a topic that the client has no right to describe",
            )),
            group_id: Text::Owned(group),
            ..Default::default()
        },
        Ok(description) => {
            let operations = operations(&group);
            described_group(group, description, operations, image)
        }
        Err(code) => DescribedGroup {
            error_code: code.code(),
            error_message: Some(Text::Borrowed(code.message())),
            group_id: Text::Owned(group),
            group_state: Text::Borrowed(match code {
                ErrorCode::GroupIdNotFound => GroupState::Dead.name(),
                _ => "",
            }),
            ..Default::default()
        },
    });
    ConsumerGroupDescribeResponse { groups: groups.collect(), ..Default::default() }
}

/// Whether the client may see every topic that a member names or has.
fn shows_topics(description: &GroupDescription, image: &ClusterImage, access: Access<'_>) -> bool {
    let may = |name: &str| access.may_see(&table::DESCRIBE_MEMBERS_TOPIC, name);
    !access.is_limited()
        || description.members.iter().all(|member| {
            let mut partitions = member.assigned.iter().chain(&member.target);
            member.metadata.topic_names.iter().all(|name| may(name))
                && partitions.all(|partition| {
                    image.topic(partition.topic).is_none_or(|topic| may(topic.name().as_str()))
                })
        })
}

fn described_group(
    group: String,
    description: GroupDescription,
    operations: i32,
    image: &ClusterImage,
) -> DescribedGroup<'static> {
    let members = description.members.into_iter();
    DescribedGroup {
        group_id: Text::Owned(group),
        group_state: Text::Borrowed(description.state.name()),
        group_epoch: description.epoch,
        assignment_epoch: description.target_epoch,
        assignor_name: Text::Borrowed(description.assignor),
        members: members.map(|member| described_member(&member, image)).collect(),
        authorized_operations: operations,
        ..Default::default()
    }
}

fn described_member(member: &MemberDescription, image: &ClusterImage) -> Member<'static> {
    let metadata = &member.metadata;
    let text = |text: &str| Text::Owned(text.to_owned());
    Member {
        member_id: text(member.id.as_str()),
        instance_id: metadata.instance_id.as_deref().map(text),
        rack_id: metadata.rack_id.as_deref().map(text),
        member_epoch: member.epoch,
        client_id: text(&metadata.client_id),
        client_host: text(&metadata.client_host),
        subscribed_topic_names: metadata.topic_names.iter().map(|name| text(name)).collect(),
        subscribed_topic_regex: metadata.topic_regex.as_deref().map(text),
        assignment: assignment(&member.assigned, image),
        target_assignment: assignment(&member.target, image),
        member_type: if metadata.classic.is_some() { CLASSIC } else { CONSUMER },
    }
}

pub(crate) fn assignment(partitions: &Partitions, image: &ClusterImage) -> Assignment<'static> {
    let mut topics: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(partition.topic).or_default().push(partition.index.get());
    }
    let topics = topics.into_iter().filter_map(|(id, partitions)| {
        let topic_name = Text::Owned(image.topic(id)?.name().to_string());
        Some(TopicPartitions { topic_id: *id.as_bytes(), topic_name, partitions })
    });
    Assignment { topic_partitions: topics.collect() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use corelog_coordinator::consumer_group::{MemberId, MemberMetadata};
    use corelog_coordinator::records::ClassicMember;
    use corelog_model::{PartitionId, PartitionIndex};
    use corelog_wire::ConsumerGroupDescribeRequest;

    use super::*;
    use crate::api::scene::{cluster, received, served, topic_id, with_topic};

    #[test]
    fn a_group_is_told_with_its_members_and_topics_by_name() {
        let image = with_topic(&cluster(&[1]), ("t", 1), (3, 1), &[]);
        let topic = image.topic_id("t").unwrap();
        let id = |index| PartitionId::new(topic, PartitionIndex(index));
        let gone = PartitionId::new(topic_id(99), PartitionIndex(0));
        let member = MemberDescription {
            id: MemberId::from("m"),
            metadata: MemberMetadata {
                client_id: Arc::from("c"),
                topic_names: [Arc::from("t")].into(),
                ..MemberMetadata::default()
            },
            epoch: 2,
            assigned: [id(0), gone].into(),
            target: [id(0), id(1)].into(),
        };
        let mut classic = member.clone();
        classic.metadata.classic = Some(ClassicMember::default());
        let description = GroupDescription {
            state: GroupState::Reconciling,
            epoch: 3,
            target_epoch: 2,
            assignor: "uniform",
            members: vec![member, classic],
        };
        let topic_partitions = |partitions| {
            let topic_id = *topic.as_bytes();
            let topic = TopicPartitions { topic_id, topic_name: "t".into(), partitions };
            Assignment { topic_partitions: vec![topic] }
        };
        for version in served::<ConsumerGroupDescribeRequest<'_>>() {
            let found = vec![("g".to_owned(), Ok(description.clone()))];
            let answer: ConsumerGroupDescribeResponse<'_> =
                received(&described(found, |_| 8, (&image, Access::UNLIMITED)), version);
            let group = &answer.groups[0];
            assert_eq!((&*group.group_id, &*group.group_state), ("g", "Reconciling"));
            assert_eq!((group.group_epoch, group.assignment_epoch), (3, 2));
            assert_eq!((&*group.assignor_name, group.authorized_operations), ("uniform", 8));
            let told = &group.members[0];
            assert_eq!((&*told.member_id, told.member_epoch), ("m", 2));
            assert_eq!(told.assignment, topic_partitions(vec![0]));
            assert_eq!(told.target_assignment, topic_partitions(vec![0, 1]));
            let kinds: Vec<i8> = group.members.iter().map(|member| member.member_type).collect();
            assert_eq!(kinds, if version == 0 { [-1, -1] } else { [CONSUMER, CLASSIC] });
        }
    }

    #[test]
    fn a_group_that_is_none_is_an_error_and_dead() {
        let image = cluster(&[1]);
        let found = vec![("g".to_owned(), Err(ErrorCode::GroupIdNotFound))];
        let answer = described(found, |_| 8, (&image, Access::UNLIMITED));
        let group = &answer.groups[0];
        assert_eq!(group.error_code, ErrorCode::GroupIdNotFound.code());
        assert_eq!((&*group.group_id, &*group.group_state), ("g", "Dead"));
    }
}

//! ShareGroupDescribe: what operators see of a share group (KIP-932).

use corelog_cluster::ClusterImage;
use corelog_coordinator::group_state::GroupState;
use corelog_coordinator::share_group::{ShareGroupDescription, ShareMemberDescription};
use corelog_model::ErrorCode;
use corelog_wire::api::share_group_describe::{DescribedGroup, Member};
use corelog_wire::{ShareGroupDescribeResponse, Text};

use super::consumer_group_describe::assignment;
use crate::authorize::{Access, table};

/// Answers a ShareGroupDescribe. Topics that are gone have no names, and are left out.
pub fn described(
    groups: Vec<(String, Result<ShareGroupDescription, ErrorCode>)>,
    operations: impl Fn(&str) -> i32,
    (image, access): (&ClusterImage, Access<'_>),
) -> ShareGroupDescribeResponse<'static> {
    let groups = groups.into_iter().map(|(group, found)| match found {
        Ok(description) if !shows_topics(&description, access) => DescribedGroup {
            error_code: table::SHARE_DESCRIBE_TOPIC.refusal().code(),
            error_message: Some(Text::Borrowed(
                "a member has a topic that the client has no right to describe",
            )),
            group_id: Text::Owned(group),
            ..Default::default()
        },
        Ok(description) => {
            let operations = operations(&group);
            described_group(group, &description, operations, image)
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
    ShareGroupDescribeResponse { groups: groups.collect(), ..Default::default() }
}

/// Whether the client may see every topic that a member names; it has no others.
fn shows_topics(description: &ShareGroupDescription, access: Access<'_>) -> bool {
    let mut names = description.members.iter().flat_map(|member| &member.metadata.topic_names);
    names.all(|name| access.may_see(&table::SHARE_DESCRIBE_TOPIC, name))
}

fn described_group(
    group: String,
    description: &ShareGroupDescription,
    operations: i32,
    image: &ClusterImage,
) -> DescribedGroup<'static> {
    let members = description.members.iter();
    DescribedGroup {
        group_id: Text::Owned(group),
        group_state: Text::Borrowed(description.state.name()),
        group_epoch: description.epoch,
        assignment_epoch: description.target_epoch,
        assignor_name: Text::Borrowed(description.assignor),
        members: members.map(|member| described_member(member, image)).collect(),
        authorized_operations: operations,
        ..Default::default()
    }
}

fn described_member(member: &ShareMemberDescription, image: &ClusterImage) -> Member<'static> {
    let metadata = &member.metadata;
    let text = |text: &str| Text::Owned(text.to_owned());
    Member {
        member_id: text(member.id.as_str()),
        rack_id: metadata.rack_id.as_deref().map(text),
        member_epoch: member.epoch,
        client_id: text(&metadata.client_id),
        client_host: text(&metadata.client_host),
        subscribed_topic_names: metadata.topic_names.iter().map(|name| text(name)).collect(),
        assignment: assignment(&member.assigned, image),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use corelog_coordinator::consumer_group::MemberId;
    use corelog_coordinator::records::ShareMember;
    use corelog_model::{PartitionId, PartitionIndex};

    use super::*;
    use crate::api::scene::{cluster, received, with_topic};

    #[test]
    fn a_group_is_told_with_its_members() {
        let image = with_topic(&cluster(&[1]), ("t", 1), (3, 1), &[]);
        let topic = image.topic_id("t").unwrap();
        let member = ShareMemberDescription {
            id: MemberId::from("m"),
            metadata: ShareMember { client_id: Arc::from("c"), ..ShareMember::default() },
            epoch: 2,
            assigned: [PartitionId::new(topic, PartitionIndex(1))].into(),
        };
        let description = ShareGroupDescription {
            state: GroupState::Stable,
            epoch: 3,
            target_epoch: 2,
            assignor: "simple",
            members: vec![member],
        };
        let found = vec![
            ("g".to_owned(), Ok(description)),
            ("h".to_owned(), Err(ErrorCode::GroupIdNotFound)),
        ];
        let answer: ShareGroupDescribeResponse<'_> =
            received(&described(found, |_| 8, (&image, Access::UNLIMITED)), 1);
        let [group, none] = &answer.groups[..] else { panic!("two were asked for") };
        assert_eq!((&*group.group_state, group.group_epoch), ("Stable", 3));
        assert_eq!((&*group.assignor_name, group.authorized_operations), ("simple", 8));
        let told = &group.members[0];
        assert_eq!((&*told.member_id, told.member_epoch), ("m", 2));
        assert_eq!(told.assignment.topic_partitions[0].partitions, [1]);
        assert_eq!(none.error_code, ErrorCode::GroupIdNotFound.code());
        assert_eq!(&*none.group_state, "Dead");
    }
}

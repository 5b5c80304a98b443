//! The target of a group: which assignor the members prefer, and what changes when it runs.

use std::collections::BTreeMap;

use super::assignor::MemberSpec;
use super::{Assignor, GroupImage, MemberId, Partitions, Topics};

/// The targets of those members whose target is a new one.
pub(super) fn changes(
    image: &GroupImage,
    assignors: &[Assignor],
    topics: &Topics,
) -> Vec<(MemberId, Partitions)> {
    let mut partition_counts = BTreeMap::new();
    let mut specs = BTreeMap::new();
    for (id, member) in image.members() {
        let wanted = image.topics_of(member, topics);
        for id in &wanted {
            if let Some(topic) = topics.topic(*id) {
                partition_counts.insert(*id, topic.partition_count);
            }
        }
        specs.insert(id.clone(), MemberSpec { topics: wanted, owned: member.target.clone() });
    }
    let assignment = preferred(image, assignors).assign(&specs, &partition_counts);
    let is_news = |(id, target): &(MemberId, Partitions)| {
        image.members().get(id).is_some_and(|member| member.target != *target)
    };
    assignment.into_iter().filter(is_news).collect()
}

/// The assignor that most members ask for; among several, and if nobody asks, the first that may be
/// used.
pub(super) fn preferred(image: &GroupImage, assignors: &[Assignor]) -> Assignor {
    let votes = |assignor: Assignor| {
        let names = image.members().values().map(|member| &member.metadata.server_assignor);
        names.filter(|name| name.as_deref() == Some(assignor.name())).count()
    };
    let most = assignors.iter().copied().rev().max_by_key(|assignor| votes(*assignor));
    most.expect("there is an assignor to use")
}

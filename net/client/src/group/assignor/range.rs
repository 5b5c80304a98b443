//! The range strategy: of each topic a run of neighbouring partitions for each member.

use super::{Assignment, GroupMember, Partitions, empty, in_order};
use crate::TopicPartition;

pub(super) fn assign(members: &[GroupMember], partitions: &Partitions) -> Assignment {
    let members_in_order = in_order(members);
    let mut assignment = empty(members);
    for (topic, numbers) in partitions {
        let subscribed: Vec<&GroupMember> = members_in_order
            .iter()
            .copied()
            .filter(|member| member.topics.contains(topic))
            .collect();
        if subscribed.is_empty() {
            continue;
        }
        let (each, surplus) = (numbers.len() / subscribed.len(), numbers.len() % subscribed.len());
        let mut numbers = numbers.iter();
        for (place, member) in subscribed.into_iter().enumerate() {
            let count = each + usize::from(place < surplus);
            let run = numbers
                .by_ref()
                .take(count)
                .map(|number| TopicPartition { topic: topic.clone(), partition: *number });
            assignment.entry(member.id.clone()).or_default().extend(run);
        }
    }
    assignment
}

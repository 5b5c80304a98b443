//! The round-robin strategy: partitions in their order, members in turn.

use super::{Assignment, GroupMember, Partitions, empty, in_order};
use crate::TopicPartition;

pub(super) fn assign(members: &[GroupMember], partitions: &Partitions) -> Assignment {
    let members_in_order = in_order(members);
    let mut assignment = empty(members);
    let mut turn = 0;
    for (topic, numbers) in partitions {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for number in numbers {
            // Somebody subscribes, so this comes to an end.
            while !members_in_order[turn].topics.contains(topic) {
                turn = (turn + 1) % members.len();
            }
            let at = TopicPartition { topic: topic.clone(), partition: *number };
            assignment.entry(members_in_order[turn].id.clone()).or_default().insert(at);
            turn = (turn + 1) % members.len();
        }
    }
    assignment
}

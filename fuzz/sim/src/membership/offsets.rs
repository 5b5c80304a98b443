//! The offsets of the group, as members of both protocols commit and read them.

use corelog_coordinator::input::{CommitOffsets, OffsetToCommit};
use corelog_coordinator::offsets::TopicPartition;
use corelog_coordinator::{Input, Reply};
use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionId};

use super::world::World;
use crate::broker::{Broker, PARTITIONS, SOURCE, TARGET};

pub(super) const GROUP: &str = "members";

/// Who commits.
#[derive(Debug, Clone)]
pub(super) struct Committer {
    /// Empty from one that is in no group.
    pub(super) id: String,
    /// The name of a static member.
    pub(super) instance_id: Option<String>,
    /// Its generation or epoch; negative from one that is in no group.
    pub(super) generation: i32,
}

impl Committer {
    /// One that is in no group.
    pub(super) fn nobody() -> Self {
        Self { id: String::new(), instance_id: None, generation: -1 }
    }
}

/// All partitions that members read.
pub(super) fn partitions(broker: &Broker) -> Vec<PartitionId> {
    let all = [SOURCE, TARGET]
        .into_iter()
        .flat_map(|topic| (0..PARTITIONS).map(move |index| (topic, index)));
    all.map(|(topic, index)| broker.partition(topic, index).1.log.id()).collect()
}

/// The name of a partition of either topic.
fn name_of(broker: &Broker, id: PartitionId) -> TopicPartition {
    let all = [SOURCE, TARGET]
        .into_iter()
        .flat_map(|topic| (0..PARTITIONS).map(move |index| (topic, index)));
    let mut partitions = all.map(|(topic, index)| broker.partition(topic, index).1);
    let found = partitions.find(|partition| partition.log.id() == id);
    let found = found.expect("members are assigned partitions that there are");
    (found.topic.clone(), found.log.id().index)
}

/// Commits an offset.
pub(super) async fn commit(
    world: &World,
    broker: &Broker,
    by: &Committer,
    id: PartitionId,
    offset: Offset,
) -> Result<(), ErrorCode> {
    let begun = world.commits.borrow_mut().begin(id, offset);
    let result = send(broker, by, id, offset).await;
    world.commits.borrow_mut().end(begun, result);
    world.tell(format!("{} in {} commits {offset} of {id}: {result:?}", by.id, by.generation));
    result
}

async fn send(
    broker: &Broker,
    by: &Committer,
    id: PartitionId,
    offset: Offset,
) -> Result<(), ErrorCode> {
    let (topic, partition) = name_of(broker, id);
    let (topic_id, leader_epoch, metadata) = (id.topic, LeaderEpoch::NONE, String::new());
    let offset = OffsetToCommit { topic, topic_id, partition, offset, leader_epoch, metadata };
    let Committer { id, instance_id, generation } = by.clone();
    let commit = |request| {
        Input::CommitOffsets(CommitOffsets {
            request,
            group: GROUP.to_owned(),
            generation,
            member_id: id,
            instance_id,
            may_carry_epoch: true,
            retention: None,
            offsets: vec![offset],
        })
    };
    let (_, coordinator) = broker.group(GROUP);
    match coordinator.ask(commit).await {
        Some(Reply::CommitOffsets(results)) => results[0].result,
        _ => Err(ErrorCode::CoordinatorNotAvailable),
    }
}

/// What is committed for a partition.
pub(super) fn committed(broker: &Broker, id: PartitionId) -> Result<Option<Offset>, ErrorCode> {
    let (_, coordinator) = broker.group(GROUP);
    let found = coordinator.fetch_offsets(GROUP, Some(&[name_of(broker, id)]))?;
    Ok(found.into_iter().find_map(|one| one.committed).map(|value| value.offset))
}

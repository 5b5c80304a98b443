//! How far share groups are, as operators see and set it, and what the share coordinators are told
//! for groups.

use std::sync::Arc;

use corelog_coordinator::input::ShareStatesCall;
use corelog_coordinator::records::SharePartitionKey;
use corelog_coordinator::share_group::{ShareStatesChange, ShareStatesReply};
use corelog_coordinator::share_states::{StateAnswer, StateCall, StoredState};
use corelog_coordinator::{Input, Reply};
use corelog_model::{ErrorCode, LeaderEpoch, Offset, PartitionId, TopicId};

use crate::coordinator::place::SHARE_TOPIC;
use crate::group_coordinator::GroupCoordinator;
use crate::partition::IsolationLevel;
use crate::peers::{ShareAnswer, ShareCall};
use crate::shard::Shard;

/// How far a group is with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareOffset {
    /// The first record that is not done with, or [`Offset::NONE`] if nobody has read yet.
    pub start: Offset,
    /// The leader that changed it last.
    pub leader_epoch: LeaderEpoch,
    /// How many records are not done with; none if that is not known.
    pub lag: Option<i64>,
}

impl Shard {
    /// How far a group is with a partition.
    pub async fn share_offset(
        &self,
        group: &Arc<str>,
        partition: PartitionId,
    ) -> Result<ShareOffset, ErrorCode> {
        let key = SharePartitionKey { group: Arc::clone(group), partition };
        let stored: StoredState = match self.share_state(&key, StateCall::Summarize).await? {
            StateAnswer::State(stored) => stored,
            StateAnswer::Done => unreachable!("one that asks how far it is, is told"),
        };
        let StoredState { start, leader_epoch, complete_count, .. } = stored;
        let mut lag = None;
        if start != Offset::NONE && complete_count >= 0 {
            let (log_start, end) = self.share_ends(partition).await?;
            lag = Some((end - start.max(log_start) - i64::from(complete_count)).max(0));
        }
        Ok(ShareOffset { start, leader_epoch, lag })
    }

    /// The first offset and the end of a partition, whoever leads it.
    async fn share_ends(&self, partition: PartitionId) -> Result<(Offset, Offset), ErrorCode> {
        let leader = self.image().partition(partition).map(|found| found.leader);
        let leader = leader.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        match self.peers().ask_share(leader, ShareCall::Ends(partition)).await {
            Some(ShareAnswer::Ends(ends)) => ends,
            Some(ShareAnswer::State(_) | ShareAnswer::Dropped) | None => {
                Err(ErrorCode::RequestTimedOut)
            }
        }
    }

    /// Has the leader of a partition read anew how far a group is.
    async fn drop_share(&self, key: SharePartitionKey) {
        let leader = self.image().partition(key.partition).map(|found| found.leader);
        if let Some(leader) = leader {
            // One that does not answer is fenced when it writes.
            self.peers().ask_share(leader, ShareCall::Drop(key)).await;
        }
    }

    /// Does what other nodes ask for share groups.
    pub(crate) async fn serve_share(&self, call: ShareCall) -> ShareAnswer {
        match call {
            ShareCall::State { key, call } => {
                ShareAnswer::State(self.share_state_here(key, call).await)
            }
            ShareCall::Drop(key) => {
                self.shares().drop_one(&key);
                ShareAnswer::Dropped
            }
            ShareCall::Ends(id) => {
                let partition = self.partition(id.topic, id.index);
                let ends = partition.map(|partition| {
                    let end = partition.readable_end(IsolationLevel::Uncommitted);
                    (partition.log.log_start(), end)
                });
                ShareAnswer::Ends(ends.map_err(|_| ErrorCode::NotLeaderOrFollower))
            }
        }
    }

    /// Has the share coordinators begin with partitions of a group. Tells which they have taken.
    pub(crate) async fn initialize_states(
        &self,
        group: &str,
        state_epoch: i32,
        partitions: Vec<PartitionId>,
    ) -> Vec<PartitionId> {
        let set = partitions.into_iter().map(|partition| (partition, Offset::NONE)).collect();
        let results = self.set_states(group, state_epoch, set).await;
        let done = results.into_iter().filter(|(_, result)| result.is_ok());
        done.map(|(partition, _)| partition).collect()
    }

    async fn set_states(
        &self,
        group: &str,
        state_epoch: i32,
        partitions: Vec<(PartitionId, Offset)>,
    ) -> Vec<(PartitionId, Result<(), ErrorCode>)> {
        let call = |(partition, start)| (partition, StateCall::Initialize { state_epoch, start });
        let calls = partitions.into_iter().map(call).collect();
        let replies = self.share_state_of_each(&Arc::from(group), calls).await;
        replies.into_iter().map(|(partition, reply)| (partition, reply.map(drop))).collect()
    }

    /// Has the share coordinators forget partitions of a group, as far as they were not set anew
    /// with a later epoch. Fails with the first that does not.
    pub(crate) async fn delete_states(
        &self,
        group: &str,
        state_epoch: i32,
        partitions: Vec<PartitionId>,
    ) -> Result<(), ErrorCode> {
        let (group, mut result) = (Arc::<str>::from(group), Ok(()));
        // Nobody knows anything before there is a topic to keep it in.
        if self.image().topic_by_name(SHARE_TOPIC).is_none() {
            return Ok(());
        }
        let delete = StateCall::Delete { state_epoch };
        let calls = partitions.into_iter().map(|partition| (partition, delete.clone()));
        for (partition, reply) in self.share_state_of_each(&group, calls.collect()).await {
            result = result.and(reply.map(drop));
            self.drop_share(SharePartitionKey { group: Arc::clone(&group), partition }).await;
        }
        result
    }
}

impl GroupCoordinator {
    async fn change_states(
        &self,
        group: &str,
        change: ShareStatesChange,
    ) -> Result<ShareStatesReply, ErrorCode> {
        let group = group.to_owned();
        let call = |request| Input::ShareStates(ShareStatesCall { request, group, change });
        match self.ask(call).await {
            Some(Reply::ShareStates(result)) => result,
            Some(other) => unreachable!("each request has its own kind of answer, not {other:?}"),
            None => Err(ErrorCode::CoordinatorNotAvailable),
        }
    }

    /// Sets from where a share group without members reads partitions, of topics with these names.
    pub async fn alter_share_offsets(
        &self,
        group: &str,
        offsets: Vec<(PartitionId, Arc<str>, Offset)>,
    ) -> Result<Vec<(PartitionId, Result<(), ErrorCode>)>, ErrorCode> {
        let begun = self.change_states(group, ShareStatesChange::BeginAlter).await?;
        let partitions = offsets.iter().map(|(id, _, offset)| (*id, *offset)).collect();
        let shard = self.shard();
        let results = shard.set_states(group, begun.state_epoch, partitions).await;
        for (partition, _) in &results {
            let key = SharePartitionKey { group: Arc::from(group), partition: *partition };
            shard.drop_share(key).await;
        }
        let set = offsets.into_iter().zip(&results).filter(|(_, (_, result))| result.is_ok());
        let set = set.map(|((id, name, _), _)| (id, name)).collect();
        self.change_states(group, ShareStatesChange::FinishAlter(set)).await?;
        Ok(results)
    }

    /// Forgets how far a share group without members is, with topics or with all.
    pub async fn delete_share_offsets(
        &self,
        group: &str,
        topics: Option<Vec<TopicId>>,
    ) -> Result<(), ErrorCode> {
        let change = ShareStatesChange::BeginDelete(topics);
        let ShareStatesReply { state_epoch, partitions } =
            self.change_states(group, change).await?;
        let mut topics: Vec<TopicId> = partitions.iter().map(|id| id.topic).collect();
        topics.dedup();
        self.shard().delete_states(group, state_epoch, partitions).await?;
        self.change_states(group, ShareStatesChange::FinishDelete(topics)).await.map(drop)
    }
}

//! The leader of a classic group: waits for the metadata of every topic that a member wants, then
//! assigns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::ErrorCode;
use corelog_wire::api::sync_group::SyncGroupRequestAssignment;
use corelog_wire::{ApiKey, Bytes};

use super::{ClassicMember, Leading, Phase};
use crate::group::Output;
use crate::group::assignor::{GroupMember, Partitions};
use crate::group::subscription::encode_assignment;
use crate::{ClientError, Metadata};

/// How long the leader waits for metadata. What is missing then is not assigned; when it comes, the
/// leader asks for the next rebalance.
const METADATA_WAIT_MAX: Duration = Duration::from_secs(10);

impl ClassicMember {
    /// Becomes the leader of these members, to assign or to keep what is assigned.
    pub(super) fn begin_to_lead(
        &mut self,
        now: Duration,
        members: Vec<GroupMember>,
        keeps_assignment: bool,
    ) {
        let topics = members.iter().flat_map(|member| &member.topics);
        self.watched = Some(topics.map(|topic| (Arc::clone(topic), 0)).collect());
        let members = (!keeps_assignment).then_some(members);
        let wait = METADATA_WAIT_MAX.min(self.config.rebalance_timeout / 2);
        self.phase = Phase::Leading(Leading { members, until: now + wait, refresh_at: now });
    }

    /// Notes how many partitions of the watched topics there are now.
    fn note_counts(&mut self, metadata: &Metadata) {
        for (topic, count) in self.watched.iter_mut().flatten() {
            *count = self::count(topic, metadata).unwrap_or(0);
        }
    }

    /// Assigns, or asks for what is not known yet.
    pub(super) fn lead(
        &mut self,
        now: Duration,
        metadata: &Metadata,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        let Phase::Leading(leading) = &mut self.phase else { return Ok(()) };
        let topics = self.watched.iter().flatten().map(|(topic, _)| topic);
        let missing: BTreeSet<Arc<str>> = topics
            .filter(|topic| metadata.topic(topic).is_none() && metadata.refusal(topic).is_none())
            .cloned()
            .collect();
        if !missing.is_empty() && now < leading.until {
            if leading.refresh_at <= now {
                leading.refresh_at = now + self.config.retry_pause_max;
                outputs.push(Output::Refresh { topics: missing, ids: BTreeSet::new() });
            }
            return Ok(());
        }
        let members = leading.members.take();
        self.note_counts(metadata);
        let assignments = match members {
            Some(members) => self.assign(&members, metadata)?,
            None => Vec::new(),
        };
        self.phase = Phase::Syncing(Some(assignments));
        Ok(())
    }

    fn assign(
        &self,
        members: &[GroupMember],
        metadata: &Metadata,
    ) -> Result<Vec<SyncGroupRequestAssignment<'static>>, ClientError> {
        let known = self.watched.iter().flatten().filter_map(|(topic, _)| {
            let numbers = metadata.topic(topic)?.partitions.keys().copied().collect();
            Some((Arc::clone(topic), numbers))
        });
        let partitions: Partitions = known.collect();
        let assignor = self.assignor.expect("the answer that made the leader names the assignor");
        let mut assignments = Vec::with_capacity(members.len());
        for (member_id, given) in assignor.assign(members, &partitions) {
            let assignment = encode_assignment(&given)
                .map_err(|source| ClientError::Request { api: ApiKey::SyncGroup, source })?;
            assignments.push(SyncGroupRequestAssignment {
                member_id: member_id.into(),
                assignment: Bytes::Owned(assignment),
            });
        }
        Ok(assignments)
    }
}

/// How many partitions a topic has: none of one that does not exist. Nothing where the cluster does
/// not say, as while it refuses for another reason.
pub(super) fn count(topic: &str, metadata: &Metadata) -> Option<usize> {
    match (metadata.topic(topic), metadata.refusal(topic)) {
        (Some(topic), _) => Some(topic.partitions.len()),
        (None, Some(ErrorCode::UnknownTopicOrPartition)) => Some(0),
        (None, _) => None,
    }
}

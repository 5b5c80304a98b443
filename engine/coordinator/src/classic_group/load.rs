//! A classic group as it comes from the log.

use std::time::Duration;

use super::member::Member;
use super::{ClassicGroup, State};
use crate::records::GroupMetadataValue;

impl ClassicGroup {
    /// The group of a stored generation. Sessions begin anew, as time has passed unobserved.
    pub(crate) fn load(id: String, stored: GroupMetadataValue, now: Duration) -> Self {
        let mut group = ClassicGroup::new(id, stored.current_state_timestamp);
        group.is_stored = true;
        group.generation = stored.generation;
        group.protocol_type = Some(stored.protocol_type).filter(|kind| !kind.is_empty());
        group.protocol = stored.protocol;
        group.leader = stored.leader;
        let protocol = group.protocol.clone().unwrap_or_default();
        for stored in stored.members {
            let member_id = stored.member_id.clone();
            if let Some(instance_id) = &stored.group_instance_id {
                group.instances.insert(instance_id.clone(), member_id.clone());
            }
            group.members.insert(member_id, Member::loaded(stored, &protocol, now));
        }
        if !group.members.is_empty() {
            group.state = State::Stable { sync_until: now };
            group.topics = group.subscribed_topics();
        }
        group
    }

    /// Begins all sessions, when the log has been read.
    pub(crate) fn begin_sessions(&mut self, now: Duration) {
        for member in self.members.values_mut() {
            member.touch(now);
        }
    }
}

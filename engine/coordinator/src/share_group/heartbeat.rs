//! A heartbeat of a member of a share group, and the rules that it must keep whatever the group is
//! like.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::consumer_group::{GroupError, JOINS, LEAVES, MemberId};
use crate::input::RequestId;
use crate::records::ShareMember;

/// The longest text that fits the key of a record.
const TEXT_LEN_MAX: usize = i16::MAX as usize;

/// What a member says (ShareGroupHeartbeat). None: as it said before. Its topics are named when it
/// joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareGroupHeartbeat {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// Who speaks.
    pub member: MemberId,
    /// The epoch it has reached, or one of [`JOINS`] and [`LEAVES`].
    pub epoch: i32,
    /// The rack it is in.
    pub rack_id: Option<Arc<str>>,
    /// The topics it wants.
    pub topic_names: Option<BTreeSet<Arc<str>>>,
    /// The client.
    pub client_id: Arc<str>,
    /// Where the client is.
    pub client_host: Arc<str>,
}

impl ShareGroupHeartbeat {
    /// Checks what can be checked without the group.
    pub(crate) fn check(&self) -> Result<(), GroupError> {
        let is_long = |text: &str| text.len() > TEXT_LEN_MAX;
        let joins = self.epoch == JOINS;
        let names = self.topic_names.as_ref();
        let rules = [
            (self.group.is_empty() || is_long(&self.group), "a group id has 1 to 32767 bytes"),
            (
                self.member.as_str().is_empty() || is_long(self.member.as_str()),
                "a member id has 1 to 32767 bytes",
            ),
            (self.rack_id.as_ref().is_some_and(|rack| rack.is_empty()), "a rack id is not empty"),
            (self.epoch < LEAVES, "a member epoch is not below -1"),
            (joins && names.is_none_or(BTreeSet::is_empty), "a member that joins names its topics"),
        ];
        match rules.into_iter().find(|(is_broken, _)| *is_broken) {
            Some((_, reason)) => Err(GroupError::Invalid { reason }),
            None => Ok(()),
        }
    }

    /// What is known about the member from now on.
    pub(super) fn update(&self, known: &ShareMember) -> ShareMember {
        ShareMember {
            rack_id: self.rack_id.clone().or_else(|| known.rack_id.clone()),
            client_id: Arc::clone(&self.client_id),
            client_host: Arc::clone(&self.client_host),
            topic_names: self.topic_names.clone().unwrap_or_else(|| known.topic_names.clone()),
        }
    }
}

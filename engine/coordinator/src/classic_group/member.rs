//! A member of a classic group: what it said when it joined, what it was assigned, and which of its
//! requests waits.

use std::time::Duration;

use super::MemberDescription;
use crate::input::{JoinGroup, JoinProtocol, RequestId};
use crate::records::GroupMember;

/// The member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout: Duration,
    pub(super) rebalance_timeout: Duration,
    /// What it can assign with, the best first.
    pub(super) protocols: Vec<JoinProtocol>,
    pub(super) assignment: Vec<u8>,
    pub(super) waiting: Waiting,
    /// When its session ends, unless a request of it waits.
    pub(super) expires_at: Duration,
    /// Whether it has asked for its assignment in this generation.
    pub(super) has_synced: bool,
    /// Whether it has never been in a generation.
    pub(super) is_new: bool,
}

/// Which request of a member waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Nothing,
    Join(RequestId),
    Sync(RequestId),
}

impl Member {
    /// One that joins and waits for its generation.
    pub(super) fn joining(join: JoinGroup, expires_at: Duration) -> Self {
        Member {
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: join.protocols,
            assignment: Vec::new(),
            waiting: Waiting::Join(join.request),
            expires_at,
            has_synced: false,
            is_new: true,
        }
    }

    /// One of a stored generation.
    pub(super) fn loaded(stored: GroupMember, protocol: &str, now: Duration) -> Self {
        let milliseconds = |value: i32| Duration::from_millis(u64::try_from(value).unwrap_or(0));
        let session_timeout = milliseconds(stored.session_timeout_ms);
        let rebalance_timeout = match stored.rebalance_timeout_ms {
            // The oldest version has none.
            -1 => session_timeout,
            value => milliseconds(value),
        };
        let protocol = JoinProtocol { name: protocol.to_owned(), metadata: stored.subscription };
        Member {
            instance_id: stored.group_instance_id,
            client_id: stored.client_id,
            client_host: stored.client_host,
            session_timeout,
            rebalance_timeout,
            protocols: vec![protocol],
            assignment: stored.assignment,
            waiting: Waiting::Nothing,
            expires_at: now + session_timeout,
            has_synced: true,
            is_new: false,
        }
    }

    pub(super) fn record(
        &self,
        member_id: &str,
        protocol: Option<&str>,
        assignment: Vec<u8>,
    ) -> GroupMember {
        GroupMember {
            member_id: member_id.to_owned(),
            group_instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: milliseconds(self.rebalance_timeout),
            session_timeout_ms: milliseconds(self.session_timeout),
            subscription: self.metadata(protocol).to_vec(),
            assignment,
        }
    }

    pub(super) fn describe(&self, member_id: &str, protocol: Option<&str>) -> MemberDescription {
        MemberDescription {
            member_id: member_id.to_owned(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            metadata: self.metadata(protocol).to_vec(),
            assignment: protocol.map(|_| self.assignment.clone()).unwrap_or_default(),
        }
    }

    /// What it said for a protocol.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> &[u8] {
        let chosen = self.protocols.iter().find(|offered| Some(offered.name.as_str()) == protocol);
        chosen.map(|offered| offered.metadata.as_slice()).unwrap_or_default()
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered.name == protocol)
    }

    /// When the group gives it up. One that waits for an answer cannot send a heartbeat, but a new
    /// one may have gone without a trace, as it has to ask again under another id.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.waiting {
            Waiting::Join(_) if self.is_new => Some(self.expires_at),
            Waiting::Join(_) | Waiting::Sync(_) => None,
            Waiting::Nothing => Some(self.expires_at),
        }
    }

    pub(super) fn is_joining(&self) -> bool {
        matches!(self.waiting, Waiting::Join(_))
    }

    /// Begins its session anew.
    pub(super) fn touch(&mut self, now: Duration) {
        self.expires_at = now + self.session_timeout;
    }
}

fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

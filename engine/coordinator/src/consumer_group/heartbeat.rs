//! A heartbeat, and the rules that it must keep whatever the group is like.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Assignor, ConsumerGroupConfig, GroupError, MemberId, Partitions};
use crate::expression::Expression;
use crate::input::RequestId;
use crate::records::MemberMetadata;

/// The epoch with which a member joins.
pub const JOINS: i32 = 0;
/// The epoch with which a member leaves.
pub const LEAVES: i32 = -1;
/// The epoch with which a static member leaves to come back.
pub const LEAVES_FOR_A_WHILE: i32 = -2;

/// The longest text that fits the key of a record.
const TEXT_LEN_MAX: usize = i16::MAX as usize;

/// What a member says (ConsumerGroupHeartbeat). None: as it said before. All of it is said when it
/// joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupHeartbeat {
    /// The request.
    pub request: RequestId,
    /// The group.
    pub group: String,
    /// Who speaks. Clients of version 0 without an id are given one before they get here.
    pub member: MemberId,
    /// The epoch it has reached, or one of [`JOINS`], [`LEAVES`] and [`LEAVES_FOR_A_WHILE`].
    pub epoch: i32,
    /// The name of a static member.
    pub instance_id: Option<Arc<str>>,
    /// The rack it is in.
    pub rack_id: Option<Arc<str>>,
    /// How long it may take to give up partitions.
    pub rebalance_timeout: Option<Duration>,
    /// The topics it wants.
    pub topic_names: Option<BTreeSet<Arc<str>>>,
    /// The expression whose topics it wants too; an empty one takes the last one back.
    pub topic_regex: Option<Arc<str>>,
    /// The topics that its expression may find; none: all.
    pub visible_topics: Option<Arc<BTreeSet<Arc<str>>>>,
    /// The assignor it prefers.
    pub server_assignor: Option<Arc<str>>,
    /// What it owns.
    pub owned: Option<Partitions>,
    /// The client.
    pub client_id: Arc<str>,
    /// Where the client is.
    pub client_host: Arc<str>,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// The member.
    pub member: MemberId,
    /// The epoch it has reached; a member that leaves gets its own back.
    pub epoch: i32,
    /// When it is to be heard of again.
    pub heartbeat_interval: Duration,
    /// What it may own from now on; none if that is as it was told before.
    pub assignment: Option<Partitions>,
}

impl ConsumerGroupHeartbeat {
    /// Checks what can be checked without the group.
    pub(crate) fn check(&self, config: &ConsumerGroupConfig) -> Result<(), GroupError> {
        if let Some(reason) = self.broken_rule() {
            return Err(GroupError::Invalid { reason });
        }
        if let Some(expression) = self.topic_regex.as_ref().filter(|regex| !regex.is_empty()) {
            Expression::new(expression).map_err(|error| GroupError::InvalidExpression {
                expression: Arc::clone(expression),
                reason: error.to_string(),
            })?;
        }
        let is_supported = |name: &Arc<str>| {
            Assignor::from_name(name).is_some_and(|assignor| config.assignors.contains(&assignor))
        };
        match &self.server_assignor {
            Some(name) if !is_supported(name) => {
                let names: Vec<&str> =
                    config.assignors.iter().map(|assignor| assignor.name()).collect();
                let supported = names.join(", ");
                Err(GroupError::UnsupportedAssignor { name: Arc::clone(name), supported })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn broken_rule(&self) -> Option<&'static str> {
        let is_empty = |text: &Option<Arc<str>>| text.as_ref().is_some_and(|text| text.is_empty());
        let is_long = |text: &str| text.len() > TEXT_LEN_MAX;
        let joins = self.epoch == JOINS;
        let rules = [
            (self.group.is_empty() || is_long(&self.group), "a group id has 1 to 32767 bytes"),
            (
                self.member.as_str().is_empty() || is_long(self.member.as_str()),
                "a member id has 1 to 32767 bytes",
            ),
            (is_empty(&self.instance_id), "an instance id cannot be empty"),
            (is_empty(&self.rack_id), "a rack id cannot be empty"),
            (
                self.topic_regex.as_deref().is_some_and(is_long),
                "an expression has at most 32767 bytes",
            ),
            (self.epoch < LEAVES_FOR_A_WHILE, "a member epoch is not below -2"),
            (
                self.epoch == LEAVES_FOR_A_WHILE && self.instance_id.is_none(),
                "only a member with an instance id leaves with epoch -2",
            ),
            (
                joins && self.rebalance_timeout.is_none(),
                "a member that joins names its rebalance timeout",
            ),
            (
                joins && self.topic_names.is_none() && self.topic_regex.is_none(),
                "a member that joins names topics or an expression",
            ),
            (
                joins && !self.owned.as_ref().is_some_and(BTreeSet::is_empty),
                "a member that joins says that it owns nothing",
            ),
        ];
        rules.into_iter().find(|(is_broken, _)| *is_broken).map(|(_, reason)| reason)
    }

    /// Whether the member says everything, so that it may not know what it was told.
    pub(super) fn is_full(&self) -> bool {
        self.rebalance_timeout.is_some()
            && (self.topic_names.is_some() || self.topic_regex.is_some())
            && self.owned.is_some()
    }

    /// What is known about the member from now on; none if that is as before.
    pub(super) fn update(&self, known: &MemberMetadata) -> Option<MemberMetadata> {
        let is_news =
            |said: &Option<Arc<str>>, known: &Option<Arc<str>>| said.is_some() && said != known;
        let regex = self
            .topic_regex
            .as_ref()
            .map(|regex| Some(Arc::clone(regex)).filter(|regex| !regex.is_empty()));
        let timeout_ms = self
            .rebalance_timeout
            .map(|timeout| i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX));
        let has_news = is_news(&self.instance_id, &known.instance_id)
            || is_news(&self.rack_id, &known.rack_id)
            || is_news(&self.server_assignor, &known.server_assignor)
            || self.topic_names.as_ref().is_some_and(|names| *names != known.topic_names)
            || regex.as_ref().is_some_and(|regex| *regex != known.topic_regex)
            || timeout_ms.is_some_and(|timeout_ms| timeout_ms != known.rebalance_timeout_ms)
            || self.client_id != known.client_id
            || self.client_host != known.client_host
            || (self.epoch == JOINS && known.classic.is_some());
        let said_or = |said: &Option<Arc<str>>, known: &Option<Arc<str>>| {
            said.clone().or_else(|| known.clone())
        };
        has_news.then(|| MemberMetadata {
            instance_id: said_or(&self.instance_id, &known.instance_id),
            rack_id: said_or(&self.rack_id, &known.rack_id),
            client_id: Arc::clone(&self.client_id),
            client_host: Arc::clone(&self.client_host),
            topic_names: self.topic_names.clone().unwrap_or_else(|| known.topic_names.clone()),
            topic_regex: regex.unwrap_or_else(|| known.topic_regex.clone()),
            rebalance_timeout_ms: timeout_ms.unwrap_or(known.rebalance_timeout_ms),
            server_assignor: said_or(&self.server_assignor, &known.server_assignor),
            // Who joins with a heartbeat has left the classic protocol behind.
            classic: known.classic.clone().filter(|_| self.epoch != JOINS),
        })
    }
}

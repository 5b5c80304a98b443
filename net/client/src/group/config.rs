//! How a member takes part in its group, and what it wants to read.

use std::sync::Arc;
use std::time::Duration;

use corelog_model::TopicName;

use super::Assignor;
use crate::ClientError;

/// Who assigns the partitions of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A member that the coordinator chooses as leader.
    Classic,
    /// The coordinator (KIP-848).
    Consumer,
}

/// What a member reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// These topics.
    Topics(Vec<Arc<str>>),
    /// The topics that match an expression, which the coordinator evaluates (RE2/J). Only with
    /// [`Protocol::Consumer`]; for the classic protocol the driver matches names by itself.
    Pattern(String),
}

/// Settings of a member. The defaults are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// The group.
    pub group: String,
    /// Makes the member static: it keeps its partitions over a restart (KIP-345).
    pub instance_id: Option<String>,
    /// Who assigns.
    pub protocol: Protocol,
    /// How long the coordinator waits for a heartbeat. Classic only: with KIP-848 the server
    /// decides.
    pub session_timeout: Duration,
    /// How long the application may take between two polls, and so how long a rebalance waits for
    /// it; Kafka's `max.poll.interval.ms`.
    pub rebalance_timeout: Duration,
    /// How often a heartbeat is sent. Classic only: with KIP-848 the server decides.
    pub heartbeat_interval: Duration,
    /// What the member can assign with, the preferred one first. Classic only. A rebalance is
    /// cooperative when each of them is (KIP-429).
    pub assignors: Vec<Assignor>,
    /// What the coordinator assigns with; none leaves it the choice. KIP-848 only.
    pub server_assignor: Option<String>,
    /// Where the member is.
    pub rack: Option<String>,
    /// The first pause before a request is sent again; each further one is twice as long.
    pub retry_pause: Duration,
    /// The longest pause before a request is sent again.
    pub retry_pause_max: Duration,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            group: String::new(),
            instance_id: None,
            protocol: Protocol::Classic,
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(300),
            heartbeat_interval: Duration::from_secs(3),
            assignors: vec![Assignor::Range, Assignor::CooperativeSticky],
            server_assignor: None,
            rack: None,
            retry_pause: Duration::from_millis(100),
            retry_pause_max: Duration::from_secs(1),
        }
    }
}

impl GroupConfig {
    /// Names the setting that contradicts another one, or that no group can have.
    pub fn check(&self) -> Result<(), ClientError> {
        let is_on_wire = |time: Duration| time.as_millis() <= i32::MAX as u128;
        let mut sorted: Vec<Assignor> = self.assignors.clone();
        sorted.sort_unstable();
        let mut distinct = sorted.clone();
        distinct.dedup();
        let is_named = |id: &String| TopicName::new(id).is_ok();
        let rules = [
            (!self.group.is_empty(), "a group needs an id"),
            (
                self.instance_id.as_ref().is_none_or(is_named),
                "an instance id is 1 to 249 letters, digits, '.', '_' and '-'",
            ),
            (!self.heartbeat_interval.is_zero(), "the heartbeat interval is above zero"),
            (
                self.heartbeat_interval < self.session_timeout,
                "the heartbeat interval is below the session timeout",
            ),
            (!self.rebalance_timeout.is_zero(), "the rebalance timeout is above zero"),
            (is_on_wire(self.session_timeout), "the session timeout is below 25 days"),
            (is_on_wire(self.rebalance_timeout), "the rebalance timeout is below 25 days"),
            (
                self.protocol == Protocol::Consumer || !self.assignors.is_empty(),
                "a member of a classic group needs an assignor",
            ),
            (sorted == distinct, "an assignor is named once"),
            (
                self.protocol == Protocol::Consumer || self.server_assignor.is_none(),
                "in a classic group the server does not assign",
            ),
            (!self.retry_pause.is_zero(), "the retry pause is above zero"),
            (
                self.retry_pause <= self.retry_pause_max,
                "the retry pause is at most the longest retry pause",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(ClientError::Setting(rule)),
        }
    }

    /// Whether partitions move one by one instead of all being given up first (KIP-429).
    pub(super) fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(|assignor| assignor.is_cooperative())
    }
}

/// Milliseconds as the wire has them; [`GroupConfig::check`] has bounded the settings.
pub(super) fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> GroupConfig {
        GroupConfig { group: "g".to_owned(), ..GroupConfig::default() }
    }

    #[track_caller]
    fn check_refused(config: &GroupConfig, rule: &'static str) {
        assert_eq!(config.check(), Err(ClientError::Setting(rule)));
    }

    #[test]
    fn the_defaults_are_those_of_kafka() {
        let config = config();
        assert_eq!(config.check(), Ok(()));
        let seconds = [config.session_timeout, config.rebalance_timeout, config.heartbeat_interval]
            .map(|time| time.as_secs());
        assert_eq!(seconds, [45, 300, 3]);
        assert!(!config.is_cooperative(), "range is eager");
    }

    #[test]
    fn settings_that_no_group_can_have_are_refused() {
        check_refused(&GroupConfig::default(), "a group needs an id");
        let instance_id = Some("a b".to_owned());
        let rule = "an instance id is 1 to 249 letters, digits, '.', '_' and '-'";
        check_refused(&GroupConfig { instance_id, ..config() }, rule);
        let heartbeat_interval = Duration::from_secs(45);
        let rule = "the heartbeat interval is below the session timeout";
        check_refused(&GroupConfig { heartbeat_interval, ..config() }, rule);
        let assignors = vec![];
        let rule = "a member of a classic group needs an assignor";
        check_refused(&GroupConfig { assignors, ..config() }, rule);
        let assignors = vec![Assignor::Range, Assignor::Sticky, Assignor::Range];
        check_refused(&GroupConfig { assignors, ..config() }, "an assignor is named once");
        let server_assignor = Some("uniform".to_owned());
        let rule = "in a classic group the server does not assign";
        check_refused(&GroupConfig { server_assignor, ..config() }, rule);
        let retry_pause = Duration::from_secs(2);
        let rule = "the retry pause is at most the longest retry pause";
        check_refused(&GroupConfig { retry_pause, ..config() }, rule);
        let rebalance_timeout = Duration::from_secs(3_000_000);
        let rule = "the rebalance timeout is below 25 days";
        check_refused(&GroupConfig { rebalance_timeout, ..config() }, rule);
    }
}

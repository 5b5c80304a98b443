//! A member of a group whose coordinator assigns (KIP-848): heartbeats say what has changed, their
//! answers what the member should own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{ErrorCode, TopicId};
use corelog_wire::{ApiKey, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::config::millis;
use super::link::Link;
use super::membership::{After, code_of, may_pass, refusal};
use super::ownership::Ownership;
use super::reconciliation::{Reconciliation, Slot, by_topic};
use super::{
    Departure, GroupConfig, GroupRequest, Input, MemberIdentity, Output, Protocol, Subscription,
};
use crate::{ClientError, Metadata, Reply, TopicPartition};

#[cfg(test)]
mod tests;

/// The epoch that joins.
const JOINS: i32 = 0;
/// The epoch that leaves.
const LEAVES: i32 = -1;
/// The epoch with which a static member leaves for a while.
const LEAVES_FOR_A_WHILE: i32 = -2;

/// The member.
#[derive(Debug)]
pub(super) struct ConsumerMember {
    config: GroupConfig,
    link: Link,
    held: Ownership,
    reconciliation: Reconciliation,
    phase: Phase,
    /// What the application wants; none after it has unsubscribed.
    wanted: Option<Wanted>,
    /// Drawn by the client, and kept for as long as it lives.
    member_id: String,
    epoch: i32,
    /// Whether the coordinator may know the member.
    is_known: bool,
    /// What the coordinator has been told; none when it has to be told everything.
    told: Option<Told>,
    /// Whether it may have an expression that has to be taken back.
    has_told_pattern: bool,
    heartbeat_interval: Duration,
    heartbeat_at: Duration,
    /// When unknown topics may be asked for again.
    refresh_at: Duration,
    /// Until when the application has to poll.
    poll_until: Duration,
}

/// Where the member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is wanted.
    Out,
    /// In the group, or about to join it.
    In,
    /// The application does not poll; the member has left and waits for it.
    Stalled,
    /// Partitions are given up, then the last heartbeat is sent.
    Leaving(After),
    /// For good.
    Closed,
}

/// A subscription in the form of a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    topics: BTreeSet<Arc<str>>,
    pattern: Option<String>,
}

#[derive(Debug)]
struct Told {
    wanted: Wanted,
    partitions: BTreeSet<Slot>,
}

impl ConsumerMember {
    pub(super) fn new(config: GroupConfig, seed: [u8; 16]) -> Self {
        Self {
            link: Link::new(&config, seed),
            // Replaced by what the server says.
            heartbeat_interval: config.heartbeat_interval,
            config,
            held: Ownership::default(),
            reconciliation: Reconciliation::default(),
            phase: Phase::Out,
            wanted: None,
            // Kafka writes ids of members as those of topics.
            member_id: TopicId::from_bytes(seed).to_string(),
            epoch: JOINS,
            is_known: false,
            told: None,
            has_told_pattern: false,
            heartbeat_at: Duration::ZERO,
            refresh_at: Duration::ZERO,
            poll_until: Duration::ZERO,
        }
    }

    pub(super) fn identity(&self) -> MemberIdentity {
        MemberIdentity {
            group: self.config.group.clone(),
            protocol: Protocol::Consumer,
            member_id: self.member_id.clone(),
            epoch: if self.epoch == JOINS { -1 } else { self.epoch },
            instance_id: self.config.instance_id.clone(),
        }
    }

    pub(super) fn assigned(&self) -> &BTreeSet<TopicPartition> {
        self.held.owned()
    }

    pub(super) fn metadata_topics(&self) -> BTreeSet<Arc<str>> {
        let wanted = self.wanted.iter().flat_map(|wanted| &wanted.topics);
        wanted.chain(self.reconciliation.topics()).cloned().collect()
    }

    pub(super) fn step(
        &mut self,
        now: Duration,
        input: Input<'_>,
        metadata: &Metadata,
    ) -> Vec<Output> {
        let mut outputs = Vec::new();
        match self.take(now, input, &mut outputs) {
            // Leaving goes on whatever the coordinator says.
            Err(error) if !matches!(self.phase, Phase::Leaving(_)) => {
                self.fail(error, &mut outputs);
            }
            Err(_) | Ok(()) => self.advance(now, metadata, &mut outputs),
        }
        outputs
    }

    fn take(
        &mut self,
        now: Duration,
        input: Input<'_>,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        match input {
            Input::Subscribe(subscription) => self.subscribe(now, subscription),
            Input::Unsubscribe => self.unsubscribe(outputs),
            Input::Leave(departure) => self.close(departure, outputs),
            Input::Tick => {}
            Input::Polled => self.polled(now),
            Input::Revoked => self.held.revoked(),
            Input::Assigned => self.held.assigned(),
            Input::Reply(reply) => self.answered(now, reply, outputs)?,
            Input::CommitRefused { epoch, code } => self.commit_refused(now, epoch, code),
            Input::Failed(error) => {
                if self.link.is_idle() {
                    return Ok(());
                }
                self.unanswered(now, outputs);
                let is_over = matches!(self.phase, Phase::Out | Phase::Closed);
                if !is_over && !may_pass(error) {
                    return Err(error.clone());
                }
            }
            Input::CoordinatorLost => {
                self.link.lose_coordinator();
                self.unanswered(now, outputs);
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, now: Duration, subscription: Subscription) {
        if matches!(self.phase, Phase::Closed | Phase::Leaving(After::Closed(_))) {
            return;
        }
        self.wanted = Some(match subscription {
            Subscription::Topics(topics) => {
                Wanted { topics: topics.into_iter().collect(), pattern: None }
            }
            Subscription::Pattern(pattern) => {
                Wanted { topics: BTreeSet::new(), pattern: Some(pattern) }
            }
        });
        self.poll_until = now + self.config.rebalance_timeout;
        if matches!(self.phase, Phase::Out | Phase::Stalled) {
            self.phase = Phase::In;
        }
    }

    fn unsubscribe(&mut self, outputs: &mut Vec<Output>) {
        self.wanted = None;
        match self.phase {
            Phase::Out | Phase::Stalled => {
                self.phase = Phase::Out;
                outputs.push(Output::Left);
            }
            Phase::Closed | Phase::Leaving(After::Closed(_)) => {}
            Phase::In | Phase::Leaving(After::Stalled | After::Unsubscribed) => {
                self.phase = Phase::Leaving(After::Unsubscribed);
            }
        }
    }

    fn close(&mut self, departure: Departure, outputs: &mut Vec<Output>) {
        self.wanted = None;
        match self.phase {
            Phase::Closed => outputs.push(Output::Left),
            Phase::Leaving(After::Closed(_)) => {}
            Phase::Out
            | Phase::Stalled
            | Phase::In
            | Phase::Leaving(After::Stalled | After::Unsubscribed) => {
                self.phase = Phase::Leaving(After::Closed(departure));
            }
        }
    }

    fn polled(&mut self, now: Duration) {
        self.poll_until = now + self.config.rebalance_timeout;
        if matches!(self.phase, Phase::Stalled) {
            self.phase = Phase::In;
        }
    }

    /// The open request may have been carried out or not: the next one tells everything again.
    fn unanswered(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let Some(open) = self.link.close() else { return };
        self.link.lose_coordinator();
        self.link.pause(now);
        self.told = None;
        if open.epoch < JOINS {
            self.left(now, outputs);
        }
    }

    fn answered(
        &mut self,
        now: Duration,
        reply: &Reply,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        let Some(open) = self.link.close() else { return Ok(()) };
        assert!(open.api == reply.api(), "{:?} is open, not {:?}", open.api, reply.api());
        if open.epoch < JOINS {
            // Whatever it says: the session ends it if the coordinator does not.
            self.left(now, outputs);
            return Ok(());
        }
        let response: ConsumerGroupHeartbeatResponse<'_> = reply.decode()?;
        let code = code_of(response.error_code);
        if !code.is_none() {
            self.told = None;
            return self.refused(now, code, response.error_message.as_deref(), outputs);
        }
        if open.epoch != self.epoch {
            // It speaks of a membership that is over.
            return Ok(());
        }
        if let Some(id) = response.member_id.as_deref() {
            id.clone_into(&mut self.member_id);
        }
        self.link.succeed();
        self.epoch = response.member_epoch;
        if let Ok(interval_ms @ 1..) = u64::try_from(response.heartbeat_interval_ms) {
            self.heartbeat_interval = Duration::from_millis(interval_ms);
        }
        self.heartbeat_at = now + self.heartbeat_interval;
        if let Some(assignment) = &response.assignment {
            self.reconciliation.aim(&assignment.topic_partitions);
        }
        Ok(())
    }

    /// A commit that was refused may mean that the member is out: the next heartbeat tells, and is
    /// sent at once.
    fn commit_refused(&mut self, now: Duration, epoch: i32, code: ErrorCode) {
        match code {
            ErrorCode::UnknownMemberId | ErrorCode::StaleMemberEpoch if epoch == self.epoch => {
                self.heartbeat_at = now;
            }
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.link.lose_coordinator();
            }
            _ => {}
        }
    }

    fn refused(
        &mut self,
        now: Duration,
        code: ErrorCode,
        message: Option<&str>,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        match code {
            ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch => {
                self.link.pause_again(now);
                self.out(outputs);
                Ok(())
            }
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.link.lose_coordinator();
                self.link.pause(now);
                Ok(())
            }
            code if code.is_retriable() => {
                self.link.pause(now);
                Ok(())
            }
            code => {
                let api = ApiKey::ConsumerGroupHeartbeat;
                Err(refusal(api, &self.config.group, code, message))
            }
        }
    }

    /// The coordinator does not count the member in: what it owned may be read by others.
    fn out(&mut self, outputs: &mut Vec<Output>) {
        self.epoch = JOINS;
        self.is_known = false;
        self.told = None;
        self.has_told_pattern = false;
        self.reconciliation = Reconciliation::default();
        self.held.lose(outputs);
    }

    fn advance(&mut self, now: Duration, metadata: &Metadata, outputs: &mut Vec<Output>) {
        if matches!(self.phase, Phase::In) && self.poll_until <= now {
            let is_known = self.is_known;
            self.out(outputs);
            self.is_known = is_known;
            self.phase = Phase::Leaving(After::Stalled);
        }
        if matches!(self.phase, Phase::Leaving(_)) {
            self.leave(now, outputs);
        }
        if matches!(self.phase, Phase::In) {
            let unknown = self.reconciliation.resolve(metadata);
            if !unknown.is_empty() && self.refresh_at <= now {
                self.refresh_at = now + self.config.retry_pause_max;
                outputs.push(Output::Refresh { topics: BTreeSet::new(), ids: unknown });
            }
            self.reconciliation.advance(&mut self.held, outputs);
        }
        if self.sends_heartbeats() {
            self.heartbeat(now, outputs);
        }
    }

    /// Whether the coordinator is to hear of the member: also while the application gives up its
    /// partitions at the end.
    fn sends_heartbeats(&self) -> bool {
        match self.phase {
            Phase::In => true,
            Phase::Leaving(_) => self.epoch > JOINS && !self.held.owned().is_empty(),
            Phase::Out | Phase::Stalled | Phase::Closed => false,
        }
    }

    /// Whether the coordinator is to hear something new, without waiting for the interval.
    fn has_news(&self) -> bool {
        self.told.as_ref().is_none_or(|told| {
            self.wanted.as_ref().is_some_and(|wanted| *wanted != told.wanted)
                || self.has_acknowledgement(told)
        })
    }

    fn has_acknowledgement(&self, told: &Told) -> bool {
        !self.reconciliation.is_taking_over() && *self.reconciliation.owned() != told.partitions
    }

    /// Sends a heartbeat: everything when the member joins or an answer was missing, else only what
    /// has changed.
    fn heartbeat(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let is_due = self.heartbeat_at <= now || self.has_news();
        // A member that joins anew has no partitions, not even some that the application is
        // about to give up.
        let may_join = self.epoch != JOINS || self.held.is_free();
        if !is_due || !may_join || !self.link.is_ready(now) {
            return;
        }
        // A member that leaves wants what it last wanted.
        let last = self.told.as_ref().map(|told| &told.wanted);
        let Some(wanted) = self.wanted.as_ref().or(last).cloned() else { return };
        let told = self.told.take();
        let is_full = told.is_none();
        let names_differ = told.as_ref().is_none_or(|told| told.wanted.topics != wanted.topics);
        let pattern_differs = match &told {
            None => wanted.pattern.is_some() || self.has_told_pattern,
            Some(told) => told.wanted.pattern != wanted.pattern,
        };
        let owned_differ = told.as_ref().is_none_or(|told| self.has_acknowledgement(told));
        let partitions = match told {
            Some(told) if !owned_differ => told.partitions,
            _ => self.reconciliation.owned().clone(),
        };
        let config = &self.config;
        let full = |text: &Option<String>| text.clone().filter(|_| is_full).map(Into::into);
        let request = ConsumerGroupHeartbeatRequest {
            group_id: config.group.clone().into(),
            member_id: self.member_id.clone().into(),
            member_epoch: self.epoch,
            instance_id: config.instance_id.clone().map(Into::into),
            rack_id: full(&config.rack),
            rebalance_timeout_ms: if is_full { millis(config.rebalance_timeout) } else { -1 },
            subscribed_topic_names: names_differ
                .then(|| wanted.topics.iter().map(|topic| topic.to_string().into()).collect()),
            // An empty expression takes the last one back.
            subscribed_topic_regex: pattern_differs
                .then(|| wanted.pattern.clone().unwrap_or_default().into()),
            server_assignor: full(&config.server_assignor),
            topic_partitions: owned_differ.then(|| by_topic(&partitions)),
        };
        self.has_told_pattern |= wanted.pattern.is_some();
        self.told = Some(Told { wanted, partitions });
        self.is_known = true;
        self.heartbeat_at = now + self.heartbeat_interval;
        self.link.send(now, self.epoch, GroupRequest::ConsumerHeartbeat(request), outputs);
    }

    /// Gives up everything, then leaves. An open request is waited for.
    fn leave(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let Phase::Leaving(after) = self.phase else { return };
        if self.held.surrender(outputs) || !self.link.is_idle() {
            return;
        }
        let is_static = self.config.instance_id.is_some();
        let epoch = match (after, is_static) {
            (After::Closed(Departure::Remain), false) => None,
            (After::Closed(Departure::Release), _) | (_, false) => Some(LEAVES),
            (After::Stalled | After::Unsubscribed | After::Closed(_), true) => {
                Some(LEAVES_FOR_A_WHILE)
            }
        };
        let Some(epoch) = epoch.filter(|_| self.is_known) else {
            self.left(now, outputs);
            return;
        };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.config.group.clone().into(),
            member_id: self.member_id.clone().into(),
            member_epoch: epoch,
            instance_id: self.config.instance_id.clone().map(Into::into),
            rebalance_timeout_ms: -1,
            ..ConsumerGroupHeartbeatRequest::default()
        };
        self.link.send(now, epoch, GroupRequest::ConsumerHeartbeat(request), outputs);
    }

    /// Notes that the member is out, whether the coordinator knows it or has yet to find out.
    fn left(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        let Phase::Leaving(after) = self.phase else { return };
        self.out(outputs);
        self.link.succeed();
        match after {
            After::Closed(_) => {
                self.phase = Phase::Closed;
                outputs.push(Output::Left);
            }
            After::Unsubscribed => {
                self.phase = if self.wanted.is_some() { Phase::In } else { Phase::Out };
                outputs.push(Output::Left);
            }
            After::Stalled => {
                let polls = now < self.poll_until;
                self.phase = if polls { Phase::In } else { Phase::Stalled };
            }
        }
    }

    pub(super) fn next_wakeup(&self, now: Duration) -> Option<Duration> {
        let is_in = matches!(self.phase, Phase::In);
        let ready_at = self.link.ready_at().filter(|_| self.sends_heartbeats()).map(|ready_at| {
            if self.has_news() { ready_at } else { ready_at.max(self.heartbeat_at) }
        });
        let times = [ready_at, is_in.then_some(self.poll_until), is_in.then_some(self.refresh_at)];
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn fail(&mut self, error: ClientError, outputs: &mut Vec<Output>) {
        self.out(outputs);
        self.wanted = None;
        self.phase = Phase::Closed;
        outputs.push(Output::Fail(error));
    }
}

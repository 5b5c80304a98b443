//! A member of a classic group: it joins, a leader among the members assigns, the coordinator hands
//! out the parts, and heartbeats keep the member in until the next rebalance (KIP-62, KIP-345,
//! KIP-394, KIP-429).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_wire::ApiKey;
use corelog_wire::api::sync_group::SyncGroupRequestAssignment;

use super::assignor::GroupMember;
use super::link::Link;
use super::membership::{After, may_pass};
use super::ownership::Ownership;
use super::{
    Assignor, Departure, GroupConfig, Input, MemberIdentity, Output, Protocol, Subscription,
};
use crate::{ClientError, Metadata, TopicPartition};

mod answer;
mod ask;
mod lead;
#[cfg(test)]
mod tests;

/// The generation of one that is in none.
const NO_GENERATION: i32 = -1;

/// The member.
#[derive(Debug)]
pub(super) struct ClassicMember {
    config: GroupConfig,
    link: Link,
    held: Ownership,
    phase: Phase,
    /// What the application wants; none after it has unsubscribed.
    wanted: Option<BTreeSet<Arc<str>>>,
    /// What the last JoinGroup said.
    joined: BTreeSet<Arc<str>>,
    /// Why the next JoinGroup is sent, for the log of the coordinator.
    reason: &'static str,
    /// Empty before the first JoinGroup, and after the coordinator has forgotten the member.
    member_id: String,
    generation: i32,
    /// What the group assigns with in this generation.
    assignor: Option<Assignor>,
    takeover: Option<Takeover>,
    /// The last assignment and its generation, given up or not: how sticky assignors remember.
    last: Option<(i32, BTreeSet<TopicPartition>)>,
    /// Of the leader: the topics of all members, and how many partitions it assigned of them.
    watched: Option<BTreeMap<Arc<str>, usize>>,
    /// When the coordinator last said that the member is in.
    contact: Duration,
    heartbeat_at: Duration,
    /// Until when the application has to poll.
    poll_until: Duration,
}

/// Where the member stands.
#[derive(Debug)]
enum Phase {
    /// Nothing is wanted.
    Out,
    /// The application does not poll; the member has left and waits for it.
    Stalled,
    /// JoinGroup is to be sent or open; what must be given up first is.
    Joining,
    /// The leader assigns once it has the metadata.
    Leading(Leading),
    /// SyncGroup is to be sent, with this, or open.
    Syncing(Option<Vec<SyncGroupRequestAssignment<'static>>>),
    /// In the group.
    Stable,
    /// Partitions are given up, then LeaveGroup is sent.
    Leaving(After),
    /// For good.
    Closed,
}

#[derive(Debug)]
struct Leading {
    /// For whom to assign; none where the assignment stays (KIP-814).
    members: Option<Vec<GroupMember>>,
    /// When to assign with what is known.
    until: Duration,
    /// When to ask for the metadata again.
    refresh_at: Duration,
}

/// What is left to do of an assignment, after partitions have been given up.
#[derive(Debug)]
struct Takeover {
    added: BTreeSet<TopicPartition>,
    /// Whether the group has to know that partitions are free now.
    then_rejoin: bool,
}

/// Whether the coordinator still knows the id of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Keep,
    Forget,
}

impl ClassicMember {
    pub(super) fn new(config: GroupConfig, seed: [u8; 16]) -> Self {
        Self {
            link: Link::new(&config, seed),
            config,
            held: Ownership::default(),
            phase: Phase::Out,
            wanted: None,
            joined: BTreeSet::new(),
            reason: "",
            member_id: String::new(),
            generation: NO_GENERATION,
            assignor: None,
            takeover: None,
            last: None,
            watched: None,
            contact: Duration::ZERO,
            heartbeat_at: Duration::ZERO,
            poll_until: Duration::ZERO,
        }
    }

    pub(super) fn identity(&self) -> MemberIdentity {
        MemberIdentity {
            group: self.config.group.clone(),
            protocol: Protocol::Classic,
            member_id: self.member_id.clone(),
            epoch: self.generation,
            instance_id: self.config.instance_id.clone(),
        }
    }

    pub(super) fn assigned(&self) -> &BTreeSet<TopicPartition> {
        self.held.owned()
    }

    pub(super) fn metadata_topics(&self) -> BTreeSet<Arc<str>> {
        let watched = self.watched.iter().flat_map(BTreeMap::keys);
        self.wanted.iter().flatten().chain(watched).cloned().collect()
    }

    pub(super) fn step(
        &mut self,
        now: Duration,
        input: Input<'_>,
        metadata: &Metadata,
    ) -> Vec<Output> {
        let mut outputs = Vec::new();
        let taken = match self.take(now, input, &mut outputs) {
            // Leaving goes on whatever the coordinator says.
            Err(_) if matches!(self.phase, Phase::Leaving(_)) => Ok(()),
            result => result,
        };
        let result = taken.and_then(|()| self.advance(now, metadata, &mut outputs));
        if let Err(error) = result {
            self.fail(error, &mut outputs);
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
            Input::Subscribe(subscription) => self.subscribe(now, subscription)?,
            Input::Unsubscribe => self.unsubscribe(outputs),
            Input::Leave(departure) => self.close(departure, outputs),
            Input::Tick => {}
            Input::Polled => self.polled(now),
            Input::Revoked => self.held.revoked(),
            Input::Assigned => self.held.assigned(),
            Input::Reply(reply) => self.answered(now, reply, outputs)?,
            Input::CommitRefused { epoch, code } => self.commit_refused(epoch, code, outputs)?,
            Input::Failed(error) => self.failed(now, error, outputs)?,
            Input::CoordinatorLost => {
                self.link.lose_coordinator();
                if let Some(open) = self.link.close() {
                    self.unanswered(now, open.api, outputs);
                }
            }
        }
        Ok(())
    }

    fn subscribe(&mut self, now: Duration, subscription: Subscription) -> Result<(), ClientError> {
        if matches!(self.phase, Phase::Closed | Phase::Leaving(After::Closed(_))) {
            return Ok(());
        }
        let Subscription::Topics(topics) = subscription else {
            let rule = "a classic group subscribes to topics, not to an expression";
            return Err(ClientError::Setting(rule));
        };
        self.wanted = Some(topics.into_iter().collect());
        self.poll_until = now + self.config.rebalance_timeout;
        if matches!(self.phase, Phase::Out | Phase::Stalled) {
            self.rejoin("the member is new");
        }
        Ok(())
    }

    fn unsubscribe(&mut self, outputs: &mut Vec<Output>) {
        self.wanted = None;
        match self.phase {
            Phase::Out | Phase::Stalled => {
                self.phase = Phase::Out;
                outputs.push(Output::Left);
            }
            Phase::Closed | Phase::Leaving(After::Closed(_)) => {}
            Phase::Joining
            | Phase::Leading(_)
            | Phase::Syncing(_)
            | Phase::Stable
            | Phase::Leaving(After::Stalled | After::Unsubscribed) => {
                self.takeover = None;
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
            | Phase::Joining
            | Phase::Leading(_)
            | Phase::Syncing(_)
            | Phase::Stable
            | Phase::Leaving(After::Stalled | After::Unsubscribed) => {
                self.takeover = None;
                self.phase = Phase::Leaving(After::Closed(departure));
            }
        }
    }

    fn polled(&mut self, now: Duration) {
        self.poll_until = now + self.config.rebalance_timeout;
        if matches!(self.phase, Phase::Stalled) {
            self.rejoin("the application polls again");
        }
    }

    fn failed(
        &mut self,
        now: Duration,
        error: &ClientError,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        let Some(open) = self.link.close() else { return Ok(()) };
        self.link.lose_coordinator();
        self.unanswered(now, open.api, outputs);
        let is_over = matches!(self.phase, Phase::Out | Phase::Closed);
        if is_over || may_pass(error) { Ok(()) } else { Err(error.clone()) }
    }

    /// What follows when a request went nowhere: it may have been carried out or not.
    fn unanswered(&mut self, now: Duration, api: ApiKey, outputs: &mut Vec<Output>) {
        self.link.pause(now);
        match api {
            ApiKey::LeaveGroup => self.left(now, outputs),
            ApiKey::JoinGroup | ApiKey::SyncGroup => {
                if matches!(self.phase, Phase::Joining | Phase::Syncing(_)) {
                    self.rejoin("the last attempt was not answered");
                }
            }
            _ => {}
        }
    }

    fn advance(
        &mut self,
        now: Duration,
        metadata: &Metadata,
        outputs: &mut Vec<Output>,
    ) -> Result<(), ClientError> {
        self.check_poll(now, outputs);
        self.check_session(now, outputs);
        self.take_over(outputs);
        self.watch(metadata);
        if matches!(self.phase, Phase::Joining) {
            self.join(now, outputs)?;
        }
        if matches!(self.phase, Phase::Leading(_)) {
            self.lead(now, metadata, outputs)?;
        }
        if matches!(self.phase, Phase::Syncing(_)) {
            self.sync(now, outputs);
        }
        if matches!(self.phase, Phase::Leaving(_)) {
            self.leave(now, outputs);
        }
        // Leaving may have ended at once, with a wish that came meanwhile.
        if matches!(self.phase, Phase::Joining) {
            self.join(now, outputs)?;
        }
        self.heartbeat(now, outputs);
        Ok(())
    }

    /// Wants to be in the next generation.
    fn rejoin(&mut self, reason: &'static str) {
        self.reason = reason;
        self.phase = Phase::Joining;
    }

    /// Whether the member is in the group or on its way, with no wish to leave.
    fn is_in(&self) -> bool {
        match self.phase {
            Phase::Joining | Phase::Leading(_) | Phase::Syncing(_) | Phase::Stable => true,
            Phase::Out | Phase::Stalled | Phase::Leaving(_) | Phase::Closed => false,
        }
    }

    /// Whether the coordinator holds the answer back, and the member in the group meanwhile.
    fn is_awaited(&self) -> bool {
        self.link
            .open()
            .is_some_and(|open| matches!(open.api, ApiKey::JoinGroup | ApiKey::SyncGroup))
    }

    fn check_poll(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        if self.is_in() && self.poll_until <= now {
            self.forget_generation(outputs);
            self.phase = Phase::Leaving(After::Stalled);
        }
    }

    fn session_until(&self) -> Option<Duration> {
        let counts = self.generation != NO_GENERATION && !self.is_awaited();
        counts.then(|| self.contact + self.config.session_timeout)
    }

    fn check_session(&mut self, now: Duration, outputs: &mut Vec<Output>) {
        if self.session_until().is_some_and(|until| until <= now) {
            self.link.lose_coordinator();
            self.out_of_generation(Id::Keep, "the session timed out", outputs);
        }
    }

    fn forget_generation(&mut self, outputs: &mut Vec<Output>) {
        self.generation = NO_GENERATION;
        self.takeover = None;
        self.watched = None;
        self.held.lose(outputs);
    }

    /// The coordinator no longer counts the member in: what it owned may be read by others.
    fn out_of_generation(&mut self, id: Id, reason: &'static str, outputs: &mut Vec<Output>) {
        self.forget_generation(outputs);
        if id == Id::Forget {
            self.member_id.clear();
        }
        if self.is_in() {
            self.rejoin(reason);
        }
    }

    /// Goes on with an assignment when the application has given up what it lost by it.
    fn take_over(&mut self, outputs: &mut Vec<Output>) {
        if !self.held.is_free() {
            return;
        }
        let Some(takeover) = &mut self.takeover else { return };
        if self.held.assign(std::mem::take(&mut takeover.added), outputs) {
            return;
        }
        let then_rejoin = takeover.then_rejoin;
        self.takeover = None;
        if then_rejoin && matches!(self.phase, Phase::Stable) {
            self.rejoin("partitions have been given up for others");
        }
    }

    /// Wants a rebalance when what the last one was made for has changed.
    fn watch(&mut self, metadata: &Metadata) {
        if !matches!(self.phase, Phase::Stable) {
            return;
        }
        if self.wanted.as_ref().is_some_and(|wanted| *wanted != self.joined) {
            self.rejoin("the subscription has changed");
        } else if self.watched.as_ref().is_some_and(|watched| has_changed(watched, metadata)) {
            self.rejoin("the partitions of a topic have changed");
        }
    }

    pub(super) fn next_wakeup(&self, now: Duration) -> Option<Duration> {
        let mut times = Vec::new();
        if self.is_in() {
            times.push(self.poll_until);
        }
        times.extend(self.session_until());
        if let Some(ready_at) = self.link.ready_at() {
            if self.sends_heartbeats() {
                times.push(self.heartbeat_at.max(ready_at));
            }
            match &self.phase {
                Phase::Joining | Phase::Syncing(Some(_)) => times.push(ready_at),
                Phase::Leading(leading) => times.extend([leading.until, leading.refresh_at]),
                Phase::Out
                | Phase::Stalled
                | Phase::Syncing(None)
                | Phase::Stable
                | Phase::Leaving(_)
                | Phase::Closed => {}
            }
        }
        times.into_iter().filter(|at| *at > now).min()
    }

    fn fail(&mut self, error: ClientError, outputs: &mut Vec<Output>) {
        self.forget_generation(outputs);
        self.wanted = None;
        self.phase = Phase::Closed;
        outputs.push(Output::Fail(error));
    }
}

fn has_changed(watched: &BTreeMap<Arc<str>, usize>, metadata: &Metadata) -> bool {
    let differs = |(topic, count): (&Arc<str>, &usize)| {
        lead::count(topic, metadata).is_some_and(|known| known != *count)
    };
    watched.iter().any(differs)
}

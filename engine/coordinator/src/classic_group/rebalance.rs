//! How a classic group comes from one generation to the next.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_model::ErrorCode;

use super::join::refuse_waiting;
use super::member::{Member, Waiting};
use super::{ClassicGroup, Completing, Initial, Preparing, State};
use crate::output::{Reply, Step};

/// How long to wait at least until members are looked for again that are known but silent.
const RETRY_MIN: Duration = Duration::from_secs(1);

impl ClassicGroup {
    /// The members have changed, or what they want: everyone has to rejoin.
    pub(super) fn rebalance(&mut self, step: &mut Step<'_>) {
        match self.state {
            State::Empty => {
                let timeout = self.rebalance_timeout();
                let delay = step.config.initial_rebalance_delay.min(timeout);
                let initial =
                    Initial { remaining: timeout.saturating_sub(delay), has_grown: false };
                let until = step.now.clock + delay;
                self.become_preparing(Preparing { until, initial: Some(initial) }, step);
            }
            State::Stable { .. } | State::Completing(_) => {
                self.refuse_syncs(ErrorCode::RebalanceInProgress, step);
                let until = step.now.clock + self.rebalance_timeout();
                self.become_preparing(Preparing { until, initial: None }, step);
                self.complete_if_all_joined(step);
            }
            State::Preparing(_) => self.complete_if_all_joined(step),
            State::Dead => {}
        }
    }

    fn become_preparing(&mut self, preparing: Preparing, step: &Step<'_>) {
        self.state = State::Preparing(preparing);
        self.since = step.now.wall;
    }

    /// Goes on when nobody is missing, unless the group waits for members it does not know yet.
    pub(super) fn complete_if_all_joined(&mut self, step: &mut Step<'_>) {
        let State::Preparing(Preparing { initial: None, .. }) = self.state else { return };
        let is_complete = self.members.values().all(Member::is_joining);
        if is_complete && self.pending.is_empty() {
            self.complete_join(step);
        }
    }

    /// The time to join is over.
    pub(super) fn join_is_due(&mut self, step: &mut Step<'_>) {
        let State::Preparing(preparing) = &mut self.state else { return };
        if let Some(initial) = &mut preparing.initial
            && initial.has_grown
        {
            let delay = step.config.initial_rebalance_delay.min(initial.remaining);
            if !delay.is_zero() {
                initial.remaining -= delay;
                initial.has_grown = false;
                preparing.until = step.now.clock + delay;
                return;
            }
        }
        self.complete_join(step);
    }

    fn complete_join(&mut self, step: &mut Step<'_>) {
        let silent = self.members.iter();
        let silent = silent.filter(|(_, one)| !one.is_joining() && one.instance_id.is_none());
        let silent: Vec<String> = silent.map(|(id, _)| id.clone()).collect();
        for member_id in silent {
            self.remove_member(&member_id, ErrorCode::UnknownMemberId, step);
        }
        if self.members.is_empty() {
            return self.become_empty(step);
        }
        if !self.elect_leader() {
            // Static members may come back until their sessions end.
            let until = step.now.clock + self.rebalance_timeout().max(RETRY_MIN);
            self.state = State::Preparing(Preparing { until, initial: None });
            return;
        }
        self.next_generation();
        self.protocol = Some(self.vote());
        self.topics = self.subscribed_topics();
        self.since = step.now.wall;
        let sync_until = step.now.clock + self.rebalance_timeout();
        self.state = State::Completing(Completing { sync_until, assigned: None });
        self.answer_joins(step);
    }

    fn become_empty(&mut self, step: &mut Step<'_>) {
        self.next_generation();
        self.protocol = None;
        self.leader = None;
        self.topics = None;
        self.state = State::Empty;
        self.since = step.now.wall;
        self.is_stored = true;
        let record = self.record(self.since, |_, _| Vec::new());
        // Nobody waits for it. Without it a new coordinator lets the sessions run out.
        step.append(vec![record]);
    }

    fn next_generation(&mut self) {
        // Generation 0 is before the first one, and negative ones are in no group.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
    }

    fn answer_joins(&mut self, step: &mut Step<'_>) {
        let member_ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in member_ids {
            let joined = self.joined(&member_id);
            let member = self.members.get_mut(&member_id).expect("its key was just there");
            let waiting = std::mem::replace(&mut member.waiting, Waiting::Nothing);
            // A silent static member keeps its place until its session ends.
            member.has_synced = waiting == Waiting::Nothing;
            let Waiting::Join(request) = waiting else { continue };
            member.is_new = false;
            member.touch(step.now.clock);
            step.reply(request, Reply::Join(Ok(joined)));
        }
    }

    /// Whether one leads that is there; else another one does from now on, if any is there.
    fn elect_leader(&mut self) -> bool {
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if leader.is_some_and(Member::is_joining) {
            return true;
        }
        let present = self.members.iter().find(|(_, member)| member.is_joining());
        let Some((member_id, _)) = present else { return false };
        self.leader = Some(member_id.clone());
        true
    }

    /// What most members prefer among what all of them support.
    pub(super) fn vote(&self) -> String {
        let is_common = |name: &str| self.members.values().all(|member| member.supports(name));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut names = member.protocols.iter().map(|protocol| protocol.name.as_str());
            if let Some(name) = names.find(|name| is_common(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        let winner =
            votes.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
        winner.expect("a member is only admitted with a protocol that all support").0.to_owned()
    }

    /// The longest time that a member wants for rejoining.
    pub(super) fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    /// Every request for an assignment is answered with an error.
    pub(super) fn refuse_syncs(&mut self, code: ErrorCode, step: &mut Step<'_>) {
        for (member_id, member) in &mut self.members {
            if let Waiting::Sync(_) = member.waiting {
                let waiting = std::mem::replace(&mut member.waiting, Waiting::Nothing);
                member.touch(step.now.clock);
                refuse_waiting(waiting, member_id, code, step);
            }
        }
    }

    /// Forgets a member, and answers what it waits for.
    pub(super) fn remove_member(&mut self, member_id: &str, code: ErrorCode, step: &mut Step<'_>) {
        let Some(member) = self.members.remove(member_id) else { return };
        if let Some(instance_id) = &member.instance_id {
            self.instances.remove(instance_id);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        refuse_waiting(member.waiting, member_id, code, step);
    }
}

//! A member of a group, whatever its protocol: inputs come in, what is to be done goes out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::{ErrorCode, TopicId};
use corelog_wire::ApiKey;

use super::classic::ClassicMember;
use super::server_side::ConsumerMember;
use super::{GroupConfig, GroupRequest, MemberIdentity, Protocol, Subscription};
use crate::{ClientError, Metadata, Reply, TopicPartition};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'r> {
    /// The application wants to read this from now on.
    Subscribe(Subscription),
    /// The application wants nothing: the member leaves, and may subscribe again.
    Unsubscribe,
    /// The moment of [`Membership::next_wakeup`] has come, or the metadata is newer.
    Tick,
    /// The application is alive. It has to say so within the rebalance timeout, also while it
    /// gives up or takes over partitions; else the member leaves until it does.
    Polled,
    /// The answer to the open request.
    Reply(&'r Reply),
    /// The open request will not be answered, or the coordinator was not found.
    Failed(&'r ClientError),
    /// The connection to the coordinator is gone, and with it the open request, if any.
    CoordinatorLost,
    /// The application has given up what [`Output::Revoke`] named.
    Revoked,
    /// The application has taken over what [`Output::Assign`] named.
    Assigned,
    /// An OffsetCommit by the member of this epoch was refused. Codes that say nothing of the
    /// membership are passed over.
    CommitRefused {
        /// The epoch of [`Membership::identity`] when it was sent.
        epoch: i32,
        /// What the coordinator said of it.
        code: ErrorCode,
    },
    /// The member leaves for good; everything after this but answers is passed over.
    Leave(Departure),
}

/// What the coordinator is told at the end (KIP-1092).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// A dynamic member leaves; a static one keeps its place until the session is over.
    Usual,
    /// The member leaves, static or not.
    Release,
    /// The member keeps its place until the session is over, static or not.
    Remain,
}

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send to the coordinator. [`Input::Reply`], [`Input::Failed`] or
    /// [`Input::CoordinatorLost`] follows; until then nothing else is sent.
    Send(GroupRequest),
    /// Look for the coordinator before the next [`Output::Send`], even if one is known.
    FindCoordinator,
    /// Ask the application to give these up, while it may still commit. Exactly one
    /// [`Input::Revoked`] follows, even if [`Output::Lose`] comes in between.
    Revoke(BTreeSet<TopicPartition>),
    /// These are gone, and perhaps read by others: nothing can be committed. Needs no answer.
    Lose(BTreeSet<TopicPartition>),
    /// Hand these over to the application. Exactly one [`Input::Assigned`] follows, even if
    /// [`Output::Lose`] comes in between. Never empty.
    Assign(BTreeSet<TopicPartition>),
    /// Ask for the metadata of these; [`Input::Tick`] follows when it is there.
    Refresh {
        /// Topics by name.
        topics: BTreeSet<Arc<str>>,
        /// Topics of which only the id is known.
        ids: BTreeSet<TopicId>,
    },
    /// The member is no more, and why. Only [`Input::Leave`] has a meaning after it.
    Fail(ClientError),
    /// The member has left, after [`Input::Unsubscribe`] or [`Input::Leave`].
    Left,
}

/// A member of a group.
#[derive(Debug)]
pub struct Membership {
    member: Member,
}

#[derive(Debug)]
enum Member {
    Classic(Box<ClassicMember>),
    Consumer(Box<ConsumerMember>),
}

impl Membership {
    /// A member that wants nothing yet. `seed` is random: it becomes the member id of KIP-848 and
    /// spreads pauses. The config has passed [`GroupConfig::check`].
    pub fn new(config: GroupConfig, seed: [u8; 16]) -> Self {
        let member = match config.protocol {
            Protocol::Classic => Member::Classic(Box::new(ClassicMember::new(config, seed))),
            Protocol::Consumer => Member::Consumer(Box::new(ConsumerMember::new(config, seed))),
        };
        Self { member }
    }

    /// Advances by one input. `now` never goes back. The metadata holds what is known of
    /// [`Membership::metadata_topics`] and of what [`Output::Refresh`] asked for.
    pub fn step(&mut self, now: Duration, input: Input<'_>, metadata: &Metadata) -> Vec<Output> {
        match &mut self.member {
            Member::Classic(member) => member.step(now, input, metadata),
            Member::Consumer(member) => member.step(now, input, metadata),
        }
    }

    /// The next moment after `now` at which [`Input::Tick`] does something, if nothing else
    /// happens.
    pub fn next_wakeup(&self, now: Duration) -> Option<Duration> {
        match &self.member {
            Member::Classic(member) => member.next_wakeup(now),
            Member::Consumer(member) => member.next_wakeup(now),
        }
    }

    /// Who the member is at this moment.
    pub fn identity(&self) -> MemberIdentity {
        match &self.member {
            Member::Classic(member) => member.identity(),
            Member::Consumer(member) => member.identity(),
        }
    }

    /// What the application owns: from [`Output::Assign`] to [`Input::Revoked`] or
    /// [`Output::Lose`].
    pub fn assigned(&self) -> &BTreeSet<TopicPartition> {
        match &self.member {
            Member::Classic(member) => member.assigned(),
            Member::Consumer(member) => member.assigned(),
        }
    }

    /// The topics whose metadata is to be kept fresh: a change of their partitions may mean a
    /// rebalance. For the leader of a classic group those of all members.
    pub fn metadata_topics(&self) -> BTreeSet<Arc<str>> {
        match &self.member {
            Member::Classic(member) => member.metadata_topics(),
            Member::Consumer(member) => member.metadata_topics(),
        }
    }
}

/// What comes when a member has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It waits until the application polls again.
    Stalled,
    /// It waits until the application subscribes again.
    Unsubscribed,
    /// Nothing.
    Closed(Departure),
}

/// The error for a code of the coordinator.
pub(super) fn refusal(
    api: ApiKey,
    group: &str,
    code: ErrorCode,
    message: Option<&str>,
) -> ClientError {
    let message = message.map(str::to_owned);
    ClientError::Refused { api, about: format!("group {group}"), code, message }
}

/// The code in a response; one that is newer than our table is an error all the same.
pub(super) fn code_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}

/// Whether a request that failed on its way may be sent again.
pub(super) fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::GaveUp { last, .. } => may_pass(last),
        error => error.is_retriable(),
    }
}

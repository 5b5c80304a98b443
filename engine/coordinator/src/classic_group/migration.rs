//! The members of a classic group go over to a consumer group, or come from one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use corelog_model::Timestamp;

use super::commit::CONSUMER;
use super::member::{Member, Waiting};
use super::{ClassicGroup, State};
use crate::consumer_group::{MemberMetadata, Partitions, Topics, milliseconds};
use crate::consumer_protocol::{Subscription, read_assignment};
use crate::input::JoinProtocol;
use crate::output::Step;
use crate::records::{ClassicMember, CoordinatorRecord};

/// A member between groups, in the words of both.
#[derive(Debug)]
pub(crate) struct Migrant {
    pub(crate) member_id: String,
    pub(crate) metadata: MemberMetadata,
    pub(crate) protocols: Vec<JoinProtocol>,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) assigned: Partitions,
    /// The same as the member knows it.
    pub(crate) assignment: Vec<u8>,
}

impl ClassicGroup {
    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// The members that have been in a generation; none if not all can be understood. Others join
    /// anew, as they have yet to be answered.
    pub(crate) fn emigrants(&self, topics: &Topics) -> Option<Vec<Migrant>> {
        if self.protocol_type() != CONSUMER {
            return None;
        }
        let settled = self.members.iter().filter(|(_, member)| !member.is_new);
        settled.map(|(id, member)| self.emigrant(id, member, topics)).collect()
    }

    fn emigrant(&self, id: &str, member: &Member, topics: &Topics) -> Option<Migrant> {
        let chosen = self.protocol.as_deref().filter(|name| member.supports(name));
        let name = chosen.or_else(|| member.protocols.first().map(|one| one.name.as_str()));
        let subscription = Subscription::read(member.metadata(name), topics).ok()?;
        let assigned = match member.assignment.as_slice() {
            [] => Partitions::new(),
            bytes => read_assignment(bytes, topics).ok()?,
        };
        let text = |text: &String| Arc::from(text.as_str());
        let topic_names: BTreeSet<Arc<str>> = subscription.topics.iter().map(text).collect();
        let metadata = MemberMetadata {
            instance_id: member.instance_id.as_ref().map(text),
            rack_id: subscription.rack.as_ref().map(text),
            client_id: text(&member.client_id),
            client_host: text(&member.client_host),
            topic_names,
            rebalance_timeout_ms: milliseconds(member.rebalance_timeout),
            classic: Some(ClassicMember {
                session_timeout_ms: milliseconds(member.session_timeout),
                protocols: member.protocols.clone(),
            }),
            ..MemberMetadata::default()
        };
        Some(Migrant {
            member_id: id.to_owned(),
            metadata,
            protocols: member.protocols.clone(),
            session_timeout: member.session_timeout,
            rebalance_timeout: member.rebalance_timeout,
            assigned,
            assignment: member.assignment.clone(),
        })
    }

    /// A group of these members in a generation of its own, and its record. Its members have to
    /// rejoin, so that one of them leads.
    pub(crate) fn of_migrants(
        id: String,
        generation: i32,
        migrants: Vec<Migrant>,
        step: &mut Step<'_>,
    ) -> (ClassicGroup, CoordinatorRecord) {
        let since: Timestamp = step.now.wall;
        let mut group = ClassicGroup::new(id, since);
        group.is_stored = true;
        group.generation = generation;
        group.protocol_type = Some(CONSUMER.to_owned());
        for migrant in migrants {
            let text = |text: &Arc<str>| text.as_ref().to_owned();
            let instance_id = migrant.metadata.instance_id.as_ref().map(text);
            if let Some(instance_id) = &instance_id {
                group.instances.insert(instance_id.clone(), migrant.member_id.clone());
            }
            let member = Member {
                instance_id,
                client_id: text(&migrant.metadata.client_id),
                client_host: text(&migrant.metadata.client_host),
                session_timeout: migrant.session_timeout,
                rebalance_timeout: migrant.rebalance_timeout,
                protocols: migrant.protocols,
                assignment: migrant.assignment,
                waiting: Waiting::Nothing,
                expires_at: step.now.clock + migrant.session_timeout,
                has_synced: true,
                is_new: false,
            };
            group.members.insert(migrant.member_id, member);
        }
        group.protocol = Some(group.vote());
        group.leader = group.members.keys().next().cloned();
        group.topics = group.subscribed_topics();
        group.state = State::Stable { sync_until: step.now.clock };
        let record = group.record(since, |_, member| member.assignment.clone());
        group.rebalance(step);
        (group, record)
    }
}

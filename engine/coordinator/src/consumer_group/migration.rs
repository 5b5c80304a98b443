//! A consumer group begins with the members of a classic group, and ends with all its members
//! speaking the classic protocol.

use std::time::Duration;

use super::image::Member;
use super::{ConsumerGroup, MemberId, Partitions};
use crate::classic_group::Migrant;
use crate::consumer_protocol::{Subscription, write_assignment};
use crate::output::Step;
use crate::records::{
    CurrentAssignment, Entry, GroupEpoch, MemberState, OwnedPartitions, TargetMetadata,
};

/// Which groups may go from one protocol to the other while they have members
/// (`group.consumer.migration.policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// None.
    Disabled,
    /// Classic groups become consumer groups.
    Upgrade,
    /// Consumer groups become classic ones.
    Downgrade,
    /// Both.
    #[default]
    Bidirectional,
}

impl MigrationPolicy {
    const ALL: [MigrationPolicy; 4] = [
        MigrationPolicy::Disabled,
        MigrationPolicy::Upgrade,
        MigrationPolicy::Downgrade,
        MigrationPolicy::Bidirectional,
    ];

    /// The name in Kafka's configuration.
    pub const fn name(self) -> &'static str {
        match self {
            MigrationPolicy::Disabled => "disabled",
            MigrationPolicy::Upgrade => "upgrade",
            MigrationPolicy::Downgrade => "downgrade",
            MigrationPolicy::Bidirectional => "bidirectional",
        }
    }

    /// The policy of a name, which is taken in any case of letters.
    pub fn from_name(name: &str) -> Option<MigrationPolicy> {
        MigrationPolicy::ALL.into_iter().find(|policy| policy.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn upgrades(self) -> bool {
        matches!(self, MigrationPolicy::Upgrade | MigrationPolicy::Bidirectional)
    }

    pub(crate) fn downgrades(self) -> bool {
        matches!(self, MigrationPolicy::Downgrade | MigrationPolicy::Bidirectional)
    }
}

impl ConsumerGroup {
    /// Takes over the members of a classic group, which own what they were assigned in its last
    /// generation. The records are appended with those of the heartbeat that began this.
    pub(crate) fn immigrate(&mut self, generation: i32, migrants: Vec<Migrant>, step: &Step<'_>) {
        let ids = migrants.into_iter().map(|migrant| {
            let id = MemberId::from(migrant.member_id.as_str());
            let session = migrant.session_timeout;
            self.record(Entry::Member(id.clone(), Some(migrant.metadata)));
            // A leader may have given a partition twice; here it has one owner.
            let assigned: Partitions = migrant
                .assigned
                .into_iter()
                .filter(|partition| self.image.owner(*partition).is_none())
                .collect();
            let current = CurrentAssignment {
                epoch: generation,
                previous_epoch: generation,
                state: MemberState::Stable,
                assigned: assigned.iter().map(|partition| (*partition, generation)).collect(),
                revoking: OwnedPartitions::new(),
            };
            self.record(Entry::MemberTarget(id.clone(), Some(assigned)));
            self.record(Entry::Current(id.clone(), Some(current)));
            (id, session)
        });
        let ids: Vec<(MemberId, Duration)> = ids.collect();
        for (id, session) in ids {
            self.sessions.set(&id, step.now.clock + session);
        }
        let metadata_hash = step.topics.hash_of(self.image.topic_names());
        self.record(Entry::Group(Some(GroupEpoch { epoch: generation, metadata_hash })));
        let target = TargetMetadata { epoch: generation, ..TargetMetadata::default() };
        self.record(Entry::Target(Some(target)));
    }

    /// The generation that the members of the group are in as a classic one: the last one
    /// that any of them has been told. Who is behind has to join anew.
    pub(crate) fn generation(&self) -> i32 {
        let epochs = self.image.members().values().map(|member| member.current.epoch);
        epochs.max().unwrap_or_default().max(0)
    }

    /// The members as they go over to a classic group; none unless all speak the classic protocol
    /// and share one of their protocols, and nobody waits for records.
    pub(crate) fn emigrants(&self, step: &Step<'_>) -> Option<Vec<Migrant>> {
        let members = self.image.members();
        let may_go = step.config.consumer.migration.downgrades()
            && !self.is_dead()
            && !self.is_appending()
            && !members.is_empty()
            && members.len() <= step.config.members_max;
        if !may_go {
            return None;
        }
        let classic = |member: &Member| member.metadata.classic.clone();
        let all = members.values().map(classic).collect::<Option<Vec<_>>>()?;
        let first = all.first()?;
        let is_common = |name: &str| {
            all.iter().all(|member| member.protocols.iter().any(|protocol| protocol.name == name))
        };
        if !first.protocols.iter().any(|protocol| is_common(&protocol.name)) {
            return None;
        }
        let migrants = members.iter().zip(all).map(|((id, member), classic)| {
            let assigned: Partitions = member.current.assigned.keys().copied().collect();
            let metadata = classic.protocols.first().map(|protocol| &protocol.metadata);
            let subscription = metadata.map(|bytes| Subscription::read(bytes, step.topics));
            let version = subscription.and_then(Result::ok).map_or(0, |it| it.version);
            let session_timeout = member.session(step);
            Migrant {
                member_id: id.to_string(),
                assignment: write_assignment(version, &assigned, step.topics),
                rebalance_timeout: member.rebalance_timeout(session_timeout),
                session_timeout,
                protocols: classic.protocols,
                metadata: member.metadata.clone(),
                assigned,
            }
        });
        Some(migrants.collect())
    }
}

//! The coordinator's side of a KIP-848 group, as Kafka has it: a target, epochs, and partitions
//! that are granted only after their last owner has said that it gave them up. Its targets move as
//! many partitions as can be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use corelog_model::ErrorCode;
use corelog_wire::api::consumer_group_heartbeat::{Assignment, TopicPartitions};
use corelog_wire::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::coordinator::Answer;
use crate::Metadata;
use crate::group::GroupRequest;
use crate::group::rig::{at, reply, topic_id};

const SESSION: Duration = at(12);

type Slot = ([u8; 16], i32);

#[derive(Default)]
pub(super) struct Assigning {
    pub(super) epoch: i32,
    members: BTreeMap<String, Member>,
    /// How many partitions each topic has.
    topics: BTreeMap<String, i32>,
}

struct Member {
    epoch: i32,
    previous_epoch: i32,
    topics: BTreeSet<String>,
    assigned: BTreeSet<Slot>,
    /// What it has to give up before anything else happens.
    revoking: BTreeSet<Slot>,
    revoking_until: Duration,
    rebalance_timeout: Duration,
    session_until: Duration,
}

impl Assigning {
    pub(super) fn knows(&self, id: &str) -> bool {
        self.members.contains_key(id)
    }

    pub(super) fn learn(&mut self, metadata: &Metadata) {
        let count = |(name, topic): (&std::sync::Arc<str>, &crate::metadata::Topic)| {
            (name.to_string(), topic.partitions.len() as i32)
        };
        let topics = metadata.topics().map(count).collect();
        if self.topics != topics {
            self.topics = topics;
            self.epoch += 1;
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Duration> {
        self.members.values().map(Member::until).min()
    }

    pub(super) fn tick(&mut self, now: Duration) {
        let count = self.members.len();
        self.members.retain(|_, member| now < member.until());
        if self.members.len() != count {
            self.epoch += 1;
        }
    }

    pub(super) fn take(
        &mut self,
        now: Duration,
        place: usize,
        number: u64,
        request: &GroupRequest,
        is_refused: bool,
    ) -> Vec<Answer> {
        let GroupRequest::ConsumerHeartbeat(request) = request else {
            panic!("{:?} is not for this group", request.api())
        };
        let result =
            if is_refused { Err(ErrorCode::NotCoordinator) } else { self.heartbeat(now, request) };
        let response = result.unwrap_or_else(|code| ConsumerGroupHeartbeatResponse {
            error_code: code.code(),
            ..ConsumerGroupHeartbeatResponse::default()
        });
        let reply = reply::<ConsumerGroupHeartbeatRequest<'_>>(1, &response);
        vec![Answer { place, number, reply }]
    }

    fn heartbeat(
        &mut self,
        now: Duration,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<ConsumerGroupHeartbeatResponse<'static>, ErrorCode> {
        let id = request.member_id.to_string();
        if request.member_epoch < 0 {
            self.members.remove(&id).ok_or(ErrorCode::UnknownMemberId)?;
            self.epoch += 1;
            return Ok(answer(request.member_epoch, None));
        }
        if request.member_epoch == 0 {
            assert_eq!(request.topic_partitions, Some(vec![]), "one that joins owns nothing");
            assert!(request.subscribed_topic_names.is_some() && request.rebalance_timeout_ms > 0);
            self.members.entry(id.clone()).or_insert_with(Member::new);
        }
        let owned = request.topic_partitions.as_ref().map(|topics| slots(topics));
        let member = self.members.get_mut(&id).ok_or(ErrorCode::UnknownMemberId)?;
        let is_resent = request.member_epoch == member.previous_epoch
            && owned.as_ref().is_some_and(|owned| owned.is_subset(&member.assigned));
        if request.member_epoch != member.epoch && !is_resent {
            return Err(ErrorCode::FencedMemberEpoch);
        }
        member.session_until = now + SESSION;
        if request.rebalance_timeout_ms > 0 {
            member.rebalance_timeout = Duration::from_millis(request.rebalance_timeout_ms as u64);
        }
        if let Some(names) = &request.subscribed_topic_names {
            let topics: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
            if member.epoch == 0 || member.topics != topics {
                member.topics = topics;
                self.epoch += 1;
            }
        }
        let is_full = request.rebalance_timeout_ms > 0 && owned.is_some();
        let before = self.members[&id].assigned.clone();
        self.reconcile(now, &id, owned.as_ref());
        let member = &self.members[&id];
        let is_news = is_full || member.assigned != before;
        Ok(answer(member.epoch, is_news.then(|| listed(&member.assigned))))
    }

    /// Brings a member closer to its target: what it must give up first, then what is free.
    fn reconcile(&mut self, now: Duration, id: &str, owned: Option<&BTreeSet<Slot>>) {
        let target = self.target(id);
        let others = self.members.iter().filter(|(other, _)| *other != id);
        let taken: BTreeSet<Slot> = others
            .flat_map(|(_, member)| member.assigned.union(&member.revoking))
            .copied()
            .collect();
        let member = self.members.get_mut(id).expect("the member is known");
        let has_released = owned.is_some_and(|owned| owned.is_disjoint(&member.revoking));
        if !member.revoking.is_empty() && !has_released {
            return;
        }
        member.revoking = &member.assigned - &target;
        member.assigned = &member.assigned & &target;
        if !member.revoking.is_empty() {
            member.revoking_until = now + member.rebalance_timeout;
            return;
        }
        member.assigned.extend(target.difference(&taken));
        if member.epoch != self.epoch {
            member.previous_epoch = member.epoch;
            member.epoch = self.epoch;
        }
    }

    /// Deals the partitions out in turn, beginning with another member at each epoch.
    fn target(&self, id: &str) -> BTreeSet<Slot> {
        let mut turn = self.epoch as usize;
        let mut target = BTreeSet::new();
        for (topic, count) in &self.topics {
            let subscribed =
                self.members.iter().filter(|(_, member)| member.topics.contains(topic));
            let subscribed: Vec<&String> = subscribed.map(|(id, _)| id).collect();
            for partition in 0..*count {
                turn += 1;
                let Some(place) = turn.checked_rem(subscribed.len()) else { continue };
                if subscribed[place] == id {
                    target.insert((topic_id(topic), partition));
                }
            }
        }
        target
    }
}

impl Member {
    fn new() -> Self {
        Self {
            epoch: 0,
            previous_epoch: 0,
            topics: BTreeSet::new(),
            assigned: BTreeSet::new(),
            revoking: BTreeSet::new(),
            revoking_until: Duration::ZERO,
            rebalance_timeout: Duration::ZERO,
            session_until: Duration::ZERO,
        }
    }

    /// Until when it is a member, if nothing is heard of it.
    fn until(&self) -> Duration {
        if self.revoking.is_empty() {
            self.session_until
        } else {
            self.session_until.min(self.revoking_until)
        }
    }
}

fn slots(topics: &[TopicPartitions]) -> BTreeSet<Slot> {
    let each = |topic: &TopicPartitions| {
        let id = topic.topic_id;
        topic.partitions.iter().map(move |partition| (id, *partition)).collect::<Vec<_>>()
    };
    topics.iter().flat_map(each).collect()
}

fn listed(slots: &BTreeSet<Slot>) -> Assignment {
    let alone = |(topic_id, partition): &Slot| TopicPartitions {
        topic_id: *topic_id,
        partitions: vec![*partition],
    };
    Assignment { topic_partitions: slots.iter().map(alone).collect() }
}

fn answer(
    member_epoch: i32,
    assignment: Option<Assignment>,
) -> ConsumerGroupHeartbeatResponse<'static> {
    ConsumerGroupHeartbeatResponse {
        member_epoch,
        heartbeat_interval_ms: 2000,
        assignment,
        ..ConsumerGroupHeartbeatResponse::default()
    }
}

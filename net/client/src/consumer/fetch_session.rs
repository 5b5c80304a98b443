//! Incremental fetch sessions, the client's side (KIP-227): a node is told all partitions once,
//! then only what changed, and answers only with news. Pure; one for each node.

use std::collections::BTreeMap;

use corelog_model::{LeaderEpoch, Offset};
use corelog_wire::Uuid;

use crate::TopicPartition;
use crate::consumer::FetchFrom;

/// The epoch that opens a session, and closes the one whose id comes with it.
const EPOCH_FIRST: i32 = 0;
/// The id of no session.
const ID_NONE: i32 = 0;

/// What a node knows of the partitions that are read from it.
#[derive(Debug, Default)]
pub(crate) struct FetchSession {
    id: i32,
    epoch: i32,
    /// Whether topics go by id, as from version 13 on.
    is_by_id: bool,
    known: BTreeMap<TopicPartition, Known>,
}

/// What a node was told of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    id: Uuid,
    offset: Offset,
    leader_epoch: LeaderEpoch,
}

/// What one request says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) session_id: i32,
    pub(crate) session_epoch: i32,
    /// The partitions that are named, with the ids of their topics.
    pub(crate) named: Vec<(FetchFrom, Uuid)>,
    /// The partitions that the node shall forget.
    pub(crate) forgotten: Vec<(TopicPartition, Uuid)>,
}

impl Plan {
    /// Whether everything that is wanted is named, so that everything is answered.
    pub(crate) fn is_full(&self) -> bool {
        self.session_epoch == EPOCH_FIRST
    }
}

impl FetchSession {
    /// What to tell the node so that it serves exactly `wanted`. Ids are all zero where the topics
    /// go by name; then none of them goes by id.
    pub(crate) fn plan(&mut self, wanted: &[(FetchFrom, Uuid)]) -> Plan {
        let is_by_id = wanted.iter().all(|(_, id)| *id != [0; 16]);
        if is_by_id != self.is_by_id {
            self.reset();
            self.is_by_id = is_by_id;
        }
        let known = |(from, id): &(FetchFrom, Uuid)| {
            let FetchFrom { offset, leader_epoch, .. } = *from;
            (from.at.clone(), Known { id: *id, offset, leader_epoch })
        };
        let now: BTreeMap<TopicPartition, Known> = wanted.iter().map(known).collect();
        let old = std::mem::replace(&mut self.known, now);
        let (session_id, session_epoch) = (self.id, self.epoch);
        if session_epoch == EPOCH_FIRST {
            let named = wanted.to_vec();
            return Plan { session_id, session_epoch, named, forgotten: Vec::new() };
        }
        let is_news =
            |(from, _): &&(FetchFrom, Uuid)| old.get(&from.at) != self.known.get(&from.at);
        // A topic that was made anew has another id: the old one is forgotten.
        let is_gone = |(at, was): &(&TopicPartition, &Known)| {
            self.known.get(*at).is_none_or(|known| known.id != was.id)
        };
        let gone = old.iter().filter(is_gone).map(|(at, was)| (at.clone(), was.id));
        Plan {
            session_id,
            session_epoch,
            named: wanted.iter().filter(is_news).cloned().collect(),
            forgotten: gone.collect(),
        }
    }

    /// Notes that the node has answered the last plan, with this id of a session.
    pub(crate) fn answered(&mut self, session_id: i32) {
        match session_id {
            // The node keeps no session, or no longer.
            ID_NONE => *self = Self { is_by_id: self.is_by_id, ..Self::default() },
            id => {
                self.id = id;
                self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
            }
        }
    }

    /// Notes that the node will not answer, or does not know the session: the next plan names
    /// everything. The node drops the session that it may still have.
    pub(crate) fn reset(&mut self) {
        self.epoch = EPOCH_FIRST;
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = [7; 16];

    fn from(partition: i32, offset: i64) -> (FetchFrom, Uuid) {
        let at = TopicPartition::new("t", partition);
        let (offset, leader_epoch) = (Offset(offset), LeaderEpoch(0));
        (FetchFrom { at, offset, leader_epoch, generation: 0 }, ID)
    }

    fn check(session: &mut FetchSession, wanted: &[(FetchFrom, Uuid)], plan: (i32, i32, &[i32])) {
        let found = session.plan(wanted);
        let named: Vec<i32> = found.named.iter().map(|(from, _)| from.at.partition).collect();
        assert_eq!((found.session_id, found.session_epoch, named.as_slice()), plan);
        assert_eq!(found.is_full(), plan.1 == 0);
    }

    #[test]
    fn only_what_changed_is_named_after_the_first_time() {
        let mut session = FetchSession::default();
        check(&mut session, &[from(0, 5), from(1, 5)], (0, 0, &[0, 1]));
        session.answered(9);
        check(&mut session, &[from(0, 5), from(1, 8)], (9, 1, &[1]));
        session.answered(9);
        check(&mut session, &[from(0, 5), from(1, 8)], (9, 2, &[]));
    }

    #[test]
    fn what_is_not_wanted_is_forgotten_and_what_is_new_is_named() {
        let mut session = FetchSession::default();
        session.plan(&[from(0, 5), from(1, 5)]);
        session.answered(9);
        let plan = session.plan(&[from(1, 5), from(2, 0)]);
        assert_eq!(plan.forgotten, [(TopicPartition::new("t", 0), ID)]);
        assert_eq!(plan.named, [from(2, 0)]);
    }

    #[test]
    fn a_topic_made_anew_is_forgotten_under_its_old_id() {
        let mut session = FetchSession::default();
        session.plan(&[from(0, 5)]);
        session.answered(9);
        let anew = (from(0, 0).0, [8; 16]);
        let plan = session.plan(std::slice::from_ref(&anew));
        assert_eq!((plan.named, plan.forgotten), (vec![anew], vec![(from(0, 5).0.at, ID)]));
    }

    #[test]
    fn a_node_without_sessions_is_told_everything_each_time() {
        let mut session = FetchSession::default();
        for _ in 0..2 {
            check(&mut session, &[from(0, 5)], (0, 0, &[0]));
            session.answered(0);
        }
    }

    #[test]
    fn a_lost_session_is_closed_by_the_one_that_follows() {
        let mut session = FetchSession::default();
        session.plan(&[from(0, 5)]);
        session.answered(9);
        session.reset();
        check(&mut session, &[from(0, 5)], (9, 0, &[0]));
        session.answered(10);
        check(&mut session, &[from(0, 6)], (10, 1, &[0]));
    }

    #[test]
    fn a_change_from_names_to_ids_begins_anew() {
        let mut session = FetchSession::default();
        session.plan(&[(from(0, 5).0, [0; 16])]);
        session.answered(9);
        check(&mut session, &[from(0, 5)], (9, 0, &[0]));
    }

    #[test]
    fn epochs_begin_anew_at_one_when_they_are_used_up() {
        let mut session = FetchSession::default();
        session.plan(&[from(0, 5)]);
        session.answered(9);
        session.epoch = i32::MAX;
        session.answered(9);
        check(&mut session, &[from(0, 5)], (9, 1, &[]));
    }
}

//! The way of one member from what it owns to what it should own: it gives up first, and takes only
//! what nobody has. A partition that a member has yet to give up counts as its own.

use corelog_model::PartitionId;

use super::{MemberId, Partitions};
use crate::records::{CurrentAssignment, MemberState, OwnedPartitions};

/// Where a member should get to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal<'a> {
    /// The epoch of the target.
    pub(super) epoch: i32,
    /// What the member should own.
    pub(super) target: &'a Partitions,
    /// What it says it owns; none if it does not say.
    pub(super) reported: Option<&'a Partitions>,
}

/// The member's next position; none if it stays where it is. `owner` tells who owns a partition or
/// has yet to give it up.
pub(super) fn advance<'a>(
    member: &MemberId,
    current: &CurrentAssignment,
    goal: Goal<'_>,
    owner: impl Fn(PartitionId) -> Option<&'a MemberId>,
) -> Option<CurrentAssignment> {
    let has_arrived = match current.state {
        MemberState::Stable => current.epoch == goal.epoch,
        MemberState::UnrevokedPartitions => !goal.is_released(&current.revoking),
        MemberState::UnreleasedPartitions => false,
    };
    if has_arrived {
        return None;
    }
    let (mut assigned, revoking): (OwnedPartitions, OwnedPartitions) = current
        .assigned
        .iter()
        .map(|(partition, epoch)| (*partition, *epoch))
        .partition(|(partition, _)| goal.target.contains(partition));
    let mut next = CurrentAssignment {
        epoch: goal.epoch,
        // What came before this answer may be named by a member that did not get it.
        previous_epoch: current.epoch,
        state: MemberState::Stable,
        assigned: OwnedPartitions::new(),
        revoking: OwnedPartitions::new(),
    };
    if goal.is_released(&revoking) {
        let wanted = goal.target.iter().filter(|partition| !assigned.contains_key(*partition));
        let mut taken = Vec::new();
        for partition in wanted {
            if owner(*partition).is_none_or(|owner| owner == member) {
                taken.push((*partition, goal.epoch));
            } else {
                next.state = MemberState::UnreleasedPartitions;
            }
        }
        assigned.extend(taken);
    } else {
        next.epoch = current.epoch;
        next.state = MemberState::UnrevokedPartitions;
        next.revoking = revoking;
    }
    if next.epoch == current.epoch {
        next.previous_epoch = current.previous_epoch;
    }
    next.assigned = assigned;
    let is_same = next.epoch == current.epoch
        && next.state == current.state
        && next.assigned == current.assigned
        && next.revoking == current.revoking;
    Some(next).filter(|_| !is_same)
}

impl Goal<'_> {
    /// Whether the member says that it owns none of these.
    fn is_released(&self, partitions: &OwnedPartitions) -> bool {
        let is_gone = |reported: &Partitions| {
            !partitions.keys().any(|partition| reported.contains(partition))
        };
        partitions.is_empty() || self.reported.is_some_and(is_gone)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use corelog_model::{PartitionIndex, TopicId};

    use super::*;
    use MemberState::{Stable, UnreleasedPartitions, UnrevokedPartitions};

    fn partition(index: i32) -> PartitionId {
        PartitionId::new(TopicId::from_bytes([1; 16]), PartitionIndex(index))
    }

    fn set(indexes: &[i32]) -> Partitions {
        indexes.iter().map(|index| partition(*index)).collect()
    }

    /// State, epoch, assigned with epochs, revoking.
    type Position<'a> = (MemberState, i32, &'a [(i32, i32)], &'a [i32]);

    fn assignment((state, epoch, assigned, revoking): Position<'_>) -> CurrentAssignment {
        CurrentAssignment {
            epoch,
            previous_epoch: 0,
            state,
            assigned: assigned.iter().map(|(index, at)| (partition(*index), *at)).collect(),
            revoking: revoking.iter().map(|index| (partition(*index), 1)).collect(),
        }
    }

    /// Checks where the member "me" gets, with the target at epoch 5 and what others own.
    #[track_caller]
    fn check(
        from: Position<'_>,
        target: &[i32],
        reported: Option<&[i32]>,
        others: &[i32],
        expected: Option<Position<'_>>,
    ) {
        let (me, other) = (MemberId::from("me"), MemberId::from("other"));
        let current = assignment(from);
        let mut owners: BTreeMap<PartitionId, &MemberId> =
            set(others).into_iter().map(|partition| (partition, &other)).collect();
        owners.extend(current.assigned.keys().chain(current.revoking.keys()).map(|at| (*at, &me)));
        let (target, reported) = (set(target), reported.map(set));
        let goal = Goal { epoch: 5, target: &target, reported: reported.as_ref() };
        let next = advance(&me, &current, goal, |partition| owners.get(&partition).copied());
        let expected = expected.map(|position| CurrentAssignment {
            previous_epoch: if position.1 == current.epoch { 0 } else { current.epoch },
            ..assignment(position)
        });
        assert_eq!(next, expected);
    }

    #[test]
    fn a_member_at_its_target_stays() {
        check((Stable, 5, &[(0, 2)], &[]), &[0], None, &[], None);
        check((Stable, 5, &[(0, 2)], &[]), &[0], Some(&[0]), &[], None);
    }

    #[test]
    fn what_stays_keeps_its_epoch_and_what_is_new_gets_the_targets() {
        check(
            (Stable, 4, &[(0, 2)], &[]),
            &[0, 1],
            None,
            &[],
            Some((Stable, 5, &[(0, 2), (1, 5)], &[])),
        );
    }

    #[test]
    fn a_member_gives_up_before_its_epoch_moves() {
        let unrevoked = (UnrevokedPartitions, 4, &[(0, 2)][..], &[1][..]);
        let owning: Position<'_> = (Stable, 4, &[(0, 2), (1, 1)], &[]);
        check(owning, &[0, 2], None, &[], Some(unrevoked));
        check(owning, &[0, 2], Some(&[0, 1]), &[], Some(unrevoked));
        check(unrevoked, &[0, 2], None, &[], None);
        check(unrevoked, &[0, 2], Some(&[0, 1]), &[], None);
        check(unrevoked, &[0, 2], Some(&[0]), &[], Some((Stable, 5, &[(0, 2), (2, 5)], &[])));
    }

    #[test]
    fn a_member_that_owns_no_more_does_not_stop_to_give_up() {
        check((Stable, 4, &[(1, 1)], &[]), &[2], Some(&[]), &[], Some((Stable, 5, &[(2, 5)], &[])));
    }

    #[test]
    fn what_others_own_is_waited_for_in_the_new_epoch() {
        let waiting = (UnreleasedPartitions, 5, &[(0, 5)][..], &[][..]);
        check((Stable, 4, &[], &[]), &[0, 1], None, &[1], Some(waiting));
        check(waiting, &[0, 1], None, &[1], None);
        check(waiting, &[0, 1], None, &[], Some((Stable, 5, &[(0, 5), (1, 5)], &[])));
    }

    #[test]
    fn what_a_member_gave_up_it_may_get_again() {
        check(
            (UnrevokedPartitions, 3, &[], &[1]),
            &[1],
            Some(&[]),
            &[],
            Some((Stable, 5, &[(1, 5)], &[])),
        );
    }

    #[test]
    fn a_new_target_may_ask_for_more_while_the_last_is_not_reached() {
        check(
            (UnrevokedPartitions, 3, &[(0, 1), (2, 1)], &[1]),
            &[2],
            Some(&[0, 2]),
            &[],
            Some((UnrevokedPartitions, 3, &[(2, 1)], &[0])),
        );
    }
}

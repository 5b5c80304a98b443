//! What may be committed for a partition: what was acknowledged last, and what was tried since. An
//! offset that was read stays until somebody commits another one, across all crashes.

use std::collections::BTreeMap;

use corelog_model::{ErrorCode, Offset, PartitionId};

/// What is known of every partition.
#[derive(Debug, Default)]
pub(super) struct Commits {
    by_partition: BTreeMap<PartitionId, Vec<Attempt>>,
    /// Counts what happens, which orders it.
    moment: u64,
}

/// A commit that may be the one that counts.
#[derive(Debug)]
struct Attempt {
    /// None before the first one.
    offset: Option<Offset>,
    began: u64,
    /// When it was answered, or died with the broker; none while it may come into effect yet.
    ended: Option<u64>,
}

/// A commit on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    partition: PartitionId,
    began: u64,
}

impl Commits {
    fn now(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    fn of(&mut self, partition: PartitionId) -> &mut Vec<Attempt> {
        let nothing = || vec![Attempt { offset: None, began: 0, ended: Some(0) }];
        self.by_partition.entry(partition).or_insert_with(nothing)
    }

    /// A commit is sent.
    pub(super) fn begin(&mut self, partition: PartitionId, offset: Offset) -> Begun {
        let began = self.now();
        self.of(partition).push(Attempt { offset: Some(offset), began, ended: None });
        Begun { partition, began }
    }

    /// It is answered.
    pub(super) fn end(&mut self, commit: Begun, result: Result<(), ErrorCode>) {
        let (now, began) = (self.now(), commit.began);
        let attempts = self.of(commit.partition);
        match result {
            // What had ended before it began is in the past.
            Ok(()) => attempts
                .retain(|one| one.began == began || one.ended.is_none_or(|ended| began < ended)),
            Err(code) if is_refusal(code) => attempts.retain(|one| one.began != began),
            Err(_) => {}
        }
        if let Some(attempt) = attempts.iter_mut().find(|one| one.began == began) {
            attempt.ended = Some(now);
        }
    }

    /// The broker is gone, and with it all that was on its way.
    pub(super) fn crash(&mut self) {
        let now = self.now();
        let attempts = self.by_partition.values_mut().flatten();
        attempts.for_each(|attempt| attempt.ended = attempt.ended.or(Some(now)));
    }

    /// An offset is read as committed. It stays from now on.
    pub(super) fn check(
        &mut self,
        partition: PartitionId,
        found: Option<Offset>,
    ) -> Result<(), String> {
        let attempts = self.of(partition);
        if !attempts.iter().any(|one| one.offset == found) {
            let known: Vec<_> = attempts.iter().map(|one| (one.offset, one.ended)).collect();
            return Err(format!(
                "{partition} is at {found:?}, but {known:?} was acknowledged or tried since"
            ));
        }
        attempts.retain(|one| one.offset == found || one.ended.is_none());
        Ok(())
    }
}

/// Whether an answer says that nothing was written.
fn is_refusal(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::StaleMemberEpoch
            | ErrorCode::RebalanceInProgress
            | ErrorCode::CoordinatorLoadInProgress
    )
}

#[cfg(test)]
mod tests {
    use corelog_model::{PartitionIndex, TopicId};

    use super::*;

    const PARTITION: PartitionId =
        PartitionId { topic: TopicId::from_bytes([1; 16]), index: PartitionIndex(0) };

    /// Whether each of these may be read, each on its own.
    #[track_caller]
    fn check(make: impl Fn(&mut Commits), may: &[Option<Offset>], may_not: &[Option<Offset>]) {
        for (offsets, is_fine) in [(may, true), (may_not, false)] {
            for offset in offsets {
                let mut commits = Commits::default();
                make(&mut commits);
                assert_eq!(commits.check(PARTITION, *offset).is_ok(), is_fine, "{offset:?}");
            }
        }
    }

    #[test]
    fn what_was_acknowledged_replaces_what_was_before() {
        let make = |commits: &mut Commits| {
            for offset in [5, 3] {
                let begun = commits.begin(PARTITION, Offset(offset));
                commits.end(begun, Ok(()));
            }
        };
        check(make, &[Some(Offset(3))], &[None, Some(Offset(5))]);
    }

    #[test]
    fn what_is_on_its_way_or_died_may_have_come_into_effect() {
        let open = |commits: &mut Commits| {
            commits.begin(PARTITION, Offset(5));
        };
        check(open, &[None, Some(Offset(5))], &[Some(Offset(4))]);
        let dead = |commits: &mut Commits| {
            commits.begin(PARTITION, Offset(5));
            commits.crash();
        };
        check(dead, &[None, Some(Offset(5))], &[Some(Offset(4))]);
        let lost = |commits: &mut Commits| {
            let begun = commits.begin(PARTITION, Offset(5));
            commits.end(begun, Err(ErrorCode::CoordinatorNotAvailable));
        };
        check(lost, &[None, Some(Offset(5))], &[Some(Offset(4))]);
    }

    #[test]
    fn what_was_refused_is_not_read() {
        let make = |commits: &mut Commits| {
            let begun = commits.begin(PARTITION, Offset(5));
            commits.end(begun, Err(ErrorCode::IllegalGeneration));
        };
        check(make, &[None], &[Some(Offset(5))]);
    }

    #[test]
    fn two_at_once_come_in_either_order() {
        let make = |commits: &mut Commits| {
            let first = commits.begin(PARTITION, Offset(5));
            let second = commits.begin(PARTITION, Offset(6));
            commits.end(second, Ok(()));
            commits.end(first, Ok(()));
        };
        check(make, &[Some(Offset(5)), Some(Offset(6))], &[None]);
    }

    #[test]
    fn what_was_read_stays() {
        let make = |commits: &mut Commits| {
            commits.begin(PARTITION, Offset(5));
            commits.crash();
            assert_eq!(commits.check(PARTITION, Some(Offset(5))), Ok(()));
        };
        check(make, &[Some(Offset(5))], &[None]);
    }
}

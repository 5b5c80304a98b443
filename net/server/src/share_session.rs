//! Share sessions (KIP-932): a member names its partitions once and then only what changed, and
//! requests count up so that none is served twice. Pure; one cache per core, bounded. When a
//! session ends, what the member had is given to others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use corelog_coordinator::consumer_group::MemberId;
use corelog_io::Instant;
use corelog_model::{ErrorCode, PartitionId};

/// A session that nobody uses for so long may go for another one.
const EVICTABLE_AFTER: Duration = Duration::from_secs(120);
const PARTITIONS_MAX: usize = 10_000;

/// The epoch that opens a session.
pub(crate) const OPENS: i32 = 0;
/// The epoch that closes it.
pub(crate) const CLOSES: i32 = -1;

/// A member of a group.
pub(crate) type SessionKey = (Arc<str>, MemberId);

#[derive(Debug)]
struct Session {
    epoch: i32,
    partitions: BTreeSet<PartitionId>,
    /// Partitions that were in it, of which the member may still have records.
    seen: BTreeSet<PartitionId>,
    last_used: Instant,
}

/// What a request asks of the sessions.
#[derive(Debug)]
pub(crate) struct SessionChange {
    pub(crate) key: SessionKey,
    pub(crate) epoch: i32,
    pub(crate) wanted: Vec<PartitionId>,
    pub(crate) forgotten: Vec<PartitionId>,
}

/// What a request is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionView {
    /// The partitions to fetch, in the order in which they are served.
    pub(crate) partitions: Vec<PartitionId>,
    /// Sessions that have ended, with the partitions of which their members may have records.
    pub(crate) ended: Vec<(SessionKey, BTreeSet<PartitionId>)>,
}

/// The sessions of one core.
#[derive(Debug)]
pub(crate) struct ShareSessions {
    sessions_max: usize,
    sessions: BTreeMap<SessionKey, Session>,
}

impl ShareSessions {
    pub(crate) fn new(sessions_max: usize) -> Self {
        Self { sessions_max, sessions: BTreeMap::new() }
    }

    /// Judges the session part of a ShareFetch. What is closed is still there until
    /// [`ShareSessions::close`].
    pub(crate) fn fetch(
        &mut self,
        change: SessionChange,
        now: Instant,
    ) -> Result<SessionView, ErrorCode> {
        if change.epoch == OPENS {
            return self.open(change, now);
        }
        let session = self.sessions.get_mut(&change.key).ok_or(ErrorCode::ShareSessionNotFound)?;
        if change.epoch == CLOSES {
            return Ok(SessionView::default());
        }
        session.advance(change.epoch, now)?;
        for partition in change.forgotten {
            session.partitions.remove(&partition);
        }
        session.add(&change.wanted);
        if session.seen.len() > PARTITIONS_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        let mut partitions: Vec<PartitionId> = session.partitions.iter().copied().collect();
        if !partitions.is_empty() {
            // Another one is served first each time.
            let first = usize::try_from(change.epoch).unwrap_or(0) % partitions.len();
            partitions.rotate_left(first);
        }
        Ok(SessionView { partitions, ended: Vec::new() })
    }

    /// Judges the session part of a ShareAcknowledge.
    pub(crate) fn acknowledge(
        &mut self,
        key: &SessionKey,
        epoch: i32,
        now: Instant,
    ) -> Result<(), ErrorCode> {
        if epoch == OPENS {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        let session = self.sessions.get_mut(key).ok_or(ErrorCode::ShareSessionNotFound)?;
        if epoch == CLOSES { Ok(()) } else { session.advance(epoch, now) }
    }

    /// Ends a session. Tells the partitions of which its member may have records.
    pub(crate) fn close(&mut self, key: &SessionKey) -> BTreeSet<PartitionId> {
        self.sessions.remove(key).map(|session| session.seen).unwrap_or_default()
    }

    fn open(&mut self, change: SessionChange, now: Instant) -> Result<SessionView, ErrorCode> {
        let SessionChange { key, wanted, .. } = change;
        if wanted.len() > PARTITIONS_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        let mut ended = Vec::new();
        if let Some(session) = self.sessions.remove(&key) {
            ended.push((key.clone(), session.seen));
        } else if self.sessions.len() >= self.sessions_max {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.last_used);
            let evictable = oldest.filter(|(_, one)| now.since(one.last_used) > EVICTABLE_AFTER);
            let Some((oldest, _)) = evictable else {
                return Err(ErrorCode::ShareSessionLimitReached);
            };
            let oldest = oldest.clone();
            let seen = self.close(&oldest);
            ended.push((oldest, seen));
        }
        let (partitions, seen) = (BTreeSet::new(), BTreeSet::new());
        let mut session = Session { epoch: 1, partitions, seen, last_used: now };
        session.add(&wanted);
        let partitions = session.partitions.iter().copied().collect();
        self.sessions.insert(key, session);
        Ok(SessionView { partitions, ended })
    }
}

impl Session {
    fn add(&mut self, partitions: &[PartitionId]) {
        self.partitions.extend(partitions);
        self.seen.extend(partitions);
    }

    fn advance(&mut self, epoch: i32, now: Instant) -> Result<(), ErrorCode> {
        if self.epoch != epoch {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        self.epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        self.last_used = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{PartitionIndex, TopicId};

    use super::*;

    fn partition(index: i32) -> PartitionId {
        PartitionId::new(TopicId::from_bytes([1; 16]), PartitionIndex(index))
    }

    fn key(member: &str) -> SessionKey {
        (Arc::from("g"), MemberId::from(member))
    }

    fn change(member: &str, epoch: i32, wanted: &[i32], forgotten: &[i32]) -> SessionChange {
        let ids = |indexes: &[i32]| indexes.iter().map(|index| partition(*index)).collect();
        SessionChange { key: key(member), epoch, wanted: ids(wanted), forgotten: ids(forgotten) }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn indexes(view: &SessionView) -> Vec<i32> {
        view.partitions.iter().map(|id| id.index.get()).collect()
    }

    #[test]
    fn a_session_remembers_partitions_and_takes_changes() {
        let mut sessions = ShareSessions::new(10);
        let opened = sessions.fetch(change("a", 0, &[0, 1], &[]), at(0)).unwrap();
        assert_eq!(indexes(&opened), [0, 1]);
        let next = sessions.fetch(change("a", 1, &[2], &[0]), at(0)).unwrap();
        assert_eq!(indexes(&next), [2, 1], "another one is first");
        let refused = sessions.fetch(change("a", 1, &[], &[]), at(0));
        assert_eq!(refused, Err(ErrorCode::InvalidShareSessionEpoch));
        assert_eq!(sessions.acknowledge(&key("a"), 2, at(0)), Ok(()));
        let refused = sessions.acknowledge(&key("a"), 2, at(0));
        assert_eq!(refused, Err(ErrorCode::InvalidShareSessionEpoch));
        let refused = sessions.acknowledge(&key("a"), 0, at(0));
        assert_eq!(refused, Err(ErrorCode::InvalidShareSessionEpoch));
    }

    #[test]
    fn a_session_that_is_not_there_is_not_found() {
        let mut sessions = ShareSessions::new(10);
        for epoch in [1, CLOSES] {
            let refused = sessions.fetch(change("a", epoch, &[], &[]), at(0));
            assert_eq!(refused, Err(ErrorCode::ShareSessionNotFound));
            let refused = sessions.acknowledge(&key("a"), epoch, at(0));
            assert_eq!(refused, Err(ErrorCode::ShareSessionNotFound));
        }
    }

    #[test]
    fn an_ended_session_tells_all_partitions_that_it_had() {
        let mut sessions = ShareSessions::new(10);
        sessions.fetch(change("a", 0, &[0], &[]), at(0)).unwrap();
        sessions.fetch(change("a", 1, &[1], &[0]), at(0)).unwrap();
        let view = sessions.fetch(change("a", CLOSES, &[], &[]), at(0)).unwrap();
        assert_eq!(view, SessionView::default());
        assert_eq!(sessions.close(&key("a")), [partition(0), partition(1)].into());
        sessions.fetch(change("a", 0, &[0], &[]), at(0)).unwrap();
        let again = sessions.fetch(change("a", 0, &[1], &[]), at(0)).unwrap();
        assert_eq!(again.ended, [(key("a"), [partition(0)].into())]);
        assert_eq!(indexes(&again), [1]);
    }

    #[test]
    fn a_full_cache_refuses_until_a_session_is_old() {
        let mut sessions = ShareSessions::new(1);
        sessions.fetch(change("a", 0, &[0], &[]), at(0)).unwrap();
        let refused = sessions.fetch(change("b", 0, &[0], &[]), at(60));
        assert_eq!(refused, Err(ErrorCode::ShareSessionLimitReached));
        let view = sessions.fetch(change("b", 0, &[0], &[]), at(200)).unwrap();
        assert_eq!(view.ended, [(key("a"), [partition(0)].into())]);
    }
}

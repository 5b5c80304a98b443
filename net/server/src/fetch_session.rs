//! Incremental fetch sessions (KIP-227): a client names its partitions once and then only what
//! changed; the answer then holds only partitions with news. Pure; one cache per core, bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use corelog_io::Instant;
use corelog_model::ErrorCode;

const EVICTABLE_AFTER: Duration = Duration::from_secs(120);
const PARTITIONS_MAX: usize = 100_000;

/// How a client names a topic: by name up to Fetch 12, by id from 13 on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TopicKey {
    Name(String),
    Id([u8; 16]),
}

/// One partition as a client wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) offset: i64,
    pub(crate) bytes_max: i32,
    pub(crate) leader_epoch: i32,
}

type Key = (TopicKey, i32);

#[derive(Debug, Clone)]
struct Member {
    turn: u64,
    wanted: Wanted,
    /// High watermark, last stable offset and log start that the client was told last.
    told: Option<(i64, i64, i64)>,
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    by_id: bool,
    members: BTreeMap<Key, Member>,
    turns: BTreeMap<u64, Key>,
    next_turn: u64,
    last_used: Instant,
}

impl Session {
    fn update(&mut self, key: Key, wanted: Wanted) {
        if let Some(member) = self.members.get_mut(&key) {
            member.wanted = wanted;
            return;
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, key.clone());
        self.members.insert(key, Member { turn, wanted, told: None });
    }

    fn forget(&mut self, key: &Key) {
        if let Some(member) = self.members.remove(key) {
            self.turns.remove(&member.turn);
        }
    }

    fn move_to_back(&mut self, key: &Key) {
        let Some(member) = self.members.get_mut(key) else { return };
        self.turns.remove(&member.turn);
        member.turn = self.next_turn;
        self.turns.insert(self.next_turn, key.clone());
        self.next_turn += 1;
    }
}

/// What a request asks of the sessions.
#[derive(Debug)]
pub(crate) struct SessionRequest {
    pub(crate) id: i32,
    pub(crate) epoch: i32,
    pub(crate) by_id: bool,
    pub(crate) wanted: Vec<(Key, Wanted)>,
    pub(crate) forgotten: Vec<Key>,
}

/// Which partitions a fetch is about and how it is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SessionFetch {
    /// The session to name in the answer; 0 for none.
    pub(crate) id: i32,
    /// In the order they are served.
    pub(crate) partitions: Vec<(Key, Wanted)>,
    /// Only partitions with news are in the answer.
    pub(crate) is_incremental: bool,
}

/// The sessions of one core.
#[derive(Debug)]
pub(crate) struct SessionCache {
    slots_max: usize,
    sessions: BTreeMap<i32, Session>,
    next_id: i32,
}

impl SessionCache {
    pub(crate) fn new(slots_max: usize, seed: u64) -> Self {
        let next_id = (seed % (i32::MAX as u64 - 1)) as i32 + 1;
        Self { slots_max, sessions: BTreeMap::new(), next_id }
    }

    /// Judges the session part of a fetch.
    pub(crate) fn begin(
        &mut self,
        request: SessionRequest,
        now: Instant,
    ) -> Result<SessionFetch, ErrorCode> {
        if request.epoch == 0 || request.epoch == -1 {
            self.sessions.remove(&request.id);
            let id = if request.epoch == 0 { self.create(&request, now) } else { 0 };
            let partitions = request.wanted;
            return Ok(SessionFetch { id, partitions, is_incremental: false });
        }
        let Some(session) = self.sessions.get_mut(&request.id) else {
            return Err(ErrorCode::FetchSessionIdNotFound);
        };
        if session.epoch != request.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.by_id != request.by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        for key in &request.forgotten {
            session.forget(key);
        }
        for (key, wanted) in request.wanted {
            session.update(key, wanted);
        }
        if session.members.len() > PARTITIONS_MAX {
            self.sessions.remove(&request.id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        session.epoch = if session.epoch == i32::MAX { 1 } else { session.epoch + 1 };
        session.last_used = now;
        let in_turn = session.turns.values();
        let partitions = in_turn.map(|key| (key.clone(), session.members[key].wanted)).collect();
        Ok(SessionFetch { id: request.id, partitions, is_incremental: true })
    }

    /// The session to name where a fetch is answered without its data: that of an incremental one,
    /// and none where the client would otherwise have a session that it was told nothing of.
    pub(crate) fn hold_back(&mut self, fetch: &SessionFetch) -> i32 {
        if fetch.is_incremental {
            return fetch.id;
        }
        self.sessions.remove(&fetch.id);
        0
    }

    fn create(&mut self, request: &SessionRequest, now: Instant) -> i32 {
        if request.wanted.is_empty() || request.wanted.len() > PARTITIONS_MAX {
            return 0;
        }
        if self.sessions.len() >= self.slots_max {
            let oldest = self.sessions.iter().min_by_key(|entry| entry.1.last_used);
            let evictable = oldest.filter(|entry| now.since(entry.1.last_used) > EVICTABLE_AFTER);
            let Some((id, _)) = evictable else { return 0 };
            let id = *id;
            self.sessions.remove(&id);
        }
        while self.sessions.contains_key(&self.next_id) {
            self.advance_id();
        }
        let id = self.next_id;
        self.advance_id();
        let mut session = Session {
            epoch: 1,
            by_id: request.by_id,
            members: BTreeMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
            last_used: now,
        };
        for (key, wanted) in &request.wanted {
            session.update(key.clone(), *wanted);
        }
        self.sessions.insert(id, session);
        id
    }

    fn advance_id(&mut self) {
        self.next_id = if self.next_id == i32::MAX { 1 } else { self.next_id + 1 };
    }

    /// Whether a partition of a session has news for its client. `told` is what the client hears
    /// now.
    pub(crate) fn has_news(
        &mut self,
        id: i32,
        key: &Key,
        told: (i64, i64, i64),
        has_data_or_error: bool,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return true };
        if has_data_or_error {
            session.move_to_back(key);
        }
        let Some(member) = session.members.get_mut(key) else { return true };
        let changed = member.told.replace(told) != Some(told);
        changed || has_data_or_error
    }

    /// Sessions that are open.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.sessions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> Key {
        (TopicKey::Name("t".into()), partition)
    }

    fn wanted(offset: i64) -> Wanted {
        Wanted { offset, bytes_max: 100, leader_epoch: -1 }
    }

    fn request(
        id: i32,
        epoch: i32,
        partitions: &[(i32, i64)],
        forgotten: &[i32],
    ) -> SessionRequest {
        SessionRequest {
            id,
            epoch,
            by_id: false,
            wanted: partitions.iter().map(|one| (key(one.0), wanted(one.1))).collect(),
            forgotten: forgotten.iter().map(|one| key(*one)).collect(),
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn offsets(fetch: &SessionFetch) -> Vec<(i32, i64)> {
        fetch.partitions.iter().map(|(key, wanted)| (key.1, wanted.offset)).collect()
    }

    #[test]
    fn a_session_remembers_partitions_and_takes_changes() {
        let mut cache = SessionCache::new(10, 6);
        let full = cache.begin(request(0, 0, &[(0, 5), (1, 6)], &[]), at(0)).unwrap();
        assert_eq!((full.id, full.is_incremental), (7, false));
        let next = cache.begin(request(7, 1, &[(1, 9), (2, 0)], &[0]), at(1)).unwrap();
        assert_eq!((offsets(&next), next.is_incremental), (vec![(1, 9), (2, 0)], true));
        let refused = cache.begin(request(7, 1, &[], &[]), at(1));
        assert_eq!(refused, Err(ErrorCode::InvalidFetchSessionEpoch));
        let refused = cache.begin(request(8, 1, &[], &[]), at(1));
        assert_eq!(refused, Err(ErrorCode::FetchSessionIdNotFound));
        let mut by_id = request(7, 2, &[], &[]);
        by_id.by_id = true;
        assert_eq!(cache.begin(by_id, at(1)), Err(ErrorCode::FetchSessionTopicIdError));
    }

    #[test]
    fn only_news_is_told_and_partitions_with_data_go_to_the_back() {
        let mut cache = SessionCache::new(10, 0);
        let id = cache.begin(request(0, 0, &[(0, 0), (1, 0)], &[]), at(0)).unwrap().id;
        assert!(
            cache.has_news(id, &key(0), (10, 9, 0), false),
            "the first answer tells everything"
        );
        assert!(!cache.has_news(id, &key(0), (10, 9, 0), false));
        assert!(cache.has_news(id, &key(0), (11, 9, 0), false));
        assert!(cache.has_news(id, &key(0), (11, 10, 0), false));
        assert!(cache.has_news(id, &key(0), (11, 10, 0), true));
        let next = cache.begin(request(id, 1, &[], &[]), at(1)).unwrap();
        assert_eq!(offsets(&next), [(1, 0), (0, 0)]);
    }

    #[test]
    fn a_full_cache_answers_without_a_session_until_one_is_old() {
        let mut cache = SessionCache::new(1, 0);
        assert_ne!(cache.begin(request(0, 0, &[(0, 0)], &[]), at(0)).unwrap().id, 0);
        assert_eq!(cache.begin(request(0, 0, &[(0, 0)], &[]), at(60)).unwrap().id, 0);
        assert_ne!(cache.begin(request(0, 0, &[(0, 0)], &[]), at(200)).unwrap().id, 0);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn epoch_minus_one_closes_and_creates_nothing() {
        let mut cache = SessionCache::new(5, 0);
        let id = cache.begin(request(0, 0, &[(0, 0)], &[]), at(0)).unwrap().id;
        assert_eq!(cache.begin(request(id, -1, &[(0, 0)], &[]), at(0)).unwrap().id, 0);
        assert_eq!(cache.len(), 0);
    }
}

//! What was attempted in transactions and what is known of it, kept beside the broker over all
//! lives.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on: nobody has asked to commit it.
    Open,
    /// It was asked to be committed; nobody knows whether it is.
    Asked,
    /// It is committed.
    Committed,
    /// It never will be.
    Doomed,
}

/// A value in a topic: where it comes from, and the transaction that wrote it.
pub(super) type Origin = u64;

#[derive(Debug, Clone)]
struct Attempt {
    fate: Fate,
    topic: &'static str,
    origins: BTreeSet<Origin>,
}

/// The truth.
#[derive(Debug, Default)]
pub(super) struct Model {
    attempts: Vec<Attempt>,
    origins: Origin,
}

/// Committed values of a topic: how often each was read, and in which transactions.
pub(super) type Seen = BTreeMap<Origin, Vec<usize>>;

impl Model {
    /// A transaction begins that writes to a topic.
    pub(super) fn begin(&mut self, topic: &'static str) -> usize {
        let origins = BTreeSet::new();
        self.attempts.push(Attempt { fate: Fate::Open, topic, origins });
        self.attempts.len() - 1
    }

    /// It writes something new, or with an origin a copy.
    pub(super) fn value(&mut self, attempt: usize, origin: Option<Origin>) -> String {
        let origin = origin.unwrap_or_else(|| {
            self.origins += 1;
            self.origins
        });
        self.attempts[attempt].origins.insert(origin);
        format!("{origin}/{attempt}")
    }

    pub(super) fn set(&mut self, attempt: usize, fate: Fate) {
        self.attempts[attempt].fate = fate;
    }

    pub(super) fn is_doomed(&self, attempt: usize) -> bool {
        self.attempts[attempt].fate == Fate::Doomed
    }

    /// The process is gone: nobody will ask to commit what was open.
    pub(super) fn crash(&mut self) {
        let open = self.attempts.iter_mut().filter(|attempt| attempt.fate == Fate::Open);
        open.for_each(|attempt| attempt.fate = Fate::Doomed);
    }

    /// A value that was read as committed: its origin and its transaction, or what is wrong.
    pub(super) fn judge(&self, topic: &str, value: &str) -> Result<(Origin, usize), String> {
        let parts = value.split_once('/');
        let parts = parts.and_then(|(origin, by)| Some((origin.parse().ok()?, by.parse().ok()?)));
        let (origin, by): (Origin, usize) = parts.ok_or("nobody wrote it")?;
        let attempt = self.attempts.get(by).filter(|one| one.topic == topic);
        let attempt = attempt.filter(|attempt| attempt.origins.contains(&origin));
        match attempt.ok_or("nobody wrote it")?.fate {
            Fate::Asked | Fate::Committed => Ok((origin, by)),
            Fate::Open => Err("it is not committed".to_owned()),
            Fate::Doomed => Err("it was aborted".to_owned()),
        }
    }

    /// What is wrong with all that is committed, when nothing is open any more.
    pub(super) fn compare(&self, source: &Seen, target: &Seen) -> Option<String> {
        for (name, seen) in [("source", source), ("target", target)] {
            if let Some((origin, by)) = seen.iter().find(|(_, by)| by.len() > 1) {
                return Some(format!("{origin} is in the {name} more than once, by {by:?}"));
            }
        }
        for (number, attempt) in self.attempts.iter().enumerate() {
            let seen = if attempt.topic == crate::broker::SOURCE { source } else { target };
            let is_seen = |origin: &&Origin| seen.get(*origin).is_some_and(|by| *by == [number]);
            let count = attempt.origins.iter().filter(is_seen).count();
            let is_whole = count == attempt.origins.len();
            let is_right = match attempt.fate {
                Fate::Committed => is_whole,
                Fate::Asked => is_whole || count == 0,
                Fate::Open | Fate::Doomed => count == 0,
            };
            if !is_right {
                return Some(format!("of transaction {number} {count} are there: {attempt:?}"));
            }
        }
        let lost = source.keys().find(|origin| !target.contains_key(origin));
        let invented = target.keys().find(|origin| !source.contains_key(origin));
        lost.map(|origin| format!("{origin} was not copied"))
            .or_else(|| invented.map(|origin| format!("{origin} was copied from nowhere")))
    }
}

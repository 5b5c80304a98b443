//! Which of many like events are logged. Clients cause some events as often as they like, so a log
//! that has each of them can be filled from outside, and what matters drowns in it.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use corelog_io::Instant;

/// Lines of a second that are not the first of their kind.
const LINES_MAX: u32 = 10;

/// Kinds that are remembered. More are treated as if they had been there.
const KINDS_MAX: usize = 1_000;

/// After this time a kind may be the first again.
const KINDS_FOR: Duration = Duration::from_secs(60);

/// Characters of a name from outside that are logged.
const NAME_CHARS_MAX: usize = 249;

/// Decides for the events of one sort on one core: the first of each kind in a minute is logged,
/// and of the others ten a second.
#[derive(Debug, Default)]
pub(crate) struct LogBound {
    hasher: RandomState,
    kinds: HashSet<u64>,
    kinds_since: Option<Instant>,
    second_since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LogBound {
    /// Whether an event of this kind is logged, and then how many were left out before it.
    pub(crate) fn admit(&mut self, kind: impl Hash, now: Instant) -> Option<u64> {
        if is_over(self.kinds_since, KINDS_FOR, now) {
            self.kinds.clear();
            self.kinds_since = Some(now);
        }
        if is_over(self.second_since, Duration::from_secs(1), now) {
            self.lines = 0;
            self.second_since = Some(now);
        }
        let has_room = self.kinds.len() < KINDS_MAX;
        let is_first = has_room && self.kinds.insert(self.hasher.hash_one(kind));
        if !is_first {
            if self.lines == LINES_MAX {
                self.left_out += 1;
                return None;
            }
            self.lines += 1;
        }
        Some(std::mem::take(&mut self.left_out))
    }
}

fn is_over(since: Option<Instant>, time: Duration, now: Instant) -> bool {
    since.is_none_or(|since| now.since(since) >= time)
}

/// As much of a name from outside as is logged.
pub(crate) fn head(name: &str) -> &str {
    name.char_indices().nth(NAME_CHARS_MAX).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_second_has_ten_lines_and_the_next_one_says_how_many_were_left_out() {
        let mut log = LogBound::default();
        let admitted = |log: &mut LogBound, events: usize, ms: u64| {
            (0..events).filter_map(|_| log.admit("a", at(ms))).collect::<Vec<_>>()
        };
        assert_eq!(admitted(&mut log, 1_000, 0), [0; 11], "the first, and ten");
        assert!(admitted(&mut log, 1_000, 999).is_empty());
        let mut expected = [0; 10];
        expected[0] = 989 + 1_000;
        assert_eq!(admitted(&mut log, 1_000, 1_000), expected);
    }

    #[test]
    fn the_first_of_a_kind_is_logged_however_many_others_there_are() {
        let mut log = LogBound::default();
        for _ in 0..1_000 {
            log.admit("a", at(0));
        }
        assert_eq!(log.admit("b", at(0)), Some(989));
        assert_eq!(log.admit("b", at(0)), None, "the ten lines are used up");
        assert_eq!(log.admit("b", at(60_000)), Some(1), "after a minute it is the first again");
    }

    #[test]
    fn kinds_without_end_are_bounded_too() {
        let mut log = LogBound::default();
        let admitted = (0..100_000).filter(|kind| log.admit(kind, at(0)).is_some()).count();
        assert_eq!(admitted, KINDS_MAX + 10);
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(head("orders"), "orders");
        let long = "ä".repeat(1_000);
        assert_eq!(head(&long), "ä".repeat(NAME_CHARS_MAX));
    }
}

//! Which messages of a producer were acknowledged, and which a reading group has seen: nothing may
//! be lost, nothing may come twice. One bit for each message. Pure.

use serde::{Deserialize, Serialize};

/// A set of sequence numbers that begin at 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequences {
    words: Vec<u64>,
    /// How often a number came that was there already.
    repeated: u64,
}

/// The messages of each producer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    producers: Vec<Sequences>,
}

/// What the comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryCheck {
    /// How many groups of readers saw all messages.
    pub groups: u64,
    /// Acknowledged messages that each group had to see.
    pub acknowledged: u64,
    /// Acknowledged messages that a group did not see.
    pub lost: u64,
    /// Messages that a group saw again.
    pub repeated: u64,
    /// Why losses cannot be told; none when they can.
    pub inconclusive: Option<String>,
}

impl Sequences {
    /// Adds a number.
    pub fn insert(&mut self, sequence: u64) {
        let (word, bit) = ((sequence / 64) as usize, 1 << (sequence % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.repeated += u64::from(self.words[word] & bit != 0);
        self.words[word] |= bit;
    }

    fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Numbers of this set that the other one lacks.
    fn missing_in(&self, other: Option<&Self>) -> u64 {
        let other = other.map_or(&[][..], |other| &other.words);
        let others = other.iter().copied().chain(std::iter::repeat(0));
        let lacks = self.words.iter().zip(others).map(|(word, other)| word & !other);
        lacks.map(|word| u64::from(word.count_ones())).sum()
    }

    fn merge(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            self.repeated += u64::from((*word & more).count_ones());
            *word |= more;
        }
        self.repeated += other.repeated;
    }
}

impl Ledger {
    /// A ledger of these producers, by number.
    pub fn of(producers: impl IntoIterator<Item = (u32, Sequences)>) -> Self {
        let mut ledger = Self::default();
        for (producer, sequences) in producers {
            let producer = producer as usize;
            if ledger.producers.len() <= producer {
                ledger.producers.resize_with(producer + 1, Sequences::default);
            }
            ledger.producers[producer] = sequences;
        }
        ledger
    }

    /// Notes a message. The caller has made sure that it is one of this run: memory grows with
    /// the numbers.
    pub fn note(&mut self, producer: u32, sequence: u64) {
        let producer = producer as usize;
        if self.producers.len() <= producer {
            self.producers.resize_with(producer + 1, Sequences::default);
        }
        self.producers[producer].insert(sequence);
    }

    /// Adds what others noted, of whom each saw messages of its own.
    pub fn merge(&mut self, other: &Self) {
        if self.producers.len() < other.producers.len() {
            self.producers.resize_with(other.producers.len(), Sequences::default);
        }
        for (one, other) in self.producers.iter_mut().zip(&other.producers) {
            one.merge(other);
        }
    }

    /// How many messages it has.
    pub fn count(&self) -> u64 {
        self.producers.iter().map(Sequences::count).sum()
    }

    /// Compares what was acknowledged with what each group saw.
    pub fn check(&self, groups: &[Self]) -> DeliveryCheck {
        let lost_by = |group: &Self| {
            let numbered = self.producers.iter().enumerate();
            numbered.map(|(p, sent)| sent.missing_in(group.producers.get(p))).sum::<u64>()
        };
        let repeated_in = |group: &Self| group.producers.iter().map(|p| p.repeated).sum::<u64>();
        DeliveryCheck {
            groups: groups.len() as u64,
            acknowledged: self.count(),
            lost: groups.iter().map(lost_by).sum(),
            repeated: groups.iter().map(repeated_in).sum(),
            inconclusive: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(messages: &[(u32, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (producer, sequence) in messages {
            ledger.note(*producer, *sequence);
        }
        ledger
    }

    fn check(sent: &[(u32, u64)], groups: &[&[(u32, u64)]], expected: (u64, u64)) {
        let groups: Vec<Ledger> = groups.iter().map(|group| ledger(group)).collect();
        let found = ledger(sent).check(&groups);
        assert_eq!((found.lost, found.repeated), expected, "{found:?}");
    }

    #[test]
    fn what_each_group_lacks_is_lost_and_what_comes_again_is_repeated() {
        let sent = [(0, 0), (0, 1), (0, 200), (2, 5)];
        check(&sent, &[&sent], (0, 0));
        check(&sent, &[&sent, &[(0, 0), (0, 200)]], (2, 0));
        check(&sent, &[&[(2, 5), (0, 0), (0, 1), (0, 200), (0, 1)]], (0, 1));
        check(&sent, &[&[]], (4, 0));
        check(&[], &[&sent], (0, 0));
    }

    #[test]
    fn a_message_that_two_members_of_a_group_saw_came_twice() {
        let mut group = ledger(&[(0, 0), (0, 1)]);
        group.merge(&ledger(&[(0, 1), (1, 100)]));
        let found = ledger(&[(0, 0), (0, 1), (1, 100)]).check(&[group.clone()]);
        assert_eq!((found.lost, found.repeated, group.count()), (0, 1, 3));
    }
}

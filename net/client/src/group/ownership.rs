//! What the application owns, and the one thing at a time that it is asked to do about it.

use std::collections::BTreeSet;

use super::Output;
use crate::TopicPartition;

/// The partitions of the application.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    owned: BTreeSet<TopicPartition>,
    asked: Option<Asked>,
}

/// What the application has yet to answer.
#[derive(Debug)]
enum Asked {
    /// To give these up.
    Revoke(BTreeSet<TopicPartition>),
    /// To give up what has been lost since.
    RevokeLost,
    /// To take over partitions, which may have been lost since.
    Assign,
}

impl Ownership {
    /// What the application owns. Partitions to give up belong to it until it has answered.
    pub(super) fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    /// Whether the application has answered everything.
    pub(super) fn is_free(&self) -> bool {
        self.asked.is_none()
    }

    /// Asks to give up partitions. Says whether there is anything to wait for.
    pub(super) fn revoke(
        &mut self,
        partitions: BTreeSet<TopicPartition>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        assert!(self.is_free(), "the application is asked one thing at a time");
        assert!(partitions.is_subset(&self.owned), "only what is owned is revoked");
        if partitions.is_empty() {
            return false;
        }
        self.asked = Some(Asked::Revoke(partitions.clone()));
        outputs.push(Output::Revoke(partitions));
        true
    }

    /// Asks to give up everything, as soon as the last question is answered. Says whether there is
    /// anything to wait for; partitions that are lost are not waited for.
    pub(super) fn surrender(&mut self, outputs: &mut Vec<Output>) -> bool {
        if !self.owned.is_empty() && self.is_free() {
            self.revoke(self.owned.clone(), outputs);
        }
        !self.owned.is_empty()
    }

    /// Hands over partitions. Says whether there is anything to wait for.
    pub(super) fn assign(
        &mut self,
        partitions: BTreeSet<TopicPartition>,
        outputs: &mut Vec<Output>,
    ) -> bool {
        assert!(self.is_free(), "the application is asked one thing at a time");
        assert!(partitions.is_disjoint(&self.owned), "only what is new is assigned");
        if partitions.is_empty() {
            return false;
        }
        self.owned.extend(partitions.iter().cloned());
        self.asked = Some(Asked::Assign);
        outputs.push(Output::Assign(partitions));
        true
    }

    /// Takes everything away.
    pub(super) fn lose(&mut self, outputs: &mut Vec<Output>) {
        if let Some(Asked::Revoke(_)) = self.asked {
            self.asked = Some(Asked::RevokeLost);
        }
        if !self.owned.is_empty() {
            outputs.push(Output::Lose(std::mem::take(&mut self.owned)));
        }
    }

    /// Notes that the application has given up what it was asked to.
    pub(super) fn revoked(&mut self) {
        match self.asked.take() {
            Some(Asked::Revoke(partitions)) => self.owned.retain(|at| !partitions.contains(at)),
            Some(Asked::RevokeLost) | None => {}
            Some(Asked::Assign) => self.asked = Some(Asked::Assign),
        }
    }

    /// Notes that the application has taken over what it was given.
    pub(super) fn assigned(&mut self) {
        if let Some(Asked::Assign) = self.asked {
            self.asked = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[i32]) -> BTreeSet<TopicPartition> {
        numbers.iter().map(|number| TopicPartition::new("t", *number)).collect()
    }

    #[test]
    fn a_partition_is_owned_until_its_revocation_is_answered() {
        let (mut held, mut outputs) = (Ownership::default(), Vec::new());
        assert!(held.assign(set(&[1, 2]), &mut outputs));
        held.revoked();
        assert!(!held.is_free(), "the wrong answer answers nothing");
        held.assigned();
        assert!(held.revoke(set(&[1]), &mut outputs));
        assert_eq!(held.owned(), &set(&[1, 2]));
        held.revoked();
        assert!(held.is_free());
        assert_eq!(held.owned(), &set(&[2]));
        assert_eq!(outputs, [Output::Assign(set(&[1, 2])), Output::Revoke(set(&[1]))]);
    }

    #[test]
    fn nothing_is_asked_about_no_partitions() {
        let (mut held, mut outputs) = (Ownership::default(), Vec::new());
        assert!(!held.assign(set(&[]), &mut outputs) && !held.revoke(set(&[]), &mut outputs));
        held.lose(&mut outputs);
        assert!(held.is_free() && outputs.is_empty());
    }

    #[test]
    fn what_is_lost_while_it_is_given_up_still_gets_its_answer() {
        let (mut held, mut outputs) = (Ownership::default(), Vec::new());
        held.assign(set(&[1, 2]), &mut outputs);
        held.assigned();
        held.revoke(set(&[1]), &mut outputs);
        held.lose(&mut outputs);
        assert_eq!(outputs.last(), Some(&Output::Lose(set(&[1, 2]))));
        assert!(!held.is_free(), "the application is still busy");
        held.revoked();
        assert!(held.is_free() && held.owned().is_empty());
    }
}

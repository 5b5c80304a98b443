//! What is known of members and offsets, over all lives, and the findings.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use corelog_coordinator::consumer_group::Partitions;
use corelog_model::{Offset, PartitionId};

use super::Membership;
use super::commits::Commits;
use super::generations::Generations;
use crate::counts::MembershipCounts;

/// A member, as its client knows itself. It outlives crashes of the broker.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The name it has in the group; it gets another one each time it joins.
    pub(super) id: String,
    /// The epoch or generation it has reached; none when it is not in the group.
    pub(super) epoch: Option<i32>,
    /// What it was told that it may own.
    pub(super) owned: Partitions,
}

pub(super) struct World {
    pub(super) run: Membership,
    random: RefCell<fastrand::Rng>,
    pub(super) members: RefCell<BTreeMap<u64, Known>>,
    joins: Cell<u64>,
    /// Who owns which partition.
    owners: RefCell<BTreeMap<PartitionId, u64>>,
    pub(super) commits: RefCell<Commits>,
    pub(super) generations: RefCell<Generations>,
    pub(super) findings: RefCell<Vec<String>>,
    pub(super) story: RefCell<Vec<String>>,
    pub(super) counts: RefCell<MembershipCounts>,
    pub(super) is_ending: Cell<bool>,
}

impl World {
    pub(super) fn new(run: Membership) -> Rc<Self> {
        let random = RefCell::new(fastrand::Rng::with_seed(run.seed ^ 0x3e3b));
        Rc::new(Self {
            run,
            random,
            members: RefCell::default(),
            joins: Cell::new(0),
            owners: RefCell::default(),
            commits: RefCell::default(),
            generations: RefCell::default(),
            findings: RefCell::default(),
            story: RefCell::default(),
            counts: RefCell::default(),
            is_ending: Cell::new(false),
        })
    }

    pub(super) fn find(&self, what: String) {
        self.tell(format!("FOUND: {what}"));
        self.findings.borrow_mut().push(what);
        self.is_ending.set(true);
    }

    pub(super) fn tell(&self, what: String) {
        self.story.borrow_mut().push(what);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut MembershipCounts)) {
        change(&mut self.counts.borrow_mut());
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.random.borrow_mut().u64(..end)
    }

    /// A name that no member had.
    pub(super) fn new_id(&self, number: u64) -> String {
        self.joins.set(self.joins.get() + 1);
        format!("member-{number}-{}", self.joins.get())
    }

    /// A member owns these partitions, and no others, from now on.
    pub(super) fn own(&self, number: u64, owned: &Partitions) {
        let mut owners = self.owners.borrow_mut();
        owners.retain(|partition, owner| *owner != number || owned.contains(partition));
        let mut shared = Vec::new();
        for partition in owned {
            let before = owners.insert(*partition, number);
            if let Some(other) = before.filter(|before| *before != number) {
                shared.push((*partition, other));
            }
        }
        drop(owners);
        for (partition, other) in shared {
            self.find(format!("{partition} has two owners, {other} and {number}"));
        }
    }

    pub(super) fn owner(&self, partition: PartitionId) -> Option<u64> {
        self.owners.borrow().get(&partition).copied()
    }

    /// An offset was read as committed.
    pub(super) fn check(&self, partition: PartitionId, offset: Option<Offset>) {
        self.count(|counts| counts.looks += 1);
        let checked = self.commits.borrow_mut().check(partition, offset);
        self.hold(checked);
    }

    /// A claim was looked at.
    pub(super) fn hold(&self, claim: Result<(), String>) {
        if let Err(what) = claim {
            self.find(what);
        }
    }

    /// A broker starts, after another one ended somehow.
    pub(super) fn begin_life(&self) {
        self.is_ending.set(false);
        self.commits.borrow_mut().crash();
        self.generations.borrow_mut().crash();
    }
}

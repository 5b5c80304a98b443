//! What is known of the generations of a classic group, over all lives: one leader and one
//! assignment each, one owner of a partition, and nobody is heard who is of an older one or out.

use std::collections::{BTreeMap, BTreeSet};

use corelog_model::PartitionId;

/// What each member of a generation owns, as its leader said.
pub(super) type Plan = BTreeMap<String, Vec<PartitionId>>;

/// The generations.
#[derive(Debug, Default)]
pub(super) struct Generations {
    /// The newest of which a member was told its part: it is durable.
    stored: i32,
    /// The newest that a member was told to be in, in this life. It is durable only when its leader
    /// has assigned.
    newest: i32,
    leaders: BTreeMap<i32, String>,
    /// What leaders said, by numbers of the simulator.
    plans: Vec<Plan>,
    /// Which plan is that of a generation.
    chosen: BTreeMap<i32, usize>,
    owners: BTreeMap<(i32, PartitionId), String>,
    /// Ids whose members are out, as far as this life knows.
    out: BTreeSet<String>,
    /// Those of which a durable generation knows too.
    out_for_ever: BTreeSet<String>,
}

/// Who a member is, whatever its id: a static one has many, made of its name.
pub(super) fn identity(id: &str) -> &str {
    id.split_once('/').map_or(id, |(name, _)| name)
}

impl Generations {
    /// The broker is gone: a generation that nobody was assigned in may be forgotten, and who went
    /// may be in the one before.
    pub(super) fn crash(&mut self) {
        self.newest = self.stored;
        let stored = self.stored;
        self.leaders.retain(|generation, _| *generation <= stored);
        self.out.clear();
    }

    /// A member is told that it is in a generation, and who leads.
    pub(super) fn join(&mut self, id: &str, generation: i32, leader: &str) -> Result<(), String> {
        if generation < self.newest {
            return Err(format!("{id} joined {generation} after {}", self.newest));
        }
        self.newest = generation;
        let leader = identity(leader);
        let known = self.leaders.entry(generation).or_insert_with(|| leader.to_owned());
        if known != leader {
            return Err(format!("generation {generation} has two leaders, {known} and {leader}"));
        }
        Ok(())
    }

    /// A leader is about to say what everyone gets. Gives the number to tell it by.
    pub(super) fn plan(&mut self, plan: Plan) -> usize {
        self.plans.push(plan);
        self.plans.len() - 1
    }

    /// A member is told its part.
    pub(super) fn sync(
        &mut self,
        id: &str,
        generation: i32,
        plan: usize,
        part: &[PartitionId],
    ) -> Result<(), String> {
        self.stored = self.stored.max(generation);
        self.newest = self.newest.max(generation);
        let chosen = *self.chosen.entry(generation).or_insert(plan);
        if chosen != plan {
            return Err(format!("generation {generation} has two assignments"));
        }
        let identity = identity(id);
        let given = self.plans.get(plan).and_then(|plan| plan.get(identity));
        if given.is_none_or(|given| given != part) {
            return Err(format!(
                "{id} is told {part:?} in {generation}, the leader said {given:?}"
            ));
        }
        for partition in part {
            let owner = self.owners.entry((generation, *partition));
            let owner = owner.or_insert_with(|| identity.to_owned());
            if owner != identity {
                return Err(format!(
                    "{partition} has two owners in {generation}, {owner} and {identity}"
                ));
            }
        }
        // Who had this name before is not in what is stored.
        let replaced = self.out.iter().filter(|out| *out != id && self::identity(out) == identity);
        self.out_for_ever.extend(replaced.cloned().collect::<Vec<_>>());
        Ok(())
    }

    /// The member of an id has left, was silent for too long, or is replaced.
    pub(super) fn leave(&mut self, id: &str) {
        self.out.insert(id.to_owned());
    }

    /// What is known when a member speaks.
    pub(super) fn said(&self, id: &str) -> Said {
        let is_out = self.out.contains(id) || self.out_for_ever.contains(id);
        Said { newest: self.newest, is_out }
    }
}

/// What was known when a member spoke: what comes later is no reason not to hear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    newest: i32,
    is_out: bool,
}

impl Said {
    /// Whether a member may be heard that spoke so.
    pub(super) fn check_heard(self, id: &str, generation: i32) -> Result<(), String> {
        if self.is_out {
            return Err(format!("{id} is out, and was heard in {generation}"));
        }
        if generation < self.newest {
            return Err(format!("{id} was heard in {generation}, after {}", self.newest));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use corelog_model::{PartitionIndex, TopicId};

    use super::*;

    const PARTITION: PartitionId =
        PartitionId { topic: TopicId::from_bytes([1; 16]), index: PartitionIndex(0) };

    fn plan_of(owners: &[&str]) -> Plan {
        owners.iter().map(|owner| ((*owner).to_owned(), vec![PARTITION])).collect()
    }

    #[test]
    fn a_generation_has_one_leader_whatever_its_id() {
        let mut generations = Generations::default();
        assert_eq!(generations.join("b", 1, "static/1"), Ok(()));
        assert_eq!(generations.join("c", 1, "static/2"), Ok(()));
        assert!(generations.join("c", 1, "c").is_err());
        assert!(generations.join("c", 0, "b").is_err(), "generations do not go back");
    }

    #[test]
    fn a_generation_that_is_not_stored_may_come_again_after_a_crash() {
        let mut generations = Generations::default();
        assert_eq!(generations.join("a", 1, "a"), Ok(()));
        generations.crash();
        assert_eq!(generations.join("b", 1, "b"), Ok(()));
        let plan = generations.plan(plan_of(&["b"]));
        assert_eq!(generations.sync("b", 1, plan, &[PARTITION]), Ok(()));
        generations.crash();
        assert!(generations.join("a", 1, "a").is_err());
        let other = generations.plan(plan_of(&["a"]));
        assert!(generations.sync("a", 1, other, &[PARTITION]).is_err());
    }

    #[test]
    fn a_partition_has_one_owner_in_a_generation() {
        let mut generations = Generations::default();
        let plan = generations.plan(plan_of(&["a", "b"]));
        assert_eq!(generations.sync("a", 1, plan, &[PARTITION]), Ok(()));
        assert!(generations.sync("b", 1, plan, &[PARTITION]).is_err());
        assert!(generations.sync("a", 1, plan, &[]).is_err(), "the leader said otherwise");
    }

    #[test]
    fn who_left_may_be_back_after_a_crash_and_who_was_replaced_may_not() {
        let mut generations = Generations::default();
        generations.leave("a");
        generations.leave("static/1");
        let plan = generations.plan(plan_of(&["static"]));
        assert_eq!(generations.sync("static/2", 1, plan, &[PARTITION]), Ok(()));
        let out = |generations: &Generations| {
            ["a", "static/1", "static/2"].map(|id| generations.said(id).is_out)
        };
        assert_eq!(out(&generations), [true, true, false]);
        generations.crash();
        assert_eq!(out(&generations), [false, true, false]);
    }

    #[test]
    fn nobody_is_heard_who_is_out_or_of_an_older_generation() {
        let said = Said { newest: 2, is_out: false };
        assert_eq!(said.check_heard("a", 2), Ok(()));
        assert!(said.check_heard("a", 1).is_err());
        assert!(Said { is_out: true, ..said }.check_heard("a", 2).is_err());
    }
}

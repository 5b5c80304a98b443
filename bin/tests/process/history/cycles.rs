//! Circles of transactions. One comes before another if that wrote behind it in some partition, or
//! read what it wrote; no transaction comes before itself.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::{Anomaly, Isolation, Phenomenon};

/// Who comes before whom, by places in the history.
type Edges = BTreeMap<usize, BTreeSet<usize>>;

/// Looks for circles of writes, of reads, and of both. One of each kind is enough to tell.
pub(super) fn look(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    let (writes, reads) = (writes(facts), reads(facts));
    let mut both = writes.clone();
    for (from, to) in &reads {
        both.entry(*from).or_default().extend(to);
    }
    let of_writes = circle(writes).map(|circle| (Phenomenon::WriteCycle, circle));
    let of_reads = circle(reads).map(|circle| (Phenomenon::ReadCycle, circle));
    let of_both = if of_writes.is_none() && of_reads.is_none() { circle(both) } else { None };
    let of_both = of_both.map(|circle| (Phenomenon::ReadWriteCycle, circle));
    for (phenomenon, circle) in [of_writes, of_reads, of_both].into_iter().flatten() {
        let operations = &facts.history.operations;
        let name = |index: &usize| format!("{index} of {}", operations[*index].process);
        let circle: Vec<String> = circle.iter().map(name).collect();
        found.push(Anomaly { phenomenon, evidence: format!("operations {}", circle.join(" < ")) });
    }
}

/// Whose record is the next one behind whose.
fn writes(facts: &Facts<'_>) -> Edges {
    let mut edges = Edges::new();
    for records in facts.visible.values() {
        let writers = records.values().filter_map(|value| facts.writers.get(value));
        let writers: Vec<usize> = writers.map(|written| written.operation).collect();
        for pair in writers.windows(2) {
            add(facts, &mut edges, pair[0], pair[1]);
        }
    }
    edges
}

/// Who read what of whom.
fn reads(facts: &Facts<'_>) -> Edges {
    let mut edges = Edges::new();
    for (reader, operation) in facts.history.operations.iter().enumerate() {
        for (isolation, polled) in operation.polled() {
            let written = facts.writers.get(&polled.value);
            if let Some(written) = written.filter(|_| isolation == Isolation::Committed) {
                add(facts, &mut edges, written.operation, reader);
            }
        }
    }
    edges
}

/// Only transactions happen as a whole; anything else may meet others halfway.
fn add(facts: &Facts<'_>, edges: &mut Edges, from: usize, to: usize) {
    let is_transaction = |index: usize| facts.history.operations[index].is_transaction();
    if from != to && is_transaction(from) && is_transaction(to) {
        edges.entry(from).or_default().insert(to);
    }
}

/// A circle, if there is one.
fn circle(mut edges: Edges) -> Option<Vec<usize>> {
    // Who leads nowhere is in no circle, and nobody is who leads only to such.
    let mut into = BTreeMap::<usize, Vec<usize>>::new();
    for (from, to) in &edges {
        for to in to {
            into.entry(*to).or_default().push(*from);
        }
    }
    let is_end = |to: &&usize| !edges.contains_key(*to);
    let mut ends: Vec<usize> = into.keys().filter(is_end).copied().collect();
    while let Some(end) = ends.pop() {
        for from in into.remove(&end).unwrap_or_default() {
            let Some(to) = edges.get_mut(&from) else { continue };
            to.remove(&end);
            if to.is_empty() {
                edges.remove(&from);
                ends.push(from);
            }
        }
    }
    // Each of those that are left leads to another one that is left.
    let mut at = *edges.keys().next()?;
    let mut path = Vec::new();
    while !path.contains(&at) {
        path.push(at);
        at = *edges[&at].first().expect("who leads nowhere is not left");
    }
    let first = path.iter().position(|on| *on == at)?;
    Some(path.split_off(first))
}

//! Chains of transactions on a broker that crashes: every claim holds for every seed, and with one
//! rule broken a claim does not hold.
#![allow(missing_docs, reason = "tests")]

use corelog_sim::chain::{Broken, Chain, ChainOutcome, play};
use corelog_sim::counts::ChainCounts;

const FIRST_SEED: u64 = 2_000_000;
const SEEDS: u64 = 150;

#[test]
fn transactions_are_all_or_nothing_across_crashes() {
    let mut counts = ChainCounts::default();
    for seed in FIRST_SEED..FIRST_SEED + SEEDS {
        let outcome = play(&Chain::of_seed(seed));
        let ChainOutcome { findings, story, .. } = &outcome;
        assert!(findings.is_empty(), "seed {seed}: {findings:#?}\n{}", story.join("\n"));
        counts.add(&outcome.counts);
    }
    println!("{counts}");
    assert_eq!(counts.missing(SEEDS), [""; 0]);
}

#[test]
fn the_same_seed_gives_the_same_chain() {
    for seed in 0..5 {
        let (first, second) = (play(&Chain::of_seed(seed)), play(&Chain::of_seed(seed)));
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_eq!(first.story, second.story, "seed {seed}");
    }
}

/// Plays seeds until a claim of these does not hold.
#[track_caller]
fn check(broken: Broken, claims: &[&str]) {
    let mut others = Vec::new();
    for seed in 0..200 {
        let found = play(&Chain::of_seed(seed).with_broken(broken)).findings;
        if found.iter().any(|finding| claims.iter().any(|claim| finding.contains(claim))) {
            return;
        }
        others.extend(found);
    }
    panic!("{broken:?} is not noticed: {others:#?}");
}

#[test]
fn a_disk_that_does_not_sync_loses_what_was_committed() {
    // What is lost shows as such, or as another transaction's records in its place.
    check(Broken::Disk, &["are there: Attempt { fate: Committed", "is read as committed, but"]);
}

#[test]
fn a_leader_that_takes_batches_of_unknown_transactions_keeps_readers_waiting() {
    check(Broken::Unverified, &["a transaction stays open", "does not end"]);
}

#[test]
fn a_copier_that_commits_offsets_apart_copies_twice() {
    check(Broken::OffsetsApart, &["more than once", "twice"]);
}

#[test]
fn a_reader_that_ignores_aborted_transactions_sees_them() {
    check(Broken::AbortedRead, &["but it was aborted"]);
}

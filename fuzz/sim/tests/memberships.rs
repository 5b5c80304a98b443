//! Groups of both protocols on a broker that crashes: every claim holds for every seed, and with
//! one rule broken a claim does not hold.
#![allow(missing_docs, reason = "tests")]

use corelog_sim::counts::MembershipCounts;
use corelog_sim::membership::{Membership, MembershipOutcome, Misrule, play};

const FIRST_SEED: u64 = 3_000_000;
const SEEDS: u64 = 300;

#[test]
fn partitions_have_one_owner_and_offsets_stay_across_crashes() {
    let mut counts = MembershipCounts::default();
    for seed in FIRST_SEED..FIRST_SEED + SEEDS {
        let MembershipOutcome { findings, story, counts: of_seed, .. } =
            play(&Membership::of_seed(seed));
        assert!(findings.is_empty(), "seed {seed}: {findings:#?}\n{}", story.join("\n"));
        counts.add(&of_seed);
    }
    println!("{counts}");
    assert_eq!(counts.missing(SEEDS), [""; 0]);
}

/// Plays seeds until a claim of these does not hold.
#[track_caller]
fn check(broken: Misrule, claims: &[&str]) {
    let mut others = Vec::new();
    for seed in 0..200 {
        let found = play(&Membership::of_seed(seed).with_broken(broken)).findings;
        if found.iter().any(|finding| claims.iter().any(|claim| finding.contains(claim))) {
            return;
        }
        others.extend(found);
    }
    panic!("{broken:?} is not noticed: {others:#?}");
}

#[test]
fn a_disk_that_does_not_sync_forgets_what_was_acknowledged() {
    check(Misrule::Disk, &["was acknowledged", "has two owners"]);
}

#[test]
fn a_leader_that_gives_a_partition_twice_is_noticed() {
    check(Misrule::Doubling, &["has two owners in"]);
}

#[test]
fn a_member_that_is_out_and_speaks_as_another_is_noticed() {
    check(Misrule::Posing, &["is out, and was heard", "was heard in"]);
}

#[test]
fn the_same_seed_gives_the_same_run_step_for_step() {
    for seed in 0..10 {
        let (first, second) = (Membership::of_seed(seed), Membership::of_seed(seed));
        let (first, second) = (play(&first), play(&second));
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_eq!((first.counts, first.story), (second.counts, second.story), "seed {seed}");
    }
}

#[test]
fn a_member_that_keeps_what_it_gave_up_is_noticed() {
    check(Misrule::Keeping, &["has two owners"]);
}

//! The claims hold for every seed: an acknowledged batch survives at its offset, byte for byte;
//! nothing unacknowledged is invented; damage is reported and never served. The gate runs thousands
//! of seeds more, see docs/testing.md.
#![allow(missing_docs, reason = "tests")]

use corelog_sim::{Scenario, run, sweep};

// Not those that the gate runs.
const FIRST_SEED: u64 = 1_000_000;
const SEEDS: u64 = 600;
const THREADS: usize = 2;

#[test]
fn the_claims_hold_for_every_seed_and_every_fault_happens() {
    let seeds = FIRST_SEED..FIRST_SEED + SEEDS;
    let sweep = sweep(seeds, THREADS, Scenario::of_seed, |_, _| {});
    let failed: Vec<_> = sweep.failed.iter().map(|run| (run.seed, &run.findings)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(sweep.counts.missing(SEEDS), [""; 0]);
}

#[test]
fn the_same_seed_gives_the_same_run_step_for_step() {
    for seed in 0..60 {
        let (first, second) = (run(&Scenario::of_seed(seed)), run(&Scenario::of_seed(seed)));
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_eq!((first.counts, first.story), (second.counts, second.story), "seed {seed}");
    }
    let trace = |seed| run(&Scenario::of_seed(seed)).trace_hash;
    assert_ne!(trace(1), trace(2));
}

//! The claims hold for thousands of seeds: an acknowledged batch survives at its offset, byte for
//! byte; nothing unacknowledged is invented; damage is reported and never served.
#![allow(missing_docs, reason = "tests")]

use corelog_sim::world::Counts;
use corelog_sim::{Scenario, run, sweep};

const SEEDS: u64 = 2_400;
const THREADS: usize = 2;

#[test]
fn the_claims_hold_for_every_seed() {
    let sweep = sweep(0..SEEDS, THREADS, Scenario::of_seed, |_, _| {});
    let failed: Vec<_> = sweep.failed.iter().map(|run| (run.seed, &run.findings)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    check_that_rare_paths_were_taken(&sweep.counts);
}

fn check_that_rare_paths_were_taken(counts: &Counts) {
    let Counts {
        recoveries,
        interrupted_recoveries,
        replayed,
        appended,
        acknowledged,
        lost,
        duplicates,
        refused,
        reads,
        failures,
        checkpoints,
        expired,
        deleted,
        damage,
        flips,
        full,
        frames,
        segments_max,
    } = *counts;
    let often = [recoveries, replayed, appended, acknowledged, duplicates, refused, reads, frames];
    assert!(often.iter().all(|count| *count > SEEDS), "{counts:?}");
    let rare = [interrupted_recoveries, lost, failures, checkpoints, expired, deleted];
    assert!(rare.iter().all(|count| *count > SEEDS / 20), "{counts:?}");
    assert!([damage, flips, full, segments_max].iter().all(|count| *count > 30), "{counts:?}");
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

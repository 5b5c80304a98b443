//! Many runs on several threads. Each run has one thread to itself, so the threads do not change
//! what a seed does.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::counts::Counts;
use crate::run::{Outcome, run};
use crate::scenario::Scenario;

/// What many runs found.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    /// What happened in all of them.
    pub counts: Counts,
    /// The runs in which a claim did not hold, by seed.
    pub failed: Vec<Outcome>,
}

/// Plays the scenario of each seed and tells `hear` about each run as it ends, in no particular
/// order.
pub fn sweep(
    seeds: Range<u64>,
    threads: usize,
    scenario_of: impl Fn(u64) -> Scenario + Sync,
    hear: impl Fn(&Scenario, &Outcome) + Sync,
) -> Sweep {
    let next = AtomicU64::new(seeds.start);
    let sweep = Mutex::new(Sweep::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let scenario = scenario_of(seed);
                    let outcome = run(&scenario);
                    hear(&scenario, &outcome);
                    let mut sweep = sweep.lock().unwrap_or_else(PoisonError::into_inner);
                    sweep.counts.add(&outcome.counts);
                    if !outcome.findings.is_empty() {
                        sweep.failed.push(outcome);
                    }
                }
            });
        }
    });
    let mut sweep = sweep.into_inner().unwrap_or_else(PoisonError::into_inner);
    sweep.failed.sort_by_key(|outcome| outcome.seed);
    sweep
}

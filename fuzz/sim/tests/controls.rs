//! Negative controls: with one rule of durability left out, the simulator finds that a claim does
//! not hold. A simulator that never fails proves nothing.
#![allow(missing_docs, reason = "tests")]

use std::ops::Range;

use corelog_log::Winner;
use corelog_log::journal::Safeguards;
use corelog_sim::{Scenario, Trouble, sweep};

/// Plays seeds with a rule left out and returns what was found, one line for each seed.
fn found(safeguards: Safeguards, trouble: Trouble, seeds: Range<u64>) -> Vec<String> {
    let scenario = |seed| Scenario::with_trouble(seed, trouble).guarded_by(safeguards);
    let sweep = sweep(seeds, 2, scenario, |_, _| {});
    sweep.failed.into_iter().filter_map(|run| run.findings.into_iter().next()).collect()
}

#[track_caller]
fn check(safeguards: Safeguards, trouble: Trouble, claim: &str) {
    let mut others = Vec::new();
    // Some rules are noticed soon, others need rare conditions.
    for first in (0..2_000).step_by(200) {
        let seeds = first..first + 200;
        let kept = found(Safeguards::default(), trouble, seeds.clone());
        assert_eq!(kept, [""; 0], "with every rule kept nothing is found");
        let found = found(safeguards, trouble, seeds);
        if found.iter().any(|finding| finding.contains(claim)) {
            return;
        }
        others.extend(found);
    }
    panic!("{safeguards:?} is not noticed: {others:#?}");
}

#[test]
fn a_journal_that_does_not_sync_loses_acknowledged_batches() {
    let safeguards = Safeguards { syncs: false, ..Safeguards::default() };
    check(safeguards, Trouble::None, "acknowledged batches are lost");
}

#[test]
fn a_compaction_that_keeps_the_wrong_record_of_a_key_is_noticed() {
    let scenario = |seed| {
        let mut scenario = Scenario::with_trouble(seed, Trouble::None);
        scenario.storage.cleaner.winner = Winner::AllButNewest;
        scenario
    };
    let failed = sweep(0..400, 2, scenario, |_, _| {}).failed;
    let findings = failed.into_iter().filter_map(|run| run.findings.into_iter().next());
    assert!(findings.filter(|finding| finding.contains("the newest of its key")).count() > 0);
}

#[test]
fn a_reader_that_checks_no_checksum_serves_damage() {
    let safeguards = Safeguards { verifies_checksums: false, ..Safeguards::default() };
    check(safeguards, Trouble::RotAtRest, "other bytes than those appended");
}

#[test]
fn a_journal_that_acknowledges_behind_a_gap_loses_acknowledged_batches() {
    let safeguards = Safeguards { gapless_prefix: false, ..Safeguards::default() };
    check(safeguards, Trouble::None, "acknowledged batches are lost");
}

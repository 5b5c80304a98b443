//! Every fuzz target keeps its promises for its seeds and for many thousand mutations of them. The
//! inputs are the same in each run.

use corelog_fuzz::{TARGETS, mutation, seeds};

const SEED: u64 = 20;

fn check(name: &str) {
    let target = corelog_fuzz::target(name);
    let mutated = mutation::inputs(target, SEED).take(target.smoke_inputs as usize);
    for input in target.seeds().into_iter().chain(mutated) {
        let outcome = std::panic::catch_unwind(|| target.check(&input));
        assert!(outcome.is_ok(), "{name} breaks a promise for {}", seeds::to_hex(&input));
    }
}

macro_rules! each {
    ($( $claim:ident: $name:literal; )*) => {
        $( #[test] fn $claim() { check($name); } )*

        #[test]
        fn every_target_has_its_test() {
            let tested = [$( $name ),*];
            let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(targets, tested);
        }
    };
}

each! {
    frames_and_headers: "wire_frame";
    requests_in_every_version: "wire_request";
    responses_in_every_version: "wire_response";
    record_batches: "batch";
    compressed_records_under_a_cap: "compressed";
    journal_frames: "journal_frame";
    a_damaged_storage_opens_or_says_why_not: "recovery";
    index_files: "index";
    checkpoints: "checkpoint";
    metadata_records: "metadata";
}

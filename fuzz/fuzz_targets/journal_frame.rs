//! libFuzzer on the target `journal_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("journal_frame").check(data));

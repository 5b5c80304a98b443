//! libFuzzer on the target `wire_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corelog_fuzz::target("wire_request").check(data));

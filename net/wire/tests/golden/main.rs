//! Every message in every version against an independent implementation, in both directions, and
//! against damage: cut short, with hostile counts, or made of random bytes.

#![allow(clippy::unwrap_used, reason = "the functions that tests share may panic like tests")]

mod case;
mod consumer_protocol;
mod fixtures;
mod oracle;
mod samples;

use case::{Case, Filled, cases};
use corelog_wire::{APIS, WireError};
use proptest::prelude::*;

#[test]
fn every_api_of_the_table_is_tested_both_ways() {
    let tested: Vec<_> = cases().iter().map(|case| case.name).collect();
    for api in APIS {
        for direction in ["Request", "Response"] {
            let name = format!("{}{direction}", api.name);
            assert!(tested.contains(&name.as_str()), "{name} has no sample");
        }
    }
}

/// Our bytes, read and written by the oracle, are the same bytes; the oracle's bytes, read by us,
/// give the values that the oracle saw, under the same names, and the same bytes again.
#[test]
fn the_oracle_reads_what_we_write_and_we_read_what_it_writes() {
    for_each_message(|case, version, filled| {
        if !case.oracle_versions.contains(&version) {
            return;
        }
        let ours = (case.encode)(version, filled);
        let theirs = (case.oracle)(&ours, version);
        assert_eq!(theirs.remaining, 0, "{} {version}: the oracle leaves bytes", case.name);
        assert_eq!(theirs.bytes, ours, "{} {version}: the oracle writes other bytes", case.name);
        let read = (case.decode)(&theirs.bytes, version).unwrap();
        assert_eq!(read.remaining, 0, "{} {version}: we leave bytes", case.name);
        assert_eq!(read.bytes, theirs.bytes, "{} {version}: we write other bytes", case.name);
        assert_eq!(
            oracle::normal_form(&read.debug),
            oracle::normal_form(&theirs.debug),
            "{} {version}: we read other values",
            case.name
        );
    });
}

/// The versions that `fixtures.rs` has to cover.
#[test]
fn the_oracle_lacks_few_versions() {
    let lacks = |case: &Case| {
        let versions = case.versions.clone();
        let lacking = versions.filter(|version| !case.oracle_versions.contains(version));
        lacking.map(|version| (case.name, version)).collect::<Vec<_>>()
    };
    assert_eq!(
        cases().iter().flat_map(lacks).collect::<Vec<_>>(),
        [
            ("ListOffsetsRequest", 11),
            ("ListOffsetsResponse", 11),
            ("OffsetCommitRequest", 10),
            ("OffsetFetchRequest", 10),
            ("CreateTopicsRequest", 0),
            ("CreateTopicsRequest", 1),
            ("CreateTopicsResponse", 0),
            ("CreateTopicsResponse", 1),
            ("DeleteTopicsRequest", 0),
            ("DeleteTopicsResponse", 0),
            ("InitProducerIdRequest", 6),
            ("WriteTxnMarkersRequest", 2),
            ("WriteTxnMarkersResponse", 2),
            ("DescribeConfigsRequest", 0),
            ("DescribeConfigsResponse", 0),
            ("ShareFetchRequest", 2),
            ("ShareFetchResponse", 2),
            ("ShareAcknowledgeRequest", 2),
            ("ShareAcknowledgeResponse", 2),
            ("WriteShareGroupStateRequest", 1),
            ("WriteShareGroupStateResponse", 1),
            ("ReadShareGroupStateSummaryRequest", 1),
            ("ReadShareGroupStateSummaryResponse", 1),
            ("DescribeShareGroupOffsetsRequest", 1),
            ("DescribeShareGroupOffsetsResponse", 1),
        ]
    );
}

#[test]
fn what_we_write_we_read_in_every_version() {
    for_each_message(|case, version, filled| {
        let bytes = (case.encode)(version, filled);
        let read = (case.decode)(&bytes, version).unwrap();
        assert_eq!((read.bytes, read.remaining), (bytes, 0), "{} {version}", case.name);
    });
}

#[test]
fn a_throttle_time_is_written_wherever_a_response_has_one() {
    let told = |debug: &str| {
        let (_, rest) = debug.split_once("throttle_time_ms: ")?;
        rest.split(|next: char| !next.is_ascii_digit()).next()?.parse::<i32>().ok()
    };
    let mut apis = std::collections::BTreeSet::new();
    for case in cases() {
        for version in case.versions.clone() {
            let full = (case.decode)(&(case.encode)(version, Filled::Full), version).unwrap();
            // Samples are full, so a zero is that of a version without the field.
            let has_place = told(&full.debug).is_some_and(|time_ms| time_ms != 0);
            let throttled = (case.throttled)(version, 1_234_567);
            assert_eq!(throttled.is_some(), has_place, "{} {version}", case.name);
            let Some(bytes) = throttled else { continue };
            apis.insert(case.name);
            let read = (case.decode)(&bytes, version).unwrap();
            assert_eq!(told(&read.debug), Some(1_234_567), "{} {version}", case.name);
            let restored = read.debug.replace(
                "throttle_time_ms: 1234567",
                &format!("throttle_time_ms: {}", told(&full.debug).unwrap()),
            );
            assert_eq!(restored, full.debug, "nothing else changes");
        }
    }
    for name in ["ProduceResponse", "FetchResponse", "ApiVersionsResponse", "MetadataResponse"] {
        assert!(apis.contains(name), "{name}");
    }
}

#[test]
fn bytes_behind_a_message_are_left_alone() {
    for_each_message(|case, version, filled| {
        let mut bytes = (case.encode)(version, filled);
        bytes.extend([1, 2, 3]);
        assert_eq!((case.decode)(&bytes, version).unwrap().remaining, 3);
    });
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    for_each_message(|case, version, filled| {
        let bytes = (case.encode)(version, filled);
        for len in 0..bytes.len() {
            let cut = (case.decode)(&bytes[..len], version);
            assert!(cut.is_err(), "{} {version} cut at {len}", case.name);
        }
    });
}

/// Wherever a count or length stands, one of these values lands on it.
#[test]
fn hostile_counts_anywhere_are_refused_or_harmless() {
    for_each_message(|case, version, filled| {
        let bytes = (case.encode)(version, filled);
        for at in 0..bytes.len() {
            for hostile in [
                &[0x7f, 0xff, 0xff, 0xff][..],
                &[0x80, 0x00, 0x00, 0x00],
                &[0xff, 0xff, 0xff, 0xff, 0x0f],
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                &[0x00, 0x00],
            ] {
                let mut damaged = bytes.clone();
                let end = damaged.len().min(at + hostile.len());
                damaged[at..end].copy_from_slice(&hostile[..end - at]);
                let _ = (case.decode)(&damaged, version);
            }
        }
    });
}

#[test]
fn versions_outside_the_range_are_refused() {
    for case in cases() {
        for version in [i16::MIN, case.versions.start() - 1, case.versions.end() + 1, i16::MAX] {
            let refused = WireError::UnsupportedVersion { api: case.api, version };
            assert_eq!((case.decode)(&[0; 64], version).unwrap_err(), refused);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for case in cases() {
            for version in case.versions.clone() {
                let _ = (case.decode)(&bytes, version);
            }
        }
    }

    #[test]
    fn damaged_messages_never_panic_and_round_trip_when_accepted(
        which in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let cases = cases();
        let case = &cases[which.index(cases.len())];
        for version in case.versions.clone() {
            let mut bytes = (case.encode)(version, Filled::Full);
            for (at, byte) in &damage {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            if let Ok(read) = (case.decode)(&bytes, version) {
                let again = (case.decode)(&read.bytes, version).unwrap();
                prop_assert_eq!(again.debug, read.debug);
            }
        }
    }
}

fn for_each_message(mut check: impl FnMut(&Case, i16, Filled)) {
    for case in cases() {
        for version in case.versions.clone() {
            check(&case, version, Filled::Full);
            check(&case, version, Filled::Default);
        }
    }
}

//! Bytes for the versions that the oracle lacks: newer ones written by another implementation
//! (`kio_fixtures.py`) or by hand from Kafka's schemas, older ones by hand from those of release
//! 3.9.

use crate::case::{Filled, cases};

#[test]
fn newer_versions_are_what_kio_writes() {
    for line in include_str!("kio.txt").lines() {
        let [name, version, hex] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        check(name, version.parse().unwrap(), &unhex(hex));
    }
}

#[test]
fn create_topics_0_has_no_validate_only_no_throttle_time_and_no_message() {
    let request = [
        &b"\0\0\0\x02"[..],
        b"\0\x07topic-1\0\0\0\x01\0\x02",
        b"\0\0\0\x02\0\0\0\x03\0\0\0\x02\0\0\0\x04\0\0\0\x05\0\0\0\x06\0\0\0\0",
        b"\0\0\0\x02\0\x08config-1\0\x07value-1\0\x08config-2\xff\xff",
        b"\0\x07topic-2\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
        b"\0\0\0\x07",
    ]
    .concat();
    check("CreateTopicsRequest", 0, &request);
    check("CreateTopicsRequest", 1, &[&request[..], b"\x01"].concat());

    let response = b"\0\0\0\x02\0\x07topic-1\0\x02\0\x07topic-2\0\x06";
    check("CreateTopicsResponse", 0, response);
    let response = b"\0\0\0\x02\0\x07topic-1\0\x02\0\x07message\0\x07topic-2\0\x06\xff\xff";
    check("CreateTopicsResponse", 1, response);
}

#[test]
fn delete_topics_0_has_no_throttle_time() {
    check("DeleteTopicsRequest", 0, b"\0\0\0\x02\0\x07topic-3\0\x07topic-4\0\0\0\x01");
    check("DeleteTopicsResponse", 0, b"\0\0\0\x02\0\x07topic-1\0\x02\0\x07topic-2\0\x03");
}

#[test]
fn describe_configs_0_says_is_default_where_later_versions_name_the_source() {
    let request = [
        &b"\0\0\0\x02"[..],
        b"\x02\0\x07topic-1\0\0\0\x02\0\x08config-1\0\x08config-2",
        b"\x04\0\x011\xff\xff\xff\xff",
    ]
    .concat();
    check("DescribeConfigsRequest", 0, &request);
    let response = [
        &b"\0\0\0\x01\0\0\0\x02"[..],
        b"\0\0\xff\xff\x02\0\x07topic-1\0\0\0\x02",
        // Name, value, read only, is default, is sensitive.
        b"\0\x08config-1\0\x07value-1\x01\x01\0",
        b"\0\x08config-1\xff\xff\0\x01\x01",
        b"\0\x03\0\x07message\x02\0\x07topic-1\0\0\0\0",
    ]
    .concat();
    check("DescribeConfigsResponse", 0, &response);
}

#[test]
fn write_txn_markers_2_has_the_transaction_version_behind_the_coordinator_epoch() {
    let request = [
        &b"\x03"[..],
        b"\0\0\0\0\0\0\0\x01\0\x02\x01\x03",
        b"\x08topic-1\x03\0\0\0\x03\0\0\0\x04\0\x08topic-2\x01\0",
        b"\0\0\0\x05\x02\0",
        b"\0\0\0\0\0\0\0\x06\0\x07\0\x01\0\0\0\x08\0\0",
        b"\0",
    ]
    .concat();
    check("WriteTxnMarkersRequest", 2, &request);
}

#[test]
fn write_txn_markers_2_is_answered_like_1() {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == "WriteTxnMarkersResponse").unwrap();
    assert!(case.oracle_versions.contains(&1));
    assert_eq!((case.encode)(2, Filled::Full), (case.encode)(1, Filled::Full));
}

/// What share groups have learnt since Kafka 4.1, each where the schemas put it.
#[test]
fn newer_versions_of_share_groups_have_a_few_fields_more() {
    check_inserted("ShareFetchRequest", 2, &[(41, b"\x01\x01")]);
    check_inserted("ShareFetchResponse", 2, &[]);
    check_inserted("ShareAcknowledgeRequest", 2, &[(21, b"\x01")]);
    check_inserted("ShareAcknowledgeResponse", 2, &[(16, b"\0\0\0\x03")]);
    let count = |number: &'static [u8; 4]| number.as_slice();
    let (six, seven) = (count(b"\0\0\0\x06"), count(b"\0\0\0\x07"));
    check_inserted("WriteShareGroupStateRequest", 1, &[(46, six), (112, six)]);
    check_inserted("WriteShareGroupStateResponse", 1, &[]);
    check_inserted("ReadShareGroupStateSummaryRequest", 1, &[]);
    check_inserted("ReadShareGroupStateSummaryResponse", 1, &[(50, seven), (87, seven)]);
    check_inserted("DescribeShareGroupOffsetsRequest", 1, &[]);
    let lag = b"\0\0\0\0\0\0\0\x04";
    check_inserted("DescribeShareGroupOffsetsResponse", 1, &[(55, lag), (92, lag)]);
}

/// A version that the oracle lacks is the one before, which it knows, with bytes inserted at
/// positions of the result.
fn check_inserted(name: &str, version: i16, inserted: &[(usize, &[u8])]) {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == name).unwrap();
    assert!(case.oracle_versions.contains(&(version - 1)));
    let mut bytes = (case.encode)(version - 1, Filled::Full);
    for (at, more) in inserted {
        bytes.splice(at..at, more.iter().copied());
    }
    check(name, version, &bytes);
}

/// The full sample of `name` in `version` is exactly `bytes`, read and written.
fn check(name: &str, version: i16, bytes: &[u8]) {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == name).unwrap();
    assert_eq!((case.encode)(version, Filled::Full), bytes, "{name} {version}");
    let read = (case.decode)(bytes, version).unwrap();
    assert_eq!((&read.bytes[..], read.remaining), (bytes, 0), "{name} {version}");
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

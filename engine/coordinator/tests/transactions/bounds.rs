//! What happens at the bounds.

use corelog_coordinator::transactions::{TransactionConfig, TransactionInput};
use corelog_model::ErrorCode;

use crate::rig::*;

#[test]
fn one_id_too_many_is_refused() {
    let mut rig = Rig::with(TransactionConfig { ids_max: 1, ..TransactionConfig::default() });
    rig.step(init(1, None));
    let other = TransactionInput::Init(init_of("y", 2, None));
    assert_eq!(rig.step(other), [find(1)]);
    rig.step(supply(0, 7));
    // The room is gone by the time that its producer id is there.
    let refused = began(2, Err(ErrorCode::PolicyViolation));
    assert_eq!(rig.step(supply(1, 8)), [refused]);
    let other = TransactionInput::Init(init_of("y", 3, None));
    assert_eq!(rig.step(other), [began(3, Err(ErrorCode::PolicyViolation))]);
    rig.appended(0);
    assert_eq!(rig.run(init(4, None)), [began(4, Ok((7, 1)))]);
}

#[test]
fn one_partition_too_many_is_refused() {
    let config = TransactionConfig { partitions_max: 2, ..TransactionConfig::default() };
    let (mut rig, _) = Rig::begin(config, &[record(ongoing(4, V2, &["t"]))]);
    let refused = Err(ErrorCode::PolicyViolation);
    assert_eq!(rig.step(add(1, (1, 4), V2, &["u", "v"])), [added(1, refused)]);
    rig.step(add(2, (1, 4), V2, &["u"]));
    rig.step(add(3, (1, 4), V2, &["v"]));
    assert_eq!(rig.appended(0), [added(2, Ok(())), added(3, refused)]);
}

#[test]
fn partitions_that_make_too_large_a_record_are_refused() {
    // Two topics with names of a byte: 13 bytes each with one partition, 4 for another one.
    let config = TransactionConfig { partitions_bytes_max: 26, ..TransactionConfig::default() };
    let (mut rig, _) = Rig::begin(config, &[record(ongoing(4, V2, &["t"]))]);
    let refused = Err(ErrorCode::PolicyViolation);
    assert_eq!(rig.step(add(1, (1, 4), V2, &["uu"])), [added(1, refused)]);
    rig.step(add(2, (1, 4), V2, &["u"]));
    assert_eq!(rig.appended(0), [added(2, Ok(()))]);
    assert_eq!(rig.step(add(3, (1, 4), V2, &["v"])), [added(3, refused)]);
}

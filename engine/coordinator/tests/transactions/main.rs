//! What the transactional ids of a partition of `__transaction_state` do, input by input. Each test
//! compares whole outputs.

mod end;
mod initialization;
mod partitions;
mod rig;

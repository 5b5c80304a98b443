//! What flatc makes of schema/metadata.fbs. The head of that file says how; nobody edits the
//! output.

#[rustfmt::skip]
#[path = "generated/metadata.rs"]
#[allow(
    unsafe_code,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::allow_attributes_without_reason,
    reason = "generated; reads are sound because codec.rs verifies every buffer first"
)]
mod output;

pub(crate) use output::metadata::*;

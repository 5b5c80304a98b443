//! One sample per message, with every field that the version has set to a value unlike any other:
//! arrays of two elements, the second of them with nulls where they are allowed.

mod configs;
mod data;
mod groups;
mod membership;
mod nodes;
mod offsets;
mod placement;
mod security;
mod settings;
mod share;
mod share_states;
mod tokens;
mod topics;
mod transactions;

pub(crate) use configs::*;
pub(crate) use data::*;
pub(crate) use groups::*;
pub(crate) use membership::*;
pub(crate) use nodes::*;
pub(crate) use offsets::*;
pub(crate) use placement::*;
pub(crate) use security::*;
pub(crate) use settings::*;
pub(crate) use share::*;
pub(crate) use share_states::*;
pub(crate) use tokens::*;
pub(crate) use topics::*;
pub(crate) use transactions::*;

use corelog_wire::{Bytes, Text, Uuid};

/// A string.
pub(crate) fn text(value: &'static str) -> Text<'static> {
    Text::Borrowed(value)
}

/// A string in a nullable field.
#[allow(clippy::unnecessary_wraps, reason = "the field is nullable")]
pub(crate) fn some(value: &'static str) -> Option<Text<'static>> {
    Some(text(value))
}

/// Bytes that the protocol does not look into.
pub(crate) fn bytes(value: &'static [u8]) -> Bytes<'static> {
    Bytes::Borrowed(value)
}

/// A uuid whose bytes all differ.
fn uuid(first: u8) -> Uuid {
    std::array::from_fn(|index| first + index as u8)
}

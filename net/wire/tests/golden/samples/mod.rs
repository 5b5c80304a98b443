//! One sample per message, with every field that the version has set to a value unlike any other:
//! arrays of two elements, the second of them with nulls where they are allowed.

mod configs;
mod data;
mod nodes;
mod topics;

pub(crate) use configs::*;
pub(crate) use data::*;
pub(crate) use nodes::*;
pub(crate) use topics::*;

use corelog_wire::{Text, Uuid};

/// A string.
fn text(value: &'static str) -> Text<'static> {
    Text::Borrowed(value)
}

/// A string in a nullable field.
#[allow(clippy::unnecessary_wraps, reason = "the field is nullable")]
fn some(value: &'static str) -> Option<Text<'static>> {
    Some(text(value))
}

/// A uuid whose bytes all differ.
fn uuid(first: u8) -> Uuid {
    std::array::from_fn(|index| first + index as u8)
}

//! Kafka's keys about rights.

use super::{Key, Kind};

/// Kafka's name of the rules by which rights are looked up here.
pub(in crate::serve::config) const STANDARD: &str =
    "org.apache.kafka.metadata.authorizer.StandardAuthorizer";

pub(super) static KEYS: &[Key] = &[
    Key::broker(
        "authorizer.class.name",
        Kind::Choice(&["", STANDARD]),
        "",
        "Who may do what: nothing for everybody everything, or the rules of Kafka's authorizer.",
    ),
    Key::broker(
        "super.users",
        Kind::Text,
        "",
        "Principals that may do everything, separated by semicolons: User:admin;User:root.",
    ),
    Key::broker(
        "allow.everyone.if.no.acl.found",
        Kind::Boolean,
        "false",
        "Whether everybody may do everything with a resource that no ACL is about.",
    ),
];

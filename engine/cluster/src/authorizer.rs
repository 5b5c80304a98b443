//! Who may do what, given the bindings of a cluster: a binding that denies wins, some operations
//! imply others, super users may do everything. The rules are those of Kafka's standard authorizer.
//! Pure, and without memory of its own: each question is answered from the image.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::acl::{
    AclEntry, AclOperation, EVERYBODY, PatternType, Permission, ResourceType, WILDCARD,
};
use crate::acl_index::AclIndex;

/// What the operator decided about rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorizer {
    /// Principals that may do everything, as in `User:admin` (`super.users`).
    pub super_users: BTreeSet<String>,
    /// What holds for a resource that no binding is about (`allow.everyone.if.no.acl.found`).
    pub unmentioned: Unmentioned,
}

/// What holds for a resource that no binding is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmentioned {
    /// Only super users may do anything with it.
    #[default]
    Denied,
    /// Everybody may do everything with it.
    Allowed,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The kind of its principal, `User` mostly.
    pub kind: &'a str,
    /// The name of its principal.
    pub name: &'a str,
    /// Where it connects from.
    pub host: IpAddr,
}

impl Authorizer {
    /// Whether `who` may do `operation` on the resource of this name. Takes no memory.
    pub fn allows(
        &self,
        acls: &AclIndex,
        who: Subject<'_>,
        operation: AclOperation,
        (resource_type, name): (ResourceType, &str),
    ) -> bool {
        if self.is_super_user(who) {
            return true;
        }
        let (mut is_mentioned, mut is_allowed) = (false, false);
        for entry in acls.entries_on(resource_type, name) {
            is_mentioned = true;
            if !is_about(entry, who) {
                continue;
            }
            match entry.permission {
                Permission::Deny if denies(entry.operation, operation) => return false,
                Permission::Allow if gives(entry.operation, operation) => is_allowed = true,
                Permission::Deny | Permission::Allow => {}
            }
        }
        is_allowed || (!is_mentioned && self.unmentioned == Unmentioned::Allowed)
    }

    /// Whether there may be any resource of this type on which `who` may do `operation`, looking
    /// only at that operation itself and at all of them (KIP-679).
    pub fn allows_on_any(
        &self,
        acls: &AclIndex,
        who: Subject<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
    ) -> bool {
        // A name that nobody has given: what holds for it holds for resources that are to come.
        if self.allows(acls, who, operation, (resource_type, "hardcode")) {
            return true;
        }
        let mut denied: BTreeMap<PatternType, BTreeSet<&str>> = BTreeMap::new();
        let mut given: Vec<(PatternType, &str)> = Vec::new();
        for (pattern_type, name, entry) in acls.patterns_of(resource_type) {
            let is_it = entry.operation == operation || entry.operation == AclOperation::All;
            if !is_it || !is_about(entry, who) {
                continue;
            }
            match entry.permission {
                Permission::Deny if is_everything(pattern_type, name) => return false,
                Permission::Deny => drop(denied.entry(pattern_type).or_default().insert(name)),
                Permission::Allow => given.push((pattern_type, name)),
            }
        }
        let is_denied = |pattern_type, name| {
            denied.get(&pattern_type).is_some_and(|names| names.contains(name))
        };
        given.into_iter().any(|(pattern_type, name)| {
            let ends = name.char_indices().map(|(start, letter)| start + letter.len_utf8());
            let mut prefixes = ends.map(|end| &name[..end]);
            is_everything(pattern_type, name)
                || !(prefixes.any(|prefix| is_denied(PatternType::Prefixed, prefix))
                    || pattern_type == PatternType::Literal
                        && is_denied(PatternType::Literal, name))
        })
    }

    fn is_super_user(&self, who: Subject<'_>) -> bool {
        self.super_users.iter().any(|user| is_principal(user, who))
    }
}

fn is_everything(pattern_type: PatternType, name: &str) -> bool {
    pattern_type == PatternType::Literal && name == WILDCARD
}

/// Whether an entry is about this one. Addresses are compared by value: an address of version 6
/// has several forms.
fn is_about(entry: &AclEntry, who: Subject<'_>) -> bool {
    let is_host = || entry.host == WILDCARD || entry.host.parse() == Ok(who.host);
    (entry.principal == EVERYBODY || is_principal(&entry.principal, who)) && is_host()
}

fn is_principal(text: &str, who: Subject<'_>) -> bool {
    let name = text.strip_prefix(who.kind).and_then(|rest| rest.strip_prefix(':'));
    name == Some(who.name)
}

/// Whether the right to do `given` is one to do `wanted`.
fn gives(given: AclOperation, wanted: AclOperation) -> bool {
    use AclOperation::{All, Alter, AlterConfigs, Delete, Describe, DescribeConfigs, Read, Write};
    match wanted {
        _ if given == wanted || given == All => true,
        // Whoever may touch a thing may see it.
        Describe => matches!(given, Read | Write | Delete | Alter),
        DescribeConfigs => given == AlterConfigs,
        _ => false,
    }
}

/// Whether who may not do `denied` may not do `wanted`. Nothing is implied here: who may not read
/// may still be allowed to see.
fn denies(denied: AclOperation, wanted: AclOperation) -> bool {
    denied == wanted || denied == AclOperation::All
}

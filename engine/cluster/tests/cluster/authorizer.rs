//! Who may do what: each rule by itself, and all of them against a model that is slow and plain.

use std::net::IpAddr;

use corelog_cluster::acl::{EVERYBODY, WILDCARD};
use corelog_cluster::{
    AclBinding, AclEntry, AclOperation, Authorizer, ClusterImage, MetadataRecord, PatternType,
    Permission, ResourcePattern, ResourceType, Subject, Unmentioned,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::arbitrary;
use AclOperation::{All, Alter, AlterConfigs, Describe, DescribeConfigs, Read, Write};
use PatternType::{Literal, Prefixed};
use Permission::{Allow, Deny};
use ResourceType::{Group, Topic};

const HERE: &str = "10.0.0.1";

fn alice() -> Subject<'static> {
    Subject { kind: "User", name: "alice", host: HERE.parse().unwrap() }
}

/// A binding of alice on topics.
fn topics(
    pattern: (PatternType, &str),
    permission: Permission,
    operation: AclOperation,
) -> AclBinding {
    AclBinding {
        pattern: ResourcePattern {
            resource_type: Topic,
            pattern_type: pattern.0,
            name: pattern.1.to_owned(),
        },
        entry: AclEntry {
            principal: "User:alice".to_owned(),
            host: WILDCARD.to_owned(),
            operation,
            permission,
        },
    }
}

fn image(bindings: &[AclBinding]) -> ClusterImage {
    let added = |binding: &AclBinding| MetadataRecord::AclAdded { binding: binding.clone() };
    ClusterImage::empty().fold(&bindings.iter().map(added).collect::<Vec<_>>()).unwrap()
}

fn allows(bindings: &[AclBinding], operation: AclOperation, topic: &str) -> bool {
    let image = image(bindings);
    Authorizer::default().allows(image.acls(), alice(), operation, (Topic, topic))
}

#[test]
fn nothing_is_allowed_unless_it_is_given() {
    assert!(!allows(&[], Read, "a"));
    let read = topics((Literal, "a"), Allow, Read);
    assert!(allows(std::slice::from_ref(&read), Read, "a"));
    for topic in ["b", "aa", "A", ""] {
        assert!(!allows(std::slice::from_ref(&read), Read, topic), "{topic}");
    }
    assert!(!allows(std::slice::from_ref(&read), Write, "a"));
    let bob = Subject { name: "bob", ..alice() };
    let image = image(&[read]);
    assert!(!Authorizer::default().allows(image.acls(), bob, Read, (Topic, "a")));
    assert!(!Authorizer::default().allows(image.acls(), alice(), Read, (Group, "a")));
}

#[test]
fn prefixes_and_the_wildcard_match() {
    assert!(allows(&[topics((Prefixed, "ab"), Allow, Read)], Read, "ab"));
    assert!(allows(&[topics((Prefixed, "ab"), Allow, Read)], Read, "abc"));
    assert!(!allows(&[topics((Prefixed, "ab"), Allow, Read)], Read, "a"));
    assert!(allows(&[topics((Literal, "*"), Allow, Read)], Read, "anything"));
    assert!(!allows(&[topics((Prefixed, "*"), Allow, Read)], Read, "anything"), "a star is a star");
    // What stands between a name and its prefix in the order of names is passed over.
    let between = topics((Prefixed, "abb"), Allow, Write);
    assert!(allows(&[topics((Prefixed, "a"), Allow, Read), between], Read, "abc"));
    let accents = [topics((Prefixed, "é"), Allow, Read), topics((Prefixed, "éa"), Allow, Write)];
    assert!(allows(&accents, Read, "éè"));
}

#[test]
fn to_deny_wins_over_to_allow() {
    let denied = topics((Prefixed, "a"), Deny, Read);
    let given = topics((Literal, "ab"), Allow, All);
    assert!(!allows(&[denied.clone(), given.clone()], Read, "ab"));
    assert!(allows(&[denied, given.clone()], Write, "ab"));
    assert!(!allows(&[topics((Literal, "*"), Deny, All), given], Write, "ab"));
}

#[test]
fn to_see_is_implied_by_rights_and_never_by_denials() {
    for operation in [Read, Write, Alter, AclOperation::Delete, All] {
        assert!(allows(&[topics((Literal, "a"), Allow, operation)], Describe, "a"));
    }
    for operation in [AlterConfigs, DescribeConfigs, AclOperation::Create] {
        assert!(!allows(&[topics((Literal, "a"), Allow, operation)], Describe, "a"));
    }
    assert!(allows(&[topics((Literal, "a"), Allow, AlterConfigs)], DescribeConfigs, "a"));
    let both = [topics((Literal, "a"), Allow, Write), topics((Literal, "a"), Deny, Read)];
    assert!(allows(&both, Describe, "a"));
    let both = [topics((Literal, "a"), Allow, Write), topics((Literal, "a"), Deny, Describe)];
    assert!(!allows(&both, Describe, "a"));
    assert!(allows(&both, Write, "a"));
}

#[test]
fn hosts_are_addresses() {
    let from = |host: &str| {
        let mut binding = topics((Literal, "a"), Allow, Read);
        binding.entry.host = host.to_owned();
        binding
    };
    assert!(allows(&[from(HERE)], Read, "a"));
    assert!(!allows(&[from("10.0.0.2")], Read, "a"));
    assert!(!allows(&[from("localhost")], Read, "a"), "names are not looked up");
    let image = image(&[from("0:0:0:0:0:0:0:1")]);
    let who = Subject { host: IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), ..alice() };
    assert!(Authorizer::default().allows(image.acls(), who, Read, (Topic, "a")));
}

#[test]
fn super_users_may_do_everything() {
    let authorizer =
        Authorizer { super_users: ["User:alice".to_owned()].into(), ..Authorizer::default() };
    let image = image(&[topics((Literal, "*"), Deny, All)]);
    assert!(authorizer.allows(image.acls(), alice(), Write, (Topic, "a")));
    assert!(authorizer.allows_on_any(image.acls(), alice(), Write, Topic));
    let bob = Subject { name: "bob", ..alice() };
    assert!(!authorizer.allows(image.acls(), bob, Write, (Topic, "a")));
    let role = Subject { kind: "Role", ..alice() };
    assert!(!authorizer.allows(image.acls(), role, Write, (Topic, "a")));
}

#[test]
fn a_resource_that_nobody_mentions_may_be_open_to_all() {
    let authorizer = Authorizer { unmentioned: Unmentioned::Allowed, ..Authorizer::default() };
    let mut of_bob = topics((Literal, "a"), Allow, Read);
    of_bob.entry.principal = "User:bob".to_owned();
    let image = image(&[of_bob]);
    assert!(authorizer.allows(image.acls(), alice(), Write, (Topic, "b")));
    assert!(!authorizer.allows(image.acls(), alice(), Read, (Topic, "a")));
    assert!(authorizer.allows_on_any(image.acls(), alice(), Write, Topic));
}

fn allows_any(bindings: &[AclBinding]) -> bool {
    Authorizer::default().allows_on_any(image(bindings).acls(), alice(), Write, Topic)
}

#[test]
fn a_right_on_any_topic_counts_unless_something_denies_all_of_it() {
    let given = |pattern| topics(pattern, Allow, Write);
    let denied = |pattern| topics(pattern, Deny, Write);
    assert!(!allows_any(&[]));
    for pattern in [(Literal, "ab"), (Prefixed, "ab"), (Literal, "*")] {
        assert!(allows_any(&[given(pattern)]));
        assert!(!allows_any(&[given(pattern), denied((Literal, "*"))]));
    }
    assert!(allows_any(&[given((Literal, "*")), denied((Prefixed, "ab"))]));
    assert!(!allows_any(&[given((Literal, "ab")), denied((Prefixed, "a"))]));
    assert!(!allows_any(&[given((Prefixed, "ab")), denied((Prefixed, "ab"))]));
    assert!(!allows_any(&[given((Literal, "ab")), denied((Literal, "ab"))]));
    assert!(allows_any(&[given((Prefixed, "ab")), denied((Literal, "ab"))]));
    assert!(allows_any(&[given((Prefixed, "a")), denied((Prefixed, "ab"))]));
    assert!(allows_any(&[topics((Literal, "a"), Allow, All)]));
    assert!(!allows_any(&[topics((Literal, "a"), Allow, Read)]));
}

/// The rules again, over a plain list.
fn model(bindings: &[AclBinding], who: Subject<'_>, wanted: AclOperation, topic: &str) -> bool {
    let principal = format!("{}:{}", who.kind, who.name);
    let matching: Vec<&AclEntry> = bindings
        .iter()
        .filter(|it| it.pattern.resource_type == Topic)
        .filter(|it| match it.pattern.pattern_type {
            Literal => it.pattern.name == topic || it.pattern.name == WILDCARD,
            Prefixed => topic.starts_with(&it.pattern.name),
        })
        .map(|it| &it.entry)
        .filter(|it| it.principal == EVERYBODY || it.principal == principal)
        .filter(|it| it.host == WILDCARD || it.host == who.host.to_string())
        .collect();
    let implying: &[AclOperation] = match wanted {
        Describe => &[Describe, Read, Write, AclOperation::Delete, Alter, All],
        DescribeConfigs => &[DescribeConfigs, AlterConfigs, All],
        _ => &[wanted, All],
    };
    let is_denied = |it: &&AclEntry| it.permission == Deny && [wanted, All].contains(&it.operation);
    let is_given = |it: &&AclEntry| it.permission == Allow && implying.contains(&it.operation);
    !matching.iter().any(is_denied) && matching.iter().any(is_given)
}

/// A binding that is added, or which of those that are there is removed.
fn step() -> impl Strategy<Value = Result<AclBinding, Index>> {
    let acl = arbitrary::acl("[ab]{1,3}|[*]", "User:(alice|bob|[*])", "[*]|10[.]0[.]0[.][12]");
    prop_oneof![2 => acl.prop_map(Ok), 1 => any::<Index>().prop_map(Err)]
}

/// An operation of a user at the host with this number on a topic.
fn question() -> impl Strategy<Value = (String, AclOperation, &'static str, u8)> {
    let users = select(&["alice", "bob", "carol"][..]);
    ("[ab]{0,4}", select(AclOperation::ALL), users, 1..=2_u8)
}

proptest! {
    #[test]
    fn any_history_of_bindings_answers_as_the_model(
        steps in vec(step(), 0..40),
        questions in vec(question(), 1..40),
    ) {
        let (mut image, mut model_of) = (ClusterImage::empty(), Vec::<AclBinding>::new());
        for step in steps {
            let record = match step {
                Ok(mut binding) => {
                    // Few types, so that the steps meet.
                    if binding.pattern.resource_type != Group {
                        binding.pattern.resource_type = Topic;
                    }
                    if model_of.contains(&binding) {
                        continue;
                    }
                    model_of.push(binding.clone());
                    MetadataRecord::AclAdded { binding }
                }
                Err(_) if model_of.is_empty() => continue,
                Err(index) => {
                    let binding = model_of.swap_remove(index.index(model_of.len()));
                    MetadataRecord::AclRemoved { binding }
                }
            };
            image = image.fold(&[record]).unwrap();
        }
        prop_assert_eq!(image.acls().len(), model_of.len());
        let mut sorted = model_of.clone();
        sorted.sort();
        let mut there: Vec<_> = image.acls().bindings().collect();
        there.sort();
        prop_assert_eq!(there, sorted);
        let authorizer = Authorizer::default();
        for (topic, operation, name, host) in questions {
            let who = Subject { kind: "User", name, host: IpAddr::from([10, 0, 0, host]) };
            let answer = authorizer.allows(image.acls(), who, operation, (Topic, &topic));
            let expected = model(&model_of, who, operation, &topic);
            prop_assert_eq!(answer, expected, "{} {}", operation, topic);
        }
    }
}

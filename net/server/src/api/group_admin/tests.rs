//! What operators ask about groups, and what they read.

use corelog_coordinator::classic_group::MemberDescription;
use corelog_wire::api::metadata::OPERATIONS_NOT_REQUESTED;
use corelog_wire::{DeleteGroupsRequest, DescribeGroupsRequest};

use super::*;
use crate::api::operations;
use crate::api::scene::{received, served};

fn text(text: &str) -> Text<'static> {
    Text::Owned(text.to_owned())
}

fn asks(states: &[&str], kinds: &[&str]) -> ListGroupsRequest<'static> {
    let texts = |names: &[&str]| names.iter().map(|name| text(name)).collect();
    ListGroupsRequest { states_filter: texts(states), types_filter: texts(kinds) }
}

#[test]
fn filters_are_taken_as_far_as_the_version_goes() {
    let request = asks(&["Stable", "empty"], &["Classic"]);
    for version in served::<ListGroupsRequest<'_>>() {
        let request: ListGroupsRequest<'_> = received(&request, version);
        let states =
            if version >= 4 { vec![GroupState::Stable, GroupState::Empty] } else { Vec::new() };
        let kinds = if version >= 5 { vec![GroupKind::Classic] } else { Vec::new() };
        assert_eq!(filter(&request), Some(ListFilter { states, kinds }), "version {version}");
    }
}

#[test]
fn no_group_is_in_a_state_or_of_a_kind_that_is_not_known() {
    for version in served::<ListGroupsRequest<'_>>() {
        let passes = |states: &[&str], kinds: &[&str]| {
            filter(&received::<ListGroupsRequest<'_>>(&asks(states, kinds), version)).is_some()
        };
        assert!(passes(&["NotReady", "Stable"], &["streams", "classic"]));
        assert_eq!(passes(&["NotReady"], &[]), version < 4, "version {version}");
        assert_eq!(passes(&[], &["streams"]), version < 5, "version {version}");
        assert_eq!(passes(&["Stable"], &["streams"]), version < 5, "version {version}");
    }
}

#[test]
fn a_list_tells_states_and_kinds_as_far_as_the_version_goes() {
    let group = |name: &str, protocol_type: &str, state, kind| ListedGroup {
        group: name.to_owned(),
        protocol_type: protocol_type.to_owned(),
        state,
        kind,
    };
    for version in served::<ListGroupsRequest<'_>>() {
        let groups = vec![
            group("g", "consumer", GroupState::Stable, GroupKind::Consumer),
            group("h", "", GroupState::Empty, GroupKind::Classic),
        ];
        let answer = listed(groups, ErrorCode::CoordinatorLoadInProgress);
        let read: ListGroupsResponse<'_> = received(&answer, version);
        let group = |name, protocol_type, state, kind| list_groups::ListedGroup {
            group_id: text(name),
            protocol_type: text(protocol_type),
            group_state: text(if version >= 4 { state } else { "" }),
            group_type: text(if version >= 5 { kind } else { "" }),
        };
        let expected = ListGroupsResponse {
            throttle_time_ms: 0,
            error_code: 14,
            groups: vec![
                group("g", "consumer", "Stable", "consumer"),
                group("h", "", "Empty", "classic"),
            ],
        };
        assert_eq!(read, expected, "version {version}");
    }
}

/// The group of an answer with this one, as a client of that version reads it.
#[track_caller]
fn one_described(
    found: Result<GroupDescription, ErrorCode>,
    operations: i32,
    version: i16,
) -> DescribedGroup<'static> {
    let answer = described(vec![("g".to_owned(), found)], |_| operations, version);
    let read: DescribeGroupsResponse<'_> = received(&answer, version);
    let [group] = read.groups.as_slice() else { panic!("one group: {read:?}") };
    group.clone()
}

#[test]
fn a_description_tells_what_members_hold() {
    let member = |id: &str, instance_id: Option<&str>| MemberDescription {
        member_id: id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        client_id: "reader".to_owned(),
        client_host: "/10.0.0.7".to_owned(),
        metadata: b"r".to_vec(),
        assignment: b"01".to_vec(),
    };
    let description = GroupDescription {
        group: "g".to_owned(),
        state: GroupState::Stable,
        generation: 3,
        protocol_type: "consumer".to_owned(),
        protocol: "range".to_owned(),
        members: vec![member("l", None), member("m", Some("i"))],
    };
    for version in served::<DescribeGroupsRequest<'_>>() {
        let read = |id, instance_id: Option<&str>| DescribedGroupMember {
            member_id: text(id),
            group_instance_id: instance_id.filter(|_| version >= 4).map(text),
            client_id: text("reader"),
            client_host: text("/10.0.0.7"),
            member_metadata: b"r".to_vec().into(),
            member_assignment: b"01".to_vec().into(),
        };
        let expected = DescribedGroup {
            error_code: 0,
            error_message: None,
            group_id: text("g"),
            group_state: text("Stable"),
            protocol_type: text("consumer"),
            protocol_data: text("range"),
            members: vec![read("l", None), read("m", Some("i"))],
            authorized_operations: if version >= 3 {
                operations::OF_GROUP
            } else {
                OPERATIONS_NOT_REQUESTED
            },
        };
        let group = one_described(Ok(description.clone()), operations::OF_GROUP, version);
        assert_eq!(group, expected, "version {version}");
    }
}

#[test]
fn from_version_6_a_group_that_does_not_exist_is_an_error() {
    for version in served::<DescribeGroupsRequest<'_>>() {
        let not_found = ErrorCode::GroupIdNotFound;
        let group = one_described(Err(not_found), operations::OF_GROUP, version);
        let dead = DescribedGroup {
            group_id: text("g"),
            group_state: text("Dead"),
            authorized_operations: if (3..6).contains(&version) {
                operations::OF_GROUP
            } else {
                OPERATIONS_NOT_REQUESTED
            },
            ..Default::default()
        };
        let expected = if version >= 6 {
            let error_message = Some(text(not_found.message()));
            DescribedGroup { error_code: 69, error_message, ..dead }
        } else {
            dead
        };
        assert_eq!(group, expected, "version {version}");
    }
}

#[test]
fn what_cannot_be_described_says_why() {
    for version in served::<DescribeGroupsRequest<'_>>() {
        for code in [ErrorCode::NotCoordinator, ErrorCode::CoordinatorLoadInProgress] {
            let expected = DescribedGroup {
                error_code: code.code(),
                error_message: (version >= 6).then(|| text(code.message())),
                group_id: text("g"),
                ..Default::default()
            };
            assert_eq!(one_described(Err(code), operations::OF_GROUP, version), expected);
        }
    }
}

#[test]
fn groups_are_deleted_one_by_one() {
    let fates = [
        ("g", Ok(())),
        ("h", Err(ErrorCode::NonEmptyGroup)),
        ("i", Err(ErrorCode::GroupIdNotFound)),
    ];
    let fates = fates.map(|(group, result)| GroupResult { group: group.to_owned(), result });
    for version in served::<DeleteGroupsRequest<'_>>() {
        let read: DeleteGroupsResponse<'_> = received(&deleted(fates.to_vec()), version);
        let codes: Vec<_> =
            read.results.iter().map(|result| (&*result.group_id, result.error_code)).collect();
        assert_eq!(codes, [("g", 0), ("h", 68), ("i", 69)], "version {version}");
    }
}

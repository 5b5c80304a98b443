//! What becomes of what a member asks, and what it reads of each answer.

use corelog_coordinator::output::JoinedMember;
use corelog_wire::api::join_group::JoinGroupRequestProtocol;
use corelog_wire::api::leave_group::MemberIdentity;
use corelog_wire::api::sync_group::SyncGroupRequestAssignment;

use super::*;
use crate::api::scene::{received, served};

fn text(text: &str) -> Text<'static> {
    Text::Owned(text.to_owned())
}

fn caller() -> Caller {
    Caller {
        client_id: "reader".to_owned(),
        client_host: "/10.0.0.7".to_owned(),
        unique: "1234".to_owned(),
    }
}

fn join_request() -> JoinGroupRequest<'static> {
    let protocol = |name, metadata: &[u8]| JoinGroupRequestProtocol {
        name: text(name),
        metadata: metadata.to_vec().into(),
    };
    JoinGroupRequest {
        group_id: text("g"),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: text("m"),
        group_instance_id: Some(text("i")),
        protocol_type: text("consumer"),
        protocols: vec![protocol("range", b"r"), protocol("roundrobin", b"")],
        reason: Some(text("it starts")),
    }
}

/// The engine's words for a JoinGroup of that version.
#[track_caller]
fn to_join(request: &JoinGroupRequest<'_>, version: i16) -> JoinGroup {
    let request: JoinGroupRequest<'_> = received(request, version);
    match join(&request, version, caller())(RequestId(5)) {
        Input::Join(join) => join,
        other => panic!("a join: {other:?}"),
    }
}

#[test]
fn a_join_says_as_much_as_its_version_can() {
    for version in served::<JoinGroupRequest<'_>>() {
        let has_instance = version >= 5;
        let protocol = |name: &str, metadata: &[u8]| JoinProtocol {
            name: name.to_owned(),
            metadata: metadata.to_vec(),
        };
        let expected = JoinGroup {
            request: RequestId(5),
            group: "g".to_owned(),
            member_id: "m".to_owned(),
            new_member_id: if has_instance { "i-1234" } else { "reader-1234" }.to_owned(),
            instance_id: has_instance.then(|| "i".to_owned()),
            client_id: "reader".to_owned(),
            client_host: "/10.0.0.7".to_owned(),
            session_timeout: Duration::from_secs(10),
            rebalance_timeout: Duration::from_secs(if version >= 1 { 60 } else { 10 }),
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol("range", b"r"), protocol("roundrobin", b"")],
            requires_member_id: version >= 4,
            can_skip_assignment: version >= 9,
        };
        assert_eq!(to_join(&join_request(), version), expected, "version {version}");
    }
}

#[test]
fn a_session_of_less_than_nothing_is_one_of_nothing() {
    for version in served::<JoinGroupRequest<'_>>() {
        let request =
            JoinGroupRequest { session_timeout_ms: -7, rebalance_timeout_ms: -1, ..join_request() };
        let join = to_join(&request, version);
        assert_eq!((join.session_timeout, join.rebalance_timeout), Default::default());
    }
}

#[test]
fn one_that_joined_reads_its_generation() {
    let member = |id: &str, instance_id: Option<&str>| JoinedMember {
        member_id: id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        metadata: b"r".to_vec(),
    };
    for version in served::<JoinGroupRequest<'_>>() {
        let joined = joined(
            Ok(Joined {
                generation: 3,
                protocol_type: "consumer".to_owned(),
                protocol: "range".to_owned(),
                leader: "m".to_owned(),
                member_id: "m".to_owned(),
                skip_assignment: true,
                members: vec![member("l", None), member("m", Some("i"))],
            }),
            version,
        );
        let read = |id: &str, instance_id: Option<&str>| JoinGroupResponseMember {
            member_id: text(id),
            group_instance_id: instance_id.filter(|_| version >= 5).map(text),
            metadata: b"r".to_vec().into(),
        };
        let expected = JoinGroupResponse {
            throttle_time_ms: 0,
            error_code: 0,
            generation_id: 3,
            protocol_type: (version >= 7).then(|| text("consumer")),
            protocol_name: Some(text("range")),
            leader: text("m"),
            skip_assignment: version >= 9,
            member_id: text("m"),
            members: vec![read("l", None), read("m", Some("i"))],
        };
        let read: JoinGroupResponse<'_> = received(&joined, version);
        assert_eq!(read, expected, "version {version}");
    }
}

#[test]
fn one_that_did_not_join_reads_why_and_its_id() {
    for version in served::<JoinGroupRequest<'_>>() {
        for code in [
            ErrorCode::MemberIdRequired,
            ErrorCode::UnknownMemberId,
            ErrorCode::InconsistentGroupProtocol,
            ErrorCode::InvalidSessionTimeout,
            ErrorCode::GroupMaxSizeReached,
            ErrorCode::FencedInstanceId,
            ErrorCode::NotCoordinator,
            ErrorCode::CoordinatorLoadInProgress,
        ] {
            let refused = joined(Err(JoinRefusal { code, member_id: "m".to_owned() }), version);
            let read: JoinGroupResponse<'_> = received(&refused, version);
            let expected = JoinGroupResponse {
                error_code: code.code(),
                generation_id: -1,
                protocol_type: None,
                protocol_name: (version < 7).then(|| text("")),
                member_id: text("m"),
                ..Default::default()
            };
            assert_eq!(read, expected, "version {version}");
        }
    }
}

fn sync_request() -> SyncGroupRequest<'static> {
    let assignment = |id, assignment: &[u8]| SyncGroupRequestAssignment {
        member_id: text(id),
        assignment: assignment.to_vec().into(),
    };
    SyncGroupRequest {
        group_id: text("g"),
        generation_id: 3,
        member_id: text("m"),
        group_instance_id: Some(text("i")),
        protocol_type: Some(text("consumer")),
        protocol_name: Some(text("range")),
        assignments: vec![assignment("m", b"0"), assignment("l", b"")],
    }
}

#[test]
fn a_sync_says_as_much_as_its_version_can() {
    for version in served::<SyncGroupRequest<'_>>() {
        let request: SyncGroupRequest<'_> = received(&sync_request(), version);
        let input = sync(&request, version).ok().unwrap()(RequestId(5));
        let assignment = |id: &str, assignment: &[u8]| MemberAssignment {
            member_id: id.to_owned(),
            assignment: assignment.to_vec(),
        };
        let expected = SyncGroup {
            request: RequestId(5),
            group: "g".to_owned(),
            generation: 3,
            member_id: "m".to_owned(),
            instance_id: (version >= 3).then(|| "i".to_owned()),
            protocol_type: (version >= 5).then(|| "consumer".to_owned()),
            protocol: (version >= 5).then(|| "range".to_owned()),
            assignments: vec![assignment("m", b"0"), assignment("l", b"")],
        };
        assert_eq!(input, Input::Sync(expected), "version {version}");
    }
}

#[test]
fn from_version_5_a_sync_has_to_say_what_it_takes_the_group_for() {
    let nameless = SyncGroupRequest { protocol_name: None, ..sync_request() };
    let typeless = SyncGroupRequest { protocol_type: None, ..sync_request() };
    for version in served::<SyncGroupRequest<'_>>() {
        for request in [&nameless, &typeless] {
            let request: SyncGroupRequest<'_> = received(request, version);
            let refusal = sync(&request, version).err();
            let expected = (version >= 5).then_some(ErrorCode::InconsistentGroupProtocol);
            assert_eq!(refusal, expected, "version {version}");
        }
    }
}

#[test]
fn one_that_synced_reads_its_part_or_why_it_has_none() {
    for version in served::<SyncGroupRequest<'_>>() {
        let synced_with =
            |result| -> SyncGroupResponse<'static> { received(&synced(result), version) };
        let read = synced_with(Ok(Synced {
            protocol_type: "consumer".to_owned(),
            protocol: "range".to_owned(),
            assignment: b"01".to_vec(),
        }));
        let expected = SyncGroupResponse {
            protocol_type: (version >= 5).then(|| text("consumer")),
            protocol_name: (version >= 5).then(|| text("range")),
            assignment: b"01".to_vec().into(),
            ..Default::default()
        };
        assert_eq!(read, expected, "version {version}");
        for code in [ErrorCode::RebalanceInProgress, ErrorCode::IllegalGeneration] {
            let expected = SyncGroupResponse { error_code: code.code(), ..Default::default() };
            assert_eq!(synced_with(Err(code)), expected, "version {version}");
        }
    }
}

#[test]
fn a_heartbeat_is_heard_or_refused() {
    let request = HeartbeatRequest {
        group_id: text("g"),
        generation_id: 3,
        member_id: text("m"),
        group_instance_id: Some(text("i")),
    };
    for version in served::<HeartbeatRequest<'_>>() {
        let request: HeartbeatRequest<'_> = received(&request, version);
        let expected = Heartbeat {
            request: RequestId(5),
            group: "g".to_owned(),
            generation: 3,
            member_id: "m".to_owned(),
            instance_id: (version >= 3).then(|| "i".to_owned()),
        };
        let input = heartbeat(&request)(RequestId(5));
        assert_eq!(input, Input::Heartbeat(expected), "version {version}");
        for (result, error_code) in [(Ok(()), 0), (Err(ErrorCode::RebalanceInProgress), 27)] {
            let read: HeartbeatResponse = received(&heard(result), version);
            assert_eq!(read, HeartbeatResponse { throttle_time_ms: 0, error_code });
        }
    }
}

fn leaving(member_id: &str, instance_id: Option<&str>) -> LeavingMember {
    LeavingMember { member_id: member_id.to_owned(), instance_id: instance_id.map(str::to_owned) }
}

#[test]
fn from_version_3_several_members_leave_at_once() {
    let member = |id, instance: Option<&str>| MemberIdentity {
        member_id: text(id),
        group_instance_id: instance.map(text),
        reason: Some(text("it ends")),
    };
    let request = LeaveGroupRequest {
        group_id: text("g"),
        member_id: text("alone"),
        members: vec![member("m", None), member("", Some("i"))],
    };
    for version in served::<LeaveGroupRequest<'_>>() {
        let request: LeaveGroupRequest<'_> = received(&request, version);
        let members = if version >= 3 {
            vec![leaving("m", None), leaving("", Some("i"))]
        } else {
            vec![leaving("alone", None)]
        };
        let expected = LeaveGroup { request: RequestId(5), group: "g".to_owned(), members };
        let input = leave(&request, version)(RequestId(5));
        assert_eq!(input, Input::Leave(expected), "version {version}");
    }
}

#[test]
fn from_version_3_each_member_that_leaves_has_its_own_error() {
    let fates = [("m", None, Err(ErrorCode::UnknownMemberId)), ("", Some("i"), Ok(()))];
    let fates = fates.map(|(member_id, instance_id, result)| Left {
        member_id: member_id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        result,
    });
    for version in served::<LeaveGroupRequest<'_>>() {
        let read: LeaveGroupResponse<'_> = received(&left(Ok(fates.to_vec()), version), version);
        if version < 3 {
            let expected = LeaveGroupResponse { error_code: 25, ..Default::default() };
            assert_eq!(read, expected, "version {version}");
            continue;
        }
        let member = |id, instance: Option<&str>, error_code| MemberResponse {
            member_id: text(id),
            group_instance_id: instance.map(text),
            error_code,
        };
        let members = vec![member("m", None, 25), member("", Some("i"), 0)];
        let expected = LeaveGroupResponse { members, ..Default::default() };
        assert_eq!(read, expected, "version {version}");
    }
}

#[test]
fn what_fails_a_leave_as_a_whole_has_no_members() {
    for version in served::<LeaveGroupRequest<'_>>() {
        let failed = left(Err(ErrorCode::NotCoordinator), version);
        let read: LeaveGroupResponse<'_> = received(&failed, version);
        let expected = LeaveGroupResponse { error_code: 16, ..Default::default() };
        assert_eq!(read, expected, "version {version}");
    }
}

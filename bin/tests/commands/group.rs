//! Groups, as an operator sees and changes them.

use corelog_client::blocking::Cluster;
use corelog_client::{ClientConfig, Endpoint, Target};
use corelog_wire::api::join_group::JoinGroupRequestProtocol;
use corelog_wire::api::leave_group::MemberIdentity;
use corelog_wire::api::sync_group::SyncGroupRequestAssignment;
use corelog_wire::{
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, SyncGroupRequest, SyncGroupResponse,
};

use super::failure;
use super::server::Server;

/// A server with topic `t`: three records in partition 0, one in partition 1.
fn with_records() -> Server {
    let server = Server::start();
    server.prints(&["topic", "create", "t", "--partitions", "2"], "");
    let records = "foobar|a\nfoobar|b\nfoobar|c\nabc|d\n";
    server.prints(&["produce", "t", "--key-separator", "|"], records);
    server
}

/// The number and two values of each partition that a command shows.
fn rows(json: &serde_json::Value, keys: [&str; 2]) -> Vec<(i64, [Option<i64>; 2])> {
    let partitions = json["partitions"].as_array().unwrap().iter();
    let row = |partition: &serde_json::Value| {
        (partition["partition"].as_i64().unwrap(), keys.map(|key| partition[key].as_i64()))
    };
    partitions.map(row).collect()
}

#[test]
fn offsets_are_reset_shown_and_deleted() {
    let server = with_records();
    let ends = rows(&server.json(&["topic", "describe", "t", "--json"]), ["beginning", "end"]);
    let end = |partition: usize| ends[partition].1[1];
    assert_eq!((end(0), end(1)), (Some(3), Some(1)));
    let reset = |arguments: &[&str]| {
        let command = ["group", "reset-offsets", "g", "--json"];
        rows(&server.json(&[&command, arguments].concat()), ["before", "after"])
    };
    let names = || {
        let listed = server.json(&["group", "list", "--json"]);
        let groups = listed["groups"].as_array().unwrap().clone();
        groups.iter().map(|group| group["group"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let latest = ["--to", "latest", "--topic", "t"];
    let expected = vec![(0, [None, end(0)]), (1, [None, end(1)])];
    assert_eq!(reset(&[&latest[..], &["--dry-run"]].concat()), expected);
    assert!(names().is_empty());
    assert_eq!(reset(&latest), expected);
    assert_eq!(names(), ["g"]);
    let described = server.json(&["group", "describe", "g", "--json"]);
    assert_eq!((&described["state"], &described["lag"]), (&"Empty".into(), &0.into()));
    assert_eq!(reset(&["--to", "earliest", "--topic", "t:0"]), [(0, [end(0), Some(0)])]);
    let described = server.json(&["group", "describe", "g", "--json"]);
    assert_eq!(described["lag"].as_i64(), end(0));
    let expected = [(0, [Some(0), end(0)]), (1, [end(1), end(1)])];
    assert_eq!(rows(&described, ["committed", "end"]), expected);
    // An offset stays within the partition, and no record is later than this.
    let expected = [(0, [Some(0), end(0)]), (1, [end(1), end(1)])];
    assert_eq!(reset(&["--to", "99", "--dry-run"]), expected);
    assert_eq!(reset(&["--to", "@99999999999999"]), expected);
    let expected = [(0, [end(0), Some(0)]), (1, [end(1), Some(0)])];
    assert_eq!(reset(&["--to", "@0"]), expected);
    // Both have 0 now.
    let expected = [(0, [Some(0), Some(2)]), (1, [Some(0), Some(1)])];
    assert_eq!(reset(&["--to", "+2", "--dry-run"]), expected);
    let expected = [(0, [Some(0), Some(0)]), (1, [Some(0), Some(0)])];
    for unmoved in ["current", "-1", "P9999D", "1970-01-01T00:00"] {
        assert_eq!(reset(&["--to", unmoved]), expected, "{unmoved}");
    }
    let table = server.prints(&["group", "describe", "g"], "");
    assert!(
        table.starts_with(
            "group\tstate\tassignor\tmembers\tlag\tunknown lag\ng\tEmpty\t-\t0\t4\t0\n"
        )
    );
    server.prints(&["group", "delete", "g"], "");
    assert!(names().is_empty());
}

/// A member of group `g` that reads partition 0 of `t`, as far as the group knows.
struct Member {
    cluster: Cluster,
    id: String,
}

impl Member {
    fn join(server: &Server) -> Self {
        let endpoints = Endpoint::parse_list(server.address()).unwrap();
        let config = ClientConfig { client_id: "reader".to_owned(), ..ClientConfig::default() };
        let mut cluster = Cluster::connect(&endpoints, config).unwrap();
        let group = || Target::Group("g".into());
        let protocol =
            JoinGroupRequestProtocol { name: "range".into(), metadata: Vec::new().into() };
        let join = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 60_000,
            rebalance_timeout_ms: 60_000,
            group_instance_id: Some("i".into()),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..Default::default()
        };
        let reply = cluster.with_retries(|cluster| cluster.call(group(), &join)).unwrap();
        let joined: JoinGroupResponse<'_> = reply.decode().unwrap();
        assert_eq!(joined.error_code, 0);
        let id = joined.member_id.to_string();
        // Version 0, topic t with partition 0, and no data of the application.
        let assignment =
            [&[0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0][..], &[255; 4]].concat();
        let assignment = SyncGroupRequestAssignment {
            member_id: id.clone().into(),
            assignment: assignment.into(),
        };
        let sync = SyncGroupRequest {
            group_id: "g".into(),
            generation_id: joined.generation_id,
            member_id: id.clone().into(),
            group_instance_id: Some("i".into()),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: vec![assignment],
        };
        let reply = cluster.call(group(), &sync).unwrap();
        assert_eq!(reply.decode::<SyncGroupResponse<'_>>().unwrap().error_code, 0);
        Self { cluster, id }
    }

    fn leave(mut self) {
        let member = MemberIdentity {
            member_id: self.id.clone().into(),
            group_instance_id: Some("i".into()),
            reason: None,
        };
        let leave =
            LeaveGroupRequest { group_id: "g".into(), members: vec![member], ..Default::default() };
        let reply = self.cluster.call(Target::Group("g".into()), &leave).unwrap();
        assert_eq!(reply.decode::<LeaveGroupResponse<'_>>().unwrap().error_code, 0);
    }
}

#[test]
fn a_group_with_members_is_shown_and_left_as_it_is() {
    let server = with_records();
    let member = Member::join(&server);
    let listed = server.prints(&["group", "list"], "");
    assert_eq!(listed, "group\tstate\tkind\tprotocol type\ng\tStable\tclassic\tconsumer\n");
    let described = server.json(&["group", "describe", "g", "--json"]);
    assert_eq!((&described["state"], &described["assignor"]), (&"Stable".into(), &"range".into()));
    let shown = &described["members"][0];
    assert_eq!((&shown["client_id"], &shown["instance"]), (&"reader".into(), &"i".into()));
    let partition = &described["partitions"][0];
    assert_eq!(
        (&partition["member"], &shown["member"]),
        (&member.id.clone().into(), &member.id.clone().into())
    );
    assert_eq!(rows(&described, ["committed", "lag"]), [(0, [None, None])]);
    assert_eq!(
        (&described["lag"], &described["partitions_of_unknown_lag"]),
        (&0.into(), &1.into())
    );
    let reset = ["group", "reset-offsets", "g", "--to", "earliest", "--topic", "t"];
    check(&server, &reset, ["offsets of group g", "Stable and has 1 members", "stop them"]);
    check(
        &server,
        &["group", "delete", "g"],
        ["delete groups", "NON_EMPTY_GROUP", "stop the members"],
    );
    member.leave();
    server.prints(&reset, "");
    server.prints(&["group", "delete", "g"], "");
}

#[test]
fn a_share_group_is_described_with_its_members() {
    let server = with_records();
    let endpoints = Endpoint::parse_list(server.address()).unwrap();
    let config = ClientConfig { client_id: "sharer".to_owned(), ..ClientConfig::default() };
    let mut cluster = Cluster::connect(&endpoints, config).unwrap();
    let member_id = "5bf9dd3a-2f1f-4d55-9ad4-06fbc0f6b2e1";
    let join = ShareGroupHeartbeatRequest {
        group_id: "s".into(),
        member_id: member_id.into(),
        member_epoch: 0,
        rack_id: None,
        subscribed_topic_names: Some(vec!["t".into()]),
    };
    let reply = cluster.with_retries(|cluster| cluster.call(Target::Group("s".into()), &join));
    let reply = reply.unwrap();
    let joined: ShareGroupHeartbeatResponse<'_> = reply.decode().unwrap();
    assert_eq!(joined.error_code, 0, "{:?}", joined.error_message);
    let described = server.json(&["group", "describe", "s", "--json"]);
    assert_eq!((&described["kind"], &described["group"]), (&"Share".into(), &"s".into()));
    let shown = &described["members"][0];
    assert_eq!(
        (&shown["client_id"], &shown["member"]),
        (&"sharer".into(), &member_id.to_owned().into())
    );
    let described = server.prints(&["group", "describe", "s"], "");
    assert!(described.starts_with("share group\tstate\t"), "{described}");
}

/// Checks that a command fails, and what of its message must be there.
#[track_caller]
fn check(server: &Server, arguments: &[&str], parts: [&str; 3]) {
    let (code, message) = failure(server, arguments, "");
    assert_eq!(code, Some(1), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in {message:?}");
    }
}

#[test]
fn failures_about_groups_say_what_to_try() {
    let server = with_records();
    let list = "corelog group list";
    check(&server, &["group", "describe", "x"], ["describe group x", "no group x", list]);
    check(&server, &["group", "delete", "x"], ["delete groups", "GROUP_ID_NOT_FOUND", list]);
    let reset = ["group", "reset-offsets", "x", "--to", "earliest"];
    check(&server, &reset, ["offsets of group x", "no group x", "--topic"]);
    let topic = [&reset[..], &["--topic", "u"]].concat();
    check(&server, &topic, ["offsets of group x", "no topic u", "corelog topic list"]);
    let shift = ["group", "reset-offsets", "x", "--to", "-1", "--topic", "t"];
    check(&server, &shift, ["offsets of group x", "no offset in partition t-", "--to earliest"]);
    let partition = [&reset[..], &["--topic", "t:7"]].concat();
    check(&server, &partition, ["offsets of group x", "none has number 7", "topic describe"]);
    let output = server.run(&["group", "reset-offsets", "x", "--to", "first"], "");
    assert_eq!(output.status.code(), Some(2));
}

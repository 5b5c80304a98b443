//! Claims about partitions that move between the cores of a running broker: whatever was
//! acknowledged is there once, at its offset, and in order, although the broker is killed again and
//! again.

use std::process::Command;
use std::time::{Duration, Instant};

use corelog_client::blocking::{Admin, Connection};
use corelog_client::{ClientConfig, TopicPartition};
use corelog_model::{Codec, NodeId};
use corelog_wire::api::alter_partition_reassignments::{ReassignablePartition, ReassignableTopic};
use corelog_wire::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};

use crate::support::{
    DataFolder, Launch, Mover, PartitionLogs, Writer, WriterKind, connect, create_topic, wait_until,
};

const KILLS: u32 = 8;
const PARTITIONS: i32 = 4;
const TOPIC: &str = "travelling";

#[test]
fn what_is_acknowledged_while_partitions_move_is_there_once_after_kills() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("2");
    let mut broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, TOPIC, PARTITIONS, &[("segment.bytes", "1048576")]);
    let kinds = [
        WriterKind::Idempotent(Codec::None),
        WriterKind::Idempotent(Codec::Zstd),
        WriterKind::Plain(Codec::Lz4),
    ];
    let start = |(id, kind)| Writer::start(id, kind, &endpoint, TOPIC, PARTITIONS);
    let writers: Vec<Writer> = (0..).zip(kinds).map(start).collect();
    let mover = Mover::start(&endpoint);
    let mut logs = PartitionLogs::default();
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(fastrand::u64(300..1500)));
        broker.kill();
        broker = launch.start();
        let acknowledged: Vec<_> =
            writers.iter().map(|writer| (writer.id, writer.acknowledged())).collect();
        logs.read_on(&endpoint, TOPIC);
        for (writer, acknowledged) in acknowledged {
            logs.assert_holds(writer, &acknowledged);
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    let count = mover.finish();
    assert!(count > KILLS, "only {count} partitions moved");
    let mut ended = Vec::new();
    for writer in writers {
        let (id, kind) = (writer.id, writer.kind);
        ended.push((id, kind, writer.finish()));
    }
    assert!(broker.terminate().success());
    let _broker = launch.start();
    let logs = PartitionLogs::read(&endpoint, TOPIC);
    for (id, kind, (count, acknowledged)) in ended {
        logs.assert_holds(id, &acknowledged);
        logs.assert_order(id, kind, count);
    }
    println!("{count} partitions moved, {KILLS} kills, {} records", logs.len());
}

/// Prints how long a move takes, from its request to its end: a number for people.
#[test]
fn a_partition_goes_back_and_forth_under_its_writer() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("2");
    let broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, TOPIC, 1, &[]);
    let writer = Writer::start(0, WriterKind::Idempotent(Codec::None), &endpoint, TOPIC, 1);
    let mut admin = Admin::new(connect(&endpoint));
    let at = TopicPartition::new(TOPIC, 0);
    let mut times = Vec::new();
    for number in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        let began = Instant::now();
        let target = if number % 2 == 0 { NodeId(1001) } else { NodeId(1000) };
        admin.reassign_partition(&at, Some(&[target])).expect("the controller takes it");
        while admin.list_reassignments().expect("the controller answers").contains_key(&at) {}
        times.push(began.elapsed());
    }
    let (count, acknowledged) = writer.finish();
    let logs = PartitionLogs::read(&endpoint, TOPIC);
    logs.assert_holds(0, &acknowledged);
    logs.assert_order(0, WriterKind::Idempotent(Codec::None), count);
    times.sort_unstable();
    println!("{count} records; a move takes {:?} to {:?}, {:?}", times[0], times[19], times[10]);
    assert!(broker.log().contains("a partition moved"));
}

/// Has all partitions of the topic go to a node; those that are there stay.
fn move_all(client: &mut Connection, partitions: i32, target: i32) {
    let partition =
        |partition_index| ReassignablePartition { partition_index, replicas: Some(vec![target]) };
    let partitions = (0..partitions).map(partition).collect();
    let request = AlterPartitionReassignmentsRequest {
        timeout_ms: 30_000,
        topics: vec![ReassignableTopic { name: TOPIC.into(), partitions }],
        ..Default::default()
    };
    let reply = client.call_in(0, &request).expect("an answer");
    let answer: AlterPartitionReassignmentsResponse<'_> = reply.decode().expect("an answer");
    assert_eq!(answer.error_code, 0);
}

#[test]
fn a_move_that_is_under_way_is_cancelled() {
    const MANY: i32 = 100;
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("2");
    let broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, TOPIC, MANY, &[]);
    let kind = WriterKind::Idempotent(Codec::None);
    let writer = Writer::start(0, kind, &endpoint, TOPIC, MANY);
    let mut client = Connection::open(&endpoint, &ClientConfig::default()).expect("a connection");
    let mut admin = Admin::new(connect(&endpoint));
    let last = TopicPartition::new(TOPIC, MANY - 1);
    let mut target = 1000;
    // Partitions leave a core one after the other, so the last one waits for those before it.
    wait_until("a cancelled move", || {
        target = if target == 1000 { 1001 } else { 1000 };
        move_all(&mut client, MANY, target);
        let output = Command::new(env!("CARGO_BIN_EXE_corelog"))
            .args(["topic", "reassign", &format!("{TOPIC}:{}", last.partition), "--cancel"])
            .args(["--bootstrap", &endpoint.to_string()])
            .output()
            .expect("the command runs");
        wait_until("the other partitions", || {
            admin.list_reassignments().expect("an answer").is_empty()
        });
        let topic = admin.describe_topic(TOPIC).expect("an answer");
        let is_there = topic.partitions[&last.partition].leader == Some(NodeId(target));
        let is_cancelled = output.status.success();
        assert!(is_there != is_cancelled, "{output:?}");
        is_cancelled
    });
    let (count, acknowledged) = writer.finish();
    let logs = PartitionLogs::read(&endpoint, TOPIC);
    logs.assert_holds(0, &acknowledged);
    logs.assert_order(0, kind, count);
    assert!(broker.terminate().success());
}

//! Claims about partitions that move between the cores of a running broker: whatever was
//! acknowledged is there once, at its offset, and in order, although the broker is killed again and
//! again.

use std::time::{Duration, Instant};

use corelog_client::TopicPartition;
use corelog_client::blocking::Admin;
use corelog_model::{Codec, NodeId};

use crate::support::{
    DataFolder, Launch, Mover, PartitionLogs, Writer, WriterKind, connect, create_topic,
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

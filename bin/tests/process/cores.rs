//! Claims about another number of cores after a restart: all data stays, partitions move to cores
//! that are there, clients find them.

use std::collections::BTreeSet;
use std::time::Duration;

use corelog_client::Endpoint;
use corelog_client::blocking::Admin;
use corelog_model::Codec;

use crate::support::{
    Broker, DataFolder, Launch, PartitionLogs, Writer, WriterKind, connect, create_topic,
};

const PARTITIONS: i32 = 6;
const TOPIC: &str = "moved";

/// How a broker ends before it starts with other cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

fn end(broker: Broker, how: End) {
    match how {
        End::Killed => broker.kill(),
        End::Stopped => assert_eq!(broker.terminate().code(), Some(0)),
    }
}

fn leaders(endpoint: &Endpoint, topic: &str) -> Vec<i32> {
    let topic = Admin::new(connect(endpoint)).describe_topic(topic).expect("the topic is there");
    topic.partitions.values().map(|partition| partition.leader.map_or(-1, |node| node.0)).collect()
}

fn ids(broker: &Broker) -> Vec<i32> {
    broker.nodes.iter().map(|(id, _)| *id).collect()
}

/// Writes on all the time while the broker goes from two cores to one and back.
fn check_moves(how: End) {
    let folder = DataFolder::new();
    let launch = Launch::new(folder.path(), folder.data());
    let endpoint = launch.endpoint();
    let mut two = launch.clone().cores("2");
    let broker = two.start();
    assert_eq!(ids(&broker), [1000, 1001], "each core is a node");
    create_topic(&endpoint, TOPIC, PARTITIONS, &[]);
    let spread: BTreeSet<i32> = leaders(&endpoint, TOPIC).into_iter().collect();
    assert_eq!(spread, BTreeSet::from([1000, 1001]), "a new topic is spread over all cores");
    let start = |(id, kind)| Writer::start(id, kind, &endpoint, TOPIC, PARTITIONS);
    let kinds = [WriterKind::Idempotent(Codec::None), WriterKind::Idempotent(Codec::Snappy)];
    let writers: Vec<Writer> = (0..).zip(kinds).map(start).collect();
    let mut broker = broker;
    for (cores, nodes) in [("1", &[1000][..]), ("2", &[1000, 1001]), ("1", &[1000])] {
        std::thread::sleep(Duration::from_millis(700));
        end(broker, how);
        broker = launch.clone().cores(cores).port(endpoint.port()).start();
        assert_eq!(ids(&broker), nodes);
        let acknowledged: Vec<_> =
            writers.iter().map(|writer| (writer.id, writer.acknowledged())).collect();
        let strays: Vec<i32> = leaders(&endpoint, TOPIC)
            .into_iter()
            .filter(|leader| !nodes.contains(leader))
            .collect();
        assert_eq!(strays, [0; 0], "every partition is led by a core that is there");
        let logs = PartitionLogs::read(&endpoint, TOPIC);
        for (writer, acknowledged) in &acknowledged {
            logs.assert_holds(*writer, acknowledged);
        }
    }
    let mut ended = Vec::new();
    for writer in writers {
        let (id, kind) = (writer.id, writer.kind);
        ended.push((id, kind, writer.finish()));
    }
    let logs = PartitionLogs::read(&endpoint, TOPIC);
    for (id, kind, (count, acknowledged)) in ended {
        logs.assert_holds(id, &acknowledged);
        logs.assert_order(id, kind, count);
    }
    drop(broker);
}

#[test]
fn other_cores_after_a_clean_stop_keep_all_data() {
    check_moves(End::Stopped);
}

#[test]
fn other_cores_after_a_kill_keep_all_data() {
    check_moves(End::Killed);
}

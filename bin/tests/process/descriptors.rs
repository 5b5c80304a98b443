//! Claims about a broker that runs out of file descriptors: what is in its journal and in memory
//! waits for a segment, nothing is lost, and nobody has to restart anything. Connections alone
//! never take them all.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use corelog_model::Codec;

use crate::support::{
    DataFolder, Launch, PartitionLogs, Writer, WriterKind, create_topic, wait_until,
};

const TOO_FEW: u64 = 8;
/// Long enough for more records than the journal holds without segments.
const SHORTAGE: Duration = Duration::from_secs(4);

#[test]
fn without_file_descriptors_segments_wait_and_nothing_is_lost() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.path().join("data"))
        .set("corelog.tail.memory.bytes", "8MiB");
    let mut broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, "t", 4, &[("segment.bytes", "1048576")]);
    let kind = WriterKind::Idempotent(Codec::None);
    let writer = Writer::start(0, kind, &endpoint, "t", 4);
    wait_until("the first acknowledgement", || !writer.acknowledged().is_empty());

    let enough = broker.limit_descriptors(TOO_FEW);
    let begun = Instant::now();
    wait_until("the shortage", || broker.log().contains("Too many open files"));
    std::thread::sleep(SHORTAGE.saturating_sub(begun.elapsed()));
    assert!(broker.is_alive());
    let during = writer.acknowledged().len();

    broker.limit_descriptors(enough);
    wait_until("the writer's recovery", || writer.acknowledged().len() > during + 1000);
    let (count, acknowledged) = writer.finish();
    let logs = PartitionLogs::read(&endpoint, "t");
    logs.assert_holds(0, &acknowledged);
    logs.assert_order(0, kind, count);
    assert_eq!(broker.terminate().code(), Some(0));
}

#[test]
fn more_connections_than_descriptors_leave_some_for_files() {
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.path().join("data")).descriptors_max(512);
    let broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, "t", 4, &[("segment.bytes", "1048576")]);
    let kind = WriterKind::Idempotent(Codec::None);
    let writer = Writer::start(0, kind, &endpoint, "t", 4);
    wait_until("the first acknowledgement", || !writer.acknowledged().is_empty());

    let connect = || TcpStream::connect(broker.address(0)).expect("the kernel accepts");
    let mut streams: Vec<_> = (0..600).map(|_| connect()).collect();
    let before = writer.acknowledged().len();
    wait_until("other clients to go on", || writer.acknowledged().len() > before + 1000);
    let last = streams.last_mut().expect("there are some");
    last.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
    assert!(matches!(last.read(&mut [0; 1]), Ok(0)), "one over the bound is closed");
    assert!(!broker.log().contains("Too many open files"), "{}", broker.log());

    drop(streams);
    create_topic(&endpoint, "again", 1, &[]);
    let (count, acknowledged) = writer.finish();
    let logs = PartitionLogs::read(&endpoint, "t");
    logs.assert_holds(0, &acknowledged);
    logs.assert_order(0, kind, count);
    assert_eq!(broker.terminate().code(), Some(0));
}

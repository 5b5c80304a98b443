//! Claims about `kill -9`: what was acknowledged is there afterwards, once, at its offset.

use std::time::Duration;

use corelog_model::Codec;

use crate::support::{Broker, DataFolder, Launch, PartitionLogs, Writer, WriterKind, create_topic};

const KILLS: u32 = 24;
const PARTITIONS: i32 = 6;
const TOPIC: &str = "killed";

fn writers(launch: &Launch) -> Vec<Writer> {
    let kinds = [
        WriterKind::Idempotent(Codec::None),
        WriterKind::Idempotent(Codec::Lz4),
        WriterKind::Idempotent(Codec::Zstd),
        WriterKind::Plain(Codec::None),
    ];
    let start = |(id, kind)| Writer::start(id, kind, &launch.endpoint(), TOPIC, PARTITIONS);
    (0..).zip(kinds).map(start).collect()
}

/// Kills the broker after a random time, sometimes again while it starts, and starts it anew.
fn kill_and_restart(broker: Broker, launch: &mut Launch, chance: &mut fastrand::Rng) -> Broker {
    std::thread::sleep(Duration::from_millis(chance.u64(20..700)));
    broker.kill();
    if chance.u8(0..3) == 0 {
        let starting = launch.spawn();
        std::thread::sleep(Duration::from_millis(chance.u64(0..150)));
        starting.kill();
    }
    launch.start()
}

#[test]
fn what_was_acknowledged_outlives_kills_at_random_moments() {
    let seed = std::env::var("CORELOG_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("CORELOG_TEST_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let folder = DataFolder::new();
    let mut launch = Launch::new(folder.path(), folder.data()).cores("2");
    let mut broker = launch.start();
    create_topic(&launch.endpoint(), TOPIC, PARTITIONS, &[("segment.bytes", "1048576")]);
    let writers = writers(&launch);
    let mut logs = PartitionLogs::default();
    for _ in 0..KILLS {
        broker = kill_and_restart(broker, &mut launch, &mut chance);
        // Taken before reading, so that all of it must be there.
        let acknowledged: Vec<_> =
            writers.iter().map(|writer| (writer.id, writer.acknowledged())).collect();
        logs.read_on(&launch.endpoint(), TOPIC);
        for (writer, acknowledged) in acknowledged {
            logs.assert_holds(writer, &acknowledged);
        }
    }
    let mut ended = Vec::new();
    for writer in writers {
        let (id, kind) = (writer.id, writer.kind);
        let (count, acknowledged) = writer.finish();
        assert_eq!(acknowledged.len() as u64, count, "every record got its acknowledgement");
        ended.push((id, kind, count, acknowledged));
    }
    broker.kill();
    let _broker = launch.start();
    let whole = PartitionLogs::read(&launch.endpoint(), TOPIC);
    for (id, kind, count, acknowledged) in &ended {
        whole.assert_holds(*id, acknowledged);
        whole.assert_order(*id, *kind, *count);
    }
    logs.read_on(&launch.endpoint(), TOPIC);
    assert_eq!(whole, logs, "what was read once stays as it was");
    println!("{KILLS} kills, {} records", whole.len());
}

//! Claims about a disk that fills up: producers are refused while there is still room, consumers go
//! on, and nobody has to restart anything. Needs root and a loop device; without them the claims
//! are not checked, which is an error where CI is set.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use corelog_client::blocking::Producer;
use corelog_client::producer::{Message, ProducerConfig};
use corelog_client::{ClientError, Endpoint};
use corelog_model::{Codec, ErrorCode};

use crate::support::{
    DataFolder, Launch, PartitionLogs, Writer, WriterKind, connect, create_topic, wait_until,
};

const DISK_BYTES: u64 = 300 << 20;
const RESERVE_BYTES: u64 = 64 << 20;
const ROOM_BYTES: u64 = 16 << 20;

/// A small file system of its own.
struct SmallDisk {
    mount: PathBuf,
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {errors}")) }
}

impl SmallDisk {
    fn mount(folder: &Path) -> Result<Self, String> {
        let (image, mount) = (folder.join("disk.img"), folder.join("disk"));
        let file = File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(DISK_BYTES).map_err(|error| error.to_string())?;
        fs::create_dir(&mount).map_err(|error| error.to_string())?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &text(&image)])?;
        run("mount", &["-o", "loop", &text(&image), &text(&mount)])?;
        Ok(Self { mount })
    }

    fn available_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.mount).expect("the file system answers");
        stat.f_bavail * stat.f_frsize
    }

    /// Takes room until so much is left.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.mount.join("filler");
        let file = File::create(&path).expect("the disk has room");
        let len = self.available_bytes().saturating_sub(left);
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, len)
            .expect("the disk has room");
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A broker that was just killed may hold it for a moment.
        for _ in 0..100 {
            if run("umount", &[&self.mount.to_string_lossy()]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Sends one record and says what the broker answers within a moment.
fn probe(endpoint: &Endpoint, topic: &str) -> Result<(), ClientError> {
    let config = ProducerConfig {
        is_idempotent: false,
        linger: Duration::ZERO,
        delivery_timeout: Duration::from_millis(300),
        ..ProducerConfig::default()
    };
    let mut producer = Producer::new(connect(endpoint), config)?;
    producer.send(&Message::of_value(topic, b"probe"))?;
    match producer.flush()?.remove(0).outcome {
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_refused_for_storage(outcome: &Result<(), ClientError>) -> bool {
    let text = outcome.as_ref().err().map(ClientError::to_string).unwrap_or_default();
    outcome.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::KafkaStorageError))
        || text.contains("KAFKA_STORAGE_ERROR")
}

#[test]
fn producers_are_refused_before_the_disk_is_full_and_go_on_when_there_is_room() {
    let folder = DataFolder::new();
    let disk = match SmallDisk::mount(folder.path()) {
        Ok(disk) => disk,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "no small disk: {why}");
            println!("NOT CHECKED: the claims about a full disk: {why}");
            return;
        }
    };
    let mut launch = Launch::new(folder.path(), disk.mount.join("data"))
        .set("corelog.tail.memory.bytes", "8MiB")
        .set("corelog.disk.reserve.bytes", &RESERVE_BYTES.to_string());
    let mut broker = launch.start();
    let endpoint = launch.endpoint();
    create_topic(&endpoint, "filling", 2, &[]);
    create_topic(&endpoint, "probed", 1, &[]);
    let kind = WriterKind::Idempotent(Codec::None);
    let writer = Writer::start(0, kind, &endpoint, "filling", 2);
    wait_until("the first acknowledgement", || !writer.acknowledged().is_empty());
    let filler = disk.fill(RESERVE_BYTES + ROOM_BYTES);

    wait_until("the refusal", || {
        assert!(disk.available_bytes() > 0, "the disk is full before producers are refused");
        is_refused_for_storage(&probe(&endpoint, "probed"))
    });
    // What is in memory still has to go to segments.
    std::thread::sleep(Duration::from_secs(1));
    let left = disk.available_bytes();
    assert!(left > RESERVE_BYTES / 2, "{left} bytes are left of the {RESERVE_BYTES} in reserve");
    let acknowledged = writer.acknowledged();
    PartitionLogs::read(&endpoint, "filling").assert_holds(0, &acknowledged);
    assert!(is_refused_for_storage(&probe(&endpoint, "probed")), "it stays refused");

    fs::remove_file(filler).expect("deleting works on a full disk");
    wait_until("the recovery", || probe(&endpoint, "probed").is_ok());
    let before = acknowledged.len();
    wait_until("the writer's recovery", || writer.acknowledged().len() > before);
    let (count, acknowledged) = writer.finish();
    let logs = PartitionLogs::read(&endpoint, "filling");
    logs.assert_holds(0, &acknowledged);
    logs.assert_order(0, kind, count);
    assert!(broker.is_alive());
    assert_eq!(broker.terminate().code(), Some(0));
}

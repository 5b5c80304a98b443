//! Opening a storage whose files were damaged: journal, checkpoint, segments and indexes. Whatever
//! the disk holds, the storage opens or says why not; and what opened opens again with the same
//! bytes.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use corelog_io::sim::{DiskFaults, End, Machine};
use corelog_io::{Buffer, File, OpenMode, align_up, create_directory};
use corelog_log::{
    AppendStamp, FirstBatch, LogConfig, OpenError, PartitionLog, ReadRequest, Storage,
    StorageConfig,
};
use corelog_model::{
    BatchView, Codec, LeaderEpoch, Offset, PartitionId, PartitionIndex, ProducerId, Timestamp,
    TopicId,
};

use crate::damage;

const ROOT: &str = "/data";
const STEPS_MAX: u64 = 2_000_000;
const PARTITIONS: i32 = 2;

/// The files of a disk, in path order.
pub(crate) type Files = Vec<(PathBuf, Vec<u8>)>;

/// How the storage ended that is damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It was closed: nothing is left to replay.
    Closed,
    /// Its process was killed: the journal has what the segments lack.
    Killed,
}

/// Whether damage shows: journal and checkpoint vouch for the batches in them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksums {
    /// Nobody made them right, so that they show all damage.
    Kept,
    /// Those of the journal and of the checkpoint were made right.
    MadeRight,
}

fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId::from_bytes([7; 16]), index: PartitionIndex(index) }
}

fn storage_config() -> StorageConfig {
    StorageConfig {
        journal_file_bytes: 64 << 10,
        journal_files_max: 3,
        tail_bytes_max: 256 << 10,
        read_cache_bytes_max: 256 << 10,
        ..StorageConfig::new(ROOT.into())
    }
}

fn log_config(_: PartitionId) -> LogConfig {
    LogConfig { segment_bytes: 16_000, index_interval_bytes: 1024, ..LogConfig::default() }
}

async fn append(log: &PartitionLog, number: i64) {
    let (codec, records) = (Codec::ALL[number as usize % 5], 1 + number % 30);
    let bytes = crate::batch::seeds::some_batch(codec, records, ProducerId(number));
    let (batch, _) = BatchView::parse(&bytes).expect("the batch was just built");
    let stamp =
        AppendStamp { leader_epoch: LeaderEpoch(0), append_time: None, now: Timestamp(number) };
    log.ready(bytes.len()).await.expect("the disk is whole");
    let appended = log.append(&batch, stamp).expect("the batch fits");
    let commit = appended.commit.expect("the batch is not a repetition");
    commit.durable().await.expect("the disk is whole");
}

/// A life of a storage: two partitions, several segments, a checkpoint in the middle.
async fn live(ending: Ending) {
    let opened = Storage::open(storage_config(), log_config).await;
    let (storage, _) = opened.expect("an empty disk opens");
    for index in 0..PARTITIONS {
        let id = partition(index);
        storage.create_partition(id, log_config(id)).await.expect("the disk is whole");
    }
    for number in 0..60 {
        let log = storage.partition(partition(number as i32 % PARTITIONS));
        append(&log.expect("it was created"), number).await;
        if number == 35 {
            storage.checkpoint().await.expect("the disk is whole");
        }
    }
    if ending == Ending::Closed {
        storage.close().await.expect("the disk is whole");
    }
}

fn files_after(ending: Ending) -> Files {
    let machine = Machine::new(1, DiskFaults::default());
    assert_eq!(machine.run(live(ending)), End::Finished(()));
    machine.with_disk(|disk| {
        let content = |path: &Path| disk.content(path).expect("it was listed").to_vec();
        disk.files().into_iter().map(|file| (file.path.clone(), content(&file.path))).collect()
    })
}

fn files(ending: Ending) -> &'static Files {
    static CLOSED: OnceLock<Files> = OnceLock::new();
    static KILLED: OnceLock<Files> = OnceLock::new();
    let made = match ending {
        Ending::Closed => &CLOSED,
        Ending::Killed => &KILLED,
    };
    made.get_or_init(|| files_after(ending))
}

/// The journal files of a killed storage.
pub(crate) fn journal_files() -> Files {
    let is_journal = |path: &Path| path.extension().is_some_and(|end| end == "jnl");
    files(Ending::Killed).iter().filter(|(path, _)| is_journal(path)).cloned().collect()
}

/// The checkpoint of a killed storage.
pub(crate) fn checkpoint_file() -> Vec<u8> {
    let found = files(Ending::Killed).iter().find(|(path, _)| path.ends_with("checkpoint"));
    found.expect("the storage made a checkpoint").1.clone()
}

async fn restore(files: Files) {
    for (path, content) in files {
        let parent = path.parent().expect("a file is in a directory");
        create_directory(parent).await.expect("the disk is whole");
        let file = File::open(&path, OpenMode::CreateEmpty).await.expect("the disk is whole");
        if !content.is_empty() {
            let mut buffer = Buffer::zeroed(align_up(content.len() as u64) as usize);
            buffer[..content.len()].copy_from_slice(&content);
            file.write(buffer, 0).await.expect("the disk is whole");
        }
        file.truncate(content.len() as u64).await.expect("the disk is whole");
    }
}

async fn read_all(log: &PartitionLog, checksums: Checksums) -> Log {
    let mut bytes = Vec::new();
    let (mut offset, limit) = (log.log_start(), log.durable_end());
    while offset < limit {
        let request =
            ReadRequest { offset, limit, bytes_max: 10_000, first_batch: FirstBatch::Always };
        let read = log.read(request).await.map_err(|error| error.to_string())?;
        assert!(offset < read.next, "a read of a damaged segment moves on or fails");
        check_batches(&read.pieces.to_vec(), offset..read.next, checksums);
        bytes.extend(read.pieces.to_vec());
        offset = read.next;
    }
    Ok(bytes)
}

/// Whole batches whose checksums hold, in the order of their offsets.
fn check_batches(mut bytes: &[u8], offsets: Range<Offset>, checksums: Checksums) {
    let mut end = offsets.start;
    while !bytes.is_empty() {
        let (batch, rest) = BatchView::parse(bytes).expect("whole batches are returned");
        if checksums == Checksums::Kept {
            assert_eq!(batch.verify_crc(), Ok(()), "no batch with a wrong checksum is returned");
        }
        assert!(end < batch.next_offset(), "offsets rise: {end} < {}", batch.next_offset());
        end = batch.next_offset();
        bytes = rest;
    }
    assert_eq!(end, offsets.end, "the read ends where its last batch does");
}

/// What a partition gives: its bytes, or why they cannot be read.
type Log = Result<Vec<u8>, String>;
type Logs = Vec<(PartitionId, Log)>;

/// Opens, reads everything, closes.
async fn open_and_read(checksums: Checksums) -> Result<Logs, OpenError> {
    let (storage, _) = Storage::open(storage_config(), log_config).await?;
    let mut logs = Vec::new();
    for log in storage.partitions() {
        logs.push((log.id(), read_all(&log, checksums).await));
    }
    // A damaged segment may be noticed only now.
    storage.close().await?;
    Ok(logs)
}

/// The first byte chooses the ending and whether checksums are made right, the others damage the
/// files.
pub fn recovery(input: &[u8]) {
    let Some((&mode, changes)) = input.split_first() else { return };
    let ending = if mode & 1 == 0 { Ending::Killed } else { Ending::Closed };
    let checksums = if mode & 2 == 0 { Checksums::Kept } else { Checksums::MadeRight };
    let mut files = files(ending).clone();
    damage::apply(&mut files, changes);
    if checksums == Checksums::MadeRight {
        damage::seal_again(&mut files);
    }
    open_twice(files, checksums);
}

/// What the storage gives if it opens.
fn open_twice(files: Files, checksums: Checksums) -> Option<Logs> {
    let machine = Machine::new(2, DiskFaults::default());
    machine.limit_steps(STEPS_MAX);
    let restored = machine.run(async move {
        restore(files).await;
        open_and_read(checksums).await
    });
    let End::Finished(first) = restored else { panic!("opening does not end: {restored:?}") };
    let first = first.ok()?;
    let again = machine.run(open_and_read(checksums));
    let End::Finished(second) = again else { panic!("opening again does not end: {again:?}") };
    // A checkpoint that lies under a checksum of its own may say another thing each time.
    if checksums == Checksums::Kept {
        let second = second.expect("what opened and closed opens again");
        assert!(first == second, "the same bytes are there: {}", differences(&first, &second));
    }
    Some(first)
}

fn differences(first: &Logs, second: &Logs) -> String {
    let brief = |logs: &Logs| {
        let brief =
            |(id, log): &(PartitionId, Log)| format!("{id} {:?}", log.as_ref().map(Vec::len));
        logs.iter().map(brief).collect::<Vec<_>>()
    };
    format!("{:?} and then {:?}", brief(first), brief(second))
}

pub(crate) mod seeds {
    /// Damage of each kind to each file, and none at all.
    pub(crate) fn recovery() -> Vec<Vec<u8>> {
        let mut seeds: Vec<Vec<u8>> = (0..4).map(|mode| vec![mode]).collect();
        for kind in 0..8 {
            for file in 0..16 {
                seeds.push(vec![kind & 3, file, kind, 0, 8, 0, 1]);
                seeds.push(vec![2, file, kind, 0, 0, 61, 1, file, kind, 0, 16, 5, 200]);
            }
        }
        seeds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise the target would try nothing but refusals.
    #[test]
    fn without_damage_everything_is_there() {
        for ending in [Ending::Killed, Ending::Closed] {
            let logs = open_twice(files(ending).clone(), Checksums::Kept).expect("it opens");
            assert_eq!(logs.len(), PARTITIONS as usize);
            for (id, log) in logs {
                let mut bytes = &*log.expect("it can be read");
                let mut batches = 0;
                while !bytes.is_empty() {
                    bytes = BatchView::parse(bytes).expect("whole batches were read").1;
                    batches += 1;
                }
                assert_eq!(batches, 30, "{id}");
            }
        }
    }
}

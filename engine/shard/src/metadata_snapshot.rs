//! The snapshot of the metadata: one small file that stands for the front of the metadata log, so
//! that the front can be deleted. docs/storage-format.md draws it.

use std::path::Path;

use corelog_cluster::codec::DecodeError;
use corelog_cluster::snapshot::{restore, snapshot_records};
use corelog_cluster::{ApplyError, ClusterImage, MetadataRecord, MetadataVersion};
use corelog_io::{IoError, read_file, write_file_atomically, yield_now};

const MAGIC: &[u8; 4] = b"CLMS";
const VERSION: u16 = 1;
const FILE_BYTES_MAX: u64 = 1 << 30;
const YIELD_EVERY: usize = 64;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The bytes are not a snapshot of this format.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// A record is of no known kind.
    #[error("a record cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// A record does not fit what came before it.
    #[error("its records contradict each other: {0}")]
    Apply(#[from] ApplyError),
}

/// Replaces the file by a snapshot of `image` and makes it durable. Returns its length. A crash
/// leaves the old file or the new one.
pub(crate) async fn store(path: &Path, image: &ClusterImage) -> Result<u64, IoError> {
    let bytes = encode(image).await;
    write_file_atomically(path, &bytes).await?;
    Ok(bytes.len() as u64)
}

/// Reads the file: the image and the length of the file, or none if there is none yet.
pub(crate) async fn load(path: &Path) -> Result<Option<(ClusterImage, u64)>, SnapshotError> {
    match read_file(path, FILE_BYTES_MAX).await {
        Ok(bytes) => Ok(Some((decode(&bytes)?, bytes.len() as u64))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn encode(image: &ClusterImage) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&image.version().0.to_le_bytes());
    let mut record_bytes = Vec::new();
    for (number, record) in snapshot_records(image).enumerate() {
        record_bytes.clear();
        record.encode(&mut record_bytes);
        out.extend_from_slice(&(record_bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(&record_bytes);
        if number % YIELD_EVERY == YIELD_EVERY - 1 {
            yield_now().await;
        }
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<ClusterImage, SnapshotError> {
    use SnapshotError::Damaged;
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Damaged("it is too short"))?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return Err(Damaged("its checksum does not hold"));
    }
    let body = body.strip_prefix(MAGIC).ok_or(Damaged("it is no snapshot of metadata"))?;
    let body = body
        .strip_prefix(&VERSION.to_le_bytes())
        .ok_or(Damaged("its format is not known to this program"))?;
    let (version, mut rest) = body.split_first_chunk().ok_or(Damaged("it is cut short"))?;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (len, behind) = rest.split_first_chunk().ok_or(Damaged("a record is cut short"))?;
        let len = u32::from_le_bytes(*len) as usize;
        let (record, behind) =
            behind.split_at_checked(len).ok_or(Damaged("a record is cut short"))?;
        records.push(MetadataRecord::decode(record)?);
        rest = behind;
    }
    Ok(restore(MetadataVersion(u64::from_le_bytes(*version)), &records)?)
}

#[cfg(test)]
mod tests {
    use corelog_cluster::decide::register_broker::{RegisterBroker, register_broker};
    use corelog_cluster::{PartitionState, ShardEndpoint};
    use corelog_io::sim::{DiskFaults, End, Machine};
    use corelog_model::{
        BrokerId, LeaderEpoch, NodeId, PartitionId, PartitionIndex, ShardId, TopicId, TopicName,
    };

    use super::*;

    /// A broker with topics, more records than one turn encodes.
    fn image() -> ClusterImage {
        let shards = vec![ShardEndpoint {
            shard: ShardId(0),
            listener: "PLAINTEXT".into(),
            host: "h".into(),
            port: 1,
        }];
        let broker = BrokerId(1);
        let new_cluster_id = "c".to_owned();
        let request = RegisterBroker { broker, rack: None, shards, new_cluster_id };
        let mut records = register_broker(&ClusterImage::empty(), &request).unwrap();
        let node = NodeId::of(broker, ShardId(0));
        for number in 1..=50 {
            let id = TopicId::from_bytes([number; 16]);
            let name = TopicName::new(&format!("t{number}")).unwrap();
            let state = PartitionState {
                replicas: vec![node],
                isr: vec![node],
                leader: node,
                leader_epoch: LeaderEpoch(0),
                partition_epoch: 0,
                target: Vec::new(),
            };
            let partition = PartitionId::new(id, PartitionIndex(0));
            records.push(MetadataRecord::TopicCreated { id, name });
            records.push(MetadataRecord::PartitionCreated { partition, state });
            records.push(MetadataRecord::TopicDeleted { id });
            records.truncate(records.len() - usize::from(number % 2 == 0));
        }
        ClusterImage::empty().fold(&records).unwrap()
    }

    fn encoded(image: &ClusterImage) -> Vec<u8> {
        let image = image.clone();
        match Machine::new(1, DiskFaults::default()).run(async move { encode(&image).await }) {
            End::Finished(bytes) => bytes,
            end => panic!("{end:?}"),
        }
    }

    #[test]
    fn an_image_comes_back_with_its_version() {
        let image = image();
        assert!(image.version().0 > 2 * image.topic_count() as u64);
        assert_eq!(decode(&encoded(&image)).unwrap(), image);
        let empty = ClusterImage::empty();
        assert_eq!(decode(&encoded(&empty)).unwrap(), empty);
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_found() {
        let bytes = encoded(&image());
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << (position % 8);
            assert!(decode(&changed).is_err(), "byte {position}");
            assert!(decode(&bytes[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn what_no_snapshot_says_is_refused_behind_a_good_checksum() {
        let check = |body: &[u8], expected: &str| {
            let crc = crc32c::crc32c(body).to_le_bytes();
            let error = decode(&[body, &crc].concat()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "no snapshot");
        check(b"CLCP\x01\0", "no snapshot");
        check(b"CLMS\x02\0", "format is not known");
        check(b"CLMS\x01\0\0\0\0", "cut short");
        check(b"CLMS\x01\0\x07\0\0\0\0\0\0\0\xff\xff\xff\xff", "a record is cut short");
        check(b"CLMS\x01\0\x07\0\0\0\0\0\0\0\x01\0\0\0\x09", "cannot be read");
        check(b"CLMS\x01\0\x07\0\0\0\0\0\0\0\x01\0", "a record is cut short");
    }
}

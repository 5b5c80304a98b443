//! DescribeLogDirs: what the directory of one core holds, and how much room its volume has
//! (KIP-113, KIP-827).

use std::collections::BTreeMap;

use corelog_io::DiskSpace;
use corelog_model::PartitionIndex;
use corelog_shard::Shard;
use corelog_wire::api::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use corelog_wire::{DescribeLogDirsRequest, DescribeLogDirsResponse, Text};

/// Kafka's "not known".
const UNKNOWN: i64 = -1;

/// The logs of one core.
pub(crate) struct LogDirectory {
    /// Its path.
    path: String,
    space: DiskSpace,
    /// Bytes of each partition, by topic.
    topics: BTreeMap<String, Vec<(PartitionIndex, u64)>>,
}

impl LogDirectory {
    /// That of a core, as it is now.
    pub(crate) fn of(shard: &Shard) -> Self {
        let mut topics: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for partition in shard.partitions() {
            let held = (partition.log.id().index, partition.log.bytes());
            topics.entry(partition.topic.as_str().to_owned()).or_default().push(held);
        }
        let path = shard.config().shard_directory(shard.id());
        Self { path: path.display().to_string(), space: shard.disk_space(), topics }
    }

    /// Answers. Partitions that are asked for and not here are left out, as by Kafka.
    pub(crate) fn respond(
        &self,
        request: &DescribeLogDirsRequest<'_>,
    ) -> DescribeLogDirsResponse<'_> {
        let asked = request.topics.as_deref();
        let topics = self.topics.iter().filter_map(|(name, held)| {
            let is_asked = |index: PartitionIndex| {
                let names = |topic: &DescribableLogDirTopic<'_>| {
                    &*topic.topic == name && topic.partitions.contains(&index.get())
                };
                asked.is_none_or(|asked| asked.iter().any(names))
            };
            let partitions = held.iter().filter(|(index, _)| is_asked(*index));
            let partitions: Vec<_> = partitions
                .map(|(index, bytes)| DescribeLogDirsPartition {
                    partition_index: index.get(),
                    partition_size: as_i64(*bytes),
                    ..Default::default()
                })
                .collect();
            let name = Text::Borrowed(name.as_str());
            (!partitions.is_empty()).then_some(DescribeLogDirsTopic { name, partitions })
        });
        let result = DescribeLogDirsResult {
            log_dir: Text::Borrowed(&self.path),
            topics: topics.collect(),
            total_bytes: known(self.space.total),
            usable_bytes: known(self.space.available),
            ..Default::default()
        };
        DescribeLogDirsResponse { results: vec![result], ..Default::default() }
    }
}

fn as_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn known(bytes: u64) -> i64 {
    if bytes == u64::MAX { UNKNOWN } else { as_i64(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::{received, served};

    /// One topic's name and its partitions.
    type Seen = Vec<(String, Vec<(i32, i64)>)>;

    fn answer(asked: Option<&[(&'static str, &[i32])]>, version: i16) -> (Seen, i64, i64) {
        let held = [("a", vec![(0, 10), (2, 30)]), ("b", vec![(1, 5)])];
        let topics = held.map(|(name, held)| {
            let held = held.into_iter().map(|(index, bytes)| (PartitionIndex(index), bytes));
            (name.to_owned(), held.collect())
        });
        let space = DiskSpace { available: 70, total: u64::MAX };
        let path = "/data/shard-000".to_owned();
        let directory = LogDirectory { path, space, topics: topics.into() };
        let topic = |(name, partitions): &(&'static str, &[i32])| DescribableLogDirTopic {
            topic: Text::Borrowed(name),
            partitions: partitions.to_vec(),
        };
        let topics = asked.map(|asked| asked.iter().map(topic).collect());
        let request: DescribeLogDirsRequest<'_> =
            received(&DescribeLogDirsRequest { topics }, version);
        let mut answer: DescribeLogDirsResponse<'_> =
            received(&directory.respond(&request), version);
        assert_eq!((answer.error_code, answer.results.len()), (0, 1));
        let found = answer.results.remove(0);
        assert_eq!((found.error_code, &*found.log_dir), (0, "/data/shard-000"));
        let topic = |topic: &DescribeLogDirsTopic<'_>| {
            let sizes = topic.partitions.iter();
            let sizes = sizes.map(|held| (held.partition_index, held.partition_size));
            (topic.name.to_string(), sizes.collect())
        };
        (found.topics.iter().map(topic).collect(), found.usable_bytes, found.total_bytes)
    }

    #[test]
    fn everything_is_told_unless_something_is_asked_for() {
        for version in served::<DescribeLogDirsRequest<'_>>() {
            let (seen, usable, total) = answer(None, version);
            let expected: Seen =
                vec![("a".to_owned(), vec![(0, 10), (2, 30)]), ("b".to_owned(), vec![(1, 5)])];
            assert_eq!(seen, expected);
            assert_eq!((usable, total), (if version < 4 { UNKNOWN } else { 70 }, UNKNOWN));
        }
    }

    #[test]
    fn what_is_not_here_is_left_out() {
        let asked: [(&str, &[i32]); 3] = [("a", &[1, 2]), ("b", &[0]), ("no-such", &[0])];
        assert_eq!(answer(Some(&asked), 4).0, [("a".to_owned(), vec![(2, 30)])]);
        assert_eq!(answer(Some(&[]), 4).0, []);
    }
}

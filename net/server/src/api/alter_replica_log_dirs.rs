//! AlterReplicaLogDirs: replicas shall be in another log directory of their broker (KIP-113). A
//! node has one directory, so a replica is there already, or the directory does not exist.

use corelog_model::{ErrorCode, PartitionIndex};
use corelog_shard::Shard;
use corelog_wire::api::alter_replica_log_dirs::{
    AlterReplicaLogDir, AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopic,
    AlterReplicaLogDirTopicResult,
};
use corelog_wire::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, Text};

use crate::error::{NamedBy, partition_code};

/// Answers for the directory of one core.
pub(crate) fn respond<'a>(
    request: &'a AlterReplicaLogDirsRequest<'a>,
    shard: &Shard,
) -> AlterReplicaLogDirsResponse<'a> {
    let path = shard.config().shard_directory(shard.id()).display().to_string();
    answer(request, |dir, topic, index| {
        if dir != path {
            return ErrorCode::LogDirNotFound;
        }
        let held = shard.partition_by_name(topic, index);
        held.map_or_else(|refusal| partition_code(refusal, NamedBy::Name), |_| ErrorCode::None)
    })
}

/// Answers that nothing of it is done.
pub(crate) fn refused<'a>(
    request: &'a AlterReplicaLogDirsRequest<'a>,
    code: ErrorCode,
) -> AlterReplicaLogDirsResponse<'a> {
    answer(request, |_, _, _| code)
}

/// Answers, given what becomes of a partition that shall be in a directory.
fn answer<'a>(
    request: &'a AlterReplicaLogDirsRequest<'a>,
    code_of: impl Fn(&str, &str, PartitionIndex) -> ErrorCode,
) -> AlterReplicaLogDirsResponse<'a> {
    let result = |dir: &AlterReplicaLogDir<'_>, topic: &AlterReplicaLogDirTopic<'_>, index: i32| {
        let code = code_of(&dir.path, &topic.name, PartitionIndex(index));
        AlterReplicaLogDirPartitionResult { partition_index: index, error_code: code.code() }
    };
    let topics =
        request.dirs.iter().flat_map(|dir| dir.topics.iter().map(move |topic| (dir, topic)));
    let results = topics.map(|(dir, topic)| AlterReplicaLogDirTopicResult {
        topic_name: Text::Borrowed(&*topic.name),
        partitions: topic.partitions.iter().map(|index| result(dir, topic, *index)).collect(),
    });
    AlterReplicaLogDirsResponse { results: results.collect(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::{received, served};

    fn dir(path: &'static str, partitions: &[i32]) -> AlterReplicaLogDir<'static> {
        let topic =
            AlterReplicaLogDirTopic { name: Text::Borrowed("a"), partitions: partitions.to_vec() };
        AlterReplicaLogDir { path: Text::Borrowed(path), topics: vec![topic] }
    }

    #[test]
    fn a_replica_is_in_the_only_directory_or_the_directory_is_not_there() {
        for version in served::<AlterReplicaLogDirsRequest<'_>>() {
            let dirs = vec![dir("/data/shard-000", &[0, 1]), dir("/data", &[0])];
            let request: AlterReplicaLogDirsRequest<'_> =
                received(&AlterReplicaLogDirsRequest { dirs }, version);
            let code_of = |dir: &str, _: &str, index: PartitionIndex| match (dir, index.get()) {
                ("/data/shard-000", 0) => ErrorCode::None,
                ("/data/shard-000", _) => ErrorCode::NotLeaderOrFollower,
                _ => ErrorCode::LogDirNotFound,
            };
            let answer: AlterReplicaLogDirsResponse<'_> =
                received(&answer(&request, code_of), version);
            let codes = answer.results.iter().flat_map(|topic| &topic.partitions);
            let codes: Vec<_> = codes.map(|one| (one.partition_index, one.error_code)).collect();
            let not_leader = ErrorCode::NotLeaderOrFollower.code();
            assert_eq!(codes, [(0, 0), (1, not_leader), (0, ErrorCode::LogDirNotFound.code())]);
        }
    }
}

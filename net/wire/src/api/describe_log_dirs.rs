//! DescribeLogDirs, key 35: what the log directories of a broker hold.

use crate::Text;

message! {
    /// API 35, versions 1-4, flexible from 2.
    DescribeLogDirsRequest<'a> {
        /// Null is every topic.
        topics: Option<Vec<DescribableLogDirTopic<'a>>>;
    }

    /// A topic and its partitions.
    DescribableLogDirTopic<'a> {
        topic: Text<'a>;
        partitions: Vec<i32>;
    }

    /// API 35, versions 1-4, flexible from 2.
    DescribeLogDirsResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16, in 3..;
        results: Vec<DescribeLogDirsResult<'a>>;
    }

    /// A directory and what is in it.
    DescribeLogDirsResult<'a> {
        error_code: i16;
        log_dir: Text<'a>;
        topics: Vec<DescribeLogDirsTopic<'a>>;
        /// Of the volume; -1 where unknown.
        total_bytes: i64, in 4.., else -1;
        /// Of the volume; -1 where unknown.
        usable_bytes: i64, in 4.., else -1;
    }

    /// A topic and its partitions.
    DescribeLogDirsTopic<'a> {
        name: Text<'a>;
        partitions: Vec<DescribeLogDirsPartition>;
    }

    /// A replica in the directory.
    DescribeLogDirsPartition {
        partition_index: i32;
        /// Bytes of its segments.
        partition_size: i64;
        /// Behind the high watermark, or, while it moves, behind the replica it will replace.
        offset_lag: i64;
        /// It will replace a replica in another directory.
        is_future_key: bool;
    }
}

api!(DescribeLogDirs: DescribeLogDirsRequest<'q> => DescribeLogDirsResponse<'r>);

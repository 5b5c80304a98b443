//! DeleteRecords, key 21: move the log start offset of partitions forward.

use crate::Text;

message! {
    /// API 21, versions 0-2, flexible from 2.
    DeleteRecordsRequest<'a> {
        topics: Vec<DeleteRecordsTopic<'a>>;
        timeout_ms: i32;
    }

    /// A topic and its partitions.
    DeleteRecordsTopic<'a> {
        name: Text<'a>;
        partitions: Vec<DeleteRecordsPartition>;
    }

    /// The first offset to keep; -1 is the high watermark.
    DeleteRecordsPartition {
        partition_index: i32;
        offset: i64;
    }

    /// API 21, versions 0-2, flexible from 2.
    DeleteRecordsResponse<'a> {
        throttle_time_ms: i32;
        topics: Vec<DeleteRecordsTopicResult<'a>>;
    }

    /// A topic and its partitions.
    DeleteRecordsTopicResult<'a> {
        name: Text<'a>;
        partitions: Vec<DeleteRecordsPartitionResult>;
    }

    /// Where a partition starts now.
    DeleteRecordsPartitionResult {
        partition_index: i32;
        low_watermark: i64;
        error_code: i16;
    }
}

api!(DeleteRecords: DeleteRecordsRequest<'q> => DeleteRecordsResponse<'r>);

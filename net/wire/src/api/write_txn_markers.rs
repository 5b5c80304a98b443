//! WriteTxnMarkers, key 27: the coordinator of a transaction ends it in partitions.

use crate::Text;

message! {
    /// API 27, versions 1-2, flexible from 1.
    WriteTxnMarkersRequest<'a> {
        markers: Vec<WritableTxnMarker<'a>>;
    }

    /// The end of one transaction.
    WritableTxnMarker<'a> {
        producer_id: i64;
        producer_epoch: i16;
        /// False aborts.
        transaction_result: bool;
        topics: Vec<WritableTxnMarkerTopic<'a>>;
        coordinator_epoch: i32;
        /// Kafka's `transaction.version` (KIP-1228).
        transaction_version: i8, in 2..;
    }

    /// A topic and its partitions.
    WritableTxnMarkerTopic<'a> {
        name: Text<'a>;
        partition_indexes: Vec<i32>;
    }

    /// API 27, versions 1-2, flexible from 1.
    WriteTxnMarkersResponse<'a> {
        markers: Vec<WritableTxnMarkerResult<'a>>;
    }

    /// What became of one marker.
    WritableTxnMarkerResult<'a> {
        producer_id: i64;
        topics: Vec<WritableTxnMarkerTopicResult<'a>>;
    }

    /// A topic and its partitions.
    WritableTxnMarkerTopicResult<'a> {
        name: Text<'a>;
        partitions: Vec<WritableTxnMarkerPartitionResult>;
    }

    /// What became of a marker in one partition.
    WritableTxnMarkerPartitionResult {
        partition_index: i32;
        error_code: i16;
    }
}

api!(WriteTxnMarkers: WriteTxnMarkersRequest<'q> => WriteTxnMarkersResponse<'r>);

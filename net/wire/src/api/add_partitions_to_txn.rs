//! AddPartitionsToTxn, key 24: the partitions that a transaction will write to. Clients ask up to
//! version 3 for one transaction, brokers from version 4 for many.

use crate::Text;

message! {
    /// API 24, versions 0-5, flexible from 3.
    AddPartitionsToTxnRequest<'a> {
        transactions: Vec<AddPartitionsToTxnTransaction<'a>>, in 4..;
        v3_and_below_transactional_id: Text<'a>, in ..=3;
        v3_and_below_producer_id: i64, in ..=3;
        v3_and_below_producer_epoch: i16, in ..=3;
        v3_and_below_topics: Vec<AddPartitionsToTxnTopic<'a>>, in ..=3;
    }

    /// A transaction and its new partitions.
    AddPartitionsToTxnTransaction<'a> {
        transactional_id: Text<'a>;
        producer_id: i64;
        producer_epoch: i16;
        /// Asks whether the partitions are part of it, and adds none (KIP-890).
        verify_only: bool;
        topics: Vec<AddPartitionsToTxnTopic<'a>>;
    }

    /// A topic and its partitions.
    AddPartitionsToTxnTopic<'a> {
        name: Text<'a>;
        partitions: Vec<i32>;
    }

    /// API 24, versions 0-5, flexible from 3.
    AddPartitionsToTxnResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16, in 4..;
        results_by_transaction: Vec<AddPartitionsToTxnResult<'a>>, in 4..;
        results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult<'a>>, in ..=3;
    }

    /// What became of one transaction.
    AddPartitionsToTxnResult<'a> {
        transactional_id: Text<'a>;
        topic_results: Vec<AddPartitionsToTxnTopicResult<'a>>;
    }

    /// A topic and its partitions.
    AddPartitionsToTxnTopicResult<'a> {
        name: Text<'a>;
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult>;
    }

    /// What became of one partition.
    AddPartitionsToTxnPartitionResult {
        partition_index: i32;
        partition_error_code: i16;
    }
}

api!(AddPartitionsToTxn: AddPartitionsToTxnRequest<'q> => AddPartitionsToTxnResponse<'r>);

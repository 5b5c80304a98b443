//! DescribeTransactions, key 65: the state of transactions (KIP-664).

use crate::Text;

message! {
    /// API 65, version 0, flexible from 0.
    DescribeTransactionsRequest<'a> {
        transactional_ids: Vec<Text<'a>>;
    }

    /// API 65, version 0, flexible from 0.
    DescribeTransactionsResponse<'a> {
        throttle_time_ms: i32;
        transaction_states: Vec<TransactionState<'a>>;
    }

    /// One transaction.
    TransactionState<'a> {
        error_code: i16;
        transactional_id: Text<'a>;
        /// By name, as `Ongoing`.
        transaction_state: Text<'a>;
        transaction_timeout_ms: i32;
        /// -1 outside of a transaction.
        transaction_start_time_ms: i64;
        producer_id: i64;
        producer_epoch: i16;
        topics: Vec<TopicData<'a>>;
    }

    /// A topic and the partitions that the transaction writes to.
    TopicData<'a> {
        topic: Text<'a>;
        partitions: Vec<i32>;
    }
}

api!(DescribeTransactions: DescribeTransactionsRequest<'q> => DescribeTransactionsResponse<'r>);

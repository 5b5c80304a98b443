//! ListTransactions, key 66: the transactions that a broker coordinates (KIP-664).

use crate::Text;

message! {
    /// API 66, versions 0-2, flexible from 0.
    ListTransactionsRequest<'a> {
        /// Empty is every state.
        state_filters: Vec<Text<'a>>;
        /// Empty is every producer.
        producer_id_filters: Vec<i64>;
        /// Milliseconds that it has been running at least; below 0 is any.
        duration_filter: i64, in 1.., else -1;
        /// A regular expression; null and empty are any id.
        transactional_id_pattern: Option<Text<'a>>, in 2..;
    }

    /// API 66, versions 0-2, flexible from 0.
    ListTransactionsResponse<'a> {
        throttle_time_ms: i32;
        error_code: i16;
        /// Those of the request that name no state.
        unknown_state_filters: Vec<Text<'a>>;
        transaction_states: Vec<TransactionState<'a>>;
    }

    /// One transaction.
    TransactionState<'a> {
        transactional_id: Text<'a>;
        producer_id: i64;
        transaction_state: Text<'a>;
    }
}

api!(ListTransactions: ListTransactionsRequest<'q> => ListTransactionsResponse<'r>);

//! InitProducerId, key 22: a producer id and epoch for an idempotent or transactional producer.

use crate::Text;

message! {
    /// API 22, versions 0-6, flexible from 2.
    InitProducerIdRequest<'a> {
        /// Null for a producer that is idempotent only.
        transactional_id: Option<Text<'a>>;
        transaction_timeout_ms: i32;
        producer_id: i64, in 3.., else -1;
        producer_epoch: i16, in 3.., else -1;
        enable_2_pc: bool, in 6..;
        keep_prepared_txn: bool, in 6..;
    }

    /// API 22, versions 0-6, flexible from 2.
    InitProducerIdResponse {
        throttle_time_ms: i32;
        error_code: i16;
        producer_id: i64, else -1;
        producer_epoch: i16;
        ongoing_txn_producer_id: i64, in 6.., else -1;
        ongoing_txn_producer_epoch: i16, in 6.., else -1;
    }
}

api!(InitProducerId: InitProducerIdRequest<'q> => InitProducerIdResponse);

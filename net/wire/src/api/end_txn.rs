//! EndTxn, key 26: commit or abort a transaction.

use crate::Text;

message! {
    /// API 26, versions 0-5, flexible from 3.
    EndTxnRequest<'a> {
        transactional_id: Text<'a>;
        producer_id: i64;
        producer_epoch: i16;
        /// False aborts.
        committed: bool;
    }

    /// API 26, versions 0-5, flexible from 3.
    EndTxnResponse {
        throttle_time_ms: i32;
        error_code: i16;
        /// From version 5 the producer goes on with these (KIP-890).
        producer_id: i64, in 5.., else -1;
        producer_epoch: i16, in 5.., else -1;
    }
}

api!(EndTxn: EndTxnRequest<'q> => EndTxnResponse);

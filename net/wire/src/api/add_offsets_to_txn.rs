//! AddOffsetsToTxn, key 25: a transaction will commit offsets of a group.

use crate::Text;

message! {
    /// API 25, versions 0-4, flexible from 3.
    AddOffsetsToTxnRequest<'a> {
        transactional_id: Text<'a>;
        producer_id: i64;
        producer_epoch: i16;
        group_id: Text<'a>;
    }

    /// API 25, versions 0-4, flexible from 3.
    AddOffsetsToTxnResponse {
        throttle_time_ms: i32;
        error_code: i16;
    }
}

api!(AddOffsetsToTxn: AddOffsetsToTxnRequest<'q> => AddOffsetsToTxnResponse);

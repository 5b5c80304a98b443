//! FindCoordinator, key 10: which node coordinates a group, a transaction or a share group.

use crate::Text;

message! {
    /// API 10, versions 0-6, flexible from 3.
    FindCoordinatorRequest<'a> {
        key: Text<'a>, in ..=3;
        /// 0 group, 1 transaction, 2 share group.
        key_type: i8, in 1..;
        coordinator_keys: Vec<Text<'a>>, in 4..;
    }

    /// API 10, versions 0-6, flexible from 3.
    FindCoordinatorResponse<'a> {
        throttle_time_ms: i32, in 1..;
        error_code: i16, in ..=3;
        error_message: Option<Text<'a>>, in 1..=3;
        node_id: i32, in ..=3;
        host: Text<'a>, in ..=3;
        port: i32, in ..=3;
        coordinators: Vec<Coordinator<'a>>, in 4..;
    }

    /// The coordinator of one key.
    Coordinator<'a> {
        key: Text<'a>;
        node_id: i32;
        host: Text<'a>;
        port: i32;
        error_code: i16;
        error_message: Option<Text<'a>>;
    }
}

api!(FindCoordinator: FindCoordinatorRequest<'q> => FindCoordinatorResponse<'r>);

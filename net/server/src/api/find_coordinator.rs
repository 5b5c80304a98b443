//! FindCoordinator: which node coordinates a group or a transaction. Nobody does yet, so this says
//! so, in the way that does least harm to each kind of client.
//!
//! - Groups: `COORDINATOR_NOT_AVAILABLE`. Most libraries demand a group id of every consumer and
//!   look for its coordinator at once, also where partitions are assigned by hand, which works.
//!   Any other code would reach the application of such a consumer as an error. The price is that a
//!   consumer that subscribes waits, and that only its log says for what.
//! - Transactions: `TRANSACTIONAL_ID_AUTHORIZATION_FAILED`, the one code that both the Java client
//!   and librdkafka take as fatal, with the message from here. They retry others until they time
//!   out.
//! - Anything else, such as share groups: `INVALID_REQUEST`, as from a Kafka without them.

use corelog_model::{ErrorCode, NodeId};
use corelog_wire::api::find_coordinator::Coordinator;
use corelog_wire::{FindCoordinatorRequest, FindCoordinatorResponse, Text};

/// The first version with several keys in one request (KIP-699).
const BATCHED_FROM: i16 = 4;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Answers.
pub fn respond<'a>(
    request: &'a FindCoordinatorRequest<'a>,
    version: i16,
) -> FindCoordinatorResponse<'a> {
    let (code, message) = match request.key_type {
        GROUP => (
            ErrorCode::CoordinatorNotAvailable,
            "this version has no consumer groups; assign partitions by hand",
        ),
        TRANSACTION => (
            ErrorCode::TransactionalIdAuthorizationFailed,
            "this version has no transactions; use a producer without a transactional id",
        ),
        _ => (ErrorCode::InvalidRequest, "this version has no coordinators of this type"),
    };
    let nobody = |key: &'a str| Coordinator {
        key: Text::Borrowed(key),
        node_id: NodeId::NONE.get(),
        host: Text::Borrowed(""),
        port: -1,
        error_code: code.code(),
        error_message: Some(Text::Borrowed(message)),
    };
    if version >= BATCHED_FROM {
        let coordinators = request.coordinator_keys.iter().map(|key| nobody(key)).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let nobody = nobody(&request.key);
    FindCoordinatorResponse {
        error_code: nobody.error_code,
        error_message: nobody.error_message,
        node_id: nobody.node_id,
        host: nobody.host,
        port: nobody.port,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scene::{received, served};

    fn answer(
        key_type: i8,
        keys: &[&'static str],
        version: i16,
    ) -> FindCoordinatorResponse<'static> {
        let request = FindCoordinatorRequest {
            key: keys[0].into(),
            key_type,
            coordinator_keys: keys.iter().map(|key| Text::Borrowed(*key)).collect(),
        };
        let request: FindCoordinatorRequest<'_> = received(&request, version);
        received(&respond(&request, version), version)
    }

    /// Checks the code, and that versions with room for it have a message.
    #[track_caller]
    fn check(key_type: i8, version: i16, error: ErrorCode) {
        let answer = answer(key_type, &["k", "l"], version);
        if version < BATCHED_FROM {
            assert_eq!((answer.error_code, answer.node_id, answer.port), (error.code(), -1, -1));
            assert_eq!(answer.error_message.is_some(), version >= 1);
            assert_eq!((&*answer.host, answer.coordinators), ("", Vec::new()));
            return;
        }
        let keys: Vec<_> = answer.coordinators.iter().map(|found| &*found.key).collect();
        assert_eq!(keys, ["k", "l"]);
        for found in &answer.coordinators {
            assert_eq!((found.error_code, found.node_id, found.port), (error.code(), -1, -1));
            assert!(found.error_message.is_some());
        }
    }

    #[test]
    fn a_group_has_no_coordinator_yet() {
        for version in served::<FindCoordinatorRequest<'_>>() {
            check(GROUP, version, ErrorCode::CoordinatorNotAvailable);
        }
        let answer = answer(GROUP, &["g"], 2);
        assert!(answer.error_message.unwrap().contains("assign partitions by hand"));
    }

    #[test]
    fn a_transaction_fails_at_once() {
        for version in 1..=6 {
            check(TRANSACTION, version, ErrorCode::TransactionalIdAuthorizationFailed);
        }
    }

    #[test]
    fn other_coordinators_are_unknown() {
        for version in 1..=6 {
            for key_type in [2, 3, -1] {
                check(key_type, version, ErrorCode::InvalidRequest);
            }
        }
    }

    #[test]
    fn no_keys_have_no_coordinators() {
        let request = FindCoordinatorRequest::default();
        assert_eq!(respond(&request, 4), FindCoordinatorResponse::default());
    }
}

//! InitProducerId: an id for a producer that numbers its batches, so that a retry is never appended
//! twice (KIP-98).
//!
//! Transactions are not served yet. A producer with a transactional id is refused with
//! `TRANSACTIONAL_ID_AUTHORIZATION_FAILED`, because that is the one code which both the Java client
//! and librdkafka take as fatal at once; others they retry until their own timeout.

use corelog_cluster::decide::producer_ids::ProducerIdBlock;
use corelog_cluster::{Change, Outcome};
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};
use corelog_wire::{InitProducerIdRequest, InitProducerIdResponse};

use super::change::Ending;
use crate::error::KafkaError;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An id that no producer ever had: [`granted`] is the answer. If none is left in the block at
    /// hand, [`next_block`] gets another.
    NewProducer,
    /// Something that is refused with this answer.
    Refused(InitProducerIdResponse),
}

/// Translates a request.
///
/// A producer without a transactional id always gets a new id, even if it names the one it has: as
/// nobody tells two producers with the same id apart, nobody can tell whose epoch to raise. This is
/// Kafka's rule too; such producers raise their epoch themselves (KIP-360).
pub fn translate(request: &InitProducerIdRequest<'_>) -> Asked {
    let has_id = !ProducerId(request.producer_id).is_none();
    let has_epoch = request.producer_epoch >= 0;
    match request.transactional_id.as_deref() {
        Some("") => Asked::Refused(refusal(ErrorCode::InvalidRequest)),
        _ if has_id != has_epoch => Asked::Refused(refusal(ErrorCode::InvalidRequest)),
        Some(_) => Asked::Refused(refusal(ErrorCode::TransactionalIdAuthorizationFailed)),
        None => Asked::NewProducer,
    }
}

/// The answer with a new id, in its first epoch.
pub fn granted(producer_id: ProducerId) -> InitProducerIdResponse {
    assert!(!producer_id.is_none(), "producer ids are not negative: {producer_id}");
    InitProducerIdResponse {
        producer_id: producer_id.get(),
        producer_epoch: 0,
        ..Default::default()
    }
}

/// The change that takes another block of ids.
pub fn next_block() -> Change {
    Change::AllocateProducerIds
}

/// The block, or the answer to everybody who waits for it.
pub fn block(ending: Ending) -> Result<ProducerIdBlock, InitProducerIdResponse> {
    let code = match ending {
        Ending::Decided(Outcome::AllocateProducerIds(Ok(block))) => return Ok(block),
        Ending::Decided(Outcome::AllocateProducerIds(Err(error))) => error.error_code(),
        // What Kafka says while it waits for a block: all clients try again.
        undecided if undecided.is_undecided() => ErrorCode::CoordinatorLoadInProgress,
        refused => refused.into_failure().code,
    };
    Err(refusal(code))
}

fn refusal(code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: ProducerId::NONE.get(),
        producer_epoch: ProducerEpoch::NONE.get(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::controller::ControllerError;
    use corelog_cluster::decide::producer_ids::ProducerIdsError;

    use super::*;
    use crate::api::scene::{cluster, decided, received, served};

    fn request(
        transactional_id: Option<&'static str>,
        id: i64,
        epoch: i16,
    ) -> InitProducerIdRequest<'static> {
        InitProducerIdRequest {
            transactional_id: transactional_id.map(Into::into),
            transaction_timeout_ms: 60_000,
            producer_id: id,
            producer_epoch: epoch,
            ..Default::default()
        }
    }

    #[track_caller]
    fn check_refused(request: &InitProducerIdRequest<'_>, error: ErrorCode) {
        let Asked::Refused(answer) = translate(request) else { panic!("refused: {request:?}") };
        for version in served::<InitProducerIdRequest<'_>>() {
            let answer: InitProducerIdResponse = received(&answer, version);
            assert_eq!(answer, refusal(error));
        }
    }

    #[test]
    fn an_idempotent_producer_gets_a_new_id_in_every_version() {
        for version in served::<InitProducerIdRequest<'_>>() {
            let asked: InitProducerIdRequest<'_> = received(&request(None, -1, -1), version);
            assert_eq!(translate(&asked), Asked::NewProducer);
            let answer: InitProducerIdResponse = received(&granted(ProducerId(4000)), version);
            assert_eq!(
                (answer.error_code, answer.producer_id, answer.producer_epoch),
                (0, 4000, 0)
            );
        }
    }

    #[test]
    fn an_idempotent_producer_that_names_its_id_gets_a_new_one_all_the_same() {
        for epoch in [0, 7, i16::MAX] {
            assert_eq!(translate(&request(None, 4000, epoch)), Asked::NewProducer);
        }
    }

    #[test]
    fn an_id_without_an_epoch_or_an_epoch_without_an_id_is_malformed() {
        for (id, epoch) in [(4000, -1), (-1, 0)] {
            check_refused(&request(None, id, epoch), ErrorCode::InvalidRequest);
            check_refused(&request(Some("t"), id, epoch), ErrorCode::InvalidRequest);
        }
    }

    #[test]
    fn an_empty_transactional_id_is_malformed() {
        check_refused(&request(Some(""), -1, -1), ErrorCode::InvalidRequest);
    }

    #[test]
    fn a_transactional_producer_fails_at_once() {
        let error = ErrorCode::TransactionalIdAuthorizationFailed;
        check_refused(&request(Some("t"), -1, -1), error);
        check_refused(&request(Some("t"), 4000, 3), error);
    }

    #[test]
    fn a_block_that_is_not_there_in_time_is_asked_for_again() {
        let busy = Ending::Decided(Outcome::Refused(ControllerError::Busy { max: 1 }));
        for ending in [Ending::TimedOut, busy] {
            assert_eq!(block(ending), Err(refusal(ErrorCode::CoordinatorLoadInProgress)));
        }
        let failed = Ending::Decided(Outcome::Refused(ControllerError::LogFailed));
        assert_eq!(block(failed), Err(refusal(ErrorCode::KafkaStorageError)));
        let exhausted = Outcome::AllocateProducerIds(Err(ProducerIdsError::Exhausted));
        let answer = block(Ending::Decided(exhausted));
        assert_eq!(answer, Err(refusal(ErrorCode::UnknownServerError)));
    }

    #[test]
    fn blocks_follow_each_other() {
        let (ending, image) = decided(&cluster(&[1]), next_block());
        let first = block(ending).unwrap();
        let second = block(decided(&image, next_block()).0).unwrap();
        assert_eq!(first.first.get() + first.len, second.first.get());
    }
}

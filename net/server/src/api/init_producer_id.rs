//! InitProducerId: an id for a producer that numbers its batches, so that a retry is never appended
//! twice (KIP-98). One with a transactional id gets it from the coordinator of that id.

use corelog_coordinator::RequestId;
use corelog_coordinator::transactions::{InitProducer, Producer};
use corelog_model::{ErrorCode, ProducerEpoch, ProducerId};
use corelog_shard::ProducerIdError;
use corelog_wire::{InitProducerIdRequest, InitProducerIdResponse};

use crate::error::KafkaError;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An id that no producer ever had: [`granted`] is the answer, or [`refused`] or [`late`].
    NewProducer,
    /// To speak for a transactional id: [`initialized`] is the answer.
    Transactional(InitProducer),
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
        Some(id) => Asked::Transactional(InitProducer {
            request: RequestId(0),
            transactional_id: id.to_owned(),
            timeout_ms: request.transaction_timeout_ms,
            current: has_id.then_some((
                ProducerId(request.producer_id),
                ProducerEpoch(request.producer_epoch),
            )),
        }),
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

/// The answer to one who wants to speak for a transactional id.
pub fn initialized(result: Result<Producer, ErrorCode>) -> InitProducerIdResponse {
    match result {
        Ok((id, epoch)) => InitProducerIdResponse {
            producer_id: id.get(),
            producer_epoch: epoch.get(),
            ..Default::default()
        },
        Err(code) => refusal(code),
    }
}

/// The answer when there is no id.
pub fn refused(error: &ProducerIdError) -> InitProducerIdResponse {
    refusal(error.error_code())
}

/// The answer when there is no id yet: all clients try again.
pub fn late() -> InitProducerIdResponse {
    refusal(ErrorCode::CoordinatorLoadInProgress)
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

    use corelog_shard::ControlUnavailable;

    use super::*;
    use crate::api::scene::{received, served};

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
    fn a_transactional_producer_is_for_the_coordinator() {
        let init = |current| InitProducer {
            request: RequestId(0),
            transactional_id: "t".into(),
            timeout_ms: 60_000,
            current,
        };
        let asked = translate(&request(Some("t"), -1, -1));
        assert_eq!(asked, Asked::Transactional(init(None)));
        let current = (ProducerId(4000), ProducerEpoch(3));
        let asked = translate(&request(Some("t"), 4000, 3));
        assert_eq!(asked, Asked::Transactional(init(Some(current))));
        let answer = initialized(Ok(current));
        assert_eq!((answer.error_code, answer.producer_id, answer.producer_epoch), (0, 4000, 3));
        let fenced = initialized(Err(ErrorCode::ProducerFenced));
        assert_eq!(fenced, refusal(ErrorCode::ProducerFenced));
    }

    #[test]
    fn an_id_that_is_not_there_in_time_is_asked_for_again() {
        let busy = ProducerIdError::Controller(ControllerError::Busy { max: 1 });
        let stopping = ProducerIdError::Stopping(ControlUnavailable);
        for answer in [late(), refused(&busy), refused(&stopping)] {
            assert_eq!(answer, refusal(ErrorCode::CoordinatorLoadInProgress));
        }
        let failed = ProducerIdError::Controller(ControllerError::LogFailed);
        assert_eq!(refused(&failed), refusal(ErrorCode::KafkaStorageError));
        let exhausted = ProducerIdError::Ids(ProducerIdsError::Exhausted);
        assert_eq!(refused(&exhausted), refusal(ErrorCode::UnknownServerError));
    }
}

//! The way of a request that changes the metadata: translated into a [`Change`], decided by the
//! controller, answered. Items of a request that cannot even be translated are refused at once, and
//! come back in their place among those that were decided.

use std::time::Duration;

use corelog_cluster::controller::ControllerError;
use corelog_cluster::{Change, Outcome};
use corelog_model::ErrorCode;

use crate::error::{Failure, KafkaError};

/// What to do about a request to change the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translation<P, R> {
    /// Ask the controller, then let `pending` make the answer of how that ended.
    Ask {
        /// What to ask.
        change: Change,
        /// How long the client waits. When it is over, the change may still come to pass. Zero is
        /// to ask, and to answer at once.
        timeout: Duration,
        /// What the answer needs to know of the request.
        pending: P,
    },
    /// The answer. There is nothing to ask.
    Answer(R),
}

/// How a change ended, as far as the one who asked for it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The controller has decided, and what it decided is durable.
    Decided(Outcome),
    /// The controller did not answer within the time the client waits.
    TimedOut,
}

impl Ending {
    /// Why no item of the request was decided, given that the outcome is not one of its API.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Ending::TimedOut => Failure::new(
                ErrorCode::RequestTimedOut,
                "the change was not durable in time; it may still come to pass",
            ),
            Ending::Decided(Outcome::Refused(error)) => error.failure(),
            Ending::Decided(other) => {
                panic!("a change is answered with the outcome of its own kind, not {other:?}")
            }
        }
    }

    /// Whether the client may hope that the change comes to pass, or that a second try does.
    pub(crate) fn is_undecided(&self) -> bool {
        matches!(
            self,
            Ending::TimedOut | Ending::Decided(Outcome::Refused(ControllerError::Busy { .. }))
        )
    }
}

/// The time a client waits, as requests state it. Negative ones are as zero.
pub(crate) fn timeout(timeout_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))
}

/// The places of a request's items: of those that were refused, and of those that are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places(Vec<Option<Failure>>);

impl Places {
    /// Splits translated items into what to ask, in order, and the places to put the answers.
    pub(crate) fn split<T>(
        items: impl IntoIterator<Item = Result<T, Failure>>,
    ) -> (Vec<T>, Places) {
        let mut asked = Vec::new();
        let places = items.into_iter().map(|item| match item {
            Ok(item) => {
                asked.push(item);
                None
            }
            Err(failure) => Some(failure),
        });
        let places = Places(places.collect());
        (asked, places)
    }

    /// One result for each item of the request: those decided, or what failed all of them.
    pub(crate) fn merge<T, E: KafkaError>(
        self,
        decided: Result<Vec<Result<T, E>>, Failure>,
    ) -> impl Iterator<Item = Result<T, Failure>> {
        let asked = self.0.iter().filter(|place| place.is_none()).count();
        let (mut decided, failure) = match decided {
            Ok(decided) => {
                let found = decided.len();
                assert!(found == asked, "each item has one result: {found} for {asked}");
                (decided.into_iter(), None)
            }
            Err(failure) => (Vec::new().into_iter(), Some(failure)),
        };
        self.0.into_iter().map(move |place| match (place, &failure) {
            (Some(refused), _) => Err(refused),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => {
                let result = decided.next().expect("the results were counted");
                result.map_err(|error| error.failure())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::decide::delete_topics::DeleteTopicError;

    use super::*;

    fn refused(message: &str) -> Failure {
        Failure::new(ErrorCode::InvalidRequest, message)
    }

    fn unknown(name: &str) -> DeleteTopicError {
        DeleteTopicError::UnknownName { name: name.to_owned() }
    }

    #[test]
    fn results_return_to_the_places_of_their_items() {
        let (asked, places) =
            Places::split([Ok('a'), Err(refused("b")), Ok('c'), Err(refused("d"))]);
        assert_eq!(asked, ['a', 'c']);
        let results: Vec<_> = places.merge(Ok(vec![Ok(1), Err(unknown("c"))])).collect();
        assert_eq!(
            results,
            [Ok(1), Err(refused("b")), Err(unknown("c").failure()), Err(refused("d"))]
        );
    }

    #[test]
    fn what_fails_the_whole_request_fails_each_item_that_was_asked() {
        let (_, places) = Places::split([Ok('a'), Err(refused("b"))]);
        let failure = Ending::TimedOut.into_failure();
        assert_eq!(failure.code, ErrorCode::RequestTimedOut);
        let decided: Result<Vec<Result<u8, DeleteTopicError>>, _> = Err(failure.clone());
        let results: Vec<_> = places.merge(decided).collect();
        assert_eq!(results, [Err(failure), Err(refused("b"))]);
    }

    #[test]
    fn a_refusal_of_the_controller_keeps_its_code() {
        let ending = |error| Ending::Decided(Outcome::Refused(error));
        let busy = ending(ControllerError::Busy { max: 3 });
        assert!(busy.is_undecided() && Ending::TimedOut.is_undecided());
        assert_eq!(busy.into_failure().code, ErrorCode::RequestTimedOut);
        let failed = ending(ControllerError::LogFailed);
        assert!(!failed.is_undecided());
        assert_eq!(failed.into_failure().code, ErrorCode::KafkaStorageError);
    }

    #[test]
    #[should_panic(expected = "each item has one result: 1 for 2")]
    fn a_missing_result_is_our_bug() {
        let (_, places) = Places::split([Ok('a'), Ok('b')]);
        let _ = places.merge(Ok(vec![Err::<u8, _>(unknown("a"))]));
    }

    #[test]
    fn a_negative_timeout_is_none() {
        assert_eq!([timeout(-1), timeout(0)], [Duration::ZERO; 2]);
        assert_eq!(timeout(1500), Duration::from_millis(1500));
    }
}

//! CreatePartitions: the sizes that a client wants its topics to grow to, and what became of them.

use std::collections::BTreeSet;

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::create_partitions::{CreatePartitions, GrownTopic, TopicGrowth};
use corelog_cluster::{Change, Outcome};
use corelog_model::NodeId;
use corelog_wire::api::create_partitions::{CreatePartitionsTopic, CreatePartitionsTopicResult};
use corelog_wire::{CreatePartitionsRequest, CreatePartitionsResponse, Text};

use super::change::{Ending, Places, Translation, timeout};
use crate::authorize::{Access, table};
use crate::error::{Failure, KafkaError, code_and_message, unauthorized};

/// A request on its way to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    places: Places,
    names: Vec<Text<'a>>,
}

/// Translates a request.
pub fn translate<'a>(
    request: CreatePartitionsRequest<'a>,
    access: Access<'_>,
) -> Translation<Pending<'a>, CreatePartitionsResponse<'a>> {
    let (topics, places) = Places::split(request.topics.iter().map(|topic| {
        if access.may(&table::CREATE_PARTITIONS, &topic.name) {
            Ok(growth(topic))
        } else {
            Err(unauthorized(&table::CREATE_PARTITIONS))
        }
    }));
    let mode = if request.validate_only { Mode::ValidateOnly } else { Mode::Apply };
    let names: Vec<_> = request.topics.into_iter().map(|topic| topic.name).collect();
    if topics.is_empty() {
        let pending = Pending { places, names };
        return Translation::Answer(pending.answer(Ok(Vec::<Result<_, Failure>>::new())));
    }
    Translation::Ask {
        change: Change::CreatePartitions(CreatePartitions { mode, topics }),
        timeout: timeout(request.timeout_ms),
        pending: Pending { places, names },
    }
}

fn growth(topic: &CreatePartitionsTopic<'_>) -> TopicGrowth {
    let assignments = topic.assignments.as_ref().map(|assignments| {
        let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
        assignments.iter().map(|assignment| nodes(&assignment.broker_ids)).collect()
    });
    TopicGrowth { name: topic.name.clone().into_owned(), partitions: topic.count, assignments }
}

impl<'a> Pending<'a> {
    /// Makes the answer. A name that the request has twice is answered once.
    pub fn respond(self, ending: Ending) -> CreatePartitionsResponse<'a> {
        let decided = match ending {
            Ending::Decided(Outcome::CreatePartitions(results)) => Ok(results),
            other => Err(other.into_failure()),
        };
        self.answer(decided)
    }

    fn answer<E: KafkaError>(
        self,
        decided: Result<Vec<Result<GrownTopic, E>>, Failure>,
    ) -> CreatePartitionsResponse<'a> {
        let results = self.names.into_iter().zip(self.places.merge(decided));
        let mut seen = BTreeSet::new();
        let once = results.filter(|(name, _)| seen.insert(name.clone()));
        let results = once.map(|(name, result)| {
            let (error_code, error_message) = code_and_message(&result);
            CreatePartitionsTopicResult { name, error_code, error_message }
        });
        CreatePartitionsResponse { results: results.collect(), ..Default::default() }
    }
}

#[cfg(test)]
mod tests;

//! DeleteTopics: the topics a client wants gone, by name or by id (KIP-516), and what became of
//! them.

use std::collections::BTreeSet;

use corelog_cluster::decide::delete_topics::{DeletedTopic, TopicSelector};
use corelog_cluster::{Change, ClusterImage, Outcome};
use corelog_model::{ErrorCode, TopicId};
use corelog_wire::api::delete_topics::{DeletableTopicResult, DeleteTopicState};
use corelog_wire::{DeleteTopicsRequest, DeleteTopicsResponse, Text};

use super::change::{Ending, Places, Translation, timeout};
use super::settings::ApiSettings;
use crate::authorize::{Access, table};
use crate::error::{Failure, code_and_message, unauthorized};

/// The first version with topics by id, and with one list for both.
const IDS_FROM: i16 = 6;

/// The first version whose clients know that a cluster may refuse to delete (KIP-322).
const DISABLED_FROM: i16 = 3;

/// A request on its way to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    places: Places,
    topics: Vec<DeleteTopicState<'a>>,
    /// Topics named by their ids, whose names the client may not be told.
    hidden: BTreeSet<TopicId>,
}

/// The name of a topic that is to be deleted; `None` of an id that nobody has.
fn name_of<'a>(selector: &'a TopicSelector, image: &'a ClusterImage) -> Option<&'a str> {
    match selector {
        TopicSelector::Name(name) => Some(name),
        TopicSelector::Id(id) => image.topic(*id).map(|topic| topic.name().as_str()),
    }
}

/// Whether a client may delete a topic of this name.
pub(crate) fn may_delete(access: Access<'_>, name: &str) -> bool {
    access.may_quietly_on_cluster(&table::DELETE_TOPICS_ANY)
        || access.may_see(&table::DELETE_TOPICS, name)
}

/// Translates a request.
pub fn translate<'a>(
    request: DeleteTopicsRequest<'a>,
    version: i16,
    settings: &ApiSettings,
    (image, access): (&ClusterImage, Access<'_>),
) -> Translation<Pending<'a>, DeleteTopicsResponse<'a>> {
    let topics = if version >= IDS_FROM {
        request.topics
    } else {
        let by_name =
            |name| DeleteTopicState { name: Some(name), topic_id: *TopicId::ZERO.as_bytes() };
        request.topic_names.into_iter().map(by_name).collect()
    };
    let may_any = access.may_quietly_on_cluster(&table::DELETE_TOPICS_ANY);
    let selectors = topics.iter().map(|topic| {
        if !settings.delete_topics {
            return Err(disabled(version));
        }
        let selector = selector(topic)?;
        let may = may_any
            || name_of(&selector, image).is_none_or(|name| access.may(&table::DELETE_TOPICS, name));
        if may { Ok(selector) } else { Err(unauthorized(&table::DELETE_TOPICS)) }
    });
    let (selectors, places) = Places::split(selectors);
    let shows = |name: &str| access.may_see(&table::DELETE_TOPICS_NAME, name);
    let hidden = topics.iter().filter(|topic| topic.name.is_none()).filter_map(|topic| {
        let found = image.topic(TopicId::from_bytes(topic.topic_id))?;
        (!shows(found.name().as_str())).then(|| found.id())
    });
    let hidden = if access.is_limited() { hidden.collect() } else { BTreeSet::new() };
    let pending = Pending { places, topics, hidden };
    if selectors.is_empty() {
        return Translation::Answer(pending.answer(Ok(Vec::<Result<_, Failure>>::new())));
    }
    let change = Change::DeleteTopics(selectors);
    Translation::Ask { change, timeout: timeout(request.timeout_ms), pending }
}

fn selector(topic: &DeleteTopicState<'_>) -> Result<TopicSelector, Failure> {
    let id = TopicId::from_bytes(topic.topic_id);
    match &topic.name {
        Some(name) if id == TopicId::ZERO => Ok(TopicSelector::Name(name.clone().into_owned())),
        None if id != TopicId::ZERO => Ok(TopicSelector::Id(id)),
        Some(_) => Err(Failure::new(
            ErrorCode::InvalidRequest,
            "a topic is named by its name or by its id, not by both",
        )),
        None => Err(Failure::new(
            ErrorCode::InvalidRequest,
            "a topic is named by its name or by its id, and this one by neither",
        )),
    }
}

fn disabled(version: i16) -> Failure {
    let code = if version >= DISABLED_FROM {
        ErrorCode::TopicDeletionDisabled
    } else {
        ErrorCode::InvalidRequest
    };
    Failure::new(code, "topics cannot be deleted while delete.topic.enable is false")
}

impl<'a> Pending<'a> {
    /// Makes the answer.
    pub fn respond(self, ending: Ending) -> DeleteTopicsResponse<'a> {
        let decided = match ending {
            Ending::Decided(Outcome::DeleteTopics(results)) => Ok(results),
            other => Err(other.into_failure()),
        };
        self.answer(decided)
    }

    fn answer<E: crate::error::KafkaError>(
        self,
        decided: Result<Vec<Result<DeletedTopic, E>>, Failure>,
    ) -> DeleteTopicsResponse<'a> {
        let results = self.topics.into_iter().zip(self.places.merge(decided));
        // What the request has twice is answered once.
        let mut seen = BTreeSet::new();
        let once = results.filter(|(topic, _)| seen.insert((topic.name.clone(), topic.topic_id)));
        let responses = once.map(|(topic, result)| {
            let (error_code, error_message) = code_and_message(&result);
            let (name, topic_id) = match result {
                Ok(deleted) if self.hidden.contains(&deleted.id) => (None, *deleted.id.as_bytes()),
                Ok(deleted) => {
                    let name = Text::Owned(deleted.name.as_str().to_owned());
                    (Some(name), *deleted.id.as_bytes())
                }
                Err(_) => (topic.name, topic.topic_id),
            };
            DeletableTopicResult { name, topic_id, error_code, error_message }
        });
        DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
    }
}

#[cfg(test)]
mod tests;

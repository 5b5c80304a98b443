//! CreateTopics: the topics a client wants, as a change of the metadata, and what became of them.

use std::collections::BTreeSet;

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::create_topics::{CreateTopics, CreatedTopic, NewTopic};
use corelog_cluster::{Change, ClusterImage, Outcome};
use corelog_model::topic_config::ConfigMap;
use corelog_model::{ErrorCode, NodeId, PartitionIndex, TopicId};
use corelog_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult,
};
use corelog_wire::{CreateTopicsRequest, CreateTopicsResponse, Text};

use super::change::{Ending, Places, Translation, timeout};
use super::settings::ApiSettings;
use crate::authorize::{Access, table};
use crate::error::{Failure, TEXT_BYTES_MAX, code_and_message, cut, unauthorized};
use corelog_shard::GROUPS_TOPIC;

/// The first version whose answer describes the new topic (KIP-525).
const DESCRIBED_FROM: i16 = 5;

/// Names of the topics in which a Kafka cluster keeps its own state. They have layouts of their
/// own, so no client may create them.
const RESERVED_NAMES: [&str; 4] =
    ["__cluster_metadata", GROUPS_TOPIC, "__share_group_state", "__transaction_state"];

/// Whether the cluster keeps this name for itself.
pub(crate) fn is_reserved(name: &str) -> bool {
    // Most names are told apart by their beginning.
    name.starts_with("__") && RESERVED_NAMES.contains(&name)
}

/// A request on its way to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    version: i16,
    mode: Mode,
    places: Places,
    topics: Vec<PendingTopic<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PendingTopic<'a> {
    name: Text<'a>,
    /// What the topic sets itself; empty where the answer does not tell.
    configs: ConfigMap,
}

/// Whether a client may create a topic of this name.
pub(crate) fn may_create(access: Access<'_>, name: &str) -> bool {
    access.may_quietly_on_cluster(&table::CREATE_TOPICS_ANY)
        || access.may_see(&table::CREATE_TOPICS, name)
}

/// Translates a request. Each topic takes one of the ids that `new_topic_id` draws at random.
pub fn translate<'a>(
    request: CreateTopicsRequest<'a>,
    version: i16,
    access: Access<'_>,
    mut new_topic_id: impl FnMut() -> TopicId,
) -> Translation<Pending<'a>, CreateTopicsResponse<'a>> {
    let may_any = access.may_quietly_on_cluster(&table::CREATE_TOPICS_ANY);
    let wanted = request.topics.iter().map(|topic| {
        if !may_any && !access.may(&table::CREATE_TOPICS, &topic.name) {
            return Err(unauthorized(&table::CREATE_TOPICS));
        }
        new_topic(topic, &mut new_topic_id)
    });
    let (topics, places) = Places::split(wanted);
    let nothing_to_ask = topics.is_empty();
    let mode = if request.validate_only { Mode::ValidateOnly } else { Mode::Apply };
    let change = Change::CreateTopics(CreateTopics { mode, topics });
    let topics = request.topics.into_iter().map(|topic| PendingTopic::of(topic, version));
    let pending = Pending { version, mode, places, topics: topics.collect() };
    if nothing_to_ask {
        return Translation::Answer(pending.refusals());
    }
    Translation::Ask { change, timeout: timeout(request.timeout_ms), pending }
}

fn new_topic(
    topic: &CreatableTopic<'_>,
    new_topic_id: &mut impl FnMut() -> TopicId,
) -> Result<NewTopic, Failure> {
    if is_reserved(&topic.name) {
        let message = format!("the cluster keeps the name {} for itself", topic.name);
        return Err(Failure::new(ErrorCode::InvalidRequest, message));
    }
    let assignments = topic.assignments.iter().map(|assignment| {
        let nodes = assignment.broker_ids.iter().copied().map(NodeId);
        (PartitionIndex(assignment.partition_index), nodes.collect())
    });
    let configs = topic.configs.iter().map(|config| {
        (config.name.clone().into_owned(), config.value.clone().map(Text::into_owned))
    });
    Ok(NewTopic {
        name: topic.name.clone().into_owned(),
        id: new_topic_id(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect(),
    })
}

impl<'a> PendingTopic<'a> {
    fn of(topic: CreatableTopic<'a>, version: i16) -> PendingTopic<'a> {
        let is_described = version >= DESCRIBED_FROM;
        let configs = topic
            .configs
            .into_iter()
            .filter(|_| is_described)
            .filter_map(|config| Some((config.name.into_owned(), config.value?.into_owned())));
        PendingTopic { name: topic.name, configs: configs.collect() }
    }
}

impl<'a> Pending<'a> {
    /// Makes the answer. `image` is the one after the change, as far as it is known here; a new
    /// topic's configs depend on the brokers' in it.
    pub fn respond(
        self,
        ending: Ending,
        (image, access): (&ClusterImage, Access<'_>),
        settings: &ApiSettings,
    ) -> CreateTopicsResponse<'a> {
        let decided = match ending {
            Ending::Decided(Outcome::CreateTopics(results)) => Ok(results),
            other => Err(other.into_failure()),
        };
        let view = View { version: self.version, mode: self.mode, image, access, settings };
        let results = self.topics.into_iter().zip(self.places.merge(decided));
        let results = results.map(|(topic, result)| match result {
            Ok(created) => view.created(topic, &created),
            Err(failure) => failed(topic.name, failure),
        });
        respond_each_once(results)
    }

    /// The answer to a request of which every topic was refused.
    fn refusals(self) -> CreateTopicsResponse<'a> {
        let decided: Result<Vec<Result<CreatedTopic, Failure>>, _> = Ok(Vec::new());
        let results = self.topics.into_iter().zip(self.places.merge(decided));
        let results = results.filter_map(|(topic, result)| Some(failed(topic.name, result.err()?)));
        respond_each_once(results)
    }
}

/// The response is a map by name, so a name that the request has twice is answered once.
fn respond_each_once<'a>(
    results: impl Iterator<Item = CreatableTopicResult<'a>>,
) -> CreateTopicsResponse<'a> {
    let mut seen = BTreeSet::new();
    let topics = results.filter(|result| seen.insert(result.name.clone())).collect();
    CreateTopicsResponse { topics, ..Default::default() }
}

fn failed(name: Text<'_>, failure: Failure) -> CreatableTopicResult<'_> {
    let (error_code, error_message) = code_and_message::<()>(&Err(failure));
    CreatableTopicResult { name, error_code, error_message, ..Default::default() }
}

/// What the description of a new topic depends on.
struct View<'i> {
    version: i16,
    mode: Mode,
    image: &'i ClusterImage,
    access: Access<'i>,
    settings: &'i ApiSettings,
}

impl View<'_> {
    fn created<'a>(
        &self,
        topic: PendingTopic<'a>,
        created: &CreatedTopic,
    ) -> CreatableTopicResult<'a> {
        let id = match self.mode {
            Mode::Apply => created.id,
            // Nothing was created, so nothing has an id.
            Mode::ValidateOnly => TopicId::ZERO,
        };
        // The topic was created all the same, but what it is like may not be told.
        let is_described = self.version >= DESCRIBED_FROM;
        if is_described && !self.access.may_see(&table::CREATE_TOPICS_CONFIGS, &topic.name) {
            return CreatableTopicResult {
                name: topic.name,
                topic_id: *id.as_bytes(),
                topic_config_error_code: table::CREATE_TOPICS_CONFIGS.refusal().code(),
                num_partitions: -1,
                replication_factor: -1,
                configs: None,
                ..Default::default()
            };
        }
        let configs =
            if self.version >= DESCRIBED_FROM { self.configs(&topic.configs) } else { Vec::new() };
        CreatableTopicResult {
            name: topic.name,
            topic_id: *id.as_bytes(),
            num_partitions: i32::try_from(created.partitions).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(created.replication_factor).unwrap_or(i16::MAX),
            configs: Some(configs),
            ..Default::default()
        }
    }

    fn configs<'a>(&self, overrides: &ConfigMap) -> Vec<CreatableTopicConfigs<'a>> {
        let described = self.settings.describe_topic(self.image, overrides).into_iter();
        let configs = described.map(|config| CreatableTopicConfigs {
            name: Text::Borrowed(config.name),
            value: config.value.map(|value| cut(value, TEXT_BYTES_MAX).into()),
            read_only: false,
            config_source: config.source.number(),
            is_sensitive: false,
        });
        configs.collect()
    }
}

#[cfg(test)]
mod tests;

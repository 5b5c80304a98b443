//! IncrementalAlterConfigs: single configs of topics and brokers as a client wants them (KIP-339),
//! and what became of them. AlterConfigs, its elder, replaces all configs of a resource.

use std::time::Duration;

use corelog_cluster::decide::Mode;
use corelog_cluster::decide::configs::{AlterConfig, AlterConfigs, AlterResource, ConfigOperation};
use corelog_cluster::{Change, ClusterImage, ConfigResource, Outcome};
use corelog_model::ErrorCode;
use corelog_wire::api::alter_configs as elder;
use corelog_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig,
};
use corelog_wire::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, Text,
};

use super::change::{Ending, Places, Translation};
use super::config_resource::{self, Rights};
use super::settings::ApiSettings;
use crate::authorize::{Access, table};
use crate::error::{Failure, KafkaError, code_and_message};

/// How long clients wait: requests of this API do not say. Kafka's `request.timeout.ms`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request on its way to the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<'a> {
    places: Places,
    /// Types and names.
    resources: Vec<(i8, Text<'a>)>,
}

/// Number of the operation that sets a config.
const SET: i8 = 0;

/// Translates a request. `image` tells which broker a node belongs to.
pub fn translate<'a>(
    request: IncrementalAlterConfigsRequest<'a>,
    (image, access): (&ClusterImage, Access<'_>),
    settings: &ApiSettings,
) -> Translation<Pending<'a>, IncrementalAlterConfigsResponse<'a>> {
    let (topic, group) = (&table::SET_CONFIGS, &table::SET_CONFIGS_GROUP);
    let rights = Rights { access, topic, group, broker: &table::SET_CONFIGS_BROKER };
    translate_all(request, (image, settings), rights, false)
}

/// Translates a request of AlterConfigs into one that sets every config it names.
/// [`answer_of_elder`] makes the answer from that of IncrementalAlterConfigs.
pub fn translate_elder<'a>(
    request: AlterConfigsRequest<'a>,
    (image, access): (&ClusterImage, Access<'_>),
    settings: &ApiSettings,
) -> Translation<Pending<'a>, IncrementalAlterConfigsResponse<'a>> {
    let set = |config: elder::AlterableConfig<'a>| {
        let elder::AlterableConfig { name, value } = config;
        AlterableConfig { name, config_operation: SET, value }
    };
    let resource = |resource: elder::AlterConfigsResource<'a>| AlterConfigsResource {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name,
        configs: resource.configs.into_iter().map(set).collect(),
    };
    let resources = request.resources.into_iter().map(resource).collect();
    let validate_only = request.validate_only;
    let (topic, group) = (&table::ALTER_CONFIGS, &table::ALTER_CONFIGS_GROUP);
    let rights = Rights { access, topic, group, broker: &table::ALTER_CONFIGS_BROKER };
    let request = IncrementalAlterConfigsRequest { resources, validate_only };
    translate_all(request, (image, settings), rights, true)
}

/// The same answer in the words of AlterConfigs.
pub fn answer_of_elder(answer: IncrementalAlterConfigsResponse<'_>) -> AlterConfigsResponse<'_> {
    let responses = answer.responses.into_iter().map(|of| elder::AlterConfigsResourceResponse {
        error_code: of.error_code,
        error_message: of.error_message,
        resource_type: of.resource_type,
        resource_name: of.resource_name,
    });
    AlterConfigsResponse { responses: responses.collect(), ..Default::default() }
}

fn translate_all<'a>(
    request: IncrementalAlterConfigsRequest<'a>,
    known: (&ClusterImage, &ApiSettings),
    rights: Rights<'_>,
    replaces_all: bool,
) -> Translation<Pending<'a>, IncrementalAlterConfigsResponse<'a>> {
    let altered = request.resources.iter();
    let altered = altered.map(|resource| {
        rights.check(resource.resource_type, &resource.resource_name)?;
        alter_resource(resource, known, replaces_all)
    });
    let (resources, places) = Places::split(altered);
    let named = request.resources.into_iter();
    let named = named.map(|resource| (resource.resource_type, resource.resource_name));
    let pending = Pending { places, resources: named.collect() };
    if resources.is_empty() {
        return Translation::Answer(pending.answer(Ok(Vec::<Result<(), Failure>>::new())));
    }
    let mode = if request.validate_only { Mode::ValidateOnly } else { Mode::Apply };
    let change = Change::AlterConfigs(AlterConfigs { mode, resources });
    Translation::Ask { change, timeout: TIMEOUT, pending }
}

fn alter_resource(
    resource: &AlterConfigsResource<'_>,
    (image, settings): (&ClusterImage, &ApiSettings),
    replaces_all: bool,
) -> Result<AlterResource, Failure> {
    let (kind, name) = (resource.resource_type, &resource.resource_name);
    let found = config_resource::find(kind, name, image, ErrorCode::BrokerIdNotRegistered)?;
    if !matches!(found, ConfigResource::Topic(_)) {
        let mut names = resource.configs.iter().map(|config| &*config.name);
        if let Some(name) = names.find(|name| settings.is_read_only(name)) {
            let message = format!("config {name} cannot be changed while the broker runs");
            return Err(Failure::new(ErrorCode::InvalidRequest, message));
        }
    }
    let alterations = resource.configs.iter().map(alter_config).collect::<Result<_, _>>()?;
    Ok(AlterResource { resource: found, alterations, replaces_all })
}

fn alter_config(config: &AlterableConfig<'_>) -> Result<AlterConfig, Failure> {
    let operation = match config.config_operation {
        SET => ConfigOperation::Set,
        1 => ConfigOperation::Delete,
        2 => ConfigOperation::Append,
        3 => ConfigOperation::Subtract,
        other => {
            let message = format!("config {} has the unknown operation {other}", config.name);
            return Err(Failure::new(ErrorCode::InvalidRequest, message));
        }
    };
    let value = config.value.clone().map(Text::into_owned);
    Ok(AlterConfig { key: config.name.clone().into_owned(), operation, value })
}

impl<'a> Pending<'a> {
    /// Makes the answer, with one result for each resource of the request.
    pub fn respond(self, ending: Ending) -> IncrementalAlterConfigsResponse<'a> {
        let decided = match ending {
            Ending::Decided(Outcome::AlterConfigs(results)) => Ok(results),
            other => Err(other.into_failure()),
        };
        self.answer(decided)
    }

    fn answer<E: KafkaError>(
        self,
        decided: Result<Vec<Result<(), E>>, Failure>,
    ) -> IncrementalAlterConfigsResponse<'a> {
        let results = self.resources.into_iter().zip(self.places.merge(decided));
        let responses = results.map(|((resource_type, resource_name), result)| {
            let (error_code, error_message) = code_and_message(&result);
            AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
        });
        IncrementalAlterConfigsResponse { responses: responses.collect(), ..Default::default() }
    }
}

#[cfg(test)]
mod tests;

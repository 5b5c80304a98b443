//! DescribeConfigs and IncrementalAlterConfigs of the loggers of a broker, named by any of its
//! nodes. Their levels are no metadata: they hold at once, and until the broker ends.

use corelog_cluster::{ClusterImage, ConfigResource};
use corelog_model::ErrorCode;
use corelog_wire::api::describe_configs::DescribeConfigsResourceResult;
use corelog_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse,
};
use corelog_wire::{IncrementalAlterConfigsRequest, Text};

use super::config_resource::{self, BROKER, BROKER_LOGGER};
use super::settings::ApiSettings;
use crate::authorize::{Access, table};
use crate::error::{Failure, code_and_message, unauthorized};

/// Kafka's number for a value that was set for a logger of the broker.
const SOURCE: i8 = 6;
const SET: i8 = 0;
const DELETE: i8 = 1;

/// Checks that a resource names this broker.
fn check_broker(
    name: &str,
    image: &ClusterImage,
    settings: &ApiSettings,
    unknown_node: ErrorCode,
) -> Result<(), Failure> {
    let found = config_resource::find(BROKER, name, image, unknown_node)?;
    if found == ConfigResource::Broker(settings.broker) {
        return Ok(());
    }
    let message = "the loggers of a broker are asked of its own nodes, by the id of one of them";
    Err(Failure::new(ErrorCode::InvalidRequest, message))
}

/// The loggers of this broker.
pub(super) fn describe<'a>(
    name: &str,
    wanted: impl Fn(&str) -> bool,
    (image, settings): (&ClusterImage, &ApiSettings),
) -> Result<Vec<DescribeConfigsResourceResult<'a>>, Failure> {
    check_broker(name, image, settings, ErrorCode::InvalidRequest)?;
    let loggers = settings.loggers.all().into_iter().filter(|(logger, _)| wanted(logger));
    let result = |(logger, level): (&'static str, crate::LogLevel)| DescribeConfigsResourceResult {
        name: Text::Borrowed(logger),
        value: Some(Text::Borrowed(level.name())),
        config_source: SOURCE,
        ..DescribeConfigsResourceResult::default()
    };
    Ok(loggers.map(result).collect())
}

/// Takes the loggers out of a request, and changes them. Tells what became of each resource.
pub(crate) fn alter<'a>(
    request: &mut IncrementalAlterConfigsRequest<'a>,
    (image, access): (&ClusterImage, Access<'_>),
    settings: &ApiSettings,
) -> Vec<AlterConfigsResourceResponse<'a>> {
    let is_check = request.validate_only;
    let all = std::mem::take(&mut request.resources).into_iter();
    let (loggers, others): (Vec<_>, Vec<_>) =
        all.partition(|resource| resource.resource_type == BROKER_LOGGER);
    request.resources = others;
    let altered = loggers.into_iter().map(|resource| {
        let right = &table::SET_CONFIGS_BROKER;
        let result = if access.may_on_cluster(right) {
            alter_one(&resource, is_check, (image, settings))
        } else {
            Err(unauthorized(right))
        };
        let (error_code, error_message) = code_and_message(&result);
        AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: BROKER_LOGGER,
            resource_name: resource.resource_name,
        }
    });
    altered.collect()
}

fn alter_one(
    resource: &AlterConfigsResource<'_>,
    is_check: bool,
    (image, settings): (&ClusterImage, &ApiSettings),
) -> Result<(), Failure> {
    check_broker(&resource.resource_name, image, settings, ErrorCode::BrokerIdNotRegistered)?;
    let mut changes = Vec::with_capacity(resource.configs.len());
    for config in &resource.configs {
        let level = match (config.config_operation, config.value.as_deref()) {
            (DELETE, _) => None,
            (SET, Some(level)) => Some(level),
            _ => {
                let message = format!("logger {} can be set and unset, no more", config.name);
                return Err(Failure::new(ErrorCode::InvalidRequest, message));
            }
        };
        changes.push((&*config.name, level));
    }
    settings.loggers.change(changes, is_check).map_err(|error| {
        let code = match error {
            crate::LogLevelError::Root => ErrorCode::InvalidRequest,
            crate::LogLevelError::UnknownLogger(_) | crate::LogLevelError::UnknownLevel { .. } => {
                ErrorCode::InvalidConfig
            }
        };
        Failure::new(code, error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::incremental_alter_configs::AlterableConfig;

    use super::*;
    use crate::api::scene::cluster;

    fn alteration(
        node: &'static str,
        logger: &'static str,
        operation: i8,
        level: &'static str,
    ) -> IncrementalAlterConfigsRequest<'static> {
        let config = AlterableConfig {
            name: logger.into(),
            config_operation: operation,
            value: Some(level.into()),
        };
        let resource = |resource_type| AlterConfigsResource {
            resource_type,
            resource_name: node.into(),
            configs: vec![config.clone()],
        };
        let resources = vec![resource(BROKER_LOGGER), resource(BROKER)];
        IncrementalAlterConfigsRequest { resources, validate_only: false }
    }

    /// The code that an alteration is answered with, and the level of the root then.
    fn altered(request: IncrementalAlterConfigsRequest<'static>) -> (i16, String) {
        let (mut request, settings, image) = (request, ApiSettings::default(), cluster(&[1, 1]));
        let answered = alter(&mut request, (&image, Access::UNLIMITED), &settings);
        assert_eq!((answered.len(), request.resources.len()), (1, 1), "the others stay");
        let described = describe("1000", |_| true, (&image, &settings)).unwrap();
        let root = described.iter().find(|logger| &*logger.name == crate::log_levels::ROOT);
        (answered[0].error_code, root.unwrap().value.as_deref().unwrap().to_owned())
    }

    #[test]
    fn a_logger_is_set_and_shown() {
        assert_eq!(altered(alteration("1000", "root", SET, "DEBUG")), (0, "DEBUG".to_owned()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (node, logger, operation, level, code) in [
            ("1000", "root", SET, "LOUD", ErrorCode::InvalidConfig),
            ("1000", "nobody", SET, "DEBUG", ErrorCode::InvalidConfig),
            ("1000", "root", DELETE, "", ErrorCode::InvalidRequest),
            ("1000", "root", 2, "DEBUG", ErrorCode::InvalidRequest),
            ("2000", "root", SET, "DEBUG", ErrorCode::InvalidRequest),
            ("7", "root", SET, "DEBUG", ErrorCode::BrokerIdNotRegistered),
            ("", "root", SET, "DEBUG", ErrorCode::InvalidRequest),
        ] {
            let answered = altered(alteration(node, logger, operation, level));
            assert_eq!(answered, (code.code(), "INFO".to_owned()), "{node} {logger} {level}");
        }
    }
}

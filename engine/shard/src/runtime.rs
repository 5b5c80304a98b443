//! Settings that may change while the broker runs: what was set in the metadata, or else what the
//! operator wrote. Each core makes them anew of each image.

use corelog_cluster::ClusterImage;
use corelog_log::CleanerConfig;

use crate::config::{BrokerConfig, CleanerLimits};

/// The settings as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeSettings {
    /// How old segments are compacted on one core.
    pub cleaner: CleanerLimits,
    /// Idempotent producers that were silent for longer are forgotten.
    pub producer_expiration_ms: i64,
    /// Whether the first batch of a transaction is taken only if its coordinator was asked.
    pub verifies_transactions: bool,
    /// Connections over all cores, if that was set at run time.
    pub connections_max: Option<usize>,
    /// Connections from one address over all cores, if that was set at run time.
    pub connections_per_peer_max: Option<usize>,
}

/// A larger number of bytes is no limit: Kafka's default is the largest number there is.
const BYTES_PER_SECOND_END: f64 = 1e15;

impl RuntimeSettings {
    /// Those of a broker.
    pub(crate) fn of(config: &BrokerConfig, image: &ClusterImage) -> Self {
        let (broker, limits) = (config.broker, &config.limits);
        let integer = |name| image.broker_integer(broker, name);
        let unsigned = |name| integer(name).and_then(|number| usize::try_from(number).ok());
        Self {
            cleaner: cleaner(config, image),
            producer_expiration_ms: integer("producer.id.expiration.ms")
                .unwrap_or(limits.producer_expiration_ms),
            verifies_transactions: image
                .broker_boolean(broker, "transaction.partition.verification.enable")
                .unwrap_or(limits.verifies_transactions),
            connections_max: unsigned("max.connections"),
            connections_per_peer_max: unsigned("max.connections.per.ip"),
        }
    }
}

/// The share of one core in what was set for the broker.
fn cleaner(config: &BrokerConfig, image: &ClusterImage) -> CleanerLimits {
    let (broker, written) = (config.broker, &config.limits.cleaner);
    let cores = image.broker(broker).map_or(1, |broker| broker.nodes().count().max(1));
    let integer = |name| image.broker_integer(broker, name);
    let decimal = |name| image.broker_decimal(broker, name);
    let share = |bytes: i64| bytes as usize / cores;
    let pace =
        |bytes: f64| (bytes < BYTES_PER_SECOND_END).then(|| ((bytes as u64) / cores as u64).max(1));
    let pass = &written.pass;
    CleanerLimits {
        is_enabled: written.is_enabled,
        backoff_ms: integer("log.cleaner.backoff.ms")
            .map_or(written.backoff_ms, |backoff| backoff as u64),
        pass: CleanerConfig {
            dedupe_bytes_max: integer("log.cleaner.dedupe.buffer.size")
                .map_or(pass.dedupe_bytes_max, share),
            load_percent_max: decimal("log.cleaner.io.buffer.load.factor")
                .map_or(pass.load_percent_max, |factor| (factor * 100.0) as u32),
            bytes_per_second_max: decimal("log.cleaner.io.max.bytes.per.second")
                .map_or(pass.bytes_per_second_max, pace),
            ..pass.clone()
        },
    }
}

#[cfg(test)]
mod tests {
    use corelog_cluster::{ConfigResource, MetadataRecord};
    use corelog_model::BrokerId;

    use super::*;
    use crate::metadata_log::tests::config;

    fn image(settings: &[(Option<i32>, &str, &str)]) -> ClusterImage {
        let records: Vec<_> = settings
            .iter()
            .map(|(broker, key, value)| MetadataRecord::ConfigSet {
                resource: broker.map_or(ConfigResource::BrokerDefault, |id| {
                    ConfigResource::Broker(BrokerId(id))
                }),
                key: (*key).to_owned(),
                value: Some((*value).to_owned()),
            })
            .collect();
        ClusterImage::empty().fold(&records).unwrap()
    }

    #[test]
    fn what_is_set_for_the_broker_is_stronger_than_for_all_and_that_than_the_file() {
        let config = config(1 << 20);
        let of = |settings: &[_]| RuntimeSettings::of(&config, &image(settings));
        let written = of(&[]);
        assert_eq!(written.producer_expiration_ms, config.limits.producer_expiration_ms);
        assert_eq!((written.connections_max, written.cleaner.backoff_ms), (None, 15_000));
        let all = (None, "max.connections", "7");
        assert_eq!(of(&[all]).connections_max, Some(7));
        assert_eq!(of(&[all, (Some(2), "max.connections", "9")]).connections_max, Some(7));
        assert_eq!(of(&[all, (Some(1), "max.connections", "9")]).connections_max, Some(9));
    }

    #[test]
    fn each_setting_has_its_effect() {
        let config = config(1 << 20);
        let set = RuntimeSettings::of(
            &config,
            &image(&[
                (None, "log.cleaner.backoff.ms", "3"),
                (None, "log.cleaner.dedupe.buffer.size", "2000000"),
                (None, "log.cleaner.io.buffer.load.factor", "0.5"),
                (None, "log.cleaner.io.max.bytes.per.second", "1000.5"),
                (None, "max.connections.per.ip", "4"),
                (None, "producer.id.expiration.ms", "5"),
                (None, "transaction.partition.verification.enable", "False"),
            ]),
        );
        let pass = &set.cleaner.pass;
        assert_eq!((set.cleaner.backoff_ms, pass.dedupe_bytes_max), (3, 2_000_000));
        assert_eq!((pass.load_percent_max, pass.bytes_per_second_max), (50, Some(1000)));
        assert_eq!((set.connections_per_peer_max, set.producer_expiration_ms), (Some(4), 5));
        assert!(!set.verifies_transactions);
    }
}

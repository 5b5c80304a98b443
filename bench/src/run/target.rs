//! The target: connections to it, the topic that is measured, producers and consumers on it, and
//! what it says about itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use corelog_client::admin::{NewTopic, Resource};
use corelog_client::blocking::{Admin, Cluster, Consumer, Producer};
use corelog_client::consumer::{From, Partitions, Until};
use corelog_client::offsets::Moment;
use corelog_client::producer::{Acks, Message, Reports};
use corelog_client::{
    ClientConfig, ClientError, ConsumerConfig, Endpoint, ProducerConfig, TopicPartition,
};
use corelog_model::{NodeId, Offset};
use corelog_wire::ApiKey;
use fastrand::Rng;

use super::lane::LaneContext;
use crate::keys::KeyChooser;
use crate::payload::Stamp;
use crate::result::Fairness;
use crate::workload::Workload;

/// How many reports of fetches wait to be taken; they are taken after each poll.
const FETCH_REPORTS_MAX: usize = 1024;

/// Configs that decide when data is safe and how large batches may be.
const TOPIC_CONFIGS: [&str; 7] = [
    "cleanup.policy",
    "compression.type",
    "flush.messages",
    "flush.ms",
    "max.message.bytes",
    "min.insync.replicas",
    "segment.bytes",
];

/// Where corelog has its metrics page.
const METRICS_LISTEN: &str = "corelog.metrics.listen";

/// The same, of a node.
const NODE_CONFIGS: [&str; 9] = [
    "broker.rack",
    "default.replication.factor",
    "flush.messages",
    "inter.broker.protocol.version",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "message.max.bytes",
    "min.insync.replicas",
    "num.io.threads",
];

const CORELOG: &str = "corelog";

/// It takes the flush settings of topics that come from Kafka and tells them unchanged, so alone
/// they would say that it does less than it does.
const CORELOG_SYNCS: &str =
    "corelog syncs before it acknowledges, whatever flush.messages and flush.ms say";

/// Connects to one target.
#[derive(Debug, Clone)]
pub(super) struct Connector<'c> {
    pub(super) bootstrap: &'c [Endpoint],
    pub(super) client: &'c ClientConfig,
}

impl Connector<'_> {
    fn cluster(&self) -> Result<Cluster, ClientError> {
        Cluster::connect(self.bootstrap, self.client.clone())
    }

    pub(super) fn admin(&self) -> Result<Admin, ClientError> {
        Ok(Admin::new(self.cluster()?))
    }

    /// A producer whose topic is known and whose connections are open, so that its first message
    /// costs no more than others.
    pub(super) fn producer(
        &self,
        workload: &Workload,
        topic: &str,
    ) -> Result<Producer, ClientError> {
        let mut cluster = self.cluster()?;
        cluster.require_topics(&[topic])?;
        open_connections(&mut cluster, topic)?;
        let plan = &workload.producer;
        Producer::new(
            cluster,
            ProducerConfig {
                acks: plan.acks,
                is_idempotent: plan.is_idempotent,
                codec: plan.codec,
                batch_bytes: plan.batch_bytes,
                linger: plan.linger,
                request_bytes_max: plan
                    .batch_bytes
                    .max(1 << 20)
                    .max(workload.value_bytes_max() * 2),
                requests_in_flight_max: plan.requests_in_flight_max,
                memory_bytes_max: plan.memory_bytes_max,
                results_max: usize::MAX,
                reports: Reports::Each,
                ..ProducerConfig::default()
            },
        )
    }

    /// A consumer of these partitions from the end on, or of none.
    pub(super) fn consumer(
        &self,
        workload: &Workload,
        topic: &str,
        partitions: &[i32],
    ) -> Result<Consumer, ClientError> {
        let mut cluster = self.cluster()?;
        cluster.require_topics(&[topic])?;
        open_connections(&mut cluster, topic)?;
        let plan = &workload.reader;
        let config = ConsumerConfig {
            max_wait: plan.wait_max,
            min_bytes: plan.fetch_bytes_min,
            partition_bytes_max: plan.partition_bytes_max,
            fetch_reports_max: FETCH_REPORTS_MAX,
            ..ConsumerConfig::default()
        };
        let mut consumer = Consumer::new(cluster, config)?;
        if !partitions.is_empty() {
            let these = Partitions::These(partitions);
            consumer.assign(topic, these, From::End, Until::Forever)?;
        }
        Ok(consumer)
    }
}

fn open_connections(cluster: &mut Cluster, topic: &str) -> Result<(), ClientError> {
    let found = cluster.metadata().topic(topic);
    let partitions = found.map(|topic| topic.partitions.values());
    let leaders: std::collections::BTreeSet<NodeId> =
        partitions.into_iter().flatten().filter_map(|partition| partition.leader).collect();
    for leader in leaders {
        cluster.connection(leader)?;
    }
    Ok(())
}

/// Makes the topic that is measured and waits until each of its partitions has a leader.
pub(super) fn create_topic(
    admin: &mut Admin,
    workload: &Workload,
    name: &str,
) -> Result<(), ClientError> {
    let plan = &workload.topic;
    let configs = plan.configs.iter().map(|(name, value)| (name.clone(), value.clone()));
    admin.create_topic(&NewTopic {
        name: name.to_owned(),
        partitions: Some(plan.partitions),
        replication_factor: Some(plan.replication_factor),
        configs: configs.collect(),
    })?;
    admin.cluster().with_retries(|cluster| {
        cluster.require_topics(&[name])?;
        let topic = cluster.metadata().topic(name);
        let topic = topic.ok_or_else(|| ClientError::NoTopic(name.to_owned()))?;
        let missing = topic.partitions.iter().find(|(_, partition)| partition.leader.is_none());
        match missing {
            Some((number, _)) => Err(ClientError::NoLeader(TopicPartition::new(name, *number))),
            None => Ok(()),
        }
    })
}

/// The numbers of the partitions that a topic has.
pub(super) fn partitions_of(admin: &mut Admin, topic: &str) -> Result<Vec<i32>, ClientError> {
    Ok(admin.describe_topic(topic)?.partitions.keys().copied().collect())
}

/// Where the partitions end now.
pub(super) fn ends_of(
    admin: &mut Admin,
    topic: &str,
    partitions: &[i32],
) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
    let wanted = partitions.iter().map(|number| (TopicPartition::new(topic, *number), Moment::End));
    let ends = admin.cluster().list_offsets(&wanted.collect())?;
    Ok(ends.into_iter().filter_map(|(at, end)| Some((at, end?))).collect())
}

/// Fills a topic with so many bytes of values for those who catch up. They carry no run's stamp.
pub(super) fn fill(
    producer: &mut Producer,
    context: &LaneContext,
    mut should_stop: impl FnMut(u64) -> bool,
) -> Result<(), ClientError> {
    let workload = Arc::clone(&context.workload);
    let mut random = Rng::with_seed(workload.load.seed ^ 0xF111);
    let mut keys = KeyChooser::new(workload.keys);
    let (mut value, mut bytes, mut sequence) = (Vec::new(), 0, 0);
    while bytes < workload.reader.backlog_bytes {
        let intended = std::time::Duration::ZERO;
        let stamp = Stamp { run: !context.run, producer: 0, sequence, intended };
        let len = workload.sizes.choose(&mut random);
        context.pool.write(&stamp, len, &mut random, &mut value);
        let partition = (sequence % context.partitions as u64) as i32;
        let key = keys.choose(&mut random);
        producer.send(&Message {
            topic: &context.topic,
            partition: key.is_none().then_some(partition),
            key,
            value: Some(&value),
            headers: &[],
            timestamp: None,
        })?;
        bytes += len as u64;
        sequence += 1;
        if sequence % 1024 == 0 {
            producer.poll()?;
            if should_stop(bytes) {
                return Ok(());
            }
        }
    }
    producer.flush()?;
    match &producer.totals().first_error {
        Some(error) => Err(error.clone()),
        None => Ok(()),
    }
}

/// What the target says about itself, as far as the protocol goes, and where it says that its
/// metrics page listens.
pub(super) fn fairness(
    admin: &mut Admin,
    workload: &Workload,
    topic: &str,
) -> Result<(Fairness, Option<String>), ClientError> {
    let described = admin.describe_topic(topic)?;
    let cluster = admin.describe_cluster()?;
    let first = cluster.nodes.first().map(|node| node.id);
    let mut notes = Vec::new();
    let mut configs = Vec::new();
    let mut metrics = None;
    let mut read = |resource: Resource, kind: &str, wanted: &[&str]| match admin
        .describe_configs(&resource)
    {
        Ok(entries) => {
            let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
            let listen = entries.iter().find(|entry| entry.name == METRICS_LISTEN);
            metrics = listen.and_then(|entry| entry.value.clone()).or(metrics.take());
            let wanted = entries.into_iter().filter(|it| wanted.contains(&it.name.as_str()));
            let shown = wanted.filter_map(|it| Some((format!("{kind} {}", it.name), it.value?)));
            configs.extend(shown);
            names
        }
        Err(error) => {
            notes.push(format!("{kind} configs cannot be read: {error}"));
            Vec::new()
        }
    };
    read(Resource::Topic(topic.to_owned()), "topic", &TOPIC_CONFIGS);
    let node_names =
        first.map(|node| read(Resource::Broker(node), "node", &NODE_CONFIGS)).unwrap_or_default();
    let version = configs.iter().find(|(name, _)| name == "node inter.broker.protocol.version");
    let replicas = described.partitions.values().map(|partition| partition.replicas.len()).min();
    if workload.producer.acks == Acks::None {
        notes.push("acks 0: acknowledged means written to a socket".to_owned());
    }
    let software = software(&node_names);
    if software == CORELOG {
        notes.push(CORELOG_SYNCS.to_owned());
    }
    let fairness = Fairness {
        software,
        version: version.map(|(_, value)| format!("speaks {value} among brokers")),
        cluster_id: cluster.cluster_id,
        nodes: cluster.nodes.len() as u64,
        protocol: first.map(|node| protocol(admin, node)).unwrap_or_default(),
        acks: workload.producer.acks.number().to_string().replace("-1", "all"),
        replicas: replicas.map(|count| count as u64),
        configs,
        broker_cpus: None,
        heap: None,
        notes,
    };
    Ok((fairness, metrics))
}

/// Guesses by the names of configs, which differ between the systems.
fn software(config_names: &[String]) -> String {
    let any = |part: &str| config_names.iter().any(|name| name.contains(part));
    let name = if config_names.is_empty() {
        "unknown"
    } else if any("corelog.") {
        CORELOG
    } else if any("redpanda") {
        "Redpanda"
    } else if any("log.cleaner.threads") || any("zookeeper.connect") || any("process.roles") {
        "Apache Kafka"
    } else {
        "unknown"
    };
    name.to_owned()
}

fn protocol(admin: &mut Admin, node: NodeId) -> String {
    let Ok(connection) = admin.cluster().connection(node) else { return String::new() };
    let version = |api| connection.version(api).map_or("-".to_owned(), |it| it.to_string());
    format!("Produce {}, Fetch {}", version(ApiKey::Produce), version(ApiKey::Fetch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_told_apart_by_their_configs() {
        let guess = |names: &[&str]| {
            software(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(guess(&["corelog.journal.file.bytes", "process.roles"]), "corelog");
        assert_eq!(guess(&["log.cleaner.threads"]), "Apache Kafka");
        assert_eq!((guess(&["x"]), guess(&[])), ("unknown".to_owned(), "unknown".to_owned()));
    }
}

//! A broker of two cores on one simulated machine: what is coordinated on one core reaches
//! partitions on both.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use corelog_cluster::ShardEndpoint;
use corelog_cluster::controller::{Change, Outcome};
use corelog_cluster::decide::create_topics::{CreateTopics, NewTopic};
use corelog_cluster::decide::{Mode, TopicPolicy};
use corelog_cluster::group_keys::GroupBounds;
use corelog_coordinator::GroupConfig;
use corelog_coordinator::transactions::TransactionConfig;
use corelog_io::mesh::channel;
use corelog_io::{SyncPath, Task, sleep, spawn};
use corelog_model::{BrokerId, PartitionIndex, ShardId, TopicId};
use corelog_shard::{
    BrokerConfig, CleanerLimits, Control, ControllerSeed, CoordinatorRefusal, GROUPS_TOPIC,
    GroupCoordinator, Links, Outbox, Partition, Peers, Shard, ShardCommand, ShardLimits,
    ShareSettings, TRANSACTIONS_TOPIC, TransactionCoordinator, start_controller_shard, start_shard,
};

/// What is copied from.
pub(crate) const SOURCE: &str = "source";
/// What is copied to.
pub(crate) const TARGET: &str = "target";
/// Partitions of each.
pub(crate) const PARTITIONS: i32 = 2;
const CORES: u16 = 2;
const BROKER: BrokerId = BrokerId(1);

/// Number of its id, name, partitions and configs.
type NewTopicOf<'a> = (u8, &'a str, i32, &'a [(&'a str, &'a str)]);

/// How it is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// That of the run.
    pub(crate) seed: u64,
    /// Whether the first batch of a transaction is taken only if its coordinator was asked.
    pub(crate) verifies_transactions: bool,
}

/// The broker, as long as it runs.
pub(crate) struct Broker {
    shards: Vec<Shard>,
    outboxes: Vec<Outbox>,
    tasks: Vec<Task<()>>,
}

fn config(start: Start) -> BrokerConfig {
    BrokerConfig {
        broker: BROKER,
        rack: None,
        data_directory: "/data".into(),
        topic_defaults: BTreeMap::new(),
        topics: TopicPolicy::default(),
        group_bounds: GroupBounds::default(),
        share: ShareSettings::default(),
        groups: GroupConfig {
            offsets_retention_check_interval: Duration::from_secs(5),
            ..GroupConfig::default()
        },
        transactions: TransactionConfig {
            abort_interval: Duration::from_secs(1),
            ..TransactionConfig::default()
        },
        limits: ShardLimits {
            journal_file_bytes: 64 << 10,
            journal_files_max: 3,
            tail_bytes_max: 96 << 10,
            disk_reserve_bytes: 0,
            verifies_transactions: start.verifies_transactions,
            sync_path: if start.seed.is_multiple_of(2) { SyncPath::Write } else { SyncPath::Ring },
            cleaner: CleanerLimits { backoff_ms: 300, ..CleanerLimits::default() },
            ..ShardLimits::default()
        },
    }
}

impl Broker {
    /// Starts both cores. The topics are there then.
    pub(crate) async fn start(start: Start) -> Result<Rc<Self>, String> {
        let (control, requests) = Control::new(4);
        let (outboxes, inboxes): (Vec<_>, Vec<_>) = (0..CORES).map(|_| channel(4)).unzip();
        let endpoint = |shard| ShardEndpoint {
            shard: ShardId(shard),
            listener: "PLAINTEXT".to_owned(),
            host: "h".to_owned(),
            port: 9092 + shard,
        };
        let seed = ControllerSeed {
            endpoints: (0..CORES).map(endpoint).collect(),
            cluster_id: "c".to_owned(),
            shards: outboxes.clone(),
            requests,
        };
        let (peers, served) = Peers::new(BROKER, CORES);
        let (mut seed, mut started) = (Some(seed), Vec::new());
        for ((number, inbox), requests) in (0..CORES).zip(inboxes).zip(served) {
            let links = Links { control: control.clone(), peers: peers.clone(), requests };
            let config = config(start);
            let core = match seed.take() {
                Some(seed) => start_controller_shard(config, seed, links, inbox).await,
                None => start_shard(config, ShardId(number), links, inbox).await,
            };
            started.push(core.map_err(|error| format!("core {number} does not start: {error}"))?);
        }
        let shards = started.iter().map(|core| core.shard.clone()).collect();
        let run =
            |core: corelog_shard::Started| spawn(async move { core.shard.run(&core.inbox).await });
        let tasks = started.into_iter().map(run).collect();
        let broker = Self { shards, outboxes, tasks };
        broker.create_topics().await?;
        Ok(Rc::new(broker))
    }

    async fn create_topics(&self) -> Result<(), String> {
        let small = ("segment.bytes", "1048576");
        let internal = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.1"), small];
        let topics: [NewTopicOf<'_>; 4] = [
            (2, SOURCE, PARTITIONS, &[small]),
            (3, TARGET, PARTITIONS, &[small]),
            (4, GROUPS_TOPIC, 2, &internal),
            (5, TRANSACTIONS_TOPIC, 2, &internal),
        ];
        for (number, name, partitions, configs) in topics {
            if self.shards[0].image().topic_by_name(name).is_some() {
                continue;
            }
            let configs = configs.iter();
            let configs = configs.map(|(key, value)| ((*key).into(), Some((*value).into())));
            let topic = NewTopic {
                name: name.to_owned(),
                id: TopicId::from_bytes([number; 16]),
                partitions,
                replication_factor: 1,
                assignments: Vec::new(),
                configs: configs.collect(),
            };
            let change = CreateTopics { mode: Mode::Apply, topics: vec![topic] };
            match self.shards[0].control().change(Change::CreateTopics(change)).await {
                Ok(Outcome::CreateTopics(created)) if created[0].is_ok() => {}
                other => return Err(format!("topic {name} cannot be created: {other:?}")),
            }
        }
        Ok(())
    }

    /// Everything is written, and both cores end.
    pub(crate) async fn stop(&self) -> Result<(), String> {
        for (shard, outbox) in self.shards.iter().zip(&self.outboxes).rev() {
            // Nobody else ends it.
            let _ = outbox.send_async(ShardCommand::Stop).await;
            shard.close().await.map_err(|error| format!("a core does not close: {error}"))?;
        }
        assert_eq!(self.tasks.len(), self.shards.len(), "each core has its task");
        Ok(())
    }

    /// Each core.
    pub(crate) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// A partition, and the core that leads it.
    pub(crate) fn partition(&self, topic: &str, index: i32) -> (Shard, Partition) {
        let found = self.shards.iter().find_map(|shard| {
            let partition = shard.partition_by_name(topic, PartitionIndex(index)).ok()?;
            Some((shard.clone(), partition))
        });
        found.expect("every partition has a leader")
    }

    /// Who coordinates a transactional id.
    pub(crate) fn coordinator(&self, id: &str) -> TransactionCoordinator {
        let found = self.shards.iter().find_map(|shard| shard.transaction_coordinator(id).ok());
        found.expect("every transactional id has a coordinator")
    }

    /// Who coordinates a group, and on which core.
    pub(crate) fn group(&self, group: &str) -> (Shard, Rc<GroupCoordinator>) {
        let found = self.shards.iter().find_map(|shard| match shard.group_coordinator(group) {
            Ok(coordinator) => Some((shard.clone(), coordinator)),
            Err(CoordinatorRefusal::NotAvailable | CoordinatorRefusal::Elsewhere { .. }) => None,
        });
        found.expect("every group has a coordinator")
    }
}

/// A moment until something is asked for again.
pub(crate) async fn pause() {
    sleep(Duration::from_millis(5)).await;
}

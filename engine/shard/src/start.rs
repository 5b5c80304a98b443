//! Starting: the first core reads the metadata, registers the broker, brings partitions home and
//! becomes the controller; the others wait for its image. A core is returned when it can answer for
//! its partitions.

use std::sync::Arc;
use std::time::Duration;

use corelog_cluster::controller::{Change, Controller, ControllerConfig, Outcome};
use corelog_cluster::decide::register_broker::{RegisterBroker, RegisterBrokerError};
use corelog_cluster::{ClusterImage, ShardEndpoint};
use corelog_io::mesh::Receiver;
use corelog_io::{IoError, spawn};
use corelog_log::{LogConfig, OpenError, PartError, Storage};
use corelog_model::{PartitionId, ShardId};

use crate::config::BrokerConfig;
use crate::control::{Audience, ControlRequest, Driver};
use crate::home::bring_home;
use crate::metadata_log::{MetadataError, MetadataLog};
use crate::shard::{Inbox, Links, Outbox, Shard, ShardCommand};

/// Why a core cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The storage cannot be opened.
    #[error(transparent)]
    Storage(#[from] OpenError),
    /// A partition cannot leave the core that it does not belong to.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The metadata cannot be read.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The broker cannot be registered.
    #[error(transparent)]
    Register(#[from] RegisterBrokerError),
    /// The metadata log does not take the registration.
    #[error("the metadata log does not take the registration of this broker")]
    NotRegistered,
    /// The first core ended before this one started.
    #[error("the first core did not start")]
    NoController,
}

/// A core that is ready.
pub struct Started {
    /// The core.
    pub shard: Shard,
    /// Its commands; give it to [`Shard::run`].
    pub inbox: Inbox,
}

/// What the first core needs beyond its own settings.
pub struct ControllerSeed {
    /// Addresses of every core.
    pub endpoints: Vec<ShardEndpoint>,
    /// Id for a cluster that has none yet.
    pub cluster_id: String,
    /// Outboxes of every core, the first one's included.
    pub shards: Vec<Outbox>,
    /// What the control handles ask for.
    pub requests: Receiver<ControlRequest>,
}

/// Starts the first core of a broker.
pub async fn start_controller_shard(
    config: BrokerConfig,
    seed: ControllerSeed,
    links: Links,
    inbox: Inbox,
) -> Result<Started, StartError> {
    let ControllerSeed { endpoints, cluster_id, shards, requests } = seed;
    let first = ShardId(0);
    let (storage, report) = Storage::open(config.storage(first), |_| LogConfig::default()).await?;
    let log = MetadataLog::open(&storage, config.limits.metadata_snapshot_bytes).await?;
    let image = log.load().await?;
    let controller_config = ControllerConfig {
        change_bytes_max: log.append_bytes_max(),
        topics: config.topics.clone(),
        groups: config.group_bounds.clone(),
        ..ControllerConfig::default()
    };
    let controller = Controller::new(controller_config, image);
    let sweep_pause = Duration::from_millis(config.limits.token_check_ms);
    let mut driver = Driver { controller, log, shards, next_ticket: 0, sweep_pause };
    let cores = endpoints.len() as u16;
    let register = Change::RegisterBroker(RegisterBroker {
        broker: config.broker,
        rack: config.rack.clone(),
        shards: endpoints,
        new_cluster_id: cluster_id,
    });
    match driver.change(register, Audience::Nobody).await {
        Some(Outcome::RegisterBroker(registered)) => registered?,
        _ => return Err(StartError::NotRegistered),
    }
    let image = Arc::clone(driver.controller.image());
    let shard = Shard::new(config.clone(), first, storage, report, links);
    bring_home(&config, &image, &shard, cores).await?;
    for other in driver.shards.iter().skip(1) {
        let (done, _) = corelog_io::mesh::answer();
        let command = ShardCommand::Image { image: Arc::clone(&image), done };
        other.send_async(command).await.map_err(|_| StartError::NoController)?;
    }
    settle(&shard, image).await?;
    spawn(driver.run(requests)).detach();
    Ok(Started { shard, inbox })
}

/// Starts any other core, once the first one has sent the image.
pub async fn start_shard(
    config: BrokerConfig,
    id: ShardId,
    links: Links,
    inbox: Inbox,
) -> Result<Started, StartError> {
    let image = loop {
        match inbox.recv_async().await {
            Ok(ShardCommand::Image { image, done }) => {
                let _ = done.try_send(());
                break image;
            }
            Ok(ShardCommand::Metrics(_)) => {}
            Ok(ShardCommand::Stop) | Err(_) => return Err(StartError::NoController),
        }
    };
    let config_of = |_: PartitionId| LogConfig::default();
    let (storage, report) = Storage::open(config.storage(id), config_of).await?;
    let shard = Shard::new(config, id, storage, report, links);
    settle(&shard, image).await?;
    Ok(Started { shard, inbox })
}

async fn settle(shard: &Shard, image: Arc<ClusterImage>) -> Result<(), StartError> {
    shard.take_over(image).await?;
    shard.remove_orphans().await?;
    Ok(())
}

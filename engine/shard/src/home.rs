//! Bringing partitions home when the number of cores changed: those of a core that is gone are
//! recovered there, closed, and moved with one rename each to the core that the metadata names.

use std::path::PathBuf;

use corelog_cluster::ClusterImage;
use corelog_io::{create_directory, list_directory, remove_directory, rename, sync_directory};
use corelog_log::{LogConfig, OpenError, Storage};
use corelog_model::{PartitionId, ShardId};

use crate::config::BrokerConfig;
use crate::shard::Shard;
use crate::start::StartError;

/// Moves everything out of the directories of cores at or above `cores`. Must run before those
/// cores' partitions are opened anywhere else; the first core, which calls it, is open already and
/// adopts its share.
pub(crate) async fn bring_home(
    config: &BrokerConfig,
    image: &ClusterImage,
    first: &Shard,
    cores: u16,
) -> Result<(), StartError> {
    for entry in list_directory(&config.data_directory).await? {
        let number = entry.name.strip_prefix("shard-").and_then(|number| number.parse().ok());
        let Some(shard) = number.filter(|number: &u16| *number >= cores).map(ShardId) else {
            continue;
        };
        tracing::info!(shard = shard.0, "a core is gone: its partitions move");
        empty_shard(config, image, first, shard).await?;
        remove_directory(&config.shard_directory(shard)).await?;
        sync_directory(&config.data_directory).await?;
    }
    Ok(())
}

async fn empty_shard(
    config: &BrokerConfig,
    image: &ClusterImage,
    first: &Shard,
    gone: ShardId,
) -> Result<(), StartError> {
    let (storage, _) = Storage::open(config.storage(gone), |_| LogConfig::default()).await?;
    storage.close().await.map_err(OpenError::from)?;
    let moves: Vec<(PartitionId, ShardId)> = storage
        .partitions()
        .iter()
        .filter_map(|log| Some((log.id(), image.partition(log.id())?.leader)))
        .filter(|(_, leader)| leader.broker() == config.broker)
        .map(|(id, leader)| (id, leader.shard()))
        .collect();
    let ids: Vec<PartitionId> = moves.iter().map(|leaving| leaving.0).collect();
    storage.let_go(&ids).await?;
    for (id, home) in moves {
        let target = partitions_of(config, home);
        create_directory(&target).await?;
        let name = id.to_string();
        rename(&partitions_of(config, gone).join(&name), &target.join(&name)).await?;
        sync_directory(&target).await?;
        sync_directory(&partitions_of(config, gone)).await?;
        if home == first.id() {
            first.storage().adopt_partition(id, LogConfig::default()).await?;
        }
    }
    Ok(())
}

fn partitions_of(config: &BrokerConfig, shard: ShardId) -> PathBuf {
    config.shard_directory(shard).join("partitions")
}

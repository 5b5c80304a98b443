//! Bringing partitions home: a start moves each directory to the core that the metadata names. When
//! the number of cores changed, those of a core that is gone are recovered there, closed, and moved
//! with one rename each. When a move between two cores was cut off, its directory holds the note
//! that lets it be renamed as it is.

use std::path::PathBuf;

use corelog_cluster::ClusterImage;
use corelog_io::{
    IoError, create_directory, list_directory, remove_directory, rename, sync_directory,
};
use corelog_log::{LogConfig, OpenError, Storage};
use corelog_model::{NodeId, PartitionId, ShardId};

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
    for core in 0..cores {
        settle_moves(config, image, first, ShardId(core)).await?;
    }
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

/// Moves what is in the directory of a core and belongs to another one. Only a move that was cut
/// off leaves such a thing, and then it waits with its note.
async fn settle_moves(
    config: &BrokerConfig,
    image: &ClusterImage,
    first: &Shard,
    core: ShardId,
) -> Result<(), StartError> {
    let entries = match list_directory(&partitions_of(config, core)).await {
        Err(error) if error.is_not_found() => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let Ok(id) = entry.name.parse::<PartitionId>() else { continue };
        let Some(home) = image.partition(id).map(|state| state.leader) else { continue };
        if home == NodeId::of(config.broker, core) || home.broker() != config.broker {
            continue;
        }
        tracing::info!(partition = %id, node = %home, "a move was cut off: it goes home");
        if core == first.id() {
            first.storage().part(id, || {}).await?;
        }
        move_directory(config, id, core, home.shard()).await?;
        if home.shard() == first.id() {
            first.storage().adopt_partition(id, LogConfig::default()).await?;
        }
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
        move_directory(config, id, gone, home).await?;
        if home == first.id() {
            first.storage().adopt_partition(id, LogConfig::default()).await?;
        }
    }
    Ok(())
}

/// Moves the directory of a partition that has its note from one core to another.
pub(crate) async fn move_directory(
    config: &BrokerConfig,
    id: PartitionId,
    from: ShardId,
    to: ShardId,
) -> Result<(), IoError> {
    let (source, target) = (partitions_of(config, from), partitions_of(config, to));
    create_directory(&target).await?;
    let name = id.to_string();
    rename(&source.join(&name), &target.join(&name)).await?;
    sync_directory(&target).await?;
    sync_directory(&source).await
}

fn partitions_of(config: &BrokerConfig, shard: ShardId) -> PathBuf {
    config.shard_directory(shard).join("partitions")
}

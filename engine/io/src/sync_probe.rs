//! Which road to durability is fastest on this disk, measured with the writes a journal makes.

use std::path::Path;
use std::time::Duration;

use crate::buffer::{BLOCK, Buffer};
use crate::directory::remove_file;
use crate::error::Result;
use crate::file::{File, OpenMode, SyncPath};
use crate::time::now;

const ROUNDS: usize = 12;
const TIME_MAX: Duration = Duration::from_millis(10);

/// What one road was measured at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncMeasurement {
    /// The road.
    pub path: SyncPath,
    /// Mean time until one block is durable.
    pub mean: Duration,
}

/// Makes single blocks of a scratch file in `directory` durable by every road. The fastest comes
/// first. Takes 30 ms at most on a disk that syncs within ten. Means count, not medians: a road
/// that stalls now and then is a slow one.
pub async fn measure_sync_paths(directory: &Path) -> Result<Vec<SyncMeasurement>> {
    let path = directory.join("sync-probe.tmp");
    let file = File::open(&path, OpenMode::CreateEmpty).await?;
    file.write(Buffer::zeroed(ROUNDS * BLOCK), 0).await?;
    file.sync(SyncPath::Ring).await?;
    let mut found = Vec::new();
    for road in [SyncPath::Write, SyncPath::Ring, SyncPath::Thread] {
        found.push(SyncMeasurement { path: road, mean: measure(&path, road).await? });
    }
    found.sort_by_key(|measurement| measurement.mean);
    remove_file(&path).await?;
    Ok(found)
}

async fn measure(path: &Path, road: SyncPath) -> Result<Duration> {
    let file = File::open(path, OpenMode::WithSyncedWrites).await?;
    let begun = now();
    let mut rounds = 0;
    while rounds < ROUNDS && (rounds == 0 || begun.elapsed() < TIME_MAX) {
        let (buffer, position) = (Buffer::zeroed(BLOCK), (rounds * BLOCK) as u64);
        if road == SyncPath::Write {
            file.write_synced(buffer, position).await?;
        } else {
            file.write(buffer, position).await?;
            file.sync(road).await?;
        }
        rounds += 1;
    }
    Ok(begun.elapsed() / rounds as u32)
}

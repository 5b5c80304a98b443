//! Which road to durability is fastest on this disk, measured with the writes a journal makes.

use std::path::Path;
use std::time::Duration;

use crate::buffer::{BLOCK, Buffer};
use crate::directory::remove_file;
use crate::error::Result;
use crate::file::{File, OpenMode, SyncPath};
use crate::time::now;

const ROUNDS: usize = 12;
const TIME_MAX: Duration = Duration::from_millis(30);

/// What one road was measured at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncMeasurement {
    /// The road.
    pub path: SyncPath,
    /// Median time until one block is durable.
    pub median: Duration,
}

/// Makes single blocks of a scratch file in `directory` durable by every road. The fastest comes
/// first. Takes tens of milliseconds at most on a disk that syncs within one.
pub async fn measure_sync_paths(directory: &Path) -> Result<Vec<SyncMeasurement>> {
    let path = directory.join("sync-probe.tmp");
    let file = File::open(&path, OpenMode::CreateEmpty).await?;
    file.write(Buffer::zeroed(ROUNDS * BLOCK), 0).await?;
    file.sync(SyncPath::Ring).await?;
    let mut found = Vec::new();
    for road in [SyncPath::Write, SyncPath::Ring, SyncPath::Thread] {
        found.push(SyncMeasurement { path: road, median: measure(&path, road).await? });
    }
    found.sort_by_key(|measurement| measurement.median);
    remove_file(&path).await?;
    Ok(found)
}

async fn measure(path: &Path, road: SyncPath) -> Result<Duration> {
    let synced = road == SyncPath::Write;
    let mode = if synced { OpenMode::SyncedWrites } else { OpenMode::ReadWrite };
    let file = File::open(path, mode).await?;
    let begun = now();
    let mut times = Vec::with_capacity(ROUNDS);
    while times.len() < ROUNDS && (times.is_empty() || begun.elapsed() < TIME_MAX) {
        let began = now();
        file.write(Buffer::zeroed(BLOCK), (times.len() * BLOCK) as u64).await?;
        file.sync(road).await?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

//! Which road the journal takes to durability: measured at start, on this disk and these cores.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use corelog_io::ring::executor::{CoreThread, ExecutorConfig, start};
use corelog_io::{SyncPath, measure_sync_paths, timeout};

use crate::failure::{Exit, Failure};

/// The measurement takes a fraction of a second on any disk that is fit for a log.
const MEASUREMENT_MAX: Duration = Duration::from_secs(5);

/// The road to durability that is fastest on this disk for the first core, while the others are as
/// busy as they will be: a kernel thread that finishes a write may need one of them.
pub(super) fn fastest(data: &Path, cpus: &[usize]) -> Result<SyncPath, Failure> {
    let directory = data.to_path_buf();
    let is_over = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = cpus[1..].iter().map(|cpu| keep_busy(*cpu, &is_over)).collect();
    let executor =
        ExecutorConfig { name: "sync-probe".into(), cpu: Some(cpus[0]), spin: Duration::ZERO };
    let measure = || async move { timeout(MEASUREMENT_MAX, measure_sync_paths(&directory)).await };
    let measured = start(&executor, measure).and_then(CoreThread::join);
    is_over.store(true, Ordering::Relaxed);
    for thread in busy {
        drop(thread.join());
    }
    let what = "cannot measure how the disk syncs";
    let hint = "see whether the disk takes direct writes, or set corelog.journal.sync";
    let measured = match measured {
        Ok(Ok(Ok(measured))) => measured,
        Ok(Err(_)) => {
            let road = SyncPath::default();
            tracing::warn!(?road, "the disk is too slow to measure; the journal syncs as usual");
            return Ok(road);
        }
        Ok(Ok(Err(error))) => return Err(Failure::new(Exit::Unsuitable, what, error, hint)),
        Err(error) => return Err(Failure::new(Exit::Unsuitable, what, error, hint)),
    };
    let list: Vec<String> = measured
        .iter()
        .map(|road| format!("{:?} {} us", road.path, road.mean.as_micros()))
        .collect();
    tracing::info!(roads = list.join(", "), "the journal syncs by the fastest road");
    Ok(measured[0].path)
}

fn keep_busy(cpu: usize, is_over: &Arc<AtomicBool>) -> JoinHandle<()> {
    let is_over = Arc::clone(is_over);
    std::thread::spawn(move || {
        core_affinity::set_for_current(core_affinity::CoreId { id: cpu });
        while !is_over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    })
}

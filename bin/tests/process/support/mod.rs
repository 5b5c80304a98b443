//! What the claims share: a broker process, the folder it lives in, and a workload whose every
//! record can be checked.

mod broker;
mod certificates;
mod folder;
mod log;
mod mover;
mod workload;

pub(crate) use broker::{Broker, Launch, free_ports};
pub(crate) use certificates::Authority;
pub(crate) use folder::DataFolder;
pub(crate) use log::PartitionLogs;
pub(crate) use mover::Mover;
pub(crate) use workload::{Writer, WriterKind, connect, create_topic, quick};

use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until it holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

//! A broker of our own: this program again, as `corelog serve`, on a CPU of its own.

use std::path::Path;

use corelog_bench::plan::broker::{Broker, CpuShares};

use crate::failure::{Exit, Failure};

/// The broker, which ends when this is dropped, and which CPUs are for what.
pub(super) struct OwnBroker {
    pub(super) broker: Broker,
    pub(super) cpus: CpuShares,
}

impl OwnBroker {
    /// Starts it with its data below a folder.
    pub(super) fn start(folder: &Path) -> Result<Self, Failure> {
        let refuse = |error: std::io::Error| {
            let what = format!("cannot start a broker in {}", folder.display());
            let hint = "check --dir, or see what corelog serve says on this machine";
            Failure::new(Exit::Unsuitable, what, error, hint)
        };
        let cpus = CpuShares::of_this_machine().map_err(refuse)?;
        let program = std::env::current_exe().map_err(refuse)?;
        let broker = Broker::start(&program, folder, cpus.broker).map_err(refuse)?;
        Ok(Self { broker, cpus })
    }
}

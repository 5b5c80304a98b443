//! Measures a machine for a log: its disk where data would live, a core, and the network. A driver
//! that goes through the parts one after the other; [`crate::plan::profile`] is what comes out.

mod aligned;
mod cpu;
mod device;
mod disk;
mod mount;
mod network;

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::profile::{FORMAT, Profile};

pub use network::serve;

/// What is measured and for how long.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    /// A folder on the disk where data would live. Files of the probe are removed again.
    pub folder: PathBuf,
    /// All measurements together.
    pub length: Duration,
    /// The other end of the network, which runs [`serve`]; none for loopback.
    pub peer: Option<String>,
}

/// What is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In a few words.
    pub name: String,
    /// Which step, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

/// Is told each step before it begins, and may break the probe off.
pub type Watch<'w> = dyn FnMut(&Step) -> ControlFlow<()> + 'w;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The machine refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The watcher broke it off.
    #[error("it was broken off")]
    BrokenOff,
}

impl ProbeError {
    fn while_doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// Hands out the time of each step and tells the watcher.
struct Steps<'s, 'w> {
    watch: &'s mut Watch<'w>,
    number: u32,
    each: Duration,
}

impl Steps<'_, '_> {
    /// Begins a step; how long it may measure.
    fn begin(&mut self, name: impl Into<String>) -> Result<Duration, ProbeError> {
        self.number += 1;
        let step = Step { name: name.into(), number: self.number, of: STEPS };
        match (self.watch)(&step) {
            ControlFlow::Continue(()) => Ok(self.each),
            ControlFlow::Break(()) => Err(ProbeError::BrokenOff),
        }
    }
}

/// How many steps there are.
const STEPS: u32 = disk::STEPS + cpu::STEPS + network::STEPS;

/// Measures this machine, without a broker.
pub fn probe(plan: &ProbePlan, watch: &mut Watch<'_>) -> Result<Profile, ProbeError> {
    let begun = Instant::now();
    let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let looks = crate::run::MachineWatch::begin();
    let mut steps = Steps { watch, number: 0, each: plan.length / STEPS };
    let place = device::place(&plan.folder)
        .map_err(ProbeError::while_doing(format!("cannot look at {}", plan.folder.display())))?;
    let disk = disk::measure(&plan.folder, &place, &mut steps)?;
    let core = cpu::measure(&mut steps)?;
    let network = network::measure(plan.peer.as_deref(), &mut steps)?;
    Ok(Profile {
        format: FORMAT,
        tool: format!("corelog-bench {}", env!("CARGO_PKG_VERSION")),
        name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        made_ms: u64::try_from(made.as_millis()).unwrap_or(u64::MAX),
        took_s: begun.elapsed().as_secs_f64(),
        steal: looks.end().steal,
        machine: crate::run::this_machine(),
        place,
        disk,
        core,
        network,
        broker: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(watch: &mut Watch<'_>) -> (Result<Profile, ProbeError>, tempfile::TempDir) {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let plan = ProbePlan {
            folder: folder.path().to_owned(),
            length: Duration::from_secs(1),
            peer: None,
        };
        (probe(&plan, watch), folder)
    }

    #[test]
    fn every_step_is_told_once_and_the_files_are_removed() {
        let mut told = Vec::new();
        let (profile, folder) = measure(&mut |step| {
            told.push(step.number);
            ControlFlow::Continue(())
        });
        let profile = profile.unwrap();
        assert_eq!(told, (1..=STEPS).collect::<Vec<_>>());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(profile.disk.appends.iter().all(|append| append.latency.count > 0));
        assert!(profile.disk.durable_bytes_per_second.value > 0.0);
        assert!(profile.network.round_trip.count > 0 && profile.network.peer.is_none());
        assert_eq!(Profile::parse(&profile.to_toml()).unwrap(), profile);
    }

    #[test]
    fn a_probe_that_is_broken_off_leaves_nothing_behind() {
        let (refused, folder) = measure(&mut |step| match step.number {
            5 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert!(matches!(refused, Err(ProbeError::BrokenOff)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

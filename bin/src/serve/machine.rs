//! What the configuration needs to know of the machine it is checked on.

use std::collections::BTreeSet;

use rustix::thread::{CpuSet, sched_getaffinity};

use crate::failure::{Exit, Failure};

/// Facts of the machine, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// CPUs that this process may run on.
    pub cpus_allowed: BTreeSet<usize>,
    /// Name of the host, advertised when the server listens on every address.
    pub host_name: String,
}

impl Machine {
    /// Reads the facts of this machine.
    pub fn this() -> Result<Self, Failure> {
        let affinity = sched_getaffinity(None).map_err(|error| {
            Failure::new(
                Exit::Unsuitable,
                "cannot find out which CPUs may be used",
                error,
                "use a machine with at most 1024 CPUs, or allow sched_getaffinity",
            )
        })?;
        let cpus_allowed = (0..CpuSet::MAX_CPU).filter(|&cpu| affinity.is_set(cpu)).collect();
        let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self { cpus_allowed, host_name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_cpu_and_a_name() {
        let machine = Machine::this().unwrap();
        assert!(!machine.cpus_allowed.is_empty());
        assert!(!machine.host_name.is_empty());
    }
}

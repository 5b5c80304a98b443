//! Random numbers for identities. In the simulator they come from the seed.

/// A random number, good enough to tell two processes or two journals apart.
pub fn random_u64() -> u64 {
    #[cfg(feature = "sim")]
    if let Some(machine) = crate::sim::current() {
        return machine.random_u64();
    }
    fastrand::u64(..)
}

//! The workloads that come with the program, and the defaults that every other one completes
//! itself with. They are files like those of a user, embedded.

use super::RawWorkload;

/// A workload that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// What it is called.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

const DEFAULTS: &str = include_str!("../../presets/defaults.toml");

const PRESETS: [Preset; 8] = [
    Preset { name: "small", text: include_str!("../../presets/small.toml") },
    Preset { name: "kib", text: include_str!("../../presets/kib.toml") },
    Preset { name: "large-batches", text: include_str!("../../presets/large-batches.toml") },
    Preset { name: "many-partitions", text: include_str!("../../presets/many-partitions.toml") },
    Preset { name: "fan-out", text: include_str!("../../presets/fan-out.toml") },
    Preset { name: "catch-up", text: include_str!("../../presets/catch-up.toml") },
    Preset { name: "compacted", text: include_str!("../../presets/compacted.toml") },
    Preset { name: "one-at-a-time", text: include_str!("../../presets/one-at-a-time.toml") },
];

/// All of them, in the order in which they are shown.
pub fn presets() -> impl Iterator<Item = Preset> {
    PRESETS.into_iter()
}

/// The value of everything that is not typed.
pub(super) fn defaults() -> RawWorkload {
    RawWorkload::parse(DEFAULTS).expect("a test reads the embedded defaults")
}

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<Self> {
        presets().find(|preset| preset.name == name)
    }

    /// The workload, as typed.
    pub fn workload(&self) -> RawWorkload {
        let workload = RawWorkload::parse(self.text).expect("a test reads every embedded preset");
        RawWorkload { name: Some(self.name.to_owned()), ..workload }
    }
}

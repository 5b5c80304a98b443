//! A profile: what was measured of one machine, as a file. Every number has its unit in its name;
//! unknown names and other formats are refused rather than misread.

use serde::{Deserialize, Serialize};

use super::demand::Clients;
use super::distribution::{Distribution, Measured};
use crate::machine::Machine;

/// The number of this format. It grows when a reader of the old one would misunderstand a file.
pub const FORMAT: u32 = 1;

/// What was measured of one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// [`FORMAT`].
    pub format: u32,
    /// What measured.
    pub tool: String,
    /// What the machine is called.
    pub name: String,
    /// When, in milliseconds since 1970.
    pub made_ms: u64,
    /// How long it took.
    pub took_s: f64,
    /// Part of the CPU time that the hypervisor gave to others meanwhile.
    pub steal: f64,
    /// CPUs, memory and kernel.
    pub machine: Machine,
    /// Where data would live.
    pub place: Place,
    /// What the disk does.
    pub disk: Disk,
    /// What one core does.
    pub core: Core,
    /// What the network does.
    pub network: Network,
    /// What a broker on this machine does; none when it was not measured.
    pub broker: Option<Calibration>,
}

/// Where data would live.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The folder.
    pub folder: String,
    /// Type of the file system, as `/proc/self/mountinfo` names it.
    pub file_system: String,
    /// Options it is mounted with.
    pub options: String,
    /// The block device under it; none for file systems without one.
    pub device: Option<String>,
    /// Whether the device says that it has a volatile cache: `write back`, `write through`.
    pub write_cache: Option<String>,
    /// Whether one write can be made durable by itself.
    pub forced_unit_access: Option<bool>,
    /// Which scheduler orders its requests.
    pub scheduler: Option<String>,
    /// Whether it says that it rotates.
    pub rotates: Option<bool>,
    /// Whether its driver has queues that can be polled.
    pub polls: Option<bool>,
    /// The smallest write it takes.
    pub logical_block_bytes: Option<u64>,
    /// The smallest write that does not read first.
    pub physical_block_bytes: Option<u64>,
    /// Size of the file system.
    pub total_bytes: u64,
    /// What is free of it.
    pub free_bytes: u64,
}

/// What else happens on the disk while an append is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// Someone reads 128 KiB pieces, one after the other.
    Reader,
    /// Someone writes 1 MiB pieces without a sync, as segments are written.
    Writer,
}

/// Durable appends of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// Bytes of each append.
    pub bytes: u64,
    /// How many files are appended to at the same time, each by a thread of its own.
    pub files: u64,
    /// What else happens.
    pub beside: Beside,
    /// Bytes a second of what happens beside; 0 for nothing.
    pub beside_bytes_per_second: f64,
    /// Appends a second of all files together.
    pub per_second: Measured,
    /// Time of one append until it is durable.
    pub latency: Distribution,
}

/// What the disk does, by direct I/O on files that were written before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Durable appends.
    pub appends: Vec<Append>,
    /// Sequential writes of 1 MiB, 4 at a time, as they return.
    pub write_bytes_per_second: Measured,
    /// The same with one sync for each 64 MiB, which is what a log can keep up.
    pub durable_bytes_per_second: Measured,
    /// Sequential reads of 1 MiB, 4 at a time.
    pub read_bytes_per_second: Measured,
    /// The writing half of two writers and two readers at the same time.
    pub mixed_write_bytes_per_second: Measured,
    /// The reading half.
    pub mixed_read_bytes_per_second: Measured,
    /// What polled reads are like, or why they are not.
    pub polled: Polled,
}

/// Reads of 4 KiB whose end is polled for instead of told by an interrupt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polled {
    /// The same reads by interrupt.
    pub interrupt: Option<Distribution>,
    /// With polling.
    pub polled: Option<Distribution>,
    /// Why there is no number.
    pub not_measured: Option<String>,
}

/// What one core does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// Copying memory that no cache holds.
    pub copy_bytes_per_second: Measured,
    /// CRC-32C of 64 KiB blocks.
    pub checksum_bytes_per_second: Measured,
    /// Codecs on the records of a typical batch.
    pub codecs: Vec<CodecSpeed>,
}

/// A codec on blocks of 64 KiB, half of which can be squeezed out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecSpeed {
    /// Its name in Kafka.
    pub name: String,
    /// Uncompressed bytes a second.
    pub compress_bytes_per_second: Measured,
    /// Uncompressed bytes a second.
    pub decompress_bytes_per_second: Measured,
    /// Uncompressed bytes for each compressed one.
    pub ratio: f64,
}

/// What the network does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The machine at the other end; none for loopback, which is no network.
    pub peer: Option<String>,
    /// Round trip of 128 bytes, one at a time.
    pub round_trip: Distribution,
    /// What one connection carries.
    pub bytes_per_second: Measured,
    /// What the fastest card says of itself; many virtual ones say nothing.
    pub link_bytes_per_second: Option<f64>,
}

/// CPU time of a broker, by what it is spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuCost {
    /// For each turn of a connection: requests that come together are read, and answers that are
    /// due together are sent, for little more than one of them.
    pub turn_s: f64,
    /// For each produce request.
    pub request_s: f64,
    /// For each group commit.
    pub frame_s: f64,
    /// For each record.
    pub record_s: f64,
    /// For each byte of record batches.
    pub byte_s: f64,
    /// For each fetch.
    pub fetch_s: f64,
    /// For each byte of record batches that a fetch returns.
    pub fetched_byte_s: f64,
}

/// A short run on a broker: what it did a second, and what it took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationRun {
    /// What was run.
    pub name: String,
    /// Produce requests.
    pub requests_per_second: f64,
    /// Turns of connections: one for each connection and commit, at most one for each request.
    pub turns_per_second: f64,
    /// Group commits.
    pub frames_per_second: f64,
    /// Records.
    pub records_per_second: f64,
    /// Bytes of record batches.
    pub bytes_per_second: f64,
    /// Fetches that were answered.
    pub fetches_per_second: f64,
    /// Bytes of record batches returned.
    pub fetched_bytes_per_second: f64,
    /// Bytes the journal wrote, padding included.
    pub journal_bytes_per_second: f64,
    /// Cores in use.
    pub cpu: f64,
    /// The same by the costs that were fitted to all runs.
    pub cpu_fitted: f64,
    /// Most memory of the process.
    pub resident_bytes: u64,
    /// Part of the CPU time that the hypervisor gave to others.
    pub steal: f64,
    /// What makes the run not valid; such a run still counts, but the profile says so.
    pub not_valid: Vec<String>,
}

/// Messages that came at a pace of their own, at a share of the highest rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacedRun {
    /// What was run.
    pub name: String,
    /// Which share of what a closed loop reached, from 0 to 1.
    pub part: f64,
    /// Messages a second that were offered.
    pub messages_per_second: f64,
    /// Bytes of a message.
    pub message_bytes: f64,
    /// Partitions.
    pub partitions: f64,
    /// How they were sent.
    pub clients: Clients,
    /// Latency of a message, from the moment it was due.
    pub latency: Distribution,
}

/// What a broker on this machine does with one core.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Its version.
    pub version: String,
    /// CPU the broker was on.
    pub broker_cpus: String,
    /// CPUs the load was on.
    pub load_cpus: Vec<usize>,
    /// The runs.
    pub runs: Vec<CalibrationRun>,
    /// What they say about CPU time.
    pub cost: CpuCost,
    /// The largest difference between a run's CPU and its fit, as a part of the run's.
    pub cost_error: f64,
    /// Latency of a record now and then, from the moment it was due: the core sleeps in between.
    pub unloaded: Distribution,
    /// How busy the core was then.
    pub unloaded_cpu: f64,
    /// Latency of one record after the other: the core is awake, but nobody waits for others.
    pub awake: Distribution,
    /// How busy the core was then.
    pub awake_cpu: f64,
    /// Time of one group commit when the core is awake, by the broker's own clock.
    pub unloaded_sync: Distribution,
    /// Bytes of record batches a second that one core takes in large batches.
    pub bytes_per_second_max: Measured,
    /// Memory with nothing to do.
    pub idle_resident_bytes: u64,
    /// Memory for each further partition.
    pub partition_bytes: f64,
    /// How latencies grow with the load; older profiles do not tell.
    #[serde(default)]
    pub paced: Vec<PacedRun>,
}

/// Why a text is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is no TOML, or something is missing or unknown.
    #[error("it is no profile of a machine: {0}")]
    Toml(#[from] toml::de::Error),
    /// It was written by another version.
    #[error("it has format {found}, this program reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: i64,
    },
}

impl Profile {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let table: toml::Table = toml::from_str(text)?;
        match table.get("format").and_then(toml::Value::as_integer) {
            Some(found) if found != i64::from(FORMAT) => Err(ProfileError::Format { found }),
            _ => Ok(toml::from_str(text)?),
        }
    }

    /// The text of a file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables of numbers and texts can be written as TOML")
    }
}

impl PacedRun {
    /// Whether another run differs in its rate at most.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        self.message_bytes.to_bits() == other.message_bytes.to_bits()
            && self.clients == other.clients
    }
}

impl Disk {
    /// The appends of one file, by what is beside, ordered by size.
    pub fn of_one_file(&self, beside: Beside) -> Vec<&Append> {
        let is_wanted = |append: &&Append| append.files == 1 && append.beside == beside;
        let mut found: Vec<&Append> = self.appends.iter().filter(is_wanted).collect();
        found.sort_by_key(|append| append.bytes);
        found
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A profile with round numbers: a sync of 100 us at 4 KiB and of 1 ms at 1 MiB, 1 GB/s.
    pub(crate) fn profile() -> Profile {
        let append = |bytes, seconds, beside, rate| Append {
            bytes,
            files: 1,
            beside,
            beside_bytes_per_second: rate,
            per_second: Measured::exact(1.0 / seconds),
            latency: Distribution::constant(seconds),
        };
        let appends = vec![
            append(4096, 100e-6, Beside::Nothing, 0.0),
            append(1 << 20, 1e-3, Beside::Nothing, 0.0),
            append(4096, 400e-6, Beside::Writer, 250e6),
            append(1 << 20, 2e-3, Beside::Writer, 250e6),
        ];
        Profile {
            format: FORMAT,
            tool: "test".to_owned(),
            name: "host".to_owned(),
            made_ms: 1,
            took_s: 60.0,
            steal: 0.0,
            machine: Machine { cpus: 8, memory_bytes: 32 << 30, ..Machine::default() },
            place: Place { total_bytes: 2_000_000_000_000, ..Place::default() },
            disk: Disk {
                appends,
                write_bytes_per_second: Measured::exact(1e9),
                durable_bytes_per_second: Measured::exact(1e9),
                read_bytes_per_second: Measured::exact(2e9),
                ..Disk::default()
            },
            core: Core::default(),
            network: Network {
                link_bytes_per_second: Some(1.25e9),
                round_trip: Distribution::constant(30e-6),
                bytes_per_second: Measured::exact(1.2e9),
                peer: Some("other".to_owned()),
            },
            broker: Some(Calibration {
                version: "0.1.0".to_owned(),
                cost: CpuCost {
                    turn_s: 0.0,
                    request_s: 20e-6,
                    frame_s: 50e-6,
                    record_s: 0.1e-6,
                    byte_s: 0.5e-9,
                    fetch_s: 20e-6,
                    fetched_byte_s: 0.2e-9,
                },
                unloaded: Distribution::constant(250e-6),
                unloaded_cpu: 0.05,
                awake: Distribution::constant(250e-6),
                awake_cpu: 0.5,
                unloaded_sync: Distribution::constant(100e-6),
                bytes_per_second_max: Measured::exact(400e6),
                idle_resident_bytes: 30 << 20,
                partition_bytes: 10_000.0,
                ..Calibration::default()
            }),
        }
    }

    #[test]
    fn a_saved_profile_comes_back() {
        let profile = profile();
        assert_eq!(Profile::parse(&profile.to_toml()).unwrap(), profile);
    }

    #[test]
    fn unknown_names_are_refused() {
        let text = profile().to_toml().replace("[machine]", "[machine]\nspeed = 1");
        assert!(Profile::parse(&text).unwrap_err().to_string().contains("unknown field `speed`"));
    }

    #[test]
    fn another_format_is_refused_before_anything_else() {
        let text = profile().to_toml().replace("format = 1", "format = 7\nnew = 1");
        let refused = Profile::parse(&text).unwrap_err().to_string();
        assert_eq!(refused, "it has format 7, this program reads format 1");
    }
}

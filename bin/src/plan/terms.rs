//! The words that `plan size` and `plan check` share: how large messages are and how they are sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corelog_bench::plan::demand::{Batching, Clients, Demand};
use corelog_bench::plan::model::{ModelError, Resource};
use corelog_bench::plan::profile::Profile;
use corelog_bench::plan::quantity::{Bytes, Count, Time};

use crate::bench::report::duration;
use crate::failure::{Exit, Failure};

/// How messages are sent. The defaults are those of Kafka's producer since 4.0.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Messages and clients")]
pub(super) struct ClientArguments {
    /// Bytes of key and value of a message
    #[arg(long, value_name = "BYTES", default_value = "1KiB")]
    pub(super) size: Bytes,
    /// Groups of consumers that read everything
    #[arg(long, value_name = "GROUPS", default_value = "1")]
    pub(super) fan_out: Count,
    /// Partitions of all topics, without their copies
    #[arg(long, value_name = "N", default_value = "12")]
    partitions: Count,
    /// Producers
    #[arg(long, value_name = "N", default_value = "8")]
    producers: Count,
    /// How long a batch waits for more messages [linger.ms]
    #[arg(long, value_name = "TIME", default_value = "5ms")]
    linger: Time,
    /// When a batch is full, before it is compressed [batch.size]
    #[arg(long, value_name = "BYTES", default_value = "16KiB")]
    batch: Bytes,
    /// Requests that a producer may have open [max.in.flight.requests.per.connection]
    #[arg(long, value_name = "N", default_value = "5")]
    in_flight: Count,
}

impl ClientArguments {
    /// The clients, if there can be such.
    pub(super) fn clients(&self) -> Result<Clients, Failure> {
        let clients = Clients {
            producers: self.producers.0,
            linger_s: self.linger.0.as_secs_f64(),
            batch_bytes: self.batch.0,
            in_flight: self.in_flight.0,
        };
        let refuse = |why: String, hint: &str| {
            Err(Failure::new(Exit::Usage, "cannot plan for these clients", why, hint))
        };
        if !(1.0..=67_108_864.0).contains(&self.size.0) {
            let why = format!("a message of {} bytes", self.size.0);
            return refuse(why, "write --size from 1B to 64MiB");
        }
        if self.partitions.0 < 1.0
            || clients.producers < 1.0
            || clients.in_flight < 1.0
            || clients.batch_bytes < 1.0
        {
            let why = "nothing can be sent".to_owned();
            return refuse(
                why,
                "write at least 1 for --partitions, --producers, --in-flight and --batch",
            );
        }
        Ok(clients)
    }

    /// A demand of which only messages and clients matter.
    pub(super) fn demand(&self) -> Result<Demand, Failure> {
        Ok(Demand {
            messages_per_second: 0.0,
            message_bytes: self.size.0,
            compression_ratio: 1.0,
            replication: 1,
            retention_s: 0.0,
            fan_out: self.fan_out.0,
            partitions: self.partitions.0,
            p99_max_s: None,
            growth_per_year: 0.0,
            years: 0.0,
            machines_lost: 0,
            average_part: 1.0,
            head_room: 0.0,
            batching: Batching::Sticky,
            clients: self.clients()?,
        })
    }
}

/// Reads a profile.
pub(super) fn profile(path: &Path) -> Result<Profile, Failure> {
    let refuse = |why: String| {
        let what = format!("cannot use {}", path.display());
        Failure::new(Exit::Usage, what, why, "corelog plan probe makes a profile")
    };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    Profile::parse(&text).map_err(|error| refuse(error.to_string()))
}

/// A profile that says too little.
pub(super) fn unusable(error: &ModelError) -> Failure {
    let hint = "probe again without --no-broker";
    Failure::new(Exit::Usage, "cannot predict anything", error, hint)
}

/// Writes the report of a page.
pub(super) fn write_report(
    folder: Option<&PathBuf>,
    page: impl FnOnce() -> corelog_bench::report::Page,
) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    corelog_bench::report::write(&page(), folder).map(drop).map_err(|error| {
        let what = format!("cannot write a report into {}", folder.display());
        Failure::new(Exit::Failed, what, error, "check --report, the space and the permissions")
    })
}

pub(super) fn time(seconds: f64) -> String {
    duration(Duration::from_secs_f64(seconds))
}

/// A resource for people.
pub(super) fn resource(resource: Resource) -> &'static str {
    resource.label()
}

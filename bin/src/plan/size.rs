//! `corelog plan size`: how many machines a workload needs, which resource binds first, and what
//! each further machine brings.

use std::path::PathBuf;

use corelog_bench::pages::size_page;
use corelog_bench::plan::demand::{Batching, Demand};
use corelog_bench::plan::model::Resource;
use corelog_bench::plan::quantity::{Bandwidth, Bytes, Part, Rate, Time};
use corelog_bench::plan::size::{Hardware, Need, Sizing, size};
use serde::Serialize;

use crate::bench::report::{bytes, percent};
use crate::failure::{Exit, Failure};
use crate::output::{Output, Report, Table};

use super::terms::{ClientArguments, profile, resource, time, unusable, write_report};

#[derive(Debug, clap::Args)]
pub(super) struct SizeArguments {
    /// Profiles of machines, made by plan probe; each is sized on its own
    #[arg(value_name = "PROFILE", required = true)]
    profiles: Vec<PathBuf>,
    /// Messages a second at the busiest time today
    #[arg(long, value_name = "RATE")]
    rate: Rate,
    /// How long messages are kept
    #[arg(long, value_name = "TIME", default_value = "7d")]
    retention: Time,
    /// Copies of each message
    #[arg(long, value_name = "N", default_value_t = 3)]
    replication: u32,
    /// Machines that may be lost at the same time
    #[arg(long, value_name = "N", default_value_t = 1)]
    lose: u32,
    /// Uncompressed bytes for each compressed one
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    compression_ratio: f64,
    /// The 99th percentile of produce latency has to stay below this
    #[arg(long, value_name = "TIME")]
    p99: Option<Time>,
    /// By which part the rate grows in a year
    #[arg(long, value_name = "PART", default_value = "0%")]
    growth: Part,
    /// For how many years the machines have to do
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    years: f64,
    /// The mean rate as a part of the busiest: what fills the disks
    #[arg(long, value_name = "PART", default_value = "100%")]
    average: Part,
    /// Which part of every resource has to stay free at the busiest time
    #[arg(long, value_name = "PART", default_value = "30%")]
    head_room: Part,
    /// Messages have keys: a producer fills a batch for each partition, not one at a time
    #[arg(long)]
    keyed: bool,
    #[command(flatten)]
    clients: ClientArguments,
    #[command(flatten)]
    hardware: HardwareArguments,
    /// Folder for a report as HTML, with its pictures as PNG and CSV
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// What a broker is made of, where that is not what was measured.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "One broker, instead of what the profile says")]
struct HardwareArguments {
    /// Cores like the one that was measured
    #[arg(long, value_name = "N")]
    cores: Option<u32>,
    /// Disks like the one that was measured, striped
    #[arg(long, value_name = "N")]
    disks: Option<u32>,
    /// Bytes of one disk
    #[arg(long, value_name = "BYTES")]
    disk_size: Option<Bytes>,
    /// Memory
    #[arg(long, value_name = "BYTES")]
    memory: Option<Bytes>,
    /// Network, each direction
    #[arg(long, value_name = "BANDWIDTH")]
    network: Option<Bandwidth>,
}

/// Runs the command.
pub(super) fn run(arguments: &SizeArguments, output: &mut Output) -> Result<(), Failure> {
    let demand = arguments.demand()?;
    let mut sizings = Vec::new();
    for path in &arguments.profiles {
        let profile = profile(path)?;
        let hardware = arguments.hardware.over(&Hardware::of(&profile));
        sizings.push(size(&profile, &hardware, &demand).map_err(|error| unusable(&error))?);
    }
    write_report(arguments.report.as_ref(), || size_page(&demand, &sizings))?;
    output.show(&SizeReport { demand: &demand, sizings: &sizings })?;
    if sizings.iter().all(|sizing| sizing.brokers.is_none()) {
        let needs = sizings.first().and_then(|sizing| sizing.needs.first());
        let why = needs.map_or("", |need| resource(need.resource));
        let why = format!("no number of machines is enough; what is short is {why}");
        let hint = "ask for less, or for other machines: see corelog plan size --help";
        return Err(Failure::new(Exit::Failed, "the workload does not fit", why, hint));
    }
    Ok(())
}

impl SizeArguments {
    fn demand(&self) -> Result<Demand, Failure> {
        let refuse = |why: &str, hint: &str| {
            Err(Failure::new(Exit::Usage, "cannot size this workload", why, hint))
        };
        if self.replication == 0 {
            return refuse("no copy of a message is kept", "write at least --replication 1");
        }
        if !(0.01..=1000.0).contains(&self.compression_ratio) {
            return refuse("no codec does that", "write --compression-ratio from 0.01 to 1000");
        }
        if !(0.0..=100.0).contains(&self.years) {
            return refuse("no machine lasts so long", "write --years from 0 to 100");
        }
        if self.head_room.0 >= 1.0 {
            return refuse("nothing may be used", "write --head-room below 100%");
        }
        Ok(Demand {
            messages_per_second: self.rate.0,
            compression_ratio: self.compression_ratio,
            replication: self.replication,
            retention_s: self.retention.0.as_secs_f64(),
            p99_max_s: self.p99.map(|p99| p99.0.as_secs_f64()),
            growth_per_year: self.growth.0,
            years: self.years,
            machines_lost: self.lose,
            average_part: self.average.0,
            head_room: self.head_room.0,
            batching: if self.keyed { Batching::ByKey } else { Batching::Sticky },
            ..self.clients.demand()?
        })
    }
}

impl HardwareArguments {
    fn over(&self, found: &Hardware) -> Hardware {
        Hardware {
            cores: self.cores.map_or(found.cores, |cores| cores.max(1)),
            disks: self.disks.map_or(found.disks, |disks| disks.max(1)),
            disk_bytes: self.disk_size.map_or(found.disk_bytes, |it| it.0),
            memory_bytes: self.memory.map_or(found.memory_bytes, |it| it.0),
            network_bytes_per_second: self
                .network
                .map(|it| it.0)
                .or(found.network_bytes_per_second),
        }
    }
}

/// What was asked, and the answer for each kind of machine.
#[derive(Debug, Serialize)]
struct SizeReport<'s> {
    demand: &'s Demand,
    sizings: &'s [Sizing],
}

impl Report for SizeReport<'_> {
    fn tables(&self) -> Vec<Table> {
        let mut tables = vec![answers(self.sizings)];
        for sizing in self.sizings {
            tables.extend([needs(sizing), steps(sizing)]);
            let notes = sizing.notes.iter().map(|note| vec![note.clone()]);
            tables.push(Table::new(["note"], notes.collect()));
        }
        tables
    }
}

fn answers(sizings: &[Sizing]) -> Table {
    let row = |sizing: &Sizing| {
        let hardware = &sizing.hardware;
        let brokers = sizing.brokers.map_or("none is enough".to_owned(), |it| it.to_string());
        let binds = sizing.needs.first().map_or("-", |need| resource(need.resource));
        let latency = sizing.core.as_ref();
        vec![
            sizing.name.clone(),
            brokers,
            format!("{} of {}", sizing.cores_used, hardware.cores),
            format!("{} x {}", hardware.disks, bytes(hardware.disk_bytes)),
            bytes(hardware.memory_bytes),
            bytes(sizing.stored_bytes),
            binds.to_owned(),
            latency.map_or("-".to_owned(), |core| time(core.p50_s)),
            latency.map_or("-".to_owned(), |core| time(core.p99_s)),
        ]
    };
    let header = [
        "machine",
        "brokers",
        "cores each",
        "disks each",
        "memory each",
        "stored, all copies",
        "binds first",
        "p50",
        "p99",
    ];
    Table::new(header, sizings.iter().map(row).collect())
}

/// What a resource is asked for, in its own unit.
fn amount(resource: Resource, amount: f64) -> String {
    match resource {
        Resource::Cpu | Resource::Journal | Resource::Clients | Resource::Latency => {
            format!("{amount:.0} messages/s")
        }
        Resource::DiskBandwidth | Resource::Network => format!("{}/s", bytes(amount)),
        Resource::DiskSyncs => format!("{amount:.0} syncs/s"),
        Resource::DiskSpace | Resource::Memory => bytes(amount),
        Resource::Replication => format!("{amount:.0} machines"),
    }
}

fn needs(sizing: &Sizing) -> Table {
    let row = |need: &Need| {
        let free = match need.resource {
            Resource::Replication => "-".to_owned(),
            _ => percent(1.0 - need.part),
        };
        vec![
            resource(need.resource).to_owned(),
            amount(need.resource, need.asked),
            amount(need.resource, need.there),
            percent(need.part),
            free,
        ]
    };
    let header = ["one broker, others lost", "asked for", "there is", "in use", "free"];
    Table::new(header, sizing.needs.iter().map(row).collect())
}

fn steps(sizing: &Sizing) -> Table {
    let row = |step: &corelog_bench::plan::size::FurtherStep| {
        let gained = step.gained_per_second;
        vec![
            step.brokers.to_string(),
            format!("{:.0}", step.messages_per_second),
            if gained > 0.0 { format!("+{gained:.0}") } else { "-".to_owned() },
            resource(step.binding).to_owned(),
        ]
    };
    let header = ["brokers", "carry messages/s", "for one broker more", "then binds"];
    Table::new(header, sizing.steps.iter().map(row).collect())
}

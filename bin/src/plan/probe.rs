//! `corelog plan probe`: measures this machine and saves what was found as a profile.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corelog_bench::pages::probe_page;
use corelog_bench::plan::calibrate::{CalibrationError, CalibrationPlan, calibrate};
use corelog_bench::plan::distribution::{Distribution, Measured};
use corelog_bench::plan::probe::{self, ProbeError, ProbePlan};
use corelog_bench::plan::profile::{Append, Beside, Calibration, CalibrationRun, Profile};
use serde::Serialize;

use crate::bench::report::{bytes, percent};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, Report, Table};

use super::own_broker::OwnBroker;
use super::steps::Steps;
use super::terms::{time, write_report};

#[derive(Debug, clap::Args)]
pub(super) struct ProbeArguments {
    /// Folder on the disk where data would live; what the probe writes there is removed again
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// File for the profile
    #[arg(long, value_name = "FILE", default_value = "profile.toml")]
    save: PathBuf,
    /// How long disk, core and network are measured, all together
    #[arg(long, value_name = "N", default_value_t = 25.0, value_parser = seconds)]
    seconds: f64,
    /// Measures the network to another machine, on which --serve runs, instead of loopback
    #[arg(long, value_name = "HOST:PORT")]
    peer: Option<String>,
    /// Measures nothing: answers the --peer of another machine until Ctrl-C
    #[arg(long, value_name = "HOST:PORT", exclusive = true)]
    serve: Option<String>,
    /// Leaves out the broker; `plan size` and `plan check` need what it would tell
    #[arg(long)]
    no_broker: bool,
    /// How long each run on a broker is measured: ten that tell what work costs, and three for each
    /// of eight that tell how latencies grow with the load
    #[arg(long, value_name = "N", default_value_t = 3.0, value_parser = seconds)]
    broker_seconds: f64,
    /// Folder for a report as HTML, with its pictures as PNG and CSV
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Shows nothing while it runs
    #[arg(long)]
    quiet: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.5..=3600.0).contains(number));
    number.ok_or_else(|| "write a number from 0.5 to 3600".to_owned())
}

/// Runs the command.
pub(super) fn run(arguments: &ProbeArguments, output: &mut Output) -> Result<(), Failure> {
    if let Some(address) = &arguments.serve {
        return serve(address, output);
    }
    let interrupt = Interrupt::watch_all()?;
    let steps = Steps::new(arguments.quiet);
    let plan = ProbePlan {
        folder: arguments.dir.clone(),
        length: Duration::from_secs_f64(arguments.seconds),
        peer: arguments.peer.clone(),
    };
    let profile = probe::probe(&plan, &mut |step| {
        steps.show(step.number, step.of, &step.name);
        if interrupt.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let mut profile = profile.map_err(|error| unmeasured(&error))?;
    if !arguments.no_broker {
        profile.broker = Some(calibrated(arguments, &steps, &interrupt)?);
    }
    drop(steps);
    save(&arguments.save, &profile)?;
    write_report(arguments.report.as_ref(), || probe_page(&profile))?;
    output.show(&ProfileReport(&profile))
}

/// Short runs on a broker of our own, which has ended when this returns.
fn calibrated(
    arguments: &ProbeArguments,
    steps: &Steps,
    interrupt: &Interrupt,
) -> Result<Calibration, Failure> {
    let own = OwnBroker::start(&arguments.dir)?;
    let each = Duration::from_secs_f64(arguments.broker_seconds);
    let plan = CalibrationPlan { cpus: own.cpus.clone(), each };
    let found = calibrate(&own.broker, &plan, &mut |step| {
        steps.show(step.number, step.of, &step.name);
        if interrupt.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found.map_err(|error| match error {
        CalibrationError::BrokenOff => {
            Interrupt::failure("cannot calibrate a broker", "Ctrl-C came before the end")
        }
        error => {
            let hint = "try corelog serve on this machine, or leave it out with --no-broker";
            Failure::new(Exit::Failed, "cannot calibrate a broker", error, hint)
        }
    })
}

fn serve(address: &str, output: &mut Output) -> Result<(), Failure> {
    let what = format!("cannot answer probes on {address}");
    let refuse = |error: std::io::Error| {
        let hint = "write --serve HOST:PORT with an address of this machine and a free port";
        Failure::new(Exit::Failed, what.clone(), error, hint)
    };
    let listener = TcpListener::bind(address).map_err(refuse)?;
    let bound = listener.local_addr().map_err(refuse)?;
    output.line(&format!("corelog probe ready: {bound}"))?;
    probe::serve(&listener).map_err(refuse)
}

fn unmeasured(error: &ProbeError) -> Failure {
    let what = "cannot probe this machine";
    match error {
        ProbeError::BrokenOff => Interrupt::failure(what, "Ctrl-C came before the end"),
        ProbeError::Io { .. } => {
            let hint = "check --dir (it has to be there, take direct I/O and have 600 MB free) \
                        and --peer";
            Failure::new(Exit::Unsuitable, what, error, hint)
        }
    }
}

fn save(path: &Path, profile: &Profile) -> Result<(), Failure> {
    std::fs::write(path, profile.to_toml()).map_err(|error| {
        let what = format!("cannot write {}", path.display());
        Failure::new(Exit::Failed, what, error, "check --save, the space and the permissions")
    })
}

/// A profile. Scripts see its file format as JSON.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct ProfileReport<'p>(pub(super) &'p Profile);

impl Report for ProfileReport<'_> {
    fn tables(&self) -> Vec<Table> {
        let profile = self.0;
        let mut tables =
            vec![place(profile), disk(profile), appends(profile), core(profile), network(profile)];
        if let Some(broker) = &profile.broker {
            tables.extend([runs(broker), costs(broker)]);
        }
        tables
    }
}

fn place(profile: &Profile) -> Table {
    let (place, machine) = (&profile.place, &profile.machine);
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "not told".to_owned());
    let flag = |value: Option<bool>| match value {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => "not told".to_owned(),
    };
    let size = |bytes: Option<u64>| bytes.map_or("not told".to_owned(), |it| it.to_string());
    let memory = bytes(machine.memory_bytes as f64);
    let space =
        format!("{} of {} free", bytes(place.free_bytes as f64), bytes(place.total_bytes as f64));
    let blocks =
        format!("{} / {}", size(place.logical_block_bytes), size(place.physical_block_bytes));
    let rows = vec![
        row("name", profile.name.clone()),
        row("CPUs", format!("{} x {}", machine.cpus, machine.cpu_model)),
        row("memory", memory),
        row("kernel", machine.kernel.clone()),
        row("steal meanwhile", percent(profile.steal)),
        row("folder", place.folder.clone()),
        row("file system", format!("{} ({})", place.file_system, place.options)),
        row("space", space),
        row("device", text(&place.device)),
        row("volatile write cache", write_cache(place.write_cache.as_deref())),
        row("forced unit access", flag(place.forced_unit_access)),
        row("scheduler", text(&place.scheduler)),
        row("can be polled", flag(place.polls)),
        row("logical / physical block", blocks),
    ];
    Table::new(["machine", "value"], rows)
}

fn write_cache(told: Option<&str>) -> String {
    match told {
        Some("write back") => "yes: a write is durable after a flush only".to_owned(),
        Some("write through") => "no: a write is durable when it returns".to_owned(),
        Some(other) => other.to_owned(),
        None => "not told".to_owned(),
    }
}

fn disk(profile: &Profile) -> Table {
    let disk = &profile.disk;
    let rate = |name: &str, rate: &Measured| {
        vec![name.to_owned(), format!("{}/s", bytes(rate.value)), error(rate)]
    };
    let mut rows = vec![
        rate("sequential write", &disk.write_bytes_per_second),
        rate("durable sequential write", &disk.durable_bytes_per_second),
        rate("sequential read", &disk.read_bytes_per_second),
        rate("mixed, writing", &disk.mixed_write_bytes_per_second),
        rate("mixed, reading", &disk.mixed_read_bytes_per_second),
    ];
    let read = |name: &str, found: &Distribution| {
        vec![name.to_owned(), time(found.p50.value), error(&found.p50)]
    };
    let polled = &disk.polled;
    rows.extend(polled.interrupt.iter().map(|found| read("read of 4 KiB, p50", found)));
    rows.extend(polled.polled.iter().map(|found| read("polled read of 4 KiB, p50", found)));
    if let Some(why) = &polled.not_measured {
        let polled = "polled read of 4 KiB, p50".to_owned();
        rows.push(vec![polled, format!("not measured: {why}"), "-".to_owned()]);
    }
    Table::new(["disk", "value", "error"], rows)
}

fn appends(profile: &Profile) -> Table {
    let row = |append: &Append| {
        let beside = match append.beside {
            Beside::Nothing => "-".to_owned(),
            Beside::Reader => format!("reader, {}/s", bytes(append.beside_bytes_per_second)),
            Beside::Writer => format!("writer, {}/s", bytes(append.beside_bytes_per_second)),
        };
        let found = &append.latency;
        vec![
            bytes(append.bytes as f64),
            append.files.to_string(),
            beside,
            format!("{:.0}", append.per_second.value),
            time(found.p50.value),
            time(found.p99.value),
            error(&found.p99),
            time(found.at(0.999)),
            time(found.at(1.0)),
        ]
    };
    let header = [
        "durable append",
        "files",
        "beside",
        "a second",
        "p50",
        "p99",
        "error of p99",
        "p99.9",
        "max",
    ];
    Table::new(header, profile.disk.appends.iter().map(row).collect())
}

fn core(profile: &Profile) -> Table {
    let core = &profile.core;
    let rate =
        |name: String, rate: &Measured| vec![name, format!("{}/s", bytes(rate.value)), error(rate)];
    let mut rows = vec![
        rate("memory copy".to_owned(), &core.copy_bytes_per_second),
        rate("CRC-32C".to_owned(), &core.checksum_bytes_per_second),
    ];
    for codec in &core.codecs {
        let name = format!("{} at {:.1}, compress", codec.name, codec.ratio);
        rows.push(rate(name, &codec.compress_bytes_per_second));
        let name = format!("{}, decompress", codec.name);
        rows.push(rate(name, &codec.decompress_bytes_per_second));
    }
    Table::new(["one core", "value", "error"], rows)
}

fn network(profile: &Profile) -> Table {
    let network = &profile.network;
    let to = network.peer.clone().unwrap_or_else(|| "loopback, which is no network".to_owned());
    let link = network.link_bytes_per_second;
    let link = link.map_or("not told".to_owned(), |link| format!("{}/s", bytes(link)));
    let (round_trip, rate) = (&network.round_trip, &network.bytes_per_second);
    let none = || "-".to_owned();
    let rows = vec![
        vec!["measured to".to_owned(), to, none()],
        vec!["round trip, p50".to_owned(), time(round_trip.p50.value), error(&round_trip.p50)],
        vec!["round trip, p99".to_owned(), time(round_trip.p99.value), error(&round_trip.p99)],
        vec!["one connection".to_owned(), format!("{}/s", bytes(rate.value)), error(rate)],
        vec!["the card says".to_owned(), link, none()],
    ];
    Table::new(["network", "value", "error"], rows)
}

fn runs(broker: &Calibration) -> Table {
    let row = |run: &CalibrationRun| {
        let whole = |rate: f64| format!("{rate:.0}");
        vec![
            run.name.clone(),
            whole(run.requests_per_second),
            whole(run.frames_per_second),
            whole(run.records_per_second),
            format!("{}/s", bytes(run.bytes_per_second)),
            format!("{}/s", bytes(run.fetched_bytes_per_second)),
            percent(run.cpu),
            percent(run.cpu_fitted),
            if run.not_valid.is_empty() { "yes".to_owned() } else { run.not_valid.join("; ") },
        ]
    };
    let header = [
        "broker, one core",
        "requests/s",
        "commits/s",
        "records/s",
        "produced",
        "fetched",
        "CPU",
        "by the costs",
        "valid",
    ];
    Table::new(header, broker.runs.iter().map(row).collect())
}

fn costs(broker: &Calibration) -> Table {
    let cost = &broker.cost;
    let nanos = |seconds: f64| format!("{:.3} ns", seconds * 1e9);
    let most = &broker.bytes_per_second_max;
    let most = format!("{}/s (error {})", bytes(most.value), error(most));
    let rows = vec![
        row("CPU of a connection's turn", time(cost.turn_s)),
        row("CPU of a produce request", time(cost.request_s)),
        row("CPU of a group commit", time(cost.frame_s)),
        row("CPU of a record", nanos(cost.record_s)),
        row("CPU of a byte", nanos(cost.byte_s)),
        row("CPU of a fetch", time(cost.fetch_s)),
        row("CPU of a fetched byte", nanos(cost.fetched_byte_s)),
        row("largest error of these costs", percent(broker.cost_error)),
        row("latency now and then, p50", time(broker.unloaded.p50.value)),
        row("latency now and then, p99", time(broker.unloaded.p99.value)),
        row("latency one at a time, p50", time(broker.awake.p50.value)),
        row("latency one at a time, p99", time(broker.awake.p99.value)),
        row("most bytes of one core", most),
        row("memory, idle", bytes(broker.idle_resident_bytes as f64)),
        row("memory of a partition", bytes(broker.partition_bytes)),
    ];
    Table::new(["broker, one core", "value"], rows)
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn error(of: &Measured) -> String {
    format!("{:.0} %", of.error() * 100.0)
}

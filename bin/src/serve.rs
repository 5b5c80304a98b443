//! `corelog serve`: runs a broker. Its configuration is checked before anything else happens.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::flag;

use crate::failure::{Exit, Failure};
use crate::output::Output;

use self::broker::Broker;
use self::config::Config;
use self::config::problem::refusal;
use self::config::raw::RawConfig;
use self::config::settings::Settings;
use self::described::described;
use self::machine::Machine;
use self::print_config::PrintedConfig;

pub mod broker;
pub mod config;
mod described;
mod identity;
pub mod machine;
mod print_config;
mod security;
mod sync_road;

const STOP_CHECK_PERIOD: Duration = Duration::from_millis(100);
const INTERRUPTED: i32 = 130;

/// The command line of `serve`. Flags win over `CORELOG_` variables, variables over the file.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Directory that holds all data [log.dirs, default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Address to listen on; core N uses PORT + N [listeners, default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// CPUs to run on: a number, or a list such as 0,2-3 [corelog.cores, default: all]
    #[arg(long, value_name = "N|LIST")]
    pub cores: Option<String>,
    /// Number of this broker in its cluster [node.id, default: 1]
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub broker_id: Option<String>,
    /// Configuration in the format and with the names of Kafka's server.properties
    #[arg(long, value_name = "FILE", env = "CORELOG_CONFIG")]
    pub config: Option<PathBuf>,
    /// Sets one key of the configuration; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Host that clients are told to connect to [advertised.listeners]
    #[arg(long, value_name = "HOST")]
    pub advertise: Option<String>,
    /// How long an idle core looks for work before it sleeps [corelog.poll.us, default: 0]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub poll_us: Option<String>,
    /// Prints each value and where it comes from, and exits
    #[arg(long)]
    pub print_config: bool,
}

/// A checked configuration, and what there is to say about it.
#[derive(Debug)]
pub struct Loaded {
    /// What the server uses.
    pub config: Config,
    /// Every setting with its source.
    pub settings: Settings,
    /// What was typed.
    pub raw: RawConfig,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let loaded = load(arguments, std::env::vars_os(), &Machine::this()?)?;
    for warning in loaded.warnings() {
        tracing::warn!("{warning}");
    }
    if arguments.print_config {
        return output.show(&PrintedConfig::new(&loaded));
    }
    run_until_stopped(&loaded, output)
}

/// Runs the broker until a signal asks it to stop or a core fails.
fn run_until_stopped(loaded: &Loaded, output: &mut Output) -> Result<(), Failure> {
    let unhandled =
        |error| Failure::new(Exit::Unsuitable, "cannot handle signals", error, "report this");
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        // The second signal ends the process at once.
        let registered =
            flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&stop))
                .and_then(|_| flag::register(signal, Arc::clone(&stop)));
        registered.map_err(unhandled)?;
    }
    let reload = Arc::new(AtomicBool::new(false));
    flag::register(signal_hook::consts::SIGHUP, Arc::clone(&reload)).map_err(unhandled)?;
    crate::memory::keep_freed_memory();
    let mut broker = Broker::start(&loaded.config, described(&loaded.settings))?;
    output.line(&broker.ready_line())?;
    while !stop.load(Ordering::Relaxed) {
        if let Some(failure) = broker.failed_within(STOP_CHECK_PERIOD) {
            broker.stop().ok();
            return Err(failure);
        }
        if reload.swap(false, Ordering::Relaxed) {
            broker.security().reload();
        }
        broker.security().reload_if_changed();
    }
    tracing::info!("stopping: everything goes to segments");
    broker.stop()
}

/// Reads the layers and checks the result.
pub fn load(
    arguments: &Arguments,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    machine: &Machine,
) -> Result<Loaded, Failure> {
    let mut raw = RawConfig::default();
    if let Some(path) = &arguments.config {
        raw.add_file(path);
    }
    raw.add_environment(environment);
    let flags = [
        ("--data-dir", "log.dirs", &arguments.data_dir),
        ("--listen", "listeners", &arguments.listen),
        ("--cores", "corelog.cores", &arguments.cores),
        ("--broker-id", "node.id", &arguments.broker_id),
        ("--advertise", "advertised.listeners", &arguments.advertise),
        ("--poll-us", "corelog.poll.us", &arguments.poll_us),
    ];
    for (flag, name, value) in flags {
        if let Some(value) = value {
            raw.add_flag(flag, name, value.clone());
        }
    }
    for argument in &arguments.set {
        raw.add_set(argument);
    }
    // Values are checked even when names are wrong, so that one run shows everything.
    let settings = match (Settings::resolve(&raw), raw.problems.is_empty()) {
        (Ok(settings), true) => settings,
        (Ok(_), false) => return Err(refusal(&raw.problems)),
        (Err(problems), _) => {
            raw.problems.extend(problems);
            return Err(refusal(&raw.problems));
        }
    };
    let config = Config::check(&settings, machine).map_err(|problems| refusal(&problems))?;
    Ok(Loaded { config, settings, raw })
}

impl Loaded {
    /// What the operator should know and need not change.
    pub fn warnings(&self) -> Vec<String> {
        self.raw.warnings.iter().cloned().chain(self.config.warnings()).collect()
    }
}

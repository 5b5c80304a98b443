//! `corelog-bench`: starts a broker on one core, loads it from another, and prints each figure
//! beside what the same machine can do at best in the same run.

#![allow(clippy::print_stdout, reason = "printing the figures is what this program is for")]

mod broker;
mod client;
mod figures;
mod limits;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Measures the figures of docs/benchmarks.md.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// The broker's program
    #[arg(long, default_value = "target/release/corelog")]
    broker: PathBuf,
    /// Directory for data; must be on the disk that is to be measured
    #[arg(long, default_value = "target/bench-data")]
    directory: PathBuf,
    /// CPU of the broker
    #[arg(long, default_value_t = 0)]
    broker_cpu: usize,
    /// CPU of the load
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Only figures whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// A key of the broker's configuration and its value, as in `corelog serve --set`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    core_affinity::set_for_current(core_affinity::CoreId { id: arguments.load_cpu });
    match figures::run(&arguments) {
        Ok(figures) => {
            if arguments.json {
                println!("{}", table::json(&figures));
            } else {
                println!("{}", table::table(&figures));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the benchmark cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

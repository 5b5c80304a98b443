//! `corelog plan`: what a machine can do for a log, how many machines a workload needs, and whether
//! that was predicted well. Arguments and output are here, everything else is in `corelog-bench`.

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::output::Output;

mod check;
mod own_broker;
mod probe;
mod size;
mod steps;
mod terms;

/// The command line of `plan`.
#[derive(Debug, Args)]
#[command(after_help = STEPS_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Measures what this machine can do for a log, in about a minute, and saves it as a profile
    Probe(probe::ProbeArguments),
    /// Says how many machines a workload needs, what binds first, and what each further one brings
    Size(Box<size::SizeArguments>),
    /// Runs what was predicted on a broker of this machine, and says how far off it was
    Check(Box<check::CheckArguments>),
}

const STEPS_HELP: &str = "\
Three steps:
  corelog plan probe --dir /var/lib/corelog          measures this machine: profile.toml
  corelog plan size profile.toml --rate 50k --size 1KiB --retention 7d
                                                     says what such a workload needs
  corelog plan check profile.toml --size 1KiB        runs what was predicted, and compares

docs/capacity.md has the formulae, and says how to read what is printed.";

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    match &arguments.action {
        Action::Probe(arguments) => probe::run(arguments, output),
        Action::Size(arguments) => size::run(arguments, output),
        Action::Check(arguments) => check::run(arguments, output),
    }
}

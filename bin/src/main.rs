//! The `corelog` binary: reads the command line, runs the command, maps its failure to an exit
//! code.

use std::process::ExitCode;

use clap::Parser;
use corelog::cli::Cli;
use corelog::failure::Failure;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A command line that cannot be read ends here, with clap's message and exit code 2.
    let cli = Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&cli, &failure);
            ExitCode::from(failure.exit().code())
        }
    }
}

fn report(cli: &Cli, failure: &Failure) {
    if failure.is_silent() {
        return;
    }
    if cli.json {
        eprintln!("{}", failure.to_json());
    } else {
        eprintln!("{failure}");
    }
}

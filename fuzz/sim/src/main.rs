//! `corelog-sim --seeds 0..2000` runs scenarios and prints the seeds that fail; `--seed N -v` tells
//! what happened in one.
#![allow(clippy::print_stdout, reason = "printing is what this program does")]

use std::ops::Range;
use std::process::ExitCode;

use clap::Parser;
use corelog_sim::{Outcome, Scenario, sweep};

/// Runs the storage engine on a simulated machine.
#[derive(Debug, Parser)]
#[command(name = "corelog-sim")]
struct Arguments {
    /// Range of seeds, the end excluded.
    #[arg(long, default_value = "0..2000", value_parser = parse_range)]
    seeds: Range<u64>,
    /// A single seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Threads that run seeds.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Tell what happened in each run.
    #[arg(short, long)]
    verbose: bool,
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or("a range is written A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    Ok(number(start)?..number(end)?)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = arguments.seed.map_or(arguments.seeds, |seed| seed..seed + 1);
    let count = seeds.end.saturating_sub(seeds.start);
    let sweep = sweep(seeds, arguments.threads, Scenario::of_seed, |scenario, outcome| {
        if arguments.verbose || !outcome.findings.is_empty() {
            print(scenario, outcome, arguments.verbose);
        }
    });
    println!("{:#?}", sweep.counts);
    println!("{count} seeds, {} failed", sweep.failed.len());
    if sweep.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(scenario: &Scenario, outcome: &Outcome, verbose: bool) {
    let Outcome { seed, findings, story, trace_hash, .. } = outcome;
    println!("seed {seed}, trouble {:?}, trace {trace_hash:#018x}", scenario.trouble);
    if verbose {
        println!("{scenario:#?}");
        for line in story {
            println!("  {line}");
        }
    }
    for finding in findings {
        println!("  FAILED: {finding}");
    }
}

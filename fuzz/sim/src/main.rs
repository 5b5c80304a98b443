//! `corelog-sim --seeds 0..2000` runs scenarios and prints the seeds that fail; `--seed N -v` tells
//! what happened in one.
#![allow(clippy::print_stdout, reason = "printing is what this program does")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use corelog_sim::world::Counts;
use corelog_sim::{Outcome, Scenario, run};

/// Runs the storage engine on a simulated machine.
#[derive(Debug, Parser)]
#[command(name = "corelog-sim")]
struct Arguments {
    /// Range of seeds, the end excluded.
    #[arg(long, default_value = "0..2000", value_parser = parse_range)]
    seeds: std::ops::Range<u64>,
    /// A single seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Threads that run seeds.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Tell what happened in each run.
    #[arg(short, long)]
    verbose: bool,
}

fn parse_range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or("a range is written A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    Ok(number(start)?..number(end)?)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = arguments.seed.map_or(arguments.seeds.clone(), |seed| seed..seed + 1);
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new((Counts::default(), 0_u64));
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let scenario = Scenario::of_seed(seed);
                    let outcome = run(&scenario);
                    if arguments.verbose || !outcome.findings.is_empty() {
                        print(&scenario, &outcome, arguments.verbose);
                    }
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    total.0.add(&outcome.counts);
                    total.1 += u64::from(!outcome.findings.is_empty());
                }
            });
        }
    });
    let (counts, failed) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{counts:#?}");
    println!("{} seeds, {failed} failed", seeds.end - seeds.start);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

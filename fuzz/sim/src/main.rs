//! `corelog-sim --seeds 0..2000` runs scenarios and prints the seeds that fail; `--seed N -v` tells
//! what happened in one.
#![allow(clippy::print_stdout, reason = "printing is what this program does")]

use std::num::NonZero;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use corelog_sim::chain::{self, Chain, ChainOutcome};
use corelog_sim::counts::{ChainCounts, MembershipCounts};
use corelog_sim::membership::{self, Membership, MembershipOutcome};
use corelog_sim::{Outcome, Scenario, sweep};

const SEEDS_A_LINE: u64 = 250;

/// Runs the storage engine on a simulated machine.
#[derive(Debug, Parser)]
#[command(name = "corelog-sim")]
struct Arguments {
    /// Range of seeds, the end excluded.
    #[arg(long, default_value = "0..2000", value_parser = parse_range)]
    seeds: Range<u64>,
    /// A single seed.
    #[arg(long, conflicts_with_all = ["seeds", "coverage"])]
    seed: Option<u64>,
    /// Threads that run seeds; one for each core unless told otherwise.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Fail too when a fault or a rare path did not happen as often as it must.
    #[arg(long)]
    coverage: bool,
    /// What is run.
    #[arg(long, value_enum, default_value_t)]
    workload: Workload,
    /// Tell what happened in each run.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Workload {
    /// The storage engine, with many faults of its disk.
    #[default]
    Storage,
    /// Chains of transactions on a whole broker.
    Chains,
    /// Groups and their members on a whole broker.
    Memberships,
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or("a range is written A..B")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let (start, end) = (number(start)?, number(end)?);
    if end <= start {
        return Err(format!("{text} has no seeds"));
    }
    Ok(start..end)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = arguments.seed.map_or(arguments.seeds, |seed| seed..seed + 1);
    let count = seeds.end - seeds.start;
    match arguments.workload {
        Workload::Storage => {}
        Workload::Chains => return run_chains(seeds, arguments.coverage, arguments.verbose),
        Workload::Memberships => {
            return run_memberships(seeds, arguments.coverage, arguments.verbose);
        }
    }
    let threads = arguments.threads.or(available_parallelism().ok()).map_or(1, NonZero::get);
    let (began, done) = (Instant::now(), AtomicU64::new(0));
    let seeds_a_second = |done: u64| done as f64 / began.elapsed().as_secs_f64();
    let sweep = sweep(seeds, threads, Scenario::of_seed, |scenario, outcome| {
        if arguments.verbose || !outcome.findings.is_empty() {
            print(scenario, outcome, arguments.verbose);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(SEEDS_A_LINE) {
            println!("{done} of {count} seeds, {:.0} a second", seeds_a_second(done));
        }
    });
    println!("{}", sweep.counts);
    let missing = if arguments.coverage { sweep.counts.missing(count) } else { Vec::new() };
    for line in &missing {
        println!("FAILED: too rare: {line}");
    }
    let failed = sweep.failed.len();
    println!("{count} seeds, {:.0} a second, {failed} failed", seeds_a_second(count));
    if failed == 0 && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Chains have whole brokers, one after the other.
fn run_chains(seeds: Range<u64>, coverage: bool, verbose: bool) -> ExitCode {
    let (count, began) = (seeds.end - seeds.start, Instant::now());
    let (mut counts, mut failed) = (ChainCounts::default(), 0);
    for seed in seeds {
        let ChainOutcome { findings, story, counts: of_seed, trace_hash, .. } =
            chain::play(&Chain::of_seed(seed));
        counts.add(&of_seed);
        failed += u64::from(!findings.is_empty());
        print_whole(&format!("chain {seed}, trace {trace_hash:#018x}"), &findings, &story, verbose);
    }
    println!("{counts}");
    let missing = if coverage { counts.missing(count) } else { Vec::new() };
    conclude("chains", count, began, failed, &missing)
}

/// So have groups.
fn run_memberships(seeds: Range<u64>, coverage: bool, verbose: bool) -> ExitCode {
    let (count, began) = (seeds.end - seeds.start, Instant::now());
    let (mut counts, mut failed) = (MembershipCounts::default(), 0);
    for seed in seeds {
        let run = Membership::of_seed(seed);
        let MembershipOutcome { findings, story, counts: of_seed, trace_hash } =
            membership::play(&run);
        counts.add(&of_seed);
        failed += u64::from(!findings.is_empty());
        let head = format!("group {seed}, {:?}, trace {trace_hash:#018x}", run.dialect);
        print_whole(&head, &findings, &story, verbose);
    }
    println!("{counts}");
    let missing = if coverage { counts.missing(count) } else { Vec::new() };
    conclude("groups", count, began, failed, &missing)
}

/// Tells of a run of a whole broker.
fn print_whole(head: &str, findings: &[String], story: &[String], verbose: bool) {
    if verbose || !findings.is_empty() {
        println!("{head}");
    }
    if verbose {
        for line in story {
            println!("  {line}");
        }
    }
    for finding in findings {
        println!("  FAILED: {finding}");
    }
}

/// Tells what came of all of them.
fn conclude(what: &str, count: u64, began: Instant, failed: u64, missing: &[String]) -> ExitCode {
    for line in missing {
        println!("FAILED: too rare: {line}");
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{count} {what}, {:.1} a second, {failed} failed", count as f64 / seconds);
    if failed == 0 && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

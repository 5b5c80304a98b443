//! `corelog-fuzz run` tries mutated inputs on a stable compiler; `seeds` writes a folder for
//! libFuzzer to begin with; `pack` turns what it found into lines for `fuzz/seeds/`.
#![allow(clippy::print_stdout, reason = "printing is what this program does")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use corelog_fuzz::{TARGETS, Target, mutation, seeds, target};

/// Fuzzes the parsers of bytes from outside.
#[derive(Debug, Parser)]
#[command(name = "corelog-fuzz")]
enum Command {
    /// Tries mutated inputs and stops at the first that breaks a promise.
    Run {
        /// One target; all of them, one after the other, if there is none.
        #[arg(long)]
        target: Option<String>,
        /// Time for each target.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Where chance begins.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Writes the seeds of a target into a folder, a file each.
    Seeds {
        /// The target.
        target: String,
        /// The folder; made if it does not exist.
        folder: PathBuf,
    },
    /// Prints some files of a folder, small ones and large ones, as lines for
    /// `fuzz/seeds/TARGET.hex`.
    Pack {
        /// The folder.
        folder: PathBuf,
        /// Lines at most.
        #[arg(long, default_value_t = 150)]
        lines: usize,
        /// Bytes of one input at most.
        #[arg(long, default_value_t = 300)]
        bytes: usize,
    },
}

fn run(target: &Target, time: Duration, seed: u64) {
    let begun = Instant::now();
    let (mut count, mut heaviest) = (0u64, 0);
    for input in mutation::inputs(target, seed) {
        if time <= begun.elapsed() {
            break;
        }
        let Ok(taken) = std::panic::catch_unwind(|| target.weigh(&input)) else {
            println!("{}: this input breaks a promise:\n{}", target.name, seeds::to_hex(&input));
            std::process::exit(1);
        };
        heaviest = heaviest.max(taken);
        count += 1;
    }
    println!("{}: {count} inputs, {heaviest} bytes of memory at most", target.name);
}

fn write_seeds(target: &Target, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, seed) in target.seeds().iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), seed)?;
    }
    Ok(())
}

fn pack(folder: &Path, lines: usize, bytes_max: usize) -> io::Result<()> {
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.metadata()?.len() <= bytes_max as u64 {
            inputs.push(fs::read(path)?);
        }
    }
    inputs.sort_by_key(|input| (input.len(), input.clone()));
    let step = inputs.len().div_ceil(lines.max(1)).max(1);
    for input in inputs.iter().step_by(step) {
        println!("{}", seeds::to_hex(input));
    }
    Ok(())
}

fn main() -> io::Result<()> {
    match Command::parse() {
        Command::Run { target: None, seconds, seed } => {
            for target in TARGETS {
                run(target, Duration::from_secs(seconds), seed);
            }
            Ok(())
        }
        Command::Run { target: Some(name), seconds, seed } => {
            run(target(&name), Duration::from_secs(seconds), seed);
            Ok(())
        }
        Command::Seeds { target: name, folder } => write_seeds(target(&name), &folder),
        Command::Pack { folder, lines, bytes } => pack(&folder, lines, bytes),
    }
}

//! `corelog log`: reads the segment files of a stopped server, or copies of them.

use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure, Reason};
use crate::interrupt::Interrupt;
use crate::output::Output;

use self::segment::SegmentFiles;
use self::transactions::OpenTransactions;
use self::verify::Verified;

mod dump;
mod index;
mod segment;
mod transactions;
mod verify;

/// The command line of `log`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Prints batches, records, transactions and index entries
    Dump(Dump),
    /// Checks checksums, the chain of offsets and the indexes
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Dump {
    /// A .log, .index, .timeindex or .txnindex file, or a folder with segments below it
    path: PathBuf,
    /// Prints batches only, without their records
    #[arg(long)]
    batches: bool,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// A .log file, or a folder with segments below it
    path: PathBuf,
}

/// Runs the command.
pub fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    Interrupt::end_process()?;
    match &arguments.action {
        Action::Dump(dump) => dump.run(output),
        Action::Verify(verify) => verify.run(output),
    }
}

impl Dump {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let extension = self.path.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("index") => return dump::offset_index(&self.path, output),
            Some("timeindex") => return dump::time_index(&self.path, output),
            Some("txnindex") => return dump::aborted_index(&self.path, output),
            _ => {}
        }
        let depth = if self.batches { dump::Depth::Batches } else { dump::Depth::Records };
        let mut damages = Vec::new();
        let segments = find(&self.path)?;
        for partition in segments.chunk_by(|one, next| one.folder == next.folder) {
            let mut transactions = OpenTransactions::default();
            for segment in partition {
                damages.extend(dump::segment(segment, depth, &mut transactions, output)?);
            }
            dump::open_transactions(&transactions, output)?;
        }
        refuse(damages, "cannot dump everything")
    }
}

impl Verify {
    fn run(&self, output: &mut Output) -> Result<(), Failure> {
        let verified = Verified::new(&find(&self.path)?)?;
        output.show(&verified)?;
        refuse(verified.damages(), "damaged")
    }
}

fn find(path: &Path) -> Result<Vec<SegmentFiles>, Failure> {
    let segments = segment::find(path).map_err(|error| unreadable(path, &error))?;
    if segments.is_empty() {
        let hint = "name a .log file, or a folder with segments below it";
        return Err(Failure::new(Exit::Failed, path.display().to_string(), "no segments", hint));
    }
    Ok(segments)
}

/// The failure to read a file.
fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("cannot read {}", path.display());
    Failure::new(Exit::Failed, what, error, "check the path and the permissions")
}

/// The failure that names every damage; none when there is none.
fn refuse(damages: Vec<String>, what: &str) -> Result<(), Failure> {
    /// So many are printed; the rest is likely to follow from them.
    const SHOWN_MAX: usize = 20;
    if damages.is_empty() {
        return Ok(());
    }
    let count = damages.len();
    let hint = "stop the server and keep a copy of the folder; replicas may have the data";
    let mut reasons: Vec<Reason> = damages
        .into_iter()
        .take(SHOWN_MAX)
        .map(|why| Reason { why, hint: hint.to_owned() })
        .collect();
    if count > SHOWN_MAX {
        let why = format!("{} more", count - SHOWN_MAX);
        reasons.push(Reason { why, hint: hint.to_owned() });
    }
    Err(Failure::with_reasons(Exit::Damaged, what, reasons))
}

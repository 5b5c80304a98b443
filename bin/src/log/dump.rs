//! Prints what is in segment and index files: a line for each batch, record and entry.

use std::fmt::Write;
use std::path::Path;

use corelog_log::aborted::AbortedTransaction;
use corelog_model::{BatchView, Offset, ProducerId, Record, RecordHeader};
use serde_json::{Value, json};

use super::index;
use super::segment::{Batches, Item, SegmentFiles};
use super::transactions::{EndedTransaction, OpenTransactions};
use super::unreadable;
use super::verify::BATCH_BYTES_MAX;
use crate::base64;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// How much text is collected before it is printed.
const PRINT_BYTES: usize = 256 * 1024;

/// How much of a segment is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Batches.
    Batches,
    /// Batches and their records.
    Records,
}

/// Prints a segment up to its end or its first damage, which is returned.
pub(super) fn segment(
    files: &SegmentFiles,
    depth: Depth,
    transactions: &mut OpenTransactions,
    output: &mut Output,
) -> Result<Option<String>, Failure> {
    let path = &files.log;
    let format = output.format();
    let mut printer = Printer { format, depth, text: String::new(), scratch: Vec::new() };
    printer.begin(path);
    let mut batches = Batches::open(path).map_err(|error| unreadable(path, &error))?;
    let mut damage = None;
    loop {
        match batches.next().map_err(|error| unreadable(path, &error))? {
            Item::Batch(position, batch) => {
                let ended = transactions.pass(&batch);
                let problem = printer.batch(position, &batch, ended);
                damage = damage.or(problem.map(|why| format!("position {position}: {why}")));
            }
            Item::Padding { bytes } => printer.padding(bytes),
            Item::Damage(found) => {
                damage = damage.or(Some(found.to_string()));
                break;
            }
            Item::End => break,
        }
        if printer.text.len() >= PRINT_BYTES {
            output.bytes(printer.text.as_bytes())?;
            printer.text.clear();
        }
    }
    output.bytes(printer.text.as_bytes())?;
    Ok(damage.map(|damage| format!("{}: {damage}", path.display())))
}

/// Prints a `.index` file.
pub(super) fn offset_index(path: &Path, output: &mut Output) -> Result<(), Failure> {
    let read = index::offsets(path, base_of(path)).map_err(|error| unreadable(path, &error))?;
    let entries = read.ok_or_else(|| unreadable(path, &std::io::ErrorKind::NotFound.into()))?;
    let format = output.format();
    let line = |entry: &index::OffsetEntry| match format {
        Format::Json => json!({ "offset": entry.offset.0, "position": entry.position }).to_string(),
        Format::Plain | Format::Terminal { .. } => {
            format!("offset {} position {}", entry.offset, entry.position)
        }
    };
    let lines: Vec<String> = entries.entries.iter().map(line).collect();
    print_lines(&lines, output)
}

/// Prints a `.timeindex` file.
pub(super) fn time_index(path: &Path, output: &mut Output) -> Result<(), Failure> {
    let read = index::times(path, base_of(path)).map_err(|error| unreadable(path, &error))?;
    let entries = read.ok_or_else(|| unreadable(path, &std::io::ErrorKind::NotFound.into()))?;
    let format = output.format();
    let line = |entry: &index::TimeEntry| match format {
        Format::Json => {
            json!({ "timestamp": entry.timestamp.0, "offset": entry.offset.0 }).to_string()
        }
        Format::Plain | Format::Terminal { .. } => {
            format!("timestamp {} offset {}", entry.timestamp, entry.offset)
        }
    };
    let lines: Vec<String> = entries.entries.iter().map(line).collect();
    print_lines(&lines, output)
}

/// Prints a `.txnindex` file.
pub(super) fn aborted_index(path: &Path, output: &mut Output) -> Result<(), Failure> {
    let read = index::aborted(path).map_err(|error| unreadable(path, &error))?;
    let entries = read.ok_or_else(|| unreadable(path, &std::io::ErrorKind::NotFound.into()))?;
    let format = output.format();
    let line = |entry: &Option<AbortedTransaction>| match (entry, format) {
        (None, Format::Json) => json!({ "unknown": true }).to_string(),
        (None, Format::Plain | Format::Terminal { .. }) => "no entry that is known".to_owned(),
        (Some(entry), Format::Json) => json!({
            "producer_id": entry.producer.0,
            "first_offset": entry.first_offset.0,
            "last_offset": entry.last_offset.0,
            "last_stable_offset": entry.stable_offset.0,
        })
        .to_string(),
        (Some(entry), Format::Plain | Format::Terminal { .. }) => format!(
            "producer {} aborted {}-{} last stable offset {}",
            entry.producer, entry.first_offset, entry.last_offset, entry.stable_offset
        ),
    };
    let lines: Vec<String> = entries.entries.iter().map(line).collect();
    print_lines(&lines, output)
}

/// Prints the transactions that a partition leaves open.
pub(super) fn open_transactions(
    transactions: &OpenTransactions,
    output: &mut Output,
) -> Result<(), Failure> {
    let format = output.format();
    let line = |(producer, first): (ProducerId, Offset)| match format {
        Format::Json => {
            let open = json!({ "producer_id": producer.0, "first_offset": first.0 });
            json!({ "open_transaction": open }).to_string()
        }
        Format::Plain | Format::Terminal { .. } => {
            format!("open transaction of producer {producer} from {first}")
        }
    };
    let lines: Vec<String> = transactions.open().map(line).collect();
    print_lines(&lines, output)
}

fn print_lines(lines: &[String], output: &mut Output) -> Result<(), Failure> {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    output.bytes(text.as_bytes())
}

/// The offset in a file's name, which entries count from; 0 for another name.
fn base_of(path: &Path) -> Offset {
    let name = path.file_stem().and_then(|name| name.to_str());
    Offset(name.and_then(|digits| digits.parse().ok()).filter(|base| *base >= 0).unwrap_or(0))
}

struct Printer {
    format: Format,
    depth: Depth,
    text: String,
    scratch: Vec<u8>,
}

impl Printer {
    fn line(&mut self, text: impl std::fmt::Display) {
        writeln!(self.text, "{text}").expect("a string takes whatever is written");
    }

    fn begin(&mut self, path: &Path) {
        match self.format {
            Format::Json => self.line(json!({ "segment": path.display().to_string() })),
            Format::Plain | Format::Terminal { .. } => {
                self.line(format_args!("segment {}", path.display()));
            }
        }
    }

    fn padding(&mut self, bytes: u64) {
        match self.format {
            Format::Json => self.line(json!({ "padding_bytes": bytes })),
            Format::Plain | Format::Terminal { .. } => {
                self.line(format_args!("padding of {bytes} bytes"));
            }
        }
    }

    /// Prints a batch and its records; gives what is wrong with it.
    fn batch(
        &mut self,
        position: u64,
        batch: &BatchView<'_>,
        ended: Option<EndedTransaction>,
    ) -> Option<String> {
        let mut problem = batch.verify_crc().err().map(|error| error.to_string());
        let codec = batch.codec().map_or("unknown", corelog_model::Codec::name);
        match self.format {
            Format::Json => {
                let mut line = batch_json(position, batch, codec, problem.is_none());
                if let Some(ended) = ended {
                    line["marker"] = marker_json(&ended);
                }
                self.line(line);
            }
            Format::Plain | Format::Terminal { .. } => {
                let mut line = batch_text(position, batch, codec, problem.is_none());
                if let Some(ended) = ended {
                    line.push_str(&marker_text(&ended));
                }
                self.line(line);
            }
        }
        if self.depth == Depth::Batches || problem.is_some() {
            return problem;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        match batch.records(&mut scratch, BATCH_BYTES_MAX) {
            Err(error) => problem = Some(error.to_string()),
            Ok(records) => {
                for record in records {
                    match record {
                        Ok(record) => self.record(&record),
                        Err(error) => problem = Some(error.to_string()),
                    }
                }
            }
        }
        self.scratch = scratch;
        problem
    }

    fn record(&mut self, record: &Record<'_>) {
        match self.format {
            Format::Json => self.line(record_json(record)),
            Format::Plain | Format::Terminal { .. } => self.line(record_text(record)),
        }
    }
}

fn batch_text(position: u64, batch: &BatchView<'_>, codec: &str, is_intact: bool) -> String {
    let mut text = format!(
        "batch {}-{} position {position} bytes {} records {} codec {codec} epoch {} \
         {} {}",
        batch.base_offset(),
        batch.last_offset(),
        batch.len(),
        batch.record_count(),
        batch.leader_epoch(),
        batch.timestamp_type(),
        batch.max_timestamp(),
    );
    if !batch.producer_id().is_none() {
        let (id, epoch) = (batch.producer_id(), batch.producer_epoch());
        let (first, last) = (batch.base_sequence(), batch.last_sequence());
        write!(text, " producer {id}/{epoch} sequence {first}-{last}")
            .expect("a string takes whatever is written");
    }
    if batch.is_transactional() {
        text.push_str(" transactional");
    }
    if batch.is_control() {
        text.push_str(" control");
    }
    text.push_str(if is_intact { " intact" } else { " DAMAGED" });
    text
}

fn batch_json(position: u64, batch: &BatchView<'_>, codec: &str, is_intact: bool) -> Value {
    json!({
        "base_offset": batch.base_offset().0,
        "last_offset": batch.last_offset().0,
        "position": position,
        "bytes": batch.len(),
        "records": batch.record_count(),
        "codec": codec,
        "leader_epoch": batch.leader_epoch().0,
        "timestamp_type": batch.timestamp_type().name(),
        "base_timestamp": batch.base_timestamp().0,
        "max_timestamp": batch.max_timestamp().0,
        "producer_id": batch.producer_id().0,
        "producer_epoch": batch.producer_epoch().0,
        "base_sequence": batch.base_sequence().0,
        "last_sequence": batch.last_sequence().0,
        "transactional": batch.is_transactional(),
        "control": batch.is_control(),
        "intact": is_intact,
    })
}

fn marker_text(ended: &EndedTransaction) -> String {
    let (outcome, coordinator) = (ended.outcome(), ended.marker.coordinator_epoch);
    let from =
        ended.first_offset.map_or("nothing seen".to_owned(), |first| format!("from {first}"));
    format!(" marker {outcome} coordinator epoch {coordinator} {from}")
}

fn marker_json(ended: &EndedTransaction) -> Value {
    json!({
        "outcome": ended.outcome(),
        "coordinator_epoch": ended.marker.coordinator_epoch,
        "first_offset": ended.first_offset.map(Offset::get),
    })
}

fn record_text(record: &Record<'_>) -> String {
    let mut text = format!(
        "  {} timestamp {} key {} value {}",
        record.offset,
        record.timestamp,
        quoted(record.key),
        quoted(record.value)
    );
    for header in record.headers.iter() {
        write!(text, " header {}={}", header.key.escape_ascii(), quoted(header.value))
            .expect("a string takes whatever is written");
    }
    text
}

/// Bytes as a line may hold them: quoted, and everything but ASCII text escaped.
fn quoted(bytes: Option<&[u8]>) -> String {
    bytes.map_or("null".to_owned(), |bytes| format!("\"{}\"", bytes.escape_ascii()))
}

fn record_json(record: &Record<'_>) -> Value {
    let header = |header: RecordHeader<'_>| {
        let key = String::from_utf8_lossy(header.key);
        json!({ "key": key, "value_base64": header.value.map(base64::encode) })
    };
    json!({
        "offset": record.offset.0,
        "timestamp": record.timestamp.0,
        "key_base64": record.key.map(base64::encode),
        "value_base64": record.value.map(base64::encode),
        "headers": record.headers.iter().map(header).collect::<Vec<_>>(),
    })
}

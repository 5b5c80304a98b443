//! Prints records, in blocks: what was flushed is with the reader, and only that may be committed.

use std::ops::ControlFlow;

use corelog_client::TopicPartition;
use corelog_client::consumer::ConsumedRecord;
use corelog_model::{Offset, RecordHeader, Timestamp};

use super::json_line;
use super::template::Template;
use crate::failure::Failure;
use crate::output::{Format, Output};

/// How much text is collected before it is printed.
const PRINT_BYTES: usize = 256 * 1024;

/// What is printed of a record, whichever client has read it.
#[derive(Debug, Clone)]
pub(super) struct Line<'r> {
    pub(super) at: &'r TopicPartition,
    pub(super) offset: Offset,
    pub(super) timestamp: Timestamp,
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    pub(super) headers: Vec<RecordHeader<'r>>,
}

impl<'r> From<&ConsumedRecord<'r>> for Line<'r> {
    fn from(record: &ConsumedRecord<'r>) -> Self {
        Self {
            at: record.at,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers.iter().collect(),
        }
    }
}

impl<'r> From<&'r corelog_client::Record> for Line<'r> {
    fn from(record: &'r corelog_client::Record) -> Self {
        let headers = record.headers.iter();
        Self {
            at: &record.at,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: headers
                .map(|(key, value)| RecordHeader { key, value: value.as_deref() })
                .collect(),
        }
    }
}

/// Prints records until there were enough.
pub(super) struct Printer<'p> {
    template: &'p Template,
    output: &'p mut Output,
    text: Vec<u8>,
    printed: u64,
    wanted: u64,
}

impl<'p> Printer<'p> {
    /// Prints at most so many, or all of them.
    pub(super) fn new(template: &'p Template, output: &'p mut Output, count: Option<u64>) -> Self {
        let wanted = count.unwrap_or(u64::MAX);
        Self { template, output, text: Vec::new(), printed: 0, wanted }
    }

    /// Prints a record. Breaks when it was the last one.
    pub(super) fn print(&mut self, line: &Line<'_>) -> Result<ControlFlow<()>, Failure> {
        match self.output.format() {
            Format::Json => json_line::write(line, &mut self.text)?,
            Format::Terminal { .. } | Format::Plain => self.template.write(line, &mut self.text),
        }
        self.printed += 1;
        if self.text.len() >= PRINT_BYTES {
            self.flush()?;
        }
        Ok(if self.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// How many records there were.
    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    /// Whether there were enough.
    pub(super) fn is_done(&self) -> bool {
        self.printed >= self.wanted
    }

    /// Writes what was collected.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if !self.text.is_empty() {
            self.output.bytes(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }
}

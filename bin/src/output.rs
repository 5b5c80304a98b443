//! What a command prints on standard output: a table on a terminal, tab-separated text into a
//! pipe, JSON with `--json`. Every byte of standard output goes through this file; messages for
//! people (errors, logs, progress) go to standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::{Exit, Failure};

pub mod json;
pub mod progress;
pub mod table;

pub use progress::Progress;
pub use table::Table;

/// A result that can be shown to people and to scripts. Scripts see its `Serialize` form, whose
/// field names are part of the interface.
pub trait Report: Serialize {
    /// The tables that show the result, in order.
    fn tables(&self) -> Vec<Table>;
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Drawn tables, as wide as the terminal where that is known.
    Terminal {
        /// Width in characters.
        columns: Option<u16>,
    },
    /// Cells separated by one tab each.
    Plain,
    /// One JSON document.
    Json,
}

impl Format {
    /// What suits standard output when `--json` is not given.
    pub fn of_stdout() -> Self {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Self::Plain;
        }
        let size = rustix::termios::tcgetwinsize(&stdout).ok();
        Self::Terminal { columns: size.map(|size| size.ws_col).filter(|&columns| columns > 0) }
    }
}

/// The place results go to, and their form.
pub struct Output {
    format: Format,
    sink: Box<dyn Write>,
}

impl Output {
    /// Writes to standard output.
    pub fn stdout(format: Format) -> Self {
        Self::new(format, Box::new(io::stdout()))
    }

    /// Writes to any sink.
    pub fn new(format: Format, sink: Box<dyn Write>) -> Self {
        Self { format, sink }
    }

    /// Shows the result of a command.
    pub fn show<R: Report>(&mut self, report: &R) -> Result<(), Failure> {
        let text = match self.format {
            Format::Json => json::document(report)?,
            Format::Plain => join(report, Table::plain),
            Format::Terminal { columns } => join(report, |table| table.drawn(columns)),
        };
        self.write(&text)
    }

    /// How results are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Passes on bytes as they are: the records of a topic, a long list. Flushed at once.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.sink.write_all(bytes).and_then(|()| self.sink.flush());
        written.map_err(|error| unwritten(&error))
    }

    /// Shows one line that scripts wait for, in every format alike.
    pub fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.write(&format!("{line}\n"))
    }

    /// Writes text and flushes it, so that a script that waits for it sees it.
    fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }
}

fn unwritten(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::new(
            Exit::Failed,
            "cannot print the result",
            error,
            "check where the output goes",
        ),
    }
}

/// Tables one below the other, with an empty line between.
fn join<R: Report>(report: &R, render: impl Fn(&Table) -> String) -> String {
    report.tables().iter().map(render).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[derive(Serialize)]
    struct Pair {
        left: u32,
        right: &'static str,
    }

    impl Report for Pair {
        fn tables(&self) -> Vec<Table> {
            let row = vec![self.left.to_string(), self.right.to_string()];
            vec![Table::new(["left", "right"], vec![row]), Table::new(["empty"], vec![])]
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Rc<RefCell<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const PAIR: Pair = Pair { left: 1, right: "two" };

    fn shown(format: Format) -> String {
        let sink = Sink::default();
        Output::new(format, Box::new(sink.clone())).show(&PAIR).unwrap();
        let bytes = sink.0.borrow().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_pipe_gets_cells_separated_by_tabs() {
        assert_eq!(shown(Format::Plain), "left\tright\n1\ttwo\n\nempty\n");
    }

    #[test]
    fn json_is_the_serialized_report() {
        let value: serde_json::Value = serde_json::from_str(&shown(Format::Json)).unwrap();
        assert_eq!(value, serde_json::json!({ "left": 1, "right": "two" }));
    }

    #[test]
    fn a_terminal_gets_a_drawn_table() {
        let drawn = shown(Format::Terminal { columns: Some(80) });
        assert!(drawn.contains("two") && !drawn.contains('\t'), "{drawn}");
    }

    #[test]
    fn a_reader_that_closed_its_pipe_is_no_error_to_report() {
        let mut output = Output::new(Format::Plain, Box::new(Broken(io::ErrorKind::BrokenPipe)));
        assert!(output.show(&PAIR).unwrap_err().is_silent());
    }

    #[test]
    fn a_full_disk_behind_the_output_fails_the_command() {
        let mut output = Output::new(Format::Plain, Box::new(Broken(io::ErrorKind::StorageFull)));
        assert_eq!(output.show(&PAIR).unwrap_err().exit(), Exit::Failed);
    }
}

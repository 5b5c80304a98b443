//! Why a command did not succeed: what failed, why, what to try, and the exit code of the process.

use std::fmt;

use serde_json::{Value, json};

/// A command that did not do what was asked. Printed as one line for each reason:
/// `what failed: why: what to try`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    what: String,
    reasons: Vec<Reason>,
}

/// One cause of a failure, and what the operator can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The cause, with the value or the place it is about.
    pub why: String,
    /// What to try, as an instruction.
    pub hint: String,
}

impl Failure {
    /// A failure with one reason.
    pub fn new(
        exit: Exit,
        what: impl Into<String>,
        why: impl fmt::Display,
        hint: impl Into<String>,
    ) -> Self {
        let reason = Reason { why: why.to_string(), hint: hint.into() };
        Self::with_reasons(exit, what, vec![reason])
    }

    /// A failure with several reasons that the operator should see at once.
    pub fn with_reasons(exit: Exit, what: impl Into<String>, reasons: Vec<Reason>) -> Self {
        assert!(!reasons.is_empty(), "a failure gives at least one reason");
        Self { exit, what: what.into(), reasons }
    }

    /// Tries each of several names. A name that fails keeps none of the others from its turn, so
    /// that the outcome does not hang on their order. Returns those that succeeded, and a failure
    /// with a reason for each of the others.
    pub fn of_each<E: fmt::Display>(
        names: &[String],
        what: &str,
        mut attempt: impl FnMut(&str) -> Result<(), E>,
        hint: impl Fn(&E) -> String,
    ) -> (Vec<String>, Result<(), Self>) {
        let (mut done, mut reasons) = (Vec::new(), Vec::new());
        for name in names {
            match attempt(name) {
                Ok(()) => done.push(name.clone()),
                Err(error) => {
                    reasons.push(Reason { why: format!("{name}: {error}"), hint: hint(&error) });
                }
            }
        }
        let outcome = if reasons.is_empty() {
            Ok(())
        } else {
            Err(Self::with_reasons(Exit::Failed, what, reasons))
        };
        (done, outcome)
    }

    /// The program that reads our output has closed it: nothing is left to do or to say.
    pub fn reader_gone() -> Self {
        Self::new(Exit::Done, "cannot print", "the reader closed the pipe", "nothing to try")
    }

    /// The exit code of the process.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether the failure is worth a message; a reader that closed its pipe wants none.
    pub fn is_silent(&self) -> bool {
        self.exit == Exit::Done
    }

    /// The failure for scripts, as `--json` prints it.
    pub fn to_json(&self) -> Value {
        let reasons: Vec<Value> = self
            .reasons
            .iter()
            .map(|reason| json!({ "why": reason.why, "try": reason.hint }))
            .collect();
        json!({ "error": {
            "what": self.what,
            "reasons": reasons,
            "exit_code": self.exit.code(),
        }})
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, reason) in self.reasons.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{}: {}: {}", self.what, reason.why, reason.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Exit codes of the process. They are part of the interface: scripts test them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked was done.
    Done,
    /// The operation was tried and failed.
    Failed,
    /// The command line or the configuration is wrong; nothing was tried.
    Usage,
    /// No connection to a server.
    Unreachable,
    /// Data on disk is damaged.
    Damaged,
    /// This machine lacks something: io_uring, locked memory, open files, a CPU.
    Unsuitable,
    /// A measurement was made, but proves nothing.
    Invalid,
    /// A comparison was made, and something is worse than its threshold allows.
    Worse,
    /// Interrupted by a signal.
    Interrupted,
}

impl Exit {
    /// Every code, in number order.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Unreachable,
        Self::Damaged,
        Self::Unsuitable,
        Self::Invalid,
        Self::Worse,
        Self::Interrupted,
    ];

    /// The number that the process returns.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Damaged => 4,
            Self::Unsuitable => 5,
            Self::Invalid => 6,
            Self::Worse => 7,
            Self::Interrupted => 130,
        }
    }

    /// One line for the help text.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "the operation failed",
            Self::Usage => "the command line or the configuration is wrong",
            Self::Unreachable => "cannot connect",
            Self::Damaged => "data on disk is damaged",
            Self::Unsuitable => "the machine lacks something (io_uring, locked memory, CPUs)",
            Self::Invalid => "a measurement is not valid",
            Self::Worse => "a comparison is worse than its threshold",
            Self::Interrupted => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_reasons() -> Failure {
        Failure::with_reasons(
            Exit::Usage,
            "configuration refused",
            vec![
                Reason { why: "a is 1".into(), hint: "write 2".into() },
                Reason { why: "b is 3".into(), hint: "write 4".into() },
            ],
        )
    }

    #[test]
    fn one_line_says_what_why_and_what_to_try() {
        let failure = Failure::new(Exit::Failed, "cannot read x", "no such file", "check the path");
        assert_eq!(failure.to_string(), "cannot read x: no such file: check the path");
    }

    #[test]
    fn every_reason_has_its_own_line() {
        assert_eq!(
            two_reasons().to_string(),
            "configuration refused: a is 1: write 2\nconfiguration refused: b is 3: write 4"
        );
    }

    #[test]
    fn json_carries_the_reasons_and_the_exit_code() {
        assert_eq!(
            two_reasons().to_json(),
            json!({ "error": {
                "what": "configuration refused",
                "reasons": [
                    { "why": "a is 1", "try": "write 2" },
                    { "why": "b is 3", "try": "write 4" },
                ],
                "exit_code": 2,
            }})
        );
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 6, 7, 130]);
    }

    #[test]
    fn only_a_reader_that_is_gone_is_silent() {
        assert!(Failure::reader_gone().is_silent());
        assert!(!two_reasons().is_silent());
    }
}

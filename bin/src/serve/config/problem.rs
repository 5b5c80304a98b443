//! What is wrong with a configuration. All problems are collected and shown at once, each with
//! the place it comes from and what to try.

use std::io;

use super::properties::PropertiesError;
use super::source::Source;
use crate::failure::{Exit, Failure, Reason};

/// One thing that must change before the configuration can be used.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The configuration file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file as it was named.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// The configuration file is larger than any configuration.
    #[error("{path} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The file as it was named.
        path: String,
        /// The largest size that is read.
        bytes_max: u64,
    },
    /// The configuration file is not UTF-8.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// The file as it was named.
        path: String,
    },
    /// The configuration file breaks the properties format.
    #[error("{path}: {error}")]
    Syntax {
        /// The file as it was named.
        path: String,
        /// What the parser said.
        error: PropertiesError,
    },
    /// Nothing has this name.
    #[error("{origin}: there is no key {name:?}")]
    UnknownKey {
        /// The name as typed.
        name: String,
        /// Where it was typed.
        origin: Source,
        /// The known name that looks most like it.
        nearest: &'static str,
    },
    /// A variable of the environment looks like ours but is not.
    #[error("the environment variable {variable} is unknown")]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// The known variable that looks most like it.
        nearest: String,
    },
    /// A variable of the environment is ours but is not UTF-8.
    #[error("the environment variable {variable} is not UTF-8 text")]
    VariableNotText {
        /// Its name.
        variable: String,
    },
    /// `--set` without `=`.
    #[error("--set {text:?} has no equals sign")]
    SetWithoutValue {
        /// What was typed.
        text: String,
    },
    /// A key of Kafka that must not be overlooked.
    #[error("{origin}: {name}={value} has no effect here: {reason}")]
    Refused {
        /// The key.
        name: String,
        /// Its value as typed.
        value: String,
        /// Where it was typed.
        origin: Source,
        /// Why it cannot be had.
        reason: &'static str,
    },
    /// The text is not a value of its key.
    #[error("{origin}: {name}={value:?} {why}")]
    BadValue {
        /// The key as typed.
        name: String,
        /// The value as typed.
        value: String,
        /// Where it was typed.
        origin: Source,
        /// What is wrong, as the end of the sentence.
        why: String,
        /// What to write.
        hint: String,
    },
    /// One setting is given twice with different values, and neither place is stronger.
    #[error("{first_origin}: {first} and {second_origin}: {second} disagree")]
    Contradiction {
        /// One key and value.
        first: String,
        /// Where it was typed.
        first_origin: Source,
        /// The other key and value.
        second: String,
        /// Where it was typed.
        second_origin: Source,
    },
    /// Values that are valid alone but not together, or not on this machine.
    #[error("{why}")]
    Unfit {
        /// Which rule is broken, with the values and their origins.
        why: String,
        /// What to write.
        hint: String,
    },
}

impl Problem {
    /// What to try, as an instruction.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "check the path and the permissions".into(),
            Self::TooLarge { .. } => "give the configuration file, not a data file".into(),
            Self::NotText { .. } => "write other characters as \\uXXXX".into(),
            Self::Syntax { .. } => "write \\\\ where one backslash is meant".into(),
            Self::UnknownKey { nearest, .. } => {
                format!("the nearest known key is {nearest}; --print-config lists all keys")
            }
            Self::UnknownVariable { nearest, .. } => {
                format!("unset it; the nearest known variable is {nearest}")
            }
            Self::VariableNotText { .. } => "set it to plain text, or unset it".into(),
            Self::SetWithoutValue { .. } => "write --set key=value".into(),
            Self::Refused { .. } => "remove the key if that is acceptable".into(),
            Self::BadValue { hint, .. } | Self::Unfit { hint, .. } => hint.clone(),
            Self::Contradiction { .. } => "remove one of them".into(),
        }
    }
}

/// The failure of a command whose configuration has problems.
pub fn refusal(problems: &[Problem]) -> Failure {
    let reasons = problems
        .iter()
        .map(|problem| Reason { why: problem.to_string(), hint: problem.hint() })
        .collect();
    Failure::with_reasons(Exit::Usage, "configuration refused", reasons)
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::file;
    use super::*;

    #[test]
    fn an_unknown_key_is_shown_with_its_line_and_the_nearest_name() {
        let problem = Problem::UnknownKey {
            name: "nmu.partitions".into(),
            origin: file(3),
            nearest: "num.partitions",
        };
        assert_eq!(
            refusal(&[problem]).to_string(),
            "configuration refused: server.properties:3: there is no key \"nmu.partitions\": \
             the nearest known key is num.partitions; --print-config lists all keys"
        );
    }

    #[test]
    fn a_refused_configuration_is_a_usage_error() {
        let problem = Problem::SetWithoutValue { text: "a".into() };
        assert_eq!(refusal(&[problem]).exit(), Exit::Usage);
    }
}

//! Where a configured value comes from. Later layers win: default, file, environment, flag.

use std::fmt;

use serde::{Serialize, Serializer};

/// The origin of a value. The order of the variants is the order of the layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File {
        /// The file as it was named on the command line.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// The flag, with its dashes.
        flag: &'static str,
    },
}

impl Source {
    /// The layer: a value of a higher layer wins over one of a lower layer.
    pub fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Environment { .. } => 2,
            Self::Flag { .. } => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{path}:{line}"),
            Self::Environment { variable } => formatter.write_str(variable),
            Self::Flag { flag } => formatter.write_str(flag),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn file(line: usize) -> Source {
        Source::File { path: "server.properties".into(), line }
    }

    pub(crate) fn environment(variable: &str) -> Source {
        Source::Environment { variable: variable.into() }
    }

    #[test]
    fn layers_rise_from_the_default_to_the_flag() {
        let sources = [Source::Default, file(1), environment("X"), Source::Flag { flag: "--set" }];
        assert_eq!(sources.map(|source| source.layer()), [0, 1, 2, 3]);
    }

    #[test]
    fn a_source_names_the_place_to_look() {
        let sources = [
            Source::Default,
            file(12),
            environment("CORELOG_NODE_ID"),
            Source::Flag { flag: "--broker-id" },
        ];
        assert_eq!(
            sources.map(|source| source.to_string()),
            ["default", "server.properties:12", "CORELOG_NODE_ID", "--broker-id"]
        );
    }
}

//! A workload as it is typed: in a file, on the command line, in a preset. Every value may be
//! missing, unknown names are refused, and one workload can lie over another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Declares a section whose fields may all be missing, and how it lies over another one.
macro_rules! section {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $(
                $(#[$field_about])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*
        }

        impl $name {
            /// What is missing here comes from `base`.
            #[must_use]
            pub fn over(self, base: Self) -> Self {
                Self { $($field: self.$field.or(base.$field),)* }
            }
        }
    };
}

section! {
    /// When messages are sent.
    RawLoad {
        /// `constant`, `poisson`, `bursts:MESSAGES`, `trace:FILE`, or `closed:IN_FLIGHT`.
        shape: String,
        /// Messages a second of all producers together. Without meaning for a trace and for a
        /// closed loop.
        rate: f64,
        /// How long is measured.
        seconds: f64,
        /// How long the load runs before that.
        warm_up_seconds: f64,
        /// How often the whole is measured, each time on a topic of its own.
        repeats: u32,
        /// What decides everything that is left to chance.
        seed: u64,
    }
}

section! {
    /// Where messages go.
    RawTopic {
        /// How many partitions.
        partitions: i32,
        /// How many replicas of each.
        replication_factor: i16,
        /// Where messages without a key go: `sticky` stays with a partition until the bytes of a
        /// batch went there, `round-robin` changes with each message.
        spread: String,
        /// Configs of the topic. A section lies over another one as a whole.
        configs: BTreeMap<String, String>,
    }
}

section! {
    /// What messages are.
    RawMessage {
        /// Bytes of the value: `1024`, `100..1000`, or `lognormal:MEDIAN:SIGMA:MAX`.
        size: String,
        /// Which part of the value a codec can squeeze out, from 0 to 1.
        compressibility: f64,
        /// `none`, `uniform:COUNT`, or `zipf:COUNT:EXPONENT`.
        keys: String,
    }
}

section! {
    /// How messages are sent.
    RawProducer {
        /// How many producers, each with connections of its own.
        count: u32,
        /// `0`, `1` or `all`.
        acks: String,
        /// Whether the server drops what was sent twice.
        idempotent: bool,
        /// How long a batch waits for more messages.
        linger_ms: f64,
        /// When a batch is full.
        batch_bytes: usize,
        /// How many requests may be open at one node.
        requests_in_flight_max: usize,
        /// How many bytes of messages may wait for their acknowledgement.
        memory_bytes_max: usize,
        /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
        codec: String,
    }
}

section! {
    /// How messages are read.
    RawReader {
        /// How many groups read the newest messages; each of them reads everything.
        tail_groups: u32,
        /// How many readers share the partitions of a group.
        members: u32,
        /// How many readers begin at the first message and read as fast as they can.
        catch_up: u32,
        /// Bytes that are in the topic before the load begins, for those who catch up.
        backlog_bytes: u64,
        /// How long a server may wait for messages before it answers a fetch with none.
        wait_ms_max: f64,
        /// How many bytes a server waits for.
        fetch_bytes_min: usize,
        /// How many bytes of one partition an answer may hold.
        partition_bytes_max: usize,
    }
}

/// A workload as it is typed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawWorkload {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it stands for, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// When messages are sent.
    pub load: RawLoad,
    /// Where they go.
    pub topic: RawTopic,
    /// What they are.
    pub message: RawMessage,
    /// How they are sent.
    pub producer: RawProducer,
    /// How they are read.
    pub reader: RawReader,
}

impl RawWorkload {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The text of a file that says the same.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables of numbers and texts can be written as TOML")
    }

    /// What is missing here comes from `base`.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            name: self.name.or(base.name),
            about: self.about.or(base.about),
            load: self.load.over(base.load),
            topic: self.topic.over(base.topic),
            message: self.message.over(base.message),
            producer: self.producer.over(base.producer),
            reader: self.reader.over(base.reader),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_refused_in_every_section() {
        for text in ["x = 1", "[load]\nx = 1", "[reader]\nx = 1", "[topic]\npartition = 1"] {
            assert!(RawWorkload::parse(text).unwrap_err().to_string().contains("unknown field"));
        }
    }

    #[test]
    fn what_is_typed_lies_over_the_base_value_by_value() {
        let base = RawWorkload::parse("name = 'b'\n[load]\nrate = 1.0\nseconds = 2.0\n").unwrap();
        let typed = RawWorkload::parse("[load]\nrate = 3.0\n").unwrap();
        let both = typed.over(base);
        assert_eq!((both.load.rate, both.load.seconds), (Some(3.0), Some(2.0)));
        assert_eq!(RawWorkload::parse(&both.to_toml()), Ok(both));
    }
}

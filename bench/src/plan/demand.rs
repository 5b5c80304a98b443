//! What a workload asks for, in plain terms, and the bytes that this becomes on wire and disk.

use corelog_model::batch::HEADER_LEN;
use corelog_model::{BatchBuilder, Codec, Offset, Timestamp};
use serde::{Deserialize, Serialize};

/// A workload in plain terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Messages a second at the busiest time today, of all producers together.
    pub messages_per_second: f64,
    /// Bytes of key and value of a message.
    pub message_bytes: f64,
    /// Uncompressed bytes for each compressed one.
    pub compression_ratio: f64,
    /// How many copies of each message there are.
    pub replication: u32,
    /// How long messages are kept.
    pub retention_s: f64,
    /// How many groups of consumers read everything.
    pub fan_out: f64,
    /// Partitions of all topics, without their copies.
    pub partitions: f64,
    /// The 99th percentile from the moment a message is due to its acknowledgement must be below
    /// this; none when only the rate matters.
    pub p99_max_s: Option<f64>,
    /// By which part the rate grows in a year.
    pub growth_per_year: f64,
    /// For how many years the machines have to do.
    pub years: f64,
    /// Machines that may be lost at the same time without the rest being too small.
    pub machines_lost: u32,
    /// The mean rate over the retention as a part of the busiest: what fills the disk.
    pub average_part: f64,
    /// Which part of every resource stays free at the busiest time.
    pub head_room: f64,
    /// Whether a producer fills one batch at a time, or one for each partition.
    pub batching: Batching,
    /// How messages are sent.
    pub clients: Clients,
}

/// How many batches a producer fills at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batching {
    /// One: messages have no keys, and a batch is filled before the next partition is chosen.
    Sticky,
    /// One for each partition: keys choose it.
    ByKey,
}

/// How messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Producers.
    pub producers: f64,
    /// How long a batch waits for more messages.
    pub linger_s: f64,
    /// When a batch is full, before it is compressed.
    pub batch_bytes: f64,
    /// Requests that a producer may have open for a partition.
    pub in_flight: f64,
}

/// What a message takes in a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordShape {
    /// Before compression: message and frame.
    pub plain_bytes: f64,
    /// After compression.
    pub bytes: f64,
}

impl Default for Clients {
    /// The defaults of Kafka's producers since 4.0.
    fn default() -> Self {
        Self { producers: 8.0, linger_s: 5e-3, batch_bytes: 16_384.0, in_flight: 5.0 }
    }
}

/// Bytes of a batch besides its records.
pub const BATCH_HEAD_BYTES: f64 = HEADER_LEN as f64;

impl Demand {
    /// Messages a second at the end of the years.
    pub fn grown_messages_per_second(&self) -> f64 {
        self.messages_per_second * (1.0 + self.growth_per_year).powf(self.years)
    }

    /// Batches that are filled at the same time, of all producers.
    pub fn batches_open(&self) -> f64 {
        match self.batching {
            Batching::Sticky => self.clients.producers,
            Batching::ByKey => self.clients.producers * self.partitions,
        }
    }

    /// What a message takes in a batch.
    pub fn record(&self) -> RecordShape {
        let plain = RecordShape::uncompressed(self.message_bytes);
        RecordShape { bytes: plain.plain_bytes / self.compression_ratio, ..plain }
    }
}

impl RecordShape {
    /// What a message of so many bytes takes: found by writing one, not by a rule of thumb.
    pub fn uncompressed(message_bytes: f64) -> Self {
        const RECORDS: usize = 100;
        let value = vec![0; message_bytes as usize];
        let mut builder = BatchBuilder::new(Codec::None, None);
        for number in 0..RECORDS {
            builder.append(Timestamp(number as i64), None, Some(&value), &[]);
        }
        let batch = builder.build(Offset(0)).len() as f64;
        let plain_bytes = (batch - BATCH_HEAD_BYTES) / RECORDS as f64;
        Self { plain_bytes, bytes: plain_bytes }
    }
}

impl Clients {
    /// Messages of a full batch, at least one.
    pub fn batch_messages_max(&self, record: &RecordShape) -> f64 {
        (self.batch_bytes / record.plain_bytes).floor().max(1.0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn demand() -> Demand {
        Demand {
            messages_per_second: 50e3,
            message_bytes: 1024.0,
            compression_ratio: 1.0,
            replication: 3,
            retention_s: 7.0 * 86_400.0,
            fan_out: 2.0,
            partitions: 100.0,
            p99_max_s: None,
            growth_per_year: 0.0,
            years: 1.0,
            machines_lost: 1,
            average_part: 1.0,
            head_room: 0.0,
            batching: Batching::Sticky,
            clients: Clients::default(),
        }
    }

    #[test]
    fn a_record_has_a_few_bytes_around_its_value() {
        let record = demand().record();
        assert!((1030.0..1036.0).contains(&record.plain_bytes), "{record:?}");
        let squeezed = Demand { compression_ratio: 4.0, ..demand() }.record();
        assert_eq!(squeezed.bytes, record.plain_bytes / 4.0);
    }

    #[test]
    fn growth_is_compounded() {
        let growing = Demand { growth_per_year: 0.5, years: 2.0, ..demand() };
        assert_eq!(growing.grown_messages_per_second(), 112_500.0);
    }

    #[test]
    fn a_full_batch_has_at_least_one_message() {
        let (record, clients) = (demand().record(), Clients::default());
        assert_eq!(clients.batch_messages_max(&record), 15.0);
        assert_eq!(Clients { batch_bytes: 1.0, ..clients }.batch_messages_max(&record), 1.0);
    }
}

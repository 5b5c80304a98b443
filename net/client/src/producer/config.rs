//! How a producer sends.

use std::time::Duration;

use corelog_model::Codec;

use crate::ClientError;

/// Who has to have a batch before the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Nobody: there is no answer.
    None,
    /// The leader.
    Leader,
    /// Every replica that is in sync.
    All,
}

impl Acks {
    /// The number on the wire.
    pub fn number(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Which results the producer keeps for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reports {
    /// That of every record.
    Each,
    /// Those of records that failed; the others are only counted.
    Failures,
}

/// Settings of a producer. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerConfig {
    /// Who has to have a batch.
    pub acks: Acks,
    /// Whether the server drops what was sent twice (KIP-98). Needs [`Acks::All`].
    pub is_idempotent: bool,
    /// The name under which transactions are written, which outlives this producer and fences its
    /// predecessor; none writes without transactions. Needs an idempotent producer.
    pub transactional_id: Option<String>,
    /// How long a transaction may stay open before the server aborts it.
    pub transaction_timeout: Duration,
    /// How batches are compressed.
    pub codec: Codec,
    /// How strongly; none is the codec's default.
    pub level: Option<i32>,
    /// When a batch is full, before compression; after so many bytes records without a key change
    /// the partition.
    pub batch_bytes: usize,
    /// When a batch is full, in records.
    pub batch_records_max: usize,
    /// How long a batch waits for more records.
    pub linger: Duration,
    /// How large a request may be, unless a single batch is larger.
    pub request_bytes_max: usize,
    /// How many requests may be open at one node.
    pub requests_in_flight_max: usize,
    /// How many bytes of records may wait for their results.
    pub memory_bytes_max: usize,
    /// How many results may wait to be taken, counted in records.
    pub results_max: usize,
    /// How long sending waits for memory.
    pub send_timeout: Duration,
    /// How long a record may take from being sent to its result.
    pub delivery_timeout: Duration,
    /// The first pause before a batch is sent again; each further one is twice as long.
    pub retry_pause: Duration,
    /// The longest pause before a batch is sent again.
    pub retry_pause_max: Duration,
    /// Which results are kept.
    pub reports: Reports,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            is_idempotent: true,
            transactional_id: None,
            transaction_timeout: Duration::from_secs(60),
            codec: Codec::None,
            level: None,
            batch_bytes: 128 * 1024,
            batch_records_max: 100_000,
            linger: Duration::from_millis(5),
            request_bytes_max: 1024 * 1024,
            requests_in_flight_max: 5,
            memory_bytes_max: 32 * 1024 * 1024,
            results_max: 1_000_000,
            send_timeout: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            retry_pause: Duration::from_millis(50),
            retry_pause_max: Duration::from_secs(1),
            reports: Reports::Each,
        }
    }
}

impl ProducerConfig {
    /// Refuses settings that contradict each other.
    pub fn check(&self) -> Result<(), ClientError> {
        let rules = [
            (
                !self.is_idempotent || self.acks == Acks::All,
                "an idempotent producer needs acks from all replicas",
            ),
            (
                self.transactional_id.is_none() || self.is_idempotent,
                "a transactional producer must be idempotent",
            ),
            (self.transactional_id.as_deref() != Some(""), "a transactional id must not be empty"),
            (self.requests_in_flight_max > 0, "at least one request must be allowed in flight"),
            (self.batch_records_max > 0, "a batch must be allowed to hold a record"),
            (self.results_max > 0, "at least one result must be allowed to wait"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(ClientError::Setting(rule)),
            None => Ok(()),
        }
    }

    /// How long a batch waits after so many attempts.
    pub(crate) fn pause(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        (self.retry_pause * (1 << doublings)).min(self.retry_pause_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let good = ProducerConfig::default();
        assert_eq!(good.check(), Ok(()));
        let acks = ProducerConfig { acks: Acks::Leader, ..good.clone() };
        let rule = "an idempotent producer needs acks from all replicas";
        assert_eq!(acks.check(), Err(ClientError::Setting(rule)));
        assert_eq!(ProducerConfig { is_idempotent: false, ..acks }.check(), Ok(()));
        assert!(ProducerConfig { requests_in_flight_max: 0, ..good.clone() }.check().is_err());
        let named = ProducerConfig { transactional_id: Some("t".to_owned()), ..good.clone() };
        assert_eq!(named.check(), Ok(()));
        let rule = "a transactional producer must be idempotent";
        let plain = ProducerConfig { is_idempotent: false, ..named };
        assert_eq!(plain.check(), Err(ClientError::Setting(rule)));
        let unnamed = ProducerConfig { transactional_id: Some(String::new()), ..good };
        assert!(unnamed.check().is_err());
    }

    #[test]
    fn pauses_grow_with_the_attempts_up_to_a_bound() {
        let config = ProducerConfig::default();
        let pauses = [1, 2, 3, 6, 1000].map(|attempts| config.pause(attempts).as_millis());
        assert_eq!(pauses, [50, 100, 200, 1000, 1000]);
    }
}

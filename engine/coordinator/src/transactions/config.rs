//! What the operator sets for transactions. The names are Kafka's, with units.

use std::time::Duration;

/// The settings of a coordinator of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionConfig {
    /// The longest transaction that a producer may ask for (`transaction.max.timeout.ms`).
    pub timeout_max: Duration,
    /// How long a transactional id is kept that nobody uses (`transactional.id.expiration.ms`).
    pub id_expiration: Duration,
    /// How often transactions are looked for that take too long
    /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
    pub abort_interval: Duration,
    /// How often expired ids are looked for
    /// (`transaction.remove.expired.transaction.cleanup.interval.ms`).
    pub expire_interval: Duration,
    /// How long a partition that did not take a marker is left alone.
    pub marker_retry_delay: Duration,
    /// How many transactions have their markers written at a time; others wait for their turn.
    pub marking_max: usize,
    /// How many transactional ids one partition of `__transaction_state` may have; more are refused
    /// with `POLICY_VIOLATION`.
    pub ids_max: usize,
    /// How many partitions a transaction may have; more are refused with `POLICY_VIOLATION`.
    pub partitions_max: usize,
    /// How many bytes they may take in a record; more are refused likewise, as a record that does
    /// not fit would keep the transaction from ending.
    pub partitions_bytes_max: usize,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        TransactionConfig {
            timeout_max: Duration::from_secs(15 * 60),
            id_expiration: Duration::from_secs(7 * 24 * 60 * 60),
            abort_interval: Duration::from_secs(10),
            expire_interval: Duration::from_secs(60 * 60),
            marker_retry_delay: Duration::from_millis(100),
            marking_max: 256,
            ids_max: 100_000,
            partitions_max: 10_000,
            partitions_bytes_max: 512 << 10,
        }
    }
}

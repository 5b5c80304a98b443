//! What a consumer is made of, without sockets and clock: the [`Fetcher`] decides what is asked
//! where and from which offset, `request` writes and reads it. The drivers are [`crate::Consumer`]
//! and [`crate::blocking::Consumer`].
//!
//! Without a group the application says which partitions are read, and from where:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use corelog_client::consumer::{ConsumerConfig, From, Partitions};
//! use corelog_client::offsets::Moment;
//! use corelog_client::{ClientError, Cluster, Consumer, TopicPartition};
//! use corelog_model::Timestamp;
//!
//! # async fn example(cluster: Cluster) -> Result<(), ClientError> {
//! let mut consumer = Consumer::new(&cluster, ConsumerConfig::default())?;
//! consumer.assign("readings", Partitions::These(&[0, 1]), From::Beginning).await?;
//! // The first record of the year in each of them, where there is one.
//! let new_year = Moment::At(Timestamp(1_767_225_600_000));
//! let wanted = [0, 1].map(|number| (TopicPartition::new("readings", number), new_year));
//! for (at, offset) in consumer.offsets_at(&wanted.into()).await? {
//!     consumer.seek(&at, offset.map_or(From::End, From::Offset))?;
//! }
//! for record in consumer.poll(Duration::from_secs(1)).await? {
//!     println!("{} {}: {:?}", record.at, record.offset, record.value);
//! }
//! # Ok(())
//! # }
//! ```

mod aborted;
mod fetch_session;
mod fetcher;
pub(crate) mod request;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use corelog_model::{NodeId, Offset, Timestamp};

pub use aborted::{AbortedTransaction, IsolationLevel};
pub(crate) use fetch_session::FetchSession;
pub use fetcher::{ConsumedRecord, Fetch, FetchFrom, Fetched, Fetcher, Output, Sink};

/// Settings of a consumer. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// How long a server waits for records before it answers with none.
    pub max_wait: Duration,
    /// How much must be there for an answer before that.
    pub min_bytes: usize,
    /// How much one answer may hold, unless its first batch is larger.
    pub max_bytes: usize,
    /// How much of one partition an answer may hold, unless its first batch is larger.
    pub partition_bytes_max: usize,
    /// How large a batch may be after decompression.
    pub batch_bytes_max: usize,
    /// Which records are read.
    pub isolation: IsolationLevel,
    /// The pause before a partition is asked for again after an error.
    pub retry_pause: Duration,
    /// How long a partition may give errors before the consumer fails.
    pub trouble_timeout: Duration,
    /// Blocking only: how many reports of answered fetches are kept for
    /// [`take_fetches`](crate::blocking::Consumer::take_fetches); the oldest ones go first. With 0
    /// none are made.
    pub fetch_reports_max: usize,
    /// Async only: how many records one poll gives; Kafka's `max.poll.records`.
    pub poll_records_max: usize,
    /// Async only: where to begin without an offset, or with one that is gone.
    pub reset: OffsetReset,
    /// Async only: how often a member of a group commits by itself what it has handed over before
    /// the current poll; none leaves it to the application. Kafka's `auto.commit.interval.ms`.
    pub auto_commit: Option<Duration>,
}

/// Where a consumer begins without an offset, or with one that is gone; Kafka's
/// `auto.offset.reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record that is still there.
    Earliest,
    /// Behind the last record.
    Latest,
    /// Nowhere: it is an error.
    Fail,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 50 * 1024 * 1024,
            partition_bytes_max: 1024 * 1024,
            batch_bytes_max: 128 * 1024 * 1024,
            isolation: IsolationLevel::default(),
            retry_pause: Duration::from_millis(100),
            trouble_timeout: Duration::from_secs(60),
            fetch_reports_max: 0,
            poll_records_max: 500,
            reset: OffsetReset::Latest,
            auto_commit: Some(Duration::from_secs(5)),
        }
    }
}

/// One fetch that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchReport {
    /// Who answered.
    pub node: NodeId,
    /// When the answer was there.
    pub answered: Instant,
    /// From sending the request until the whole answer was there. Includes the time that the
    /// server waited for records.
    pub took: Duration,
    /// Bytes of batches in the answer.
    pub record_bytes: usize,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the first record that is still there.
    Beginning,
    /// Behind the last record.
    End,
    /// At this offset.
    Offset(Offset),
    /// At the first record with this timestamp or a later one; at the end when there is none.
    Timestamp(Timestamp),
}

/// Where reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Forever,
    /// Where the partition ends at the moment of assigning.
    End,
    /// Before this offset.
    Offset(Offset),
}

/// Which partitions of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions<'a> {
    /// All that it has now.
    All,
    /// These.
    These(&'a [i32]),
}

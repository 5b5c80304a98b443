//! Who is told about partitions that come and go.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use super::Consumer;
use crate::{ClientError, TopicPartition};

/// What a listener does, with the consumer and the partitions at hand.
pub type Rebalancing<'a> = Pin<Box<dyn Future<Output = Result<(), ClientError>> + Send + 'a>>;

/// Is told within [`Consumer::poll`] about partitions that come and go. It may seek, pause, and
/// commit; it cannot poll. An error ends the poll, and the same is told again with the next one.
///
/// A member that counts what it reads, and stores the counts before others go on:
///
/// ```
/// use std::collections::{BTreeMap, BTreeSet};
/// use std::sync::{Arc, Mutex};
///
/// use corelog_client::{Consumer, RebalanceListener, Rebalancing, TopicPartition};
///
/// #[derive(Debug)]
/// struct StoreCounts(Arc<Mutex<BTreeMap<TopicPartition, u64>>>);
///
/// impl RebalanceListener for StoreCounts {
///     fn revoked<'a>(
///         &'a mut self,
///         consumer: &'a mut Consumer,
///         partitions: &'a BTreeSet<TopicPartition>,
///     ) -> Rebalancing<'a> {
///         Box::pin(async move {
///             for at in partitions {
///                 let count = self.0.lock().unwrap().remove(at);
///                 println!("{at}: {count:?} records");
///             }
///             consumer.commit().await
///         })
///     }
/// }
///
/// # fn example(consumer: &mut Consumer) -> Result<(), corelog_client::ClientError> {
/// consumer.on_rebalance(StoreCounts(Arc::default()))
/// # }
/// ```
pub trait RebalanceListener: Send + std::fmt::Debug {
    /// These are read from now on; a seek decides from where.
    fn assigned<'a>(
        &'a mut self,
        consumer: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        let _ = (consumer, partitions);
        Box::pin(async { Ok(()) })
    }

    /// These are given up after this; until then their offsets can be committed.
    fn revoked<'a>(
        &'a mut self,
        consumer: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        let _ = (consumer, partitions);
        Box::pin(async { Ok(()) })
    }

    /// These are gone, and perhaps read by others already: nothing can be committed.
    fn lost<'a>(
        &'a mut self,
        consumer: &'a mut Consumer,
        partitions: &'a BTreeSet<TopicPartition>,
    ) -> Rebalancing<'a> {
        let _ = (consumer, partitions);
        Box::pin(async { Ok(()) })
    }
}

/// Does nothing.
#[derive(Debug)]
pub(super) struct Silent;

impl RebalanceListener for Silent {}

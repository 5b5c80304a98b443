//! Taking over a newer image of the cluster: which logs a core has, which partitions it leads, and
//! which groups, transactions and share groups it coordinates from then on.

use std::rc::Rc;
use std::sync::Arc;

use corelog_cluster::{ClusterImage, PartitionState, TopicChange, TopicImage};
use corelog_io::IoError;
use corelog_log::{LogConfig, OpenError, PartitionLog};
use corelog_model::topic_config::TopicConfig;
use corelog_model::{PartitionId, PartitionIndex, TopicId};

use super::Shard;
use crate::coordinator::place::{GROUPS_TOPIC, SHARE_TOPIC, TRANSACTIONS_TOPIC};
use crate::metadata_log::METADATA_PARTITION;
use crate::partition::{Partition, log_config};
use crate::runtime::RuntimeSettings;
use crate::share::begin_states;

impl Shard {
    /// Takes over a newer image: creates, changes and removes the logs it is about.
    pub async fn take_over(&self, image: Arc<ClusterImage>) -> Result<(), IoError> {
        let _turn = self.take_turn().await;
        let older = self.image();
        self.take_over_settings(&image);
        let mut broker_configs_changed = older.broker(self.state.config.broker).is_none();
        broker_configs_changed |= older
            .broker_defaults(self.state.config.broker, &self.state.config.topic_defaults)
            != image.broker_defaults(self.state.config.broker, &self.state.config.topic_defaults);
        let mut changed = Vec::new();
        let mut deleted = Vec::new();
        for change in image.topics_changed_since(&older) {
            match change {
                TopicChange::Created(topic) => changed.push(Arc::clone(topic)),
                TopicChange::Changed { after, .. } => changed.push(Arc::clone(after)),
                TopicChange::Deleted(topic) => deleted.push((topic.id(), topic.name().clone())),
            }
        }
        if broker_configs_changed {
            changed = image.topics().cloned().collect();
        }
        for topic in changed {
            self.take_over_topic(&older, &image, &topic).await?;
        }
        self.state.image.replace(image);
        self.coordinate();
        let (deleted, names): (Vec<_>, Vec<_>) = deleted.into_iter().unzip();
        self.state.coordinators.forget_topics(&names);
        for topic in deleted {
            self.remove_topic(topic).await?;
        }
        Ok(())
    }

    fn take_over_settings(&self, image: &ClusterImage) {
        let settings = RuntimeSettings::of(&self.state.config, image);
        if *self.runtime() != settings {
            self.state.storage.set_cleaner(settings.cleaner.pass.clone());
            self.state.runtime.replace(Rc::new(settings));
        }
    }

    /// Coordinates the groups, transactions and share groups of the partitions that this core leads
    /// now.
    fn coordinate(&self) {
        let (topic, led) = self.led(GROUPS_TOPIC);
        self.state.coordinators.take_over(self, topic, led, &self.state.config.groups);
        let (topic, led) = self.led(TRANSACTIONS_TOPIC);
        let begin = |partition| self.begin_transactions(partition);
        self.state.transactions.take_over(topic, led, begin);
        let (topic, led) = self.led(SHARE_TOPIC);
        let begin = |partition| begin_states(self, partition);
        self.state.share_states.take_over(topic, led, begin);
        let (partitions, image) = (self.state.partitions.borrow(), self.image());
        self.state.shares.keep(|before| {
            let id = before.log.id();
            let now = partitions.get(&id).filter(|_| image.partition(id).is_some());
            now.is_some_and(|now| now.leader_epoch == before.leader_epoch)
        });
    }

    /// The partitions of a topic that this core leads.
    fn led(&self, topic: &str) -> (Option<TopicId>, Vec<(PartitionIndex, Partition)>) {
        let image = self.image();
        let Some(topic) = image.topic_by_name(topic) else { return (None, Vec::new()) };
        let partitions = self.state.partitions.borrow();
        let led = topic.partitions().filter_map(|(index, _)| {
            let id = PartitionId::new(topic.id(), index);
            Some((index, partitions.get(&id)?.clone()))
        });
        (Some(topic.id()), led.collect())
    }

    async fn take_over_topic(
        &self,
        older: &ClusterImage,
        image: &ClusterImage,
        topic: &TopicImage,
    ) -> Result<(), IoError> {
        let config = Rc::new(self.topic_config(image, topic));
        for (index, state) in topic.partitions() {
            let id = PartitionId::new(topic.id(), index);
            if state.leader != self.state.node {
                self.state.partitions.borrow_mut().remove(&id);
                self.state.moves.has_settled(id);
                continue;
            }
            if self.state.moves.is_away(id) {
                continue;
            }
            let comes = older.partition(id).is_some_and(|older| older.leader != state.leader);
            if comes && self.state.storage.partition(id).is_none() {
                let adopted = self.state.storage.adopt_partition(id, log_config(&config)).await;
                if let Err(error) = adopted {
                    // Without its files it must not begin anew, and others must not wait for it.
                    tracing::error!(%error, partition = %id, "a partition cannot be taken over");
                    self.state.moves.keep_away(id);
                    continue;
                }
            }
            let log = self.state.storage.create_partition(id, log_config(&config)).await?;
            self.lead(topic, (id, state), log, &config);
        }
        Ok(())
    }

    /// Leads a partition whose log is open.
    fn lead(
        &self,
        topic: &TopicImage,
        (id, state): (PartitionId, &PartitionState),
        log: Rc<PartitionLog>,
        config: &Rc<TopicConfig>,
    ) {
        let partition = Partition {
            topic: topic.name().clone(),
            log,
            config: Rc::clone(config),
            leader_epoch: state.leader_epoch,
        };
        self.state.partitions.borrow_mut().insert(id, partition);
        if self.shall_leave(state) {
            self.state.moves.want(id);
        }
    }

    /// Stops to lead a partition whose log parts from this core.
    pub(crate) fn stop_leading(&self, id: PartitionId) {
        self.state.partitions.borrow_mut().remove(&id);
        self.coordinate();
    }

    /// Leads a partition that is back in this core's directory, or removes it if its topic is gone.
    pub(crate) async fn lead_again(&self, id: PartitionId) -> Result<(), OpenError> {
        let (storage, image) = (&self.state.storage, self.image());
        let log = match storage.partition(id) {
            Some(log) => log,
            None => storage.adopt_partition(id, LogConfig::default()).await?,
        };
        let Some((topic, state)) = image.topic(id.topic).zip(image.partition(id)) else {
            drop(log);
            return Ok(storage.delete_partition(id).await?);
        };
        let config = Rc::new(self.topic_config(&image, topic));
        log.set_config(log_config(&config));
        self.lead(topic, (id, state), log, &config);
        self.coordinate();
        Ok(())
    }

    /// The settings that hold for a topic. Values that contradict each other were refused when they
    /// were set; a later broker default may contradict a topic's own value, and then both count.
    fn topic_config(&self, image: &ClusterImage, topic: &TopicImage) -> TopicConfig {
        let config = &self.state.config;
        let defaults = image.broker_defaults(config.broker, &config.topic_defaults);
        let (config, errors) = topic.effective_config(&defaults);
        for error in errors {
            tracing::warn!(topic = %topic.name(), %error, "a setting does not hold as it stands");
        }
        config
    }

    async fn remove_topic(&self, topic: TopicId) -> Result<(), IoError> {
        let gone: Vec<PartitionId> = {
            let partitions = self.state.partitions.borrow();
            partitions.keys().filter(|id| id.topic == topic).copied().collect()
        };
        for id in gone {
            self.state.partitions.borrow_mut().remove(&id);
            self.state.storage.delete_partition(id).await?;
        }
        Ok(())
    }

    /// Removes logs whose topic went away while the broker was down.
    pub(crate) async fn remove_orphans(&self) -> Result<(), IoError> {
        for log in self.state.storage.partitions() {
            let id = log.id();
            let is_known = self.state.image.borrow().partition(id).is_some();
            if !is_known && id != METADATA_PARTITION {
                drop(log);
                self.state.storage.delete_partition(id).await?;
            }
        }
        Ok(())
    }
}

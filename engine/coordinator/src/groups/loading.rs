//! The groups come from the log: records in order, of which the last one of each key counts.

use corelog_model::control::TransactionOutcome;
use corelog_model::{ProducerId, Timestamp};

use super::group::{Group, Members};
use super::{Groups, Phase};
use crate::classic_group::ClassicGroup;
use crate::consumer_group::ConsumerGroup;
use crate::input::Now;
use crate::offsets::Positioned;
use crate::records::{CoordinatorRecord, Decoded, RecordError};
use crate::share_group::ShareGroup;

/// What became of a record of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It is part of the state.
    Taken,
    /// It is of a kind that is not known here, and was left out.
    Skipped {
        /// The version of its key, which numbers the kinds.
        key_version: i16,
    },
}

impl Groups {
    /// Takes one record of the log.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<Loaded, RecordError> {
        match CoordinatorRecord::decode(key, value)? {
            Decoded::Known(record) => {
                self.load_record(record);
                Ok(Loaded::Taken)
            }
            Decoded::Unknown { key_version } => Ok(Loaded::Skipped { key_version }),
        }
    }

    /// Takes one record of the log that has been decoded.
    pub fn load_record(&mut self, record: CoordinatorRecord) {
        assert_eq!(self.phase, Phase::Loading, "records are loaded before requests are served");
        match record {
            CoordinatorRecord::OffsetCommit { key, value } => {
                let partition = (key.topic, key.partition);
                let position = self.next_loaded();
                let group = self.loading(key.group);
                match value {
                    Some(value) => group.offsets.insert(partition, Positioned { position, value }),
                    None => group.offsets.remove(&partition),
                }
            }
            CoordinatorRecord::GroupMetadata { key, value } => {
                let id = key.group.clone();
                let group = self.loading(key.group);
                group.members = match value {
                    Some(value) => {
                        let classic = ClassicGroup::load(id, value, std::time::Duration::ZERO);
                        Members::Classic(Box::new(classic))
                    }
                    // It ends a classic group, and this is one of another kind.
                    None if group.classic().is_none() => return,
                    None => Members::Classic(Box::new(ClassicGroup::new(id, Timestamp::NONE))),
                };
            }
            CoordinatorRecord::ConsumerGroup(record) => {
                let group = self.loading(record.group.to_string());
                if group.consumer().is_none() {
                    // It ends a consumer group, and this is one of another kind.
                    if record.entry.is_tombstone() {
                        return;
                    }
                    let consumer = ConsumerGroup::new(&record.group, Vec::new());
                    group.members = Members::Consumer(Box::new(consumer));
                }
                if let Members::Consumer(consumer) = &mut group.members {
                    consumer.load(record.entry);
                }
            }
            CoordinatorRecord::ShareGroup(record) => {
                let group = self.loading(record.group.to_string());
                if group.share().is_none() {
                    // It ends a share group, and this is one of another kind.
                    if record.entry.is_tombstone() {
                        return;
                    }
                    let share = ShareGroup::new(&record.group, Vec::new());
                    group.members = Members::Share(Box::new(share));
                }
                if let Members::Share(share) = &mut group.members {
                    share.load(record.entry);
                }
            }
        }
    }

    /// The log has been read to its end: requests are served, and sessions begin.
    pub fn finish_loading(&mut self, now: Now) {
        assert_eq!(self.phase, Phase::Loading, "loading ends once");
        self.phase = Phase::Ready;
        self.expire_at = now.clock + self.config.offsets_retention_check_interval;
        let ids: Vec<String> = self.by_id.keys().cloned().collect();
        for id in ids {
            if let Some(group) = self.by_id.get_mut(&id) {
                let is_vacant = group.consumer().is_some_and(ConsumerGroup::is_vacant)
                    || group.share().is_some_and(ShareGroup::is_vacant);
                if is_vacant {
                    let nobody = ClassicGroup::new(id.clone(), Timestamp::NONE);
                    group.members = Members::Classic(Box::new(nobody));
                }
                let config = self.tuned.get(&id).unwrap_or(&self.config);
                group.begin_sessions(now.clock, config);
            }
            self.settle(&id);
        }
    }

    /// Takes one record of a batch of the log that is part of a transaction.
    pub fn load_transactional(
        &mut self,
        producer_id: ProducerId,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Loaded, RecordError> {
        assert_eq!(self.phase, Phase::Loading, "records are loaded before requests are served");
        match CoordinatorRecord::decode(key, value)? {
            Decoded::Known(CoordinatorRecord::OffsetCommit { key, value: Some(value) }) => {
                let position = self.next_loaded();
                let partition = (key.topic, key.partition);
                let offset = Positioned { position, value };
                let group = key.group.clone();
                self.loading(group).offsets.insert_transactional(producer_id, partition, offset);
                self.transactions.entry(producer_id).or_default().insert(key.group);
                Ok(Loaded::Taken)
            }
            // Nothing else is ever part of a transaction.
            Decoded::Known(record) => {
                self.load_record(record);
                Ok(Loaded::Taken)
            }
            Decoded::Unknown { key_version } => Ok(Loaded::Skipped { key_version }),
        }
    }

    /// Takes a marker of the log.
    pub fn load_marker(&mut self, producer_id: ProducerId, outcome: TransactionOutcome) {
        assert_eq!(self.phase, Phase::Loading, "records are loaded before requests are served");
        self.end_transaction(producer_id, outcome);
    }

    /// The position of the next record that is loaded.
    fn next_loaded(&mut self) -> u64 {
        self.loaded += 1;
        self.loaded
    }

    fn loading(&mut self, id: String) -> &mut Group {
        self.by_id.entry(id).or_insert_with_key(|id| Group::new(id, Timestamp::NONE))
    }
}

//! The transactional ids come from the log: records in order, of which the last one of each id
//! counts. What was decided and not complete is gone on with.

use std::collections::BTreeMap;

use super::transaction::Transaction;
use super::{Phase, TransactionOutput, Transactions};
use crate::groups::Loaded;
use crate::input::Now;
use crate::records::{Decoded, RecordError, TransactionRecord, TransactionValue};

impl Transactions {
    /// Takes one record of the log.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<Loaded, RecordError> {
        assert_eq!(self.phase, Phase::Loading, "records are loaded before requests are served");
        match TransactionRecord::decode(key, value)? {
            Decoded::Known(TransactionRecord { transactional_id, value: Some(value) }) => {
                self.by_id.insert(transactional_id, Transaction::new(Some(value)));
                Ok(Loaded::Taken)
            }
            Decoded::Known(TransactionRecord { transactional_id, value: None }) => {
                self.by_id.remove(&transactional_id);
                Ok(Loaded::Taken)
            }
            Decoded::Unknown { key_version } => Ok(Loaded::Skipped { key_version }),
        }
    }

    /// The log has been read to its end: requests are served, and outcomes that are decided are
    /// told.
    pub fn finish_loading(&mut self, now: Now) -> Vec<TransactionOutput> {
        assert_eq!(self.phase, Phase::Loading, "loading ends once");
        self.phase = Phase::Ready;
        self.abort_at = now.clock + self.config.abort_interval;
        self.expire_at = now.clock + self.config.expire_interval;
        let is_prepared = |value: &TransactionValue| value.state.is_prepared();
        let by_id: &BTreeMap<String, Transaction> = &self.by_id;
        let prepared = by_id.iter().filter(|(_, one)| one.value.as_ref().is_some_and(is_prepared));
        let prepared: Vec<String> = prepared.map(|(id, _)| id.clone()).collect();
        for id in prepared {
            self.begin_marking(now, &id);
        }
        std::mem::take(&mut self.outputs)
    }

    /// How many transactional ids there are.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }
}

//! The states come from the log: records in order, of which the last snapshot of each
//! share-partition counts, and the updates behind it.

use super::state::Share;
use super::{Phase, ShareStates};
use crate::groups::Loaded;
use crate::records::{Decoded, RecordError, ShareStateRecord};

impl ShareStates {
    /// Takes one record of the log.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<Loaded, RecordError> {
        assert_eq!(self.phase, Phase::Loading, "records are loaded before requests are served");
        match ShareStateRecord::decode(key, value)? {
            Decoded::Known(ShareStateRecord::Snapshot(key, Some(snapshot))) => {
                let has_update = self.shares.get(&key).is_some_and(|share| share.has_update);
                self.shares.insert(key, Share::load(snapshot, has_update));
            }
            Decoded::Known(ShareStateRecord::Snapshot(key, None)) => {
                self.shares.remove(&key);
            }
            Decoded::Known(ShareStateRecord::Update(key, Some(update))) => {
                if let Some(share) = self.shares.get_mut(&key) {
                    share.load_update(&update);
                }
            }
            // The share-partition has gone away with its snapshot.
            Decoded::Known(ShareStateRecord::Update(_, None)) => {}
            Decoded::Unknown { key_version } => return Ok(Loaded::Skipped { key_version }),
        }
        Ok(Loaded::Taken)
    }

    /// The log has been read to its end: requests are served.
    pub fn finish_loading(&mut self) {
        assert_eq!(self.phase, Phase::Loading, "loading ends once");
        self.phase = Phase::Ready;
    }
}

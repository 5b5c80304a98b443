//! What is asked of share-partitions, and when it holds: one change of each is appended at a time,
//! and is seen once it is durable.

use corelog_model::{ErrorCode, Offset};

use super::state::Share;
use super::{Pending, ShareStates, StateAnswer, StateCall, StateOutput};
use crate::input::{AppendId, Now, RequestId};
use crate::records::{SharePartitionKey, ShareStateRecord};

/// The longest text that a record holds.
const TEXT_BYTES_MAX: usize = i16::MAX as usize;

impl ShareStates {
    /// Serves a request: what it appends, or what it is answered.
    pub(super) fn call(
        &mut self,
        now: Now,
        request: RequestId,
        key: SharePartitionKey,
        call: StateCall,
    ) -> Result<StateOutput, ErrorCode> {
        if key.group.is_empty() || key.group.len() > TEXT_BYTES_MAX {
            return Err(ErrorCode::InvalidGroupId);
        }
        let share = self.shares.get(&key);
        if let StateCall::Summarize = call {
            let share = share.ok_or(ErrorCode::InvalidRequest)?;
            return Ok(told(request, StateAnswer::State(share.summary())));
        }
        // Whoever asks comes again.
        if share.is_some_and(|share| share.is_changing) || self.is_new(&key) {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        let updates_max = self.config.updates_per_snapshot;
        let (record, next, answer) = match call {
            StateCall::Initialize { state_epoch, start } => {
                match share {
                    Some(share) if share.state_epoch > state_epoch => {
                        return Err(ErrorCode::FencedStateEpoch);
                    }
                    // It comes again, and what was done since stays.
                    Some(share) if share.state_epoch == state_epoch => {
                        return Ok(told(request, StateAnswer::Done));
                    }
                    None if self.shares.len() >= self.config.shares_max => {
                        return Err(ErrorCode::PolicyViolation);
                    }
                    _ if start < Offset::NONE => return Err(ErrorCode::InvalidRequest),
                    Some(_) | None => {}
                }
                let mut next = Share::new(share, state_epoch, start, now.wall);
                (next.snapshot_record(key.clone(), now.wall), Some(next), StateAnswer::Done)
            }
            StateCall::Read { leader_epoch } => {
                let share = share.ok_or(ErrorCode::InvalidRequest)?;
                if leader_epoch < share.leader_epoch {
                    return Err(ErrorCode::FencedLeaderEpoch);
                }
                let answer = StateAnswer::State(share.stored());
                if leader_epoch == share.leader_epoch {
                    return Ok(told(request, answer));
                }
                let mut next = share.led(leader_epoch);
                (next.record(key.clone(), updates_max, now.wall), Some(next), answer)
            }
            StateCall::Write(write) => {
                let mut next = share.ok_or(ErrorCode::InvalidRequest)?.written(&write)?;
                let record = next.record(key.clone(), updates_max, now.wall);
                (record, Some(next), StateAnswer::Done)
            }
            StateCall::Summarize => unreachable!("it is answered above"),
            StateCall::Delete { state_epoch } => match share {
                Some(share) if share.state_epoch <= state_epoch => {
                    (ShareStateRecord::Snapshot(key.clone(), None), None, StateAnswer::Done)
                }
                // Members want it again, or nobody has had it.
                Some(_) | None => return Ok(told(request, StateAnswer::Done)),
            },
        };
        let mut records = vec![record];
        let is_ended = next.is_none() && share.is_some_and(|share| share.has_update);
        if is_ended {
            records.push(ShareStateRecord::Update(key.clone(), None));
        }
        if let Some(share) = self.shares.get_mut(&key) {
            share.is_changing = true;
        }
        let append = AppendId(self.append_next);
        self.append_next += 1;
        self.pending.insert(append, Pending { request, key, next, answer });
        Ok(StateOutput::Append { append, records })
    }

    /// Whether a share-partition that is not there yet is being appended.
    fn is_new(&self, key: &SharePartitionKey) -> bool {
        !self.shares.contains_key(key) && self.pending.values().any(|pending| pending.key == *key)
    }

    /// Records are durable.
    pub(super) fn appended(&mut self, append: AppendId) -> Option<StateOutput> {
        let Pending { request, key, next, answer } = self.pending.remove(&append)?;
        match next {
            Some(next) => drop(self.shares.insert(key, next)),
            None => drop(self.shares.remove(&key)),
        }
        Some(told(request, answer))
    }

    /// Records never will be durable: all is as it was before them.
    pub(super) fn append_failed(
        &mut self,
        append: AppendId,
        code: ErrorCode,
    ) -> Option<StateOutput> {
        let Pending { request, key, .. } = self.pending.remove(&append)?;
        if let Some(share) = self.shares.get_mut(&key) {
            share.is_changing = false;
        }
        Some(StateOutput::Reply { request, reply: Err(code) })
    }
}

fn told(request: RequestId, answer: StateAnswer) -> StateOutput {
    StateOutput::Reply { request, reply: Ok(answer) }
}

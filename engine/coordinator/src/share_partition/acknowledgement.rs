//! Members say what became of the records that they have: all that a request says of a partition
//! holds, or nothing.

use std::time::Duration;

use corelog_model::{ErrorCode, Offset};

use super::{Delivery, RUNS_MAX, SharePartition, State, WriteId};
use crate::consumer_group::MemberId;
use crate::share_states::DeliveryState;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcknowledgeType {
    /// There is none at this offset.
    Gap,
    /// It is processed.
    Accept,
    /// Another may try.
    Release,
    /// Nobody can process it.
    Reject,
    /// The member needs more time (KIP-1222).
    Renew,
}

impl AcknowledgeType {
    /// The type of a number on the wire.
    pub const fn from_number(number: i8) -> Option<AcknowledgeType> {
        match number {
            0 => Some(AcknowledgeType::Gap),
            1 => Some(AcknowledgeType::Accept),
            2 => Some(AcknowledgeType::Release),
            3 => Some(AcknowledgeType::Reject),
            4 => Some(AcknowledgeType::Renew),
            _ => None,
        }
    }
}

/// What became of records that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcknowledgementBatch {
    /// The first of them.
    pub first: Offset,
    /// The last of them.
    pub last: Offset,
    /// One type for all, or one for each.
    pub types: Vec<AcknowledgeType>,
}

/// Records with one type.
type Part = (Offset, Offset, AcknowledgeType);

impl SharePartition {
    /// Takes what a member says of its records. It holds once the write is stored that is told;
    /// none if nothing is to be stored. Records that were left behind since are none of anybody's
    /// business: they are left out.
    pub fn acknowledge(
        &mut self,
        now: Duration,
        member: &MemberId,
        batches: &[AcknowledgementBatch],
    ) -> Result<Option<WriteId>, ErrorCode> {
        let parts = self.parts_of(batches)?;
        for (first, last, _) in &parts {
            if !self.runs.within(*first, *last).all(|(_, _, one)| one.is_held_by(member)) {
                return Err(ErrorCode::InvalidRecordState);
            }
        }
        // Each part can cut a run in three.
        if self.runs.len() + 2 * parts.len() > RUNS_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        let mut write = None;
        for (first, last, kind) in parts {
            let held = self.runs.within(first, last);
            let held = held.map(|(first, last, one)| (first, last, one.count));
            for (first, last, count) in held.collect::<Vec<_>>() {
                let to = match kind {
                    AcknowledgeType::Accept => DeliveryState::Acknowledged,
                    AcknowledgeType::Gap | AcknowledgeType::Reject => DeliveryState::Archived,
                    AcknowledgeType::Release => self.released(count),
                    AcknowledgeType::Renew => {
                        self.renew(now, first, last, member, count);
                        continue;
                    }
                };
                write = Some(self.settle(first, last, to, count));
            }
        }
        Ok(write)
    }

    fn renew(&mut self, now: Duration, first: Offset, last: Offset, member: &MemberId, count: i16) {
        let until = now + self.config.lock_duration;
        let state = State::Acquired { member: member.clone(), until };
        self.runs.set(first, last, Delivery { state, count });
    }

    /// What a request says, as far as it is about the window.
    fn parts_of(&self, batches: &[AcknowledgementBatch]) -> Result<Vec<Part>, ErrorCode> {
        let mut parts: Vec<Part> = Vec::new();
        let mut behind = None;
        for batch in batches {
            let AcknowledgementBatch { first, last, types } = batch;
            let records = last.0.checked_sub(first.0).and_then(|more| more.checked_add(1));
            let is_sound = first.0 >= 0
                && records.is_some_and(|records| records > 0)
                && (types.len() == 1 || i64::try_from(types.len()).ok() == records)
                && behind.is_none_or(|behind| behind < *first);
            if !is_sound || *last >= self.end {
                return Err(ErrorCode::InvalidRequest);
            }
            behind = Some(*last);
            if let [kind] = types[..] {
                self.add(&mut parts, (*first, *last, kind));
                continue;
            }
            let mut offset = *first;
            for alike in types.chunk_by(|one, next| one == next) {
                let next = offset + i64::try_from(alike.len()).unwrap_or(i64::MAX);
                self.add(&mut parts, (offset, Offset(next.0 - 1), alike[0]));
                offset = next;
            }
        }
        Ok(parts)
    }

    fn add(&self, parts: &mut Vec<Part>, (first, last, kind): Part) {
        let first = first.max(self.start);
        if first <= last {
            parts.push((first, last, kind));
        }
    }
}

//! Tokens against transactions that nobody ends (KIP-890). Who appends the first batch of a
//! transaction must have asked the coordinator whether it goes on, and no marker may have come
//! meanwhile: the marker voids the token. They are in memory only, so a restart voids all.

use std::collections::BTreeMap;

use corelog_model::{BatchHeader, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::producers::{ProducerTable, SequenceRefusal};

/// The right to begin a transaction on a partition, if its coordinator says that it goes on. Taken
/// before the coordinator is asked, handed over with the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    producer: ProducerId,
    epoch: ProducerEpoch,
    number: u64,
    starts_at_zero: bool,
}

impl Verification {
    /// Of a producer that gets a new epoch for each transaction: one that the partition does not
    /// know starts at sequence 0.
    #[must_use]
    pub fn with_epoch_per_transaction(self) -> Self {
        Self { starts_at_zero: true, ..self }
    }
}

/// How a batch comes to be appended.
#[derive(Debug, Clone, Copy)]
pub enum Admission<'a> {
    /// A client sent it. One that begins a transaction needs a verification.
    Client(Option<&'a Verification>),
    /// A client sent it, and nobody asks for verifications.
    Unverified,
    /// A coordinator of this broker made it for a client's transaction, so it has no sequence of
    /// its own. One that begins a transaction needs a verification.
    Coordinator(Option<&'a Verification>),
    /// The same, and nobody asks for verifications.
    UnverifiedCoordinator,
}

#[derive(Debug)]
struct Pending {
    epoch: ProducerEpoch,
    number: u64,
    /// The lowest sequence that waits for the coordinator: no other may come first.
    lowest: Sequence,
    since: Timestamp,
}

/// The tokens of one partition that are not void.
#[derive(Debug, Default)]
pub(crate) struct Verifications {
    pending: BTreeMap<ProducerId, Pending>,
    next_number: u64,
}

impl Verifications {
    /// Gives a token for a producer; the same one as long as it is not void.
    pub(crate) fn begin(
        &mut self,
        producers: &ProducerTable,
        (producer, epoch): (ProducerId, ProducerEpoch),
        first: Sequence,
        now: Timestamp,
    ) -> Result<Verification, SequenceRefusal> {
        let known = producers.get(producer).map(|state| state.epoch);
        let waiting = self.pending.get(&producer).map(|pending| pending.epoch);
        if let Some(current) = known.max(waiting).filter(|current| epoch < *current) {
            return Err(SequenceRefusal::Fenced { producer, got: epoch, current });
        }
        if waiting.is_none() && self.pending.len() >= ProducerTable::PRODUCERS_MAX {
            return Err(SequenceRefusal::TooMany(ProducerTable::PRODUCERS_MAX));
        }
        if waiting != Some(epoch) {
            let number = self.next_number;
            self.next_number += 1;
            let pending = Pending { epoch, number, lowest: first, since: now };
            self.pending.insert(producer, pending);
        }
        let pending = self.pending.get_mut(&producer).expect("it was just made sure of");
        pending.lowest = pending.lowest.min(first);
        let number = pending.number;
        Ok(Verification { producer, epoch, number, starts_at_zero: false })
    }

    /// Checks that a batch that would begin a transaction may: its token is not void, and no batch
    /// with a lower sequence still waits.
    pub(crate) fn check(
        &self,
        producers: &ProducerTable,
        batch: &BatchHeader,
        verification: Option<&Verification>,
    ) -> Result<(), SequenceRefusal> {
        let (producer, epoch) = (batch.producer_id(), batch.producer_epoch());
        let pending = self.pending.get(&producer);
        let token = verification.filter(|token| {
            pending.is_some_and(|pending| pending.number == token.number)
                && (token.producer, token.epoch) == (producer, epoch)
        });
        let (Some(token), Some(pending)) = (token, pending) else {
            return Err(SequenceRefusal::Unverified { producer });
        };
        let got = batch.base_sequence();
        let is_unknown = producers.get(producer).is_none();
        let expected =
            if is_unknown && token.starts_at_zero { Sequence(0) } else { pending.lowest };
        if got > expected {
            return Err(SequenceRefusal::OutOfOrder { producer, got, expected });
        }
        Ok(())
    }

    /// Voids the tokens of a producer: its transaction began, or a marker ended it.
    pub(crate) fn void(&mut self, producer: ProducerId) {
        self.pending.remove(&producer);
    }

    /// Voids tokens taken before `before`.
    pub(crate) fn expire(&mut self, before: Timestamp) {
        self.pending.retain(|_, pending| pending.since >= before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corelog_model::batch::HeaderFields;
    use corelog_model::{LeaderEpoch, Offset};

    const PRODUCER: ProducerId = ProducerId(7);

    fn batch(epoch: i16, first: i32) -> BatchHeader {
        BatchHeader::new(&HeaderFields {
            base_offset: Offset(0),
            total_len: 100,
            leader_epoch: LeaderEpoch(0),
            attributes: 1 << 4,
            last_offset_delta: 0,
            base_timestamp: Timestamp(5),
            max_timestamp: Timestamp(5),
            producer_id: PRODUCER,
            producer_epoch: ProducerEpoch(epoch),
            base_sequence: Sequence(first),
            record_count: 1,
        })
    }

    #[derive(Default)]
    struct Scene {
        producers: ProducerTable,
        verifications: Verifications,
    }

    impl Scene {
        fn begin(&mut self, epoch: i16, first: i32) -> Result<Verification, SequenceRefusal> {
            let producer = (PRODUCER, ProducerEpoch(epoch));
            self.verifications.begin(&self.producers, producer, Sequence(first), Timestamp(9))
        }

        fn check(&self, batch: &BatchHeader, token: &Verification) -> Result<(), SequenceRefusal> {
            self.verifications.check(&self.producers, batch, Some(token))
        }
    }

    const UNVERIFIED: Result<(), SequenceRefusal> =
        Err(SequenceRefusal::Unverified { producer: PRODUCER });

    #[test]
    fn a_token_is_good_until_a_marker_came() {
        let mut scene = Scene::default();
        let none = scene.verifications.check(&scene.producers, &batch(0, 0), None);
        assert_eq!(none, UNVERIFIED);
        let token = scene.begin(0, 0).unwrap();
        assert_eq!(scene.begin(0, 0), Ok(token.clone()), "two requests share it");
        assert_eq!(scene.check(&batch(0, 0), &token), Ok(()));
        assert_eq!(scene.check(&batch(1, 0), &token), UNVERIFIED, "it is of another epoch");
        scene.verifications.void(PRODUCER);
        assert_eq!(scene.check(&batch(0, 0), &token), UNVERIFIED);
        let new = scene.begin(0, 0).unwrap();
        assert_eq!(scene.check(&batch(0, 0), &token), UNVERIFIED, "the old one stays void");
        assert_eq!(scene.check(&batch(0, 0), &new), Ok(()));
    }

    #[test]
    fn an_older_epoch_gets_none_and_a_newer_one_voids_it() {
        let mut scene = Scene::default();
        let old = scene.begin(3, 0).unwrap();
        let new = scene.begin(4, 0).unwrap();
        assert_eq!(scene.check(&batch(3, 0), &old), UNVERIFIED);
        assert_eq!(scene.check(&batch(4, 0), &new), Ok(()));
        let (got, current) = (ProducerEpoch(3), ProducerEpoch(4));
        let fenced = SequenceRefusal::Fenced { producer: PRODUCER, got, current };
        assert_eq!(scene.begin(3, 0), Err(fenced));
        scene.verifications.void(PRODUCER);
        scene.producers.remember(&batch(4, 0), Offset(0), Timestamp(1));
        assert_eq!(scene.begin(3, 0), Err(fenced), "it has written already");
    }

    #[test]
    fn a_batch_does_not_overtake_one_that_still_waits() {
        let mut scene = Scene::default();
        let token = scene.begin(0, 10).unwrap();
        assert_eq!(scene.begin(0, 15).as_ref(), Ok(&token));
        let (producer, got, expected) = (PRODUCER, Sequence(15), Sequence(10));
        let early = SequenceRefusal::OutOfOrder { producer, got, expected };
        assert_eq!(scene.check(&batch(0, 15), &token), Err(early));
        assert_eq!(scene.check(&batch(0, 10), &token), Ok(()));
        let strict = token.with_epoch_per_transaction();
        let (got, expected) = (Sequence(10), Sequence(0));
        let early = SequenceRefusal::OutOfOrder { producer, got, expected };
        assert_eq!(scene.check(&batch(0, 10), &strict), Err(early), "it starts at 0");
    }

    #[test]
    fn tokens_of_producers_that_went_away_are_forgotten() {
        let mut scene = Scene::default();
        let token = scene.begin(0, 0).unwrap();
        scene.verifications.expire(Timestamp(9));
        assert_eq!(scene.check(&batch(0, 0), &token), Ok(()));
        scene.verifications.expire(Timestamp(10));
        assert_eq!(scene.check(&batch(0, 0), &token), UNVERIFIED);
    }
}

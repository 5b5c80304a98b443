//! One member of a classic group: it joins, is told its part or tells all of them, beats, commits,
//! and does what clients should not: it comes back under its static name, is silent for too long,
//! and speaks of generations that are over.

use std::rc::Rc;
use std::time::Duration;

use corelog_coordinator::consumer_group::Partitions;
use corelog_coordinator::input::MemberAssignment;
use corelog_coordinator::output::{JoinRefusal, Joined};
use corelog_io::sleep;
use corelog_model::{ErrorCode, Offset, PartitionId};

use super::Misrule;
use super::classic_requests::{beat, decode, encode, join, leave, sync};
use super::generations::{Plan, identity};
use super::offsets::{Committer, commit, committed, partitions};
use super::world::{Known, World};
use crate::broker::{Broker, pause};

/// Longer than a session.
const STALL: Duration = Duration::from_secs(60);
/// Longer than a leader has to assign.
const DAWDLE_MS_MAX: u64 = 30_000;

/// The member. What it knows of itself outlives the broker.
struct Member {
    world: Rc<World>,
    broker: Rc<Broker>,
    number: u64,
    known: Known,
    /// The id under which it was in before it came back under its name.
    previous: Option<String>,
}

/// A member does its part for so many rounds.
pub(super) async fn take_part(world: Rc<World>, broker: Rc<Broker>, number: u64, rounds: u64) {
    let known = world.members.borrow().get(&number).cloned().unwrap_or_default();
    let mut member = Member { world, broker, number, known, previous: None };
    for _ in 0..rounds {
        if member.world.is_ending.get() {
            return;
        }
        member.round().await;
        sleep(Duration::from_millis(member.world.below(4_000))).await;
    }
    // It ends without a word: nobody hears from it again.
    member.forget();
}

impl Member {
    /// The first one has a static name.
    fn instance_id(&self) -> Option<String> {
        (self.number == 0).then(|| "static".to_owned())
    }

    fn as_committer(&self) -> Committer {
        let (id, instance_id) = (self.known.id.clone(), self.instance_id());
        Committer { id, instance_id, generation: self.known.epoch.unwrap_or(-1) }
    }

    fn know(&mut self, known: Known) {
        self.known = known;
        self.world.members.borrow_mut().insert(self.number, self.known.clone());
    }

    fn forget(&mut self) {
        self.know(Known::default());
    }

    /// It has to join again, as the same.
    fn give_up(&mut self) {
        self.know(Known { epoch: None, owned: Partitions::new(), ..self.known.clone() });
    }

    async fn round(&mut self) {
        match (self.known.epoch, self.world.below(30)) {
            (Some(_), 0) if self.number == 0 => self.come_back().await,
            (Some(_), 0) => self.leave().await,
            (Some(_), 1) => self.stall().await,
            (Some(_), _) => {
                self.beat().await;
                self.work().await;
            }
            (None, _) => self.join().await,
        }
    }

    async fn join(&mut self) {
        // New ones are told an id first, and join with it.
        for _ in 0..2 {
            let by = self.as_committer();
            let new_id = self.world.new_id(self.number);
            let new_id = match &by.instance_id {
                Some(name) => format!("{name}/{new_id}"),
                None => new_id,
            };
            // Now and then it has something new to say, and everybody joins again.
            let says = u8::from(self.world.below(8) == 0);
            let result = join(&self.broker, &by, new_id, says).await;
            self.world.tell(format!("{by:?} joins: {result:?}"));
            match result {
                Ok(joined) => {
                    if by.id.is_empty() && by.instance_id.is_none() {
                        self.world.find(format!("{} is in without an id", joined.member_id));
                    }
                    return self.joined(joined).await;
                }
                Err(JoinRefusal { code: ErrorCode::MemberIdRequired, member_id }) => {
                    self.world.count(|counts| counts.named += 1);
                    self.know(Known { id: member_id, ..Known::default() });
                }
                Err(JoinRefusal { code, .. }) => return self.refused(code).await,
            }
        }
    }

    async fn joined(&mut self, joined: Joined) {
        let Joined { member_id, generation, leader, .. } = &joined;
        let replaced = self.previous.take().filter(|previous| previous != member_id);
        if let Some(previous) = replaced {
            self.world.generations.borrow_mut().leave(&previous);
        }
        let claim = self.world.generations.borrow_mut().join(member_id, *generation, leader);
        self.world.hold(claim);
        self.world.count(|counts| counts.joined += 1);
        self.know(Known { id: member_id.clone(), ..Known::default() });
        if self.world.below(16) == 0 {
            sleep(Duration::from_millis(self.world.below(DAWDLE_MS_MAX))).await;
        }
        let leads = leader == member_id && !joined.skip_assignment;
        let all = partitions(&self.broker);
        let assignments = if leads { self.assign(&joined, &all) } else { Vec::new() };
        let by = Committer { generation: *generation, ..self.as_committer() };
        let said = self.world.generations.borrow().said(&by.id);
        let result = sync(&self.broker, &by, assignments).await;
        self.world.tell(format!("{by:?} syncs: {result:?}"));
        let synced = match result {
            Ok(synced) => synced,
            Err(code) => return self.refused(code).await,
        };
        self.world.hold(said.check_heard(&by.id, by.generation));
        let Some((plan, owned)) = decode(&synced.assignment, &all) else {
            return self.world.find(format!("{} is left out of {generation}", by.id));
        };
        let claim = self.world.generations.borrow_mut().sync(&by.id, *generation, plan, &owned);
        self.world.hold(claim);
        self.world.count(|counts| counts.assigned += 1);
        let owned = owned.into_iter().collect();
        self.know(Known { id: by.id, epoch: Some(by.generation), owned });
    }
}

impl Member {
    /// What everyone gets: partitions by turns, from a place that chance chooses.
    fn assign(&self, joined: &Joined, all: &[PartitionId]) -> Vec<MemberAssignment> {
        let members = &joined.members;
        let first = self.world.below(members.len().max(1) as u64) as usize;
        let mut parts = vec![Vec::new(); members.len()];
        for (number, partition) in all.iter().enumerate() {
            parts[(first + number) % members.len()].push(*partition);
        }
        if self.world.run.broken == Misrule::Doubling {
            for part in parts.iter_mut().filter(|part| part.first() != Some(&all[0])) {
                part.insert(0, all[0]);
            }
        }
        let ids = members.iter().map(|member| member.member_id.clone());
        let of_ids = ids.clone().zip(&parts);
        let plan: Plan =
            of_ids.map(|(id, part)| (identity(&id).to_owned(), part.clone())).collect();
        let plan = self.world.generations.borrow_mut().plan(plan);
        let assignment = |(member_id, part): (String, &Vec<PartitionId>)| {
            let assignment = encode(plan, part, all);
            MemberAssignment { member_id, assignment }
        };
        ids.zip(&parts).map(assignment).collect()
    }

    /// It goes on as the error says.
    async fn refused(&mut self, code: ErrorCode) {
        match code {
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => {
                self.world.count(|counts| counts.fenced += 1);
                self.forget();
            }
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => self.give_up(),
            // It asks again later; what it was told before holds.
            _ => pause().await,
        }
    }

    async fn beat(&mut self) {
        let (by, owned) = (self.as_committer(), self.known.owned.clone());
        match self.try_beat(&by).await {
            Ok(()) => self.world.count(|counts| counts.beats += 1),
            Err(code) => {
                self.refused(code).await;
                if code == ErrorCode::RebalanceInProgress {
                    self.world.count(|counts| counts.rebalances += 1);
                    self.join().await;
                    // What it had read before, it commits when it is in the next generation.
                    if self.known.epoch.is_some() && self.world.below(3) == 0 {
                        self.speak_late(&by, &owned).await;
                    }
                }
            }
        }
    }

    /// Beats as a member. It may be heard only if nothing speaks against it.
    async fn try_beat(&self, by: &Committer) -> Result<(), ErrorCode> {
        let said = self.world.generations.borrow().said(&by.id);
        let result = beat(&self.broker, by).await;
        self.world.tell(format!("{by:?} beats: {result:?}"));
        if result.is_ok() {
            self.world.hold(said.check_heard(&by.id, by.generation));
        }
        result
    }

    /// Commits as a member, on the same terms. It may be another who speaks.
    async fn try_commit(
        &self,
        by: &Committer,
        speaks: &Committer,
        partition: PartitionId,
        offset: Offset,
    ) -> Result<(), ErrorCode> {
        let said = self.world.generations.borrow().said(&by.id);
        let result = commit(&self.world, &self.broker, speaks, partition, offset).await;
        if result.is_ok() {
            self.world.hold(said.check_heard(&by.id, by.generation));
        }
        result
    }

    /// Goes on with what is committed, and commits a little more.
    async fn work(&mut self) {
        if self.known.epoch.is_none() {
            return;
        }
        let by = self.as_committer();
        for partition in self.known.owned.clone() {
            let Ok(offset) = committed(&self.broker, partition) else { continue };
            self.world.check(partition, offset);
            let offset = offset.unwrap_or(Offset::ZERO).0 + 1 + self.world.below(5) as i64;
            if self.try_commit(&by, &by, partition, Offset(offset)).await.is_ok() {
                self.world.count(|counts| counts.commits += 1);
            }
        }
    }

    /// Commits and beats as one that it is no more.
    async fn speak_late(&self, by: &Committer, owned: &Partitions) {
        let mut speaks = by.clone();
        if self.world.run.broken == Misrule::Posing {
            let members = self.world.members.borrow();
            if let Some(other) = members.values().find(|other| other.epoch.is_some()) {
                let generation = other.epoch.unwrap_or(-1);
                let instance_id = other.id.contains('/').then(|| identity(&other.id).to_owned());
                speaks = Committer { id: other.id.clone(), instance_id, generation };
            }
        }
        for partition in owned {
            self.world.count(|counts| counts.late += 1);
            // The claim is looked at where it is sent.
            let _ = self.try_commit(by, &speaks, *partition, Offset::ZERO).await;
        }
        let _ = self.try_beat(by).await;
    }

    /// It is silent for longer than its session, and then speaks as if nothing had been.
    async fn stall(&mut self) {
        let (by, owned) = (self.as_committer(), self.known.owned.clone());
        self.forget();
        self.world.count(|counts| counts.stalled += 1);
        sleep(STALL).await;
        self.world.generations.borrow_mut().leave(&by.id);
        self.speak_late(&by, &owned).await;
    }

    async fn leave(&mut self) {
        let (by, owned) = (self.as_committer(), self.known.owned.clone());
        self.forget();
        if leave(&self.broker, &by).await.is_ok() {
            self.world.count(|counts| counts.left += 1);
            self.world.generations.borrow_mut().leave(&by.id);
            self.speak_late(&by, &owned).await;
        }
    }

    /// It starts anew under its static name, and the one that it was is still there.
    async fn come_back(&mut self) {
        let (by, owned) = (self.as_committer(), self.known.owned.clone());
        self.forget();
        self.previous = Some(by.id.clone());
        self.join().await;
        if !self.known.id.is_empty() && self.known.id != by.id {
            self.world.count(|counts| counts.replaced += 1);
            self.speak_late(&by, &owned).await;
        }
    }
}

//! Whatever members, the log and time do: the partition does what a model does that knows each
//! record by itself, and a crash at any time loses nothing that was told.

use std::collections::BTreeMap;

use corelog_coordinator::share_partition::{
    AcknowledgeType, AcquireMode, BatchKind, ReadBatch, SharePartition, Write,
};
use corelog_coordinator::share_states::{DeliveryState, StateBatch};
use corelog_model::Offset;
use proptest::prelude::*;

use crate::rig::*;

/// The log: batches of 1 to 4 records, of which every fifth is hidden and every seventh is gone.
fn log() -> Vec<ReadBatch> {
    let (mut batches, mut first) = (Vec::new(), 0);
    for number in 0..40 {
        let last = first + number % 4;
        match number {
            number if number % 5 == 4 => batches.push(hidden(first, last)),
            number if number % 7 == 6 => {}
            _ => batches.push(data(first, last)),
        }
        first = last + 1;
    }
    batches
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Available,
    Acquired { member: usize, until: u64 },
    Done(DeliveryState),
    Settling(DeliveryState, u64),
}

#[derive(Clone, Copy, Debug)]
struct Record {
    state: State,
    count: i16,
}

/// Each record by itself.
#[derive(Default)]
struct Model {
    start: i64,
    records: BTreeMap<i64, Record>,
    write_next: u64,
}

impl Model {
    fn end(&self) -> i64 {
        self.records.last_key_value().map_or(self.start, |(last, _)| last + 1)
    }

    fn in_flight(&self) -> usize {
        let archived = State::Done(DeliveryState::Archived);
        self.records.values().filter(|record| record.state != archived).count()
    }

    fn next_fetch(&self) -> Option<i64> {
        let available = self.records.iter().find(|(_, one)| one.state == State::Available);
        let full = self.in_flight() >= config().locks_max;
        available.map(|(offset, _)| *offset).or((!full).then_some(self.end()))
    }

    fn hide(&mut self, first: i64, last: i64) {
        for offset in first..=last {
            let hidden = Record { state: State::Done(DeliveryState::Archived), count: 0 };
            let is_new = offset >= self.end().max(self.start);
            match self.records.get_mut(&offset) {
                Some(record) if record.state == State::Available => *record = hidden,
                None if is_new => {
                    self.records.insert(offset, hidden);
                }
                Some(_) | None => {}
            }
        }
    }

    fn acquire(
        &mut self,
        now: u64,
        member: usize,
        (mut room, mode): (usize, AcquireMode),
        batches: &[ReadBatch],
    ) -> Vec<(i64, i16)> {
        let Some(mut position) = self.next_fetch() else { return Vec::new() };
        let mut acquired = Vec::new();
        for batch in batches {
            if room == 0 {
                break;
            }
            self.hide(position, batch.first.0 - 1);
            position = batch.last.0 + 1;
            if batch.kind == BatchKind::Hidden {
                self.hide(batch.first.0, batch.last.0);
                continue;
            }
            let has_room = self.in_flight() < config().locks_max;
            let end = self.end();
            for offset in batch.first.0.max(self.start)..=batch.last.0 {
                if mode == AcquireMode::RecordLimit && room == 0 {
                    break;
                }
                let count = match self.records.get(&offset) {
                    Some(record) if record.state == State::Available => record.count + 1,
                    None if offset >= end && has_room => 1,
                    Some(_) | None => continue,
                };
                let state = State::Acquired { member, until: now + 30 };
                self.records.insert(offset, Record { state, count });
                acquired.push((offset, count));
                room = room.saturating_sub(1);
            }
            if self.end() <= batch.last.0 {
                break;
            }
        }
        self.advance();
        acquired
    }

    fn advance(&mut self) {
        while let Some(first) = self.records.first_entry() {
            match first.get().state {
                State::Done(_) => {
                    self.start = first.key() + 1;
                    first.remove();
                }
                State::Available | State::Acquired { .. } | State::Settling(..) => return,
            }
        }
    }

    fn released(count: i16) -> DeliveryState {
        let is_last = count >= config().delivery_count_max;
        if is_last { DeliveryState::Archived } else { DeliveryState::Available }
    }

    fn say(&mut self, now: u64, member: usize, (first, last): (i64, i64), kind: AcknowledgeType) {
        for (_, record) in self.records.range_mut(first..=last) {
            let to = match kind {
                Accept => DeliveryState::Acknowledged,
                Gap | Reject => DeliveryState::Archived,
                Release => Self::released(record.count),
                Renew => {
                    record.state = State::Acquired { member, until: now + 30 };
                    continue;
                }
            };
            record.state = State::Settling(to, self.write_next);
        }
    }

    fn has(&self, member: usize, (first, last): (i64, i64)) -> bool {
        let holds = |record: &Record| match record.state {
            State::Acquired { member: holder, .. } => holder == member,
            State::Available | State::Done(_) | State::Settling(..) => false,
        };
        (first.max(self.start)..=last).all(|offset| self.records.get(&offset).is_some_and(holds))
    }

    fn written(&mut self, id: u64) {
        for record in self.records.values_mut() {
            if let State::Settling(to, write) = record.state
                && write <= id
            {
                record.state = match to {
                    DeliveryState::Available => State::Available,
                    done => State::Done(done),
                };
            }
        }
        self.advance();
    }
}

#[derive(Clone, Debug)]
enum Event {
    Acquire { member: usize, records: usize, is_strict: bool },
    Say { member: usize, first: i64, more: i64, kind: usize },
    Release { member: usize },
    Pass { seconds: u64 },
    Take,
    Written,
    MoveStart { more: i64 },
    Crash,
}

fn event() -> impl Strategy<Value = Event> {
    let member = 0..3_usize;
    prop_oneof![
        6 => (member.clone(), 1..9_usize, any::<bool>()).prop_map(|(member, records, is_strict)| {
            Event::Acquire { member, records, is_strict }
        }),
        9 => (member.clone(), 0..12_i64, 0..4_i64, 0..5_usize)
            .prop_map(|(member, first, more, kind)| Event::Say { member, first, more, kind }),
        1 => member.prop_map(|member| Event::Release { member }),
        2 => (0..20_u64).prop_map(|seconds| Event::Pass { seconds }),
        5 => Just(Event::Take),
        5 => Just(Event::Written),
        1 => (0..5_i64).prop_map(|more| Event::MoveStart { more }),
        1 => Just(Event::Crash),
    ]
}

/// What is stored: the start, and each record behind it that was ever written.
#[derive(Default)]
struct Store {
    start: i64,
    records: BTreeMap<i64, (DeliveryState, i16)>,
}

impl Store {
    fn write(&mut self, write: &Write) {
        self.start = write.start.0;
        for batch in &write.batches {
            for offset in batch.first.0..=batch.last.0 {
                self.records.insert(offset, (batch.state, batch.delivery_count));
            }
        }
        self.records.retain(|offset, _| *offset >= self.start);
    }

    fn batches(&self) -> Vec<StateBatch> {
        let batch = |(offset, (state, count)): (&i64, &(DeliveryState, i16))| {
            stored(*offset, *offset, *state, *count)
        };
        self.records.iter().map(batch).collect()
    }
}

const KINDS: [AcknowledgeType; 5] = [Gap, Accept, Release, Reject, Renew];

struct World {
    rig: Rig,
    model: Model,
    store: Store,
    taken: Option<Write>,
    /// Records of which a member was told that they are done with.
    done: Vec<(u64, i64)>,
}

impl World {
    fn read(&self) -> Vec<ReadBatch> {
        let from = self.model.next_fetch().unwrap_or(i64::MAX);
        log().into_iter().filter(|batch| batch.last.0 >= from).take(6).collect()
    }

    fn step(&mut self, event: &Event) {
        let now = self.rig.now;
        match *event {
            Event::Acquire { member, records, is_strict } => {
                let mode =
                    if is_strict { AcquireMode::RecordLimit } else { AcquireMode::BatchOptimized };
                let batches = self.read();
                let told = self.rig.acquire_some(&member.to_string(), &batches, records, mode);
                let expected = self.model.acquire(now, member, (records, mode), &batches);
                let each = |(first, last, count): &(i64, i64, i16)| {
                    let count = *count;
                    (*first..=*last).map(move |offset| (offset, count))
                };
                assert_eq!(told.iter().flat_map(each).collect::<Vec<_>>(), expected);
            }
            Event::Say { member, first, more, kind } => {
                let (first, kind) = (self.model.start + first - 1, KINDS[kind]);
                let (name, range) = (member.to_string(), (first, first + more));
                let result = self.rig.say(&name, &[(range.0, range.1, &[kind])]);
                let is_sound = first >= 0 && range.1 < self.model.end();
                assert_eq!(result.is_ok(), is_sound && self.model.has(member, range));
                if let Ok(write) = result {
                    self.model.say(now, member, range, kind);
                    if let (Some(write), Accept) = (write, kind) {
                        self.done.extend((range.0..=range.1).map(|offset| (write.0, offset)));
                    }
                }
            }
            Event::Release { member } => {
                self.rig.partition.release(&crate::rig::member(&member.to_string()));
                let write = self.model.write_next;
                for record in self.model.records.values_mut() {
                    if matches!(record.state, State::Acquired { member: one, .. } if one == member)
                    {
                        record.state = State::Settling(DeliveryState::Available, write);
                        record.count -= 1;
                    }
                }
            }
            Event::Pass { seconds } => {
                self.rig.pass(seconds);
                let (now, write) = (self.rig.now, self.model.write_next);
                for record in self.model.records.values_mut() {
                    if matches!(record.state, State::Acquired { until, .. } if until <= now) {
                        record.state = State::Settling(Model::released(record.count), write);
                    }
                }
            }
            Event::Take => {
                if let Some(write) = self.rig.partition.take_write() {
                    assert_eq!(write.id.0, self.model.write_next);
                    self.model.write_next += 1;
                    self.taken = Some(write);
                }
            }
            Event::Written => {
                if let Some(write) = self.taken.take() {
                    self.store.write(&write);
                    self.rig.partition.written(write.id);
                    self.model.written(write.id.0);
                    for (_, offset) in self.done.extract_if(.., |(id, _)| *id <= write.id.0) {
                        let kept = self.store.records.get(&offset).map(|one| one.0);
                        let is_kept = kept == Some(DeliveryState::Acknowledged);
                        assert!(offset < self.store.start || is_kept, "{offset} is forgotten");
                    }
                }
            }
            Event::MoveStart { more } => {
                let start = self.model.start + more;
                self.rig.partition.move_start(Offset(start));
                self.model.start = start;
                self.model.records.retain(|offset, _| *offset >= start);
                self.model.advance();
            }
            Event::Crash => self.crash(),
        }
        assert_eq!(
            self.rig.window(),
            (self.model.start, self.model.end(), self.model.next_fetch().unwrap_or(-1),)
        );
    }

    /// The leader goes away, and comes back with what is stored.
    fn crash(&mut self) {
        let (start, batches) = (self.store.start, self.store.batches());
        self.rig.partition = SharePartition::load(config(), Offset(start), &batches);
        self.taken = None;
        self.done.clear();
        let last = batches.last().map_or(start - 1, |batch| batch.last.0);
        let record = |offset| match self.store.records.get(&offset) {
            Some((DeliveryState::Available, count)) => {
                Record { state: State::Available, count: *count }
            }
            Some((done, count)) => Record { state: State::Done(*done), count: *count },
            None => Record { state: State::Available, count: 0 },
        };
        let records = (start..=last).map(|offset| (offset, record(offset))).collect();
        self.model = Model { start, records, write_next: 0 };
        self.model.advance();
    }
}

proptest! {
    #[test]
    fn the_partition_does_as_each_record_by_itself(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let rig = Rig::new();
        let model = Model { write_next: 1, ..Model::default() };
        let mut world =
            World { rig, model, store: Store::default(), taken: None, done: Vec::new() };
        for event in &events {
            world.step(event);
        }
    }
}

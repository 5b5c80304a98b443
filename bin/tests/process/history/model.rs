//! Random histories of a log that keeps every rule: the check finds nothing in any of them, and
//! finds what is changed in one.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, History, Isolation, Operation, Outcome, Partition, Polled, Process, Step, Value,
    forbidden,
};

const PARTITIONS: Partition = 3;
const WRITERS: Process = 4;
const READER: Process = 9;

/// What is at an offset: a value and the transaction it is part of, or the end of one.
#[derive(Clone, Copy)]
enum Entry {
    Value(Value, Process),
    Marker,
}

struct Model {
    chance: fastrand::Rng,
    logs: BTreeMap<Partition, Vec<Entry>>,
    /// The steps of open transactions, and where each writer reads.
    open: BTreeMap<Process, (u64, Vec<Step>)>,
    aborted: BTreeSet<Value>,
    positions: BTreeMap<(Process, Partition), usize>,
    history: History,
    clock: u64,
    values: Value,
}

impl Model {
    fn new(seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
            logs: (0..PARTITIONS).map(|partition| (partition, Vec::new())).collect(),
            open: BTreeMap::new(),
            aborted: BTreeSet::new(),
            positions: BTreeMap::new(),
            history: History::default(),
            clock: 0,
            values: 0,
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The records that a reader gets next of a partition.
    fn poll(&mut self, process: Process, count: usize) -> Step {
        let partition = self.chance.i32(0..PARTITIONS);
        let log = &self.logs[&partition];
        let is_open = |entry: &Entry| match entry {
            Entry::Value(_, writer) => self.open.get(writer).is_some_and(|(_, steps)| {
                let is_it = |step: &Step| {
                    matches!((step, entry), (Step::Send { value, .. },
                    Entry::Value(of, _)) if value == of)
                };
                steps.iter().any(is_it)
            }),
            Entry::Marker => false,
        };
        let stable = log.iter().position(is_open).unwrap_or(log.len());
        let place = self.positions.entry((process, partition)).or_default();
        let mut records = Vec::new();
        while *place < stable && records.len() < count {
            if let Entry::Value(value, _) = log[*place]
                && !self.aborted.contains(&value)
            {
                records.push(Polled { partition, offset: *place as i64, value });
            }
            *place += 1;
        }
        Step::Poll { isolation: Isolation::Committed, records }
    }

    fn send(&mut self, process: Process) -> Step {
        self.values += 1;
        let (partition, value) = (self.chance.i32(0..PARTITIONS), self.values);
        let log = self.logs.entry(partition).or_default();
        let offset = Some(log.len() as i64).filter(|_| self.chance.u8(..10) > 0);
        log.push(Entry::Value(value, process));
        Step::Send { partition, value, offset }
    }

    /// A writer does the next thing.
    fn step(&mut self) {
        let process = self.chance.u32(0..WRITERS);
        match self.open.remove(&process) {
            None => {
                let began = self.tick();
                self.open.insert(process, (began, Vec::new()));
            }
            Some((began, mut steps)) if steps.len() < 5 && self.chance.u8(..4) > 0 => {
                let is_send = self.chance.bool();
                let step = if is_send {
                    self.send(process)
                } else {
                    Step::Poll { isolation: Isolation::Committed, records: Vec::new() }
                };
                steps.push(step);
                self.open.insert(process, (began, steps));
                if !is_send {
                    let polled = self.poll(process, 3);
                    let (_, steps) = self.open.get_mut(&process).expect("it is open");
                    *steps.last_mut().expect("the poll is there") = polled;
                }
            }
            Some((began, steps)) => self.end(process, began, steps),
        }
    }

    fn end(&mut self, process: Process, began: u64, steps: Vec<Step>) {
        let commits = self.chance.u8(..4) > 0;
        for step in &steps {
            if let Step::Send { partition, value, .. } = step {
                self.logs.entry(*partition).or_default().push(Entry::Marker);
                if !commits {
                    self.aborted.insert(*value);
                }
            }
        }
        let told = if commits { Outcome::Done } else { Outcome::Failed };
        let outcome = if self.chance.u8(..5) == 0 { Outcome::Unknown } else { told };
        let ended = self.tick();
        let action = Action::Transaction(steps);
        self.history.operations.push(Operation { process, began, ended, action, outcome });
    }

    /// Everything ends, and everything is read from the beginning.
    fn finish(mut self) -> History {
        for (process, (began, steps)) in std::mem::take(&mut self.open) {
            self.end(process, began, steps);
        }
        let began = self.tick();
        let mut steps = Vec::new();
        while (0..PARTITIONS).any(|partition| {
            let place = self.positions.get(&(READER, partition)).copied().unwrap_or_default();
            place < self.logs[&partition].len()
        }) {
            steps.push(self.poll(READER, usize::MAX));
        }
        let (ended, process, outcome) = (self.tick(), READER, Outcome::Done);
        let action = Action::Steps(steps);
        self.history.operations.push(Operation { process, began, ended, action, outcome });
        self.history.operations.sort_by_key(|operation| operation.began);
        self.history
    }
}

#[test]
fn nothing_is_found_in_what_a_correct_log_gives() {
    for seed in 0..300 {
        let mut model = Model::new(seed);
        (0..400).for_each(|_| model.step());
        let history = model.finish();
        let found = forbidden(&history);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        assert!(history.operations.len() > 50, "seed {seed} does little");
    }
}

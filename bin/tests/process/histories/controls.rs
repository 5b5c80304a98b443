//! Negative controls: a real history is changed to what a broken broker would have given, and the
//! check must complain about just that.

use crate::history::{
    Action, History, Isolation, Operation, Outcome, Phenomenon, Polled, Step, Value, forbidden,
};

use super::FINAL;

/// How many values are left alone before one is changed.
const SOME: usize = 50;

/// Changes what was polled and expects an anomaly.
#[track_caller]
fn check(history: &History, expected: Phenomenon, change: impl Fn(&Operation, &mut Vec<Polled>)) {
    let mut changed = history.clone();
    for operation in &mut changed.operations {
        let unchanged = operation.clone();
        let (Action::Steps(steps) | Action::Transaction(steps)) = &mut operation.action else {
            continue;
        };
        for step in steps {
            if let Step::Poll { isolation: Isolation::Committed, records } = step {
                change(&unchanged, records);
            }
        }
    }
    let found = forbidden(&changed);
    let is_noticed = found.iter().any(|anomaly| anomaly.phenomenon == expected);
    assert!(is_noticed, "{} is not noticed: {found:#?}", expected.name());
}

/// What a writer was told is written, with something before and behind it.
fn acknowledged(history: &History, is_transaction: bool) -> Value {
    let done = history.operations.iter().filter(|one| one.outcome == Outcome::Done);
    let mut sends = done.filter(|one| one.is_transaction() == is_transaction).flat_map(|one| {
        one.sends().filter_map(|(_, value, offset)| offset.map(|_| value)).collect::<Vec<_>>()
    });
    sends.nth(SOME).expect("something was written")
}

fn aborted(history: &History) -> Polled {
    let failed = history.operations.iter().filter(|one| one.outcome == Outcome::Failed);
    let mut sends = failed.flat_map(Operation::sends).filter_map(|(partition, value, offset)| {
        offset.map(|offset| Polled { partition, offset, value })
    });
    sends.next().expect("something was aborted")
}

/// Loses, repeats, swaps and invents records of a history without anomalies.
pub(super) fn notice(history: &History) {
    for value in [acknowledged(history, false), acknowledged(history, true)] {
        check(history, Phenomenon::LostWrite, |_, records| {
            records.retain(|record| record.value != value);
        });
        // Only the last reader loses it: it goes past it.
        check(history, Phenomenon::IntPollSkip, |operation, records| {
            records.retain(|record| operation.process != FINAL || record.value != value);
        });
        check(history, Phenomenon::Duplicate, |operation, records| {
            let last = records.last().copied().filter(|_| operation.process == FINAL);
            records.extend(last.map(|last| Polled { offset: last.offset + 1, value, ..last }));
        });
        check(history, Phenomenon::InconsistentOffsets, |operation, records| {
            let is_it = |record: &&mut Polled| record.value == value;
            if let Some(record) =
                records.iter_mut().find(is_it).filter(|_| operation.process == FINAL)
            {
                record.value += 1;
            }
        });
    }
    check(history, Phenomenon::IntNonmonotonicPoll, |operation, records| {
        if operation.process == FINAL {
            records.reverse();
        }
    });
    let aborted = aborted(history);
    check(history, Phenomenon::AbortedRead, |operation, records| {
        if operation.process == FINAL {
            records.push(aborted);
        }
    });
}

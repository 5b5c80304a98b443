//! One bad history for each anomaly, and good ones.

use super::Outcome::{Done, Failed, Unknown};
use super::{
    Action, History, Isolation, Operation, Outcome, Partition, Phenomenon, Polled, Process, Step,
    Value, check,
};

fn send(partition: Partition, value: Value, offset: i64) -> Step {
    Step::Send { partition, value, offset: Some(offset) }
}

fn poll_as(isolation: Isolation, records: &[(Partition, i64, Value)]) -> Step {
    let records = records.iter().map(|record| {
        let (partition, offset, value) = *record;
        Polled { partition, offset, value }
    });
    Step::Poll { isolation, records: records.collect() }
}

fn poll(records: &[(Partition, i64, Value)]) -> Step {
    poll_as(Isolation::Committed, records)
}

fn plain<const N: usize>(process: Process, steps: [Step; N]) -> (Process, Action, Outcome) {
    (process, Action::Steps(steps.into()), Done)
}

fn transaction<const N: usize>(
    process: Process,
    steps: [Step; N],
    outcome: Outcome,
) -> (Process, Action, Outcome) {
    (process, Action::Transaction(steps.into()), outcome)
}

fn assign(process: Process, partition: Partition, from: i64) -> (Process, Action, Outcome) {
    (process, Action::Assign([(partition, Some(from))].into()), Done)
}

fn history<const N: usize>(operations: [(Process, Action, Outcome); N]) -> History {
    let operations = (0..).zip(operations).map(|(at, (process, action, outcome))| Operation {
        process,
        began: 2 * at,
        ended: 2 * at + 1,
        action,
        outcome,
    });
    History { operations: operations.collect() }
}

#[track_caller]
fn shows<const N: usize>(operations: [(Process, Action, Outcome); N], expected: &[Phenomenon]) {
    let found = check(&history(operations));
    let phenomena: Vec<Phenomenon> = found.iter().map(|anomaly| anomaly.phenomenon).collect();
    assert_eq!(phenomena, expected, "{found:#?}");
}

#[test]
fn a_good_history_shows_nothing() {
    shows(
        [
            assign(3, 0, 0),
            plain(1, [send(0, 1, 0)]),
            transaction(2, [send(0, 2, 1), send(1, 3, 0)], Done),
            transaction(2, [send(0, 4, 3), poll(&[(0, 1, 2)])], Failed),
            transaction(2, [send(0, 5, 5)], Unknown),
            plain(4, [poll_as(Isolation::Uncommitted, &[(0, 3, 4)])]),
            plain(3, [poll(&[(0, 0, 1), (0, 1, 2)])]),
            assign(3, 0, 0),
            plain(3, [poll(&[(0, 0, 1), (0, 1, 2), (1, 0, 3)])]),
        ],
        &[],
    );
}

#[test]
fn an_offset_has_one_value() {
    let read = [poll(&[(0, 0, 1), (1, 0, 2)])];
    let other = [poll(&[(1, 0, 1)])];
    let sent = [send(0, 1, 0), send(1, 2, 0)];
    let expected = [Phenomenon::InconsistentOffsets, Phenomenon::Duplicate];
    shows([plain(1, sent), plain(2, read), plain(3, other)], &expected);
}

#[test]
fn a_value_has_one_offset() {
    let read = [poll(&[(0, 0, 1), (0, 1, 1)])];
    shows([plain(1, [send(0, 1, 0)]), plain(2, read)], &[Phenomenon::Duplicate]);
}

#[test]
fn what_is_read_was_sent() {
    shows([plain(2, [poll(&[(0, 0, 1)])])], &[Phenomenon::UnsentRead]);
}

#[test]
fn what_is_aborted_is_not_read_by_those_who_read_what_is_committed() {
    let aborted = transaction(1, [send(0, 1, 0)], Failed);
    shows([aborted.clone(), plain(2, [poll(&[(0, 0, 1)])])], &[Phenomenon::AbortedRead]);
    let everything = [poll_as(Isolation::Uncommitted, &[(0, 0, 1)])];
    shows([aborted, plain(2, everything.clone())], &[]);
    // What was not written is read by nobody.
    let not_written = (1, Action::Steps(vec![send(0, 1, 0)]), Failed);
    shows([not_written, plain(2, everything)], &[Phenomenon::AbortedRead]);
}

#[test]
fn a_transaction_does_not_read_its_own_writes() {
    let steps = || [send(0, 1, 0), poll(&[(0, 0, 1)])];
    shows([transaction(1, steps(), Done)], &[Phenomenon::PrecommittedRead]);
    shows([plain(1, steps())], &[]);
}

#[test]
fn what_was_written_is_not_left_out() {
    let read = || plain(2, [poll(&[(0, 1, 2)])]);
    let sent = || plain(1, [send(0, 1, 0), send(0, 2, 1)]);
    shows([sent(), read()], &[Phenomenon::LostWrite]);
    // That part of a transaction was read proves the rest.
    let unknown = |outcome| transaction(1, [send(0, 1, 0), send(0, 2, 1)], outcome);
    shows([unknown(Unknown), read()], &[Phenomenon::LostWrite]);
    let other = plain(3, [send(0, 2, 1)]);
    shows([other, transaction(1, [send(0, 1, 0)], Unknown), read()], &[]);
}

#[test]
fn what_was_written_is_read_in_the_end() {
    shows([plain(1, [send(0, 1, 0)])], &[Phenomenon::Unseen]);
    shows([plain(1, [send(0, 1, 0)]), plain(2, [poll(&[(0, 0, 1)])])], &[]);
    let not_told = Step::Send { partition: 0, value: 1, offset: None };
    shows([plain(1, [not_told])], &[Phenomenon::Unseen]);
}

/// Three records, and a process that has read all of them.
fn three_and<const N: usize>(
    more: [(Process, Action, Outcome); N],
) -> Vec<(Process, Action, Outcome)> {
    let three = [send(0, 1, 0), send(0, 2, 1), send(0, 3, 4)];
    let all = plain(9, [poll(&[(0, 0, 1), (0, 1, 2), (0, 4, 3)])]);
    [plain(1, three), all].into_iter().chain(more).collect()
}

#[test]
fn polls_leave_out_nothing_and_do_not_go_back() {
    let shows = |more: [(Process, Action, Outcome); 3], expected: &[Phenomenon]| {
        let operations: [_; 5] = three_and(more).try_into().expect("five operations");
        shows(operations, expected);
    };
    let reads = |offset, value| plain(2, [poll(&[(0, offset, value)])]);
    shows([assign(2, 0, 0), reads(0, 1), reads(1, 2)], &[]);
    shows([assign(2, 0, 0), reads(0, 1), reads(4, 3)], &[Phenomenon::PollSkip]);
    shows([assign(2, 0, 0), reads(1, 2), reads(4, 3)], &[Phenomenon::PollSkip]);
    shows([reads(1, 2), reads(4, 3), reads(1, 2)], &[Phenomenon::NonmonotonicPoll]);
    shows([reads(4, 3), assign(2, 0, 0), reads(0, 1)], &[]);
    let within = |records| [plain(2, [poll(records)]), assign(3, 0, 0), assign(4, 0, 0)];
    shows(within(&[(0, 0, 1), (0, 4, 3)]), &[Phenomenon::IntPollSkip]);
    shows(within(&[(0, 1, 2), (0, 0, 1)]), &[Phenomenon::IntNonmonotonicPoll]);
}

#[test]
fn sends_do_not_go_back() {
    let read = || plain(9, [poll(&[(0, 0, 2), (0, 1, 1)])]);
    let expected = [Phenomenon::NonmonotonicSend];
    shows([plain(1, [send(0, 1, 1)]), plain(1, [send(0, 2, 0)]), read()], &expected);
    let expected = [Phenomenon::IntNonmonotonicSend];
    shows([plain(1, [send(0, 1, 1), send(0, 2, 0)]), read()], &expected);
    let read = plain(9, [poll(&[(0, 0, 1), (0, 1, 2), (0, 2, 3)])]);
    let sent = plain(1, [send(0, 1, 0), send(0, 3, 2)]);
    shows([sent, plain(2, [send(0, 2, 1)]), read], &[Phenomenon::IntSendSkip]);
    assert!(Phenomenon::IntSendSkip.is_allowed());
}

#[test]
fn transactions_come_one_before_the_other() {
    let all = || plain(9, [poll(&[(0, 0, 1), (0, 1, 2), (1, 0, 4), (1, 1, 3)])]);
    let one = |more: Step| transaction(1, [send(0, 1, 0), send(1, 3, 1), more], Done);
    let other = |more: Step| transaction(2, [send(0, 2, 1), send(1, 4, 0), more], Done);
    let nothing = || poll(&[]);
    shows([one(nothing()), other(nothing()), all()], &[Phenomenon::WriteCycle]);
    // Each reads what the other writes.
    let all = || plain(9, [poll(&[(0, 0, 1), (1, 0, 2)])]);
    let one = transaction(1, [send(0, 1, 0), poll(&[(1, 0, 2)])], Done);
    let other = |steps| transaction(2, steps, Done);
    let reads = other([send(1, 2, 0), poll(&[(0, 0, 1)])]);
    shows([one.clone(), reads, all()], &[Phenomenon::ReadCycle]);
    // One reads what the other writes, which is behind what it writes itself.
    let all = plain(9, [poll(&[(0, 0, 1), (0, 1, 5), (1, 0, 2)])]);
    let writes = other([send(1, 2, 0), send(0, 5, 1)]);
    shows([one, writes, all], &[Phenomenon::ReadWriteCycle]);
    assert!(!Phenomenon::ReadCycle.is_allowed() && Phenomenon::ReadWriteCycle.is_allowed());
}

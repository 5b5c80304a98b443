//! Transactions as lists of inputs and outputs.

use std::collections::BTreeMap;

use corelog_model::{ErrorCode, Offset, ProducerEpoch, ProducerId};

use super::*;
use crate::Endpoint;
use crate::group::{CommittedOffset, MemberIdentity};

const OK: ErrorCode = ErrorCode::None;
const NODE: NodeId = NodeId(4);

struct Bench {
    transaction: Transaction,
    now: Duration,
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn identity(epoch: i16) -> Identity {
    Identity { id: ProducerId(7), epoch: ProducerEpoch(epoch) }
}

fn offsets() -> GroupOffsets {
    let offset = CommittedOffset { offset: Offset(3), leader_epoch: None, metadata: None };
    let member = MemberIdentity::outside("g");
    GroupOffsets { member, offsets: BTreeMap::from([(at(0), offset)]) }
}

fn answer(code: ErrorCode) -> Input {
    Input::Answered(Answer { results: vec![("it".to_owned(), code)], identity: None })
}

/// An answer that all is well, with an epoch to go on with.
fn renewed(epoch: i16) -> Input {
    let identity = Some(identity(epoch));
    Input::Answered(Answer { results: vec![("it".to_owned(), OK)], identity })
}

fn lost() -> Input {
    let address = Endpoint::new("h", 1);
    Input::Lost(ClientError::Closed { address, doing: "idle".to_owned() })
}

fn refusal(api: ApiKey, code: ErrorCode) -> ClientError {
    ClientError::Refused { api, about: "it".to_owned(), code, message: None }
}

fn batch_error(code: ErrorCode) -> ClientError {
    refusal(ApiKey::Produce, code)
}

fn done() -> Output {
    Output::Done(Ok(()))
}

fn ask(question: Question) -> Output {
    Output::Ask(NODE, question)
}

fn init() -> Question {
    Question::Init { timeout_ms: 60_000 }
}

fn add(partitions: &[i32]) -> Question {
    Question::AddPartitions(partitions.iter().map(|number| at(*number)).collect())
}

fn abort() -> Input {
    Input::Do(Command::End(Outcome::Abort))
}

fn commit() -> Input {
    Input::Do(Command::End(Outcome::Commit))
}

impl Bench {
    /// A producer with epoch 0, whose coordinator is known.
    fn new() -> Self {
        let mut bench = Self::without_id();
        bench.step(Input::Do(Command::Init));
        bench.step(Input::Found(NODE));
        assert_eq!(bench.step(renewed(0)), done());
        bench
    }

    fn without_id() -> Self {
        let config = ProducerConfig {
            transactional_id: Some("x".to_owned()),
            retry_pause: Duration::from_millis(100),
            delivery_timeout: Duration::from_secs(10),
            ..ProducerConfig::default()
        };
        Self { transaction: Transaction::new(config), now: Duration::ZERO }
    }

    /// [`Bench::new`], with an open transaction.
    fn open(dialect: Dialect) -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.transaction.begin(Some(dialect)), Ok(identity(0)));
        bench
    }

    /// [`Bench::open`] of the explicit dialect, with partition 0 in the transaction.
    fn with_partition() -> Self {
        let mut bench = Self::open(Dialect::Explicit);
        assert_eq!(bench.transaction.enter(&at(0)), Ok(Entry::Waits));
        bench.step(Input::Do(Command::AddPartitions));
        assert_eq!(bench.step(answer(OK)), done());
        bench
    }

    fn step(&mut self, input: Input) -> Output {
        self.transaction.step(self.now, input)
    }

    /// Waits out the pause that this output asks for, in milliseconds.
    fn wait(&mut self, output: &Output) -> (u128, Output) {
        let Output::Wait(until) = output else { panic!("no pause: {output:?}") };
        let pause_ms = until.saturating_sub(self.now).as_millis();
        self.now = *until;
        (pause_ms, self.step(Input::Tick))
    }

    fn epoch(&self) -> i16 {
        self.transaction.asker().identity.map_or(-1, |identity| identity.epoch.0)
    }

    fn begin(&mut self) -> Result<(), ClientError> {
        self.transaction.begin(None).map(drop)
    }
}

#[test]
fn an_id_comes_before_the_first_transaction() {
    let mut bench = Bench::without_id();
    assert_eq!(bench.begin(), Err(ClientError::Transaction(NOT_INITIALIZED)));
    assert_eq!(bench.transaction.enter(&at(0)), Err(ClientError::Transaction(NOT_INITIALIZED)));
    let coordinator = Coordinated::Transactions("x".into());
    assert_eq!(bench.step(Input::Do(Command::Init)), Output::Find(coordinator));
    assert_eq!(bench.step(Input::Found(NODE)), ask(init()));
    // The predecessor's transaction is being aborted.
    let pause = bench.step(answer(ErrorCode::ConcurrentTransactions));
    assert_eq!(bench.wait(&pause), (100, ask(init())));
    assert_eq!(bench.step(renewed(3)), done());
    assert_eq!(bench.epoch(), 3);
    assert_eq!(bench.begin(), Ok(()));
    assert!(matches!(bench.step(Input::Do(Command::Init)), Output::Done(Err(_))));
}

#[test]
fn partitions_are_added_before_their_records_leave() {
    let mut bench = Bench::open(Dialect::Explicit);
    for partition in [0, 1, 0] {
        assert_eq!(bench.transaction.enter(&at(partition)), Ok(Entry::Waits));
    }
    assert!(bench.transaction.has_entering());
    assert_eq!(bench.step(Input::Do(Command::AddPartitions)), ask(add(&[0, 1])));
    // The transaction before this one is just ending.
    let pause = bench.step(answer(ErrorCode::ConcurrentTransactions));
    assert_eq!(bench.wait(&pause), (20, ask(add(&[0, 1]))));
    assert_eq!(bench.step(answer(OK)), done());
    assert!(!bench.transaction.has_entering());
    assert_eq!(bench.transaction.enter(&at(1)), Ok(Entry::Admitted));
    assert_eq!(bench.step(commit()), ask(Question::End(Outcome::Commit)));
    assert_eq!(bench.step(answer(OK)), done());
    assert_eq!(bench.epoch(), 0);
    assert_eq!(bench.begin(), Ok(()));
    // What was in the last one is not in this one.
    assert_eq!(bench.transaction.enter(&at(1)), Ok(Entry::Waits));
}

#[test]
fn in_the_new_dialect_writing_adds_and_each_end_gives_an_epoch() {
    let mut bench = Bench::open(Dialect::Implicit);
    assert_eq!(bench.transaction.enter(&at(0)), Ok(Entry::Admitted));
    assert!(!bench.transaction.has_entering());
    assert_eq!(bench.step(commit()), ask(Question::End(Outcome::Commit)));
    assert_eq!(bench.step(renewed(1)), done());
    assert_eq!(bench.transaction.begin(None), Ok(identity(1)));
    assert_eq!(bench.transaction.enter(&at(0)), Ok(Entry::Admitted));
    bench.transaction.record_failed(&batch_error(ErrorCode::MessageTooLarge));
    // No question for an epoch: the end gives one.
    assert_eq!(bench.step(abort()), ask(Question::End(Outcome::Abort)));
    assert_eq!(bench.step(renewed(2)), done());
    assert_eq!(bench.epoch(), 2);
}

#[test]
fn a_transaction_without_anything_in_it_asks_nobody() {
    for dialect in [Dialect::Explicit, Dialect::Implicit] {
        for end in [commit(), abort()] {
            let mut bench = Bench::open(dialect);
            assert_eq!(bench.step(end), done());
            assert_eq!(bench.begin(), Ok(()));
        }
    }
}

#[test]
fn offsets_go_to_the_coordinator_of_the_group() {
    let send = || Input::Do(Command::SendOffsets(offsets()));
    let group = || Output::Find(Coordinated::Group("g".into()));
    let mut bench = Bench::open(Dialect::Explicit);
    assert_eq!(bench.step(send()), ask(Question::AddGroup("g".into())));
    assert_eq!(bench.step(answer(OK)), group());
    let commit_offsets = Output::Ask(NodeId(5), Question::CommitOffsets(offsets()));
    assert_eq!(bench.step(Input::Found(NodeId(5))), commit_offsets);
    // It moved.
    let pause = bench.step(answer(ErrorCode::NotCoordinator));
    assert_eq!(bench.wait(&pause), (100, group()));
    assert_eq!(bench.step(Input::Found(NodeId(5))), commit_offsets);
    assert_eq!(bench.step(answer(OK)), done());
    assert_eq!(bench.step(commit()), ask(Question::End(Outcome::Commit)));

    let mut bench = Bench::open(Dialect::Implicit);
    assert_eq!(bench.step(send()), group());
    assert_eq!(bench.step(Input::Found(NodeId(5))), commit_offsets);
    assert_eq!(bench.step(answer(OK)), done());
    assert_eq!(bench.step(abort()), ask(Question::End(Outcome::Abort)));
}

#[test]
fn a_member_that_lost_its_partitions_aborts() {
    use ErrorCode as Code;
    for code in [Code::UnknownMemberId, Code::IllegalGeneration, Code::FencedInstanceId] {
        let mut bench = Bench::open(Dialect::Implicit);
        bench.step(Input::Do(Command::SendOffsets(offsets())));
        bench.step(Input::Found(NodeId(5)));
        let why = Box::new(refusal(ApiKey::TxnOffsetCommit, code));
        let error = ClientError::MustAbort { why };
        assert_eq!(bench.step(answer(code)), Output::Done(Err(error.clone())));
        assert_eq!(bench.step(commit()), Output::Done(Err(error.clone())));
        assert_eq!(bench.transaction.enter(&at(0)), Err(error.clone()));
        assert_eq!(bench.begin(), Err(error));
        assert_eq!(bench.step(abort()), ask(Question::End(Outcome::Abort)));
        assert_eq!(bench.step(renewed(1)), done());
        assert_eq!(bench.begin(), Ok(()));
    }
}

#[test]
fn a_record_that_failed_leaves_only_aborting_and_a_new_epoch() {
    let mut bench = Bench::with_partition();
    let failed = batch_error(ErrorCode::InvalidProducerEpoch);
    bench.transaction.record_failed(&failed);
    let error = ClientError::MustAbort { why: Box::new(failed) };
    assert_eq!(bench.transaction.failure(), Some(error.clone()));
    assert_eq!(bench.step(commit()), Output::Done(Err(error)));
    assert_eq!(bench.step(abort()), ask(Question::End(Outcome::Abort)));
    // Asked before the end is over, the epoch would fence this producer itself.
    assert_eq!(bench.step(answer(OK)), ask(init()));
    assert_eq!(bench.step(renewed(1)), done());
    assert_eq!(bench.transaction.begin(None), Ok(identity(1)));
}

#[test]
fn a_fenced_producer_is_at_its_end() {
    use ErrorCode as Code;
    for code in [Code::ProducerFenced, Code::InvalidProducerEpoch] {
        let mut bench = Bench::with_partition();
        bench.step(commit());
        let why = Box::new(refusal(ApiKey::EndTxn, code));
        let error = ClientError::ProducerEnded { why };
        assert_eq!(bench.step(answer(code)), Output::Done(Err(error.clone())));
        assert_eq!(bench.begin(), Err(error.clone()));
        assert_eq!(bench.step(abort()), Output::Done(Err(error)));
    }
    let mut bench = Bench::with_partition();
    bench.transaction.record_failed(&batch_error(Code::ProducerFenced));
    assert!(matches!(bench.step(abort()), Output::Done(Err(ClientError::ProducerEnded { .. }))));
}

#[test]
fn what_the_coordinator_calls_abortable_is_aborted() {
    let mut bench = Bench::with_partition();
    bench.step(commit());
    let output = bench.step(answer(ErrorCode::TransactionAbortable));
    assert!(matches!(output, Output::Done(Err(ClientError::MustAbort { .. }))));
    assert_eq!(bench.step(abort()), ask(Question::End(Outcome::Abort)));
    // What cannot be aborted either would never end.
    let output = bench.step(answer(ErrorCode::TransactionAbortable));
    assert!(matches!(output, Output::Done(Err(ClientError::ProducerEnded { .. }))));
}

#[test]
fn a_producer_that_was_forgotten_asks_for_an_id_instead_of_an_end() {
    let mut bench = Bench::with_partition();
    assert_eq!(bench.transaction.enter(&at(1)), Ok(Entry::Waits));
    bench.step(Input::Do(Command::AddPartitions));
    let output = bench.step(answer(ErrorCode::InvalidProducerIdMapping));
    assert!(matches!(output, Output::Done(Err(ClientError::MustAbort { .. }))));
    assert_eq!(bench.step(abort()), ask(init()));
    assert_eq!(bench.step(renewed(0)), done());
    // It may also come out while aborting.
    let mut bench = Bench::with_partition();
    bench.step(abort());
    assert_eq!(bench.step(answer(ErrorCode::InvalidProducerIdMapping)), ask(init()));
}

#[test]
fn a_lost_answer_is_asked_for_again_wherever_the_coordinator_is() {
    let mut bench = Bench::with_partition();
    bench.step(commit());
    let pause = bench.step(lost());
    let find = Output::Find(Coordinated::Transactions("x".into()));
    assert_eq!(bench.wait(&pause), (100, find.clone()));
    let pause = bench.step(lost());
    assert_eq!(bench.wait(&pause), (200, find));
    let node = NodeId(9);
    let end = Output::Ask(node, Question::End(Outcome::Commit));
    assert_eq!(bench.step(Input::Found(node)), end);
    assert_eq!(bench.step(answer(OK)), done());
    assert_eq!(bench.begin(), Ok(()));
}

#[test]
fn an_end_that_took_too_long_may_only_be_asked_for_again() {
    let mut bench = Bench::with_partition();
    bench.step(commit());
    bench.now += Duration::from_secs(10);
    let output = bench.step(answer(ErrorCode::CoordinatorLoadInProgress));
    assert!(matches!(output, Output::Done(Err(ClientError::GaveUp { .. }))), "{output:?}");
    let error = ClientError::Transaction(ENDING);
    assert_eq!(bench.step(abort()), Output::Done(Err(error.clone())));
    assert_eq!(bench.begin(), Err(error));
    assert_eq!(bench.step(commit()), ask(Question::End(Outcome::Commit)));
    assert_eq!(bench.step(answer(OK)), done());
}

#[test]
fn partitions_that_could_not_be_added_in_time_abort() {
    let mut bench = Bench::open(Dialect::Explicit);
    bench.transaction.enter(&at(0)).unwrap();
    bench.step(Input::Do(Command::AddPartitions));
    bench.now += Duration::from_secs(10);
    let output = bench.step(lost());
    assert!(matches!(output, Output::Done(Err(ClientError::MustAbort { .. }))), "{output:?}");
    // The coordinator may have them or not.
    let find = Output::Find(Coordinated::Transactions("x".into()));
    assert_eq!(bench.step(abort()), find);
    assert_eq!(bench.step(Input::Found(NODE)), ask(Question::End(Outcome::Abort)));
    assert_eq!(bench.step(answer(ErrorCode::InvalidTxnState)), ask(init()));
    assert_eq!(bench.step(renewed(1)), done());
}

#[test]
fn the_worst_answer_about_a_partition_counts() {
    let mut bench = Bench::open(Dialect::Explicit);
    for partition in [0, 1] {
        bench.transaction.enter(&at(partition)).unwrap();
    }
    bench.step(Input::Do(Command::AddPartitions));
    let codes = [ErrorCode::OperationNotAttempted, ErrorCode::TopicAuthorizationFailed];
    let results = codes.map(|code| ("it".to_owned(), code)).to_vec();
    let output = bench.step(Input::Answered(Answer { results, identity: None }));
    assert!(matches!(output, Output::Done(Err(ClientError::MustAbort { .. }))), "{output:?}");
    // Nothing was added, so there is nothing to end but the sequences.
    assert_eq!(bench.step(abort()), ask(init()));
}

#[test]
fn nothing_enters_a_transaction_that_is_about_to_end() {
    let mut bench = Bench::with_partition();
    bench.transaction.enter(&at(1)).unwrap();
    assert_eq!(bench.transaction.close(Outcome::Commit), Ok(()));
    let error = ClientError::Transaction("the transaction is about to end");
    assert_eq!(bench.transaction.enter(&at(0)), Err(error.clone()));
    let output = bench.step(Input::Do(Command::SendOffsets(offsets())));
    assert_eq!(output, Output::Done(Err(error)));
    // What has entered before still gets in.
    assert_eq!(bench.step(Input::Do(Command::AddPartitions)), ask(add(&[1])));
    assert_eq!(bench.step(answer(OK)), done());
    assert_eq!(bench.step(commit()), ask(Question::End(Outcome::Commit)));
    assert_eq!(bench.step(answer(OK)), done());
    assert_eq!(bench.begin(), Ok(()));
    assert_eq!(bench.transaction.enter(&at(0)), Ok(Entry::Waits));
}

#[test]
fn a_command_that_was_left_alone_may_have_been_done() {
    let mut bench = Bench::open(Dialect::Explicit);
    bench.transaction.enter(&at(0)).unwrap();
    assert_eq!(bench.step(Input::Do(Command::AddPartitions)), ask(add(&[0])));
    assert_eq!(bench.step(abort()), ask(Question::End(Outcome::Abort)));
    assert_eq!(bench.step(answer(ErrorCode::InvalidTxnState)), done());
}

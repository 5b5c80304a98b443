//! The transactions of a producer, without sockets and clock: which partitions are in the open one,
//! what the coordinators are asked in which order, and what an answer means (KIP-98, 360, 447,
//! 890). One question is open at a time. The drivers ask, wait, and hold records back until their
//! partition is in.

mod meaning;
mod question;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use corelog_model::NodeId;
use corelog_wire::ApiKey;

use crate::operation::Coordinated;
use crate::producer::{Identity, ProducerConfig};
use crate::{ClientError, TopicPartition};

use meaning::Meaning;
pub(crate) use question::Body;
pub use question::{Answer, Asker, Dialect, GroupOffsets, Outcome, Question};

/// How long to wait for an earlier transaction that is just ending.
const SOON: Duration = Duration::from_millis(20);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Get an id and epoch, which fences the predecessor.
    Init,
    /// Add the partitions that have entered to the transaction.
    AddPartitions,
    /// Add offsets of a group to it.
    SendOffsets(GroupOffsets),
    /// End it. Every record has its result.
    End(Outcome),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Begin with a command; the last one is done.
    Do(Command),
    /// The pause is over.
    Tick,
    /// Where a coordinator is.
    Found(NodeId),
    /// The open question has its answer.
    Answered(Answer),
    /// The coordinator was not found, or the open question will have no answer.
    Lost(ClientError),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Find a coordinator; `Found` or `Lost` follows.
    Find(Coordinated),
    /// Ask it; `Answered` or `Lost` follows.
    Ask(NodeId, Question),
    /// Wait until then; a `Tick` follows.
    Wait(Duration),
    /// The command is done, or failed.
    Done(Result<(), ClientError>),
}

/// Whether a partition may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It may.
    Admitted,
    /// Once [`Command::AddPartitions`] is done.
    Waits,
}

/// The transactions of one producer.
#[derive(Debug)]
pub struct Transaction {
    config: ProducerConfig,
    asker: Asker,
    phase: Phase,
    /// What the coordinator has of the open transaction.
    begun: Begun,
    /// The partitions in it: at most those of the topics that the producer knows.
    partitions: BTreeSet<TopicPartition>,
    /// Those that are still to be added.
    entering: BTreeSet<TopicPartition>,
    /// A sequence has a gap, so the next transaction needs a new epoch.
    needs_epoch: bool,
    /// The coordinator has forgotten this producer, so there is nothing to end.
    is_unknown: bool,
    /// Its end is near: nothing more enters.
    is_closed: bool,
    coordinator: Option<NodeId>,
    group_coordinator: Option<(Coordinated, NodeId)>,
    work: Work,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Without an id.
    New,
    /// Between transactions.
    Ready,
    /// In one.
    Open,
    /// In one that cannot be committed.
    Failed(ClientError),
    /// An end was asked for; only the same may be asked for again.
    Ending(Outcome),
    /// Of no more use.
    Ended(ClientError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    /// It was asked, and the answer was lost.
    Perhaps,
    Yes,
}

/// The command that is carried out.
#[derive(Debug)]
struct Work {
    steps: VecDeque<Question>,
    since: Duration,
    not_before: Duration,
    /// How long to wait before the next attempt.
    pause: Option<Duration>,
    /// Attempts of this step that failed.
    failures: u32,
    is_asked: bool,
    last_error: Option<ClientError>,
}

impl Transaction {
    /// A producer without an id. The configuration names its transactions.
    pub fn new(config: ProducerConfig) -> Self {
        let id = config.transactional_id.as_deref().unwrap_or_default().into();
        Self {
            config,
            asker: Asker { id, identity: None, dialect: Dialect::Explicit },
            phase: Phase::New,
            begun: Begun::No,
            partitions: BTreeSet::new(),
            entering: BTreeSet::new(),
            needs_epoch: false,
            is_unknown: false,
            is_closed: false,
            coordinator: None,
            group_coordinator: None,
            work: Work::new(Duration::ZERO, VecDeque::new()),
        }
    }

    /// Who asks.
    pub fn asker(&self) -> &Asker {
        &self.asker
    }

    /// The node that coordinates, as far as is known.
    pub fn coordinator(&self) -> Option<NodeId> {
        self.coordinator
    }

    /// Begins a transaction, by these rules; none keeps to those of the last one. Gives the id and
    /// epoch its records carry.
    pub fn begin(&mut self, dialect: Option<Dialect>) -> Result<Identity, ClientError> {
        match &self.phase {
            Phase::Ready => {}
            Phase::New => return Err(ClientError::Transaction(NOT_INITIALIZED)),
            Phase::Ended(error) => return Err(ended(error)),
            Phase::Failed(error) => return Err(must_abort(error)),
            Phase::Open => return Err(ClientError::Transaction("a transaction is open already")),
            Phase::Ending(_) => return Err(ClientError::Transaction(ENDING)),
        }
        self.asker.dialect = dialect.unwrap_or(self.asker.dialect);
        self.phase = Phase::Open;
        Ok(self.asker.identity.expect("a producer that is ready has an id"))
    }

    /// Takes a partition into the transaction, for a record that was taken just now.
    pub fn enter(&mut self, at: &TopicPartition) -> Result<Entry, ClientError> {
        self.check_entry()?;
        if self.partitions.contains(at) {
            return Ok(Entry::Admitted);
        }
        match self.asker.dialect {
            Dialect::Implicit => {
                // Its first batch adds it; whether that came, only the end will tell.
                self.begun = Begun::Yes;
                self.partitions.insert(at.clone());
                Ok(Entry::Admitted)
            }
            Dialect::Explicit => {
                self.entering.insert(at.clone());
                Ok(Entry::Waits)
            }
        }
    }

    /// Whether [`Command::AddPartitions`] has something to do.
    pub fn has_entering(&self) -> bool {
        !self.entering.is_empty() && matches!(self.phase, Phase::Open)
    }

    /// The partitions that may be written to.
    pub fn partitions(&self) -> &BTreeSet<TopicPartition> {
        &self.partitions
    }

    /// A record of the transaction failed for good.
    pub fn record_failed(&mut self, error: &ClientError) {
        self.needs_epoch = true;
        if error.code().is_some_and(meaning::ends_producer) {
            self.phase = Phase::Ended(error.clone());
        } else if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Failed(error.clone());
        }
    }

    /// Records that were sent are given up, so their sequences are used up.
    pub fn records_dropped(&mut self) {
        self.needs_epoch = true;
    }

    /// Lets nothing more into the transaction, which is to be ended so once every record has its
    /// result.
    pub fn close(&mut self, outcome: Outcome) -> Result<(), ClientError> {
        self.check_end(outcome)?;
        self.is_closed = true;
        Ok(())
    }

    /// Whether the transaction takes records and offsets.
    pub fn check_entry(&self) -> Result<(), ClientError> {
        self.check_open()?;
        if self.is_closed {
            return Err(ClientError::Transaction("the transaction is about to end"));
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), ClientError> {
        match &self.phase {
            Phase::Open => Ok(()),
            Phase::New => Err(ClientError::Transaction(NOT_INITIALIZED)),
            Phase::Ready => Err(ClientError::Transaction("no transaction is open")),
            Phase::Failed(error) => Err(must_abort(error)),
            Phase::Ending(_) => Err(ClientError::Transaction(ENDING)),
            Phase::Ended(error) => Err(ended(error)),
        }
    }

    /// Why nothing more can be written in the open transaction.
    pub fn failure(&self) -> Option<ClientError> {
        match &self.phase {
            Phase::Failed(error) => Some(must_abort(error)),
            Phase::Ended(error) => Some(ended(error)),
            Phase::New | Phase::Ready | Phase::Open | Phase::Ending(_) => None,
        }
    }

    /// Whether the transaction could be ended so.
    fn check_end(&self, outcome: Outcome) -> Result<(), ClientError> {
        match (&self.phase, outcome) {
            (Phase::Failed(_), Outcome::Abort) => Ok(()),
            (Phase::Ending(before), _) if *before == outcome => Ok(()),
            _ => self.check_open(),
        }
    }

    /// Advances by one input. `now` never goes back.
    pub fn step(&mut self, now: Duration, input: Input) -> Output {
        match input {
            Input::Do(command) => match self.plan(command) {
                Ok(steps) => self.work = Work::new(now, steps),
                Err(error) => return Output::Done(Err(error)),
            },
            Input::Tick => {}
            Input::Found(node) => self.found(node),
            Input::Answered(answer) => {
                if let Some(error) = self.answered(&answer) {
                    return Output::Done(Err(error));
                }
            }
            Input::Lost(error) => {
                if let Some(error) = self.lost(error) {
                    return Output::Done(Err(error));
                }
            }
        }
        self.go_on(now)
    }

    /// The questions that a command takes.
    fn plan(&mut self, command: Command) -> Result<VecDeque<Question>, ClientError> {
        // The last command may have been left in the middle.
        self.note_unanswered();
        match command {
            Command::Init => match &self.phase {
                Phase::New => Ok([self.init()].into()),
                Phase::Ended(error) => Err(ended(error)),
                Phase::Ready | Phase::Open | Phase::Failed(_) | Phase::Ending(_) => {
                    Err(ClientError::Transaction("transactions are initialized already"))
                }
            },
            Command::AddPartitions => {
                self.check_open()?;
                let entering = self.entering.clone();
                let steps = (!entering.is_empty()).then_some(Question::AddPartitions(entering));
                Ok(steps.into_iter().collect())
            }
            Command::SendOffsets(offsets) => {
                self.check_entry()?;
                if offsets.offsets.is_empty() {
                    return Ok(VecDeque::new());
                }
                let group = Question::AddGroup(offsets.member.group.as_str().into());
                let commit = Question::CommitOffsets(offsets);
                Ok(match self.asker.dialect {
                    Dialect::Explicit => [group, commit].into(),
                    Dialect::Implicit => [commit].into(),
                })
            }
            Command::End(outcome) => {
                self.check_end(outcome)?;
                self.phase = Phase::Ending(outcome);
                Ok(self.ending(outcome))
            }
        }
    }

    fn init(&self) -> Question {
        let timeout_ms = self.config.transaction_timeout.as_millis();
        Question::Init { timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX) }
    }

    fn ending(&self, outcome: Outcome) -> VecDeque<Question> {
        let has_something = self.begun != Begun::No && !self.is_unknown;
        let gives_epoch = has_something && self.asker.dialect == Dialect::Implicit;
        let needs_epoch = self.is_unknown || (self.needs_epoch && !gives_epoch);
        // An epoch is asked for after the end only: before, it would fence this producer itself.
        let end = has_something.then_some(Question::End(outcome));
        let init = (outcome == Outcome::Abort && needs_epoch).then(|| self.init());
        end.into_iter().chain(init).collect()
    }

    fn found(&mut self, node: NodeId) {
        let Some(question) = self.work.steps.front() else { return };
        match question.of(&self.asker.id) {
            Coordinated::Transactions(_) => self.coordinator = Some(node),
            of @ Coordinated::Group(_) => self.group_coordinator = Some((of, node)),
        }
    }

    /// Gives the error that ends the command.
    fn answered(&mut self, answer: &Answer) -> Option<ClientError> {
        self.work.is_asked = false;
        let question = self.work.steps.front()?.clone();
        let api = question.api();
        let meaning_of = |code| match (&question, code) {
            // What was lost on its way to the coordinator needs no end.
            (Question::End(Outcome::Abort), corelog_model::ErrorCode::InvalidTxnState)
                if self.begun == Begun::Perhaps =>
            {
                Meaning::Done
            }
            _ => meaning::of_coordinator(api, code),
        };
        let worst = answer.results.iter().max_by_key(|(_, code)| meaning_of(*code));
        let meaning = worst.map_or(Meaning::Done, |(_, code)| meaning_of(*code));
        if meaning == Meaning::Done {
            self.work.steps.pop_front();
            self.work.failures = 0;
            self.work.pause = None;
            self.done(question, answer.identity);
            return None;
        }
        let (about, code) = worst.cloned()?;
        let error = ClientError::Refused { api, about, code, message: None };
        self.refused(meaning, error)
    }

    /// Takes note of what a question has achieved.
    fn done(&mut self, question: Question, identity: Option<Identity>) {
        match question {
            Question::Init { .. } => self.asker.identity = identity.or(self.asker.identity),
            Question::AddPartitions(partitions) => {
                self.begun = Begun::Yes;
                self.entering.retain(|at| !partitions.contains(at));
                self.partitions.extend(partitions);
            }
            Question::AddGroup(_) => self.begun = Begun::Yes,
            Question::CommitOffsets(_) => {}
            Question::End(_) => {
                self.begun = Begun::No;
                if self.asker.dialect == Dialect::Implicit {
                    self.asker.identity = identity.or(self.asker.identity);
                }
            }
        }
    }

    /// What was asked may have been done.
    fn note_unanswered(&mut self) {
        let was_asked = std::mem::take(&mut self.work.is_asked);
        let adds = matches!(
            self.work.steps.front(),
            Some(Question::AddPartitions(_) | Question::AddGroup(_))
        );
        if was_asked && adds && self.begun == Begun::No {
            self.begun = Begun::Perhaps;
        }
    }

    /// Gives the error that ends the command.
    fn lost(&mut self, error: ClientError) -> Option<ClientError> {
        self.note_unanswered();
        let meaning = match error.code() {
            Some(code) => meaning::of_coordinator(ApiKey::FindCoordinator, code),
            None if error.is_retriable() || error.ends_connection() => Meaning::Elsewhere,
            None => Meaning::End,
        };
        // Where a coordinator is not known, the next attempt looks for it anyway.
        self.refused(meaning.max(Meaning::Elsewhere), error)
    }

    /// Gives the error that ends the command; none when the question is asked again.
    fn refused(&mut self, meaning: Meaning, error: ClientError) -> Option<ClientError> {
        let is_aborting = self.phase == Phase::Ending(Outcome::Abort);
        match meaning {
            Meaning::Done | Meaning::Soon => self.pause(SOON, error),
            Meaning::Later => self.pause(self.config.pause(self.work.failures + 1), error),
            Meaning::Elsewhere => {
                self.forget_coordinator();
                self.pause(self.config.pause(self.work.failures + 1), error);
            }
            Meaning::Unknown if is_aborting && !self.is_unknown => {
                self.is_unknown = true;
                self.work.steps = self.ending(Outcome::Abort);
            }
            Meaning::Abort | Meaning::Unknown if !is_aborting => {
                self.is_unknown |= meaning == Meaning::Unknown;
                if self.phase == Phase::New {
                    return Some(error);
                }
                self.needs_epoch = true;
                self.phase = Phase::Failed(error.clone());
                return Some(must_abort(&error));
            }
            // What cannot even be aborted is at its end.
            Meaning::Abort | Meaning::Unknown | Meaning::End => {
                self.phase = Phase::Ended(error.clone());
                return Some(ended(&error));
            }
        }
        None
    }

    fn pause(&mut self, pause: Duration, error: ClientError) {
        self.work.failures += 1;
        self.work.pause = Some(pause);
        self.work.last_error = Some(error);
    }

    fn forget_coordinator(&mut self) {
        let Some(question) = self.work.steps.front() else { return };
        match question.of(&self.asker.id) {
            Coordinated::Transactions(_) => self.coordinator = None,
            Coordinated::Group(_) => self.group_coordinator = None,
        }
    }

    /// The next question of the command, or its end.
    fn go_on(&mut self, now: Duration) -> Output {
        if self.work.steps.is_empty() {
            self.finish();
            return Output::Done(Ok(()));
        }
        if let Some(pause) = self.work.pause.take() {
            if self.work.since + self.config.delivery_timeout <= now {
                return Output::Done(Err(self.gave_up(now)));
            }
            self.work.not_before = now + pause;
        }
        if now < self.work.not_before {
            return Output::Wait(self.work.not_before);
        }
        let question = self.work.steps.front().expect("a step is left").clone();
        let of = question.of(&self.asker.id);
        let node = match &of {
            Coordinated::Transactions(_) => self.coordinator,
            Coordinated::Group(_) => {
                self.group_coordinator.as_ref().filter(|(known, _)| *known == of).map(|(_, at)| *at)
            }
        };
        let Some(node) = node else { return Output::Find(of) };
        self.work.is_asked = true;
        if self.asker.dialect == Dialect::Implicit && matches!(question, Question::CommitOffsets(_))
        {
            self.begun = Begun::Yes;
        }
        Output::Ask(node, question)
    }

    fn finish(&mut self) {
        match self.phase {
            Phase::New => self.phase = Phase::Ready,
            Phase::Ending(_) => {
                self.phase = Phase::Ready;
                self.begun = Begun::No;
                self.partitions.clear();
                self.entering.clear();
                self.needs_epoch = false;
                self.is_unknown = false;
                self.is_closed = false;
            }
            Phase::Ready | Phase::Open | Phase::Failed(_) | Phase::Ended(_) => {}
        }
    }

    fn gave_up(&mut self, now: Duration) -> ClientError {
        let after_ms = now.saturating_sub(self.work.since).as_millis() as u64;
        let last = self.work.last_error.take().expect("a pause has a reason");
        let error = ClientError::GaveUp { after_ms, last: Box::new(last) };
        if self.phase != Phase::Open {
            // Whether it began or ended is open; the caller may ask again.
            return error;
        }
        self.needs_epoch = true;
        self.phase = Phase::Failed(error.clone());
        must_abort(&error)
    }
}

impl Work {
    fn new(since: Duration, steps: VecDeque<Question>) -> Self {
        let (pause, not_before) = (None, Duration::ZERO);
        Self { steps, since, not_before, pause, failures: 0, is_asked: false, last_error: None }
    }
}

const NOT_INITIALIZED: &str = "transactions are not initialized yet";
const ENDING: &str = "how the transaction ended is not known: ask for the same end again";

fn must_abort(error: &ClientError) -> ClientError {
    ClientError::MustAbort { why: Box::new(error.clone()) }
}

fn ended(error: &ClientError) -> ClientError {
    ClientError::ProducerEnded { why: Box::new(error.clone()) }
}

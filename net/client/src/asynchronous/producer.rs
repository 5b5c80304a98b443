//! Sends records: a task around the [`Sender`], which decides, and one [`Lane`] for each node,
//! which carries. Records are put into their batches by whoever sends them.

mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use corelog_model::{NodeId, Offset};
use corelog_wire::ProduceRequest;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::cluster::Cluster;
use super::lane::{Lane, Parcel, Returned};
use crate::metadata::Topic;
use crate::operation::InitProducerId;
use crate::producer::request::{self, OpenProduce, Produce};
use crate::producer::transaction::{Command, Entry, Transaction};
use crate::producer::{
    Acks, Choice, Departing, Identity, Input, Message, Output, Partitioner, ProducerConfig,
    PushError, Reports, Sender, Ticket, Totals,
};
use crate::target::Topics;
use crate::{ClientError, Metadata, TopicPartition};

use transactions::Transactions;

/// How many answers wait for the task; lanes hold back further ones.
const RETURNED_MAX: usize = 64;

/// Chooses the partition of a message; none leaves it to the key, or to chance where there is none.
/// Called once for each message, without others at the same time. A choice outside the topic is
/// refused.
///
/// ```
/// use corelog_client::{Cluster, CustomPartitioner, Producer, ProducerConfig};
///
/// # async fn example(cluster: Cluster) -> Result<Producer, corelog_client::ClientError> {
/// // Alarms go to the first partition; the rest goes where its key says.
/// let alarms_first: CustomPartitioner = Box::new(|message, topic| {
///     let is_alarm = message.headers.iter().any(|header| header.key == b"alarm");
///     is_alarm.then(|| topic.partitions.keys().next().copied()).flatten()
/// });
/// Producer::with_partitioner(&cluster, ProducerConfig::default(), alarms_first).await
/// # }
/// ```
pub type CustomPartitioner = Box<dyn FnMut(&Message<'_>, &Topic) -> Option<i32> + Send>;

/// Sends records to topics. Clones share the batches. When the last clone is dropped, what was
/// taken is still sent, as long as the runtime lives; [`Producer::flush`] waits for it.
#[derive(Debug, Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Dropped with the last clone, which the task has none of.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.wake.notify_one();
    }
}

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    config: ProducerConfig,
    started: Instant,
    state: Mutex<State>,
    /// Held by the command about transactions that is carried out.
    turn: tokio::sync::Mutex<()>,
    /// Wakes the task: a batch is full, or becomes old enough earlier than it thinks.
    wake: Notify,
    /// Wakes who waits for room or for results.
    progress: Notify,
}

struct State {
    sender: Sender,
    /// Of a transactional producer.
    transactions: Option<Transactions>,
    partitioner: Partitioner,
    custom: Option<CustomPartitioner>,
    waiting: BTreeMap<Ticket, oneshot::Sender<Result<Delivered, ClientError>>>,
    /// When the task looks at the batches next, if nobody wakes it.
    next_look: Duration,
    is_closing: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("State").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// Where a record is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Its partition.
    pub at: TopicPartition,
    /// Its offset; -1 where the server does not tell (acks 0, or a repetition whose first success
    /// it has forgotten).
    pub offset: Offset,
}

/// Resolves when the record it stands for has its result. Whether it is polled or dropped changes
/// nothing for the record.
#[derive(Debug)]
pub struct Delivery {
    result: oneshot::Receiver<Result<Delivered, ClientError>>,
}

impl Future for Delivery {
    type Output = Result<Delivered, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let abandoned = ClientError::Abandoned;
        Pin::new(&mut self.result).poll(context).map(|result| result.unwrap_or(Err(abandoned)))
    }
}

impl Producer {
    /// A producer for a cluster. An idempotent one gets its id here.
    pub async fn new(cluster: &Cluster, config: ProducerConfig) -> Result<Self, ClientError> {
        Self::create(cluster, config, None).await
    }

    /// A producer whose partitions `custom` chooses.
    pub async fn with_partitioner(
        cluster: &Cluster,
        config: ProducerConfig,
        custom: CustomPartitioner,
    ) -> Result<Self, ClientError> {
        Self::create(cluster, config, Some(custom)).await
    }

    async fn create(
        cluster: &Cluster,
        config: ProducerConfig,
        custom: Option<CustomPartitioner>,
    ) -> Result<Self, ClientError> {
        // Every record has a future that waits for its result.
        let config = ProducerConfig { reports: Reports::Each, ..config };
        config.check()?;
        let is_transactional = config.transactional_id.is_some();
        // A transactional one gets its id when its transactions are initialized.
        let identity = if config.is_idempotent && !is_transactional {
            Some(cluster.perform(&InitProducerId).await?)
        } else {
            None
        };
        let transactions =
            is_transactional.then(|| Transactions::new(Transaction::new(config.clone())));
        let state = State {
            sender: Sender::new(config.clone(), identity),
            transactions,
            partitioner: Partitioner::new(config.batch_bytes, fastrand::u64(..)),
            custom,
            waiting: BTreeMap::new(),
            next_look: Duration::MAX,
            is_closing: false,
        };
        let shared = Arc::new(Shared {
            cluster: cluster.clone(),
            config,
            started: Instant::now(),
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            progress: Notify::new(),
        });
        tokio::spawn(Driver::new(Arc::clone(&shared)).run());
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// Takes a record into its batch; the result comes later, from the future that this gives.
    /// Waits for the metadata of a topic that is not known yet, and while the memory for records is
    /// full: that holds back who sends faster than the servers take. Records of a partition keep
    /// the order of these calls. Dropped before its end, the record was not taken.
    pub async fn send(&self, message: &Message<'_>) -> Result<Delivery, ClientError> {
        let shared = &self.handle.shared;
        if shared.cluster.metadata().topic(message.topic).is_none() {
            shared.cluster.require_topics(&[message.topic]).await?;
        }
        let choice = self.choice(message)?;
        let begun = Instant::now();
        let deadline = begun + shared.config.send_timeout;
        loop {
            let mut progress = pin!(shared.progress.notified());
            progress.as_mut().enable();
            if let Some(delivery) = self.take(message, choice)? {
                return Ok(delivery);
            }
            if timeout_at(deadline, progress).await.is_err() {
                let after_ms = begun.elapsed().as_millis() as u64;
                let buffered = shared.lock().sender.buffered_bytes();
                return Err(ClientError::NoRoom { after_ms, buffered });
            }
        }
    }

    /// [`Producer::send`] without waiting: none when the memory for records is full now. The topic
    /// must be known; [`Cluster::require_topics`] sees to that.
    pub fn try_send(&self, message: &Message<'_>) -> Result<Option<Delivery>, ClientError> {
        self.take(message, self.choice(message)?)
    }

    /// What decides the partition of a message.
    fn choice<'m>(&self, message: &Message<'m>) -> Result<Choice<'m>, ClientError> {
        let shared = &self.handle.shared;
        let metadata = shared.cluster.metadata();
        let topic = topic_of(message, &metadata)?;
        let choice = match (message.partition, &mut shared.lock().custom) {
            (None, Some(custom)) => custom(message, topic).map(Choice::Partition),
            _ => None,
        };
        Ok(choice.unwrap_or_else(|| message.choice()))
    }

    /// Takes a record into its batch; none when the memory for records is full now.
    fn take(
        &self,
        message: &Message<'_>,
        choice: Choice<'_>,
    ) -> Result<Option<Delivery>, ClientError> {
        let shared = &self.handle.shared;
        let metadata = shared.cluster.metadata();
        let topic = topic_of(message, &metadata)?;
        let now = shared.started.elapsed();
        let mut guard = shared.lock();
        let state = &mut *guard;
        let record = message.record();
        let sender = &mut state.sender;
        let fits_batch = |at: &TopicPartition| sender.fits_batch(at, &record);
        let at = state.partitioner.choose(message.topic, topic, choice, fits_batch)?;
        if let Some(transactions) = &state.transactions {
            transactions.check_entry()?;
        }
        let pushed = match state.sender.push(now, &at, &record) {
            Ok(pushed) => pushed,
            Err(PushError::NoRoom) => return Ok(None),
            Err(PushError::Refused(error)) => return Err(error),
        };
        let entry = match &mut state.transactions {
            Some(transactions) => transactions.enter(&mut state.sender, &at)?,
            None => Entry::Admitted,
        };
        if choice == Choice::Any {
            state.partitioner.count(message.topic, &pushed);
        }
        let (sender, result) = oneshot::channel();
        state.waiting.insert(pushed.ticket, sender);
        let due = now + shared.config.linger;
        if pushed.has_filled_batch || entry == Entry::Waits || due < state.next_look {
            state.next_look = state.next_look.min(due);
            shared.wake.notify_one();
        }
        Ok(Some(Delivery { result }))
    }

    /// Sends everything that was taken before this call, and waits until it has its results.
    pub async fn flush(&self) {
        let shared = &self.handle.shared;
        let last = {
            let mut state = shared.lock();
            state.sender.close_batches();
            state.waiting.last_key_value().map(|(ticket, _)| *ticket)
        };
        shared.wake.notify_one();
        loop {
            let mut progress = pin!(shared.progress.notified());
            progress.as_mut().enable();
            let first = shared.lock().waiting.first_key_value().map(|(ticket, _)| *ticket);
            if first.is_none() || first > last {
                return;
            }
            progress.await;
        }
    }

    /// What was sent so far.
    pub fn totals(&self) -> Totals {
        self.handle.shared.lock().sender.totals().clone()
    }

    /// Bytes of records that wait for their results.
    pub fn buffered_bytes(&self) -> usize {
        self.handle.shared.lock().sender.buffered_bytes()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Only a custom partitioner can panic under the lock, before anything is changed.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Advances by one input and hands out results. Says what to do, when to look again, and
    /// whether everything is over.
    fn step(&self, input: Input) -> (Vec<Output>, Option<Instant>, bool) {
        let metadata = self.cluster.metadata();
        let now = self.started.elapsed();
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.is_closing {
            state.sender.close_batches();
        }
        let outputs = state.sender.step(now, &metadata, input);
        if let Some(transactions) = &mut state.transactions {
            transactions.note_failures(&mut state.sender);
        }
        let deliveries = state.sender.take_deliveries();
        for delivery in &deliveries {
            for (ticket, result) in delivery.records() {
                let result = match result {
                    Ok(offset) => Ok(Delivered { at: delivery.at.clone(), offset }),
                    Err(error) => Err(error.clone()),
                };
                if let Some(waiting) = state.waiting.remove(&ticket) {
                    // Nobody may be interested.
                    let _ = waiting.send(result);
                }
            }
        }
        let wakeup = state.sender.next_wakeup(now);
        state.next_look = wakeup.unwrap_or(Duration::MAX);
        let is_over = state.is_closing && state.sender.is_idle();
        drop(guard);
        if !deliveries.is_empty() {
            self.progress.notify_waiters();
        }
        (outputs, wakeup.map(|at| self.started + at), is_over)
    }
}

/// The task of a producer.
struct Driver {
    shared: Arc<Shared>,
    lanes: BTreeMap<NodeId, Lane<ProduceRequest<'static>, OpenProduce>>,
    answers: mpsc::Sender<Returned<OpenProduce>>,
    returned: mpsc::Receiver<Returned<OpenProduce>>,
    /// Topics whose leaders are to be asked for.
    refresh: BTreeSet<Arc<str>>,
    refreshing: Option<JoinHandle<()>>,
    /// Another id of the producer is asked for.
    identifying: Option<JoinHandle<Result<Identity, ClientError>>>,
    /// Partitions become part of the transaction.
    adding: Option<JoinHandle<()>>,
}

impl Driver {
    fn new(shared: Arc<Shared>) -> Self {
        let (answers, returned) = mpsc::channel(RETURNED_MAX);
        Self {
            shared,
            lanes: BTreeMap::new(),
            answers,
            returned,
            refresh: BTreeSet::new(),
            refreshing: None,
            identifying: None,
            adding: None,
        }
    }

    async fn run(mut self) {
        let mut input = Input::Tick;
        loop {
            let (outputs, wakeup, is_over) = self.shared.step(input);
            for output in outputs {
                self.perform(output);
            }
            if is_over {
                return;
            }
            self.start_refresh();
            self.start_adding();
            input = self.next(wakeup).await;
        }
    }

    async fn next(&mut self, wakeup: Option<Instant>) -> Input {
        let wakeup = async {
            match wakeup {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let refreshed = async {
            match &mut self.refreshing {
                Some(refreshing) => drop(refreshing.await),
                None => std::future::pending().await,
            }
        };
        let identified = async {
            match &mut self.identifying {
                Some(identifying) => identifying.await.unwrap_or(Err(ClientError::Abandoned)),
                None => std::future::pending().await,
            }
        };
        let added = async {
            match &mut self.adding {
                Some(adding) => drop(adding.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            returned = self.returned.recv() => {
                let returned = returned.expect("the task holds a sender itself");
                read(&self.shared, returned)
            }
            () = refreshed => {
                self.refreshing = None;
                Input::Tick
            }
            identified = identified => {
                self.identifying = None;
                Input::Identified(identified)
            }
            () = added => {
                self.adding = None;
                Input::Tick
            }
            () = self.shared.wake.notified() => Input::Tick,
            () = wakeup => Input::Tick,
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Refresh(topics) => self.refresh.extend(topics),
            Output::Identify => {
                let cluster = self.shared.cluster.clone();
                let identify = async move { cluster.perform(&InitProducerId).await };
                self.identifying = Some(tokio::spawn(identify));
            }
            Output::Send(departing) => self.send(departing),
        }
    }

    fn send(&mut self, departing: Departing) {
        let (cluster, config) = (&self.shared.cluster, &self.shared.config);
        let node = departing.node;
        let lane = self.lanes.entry(node).or_insert_with(|| {
            let open_max = config.requests_in_flight_max;
            Lane::open(cluster.clone(), node, open_max, self.answers.clone())
        });
        let asker = self.shared.asker();
        let metadata = cluster.metadata();
        let produce =
            Produce::new(&metadata, cluster.config(), config.acks, departing, asker.as_ref());
        let parcel = Parcel {
            request: produce.body,
            version_max: produce.version_max,
            records: produce.records,
            is_answered: config.acks != Acks::None,
            tag: produce.open,
        };
        lane.send(parcel).expect("the sender keeps to the requests in flight that the lane takes");
    }

    /// Asks for the partitions whose records wait. What fails is kept in the transaction.
    fn start_adding(&mut self) {
        let has_entering = |transactions: &Transactions| transactions.has_entering();
        if self.adding.is_some()
            || !self.shared.lock().transactions.as_ref().is_some_and(has_entering)
        {
            return;
        }
        let shared = Arc::clone(&self.shared);
        self.adding = Some(tokio::spawn(async move {
            if shared.run(Command::AddPartitions).await.is_ok() {
                let mut guard = shared.lock();
                let State { sender, transactions, .. } = &mut *guard;
                if let Some(transactions) = transactions {
                    transactions.admit(sender);
                }
            }
        }));
    }

    /// Asks for leaders, one question at a time.
    fn start_refresh(&mut self) {
        if self.refreshing.is_some() || self.refresh.is_empty() {
            return;
        }
        let topics = std::mem::take(&mut self.refresh);
        let cluster = self.shared.cluster.clone();
        self.refreshing = Some(tokio::spawn(async move {
            let topics: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
            // A failure is met again by the next attempt to send, and its time is bounded.
            let _ = cluster.refresh(Topics::Named(&topics)).await;
        }));
    }
}

fn topic_of<'t>(message: &Message<'_>, metadata: &'t Metadata) -> Result<&'t Topic, ClientError> {
    metadata.topic(message.topic).ok_or_else(|| ClientError::NoTopic(message.topic.to_owned()))
}

/// What an answer means for the sender.
fn read(shared: &Shared, returned: Returned<OpenProduce>) -> Input {
    let open = returned.tag;
    let request = open.request;
    let answers = match returned.result {
        Ok(None) => Ok(open.unanswered()),
        Ok(Some(reply)) => {
            shared.cluster.with_metadata(|metadata| request::read(metadata, &open, &reply))
        }
        Err(error) => Err(error),
    };
    match answers {
        Ok(answers) => Input::Answered { request, answers },
        Err(error) => Input::Lost { request, error },
    }
}

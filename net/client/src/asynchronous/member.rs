//! The task of a member of a group: a driver around [`Membership`], which decides, with a
//! connection of its own to the coordinator. It sends heartbeats whether the application polls or
//! not.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use corelog_model::{ErrorCode, NodeId, TopicId};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::cluster::Cluster;
use super::connection::Connection;
use crate::group::{
    Departure, GroupConfig, GroupRequest, Input, MemberIdentity, Membership, Output, Subscription,
};
use crate::target::Topics;
use crate::{ClientError, Reply, TopicPartition};

/// How many commands wait for the task; the application waits with further ones.
const COMMANDS_MAX: usize = 16;

/// What the application says.
#[derive(Debug)]
pub(super) enum Command {
    Subscribe(Subscription),
    Unsubscribe,
    Polled,
    Revoked,
    Assigned,
    CommitRefused { epoch: i32, code: ErrorCode },
    Leave(Departure),
}

/// What the application is to do, in this order.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Revoke(BTreeSet<TopicPartition>),
    Lose(BTreeSet<TopicPartition>),
    Assign(BTreeSet<TopicPartition>),
}

/// The application's end. The member leaves when it is dropped.
#[derive(Debug)]
pub(super) struct Member {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

/// What both ends know.
#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    group: Arc<str>,
    state: Mutex<State>,
    /// Wakes the application: there is an event, an error, or the member has left.
    news: Notify,
}

#[derive(Debug)]
struct State {
    identity: MemberIdentity,
    coordinator: Option<NodeId>,
    events: VecDeque<Event>,
    failure: Option<ClientError>,
    has_left: bool,
}

impl Member {
    /// A member that wants nothing yet.
    pub(super) fn new(cluster: Cluster, config: GroupConfig) -> Result<Self, ClientError> {
        config.check()?;
        let group: Arc<str> = config.group.as_str().into();
        let seed = *uuid::Uuid::new_v4().as_bytes();
        let membership = Membership::new(config.clone(), seed);
        let state = State {
            identity: membership.identity(),
            coordinator: None,
            events: VecDeque::new(),
            failure: None,
            has_left: false,
        };
        let state = Mutex::new(state);
        let shared = Arc::new(Shared { cluster, group, state, news: Notify::new() });
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let driver = Driver {
            shared: Arc::clone(&shared),
            membership,
            config,
            commands: Some(receiver),
            is_closing: false,
            connection: None,
            call: None,
            refresh: None,
            looked_at_metadata: Instant::now(),
            started: Instant::now(),
        };
        tokio::spawn(driver.run());
        Ok(Self { commands, shared })
    }

    /// Tells the task something. Waits only while many commands are on their way.
    pub(super) async fn tell(&self, command: Command) {
        // A task that has ended has nothing more to be told.
        let _ = self.commands.send(command).await;
    }

    /// The oldest event that is not taken. Fails when the member is no more.
    pub(super) fn event(&self) -> Result<Option<Event>, ClientError> {
        let state = self.shared.lock();
        match (state.events.front(), &state.failure) {
            (Some(event), _) => Ok(Some(event.clone())),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Takes the oldest event, with the answer that it needs: both or none when this is dropped.
    pub(super) async fn taken(&self, answer: Option<Command>) {
        let permit = self.commands.reserve().await;
        self.shared.lock().events.pop_front();
        if let (Ok(permit), Some(answer)) = (permit, answer) {
            permit.send(answer);
        }
    }

    /// Waits for news.
    pub(super) async fn news(&self) {
        let news = self.shared.news.notified();
        {
            let state = self.shared.lock();
            if !state.events.is_empty() || state.failure.is_some() || state.has_left {
                return;
            }
        }
        news.await;
    }

    /// Whether the member has left for good.
    pub(super) fn has_left(&self) -> bool {
        self.shared.lock().has_left
    }

    /// Who the member is, for what outlives this.
    pub(super) fn who(&self) -> Who {
        Who { shared: Arc::clone(&self.shared), commands: self.commands.clone() }
    }
}

/// Tells who a member is.
#[derive(Debug, Clone)]
pub(super) struct Who {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

impl Who {
    /// Who it is at this moment.
    pub(super) fn identity(&self) -> MemberIdentity {
        self.shared.lock().identity.clone()
    }

    /// Tells the task that the coordinator refused a commit in the name of this epoch.
    pub(super) async fn commit_refused(&self, epoch: i32, code: ErrorCode) {
        // A task that has ended has nothing more to be told.
        let _ = self.commands.send(Command::CommitRefused { epoch, code }).await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is done under this lock that could leave halves behind.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The task.
struct Driver {
    shared: Arc<Shared>,
    membership: Membership,
    config: GroupConfig,
    /// None when the application's end is gone.
    commands: Option<mpsc::Receiver<Command>>,
    /// Whether the member leaves for good.
    is_closing: bool,
    connection: Option<Connection>,
    /// The open request.
    call: Option<Call>,
    refresh: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    looked_at_metadata: Instant,
    started: Instant,
}

/// A request on its way; it brings the connection back if that still works.
type Call = Pin<Box<dyn Future<Output = Called> + Send>>;

/// What became of a request, and the connection it went over.
struct Called {
    connection: Option<Connection>,
    result: Result<Reply, ClientError>,
}

/// What woke the task.
enum Woken {
    Command(Option<Command>),
    Called(Called),
    Refreshed,
    Time,
}

impl Driver {
    async fn run(mut self) {
        while !self.shared.lock().has_left {
            match self.next().await {
                Woken::Command(Some(command)) => self.command(command),
                Woken::Command(None) => {
                    self.commands = None;
                    self.command(Command::Leave(Departure::Usual));
                }
                Woken::Called(Called { connection, result }) => {
                    self.call = None;
                    self.connection = connection;
                    match result {
                        Ok(reply) => self.step(Input::Reply(&reply)),
                        Err(error) if self.connection.is_none() => {
                            // The coordinator may have moved: the error says whether to try on.
                            self.shared.lock().coordinator = None;
                            self.step(Input::Failed(&error));
                        }
                        Err(error) => self.step(Input::Failed(&error)),
                    }
                }
                Woken::Refreshed => {
                    self.refresh = None;
                    self.step(Input::Tick);
                }
                Woken::Time => {
                    self.keep_metadata_fresh();
                    self.step(Input::Tick);
                }
            }
            if self.commands.is_none() {
                self.answer_events();
            }
            // A member that failed for good has nothing more to say once its owner is gone.
            if self.commands.is_none() && self.shared.lock().failure.is_some() {
                return;
            }
        }
    }

    /// Answers for an application that is gone.
    fn answer_events(&mut self) {
        loop {
            let event = self.shared.lock().events.pop_front();
            match event {
                None => return,
                Some(Event::Revoke(_)) => self.step(Input::Revoked),
                Some(Event::Assign(_)) => self.step(Input::Assigned),
                Some(Event::Lose(_)) => {}
            }
        }
    }

    async fn next(&mut self) -> Woken {
        let now = self.started.elapsed();
        let wakeup = self.membership.next_wakeup(now).map(|at| self.started + at);
        let stale = self.looked_at_metadata + self.shared.cluster.config().metadata_age_max;
        let until = wakeup.map_or(stale, |at| at.min(stale));
        let command = async {
            match &mut self.commands {
                Some(commands) => commands.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            called = ready(&mut self.call) => Woken::Called(called),
            () = ready(&mut self.refresh) => Woken::Refreshed,
            command = command => Woken::Command(command),
            () = sleep_until(until) => Woken::Time,
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Subscribe(subscription) => {
                if let Subscription::Topics(topics) = &subscription {
                    self.refresh_topics(topics.iter().cloned().collect(), BTreeSet::new());
                }
                self.step(Input::Subscribe(subscription));
            }
            Command::Unsubscribe => self.step(Input::Unsubscribe),
            Command::Polled => self.step(Input::Polled),
            Command::Revoked => self.step(Input::Revoked),
            Command::Assigned => self.step(Input::Assigned),
            Command::CommitRefused { epoch, code } => {
                self.step(Input::CommitRefused { epoch, code });
            }
            Command::Leave(departure) => {
                self.is_closing = true;
                self.step(Input::Leave(departure));
            }
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let now = self.started.elapsed();
        let metadata = self.shared.cluster.metadata();
        for output in self.membership.step(now, input, &metadata) {
            self.perform(output);
        }
        self.shared.lock().identity = self.membership.identity();
    }

    fn perform(&mut self, output: Output) {
        let event = match output {
            Output::Send(request) => return self.send(request),
            Output::FindCoordinator => {
                self.connection = None;
                self.shared.lock().coordinator = None;
                return;
            }
            Output::Refresh { topics, ids } => return self.refresh_topics(topics, ids),
            Output::Revoke(partitions) => Some(Event::Revoke(partitions)),
            Output::Lose(partitions) => Some(Event::Lose(partitions)),
            Output::Assign(partitions) => Some(Event::Assign(partitions)),
            Output::Fail(error) => {
                self.shared.lock().failure = Some(error);
                None
            }
            Output::Left => {
                // After an Unsubscribe the member stays, to subscribe again.
                self.shared.lock().has_left = self.is_closing;
                None
            }
        };
        self.shared.lock().events.extend(event);
        self.shared.news.notify_waiters();
        self.shared.news.notify_one();
    }

    fn send(&mut self, request: GroupRequest) {
        let known = self.connection.take().filter(Connection::is_alive);
        let shared = Arc::clone(&self.shared);
        let usual = shared.cluster.config().request_timeout;
        let limit = request.timeout(&self.config, usual);
        self.call = Some(Box::pin(async move {
            let connection = match known {
                Some(connection) => connection,
                None => match connect(&shared).await {
                    Ok(connection) => connection,
                    Err(error) => return Called { connection: None, result: Err(error) },
                },
            };
            let result = carry(&connection, &request, limit).await;
            let is_usable = connection.is_alive();
            Called { connection: Some(connection).filter(|_| is_usable), result }
        }));
    }

    fn refresh_topics(&mut self, topics: BTreeSet<Arc<str>>, ids: BTreeSet<TopicId>) {
        self.looked_at_metadata = Instant::now();
        let cluster = self.shared.cluster.clone();
        let earlier = self.refresh.take();
        self.refresh = Some(Box::pin(async move {
            if let Some(earlier) = earlier {
                earlier.await;
            }
            // What fails is asked for again by the next heartbeats.
            if !topics.is_empty() {
                let topics: Vec<&str> = topics.iter().map(AsRef::as_ref).collect();
                let _ = cluster.refresh(Topics::Named(&topics)).await;
            }
            if !ids.is_empty() {
                let ids: Vec<TopicId> = ids.into_iter().collect();
                let _ = cluster.refresh(Topics::Ids(&ids)).await;
            }
        }));
    }

    /// A topic that grew means a rebalance, so the metadata must not become too old.
    fn keep_metadata_fresh(&mut self) {
        let age_max = self.shared.cluster.config().metadata_age_max;
        if self.looked_at_metadata.elapsed() < age_max || self.refresh.is_some() {
            return;
        }
        self.refresh_topics(self.membership.metadata_topics(), BTreeSet::new());
    }
}

/// Resolves with what the future in the place gives; never while there is none.
async fn ready<T>(place: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match place {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn connect(shared: &Shared) -> Result<Connection, ClientError> {
    let known = shared.lock().coordinator;
    let node = match known {
        Some(node) => node,
        None => shared.cluster.coordinator(Arc::clone(&shared.group)).await?,
    };
    let endpoint = shared.cluster.endpoint(node)?;
    let connection = Connection::open(&endpoint, shared.cluster.config()).await?;
    shared.lock().coordinator = Some(node);
    Ok(connection)
}

async fn carry(
    connection: &Connection,
    request: &GroupRequest,
    limit: Duration,
) -> Result<Reply, ClientError> {
    let range = request.version_min()..=i16::MAX;
    let version = connection.versions().require_in(request.api(), range, connection.peer())?;
    let mut pending = match request {
        GroupRequest::Join(request) => connection.send_within(limit, version, request).await?,
        GroupRequest::Sync(request) => connection.send_within(limit, version, request).await?,
        GroupRequest::Heartbeat(request) => connection.send_within(limit, version, request).await?,
        GroupRequest::Leave(request) => connection.send_within(limit, version, request).await?,
        GroupRequest::ConsumerHeartbeat(request) => {
            connection.send_within(limit, version, request).await?
        }
    };
    pending.reply().await
}

//! An async connection to one node: a socket around a [`Session`]. Requests are written by whoever
//! makes them, as far as the socket takes them; one task reads the replies and writes what is left.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use corelog_wire::{
    ApiKey, ApiVersionsRequest, EncodedFrame, Request, SaslAuthenticateRequest,
    SaslHandshakeRequest, Text,
};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::channel::Channel;
use crate::security::{LOGIN_MESSAGES_MAX, Login, LoginExchange, login_end};
use crate::session::Session;
use crate::throttle::throttle_time;
use crate::versions::{API_VERSIONS_FIRST, Negotiation, ServerVersions};
use crate::{ClientConfig, ClientError, CorrelationId, Endpoint, Reply};

/// How many requests may be open on one connection; who makes more waits.
const OPEN_REQUESTS_MAX: usize = 256;

/// A connection whose versions are negotiated. Clones share it; it closes when the last is dropped.
#[derive(Debug, Clone)]
pub struct Connection {
    handle: Arc<Handle>,
}

/// Dropped with the last clone, which the task has none of.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    versions: ServerVersions,
    /// When the login does not count any more.
    login_end: Option<std::time::Instant>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.wake.notify_one();
    }
}

#[derive(Debug)]
struct Shared {
    peer: Endpoint,
    stream: TcpStream,
    state: Mutex<State>,
    /// Wakes the task: there is something to write or to wait for, or the handles are gone.
    wake: Notify,
    /// One permit for each request that may be open.
    open: Arc<Semaphore>,
    request_timeout: Duration,
}

#[derive(Debug)]
struct State {
    session: Session,
    channel: Channel,
    outbox: VecDeque<Outgoing>,
    waiting: VecDeque<Waiting>,
    failure: Option<ClientError>,
    /// Nothing is sent before then, as the server said.
    muted_until: Option<Instant>,
    is_closing: bool,
}

/// A frame that is not written whole yet.
#[derive(Debug)]
struct Outgoing {
    frame: EncodedFrame,
    records: Vec<Arc<Vec<u8>>>,
    written: usize,
}

/// A request without its reply.
#[derive(Debug)]
struct Waiting {
    correlation: CorrelationId,
    begun: Instant,
    /// How long it may take.
    limit: Duration,
    answer: oneshot::Sender<Result<Reply, ClientError>>,
    _permit: OwnedSemaphorePermit,
}

/// A request that was handed to the connection; the reply comes or fails however long this is not
/// polled.
#[derive(Debug)]
pub struct Pending {
    peer: Endpoint,
    answer: oneshot::Receiver<Result<Reply, ClientError>>,
}

impl Pending {
    /// Waits for the reply. Cancel-safe: the request stays open without anybody waiting.
    pub async fn reply(&mut self) -> Result<Reply, ClientError> {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            // The task ended, and with it the runtime.
            Err(_) => Err(ClientError::Closed {
                address: self.peer.clone(),
                doing: "the client was shutting down".to_owned(),
            }),
        }
    }
}

impl Connection {
    /// Connects and negotiates versions. Every address of the host is tried.
    pub async fn open(peer: &Endpoint, config: &ClientConfig) -> Result<Self, ClientError> {
        let stream = open_socket(peer, config.connect_timeout).await?;
        stream.set_nodelay(true).map_err(|error| ClientError::connect(peer, &error))?;
        let session = Session::new(peer.clone(), &config.client_id, config.frame_bytes_max);
        let state = State {
            session,
            channel: Channel::new(peer, &config.security)?,
            outbox: VecDeque::new(),
            waiting: VecDeque::new(),
            failure: None,
            muted_until: None,
            is_closing: false,
        };
        let shared = Arc::new(Shared {
            peer: peer.clone(),
            stream,
            state: Mutex::new(state),
            wake: Notify::new(),
            open: Arc::new(Semaphore::new(OPEN_REQUESTS_MAX)),
            request_timeout: config.request_timeout,
        });
        tokio::spawn(drive(Arc::clone(&shared)));
        let versions = ServerVersions::default();
        let mut handle = Handle { shared, versions, login_end: None };
        handle.versions = negotiate(&handle).await?;
        if let Some(login) = &config.security.login {
            handle.login_end = log_in(&handle, login).await?;
        }
        Ok(Self { handle: Arc::new(handle) })
    }

    /// The other side.
    pub fn peer(&self) -> &Endpoint {
        &self.handle.shared.peer
    }

    /// What the server offers.
    pub fn versions(&self) -> &ServerVersions {
        &self.handle.versions
    }

    /// The highest version of an API that both sides speak and that is at most `max`.
    pub fn version_within(&self, api: ApiKey, max: i16) -> Result<i16, ClientError> {
        self.versions().require(api, max, self.peer())
    }

    /// Whether requests may still be answered.
    pub fn is_alive(&self) -> bool {
        let counts = self.handle.login_end.is_none_or(|end| std::time::Instant::now() < end);
        counts && self.handle.shared.lock().failure.is_none()
    }

    /// Sends a request in the best version and waits for its reply.
    pub async fn call<'a, R: Request<'a>>(&self, request: &R) -> Result<Reply, ClientError> {
        let version = self.version_within(R::KEY, i16::MAX)?;
        self.call_in(version, request).await
    }

    /// [`Connection::call`] in a version of the caller's choice.
    pub async fn call_in<'a, R: Request<'a>>(
        &self,
        version: i16,
        request: &R,
    ) -> Result<Reply, ClientError> {
        self.send(version, request, Vec::new()).await?.reply().await
    }

    /// Hands over a request. `records` are its external records, in order. Requests are written in
    /// the order in which this is called. Waits only while very many are open.
    pub async fn send<'a, R: Request<'a>>(
        &self,
        version: i16,
        request: &R,
        records: Vec<Arc<Vec<u8>>>,
    ) -> Result<Pending, ClientError> {
        let shared = &self.handle.shared;
        shared.send(shared.request_timeout, version, request, records).await
    }

    /// [`Connection::send`] for a request that may take longer than others.
    pub async fn send_within<'a, R: Request<'a>>(
        &self,
        limit: Duration,
        version: i16,
        request: &R,
    ) -> Result<Pending, ClientError> {
        self.handle.shared.send(limit, version, request, Vec::new()).await
    }

    /// Hands over a request that has no reply: Produce with acks 0.
    pub fn notify<'a, R: Request<'a>>(
        &self,
        version: i16,
        request: &R,
        records: Vec<Arc<Vec<u8>>>,
    ) -> Result<(), ClientError> {
        let shared = &self.handle.shared;
        let mut state = shared.lock();
        state.check()?;
        let frame = state.session.notify(version, request)?;
        shared.push(&mut state, frame, records);
        Ok(())
    }
}

async fn negotiate(handle: &Handle) -> Result<ServerVersions, ClientError> {
    let request = ApiVersionsRequest {
        client_software_name: "corelog".into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
    };
    let mut version = API_VERSIONS_FIRST;
    loop {
        let limit = handle.shared.request_timeout;
        let mut pending = handle.shared.send(limit, version, &request, Vec::new()).await?;
        match ServerVersions::negotiate(&pending.reply().await?)? {
            Negotiation::Done(versions) => return Ok(versions),
            // At most once: the fallback never asks again.
            Negotiation::AskAgain { version: lower } => version = lower,
        }
    }
}

/// Logs in; when that does not count any more.
async fn log_in(handle: &Handle, login: &Login) -> Result<Option<std::time::Instant>, ClientError> {
    let shared = &handle.shared;
    let limit = shared.request_timeout;
    let mut exchange = LoginExchange::new(login);
    let (begun, mut end) = (std::time::Instant::now(), None);
    let mechanism = Text::Borrowed(exchange.mechanism().name());
    let request = SaslHandshakeRequest { mechanism };
    let mut pending = shared.send(limit, 1, &request, Vec::new()).await?;
    exchange.chosen(&pending.reply().await?)?;
    let version = handle.versions.require(ApiKey::SaslAuthenticate, i16::MAX, &shared.peer)?;
    for _ in 0..LOGIN_MESSAGES_MAX {
        let Some(message) = exchange.message() else { break };
        let request = SaslAuthenticateRequest { auth_bytes: message.as_slice().into() };
        let mut pending = shared.send(limit, version, &request, Vec::new()).await?;
        end = login_end(begun, exchange.answered(&pending.reply().await?)?);
    }
    Ok(end)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another thread under the lock is a bug of ours; what it left is still whole.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn send<'a, R: Request<'a>>(
        &self,
        limit: Duration,
        version: i16,
        request: &R,
        records: Vec<Arc<Vec<u8>>>,
    ) -> Result<Pending, ClientError> {
        let permit = Arc::clone(&self.open).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let (sender, answer) = oneshot::channel();
        let mut state = self.lock();
        state.check()?;
        let (correlation, frame) = state.session.request(version, request)?;
        let begun = Instant::now();
        let is_first = state.waiting.is_empty();
        let waiting = Waiting { correlation, begun, limit, answer: sender, _permit: permit };
        state.waiting.push_back(waiting);
        self.push(&mut state, frame, records);
        if is_first {
            // The task did not wait for a deadline.
            self.wake.notify_one();
        }
        Ok(Pending { peer: self.peer.clone(), answer })
    }

    /// Writes what the socket takes at once and leaves the rest to the task.
    fn push(&self, state: &mut State, frame: EncodedFrame, records: Vec<Arc<Vec<u8>>>) {
        let is_first = state.outbox.is_empty();
        state.outbox.push_back(Outgoing { frame, records, written: 0 });
        if is_first {
            if !state.is_muted() {
                self.write(state);
            }
            if !state.outbox.is_empty() || state.failure.is_some() {
                self.wake.notify_one();
            }
        }
    }

    fn write(&self, state: &mut State) {
        let mut socket = Socket(&self.stream);
        while let Some(outgoing) = state.outbox.front_mut() {
            let parts = outgoing.left();
            if parts.is_empty() {
                state.outbox.pop_front();
                continue;
            }
            let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let written = state.channel.write(&mut socket, &slices);
            // What TLS has taken is written as far as this side is concerned.
            let sent = written.and_then(|count| {
                outgoing.written += count;
                state.channel.flush(&mut socket).map(|()| count)
            });
            match sent {
                Ok(0) => return state.fail(&self.closed(state)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return state.fail(&self.broken(state, &error)),
            }
        }
        match state.channel.flush(&mut socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                state.fail(&self.broken(state, &error));
            }
            _ => {}
        }
    }

    fn read(&self, state: &mut State) {
        let mut socket = Socket(&self.stream);
        loop {
            match state.channel.receive(&mut socket, &mut state.session) {
                Ok(0) => return state.fail(&self.closed(state)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return state.fail(&self.broken(state, &error)),
            }
            loop {
                match state.session.reply() {
                    Ok(None) => break,
                    Ok(Some(reply)) => state.answer(reply),
                    Err(error) => return state.fail(&error),
                }
            }
        }
        if state.channel.wants_flush() {
            self.write(state);
        }
    }

    fn closed(&self, state: &State) -> ClientError {
        ClientError::Closed { address: self.peer.clone(), doing: state.session.doing() }
    }

    fn broken(&self, state: &State, error: &io::Error) -> ClientError {
        let doing = state.session.doing();
        ClientError::Broken { address: self.peer.clone(), doing, why: error.to_string() }
    }

    fn timed_out(&self, state: &State) -> ClientError {
        ClientError::TimedOut {
            address: self.peer.clone(),
            doing: state.session.doing(),
            after_ms: state.waiting.front().map_or(0, |open| open.limit.as_millis() as u64),
        }
    }
}

impl State {
    fn check(&self) -> Result<(), ClientError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn is_muted(&self) -> bool {
        self.muted_until.is_some_and(|until| Instant::now() < until)
    }

    /// When the oldest request has taken too long: time in which the server reads nothing does not
    /// count.
    fn deadline(&self) -> Option<Instant> {
        let oldest = self.waiting.front()?;
        Some(self.muted_until.map_or(oldest.begun, |until| until.max(oldest.begun)) + oldest.limit)
    }

    fn answer(&mut self, reply: Reply) {
        if let Some(time) = throttle_time(&reply) {
            self.muted_until = self.muted_until.max(Some(Instant::now() + time));
        }
        let waiting = self.waiting.pop_front();
        let waiting = waiting.expect("the session gives replies to open requests only");
        assert!(waiting.correlation == reply.correlation(), "replies come in order");
        // Nobody may be waiting any more.
        let _ = waiting.answer.send(Ok(reply));
    }

    fn fail(&mut self, error: &ClientError) {
        self.outbox.clear();
        for waiting in self.waiting.drain(..) {
            let _ = waiting.answer.send(Err(error.clone()));
        }
        self.failure.get_or_insert_with(|| error.clone());
    }
}

impl Outgoing {
    /// The bytes that are not written, in order: parts of the head, and the records between them.
    fn left(&self) -> Vec<&[u8]> {
        let records: Vec<&[u8]> = self.records.iter().map(|bytes| bytes.as_slice()).collect();
        let mut skip = self.written;
        let mut parts = self.frame.interleave(&records);
        parts.retain_mut(|part| {
            let gone = skip.min(part.len());
            *part = &part[gone..];
            skip -= gone;
            !part.is_empty()
        });
        parts
    }
}

/// Carries a connection until it fails or its handles are gone.
async fn drive(shared: Arc<Shared>) {
    loop {
        let (has_output, unmuted, deadline) = {
            let mut state = shared.lock();
            if state.is_closing || state.failure.is_some() {
                let error = shared.closed(&state);
                return state.fail(&error);
            }
            let deadline = state.deadline();
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                let error = shared.timed_out(&state);
                return state.fail(&error);
            }
            let has_output = !state.outbox.is_empty() || state.channel.wants_flush();
            let unmuted = state.muted_until.filter(|_| has_output && state.is_muted());
            (has_output && unmuted.is_none(), unmuted, deadline)
        };
        tokio::select! {
            _ = shared.stream.readable() => shared.read(&mut shared.lock()),
            _ = shared.stream.writable(), if has_output => shared.write(&mut shared.lock()),
            () = shared.wake.notified() => {}
            () = at(unmuted) => {}
            () = at(deadline) => {}
        }
    }
}

/// Resolves then, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The socket as far as it is ready; "not now" is an error.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.try_write(buffer)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn open_socket(peer: &Endpoint, limit: Duration) -> Result<TcpStream, ClientError> {
    let failed = |error: &io::Error| ClientError::connect(peer, error);
    let late = || failed(&ErrorKind::TimedOut.into());
    let deadline = Instant::now() + limit;
    let addresses = timeout(limit, tokio::net::lookup_host((peer.host(), peer.port()))).await;
    let addresses = addresses.map_err(|_| late())?.map_err(|error| failed(&error))?;
    let mut last = None;
    for address in addresses {
        match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Some(failed(&error)),
            Err(_) => return Err(last.unwrap_or_else(late)),
        }
    }
    Err(last.unwrap_or_else(late))
}

//! A blocking connection to one node: a socket around a [`Session`].

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use corelog_wire::{
    ApiKey, ApiVersionsRequest, EncodedFrame, Request, SaslAuthenticateRequest,
    SaslHandshakeRequest, Text,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::channel::Channel;
use crate::security::{LOGIN_MESSAGES_MAX, Login, LoginExchange, login_end};
use crate::session::Session;
use crate::throttle::throttle_time;
use crate::versions::{API_VERSIONS_FIRST, Negotiation, ServerVersions};
use crate::{ClientConfig, ClientError, CorrelationId, Endpoint, Reply};

/// A connection whose versions are negotiated. Replies come in the order of the requests.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    channel: Channel,
    session: Session,
    versions: ServerVersions,
    /// When each open request was sent.
    sent: VecDeque<Instant>,
    request_timeout: Duration,
    /// Nothing is sent before then, as the server said.
    muted_until: Option<Instant>,
    /// When the login does not count any more.
    login_end: Option<Instant>,
}

impl Connection {
    /// Connects and negotiates versions. Every address of the host is tried.
    pub fn open(peer: &Endpoint, config: &ClientConfig) -> Result<Self, ClientError> {
        let stream = open_socket(peer, config.connect_timeout)?;
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_write_timeout(Some(config.request_timeout)));
        prepared.map_err(|error| ClientError::connect(peer, &error))?;
        let mut connection = Self {
            stream,
            channel: Channel::new(peer, &config.security)?,
            session: Session::new(peer.clone(), &config.client_id, config.frame_bytes_max),
            versions: ServerVersions::default(),
            sent: VecDeque::new(),
            request_timeout: config.request_timeout,
            muted_until: None,
            login_end: None,
        };
        connection.negotiate()?;
        if let Some(login) = &config.security.login {
            connection.log_in(login)?;
        }
        Ok(connection)
    }

    fn negotiate(&mut self) -> Result<(), ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: "corelog".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
        };
        let mut version = API_VERSIONS_FIRST;
        loop {
            let reply = self.call_in(version, &request)?;
            match ServerVersions::negotiate(&reply)? {
                Negotiation::Done(versions) => {
                    self.versions = versions;
                    return Ok(());
                }
                // At most once: the fallback never asks again.
                Negotiation::AskAgain { version: lower } => version = lower,
            }
        }
    }

    fn log_in(&mut self, login: &Login) -> Result<(), ClientError> {
        let mut exchange = LoginExchange::new(login);
        let begun = Instant::now();
        let mechanism = Text::Borrowed(exchange.mechanism().name());
        exchange.chosen(&self.call_in(1, &SaslHandshakeRequest { mechanism })?)?;
        let version = self.version(ApiKey::SaslAuthenticate)?;
        for _ in 0..LOGIN_MESSAGES_MAX {
            let Some(message) = exchange.message() else { break };
            let request = SaslAuthenticateRequest { auth_bytes: message.as_slice().into() };
            let lifetime_ms = exchange.answered(&self.call_in(version, &request)?)?;
            self.login_end = login_end(begun, lifetime_ms);
        }
        Ok(())
    }

    /// The other side.
    pub fn peer(&self) -> &Endpoint {
        self.session.peer()
    }

    /// What the server offers.
    pub fn versions(&self) -> &ServerVersions {
        &self.versions
    }

    /// The highest version of an API that both sides speak.
    pub fn version(&self, api: ApiKey) -> Result<i16, ClientError> {
        self.version_within(api, i16::MAX)
    }

    /// The highest version of an API that both sides speak and that is at most `max`.
    pub fn version_within(&self, api: ApiKey, max: i16) -> Result<i16, ClientError> {
        self.versions.require(api, max, self.peer())
    }

    /// Sends a request in the best version and waits for its reply. No other request is open.
    pub fn call<'a, R: Request<'a>>(&mut self, request: &R) -> Result<Reply, ClientError> {
        self.call_in(self.version(R::KEY)?, request)
    }

    /// [`Connection::call`] in a version of the caller's choice.
    pub fn call_in<'a, R: Request<'a>>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<Reply, ClientError> {
        assert!(self.open_requests() == 0, "a call waits for its own reply, which comes last");
        self.send(version, request, &[])?;
        self.receive()
    }

    /// Sends a request without waiting, unless the server asked for it. `records` are the slices of
    /// its external records, in order.
    pub fn send<'a, R: Request<'a>>(
        &mut self,
        version: i16,
        request: &R,
        records: &[&[u8]],
    ) -> Result<CorrelationId, ClientError> {
        self.wait_while_muted()?;
        let (correlation, frame) = self.session.request(version, request)?;
        self.sent.push_back(Instant::now());
        self.write(R::KEY, &frame, records)?;
        Ok(correlation)
    }

    /// Sends a request that has no reply: Produce with acks 0.
    pub fn notify<'a, R: Request<'a>>(
        &mut self,
        version: i16,
        request: &R,
        records: &[&[u8]],
    ) -> Result<(), ClientError> {
        self.wait_while_muted()?;
        let frame = self.session.notify(version, request)?;
        self.write(R::KEY, &frame, records)
    }

    /// Waits for as long as the server wants no requests, or until it ends the connection.
    fn wait_while_muted(&self) -> Result<(), ClientError> {
        let Some(until) = self.muted_until else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        match (left.is_zero(), self.open_requests()) {
            (true, _) => {}
            // Nothing is on its way, so what can be read is the end: sending will tell.
            (false, 0) => drop(wait_readable(&[self], left)?),
            (false, _) => std::thread::sleep(left),
        }
        Ok(())
    }

    /// Waits for the reply to the oldest open request.
    pub fn receive(&mut self) -> Result<Reply, ClientError> {
        loop {
            if let Some(reply) = self.buffered_reply()? {
                return Ok(reply);
            }
            let left = self.time_left();
            if left.is_zero() {
                return Err(self.timed_out());
            }
            if wait_readable(&[self], left)?.contains(&true) {
                self.fill()?;
            }
        }
    }

    /// The reply to the oldest open request if it is here, after at most one read. Does not block
    /// when [`wait_readable`] has said that something arrived.
    pub fn try_receive(&mut self) -> Result<Option<Reply>, ClientError> {
        if let Some(reply) = self.buffered_reply()? {
            return Ok(Some(reply));
        }
        self.fill()?;
        self.buffered_reply()
    }

    /// The reply to the oldest open request if it has been read from the socket already.
    pub fn buffered_reply(&mut self) -> Result<Option<Reply>, ClientError> {
        let reply = self.session.reply()?;
        if let Some(reply) = &reply {
            self.sent.pop_front();
            if let Some(time) = throttle_time(reply) {
                self.muted_until = self.muted_until.max(Some(Instant::now() + time));
            }
        }
        Ok(reply)
    }

    /// How many requests wait for their reply.
    pub fn open_requests(&self) -> usize {
        self.session.open_requests()
    }

    /// How much longer the oldest open request may take; the whole time when none is open.
    pub fn time_left(&self) -> Duration {
        // Time in which the server reads nothing does not count.
        let since =
            self.sent.front().map(|sent| self.muted_until.map_or(*sent, |it| it.max(*sent)));
        let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
        self.request_timeout.saturating_sub(waited)
    }

    /// The error for an oldest request that has taken too long.
    pub fn timed_out(&self) -> ClientError {
        ClientError::TimedOut {
            address: self.peer().clone(),
            doing: self.session.doing(),
            after_ms: self.request_timeout.as_millis() as u64,
        }
    }

    /// Whether the other side is still there, as far as the socket knows. Only for a connection
    /// without open requests.
    pub fn is_alive(&self) -> bool {
        // On an idle connection anything readable is the end, or bytes that nobody asked for.
        let is_quiet =
            |readable: Result<Vec<bool>, _>| readable.is_ok_and(|readable| readable == [false]);
        let counts = self.login_end.is_none_or(|end| Instant::now() < end);
        self.open_requests() == 0 && counts && is_quiet(wait_readable(&[self], Duration::ZERO))
    }

    fn fill(&mut self) -> Result<(), ClientError> {
        loop {
            match self.channel.receive(&mut self.stream, &mut self.session) {
                Ok(0) => {
                    let (address, doing) = (self.peer().clone(), self.session.doing());
                    return Err(ClientError::Closed { address, doing });
                }
                Ok(_) => {
                    let flushed = self.channel.flush(&mut self.stream);
                    return flushed.map_err(|error| self.broken(self.session.doing(), &error));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(self.session.doing(), &error)),
            }
        }
    }

    fn write(
        &mut self,
        api: ApiKey,
        frame: &EncodedFrame,
        records: &[&[u8]],
    ) -> Result<(), ClientError> {
        let parts = frame.interleave(records);
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut slices = slices.as_mut_slice();
        let doing = || format!("the {} request was being sent", api.name());
        while !slices.is_empty() {
            let written = self.channel.write(&mut self.stream, slices).and_then(|count| {
                self.channel.flush(&mut self.stream)?;
                Ok(count)
            });
            match written {
                Ok(0) => {
                    let address = self.peer().clone();
                    return Err(ClientError::Closed { address, doing: doing() });
                }
                Ok(count) => IoSlice::advance_slices(&mut slices, count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Err(ClientError::TimedOut {
                        address: self.peer().clone(),
                        doing: doing(),
                        after_ms: self.request_timeout.as_millis() as u64,
                    });
                }
                Err(error) => return Err(self.broken(doing(), &error)),
            }
        }
        Ok(())
    }

    fn broken(&self, doing: String, error: &std::io::Error) -> ClientError {
        ClientError::Broken { address: self.peer().clone(), doing, why: error.to_string() }
    }
}

fn open_socket(peer: &Endpoint, timeout: Duration) -> Result<TcpStream, ClientError> {
    let failed = |error: &std::io::Error| ClientError::connect(peer, error);
    let deadline = Instant::now() + timeout;
    let addresses = (peer.host(), peer.port()).to_socket_addrs().map_err(|error| failed(&error))?;
    let mut last = None;
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    let last = last.unwrap_or_else(|| ErrorKind::TimedOut.into());
    Err(failed(&last))
}

/// Waits until one of the connections has something to read, at most for `timeout`. Says of each
/// whether it has. A signal ends the wait early, as if nothing had come.
pub fn wait_readable(
    connections: &[&Connection],
    timeout: Duration,
) -> Result<Vec<bool>, ClientError> {
    let mut fds: Vec<PollFd<'_>> = connections
        .iter()
        .map(|connection| PollFd::new(&connection.stream, PollFlags::IN))
        .collect();
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    match poll(&mut fds, Some(&timeout)) {
        // An error or a hang-up is something to read, too.
        Ok(_) => Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(rustix::io::Errno::INTR) => Ok(vec![false; connections.len()]),
        Err(error) => {
            let Some(connection) = connections.first() else { return Ok(Vec::new()) };
            Err(connection.broken("waiting for responses".to_owned(), &error.into()))
        }
    }
}

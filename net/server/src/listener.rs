//! The listeners of one core: accept, admit, serve.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use corelog_cluster::QuotaKey;
use corelog_io::{Task, now, sleep, spawn, timeout};
use corelog_shard::Shard;

use crate::api::ApiSettings;
use crate::connection::{ConnectionBounds, serve};
use crate::dispatch::{CoreState, Dispatcher};
use crate::failed_logins::{FailedLogins, TURNED_AWAY_FOR};
use crate::gate::{Gate, Place, SaslGate};
use crate::limits::{Admission, ConnectionLimits};
use crate::socket::{BoundAddress, Listener, Socket, SocketOptions};
use crate::tls_acceptor::TlsAcceptor;
use crate::tls_stream::TlsStream;
use crate::transport::Transport;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Settings of a core's server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// What the kernel is asked for the sockets.
    pub sockets: SocketOptions,
    /// Bounds of each connection.
    pub bounds: ConnectionBounds,
    /// Bounds on connections, shared by all cores.
    pub connections: ConnectionLimits,
    /// TLS handshakes and logins of one address that may fail in a minute on one core; then its
    /// connections are closed unserved (`corelog.failed.logins.per.ip.max`).
    pub failed_logins_max: u32,
    /// What answers depend on.
    pub api: ApiSettings,
    /// Fetch sessions of this core at most.
    pub sessions_max: usize,
    /// Bytes of one fetch answer at most.
    pub fetch_bytes_max: usize,
}

/// One listener of a core.
#[derive(Debug)]
pub struct ListenerConfig {
    /// Its name, in capitals.
    pub name: String,
    /// Where it listens.
    pub address: BoundAddress,
    /// How clients encrypt; `None`: not at all.
    pub tls: Option<TlsAcceptor>,
    /// How clients log in; `None`: they do not.
    pub sasl: Option<SaslGate>,
}

/// The running server of one core. Dropping it ends its connections.
pub struct Server {
    _accepting: Vec<Task<()>>,
    open: Open,
}

impl Server {
    /// Listens and serves on the current core.
    pub fn start(
        shard: &Shard,
        listeners: Vec<ListenerConfig>,
        config: ServerConfig,
    ) -> io::Result<Self> {
        let ServerConfig { sockets, bounds, connections, api, .. } = config;
        let core = CoreState::new(shard, api, config.sessions_max, config.fetch_bytes_max);
        let failures = Rc::new(FailedLogins::new(shard.clone(), config.failed_logins_max));
        let open = Open::default();
        let mut accepting = Vec::with_capacity(listeners.len());
        for ListenerConfig { name, address, tls, sasl } in listeners {
            let accepts = Accepts {
                listener: Listener::listen(address, sockets)?,
                service: Rc::new(Service {
                    dispatcher: Rc::new(Dispatcher::new(shard.clone(), &core, &name)),
                    bounds,
                    failures: Rc::clone(&failures),
                    tls,
                    sasl,
                }),
                limits: connections.clone(),
                open: Rc::clone(&open),
            };
            accepting.push(spawn(accepts.run()));
        }
        Ok(Self { _accepting: accepting, open })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The tasks hold the map that holds them: without this they would go on.
        drop(self.open.take());
    }
}

/// The connections of all listeners of the core, by numbers of which each is used once.
#[derive(Default)]
struct Connections {
    next: u64,
    tasks: BTreeMap<u64, Task<()>>,
}

type Open = Rc<RefCell<Connections>>;

/// One listener.
struct Accepts {
    listener: Listener,
    service: Rc<Service>,
    limits: ConnectionLimits,
    open: Open,
}

/// What every connection of a listener gets.
struct Service {
    dispatcher: Rc<Dispatcher>,
    bounds: ConnectionBounds,
    failures: Rc<FailedLogins>,
    tls: Option<TlsAcceptor>,
    sasl: Option<SaslGate>,
}

impl Accepts {
    async fn run(self) {
        loop {
            let socket = match self.listener.accept().await {
                Ok(socket) => socket,
                Err(error) => {
                    // Out of file descriptors, mostly: those that are open go on, and some will
                    // end.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Those that wait to be accepted wait on, as in Kafka.
            let name = self.service.dispatcher.listener();
            let shard = self.service.dispatcher.shard();
            let delay = self.limits.opened(name, now());
            if delay > Duration::ZERO {
                shard.metrics().throttled(QuotaKey::ConnectionCreationRate, delay);
                sleep(delay).await;
            }
            let settings = shard.runtime();
            let Some(admission) = self.limits.admit(socket.peer().ip(), &settings) else {
                tracing::debug!(peer = %socket.peer(), "a connection over the limit is closed");
                continue;
            };
            let turned_away = self.turned_away(&socket);
            let mut open = self.open.borrow_mut();
            let id = open.next;
            open.next += 1;
            let open_too = Rc::clone(&self.open);
            let connection = Connection { socket, admission, turned_away, open: open_too, id };
            let task = spawn(connection.run(Rc::clone(&self.service)));
            open.tasks.insert(id, task);
        }
    }
}

impl Accepts {
    /// After which time a connection is closed unserved, because its address has opened too many,
    /// or has failed to log in too often.
    fn turned_away(&self, socket: &Socket) -> Option<Duration> {
        let shard = self.service.dispatcher.shard();
        let peer = socket.peer().ip();
        if self.service.failures.turns_away(peer) {
            shard.metrics().turned_away();
            tracing::debug!(%peer, "a connection is closed whose address fails to log in");
            return Some(TURNED_AWAY_FOR);
        }
        let quotas = shard.client_quotas()?;
        let delay = self.limits.opened_from(peer, &quotas, now()).err()?;
        shard.metrics().throttled(QuotaKey::ConnectionCreationRate, delay);
        tracing::debug!(%peer, "a connection over the quota of its address is closed");
        Some(delay)
    }
}

struct Connection {
    socket: Socket,
    admission: Admission,
    turned_away: Option<Duration>,
    open: Open,
    id: u64,
}

impl Connection {
    async fn run(self, service: Rc<Service>) {
        let Self { socket, admission, turned_away, open, id } = self;
        match turned_away {
            Some(delay) => {
                sleep(delay).await;
                drop(socket);
            }
            None => service.serve(socket).await,
        }
        drop(admission);
        // The task that runs this is at its end: letting go of its handle cancels nothing.
        let task = open.borrow_mut().tasks.remove(&id);
        if let Some(task) = task {
            task.detach();
        }
    }
}

impl Service {
    async fn serve(&self, socket: Socket) {
        let shard = self.dispatcher.shard().clone();
        shard.metrics().connected();
        let (peer, opened) = (socket.peer(), now());
        match self.begin(socket).await {
            Ok((transport, gate)) => {
                let dispatcher = Rc::clone(&self.dispatcher);
                serve(transport, gate, dispatcher, self.bounds, opened).await;
            }
            Err(error) => {
                self.failures.failed(peer.ip(), "a TLS handshake has failed", &error);
            }
        }
        shard.metrics().disconnected();
    }

    /// Encrypts, if that is how clients talk here, and says who they are so far.
    async fn begin(&self, socket: Socket) -> io::Result<(Transport, Gate)> {
        let (shard, peer) = (self.dispatcher.shard().clone(), socket.peer().ip());
        let mut named = None;
        let transport = match &self.tls {
            None => Transport::Plain(socket),
            Some(acceptor) => {
                let limit = self.bounds.login_time_max;
                let handshake = TlsStream::accept(socket.clone(), acceptor.config());
                let stream = match timeout(limit, handshake).await {
                    Ok(stream) => stream?,
                    Err(_) => return Err(io::ErrorKind::TimedOut.into()),
                };
                if let Some(certificate) = stream.client_certificate() {
                    let unnamed = || io::Error::other("no rule makes a user of the certificate");
                    named = Some(acceptor.principal_of(&certificate).ok_or_else(unnamed)?);
                }
                Transport::Tls(stream)
            }
        };
        let at = Place { peer, shard, failures: Rc::clone(&self.failures) };
        let gate = match &self.sasl {
            None => Gate::open(at, named),
            Some(sasl) => {
                let delegation = self.dispatcher.settings().delegation.clone();
                Gate::closed(at, sasl.settings(), delegation)
            }
        };
        Ok((transport, gate))
    }
}

//! The listener of one core: accepts, admits, serves.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use corelog_io::{Task, sleep, spawn};
use corelog_shard::Shard;

use crate::api::ApiSettings;
use crate::connection::{ConnectionBounds, serve};
use crate::dispatch::Dispatcher;
use crate::limits::{Admission, ConnectionLimits};
use crate::socket::{Listener, Socket};

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Settings of a core's server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where the core listens.
    pub address: SocketAddr,
    /// Bounds of each connection.
    pub bounds: ConnectionBounds,
    /// Bounds on connections, shared by all cores.
    pub connections: ConnectionLimits,
    /// What answers depend on.
    pub api: ApiSettings,
    /// Fetch sessions of this core at most.
    pub sessions_max: usize,
    /// Bytes of one fetch answer at most.
    pub fetch_bytes_max: usize,
}

/// The running server of one core. Dropping it ends its connections.
pub struct Server {
    _accepting: Task<()>,
}

impl Server {
    /// Binds and serves on the current core.
    pub fn start(shard: &Shard, config: ServerConfig) -> io::Result<Self> {
        let listener = Listener::bind(config.address)?;
        let ServerConfig { bounds, connections, api, sessions_max, fetch_bytes_max, .. } = config;
        let dispatcher =
            Rc::new(Dispatcher::new(shard.clone(), api, sessions_max, fetch_bytes_max));
        let accepting = spawn(accept(listener, dispatcher, bounds, connections));
        Ok(Self { _accepting: accepting })
    }
}

type Open = Rc<RefCell<BTreeMap<u64, Task<()>>>>;

async fn accept(
    listener: Listener,
    dispatcher: Rc<Dispatcher>,
    bounds: ConnectionBounds,
    limits: ConnectionLimits,
) {
    let open: Open = Rc::default();
    let mut next = 0;
    loop {
        let socket = match listener.accept().await {
            Ok(socket) => socket,
            Err(error) => {
                // Out of file descriptors, mostly: those that are open go on, and some will end.
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(admission) = limits.admit(socket.peer().ip()) else {
            tracing::debug!(peer = %socket.peer(), "a connection over the limit is closed");
            continue;
        };
        let id = next;
        next += 1;
        let connection = Connection { socket, admission, open: Rc::clone(&open), id };
        let task = spawn(connection.run(Rc::clone(&dispatcher), bounds));
        open.borrow_mut().insert(id, task);
    }
}

struct Connection {
    socket: Socket,
    admission: Admission,
    open: Open,
    id: u64,
}

impl Connection {
    async fn run(self, dispatcher: Rc<Dispatcher>, bounds: ConnectionBounds) {
        let Self { socket, admission, open, id } = self;
        let shard = dispatcher.shard().clone();
        shard.metrics().connected();
        serve(socket, dispatcher, bounds).await;
        shard.metrics().disconnected();
        drop(admission);
        // The task that runs this is at its end: letting go of its handle cancels nothing.
        if let Some(task) = open.borrow_mut().remove(&id) {
            task.detach();
        }
    }
}

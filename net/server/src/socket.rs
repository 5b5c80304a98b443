//! The sockets of one core. The only file of this crate that names glommio.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

use futures_lite::{AsyncRead, AsyncWrite};
use glommio::net::{TcpListener, TcpStream};

/// A listening socket of one core.
pub(crate) struct Listener {
    listener: TcpListener,
}

impl Listener {
    /// Binds the address on the current core.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).map_err(io::Error::from)?;
        Ok(Self { listener })
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        let stream = self.listener.accept().await.map_err(io::Error::from)?;
        stream.set_nodelay(true).map_err(io::Error::from)?;
        let peer = stream.peer_addr().map_err(io::Error::from)?;
        Ok(Socket { stream: Rc::new(RefCell::new(stream)), peer })
    }
}

/// A connection. Clones share it, so that one task reads while another writes.
#[derive(Clone)]
pub(crate) struct Socket {
    stream: Rc<RefCell<TcpStream>>,
    peer: SocketAddr,
}

impl Socket {
    /// The address of the other side.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Reads what is there, at least one byte; 0 means the other side is done.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, buffer)).await
    }

    /// Writes as much as the socket takes of all slices in one call.
    pub(crate) async fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *self.stream.borrow_mut()).poll_write_vectored(cx, slices)).await
    }

    /// Ends both directions, so that a task that still reads or writes comes back.
    pub(crate) fn shut_down(&self) {
        let stream = self.stream.borrow();
        let mut noop = std::task::Context::from_waker(std::task::Waker::noop());
        // A connection that is gone already cannot be ended again.
        let _ = stream.poll_shutdown(&mut noop, std::net::Shutdown::Both);
    }
}

//! The sockets of one core. The only file of this crate that names glommio.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_lite::{AsyncRead, AsyncWrite};
use glommio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket as Descriptor, Type};

/// What the kernel is asked for a listening socket; its connections inherit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketOptions {
    /// Connections that wait to be accepted, at most.
    pub backlog: u32,
    /// Bytes of the receive buffer (SO_RCVBUF); `None`: the kernel adapts it to the connection.
    pub receive_buffer_bytes: Option<u32>,
    /// Bytes of the send buffer (SO_SNDBUF); `None`: the kernel adapts it to the connection.
    pub send_buffer_bytes: Option<u32>,
}

/// An address that this process holds. Nobody can connect before its core listens, and no other
/// process can take it.
#[derive(Debug)]
pub struct BoundAddress {
    descriptor: Descriptor,
}

impl BoundAddress {
    /// Takes an address. Connections of a process that was killed may linger on it; another
    /// process that listens there is an error, even one of ours.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let descriptor = Descriptor::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        // Without SO_REUSEPORT, which glommio's own bind sets: it would let two brokers share.
        descriptor.set_reuse_address(true)?;
        descriptor.bind(&address.into())?;
        Ok(Self { descriptor })
    }

    /// The address, with the port that the system chose where none was asked for.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let address = self.descriptor.local_addr()?;
        address.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}

/// A listening socket of one core.
pub(crate) struct Listener {
    listener: TcpListener,
}

impl Listener {
    /// Lets clients connect to the address, on the current core.
    #[allow(unsafe_code, reason = "glommio takes a socket that is bound already as a number only")]
    pub(crate) fn listen(address: BoundAddress, options: SocketOptions) -> io::Result<Self> {
        // Before it listens: the receive buffer decides what window a connection may announce.
        if let Some(bytes) = options.receive_buffer_bytes {
            address.descriptor.set_recv_buffer_size(bytes as usize)?;
        }
        if let Some(bytes) = options.send_buffer_bytes {
            address.descriptor.set_send_buffer_size(bytes as usize)?;
        }
        address.descriptor.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        let descriptor = address.descriptor.into_raw_fd();
        // SAFETY: the descriptor is a listening socket that nobody else owns or closes.
        let listener = unsafe { TcpListener::from_raw_fd(descriptor) };
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
        poll_fn(|context| self.poll_read(context, buffer)).await
    }

    /// Writes as much as the socket takes of all slices in one call.
    pub(crate) async fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        poll_fn(|context| self.poll_write(context, slices)).await
    }

    /// [`Socket::read`], once.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_read(context, buffer)
    }

    /// [`Socket::write`], once.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_write_vectored(context, slices)
    }

    /// Ends both directions, so that a task that still reads or writes comes back.
    pub(crate) fn shut_down(&self) {
        let stream = self.stream.borrow();
        let mut noop = Context::from_waker(std::task::Waker::noop());
        // A connection that is gone already cannot be ended again.
        let _ = stream.poll_shutdown(&mut noop, std::net::Shutdown::Both);
    }
}

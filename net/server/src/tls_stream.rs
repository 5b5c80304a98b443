//! TLS around a socket. Bytes are copied into records and out of them; the plain path of
//! `transport` does neither.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use corelog_io::Permits;
use corelog_security::rustls::{ServerConfig, ServerConnection};

use crate::socket::Socket;

/// The most bytes a client may send before its handshake is over.
const HANDSHAKE_BYTES_MAX: usize = 128 << 10;

/// An encrypted connection. Clones share it, so that one task reads while another writes.
#[derive(Clone)]
pub(crate) struct TlsStream {
    inner: Rc<Inner>,
}

struct Inner {
    socket: Socket,
    session: RefCell<ServerConnection>,
    /// Who writes goes alone: records leave in the order in which they were made.
    turn: Permits,
}

impl TlsStream {
    /// Performs the handshake. The caller bounds its time.
    pub(crate) async fn accept(socket: Socket, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let inner = Inner { socket, session: RefCell::new(session), turn: Permits::new(1) };
        let mut received = 0;
        while inner.session.borrow().is_handshaking() {
            if inner.session.borrow().wants_write() {
                inner.flush().await?;
                continue;
            }
            let count = inner.receive().await?;
            received += count;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if received > HANDSHAKE_BYTES_MAX {
                return Err(io::Error::other("the handshake has too many bytes"));
            }
        }
        inner.flush().await?;
        Ok(Self { inner: Rc::new(inner) })
    }

    /// The certificate that the client has shown, in DER.
    pub(crate) fn client_certificate(&self) -> Option<Vec<u8>> {
        let session = self.inner.session.borrow();
        session.peer_certificates()?.first().map(|certificate| certificate.to_vec())
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.inner.socket
    }

    /// Reads what is there, at least one byte; 0 means the other side is done.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.inner.session.borrow_mut().reader().read(buffer);
            match read {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Frames say how long they are, so a missing farewell of TLS hides nothing.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            self.inner.receive().await?;
        }
    }

    /// Encrypts and sends as much of the slices as one turn takes. Not cancel-safe: records may be
    /// sent in part, so a connection whose write was given up must end.
    pub(crate) async fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let _turn = self.inner.turn.take(1).await;
        let count = self.inner.session.borrow_mut().writer().write_vectored(slices)?;
        self.inner.flush().await?;
        Ok(count)
    }

    /// Says farewell if the socket takes it at once, and ends both directions.
    pub(crate) fn shut_down(&self) {
        let mut session = self.inner.session.borrow_mut();
        session.send_close_notify();
        let mut context = Context::from_waker(std::task::Waker::noop());
        // Whoever is gone already misses nothing.
        let _ = session.write_tls(&mut Io { socket: &self.inner.socket, context: &mut context });
        drop(session);
        self.inner.socket.shut_down();
    }
}

impl Inner {
    /// Takes records from the socket: bytes of them, 0 at the end. Answers that TLS itself has to
    /// give, such as to a change of keys, leave with the next write.
    async fn receive(&self) -> io::Result<usize> {
        let received = poll_fn(|context| {
            let mut session = self.session.borrow_mut();
            ready(session.read_tls(&mut Io { socket: &self.socket, context }))
        });
        let count = received.await?;
        let processed = self.session.borrow_mut().process_new_packets();
        if let Err(error) = processed {
            // The client is told why, if it still listens.
            let _ = self.flush().await;
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(count)
    }

    async fn flush(&self) -> io::Result<()> {
        while self.session.borrow().wants_write() {
            let written = poll_fn(|context| {
                let mut session = self.session.borrow_mut();
                ready(session.write_tls(&mut Io { socket: &self.socket, context }))
            });
            if written.await? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

/// The socket as TLS asks for it within one poll: "not now" is an error there.
struct Io<'a, 'b, 'c> {
    socket: &'a Socket,
    context: &'b mut Context<'c>,
}

impl Read for Io<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        not_now(self.socket.poll_read(self.context, buffer))
    }
}

impl Write for Io<'_, '_, '_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buffer)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        not_now(self.socket.poll_write(self.context, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn not_now<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

fn ready<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        other => Poll::Ready(other),
    }
}

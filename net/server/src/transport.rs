//! How the bytes of a connection travel: as they are, or inside TLS.

use std::io::{self, IoSlice};
use std::net::SocketAddr;

use crate::socket::Socket;
use crate::tls_stream::TlsStream;

/// A connection that carries bytes. Clones share it, so that one task reads while another writes.
#[derive(Clone)]
pub(crate) enum Transport {
    /// Slices go from the log's memory to the kernel without a copy.
    Plain(Socket),
    /// Bytes are copied as they are encrypted.
    Tls(TlsStream),
}

impl Transport {
    /// The address of the other side.
    pub(crate) fn peer(&self) -> SocketAddr {
        match self {
            Self::Plain(socket) => socket.peer(),
            Self::Tls(stream) => stream.socket().peer(),
        }
    }

    /// Reads what is there, at least one byte; 0 means the other side is done.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }

    /// Writes as much as it takes of all slices at once.
    pub(crate) async fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(slices).await,
            Self::Tls(stream) => stream.write(slices).await,
        }
    }

    /// Ends both directions, so that a task that still reads or writes comes back.
    pub(crate) fn shut_down(&self) {
        match self {
            Self::Plain(socket) => socket.shut_down(),
            Self::Tls(stream) => stream.shut_down(),
        }
    }
}

//! The bytes of one connection: as they are, or inside TLS. Knows no socket: whoever drives it
//! gives something to read from and to write to.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use corelog_security::rustls::ClientConnection;
use corelog_security::rustls::pki_types::ServerName;

use crate::security::ClientSecurity;
use crate::{ClientError, Endpoint, Session};

/// How bytes travel.
#[derive(Debug)]
pub(crate) enum Channel {
    /// As they are.
    Plain,
    /// Encrypted. The handshake happens by the way, before the first bytes.
    Tls(Box<ClientConnection>),
}

impl Channel {
    /// A channel to `peer`, whose certificate must be for its name.
    pub(crate) fn new(peer: &Endpoint, security: &ClientSecurity) -> Result<Self, ClientError> {
        let Some(tls) = &security.tls else { return Ok(Self::Plain) };
        let failed = |error: io::Error| ClientError::connect(peer, &error);
        let name = ServerName::try_from(peer.host().to_owned());
        let name = name.map_err(|error| failed(io::Error::other(error)))?;
        let connection = ClientConnection::new(tls.config(), name);
        Ok(Self::Tls(Box::new(connection.map_err(|error| failed(io::Error::other(error)))?)))
    }

    /// Takes what is there with one read, and gives the session what it amounts to. The number of
    /// bytes read; 0 is the end.
    pub(crate) fn receive<S: Read + Write>(
        &mut self,
        socket: &mut S,
        session: &mut Session,
    ) -> io::Result<usize> {
        let connection = match self {
            Self::Plain => {
                let count = socket.read(session.room())?;
                session.advance(count);
                return Ok(count);
            }
            Self::Tls(connection) => connection,
        };
        let received = connection.read_tls(socket)?;
        let processed = connection.process_new_packets();
        if let Err(error) = processed {
            // The server is told why, if it still listens.
            let _ = connection.write_tls(socket);
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        let mut delivered = 0;
        loop {
            match connection.reader().read(session.room()) {
                // What came before the end counts first; the end is found again.
                Ok(0) => return Ok(delivered),
                Ok(count) => {
                    session.advance(count);
                    delivered += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(received),
                // No farewell of TLS: frames say how long they are, so nothing is hidden by it.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(delivered),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes as much of the slices as there is room for: that counts as written, though
    /// [`Channel::flush`] may have to send it.
    pub(crate) fn write<S: Write>(
        &mut self,
        socket: &mut S,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        match self {
            Self::Plain => socket.write_vectored(slices),
            Self::Tls(connection) => {
                let count = connection.writer().write_vectored(slices)?;
                if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
            }
        }
    }

    /// Whether [`Channel::flush`] has something to send.
    pub(crate) fn wants_flush(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Tls(connection) => connection.wants_write(),
        }
    }

    /// Sends what was taken and what TLS itself has to say.
    pub(crate) fn flush<S: Write>(&mut self, socket: &mut S) -> io::Result<()> {
        let Self::Tls(connection) = self else { return Ok(()) };
        while connection.wants_write() {
            if connection.write_tls(socket)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

//! Who the other side of a connection is: TLS settings, SASL mechanisms, principals. Server and
//! client share it. Pure: bytes and times come in, decisions go out; sockets, files and clocks are
//! those of the callers.

mod principal;
mod protocol;
mod secret;

pub use principal::Principal;
pub use protocol::Protocol;
pub use secret::Secret;

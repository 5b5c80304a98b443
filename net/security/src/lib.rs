//! Who the other side of a connection is: TLS settings, SASL mechanisms, principals. Server and
//! client share it. Pure: bytes and times come in, decisions go out; sockets, files and clocks are
//! those of the callers.

pub mod distinguished_name;
pub mod mapping_rules;
mod principal;
mod protocol;
mod secret;
pub mod tls;
mod unnamed_server;

pub use principal::Principal;
pub use protocol::Protocol;
pub use secret::Secret;

// The state machine of TLS, for those who own the sockets.
pub use rustls;

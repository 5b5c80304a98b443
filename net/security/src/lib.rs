//! Who the other side of a connection is: TLS settings, SASL mechanisms, principals. Server and
//! client share it. Pure: bytes and times come in, decisions go out; sockets, files and clocks are
//! those of the callers.

pub mod delegation;
pub mod distinguished_name;
pub mod exchange;
pub mod jaas;
pub mod jwt;
pub mod mapping_rules;
mod mechanism;
pub mod oauthbearer;
pub mod plain;
mod principal;
mod protocol;
mod random;
pub mod revocation;
pub mod scram;
mod secret;
pub mod tls;
mod unnamed_server;

pub use mechanism::{Mechanism, UnknownMechanism};
pub use principal::Principal;
pub use protocol::Protocol;
pub use random::{nonce, random_bytes};
pub use secret::Secret;

// The state machine of TLS, for those who own the sockets.
pub use rustls;

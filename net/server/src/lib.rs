//! The Kafka server of a broker: what clients send becomes what the engine understands, and what
//! the engine says becomes what clients understand.
//!
//! `listener` accepts, `connection` reads frames and sends answers in order, `dispatch` starts
//! requests. The modules of [`api`] that change or describe metadata are pure: a decoded request
//! in, an answer or a change of the metadata out.

mod admin;
pub mod api;
mod authentication;
pub mod authorize;
mod cluster_requests;
mod connection;
mod delegation;
mod dispatch;
mod error;
mod failed_logins;
mod fetch_session;
mod frame;
mod gate;
mod group_requests;
mod http;
mod limits;
mod listener;
mod log_bound;
pub mod log_levels;
mod metrics_page;
pub mod metrics_text;
mod pace;
mod placement_requests;
mod quota;
mod reply;
mod share_requests;
mod share_session;
mod socket;
mod tls_acceptor;
mod tls_stream;
mod token_requests;
mod transaction_requests;
mod transport;

pub use connection::ConnectionBounds;
pub use delegation::Delegation;
pub use gate::{SaslGate, SaslSettings};
pub use http::HttpServer;
pub use limits::{ConnectionLimits, ConnectionSettings};
pub use listener::{ListenerConfig, Server, ServerConfig};
pub use log_levels::{LogLevel, LogLevelError, LogLevels};
pub use socket::{BoundAddress, SocketOptions};
pub use tls_acceptor::TlsAcceptor;

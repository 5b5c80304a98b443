//! One file for each family of APIs, and what several of them share: the [settings](settings), the
//! way of a [change](change) of the metadata, and how [nodes](node) and
//! [operations](operations) look to clients.

pub mod api_versions;
pub mod change;
pub mod create_topics;
pub mod metadata;
mod node;
mod operations;
#[cfg(test)]
mod scene;
pub mod settings;

pub use change::{Ending, Translation};
pub use settings::{ApiSettings, BrokerConfigEntry};

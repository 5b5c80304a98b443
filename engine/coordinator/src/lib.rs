//! What decides about groups and transactions, without clock, I/O, randomness and tasks: members
//! and generations of classic groups, members and assignments of consumer groups (KIP-848),
//! committed offsets, transactional ids, share groups and the partitions they read (KIP-932), and
//! the records in which Kafka keeps all of it in `__consumer_offsets`, `__transaction_state` and
//! `__share_group_state`.

pub mod classic_group;
pub mod config;
pub mod consumer_group;
mod consumer_protocol;
mod expression;
pub mod group_state;
pub mod groups;
pub mod input;
pub mod offsets;
pub mod output;
pub mod records;
mod runs;
pub mod share_group;
pub mod share_partition;
pub mod share_states;
pub mod transactions;

pub use config::{GroupConfig, GroupTuning};
pub use groups::Groups;
pub use input::{AppendId, Input, Now, RequestId};
pub use output::{Output, Reply};
pub use share_states::ShareStates;
pub use transactions::Transactions;

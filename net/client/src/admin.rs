//! Topics, configs, groups, transactions and nodes, without sockets: each question and change is an
//! [`Operation`](crate::Operation) that the drivers [`crate::Admin`] and [`crate::blocking::Admin`]
//! carry.

mod acls;
mod configs;
mod groups;
mod nodes;
mod quotas;
mod reassignments;
mod replicas;
mod share_groups;
mod tokens;
mod topics;
mod transactions;
mod users;

pub use acls::{CreateAcls, DeleteAcls, ListAcls};
pub use configs::{
    AlterConfigs, AlterMode, ConfigChange, ConfigEntry, ConfigSource, ConfigSynonym,
    DescribeConfigs, Resource,
};
pub use groups::{
    DeleteGroup, DescribeClassicGroup, DescribeConsumerGroup, GroupDescription, GroupListing,
    GroupMember, ListGroups,
};
pub use nodes::{ClusterDescription, DescribeCluster};
pub use quotas::{AlterQuotas, ListQuotas, QuotaEntity, QuotaPart, Quotas};
pub use reassignments::{ListReassignments, OngoingReassignment, ReassignPartition};
pub use replicas::DescribeLogDirs;
pub use share_groups::{DescribeShareGroup, DescribeShareOffsets, ShareOffset};
pub use tokens::{CreateToken, DelegationToken, ExpireToken, ListTokens, RenewToken, TokenProof};
pub use topics::{AddPartitions, CreateTopic, CreatedTopic, DeleteRecords, DeleteTopic, NewTopic};
pub use transactions::{
    AbortTransaction, ActiveProducer, DescribeProducers, DescribeTransaction, ListTransactions,
    TransactionDescription, TransactionFilter, TransactionListing,
};
pub use users::{ListUsers, RemovePassword, ScramUsers, SetPassword};

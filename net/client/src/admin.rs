//! Topics, configs, groups and nodes, without sockets: each question and change is an
//! [`Operation`](crate::Operation) that the drivers [`crate::Admin`] and [`crate::blocking::Admin`]
//! carry.

mod acls;
mod configs;
mod groups;
mod nodes;
mod topics;
mod users;

pub use acls::{CreateAcls, DeleteAcls, ListAcls};
pub use configs::{
    AlterConfigs, ConfigChange, ConfigEntry, ConfigSource, DescribeConfigs, Resource,
};
pub use groups::{
    DeleteGroup, DescribeClassicGroup, DescribeConsumerGroup, GroupDescription, GroupListing,
    GroupMember, ListGroups,
};
pub use nodes::{ClusterDescription, DescribeCluster};
pub use topics::{AddPartitions, CreateTopic, CreatedTopic, DeleteRecords, DeleteTopic, NewTopic};
pub use users::{ListUsers, RemovePassword, ScramUsers, SetPassword};

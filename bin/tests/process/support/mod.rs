//! What the claims share: a broker process, the folder it lives in, and a workload whose every
//! record can be checked.

mod broker;
mod folder;
mod log;
mod workload;

pub(crate) use broker::{Broker, Launch, free_ports};
pub(crate) use folder::DataFolder;
pub(crate) use log::PartitionLogs;
pub(crate) use workload::{Writer, WriterKind, connect, create_topic};

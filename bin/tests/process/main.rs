//! Claims about the real broker process, as its clients and its operator meet it: killed,
//! restarted, attacked, moved to other cores, out of disk.

mod acls;
mod client;
mod compaction;
mod cores;
mod crash;
mod descriptors;
mod disk_full;
mod groups;
mod histories;
mod history;
mod hostile;
mod metrics;
mod moves;
mod produce;
mod quotas;
mod restart;
mod security;
mod settings;
mod slow_readers;
mod support;
mod tokens;
mod transactions;

//! Somebody who moves partitions from core to core while others work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use corelog_client::blocking::{Admin, Cluster};
use corelog_client::{ClientError, Endpoint, TopicPartition};
use corelog_model::NodeId;

use super::quick;

const PAUSE: Duration = Duration::from_millis(20);
const MOVE_TIME_MAX: Duration = Duration::from_secs(5);

/// A thread that moves partitions, those of internal topics included, until it is told to stop.
pub(crate) struct Mover {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Mover {
    /// Starts to move partitions between the two cores of a broker, through its kills and restarts.
    pub(crate) fn start(endpoint: &Endpoint) -> Self {
        let (endpoint, stop) = (endpoint.clone(), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut moved = 0;
            while !until.load(Ordering::Relaxed) {
                let cluster = Cluster::connect(std::slice::from_ref(&endpoint), quick());
                if let Ok(cluster) = cluster {
                    let mut admin = Admin::new(cluster);
                    while let Ok(has_moved) = move_one(&mut admin) {
                        moved += u32::from(has_moved);
                        sleep(PAUSE);
                        if until.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                }
                // The broker may be gone for a moment.
                sleep(PAUSE);
            }
            moved
        });
        Self { stop, thread }
    }

    /// Lets it end. Says how many partitions moved.
    pub(crate) fn finish(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it gives up on errors, not on itself")
    }
}

/// Moves any partition to the other core. Says whether it is there.
fn move_one(admin: &mut Admin) -> Result<bool, ClientError> {
    let topics = admin.list_topics()?;
    let partitions = topics.iter().flat_map(|(name, topic)| {
        topic.partitions.iter().map(move |(number, found)| (name, *number, found.leader))
    });
    let mut partitions: Vec<_> = partitions.collect();
    // An internal topic has far more partitions than others, and only few of them are used.
    let (topic, ..) = partitions[fastrand::usize(..partitions.len())];
    let chosen = if fastrand::bool() { topic } else { &topics[fastrand::usize(..topics.len())].0 };
    partitions.retain(|(name, ..)| *name == chosen);
    let (name, number, leader) = partitions[fastrand::usize(..partitions.len())];
    let target = if leader == Some(NodeId(1000)) { NodeId(1001) } else { NodeId(1000) };
    let at = TopicPartition::new(name, number);
    admin.reassign_partition(&at, Some(&[target]))?;
    let began = Instant::now();
    while admin.list_reassignments()?.contains_key(&at) {
        assert!(began.elapsed() < MOVE_TIME_MAX, "{at} does not come to node {target}");
        sleep(Duration::from_millis(2));
    }
    let topic = admin.describe_topic(name)?;
    Ok(topic.partitions[&number].leader == Some(target))
}

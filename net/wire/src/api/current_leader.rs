//! How Produce and Fetch responses name the current leader of a partition (KIP-951), so that a
//! client need not ask for metadata.

use crate::Text;

message! {
    /// The leader of a partition.
    LeaderIdAndEpoch {
        leader_id: i32, else -1;
        leader_epoch: i32, else -1;
    }

    /// Where a leader named in the same response listens.
    NodeEndpoint<'a> {
        node_id: i32;
        host: Text<'a>;
        port: i32;
        rack: Option<Text<'a>>;
    }
}

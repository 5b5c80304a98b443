//! What decides about groups, without clock, I/O, randomness and tasks: members and generations of
//! classic groups, members and assignments of consumer groups (KIP-848), committed offsets, and the
//! records in which Kafka keeps all of it in `__consumer_offsets`.

pub mod consumer_group;

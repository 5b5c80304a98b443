//! The record of a classic group: `GroupMetadataKey` and `GroupMetadataValue` with its members.

use corelog_model::Timestamp;

use super::RecordError;
use super::reader::Reader;
use super::writer::Writer;

/// The kind of a classic group.
const KEY_VERSION: i16 = 2;
/// What Kafka 4.1 writes: the last version that is not flexible.
const VALUE_VERSION: i16 = 3;
const VALUE_VERSION_MAX: i16 = 4;

/// Which group it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupMetadataKey {
    /// The group.
    pub group: String,
}

/// A generation of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadataValue {
    /// What the members are, such as `consumer` or `connect`.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// What the members chose to assign with; none without members.
    pub protocol: Option<String>,
    /// The member that assigned; none without members.
    pub leader: Option<String>,
    /// Since when the group is in its state, or [`Timestamp::NONE`].
    pub current_state_timestamp: Timestamp,
    /// The members.
    pub members: Vec<GroupMember>,
}

/// A member of a stored generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The id that the coordinator gave it.
    pub member_id: String,
    /// The name of a static member (KIP-345).
    pub group_instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connected from.
    pub client_host: String,
    /// How long it may take to rejoin, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// What it said for the chosen protocol.
    pub subscription: Vec<u8>,
    /// What the leader assigned to it.
    pub assignment: Vec<u8>,
}

impl GroupMetadataKey {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, RecordError> {
        let key = GroupMetadataKey { group: reader.string("the group")? };
        reader.end()?;
        Ok(key)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        Writer::new(KEY_VERSION).string(&self.group).finish()
    }
}

impl GroupMetadataValue {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16("the version of the value")?;
        if !(0..=VALUE_VERSION_MAX).contains(&version) {
            return Err(RecordError::ValueVersion { kind: "a classic group", version });
        }
        let mut fields = Fields { reader, version };
        let protocol_type = fields.string("the protocol type")?;
        let generation = fields.reader.i32("the generation")?;
        let protocol = fields.nullable_string("the protocol")?;
        let leader = fields.nullable_string("the leader")?;
        let current_state_timestamp = match version {
            0..2 => Timestamp::NONE,
            _ => Timestamp(fields.reader.i64("the timestamp of the state")?),
        };
        let count = fields.count("the members")?;
        // A member has more bytes than one, which the count was checked against.
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(fields.member()?);
        }
        fields.end_of_struct()?;
        fields.reader.end()?;
        Ok(GroupMetadataValue {
            protocol_type,
            generation,
            protocol,
            leader,
            current_state_timestamp,
            members,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let writer = Writer::new(VALUE_VERSION)
            .string(&self.protocol_type)
            .i32(self.generation)
            .nullable_string(self.protocol.as_deref())
            .nullable_string(self.leader.as_deref())
            .i64(self.current_state_timestamp.get())
            .count(self.members.len());
        self.members.iter().fold(writer, |writer, member| member.write(writer)).finish()
    }
}

impl GroupMember {
    fn write(&self, writer: Writer) -> Writer {
        writer
            .string(&self.member_id)
            .nullable_string(self.group_instance_id.as_deref())
            .string(&self.client_id)
            .string(&self.client_host)
            .i32(self.rebalance_timeout_ms)
            .i32(self.session_timeout_ms)
            .bytes(&self.subscription)
            .bytes(&self.assignment)
    }
}

/// Fields whose lengths are written as the version says.
struct Fields<'a> {
    reader: Reader<'a>,
    version: i16,
}

impl Fields<'_> {
    fn is_flexible(&self) -> bool {
        self.version >= 4
    }

    fn member(&mut self) -> Result<GroupMember, RecordError> {
        let member_id = self.string("the id of a member")?;
        let group_instance_id = match self.version {
            0..3 => None,
            _ => self.nullable_string("the instance id of a member")?,
        };
        let client_id = self.string("the client id of a member")?;
        let client_host = self.string("the host of a member")?;
        let rebalance_timeout_ms = match self.version {
            0 => -1,
            _ => self.reader.i32("the rebalance timeout of a member")?,
        };
        let session_timeout_ms = self.reader.i32("the session timeout of a member")?;
        let subscription = self.bytes("the subscription of a member")?;
        let assignment = self.bytes("the assignment of a member")?;
        self.end_of_struct()?;
        Ok(GroupMember {
            member_id,
            group_instance_id,
            client_id,
            client_host,
            rebalance_timeout_ms,
            session_timeout_ms,
            subscription,
            assignment,
        })
    }

    fn string(&mut self, field: &'static str) -> Result<String, RecordError> {
        if self.is_flexible() {
            return self.reader.compact_string(field);
        }
        self.reader.string(field)
    }

    fn nullable_string(&mut self, field: &'static str) -> Result<Option<String>, RecordError> {
        if self.is_flexible() {
            return self.reader.compact_nullable_string(field);
        }
        self.reader.nullable_string(field)
    }

    fn bytes(&mut self, field: &'static str) -> Result<Vec<u8>, RecordError> {
        if self.is_flexible() { self.reader.compact_bytes(field) } else { self.reader.bytes(field) }
    }

    fn count(&mut self, field: &'static str) -> Result<usize, RecordError> {
        if self.is_flexible() { self.reader.compact_count(field) } else { self.reader.count(field) }
    }

    fn end_of_struct(&mut self) -> Result<(), RecordError> {
        if self.is_flexible() {
            self.reader.tagged_fields(|_, _| Ok(()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CoordinatorRecord, Decoded};
    use super::*;

    const KEY: &[u8] = b"\0\x02\0\x01g";

    fn value() -> GroupMetadataValue {
        GroupMetadataValue {
            protocol_type: "consumer".into(),
            generation: 2,
            protocol: Some("range".into()),
            leader: Some("m".into()),
            current_state_timestamp: Timestamp(4),
            members: vec![GroupMember {
                member_id: "m".into(),
                group_instance_id: Some("i".into()),
                client_id: "c".into(),
                client_host: "/h".into(),
                rebalance_timeout_ms: 5,
                session_timeout_ms: 6,
                subscription: b"sub".to_vec(),
                assignment: b"as".to_vec(),
            }],
        }
    }

    fn record(value: Option<GroupMetadataValue>) -> CoordinatorRecord {
        CoordinatorRecord::GroupMetadata { key: GroupMetadataKey { group: "g".into() }, value }
    }

    /// Checks what bytes of a value mean.
    #[track_caller]
    fn check(parts: &[&[u8]], expected: GroupMetadataValue) {
        let decoded = CoordinatorRecord::decode(KEY, Some(&parts.concat()));
        assert_eq!(decoded, Ok(Decoded::Known(record(Some(expected)))));
    }

    const HEAD: &[u8] = b"\0\x08consumer\0\0\0\x02\0\x05range\0\x01m";
    const TIME: &[u8] = b"\0\0\0\0\0\0\0\x04";
    const REST: &[u8] = b"\0\0\0\x06\0\0\0\x03sub\0\0\0\x02as";

    #[test]
    fn the_version_of_kafka_is_written_and_read() {
        let member = b"\0\0\0\x01\0\x01m\0\x01i\0\x01c\0\x02/h\0\0\0\x05";
        let parts: [&[u8]; 5] = [b"\0\x03", HEAD, TIME, member, REST];
        assert_eq!(record(None).encode_key(), KEY);
        assert_eq!(record(Some(value())).encode_value().unwrap(), parts.concat());
        check(&parts, value());
    }

    #[test]
    fn every_older_version_is_read() {
        let mut value = value();
        value.members[0].group_instance_id = None;
        let member = b"\0\0\0\x01\0\x01m\0\x01c\0\x02/h\0\0\0\x05";
        check(&[b"\0\x02", HEAD, TIME, member, REST], value.clone());
        value.current_state_timestamp = Timestamp::NONE;
        check(&[b"\0\x01", HEAD, member, REST], value.clone());
        value.members[0].rebalance_timeout_ms = -1;
        check(&[b"\0\0", HEAD, b"\0\0\0\x01\0\x01m\0\x01c\0\x02/h", REST], value);
    }

    #[test]
    fn the_flexible_version_is_read() {
        let head = b"\0\x04\x09consumer\0\0\0\x02\x06range\x02m\0\0\0\0\0\0\0\x04";
        let member = b"\x02\x02m\x02i\x02c\x03/h\0\0\0\x05\0\0\0\x06\x04sub\x03as\0";
        check(&[head, member, b"\x01\x07\x01x"], value());
    }

    #[test]
    fn a_group_without_members_has_no_leader_and_no_protocol() {
        let value =
            GroupMetadataValue { protocol: None, leader: None, members: Vec::new(), ..value() };
        let bytes = b"\0\x03\0\x08consumer\0\0\0\x02\xff\xff\xff\xff\0\0\0\0\0\0\0\x04\0\0\0\0";
        assert_eq!(record(Some(value.clone())).encode_value().unwrap(), bytes);
        check(&[bytes], value);
    }

    #[test]
    fn every_prefix_is_refused() {
        let bytes = record(Some(value())).encode_value().unwrap();
        for length in 0..bytes.len() {
            let refused = CoordinatorRecord::decode(KEY, Some(&bytes[..length]));
            assert!(refused.is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_count_beyond_the_bytes_and_a_newer_version_are_refused() {
        let many = [b"\0\x03", HEAD, TIME, b"\x7f\xff\xff\xff"].concat();
        let refused = RecordError::Truncated { field: "the members" };
        assert_eq!(CoordinatorRecord::decode(KEY, Some(&many)), Err(refused));
        let refused = RecordError::ValueVersion { kind: "a classic group", version: 5 };
        assert_eq!(CoordinatorRecord::decode(KEY, Some(&[0, 5])), Err(refused));
    }
}

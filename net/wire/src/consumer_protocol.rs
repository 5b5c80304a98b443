//! What consumers of a classic group tell each other in JoinGroup and SyncGroup. To the group these
//! are opaque bytes; only clients, and a broker that moves a group to the new protocol, read them.
//!
//! They are not frames: a 16-bit version comes first, then the fields. Of a version newer than
//! [`VERSION_MAX`] the known fields are read, and the bytes behind them left alone.

use crate::message::{Field, Layout};
use crate::{Bytes, EncodeError, Reader, Text, WireError, Writer};

/// The highest version of both messages.
pub const VERSION_MAX: i16 = 3;

message! {
    /// What a consumer wants, versions 0-3, never flexible: the metadata of a JoinGroup protocol.
    ConsumerProtocolSubscription<'a> {
        topics: Vec<Text<'a>>;
        user_data: Option<Bytes<'a>>;
        /// What it holds and would like to keep (KIP-429).
        owned_partitions: Vec<TopicPartition<'a>>, in 1..;
        /// The generation in which it got them; -1 where unknown.
        generation_id: i32, in 2.., else -1;
        rack_id: Option<Text<'a>>, in 3..;
    }

    /// What a consumer gets, versions 0-3, never flexible: its part of a SyncGroup assignment.
    ConsumerProtocolAssignment<'a> {
        assigned_partitions: Vec<TopicPartition<'a>>;
        user_data: Option<Bytes<'a>>;
    }

    /// A topic and its partitions.
    TopicPartition<'a> {
        topic: Text<'a>;
        partitions: Vec<i32>;
    }
}

impl<'a> ConsumerProtocolSubscription<'a> {
    /// Reads the version, at most [`VERSION_MAX`], and the subscription.
    pub fn decode(bytes: &'a [u8]) -> Result<(i16, Self), WireError> {
        decode(bytes)
    }

    /// The bytes in `version`, with the version before them.
    pub fn encode(&self, version: i16) -> Result<Vec<u8>, EncodeError> {
        encode(self, version)
    }
}

impl<'a> ConsumerProtocolAssignment<'a> {
    /// Reads the version, at most [`VERSION_MAX`], and the assignment.
    pub fn decode(bytes: &'a [u8]) -> Result<(i16, Self), WireError> {
        decode(bytes)
    }

    /// The bytes in `version`, with the version before them.
    pub fn encode(&self, version: i16) -> Result<Vec<u8>, EncodeError> {
        encode(self, version)
    }
}

fn decode<'a, T: Field<'a>>(bytes: &'a [u8]) -> Result<(i16, T), WireError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if version < 0 {
        return Err(WireError::EmbeddedVersion { version });
    }
    let version = version.min(VERSION_MAX);
    let value = T::read(&mut reader, Layout { version, flexible: false })?;
    Ok((version, value))
}

fn encode<'a>(value: &impl Field<'a>, version: i16) -> Result<Vec<u8>, EncodeError> {
    assert!((0..=VERSION_MAX).contains(&version), "not a version of the protocol: {version}");
    let mut writer = Writer::new();
    writer.i16(version);
    value.write(&mut writer, Layout { version, flexible: false });
    writer.finish().map(|encoded| encoded.head)
}

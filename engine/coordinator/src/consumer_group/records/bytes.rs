//! The primitive parts of Kafka's messages, as the records of groups need them: big-endian numbers,
//! classic strings in keys, compact strings, compact arrays and tagged fields in values.

use std::sync::Arc;

use corelog_model::{PartitionIndex, TopicId};
use thiserror::Error;

/// Why bytes are not a record of a consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Fewer bytes than a field or a length says.
    #[error("the record ends early")]
    Truncated,
    /// More bytes than the fields take.
    #[error("{count} bytes follow the record")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A value of a version that is not known.
    #[error("version {version} of the value is not known")]
    Version {
        /// The version.
        version: i16,
    },
    /// A number that does not fit its type.
    #[error("a number of variable length is too large")]
    Overflow,
    /// Null, or less than null, where there must be something.
    #[error("a field that must be there is null")]
    Null,
    /// Not a text.
    #[error("a text is not UTF-8")]
    Text,
    /// Neither of the states a member can be in.
    #[error("a member cannot be in state {state}")]
    MemberState {
        /// What the record says.
        state: i8,
    },
    /// Not one epoch for each partition.
    #[error("{epochs} epochs for {partitions} partitions")]
    Epochs {
        /// How many epochs.
        epochs: usize,
        /// How many partitions.
        partitions: usize,
    },
}

/// Takes the parts from the front of some bytes.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// Checks that nothing is left.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        match self.bytes.len() {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { count }),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub(super) fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(super) fn topic_id(&mut self) -> Result<TopicId, DecodeError> {
        Ok(TopicId::from_bytes(self.array()?))
    }

    pub(super) fn partition(&mut self) -> Result<PartitionIndex, DecodeError> {
        self.i32().map(PartitionIndex)
    }

    /// A number of up to 32 bits, seven to a byte, the lowest first.
    pub(super) fn unsigned(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| DecodeError::Overflow);
            }
        }
        Err(DecodeError::Overflow)
    }

    /// The length of something compact; none for null. It is not checked yet.
    fn compact_len(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self.unsigned()?.checked_sub(1).map(|len| len as usize))
    }

    /// A string with a length of 16 bits, as keys have it.
    pub(super) fn classic_string(&mut self) -> Result<Arc<str>, DecodeError> {
        let len = usize::try_from(self.i16()?).map_err(|_| DecodeError::Null)?;
        text(self.take(len)?)
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<Arc<str>>, DecodeError> {
        let Some(len) = self.compact_len()? else { return Ok(None) };
        text(self.take(len)?).map(Some)
    }

    pub(super) fn string(&mut self) -> Result<Arc<str>, DecodeError> {
        self.nullable_string()?.ok_or(DecodeError::Null)
    }

    pub(super) fn bytes(&mut self) -> Result<Arc<[u8]>, DecodeError> {
        let len = self.compact_len()?.ok_or(DecodeError::Null)?;
        Ok(Arc::from(self.take(len)?))
    }

    /// An array whose elements take a byte each at the least: a count that cannot be true is
    /// refused before memory is taken.
    pub(super) fn nullable_list<T>(
        &mut self,
        mut element: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.compact_len()? else { return Ok(None) };
        if count > self.bytes.len() {
            return Err(DecodeError::Truncated);
        }
        // Not reserved: elements may be larger in memory than in bytes.
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    pub(super) fn list<T>(
        &mut self,
        element: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        self.nullable_list(element)?.ok_or(DecodeError::Null)
    }

    /// Reads the tagged fields. `known` is given each tag with the bytes of its field; tags that it
    /// does not know are skipped by doing nothing.
    pub(super) fn tags(
        &mut self,
        mut known: impl FnMut(u32, Reader<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.unsigned()? {
            let tag = self.unsigned()?;
            let len = self.unsigned()? as usize;
            known(tag, Reader::new(self.take(len)?))?;
        }
        Ok(())
    }

    /// Tagged fields none of which is known.
    pub(super) fn no_tags(&mut self) -> Result<(), DecodeError> {
        self.tags(|_, _| Ok(()))
    }
}

fn text(bytes: &[u8]) -> Result<Arc<str>, DecodeError> {
    std::str::from_utf8(bytes).map(Arc::from).map_err(|_| DecodeError::Text)
}

/// Appends the parts to some bytes.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn i8(&mut self, value: i8) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.bytes.extend(value.to_be_bytes());
    }

    pub(super) fn topic_id(&mut self, value: TopicId) {
        self.bytes.extend(value.as_bytes());
    }

    pub(super) fn unsigned(&mut self, mut value: u32) {
        while value > 0x7f {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn compact_len(&mut self, len: usize) {
        let len = u32::try_from(len).ok().and_then(|len| len.checked_add(1));
        self.unsigned(len.expect("a record is smaller than 4 GiB"));
    }

    pub(super) fn classic_string(&mut self, text: &str) {
        // Ids and expressions are refused where they come in if they are longer.
        self.i16(i16::try_from(text.len()).expect("a text in a key is shorter than 32 KiB"));
        self.bytes.extend(text.as_bytes());
    }

    pub(super) fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.byte_string(text.as_bytes()),
            None => self.unsigned(0),
        }
    }

    pub(super) fn byte_string(&mut self, bytes: &[u8]) {
        self.compact_len(bytes.len());
        self.bytes.extend(bytes);
    }

    pub(super) fn string(&mut self, text: &str) {
        self.byte_string(text.as_bytes());
    }

    pub(super) fn list<T>(
        &mut self,
        elements: impl ExactSizeIterator<Item = T>,
        mut element: impl FnMut(&mut Writer, T),
    ) {
        self.compact_len(elements.len());
        for value in elements {
            element(self, value);
        }
    }

    /// Writes the only tagged field, tag 0, or none.
    pub(super) fn tag_zero(&mut self, field: Option<Writer>) {
        self.unsigned(u32::from(field.is_some()));
        if let Some(field) = field {
            self.unsigned(0);
            self.unsigned(u32::try_from(field.bytes.len()).expect("a field is below 4 GiB"));
            self.bytes.extend(field.bytes);
        }
    }
}

//! Writes the primitives of the Kafka protocol into one growing buffer.
//!
//! Writing never stops half-way: the first rule a value breaks is remembered and returned by
//! [`Writer::finish`], so the declarations of messages need no error paths. Record bytes can stay
//! outside the buffer: only their length is written, and the place where they belong is noted.

use crate::{ApiKey, EncodedFrame, Float64, Uuid};

/// Why a value cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A string above 32767 bytes.
    #[error("a string of {0} bytes, at most 32767 fit")]
    TextTooLong(usize),
    /// An array or record set above 2^31 - 2 elements or bytes.
    #[error("a length of {0}, at most 2147483646 fit")]
    LengthTooLong(usize),
    /// A null in a field that is nullable in other versions only.
    #[error("{field} is null, version {version} does not allow that")]
    NullField {
        /// The message and field.
        field: &'static str,
        /// The version being written.
        version: i16,
    },
    /// A version outside the range this crate encodes.
    #[error("{api:?} version {version} is not supported")]
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// A request whose header names another API.
    #[error("a header of {header:?} before a body of {body:?}")]
    WrongHeader {
        /// The API of the header.
        header: ApiKey,
        /// The API of the body.
        body: ApiKey,
    },
}

/// A buffer that messages are written to.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
    external: Vec<(usize, usize)>,
    external_bytes: usize,
    throttle_time_at: Option<usize>,
    error: Option<EncodeError>,
}

macro_rules! integers {
    ($($name:ident)*) => { $(
        /// Writes one big-endian integer.
        #[inline]
        pub fn $name(&mut self, value: $name) {
            self.buffer.extend_from_slice(&value.to_be_bytes());
        }
    )* };
}

impl Writer {
    /// A writer with an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that clears and then fills `buffer`, whose memory it keeps.
    pub fn reusing(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { buffer, ..Self::default() }
    }

    /// Bytes in the buffer, without external records.
    #[inline]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Bytes of external records noted so far.
    pub fn external_bytes(&self) -> usize {
        self.external_bytes
    }

    /// What was written, or the first rule that a value broke.
    pub fn finish(self) -> Result<EncodedFrame, EncodeError> {
        match self.error {
            None => Ok(EncodedFrame {
                head: self.buffer,
                external: self.external,
                throttle_time_at: self.throttle_time_at,
            }),
            Some(error) => Err(error),
        }
    }

    /// Remembers the first broken rule.
    #[cold]
    pub fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    /// Notes that the throttle time of a response comes next.
    #[inline]
    pub(crate) fn mark_throttle_time(&mut self) {
        self.throttle_time_at = Some(self.buffer.len());
    }

    /// Makes room for `bytes` more.
    #[inline]
    pub fn reserve(&mut self, bytes: usize) {
        self.buffer.reserve(bytes);
    }

    integers!(i8 i16 i32 i64 u16 u32);

    /// Writes a boolean as one byte.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.buffer.push(value.into());
    }

    /// Writes the 8 bytes of a floating point number.
    #[inline]
    pub fn float64(&mut self, value: Float64) {
        self.buffer.extend_from_slice(&value.value().to_be_bytes());
    }

    /// Writes the 16 bytes of a uuid.
    #[inline]
    pub fn uuid(&mut self, value: Uuid) {
        self.buffer.extend_from_slice(&value);
    }

    /// Writes an unsigned varint.
    #[inline]
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    /// Writes a string or null.
    #[inline]
    pub fn text(&mut self, text: Option<&str>, flexible: bool) {
        let Some(text) = text else {
            return if flexible { self.uvarint(0) } else { self.i16(-1) };
        };
        let Ok(len) = i16::try_from(text.len()) else {
            return self.fail(EncodeError::TextTooLong(text.len()));
        };
        if flexible {
            self.uvarint(len as u32 + 1);
        } else {
            self.i16(len);
        }
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// Writes bytes or null.
    #[inline]
    pub fn bytes(&mut self, bytes: Option<&[u8]>, flexible: bool) {
        self.length(bytes.map(<[u8]>::len), flexible);
        self.buffer.extend_from_slice(bytes.unwrap_or_default());
    }

    /// Writes the length of `len` bytes that will be sent from elsewhere, and notes where they
    /// belong.
    #[inline]
    pub fn external(&mut self, len: usize, flexible: bool) {
        self.length(Some(len), flexible);
        if len > 0 {
            self.external.push((self.buffer.len(), len));
            self.external_bytes = self.external_bytes.saturating_add(len);
        }
    }

    /// Writes the length of bytes or the count of an array; `None` is null.
    #[inline]
    pub fn length(&mut self, len: Option<usize>, flexible: bool) {
        let len = match len {
            None => -1,
            Some(len) if len < i32::MAX as usize => len as i32,
            Some(len) => return self.fail(EncodeError::LengthTooLong(len)),
        };
        if flexible {
            self.uvarint((len + 1) as u32);
        } else {
            self.i32(len);
        }
    }

    /// Writes one tagged field: its tag, its length, and the content that `write` appends.
    pub fn tagged_field(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        self.uvarint(tag);
        let start = self.buffer.len();
        write(self);
        let mut length = Self::new();
        length.uvarint((self.buffer.len() - start) as u32);
        self.buffer.splice(start..start, length.buffer);
    }

    /// Overwrites four bytes at `position` with a big-endian integer.
    pub(crate) fn patch_i32(&mut self, position: usize, value: i32) {
        self.buffer[position..position + 4].copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_records_leave_a_length_and_a_place() {
        let mut writer = Writer::new();
        writer.external(300, true);
        writer.i8(7);
        writer.external(0, false);
        writer.external(5, false);
        assert_eq!(writer.external_bytes(), 305);
        let head = vec![0xad, 0x02, 7, 0, 0, 0, 0, 0, 0, 0, 5];
        let external = vec![(2, 300), (11, 5)];
        assert_eq!(writer.finish(), Ok(EncodedFrame { head, external, throttle_time_at: None }));
    }

    #[test]
    fn the_first_broken_rule_is_returned() {
        let mut writer = Writer::new();
        writer.text(Some(&"x".repeat(32768)), true);
        writer.length(Some(i32::MAX as usize), false);
        assert_eq!(writer.finish(), Err(EncodeError::TextTooLong(32768)));
    }

    #[test]
    fn a_tagged_field_carries_its_length() {
        let mut writer = Writer::new();
        writer.tagged_field(3, |content| content.bytes(Some(&[9; 200]), true));
        let bytes = writer.finish().unwrap().head;
        assert_eq!(bytes[..5], [3, 0xca, 0x01, 0xc9, 0x01]);
        assert_eq!(bytes.len(), 205);
    }
}

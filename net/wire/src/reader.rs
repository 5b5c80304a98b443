//! Reads the primitives of the Kafka protocol from one frame.
//!
//! Lengths and counts come from outside: each is checked against the bytes that remain before
//! anything is taken, and memory for arrays is drawn from a budget proportional to the frame.

use crate::{ApiKey, Float64, Text, Uuid};

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The frame ends inside a value.
    #[error("{needed} bytes needed, {remaining} remain")]
    Truncated {
        /// Bytes the value takes.
        needed: usize,
        /// Bytes left in the frame.
        remaining: usize,
    },
    /// A length or count below -1, or a string above 32767 bytes.
    #[error("a length of {0}")]
    Length(i64),
    /// A varint that does not end within 32 bits.
    #[error("a varint longer than 32 bits")]
    Varint,
    /// A string that is not UTF-8.
    #[error("a string that is not UTF-8")]
    Utf8,
    /// A null where the schema has none.
    #[error("a null where the schema has none")]
    Null,
    /// A null in a field that is nullable in other versions only.
    #[error("{field} is null, version {version} does not allow that")]
    NullField {
        /// The message and field.
        field: &'static str,
        /// The version being read.
        version: i16,
    },
    /// An array that promises more elements than the remaining bytes can hold.
    #[error("an array of {count} elements in {remaining} bytes")]
    Count {
        /// Elements promised.
        count: usize,
        /// Bytes left in the frame.
        remaining: usize,
    },
    /// Arrays of more memory than a frame of this length may cost.
    #[error("arrays of this frame need more than its memory budget")]
    Budget,
    /// A tagged field whose content is not as long as it says.
    #[error("tagged field {tag} is not as long as it says")]
    TagLength {
        /// The tag.
        tag: u32,
    },
    /// An API key that is not in the table.
    #[error("unknown API key {key} (version {version})")]
    UnknownApi {
        /// The key as sent.
        key: i16,
        /// The version as sent.
        version: i16,
    },
    /// A version outside the range this crate decodes.
    #[error("{api:?} version {version} is not supported")]
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The version as sent.
        version: i16,
    },
    /// A message inside of another one whose version is negative.
    #[error("version {version} of an embedded message")]
    EmbeddedVersion {
        /// The version as sent.
        version: i16,
    },
}

/// A cursor over the bytes of one frame (without its length prefix).
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    heap_left: usize,
}

macro_rules! integers {
    ($($name:ident)*) => { $(
        /// Reads one big-endian integer.
        #[inline]
        pub fn $name(&mut self) -> Result<$name, WireError> {
            self.fixed().map($name::from_be_bytes)
        }
    )* };
}

impl<'a> Reader<'a> {
    /// Heap bytes that decoding may take for each byte of the frame. Real messages stay under half
    /// of it; only arrays of empty names would need more.
    pub const HEAP_FACTOR: usize = 8;

    /// Heap bytes that decoding may take for a frame of any length.
    pub const HEAP_BASE: usize = 64 * 1024;

    /// A reader at the first byte of `frame`.
    pub fn new(frame: &'a [u8]) -> Self {
        let heap_left =
            frame.len().saturating_mul(Self::HEAP_FACTOR).saturating_add(Self::HEAP_BASE);
        Self { rest: frame, heap_left }
    }

    /// Bytes not read yet.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    integers!(i8 i16 i32 i64 u16 u32);

    /// Reads a boolean: any byte but zero is true, as in Kafka.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, WireError> {
        self.i8().map(|byte| byte != 0)
    }

    /// Reads the 8 bytes of a floating point number.
    #[inline]
    pub fn float64(&mut self) -> Result<Float64, WireError> {
        self.fixed().map(|bytes| Float64::new(f64::from_be_bytes(bytes)))
    }

    /// Reads the 16 bytes of a uuid.
    #[inline]
    pub fn uuid(&mut self) -> Result<Uuid, WireError> {
        self.fixed()
    }

    /// Reads an unsigned varint of at most 32 bits.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, WireError> {
        match self.rest.first() {
            Some(&byte) if byte < 0x80 => {
                self.rest = &self.rest[1..];
                Ok(u32::from(byte))
            }
            _ => self.uvarint_long(),
        }
    }

    /// Reads a string that may be null: a 16-bit length, or a varint of length + 1 in flexible
    /// versions.
    #[inline]
    pub fn text(&mut self, flexible: bool) -> Result<Option<Text<'a>>, WireError> {
        let Some(len) = (if flexible { self.compact_len()? } else { self.short_len()? }) else {
            return Ok(None);
        };
        if len > i16::MAX as usize {
            return Err(WireError::Length(len as i64));
        }
        let text = str::from_utf8(self.take(len)?).map_err(|_| WireError::Utf8)?;
        Ok(Some(Text::Borrowed(text)))
    }

    /// Reads bytes that may be null: a 32-bit length, or a varint of length + 1 in flexible
    /// versions.
    #[inline]
    pub fn bytes(&mut self, flexible: bool) -> Result<Option<&'a [u8]>, WireError> {
        match self.len(flexible)? {
            None => Ok(None),
            Some(len) => self.take(len).map(Some),
        }
    }

    /// Reads the count of an array that may be null and takes its memory from the budget: `count`
    /// elements of at least `wire_min` bytes here and `heap_each` bytes once decoded.
    #[inline]
    pub fn array_count(
        &mut self,
        flexible: bool,
        wire_min: usize,
        heap_each: usize,
    ) -> Result<Option<usize>, WireError> {
        let Some(count) = self.len(flexible)? else { return Ok(None) };
        if count > self.rest.len() / wire_min.max(1) {
            return Err(WireError::Count { count, remaining: self.rest.len() });
        }
        let heap = count.saturating_mul(heap_each);
        self.heap_left = self.heap_left.checked_sub(heap).ok_or(WireError::Budget)?;
        Ok(Some(count))
    }

    /// Reads the tag and length of a tagged field. Its content ends when the returned number of
    /// bytes remains.
    #[inline]
    pub fn tagged_field(&mut self) -> Result<(u32, usize), WireError> {
        let tag = self.uvarint()?;
        let needed = self.uvarint()? as usize;
        let remaining = self.rest.len();
        match remaining.checked_sub(needed) {
            Some(end) => Ok((tag, end)),
            None => Err(WireError::Truncated { needed, remaining }),
        }
    }

    /// Skips the tagged fields at the end of a structure that knows none.
    pub fn skip_tagged_fields(&mut self) -> Result<(), WireError> {
        for _ in 0..self.uvarint()? {
            let (_, end) = self.tagged_field()?;
            self.skip(self.rest.len() - end)?;
        }
        Ok(())
    }

    /// Skips `len` bytes.
    pub fn skip(&mut self, len: usize) -> Result<(), WireError> {
        self.take(len).map(|_| ())
    }

    /// The length of bytes or the count of an array; null is `None`.
    #[inline]
    fn len(&mut self, flexible: bool) -> Result<Option<usize>, WireError> {
        if flexible {
            return self.compact_len();
        }
        match self.i32()? {
            -1 => Ok(None),
            len => usize::try_from(len).map(Some).map_err(|_| WireError::Length(len.into())),
        }
    }

    #[inline]
    fn short_len(&mut self) -> Result<Option<usize>, WireError> {
        match self.i16()? {
            -1 => Ok(None),
            len => usize::try_from(len).map(Some).map_err(|_| WireError::Length(len.into())),
        }
    }

    #[inline]
    fn compact_len(&mut self) -> Result<Option<usize>, WireError> {
        Ok((self.uvarint()? as usize).checked_sub(1))
    }

    #[cold]
    fn uvarint_long(&mut self) -> Result<u32, WireError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.fixed()?;
            if shift == 28 && byte > 0x0f {
                return Err(WireError::Varint);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((head, rest)) = self.rest.split_first_chunk() else {
            return Err(WireError::Truncated { needed: N, remaining: self.rest.len() });
        };
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(WireError::Truncated { needed: len, remaining: self.rest.len() });
        };
        self.rest = rest;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_within_32_bits() {
        let read = |bytes: &[u8]| Reader::new(bytes).uvarint();
        assert_eq!(read(&[0x00]), Ok(0));
        assert_eq!(read(&[0x7f]), Ok(127));
        assert_eq!(read(&[0x80, 0x01]), Ok(128));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x10]), Err(WireError::Varint));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Err(WireError::Varint));
        assert_eq!(read(&[0x80]), Err(WireError::Truncated { needed: 1, remaining: 0 }));
    }

    #[test]
    fn strings_are_utf8_of_at_most_32767_bytes() {
        let read = |bytes: &[u8], flexible| {
            Reader::new(bytes).text(flexible).map(|text| text.map(Text::into_owned))
        };
        assert_eq!(read(&[0, 2, b'h', b'i'], false), Ok(Some("hi".into())));
        assert_eq!(read(&[3, b'h', b'i'], true), Ok(Some("hi".into())));
        assert_eq!(read(&[0xff, 0xff], false), Ok(None));
        assert_eq!(read(&[0], true), Ok(None));
        assert_eq!(read(&[0xff, 0xfe], false), Err(WireError::Length(-2)));
        assert_eq!(read(&[2, 0xff], true), Err(WireError::Utf8));
        assert_eq!(
            read(&[0, 3, b'h', b'i'], false),
            Err(WireError::Truncated { needed: 3, remaining: 2 })
        );
        let mut long = vec![0x81, 0x80, 0x02];
        long.resize(3 + 32768, b'x');
        assert_eq!(read(&long, true), Err(WireError::Length(32768)));
    }

    #[test]
    fn a_count_is_refused_before_memory_is_taken() {
        let mut reader = Reader::new(&[0x7f, 0xff, 0xff, 0xff, 1, 2, 3]);
        let count = i32::MAX as usize;
        assert_eq!(reader.array_count(false, 1, 8), Err(WireError::Count { count, remaining: 3 }));
    }

    #[test]
    fn arrays_draw_on_one_budget() {
        let mut frame = vec![0, 0, 0, 4];
        frame.extend([0; 4]);
        let mut reader = Reader::new(&frame);
        let most = (Reader::HEAP_BASE + 8 * Reader::HEAP_FACTOR) / 4;
        assert_eq!(reader.clone().array_count(false, 1, most), Ok(Some(4)));
        assert_eq!(reader.array_count(false, 1, most + 1), Err(WireError::Budget));
    }

    #[test]
    fn unknown_tagged_fields_are_skipped_within_the_frame() {
        let mut reader = Reader::new(&[2, 0, 1, 9, 7, 2, 9, 9, 5]);
        assert_eq!(reader.skip_tagged_fields(), Ok(()));
        assert_eq!(reader.remaining(), 1);
        assert_eq!(
            Reader::new(&[1, 0, 9, 9]).skip_tagged_fields(),
            Err(WireError::Truncated { needed: 9, remaining: 1 })
        );
    }
}

//! Takes the fields of a record off its bytes. Every length is checked against the bytes that are
//! there before memory is taken.

use corelog_model::{TopicId, TopicName};

use super::RecordError;

/// The bytes of a record that are not read yet.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    pub(crate) fn i8(&mut self, field: &'static str) -> Result<i8, RecordError> {
        Ok(i8::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn i16(&mut self, field: &'static str) -> Result<i16, RecordError> {
        Ok(i16::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, RecordError> {
        Ok(i32::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.array(field)?))
    }

    /// A length or count that may be no less than zero, and no more than the bytes that follow.
    pub(crate) fn count(&mut self, field: &'static str) -> Result<usize, RecordError> {
        let count = self.i32(field)?;
        self.checked(i64::from(count), field)
    }

    pub(crate) fn string(&mut self, field: &'static str) -> Result<String, RecordError> {
        self.nullable_string(field)?.ok_or(RecordError::Length { field, length: -1 })
    }

    pub(crate) fn nullable_string(
        &mut self,
        field: &'static str,
    ) -> Result<Option<String>, RecordError> {
        let length = self.i16(field)?;
        if length == -1 {
            return Ok(None);
        }
        let length = self.checked(i64::from(length), field)?;
        self.text(length, field).map(Some)
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<Vec<u8>, RecordError> {
        let length = self.count(field)?;
        Ok(self.take(length, field)?.to_vec())
    }

    /// The bytes, or none if they are null.
    pub(crate) fn nullable_bytes(
        &mut self,
        field: &'static str,
    ) -> Result<Option<&'a [u8]>, RecordError> {
        let length = self.i32(field)?;
        if length == -1 {
            return Ok(None);
        }
        let length = self.checked(i64::from(length), field)?;
        self.take(length, field).map(Some)
    }

    /// An array whose elements take a byte each at the least.
    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        element: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let list = self.nullable_list(field, element)?;
        list.ok_or(RecordError::Length { field, length: -1 })
    }

    /// An array that may be null, whose elements take a byte each at the least.
    pub(crate) fn nullable_list<T>(
        &mut self,
        field: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<Vec<T>>, RecordError> {
        let count = self.i32(field)?;
        if count == -1 {
            return Ok(None);
        }
        let count = self.checked(i64::from(count), field)?;
        // Not reserved: elements may be larger in memory than in bytes.
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    pub(crate) fn topic(&mut self, field: &'static str) -> Result<TopicName, RecordError> {
        let name = self.string(field)?;
        TopicName::new(&name).map_err(|_| RecordError::TopicName { name })
    }

    pub(crate) fn compact_topic(&mut self, field: &'static str) -> Result<TopicName, RecordError> {
        let name = self.compact_string(field)?;
        TopicName::new(&name).map_err(|_| RecordError::TopicName { name })
    }

    pub(crate) fn topic_id(&mut self, field: &'static str) -> Result<TopicId, RecordError> {
        Ok(TopicId::from_bytes(self.array(field)?))
    }

    /// A string of a flexible version.
    pub(crate) fn compact_string(&mut self, field: &'static str) -> Result<String, RecordError> {
        self.compact_nullable_string(field)?.ok_or(RecordError::Length { field, length: -1 })
    }

    pub(crate) fn compact_nullable_string(
        &mut self,
        field: &'static str,
    ) -> Result<Option<String>, RecordError> {
        let Some(length) = self.compact_length(field)? else { return Ok(None) };
        self.text(length, field).map(Some)
    }

    pub(crate) fn compact_bytes(&mut self, field: &'static str) -> Result<Vec<u8>, RecordError> {
        let length = self.compact_count(field)?;
        Ok(self.take(length, field)?.to_vec())
    }

    pub(crate) fn compact_count(&mut self, field: &'static str) -> Result<usize, RecordError> {
        self.compact_length(field)?.ok_or(RecordError::Length { field, length: -1 })
    }

    /// An array of a flexible version. Its elements take a byte each at the least, so a count that
    /// cannot be true is refused before memory is taken.
    pub(crate) fn compact_list<T>(
        &mut self,
        field: &'static str,
        element: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, RecordError> {
        let list = self.compact_nullable_list(field, element)?;
        list.ok_or(RecordError::Length { field, length: -1 })
    }

    pub(crate) fn compact_nullable_list<T>(
        &mut self,
        field: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Option<Vec<T>>, RecordError> {
        let Some(count) = self.compact_length(field)? else { return Ok(None) };
        // Not reserved: elements may be larger in memory than in bytes.
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// The tagged fields of a flexible version, each given to `take` with its bytes.
    pub(crate) fn tagged_fields(
        &mut self,
        mut take: impl FnMut(u32, &'a [u8]) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let field = "the tagged fields";
        for _ in 0..self.unsigned_varint(field)? {
            let tag = self.unsigned_varint(field)?;
            let length = self.unsigned_varint(field)?;
            let length = self.checked(i64::from(length), field)?;
            take(tag, self.take(length, field)?)?;
        }
        Ok(())
    }

    /// Refuses bytes behind the last field.
    pub(crate) fn end(self) -> Result<(), RecordError> {
        match self.bytes.len() {
            0 => Ok(()),
            bytes => Err(RecordError::Trailing { bytes }),
        }
    }

    fn compact_length(&mut self, field: &'static str) -> Result<Option<usize>, RecordError> {
        let length = self.unsigned_varint(field)?;
        let Some(length) = length.checked_sub(1) else { return Ok(None) };
        self.checked(i64::from(length), field).map(Some)
    }

    fn unsigned_varint(&mut self, field: &'static str) -> Result<u32, RecordError> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array(field)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value)
                    .map_err(|_| RecordError::Length { field, length: value as i64 });
            }
        }
        Err(RecordError::Length { field, length: value as i64 })
    }

    fn checked(&self, length: i64, field: &'static str) -> Result<usize, RecordError> {
        let unsigned =
            usize::try_from(length).map_err(|_| RecordError::Length { field, length })?;
        if unsigned > self.bytes.len() {
            return Err(RecordError::Truncated { field });
        }
        Ok(unsigned)
    }

    fn text(&mut self, length: usize, field: &'static str) -> Result<String, RecordError> {
        let bytes = self.take(length, field)?;
        let text = std::str::from_utf8(bytes).map_err(|_| RecordError::Text { field })?;
        Ok(text.to_owned())
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], RecordError> {
        let (first, rest) =
            self.bytes.split_first_chunk().ok_or(RecordError::Truncated { field })?;
        self.bytes = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], RecordError> {
        let (first, rest) =
            self.bytes.split_at_checked(length).ok_or(RecordError::Truncated { field })?;
        self.bytes = rest;
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_memory_is_taken() {
        let refused = Err(RecordError::Truncated { field: "it" });
        assert_eq!(Reader::new(&[0x7f, 0xff, 0xff, 0xff, 1]).bytes("it"), refused);
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).compact_bytes("it"), refused);
    }

    #[test]
    fn a_negative_length_is_refused() {
        let refused = RecordError::Length { field: "it", length: -2 };
        assert_eq!(Reader::new(&[0xff, 0xfe]).string("it"), Err(refused));
        let refused = RecordError::Length { field: "it", length: -1 };
        assert_eq!(Reader::new(&[0xff, 0xff]).string("it"), Err(refused.clone()));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff]).bytes("it"), Err(refused.clone()));
        assert_eq!(Reader::new(&[0]).compact_string("it"), Err(refused));
    }

    #[test]
    fn a_varint_of_more_than_32_bits_is_refused() {
        let bytes = [0xff, 0xff, 0xff, 0xff, 0x1f];
        let refused = RecordError::Length { field: "it", length: 0x1_ffff_ffff };
        assert_eq!(Reader::new(&bytes).compact_bytes("it"), Err(refused));
        let bytes = [0x80; 6];
        let refused = RecordError::Length { field: "it", length: 0 };
        assert_eq!(Reader::new(&bytes).compact_bytes("it"), Err(refused));
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let refused = Err(RecordError::Text { field: "it" });
        assert_eq!(Reader::new(&[0, 1, 0xff]).string("it"), refused);
    }
}

//! Appends the fields of a record to bytes.

/// The bytes of a record that is being written.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins with the version, as every key and value does.
    pub(crate) fn new(version: i16) -> Self {
        Writer { bytes: version.to_be_bytes().to_vec() }
    }

    /// Begins with nothing, as a tagged field does.
    pub(crate) fn empty() -> Self {
        Writer { bytes: Vec::new() }
    }

    pub(crate) fn i16(self, value: i16) -> Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn i32(mut self, value: i32) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn i64(mut self, value: i64) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn string(mut self, text: &str) -> Self {
        let length = i16::try_from(text.len()).expect("the wire bounds strings at 32767 bytes");
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(text.as_bytes());
        self
    }

    pub(crate) fn nullable_string(mut self, text: Option<&str>) -> Self {
        let Some(text) = text else {
            self.bytes.extend((-1_i16).to_be_bytes());
            return self;
        };
        self.string(text)
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut writer = self.count(bytes.len());
        writer.bytes.extend(bytes);
        writer
    }

    pub(crate) fn count(self, count: usize) -> Self {
        self.i32(i32::try_from(count).expect("the wire bounds arrays at 2 GiB"))
    }

    /// A string of a flexible version.
    pub(crate) fn compact_string(self, text: &str) -> Self {
        self.compact_bytes(text.as_bytes())
    }

    pub(crate) fn compact_nullable_string(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.compact_string(text),
            None => self.unsigned_varint(0),
        }
    }

    pub(crate) fn compact_bytes(self, bytes: &[u8]) -> Self {
        self.unsigned_varint(bytes.len() as u64 + 1).raw(bytes)
    }

    /// An array of a flexible version.
    pub(crate) fn compact_list<T>(
        self,
        elements: impl ExactSizeIterator<Item = T>,
        element: impl FnMut(Self, T) -> Self,
    ) -> Self {
        let writer = self.unsigned_varint(elements.len() as u64 + 1);
        elements.fold(writer, element)
    }

    pub(crate) fn unsigned_varint(mut self, mut value: u64) -> Self {
        while value > 0x7f {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

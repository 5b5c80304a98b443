//! The field of a message that holds record batches.

/// Record batches as a message carries them: never parsed here, never copied when decoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Records<'a> {
    /// No records field at all. Differs from zero bytes on the wire.
    #[default]
    Null,
    /// Bytes inside the frame, or bytes to be copied into it.
    Bytes(&'a [u8]),
    /// For encoding only: `len` bytes that the sender puts between two parts of the head
    /// (see [`EncodedFrame`](crate::EncodedFrame)). Never the result of decoding.
    External {
        /// Bytes of the record batches.
        len: usize,
    },
}

impl<'a> Records<'a> {
    /// The bytes at hand: empty for null and for external records.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Null | Self::External { .. } => &[],
        }
    }

    /// The length on the wire; null counts as zero.
    pub fn len(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::External { len } => *len,
        }
    }

    /// Whether there are no record bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

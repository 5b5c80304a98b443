//! Frames: a message behind its length, four bytes, big-endian.

use crate::header::ResponseHeader;
use crate::{EncodeError, Message, Request, RequestHeader, Writer};

/// Bytes of the length prefix of a frame.
pub const FRAME_PREFIX_BYTES: usize = 4;

/// Why a length prefix is refused. The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A negative length.
    #[error("a frame of {0} bytes")]
    Negative(i32),
    /// A length above the limit of this side.
    #[error("a frame of {len} bytes, at most {max} are accepted")]
    TooLong {
        /// Bytes announced.
        len: usize,
        /// The limit.
        max: usize,
    },
}

/// The length of the frame whose first bytes are `bytes`, without the four bytes of the prefix;
/// `None` while these are incomplete. `max` bounds it before anyone takes memory for it.
pub fn peek_frame_len(bytes: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = bytes.first_chunk::<FRAME_PREFIX_BYTES>() else { return Ok(None) };
    let len = i32::from_be_bytes(*prefix);
    match usize::try_from(len) {
        Err(_) => Err(FrameError::Negative(len)),
        Ok(len) if len > max => Err(FrameError::TooLong { len, max }),
        Ok(len) => Ok(Some(len)),
    }
}

/// Encoded bytes, ready to send: a whole frame with its length prefix, or what a [`Writer`] took.
///
/// The bytes on the wire are `head[..p0]`, slice 0, `head[p0..p1]`, slice 1, ..., the rest of
/// `head`, where `external` holds the (p, length of the slice) of each
/// [`Records::External`](crate::Records) in message order. Slices of zero bytes have no entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodedFrame {
    /// Every byte that is not external.
    pub head: Vec<u8>,
    /// Where external records belong, as (position in `head`, length).
    pub external: Vec<(usize, usize)>,
    /// Where the throttle time of a response stands in `head`.
    pub throttle_time_at: Option<usize>,
}

impl EncodedFrame {
    /// Writes into an encoded response for how long the client shall wait. Does nothing where its
    /// API and version have no place for it.
    pub fn set_throttle_time(&mut self, throttle_time_ms: i32) {
        let Some(at) = self.throttle_time_at else { return };
        self.head[at..at + 4].copy_from_slice(&throttle_time_ms.to_be_bytes());
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> usize {
        self.head.len() + self.external.iter().map(|(_, len)| len).sum::<usize>()
    }

    /// The bytes in order: parts of the head, and the external records between them. None of the
    /// parts is empty.
    pub fn interleave<'f>(&'f self, records: &[&'f [u8]]) -> Vec<&'f [u8]> {
        let records: Vec<&[u8]> =
            records.iter().copied().filter(|slice| !slice.is_empty()).collect();
        assert!(
            records.iter().map(|slice| slice.len()).eq(self.external.iter().map(|(_, len)| *len)),
            "the record slices have the lengths that the request says"
        );
        let mut parts = Vec::with_capacity(2 * records.len() + 1);
        let mut written = 0;
        for ((position, _), slice) in self.external.iter().zip(records) {
            parts.push(&self.head[written..*position]);
            parts.push(slice);
            written = *position;
        }
        parts.push(&self.head[written..]);
        parts.retain(|part| !part.is_empty());
        parts
    }
}

/// The frame of a request. External records are counted in the length prefix.
pub fn encode_request<'a, R: Request<'a>>(
    header: &RequestHeader<'_>,
    body: &R,
) -> Result<EncodedFrame, EncodeError> {
    if header.api != R::KEY {
        return Err(EncodeError::WrongHeader { header: header.api, body: R::KEY });
    }
    encode_frame(Vec::new(), |writer| {
        header.encode(writer);
        body.encode(writer, header.api_version);
    })
}

/// The frame of a response to a request of `version`. External records are counted in the length
/// prefix.
pub fn encode_response<'a, M: Message<'a>>(
    correlation_id: i32,
    version: i16,
    body: &M,
) -> Result<EncodedFrame, EncodeError> {
    encode_response_into(Vec::new(), correlation_id, version, body)
}

/// [`encode_response`] into the memory of `buffer`, whose content is dropped.
pub fn encode_response_into<'a, M: Message<'a>>(
    buffer: Vec<u8>,
    correlation_id: i32,
    version: i16,
    body: &M,
) -> Result<EncodedFrame, EncodeError> {
    encode_frame(buffer, |writer| {
        ResponseHeader { correlation_id }.encode(writer, M::KEY, version);
        body.encode(writer, version);
    })
}

fn encode_frame(
    buffer: Vec<u8>,
    write: impl FnOnce(&mut Writer),
) -> Result<EncodedFrame, EncodeError> {
    let mut writer = Writer::reusing(buffer);
    writer.reserve(256);
    writer.i32(0);
    write(&mut writer);
    let len = (writer.len() - FRAME_PREFIX_BYTES).saturating_add(writer.external_bytes());
    match i32::try_from(len) {
        Ok(len) => writer.patch_i32(0, len),
        Err(_) => writer.fail(EncodeError::LengthTooLong(len)),
    }
    writer.finish()
}

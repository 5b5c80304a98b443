//! Replies: encoded heads with borrowed record slices between them, and the vectored writes that
//! send them. Record bytes go from the log's memory to the socket without a copy in user space, so
//! a peer must take them at a least pace.

use std::io::{self, IoSlice};
use std::pin::pin;
use std::time::Duration;

use corelog_io::{Permit, Slice, now, timeout};
use corelog_shard::AnswerMemory;
use corelog_wire::frame::EncodedFrame;

use crate::pace::Pace;
use crate::transport::Transport;

const SLICES_MAX: usize = 512;

/// One encoded response and the record bytes that belong into it.
#[derive(Default)]
pub(crate) struct Reply {
    frame: EncodedFrame,
    records: Vec<Slice>,
    /// Goes back to the core's budget with the records.
    _memory: Option<AnswerMemory>,
    /// Goes back to what may wait at the connection.
    _waits: Option<Permit>,
}

impl Reply {
    /// A response without external records.
    pub(crate) fn new(frame: EncodedFrame) -> Self {
        Self::with_records(frame, Vec::new())
    }

    /// A response whose external records are the concatenation of `records`.
    pub(crate) fn with_records(frame: EncodedFrame, records: Vec<Slice>) -> Self {
        let external: usize = frame.external.iter().map(|(_, len)| len).sum();
        let present: usize = records.iter().map(|slice| slice.len()).sum();
        assert!(
            external == present,
            "the slices are what the head announces: {external} {present}"
        );
        Self { frame, records, _memory: None, _waits: None }
    }

    /// Holds what its records keep of the core's budget.
    pub(crate) fn keeping(self, memory: Option<AnswerMemory>) -> Self {
        Self { _memory: memory, ..self }
    }

    /// Holds its part of what may wait at its connection.
    pub(crate) fn waiting(self, part: Permit) -> Self {
        Self { _waits: Some(part), ..self }
    }

    /// Tells the client how long it shall wait, where its API has a place for that.
    pub(crate) fn set_throttle_time(&mut self, time: Duration) {
        self.frame.set_throttle_time(i32::try_from(time.as_millis()).unwrap_or(i32::MAX));
    }

    /// Bytes on the wire.
    pub(crate) fn wire_len(&self) -> usize {
        self.frame.wire_len()
    }

    /// The bytes in order.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut records = self.records.iter();
        let mut position = 0;
        let mut parts: Vec<&[u8]> = Vec::with_capacity(self.records.len() * 2 + 1);
        for (at, len) in &self.frame.external {
            parts.push(&self.frame.head[position..*at]);
            position = *at;
            let mut missing = *len;
            while missing > 0 {
                let Some(slice) = records.next() else { break };
                missing -= slice.len();
                parts.push(slice);
            }
        }
        parts.push(&self.frame.head[position..]);
        parts.into_iter().filter(|part| !part.is_empty())
    }
}

/// Sends replies in order with as few calls as the socket allows. A peer that takes less of them
/// than the least pace in a `period` is an error.
pub(crate) async fn send(
    transport: &Transport,
    replies: &[Reply],
    period: Duration,
) -> io::Result<()> {
    let parts: Vec<&[u8]> = replies.iter().flat_map(Reply::parts).collect();
    let mut slices: Vec<IoSlice<'_>> = parts.into_iter().map(IoSlice::new).collect();
    let mut rest = &mut slices[..];
    let mut pace = Pace::new(period);
    while !rest.is_empty() {
        let count = rest.len().min(SLICES_MAX);
        let mut begun = now();
        let written = {
            // It goes on after a period: a write that was given up may have been sent in part.
            let mut write = pin!(transport.write(&rest[..count]));
            loop {
                match timeout(pace.left(), write.as_mut()).await {
                    Ok(written) => break written?,
                    Err(_) if pace.keeps(begun.elapsed(), 0) => begun = now(),
                    Err(_) => return Err(io::ErrorKind::TimedOut.into()),
                }
            }
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut rest, written);
        if !rest.is_empty() && !pace.keeps(begun.elapsed(), written) {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_slices_stand_where_the_head_announces_them() {
        let frame = EncodedFrame {
            head: b"abcdef".to_vec(),
            external: vec![(2, 5), (4, 1)],
            throttle_time_at: None,
        };
        let slice = |text: &str| Slice::of_memory(text.as_bytes().to_vec());
        let reply = Reply::with_records(frame, vec![slice("12"), slice("345"), slice("6")]);
        assert_eq!(reply.parts().collect::<Vec<_>>().concat(), b"ab12345cd6ef");
        assert_eq!(reply.wire_len(), 12);
    }

    #[test]
    #[should_panic(expected = "what the head announces")]
    fn missing_records_are_a_bug() {
        let frame =
            EncodedFrame { head: b"ab".to_vec(), external: vec![(1, 5)], throttle_time_at: None };
        let _ = Reply::with_records(frame, vec![]);
    }
}

//! Reading frames: the length is checked before memory is taken, the buffer grows as bytes arrive,
//! and a large body waits for the core's byte budget.

use std::io;
use std::time::Duration;

use corelog_io::{Instant, Permit, Permits, now, timeout};
use corelog_wire::ApiKey;
use corelog_wire::frame::{FRAME_PREFIX_BYTES, FrameError, peek_frame_len};

use crate::api::settings::CONTROL_REQUEST_BYTES_MAX;
use crate::pace::Pace;
use crate::transport::Transport;

/// What a connection reads at once while its requests are small, and while they are not.
const SMALL_READ_BYTES: usize = 512;
const READ_BYTES: usize = 32 << 10;
const BUFFER_KEPT: Duration = Duration::from_secs(1);
const FIRST_GROWTH_BYTES: usize = 64 << 10;
/// So much of a frame needs no budget: it is bounded by the number of connections.
const UNBUDGETED_BYTES_MAX: usize = 64 << 10;
const RECYCLED_BYTES_MAX: usize = 2 << 20;

/// Why no further frame comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadFrameError {
    /// The other side closed between two frames.
    #[error("closed")]
    Closed,
    /// The other side closed within a frame.
    #[error("closed in the middle of a frame")]
    Truncated,
    /// Nothing came for too long.
    #[error("idle for {0:?}")]
    Idle(Duration),
    /// Too little of a started frame came.
    #[error("too little of a frame came within {0:?}")]
    Slow(Duration),
    /// The client did not log in in time.
    #[error("no login within {0:?}")]
    Login(Duration),
    /// The length is out of bounds.
    #[error(transparent)]
    Length(#[from] FrameError),
    /// The length is out of bounds for an API that moves no records.
    #[error(
        "a request of {len} bytes to API {api}, which takes at most {CONTROL_REQUEST_BYTES_MAX}"
    )]
    Control {
        /// Bytes announced.
        len: usize,
        /// The number of the API.
        api: i16,
    },
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Bounds for reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameLimits {
    pub(crate) idle: Duration,
    pub(crate) frame_time: Duration,
}

/// One request's bytes, without the length, and the budget they hold.
pub(crate) struct Frame {
    memory: Vec<u8>,
    len: usize,
    pub(crate) arrived: Instant,
    budget: Option<Permit>,
}

impl Frame {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[..self.len]
    }

    /// Whether it keeps memory from other requests.
    pub(crate) fn holds_budget(&self) -> bool {
        self.budget.is_some()
    }

    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.memory
    }
}

/// Cuts the byte stream of one connection into frames.
pub(crate) struct FrameReader {
    transport: Transport,
    limits: FrameLimits,
    budget: Permits,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Memory of the last large frame, initialised as far as it is long.
    recycled: Option<Vec<u8>>,
}

impl FrameReader {
    pub(crate) fn new(transport: Transport, limits: FrameLimits, budget: Permits) -> Self {
        Self { transport, limits, budget, buffer: Vec::new(), start: 0, end: 0, recycled: None }
    }

    /// Takes back the memory of a frame that was answered, for the next one.
    pub(crate) fn recycle(&mut self, memory: Vec<u8>) {
        let is_useful = self.recycled.as_ref().is_none_or(|kept| kept.len() < memory.len());
        if is_useful && memory.len() <= RECYCLED_BYTES_MAX && memory.len() > READ_BYTES {
            self.recycled = Some(memory);
        }
    }

    /// The next frame, of at most so many bytes.
    pub(crate) async fn next(&mut self, bytes_max: usize) -> Result<Frame, ReadFrameError> {
        if self.start == self.end {
            self.wait_for_bytes().await?;
        }
        self.rest_of_frame(bytes_max).await
    }

    async fn wait_for_bytes(&mut self) -> Result<(), ReadFrameError> {
        let idle = self.limits.idle;
        let mut waited = Duration::ZERO;
        if !self.buffer.is_empty() {
            waited = idle.min(BUFFER_KEPT);
            if let Ok(count) = timeout(waited, self.transport.read(&mut self.buffer)).await {
                return self.begin_with(count?);
            }
        }
        // A connection that says nothing costs no memory: its first bytes go to the stack.
        self.buffer = Vec::new();
        let mut first = [0; SMALL_READ_BYTES];
        let read = timeout(idle.saturating_sub(waited), self.transport.read(&mut first)).await;
        let count = read.map_err(|_| ReadFrameError::Idle(idle))??;
        self.buffer = first.to_vec();
        self.begin_with(count)
    }

    fn begin_with(&mut self, count: usize) -> Result<(), ReadFrameError> {
        (self.start, self.end) = (0, count);
        self.grow_if_full();
        if count == 0 { Err(ReadFrameError::Closed) } else { Ok(()) }
    }

    async fn rest_of_frame(&mut self, bytes_max: usize) -> Result<Frame, ReadFrameError> {
        let mut arrival = Arrival::new(self.limits.frame_time);
        let len = loop {
            let present = &self.buffer[self.start..self.end];
            if let Some(len) = peek_frame_len(present, bytes_max)? {
                break len;
            }
            self.fill(&mut arrival).await?;
        };
        self.start += FRAME_PREFIX_BYTES;
        if len > CONTROL_REQUEST_BYTES_MAX {
            check_api(len, self.api(&mut arrival).await?)?;
        }
        let (memory, budget) = self.body(len, &mut arrival).await?;
        Ok(Frame { memory, len, arrived: now(), budget })
    }

    /// The API that the frame is for, before the rest of it is read.
    async fn api(&mut self, arrival: &mut Arrival) -> Result<i16, ReadFrameError> {
        loop {
            if let Some(api) = self.buffer[self.start..self.end].first_chunk() {
                return Ok(i16::from_be_bytes(*api));
            }
            self.fill(arrival).await?;
        }
    }

    /// The bytes of a frame, and the budget they hold. Only a frame that has begun in earnest is
    /// given budget: one that announces much and sends little would keep it from others.
    async fn body(
        &mut self,
        len: usize,
        arrival: &mut Arrival,
    ) -> Result<(Vec<u8>, Option<Permit>), ReadFrameError> {
        let buffered = len.min(self.end - self.start);
        let whole = buffered == len;
        let mut memory = if whole { Vec::new() } else { self.recycled.take().unwrap_or_default() };
        if memory.len() < buffered {
            memory.resize(buffered, 0);
        }
        memory[..buffered].copy_from_slice(&self.buffer[self.start..self.start + buffered]);
        self.start += buffered;
        let mut filled = buffered;
        let mut budget = None;
        while filled < len {
            if filled >= UNBUDGETED_BYTES_MAX && budget.is_none() {
                budget = Some(self.budget.take(len).await);
            }
            if filled == memory.len() {
                let growth = filled.max(FIRST_GROWTH_BYTES);
                memory.resize(len.min(filled + growth), 0);
            }
            let target = len.min(memory.len());
            let count = arrival.read(&self.transport, &mut memory[filled..target]).await?;
            filled += count;
        }
        Ok((memory, budget))
    }

    async fn fill(&mut self, arrival: &mut Arrival) -> Result<(), ReadFrameError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let count = arrival.read(&self.transport, &mut self.buffer[self.end..]).await?;
        self.end += count;
        self.grow_if_full();
        Ok(())
    }

    /// A read that fills the buffer says that there is more: thousands of connections that only
    /// tell that they live do not need what one needs that sends records.
    fn grow_if_full(&mut self) {
        if self.end == self.buffer.len() && self.end < READ_BYTES {
            self.buffer.resize(READ_BYTES, 0);
        }
    }
}

/// The bytes of a frame that has begun. Only the time counts in which the peer is waited for: what
/// the core's budget takes is not the peer's fault.
struct Arrival {
    period: Duration,
    pace: Pace,
}

impl Arrival {
    fn new(period: Duration) -> Self {
        Self { period, pace: Pace::new(period) }
    }

    /// The next bytes, at least one.
    async fn read(
        &mut self,
        transport: &Transport,
        target: &mut [u8],
    ) -> Result<usize, ReadFrameError> {
        loop {
            let begun = now();
            let read = timeout(self.pace.left(), transport.read(target)).await;
            let count = match read {
                Ok(count) => Some(count?),
                Err(_) => None,
            };
            if count == Some(0) {
                return Err(ReadFrameError::Truncated);
            }
            if !self.pace.keeps(begun.elapsed(), count.unwrap_or(0)) {
                return Err(ReadFrameError::Slow(self.period));
            }
            if let Some(count) = count {
                return Ok(count);
            }
        }
    }
}

/// Only requests that move records may be longer than [`CONTROL_REQUEST_BYTES_MAX`].
fn check_api(len: usize, api: i16) -> Result<(), ReadFrameError> {
    let moves_records = matches!(ApiKey::from_code(api), Some(ApiKey::Produce | ApiKey::Fetch));
    if moves_records || len <= CONTROL_REQUEST_BYTES_MAX {
        return Ok(());
    }
    Err(ReadFrameError::Control { len, api })
}

#[cfg(test)]
mod tests {
    use corelog_wire::api::APIS;

    use super::*;

    #[test]
    fn only_requests_that_move_records_may_be_long() {
        let is_accepted = |api: i16, len| check_api(len, api).is_ok();
        for api in APIS {
            let is_long = matches!(api.key, ApiKey::Produce | ApiKey::Fetch);
            let code = api.key.code();
            assert_eq!(is_accepted(code, CONTROL_REQUEST_BYTES_MAX + 1), is_long, "{}", api.name);
            assert!(is_accepted(code, CONTROL_REQUEST_BYTES_MAX), "{}", api.name);
        }
        for unknown in [-1, 4, i16::MAX] {
            assert!(!is_accepted(unknown, CONTROL_REQUEST_BYTES_MAX + 1));
        }
    }
}

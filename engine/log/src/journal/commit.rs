//! Group commit: appends gather in an open frame; a writer seals and writes frames, several at a
//! time; a syncer makes the gapless prefix of written frames durable and tells everybody who waits
//! for it.

mod loops;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use corelog_io::{
    BLOCK, Buffer, File, Instant, IoError, Signal, SyncPath, Task, now, sleep, spawn,
};
use corelog_model::Offset;

use self::loops::{sync_loop, write_loop};
use super::durability::{Commit, FrameState, JournalFailed};
use super::entry::{ENTRY_HEAD_LEN, EntryHead};
use super::files::{self, FilePool, JournalFill, UsedFile};
use super::frame::{FRAME_HEADER_LEN, FileSequence, FrameIdentity, FrameSequence, seal};
use super::line::{Line, Place};
use super::open_frame::{Listener, OnDurable, OpenFrame};
use super::pace::Pace;
use super::replay::Replayed;
use super::{JournalConfig, JournalCounters};
use crate::LatencyHistogram;

// Above this a flush of its own costs more than the trip it saves.
const SYNCED_WRITE_BYTES_MAX: u64 = 64 << 10;
const PREPARE_PAUSE: Duration = Duration::from_millis(500);

struct InFlight {
    frame: FrameSequence,
    file: File,
    file_sequence: FileSequence,
    written: bool,
    /// When its synced write began, if it is one. Only a frame that is alone is written so.
    synced_since: Option<Instant>,
    state: Rc<FrameState>,
    listeners: Vec<Listener>,
}

/// A frame on its way to the disk.
struct SealedFrame {
    sequence: FrameSequence,
    file: File,
    buffer: Buffer,
    position: u64,
    /// Durable when its write resolves.
    synced: bool,
}

struct Core {
    open: OpenFrame,
    pace: Pace,
    /// The writer sleeps until more has come; only a full frame wakes it.
    gathering: bool,
    next_frame: FrameSequence,
    next_file: FileSequence,
    position: u64,
    pool: FilePool,
    /// A spare file is being prepared.
    preparing: bool,
    /// Who does that; dropping the task stops it.
    preparer: Option<Task<()>>,
    /// The open frame waits for a file.
    blocked: bool,
    writing: usize,
    in_flight: VecDeque<InFlight>,
    durable_end: FrameSequence,
    failed: Option<JournalFailed>,
    counters: JournalCounters,
    sync_latency: LatencyHistogram,
}

struct State {
    config: JournalConfig,
    id: [u8; 16],
    incarnation: u64,
    core: RefCell<Core>,
    work: Signal,
    sync_work: Signal,
    line: Line,
    pressure: Signal,
    failed: Signal,
    prepared: Signal,
    stopping: Cell<bool>,
}

/// The journal of one core. Clones share it.
#[derive(Clone)]
pub struct Journal {
    state: Rc<State>,
    _tasks: Rc<[Task<()>; 2]>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let core = self.state.core.borrow();
        f.debug_struct("Journal")
            .field("used", &core.pool.used.len())
            .field("spares", &core.pool.spares.len())
            .field("preparing", &core.preparing)
            .field("open_entries", &core.open.entries)
            .field("writing", &core.writing)
            .field("in_flight", &core.in_flight.len())
            .field("next_frame", &core.next_frame)
            .field("durable_end", &core.durable_end)
            .field("failed", &core.failed)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Starts writing behind what was replayed, in a file of its own.
    pub fn start(config: JournalConfig, replayed: Replayed) -> Self {
        let core = Core {
            open: OpenFrame::new(),
            pace: Pace::default(),
            gathering: false,
            next_frame: replayed.next_frame,
            next_file: replayed.next_file,
            position: config.file_bytes,
            pool: replayed.pool,
            preparing: false,
            preparer: None,
            blocked: false,
            writing: 0,
            in_flight: VecDeque::new(),
            durable_end: replayed.next_frame,
            failed: None,
            counters: JournalCounters::default(),
            sync_latency: LatencyHistogram::new(),
        };
        let state = Rc::new(State {
            config,
            id: replayed.id,
            incarnation: corelog_io::random_u64(),
            core: RefCell::new(core),
            work: Signal::new(),
            sync_work: Signal::new(),
            line: Line::default(),
            pressure: Signal::new(),
            failed: Signal::new(),
            prepared: Signal::new(),
            stopping: Cell::new(false),
        });
        state.prepare_if_low();
        let tasks = [spawn(write_loop(Rc::clone(&state))), spawn(sync_loop(Rc::clone(&state)))];
        Self { state, _tasks: Rc::new(tasks) }
    }

    /// Waits until an entry of `payload_len` bytes fits without growing the open frame over its
    /// bound, in the order of asking. Await it right before `append`. Cancel-safe.
    pub async fn ready(&self, payload_len: usize) -> Result<(), JournalFailed> {
        let mut place = Place::new(&self.state.line);
        poll_fn(|task| {
            let core = self.state.core.borrow();
            if let Some(failed) = &core.failed {
                return Poll::Ready(Err(failed.clone()));
            }
            let len = core.open.len() + ENTRY_HEAD_LEN + payload_len;
            let fits = core.open.entries == 0 || len <= self.state.config.frame_bytes_max;
            if fits && place.is_first() {
                return Poll::Ready(Ok(()));
            }
            place.wait(task.waker());
            if core.gathering {
                // A frame that somebody waits behind gets no more company.
                self.state.work.notify();
            }
            Poll::Pending
        })
        .await
    }

    /// Appends one entry whose payload is the concatenation of `parts`; `listener` is told when it
    /// is durable.
    pub fn append(
        &self,
        head: &EntryHead,
        parts: &[&[u8]],
        listener: Option<(Rc<dyn OnDurable>, Offset)>,
    ) -> Result<Commit, JournalFailed> {
        let payload_len = parts.iter().map(|part| part.len()).sum();
        assert!(
            payload_len <= self.state.config.entry_bytes_max(),
            "an entry fits half a journal file: {payload_len}"
        );
        let mut core = self.state.core.borrow_mut();
        if let Some(failed) = &core.failed {
            return Err(failed.clone());
        }
        let open = &mut core.open;
        open.make_room(ENTRY_HEAD_LEN + payload_len);
        open.push(&head.encode(payload_len));
        for part in parts {
            open.push(part);
        }
        open.entries += 1;
        if let Some(listener) = listener {
            open.listen(listener);
        }
        let commit = Commit { state: Rc::clone(&open.state) };
        let sleeps = core.gathering && !core.open_frame_is_full(&self.state.config);
        drop(core);
        if !sleeps {
            self.state.work.notify();
        }
        Ok(commit)
    }

    /// The oldest file an entry appended now can end up in.
    pub fn current_file(&self) -> FileSequence {
        let core = self.state.core.borrow();
        match core.pool.used.back() {
            Some(used) if core.open_frame_fits(self.state.config.file_bytes) => used.sequence,
            _ => core.next_file,
        }
    }

    /// The frame an entry appended now ends up in.
    pub fn open_frame(&self) -> FrameSequence {
        self.state.core.borrow().next_frame
    }

    /// The first frame that has nothing of what was appended so far.
    pub fn frame_behind(&self) -> FrameSequence {
        let core = self.state.core.borrow();
        if core.open.entries > 0 { core.next_frame.next() } else { core.next_frame }
    }

    /// Where replay would have to begin if files below `keep` were released.
    pub fn replay_start(&self, keep: FileSequence) -> (FileSequence, FrameSequence) {
        let core = self.state.core.borrow();
        let kept = core.pool.used.iter().find(|used| keep <= used.sequence);
        kept.map_or((core.next_file, core.next_frame), |used| (used.sequence, used.first_frame))
    }

    /// Lets the files below `keep` be recycled: no partition needs what they hold. `keep` is not
    /// above what `current_file` said.
    pub async fn release_before(&self, keep: FileSequence) -> Result<(), IoError> {
        let odd = {
            let mut core = self.state.core.borrow_mut();
            // A frame that is not durable yet may be in a file that nobody holds any more.
            let oldest = core.in_flight.front().map(|frame| frame.file_sequence);
            let keep = oldest.map_or(keep, |oldest| oldest.min(keep));
            core.pool.release_before(keep, self.state.config.file_bytes)
        };
        self.state.work.notify();
        for file in odd {
            corelog_io::remove_file(&file.path()).await?;
        }
        Ok(())
    }

    /// True when so many files are in use that recycling should begin.
    pub fn is_under_pressure(&self) -> bool {
        self.state.is_under_pressure()
    }

    /// Woken when recycling should begin, or the journal failed or stops.
    pub fn pressure(&self) -> &Signal {
        &self.state.pressure
    }

    /// Stops the journal because another part of the core's disk failed: nothing is acknowledged
    /// from here on.
    pub fn fail(&self, error: &IoError) {
        self.state.fail(error);
    }

    /// Why it stopped, if it did.
    pub fn failed(&self) -> Option<JournalFailed> {
        self.state.core.borrow().failed.clone()
    }

    /// Resolves when the journal failed.
    pub async fn until_failed(&self) -> JournalFailed {
        loop {
            let waiting = self.state.failed.waiting();
            if let Some(failed) = self.failed() {
                return failed;
            }
            waiting.await;
        }
    }

    /// Resolves when everything appended so far is durable.
    pub async fn settle(&self) -> Result<(), JournalFailed> {
        let newest = {
            let core = self.state.core.borrow();
            if let Some(failed) = &core.failed {
                return Err(failed.clone());
            }
            if core.open.entries > 0 {
                Some(Rc::clone(&core.open.state))
            } else {
                core.in_flight.back().map(|frame| Rc::clone(&frame.state))
            }
        };
        match newest {
            Some(state) => Commit { state }.durable().await,
            None => Ok(()),
        }
    }

    /// How full it is.
    pub fn fill(&self) -> JournalFill {
        let JournalConfig { files_max, file_bytes, .. } = self.state.config;
        let core = self.state.core.borrow();
        let (used, spare) = (core.pool.used.len() as u32, core.pool.spares.len() as u32);
        JournalFill { used, spare, files_max, file_bytes }
    }

    /// Counters since the start.
    pub fn counters(&self) -> JournalCounters {
        self.state.core.borrow().counters.clone()
    }

    /// Latencies of the syncs, in microseconds.
    pub fn sync_latency(&self) -> LatencyHistogram {
        self.state.core.borrow().sync_latency.clone()
    }

    /// Resolves when no spare file is being prepared.
    pub async fn until_prepared(&self) {
        loop {
            let waiting = self.state.prepared.waiting();
            if !self.state.core.borrow().preparing {
                return;
            }
            waiting.await;
        }
    }

    /// Stops the writer and the syncer. What was not durable stays so, and whoever waits for it is
    /// told.
    pub fn stop(&self) {
        self.state.stopping.set(true);
        self.state.end("the storage was closed");
    }
}

impl Core {
    fn open_frame_fits(&self, file_bytes: u64) -> bool {
        self.position + self.open.frame_len() <= file_bytes
    }

    fn open_frame_is_full(&self, config: &JournalConfig) -> bool {
        self.open.len() >= config.frame_bytes_max
    }
}

impl State {
    fn is_under_pressure(&self) -> bool {
        let core = self.core.borrow();
        let used = core.pool.used.len();
        core.blocked && used > 0 || used > 1 && used * 2 >= self.config.files_max as usize
    }

    fn fail(&self, error: &IoError) {
        if self.core.borrow().failed.is_none() {
            tracing::error!(%error, "the journal stops: writes are refused from now on");
            self.end(&error.to_string());
        }
    }

    /// Nothing is acknowledged from here on; everybody who waits is told.
    fn end(&self, reason: &str) {
        let failed = JournalFailed { reason: reason.into() };
        let (states, listeners, preparing) = {
            let mut core = self.core.borrow_mut();
            if core.failed.is_some() {
                return;
            }
            core.failed = Some(failed.clone());
            let in_flight = core.in_flight.iter().map(|frame| Rc::clone(&frame.state));
            let states: Vec<_> = in_flight.chain([Rc::clone(&core.open.state)]).collect();
            // Listeners hold the partitions, which hold this journal.
            let frames = core.in_flight.iter_mut();
            let mut listeners: Vec<_> =
                frames.map(|frame| std::mem::take(&mut frame.listeners)).collect();
            listeners.push(std::mem::take(&mut core.open.listeners));
            core.preparing = false;
            (states, listeners, core.preparer.take())
        };
        drop((listeners, preparing));
        for state in states {
            state.settle(Err(failed.clone()));
        }
        self.line.wake_all();
        for signal in [&self.work, &self.sync_work, &self.pressure, &self.failed, &self.prepared] {
            signal.notify();
        }
    }

    /// Makes the next file current if the open frame does not fit the present one. False if none is
    /// free.
    fn has_place_for_open_frame(&self) -> bool {
        let mut core = self.core.borrow_mut();
        let len = self.config.file_bytes;
        core.blocked = false;
        if core.open_frame_fits(len) {
            return true;
        }
        let Some(file) = core.pool.spares.pop_front() else {
            core.blocked = true;
            return false;
        };
        let (sequence, first_frame) = (core.next_file, core.next_frame);
        core.pool.used.push_back(UsedFile { sequence, first_frame, file, len });
        core.next_file = sequence.next();
        core.position = 0;
        true
    }

    fn seal_open_frame(&self) -> SealedFrame {
        let mut core = self.core.borrow_mut();
        let frame = std::mem::replace(&mut core.open, OpenFrame::new());
        let (frame_len, payload_len) = (frame.frame_len(), frame.len() - FRAME_HEADER_LEN);
        let (mut buffer, entries, state, listeners) = frame.into_parts();
        let used = core.pool.used.back().expect("a current file was just made sure of");
        let (file, file_sequence) = (used.file.clone(), used.sequence);
        let sequence = core.next_frame;
        let identity = FrameIdentity {
            journal: self.id,
            incarnation: self.incarnation,
            file: file_sequence,
            frame: sequence,
            position: core.position,
            durable_end: core.durable_end,
        };
        seal(&mut buffer, payload_len, entries, &identity);
        let position = core.position;
        core.position += frame_len;
        core.next_frame = sequence.next();
        core.writing += 1;
        core.counters.frames += 1;
        core.counters.entries += u64::from(entries);
        core.counters.bytes += frame_len;
        let began = now();
        core.pace.begins(began, entries);
        let synced = self.config.sync_path == SyncPath::Write
            && self.config.safeguards.syncs
            && core.in_flight.is_empty()
            && frame_len <= SYNCED_WRITE_BYTES_MAX;
        core.in_flight.push_back(InFlight {
            frame: sequence,
            file: file.clone(),
            file_sequence,
            written: false,
            synced_since: synced.then_some(began),
            state,
            listeners,
        });
        SealedFrame { sequence, file, buffer, position, synced }
    }

    fn written(&self, frame: FrameSequence, outcome: Result<(), IoError>) {
        if let Err(error) = outcome {
            return self.fail(&error);
        }
        let mut core = self.core.borrow_mut();
        core.writing -= 1;
        let mut synced = None;
        if let Some(in_flight) = core.in_flight.iter_mut().find(|entry| entry.frame == frame) {
            in_flight.written = true;
            synced = in_flight.synced_since;
        }
        drop(core);
        if let Some(began) = synced {
            self.settle_before(frame.next(), began);
        }
        self.work.notify();
        self.sync_work.notify();
    }

    /// The end of the gapless prefix of written frames and the files they are in, if that is news.
    fn sync_target(&self) -> Option<(FrameSequence, Vec<File>)> {
        let core = self.core.borrow();
        if core.failed.is_some() {
            return None;
        }
        let written = if self.config.safeguards.gapless_prefix {
            core.in_flight.iter().take_while(|frame| frame.written).count()
        } else {
            core.in_flight.iter().rposition(|frame| frame.written).map_or(0, |last| last + 1)
        };
        let end = core.in_flight.get(written.checked_sub(1)?)?.frame.next();
        let mut files: Vec<(FileSequence, File)> = Vec::new();
        for frame in core.in_flight.iter().take(written) {
            if files.last().is_none_or(|last| last.0 != frame.file_sequence) {
                files.push((frame.file_sequence, frame.file.clone()));
            }
        }
        Some((end, files.into_iter().map(|(_, file)| file).collect()))
    }

    fn settle_before(&self, end: FrameSequence, began: Instant) {
        let settled: Vec<InFlight> = {
            let mut core = self.core.borrow_mut();
            assert!(core.durable_end <= end, "durable never goes back");
            core.durable_end = end;
            core.counters.syncs += 1;
            let took = began.elapsed();
            core.sync_latency.record(took);
            core.pace.synced(took);
            let count = core.in_flight.iter().take_while(|frame| frame.frame < end).count();
            core.in_flight.drain(..count).collect()
        };
        for frame in settled {
            for (listener, end) in &frame.listeners {
                listener.durable(*end);
            }
            frame.state.settle(Ok(()));
        }
        self.work.notify();
    }

    /// Prepares a spare file in the background while there is none and more are allowed.
    fn prepare_if_low(self: &Rc<Self>) {
        let number = {
            let mut core = self.core.borrow_mut();
            let full = core.pool.file_count() >= self.config.files_max as usize;
            if core.preparing || full || !core.pool.spares.is_empty() || core.failed.is_some() {
                return;
            }
            core.preparing = true;
            let number = core.pool.next_number;
            core.pool.next_number += 1;
            number
        };
        let state = Rc::clone(self);
        let preparer = spawn(async move { state.prepare(number).await });
        let ended = self.core.borrow_mut().preparer.replace(preparer);
        drop(ended);
    }

    async fn prepare(&self, number: u32) {
        let config = &self.config;
        let (bytes, mode) = (config.file_bytes, config.open_mode());
        let is_urgent = || {
            let core = self.core.borrow();
            core.blocked || core.pool.used.is_empty()
        };
        match files::prepare(&config.directory, number, bytes, mode, is_urgent).await {
            Ok(file) => self.core.borrow_mut().pool.spares.push_back(file),
            // Nothing was promised on it. Recycling goes on, and after a pause the next one is
            // tried.
            Err(error) => {
                tracing::warn!(%error, "no further journal file can be prepared");
                sleep(PREPARE_PAUSE).await;
            }
        }
        self.core.borrow_mut().preparing = false;
        self.prepared.notify();
        self.work.notify();
    }
}

const _: () = assert!(FRAME_HEADER_LEN + ENTRY_HEAD_LEN < BLOCK, "a small entry fits one block");

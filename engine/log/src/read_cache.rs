//! Windows of segments that fetches read from disk, the least recently used dropped first. A reader
//! that moves forward finds the next window already on its way.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use corelog_io::{File, IoError, Slice};
use corelog_model::Offset;

/// Bytes of one window: what a read from disk keeps in memory at least.
pub const WINDOW_BYTES: u64 = 256 << 10;

/// The log's serial number, its segment, and which window of it.
type Key = (u64, Offset, u64);

#[derive(Debug, Default)]
struct State {
    windows: BTreeMap<Key, (u64, Slice)>,
    ages: BTreeMap<u64, Key>,
    clock: u64,
}

impl State {
    fn touch(&mut self, key: Key) -> Option<Slice> {
        let (age, window) = self.windows.get_mut(&key)?;
        self.clock += 1;
        self.ages.remove(age);
        self.ages.insert(self.clock, key);
        *age = self.clock;
        Some(window.clone())
    }

    fn insert(&mut self, key: Key, window: Slice, windows_max: usize) {
        self.clock += 1;
        if let Some((age, _)) = self.windows.insert(key, (self.clock, window)) {
            self.ages.remove(&age);
        }
        self.ages.insert(self.clock, key);
        while self.windows.len() > windows_max {
            let Some((_, oldest)) = self.ages.pop_first() else { break };
            self.windows.remove(&oldest);
        }
    }
}

/// Whole windows of segment files, keyed by log, segment and window number.
#[derive(Debug)]
pub(crate) struct ReadCache {
    windows_max: usize,
    state: RefCell<State>,
}

impl ReadCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let windows_max = (bytes_max / WINDOW_BYTES as usize).max(2);
        Self { windows_max, state: RefCell::default() }
    }

    /// The window, from memory or from `file`. It lies wholly below what was written.
    pub(crate) async fn window(
        &self,
        log: u64,
        segment: Offset,
        number: u64,
        file: &File,
    ) -> Result<Slice, IoError> {
        let key = (log, segment, number);
        if let Some(window) = self.state.borrow_mut().touch(key) {
            return Ok(window);
        }
        let window = file.read(number * WINDOW_BYTES, WINDOW_BYTES as usize).await?;
        self.state.borrow_mut().insert(key, window.clone(), self.windows_max);
        Ok(window)
    }

    pub(crate) fn contains(&self, log: u64, segment: Offset, number: u64) -> bool {
        self.state.borrow().windows.contains_key(&(log, segment, number))
    }

    /// Forgets the windows of a segment: they turned out to be damaged, or it was deleted.
    pub(crate) fn forget(&self, log: u64, segment: Offset) {
        self.forget_range((log, segment, 0)..=(log, segment, u64::MAX));
    }

    /// Forgets all windows of a log.
    pub(crate) fn forget_log(&self, log: u64) {
        self.forget_range((log, Offset(i64::MIN), 0)..=(log, Offset::MAX, u64::MAX));
    }

    fn forget_range(&self, keys: RangeInclusive<Key>) {
        let mut state = self.state.borrow_mut();
        let found: Vec<_> = state.windows.range(keys).map(|(key, (age, _))| (*key, *age)).collect();
        for (key, age) in found {
            state.windows.remove(&key);
            state.ages.remove(&age);
        }
    }
}

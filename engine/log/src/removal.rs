//! Files that nobody needs any more give their space back bit by bit.
//!
//! A file system that tells the device which blocks are free (ext4 with `discard`) does so for all
//! of a deleted file at once, and the syncs of the journal wait behind it: 3 GiB cost producers
//! 100 ms. So what is deleted moves to a directory of its own, in one rename, and shrinks there in
//! steps.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use corelog_io::{
    Entry, File, IoError, OpenMode, Signal, SyncPath, create_directory, list_directory, now,
    remove_directory, remove_file, rename, sleep,
};

/// Space that a file gives back in one step.
const STEP_BYTES: u64 = 8 << 20;
/// Pauses as long as the step took, so many times.
const PAUSES: u32 = 3;

/// What waits to be freed.
#[derive(Debug)]
pub(crate) struct Removed {
    name: String,
    is_directory: bool,
}

/// The directory of one core in which deleted files shrink and vanish.
#[derive(Debug)]
pub(crate) struct Removal {
    directory: PathBuf,
    waiting: RefCell<VecDeque<Removed>>,
    next_number: Cell<u64>,
    news: Signal,
    is_busy: Cell<bool>,
    is_stopped: Cell<bool>,
    idle: Signal,
}

impl Removal {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            waiting: RefCell::default(),
            next_number: Cell::new(0),
            news: Signal::new(),
            is_busy: Cell::new(false),
            is_stopped: Cell::new(false),
            idle: Signal::new(),
        }
    }

    /// Creates the directory, or finds what an earlier life left in it.
    pub(crate) async fn open(&self) -> Result<(), IoError> {
        create_directory(&self.directory).await?;
        for Entry { name, is_directory, .. } in list_directory(&self.directory).await? {
            let number = name.split('-').next().and_then(|number| number.parse::<u64>().ok());
            let next = number.map_or(0, |number| number.saturating_add(1));
            self.next_number.set(self.next_number.get().max(next));
            self.waiting.borrow_mut().push_back(Removed { name, is_directory });
        }
        Ok(())
    }

    /// Takes a file out of its place in one step, durably once its old directory is synced. A read
    /// of it that is under way may come to an end that was cut off. Nothing happens if there is no
    /// such file.
    pub(crate) async fn take_file(&self, path: &Path) -> Result<(), IoError> {
        self.take(path, false).await
    }

    /// Takes a directory of files out of its place, like a file.
    pub(crate) async fn take_directory(&self, path: &Path) -> Result<(), IoError> {
        self.take(path, true).await
    }

    /// Takes a file out of its place like `take_file`, and leaves it as it is until `free_later`:
    /// readers that hold it read on.
    pub(crate) async fn move_file(&self, path: &Path) -> Result<Option<Removed>, IoError> {
        self.rename_away(path, false).await
    }

    /// Frees the space of what was moved when its turn comes.
    pub(crate) fn free_later(&self, removed: Removed) {
        self.waiting.borrow_mut().push_back(removed);
        self.news.notify();
    }

    async fn take(&self, path: &Path, is_directory: bool) -> Result<(), IoError> {
        if let Some(removed) = self.rename_away(path, is_directory).await? {
            self.free_later(removed);
        }
        Ok(())
    }

    async fn rename_away(
        &self,
        path: &Path,
        is_directory: bool,
    ) -> Result<Option<Removed>, IoError> {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{number}-{file_name}");
        match rename(path, &self.directory.join(&name)).await {
            Err(error) if error.is_not_found() => Ok(None),
            outcome => outcome.map(|()| Some(Removed { name, is_directory })),
        }
    }

    /// Waits for the next thing that was taken and frees its space. `None` after `stop`.
    pub(crate) async fn free_next(&self) -> Option<Result<(), IoError>> {
        loop {
            let news = self.news.waiting();
            if self.is_stopped.get() {
                return None;
            }
            let next = self.waiting.borrow_mut().pop_front();
            let Some(removed) = next else {
                news.await;
                continue;
            };
            self.is_busy.set(true);
            let outcome = self.free(removed).await;
            self.is_busy.set(false);
            self.idle.notify();
            return Some(outcome);
        }
    }

    async fn free(&self, removed: Removed) -> Result<(), IoError> {
        let path = self.directory.join(&removed.name);
        if !removed.is_directory {
            return self.free_file(&path).await;
        }
        for Entry { name, is_directory, len } in list_directory(&path).await? {
            if !is_directory && len > STEP_BYTES {
                self.free_file(&path.join(name)).await?;
            }
        }
        if self.is_stopped.get() {
            return Ok(());
        }
        remove_directory(&path).await
    }

    /// Cuts the file step by step from its end and removes it. Stops in between after `stop`; the
    /// next start finds the rest.
    async fn free_file(&self, path: &Path) -> Result<(), IoError> {
        let file = File::open(path, OpenMode::ReadWrite).await?;
        let mut len = file.len().await?;
        while !self.is_stopped.get() {
            let began = now();
            if len <= STEP_BYTES {
                remove_file(path).await?;
                sleep(began.elapsed() * PAUSES).await;
                return Ok(());
            }
            len = (len - 1) / STEP_BYTES * STEP_BYTES;
            file.truncate(len).await?;
            // Without it the file system would save the steps up.
            file.sync(SyncPath::Thread).await?;
            sleep(began.elapsed() * PAUSES).await;
        }
        Ok(())
    }

    /// Ends the work and waits until nothing is under way. What is left stays for the next start.
    pub(crate) async fn stop(&self) {
        self.is_stopped.set(true);
        self.news.notify();
        while self.is_busy.get() {
            let idle = self.idle.waiting();
            if self.is_busy.get() {
                idle.await;
            }
        }
    }

    /// Ends the work at its next step.
    pub(crate) fn give_up(&self) {
        self.is_stopped.set(true);
        self.news.notify();
    }
}

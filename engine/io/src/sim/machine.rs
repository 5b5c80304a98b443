//! One simulated machine: its executor, its disk, its seed, and the way a run ends.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::hash::Hasher;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::disk::Disk;
use super::executor::{Executor, SimTask};
use super::faults::DiskFaults;
use super::file::SimFile;
use crate::directory::Entry;
use crate::error::Result;
use crate::file::OpenMode;
use crate::time::Instant;

thread_local! {
    static CURRENT: RefCell<Option<Machine>> = const { RefCell::new(None) };
}

/// The machine whose executor polls the caller, if any.
pub fn current() -> Option<Machine> {
    CURRENT.with(|current| current.borrow().clone())
}

const EPOCH_MS: i64 = 1_750_000_000_000;

struct State {
    executor: Rc<Executor>,
    disk: RefCell<Disk>,
    random: RefCell<fastrand::Rng>,
    trace: Cell<u64>,
    steps: Cell<u64>,
    steps_max: Cell<u64>,
    stop: Cell<Option<(u64, Stop)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    PowerCut,
    Kill,
}

// More than any test needs; a run that gets here goes in circles.
const STEPS_MAX: u64 = 20_000_000;

/// A machine with a seed. Its disk survives crashes; its tasks do not.
#[derive(Clone)]
pub struct Machine {
    state: Rc<State>,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End<T> {
    /// The main future finished.
    Finished(T),
    /// The machine lost power at the chosen step; the disk has forgotten what was not durable.
    Crashed,
    /// The process was killed at the chosen step; the disk has what the system had taken over.
    Killed,
    /// Nothing was ready and no timer was set: the run would wait for ever.
    Stuck,
    /// The run took more steps than allowed: it goes in circles.
    TooLong,
}

/// Makes a machine the current one while it lives, also when a task panics.
struct Current {
    previous: Option<Machine>,
}

impl Current {
    fn enter(machine: &Machine) -> Self {
        Self { previous: CURRENT.with(|current| current.replace(Some(machine.clone()))) }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(self.previous.take()));
    }
}

impl Machine {
    /// A machine with an empty disk.
    pub fn new(seed: u64, faults: DiskFaults) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = Disk::new(random.fork(), faults);
        Self {
            state: Rc::new(State {
                executor: Rc::default(),
                disk: RefCell::new(disk),
                random: RefCell::new(random),
                trace: Cell::new(0),
                steps: Cell::new(0),
                steps_max: Cell::new(STEPS_MAX),
                stop: Cell::new(None),
            }),
        }
    }

    /// Lets the power fail `steps` task steps from now, if the run lasts that long.
    pub fn crash_after(&self, steps: u64) {
        self.state.stop.set(Some((self.state.steps.get() + steps, Stop::PowerCut)));
    }

    /// Kills the process `steps` task steps from now, if the run lasts that long. The power stays:
    /// what was written is there for the next run, synced or not, and of the writes under way any
    /// part.
    pub fn kill_after(&self, steps: u64) {
        self.state.stop.set(Some((self.state.steps.get() + steps, Stop::Kill)));
    }

    /// Ends each later run as [`End::TooLong`] when it takes more than `steps` task steps.
    pub fn limit_steps(&self, steps: u64) {
        self.state.steps_max.set(steps);
    }

    /// Runs `main` until it finishes, the machine is stopped, or nothing can happen any more.
    pub fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> End<T> {
        let _current = Current::enter(self);
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        self.state.executor.spawn(async move {
            let value = main.await;
            *slot.borrow_mut() = Some(value);
        });
        let end = self.run_until_end(&result);
        self.state.executor.drop_all();
        self.state.stop.set(None);
        if matches!(end, End::Crashed) {
            self.state.disk.borrow_mut().lose_power();
        } else {
            self.state.disk.borrow_mut().lose_process();
        }
        end
    }

    fn run_until_end<T>(&self, result: &RefCell<Option<T>>) -> End<T> {
        let first = self.state.steps.get();
        loop {
            if let Some(value) = result.borrow_mut().take() {
                return End::Finished(value);
            }
            let steps = self.state.steps.get();
            match self.state.stop.get() {
                Some((at, Stop::PowerCut)) if steps >= at => return End::Crashed,
                Some((at, Stop::Kill)) if steps >= at => return End::Killed,
                _ if steps - first >= self.state.steps_max.get() => return End::TooLong,
                _ => {}
            }
            let choose = |count| self.state.random.borrow_mut().usize(..count);
            if let Some(task) = self.state.executor.step(choose) {
                self.state.steps.set(steps + 1);
                self.record(task);
            } else if !self.state.executor.advance() {
                return End::Stuck;
            }
        }
    }

    /// A number that any difference between two runs changes.
    pub fn trace_hash(&self) -> u64 {
        self.state.trace.get()
    }

    /// Task steps run so far.
    pub fn steps(&self) -> u64 {
        self.state.steps.get()
    }

    /// The disk, to change its faults or damage it between runs.
    pub fn with_disk<T>(&self, action: impl FnOnce(&mut Disk) -> T) -> T {
        action(&mut self.state.disk.borrow_mut())
    }

    pub(crate) fn record(&self, event: u64) {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.state.trace.get());
        hasher.write_u64(event);
        hasher.write_u64(self.state.executor.now());
        self.state.trace.set(hasher.finish());
    }

    pub(crate) fn random_u64(&self) -> u64 {
        self.state.random.borrow_mut().u64(..)
    }

    pub(crate) fn executor(&self) -> &Rc<Executor> {
        &self.state.executor
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(self.state.executor.now())
    }

    pub(crate) fn wall_clock_ms(&self) -> i64 {
        EPOCH_MS + (self.state.executor.now() / 1_000_000) as i64
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        let at = self.now() + duration;
        self.state.executor.sleep_until(at.as_nanos()).await;
    }

    pub(crate) fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
    ) -> SimTask<T> {
        SimTask::start(&self.state.executor, future)
    }

    /// Time that one operation of the disk takes: mostly short, now and then very long.
    pub(crate) async fn device_delay(&self) {
        let nanos = {
            let mut random = self.state.random.borrow_mut();
            if random.u32(..64) == 0 {
                random.u64(1_000_000..20_000_000)
            } else {
                random.u64(5_000..300_000)
            }
        };
        self.sleep(Duration::from_nanos(nanos)).await;
    }

    pub(crate) async fn open(&self, path: &Path, mode: OpenMode) -> Result<SimFile> {
        self.device_delay().await;
        let inode = self.with_disk(|disk| disk.open(path, mode))?;
        Ok(SimFile::new(self.clone(), path, inode, mode))
    }

    pub(crate) async fn create_directory(&self, path: &Path) -> Result<()> {
        self.device_delay().await;
        self.with_disk(|disk| disk.create_directory(path));
        Ok(())
    }

    pub(crate) async fn list_directory(&self, path: &Path) -> Result<Vec<Entry>> {
        self.device_delay().await;
        self.with_disk(|disk| disk.list(path))
    }

    pub(crate) async fn sync_directory(&self, path: &Path) -> Result<()> {
        self.device_delay().await;
        self.with_disk(|disk| disk.sync_directory(path))
    }

    pub(crate) async fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.device_delay().await;
        self.with_disk(|disk| disk.rename(from, to))
    }

    pub(crate) async fn remove_file(&self, path: &Path) -> Result<()> {
        self.device_delay().await;
        self.with_disk(|disk| disk.remove_file(path))
    }

    pub(crate) async fn remove_directory(&self, path: &Path) -> Result<()> {
        self.device_delay().await;
        self.with_disk(|disk| disk.remove_directory(path))
    }
}

//! What a disk does for a log: bandwidth, and durable appends of several sizes, alone and beside
//! readers and writers. Direct I/O on files that were written before, as a journal's are.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::aligned::{Aligned, Completion, DirectFile, Durability};
use super::{ProbeError, Steps};
use crate::latency::{Digits, Latency};
use crate::plan::distribution::{Distribution, Measured};
use crate::plan::profile::{Append, Beside, Disk, Place, Polled};

/// Files that are appended to at the same time, at most.
const FILES: usize = 4;
const FILE_BYTES: u64 = 64 << 20;
const LARGE_FILE_BYTES: u64 = 256 << 20;
const PIECE_BYTES: usize = 1 << 20;
/// What a reader beside reads at once: a usual fetch from disk.
const READ_BYTES: usize = 128 << 10;
/// Above this a journal writes and syncs in two steps.
const SYNCED_WRITE_BYTES_MAX: usize = 64 << 10;
/// Written between two syncs where a log's own pace is measured.
const SYNC_BYTES: u64 = 64 << 20;
/// The share of the durable bandwidth that a writer beside uses.
const BESIDE_PART: f64 = 0.25;
/// Requests at the same time where bandwidth is measured.
const DEPTH: usize = 4;
/// The error of a bandwidth comes from so many parts.
const PARTS: u32 = 3;

/// Sizes of appends of one file; each is measured alone and beside a writer.
const SIZES: [usize; 6] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];

/// Further appends: size, files, and what is beside.
const FURTHER: [(usize, usize, Beside); 5] = [
    (4 << 10, 2, Beside::Nothing),
    (4 << 10, 4, Beside::Nothing),
    (64 << 10, 4, Beside::Nothing),
    (4 << 10, 1, Beside::Reader),
    (256 << 10, 1, Beside::Reader),
];

/// Filling the files, three bandwidths and their mix, polling, and the appends.
pub(super) const STEPS: u32 = 6 + 2 * SIZES.len() as u32 + FURTHER.len() as u32;

/// Measures in this folder.
pub(super) fn measure(
    folder: &Path,
    place: &Place,
    steps: &mut Steps<'_, '_>,
) -> Result<Disk, ProbeError> {
    steps.begin("filling files with zeros of their own")?;
    let failed = || ProbeError::while_doing(format!("cannot measure in {}", folder.display()));
    let files = Files::filled(folder).map_err(failed())?;
    let mut disk = Disk::default();
    let mut bandwidth = |name: &str, jobs: &[Job]| {
        let length = steps.begin(name)?;
        files.bandwidth(jobs, length).map_err(failed())
    };
    let four = |job: Job| [job; DEPTH];
    disk.write_bytes_per_second = bandwidth("sequential writes", &four(Job::Write))?.0;
    disk.durable_bytes_per_second = bandwidth("durable sequential writes", &four(Job::Durable))?.0;
    disk.read_bytes_per_second = bandwidth("sequential reads", &four(Job::Read))?.1;
    let mixed = [Job::Write, Job::Write, Job::Read, Job::Read];
    let (written, read) = bandwidth("writes and reads together", &mixed)?;
    (disk.mixed_write_bytes_per_second, disk.mixed_read_bytes_per_second) = (written, read);
    let length = steps.begin("polled reads")?;
    disk.polled = files.polled(place, length).map_err(failed())?;
    let beside = disk.durable_bytes_per_second.value * BESIDE_PART;
    let alone = SIZES.map(|bytes| (bytes, 1, Beside::Nothing));
    let with_writer = SIZES.map(|bytes| (bytes, 1, Beside::Writer));
    for (bytes, count, what) in alone.into_iter().chain(with_writer).chain(FURTHER) {
        let length = steps.begin(label(bytes, count, what))?;
        let append = files.append(bytes, count, (what, beside), length);
        disk.appends.push(append.map_err(failed())?);
    }
    Ok(disk)
}

fn label(bytes: usize, files: usize, beside: Beside) -> String {
    let beside = match beside {
        Beside::Nothing => "",
        Beside::Reader => " beside a reader",
        Beside::Writer => " beside a writer",
    };
    format!("durable appends of {} KiB to {files} files{beside}", bytes >> 10)
}

/// What a thread does where bandwidth is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Write,
    Durable,
    Read,
}

/// The files of a probe.
struct Files {
    journals: Vec<Arc<DirectFile>>,
    large: Arc<DirectFile>,
}

impl Files {
    fn filled(folder: &Path) -> io::Result<Self> {
        let id = std::process::id();
        let file = |name: &str, bytes| {
            let path = folder.join(format!("corelog-probe-{id}-{name}.tmp"));
            DirectFile::filled(&path, bytes).map(Arc::new)
        };
        let journals = (0..FILES).map(|number| file(&number.to_string(), FILE_BYTES));
        Ok(Self {
            journals: journals.collect::<io::Result<_>>()?,
            large: file("large", LARGE_FILE_BYTES)?,
        })
    }

    /// Bytes a second that all jobs together write and read.
    fn bandwidth(&self, jobs: &[Job], length: Duration) -> io::Result<(Measured, Measured)> {
        let (mut written, mut read) = (Vec::new(), Vec::new());
        for _ in 0..PARTS {
            let (begun, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
            let end = begun + length / PARTS;
            let start = |(number, job): (usize, &Job)| {
                let (file, next, job) = (Arc::clone(&self.large), Arc::clone(&next), *job);
                thread::spawn(move || work(&file, &next, (number, job), end))
            };
            let threads: Vec<_> = jobs.iter().enumerate().map(start).collect();
            let moved = threads.into_iter().map(joined).collect::<io::Result<Vec<u64>>>()?;
            if jobs.contains(&Job::Durable) {
                self.large.sync()?;
            }
            let seconds = begun.elapsed().as_secs_f64();
            let of = |reads: bool| {
                let pairs = jobs.iter().zip(&moved);
                let bytes = pairs.filter(|(job, _)| (**job == Job::Read) == reads);
                bytes.map(|(_, bytes)| *bytes).sum::<u64>() as f64 / seconds
            };
            written.push(of(false));
            read.push(of(true));
        }
        Ok((Measured::of(&written), Measured::of(&read)))
    }

    /// Appends of a size to some files, beside something with so many bytes a second.
    fn append(
        &self,
        bytes: usize,
        count: usize,
        (beside, beside_rate): (Beside, f64),
        length: Duration,
    ) -> io::Result<Append> {
        let other = Other::start(&self.large, beside, beside_rate);
        let begun = Instant::now();
        let end = begun + length;
        let append_to = |file: &Arc<DirectFile>| {
            let file = Arc::clone(file);
            thread::spawn(move || append(&file, bytes, end))
        };
        let threads: Vec<_> = self.journals[..count].iter().map(append_to).collect();
        let mut all = Latency::new(Digits::Three);
        let mut outcome = Ok(());
        let mut rates = [0.0; PARTS as usize];
        for thread in threads {
            match joined(thread) {
                Ok((latency, parts)) => {
                    all.merge(&latency);
                    rates.iter_mut().zip(parts).for_each(|(sum, rate)| *sum += rate);
                }
                Err(error) => outcome = Err(error),
            }
        }
        let beside_bytes_per_second = other.map_or(Ok(0.0), Other::end)?;
        outcome?;
        Ok(Append {
            bytes: bytes as u64,
            files: count as u64,
            beside,
            beside_bytes_per_second,
            per_second: Measured::of(&rates),
            latency: Distribution::of(&all),
        })
    }

    fn polled(&self, place: &Place, length: Duration) -> io::Result<Polled> {
        let read = |completion| self.read_blocks(completion, length / 2);
        let interrupt = Some(Distribution::of(&read(Completion::Interrupt)?));
        if place.polls != Some(true) {
            let why = "the driver has no queues that can be polled (io_poll is 0)".to_owned();
            return Ok(Polled { interrupt, polled: None, not_measured: Some(why) });
        }
        Ok(match read(Completion::Polled) {
            Ok(polled) => {
                Polled { interrupt, polled: Some(Distribution::of(&polled)), not_measured: None }
            }
            Err(error) => {
                let why = format!("the file system refuses polled reads: {error}");
                Polled { interrupt, polled: None, not_measured: Some(why) }
            }
        })
    }

    fn read_blocks(&self, completion: Completion, length: Duration) -> io::Result<Latency> {
        let (mut block, mut found) = (Aligned::random(4096, 1), Latency::new(Digits::Three));
        let (begun, mut random) = (Instant::now(), fastrand::Rng::with_seed(1));
        while found.count() == 0 || begun.elapsed() < length {
            let position = random.u64(..LARGE_FILE_BYTES / 4096) * 4096;
            let asked = Instant::now();
            self.large.read(&mut block, position, completion)?;
            found.record(asked.elapsed());
        }
        Ok(found)
    }
}

/// Moves pieces until `end`; how many bytes.
fn work(
    file: &DirectFile,
    next: &AtomicU64,
    (number, job): (usize, Job),
    end: Instant,
) -> io::Result<u64> {
    let mut piece = Aligned::random(PIECE_BYTES, number as u64);
    let mut moved = 0;
    while moved == 0 || Instant::now() < end {
        let position = next.fetch_add(PIECE_BYTES as u64, Ordering::Relaxed);
        match job {
            Job::Read => file.read(&mut piece, position, Completion::Interrupt)?,
            Job::Write | Job::Durable => file.write(&piece, position, Durability::Later)?,
        }
        if job == Job::Durable && (position + PIECE_BYTES as u64).is_multiple_of(SYNC_BYTES) {
            file.sync()?;
        }
        moved += PIECE_BYTES as u64;
    }
    Ok(moved)
}

/// Durable appends until `end`, and how many a second in each part of the time.
fn append(file: &DirectFile, bytes: usize, end: Instant) -> io::Result<(Latency, Vec<f64>)> {
    let piece = Aligned::random(bytes, bytes as u64);
    let (mut found, mut position, mut rates) = (Latency::new(Digits::Three), 0, Vec::new());
    let part = end.saturating_duration_since(Instant::now()) / PARTS;
    for _ in 0..PARTS {
        let (begun, before) = (Instant::now(), found.count());
        while found.count() == before || begun.elapsed() < part {
            let asked = Instant::now();
            if bytes <= SYNCED_WRITE_BYTES_MAX {
                file.write(&piece, position, Durability::AtOnce)?;
            } else {
                file.write(&piece, position, Durability::Later)?;
                file.sync()?;
            }
            found.record(asked.elapsed());
            position += bytes as u64;
        }
        rates.push((found.count() - before) as f64 / begun.elapsed().as_secs_f64());
    }
    Ok((found, rates))
}

/// What happens beside an append.
struct Other {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<u64>>,
    begun: Instant,
}

impl Other {
    fn start(file: &Arc<DirectFile>, beside: Beside, rate: f64) -> Option<Self> {
        let bytes = match beside {
            Beside::Nothing => return None,
            Beside::Reader => READ_BYTES,
            Beside::Writer => PIECE_BYTES,
        };
        let (is_over, file) = (Arc::new(AtomicBool::new(false)), Arc::clone(file));
        let (over, begun) = (Arc::clone(&is_over), Instant::now());
        let thread = thread::spawn(move || {
            let (mut piece, mut moved) = (Aligned::random(bytes, 2), 0);
            while !over.load(Ordering::Relaxed) {
                match beside {
                    Beside::Writer => file.write(&piece, moved, Durability::Later)?,
                    Beside::Reader | Beside::Nothing => {
                        file.read(&mut piece, moved, Completion::Interrupt)?;
                    }
                }
                moved += bytes as u64;
                let due = Duration::from_secs_f64(moved as f64 / rate.max(1.0));
                thread::sleep(due.saturating_sub(begun.elapsed()).min(Duration::from_millis(100)));
            }
            Ok(moved)
        });
        Some(Self { is_over, thread, begun })
    }

    /// Ends it; the bytes a second it really moved.
    fn end(self) -> io::Result<f64> {
        let seconds = self.begun.elapsed().as_secs_f64();
        self.is_over.store(true, Ordering::Relaxed);
        Ok(joined(self.thread)? as f64 / seconds)
    }
}

fn joined<T>(thread: JoinHandle<io::Result<T>>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("a thread of the probe panicked"))?
}

//! What this machine can do at best, measured in the same run: loopback, and the disk with the same
//! calls a journal makes.

use std::alloc::{Layout, alloc_zeroed};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::broker::echo;

pub(crate) type Latencies = Histogram<u64>;

pub(crate) fn latencies() -> Latencies {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are constants that hold")
}

/// Makes room for so many connections of this process, or says what to do.
pub(crate) fn open_files_for(connections: usize) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = connections as u64 + 100;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        let why = format!(
            "this needs {wanted} open files: raise ulimit -Hn, or leave it out with --only"
        );
        return Err(io::Error::other(why));
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?)
}

fn pinned<T: Send + 'static>(
    cpu: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::spawn(move || {
        core_affinity::set_for_current(core_affinity::CoreId { id: cpu });
        work()
    })
}

/// Round trips of `len` bytes over loopback to an echo on `cpu`, one at a time; microseconds.
pub(crate) fn loopback_echo(cpu: usize, len: usize, run: Duration) -> io::Result<Latencies> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = pinned(cpu, move || {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        echo(stream, len)
    });
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![7; len];
    let mut found = latencies();
    let end = Instant::now() + run;
    while Instant::now() < end {
        let began = Instant::now();
        stream.write_all(&buffer)?;
        stream.read_exact(&mut buffer)?;
        found.saturating_record(began.elapsed().as_micros() as u64);
    }
    drop(stream);
    server.join().map_err(|_| io::Error::other("the echo panicked"))??;
    Ok(found)
}

/// Bytes a second that one loopback connection carries from this core to `cpu`.
pub(crate) fn loopback_throughput(cpu: usize, run: Duration) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = pinned(cpu, move || -> io::Result<u64> {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = vec![0; 1 << 20];
        let mut total = 0;
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(total),
                count => total += count as u64,
            }
        }
    });
    let mut stream = TcpStream::connect(address)?;
    let buffer = vec![7; 1 << 20];
    let began = Instant::now();
    while began.elapsed() < run {
        stream.write_all(&buffer)?;
    }
    drop(stream);
    let total = server.join().map_err(|_| io::Error::other("the sink panicked"))??;
    Ok(total as f64 / began.elapsed().as_secs_f64())
}

fn aligned(len: usize) -> &'static mut [u8] {
    let layout = Layout::from_size_align(len, 4096).expect("a constant layout");
    #[allow(unsafe_code, reason = "direct I/O needs aligned memory; leaked on purpose, once a run")]
    // SAFETY: the layout is not empty and the memory is zeroed; it is never freed.
    unsafe {
        let memory = alloc_zeroed(layout);
        assert!(!memory.is_null(), "memory for one buffer");
        std::slice::from_raw_parts_mut(memory, len)
    }
}

fn direct(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::DIRECT.bits() as i32;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(flags)
        .open(path)
}

/// Latency of one direct 4 KiB write and fdatasync on a file that was written before; microseconds.
pub(crate) fn write_and_sync(directory: &Path, run: Duration) -> io::Result<Latencies> {
    use std::os::unix::fs::FileExt;
    let path = directory.join("limit.tmp");
    let file = direct(&path)?;
    let large = aligned(1 << 20);
    let bytes = 64 << 20;
    for position in (0..bytes).step_by(1 << 20) {
        file.write_all_at(large, position)?;
    }
    file.sync_all()?;
    let block = aligned(4096);
    let mut found = latencies();
    let end = Instant::now() + run;
    let mut position = 0;
    while Instant::now() < end {
        let began = Instant::now();
        file.write_all_at(block, position % bytes)?;
        file.sync_data()?;
        found.saturating_record(began.elapsed().as_micros() as u64);
        position += 4096;
    }
    fs::remove_file(&path)?;
    Ok(found)
}

/// Bytes a second of sequential direct writes, several threads in flight, over a file that was
/// written before: as they return, and with the sync behind them that makes them durable.
pub(crate) fn sequential_write(directory: &Path, run: Duration) -> io::Result<(f64, f64)> {
    use std::os::unix::fs::FileExt;
    let path = directory.join("limit.tmp");
    let file = std::sync::Arc::new(direct(&path)?);
    let bytes: u64 = 256 << 20;
    let large = aligned(1 << 20);
    for position in (0..bytes).step_by(1 << 20) {
        file.write_all_at(large, position)?;
    }
    file.sync_all()?;
    let next = std::sync::Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (file, next) = (std::sync::Arc::clone(&file), std::sync::Arc::clone(&next));
            thread::spawn(move || -> io::Result<()> {
                let buffer = aligned(1 << 20);
                while began.elapsed() < run {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    file.write_all_at(buffer, (piece << 20) % bytes)?;
                }
                Ok(())
            })
        })
        .collect();
    for writer in writers {
        writer.join().map_err(|_| io::Error::other("a writer panicked"))??;
    }
    let (written_in, total) = (began.elapsed(), next.load(Ordering::Relaxed) << 20);
    file.sync_data()?;
    let durable_in = began.elapsed();
    fs::remove_file(&path)?;
    let rate = |elapsed: Duration| total as f64 / elapsed.as_secs_f64();
    Ok((rate(written_in), rate(durable_in)))
}

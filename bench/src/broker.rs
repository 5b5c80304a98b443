//! The broker under test: its own process, pinned to one core.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Arguments;

/// A running broker and what it took to start it.
pub(crate) struct Broker {
    child: Child,
    pub(crate) address: SocketAddr,
    metrics: SocketAddr,
    pub(crate) started_in: Duration,
}

impl Broker {
    /// Starts it on `cpu` with data in `data` and waits until it says that it is ready.
    pub(crate) fn start(arguments: &Arguments, data: &Path, cpus: &str) -> io::Result<Self> {
        let log = data.with_extension("log");
        let began = Instant::now();
        let pinned = rustix::thread::sched_getaffinity(None)?;
        rustix::thread::sched_setaffinity(None, &every_cpu())?;
        let spawned = Command::new(&arguments.broker)
            .args(["serve", "--listen", "127.0.0.1:0", "--cores", cpus])
            .args(["--set", "corelog.metrics.listen=127.0.0.1:0"])
            .args(arguments.settings.iter().flat_map(|setting| ["--set", setting]))
            .arg("--data-dir")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?)
            .spawn();
        rustix::thread::sched_setaffinity(None, &pinned)?;
        let mut child = spawned?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let started_in = began.elapsed();
        let mut addresses = line.split_whitespace().filter_map(|word| word.split_once('='));
        let address = addresses.next().and_then(|(_, address)| address.parse().ok());
        let metrics = addresses.find(|(name, _)| *name == "metrics");
        let metrics = metrics.and_then(|(_, address)| address.parse().ok());
        let (Some(address), Some(metrics)) = (address, metrics) else {
            let why = fs::read_to_string(&log).unwrap_or_default();
            return Err(io::Error::other(format!("the broker did not start: {line}{why}")));
        };
        Ok(Self { child, address, metrics, started_in })
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// CPU time used so far, all threads.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
        let ticks = ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0);
        Ok(Duration::from_millis(ticks * 10))
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The bucket of each journal sync so far: upper bound in seconds, and how many were no longer.
    pub(crate) fn syncs(&self) -> io::Result<Vec<(f64, u64)>> {
        let mut stream = TcpStream::connect(self.metrics)?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: corelog\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        let buckets = page.lines().filter_map(|line| {
            let rest = line.strip_prefix("corelog_journal_sync_seconds_bucket{")?;
            let bound = rest.split("le=\"").nth(1)?.split('"').next()?.replace("+Inf", "inf");
            Some((bound.parse().ok()?, rest.split_whitespace().last()?.parse().ok()?))
        });
        let buckets: Vec<_> = buckets.collect();
        if buckets.is_empty() {
            return Err(io::Error::other("the metrics have no buckets of syncs"));
        }
        Ok(buckets)
    }

    /// Kills it without warning.
    pub(crate) fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks it to stop and waits.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        self.child.wait().map(drop)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Only matters after an error; a broker that ended already cannot be killed again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child inherits the CPUs of the thread that starts it, and the load's one CPU is not the
/// broker's.
fn every_cpu() -> rustix::thread::CpuSet {
    let mut cpus = rustix::thread::CpuSet::new();
    for cpu in 0..rustix::thread::CpuSet::MAX_CPU {
        cpus.set(cpu);
    }
    cpus
}

/// Copies bytes back to whoever sends them, in frames of `len`, on `cpu`, until the connection
/// ends.
pub(crate) fn echo(mut stream: TcpStream, len: usize) -> io::Result<()> {
    let mut buffer = vec![0; len];
    while stream.read_exact(&mut buffer).is_ok() {
        stream.write_all(&buffer)?;
    }
    Ok(())
}

//! A broker of our own for a measurement: started from a program, on a CPU of its own, with data
//! in a folder of its own. It is ended and its data removed when this is dropped.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How long a broker may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
const READY: &str = "corelog ready: ";

/// A broker with one core.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    folder: PathBuf,
    /// Where clients connect to.
    pub address: String,
    /// Where its metrics are, as HOST:PORT.
    pub metrics: String,
}

/// Which CPUs a measurement uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuShares {
    /// For the broker.
    pub broker: usize,
    /// For the load; empty when there is only one CPU.
    pub load: Vec<usize>,
}

impl CpuShares {
    /// The first CPU that we may use is for the broker, the others are for the load.
    pub fn of_this_machine() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let broker = cpus.next().ok_or_else(|| io::Error::other("no CPU may be used"))?;
        Ok(Self { broker, load: cpus.collect() })
    }

    /// As the kernel lists them.
    pub fn load_list(&self) -> String {
        self.load.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Broker {
    /// Starts `program serve` on a CPU, with its data in a new folder below `parent`, and waits
    /// until it is ready.
    pub fn start(program: &Path, parent: &Path, cpu: usize) -> io::Result<Self> {
        let folder = parent.join(format!("corelog-plan-{}.tmp", std::process::id()));
        // What a run that was killed has left behind is in nobody's way.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder)?;
        match Self::start_in(program, &folder, cpu) {
            Ok((child, address, metrics)) => Ok(Self { child, folder, address, metrics }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    fn start_in(program: &Path, folder: &Path, cpu: usize) -> io::Result<(Child, String, String)> {
        let log = folder.join("log");
        let mut command = Command::new(program);
        // Settings of the caller's own broker are not for this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CORELOG_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--cores").arg(format!("{cpu}-{cpu}"));
        command.args(["--set", "corelog.metrics.listen=127.0.0.1:0"]);
        command.arg("--data-dir").arg(folder.join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = on_cpu(cpu, || command.spawn())?;
        let found = ready_line(&mut child).and_then(|line| {
            let addresses = addresses(&line);
            addresses.ok_or_else(|| io::Error::other(format!("it says {line:?}")))
        });
        match found {
            Ok((address, metrics)) => Ok((child, address, metrics)),
            Err(error) => {
                // It may have ended already.
                let _ = child.kill();
                let _ = child.wait();
                let log = fs::read_to_string(&log).unwrap_or_default();
                let last = log.lines().last().unwrap_or("its log is empty").to_owned();
                Err(io::Error::other(format!("{error}; {last}")))
            }
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Whatever fails here, the folder is left to be removed by hand.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Does something on one CPU; a process that is started there stays there.
fn on_cpu<T>(cpu: usize, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = sched_getaffinity(None)?;
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only)?;
    let done = work();
    sched_setaffinity(None, &before)?;
    done
}

/// The first line; a thread reads it, so that a broker that hangs is noticed.
fn ready_line(child: &mut Child) -> io::Result<String> {
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, line) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Nobody listens when the broker was given up.
        let _ = sender.send(read.map(|_| line));
    });
    let gone = |_| io::Error::new(io::ErrorKind::TimedOut, "it does not get ready");
    line.recv_timeout(PATIENCE).map_err(gone)?
}

/// Address and metrics from `corelog ready: 1000=127.0.0.1:9092 metrics=127.0.0.1:9644`.
fn addresses(line: &str) -> Option<(String, String)> {
    let words = line.trim().strip_prefix(READY)?.split(' ');
    let pairs: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
    let of = |wanted: bool| pairs.iter().find(|(name, _)| (*name == "metrics") == wanted);
    Some((of(false)?.1.to_owned(), of(true)?.1.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_tells_where_clients_and_metrics_are() {
        let line = "corelog ready: 1000=127.0.0.1:9092 metrics=127.0.0.1:9644\n";
        let found = addresses(line).unwrap();
        assert_eq!(found, ("127.0.0.1:9092".to_owned(), "127.0.0.1:9644".to_owned()));
        assert_eq!(addresses("corelog ready: 1000=127.0.0.1:9092"), None);
    }

    #[test]
    fn a_program_that_is_no_broker_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let cpu = CpuShares::of_this_machine().unwrap().broker;
        let refused = Broker::start(Path::new("/bin/true"), folder.path(), cpu).unwrap_err();
        assert!(refused.to_string().contains("its log is empty"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

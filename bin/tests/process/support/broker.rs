//! One process of the built binary: started, asked whether it is ready, killed, stopped. Its log
//! goes to a file of its own for each start.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use corelog_client::Endpoint;

const PROGRAM: &str = env!("CARGO_BIN_EXE_corelog");
const READY: &str = "corelog ready: ";
const METRICS: &str = "metrics=";
const PATIENCE: Duration = Duration::from_secs(60);
/// Below the range from which the system takes ports for outgoing connections.
const FIRST_PORT: u16 = 20_000;
const PORTS_PER_PROCESS: u16 = 64;
const PORTS_PER_BROKER: u16 = 4;

/// The command line of a broker.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    folder: PathBuf,
    data: PathBuf,
    port: u16,
    cores: String,
    settings: Vec<String>,
    broker: u32,
    starts: u32,
    log_level: Option<&'static str>,
    descriptors_max: Option<u32>,
}

impl Launch {
    /// A broker with small journals, so that recycling and segments are part of every test.
    pub(crate) fn new(folder: &Path, data: PathBuf) -> Self {
        let settings = [
            "corelog.journal.file.bytes=4MiB",
            "corelog.journal.files.max=4",
            "corelog.disk.reserve.bytes=64MiB",
            "corelog.metrics.listen=",
        ];
        Self {
            folder: folder.to_owned(),
            data,
            port: free_ports(),
            cores: "1".to_owned(),
            settings: settings.map(str::to_owned).to_vec(),
            broker: 1,
            starts: 0,
            log_level: None,
            descriptors_max: None,
        }
    }

    /// On these cores, written as the operator does.
    pub(crate) fn cores(mut self, cores: &str) -> Self {
        cores.clone_into(&mut self.cores);
        self
    }

    /// With one key set; the last value of a key counts.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.retain(|setting| !setting.starts_with(&format!("{key}=")));
        self.settings.push(format!("{key}={value}"));
        self
    }

    /// Logging all that is as important as this, or more.
    pub(crate) fn log_level(mut self, level: &'static str) -> Self {
        self.log_level = Some(level);
        self
    }

    /// With so few file descriptors.
    pub(crate) fn descriptors_max(mut self, max: u32) -> Self {
        self.descriptors_max = Some(max);
        self
    }

    /// As another broker.
    pub(crate) fn broker(mut self, id: u32) -> Self {
        self.broker = id;
        self
    }

    /// On other ports.
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Where the first core listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new("127.0.0.1", self.port)
    }

    /// Starts the process without waiting for it.
    pub(crate) fn spawn(&mut self) -> Spawned {
        self.starts += 1;
        let log = self.folder.join(format!("{}-{}.log", self.port, self.starts));
        let errors = File::create(&log).expect("a log file can be made");
        let mut command = Command::new(PROGRAM);
        if let Some(max) = self.descriptors_max {
            command = Command::new("sh");
            command.args(["-c", &format!("ulimit -n {max} && exec \"$0\" \"$@\""), PROGRAM]);
        }
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CORELOG_") && name != "CORELOG_LOG" {
                command.env_remove(name);
            }
        }
        if let Some(level) = self.log_level {
            command.env("CORELOG_LOG", level);
        }
        command.arg("serve").arg("--data-dir").arg(&self.data);
        if !self.settings.iter().any(|setting| setting.starts_with("listeners=")) {
            command.arg("--listen").arg(format!("127.0.0.1:{}", self.port));
        }
        command.args(["--broker-id", &self.broker.to_string()]);
        command.arg("--set").arg(format!("corelog.cores={}", self.cores));
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let child = command.spawn().expect("the binary starts");
        Spawned { child, log }
    }

    /// Starts the process and waits until every core answers.
    pub(crate) fn start(&mut self) -> Broker {
        self.spawn().until_ready()
    }

    /// Starts a process that must refuse to run; its exit code and what it says.
    pub(crate) fn refused(&mut self) -> (Option<i32>, String) {
        let Spawned { mut child, log } = self.spawn();
        let status = wait(&mut child).expect("a broker that cannot start ends by itself");
        (status.code(), fs::read_to_string(log).expect("the log can be read"))
    }
}

/// The first of a few neighbouring ports on which nobody listens.
pub(crate) fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Other test programs run at the same time: each begins somewhere else.
    let first = FIRST_PORT + (std::process::id() % 180) as u16 * PORTS_PER_PROCESS;
    for _ in 0..PORTS_PER_PROCESS / PORTS_PER_BROKER {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = first + number * PORTS_PER_BROKER % PORTS_PER_PROCESS;
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (port..port + PORTS_PER_BROKER).all(is_free) {
            return port;
        }
    }
    panic!("no free ports between {first} and {}", first + PORTS_PER_PROCESS);
}

/// A process that may not be ready yet.
pub(crate) struct Spawned {
    child: Child,
    log: PathBuf,
}

impl Spawned {
    /// Ends it as a power failure would: no handler runs.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    fn until_ready(mut self) -> Broker {
        let output = self.child.stdout.take().expect("the output is a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let deadline = Instant::now() + PATIENCE;
        let line = loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.starts_with(READY) => break line,
                Ok(_) => {}
                Err(error) => {
                    let log = fs::read_to_string(&self.log).unwrap_or_default();
                    // The process may hang: it must not outlive the test.
                    let _ = self.child.kill();
                    panic!("the broker does not get ready ({error}); its log:\n{log}");
                }
            }
        };
        let node = |text: &str| {
            let (node, address) = text.split_once('=').expect("a node is NODE=ADDRESS");
            let node = node.parse().expect("a node id is a number");
            (node, address.parse().expect("an address is HOST:PORT"))
        };
        let (metrics, nodes): (Vec<&str>, Vec<&str>) =
            line[READY.len()..].split(' ').partition(|text| text.starts_with(METRICS));
        let metrics = metrics
            .first()
            .map(|text| text[METRICS.len()..].parse().expect("the metrics are at HOST:PORT"));
        // Those of further listeners carry the name of theirs.
        let is_of_first = |text: &&str| text.starts_with(|first: char| first.is_ascii_digit());
        let nodes = nodes.into_iter().filter(is_of_first).map(node).collect();
        Broker { child: self.child, log: self.log, nodes, metrics }
    }
}

/// A process that is ready. Killed when dropped.
pub(crate) struct Broker {
    child: Child,
    log: PathBuf,
    /// Node ids and addresses, as the process said.
    pub(crate) nodes: Vec<(i32, SocketAddr)>,
    /// Where it shows its metrics, if it does.
    pub(crate) metrics: Option<SocketAddr>,
}

impl Broker {
    /// The number of the process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Where a core listens.
    pub(crate) fn address(&self, core: usize) -> SocketAddr {
        self.nodes[core].1
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// Stops it where it is, until it is told to go on.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success(), "the process takes a signal");
    }

    /// Asks it to stop, as an init system does, and waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("-TERM");
        wait(&mut self.child).expect("a broker that was told to stop ends")
    }

    /// Lets it open no file beyond this number from now on; the number until now.
    pub(crate) fn limit_descriptors(&self, max: u64) -> u64 {
        use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: Some(max), maximum };
        let before = prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit);
        before.expect("the limit can be set").current.expect("there was a limit")
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("the state can be asked").is_none()
    }

    /// Memory that it occupies, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.expect("a process has a resident set").trim().trim_end_matches(" kB");
        text.parse::<u64>().expect("the size is a number") * 1024
    }

    /// What it logged since this start.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log can be read")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of the broker:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("the state can be asked") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    None
}

//! A server for the commands to talk to: the binary itself, with a folder of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Server {
    /// A server with one core that is ready for connections.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings of its own.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Another process may take the port first; then the ready line is missing.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let data = folder.path().join("data");
        let mut process = corelog()
            .args(["serve", "--cores", "1", "--listen", &address])
            .args(["--set", "corelog.journal.file.bytes=4MiB"])
            .args(["--set", "corelog.disk.reserve.bytes=0"])
            .args(["--set", "corelog.metrics.listen="])
            .args(settings.iter().flat_map(|setting| ["--set", *setting]))
            .arg("--data-dir")
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.starts_with("corelog ready"), "{ready:?}");
        Self { process, address, folder }
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A command that knows the server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = corelog();
        command.args(arguments).env("CORELOG_BOOTSTRAP", &self.address);
        command
    }

    /// Runs a command with this input to its end.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    }

    /// Runs a command that succeeds, and gives what it prints.
    #[track_caller]
    pub(crate) fn prints(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that succeeds and prints JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.prints(arguments, "")).unwrap()
    }

    /// Stops the server as an operator does; its folder stays.
    pub(crate) fn stop(mut self) -> StoppedServer {
        interrupt(&self.process, Signal::TERM);
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        StoppedServer { folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a server leaves behind.
pub(crate) struct StoppedServer {
    folder: tempfile::TempDir,
}

impl StoppedServer {
    /// Where it kept its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// The binary, in an environment without our variables.
pub(crate) fn corelog() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corelog"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CORELOG_") {
            command.env_remove(name);
        }
    }
    command
}

/// Sends a signal.
pub(crate) fn interrupt(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

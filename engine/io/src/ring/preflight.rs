//! Checks at start that this machine can run a shard, each with a message that says what to do.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

const TMPFS_MAGIC: u64 = 0x0102_1994;
const OVERLAY_MAGIC: u64 = 0x794c_7630;
const LOCKED_BYTES_PER_CORE: u64 = 512 << 10;
const FILES_MIN: u64 = 1024;

/// Something about this machine that keeps a shard from running, or from keeping its promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether a broker must not start.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// What to try.
    pub remedy: String,
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A broker cannot run or cannot be durable here.
    Fatal,
    /// It runs, but something may be slow or run short.
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

fn fatal(what: impl Into<String>, remedy: &str) -> Finding {
    Finding { severity: Severity::Fatal, what: what.into(), remedy: remedy.into() }
}

fn warning(what: impl Into<String>, remedy: &str) -> Finding {
    Finding { severity: Severity::Warning, what: what.into(), remedy: remedy.into() }
}

/// Examines the kernel, the limits and the file system below `data` (which must exist) for `cores`
/// shards.
pub fn check(data: &Path, cores: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings
        .extend(check_io_uring_switch(fs::read_to_string("/proc/sys/kernel/io_uring_disabled")));
    findings.extend(check_executor());
    findings.extend(check_locked_memory(
        getrlimit(Resource::Memlock).current,
        cores,
        fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
    ));
    findings.extend(check_files(getrlimit(Resource::Nofile).current));
    findings.extend(check_file_system(data));
    findings
}

fn check_io_uring_switch(setting: io::Result<String>) -> Option<Finding> {
    let setting = setting.ok()?;
    (setting.trim() == "2").then(|| {
        fatal(
            "io_uring is disabled on this machine (kernel.io_uring_disabled = 2)",
            "run `sysctl kernel.io_uring_disabled=0`, or set 1 and kernel.io_uring_group",
        )
    })
}

fn check_executor() -> Option<Finding> {
    let error = super::executor::run(|| async {}).err()?;
    Some(fatal(
        format!("an io_uring executor cannot be made ({error})"),
        "kernel 5.8 or newer is needed; in a container, allow the io_uring_* system calls in its \
         seccomp profile (the default profiles of Docker and Podman block them) and raise memlock",
    ))
}

// Since 5.12 the kernel accounts ring memory to the cgroup instead of the memlock limit.
fn check_locked_memory(limit: Option<u64>, cores: usize, release: &str) -> Option<Finding> {
    let needed = LOCKED_BYTES_PER_CORE * cores as u64;
    let limit = limit.filter(|limit| *limit < needed)?;
    let what = format!("the limit of locked memory is {limit} bytes, {cores} cores want {needed}");
    let remedy = "raise it: `ulimit -l unlimited`, LimitMEMLOCK=infinity in a systemd unit, or \
                  --ulimit memlock=-1 for a container";
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Some(if version < (5, 12) { fatal(what, remedy) } else { warning(what, remedy) })
}

fn check_files(limit: Option<u64>) -> Option<Finding> {
    let limit = limit.filter(|limit| *limit < FILES_MIN)?;
    Some(warning(
        format!("only {limit} files may be open at once"),
        "every partition and every connection holds one: raise it with `ulimit -n 65536` or \
         LimitNOFILE in a systemd unit",
    ))
}

fn check_file_system(data: &Path) -> Option<Finding> {
    match rustix::fs::statfs(data) {
        Err(error) => {
            return Some(fatal(
                format!("{} cannot be examined ({error})", data.display()),
                "check that the directory exists and is readable",
            ));
        }
        Ok(found) if found.f_type as u64 == TMPFS_MAGIC => {
            return Some(fatal(
                format!("{} is on tmpfs, which forgets everything", data.display()),
                "choose a --data-dir on ext4 or XFS",
            ));
        }
        Ok(found) if found.f_type as u64 == OVERLAY_MAGIC => {
            return Some(fatal(
                format!("{} is on overlayfs, a container's throw-away layer", data.display()),
                "mount a volume on ext4 or XFS and point --data-dir to it",
            ));
        }
        Ok(_) => {}
    }
    let probe = data.join(".direct-io-probe");
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::RDWR | rustix::fs::OFlags::DIRECT;
    let opened = rustix::fs::open(&probe, flags, rustix::fs::Mode::from_raw_mode(0o600));
    // The probe may never have been created; then there is nothing to remove.
    drop(fs::remove_file(&probe));
    opened.err().map(|error| {
        fatal(
            format!("{} does not take direct I/O ({error})", data.display()),
            "choose a --data-dir on ext4 or XFS that this user may write",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disabled_io_uring_is_fatal_and_names_the_switch() {
        let finding = check_io_uring_switch(Ok("2\n".into())).expect("a finding");
        assert_eq!(finding.severity, Severity::Fatal);
        assert!(finding.to_string().contains("kernel.io_uring_disabled"));
        assert_eq!(check_io_uring_switch(Ok("0\n".into())), None);
        assert_eq!(check_io_uring_switch(Err(io::ErrorKind::NotFound.into())), None);
    }

    #[test]
    fn little_locked_memory_is_fatal_only_on_old_kernels() {
        let severity = |release| check_locked_memory(Some(1024), 2, release).map(|f| f.severity);
        assert_eq!(severity("5.10.0-20"), Some(Severity::Fatal));
        assert_eq!(severity("6.1.0"), Some(Severity::Warning));
        assert_eq!(check_locked_memory(Some(64 << 20), 2, "5.10.0"), None);
        assert_eq!(check_locked_memory(None, 2, "5.10.0"), None);
    }

    #[test]
    fn tmpfs_is_refused() {
        let finding = check_file_system(Path::new("/dev/shm")).expect("a finding");
        assert_eq!(finding.severity, Severity::Fatal);
        assert!(finding.what.contains("tmpfs"));
    }
}

//! Looks at this machine, at this process and at the broker's: reads `/proc` and `/sys`, and
//! leaves their meaning to [`crate::machine`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::affinity::{ThreadUse, busy_cpus};
use crate::cores::{CpuSeries, CpuWatch, Frequencies};
use crate::machine::{
    CpuTimes, Machine, ProcessUse, parse_context_switches, parse_cpu_model, parse_cpu_times,
    parse_cpus_allowed, parse_disk_bytes, parse_frequency_mhz, parse_load_average,
    parse_memory_bytes, parse_process_cpu, parse_resident_bytes,
};
use crate::result::{BrokerUse, MachineUse};
use crate::software::{Software, heap, kafka_version, parse_arguments, printed_version};

/// How long a look at a machine takes that may be calm, and how busy it may be then.
const CALM_LOOK: Duration = Duration::from_millis(300);
const CALM_BUSY: f64 = 0.05;

/// The program that is asked for its version. Any other is only looked at.
const CORELOG: &str = "corelog";
/// No more open files of a process are looked at.
const FILES_MAX: usize = 65_536;

/// Looks at the machine from time to time.
#[derive(Debug)]
pub(super) struct Probe {
    broker: Option<u32>,
    frequencies: Frequencies,
    cpus: CpuWatch,
}

/// What was used up to a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    cpu: CpuTimes,
    own: ProcessUse,
    broker: Option<ProcessUse>,
    broker_threads: Vec<ThreadUse>,
    sees_disk: bool,
}

impl Probe {
    /// Looks at a broker's process, too, if there is one to look at.
    pub(super) fn new(broker: Option<u32>) -> Self {
        Self { broker, frequencies: Frequencies::default(), cpus: CpuWatch::default() }
    }

    /// What was used up to now.
    pub(super) fn look(&self) -> Look {
        let of = |pid: u32| look_into(&format!("/proc/{pid}"));
        let broker = self.broker.and_then(of);
        Look {
            cpu: read("/proc/stat").and_then(|text| parse_cpu_times(&text)).unwrap_or_default(),
            own: look_into("/proc/self").map_or(ProcessUse::default(), |(used, _)| used),
            broker: broker.map(|(used, _)| used),
            broker_threads: self.broker.map(threads).unwrap_or_default(),
            sees_disk: broker.is_some_and(|(_, sees_disk)| sees_disk),
        }
    }

    /// Notes how busy each CPU was since the last look, and how fast they run now.
    pub(super) fn look_at_cpus(&mut self, at: Duration) {
        let busy = self.cpus.look(at, &read("/proc/stat").unwrap_or_default());
        if !busy.is_empty() {
            self.frequencies.note(&busy, frequencies());
        }
    }

    /// Forgets how fast CPUs ran so far: they may speed up while the load warms them up.
    pub(super) fn forget_frequencies(&mut self) {
        self.frequencies = Frequencies::default();
    }

    /// How busy each CPU was.
    pub(super) fn cpus(self) -> Option<CpuSeries> {
        self.cpus.finish()
    }

    /// What the machine was busy with between two looks.
    pub(super) fn machine_use(&self, first: &Look, last: &Look) -> MachineUse {
        let cpu = last.cpu.since(&first.cpu);
        let broker = broker_between(first, last).map_or(Duration::ZERO, |used| used.cpu);
        let ours = last.own.since(&first.own).cpu + broker;
        let frequencies = self.frequencies.widest();
        MachineUse {
            busy: cpu.part(cpu.busy),
            steal: cpu.part(cpu.steal),
            other: cpu.part(cpu.busy.saturating_sub(ours)),
            load_average: read("/proc/loadavg")
                .and_then(|text| parse_load_average(&text))
                .unwrap_or_default(),
            frequency_mhz_min: frequencies.map(|(low, _)| low),
            frequency_mhz_max: frequencies.map(|(_, high)| high),
        }
    }

    /// What the broker used between two looks, for so many bytes of payload.
    pub(super) fn broker_use(
        &self,
        first: &Look,
        last: &Look,
        payload_bytes: u64,
    ) -> Option<BrokerUse> {
        let pid = self.broker?;
        let used = broker_between(first, last)?;
        let payload = payload_bytes as f64;
        let disk = |bytes: u64| last.sees_disk.then_some(bytes);
        let status = read(&format!("/proc/{pid}/status")).unwrap_or_default();
        Some(BrokerUse {
            pid,
            cpu_seconds: used.cpu.as_secs_f64(),
            resident_bytes: used.resident_bytes,
            resident_bytes_max: used.resident_bytes_max,
            context_switches: used.context_switches,
            disk_read_bytes: disk(used.disk_read_bytes),
            disk_written_bytes: disk(used.disk_written_bytes),
            payload_bytes_per_cpu_second: payload / used.cpu.as_secs_f64().max(0.01),
            write_amplification: disk(used.disk_written_bytes)
                .filter(|_| payload_bytes > 0)
                .map(|bytes| bytes as f64 / payload),
            cpus_allowed: parse_cpus_allowed(&status).unwrap_or_default(),
            cpus_busy: busy_cpus(&first.broker_threads, &last.broker_threads),
        })
    }
}

/// Watches the machine while something else measures.
#[derive(Debug)]
pub struct MachineWatch {
    probe: Probe,
    first: Look,
}

impl MachineWatch {
    /// From now on.
    pub fn begin() -> Self {
        let probe = Probe::new(None);
        let first = probe.look();
        Self { probe, first }
    }

    /// What the machine was busy with since.
    pub fn end(&self) -> MachineUse {
        let last = self.probe.look();
        self.probe.machine_use(&self.first, &last)
    }
}

/// Waits until next to nothing runs on this machine, but not for ever: what the run before left to
/// do, such as files to remove, is in the way of the next one. Whether it got calm.
pub fn wait_until_calm(longest: Duration) -> bool {
    let begun = std::time::Instant::now();
    loop {
        let watch = MachineWatch::begin();
        std::thread::sleep(CALM_LOOK);
        if watch.end().busy < CALM_BUSY {
            return true;
        }
        if begun.elapsed() > longest {
            return false;
        }
    }
}

/// What a process used so far; none when there is no such process, or we may not look.
pub fn process_use(pid: u32) -> Option<ProcessUse> {
    look_into(&format!("/proc/{pid}")).map(|(used, _)| used)
}

/// CPU time of this process between two looks.
pub(super) fn own_cpu(first: &Look, last: &Look) -> Duration {
    last.own.since(&first.own).cpu
}

/// The machine we are on.
pub fn this_machine() -> Machine {
    let (cpu_model, cpus) = parse_cpu_model(&read("/proc/cpuinfo").unwrap_or_default());
    let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    Machine {
        cpu_model,
        cpus,
        kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        memory_bytes: read("/proc/meminfo")
            .and_then(|text| parse_memory_bytes(&text))
            .unwrap_or_default(),
        frequency_governor: governor.map(|text| text.trim().to_owned()),
    }
}

/// Whether there is such a process, and whether we may look at it.
pub(super) fn is_visible(pid: u32) -> bool {
    process_use(pid).is_some()
}

/// What a process tells about its software.
pub(super) fn software(pid: u32) -> Software {
    let folder = format!("/proc/{pid}");
    let arguments = fs::read(format!("{folder}/cmdline")).unwrap_or_default();
    let open = fs::read_dir(format!("{folder}/fd")).into_iter().flatten().flatten();
    let files: Vec<PathBuf> =
        open.take(FILES_MAX).filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    let names: Vec<&str> = files.iter().filter_map(|file| file.to_str()).collect();
    let version = kafka_version(&names);
    Software {
        heap: heap(&parse_arguments(&arguments)),
        version: version.or_else(|| corelog_version(&format!("{folder}/exe"))),
    }
}

/// What corelog prints as its version. The link of the kernel leads to the file that runs, even
/// when another one has taken its name since.
fn corelog_version(program: &str) -> Option<String> {
    let name = fs::read_link(program).ok()?.file_name()?.to_str()?.to_owned();
    if name.strip_suffix(" (deleted)").unwrap_or(&name) != CORELOG {
        return None;
    }
    let told = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    printed_version(CORELOG, &String::from_utf8_lossy(&told.stdout))
}

/// How fast each CPU runs now, in MHz; nothing where the kernel does not tell.
fn frequencies() -> Vec<(usize, f64)> {
    let of = |cpu: usize| {
        let text = read(&format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"));
        Some((cpu, parse_frequency_mhz(&text?)?))
    };
    // A CPU that is offline has no file; those behind it may have one.
    let count = fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().count();
    (0..count).filter_map(of).collect()
}

fn broker_between(first: &Look, last: &Look) -> Option<ProcessUse> {
    Some(last.broker?.since(&first.broker?))
}

/// What a process used so far, and whether the kernel lets us see its disk bytes.
fn look_into(folder: &str) -> Option<(ProcessUse, bool)> {
    let cpu = parse_process_cpu(&read(&format!("{folder}/stat"))?)?;
    let (resident_bytes, resident_bytes_max) =
        parse_resident_bytes(&read(&format!("{folder}/status"))?)?;
    let disk = read(&format!("{folder}/io")).and_then(|text| parse_disk_bytes(&text));
    let (disk_read_bytes, disk_written_bytes) = disk.unwrap_or_default();
    // The status of a process counts the switches of its first thread only.
    let threads = fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten();
    let switches = threads.filter_map(|thread| {
        parse_context_switches(&fs::read_to_string(thread.path().join("status")).ok()?)
    });
    let context_switches = switches.sum();
    let used = ProcessUse {
        cpu,
        resident_bytes,
        resident_bytes_max,
        context_switches,
        disk_read_bytes,
        disk_written_bytes,
    };
    Some((used, disk.is_some()))
}

/// The threads of a process. Those that end meanwhile are left out.
fn threads(pid: u32) -> Vec<ThreadUse> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let thread = |folder: &Path| {
        let id = folder.file_name()?.to_str()?.parse().ok()?;
        let cpu = parse_process_cpu(&fs::read_to_string(folder.join("stat")).ok()?)?;
        let status = fs::read_to_string(folder.join("status")).ok()?;
        Some(ThreadUse { id, cpu, cpus_allowed: parse_cpus_allowed(&status)? })
    };
    entries.filter_map(|entry| thread(&entry.path())).collect()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_looked_at() {
        let probe = Probe::new(Some(std::process::id()));
        let first = probe.look();
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        let last = probe.look();
        let broker = probe.broker_use(&first, &last, 1000).unwrap();
        assert!(broker.cpu_seconds > 0.0 && broker.resident_bytes > 0, "{broker:?}");
        assert!(broker.cpus_busy.is_some(), "{broker:?}");
        let machine = probe.machine_use(&first, &last);
        assert!(machine.busy > 0.0 && machine.busy <= 1.0, "{machine:?}");
        assert!(this_machine().cpus > 0 && !is_visible(u32::MAX));
        let own = Software { heap: Some("none".to_owned()), version: None };
        assert_eq!((software(std::process::id()), software(u32::MAX)), (own, Software::default()));
    }
}

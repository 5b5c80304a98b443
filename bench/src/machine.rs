//! What the kernel tells about this machine and about a process: the texts of `/proc` and `/sys`
//! to numbers, and the difference between two looks. Pure: others read the files.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The kernel counts CPU time for user space in hundredths of a second, on every architecture.
const TICK_MS: u64 = 10;

/// CPU time of the whole machine since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// All of it, idle time included.
    pub total: Duration,
    /// Time in which something ran.
    pub busy: Duration,
    /// Time in which something could have run, but the hypervisor ran somebody else.
    pub steal: Duration,
}

/// What a process has used since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessUse {
    /// CPU time of all its threads.
    pub cpu: Duration,
    /// Memory it has now.
    pub resident_bytes: u64,
    /// The most memory it ever had.
    pub resident_bytes_max: u64,
    /// How often its threads gave up a CPU or lost it.
    pub context_switches: u64,
    /// Bytes it made the disk read.
    pub disk_read_bytes: u64,
    /// Bytes it made the disk write.
    pub disk_written_bytes: u64,
}

/// The machine that the load runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// What its CPUs call themselves.
    pub cpu_model: String,
    /// How many CPUs there are.
    pub cpus: u64,
    /// Release of the kernel.
    pub kernel: String,
    /// Its memory.
    pub memory_bytes: u64,
    /// How frequencies are chosen; none where the kernel does not tell, as in virtual machines.
    pub frequency_governor: Option<String>,
}

/// The first line of `/proc/stat`.
pub fn parse_cpu_times(stat: &str) -> Option<CpuTimes> {
    cpu_times(stat.lines().find_map(|line| line.strip_prefix("cpu "))?)
}

/// The lines of `/proc/stat` for single CPUs, by the numbers of these.
pub fn parse_each_cpu(stat: &str) -> Vec<(usize, CpuTimes)> {
    let of = |line: &str| {
        let (number, ticks) = line.strip_prefix("cpu")?.split_once(' ')?;
        Some((number.parse().ok()?, cpu_times(ticks)?))
    };
    stat.lines().filter_map(of).collect()
}

fn cpu_times(ticks: &str) -> Option<CpuTimes> {
    let ticks: Vec<u64> = ticks.split_whitespace().map_while(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is part of user.
    let [user, nice, system, idle, io_wait, irq, soft_irq, steal, ..] = *ticks.as_slice() else {
        return None;
    };
    let busy = user + nice + system + irq + soft_irq;
    let time = |ticks: u64| Duration::from_millis(ticks * TICK_MS);
    Some(CpuTimes {
        total: time(busy + idle + io_wait + steal),
        busy: time(busy),
        steal: time(steal),
    })
}

/// CPU time from `/proc/PID/stat`.
pub fn parse_process_cpu(stat: &str) -> Option<Duration> {
    // The name in brackets may hold anything, brackets included.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = |place: usize| fields.split_whitespace().nth(place)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(11)? + ticks(12)?) * TICK_MS))
}

/// Resident memory from `/proc/PID/status`, now and at most.
pub fn parse_resident_bytes(status: &str) -> Option<(u64, u64)> {
    let now = field_of(status, "VmRSS:")? << 10;
    Some((now, field_of(status, "VmHWM:").map_or(now, |kib| kib << 10)))
}

/// Context switches from the `status` of one thread, of both kinds.
pub fn parse_context_switches(status: &str) -> Option<u64> {
    let of = |name| field_of(status, name);
    Some(of("voluntary_ctxt_switches:")? + of("nonvoluntary_ctxt_switches:")?)
}

/// The CPUs a process may use, as `/proc/PID/status` writes them.
pub fn parse_cpus_allowed(status: &str) -> Option<String> {
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

/// Bytes read from and written to disks, from `/proc/PID/io`.
pub fn parse_disk_bytes(io: &str) -> Option<(u64, u64)> {
    Some((field_of(io, "read_bytes:")?, field_of(io, "write_bytes:")?))
}

/// Total memory from `/proc/meminfo`.
pub fn parse_memory_bytes(meminfo: &str) -> Option<u64> {
    Some(field_of(meminfo, "MemTotal:")? << 10)
}

/// Model and number of CPUs from `/proc/cpuinfo`.
pub fn parse_cpu_model(cpuinfo: &str) -> (String, u64) {
    let of = |name: &'static str| {
        let lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        lines.filter(move |(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
    };
    let model = of("model name").next().unwrap_or_else(|| "unknown".to_owned());
    (model, of("processor").count() as u64)
}

/// Load average of the last minute from `/proc/loadavg`.
pub fn parse_load_average(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

/// Frequency in MHz from `cpufreq/scaling_cur_freq`.
pub fn parse_frequency_mhz(text: &str) -> Option<f64> {
    Some(text.trim().parse::<f64>().ok()? / 1000.0)
}

/// A list of CPUs such as `0,2-4`; none when it is no such list.
pub fn parse_cpu_list(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        if last < first || last > 65_535 {
            return None;
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

/// The first number behind a name.
fn field_of(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

impl CpuTimes {
    /// What passed since an earlier look.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            busy: self.busy.saturating_sub(earlier.busy),
            steal: self.steal.saturating_sub(earlier.steal),
        }
    }

    /// A time as a part of all CPU time; 0 when no time has passed.
    pub fn part(&self, time: Duration) -> f64 {
        let total = self.total.as_secs_f64();
        if total > 0.0 { time.as_secs_f64() / total } else { 0.0 }
    }
}

impl ProcessUse {
    /// What was used since an earlier look; memory is that of now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            context_switches: self.context_switches.saturating_sub(earlier.context_switches),
            disk_read_bytes: self.disk_read_bytes.saturating_sub(earlier.disk_read_bytes),
            disk_written_bytes: self.disk_written_bytes.saturating_sub(earlier.disk_written_bytes),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_and_steal_are_told_apart() {
        let stat = "cpu  100 10 50 800 20 3 7 10 5 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 5\n";
        let times = parse_cpu_times(stat).unwrap();
        assert_eq!(times.busy, Duration::from_millis(1700));
        assert_eq!((times.steal.as_millis(), times.total.as_secs()), (100, 10));
        let half = CpuTimes { total: Duration::from_secs(5), ..CpuTimes::default() };
        let passed = times.since(&half);
        assert!((passed.part(passed.busy) - 0.34).abs() < 1e-9);
        assert_eq!(parse_cpu_times("cpu  1 2\n"), None);
        let each = parse_each_cpu(stat);
        let [(0, first)] = each.as_slice() else { panic!("{each:?}") };
        assert_eq!((first.busy.as_millis(), first.total.as_millis()), (50, 80));
    }

    #[test]
    fn a_process_name_with_brackets_does_not_shift_the_fields() {
        let stat = "77 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1";
        assert_eq!(parse_process_cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_process_cpu("77 (a"), None);
    }

    #[test]
    fn the_status_of_a_process_is_read() {
        let status = "Name:\tx\nVmHWM:\t  200 kB\nVmRSS:\t  100 kB\nCpus_allowed_list:\t0-1\n\
                      voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(parse_resident_bytes(status), Some((102_400, 204_800)));
        assert_eq!(parse_context_switches(status), Some(10));
        assert_eq!(parse_cpus_allowed(status).as_deref(), Some("0-1"));
        assert_eq!(parse_resident_bytes("Name:\tkthread\n"), None);
    }

    #[test]
    fn disk_memory_cpu_and_load_are_read() {
        let io = "rchar: 1\nwchar: 2\nread_bytes: 4096\nwrite_bytes: 8192\n";
        assert_eq!(parse_disk_bytes(io), Some((4096, 8192)));
        assert_eq!(parse_memory_bytes("MemTotal:  8 kB\nMemFree: 1 kB\n"), Some(8192));
        let cpuinfo =
            "processor\t: 0\nmodel name\t: CPU X\n\nprocessor\t: 1\nmodel name\t: CPU X\n";
        assert_eq!(parse_cpu_model(cpuinfo), ("CPU X".to_owned(), 2));
        assert_eq!(parse_load_average("0.52 0.4 0.3 1/100 7\n"), Some(0.52));
        assert_eq!(parse_frequency_mhz("2450000\n"), Some(2450.0));
    }

    #[test]
    fn lists_of_cpus_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_cpu_list("0,2-4"), Some(vec![0, 2, 3, 4]));
        assert_eq!(parse_cpu_list("3, 3"), Some(vec![3]));
        for text in ["", "a", "3-1", "1-", "0-99999999"] {
            assert_eq!(parse_cpu_list(text), None, "{text:?}");
        }
    }
}

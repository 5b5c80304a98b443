//! How busy each CPU of this machine was, moment by moment. A broker that pins its shards, or a
//! load that shares a CPU with it, is seen here and not in a sum. Pure: others read the files.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::machine::{CpuTimes, parse_each_cpu};

/// No more numbers are kept; moments that come later are left out. A day of 48 CPUs fits.
const VALUES_MAX: usize = 1 << 22;

/// All moments of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuSeries {
    /// The numbers of the CPUs.
    pub cpus: Vec<usize>,
    /// The moments in order, each about a second long.
    pub moments: Vec<CpuMoment>,
}

/// One moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuMoment {
    /// When it began, from the start of the schedule.
    pub from_seconds: f64,
    /// When it ended.
    pub to_seconds: f64,
    /// Which part of its time each of the CPUs ran something, in the order of their numbers.
    pub busy: Vec<f64>,
}

/// Looks at the CPUs from time to time.
#[derive(Debug, Default)]
pub struct CpuWatch {
    series: CpuSeries,
    before: Option<(Duration, Vec<(usize, CpuTimes)>)>,
}

/// A CPU that was busy for less of its time is idle: its frequency says nothing about a run.
const AT_WORK: f64 = 0.1;

/// How fast CPUs ran while they were at work.
#[derive(Debug, Default)]
pub struct Frequencies {
    /// The lowest and the highest of each CPU, in MHz.
    seen: BTreeMap<usize, (f64, f64)>,
}

impl Frequencies {
    /// Takes how fast CPUs run now. Those that were not busy before count for nothing; without a
    /// look at how busy they were, all count.
    pub fn note(&mut self, busy: &[(usize, f64)], mhz: impl IntoIterator<Item = (usize, f64)>) {
        let is_at_work = |cpu: usize| {
            let part = busy.iter().find(|(one, _)| *one == cpu).map_or(0.0, |(_, part)| *part);
            busy.is_empty() || part >= AT_WORK
        };
        for (cpu, mhz) in mhz.into_iter().filter(|(cpu, _)| is_at_work(*cpu)) {
            let (low, high) = self.seen.entry(cpu).or_insert((mhz, mhz));
            (*low, *high) = (low.min(mhz), high.max(mhz));
        }
    }

    /// The lowest and the highest of the CPU that changed most; none when nothing was seen.
    pub fn widest(&self) -> Option<(f64, f64)> {
        let ratio = |seen: &(f64, f64)| seen.1 / seen.0.max(1.0);
        self.seen.values().copied().max_by(|one, other| ratio(one).total_cmp(&ratio(other)))
    }
}

impl CpuSeries {
    /// The mean of one CPU over all moments; 0 for a CPU that is not there.
    pub fn mean_of(&self, cpu: usize) -> f64 {
        let Some(place) = self.cpus.iter().position(|one| *one == cpu) else { return 0.0 };
        let lasted = |one: &CpuMoment| one.to_seconds - one.from_seconds;
        let busy: f64 = self.moments.iter().map(|one| one.busy[place] * lasted(one)).sum();
        busy / self.moments.iter().map(lasted).sum::<f64>().max(1e-9)
    }
}

impl CpuWatch {
    /// Takes the text of `/proc/stat` at a moment after the start, and gives which part of the
    /// time since the last look each CPU was busy; nothing at the first look, or when a CPU came
    /// or went.
    pub fn look(&mut self, at: Duration, stat: &str) -> Vec<(usize, f64)> {
        let now = parse_each_cpu(stat);
        let before = self.before.replace((at, now.clone()));
        let Some((from, before)) = before.filter(|(from, _)| *from < at) else { return Vec::new() };
        let numbers: Vec<usize> = now.iter().map(|(cpu, _)| *cpu).collect();
        if numbers.is_empty() || !before.iter().map(|(cpu, _)| cpu).eq(&numbers) {
            return Vec::new();
        }
        let part = |((_, before), (_, now)): (&(usize, CpuTimes), &(usize, CpuTimes))| {
            let passed = now.since(before);
            // The kernel counts in hundredths of a second: more digits are noise.
            (passed.part(passed.busy) * 1000.0).round() / 1000.0
        };
        let busy: Vec<f64> = before.iter().zip(&now).map(part).collect();
        if self.series.cpus.is_empty() {
            self.series.cpus.clone_from(&numbers);
        }
        let values = (self.series.moments.len() + 1) * numbers.len();
        if self.series.cpus == numbers && values <= VALUES_MAX {
            self.series.moments.push(CpuMoment {
                from_seconds: from.as_secs_f64(),
                to_seconds: at.as_secs_f64(),
                busy: busy.clone(),
            });
        }
        numbers.into_iter().zip(busy).collect()
    }

    /// All moments; none where nothing was seen.
    pub fn finish(self) -> Option<CpuSeries> {
        Some(self.series).filter(|series| !series.moments.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/proc/stat` with these busy and idle hundredths of a second for each CPU.
    fn stat(cpus: &[(usize, u64, u64)]) -> String {
        let line = |(cpu, busy, idle): &(usize, u64, u64)| {
            format!("cpu{cpu} {busy} 0 0 {idle} 0 0 0 0 0 0\n")
        };
        let all: String = cpus.iter().map(line).collect();
        format!("cpu  1 1 1 1 1 1 1 1 1 1\n{all}intr 5\n")
    }

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_cpu_is_busy_for_a_part_of_each_moment() {
        let mut watch = CpuWatch::default();
        assert_eq!(watch.look(second(0), &stat(&[(0, 0, 0), (2, 50, 50)])), []);
        let found = watch.look(second(1), &stat(&[(0, 25, 75), (2, 150, 50)]));
        assert_eq!(found, [(0, 0.25), (2, 1.0)]);
        watch.look(second(3), &stat(&[(0, 25, 275), (2, 250, 150)]));
        let series = watch.finish().unwrap();
        let moment = |from_seconds, to_seconds, busy: [f64; 2]| CpuMoment {
            from_seconds,
            to_seconds,
            busy: busy.to_vec(),
        };
        assert_eq!(series.cpus, [0, 2]);
        assert_eq!(series.moments, [moment(0.0, 1.0, [0.25, 1.0]), moment(1.0, 3.0, [0.0, 0.5])]);
        assert!((series.mean_of(2) - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(series.mean_of(1), 0.0);
    }

    #[test]
    fn a_cpu_that_comes_or_goes_spoils_only_its_moment() {
        let mut watch = CpuWatch::default();
        watch.look(second(0), &stat(&[(0, 0, 0)]));
        watch.look(second(1), &stat(&[(0, 50, 50)]));
        assert_eq!(watch.look(second(2), &stat(&[(0, 100, 100), (1, 0, 0)])), []);
        let both = watch.look(second(3), &stat(&[(0, 200, 100), (1, 0, 100)]));
        assert_eq!(both, [(0, 1.0), (1, 0.0)]);
        assert_eq!(watch.finish().unwrap().moments.len(), 1);
    }

    #[test]
    fn only_a_cpu_at_work_tells_whether_its_frequency_changed() {
        let mut frequencies = Frequencies::default();
        assert_eq!(frequencies.widest(), None);
        // An idle CPU is slow, and cores of two kinds are not a change.
        let busy = [(0, 0.9), (1, 0.01), (2, 0.5)];
        frequencies.note(&busy, [(0, 3000.0), (1, 800.0), (2, 2000.0), (3, 100.0)]);
        frequencies.note(&busy, [(0, 2700.0), (1, 3000.0), (2, 2000.0)]);
        assert_eq!(frequencies.widest(), Some((2700.0, 3000.0)));
        frequencies.note(&[], [(1, 800.0), (1, 3000.0)]);
        assert_eq!(frequencies.widest(), Some((800.0, 3000.0)));
    }

    #[test]
    fn a_kernel_that_tells_nothing_leaves_no_series() {
        let mut watch = CpuWatch::default();
        watch.look(second(0), "");
        watch.look(second(1), "");
        assert_eq!(watch.finish().map(|series| series.cpus), None);
    }
}

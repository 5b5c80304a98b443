//! Where a process really runs: the CPUs that its busy threads may use, which a broker that pins
//! its threads keeps apart from those of the process. Pure: others read the files.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::machine::parse_cpu_list;

/// The busy threads are the fewest that did this part of the work.
const BUSY_PART: f64 = 0.9;

/// One thread of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadUse {
    /// Its id.
    pub id: u32,
    /// CPU time since it started.
    pub cpu: Duration,
    /// The CPUs it may use, as the kernel lists them.
    pub cpus_allowed: String,
}

/// The CPUs that the busy threads of a process may use, as the kernel lists CPUs: of the threads
/// that are there at the end, the fewest that used nine tenths of the CPU time between two looks.
/// None when nothing ran.
pub fn busy_cpus(first: &[ThreadUse], last: &[ThreadUse]) -> Option<String> {
    let before =
        |id: u32| first.iter().find(|one| one.id == id).map_or(Duration::ZERO, |it| it.cpu);
    let used = |thread: &ThreadUse| thread.cpu.saturating_sub(before(thread.id)).as_secs_f64();
    let mut busiest: Vec<(f64, &ThreadUse)> = last.iter().map(|one| (used(one), one)).collect();
    busiest.sort_by(|one, other| other.0.total_cmp(&one.0));
    let wanted = BUSY_PART * busiest.iter().map(|(used, _)| used).sum::<f64>();
    let mut cpus = BTreeSet::new();
    let mut found = 0.0;
    for (used, thread) in busiest {
        if found >= wanted {
            break;
        }
        found += used;
        cpus.extend(parse_cpu_list(&thread.cpus_allowed)?);
    }
    (!cpus.is_empty()).then(|| list(&cpus))
}

/// In words, both where they differ: `process 0-1; busy threads 0`.
pub fn describe(process: &str, busy: Option<&str>) -> String {
    match busy {
        Some(busy) if busy != process => format!("process {process}; busy threads {busy}"),
        Some(_) | None => process.to_owned(),
    }
}

/// A set of CPUs as the kernel writes it: `0,2-4`.
fn list(cpus: &BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let text = |&(first, last): &(usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(id: u32, cpu_ms: u64, cpus_allowed: &str) -> ThreadUse {
        ThreadUse { id, cpu: Duration::from_millis(cpu_ms), cpus_allowed: cpus_allowed.to_owned() }
    }

    #[track_caller]
    fn check(first: &[ThreadUse], last: &[ThreadUse], expected: Option<&str>) {
        assert_eq!(busy_cpus(first, last).as_deref(), expected);
    }

    #[test]
    fn a_pinned_shard_counts_and_its_idle_neighbours_do_not() {
        let first = [thread(1, 500, "0-1"), thread(2, 100, "0"), thread(3, 900, "1")];
        let last = [thread(1, 510, "0-1"), thread(2, 1100, "0"), thread(3, 910, "1")];
        check(&first, &last, Some("0"));
    }

    #[test]
    fn threads_that_share_the_work_count_together() {
        let last = [thread(1, 400, "0"), thread(2, 400, "2"), thread(3, 400, "3-4")];
        check(&[], &last, Some("0,2-4"));
    }

    #[test]
    fn a_thread_that_began_between_the_looks_counts_from_its_start() {
        let first = [thread(1, 1000, "0")];
        check(&first, &[thread(1, 1000, "0"), thread(9, 50, "5")], Some("5"));
    }

    #[test]
    fn idle_processes_and_lists_that_are_none_say_nothing() {
        check(&[], &[], None);
        check(&[thread(1, 7, "0")], &[thread(1, 7, "0")], None);
        check(&[], &[thread(1, 7, "")], None);
    }

    #[test]
    fn both_are_told_where_they_differ() {
        assert_eq!(describe("0-1", Some("0")), "process 0-1; busy threads 0");
        assert_eq!((describe("0", Some("0")), describe("0-1", None)), ("0".into(), "0-1".into()));
    }
}

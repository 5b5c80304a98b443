//! Which CPUs the shards run on: all that this process may use, a number of them, or a list.

use std::collections::BTreeSet;

/// Node ids are `1000 * broker id + shard`, so a broker has at most this many cores.
pub const CORES_MAX: usize = 1000;

/// Highest CPU number that a list may name, plus one. It bounds the memory a list can take.
const CPUS_MAX: usize = 4096;

/// The operator's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoreChoice {
    /// Every CPU this process may run on.
    All,
    /// The first so many of them.
    Count(usize),
    /// These, in this order: shard 0 runs on the first.
    List(Vec<usize>),
}

/// Why a choice cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoresError {
    /// Not `all`, a number, or a list of CPUs and ranges.
    #[error("is not all, a number, or a list such as 0,2-3")]
    Syntax,
    /// No core at all.
    #[error("leaves no core to run on")]
    None,
    /// No core at all, from somebody who may have meant the CPU of this number.
    #[error("is a number of cores, and leaves none to run on")]
    Zero,
    /// A CPU number that no machine has.
    #[error("names CPU {0}, but CPU numbers end at {max}", max = CPUS_MAX - 1)]
    TooHigh(usize),
    /// A CPU that is listed twice.
    #[error("names CPU {0} twice, but a CPU runs one shard")]
    Twice(usize),
    /// More cores than CPUs.
    #[error("asks for {wanted} cores, but this process may run on {allowed} only")]
    TooMany {
        /// Cores asked for.
        wanted: usize,
        /// CPUs allowed.
        allowed: String,
    },
    /// A CPU that this process may not run on.
    #[error("names CPU {cpu}, but this process may run on {allowed} only")]
    NotAllowed {
        /// The CPU.
        cpu: usize,
        /// CPUs allowed.
        allowed: String,
    },
    /// More cores than node ids.
    #[error("makes {0} cores, but a broker has at most {CORES_MAX}")]
    BeyondNodeIds(usize),
}

impl CoresError {
    /// What to try, as an instruction.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooMany { .. } | Self::NotAllowed { .. } => {
                "choose other CPUs, or widen the affinity of the process (taskset, cpuset)"
            }
            Self::Zero => "write 0-0 for CPU 0 alone, or all, or a number of cores from 1",
            Self::Syntax
            | Self::None
            | Self::TooHigh(_)
            | Self::Twice(_)
            | Self::BeyondNodeIds(_) => "write all, a number of cores, or CPUs such as 0,2-3",
        }
    }
}

impl CoreChoice {
    /// Reads `all`, a number of cores, or a list of CPUs and ranges. A single CPU is written as a
    /// range (`2-2`), because `2` is a number of cores.
    pub fn parse(text: &str) -> Result<Self, CoresError> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        if !text.contains([',', '-']) {
            return match number(text)? {
                0 => Err(CoresError::Zero),
                count => Ok(Self::Count(count)),
            };
        }
        let mut cpus = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if last >= CPUS_MAX {
                return Err(CoresError::TooHigh(last));
            }
            if first > last {
                return Err(CoresError::Syntax);
            }
            for cpu in first..=last {
                if cpus.contains(&cpu) {
                    return Err(CoresError::Twice(cpu));
                }
                cpus.push(cpu);
            }
        }
        if cpus.is_empty() { Err(CoresError::None) } else { Ok(Self::List(cpus)) }
    }

    /// The CPU of each shard, among those that this process may run on.
    pub fn select(&self, allowed: &BTreeSet<usize>) -> Result<Vec<usize>, CoresError> {
        let cpus = match self {
            Self::All => allowed.iter().copied().collect(),
            Self::Count(wanted) if *wanted > allowed.len() => {
                let allowed = describe(allowed);
                return Err(CoresError::TooMany { wanted: *wanted, allowed });
            }
            Self::Count(wanted) => allowed.iter().copied().take(*wanted).collect(),
            Self::List(cpus) => {
                if let Some(&cpu) = cpus.iter().find(|cpu| !allowed.contains(cpu)) {
                    return Err(CoresError::NotAllowed { cpu, allowed: describe(allowed) });
                }
                cpus.clone()
            }
        };
        match cpus.len() {
            0 => Err(CoresError::None),
            count if count > CORES_MAX => Err(CoresError::BeyondNodeIds(count)),
            _ => Ok(cpus),
        }
    }
}

fn number(text: &str) -> Result<usize, CoresError> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CoresError::Syntax);
    }
    text.parse().map_err(|_| CoresError::Syntax)
}

/// A set of CPUs in words: `CPUs 0-3, CPU 6`.
fn describe(cpus: &BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let text = |&(first, last): &(usize, usize)| {
        if first == last { format!("CPU {first}") } else { format!("CPUs {first}-{last}") }
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, allowed: &[usize], expected: Result<&[usize], CoresError>) {
        let allowed = allowed.iter().copied().collect();
        let selected = CoreChoice::parse(text).and_then(|choice| choice.select(&allowed));
        assert_eq!(selected, expected.map(<[usize]>::to_vec));
    }

    #[test]
    fn all_takes_every_allowed_cpu() {
        check("all", &[1, 3, 5], Ok(&[1, 3, 5]));
        check("ALL", &[0], Ok(&[0]));
    }

    #[test]
    fn a_number_takes_the_first_allowed_cpus() {
        check("2", &[1, 3, 5], Ok(&[1, 3]));
        check("3", &[1, 3, 5], Ok(&[1, 3, 5]));
    }

    #[test]
    fn a_list_keeps_its_order() {
        check("5, 0-2", &[0, 1, 2, 3, 5], Ok(&[5, 0, 1, 2]));
        check("2-2", &[0, 1, 2], Ok(&[2]));
        check("0-0", &[0, 1, 2], Ok(&[0]));
        check("2,", &[0, 1, 2], Ok(&[2]));
    }

    #[test]
    fn more_cores_than_cpus_are_refused_with_the_cpus_there_are() {
        let allowed = "CPUs 0-1, CPU 4".to_owned();
        check("4", &[0, 1, 4], Err(CoresError::TooMany { wanted: 4, allowed }));
    }

    #[test]
    fn a_cpu_that_is_not_allowed_is_refused() {
        let allowed = "CPUs 0-1".to_owned();
        check("0-2", &[0, 1], Err(CoresError::NotAllowed { cpu: 2, allowed }));
    }

    #[test]
    fn texts_that_choose_nothing_sensible_are_refused() {
        for text in ["", "x", "-1", "1-", "3-2", "0,x", "+2", "99999999999999999999"] {
            check(text, &[0, 1, 2, 3], Err(CoresError::Syntax));
        }
        check(",", &[0], Err(CoresError::None));
        for text in ["0", " 00 "] {
            check(text, &[0], Err(CoresError::Zero));
        }
        check("1,0-2", &[0, 1, 2], Err(CoresError::Twice(1)));
    }

    #[test]
    fn a_huge_range_is_refused_before_it_takes_memory() {
        check("0-4000000000", &[0], Err(CoresError::TooHigh(4_000_000_000)));
    }

    #[test]
    fn a_broker_has_no_more_cores_than_node_ids() {
        let many: Vec<usize> = (0..1001).collect();
        check("all", &many, Err(CoresError::BeyondNodeIds(1001)));
    }
}

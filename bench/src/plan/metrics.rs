//! What a broker counts: its metrics page as numbers, and the difference between two looks.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::distribution::{Distribution, Measured};

const PATIENCE: Duration = Duration::from_secs(10);
/// The largest page.
const BYTES_MAX: u64 = 16 << 20;

/// Sums over all cores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    numbers: BTreeMap<String, f64>,
    /// Upper bound in seconds, as the page writes it, and syncs up to it.
    syncs: Vec<(f64, f64)>,
    version: Option<String>,
}

impl Counts {
    /// Reads the page at HOST:PORT.
    pub fn read(address: &str) -> io::Result<Self> {
        Self::read_within(address, PATIENCE)
    }

    /// The same with another patience, for each of connecting and reading.
    pub fn read_within(address: &str, patience: Duration) -> io::Result<Self> {
        let mut found = Err(io::Error::from(io::ErrorKind::NotFound));
        for one in address.to_socket_addrs()? {
            found = TcpStream::connect_timeout(&one, patience);
            if found.is_ok() {
                break;
            }
        }
        let mut stream = found?;
        stream.set_read_timeout(Some(patience))?;
        // With version 1.0 the answer ends with the connection.
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut text = String::new();
        stream.take(BYTES_MAX).read_to_string(&mut text)?;
        let (head, page) = text.split_once("\r\n\r\n").unwrap_or((text.as_str(), ""));
        if head.lines().next().is_none_or(|line| !line.contains(" 200")) {
            return Err(io::Error::other(format!("the metrics answer {:?}", head.lines().next())));
        }
        Ok(Self::parse(page))
    }

    pub(crate) fn parse(page: &str) -> Self {
        let mut counts = Self::default();
        let mut syncs: Vec<(f64, f64)> = Vec::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (family, labels) = name.split_once('{').unwrap_or((name, ""));
            if family == "corelog_journal_sync_seconds_bucket" {
                let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
                let bound = bound.and_then(|text| text.parse::<f64>().ok());
                // The last bound is infinite: what lies beyond the others is as good as at them.
                let Some(bound) = bound.filter(|bound| bound.is_finite()) else { continue };
                match syncs.iter_mut().find(|(known, _)| known.to_bits() == bound.to_bits()) {
                    Some((_, count)) => *count += value,
                    None => syncs.push((bound, value)),
                }
                continue;
            }
            if family == "corelog_build_info" {
                let version = labels.split("version=\"").nth(1);
                counts.version = version.and_then(|rest| Some(rest.split_once('"')?.0.to_owned()));
            }
            *counts.numbers.entry(family.to_owned()).or_default() += value;
        }
        syncs.sort_by(|one, other| one.0.total_cmp(&other.0));
        counts.syncs = syncs;
        counts
    }

    /// A number by its family; 0 when it is not there.
    pub fn number(&self, family: &str) -> f64 {
        self.numbers.get(family).copied().unwrap_or_default()
    }

    /// The version that the page tells.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The upper bounds of the buckets of syncs in seconds, and how many took no longer.
    pub fn sync_buckets(&self) -> &[(f64, f64)] {
        &self.syncs
    }

    /// What was counted since an earlier look.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let numbers = self.numbers.iter();
        let numbers = numbers.map(|(name, value)| (name.clone(), value - earlier.number(name)));
        let before = |bound: f64| {
            let found = earlier.syncs.iter().find(|(known, _)| known.to_bits() == bound.to_bits());
            found.map_or(0.0, |(_, count)| *count)
        };
        let syncs = self.syncs.iter().map(|(bound, count)| (*bound, count - before(*bound)));
        let version = self.version.clone();
        Self { numbers: numbers.collect(), syncs: syncs.collect(), version }
    }

    /// How long syncs took, as finely as the page's buckets tell.
    pub fn syncs(&self) -> Distribution {
        let total = self.number("corelog_journal_sync_seconds_count").max(1.0);
        let mut points = vec![(0.0, 0.0)];
        for (bound, count) in &self.syncs {
            let part = (count / total).min(1.0);
            if points.last().is_some_and(|last| last.0 < part) {
                points.push((part, *bound));
            }
        }
        let mean_s = self.number("corelog_journal_sync_seconds_sum") / total;
        let mut all =
            Distribution { count: total as u64, mean_s, points, ..Distribution::default() };
        all.p50 = Measured::exact(all.at(0.5));
        all.p99 = Measured::exact(all.at(0.99));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# HELP corelog_fetches Fetches.\n\
        corelog_build_info{version=\"0.1.0\"} 1\n\
        corelog_fetches_total{core=\"0\"} 5\n\
        corelog_fetches_total{core=\"1\"} 7\n\
        corelog_journal_sync_seconds_bucket{core=\"0\",le=\"0.0001\"} 50\n\
        corelog_journal_sync_seconds_bucket{core=\"0\",le=\"0.0002\"} 100\n\
        corelog_journal_sync_seconds_bucket{core=\"0\",le=\"+Inf\"} 100\n\
        corelog_journal_sync_seconds_sum{core=\"0\"} 0.01\n\
        corelog_journal_sync_seconds_count{core=\"0\"} 100\n";

    #[test]
    fn numbers_are_summed_over_cores() {
        let counts = Counts::parse(PAGE);
        assert_eq!(counts.number("corelog_fetches_total"), 12.0);
        assert_eq!(counts.number("nothing"), 0.0);
        assert_eq!(counts.version(), Some("0.1.0"));
        assert_eq!(counts.since(&counts).number("corelog_fetches_total"), 0.0);
    }

    #[test]
    fn syncs_lie_on_lines_between_the_buckets() {
        let syncs = Counts::parse(PAGE).syncs();
        assert!((syncs.at(0.5) - 100e-6).abs() < 1e-9 && (syncs.at(0.75) - 150e-6).abs() < 1e-9);
        assert!((syncs.mean_s - 100e-6).abs() < 1e-9);
    }
}

//! What a broker needs for what it does: CPU time, memory and disk for the payload it takes. The
//! middle of repeats, in the same numbers for a run, a sweep and a comparison. Pure.

use serde::{Deserialize, Serialize};

use crate::result::{BrokerUse, Repeat};
use crate::statistics::spread;

/// What the broker's process used. Of several repeats each number is the middle one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// CPU time of all its threads in each second: 1 is one CPU.
    pub cpus: f64,
    /// Memory at the end.
    pub resident_bytes: f64,
    /// Acknowledged bytes of keys and values for each second of its CPU time.
    pub payload_bytes_per_cpu_second: f64,
    /// Bytes written to disk for each acknowledged byte of keys and values; none where the kernel
    /// does not tell.
    pub write_amplification: Option<f64>,
    /// How often in a second its threads gave up a CPU or lost it.
    pub context_switches_per_second: f64,
}

impl Resources {
    /// Of these repeats; none when the process was looked at in none of them.
    pub fn of<'r>(repeats: impl IntoIterator<Item = &'r Repeat>) -> Option<Self> {
        let looked_at = |repeat: &'r Repeat| Some((repeat.broker.as_ref()?, repeat));
        let used: Vec<(&BrokerUse, &Repeat)> = repeats.into_iter().filter_map(looked_at).collect();
        let middle = |of: &dyn Fn(&BrokerUse) -> Option<f64>| {
            let values: Vec<f64> = used.iter().filter_map(|(broker, _)| of(broker)).collect();
            spread(&values).map(|spread| spread.median)
        };
        let each_second = |of: fn(&BrokerUse) -> f64| {
            let values = used.iter().map(|(broker, repeat)| of(broker) / repeat.measured_seconds);
            spread(&values.collect::<Vec<_>>()).map(|spread| spread.median)
        };
        Some(Self {
            cpus: each_second(|broker| broker.cpu_seconds)?,
            resident_bytes: middle(&|broker| Some(broker.resident_bytes as f64))?,
            payload_bytes_per_cpu_second: middle(&|broker| {
                Some(broker.payload_bytes_per_cpu_second)
            })?,
            write_amplification: middle(&|broker| broker.write_amplification),
            context_switches_per_second: each_second(|broker| broker.context_switches as f64)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::tests::repeat;

    fn used(cpu_seconds: f64, written: Option<f64>) -> Repeat {
        let broker = BrokerUse {
            cpu_seconds,
            resident_bytes: 1 << 20,
            context_switches: 100,
            payload_bytes_per_cpu_second: 1e6 / cpu_seconds,
            write_amplification: written,
            ..BrokerUse::default()
        };
        Repeat { broker: Some(broker), ..repeat(3, 100.0) }
    }

    #[test]
    fn each_number_is_the_middle_of_the_repeats_that_looked() {
        let repeats = [used(1.0, None), used(2.0, Some(1.5)), repeat(3, 1.0), used(4.0, Some(2.5))];
        let expected = Resources {
            cpus: 0.2,
            resident_bytes: f64::from(1 << 20),
            payload_bytes_per_cpu_second: 5e5,
            write_amplification: Some(2.0),
            context_switches_per_second: 10.0,
        };
        assert_eq!(Resources::of(&repeats), Some(expected));
    }

    #[test]
    fn a_process_that_nobody_looked_at_used_nothing_that_is_known() {
        assert_eq!(Resources::of(&[repeat(3, 100.0)]), None);
        assert_eq!(Resources::of(&[used(1.0, None)]).unwrap().write_amplification, None);
    }
}

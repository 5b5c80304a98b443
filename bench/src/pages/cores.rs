//! How busy each CPU was, as a section of the page of a run.

use std::collections::BTreeSet;

use crate::machine::parse_cpu_list;
use crate::report::{Axis, Chart, Item, Section, Series, Style, Unit};
use crate::result::Repeat;

/// No more CPUs are drawn, the busiest first.
const DRAWN_MAX: usize = 32;

/// A line for each CPU, the warm-up included. The page says so where nothing is known.
pub(super) fn cores(repeat: &Repeat) -> Section {
    let title = "CPU per core".to_owned();
    let Some(series) = &repeat.cpus else {
        let what = "How busy each CPU was is not known: the kernel did not tell.";
        return Section { title, text: String::new(), items: vec![Item::Note(what.to_owned())] };
    };
    let mut busiest: Vec<(f64, usize)> =
        series.cpus.iter().enumerate().map(|(place, cpu)| (series.mean_of(*cpu), place)).collect();
    busiest.sort_by(|one, other| other.0.total_cmp(&one.0));
    let line = |(_, place): &(f64, usize)| {
        let point = |moment: &crate::cores::CpuMoment| {
            let middle = f64::midpoint(moment.from_seconds, moment.to_seconds);
            (middle, moment.busy[*place] * 100.0)
        };
        let points = series.moments.iter().map(point).collect();
        Series::new(&name(series.cpus[*place], repeat), Style::Line, points)
    };
    let lines = busiest.iter().take(DRAWN_MAX).map(line).collect();
    let left_out = match busiest.len().saturating_sub(DRAWN_MAX) {
        0 => String::new(),
        count => format!(" The {count} least busy ones are left out."),
    };
    Section {
        title,
        text: format!(
            "Each CPU of the machine of the load, whoever used it. A core of the broker that is \
             always busy is its limit; one of the load is a reason for doubt.{left_out}"
        ),
        items: vec![Item::Chart(Chart::new(
            "CPU of each core second by second, last repeat",
            Axis::linear("Time", Unit::Elapsed),
            Axis::linear("Busy", Unit::Percent),
            lines,
        ))],
    }
}

/// A CPU with whose it is, as far as somebody was pinned to it.
fn name(cpu: usize, repeat: &Repeat) -> String {
    let all = repeat.cpus.as_ref().map_or(0, |series| series.cpus.len());
    let allowed = repeat.broker.as_ref().map(|broker| {
        let list = broker.cpus_busy.as_deref().unwrap_or(&broker.cpus_allowed);
        parse_cpu_list(list).unwrap_or_default().into_iter().collect::<BTreeSet<_>>()
    });
    // Who may run anywhere is nowhere in particular.
    let is_brokers = allowed.is_some_and(|cpus| cpus.len() < all && cpus.contains(&cpu));
    let is_loads = repeat.generator.load_cpus.contains(&cpu);
    match (is_brokers, is_loads) {
        (false, false) => format!("CPU {cpu}"),
        (true, false) => format!("CPU {cpu}, broker"),
        (false, true) => format!("CPU {cpu}, load"),
        (true, true) => format!("CPU {cpu}, both"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cores::{CpuMoment, CpuSeries};
    use crate::result::BrokerUse;
    use crate::result::tests::repeat;

    fn watched() -> Repeat {
        let moment = |second: f64, busy: [f64; 3]| CpuMoment {
            from_seconds: second,
            to_seconds: second + 1.0,
            busy: busy.to_vec(),
        };
        let moments = vec![moment(0.0, [0.5, 0.25, 0.0]), moment(1.0, [1.0, 0.25, 0.0])];
        let mut repeat = repeat(3, 100.0);
        repeat.cpus = Some(CpuSeries { cpus: vec![0, 1, 2], moments });
        repeat.broker = Some(BrokerUse {
            cpus_allowed: "0-2".to_owned(),
            cpus_busy: Some("0".to_owned()),
            ..BrokerUse::default()
        });
        repeat.generator.load_cpus = vec![1];
        repeat
    }

    #[track_caller]
    fn check(repeat: &Repeat, expected: &[(&str, [f64; 2])]) {
        let section = cores(repeat);
        let [Item::Chart(chart)] = section.items.as_slice() else { panic!("{section:?}") };
        let lines = chart.series.iter().map(|line| {
            assert_eq!(line.points.iter().map(|point| point.0).collect::<Vec<_>>(), [0.5, 1.5]);
            (line.name.as_str(), [line.points[0].1, line.points[1].1])
        });
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_cpu_is_a_line_and_says_whose_it_is() {
        let rest = [("CPU 1, load", [25.0, 25.0]), ("CPU 2", [0.0, 0.0])];
        let mut repeat = watched();
        check(&repeat, &[("CPU 0, broker", [50.0, 100.0]), rest[0], rest[1]]);
        // A broker that may run anywhere is nowhere in particular.
        repeat.broker.as_mut().unwrap().cpus_busy = None;
        check(&repeat, &[("CPU 0", [50.0, 100.0]), rest[0], rest[1]]);
        repeat.broker.as_mut().unwrap().cpus_allowed = "1".to_owned();
        check(&repeat, &[("CPU 0", [50.0, 100.0]), ("CPU 1, both", [25.0, 25.0]), rest[1]]);
    }

    #[test]
    fn a_repeat_without_a_series_says_so() {
        let section = cores(&repeat(3, 100.0));
        assert!(matches!(section.items.as_slice(), [Item::Note(_)]), "{section:?}");
    }
}

//! A small histogram of latencies for a terminal: bars over buckets that are equally wide on a
//! logarithmic axis. The axis never moves, so that what is drawn anew can be compared by eye.

use std::time::Duration;

use corelog_bench::latency::Latency;

/// The axis begins here, and has so many decades.
const FROM: Duration = Duration::from_micros(10);
const DECADES: u32 = 6;
/// Names of the decades' ends; the last bucket also holds what is longer.
const NAMES: [&str; 7] = ["10us", "100us", "1ms", "10ms", "100ms", "1s", "10s"];
/// Buckets of a decade, each a column.
const BUCKETS: u32 = 8;
/// Lines of the highest bar.
const LINES: usize = 4;
/// From an eighth of a line to a whole one.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The bars from the top, and the axis below them. Every bucket that holds a value has at least an
/// eighth of a line, so that the few that wait long are seen.
pub(super) fn drawing(latency: &Latency) -> Vec<String> {
    let heights = heights(&parts(latency));
    let line = |line: usize| {
        let below = (LINES - 1 - line) * BARS.len();
        let column = |height: &usize| match height.saturating_sub(below).min(BARS.len()) {
            0 => ' ',
            eighths => BARS[eighths - 1],
        };
        heights.iter().map(column).collect::<String>().trim_end().to_owned()
    };
    let mut lines: Vec<String> = (0..LINES).map(line).collect();
    lines.push(axis());
    lines
}

/// Which part of all lies in each bucket. What is shorter than the axis is in the first one.
fn parts(latency: &Latency) -> Vec<f64> {
    let count = (DECADES * BUCKETS) as usize;
    if latency.count() == 0 {
        return vec![0.0; count];
    }
    let end = |bucket: usize| {
        if bucket + 1 == count {
            return 1.0;
        }
        let decades = (bucket + 1) as f64 / f64::from(BUCKETS);
        latency.part_within(FROM.mul_f64(10_f64.powf(decades)))
    };
    let ends: Vec<f64> = (0..count).map(end).collect();
    let begins = std::iter::once(0.0).chain(ends.iter().copied());
    ends.iter().zip(begins).map(|(end, begin)| (end - begin).max(0.0)).collect()
}

/// In eighths of a line; the largest part fills all lines.
fn heights(parts: &[f64]) -> Vec<usize> {
    let largest = parts.iter().copied().fold(0.0, f64::max);
    let full = (LINES * BARS.len()) as f64;
    let height = |part: &f64| match *part {
        // Differences of parts that are equal are not always zero.
        part if part < 1e-12 => 0,
        part => ((part / largest * full).round() as usize).max(1),
    };
    parts.iter().map(height).collect()
}

fn axis() -> String {
    let mut axis = String::new();
    for (decade, name) in NAMES.iter().enumerate() {
        let place = decade * BUCKETS as usize;
        axis.extend(std::iter::repeat_n(' ', place.saturating_sub(axis.len())));
        axis.push_str(name);
    }
    axis
}

#[cfg(test)]
mod tests {
    use corelog_bench::latency::Digits;

    use super::*;

    #[track_caller]
    fn check(values: &[(Duration, u64)], expected: [&str; LINES]) {
        let mut latency = Latency::new(Digits::Two);
        for (value, count) in values {
            (0..*count).for_each(|_| latency.record(*value));
        }
        let found = drawing(&latency);
        assert_eq!(found[..LINES], expected, "{}", found.join("\n"));
        assert_eq!(found[LINES], "10us    100us   1ms     10ms    100ms   1s      10s");
    }

    #[test]
    fn bars_stand_in_their_decade_and_the_largest_fills_all_lines() {
        let (one, ten) = (Duration::from_micros(1100), Duration::from_millis(11));
        check(
            &[(one, 100), (ten, 50)],
            [
                "                █",
                "                █",
                "                █       █",
                "                █       █",
            ],
        );
    }

    #[test]
    fn a_single_message_that_waited_long_is_seen() {
        let (one, second) = (Duration::from_micros(1100), Duration::from_millis(1100));
        check(
            &[(one, 100_000), (second, 1)],
            [
                "                █",
                "                █",
                "                █",
                "                █                       ▁",
            ],
        );
    }

    #[test]
    fn what_lies_beyond_the_axis_is_at_its_ends_and_nothing_is_no_bar() {
        let beyond = [(Duration::from_nanos(1), 1), (Duration::from_secs(1000), 1)];
        let row = format!("█{}█", " ".repeat(46));
        check(&beyond, [&row; LINES]);
        check(&[], [""; LINES]);
    }
}

//! What a run is at, while it runs: a line with a histogram of its last second below it, drawn anew
//! on a terminal, and one line a second elsewhere. On standard error, as all progress.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use corelog_bench::result::LoopKind;
use corelog_bench::run::{Moment, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::histogram::drawing;
use super::report::{bytes, duration};

/// The line, and the histogram below it.
const TEMPLATE: &str = "{spinner} {wide_msg}\n{prefix}";

/// Shows moments.
pub(super) enum Live {
    Silent,
    Lines,
    Redrawn(ProgressBar),
}

impl Live {
    pub(super) fn silent() -> Self {
        Self::Silent
    }

    pub(super) fn on_stderr() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines;
        }
        let style = ProgressStyle::with_template(TEMPLATE);
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self::Redrawn(bar.with_style(style.expect("the template is a constant checked by a test")))
    }

    pub(super) fn show(&mut self, moment: &Moment<'_>) {
        match self {
            Self::Silent => {}
            Self::Lines => eprintln!("{}", line(moment)),
            Self::Redrawn(bar) => {
                bar.set_message(line(moment));
                bar.set_prefix(histogram(moment));
                bar.tick();
            }
        }
    }

    /// Shows a sentence that stays.
    pub(super) fn say(&mut self, sentence: &str) {
        match self {
            Self::Silent => {}
            Self::Lines => eprintln!("{sentence}"),
            Self::Redrawn(bar) => bar.println(sentence),
        }
    }

    pub(super) fn clear(&mut self) {
        if let Self::Redrawn(bar) = self {
            bar.finish_and_clear();
            // The next run draws on a bar of its own.
            *self = Self::on_stderr();
        }
    }
}

/// The produce latencies of the last second; nothing while there are none to come.
fn histogram(moment: &Moment<'_>) -> String {
    match moment.phase {
        Phase::Preparing => String::new(),
        Phase::WarmUp | Phase::Measuring | Phase::Draining => {
            let lines = drawing(&moment.part.produce);
            lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
        }
    }
}

fn line(moment: &Moment<'_>) -> String {
    let counts = &moment.part.counts;
    let repeat = match moment.repeats {
        1 => String::new(),
        repeats => format!(" {}/{repeats}", moment.repeat),
    };
    if moment.phase == Phase::Preparing {
        let filled = bytes(counts.sent_bytes as f64);
        return format!("{}{repeat}  filling the topic: {filled}", moment.target);
    }
    let closed = match moment.loop_kind {
        LoopKind::Open => "",
        LoopKind::Closed => "CLOSED LOOP ",
    };
    let phase = match moment.phase {
        Phase::Preparing => "prepares",
        Phase::WarmUp => "warms up",
        Phase::Measuring => "measures",
        Phase::Draining => "waits for the last answers",
    };
    let seconds = moment.lasted.as_secs_f64().max(1e-3);
    let each_second = |count: u64| format!("{:.0}/s", count as f64 / seconds);
    let produce = &moment.part.produce;
    let mut line = format!(
        "{}{repeat}  {closed}{phase} {:.0}/{:.0} s  sent {} acked {} {}/s  \
         p50 {} p99 {} max {}  lag {}",
        moment.target,
        moment.elapsed.as_secs_f64(),
        moment.length.as_secs_f64(),
        each_second(counts.sent),
        each_second(counts.acknowledged),
        bytes(counts.sent_bytes as f64 / seconds),
        duration(produce.quantile(0.5)),
        duration(produce.quantile(0.99)),
        duration(produce.max()),
        duration(std::time::Duration::from_nanos(counts.lag_max_ns)),
    );
    let end_to_end = &moment.part.end_to_end;
    if counts.received > 0 {
        let _ = write!(line, "  e2e p99 {}", duration(end_to_end.quantile(0.99)));
    }
    if counts.caught_up_bytes > 0 {
        let _ = write!(line, "  catch-up {}/s", bytes(counts.caught_up_bytes as f64 / seconds));
    }
    if counts.failed > 0 {
        let _ = write!(line, "  FAILED {}", counts.failed);
    }
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use corelog_bench::series::Part;

    use super::*;

    #[test]
    fn a_line_has_rate_latency_and_lag() {
        let mut part = Part::default();
        part.counts.sent = 2000;
        part.counts.acknowledged = 1000;
        part.counts.sent_bytes = 2 << 20;
        part.counts.lag_max_ns = 60_000;
        part.produce.record(Duration::from_millis(3));
        let moment = moment(&part);
        let line = line(&moment);
        for expected in
            ["a 2/3  CLOSED LOOP", "measures 7/35 s", "sent 1000/s", "acked 500/s", "lag 60 us"]
        {
            assert!(line.contains(expected), "{expected:?} is missing in {line:?}");
        }
        assert!(!line.contains("e2e") && !line.contains("FAILED"), "{line}");
    }

    fn moment(part: &Part) -> Moment<'_> {
        Moment {
            target: "a",
            loop_kind: LoopKind::Closed,
            repeat: 2,
            repeats: 3,
            phase: Phase::Measuring,
            elapsed: Duration::from_secs(7),
            length: Duration::from_secs(35),
            lasted: Duration::from_secs(2),
            part,
        }
    }

    #[test]
    fn the_histogram_is_as_high_before_the_first_answer_as_after_it() {
        let (empty, mut full) = (Part::default(), Part::default());
        full.produce.record(Duration::from_millis(3));
        let lines = |part: &Part| histogram(&moment(part)).lines().count();
        assert_eq!((lines(&empty), lines(&full)), (5, 5));
        let preparing = Moment { phase: Phase::Preparing, ..moment(&full) };
        assert_eq!(histogram(&preparing), "");
    }

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}

//! Progress of long work: a bar on standard error when that is a terminal, nothing otherwise.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is counted, and so how amounts and speeds are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Records, partitions, files.
    Count,
    /// Bytes, written as KiB, MiB and so on.
    Bytes,
}

/// One piece of long work. The bar is removed when this is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Starts work of a known size. `what` stands in front of the bar.
    pub fn start(what: &'static str, total: u64, unit: Unit) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target)
            .with_style(style(unit))
            .with_message(what);
        Self { bar }
    }

    /// Counts finished work. More than the total is allowed: the bar then stays full.
    pub fn advance(&self, amount: u64) {
        self.bar.inc(amount);
    }

    /// How much is finished.
    pub fn done(&self) -> u64 {
        self.bar.position()
    }

    /// Whether a bar is drawn.
    pub fn is_visible(&self) -> bool {
        !self.bar.is_hidden()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(unit: Unit) -> ProgressStyle {
    let template = match unit {
        Unit::Count => "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
        Unit::Bytes => {
            "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}"
        }
    };
    ProgressStyle::with_template(template).expect("the template is a constant checked by a test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_valid() {
        style(Unit::Count);
        style(Unit::Bytes);
    }

    #[test]
    fn work_is_counted_without_a_terminal() {
        let bar = ProgressBar::with_draw_target(Some(10), ProgressDrawTarget::hidden());
        let progress = Progress { bar };
        progress.advance(3);
        progress.advance(4);
        assert_eq!((progress.done(), progress.is_visible()), (7, false));
    }
}

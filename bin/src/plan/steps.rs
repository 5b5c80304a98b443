//! What long work is at: one line that is drawn anew on a terminal, a line for each step elsewhere.
//! On standard error, as all progress.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows steps.
pub(super) enum Steps {
    Silent,
    Lines,
    Redrawn(ProgressBar),
}

impl Steps {
    pub(super) fn new(is_quiet: bool) -> Self {
        if is_quiet {
            return Self::Silent;
        }
        if !io::stderr().is_terminal() {
            return Self::Lines;
        }
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len} {wide_msg}");
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        Self::Redrawn(bar.with_style(style.expect("the template is a constant checked by a test")))
    }

    /// A step begins.
    pub(super) fn show(&self, number: u32, of: u32, name: &str) {
        match self {
            Self::Silent => {}
            Self::Lines => eprintln!("{number}/{of} {name}"),
            Self::Redrawn(bar) => {
                bar.set_length(u64::from(of));
                bar.set_position(u64::from(number));
                bar.set_message(name.to_owned());
            }
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Self::Redrawn(bar) = self {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid_and_steps_are_counted() {
        assert!(ProgressStyle::with_template("{bar:20} {pos}/{len} {wide_msg}").is_ok());
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::hidden());
        let steps = Steps::Redrawn(bar.clone());
        steps.show(3, 7, "a step");
        assert_eq!((bar.position(), bar.length()), (3, Some(7)));
    }
}

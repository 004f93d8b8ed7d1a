//! A bar or a spinner on standard error, while something takes long. Where standard error is no terminal, nothing is
//! drawn.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Cleared from the terminal when dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// For work on a known number of keys.
    pub fn of_keys(what: &'static str, total: u64) -> Self {
        Progress::new(what, total, "{msg} [{wide_bar}] {pos}/{len} keys, {eta} left")
    }

    /// For work on files of a known size.
    pub fn of_bytes(what: &'static str, total: u64) -> Self {
        Progress::new(what, total, "{msg} [{wide_bar}] {bytes}/{total_bytes}, {eta} left")
    }

    fn new(what: &'static str, total: u64, template: &str) -> Self {
        let bar = ProgressBar::new(total).with_message(what);
        // A template that is none is a mistake that the test on a terminal would show; the default style does, too.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.tick();
        Progress(bar)
    }

    /// For work that does not tell how far it is.
    pub fn unknown(what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.tick();
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    pub fn set(&self, done: u64, total: u64) {
        self.0.set_length(total.max(done));
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

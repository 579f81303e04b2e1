//! How long each step of the demonstration takes.

use std::time::Instant;

use serde::Serialize;

/// A step and its time.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What was done.
    pub what: String,
    /// How often.
    pub count: usize,
    /// How long it took altogether.
    pub ms: f64,
    /// Whether plugins were prepared: a repository that stays keeps what came of it.
    pub is_preparation: bool,
}

/// Measures one step after another.
pub struct Stopwatch {
    began: Instant,
    last: Instant,
    steps: Vec<Step>,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        let now = Instant::now();
        Self { began: now, last: now, steps: Vec::new() }
    }

    /// Ends a step of the story; the next one begins.
    pub fn lap(&mut self, what: &str, count: usize) {
        let now = Instant::now();
        let ms = now.duration_since(self.last).as_secs_f64() * 1_000.0;
        self.steps.push(Step { what: what.to_owned(), count, ms, is_preparation: false });
        self.last = now;
    }

    /// Ends a step that prepared plugins.
    pub fn prepared(&mut self, what: &str, count: usize) {
        self.lap(what, count);
        if let Some(step) = self.steps.last_mut() {
            step.is_preparation = true;
        }
    }

    /// The steps, and the time since the start in milliseconds.
    pub fn stop(self) -> (Vec<Step>, f64) {
        (self.steps, self.began.elapsed().as_secs_f64() * 1_000.0)
    }
}

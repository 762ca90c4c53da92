//! Time as a parameter.

use std::time::{Duration, Instant, SystemTime};

use sessionmint_oauth::Timestamp;

/// What time it is. Tests supply a clock that they move.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, for the times in tokens.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, never going backwards, for ages and pauses.
    fn monotonic(&self) -> Duration;
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that the others ask"
    )]
    fn default() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that the others ask"
    )]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

//! The pause after failures that all keys share: one service answers all of them.

use crate::event::Problem;
use crate::rules::{BACK_OFF_FIRST, BACK_OFF_FLOOR, BACK_OFF_MAX, ONLINE_SPREAD, RETRY_AFTER_MAX};
use crate::time::Now;

/// Failures in a row, and when the next try is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackOff {
    /// What failed last. Never `None` while failing.
    pub(crate) problem: Option<Problem>,
    pub(crate) failures: u32,
    /// Monotonic time of the last failure that counted.
    pub(crate) failed_at: u64,
    /// The machine's attention count at the last failure.
    pub(crate) attention: u32,
    /// Monotonic time before which nothing is tried.
    pub(crate) until: u64,
    /// The server named the time, so coming online does not shorten it.
    told_by_server: bool,
}

impl BackOff {
    pub(crate) const NONE: Self = Self {
        problem: None,
        failures: 0,
        failed_at: 0,
        attention: 0,
        until: 0,
        told_by_server: false,
    };

    /// Counts a failure of a mint sent at `started`. Mints of several keys that were in the air together and fail
    /// together are one outage, so those sent before the last counted failure do not lengthen the pause.
    pub(crate) fn failed(
        &mut self,
        problem: Problem,
        started: u64,
        retry_after: Option<u64>,
        now: Now,
    ) {
        let counts = self.failures == 0 || started > self.failed_at;
        self.problem = Some(problem);
        if counts {
            let bound = (BACK_OFF_FIRST << self.failures.min(10)).min(BACK_OFF_MAX);
            self.failures = self.failures.saturating_add(1);
            self.failed_at = now.mono;
            self.until = now
                .mono
                .saturating_add(BACK_OFF_FLOOR)
                .saturating_add(now.share(bound));
            self.told_by_server = false;
        }
        if let Some(wait) = retry_after {
            let until = now.mono.saturating_add(wait.min(RETRY_AFTER_MAX));
            self.until = self.until.max(until);
            self.told_by_server = true;
        }
    }

    /// Another tab failed: its pause is this one's too, and so is the failure where it keeps this one from a token that it
    /// `needs`. Else nothing would end it: who needs no token does not try.
    pub(crate) fn share_failure(
        &mut self,
        problem: Problem,
        pause: u64,
        told: bool,
        needs: bool,
        now: Now,
    ) {
        self.problem = Some(problem);
        self.failures = self.failures.max(u32::from(needs));
        self.failed_at = now.mono;
        let until = now.mono.saturating_add(pause.min(RETRY_AFTER_MAX));
        self.until = self.until.max(until);
        self.told_by_server |= told;
    }

    /// Whether the server named the time of the next try.
    pub(crate) const fn is_told(&self) -> bool {
        self.told_by_server
    }

    /// Milliseconds until the next try may start; 0 when it may start now.
    pub(crate) const fn left(&self, mono: u64) -> u64 {
        self.until.saturating_sub(mono)
    }

    /// The network is back: try soon, spread out.
    pub(crate) fn shorten(&mut self, now: Now) {
        if !self.told_by_server {
            // Not sooner after a failure than any other try, however often a flapping network says that it is back.
            let soon = (now.mono + now.share(ONLINE_SPREAD)).max(self.failed_at + BACK_OFF_FLOOR);
            self.until = self.until.min(soon);
        }
    }
}

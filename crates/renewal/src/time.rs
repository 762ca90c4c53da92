//! Time as the machine sees it: two clocks at once, and a die.
//!
//! The monotonic clock cannot be set but may stand still while a device sleeps. The wall clock runs on through sleep
//! but may be set by an hour at any moment. So a deadline is a pair, and has passed as soon as either clock says so.

/// What the clocks say when an event happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back (`performance.now()`), from any origin.
    pub mono: u64,
    /// Milliseconds since 1970 of a clock that may be set (`Date.now()`).
    pub wall: u64,
    /// A fresh uniform random number, for jitter.
    pub dice: u32,
}

impl Now {
    /// Both clocks without the die.
    #[must_use]
    pub const fn clocks(self) -> Clocks {
        Clocks {
            mono: self.mono,
            wall: self.wall,
        }
    }

    /// A random share of `span`, from zero to just below it.
    pub(crate) const fn share(self, span: u64) -> u64 {
        (span.saturating_mul(self.dice as u64)) >> 32
    }
}

/// A reading of both clocks, or a deadline on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Milliseconds on the monotonic clock.
    pub mono: u64,
    /// Milliseconds on the wall clock.
    pub wall: u64,
}

impl Clocks {
    /// The deadline `span` milliseconds after this reading.
    #[must_use]
    pub const fn after(self, span: u64) -> Self {
        Self {
            mono: self.mono.saturating_add(span),
            wall: self.wall.saturating_add(span),
        }
    }

    /// The reading `span` milliseconds before this one.
    pub(crate) const fn before(self, span: u64) -> Self {
        Self {
            mono: self.mono.saturating_sub(span),
            wall: self.wall.saturating_sub(span),
        }
    }

    /// The deadline at the wall clock `wall`, seen from this reading.
    pub(crate) const fn until(self, wall: u64) -> Self {
        self.after(wall.saturating_sub(self.wall))
    }

    /// Whether this deadline has passed on either clock.
    #[must_use]
    pub const fn passed(self, now: Self) -> bool {
        now.mono >= self.mono || now.wall >= self.wall
    }

    /// Milliseconds from this reading to `now`, on the clock that says more: sleep stops one, a correction of the
    /// time of day may turn back the other.
    pub(crate) fn age(self, now: Self) -> u64 {
        let mono = now.mono.saturating_sub(self.mono);
        let wall = now.wall.saturating_sub(self.wall);
        mono.max(wall)
    }
}

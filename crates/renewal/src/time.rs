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

    /// The same, but late rather than early: the last sixth is as likely as all before it together, and so on down. The first
    /// of many who draw is so on its own for a while, however many there are, and the others hear of it before their turn;
    /// with [`Now::share`] the second follows at once.
    pub(crate) fn late_share(self, span: u64) -> u64 {
        // The low bits say which sixth, the high ones where in it.
        let before_last = u64::from(self.dice.trailing_zeros()).min(5);
        (span.saturating_mul(5 - before_last) + self.share(span)) / 6
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1,000 rounds of 19 who draw from 400, how many have a second within 4 of the first.
    fn collisions(draw: impl Fn(Now) -> u64) -> usize {
        let mut state = 1_u64;
        let mut dice = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            u32::try_from((state ^ (state >> 29)) >> 32).unwrap()
        };
        let mut round = || {
            let mut drawn: [u64; 19] = core::array::from_fn(|_| {
                draw(Now {
                    mono: 0,
                    wall: 0,
                    dice: dice(),
                })
            });
            drawn.sort_unstable();
            assert!(drawn.iter().all(|&share| share < 400));
            drawn[1] - drawn[0] <= 4
        };
        (0..1000).filter(|_| round()).count()
    }

    #[test]
    fn the_first_of_many_late_shares_is_on_its_own() {
        let late = collisions(|now| now.late_share(400));
        assert!(late < 80, "{late} of 1,000");
        assert!(collisions(|now| now.share(400)) > 2 * late);
    }
}

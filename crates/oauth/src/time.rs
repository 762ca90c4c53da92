//! Points in time, as parameters.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC. May be negative; arithmetic saturates, so a clock that jumps cannot panic.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch, saturating.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: the form of `iat` and `exp` (RFC 7519 §2, NumericDate).
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// `secs` seconds later, saturating.
    pub const fn plus_secs(self, secs: u64) -> Self {
        Self(self.0.saturating_add(millis(secs)))
    }

    /// `secs` seconds earlier, saturating.
    pub const fn minus_secs(self, secs: u64) -> Self {
        Self(self.0.saturating_sub(millis(secs)))
    }

    /// Whole seconds from `earlier` to `self`, rounded down; zero when `earlier` is not earlier.
    pub const fn secs_since(self, earlier: Self) -> u64 {
        let millis = self.0.saturating_sub(earlier.0);
        if millis <= 0 {
            0
        } else {
            (millis / 1000) as u64
        }
    }
}

/// Seconds in milliseconds, saturating.
const fn millis(secs: u64) -> i64 {
    if secs > (i64::MAX / 1000) as u64 {
        i64::MAX
    } else {
        secs as i64 * 1000
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_on_both_sides_of_the_epoch() {
        assert_eq!(Timestamp::from_millis(1999).secs(), 1);
        assert_eq!(Timestamp::from_millis(-1).secs(), -1);
    }

    #[test]
    fn system_times_on_both_sides_of_the_epoch_are_converted() {
        let at = Duration::from_millis(1999);
        assert_eq!(Timestamp::from(UNIX_EPOCH + at).millis(), 1999);
        assert_eq!(Timestamp::from(UNIX_EPOCH - at).millis(), -1999);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(
            Timestamp::from_millis(i64::MAX)
                .plus_secs(u64::MAX)
                .millis(),
            i64::MAX
        );
        assert_eq!(
            Timestamp::from_millis(i64::MIN)
                .minus_secs(u64::MAX)
                .millis(),
            i64::MIN
        );
        assert_eq!(
            Timestamp::from_secs(1).secs_since(Timestamp::from_secs(5)),
            0
        );
    }
}

//! Where the service gets the time. Everything else takes it as a parameter.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use sessionmint_oauth::Timestamp;
use sessionmint_oauth::jwt::MAX_LEEWAY_SECS;

/// A source of the time of day.
pub trait Clock: Send + Sync {
    /// The time now. May jump in both directions.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the time of day"
    )]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

/// A clock that stands still until it is moved: for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.millis()))
    }

    /// Moves the clock by `secs` seconds, backwards if negative.
    pub fn advance_secs(&self, secs: i64) {
        self.0
            .fetch_add(secs.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Notices that the clock of another instance is ahead of this one's by more than verifiers forgive.
#[derive(Debug)]
pub(crate) struct Skew {
    told_at: AtomicI64,
}

impl Skew {
    pub(crate) const fn new() -> Self {
        Self {
            told_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Holds the time at which something stored began against the time here; says so once a minute if that is to come.
    pub(crate) fn look(&self, began: Timestamp, now: Timestamp) {
        const PAUSE_MILLIS: u64 = 60_000;
        if began <= now.plus_secs(MAX_LEEWAY_SECS) {
            return;
        }
        let told_at = self.told_at.load(Ordering::Relaxed);
        if now.millis().abs_diff(told_at) < PAUSE_MILLIS {
            return;
        }
        self.told_at.store(now.millis(), Ordering::Relaxed);
        tracing::warn!(
            behind_secs = began.secs_since(now),
            "a session begins in the future: this clock was set back or is behind that of another instance, and tokens \
             that are minted there are refused by whoever goes by the time here"
        );
    }
}

/// RFC 3339 in UTC, to the second.
pub fn utc(at: Timestamp) -> String {
    let (days, secs) = (at.secs().div_euclid(86_400), at.secs().rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        secs / 3600,
        secs / 60 % 60,
        secs % 60
    )
}

/// RFC 3339 in UTC, to the millisecond.
pub fn utc_millis(at: Timestamp) -> String {
    let millis = at.millis().rem_euclid(1000);
    format!("{}.{millis:03}Z", utc(at).trim_end_matches('Z'))
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years here begin in March, so that
/// the leap day is the last; 719468 days lie between 0000-03-01 and 1970-01-01, 146097 make 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::from_secs(100));
        clock.advance_secs(-30);
        assert_eq!(clock.now(), Timestamp::from_secs(70));
        clock.set(Timestamp::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_secs(5));
    }

    #[test]
    fn the_system_clock_is_past_2020() {
        assert!(SystemClock.now() > Timestamp::from_secs(1_577_836_800));
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(Timestamp::from_secs(secs)), text);
        }
        let before = utc_millis(Timestamp::from_millis(-1));
        assert_eq!(before, "1969-12-31T23:59:59.999Z");
    }
}

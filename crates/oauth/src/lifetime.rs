//! When a session is over.
//!
//! Two clocks run. The absolute end is fixed at sign-in. The idle clock starts anew with the user's input, as the client
//! reports it, and never with a renewal in the background. Input is written down only when it moves the stored value by
//! a tenth of the idle timeout, so that a mint is seldom a write; the check allows that tenth in return.

use crate::Timestamp;

/// A token that would live shorter than this is not worth minting: the session counts as over.
pub const MIN_REMAINING_SECS: u64 = 5;

/// What the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Seconds without user input after which a session is over.
    pub idle_secs: u64,
}

impl SessionPolicy {
    /// A tenth of the idle timeout in milliseconds: how much of the user's activity may be known to the browser alone.
    fn slack_millis(self) -> i64 {
        i64::try_from(self.idle_secs.saturating_mul(100)).unwrap_or(i64::MAX)
    }

    /// The stored activity at or before which a session is idle at `now`.
    pub fn idle_before(self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(
            now.minus_secs(self.idle_secs)
                .millis()
                .saturating_sub(self.slack_millis()),
        )
    }
}

/// The times of a session, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// Last known user input.
    pub last_activity: Timestamp,
    /// Nothing is minted at or after this.
    pub absolute_end: Timestamp,
}

impl SessionTimes {
    /// Whole seconds that the session has left until its absolute end, or `None` when it is over at `now`, by either
    /// clock. A stored activity in the future (a clock was set back) counts as now.
    pub fn remaining_secs(&self, policy: SessionPolicy, now: Timestamp) -> Option<u64> {
        let idle = self.last_activity <= policy.idle_before(now);
        let remaining =
            u64::try_from(self.absolute_end.secs().saturating_sub(now.secs())).unwrap_or(0);
        (!idle && remaining >= MIN_REMAINING_SECS).then_some(remaining)
    }

    /// What to store as the last activity when the client reports input `idle_for` seconds ago; `None` when that does
    /// not move the stored value by a tenth of the idle timeout.
    pub fn activity_to_store(
        &self,
        idle_for: u64,
        policy: SessionPolicy,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let reported = now.minus_secs(idle_for);
        let moves_by = reported
            .millis()
            .saturating_sub(self.last_activity.millis());
        (moves_by > 0 && moves_by >= policy.slack_millis()).then_some(reported)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: SessionPolicy = SessionPolicy { idle_secs: 3600 };

    fn session(last_activity: i64, absolute_end: i64) -> SessionTimes {
        SessionTimes {
            last_activity: Timestamp::from_secs(last_activity),
            absolute_end: Timestamp::from_secs(absolute_end),
        }
    }

    #[test]
    fn c015_an_idle_session_is_over_after_the_timeout_and_its_tenth() {
        let times = session(0, 86_400);
        assert_eq!(
            times.remaining_secs(POLICY, Timestamp::from_secs(3959)),
            Some(86_400 - 3959)
        );
        assert_eq!(
            times.remaining_secs(POLICY, Timestamp::from_secs(3960)),
            None
        );
    }

    #[test]
    fn c016_the_absolute_end_holds_whatever_the_activity() {
        let times = session(86_399, 86_400);
        assert_eq!(
            times.remaining_secs(POLICY, Timestamp::from_secs(86_395)),
            Some(5)
        );
        assert_eq!(
            times.remaining_secs(POLICY, Timestamp::from_secs(86_396)),
            None
        );
        assert_eq!(
            times.remaining_secs(POLICY, Timestamp::from_secs(90_000)),
            None
        );
    }

    #[test]
    fn activity_is_stored_in_steps_of_a_tenth() {
        let times = session(1000, 86_400);
        let now = Timestamp::from_secs(1400);
        assert_eq!(times.activity_to_store(0, POLICY, now), Some(now));
        assert_eq!(
            times.activity_to_store(40, POLICY, now),
            Some(Timestamp::from_secs(1360))
        );
        assert_eq!(times.activity_to_store(41, POLICY, now), None);
        assert_eq!(times.activity_to_store(u64::MAX, POLICY, now), None);
    }

    proptest! {
        #[test]
        fn a_user_who_keeps_typing_is_never_signed_out(steps in proptest::collection::vec(1_u64..=3600, 1..20)) {
            let mut times = session(0, i64::MAX / 2000);
            let mut now = Timestamp::from_secs(0);
            for step in steps {
                now = now.plus_secs(step);
                prop_assert!(times.remaining_secs(POLICY, now).is_some());
                if let Some(stored) = times.activity_to_store(0, POLICY, now) {
                    times.last_activity = stored;
                }
            }
        }

        #[test]
        fn no_clock_makes_it_panic(last: i64, end: i64, now: i64, idle_for: u64, idle_secs: u64) {
            let times = SessionTimes {
                last_activity: Timestamp::from_millis(last),
                absolute_end: Timestamp::from_millis(end),
            };
            let (policy, now) = (SessionPolicy { idle_secs }, Timestamp::from_millis(now));
            let _ = times.remaining_secs(policy, now);
            if let Some(stored) = times.activity_to_store(idle_for, policy, now) {
                prop_assert!(stored > times.last_activity && stored <= now);
            }
        }
    }
}

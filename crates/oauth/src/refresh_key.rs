//! The timetable of the keys of refresh tokens.
//!
//! A version is in use from the moment it is stored; an instance that does not know it yet reads it when it meets a token of
//! it. What derives successors is destroyed once no window can be open that needs it; what tells tokens apart stays for as
//! long as a family lives that may hold a token of it.

use crate::Timestamp;
use crate::rotation::MAX_WINDOW_SECS;

/// How long until every instance uses the newest version, in seconds: far more than it takes one to look.
const NOTICE_SECS: u64 = 60;

/// Whether a version that was made then is to be replaced.
pub fn is_due(created_at: Timestamp, rotate_after_secs: u64, now: Timestamp) -> bool {
    now >= created_at.plus_secs(rotate_after_secs)
}

/// Whether the derivation key of a version may go that was replaced then: two windows later.
pub fn derivation_is_over(replaced_at: Timestamp, now: Timestamp) -> bool {
    now >= replaced_at
        .plus_secs(NOTICE_SECS)
        .plus_secs(2 * MAX_WINDOW_SECS)
}

/// Families that began before then may have tokens of a version that was replaced at `replaced_at`.
pub fn last_family(replaced_at: Timestamp) -> Timestamp {
    replaced_at.plus_secs(NOTICE_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c076_a_key_is_used_for_its_time_and_destroyed_two_windows_later() {
        let made = Timestamp::from_secs(1000);
        assert!(!is_due(made, 100, Timestamp::from_millis(1_099_999)));
        assert!(is_due(made, 100, Timestamp::from_secs(1100)));
        assert!(!derivation_is_over(made, Timestamp::from_millis(1_179_999)));
        assert!(derivation_is_over(made, Timestamp::from_secs(1180)));
        assert_eq!(last_family(made), Timestamp::from_secs(1060));
    }
}

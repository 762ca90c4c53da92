//! The timetable of signing keys: which one signs, which are published, when the next may come.
//!
//! A key is *pending* from the moment it is stored: published, but it signs nothing until every key set that a verifier
//! may still hold has it. Then it is *active*. When its successor becomes active it is *retiring*: it signs no more, but
//! stays published until its last token is over. After that it is *gone*. Both moments are written down when the
//! successor is stored, so all instances change over together without another word.

use crate::{Algorithm, Timestamp};

/// What the timetable goes by. All durations are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// How long verifiers may keep a key set.
    pub max_age_secs: u64,
    /// How long it takes until every instance publishes a key that one of them stored.
    pub notice_secs: u64,
    /// The longest life of a token, with the leeway of verifiers.
    pub token_secs: u64,
    /// The age at which a key is replaced.
    pub rotate_after_secs: u64,
    /// What new keys are for.
    pub algorithm: Algorithm,
}

/// The times of a stored key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// When it was stored, and so published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activates_at: Timestamp,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, signs nothing yet.
    Pending,
    /// The one that signs.
    Active,
    /// Signs no more, published until its last token is over.
    Retiring,
    /// Neither; to be removed.
    Gone,
}

/// Why there can be no new key yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the newest key does not sign yet: verifiers may still hold key sets without it")]
pub struct TooSoon {
    /// From when on there can be.
    pub earliest: Timestamp,
}

impl KeyState {
    /// In small letters, as shown to operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Gone => "gone",
        }
    }
}

impl KeyPolicy {
    /// How long a new key is pending.
    pub const fn lead_secs(&self) -> u64 {
        self.max_age_secs.saturating_add(self.notice_secs)
    }

    /// How long a key is retiring. Instances whose clocks differ a little change over a little apart.
    pub const fn retain_secs(&self) -> u64 {
        self.token_secs.saturating_add(self.notice_secs)
    }

    /// When the `index`th of `keys` (in the order in which they were stored) is retired and when it is gone; `None` for the
    /// newest, which has no successor.
    pub fn end_of(&self, keys: &[KeyTimes], index: usize) -> Option<(Timestamp, Timestamp)> {
        let successor = keys.get(index.checked_add(1)?)?;
        let retired = successor.activates_at;
        Some((retired, retired.plus_secs(self.retain_secs())))
    }

    /// The state of each of `keys`, which are in the order in which they were stored. Exactly one is active, unless there
    /// are none.
    pub fn states(&self, keys: &[KeyTimes], now: Timestamp) -> Vec<KeyState> {
        let active = active(keys, now);
        (0..keys.len())
            .map(|index| {
                if Some(index) == active {
                    KeyState::Active
                } else if Some(index) > active {
                    KeyState::Pending
                } else if self
                    .end_of(keys, index)
                    .is_some_and(|(_, gone)| gone <= now)
                {
                    KeyState::Gone
                } else {
                    KeyState::Retiring
                }
            })
            .collect()
    }

    /// The times of a key that is stored now, after `keys`.
    ///
    /// # Errors
    /// While the newest key is pending. So there are never two changes within one lifetime of a key set, and the set stays
    /// small.
    pub fn next(&self, keys: &[KeyTimes], now: Timestamp) -> Result<KeyTimes, TooSoon> {
        let Some(newest) = keys.last() else {
            // Nobody holds a key set without it.
            return Ok(KeyTimes::at_once(now));
        };
        if newest.activates_at > now {
            return Err(TooSoon {
                earliest: newest.activates_at,
            });
        }
        Ok(KeyTimes {
            created_at: now,
            activates_at: now.plus_secs(self.lead_secs()),
        })
    }

    /// Whether the newest key, which is for `algorithm`, is to be replaced without being asked: it is old enough, or new
    /// keys are to be for another algorithm. [`KeyPolicy::next`] may say that it is too soon all the same.
    pub fn is_due(&self, newest: KeyTimes, algorithm: &str, now: Timestamp) -> bool {
        let since = newest.activates_at.max(newest.created_at);
        algorithm != self.algorithm.name() || now >= since.plus_secs(self.rotate_after_secs)
    }
}

impl KeyTimes {
    /// A key that signs from now on, whatever verifiers hold: the first one, or in an emergency.
    pub const fn at_once(now: Timestamp) -> Self {
        Self {
            created_at: now,
            activates_at: now,
        }
    }
}

/// Which of `keys` (in the order in which they were stored) signs: the newest whose time has come. Where a clock was set
/// back so far that none's has, the oldest: all verifiers have it.
pub fn active(keys: &[KeyTimes], now: Timestamp) -> Option<usize> {
    keys.iter()
        .rposition(|key| key.activates_at <= now)
        .or_else(|| (!keys.is_empty()).then_some(0))
}

#[cfg(test)]
mod tests {
    use super::KeyState::{Active, Gone, Pending, Retiring};
    use super::*;

    const POLICY: KeyPolicy = KeyPolicy {
        max_age_secs: 300,
        notice_secs: 5,
        token_secs: 305,
        rotate_after_secs: 1000,
        algorithm: Algorithm::Es256,
    };

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// A first key at 0 and a second one that is stored at 1000.
    fn two() -> Vec<KeyTimes> {
        let first = POLICY.next(&[], at(0)).unwrap();
        let second = POLICY.next(&[first], at(1000)).unwrap();
        vec![first, second]
    }

    #[test]
    fn c070_a_key_is_published_a_cache_age_before_it_signs_and_stays_for_the_life_of_its_tokens() {
        let keys = two();
        for (secs, states) in [
            (1000, [Active, Pending]),
            (1304, [Active, Pending]),
            (1305, [Retiring, Active]),
            (1614, [Retiring, Active]),
            (1615, [Gone, Active]),
            (i64::MAX, [Gone, Active]),
        ] {
            assert_eq!(POLICY.states(&keys, at(secs)), states, "{secs}");
        }
        assert_eq!(POLICY.end_of(&keys, 0), Some((at(1305), at(1615))));
        assert_eq!(POLICY.end_of(&keys, 1), None);
    }

    #[test]
    fn the_first_key_signs_at_once() {
        let keys = [POLICY.next(&[], at(7)).unwrap()];
        assert_eq!(POLICY.states(&keys, at(7)), [Active]);
        assert_eq!(POLICY.states(&[], at(7)), []);
    }

    #[test]
    fn the_next_key_waits_until_the_newest_signs() {
        let keys = two();
        for secs in [1000, 1304] {
            assert_eq!(
                POLICY.next(&keys, at(secs)),
                Err(TooSoon { earliest: at(1305) })
            );
        }
        let third = POLICY.next(&keys, at(1305)).unwrap();
        assert_eq!(
            POLICY.states(&[keys, vec![third]].concat(), at(1305)),
            [Retiring, Active, Pending]
        );
    }

    #[test]
    fn age_and_another_algorithm_call_for_a_new_key() {
        let newest = two()[1];
        assert!(!POLICY.is_due(newest, "ES256", at(2304)));
        assert!(POLICY.is_due(newest, "ES256", at(2305)));
        assert!(POLICY.is_due(newest, "EdDSA", at(1000)));
        // A key of the first release has no time from which on it signs.
        let first = KeyTimes {
            created_at: at(5000),
            activates_at: at(0),
        };
        assert!(!POLICY.is_due(first, "ES256", at(5999)));
    }

    #[test]
    fn whatever_the_clock_says_exactly_one_key_signs_and_nothing_overflows() {
        let keys = two();
        for now in [i64::MIN, -1, 0, 999, 1305, i64::MAX].map(Timestamp::from_millis) {
            let states = POLICY.states(&keys, now);
            let signing = states.iter().filter(|state| **state == Active).count();
            assert_eq!(signing, 1, "{now:?}");
        }
        assert_eq!(POLICY.states(&keys, at(-1)), [Active, Pending]);
        let endless = KeyPolicy {
            max_age_secs: u64::MAX,
            token_secs: u64::MAX,
            rotate_after_secs: u64::MAX,
            ..POLICY
        };
        assert_eq!(endless.states(&keys, at(1305)), [Retiring, Active]);
        assert!(!endless.is_due(keys[1], "ES256", at(1_000_000)));
    }

    #[test]
    fn however_fast_the_rotation_a_key_set_stays_small() {
        let fastest = KeyPolicy {
            max_age_secs: 10,
            ..POLICY
        };
        let mut keys = Vec::new();
        for now in (0..10_000).map(at) {
            if let Ok(key) = fastest.next(&keys, now) {
                keys.push(key);
            }
            let states = fastest.states(&keys, now);
            let published = states.iter().filter(|state| **state != Gone).count();
            assert!(published <= 32, "{published}");
        }
    }
}

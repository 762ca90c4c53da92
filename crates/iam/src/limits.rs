//! How many tokens one session may mint in a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sessionmint_oauth::{SessionKeyHash, Timestamp};

/// Sessions whose use is remembered. Only those that minted within the last minute are, and mostly within the last tenth
/// of a second; beyond this many (about 12 MB) further ones are not limited.
const MAX_ENTRIES: usize = 1 << 17;

const WINDOW_MICROS: i64 = 60_000_000;

/// A leaky bucket for each session (GCRA): it stores when the bucket will be empty again.
pub struct MintLimits {
    interval_micros: i64,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    /// Microseconds since the epoch.
    empty_at: HashMap<SessionKeyHash, i64>,
    /// Mints until empty buckets are removed. At least as many as there are buckets, so the cost is amortised.
    until_purge: usize,
}

impl MintLimits {
    /// `per_minute` tokens in any minute, which may come at once.
    pub fn new(per_minute: u32) -> Self {
        Self {
            interval_micros: WINDOW_MICROS / i64::from(per_minute.max(1)),
            buckets: Mutex::new(Buckets {
                empty_at: HashMap::new(),
                until_purge: 1024,
            }),
        }
    }

    /// Counts a mint of `session`.
    ///
    /// # Errors
    /// In how many seconds (at least 1) the next one is allowed, when there were too many.
    pub fn count(&self, session: &SessionKeyHash, now: Timestamp) -> Result<(), u64> {
        let now = now.millis().saturating_mul(1000);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.make_room(now);
        let has_room = buckets.empty_at.len() < MAX_ENTRIES;
        let stored = buckets.empty_at.get_mut(session);
        // A bucket never owes more than the window: if it seems to, the clock was set back.
        let owed = stored
            .as_ref()
            .map_or(0, |at| at.saturating_sub(now))
            .max(0);
        let owed = if owed > WINDOW_MICROS { 0 } else { owed } + self.interval_micros;
        if owed > WINDOW_MICROS {
            let wait = u64::try_from(owed - WINDOW_MICROS).unwrap_or(0);
            return Err(wait.div_ceil(1_000_000).max(1));
        }
        let empty_at = now.saturating_add(owed);
        match stored {
            Some(at) => *at = empty_at,
            None if has_room => {
                buckets.empty_at.insert(*session, empty_at);
            }
            None => {}
        }
        Ok(())
    }

    /// Sessions that are remembered.
    pub fn entries(&self) -> usize {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.empty_at.len()
    }
}

impl Buckets {
    fn make_room(&mut self, now: i64) {
        self.until_purge = self.until_purge.saturating_sub(1);
        if self.until_purge == 0 {
            self.empty_at.retain(|_, at| *at > now);
            self.until_purge = self.empty_at.len().max(1024);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SessionKeyHash = SessionKeyHash([1; 32]);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    #[test]
    fn c038_a_session_may_mint_600_times_a_minute_and_then_waits() {
        let limits = MintLimits::new(600);
        assert!((0..600).all(|_| limits.count(&ONE, at(0)).is_ok()));
        assert_eq!(limits.count(&ONE, at(0)), Err(1));
        assert_eq!(limits.count(&ONE, at(99)), Err(1));
        assert_eq!(limits.count(&ONE, at(100)), Ok(()));
        assert_eq!(limits.count(&SessionKeyHash([2; 32]), at(100)), Ok(()));
        assert!((0..600).all(|_| limits.count(&ONE, at(60_100)).is_ok()));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let limits = MintLimits::new(10);
        assert!((0..10).all(|_| limits.count(&ONE, at(3_600_000)).is_ok()));
        assert_eq!(limits.count(&ONE, at(0)), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let limits = MintLimits::new(600);
        let session = |i: u32| {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&i.to_be_bytes());
            SessionKeyHash(hash)
        };
        for i in 0..10_000 {
            limits.count(&session(i), at(i64::from(i) * 200)).unwrap();
        }
        assert!(limits.buckets.lock().unwrap().empty_at.len() <= 2048);
        for i in 0..(MAX_ENTRIES as u32 + 5000) {
            limits.count(&session(i), at(10_000_000)).unwrap();
        }
        assert!(limits.buckets.lock().unwrap().empty_at.len() <= MAX_ENTRIES);
    }
}

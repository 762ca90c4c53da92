//! How many password hashes are computed at once, and how many may wait for it.
//!
//! One hash takes 19 MiB and tens of milliseconds of a core. Unbounded, a few hundred sign-ins in parallel would take
//! all memory and starve token renewals; so permits bound what runs, and a bounded queue with a bounded wait turns the
//! excess away with a hint when to come back, while it is still cheap.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Load;

/// Bounds concurrent work.
pub(super) struct Gate {
    permits: Arc<Semaphore>,
    most: usize,
    waiting: AtomicUsize,
    max_waiting: usize,
    max_wait: Duration,
}

/// The queue is full, or the wait was too long.
#[derive(Debug)]
pub(super) struct Full;

impl Gate {
    pub(super) fn new(permits: usize, max_waiting: usize, max_wait: Duration) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(permits.max(1))),
            most: permits.max(1),
            waiting: AtomicUsize::new(0),
            max_waiting,
            max_wait,
        }
    }

    /// What is going on at this moment.
    pub(super) fn load(&self) -> Load {
        Load {
            permits: self.most,
            running: self.most.saturating_sub(self.permits.available_permits()),
            waiting: self.waiting.load(Ordering::Acquire),
            remembered: 0,
        }
    }

    /// Waits for a permit. It is owned: whoever computes keeps it to the end, even if the request is gone by then.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, Full> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::take(&self.waiting, self.max_waiting).ok_or(Full)?;
        match tokio::time::timeout(self.max_wait, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }
}

/// A place in the queue, given up when dropped, also by a request that is cancelled.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < max).then_some(n + 1)
            })
            .ok()
            .map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_the_queue_full_is_turned_away_at_once() {
        let gate = Gate::new(1, 0, Duration::from_secs(3600));
        let permit = gate.enter().await.unwrap();
        assert!(gate.enter().await.is_err());
        drop(permit);
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_turned_away_and_leaves_the_queue() {
        let gate = Gate::new(1, 1, Duration::from_millis(5));
        let permit = gate.enter().await.unwrap();
        assert!(gate.enter().await.is_err());
        drop(permit);
        assert!(gate.enter().await.is_ok());
        assert_eq!(gate.waiting.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_cancelled_wait_gives_its_place_up() {
        let gate = Gate::new(1, 1, Duration::from_secs(3600));
        let _permit = gate.enter().await.unwrap();
        let cancelled = tokio::time::timeout(Duration::from_millis(1), gate.enter()).await;
        assert!(cancelled.is_err());
        assert_eq!(gate.waiting.load(Ordering::Acquire), 0);
    }
}

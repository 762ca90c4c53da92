//! The key set in use, and the one task that renews it.
//!
//! Requests read the current set without waiting. Only a request that lacks its key asks for a fetch and waits a moment
//! for it; the task does the fetching, so there is never more than one at a time, and never two within the cool-down
//! because somebody asked: a thousand tokens with invented key names cost one fetch.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use sessionmint_oauth::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::fetch::{FetchError, Fetched};
use crate::keys::{KeySet, SignatureKey};

/// How long a request without its key waits for the fetch that may bring it.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The pause after the first failure when there are no keys at all; it doubles up to the cool-down. A service often
/// starts a moment before its IAM service does.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// Fetches the key set once.
pub(crate) type FetchFn = Box<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send>> + Send + Sync,
>;

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The issuer has published no key of this name.
    Unknown,
    /// There are no keys, or none young enough.
    Unavailable {
        /// When the next fetch is due.
        retry_after_secs: u64,
    },
}

/// The keys. Dropping it ends the task.
pub(crate) struct KeyStore {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    fetch: FetchFn,
    clock: Arc<dyn Clock>,
    cool_down: Duration,
    max_stale: Duration,
    current: ArcSwapOption<Current>,
    progress: watch::Sender<Progress>,
    wanted: Notify,
}

/// The last good set.
struct Current {
    keys: KeySet,
    fresh_for: Duration,
    fetched: Duration,
    fetched_wall: Timestamp,
}

/// What the task is doing. Moments are those of the monotonic clock.
#[derive(Clone, Copy, Default)]
struct Progress {
    running: bool,
    finished: u64,
    started: Option<Duration>,
    next: Option<Duration>,
}

impl KeyStore {
    pub(crate) fn new(
        fetch: FetchFn,
        clock: Arc<dyn Clock>,
        cool_down: Duration,
        max_stale: Duration,
    ) -> Self {
        let shared = Arc::new(Shared {
            fetch,
            clock,
            cool_down,
            max_stale,
            current: ArcSwapOption::empty(),
            progress: watch::Sender::new(Progress::default()),
            wanted: Notify::new(),
        });
        Self {
            shared,
            task: Mutex::new(None),
        }
    }

    /// Starts the task where it is not running. Does nothing outside a tokio runtime.
    pub(crate) fn start(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        // The runtime that it ran on may be gone, and the task with it.
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            self.shared
                .progress
                .send_modify(|progress| progress.running = false);
            *task = Some(runtime.spawn(Arc::clone(&self.shared).run()));
        }
    }

    /// The key of exactly this name.
    pub(crate) async fn key(&self, kid: &str) -> Result<Arc<SignatureKey>, NoKey> {
        if let Some(key) = self.current().and_then(|current| current.keys.get(kid)) {
            return Ok(key);
        }
        self.fetch_and_wait().await;
        match self.shared.usable() {
            Some(current) => current.keys.get(kid).ok_or(NoKey::Unknown),
            None => Err(NoKey::Unavailable {
                retry_after_secs: self.shared.secs_to_next_fetch(),
            }),
        }
    }

    /// Whether a key that was found earlier is still published and may be used.
    pub(crate) fn still_holds(&self, key: &Arc<SignatureKey>) -> bool {
        self.current()
            .is_some_and(|current| current.keys.holds(key))
    }

    /// The set in use, unless it is too old.
    fn current(&self) -> Option<Arc<Current>> {
        let current = self.shared.usable()?;
        if self.shared.age(&current) >= current.fresh_for {
            // The timer should have seen to it; after a suspend it has not. Nobody waits.
            self.ask_for_fetch();
        }
        Some(current)
    }

    /// Asks for a fetch unless one is running or the last one is too recent. Says whether one can be waited for.
    fn ask_for_fetch(&self) -> bool {
        self.start();
        if self.shared.progress.borrow().running {
            return true;
        }
        let ask = self.shared.cooled();
        if ask {
            self.shared.wanted.notify_one();
        }
        ask
    }

    async fn fetch_and_wait(&self) {
        let mut progress = self.shared.progress.subscribe();
        let seen = progress.borrow_and_update().finished;
        if self.ask_for_fetch() {
            let finished = progress.wait_for(|progress| progress.finished > seen);
            // Whether it came or not, the caller looks again.
            let _ = tokio::time::timeout(MAX_WAIT, finished).await;
        }
    }
}

impl Drop for KeyStore {
    fn drop(&mut self) {
        if let Some(task) = self
            .task
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            task.abort();
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>) {
        let mut pause = if self.cooled() {
            Duration::ZERO
        } else {
            self.cool_down
        };
        let mut failures = 0;
        loop {
            self.pause(pause).await;
            pause = self.fetch_once(&mut failures).await;
        }
    }

    /// Until the time is up, or a request asks and the cool-down is over.
    async fn pause(&self, pause: Duration) {
        let asked = async {
            loop {
                self.wanted.notified().await;
                if self.cooled() {
                    break;
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = asked => {}
        }
    }

    /// Fetches and says how long to pause.
    async fn fetch_once(&self, failures: &mut u32) -> Duration {
        let started = self.clock.monotonic();
        self.progress.send_modify(|progress| {
            progress.running = true;
            progress.started = Some(started);
        });
        let pause = match (self.fetch)().await {
            Ok(Fetched { keys, fresh_for }) => {
                if std::mem::take(failures) > 0 {
                    tracing::info!(jwks.keys = keys.len(), "key set fetched again");
                }
                // The age counts from before the request: the answer may have been on its way for a while.
                let fetched_wall = self.clock.now();
                self.current.store(Some(Arc::new(Current {
                    keys,
                    fresh_for,
                    fetched: started,
                    fetched_wall,
                })));
                fresh_for
            }
            Err(error) => {
                let doublings = (*failures).min(16);
                *failures = failures.saturating_add(1);
                let kept = self.current.load().is_some();
                // An outage of a day is some 14 lines, not 8,640.
                if failures.is_power_of_two() {
                    let cause = error.root_cause();
                    tracing::warn!(jwks.error = %error, jwks.cause = cause, jwks.failures = *failures, jwks.kept = kept, "key set not renewed");
                }
                if kept {
                    self.cool_down
                } else {
                    (FIRST_RETRY * (1 << doublings)).min(self.cool_down)
                }
            }
        };
        let next = self.clock.monotonic().saturating_add(pause);
        self.progress.send_modify(|progress| {
            progress.running = false;
            progress.finished += 1;
            progress.next = Some(next);
        });
        pause
    }

    fn cooled(&self) -> bool {
        let started = self.progress.borrow().started;
        started
            .is_none_or(|started| self.clock.monotonic().saturating_sub(started) >= self.cool_down)
    }

    fn usable(&self) -> Option<Arc<Current>> {
        self.current
            .load_full()
            .filter(|current| self.age(current) <= self.max_stale)
    }

    /// The longer of what the two clocks say: one stands still while the machine sleeps, the other can be set back.
    fn age(&self, current: &Current) -> Duration {
        let wall = self.clock.now().secs_since(current.fetched_wall);
        self.clock
            .monotonic()
            .saturating_sub(current.fetched)
            .max(Duration::from_secs(wall))
    }

    fn secs_to_next_fetch(&self) -> u64 {
        let next = self.progress.borrow().next;
        let left = next.map_or(Duration::ZERO, |next| {
            next.saturating_sub(self.clock.monotonic())
        });
        left.as_secs().saturating_add(1)
    }
}

//! The threads that compute password hashes: as many as may compute at once, and always the same ones.
//!
//! Not the runtime's pool of blocking threads: that one starts further threads while earlier ones finish, and each keeps
//! the 19 MiB it has freed for itself, so a flood of sign-ins would leave hundreds of megabytes behind.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed set of threads. Dropping it lets them finish what was given to them, and end.
pub(super) struct Workers(Sender<Job>);

impl Workers {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..count.max(1) {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new()
                .name("password-hash".to_owned())
                .spawn(move || {
                    while let Some(job) = next(&receiver) {
                        run(job);
                    }
                })?;
        }
        Ok(Self(sender))
    }

    /// Computes on one of the threads; `None` if that panicked. It goes on to its end even when nobody waits any more.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || drop(done.send(work())));
        self.0.send(job).ok()?;
        result.await.ok()
    }
}

fn next(receiver: &Mutex<Receiver<Job>>) -> Option<Job> {
    receiver
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// A panic is logged by the process's hook and ends the job, not the thread.
fn run(job: Job) {
    drop(catch_unwind(AssertUnwindSafe(job)));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[tokio::test]
    async fn all_work_is_done_by_the_same_few_threads() {
        let workers = Workers::start(2).unwrap();
        let mut threads = HashSet::new();
        for _ in 0..100 {
            threads.insert(
                workers
                    .compute(|| std::thread::current().id())
                    .await
                    .unwrap(),
            );
        }
        assert!(threads.len() <= 2);
    }

    #[tokio::test]
    async fn a_panic_ends_one_computation_only() {
        let workers = Workers::start(1).unwrap();
        assert_eq!(workers.compute(|| panic!("on purpose")).await, None::<()>);
        assert_eq!(workers.compute(|| 7).await, Some(7));
    }
}

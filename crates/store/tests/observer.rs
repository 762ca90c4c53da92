//! What an observer of the embedded engine is told.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use rusqlite::Connection;
use sessionmint_oauth::{SessionKeyHash, Timestamp};
use sessionmint_store::{
    By, Change, CommandEnd, CommandKind, Observer, Sessions, SqliteOptions, SqliteStore,
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const NOBODYS: SessionKeyHash = SessionKeyHash([7; 32]);

/// Beginnings (`None`) and ends, in the order of arrival.
#[derive(Default)]
struct Seen(Mutex<Vec<(CommandKind, Option<CommandEnd>)>>);

impl Observer for Seen {
    fn begun(&self, kind: CommandKind) {
        self.0.lock().unwrap().push((kind, None));
    }

    fn ended(&self, kind: CommandKind, end: CommandEnd, _took: Duration) {
        self.0.lock().unwrap().push((kind, Some(end)));
    }
}

impl Seen {
    fn take(&self) -> Vec<(CommandKind, Option<CommandEnd>)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A store that waits so long for a lock.
fn watched(busy_timeout: Duration) -> (tempfile::TempDir, SqliteStore, Arc<Seen>) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = SqliteOptions::default();
    options.busy_timeout = busy_timeout;
    let store = SqliteStore::open_with(folder.path().join("iam.db"), &options).unwrap();
    let seen = Arc::new(Seen::default());
    store.observe(seen.clone());
    (folder, store, seen)
}

#[tokio::test]
async fn each_command_begins_and_ends_once_with_how_it_ended() {
    use CommandKind::{Read, Write};
    let (folder, store, seen) = watched(Duration::from_millis(1));
    assert_eq!(store.session(&NOBODYS).await, Ok(None));
    assert_eq!(
        seen.take(),
        [(Read, None), (Read, Some(CommandEnd::Answered))]
    );
    assert_eq!(
        store.touch_session(&NOBODYS, NOW).await,
        Ok(Change::NotFound)
    );
    assert_eq!(
        seen.take(),
        [(Write, None), (Write, Some(CommandEnd::Answered))]
    );

    let other = Connection::open(folder.path().join("iam.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(store.end_session(&NOBODYS, by()).await.is_err());
    assert_eq!(
        seen.take(),
        [(Write, None), (Write, Some(CommandEnd::Failed))]
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_leave_its_command_under_way() {
    let (folder, store, seen) = watched(Duration::from_secs(60));
    let other = Connection::open(folder.path().join("iam.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Polled once, which queues it, and dropped. It cannot end before: the lock is ours.
    assert!(poll_once(store.end_session(&NOBODYS, by())).await.is_none());
    let told = [
        (CommandKind::Write, None),
        (CommandKind::Write, Some(CommandEnd::Abandoned)),
    ];
    assert_eq!(seen.take(), told);
}

/// What the future gave at its first poll, if anything; drops it.
async fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn by() -> By {
    By::service(NOW)
}

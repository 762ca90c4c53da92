//! The one thread that writes. It takes everything that is queued into one transaction (a flush to disk costs the same
//! for one command as for a hundred) and answers each command only after the commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::error::store_error;
use crate::StoreError;

/// The way to the writer thread. Dropping it finishes what is queued and waits for that.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    wait: Duration,
    transactions: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. `capacity` commands may be queued; a command waits `wait` at most, queueing included. `reopen`
    /// gives another connection in place of one that cannot write.
    pub(super) fn start(
        conn: Connection,
        reopen: impl Fn() -> Option<Connection> + Send + 'static,
        capacity: usize,
        wait: Duration,
    ) -> std::io::Result<Self> {
        let (queue, commands) = mpsc::channel(capacity);
        let transactions = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&transactions);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_all(conn, reopen, commands, capacity, &counter))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            wait,
            transactions,
        })
    }

    /// Carries out one command, all or nothing, and returns once it is on disk. When the caller goes away the command
    /// still happens: a sign-out must not depend on the browser waiting for the answer.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let stopped = || StoreError::Unavailable("the writer has stopped".to_owned());
        let late = |what: &str| {
            StoreError::Unavailable(format!("{what} within {} ms", self.wait.as_millis()))
        };
        let deadline = Instant::now() + self.wait;
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let place = timeout_at(deadline, queue.reserve())
            .await
            .map_err(|_| late("no room in the write queue"))?
            .map_err(|_| stopped())?;
        let (reply, answer) = oneshot::channel();
        place.send(Box::new(Command {
            work: Some(work),
            result: None,
            reply,
        }));
        timeout_at(deadline, answer)
            .await
            .map_err(|_| late("a write may still happen but was not confirmed"))?
            .map_err(|_| stopped())?
    }

    /// How many transactions have been committed.
    pub(super) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the SQLite writer thread had panicked");
        }
    }
}

/// A command of some result type.
trait Job: Send {
    /// Says whether its changes are to be kept.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Tells the caller how it ended, given how the transaction ended.
    fn answer(self: Box<Self>, transaction: &Result<(), StoreError>);
}

struct Command<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Command<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, conn: &Connection) -> bool {
        let result = self
            .work
            .take()
            .map(|work| work(conn).map_err(|error| store_error(&error)));
        let keep = matches!(result, Some(Ok(_)));
        self.result = result;
        keep
    }

    fn answer(self: Box<Self>, transaction: &Result<(), StoreError>) {
        let result = match (self.result, transaction) {
            (Some(result), Ok(())) => result,
            (Some(Err(own)), Err(_)) => Err(own),
            (_, Err(error)) => Err(error.clone()),
            (None, Ok(())) => Err(StoreError::Unavailable(
                "the command was not carried out".to_owned(),
            )),
        };
        // A caller that went away does not need the answer.
        let _ = self.reply.send(result);
    }
}

fn write_all(
    mut conn: Connection,
    reopen: impl Fn() -> Option<Connection>,
    mut commands: mpsc::Receiver<Box<dyn Job>>,
    limit: usize,
    counter: &AtomicU64,
) {
    let mut group = Vec::new();
    while commands.blocking_recv_many(&mut group, limit) > 0 {
        // A connection to a file that could only be opened for reading stays so for good; the file need not.
        if conn.is_readonly(MAIN_DB).unwrap_or(false)
            && let Some(other) = reopen()
        {
            conn = other;
        }
        let outcome = write_group(&mut conn, &mut group).map_err(|error| store_error(&error));
        if let Err(error) = &outcome {
            tracing::warn!(commands = group.len(), %error, "a write transaction failed");
        } else {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        for command in group.drain(..) {
            command.answer(&outcome);
        }
    }
}

/// One transaction, a savepoint for each command: one that fails does not take the others with it.
fn write_group(conn: &mut Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let mut tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for command in group {
        let mut savepoint = tx.savepoint()?;
        if !command.run(&savepoint) {
            // Fails when SQLite has ended the whole transaction (full disk): then every command of the group failed.
            savepoint.rollback()?;
        }
        savepoint.commit()?;
    }
    tx.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer_of_small_disk() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let conn = Connection::open(folder.path().join("test.db")).unwrap();
        conn.execute_batch("CREATE TABLE t (x BLOB); PRAGMA max_page_count = 50")
            .unwrap();
        (
            folder,
            Writer::start(conn, || None, 8, Duration::from_secs(30)).unwrap(),
        )
    }

    fn insert(conn: &Connection, bytes: u32) -> rusqlite::Result<usize> {
        conn.execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes])
    }

    #[tokio::test]
    async fn a_full_disk_is_an_outage_that_keeps_nothing_half_done_and_passes() {
        let (_folder, writer) = writer_of_small_disk();
        let full = writer
            .run(|conn| {
                insert(conn, 10)?;
                insert(conn, 10_000_000)
            })
            .await;
        assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
        assert_eq!(writer.run(|conn| insert(conn, 10)).await, Ok(1));
        let rows =
            writer.run(|conn| conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0)));
        assert_eq!(rows.await, Ok(1));
    }

    #[tokio::test]
    async fn when_a_group_fails_each_of_its_commands_is_told() {
        let (_folder, writer) = writer_of_small_disk();
        // The first command keeps the writer busy until the others are queued, so that they are one group.
        let (begun, has_begun) = oneshot::channel();
        let (go, wait) = std::sync::mpsc::channel();
        let first = writer.run(move |_| Ok(begun.send(()).is_ok() && wait.recv().is_ok()));
        let group = async {
            has_begun.await.unwrap();
            tokio::join!(
                biased;
                writer.run(|conn| insert(conn, 10)),
                writer.run(|conn| conn.execute_batch("ROLLBACK")),
                writer.run(|conn| insert(conn, 10)),
                async { go.send(()).unwrap() },
            )
        };
        let (first, (a, b, c, ())) = tokio::join!(first, group);
        assert_eq!(first, Ok(true));
        for outcome in [a.map(drop), b, c.map(drop)] {
            assert!(
                matches!(outcome, Err(StoreError::Unavailable(_))),
                "{outcome:?}"
            );
        }
        assert_eq!(writer.run(|conn| insert(conn, 10)).await, Ok(1));
        assert_eq!(writer.transactions(), 2);
    }
}

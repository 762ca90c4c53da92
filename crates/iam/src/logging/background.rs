//! A thread that writes lines, so that who logs waits for nobody.
//!
//! It is woken by the first line after a while without any, and takes what has come since whenever it has rested: a busy
//! service that woke it for every line would spend more on that than on the lines.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long the thread rests after it was woken, so how late a line may be.
const REST: Duration = Duration::from_millis(5);

/// How long the end waits for who reads.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Room that is kept for the next lines.
const USUAL_BYTES: usize = 1 << 18;

/// Where lines go to be written.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

/// Writes what is left when it is dropped; gives up after a second, when nobody reads.
pub(super) struct Background {
    lines: Lines,
    written: Receiver<()>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    max_bytes: usize,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    text: Vec<u8>,
    /// Whether the thread waits to be woken.
    sleeps: bool,
    ended: bool,
}

/// Starts a thread that writes to `to`. When `max_bytes` wait, further lines are dropped and counted.
pub(super) fn start(
    to: impl Write + Send + 'static,
    max_bytes: usize,
) -> io::Result<(Lines, Background)> {
    let lines = Lines(Arc::new(Shared {
        queue: Mutex::default(),
        wake: Condvar::new(),
        max_bytes,
        dropped: AtomicU64::new(0),
    }));
    let shared = Arc::clone(&lines.0);
    let (writing, written) = mpsc::channel();
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || {
            shared.write_all(to);
            drop(writing);
        })?;
    let background = Background {
        lines: lines.clone(),
        written,
    };
    Ok((lines, background))
}

impl Lines {
    /// Lines that were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut queue = self.lock();
        if queue.text.len() + line.len() > self.max_bytes {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.text.extend_from_slice(line);
        let sleeps = std::mem::take(&mut queue.sleeps);
        drop(queue);
        if sleeps {
            self.wake.notify_one();
        }
    }

    fn write_all(&self, mut to: impl Write) {
        let mut text = Vec::new();
        while self.take(&mut text) {
            // Nobody could be told that standard error is closed.
            let _ = to.write_all(&text).and_then(|()| to.flush());
            text.clear();
            text.shrink_to(USUAL_BYTES);
        }
    }

    /// Waits for lines and exchanges them for the empty `text`; false at the end.
    fn take(&self, text: &mut Vec<u8>) -> bool {
        let mut queue = self.lock();
        while queue.text.is_empty() && !queue.ended {
            queue.sleeps = true;
            queue = self
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (mut queue, _) = self
            .wake
            .wait_timeout_while(queue, REST, |queue| !queue.ended)
            .unwrap_or_else(PoisonError::into_inner);
        queue.sleeps = false;
        std::mem::swap(&mut queue.text, text);
        !text.is_empty()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.lines.0.lock().ended = true;
        self.lines.0.wake.notify_one();
        // Ends with an error as soon as the thread has ended.
        let _ = self.written.recv_timeout(LAST_WAIT);
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Each call is one line.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

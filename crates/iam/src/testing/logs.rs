//! What is logged during tests: all of it for the search for secrets, and that of one thread for tests that read it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// What is forgotten at once, so that it is not done line by line.
const STEP: usize = 1 << 20;

static LOG: Mutex<Log> = Mutex::new(Log {
    bytes: Vec::new(),
    forgotten: 0,
    readers: BTreeMap::new(),
});

thread_local! {
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// What all tests of this process logged, as far back as somebody still looks.
struct Log {
    bytes: Vec<u8>,
    /// How many bytes were before these.
    forgotten: usize,
    /// From where on somebody looks, and how many do.
    readers: BTreeMap<usize, usize>,
}

impl Log {
    fn lock() -> MutexGuard<'static, Self> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) -> usize {
        self.forgotten + self.bytes.len()
    }
}

/// The log from a moment on, of all threads: who logs what a test causes need not be its thread.
pub(super) struct LogSince(usize);

impl LogSince {
    pub(super) fn now() -> Self {
        install();
        let mut log = Log::lock();
        let end = log.end();
        *log.readers.entry(end).or_default() += 1;
        Self(end)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let log = Log::lock();
        let from = self.0.saturating_sub(log.forgotten);
        log.bytes.get(from..).unwrap_or_default().to_vec()
    }
}

impl Drop for LogSince {
    fn drop(&mut self) {
        let mut log = Log::lock();
        if let Some(count) = log.readers.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                log.readers.remove(&self.0);
            }
        }
        let needed = log.readers.keys().next().copied();
        let over = needed.unwrap_or_else(|| log.end()) - log.forgotten;
        if needed.is_none() || over > STEP {
            log.bytes.drain(..over);
            log.forgotten += over;
        }
    }
}

/// One subscriber serves all tests: those that come and go change what other threads log.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE);
        tracing::subscriber::set_global_default(subscriber.with_writer(|| Sink).finish()).unwrap();
    });
}

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = Log::lock();
        if !log.readers.is_empty() {
            log.bytes.extend_from_slice(bytes);
        }
        drop(log);
        CAPTURED.with_borrow_mut(|captured| {
            if let Some(captured) = captured {
                captured.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that this thread logs until it is dropped.
pub struct CapturedLogs(());

/// Begins to keep what this thread logs.
pub fn capture_logs() -> CapturedLogs {
    install();
    CAPTURED.set(Some(Vec::new()));
    CapturedLogs(())
}

impl CapturedLogs {
    /// What was logged so far.
    pub fn text(&self) -> String {
        CAPTURED.with_borrow(|captured| String::from_utf8(captured.clone().unwrap()).unwrap())
    }
}

impl Drop for CapturedLogs {
    fn drop(&mut self) {
        CAPTURED.set(None);
    }
}

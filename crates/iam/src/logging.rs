//! Logs: one stream on standard error, as text or JSON.
//!
//! A thread of its own writes, so that no request waits for whoever reads: a pipe that nobody empties would stop the
//! service. When [`MAX_BYTES`] wait, further lines are dropped and counted; what must not be lost is in the audit trail.
//!
//! Secrets stay out by construction, not by searching for them: nothing here or in the endpoints logs a header, a body
//! or a query; types that hold secrets print themselves redacted; and other crates' records below `info` are dropped
//! whatever the filter says, because HTTP libraries write headers there.

mod background;
mod fields;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic;
use std::sync::OnceLock;
use std::time::SystemTime;

use sessionmint_oauth::Timestamp;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self as log_fmt, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Registry};

use crate::clock;
use crate::config::{LogConfig, LogFormat};
use background::{Background, Lines};
use fields::Fields;

/// What may wait to be written: some 20,000 lines.
const MAX_BYTES: usize = 4 << 20;

/// The log of the process.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Writes what is left of the log when it is dropped; gives up after a second, when nobody reads.
#[must_use]
pub struct Log {
    _writer: Background,
}

/// Lines of the log that this process has dropped.
pub fn dropped_lines() -> u64 {
    LINES.get().map_or(0, Lines::dropped)
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is none.
    #[error("`log.filter`: {0}")]
    Filter(#[from] ParseError),
    /// Something else of this process logs already.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
    /// The thread that writes could not be started.
    #[error("the thread that writes the log could not be started")]
    Thread(#[from] io::Error),
}

/// Sets logging up for the whole process, and has panics logged.
pub fn init(config: &LogConfig) -> Result<Log, LoggingError> {
    let (lines, writer) = background::start(io::stderr(), MAX_BYTES)?;
    subscriber(config, lines.clone())?.try_init()?;
    let _ = LINES.set(lines);
    log_panics();
    Ok(Log { _writer: writer })
}

fn subscriber<W>(
    config: &LogConfig,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&config.filter)?;
    let lines = log_fmt::layer().with_writer(writer).with_timer(Time);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(false).fmt_fields(Fields).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let ours_or_important = filter_fn(|metadata| {
        metadata.target().starts_with("sessionmint") || *metadata.level() <= Level::INFO
    });
    Ok(Registry::default()
        .with(lines.with_filter(ours_or_important))
        .with(filter))
}

/// The time of a line: RFC 3339 in UTC, to the microsecond. The part to the second is written once for all lines of that
/// second.
struct Time;

thread_local! {
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

impl FormatTime for Time {
    #[expect(
        clippy::disallowed_methods,
        reason = "the log tells when something was written, whatever clock the service goes by"
    )]
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let secs = since_epoch.as_secs().cast_signed();
        SECOND.with_borrow_mut(|(second, text)| {
            if *second != secs {
                *second = secs;
                *text = clock::utc(Timestamp::from_secs(secs));
            }
            w.write_str(text.trim_end_matches('Z'))
        })?;
        write!(w, ".{:06}Z", since_epoch.subsec_micros())
    }
}

/// A panic in a request ends in 500 and a line in the log, with the place, in the form of all other lines.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            place,
            "panic: {}",
            info.payload_as_str().unwrap_or("(no message)")
        );
    }));
}

/// Text from outside, safe in a line of the log: control characters are escaped, so that it can neither begin a line of
/// its own nor colour a terminal; at most 64 characters.
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(64) {
            // `escape_debug` also escapes invisible and direction-changing characters.
            write!(f, "{}", c.escape_debug())?;
        }
        if chars.next().is_some() {
            f.write_str("…")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, work: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let config = LogConfig {
            format,
            filter: filter.to_owned(),
        };
        let subscriber = subscriber(&config, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    /// A pipe that is full until it is told otherwise.
    struct Stalled(mpsc::Receiver<()>, Buffer);

    impl io::Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_does_not_read_the_log_stops_nobody_and_loses_the_last_lines() {
        let (go_on, stalled) = mpsc::channel();
        let read = Buffer::default();
        let (lines, log) = background::start(Stalled(stalled, read.clone()), 2000).unwrap();
        let config = LogConfig::default();
        tracing::subscriber::with_default(subscriber(&config, lines.clone()).unwrap(), || {
            for number in 0..2000 {
                tracing::info!(target: "sessionmint_iam", number, "{}", "x".repeat(100));
            }
        });
        assert!(lines.dropped() > 1000);
        drop(go_on);
        drop(log);
        let read = String::from_utf8(read.0.lock().unwrap().clone()).unwrap();
        let written = u64::try_from(read.lines().count()).unwrap();
        assert_eq!(written + lines.dropped(), 2000);
        assert!(
            read.contains("number=0\n") && read.ends_with('\n'),
            "{read}"
        );
    }

    #[test]
    fn other_crates_cannot_log_headers_whatever_the_filter_says() {
        let log = logged("trace,h2=trace", LogFormat::Text, || {
            tracing::trace!(target: "sessionmint_iam::http", "ours");
            tracing::debug!(target: "h2::codec", "cookie: secret");
            tracing::trace!(target: "hyper::proto", "authorization: secret");
            tracing::warn!(target: "h2::server", "theirs");
        });
        assert!(log.contains("ours") && log.contains("theirs"), "{log}");
        assert!(!log.contains("secret"), "{log}");
    }

    #[test]
    fn the_filter_and_the_format_are_as_configured() {
        let work = || {
            tracing::info!(target: "sessionmint_iam", "quiet");
            tracing::warn!(target: "sessionmint_iam", attempts = 3, "loud");
        };
        let log = logged("warn", LogFormat::Json, work);
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(
            (&line["message"], &line["attempts"]),
            (&"loud".into(), &3.into())
        );
    }

    #[test]
    fn a_value_neither_ends_the_line_nor_colours_it() {
        let log = logged("info", LogFormat::Text, || {
            let quoted = "a\n\"b\"";
            let cause = io::Error::other("gone\n2026 INFO all is well\u{1b}[31m\u{85}\u{7f}");
            tracing::info!(target: "sessionmint_iam", number = 3, quoted, none = None::<u8>, "two\nlines: {}", "\u{1b}c é");
            tracing::warn!(target: "sessionmint_iam", some = Some(4), %cause, "second");
            tracing::error!(target: "sessionmint_iam", cause = &cause as &dyn std::error::Error);
        });
        let lines: Vec<&str> = log
            .lines()
            .map(|line| line.split_once("sessionmint_iam: ").unwrap().1)
            .collect();
        let cause = r"cause=gone\n2026 INFO all is well\u{1b}[31m\u{85}\u{7f}";
        assert_eq!(
            lines,
            [
                r#"two\nlines: \u{1b}c é number=3 quoted="a\n\"b\"""#,
                &format!("second some=4 {cause}"),
                cause,
            ]
        );
    }

    #[test]
    fn a_line_begins_with_the_time_in_utc() {
        let log = logged("info", LogFormat::Text, || {
            tracing::info!(target: "sessionmint_iam", "one");
            tracing::info!(target: "sessionmint_iam", "two");
        });
        for line in log.lines() {
            let (time, rest) = line.split_once(' ').unwrap();
            assert!(rest.starts_with(" INFO sessionmint_iam: "), "{line}");
            let shape: String = time
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect();
            assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
            assert_eq!(time.get(..10), clock::utc(now()).get(..10));
        }
    }

    fn now() -> Timestamp {
        clock::Clock::now(&clock::SystemClock)
    }

    #[test]
    fn a_panic_is_a_line_of_the_log_with_its_place() {
        let log = logged("info", LogFormat::Text, || {
            let before = panic::take_hook();
            log_panics();
            let caught = panic::catch_unwind(|| panic!("out of cheese"));
            panic::set_hook(before);
            assert!(caught.is_err());
        });
        assert!(
            log.contains("ERROR")
                && log.contains("panic: out of cheese")
                && log.contains("logging.rs:"),
            "{log}"
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_begin_a_line_or_colour_a_terminal() {
        assert_eq!(
            Printable("ann\r\nINFO all is well").to_string(),
            "ann\\r\\nINFO all is well"
        );
        assert_eq!(
            Printable("\u{1b}[31mred\u{202e}").to_string(),
            "\\u{1b}[31mred\\u{202e}"
        );
        assert_eq!(
            Printable(&"é".repeat(100)).to_string(),
            format!("{}…", "é".repeat(64))
        );
        assert_eq!(Printable("bjørn 🦊").to_string(), "bjørn 🦊");
    }
}

//! Logs: one stream on standard error, as text or JSON.
//!
//! Secrets stay out by construction, not by searching for them: nothing here or in the endpoints logs a header, a body
//! or a query; types that hold secrets print themselves redacted; and other crates' records below `info` are dropped
//! whatever the filter says, because HTTP libraries write headers there.

use std::fmt;
use std::panic;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, fmt as log_fmt};

use crate::config::{LogConfig, LogFormat};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is none.
    #[error("`log.filter`: {0}")]
    Filter(#[from] ParseError),
    /// Something else of this process logs already.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// Sets logging up for the whole process, and has panics logged.
pub fn init(config: &LogConfig) -> Result<(), LoggingError> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse(&config.filter)?;
    let lines = log_fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let ours_or_important = filter_fn(|metadata| {
        metadata.target().starts_with("sessionmint") || *metadata.level() <= tracing::Level::INFO
    });
    Registry::default()
        .with(lines.with_filter(ours_or_important))
        .with(filter)
        .try_init()?;
    log_panics();
    Ok(())
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
    use super::*;

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

//! What commands print: tables for people, JSON for programs.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value;
pub(super) use sessionmint_iam::clock::utc as time;

use super::CliError;

/// A line of the result. A reader that has gone away (`| head`) is no error.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What came of a change: an object for programs, a line for people.
pub(super) fn done(as_json: bool, object: &Value, text: &str) -> Result<(), CliError> {
    if as_json { json(object) } else { line(text) }
}

/// A remark that is no part of the result.
pub(super) fn note(text: &str) {
    // With standard error gone there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "note: {text}");
}

/// What went wrong.
pub(super) fn error(error: &dyn Error) {
    let _ = writeln!(std::io::stderr().lock(), "error: {}", with_causes(error));
}

/// The message and what lies below it. A message that tells its cause already is not told twice.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let told = deeper.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = deeper.source();
    }
    text
}

/// Rows under a head, in columns as wide as needed.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> Result<(), CliError> {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells.chain([head.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let head = head.map(str::to_owned);
    for row in std::iter::once(&head).chain(rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// A JSON value on lines of its own.
pub(super) fn json(value: &Value) -> Result<(), CliError> {
    line(&serde_json::to_string_pretty(value)?)
}

/// A JSON value on one line. What a terminal could take for a command, or people for other text, is escaped.
pub(super) fn json_line(value: &Value) -> Result<(), CliError> {
    let mut text = String::new();
    for c in serde_json::to_string(value)?.chars() {
        // `escape_debug` knows what cannot be seen; ASCII is the business of JSON itself.
        if c == '\u{7f}' || (!c.is_ascii() && c.escape_debug().len() > 1) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    line(&text)
}

/// A number of things, in the plural unless it is one.
pub(super) fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Failure {
        text: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn an_error_is_told_down_to_its_cause_and_only_once() {
        let told = |text| {
            let source = std::io::Error::other("disk on fire");
            with_causes(&Failure { text, source })
        };
        assert_eq!(
            told("cannot open the database"),
            "cannot open the database: disk on fire"
        );
        assert_eq!(
            told("cannot open: disk on fire"),
            "cannot open: disk on fire"
        );
    }
}

//! What commands print: tables for people, JSON for programs.

use std::error::Error;
use std::io::Write as _;

use serde_json::Value;
use sessionmint_oauth::Timestamp;

use super::CliError;

/// A line of the result. A reader that has gone away (`| head`) is no error.
pub(super) fn line(text: &str) -> Result<(), CliError> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
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

/// A number of things, in the plural unless it is one.
pub(super) fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// RFC 3339 in UTC, to the second.
pub(super) fn time(at: Timestamp) -> String {
    let (days, secs) = (at.secs().div_euclid(86_400), at.secs().rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        secs / 3600,
        secs / 60 % 60,
        secs % 60
    )
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years here begin in March, so that
/// the leap day is the last; 719468 days lie between 0000-03-01 and 1970-01-01, 146097 make 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
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

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(time(Timestamp::from_secs(secs)), text);
        }
    }
}

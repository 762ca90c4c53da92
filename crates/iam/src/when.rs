//! Points in time as operators write them, at the command line and in the admin API.

use std::str::FromStr;

use sessionmint_oauth::Timestamp;

/// How long ago, or when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many seconds ago.
    Ago(u64),
    /// Then.
    At(Timestamp),
}

impl When {
    /// The point in time, for whoever asks at `now`.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(secs) => now.minus_secs(secs),
            Self::At(at) => at,
        }
    }
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ago(text)
            .map(Self::Ago)
            .or_else(|| time(text).map(Self::At))
            .ok_or("write 30m, 24h, 7d, 2026-01-31 or 2026-01-31T08:00:00Z")
    }
}

fn ago(text: &str) -> Option<u64> {
    let secs = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    number(text.get(..text.len() - 1)?)?.checked_mul(secs)
}

/// RFC 3339 in UTC to the second, or a day, which is its beginning.
fn time(text: &str) -> Option<Timestamp> {
    let (day, clock) = match text.split_once('T') {
        Some((day, clock)) => (day, clock.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let [hours, minutes, secs] = numbers(clock, ':', [2, 2, 2])?;
    let real = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hours < 24
        && minutes < 60
        && secs < 60;
    let time = (hours * 60 + minutes) * 60 + secs;
    real.then(|| Timestamp::from_secs(days(year, month, day) * 86_400 + time))
}

fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (to, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *to = i64::try_from(number(part)?).ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Without the sign that `parse` would take.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn days_of(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days(next_year, next_month, 1) - days(year, month, 1)
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_so_long_ago_or_a_day_or_a_second() {
        for (text, when) in [
            ("90s", When::Ago(90)),
            ("30m", When::Ago(1800)),
            ("24h", When::Ago(86_400)),
            ("7d", When::Ago(604_800)),
            ("1970-01-01", When::At(Timestamp::from_secs(0))),
            ("2000-02-29", When::At(Timestamp::from_secs(951_782_400))),
            (
                "2024-02-29T23:59:59Z",
                When::At(Timestamp::from_secs(1_709_251_199)),
            ),
            (
                "2027-01-15T08:00:00Z",
                When::At(Timestamp::from_secs(1_800_000_000)),
            ),
        ] {
            assert_eq!(text.parse(), Ok(when), "{text}");
        }
        for wrong in [
            "",
            "h",
            "24",
            "-1h",
            "+1h",
            "1.5h",
            "1 h",
            "24H",
            "99999999999999999999d",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-1-1",
            "2026-01-00",
            "2026-01-01T08:00:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T08:00Z",
            "2026-01-01T08:00:00+01:00",
            "2026-01-01-01",
            "é",
        ] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}

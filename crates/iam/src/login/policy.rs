//! What a new password must be (NIST SP 800-63B-4 §3.1.1, ASVS 5.0 §6.2): long enough, and not one of the first that
//! everybody tries. Nothing about upper case, digits or signs: such rules give `Password1!`.
//!
//! The list is of words, and a password is refused when it is one of them with little around it, with the usual digits
//! for letters, or a run on the keyboard. It is no substitute for a list of breached passwords.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES};
use crate::config::PolicyConfig;

/// Lower-case words, one a line; see [`common_base`].
static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
});

/// The product's own name, which everybody tries on a fresh installation.
const PRODUCT: &str = "sessionmint";

/// Characters around a common word that do not make it uncommon: a year or `123!`.
const MAX_DECORATION: usize = 4;

/// Why a password is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Guessed within the throttle's allowance, or by hand.
    #[error("a password has at least {least} bytes")]
    TooShort {
        /// See [`PolicyConfig::password_min_bytes`].
        least: u32,
    },
    /// Longer ones would make hashing expensive for whoever wants it to be; no person types them.
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// Among the first that are tried.
    #[error(
        "this is one of the passwords that are tried first; a few words that do not belong together are better"
    )]
    Common,
    /// Among the first that are tried on this account.
    #[error("the password is the user name, or nearly")]
    LikeUsername,
}

/// Why a text is not a user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUsername {
    /// Empty or too long.
    #[error("a user name has 1 to {MAX_USERNAME_BYTES} bytes")]
    Length,
    /// Nobody could type it again, or tell it from another in a list.
    #[error("a user name has no control characters, and no space at its ends")]
    Characters,
}

/// Whether `name` is one that people can type again and that cannot be confused in a list.
pub fn check_username(name: &str) -> Result<(), InvalidUsername> {
    if name.is_empty() || name.len() > MAX_USERNAME_BYTES {
        return Err(InvalidUsername::Length);
    }
    if name.trim() != name || name.chars().any(char::is_control) {
        return Err(InvalidUsername::Characters);
    }
    Ok(())
}

/// Whether `password` may be set for `username`. It is taken as received: not trimmed, not folded.
pub fn check_new_password(
    policy: &PolicyConfig,
    username: &str,
    password: &str,
) -> Result<(), WeakPassword> {
    if password.len() < usize::try_from(policy.password_min_bytes).unwrap_or(usize::MAX) {
        return Err(WeakPassword::TooShort {
            least: policy.password_min_bytes,
        });
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(WeakPassword::TooLong);
    }
    let lower = password.to_lowercase();
    let username = username.to_lowercase();
    if lower == username || decorated(&lower, &username) {
        return Err(WeakPassword::LikeUsername);
    }
    if is_run(&lower)
        || COMMON.contains(lower.as_str())
        || common_base(&lower)
        || decorated(&lower, PRODUCT)
    {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

/// Whether it is `word` and a little.
fn decorated(password: &str, word: &str) -> bool {
    // Shorter names occur in anything.
    word.len() >= 4
        && password.contains(word)
        && password
            .chars()
            .count()
            .saturating_sub(word.chars().count())
            <= MAX_DECORATION
}

/// Whether it is a word of the list, perhaps with digits or signs around it and digits for letters in it.
fn common_base(lower: &str) -> bool {
    let decoration = |c: char| !c.is_alphabetic();
    let bases = [
        lower.trim_matches(decoration).to_owned(),
        unleet(lower).trim_matches(decoration).to_owned(),
    ];
    bases.iter().any(|base| {
        let around = lower.chars().count().saturating_sub(base.chars().count());
        around <= MAX_DECORATION && COMMON.contains(base.as_str())
    })
}

/// `p@ssw0rd` is `password`.
fn unleet(lower: &str) -> String {
    let letters = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    letters
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            other => other,
        })
        .collect()
}

/// `aaaaaaaa`, `abcabcabc`, `12345678`, `87654321`, `qwertyuiop`.
fn is_run(lower: &str) -> bool {
    let chars: Vec<char> = lower.chars().collect();
    let repeats = |period: usize| {
        chars
            .iter()
            .zip(chars.iter().skip(period))
            .all(|(a, b)| a == b)
    };
    let steps = |by: i64| {
        chars
            .iter()
            .zip(chars.iter().skip(1))
            .all(|(a, b)| i64::from(u32::from(*b)) - i64::from(u32::from(*a)) == by)
    };
    const ROWS: [&str; 7] = [
        "1234567890",
        "qwertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "qwertzuiop",
        "azertyuiop",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    ];
    let on_a_row = ROWS.iter().any(|row| {
        let back: String = row.chars().rev().collect();
        let twice = [row.repeat(2), back.repeat(2)];
        twice.iter().any(|row| row.contains(lower))
    });
    (1..=4).any(|period| period * 2 <= chars.len() && repeats(period))
        || steps(1)
        || steps(-1)
        || on_a_row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(username: &str, password: &str) -> Result<(), WeakPassword> {
        check_new_password(&PolicyConfig::default(), username, password)
    }

    #[test]
    fn c145_length_is_the_only_rule_of_form() {
        assert_eq!(
            check("ann", "1234567"),
            Err(WeakPassword::TooShort { least: 8 })
        );
        for good in [
            "correct horse battery staple",
            "nvkqpwlz",
            "84029175",
            "     a b     ",
            "пароль-для-меня",
            "🦊🦊🐢🐇",
        ] {
            assert_eq!(check("ann", good), Ok(()), "{good}");
        }
        let varied = |len: usize| {
            (0..len)
                .map(|i| char::from(b'a' + u8::try_from(i * i % 23).unwrap()))
                .collect::<String>()
        };
        assert_eq!(check("ann", &varied(64)), Ok(()));
        assert_eq!(check("ann", &varied(1024)), Ok(()));
        assert_eq!(check("ann", &varied(1025)), Err(WeakPassword::TooLong));
    }

    #[test]
    fn c145_what_everybody_tries_first_is_refused() {
        for bad in [
            "password",
            "Password1",
            "P@ssw0rd!",
            "passw0rd2024",
            "12345678",
            "1234567890",
            "87654321",
            "qwertyuiop",
            "Qwerty123",
            "iloveyou",
            "ILoveYou!",
            "sunshine",
            "football1",
            "aaaaaaaa",
            "abcabcabc",
            "abcdefgh",
            "1q2w3e4r",
            "1qaz2wsx",
            "letmein1",
            "welcome1",
            "sessionmint",
            "SessionMint1",
            "changeme",
            "administrator",
        ] {
            assert_eq!(check("ann", bad), Err(WeakPassword::Common), "{bad}");
        }
    }

    #[test]
    fn c145_the_name_of_the_user_is_refused() {
        for bad in ["ann.example", "Ann.Example1", "ann.example2024"] {
            assert_eq!(
                check("ann.example", bad),
                Err(WeakPassword::LikeUsername),
                "{bad}"
            );
        }
        assert_eq!(check("ann", "annual planning of kites"), Ok(()));
    }

    #[test]
    fn the_list_is_what_its_head_says() {
        assert!(COMMON.len() > 400, "{}", COMMON.len());
        for word in COMMON.iter() {
            assert!(
                word.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                "{word}"
            );
        }
    }
}

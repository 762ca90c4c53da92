//! Asks for a password: on a terminal without echo, or from a pipe.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use secrecy::{ExposeSecret as _, SecretString};
use sessionmint_iam::SystemRandom;
use sessionmint_iam::config::LoginConfig;
use sessionmint_iam::login::policy::check_new_password;
use sessionmint_iam::login::{Hasher, MAX_PASSWORD_BYTES};

use super::CliError;

/// Reads a new password for `username`, checks it against the policy and hashes it.
pub(super) async fn new_password_hash(
    login: &LoginConfig,
    username: &str,
    from_stdin: bool,
) -> Result<String, CliError> {
    let password = if from_stdin {
        read_line()?
    } else {
        prompt_twice(username)?
    };
    check_new_password(&login.policy, username, password.expose_secret())?;
    let hasher = Hasher::new(&login.hashing, std::sync::Arc::new(SystemRandom))?;
    Ok(hasher.hash(&password).await?)
}

/// The first line, without its end. Nothing else is taken off: spaces may be part of a password.
fn read_line() -> Result<SecretString, CliError> {
    // One line of the longest password and its end fit; a longer one is seen to be too long by what was read of it.
    let limit = u64::try_from(MAX_PASSWORD_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(3);
    let mut line = String::with_capacity(MAX_PASSWORD_BYTES + 3);
    std::io::stdin()
        .lock()
        .take(limit)
        .read_line(&mut line)
        .map_err(|error| {
            format!("the password cannot be read from standard input: {error}; it is text in UTF-8")
        })?;
    let end = line.trim_end_matches('\n').len();
    let end = if end < line.len() {
        line.get(..end)
            .map_or(end, |text| text.strip_suffix('\r').unwrap_or(text).len())
    } else {
        end
    };
    line.truncate(end);
    if line.is_empty() {
        return Err("there is no password on standard input; write it there on one line".into());
    }
    Ok(SecretString::from(line))
}

fn prompt_twice(username: &str) -> Result<SecretString, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err("there is no terminal to ask on; use --password-stdin and write the password on one line".into());
    }
    let first = SecretString::from(rpassword::prompt_password(format!(
        "new password for {username}: "
    ))?);
    let second = SecretString::from(rpassword::prompt_password("the same again: ")?);
    if first.expose_secret() == second.expose_secret() {
        Ok(first)
    } else {
        Err("the two are not the same; nothing was changed".into())
    }
}

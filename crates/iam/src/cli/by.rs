//! Who runs a command, for the audit trail.

use sessionmint_iam::{Clock as _, SystemClock};
use sessionmint_store::By;

/// The operator, now.
pub(super) fn by() -> By {
    By::operator(operator(), SystemClock.now())
}

/// The name of the user whom the operating system runs this for; behind `sudo` who called it as well. What the environment
/// says is what the caller says, and so is all that whoever can write the database does.
fn operator() -> String {
    let name = user_name();
    match variable("SUDO_USER") {
        Some(caller) if caller != name => format!("{caller} as {name}"),
        _ => name,
    }
}

#[cfg(unix)]
fn user_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &users)
        .map(str::to_owned)
        .or_else(|| variable("USER"))
        .unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(not(unix))]
fn user_name() -> String {
    variable("USERNAME").unwrap_or_else(|| "unknown".to_owned())
}

/// The first name that `/etc/passwd` has for an id: `name:password:uid:…`.
#[cfg(unix)]
fn name_of(uid: u32, passwd: &str) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid) && !name.is_empty()).then_some(name)
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_user_is_found_by_id() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\nbroken\niam:x:991:991::/:/bin/false\n";
        assert_eq!(name_of(991, passwd), Some("iam"));
        assert_eq!(name_of(99, passwd), None);
    }
}

//! Names of roles, groups and permissions. All compare byte for byte.

use crate::text::text;

/// Longest name in bytes.
const MAX_NAME: usize = 64;

/// Longest permission in bytes.
const MAX_PERMISSION: usize = 128;

text!(
    /// The name of a role: 1 to 64 characters of `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
    RoleName,
    "name of a role",
    name
);
text!(
    /// The name of a group, of the same characters as a role's. Never one that looks like a user's or a client's id.
    GroupName,
    "name of a group",
    group
);
text!(
    /// What may be done, as `kind:action`, e.g. `credentials:read`: two to four words of `a-z A-Z 0-9 . _ -`, 128 bytes in
    /// all. There are no wildcards in it: a role lists what it allows.
    Permission,
    "permission",
    permission
);

fn is_word(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
}

fn name(text: &str) -> Result<(), &'static str> {
    if is_word(text) && text.len() <= MAX_NAME {
        Ok(())
    } else {
        Err("it has 1 to 64 of `a-z A-Z 0-9 . _ -` and starts with a letter or digit")
    }
}

fn group(text: &str) -> Result<(), &'static str> {
    if ["usr_", "cli_"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
    {
        return Err("it would look like the id of a user or client");
    }
    name(text)
}

fn permission(text: &str) -> Result<(), &'static str> {
    if text.contains('*') {
        return Err("there are no wildcards in permissions; name each");
    }
    let words = text.split(':').count();
    if (2..=4).contains(&words) && text.split(':').all(is_word) && text.len() <= MAX_PERMISSION {
        Ok(())
    } else {
        Err(
            "it is written `kind:action`, each of `a-z A-Z 0-9 . _ -`, starting with a letter or digit",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_refused_with_what_would_be_one() {
        for good in ["reader", "0", "Team-A.b_c"] {
            assert_eq!(good.parse::<RoleName>().unwrap().as_str(), good);
        }
        for wrong in ["", "-a", "a b", "a/b", "ä", "a:b", &"a".repeat(65)] {
            assert!(wrong.parse::<RoleName>().is_err(), "{wrong}");
            assert!(wrong.parse::<GroupName>().is_err(), "{wrong}");
        }
        assert_eq!(
            "usr_x".parse::<GroupName>().unwrap_err().to_string(),
            "`usr_x` is no name of a group: it would look like the id of a user or client"
        );
    }

    #[test]
    fn a_permission_is_a_kind_and_an_action() {
        for good in ["credentials:read", "a:b", "a:b:c:d", "Users.v1:read-all"] {
            assert_eq!(good.parse::<Permission>().unwrap().as_str(), good);
        }
        for wrong in [
            "",
            "read",
            "a:",
            ":a",
            "a::b",
            "a:b:c:d:e",
            "a: b",
            "a:*",
            "*",
            "a:b\n",
            "a:é",
        ] {
            assert!(wrong.parse::<Permission>().is_err(), "{wrong}");
        }
    }
}

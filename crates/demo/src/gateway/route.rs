//! Which upstream a path belongs to. A path that two readers could take for two things is refused, never interpreted:
//! what decides over the cookie must see the same path as the upstream.

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The IAM service, with the session cookie.
    Iam,
    /// The services beside it, without.
    Service,
}

/// Not a path in its simplest form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

/// Decides by the raw path. Refused are empty and dot segments, parameters (`;`), backslashes, encodings of characters
/// that need none or that separate segments, and other spellings of `/iam`.
pub(super) fn target(path: &str) -> Result<Target, Ambiguous> {
    let segments = path.strip_prefix('/').ok_or(Ambiguous)?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b';');
    if !path.bytes().all(plain) || !encodings_are_needed(path) {
        return Err(Ambiguous);
    }
    let segments: Vec<&str> = segments.split('/').collect();
    let last = segments.len() - 1;
    let dots = |segment: &str| segment == "." || segment == "..";
    if segments
        .iter()
        .enumerate()
        .any(|(at, segment)| dots(segment) || (segment.is_empty() && at < last))
    {
        return Err(Ambiguous);
    }
    match segments.as_slice() {
        ["iam", ..] | [".well-known", _, "iam"] => Ok(Target::Iam),
        [first, ..] if first.eq_ignore_ascii_case("iam") => Err(Ambiguous),
        _ => Ok(Target::Service),
    }
}

/// Every `%` starts an encoding of a character that has to be encoded and means nothing in a path.
fn encodings_are_needed(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let decoded = rest
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.is_some_and(|byte| {
            let needless =
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            let meaningful =
                byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b'%' | b';' | b'?' | b'#');
            !needless && !meaningful
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_have_one_target() {
        for path in [
            "/iam",
            "/iam/",
            "/iam/oauth/token",
            "/.well-known/oauth-authorization-server/iam",
        ] {
            assert_eq!(target(path), Ok(Target::Iam), "{path}");
        }
        for path in [
            "/",
            "/notes",
            "/notes/1",
            "/iamb",
            "/notes/iam",
            "/a%20b",
            "/caf%C3%A9",
            "/.well-known/x",
            "/notes/",
        ] {
            assert_eq!(target(path), Ok(Target::Service), "{path}");
        }
    }

    #[test]
    fn c003_paths_with_two_meanings_have_none() {
        let tricks = [
            "//iam",
            "/notes//iam",
            "/iam//notes",
            "/IAM",
            "/Iam/oauth/token",
            "/iam/../notes",
            "/iam/..",
            "/./iam",
            "/notes/../iam",
            "/svc/..%2fiam",
            "/svc/..%2Fiam",
            "/svc/%2e%2e/iam",
            "/svc/%2E%2e/iam",
            "/svc/.%2e/iam",
            "/svc/..;/iam",
            "/iam;x=1",
            "/iam\\..\\notes",
            "/svc/..%5ciam",
            "/%69am",
            "/i%61m",
            "/svc/%252e%252e/iam",
            "/iam%00",
            "/iam%2foauth",
            "/iam%3fx",
            "/iam%23x",
            "/iam%",
            "/iam%2",
            "/iam%zz",
            "/iam%+1",
            "*",
            "",
            "iam",
            "/\u{ff0e}\u{ff0e}/iam",
            "/a\tb",
        ];
        for path in tricks {
            assert_eq!(target(path), Err(Ambiguous), "{path:?}");
        }
    }
}

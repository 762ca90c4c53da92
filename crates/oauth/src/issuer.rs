//! The issuer identifier (RFC 8414 §2).

use std::fmt;
use std::str::FromStr;

use crate::origin::Origin;

/// The public address of an IAM service, e.g. `https://api.example.com/iam`. Kept and compared byte for byte; it is the
/// `iss` of every token, and its path is the base path of the endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer {
    whole: String,
    path_at: usize,
}

/// Why a string is no issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIssuer {
    /// Neither `https://…` nor `http://` to this machine.
    #[error(
        "an issuer starts with `https://`; `http://` is only for localhost, *.localhost, 127.0.0.1 and [::1]"
    )]
    Scheme,
    /// The host or port is not in the form that a browser gives an origin.
    #[error(
        "the host of an issuer is lower-case letters, digits, `.` and `-`, with no user name and no default port"
    )]
    Host,
    /// The path is not in its simplest form.
    #[error(
        "the path of an issuer is `/` and letters, digits, `.`, `_`, `~`, `-`, with no `/` at the end, no `..`, no query"
    )]
    Path,
}

impl Issuer {
    /// The issuer as it appears on the wire.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// The origin of the service, e.g. `https://api.example.com`.
    pub fn origin(&self) -> &str {
        self.whole.get(..self.path_at).unwrap_or_default()
    }

    /// Whether the service can only be on this very machine.
    pub fn is_local(&self) -> bool {
        Origin::parse(self.origin().as_bytes()).is_some_and(Origin::is_local)
    }

    /// The base path of the endpoints, e.g. `/iam`; empty when the service has a host of its own.
    pub fn path(&self) -> &str {
        self.whole.get(self.path_at..).unwrap_or_default()
    }
}

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(value: &str) -> Result<Self, InvalidIssuer> {
        let (_, rest) = value
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "https" | "http"))
            .ok_or(InvalidIssuer::Scheme)?;
        let path = rest
            .find(['/', '?', '#'])
            .and_then(|at| rest.get(at..))
            .unwrap_or_default();
        let origin = value
            .strip_suffix(path)
            .and_then(|origin| Origin::parse(origin.as_bytes()))
            .ok_or(InvalidIssuer::Host)?;
        if origin.scheme() == "http" && !origin.is_local() {
            return Err(InvalidIssuer::Scheme);
        }
        let segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-'))
        };
        let path_ok = path.is_empty()
            || path
                .strip_prefix('/')
                .is_some_and(|path| path.split('/').all(segment));
        if !path_ok {
            return Err(InvalidIssuer::Path);
        }
        Ok(Self {
            whole: value.to_owned(),
            path_at: value.len() - path.len(),
        })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_has_an_origin_and_a_path() {
        let issuer: Issuer = "http://api.app.localhost:4181/iam".parse().unwrap();
        assert_eq!(
            (issuer.origin(), issuer.path()),
            ("http://api.app.localhost:4181", "/iam")
        );
        let bare: Issuer = "https://id.example.com".parse().unwrap();
        assert_eq!((bare.origin(), bare.path()), ("https://id.example.com", ""));
    }

    #[test]
    fn what_could_be_written_in_two_ways_is_refused() {
        for (bad, why) in [
            ("", InvalidIssuer::Scheme),
            ("api.example.com/iam", InvalidIssuer::Scheme),
            ("HTTPS://api.example.com", InvalidIssuer::Scheme),
            ("http://api.example.com/iam", InvalidIssuer::Scheme),
            ("http://localhost.example.com", InvalidIssuer::Scheme),
            ("https://API.example.com", InvalidIssuer::Host),
            ("https://user@api.example.com", InvalidIssuer::Host),
            ("https://api.example.com:443", InvalidIssuer::Host),
            ("https://api.example.com:99999", InvalidIssuer::Host),
            ("https://api.example.com:", InvalidIssuer::Host),
            ("https:///iam", InvalidIssuer::Host),
            ("https://api.example.com/", InvalidIssuer::Path),
            ("https://api.example.com/iam/", InvalidIssuer::Path),
            ("https://api.example.com//iam", InvalidIssuer::Path),
            ("https://api.example.com/../iam", InvalidIssuer::Path),
            ("https://api.example.com/i%61m", InvalidIssuer::Path),
            ("https://api.example.com/{iam}", InvalidIssuer::Path),
            ("https://api.example.com/iam?x=1", InvalidIssuer::Path),
            ("https://api.example.com?x=1", InvalidIssuer::Path),
            ("https://api.example.com/iam#x", InvalidIssuer::Path),
        ] {
            assert_eq!(bad.parse::<Issuer>(), Err(why), "{bad}");
        }
    }
}

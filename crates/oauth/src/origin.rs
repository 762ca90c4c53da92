//! Who is calling from a browser: the `Origin` and Fetch Metadata headers, which a page cannot forge.
//!
//! A `SameSite=Strict` cookie still arrives with requests of every sibling host (`evil.example.com` is same-site with
//! `api.example.com`), so only the exact origin tells the app from its neighbours.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest origin: a scheme, a host name of 253 characters (RFC 1035 §2.3.4) and a port.
const MAX_LEN: usize = 300;

/// A serialized web origin (RFC 6454 §6.2) in the one form that browsers send: `https://ui.example.com`, lower case, no
/// default port, no slash at the end, never `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin<'a>(&'a str);

impl<'a> Origin<'a> {
    /// From a header's raw value or an operator's input; `None` for whatever no browser would send for http or https.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value)
            .ok()
            .filter(|text| text.len() <= MAX_LEN)?;
        let (authority, default_port) =
            match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
                (Some(rest), _) => (rest, "443"),
                (None, Some(rest)) => (rest, "80"),
                (None, None) => return None,
            };
        let (host, port) = split_port(authority);
        let port_ok = port.is_none_or(|port| {
            let digits = port.bytes().all(|b| b.is_ascii_digit());
            digits && port != default_port && !port.starts_with('0') && port.parse::<u16>().is_ok()
        });
        (host_ok(host) && port_ok).then_some(Self(text))
    }

    /// The origin as it was sent.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// `https` or `http`.
    pub fn scheme(self) -> &'a str {
        self.0.split("://").next().unwrap_or_default()
    }

    /// The host, and the port where it is not the scheme's own.
    pub fn authority(self) -> &'a str {
        self.0.split("://").nth(1).unwrap_or_default()
    }

    /// The host without the port; an IPv6 address in its brackets.
    pub fn host(self) -> &'a str {
        split_port(self.authority()).0
    }

    /// Whether it can only be this very machine. Browsers resolve `localhost` and everything below it to loopback.
    pub fn is_local(self) -> bool {
        let host = self.host();
        matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The last colon of `[::1]` is not a port's.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn host_ok(host: &str) -> bool {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|parsed| parsed.to_string() == address);
    }
    let label_ok = |label: &str| {
        let char_ok =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(char_ok)
    };
    // A last label of digits makes browsers read an IPv4 address.
    let numeric = host
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    host.len() <= 253
        && host.split('.').all(label_ok)
        && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

/// The Fetch Metadata headers of a request (<https://www.w3.org/TR/fetch-metadata/>); `None` where one is absent, as in
/// browsers that do not send them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchMetadata<'a> {
    /// `Sec-Fetch-Site`.
    pub site: Option<&'a [u8]>,
    /// `Sec-Fetch-Mode`.
    pub mode: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`.
    pub dest: Option<&'a [u8]>,
}

impl FetchMetadata<'_> {
    /// Whether this can be a script's `fetch` from the same site: not a navigation, a form, an image, a `no-cors` call
    /// or a page of another site.
    pub fn is_same_site_fetch(&self) -> bool {
        let absent_or = |header: Option<&[u8]>, allowed: &[&str]| {
            header.is_none_or(|value| allowed.iter().any(|allowed| allowed.as_bytes() == value))
        };
        absent_or(self.mode, &["cors"])
            && absent_or(self.dest, &["empty"])
            && absent_or(self.site, &["same-site", "same-origin"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_an_origin() {
        for good in [
            "https://ui.example.com",
            "http://ui.app.localhost:4180",
            "http://localhost:5173",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(
                Origin::parse(good.as_bytes()).map(Origin::as_str),
                Some(good)
            );
        }
    }

    #[test]
    fn its_parts_are_told() {
        for (origin, scheme, host, is_local) in [
            (
                "https://ui.example.com:8443",
                "https",
                "ui.example.com",
                false,
            ),
            ("http://[::1]:8080", "http", "[::1]", true),
            (
                "http://ui.app.localhost:4180",
                "http",
                "ui.app.localhost",
                true,
            ),
            (
                "http://localhost.example.com",
                "http",
                "localhost.example.com",
                false,
            ),
        ] {
            let origin = Origin::parse(origin.as_bytes()).unwrap();
            assert_eq!(
                (origin.scheme(), origin.host(), origin.is_local()),
                (scheme, host, is_local)
            );
        }
    }

    #[test]
    fn c034_everything_else_is_not() {
        for bad in [
            "",
            "null",
            "NULL",
            "*",
            "ui.example.com",
            "https://",
            "https://UI.example.com",
            "HTTPS://ui.example.com",
            "https://ui.example.com/",
            "https://ui.example.com/app",
            "https://ui.example.com:443",
            "http://ui.example.com:80",
            "https://ui.example.com:",
            "https://ui.example.com:08443",
            "https://ui.example.com:99999",
            "https://user@ui.example.com",
            "https://ui.example.com?",
            "https://ui.example.com#",
            "https://ui..example.com",
            "https://ui.example.com.",
            "https://ui.example.com https://evil.example.com",
            "https://ui.example.com,https://evil.example.com",
            "file://",
            "chrome-extension://abc",
            "https://[::1",
            "https://[FE80::1]",
            "https://[0:0:0:0:0:0:0:1]",
            "https://1.2.3",
            "https://1.2.3.4.5",
            "https://ui.example.com:0",
            "https://ui.example.com\u{e9}",
        ] {
            assert_eq!(Origin::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn fetch_metadata_may_be_absent_but_not_wrong() {
        let metadata = |site, mode, dest| FetchMetadata { site, mode, dest };
        let good = metadata(
            Some(&b"same-site"[..]),
            Some(&b"cors"[..]),
            Some(&b"empty"[..]),
        );
        assert!(good.is_same_site_fetch());
        assert!(FetchMetadata::default().is_same_site_fetch());
        for bad in [
            metadata(Some(b"cross-site"), good.mode, good.dest),
            metadata(Some(b"none"), good.mode, good.dest),
            metadata(good.site, Some(b"navigate"), good.dest),
            metadata(good.site, Some(b"no-cors"), good.dest),
            metadata(good.site, good.mode, Some(b"document")),
            metadata(good.site, good.mode, Some(b"image")),
            metadata(Some(b"Same-Site"), good.mode, good.dest),
            metadata(Some(b""), good.mode, good.dest),
        ] {
            assert!(!bad.is_same_site_fetch(), "{bad:?}");
        }
    }
}

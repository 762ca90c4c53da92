//! Redirect URIs: which ones may be registered, and whether the one of a request is registered (RFC 9700 §2.1, RFC 8252).
//!
//! A URI is compared as text, byte for byte, never as a browser would read it: what reads differently to two readers is no
//! redirect URI at all. Only the port of a loopback address may differ, and only for an app on the user's machine, which
//! takes a free port each time (RFC 8252 §7.3).

use crate::origin::Origin;

/// The longest, in bytes.
const MAX_LEN: usize = 2048;

/// Where an app on the user's machine listens (RFC 8252 §8.3 advises against `localhost`).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// Why a text cannot be registered as a redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// Other bytes than a URI has, a fragment, or too long.
    #[error(
        "a redirect URI is printable ASCII of at most {MAX_LEN} characters, without spaces, quotes, `\\` and `#`"
    )]
    Characters,
    /// `http` beyond this machine.
    #[error("a redirect URI with `http:` is for localhost, *.localhost, 127.0.0.1 and [::1] only")]
    Http,
    /// No host in the form of an origin, or a path that a browser would rewrite.
    #[error(
        "a redirect URI is an origin (lower case, no user name, no default port) and a path without `.` and `..` segments"
    )]
    Form,
    /// Neither a web page nor an app's own scheme.
    #[error(
        "the scheme of a redirect URI is `https`, or, for a public client, a domain name of its maker in reverse (`com.example.app:/`)"
    )]
    Scheme,
}

/// Checks a URI for registration. `public` says whether the client has no way to prove who it is, as apps on devices.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(uri: &str, public: bool) -> Result<(), InvalidRedirectUri> {
    let allowed = |b: u8| {
        b.is_ascii_graphic()
            && !matches!(
                b,
                b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
            )
    };
    if uri.len() > MAX_LEN || !uri.bytes().all(allowed) {
        return Err(InvalidRedirectUri::Characters);
    }
    let Some((origin, rest)) = split(uri) else {
        let scheme = uri.split(':').next().unwrap_or_default();
        let own = public && uri.contains(":/") && is_reversed_domain(scheme);
        return if own {
            Ok(())
        } else {
            Err(InvalidRedirectUri::Scheme)
        };
    };
    let origin = Origin::parse(origin.as_bytes()).ok_or(InvalidRedirectUri::Form)?;
    if origin.scheme() == "http" && !origin.is_local() {
        return Err(InvalidRedirectUri::Http);
    }
    let path = rest.split('?').next().unwrap_or_default();
    let rewritten = path.split('/').any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        matches!(segment.as_str(), "." | "..")
    });
    if rewritten {
        return Err(InvalidRedirectUri::Form);
    }
    Ok(())
}

/// The origin of a web page's URI; `None` for other schemes.
pub fn origin(uri: &str) -> Option<&str> {
    split(uri).map(|(origin, _)| origin)
}

/// Where a URI leads, in words that a user can hold against what they expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A web site: its host, and its port where that is not the scheme's own.
    Site(&'a str),
    /// A program on the user's own machine, whichever listens there.
    Device,
    /// An app that claims this scheme (RFC 8252 §7.1).
    App(&'a str),
}

/// Where a URI that passed [`check`] leads.
pub fn destination(uri: &str) -> Destination<'_> {
    let page = split(uri).and_then(|(origin, _)| Origin::parse(origin.as_bytes()));
    match page {
        Some(origin) if origin.is_local() => Destination::Device,
        Some(origin) => Destination::Site(origin.authority()),
        None => Destination::App(uri.split(':').next().unwrap_or_default()),
    }
}

/// Whether `asked` is one of `registered`, each of which must still pass [`check`].
pub fn is_registered(registered: &[String], asked: &str, public: bool) -> bool {
    registered
        .iter()
        .filter(|uri| check(uri, public).is_ok())
        .any(|uri| uri == asked || (public && same_but_for_the_port(uri, asked)))
}

/// Whether both are of one loopback address and differ in nothing but the port.
fn same_but_for_the_port(registered: &str, asked: &str) -> bool {
    LOOPBACK.iter().any(|address| {
        let rest = |uri: &str| {
            let after = uri.strip_prefix(address)?;
            let Some(port) = after.strip_prefix(':') else {
                return after.starts_with('/').then(|| after.to_owned());
            };
            let (port, rest) = port.split_at(port.find('/')?);
            let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
            (digits && port.parse::<u16>().is_ok()).then(|| rest.to_owned())
        };
        rest(registered).is_some_and(|own| rest(asked) == Some(own))
    })
}

/// The origin and what follows it, of an `http` or `https` URI.
fn split(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once("://")?;
    if !matches!(scheme, "https" | "http") {
        return None;
    }
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    uri.split_at_checked(uri.len() - rest.len() + authority)
}

/// RFC 8252 §7.1: a scheme that is a domain under its maker's control. No scheme that a browser knows has a dot.
fn is_reversed_domain(scheme: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    scheme.contains('.')
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: &str = "https://app.example.com/callback";

    fn one(uri: &str) -> [String; 1] {
        [uri.to_owned()]
    }

    #[test]
    fn c082_what_only_resembles_a_registered_uri_is_refused() {
        for asked in [
            "",
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/callback/",
            "https://app.example.com/callback2",
            "https://app.example.com/callbac",
            "https://app.example.com/CALLBACK",
            "https://APP.example.com/callback",
            "HTTPS://app.example.com/callback",
            "http://app.example.com/callback",
            "https://app.example.com:443/callback",
            "https://app.example.com:8443/callback",
            "https://app.example.com./callback",
            "https://app.example.com.evil.example/callback",
            "https://evil.example/app.example.com/callback",
            "https://evilapp.example.com/callback",
            "https://xapp.example.com/callback",
            "https://app.example.com@evil.example/callback",
            "https://user@app.example.com/callback",
            "https://evil.example\\@app.example.com/callback",
            "https://app.example.com\\evil.example/callback",
            "https://app.example.com/callback/../evil",
            "https://app.example.com/x/../callback",
            "https://app.example.com/./callback",
            "https://app.example.com/callback%2f..",
            "https://app.example.com/callback%252f",
            "https://app.example.com/callback..;/",
            "https://app.example.com/callback/..;/evil",
            "https://app.example.com/callbac%6b",
            "https://app.example.com/\tcallback",
            "/\thttps://evil.example",
            "///evil.example",
            "//app.example.com/callback",
            "/callback",
            "https:app.example.com/callback",
            "https:///app.example.com/callback",
            "https://app.example.com/callback#",
            "https://app.example.com/callback#frag",
            "https://app.example.com/callback?",
            "https://app.example.com/callback?extra=1",
            "https://app.example.com/callback&extra=1",
            "https://app.example.com/callback ",
            " https://app.example.com/callback",
            "https://app.example.com/callback\n",
            "https://app.example.com/callback\0",
            "https://\u{430}pp.example.com/callback",
            "https://xn--pp-6kc.example.com/callback",
            "https://app.example.com/callb\u{430}ck",
            "javascript:alert(1)//https://app.example.com/callback",
            "data:text/html,https://app.example.com/callback",
            "*",
            "null",
        ] {
            for public in [false, true] {
                assert!(!is_registered(&one(CALLBACK), asked, public), "{asked:?}");
            }
        }
        assert!(is_registered(&one(CALLBACK), CALLBACK, false));
        let with_query = "https://app.example.com/callback?tenant=1";
        assert!(is_registered(&one(with_query), with_query, false));
        assert!(!is_registered(&one(with_query), CALLBACK, false));
        assert!(!is_registered(&[], CALLBACK, false));
    }

    #[test]
    fn c083_only_the_port_of_a_public_clients_loopback_address_may_vary() {
        for (registered, asked, same) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true),
            ("http://[::1]/cb", "http://[::1]:51004/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb2", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?x", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+1/cb", false),
            (
                "http://127.0.0.1/cb",
                "http://127.0.0.1:1@evil.example/cb",
                false,
            ),
            (
                "http://127.0.0.1/cb",
                "http://127.0.0.1.evil.example/cb",
                false,
            ),
            ("http://127.0.0.1/cb", "http://127.0.0.2:1/cb", false),
            ("http://127.0.0.1/cb", "http://[::1]:1/cb", false),
            ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb", false),
            ("http://localhost/cb", "http://localhost:51004/cb", false),
            (
                "https://app.example.com/cb",
                "https://app.example.com:444/cb",
                false,
            ),
        ] {
            assert_eq!(
                is_registered(&one(registered), asked, true),
                same,
                "{registered} {asked}"
            );
            assert!(
                !is_registered(&one(registered), asked, false),
                "{asked}, not a native client"
            );
        }
    }

    #[test]
    fn c084_plain_http_stays_on_the_machine() {
        use InvalidRedirectUri::{Characters, Form, Http, Scheme};
        for (uri, confidential, public) in [
            (CALLBACK, Ok(()), Ok(())),
            ("https://app.example.com", Ok(()), Ok(())),
            ("http://localhost:3000/cb", Ok(()), Ok(())),
            ("http://app.localhost/cb", Ok(()), Ok(())),
            ("http://127.0.0.1/cb", Ok(()), Ok(())),
            ("com.example.app:/cb", Err(Scheme), Ok(())),
            ("http://app.example.com/cb", Err(Http), Err(Http)),
            ("http://localhost.example.com/cb", Err(Http), Err(Http)),
            ("http://10.0.0.1/cb", Err(Http), Err(Http)),
            (
                "https://app.example.com/cb#x",
                Err(Characters),
                Err(Characters),
            ),
            (
                "https://app.example.com/a b",
                Err(Characters),
                Err(Characters),
            ),
            ("https://APP.example.com/cb", Err(Form), Err(Form)),
            ("https://u@app.example.com/cb", Err(Form), Err(Form)),
            ("https://app.example.com:443/cb", Err(Form), Err(Form)),
            ("https://app.example.com/a/%2E%2e/b", Err(Form), Err(Form)),
            ("javascript:/alert(1)", Err(Scheme), Err(Scheme)),
            ("data:text/html,x", Err(Scheme), Err(Scheme)),
            ("myapp:/cb", Err(Scheme), Err(Scheme)),
            ("javascript.x:alert(1)", Err(Scheme), Err(Scheme)),
            ("urn:ietf:wg:oauth:2.0:oob", Err(Scheme), Err(Scheme)),
            ("", Err(Scheme), Err(Scheme)),
        ] {
            assert_eq!(check(uri, false), confidential, "{uri}");
            assert_eq!(check(uri, true), public, "{uri}");
        }
        let plain = "http://app.example.com/cb";
        assert!(
            !is_registered(&one(plain), plain, false),
            "however it got there"
        );
    }

    #[test]
    fn a_user_reads_where_it_leads() {
        use Destination::{App, Device, Site};
        for (uri, leads) in [
            (CALLBACK, Site("app.example.com")),
            ("https://a.example:8443/x?y", Site("a.example:8443")),
            (
                "https://bank.example.evil.example/bank.example",
                Site("bank.example.evil.example"),
            ),
            ("https://xn--pp-6kc.example", Site("xn--pp-6kc.example")),
            ("http://127.0.0.1:51004/cb", Device),
            ("http://[::1]/cb", Device),
            ("http://localhost:3000/cb", Device),
            ("https://app.localhost/cb", Device),
            ("com.example.app:/cb", App("com.example.app")),
            ("com.example.app://shop.example/cb", App("com.example.app")),
        ] {
            assert_eq!(check(uri, true), Ok(()), "{uri}");
            assert_eq!(destination(uri), leads, "{uri}");
        }
    }

    #[test]
    fn the_origin_is_what_comes_before_the_path() {
        assert_eq!(
            origin("https://a.example:8443/x?y"),
            Some("https://a.example:8443")
        );
        assert_eq!(origin("https://a.example?y"), Some("https://a.example"));
        assert_eq!(origin("com.example.app:/x"), None);
    }
}

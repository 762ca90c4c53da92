//! What is taken off and put on at the border.

use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_SECURITY_POLICY, COOKIE, EXPECT, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use sessionmint_oauth::cookie::SESSION_COOKIE;

/// Headers that are about one connection (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [CONNECTION, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The older ones of them, which have no constant.
const HOP_BY_HOP_NAMES: [&str; 4] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
];

pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    for name in HOP_BY_HOP_NAMES {
        headers.remove(name);
    }
}

/// Whatever a client says about proxies before us or about who the user is. An underscore counts as a dash: some
/// frameworks read both alike.
pub(super) fn strip_claims_of_proxies(headers: &mut HeaderMap) {
    let is_claim = |name: &HeaderName| {
        let name = name.as_str().replace('_', "-");
        matches!(
            name.as_str(),
            "forwarded" | "x-real-ip" | "x-client-ip" | "true-client-ip" | "via"
        ) || ["x-forwarded-", "x-user-", "x-original-", "x-rewrite-"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_claim(name))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

/// Our own word on it.
pub(super) fn say_who_asks(headers: &mut HeaderMap, peer: IpAddr, host: &HeaderValue) {
    if let Ok(peer) = HeaderValue::from_str(&peer.to_canonical().to_string()) {
        headers.insert("x-forwarded-for", peer);
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    headers.insert("x-forwarded-host", host.clone());
}

/// Takes the session cookie out and leaves every other byte of the other cookies as it was.
pub(super) fn strip_session_cookie(headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|field| {
            let pairs = field
                .as_bytes()
                .split(|byte| *byte == b';')
                .map(<[u8]>::trim_ascii);
            let others: Vec<&[u8]> = pairs
                .filter(|pair| !pair.is_empty() && !is_session_cookie(pair))
                .collect();
            let mut value = HeaderValue::from_bytes(&others.join(&b"; "[..]))
                .ok()
                .filter(|_| !others.is_empty())?;
            value.set_sensitive(true);
            Some(value)
        })
        .collect();
    headers.remove(COOKIE);
    for field in kept {
        headers.append(COOKIE, field);
    }
}

fn is_session_cookie(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.trim_ascii() == SESSION_COOKIE.as_bytes()
}

/// Drops a `Set-Cookie` that could be taken for the session cookie by anybody, and `Clear-Site-Data`, which would sign
/// the user out.
pub(super) fn strip_cookie_changes(headers: &mut HeaderMap) {
    let kept: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|field| !resembles_session_cookie(field.as_bytes()))
        .cloned()
        .collect();
    if kept.len() != headers.get_all(SET_COOKIE).iter().count() {
        tracing::warn!(
            cookie.name = SESSION_COOKIE,
            "a service tried to set the session cookie"
        );
    }
    headers.remove(SET_COOKIE);
    for field in kept {
        headers.append(SET_COOKIE, field);
    }
    headers.remove("clear-site-data");
}

/// Compares letters and dashes only, in lower case, after decoding percent signs as often as there are any. A cookie
/// without a name goes out as its bare value, so then the value's beginning is the name.
fn resembles_session_cookie(field: &[u8]) -> bool {
    let pair = field.split(|byte| *byte == b';').next().unwrap_or_default();
    let mut decoded = pair.to_vec();
    while let Some(next) = percent_decoded(&decoded) {
        decoded = next;
    }
    let decoded: Vec<u8> = decoded
        .into_iter()
        .map(|byte| byte.to_ascii_lowercase())
        .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'='))
        .collect();
    let name = decoded
        .split(|byte| *byte == b'=')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    name == SESSION_COOKIE.to_ascii_lowercase().as_bytes()
}

/// One round of decoding; `None` when there is nothing to decode.
fn percent_decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut decoded, mut rest, mut changed) = (Vec::new(), bytes, false);
    while let Some((byte, tail)) = rest.split_first() {
        let digits = tail
            .get(..2)
            .filter(|_| *byte == b'%')
            .and_then(|digits| str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(*byte));
        rest = if value.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
        changed |= value.is_some();
    }
    changed.then_some(decoded)
}

/// The answers of services are data. A page or script of theirs would have the IAM service's origin.
pub(super) fn forbid_pages(headers: &mut HeaderMap) {
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies_after(fields: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(COOKIE, HeaderValue::from_bytes(field).unwrap());
        }
        strip_session_cookie(&mut headers);
        headers
            .get_all(COOKIE)
            .iter()
            .map(|field| field.as_bytes().to_vec())
            .collect()
    }

    #[test]
    fn c003_the_session_cookie_is_taken_out_byte_exact() {
        let none: Vec<Vec<u8>> = Vec::new();
        assert_eq!(cookies_after(&[b"__Host-Http-sid=x"]), none);
        assert_eq!(
            cookies_after(&[b"__Host-Http-sid=x; __Host-Http-sid=y", b"__Host-Http-sid"]),
            none
        );
        assert_eq!(
            cookies_after(&[b"a=1; __Host-Http-sid=x; b=2"]),
            [b"a=1; b=2"]
        );
        assert_eq!(
            cookies_after(&[b"a=1;__Host-Http-sid=x;b=2;"]),
            [b"a=1; b=2"]
        );
        assert_eq!(
            cookies_after(&[b"a=1", b"__Host-Http-sid=x", b"b=2"]),
            [b"a=1", b"b=2"]
        );
        assert_eq!(
            cookies_after(&[b"a=\xe2\x80\x80; __Host-Http-sid=x; \"q\"=1=2"]),
            [&b"a=\xe2\x80\x80; \"q\"=1=2"[..]]
        );
        let others: &[u8] = b"%5F%5FHost-Http-sid=x; __HOST-HTTP-SID=x; __Host-Http-sid2=x; x__Host-Http-sid=x; =__Host-Http-sid";
        assert_eq!(cookies_after(&[others]), [others]);
    }

    #[test]
    fn c003_a_set_cookie_that_resembles_it_is_dropped() {
        let resembling = [
            "__Host-Http-sid=x; Path=/; Secure",
            "__host-http-SID=x",
            "%5F%5FHost-Http-sid=x",
            "%5f%5fhost%2dHttp-sid=x",
            "%255F%255FHost-Http-sid=x",
            " __Host-Http-sid =x",
            "__Host-Http-sid",
            "=__Host-Http-sid=x",
            "==__Host-Http-sid=x",
            "\u{2000}__Host-Http-sid=x",
            "\t__Host-Http-sid=x",
            "__Host-Http-sid%20=x",
            "%3D__Host-Http-sid=x",
        ];
        for field in resembling {
            assert!(resembles_session_cookie(field.as_bytes()), "{field}");
        }
        for field in [
            "a=__Host-Http-sid",
            "__Host-Http-sid2=x",
            "sid=x",
            "__Host-sid=x",
            "=",
            "",
            "%zz=1",
        ] {
            assert!(!resembles_session_cookie(field.as_bytes()), "{field}");
        }
    }
}

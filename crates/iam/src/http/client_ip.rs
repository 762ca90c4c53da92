//! Where a request comes from, for throttling and logs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The peer; or, when that is a trusted proxy, the last address in `X-Forwarded-For` that is not one. What stands before
/// it was written by the client. Without a known peer (a test, a Unix socket) it is `0.0.0.0`.
pub(super) fn client_ip(request: &Request, trusted: &[IpNet]) -> IpAddr {
    behind_proxies(peer(request.extensions()), request.headers(), trusted)
}

/// The same of a request whose body was taken.
pub(super) fn client_ip_of(parts: &Parts, trusted: &[IpNet]) -> IpAddr {
    behind_proxies(peer(&parts.extensions), &parts.headers, trusted)
}

fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
        address.ip().to_canonical()
    })
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    let fields: Vec<&[u8]> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.as_bytes())
        .collect();
    let mut client = peer;
    for entry in fields
        .iter()
        .rev()
        .flat_map(|field| field.rsplit(|&b| b == b','))
    {
        if !is_trusted(&client) {
            break;
        }
        let entry = std::str::from_utf8(entry)
            .ok()
            .and_then(|text| text.trim().parse::<IpAddr>().ok());
        // What is no address was not written by a proxy that we know: stay with the last one that is known.
        let Some(ip) = entry else { break };
        client = ip.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c147_only_trusted_proxies_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("198.51.100.1", &["203.0.113.9"][..], "198.51.100.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["127.0.0.1, 203.0.113.9"], "203.0.113.9"),
            (
                "10.0.0.1",
                &["127.0.0.1", "203.0.113.9, 10.0.0.2"],
                "203.0.113.9",
            ),
            ("10.0.0.1", &["10.0.0.3,10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
        ] {
            let mut headers = HeaderMap::new();
            for field in forwarded {
                headers.append("x-forwarded-for", field.parse().unwrap());
            }
            let peer = peer.parse::<IpAddr>().unwrap().to_canonical();
            assert_eq!(
                behind_proxies(peer, &headers, &trusted),
                expected.parse::<IpAddr>().unwrap(),
                "{forwarded:?}"
            );
        }
    }
}

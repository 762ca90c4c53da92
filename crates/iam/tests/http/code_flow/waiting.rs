//! How many requests wait for their users.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::admin::metrics;

/// As many as one network may have waiting.
const MAX_OF_NETWORK: u32 = 1_000;

/// A service that stands behind a proxy, which says where requests come from.
async fn behind_a_proxy() -> Flow {
    Flow::start_with(|config| config.trusted_proxies = vec!["0.0.0.0/0".parse().unwrap()]).await
}

async fn ask_from(flow: &Flow, address: IpAddr, parameters: &str) -> Answer {
    let mut request = authorize_request(&Browser::default(), parameters);
    let address = address.to_string().parse().unwrap();
    request.headers_mut().insert("x-forwarded-for", address);
    flow.service.send(request).await
}

#[tokio::test]
async fn one_network_cannot_keep_others_from_signing_in() {
    let flow = behind_a_proxy().await;
    let (one, other) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    let mut browser = Browser::default();
    let own = "2001:db8::7".parse().unwrap();
    let answer = ask_from(&flow, own, "").await;
    browser.keep_ix(&answer);
    let id = redirect(&answer).get("id");

    for number in 0..MAX_OF_NETWORK {
        assert_eq!(
            ask_from(&flow, one.into(), "").await.status,
            303,
            "{number}"
        );
        if number == 0 {
            flow.service.clock.advance_secs(100);
        }
    }
    let refused = ask_from(&flow, one.into(), "").await;
    assert_page(&refused, 429, "192.0.2.1");
    assert_eq!(refused.header(header::RETRY_AFTER), "500");
    let text = metrics(&flow.service).await;
    let counted = "sessionmint_authorizations_total{outcome=\"too_many\"} 1\n";
    assert!(text.contains(counted), "{text}");
    // A fault is told to the client all the same, and costs no room.
    let fault = ask_from(&flow, one.into(), "scope=admin").await;
    assert_eq!(redirect(&fault).get("error"), "invalid_scope");

    assert_eq!(ask_from(&flow, other.into(), "").await.status, 303);
    assert_eq!(
        flow.shown(&browser, &id).await.status,
        200,
        "who was here before goes on"
    );
    flow.service.clock.advance_secs(499);
    assert_eq!(ask_from(&flow, one.into(), "").await.status, 429);
    flow.service.clock.advance_secs(1);
    assert_eq!(ask_from(&flow, one.into(), "").await.status, 303);
    assert_eq!(
        ask_from(&flow, one.into(), "").await.status,
        429,
        "one is over, not all"
    );
}

#[tokio::test]
async fn what_is_answered_makes_room() {
    let flow = behind_a_proxy().await;
    let network = Ipv4Addr::new(192, 0, 2, 1).into();
    for _ in 1..MAX_OF_NETWORK {
        ask_from(&flow, network, "").await;
    }
    for _ in 0..3 {
        let mut browser = Browser::default();
        let answer = ask_from(&flow, network, "").await;
        browser.keep_ix(&answer);
        let id = redirect(&answer).get("id");
        let answer = flow.answer(&browser, &id, &json!({"answer": "deny"})).await;
        assert_eq!(location(&answer).get("error"), "access_denied");
    }
}

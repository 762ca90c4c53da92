//! What is logged, and what never is.

use sessionmint_iam::testing::capture_logs;

use crate::support::{PASSWORD, logout_request, signed_in};

#[tokio::test]
async fn every_mint_is_one_line_with_its_outcome() {
    let (service, _, cookie) = signed_in().await;
    let logs = capture_logs();
    let sid = crate::support::assert_minted(&service.mint(&cookie, "").await)["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    service.mint("unknown", "").await;
    service.mint(&cookie, "scope=admin").await;
    let text = logs.text();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("grant=session"))
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].contains("INFO") && lines[0].contains("outcome=minted") && lines[0].contains(&sid)
    );
    assert!(lines[0].contains("client_id=web"));
    assert!(lines[1].contains("outcome=login_required"));
    assert!(lines[2].contains("outcome=invalid_scope"));
}

#[tokio::test]
async fn no_secret_is_logged() {
    let (service, ..) = signed_in().await;
    let logs = capture_logs();
    let cookie = service.sign_in("ada", PASSWORD).await;
    let token = service.mint(&cookie, "").await.access_token();
    service.try_sign_in("ada", "wrong but secret").await;
    service.send(logout_request(&cookie)).await;
    let text = logs.text();
    for secret in [
        PASSWORD,
        "wrong but secret",
        &cookie,
        &token,
        token.rsplit('.').next().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

//! Sign-out that a client asks for.

use axum::http::header;
use sessionmint_iam::testing::ORIGIN;
use sessionmint_store::Sessions as _;

use super::id_token_hint::forged;
use super::*;

const BYE: &str = "https://app.example.com/bye";

fn ask(query: &str) -> Request<Body> {
    Request::get(format!("/iam/oauth/logout?{query}"))
        .header("sec-purpose", "prefetch")
        .body(Body::empty())
        .unwrap()
}

fn confirm(browser: &Browser, body: &Value) -> Request<Body> {
    page_request("/iam/interactions/logout", browser, Some(body))
}

/// oidcc-rp-initiated-logout
#[tokio::test]
async fn t17_asking_ends_nothing_and_the_user_confirms() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let query = format!("client_id=app&post_logout_redirect_uri={BYE}&state=a%26b");
    let answer = flow.service.send(ask(&query)).await;
    let page = redirect(&answer);
    assert_eq!(page.uri, "https://login.example.com/sign-out");
    assert_eq!(page.get("post_logout_redirect_uri"), BYE);
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
    assert_eq!(
        flow.service
            .store
            .sessions_of(&flow.ada)
            .await
            .unwrap()
            .len(),
        1
    );

    // As the page sends it.
    let body: serde_json::Map<_, _> = page
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    let answer = flow.service.send(confirm(&browser, &body.into())).await;
    assert_eq!(
        answer.json(),
        json!({"location": format!("{BYE}?state=a%26b")})
    );
    assert_eq!(answer.session_cookie().as_deref(), Some(""));
    assert_eq!(
        flow.service
            .store
            .sessions_of(&flow.ada)
            .await
            .unwrap()
            .len(),
        0
    );
    let again = flow.service.send(confirm(&browser, &json!({}))).await;
    assert_eq!(
        again.json(),
        json!({"location": null}),
        "without a client there is nowhere to go"
    );
}

/// oidcc-rp-initiated-logout-no-params, …-only-state, …-no-state, …-no-id-token-hint, …-no-post-logout-redirect-uri,
/// …-bad-post-logout-redirect-uri, …-query-added-to-post-logout-redirect-uri
#[tokio::test]
async fn only_a_registered_address_is_gone_to() {
    let flow = Flow::start().await;
    let tokens = flow.tokens("").await;
    let hint = tokens["id_token"].as_str().unwrap();
    for (query, status) in [
        (String::new(), 303),
        ("state=x".to_owned(), 303),
        (format!("client_id=app&post_logout_redirect_uri={BYE}"), 303),
        (format!("id_token_hint={hint}"), 303),
        (
            format!("id_token_hint={hint}&post_logout_redirect_uri={BYE}"),
            303,
        ),
        (
            format!("id_token_hint={hint}&client_id=app&post_logout_redirect_uri={BYE}"),
            303,
        ),
        (
            format!("id_token_hint={hint}&client_id=trusted&post_logout_redirect_uri={BYE}"),
            400,
        ),
        (format!("post_logout_redirect_uri={BYE}"), 400),
        (
            format!("client_id=app&post_logout_redirect_uri={BYE}/"),
            400,
        ),
        (
            format!("client_id=app&post_logout_redirect_uri={BYE}%3Fq=1"),
            400,
        ),
        (
            "client_id=app&post_logout_redirect_uri=javascript:alert(1)".to_owned(),
            400,
        ),
        (
            "client_id=app&post_logout_redirect_uri=https://evil.example".to_owned(),
            400,
        ),
        (
            format!("client_id=nobody&post_logout_redirect_uri={BYE}"),
            400,
        ),
        (
            format!("client_id=app&client_id=app&post_logout_redirect_uri={BYE}"),
            400,
        ),
    ] {
        let answer = flow.service.send(ask(&query)).await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
        if status == 303 {
            assert!(
                answer.header(header::LOCATION).starts_with(LOGIN),
                "{query}"
            );
        }
    }
    // Nor by the page, whatever stands in its address.
    let evil = json!({"client_id": "app", "post_logout_redirect_uri": "https://evil.example"});
    let answer = flow.service.send(confirm(&Browser::default(), &evil)).await;
    assert_eq!(answer.json(), json!({"location": null}));
    let posted = Request::post("/iam/oauth/logout")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("client_id=app&post_logout_redirect_uri={BYE}").into())
        .unwrap();
    assert_eq!(flow.service.send(posted).await.status, 303);
}

/// oidcc-rp-initiated-logout-bad-id-token-hint, …-modified-id-token-hint
#[tokio::test]
async fn c051_a_hint_that_is_not_ours_or_another_clients_leads_nowhere() {
    let flow = Flow::start().await;
    let good = flow.id_token(|_| {});
    let of_trusted = flow.id_token(|claims| claims.aud = "trusted");
    let access_token = flow.tokens("").await["access_token"].clone();
    for (parameters, why) in [
        (
            format!("id_token_hint={}", forged(&good, &of_trusted)),
            "forged",
        ),
        (
            format!(
                "id_token_hint={}",
                flow.id_token(|claims| claims.iss = "https://evil.example")
            ),
            "a foreign issuer's",
        ),
        (
            format!("id_token_hint={of_trusted}&client_id=app"),
            "another client's",
        ),
        (
            format!("id_token_hint={}", access_token.as_str().unwrap()),
            "an access token",
        ),
        ("id_token_hint=x.y.z&client_id=app".to_owned(), "no token"),
    ] {
        let query = format!("{parameters}&post_logout_redirect_uri={BYE}");
        let answer = flow.service.send(ask(&query)).await;
        assert_page(&answer, 400, BYE);
        // The user can still sign out, if they want to.
        let html = String::from_utf8_lossy(&answer.body);
        assert!(
            html.contains(&format!("<a href=\"{LOGIN}/sign-out\">")),
            "{why}: {html}"
        );
    }
    flow.service.clock.advance_secs(3_000);
    let expired = format!("id_token_hint={good}&post_logout_redirect_uri={BYE}");
    let page = redirect(&flow.service.send(ask(&expired)).await);
    assert_eq!(page.get("client_id"), "app");
    assert_eq!(page.get("user"), flow.ada.as_str());
    assert!(!page.has("id_token_hint"), "it goes no further");
}

#[tokio::test]
async fn the_user_is_told_who_asks_and_who_is_meant() {
    let flow = Flow::start().await;
    flow.service.add_user("bob", PASSWORD).await;
    let hint = flow.id_token(|_| {});
    let asked = format!("id_token_hint={hint}&post_logout_redirect_uri={BYE}");
    let handed_over = flow.service.send(ask(&asked)).await;
    let (_, query) = handed_over
        .header(header::LOCATION)
        .split_once('?')
        .unwrap();
    let path = format!("/iam/interactions/logout?{query}");
    let shown = async |browser: &Browser, path: &str| {
        let answer = flow.service.send(page_request(path, browser, None)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let mut browser = Browser::default();
    let client = json!({"id": "app", "name": "The app & co", "trusted": false});
    let return_to = json!({"kind": "site", "name": "app.example.com"});
    assert_eq!(
        shown(&browser, &path).await,
        json!({"client": client, "return_to": return_to, "user": null, "other_user": false})
    );
    for (name, other) in [("ada", false), ("bob", true)] {
        flow.sign_in_as(name, &mut browser).await;
        let shown = shown(&browser, &path).await;
        assert_eq!(
            (&shown["user"]["username"], &shown["other_user"]),
            (&json!(name), &json!(other))
        );
    }
    // What somebody else wrote into the page's address is worth nothing.
    let evil = "client_id=app&post_logout_redirect_uri=https://evil.example&user=%3Cscript%3E";
    let told = shown(&browser, &format!("/iam/interactions/logout?{evil}")).await;
    assert_eq!(
        (&told["client"], &told["return_to"]),
        (&client, &Value::Null)
    );
    let by = By::service(flow.service.clock.now());
    let app = "app".parse().unwrap();
    let store = &flow.service.store;
    store
        .set_oauth_client_disabled(&app, true, by)
        .await
        .unwrap();
    let told = shown(&browser, &path).await;
    assert_eq!(
        (&told["client"], &told["return_to"]),
        (&Value::Null, &Value::Null)
    );
    let bad = page_request("/iam/interactions/logout?client_id=%20", &browser, None);
    assert_problem(&flow.service.send(bad).await, 400, "malformed");
}

#[tokio::test]
async fn c020_no_other_page_confirms() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    for origin in [ORIGIN, "https://app.example.com", "null"] {
        let mut request = confirm(&browser, &json!({}));
        request
            .headers_mut()
            .insert(header::ORIGIN, origin.parse().unwrap());
        let answer = flow.service.send(request).await;
        assert_eq!(answer.status, 403, "{origin}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        let mut look = page_request("/iam/interactions/logout", &browser, None);
        look.headers_mut()
            .insert(header::ORIGIN, origin.parse().unwrap());
        assert_eq!(flow.service.send(look).await.status, 403, "{origin}");
    }
    assert_eq!(
        flow.service
            .store
            .sessions_of(&flow.ada)
            .await
            .unwrap()
            .len(),
        1
    );
}

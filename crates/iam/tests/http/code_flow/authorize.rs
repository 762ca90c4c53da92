//! `/oauth/authorize`.

use axum::body::Body;
use axum::http::{Request, header};
use sessionmint_iam::testing::ORIGIN;
use sessionmint_oauth::cookie::SESSION_COOKIE;
use sessionmint_store::OAuthClients as _;

use super::*;

#[tokio::test]
async fn a_request_is_handed_over_to_the_page_with_a_cookie_of_its_own() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    let answer = flow.authorize(&mut browser, "").await;
    assert_eq!(answer.status, 303);
    assert!(
        answer
            .header(header::LOCATION)
            .starts_with("https://login.example.com/?id=smi_")
    );
    let cookie = answer.header(header::SET_COOKIE);
    let (_, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
    assert!(answer.body.is_empty());

    // Other tabs go on: a browser keeps its key.
    let first = browser.ix.clone();
    assert!(first.is_some());
    flow.authorize(&mut browser, "").await;
    assert_eq!(browser.ix, first);
    browser.ix = Some("planted".to_owned());
    flow.authorize(&mut browser, "").await;
    assert_ne!(browser.ix.as_deref(), Some("planted"));
}

#[tokio::test]
async fn c081_the_parameters_may_be_posted_and_are_not_posted_on() {
    let flow = Flow::start().await;
    let post = |content_type: &str| {
        Request::post("/iam/oauth/authorize")
            .header(header::ORIGIN, "https://app.example.com")
            .header(header::CONTENT_TYPE, content_type)
            .body(authorize_query("").into())
            .unwrap()
    };
    let answer = flow
        .service
        .send(post("application/x-www-form-urlencoded"))
        .await;
    assert_eq!(answer.status, 303);
    assert_page(&flow.service.send(post("text/plain")).await, 415, "");
}

/// oidcc-ensure-registered-redirect-uri
#[tokio::test]
async fn c077_a_wrong_client_or_redirect_uri_leads_nowhere() {
    let flow = Flow::start().await;
    for parameters in [
        "client_id=",
        "client_id=nobody",
        "client_id=%3Cscript%3E",
        "client_id=web",
        "redirect_uri=",
        "redirect_uri=https://app.example.com/callback/",
        "redirect_uri=https://evil.example/%3Cscript%3E",
        "redirect_uri=javascript:alert(1)",
        "redirect_uri=http://127.0.0.1:5000/callback",
        "redirect_uri=https://app.example.com/callback&redirect_uri=https://evil.example",
    ] {
        let answer = flow.authorize(&mut Browser::default(), parameters).await;
        assert_page(&answer, 400, "script>");
    }
    let by = By::service(flow.service.clock.now());
    let app = "app".parse().unwrap();
    flow.service
        .store
        .set_oauth_client_disabled(&app, true, by)
        .await
        .unwrap();
    assert_page(&flow.authorize(&mut Browser::default(), "").await, 400, "");
}

#[tokio::test]
async fn c012_a_browser_app_has_no_code_flow() {
    let flow = Flow::start().await;
    assert_page(
        &flow
            .authorize(&mut Browser::default(), "client_id=web")
            .await,
        400,
        "",
    );
    // Nor with a native client's name: nobody can have both on one origin.
    let own = "client_id=native&redirect_uri=https://native.example.com/cb";
    flow.hand_over(&mut Browser::default(), own).await;
    let by = By::service(flow.service.clock.now());
    let app = BrowserClient {
        client_id: "spa".parse().unwrap(),
        origins: vec!["https://native.example.com".to_owned()],
        ..sessionmint_iam::testing::web_client()
    };
    let added = flow.service.store.add_client(app, by).await.unwrap();
    assert_ne!(added, sessionmint_store::AddClient::Added);
}

#[tokio::test]
async fn c078_no_cors_header_for_anybody() {
    let flow = Flow::start().await;
    for origin in [ORIGIN, LOGIN, "https://app.example.com", "null"] {
        for parameters in ["", "scope=admin", "client_id=nobody"] {
            let mut request = authorize_request(&Browser::default(), parameters);
            request
                .headers_mut()
                .insert(header::ORIGIN, origin.parse().unwrap());
            let answer = flow.service.send(request).await;
            let cors = answer
                .headers
                .keys()
                .filter(|name| name.as_str().starts_with("access-control"));
            assert_eq!(cors.count(), 0, "{origin} {parameters}");
        }
        let preflight = Request::options("/iam/oauth/authorize")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .body(Body::empty())
            .unwrap();
        assert_eq!(flow.service.send(preflight).await.status, 405);
    }
}

#[tokio::test]
async fn c046_c079_other_faults_are_told_to_the_client() {
    let flow = Flow::start().await;
    for (parameters, error) in [
        ("response_type=token", "unsupported_response_type"),
        ("code_challenge=", "invalid_request"),
        ("code_challenge_method=", "invalid_request"),
        ("code_challenge_method=plain", "invalid_request"),
        ("scope=admin", "invalid_scope"),
        ("resource=https://evil.example", "invalid_target"),
        ("prompt=none+login", "invalid_request"),
        ("max_age=soon", "invalid_request"),
        (
            "request_uri=https://evil.example",
            "request_uri_not_supported",
        ),
    ] {
        let mut browser = Browser::default();
        let answer = flow.authorize(&mut browser, parameters).await;
        let back = redirect(&answer);
        assert_eq!(back.uri, CALLBACK, "{parameters}");
        assert_eq!(back.get("error"), error, "{parameters}");
        assert_eq!(
            (back.get("state"), back.get("iss")),
            ("xyz".to_owned(), ISSUER.to_owned())
        );
        assert!(!back.has("code") && browser.ix.is_none());
    }
}

#[tokio::test]
async fn t12_the_session_is_never_read_and_no_frame_shows_it() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let mut request = authorize_request(&browser, "prompt=none&client_id=trusted");
    let cookie = format!("{SESSION_COOKIE}={}", browser.session.unwrap());
    request
        .headers_mut()
        .insert(header::COOKIE, cookie.parse().unwrap());
    let answer = flow.service.send(request).await;
    assert!(
        answer.header(header::LOCATION).starts_with(LOGIN),
        "the page asks, with both cookies"
    );
    assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY");
}

#[tokio::test]
async fn an_outage_is_told_as_one() {
    let flow = Flow::start().await;
    for commands in 0..2 {
        flow.service.store.set_down_after(commands);
        let answer = flow.authorize(&mut Browser::default(), "").await;
        assert_page(&answer, 503, "");
        assert_eq!(answer.header(header::RETRY_AFTER), "2");
    }
    flow.service.store.set_down(false);
    flow.service.random.set_dry(true);
    assert_page(&flow.authorize(&mut Browser::default(), "").await, 503, "");
}

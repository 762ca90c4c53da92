//! Sign-out that a client asks for.

use axum::http::header;
use sessionmint_iam::testing::ORIGIN;
use sessionmint_store::Sessions as _;

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

#[tokio::test]
async fn only_a_registered_address_is_gone_to() {
    let flow = Flow::start().await;
    let tokens = flow.tokens("").await;
    let hint = tokens["id_token"].as_str().unwrap();
    for (query, status) in [
        (String::new(), 303),
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

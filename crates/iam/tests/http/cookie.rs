//! The session cookie: how it is written, and that nothing else is taken for it.

use axum::body::Body;
use axum::http::{Method, Request, header};
use sessionmint_iam::testing::{ORIGIN, TestService, mint_request, sign_in_request};
use sessionmint_oauth::cookie::SESSION_COOKIE;

use crate::support::{
    PASSWORD, assert_login_required, assert_minted, logout_request, mint_with_cookie_field,
    signed_in,
};

/// The attributes of the one `Set-Cookie`, sorted, and its value.
fn set_cookie(answer: &sessionmint_iam::testing::Answer) -> (String, Vec<String>) {
    let fields: Vec<_> = answer.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(fields.len(), 1, "{answer:?}");
    let mut parts = fields[0].to_str().unwrap().split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    assert_eq!(name, "__Host-Http-sid");
    let mut attributes: Vec<_> = parts.map(str::to_owned).collect();
    attributes.sort();
    (value.to_owned(), attributes)
}

async fn sign_in_answer(body: &str) -> sessionmint_iam::testing::Answer {
    let service = TestService::start().await;
    service.add_user("ada", PASSWORD).await;
    let mut request = sign_in_request("", "");
    *request.body_mut() = Body::from(body.to_owned());
    service.send(request).await
}

#[tokio::test]
async fn c001_c002_c004_the_cookie_is_host_bound_strict_and_out_of_reach_of_scripts() {
    let answer = sign_in_answer(&format!(r#"{{"username":"ada","password":"{PASSWORD}"}}"#)).await;
    let (value, attributes) = set_cookie(&answer);
    assert_eq!(
        attributes,
        ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]
    );
    assert_eq!(value.len(), 43);
}

#[tokio::test]
async fn c009_the_cookie_is_small() {
    let answer = sign_in_answer(&format!(r#"{{"username":"ada","password":"{PASSWORD}"}}"#)).await;
    assert!(SESSION_COOKIE.len() + set_cookie(&answer).0.len() <= 4096);
}

#[tokio::test]
async fn c012_the_cookie_outlives_the_browser_only_when_asked_to() {
    let body = format!(r#"{{"username":"ada","password":"{PASSWORD}","stay_signed_in":true}}"#);
    let (_, attributes) = set_cookie(&sign_in_answer(&body).await);
    assert_eq!(
        attributes,
        [
            "HttpOnly",
            "Max-Age=86400",
            "Path=/",
            "SameSite=Strict",
            "Secure"
        ]
    );
}

#[tokio::test]
async fn c005_look_alikes_are_neither_taken_nor_do_they_hide_the_cookie() {
    let (service, ada, good) = signed_in().await;
    service.add_user("eve", PASSWORD).await;
    let evil = service.sign_in("eve", PASSWORD).await;
    let sid = SESSION_COOKIE;
    for twin in [
        format!("%5F%5FHost-Http-sid={evil}"),
        format!("__Host-Http%2Dsid={evil}"),
        format!("__host-http-sid={evil}"),
        format!("__HOST-HTTP-SID={evil}"),
        format!("={sid}={evil}"),
        format!("__Host-sid={evil}"),
        format!("__Secure-sid={evil}"),
        format!("{sid} ={evil}"),
        format!("\"{sid}\"={evil}"),
        format!("\u{2000}{sid}={evil}"),
        format!("$Version=1; $Path=/; ${sid}={evil}"),
    ] {
        for field in [
            format!("{sid}={good}; {twin}"),
            format!("{twin}; {sid}={good}"),
        ] {
            let claims =
                assert_minted(&service.send(mint_with_cookie_field(field.as_bytes())).await);
            assert_eq!(claims["sub"], ada.as_str(), "{field}");
        }
        assert_login_required(&service.send(mint_with_cookie_field(twin.as_bytes())).await);
    }
}

#[tokio::test]
async fn c006_two_exact_cookies_count_as_none() {
    let (service, _, cookie) = signed_in().await;
    let twice = format!("{SESSION_COOKIE}={cookie}; a=b; {SESSION_COOKIE}={cookie}");
    assert_login_required(&service.send(mint_with_cookie_field(twice.as_bytes())).await);
    let mut two_fields = mint_request(&cookie, "");
    two_fields.headers_mut().append(
        header::COOKIE,
        format!("{SESSION_COOKIE}={cookie}").parse().unwrap(),
    );
    assert_login_required(&service.send(two_fields).await);
    assert_minted(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c007_junk_neighbours_do_not_hide_the_cookie() {
    let (service, _, cookie) = signed_in().await;
    let good = format!("{SESSION_COOKIE}={cookie}");
    let fifty = (0..50)
        .map(|i| format!("c{i}=v{i}"))
        .collect::<Vec<_>>()
        .join("; ");
    for junk in [
        &b"\xE2\x80\x80__Host-Http-sid=x"[..],
        b"\xff\xfe=\x80",
        b";;=; =",
        b"a",
        fifty.as_bytes(),
    ] {
        for field in [
            [junk, b"; ", good.as_bytes()].concat(),
            [good.as_bytes(), b"; ", junk].concat(),
        ] {
            assert_minted(&service.send(mint_with_cookie_field(&field)).await);
        }
    }
    let mut split = mint_request(&cookie, "");
    split
        .headers_mut()
        .append(header::COOKIE, "other=1".parse().unwrap());
    assert_minted(&service.send(split).await);
}

#[tokio::test]
async fn c010_a_session_id_counts_only_in_the_cookie() {
    let (service, _, cookie) = signed_in().await;
    let without_cookie = |parameters: &str| {
        let mut request = mint_request("", parameters);
        request.headers_mut().remove(header::COOKIE);
        request
    };
    assert_login_required(
        &service
            .send(without_cookie(&format!(
                "{SESSION_COOKIE}={cookie}&sid={cookie}"
            )))
            .await,
    );
    for name in ["authorization", "x-session-id", SESSION_COOKIE] {
        let mut request = without_cookie("");
        request.headers_mut().insert(
            http::HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).unwrap(),
            cookie.parse().unwrap(),
        );
        assert_login_required(&service.send(request).await);
    }
    let mut in_query = without_cookie("");
    *in_query.uri_mut() = format!("/iam/oauth/token?{SESSION_COOKIE}={cookie}")
        .parse()
        .unwrap();
    assert_eq!(service.send(in_query).await.status, 400);
}

#[tokio::test]
async fn a_value_of_another_shape_is_no_session() {
    let (service, _, cookie) = signed_in().await;
    for bad in [
        "",
        "x",
        &cookie[..42],
        &format!("{cookie}="),
        &format!("\"{cookie}\""),
        &"A".repeat(43),
    ] {
        assert_login_required(&service.mint(bad, "").await);
    }
}

#[tokio::test]
async fn c011_logout_expires_the_cookie_with_the_same_attributes() {
    let (service, _, cookie) = signed_in().await;
    let answer = service.send(logout_request(&cookie)).await;
    assert_eq!(answer.status, 204);
    let (value, attributes) = set_cookie(&answer);
    assert_eq!(value, "");
    assert_eq!(
        attributes,
        [
            "HttpOnly",
            "Max-Age=0",
            "Path=/",
            "SameSite=Strict",
            "Secure"
        ]
    );
}

#[tokio::test]
async fn c152_an_oversized_cookie_jar_is_refused_cleanly() {
    let (service, _, cookie) = signed_in().await;
    let bomb = format!("bomb={}; {SESSION_COOKIE}={cookie}", "x".repeat(64 * 1024));
    assert_eq!(
        service
            .send(mint_with_cookie_field(bomb.as_bytes()))
            .await
            .status,
        431
    );
    assert_minted(&service.mint(&cookie, "").await);
}

#[tokio::test]
async fn c022_the_database_holds_nothing_that_could_be_sent_as_a_cookie() {
    let (service, _, cookie) = signed_in().await;
    for entry in std::fs::read_dir(service.folder()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(
            !bytes
                .windows(cookie.len())
                .any(|window| window == cookie.as_bytes())
        );
    }
}

#[tokio::test]
async fn c014_a_planted_session_id_is_worth_nothing_after_sign_in() {
    let (service, _, known) = signed_in().await;
    let mut request = sign_in_request("ada", PASSWORD);
    request.headers_mut().insert(
        header::COOKIE,
        format!("{SESSION_COOKIE}={known}").parse().unwrap(),
    );
    let fresh = service.send(request).await.session_cookie().unwrap();
    assert_ne!(fresh, known);
    assert_login_required(&service.mint(&known, "").await);
    assert_minted(&service.mint(&fresh, "").await);

    let made_up = "A".repeat(43);
    let request = Request::builder()
        .method(Method::POST)
        .uri("/iam/passwordlogin")
        .header(header::ORIGIN, ORIGIN)
        .header(header::COOKIE, format!("{SESSION_COOKIE}={made_up}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(format!(
            r#"{{"username":"ada","password":"{PASSWORD}"}}"#
        )))
        .unwrap();
    assert_ne!(
        service.send(request).await.session_cookie().unwrap(),
        made_up
    );
    assert_login_required(&service.mint(&made_up, "").await);
}

//! `/interactions/{id}`, between the operator's page and the service.

use axum::http::header;
use sessionmint_iam::testing::ORIGIN;
use sessionmint_store::{Audit as _, AuditFilter, AuditKind, Authorizations as _};
use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn a_user_signs_in_agrees_and_goes_back_with_a_code() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    let id = flow
        .hand_over(
            &mut browser,
            "login_hint=ada&scope=openid+offline_access+notes:read",
        )
        .await;
    let shown = flow.shown(&browser, &id).await;
    assert_eq!(
        shown.json(),
        json!({
            "step": "login",
            "client": {"id": "app", "name": "The app & co", "trusted": false},
            "return_to": {"kind": "site", "name": "app.example.com"},
            "scopes": ["notes:read", "offline_access", "openid"],
            "resources": [RESOURCE],
            "offline": true,
            "user": null,
            "other_user": false,
            "login_hint": "ada",
            "expires_in": 600,
        })
    );
    assert_problem(
        &flow.approve(&browser, &id).await,
        409,
        "interaction_needed",
    );

    flow.service.clock.advance_secs(100);
    flow.sign_in(&mut browser).await;
    let shown = flow.shown(&browser, &id).await.json();
    assert_eq!(
        (&shown["step"], &shown["expires_in"]),
        (&json!("consent"), &json!(500))
    );
    assert_eq!(shown["user"], json!({"id": flow.ada, "username": "ada"}));

    let back = location(&flow.approve(&browser, &id).await);
    assert_eq!(back.uri, CALLBACK);
    assert!(back.get("code").starts_with("smc_"));
    assert_eq!(
        (back.get("state"), back.get("iss")),
        ("xyz".to_owned(), ISSUER.to_owned())
    );

    // Once: what was answered is over.
    assert_problem(&flow.shown(&browser, &id).await, 404, "interaction_over");
    assert_problem(&flow.approve(&browser, &id).await, 404, "interaction_over");
}

#[tokio::test]
async fn a_user_reads_where_the_app_returns_to() {
    let flow = Flow::start().await;
    let schemes = OAuthClient {
        redirect_uris: vec!["com.example.app:/cb".to_owned()],
        authentication: ClientAuthentication::None,
        ..client("schemes")
    };
    flow.add(schemes).await;
    for (parameters, trusted, return_to) in [
        (
            "",
            false,
            json!({"kind": "site", "name": "app.example.com"}),
        ),
        (
            "client_id=trusted",
            true,
            json!({"kind": "site", "name": "app.example.com"}),
        ),
        (
            "client_id=native&redirect_uri=http://127.0.0.1:4000/callback",
            false,
            json!({"kind": "device"}),
        ),
        (
            "client_id=schemes&redirect_uri=com.example.app:/cb",
            false,
            json!({"kind": "app", "name": "com.example.app"}),
        ),
    ] {
        let mut browser = Browser::default();
        let id = flow.hand_over(&mut browser, parameters).await;
        let shown = flow.shown(&browser, &id).await.json();
        assert_eq!(shown["return_to"], return_to, "{parameters}");
        assert_eq!(shown["client"]["trusted"], trusted, "{parameters}");
    }
}

#[tokio::test]
async fn c089_prompt_none_needs_nobody() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    let go_on = json!({"answer": "continue"});
    for (client, signed_in, outcome) in [
        ("trusted", false, "login_required"),
        ("trusted", true, ""),
        ("app", true, "consent_required"),
    ] {
        browser.session = None;
        if signed_in {
            flow.sign_in(&mut browser).await;
        }
        let id = flow
            .hand_over(&mut browser, &format!("prompt=none&client_id={client}"))
            .await;
        let shown = flow.shown(&browser, &id).await.json();
        assert_eq!(shown["step"], "continue", "{client}");
        let back = location(&flow.answer(&browser, &id, &go_on).await);
        if outcome.is_empty() {
            assert!(back.has("code") && !back.has("error"));
        } else {
            assert_eq!(back.get("error"), outcome);
            assert!(!back.has("code"));
        }
        assert_eq!(back.get("state"), "xyz");
        assert_eq!(back.get("iss"), ISSUER);
    }
}

#[tokio::test]
async fn c091_consent_is_asked_for_what_was_not_agreed_to() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    for (parameters, step) in [
        ("scope=notes:read", "consent"),
        ("scope=notes:read", "continue"),
        ("scope=notes:read&prompt=consent", "consent"),
        ("scope=notes:read+notes:write", "consent"),
        ("scope=notes:write", "continue"),
        // The same at another API is something else.
        (
            "scope=notes:write&resource=https://b.example.com",
            "consent",
        ),
        (
            "scope=notes:write&resource=https://b.example.com",
            "continue",
        ),
        ("scope=notes:read&resource=https://b.example.com", "consent"),
        ("scope=notes:write&client_id=trusted", "continue"),
        // Anybody could listen there.
        (
            "client_id=native&redirect_uri=http://127.0.0.1:4000/callback",
            "consent",
        ),
        (
            "client_id=native&redirect_uri=http://127.0.0.1:4000/callback",
            "consent",
        ),
    ] {
        let id = flow.hand_over(&mut browser, parameters).await;
        let shown = flow.shown(&browser, &id).await.json();
        assert_eq!(shown["step"], step, "{parameters}");
        let answer = json!({"answer": "continue"});
        let unasked = flow.answer(&browser, &id, &answer).await;
        if step == "consent" {
            assert_problem(&unasked, 409, "interaction_needed");
            location(&flow.approve(&browser, &id).await).get("code");
        } else {
            location(&unasked).get("code");
        }
    }
    let app = "app".parse().unwrap();
    let api = [RESOURCE.to_owned()];
    let remembered = flow
        .service
        .store
        .consent(&flow.ada, &app, &api)
        .await
        .unwrap();
    assert_eq!(remembered, Some("notes:read notes:write".parse().unwrap()));
    let native = "native".parse().unwrap();
    assert_eq!(
        flow.service.store.consent(&flow.ada, &native, &api).await,
        Ok(None)
    );
}

#[tokio::test]
async fn c091_what_is_granted_is_what_was_asked_for_and_shown() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "scope=notes:read").await;
    // The page has no say in it.
    let greedy = json!({
        "answer": "approve", "user": flow.ada, "scope": "notes:write", "scopes": ["notes:write"],
        "redirect_uri": "https://evil.example", "client_id": "trusted",
    });
    let back = location(&flow.answer(&browser, &id, &greedy).await);
    assert_eq!(back.uri, CALLBACK);
    let tokens = flow.redeem(&back.get("code"), "").await.json();
    assert_eq!(tokens["scope"], "notes:read");

    // Nor is it granted for somebody who was not shown it.
    flow.service.add_user("bob", PASSWORD).await;
    let id = flow.hand_over(&mut browser, "prompt=consent").await;
    let other = json!({ "answer": "approve", "user": UserId::from_random([9; 16]) });
    assert_problem(
        &flow.answer(&browser, &id, &other).await,
        409,
        "interaction_needed",
    );
    let nobody = json!({ "answer": "approve" });
    assert_problem(
        &flow.answer(&browser, &id, &nobody).await,
        409,
        "interaction_needed",
    );
}

#[tokio::test]
async fn a_user_says_no() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    let back = location(&flow.answer(&browser, &id, &json!({"answer": "deny"})).await);
    assert_eq!(
        (back.get("error"), back.get("state")),
        ("access_denied".to_owned(), "xyz".to_owned())
    );
    assert!(!back.has("code"));
    assert_problem(&flow.approve(&browser, &id).await, 404, "interaction_over");
    let filter = AuditFilter {
        kinds: vec![AuditKind::ConsentDenied],
        ..AuditFilter::default()
    };
    let records = flow.service.store.audit(&filter, None, 9).await.unwrap();
    assert_eq!(records[0].client_id, Some("app".parse().unwrap()));
}

#[tokio::test]
async fn a_request_belongs_to_the_browser_that_brought_it() {
    let flow = Flow::start().await;
    let mut attacker = Browser::default();
    let id = flow.hand_over(&mut attacker, "").await;
    let mut victim = Browser::default();
    flow.sign_in(&mut victim).await;
    for ix in [
        None,
        Some("smb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        Some(id.clone()),
    ] {
        victim.ix = ix;
        assert_problem(&flow.shown(&victim, &id).await, 404, "interaction_over");
        assert_problem(&flow.approve(&victim, &id).await, 404, "interaction_over");
    }
    flow.hand_over(&mut victim, "").await;
    assert_problem(&flow.approve(&victim, &id).await, 404, "interaction_over");
    assert_eq!(
        flow.shown(&attacker, &id).await.status,
        200,
        "nothing changed"
    );
}

#[tokio::test]
async fn two_tabs_have_two_requests() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    let first = flow
        .hand_over(&mut browser, "state=first&scope=notes:read")
        .await;
    let second = flow
        .hand_over(
            &mut browser,
            "state=second&scope=notes:write&client_id=trusted",
        )
        .await;
    flow.sign_in(&mut browser).await;
    let go_on = json!({"answer": "continue"});
    let back = location(&flow.answer(&browser, &second, &go_on).await);
    assert_eq!(back.get("state"), "second");
    let back = location(&flow.approve(&browser, &first).await);
    assert_eq!(back.get("state"), "first");
    let tokens = flow.redeem(&back.get("code"), "").await.json();
    assert_eq!(tokens["scope"], "notes:read");
}

#[tokio::test]
async fn one_request_is_answered_once_however_often_the_button_is_pressed() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    let path = format!("/iam/interactions/{id}");
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let answer = if number % 5 == 4 { "deny" } else { "approve" };
        let body = json!({"answer": answer, "user": flow.ada});
        let request = page_request(&path, &browser, Some(&body));
        let answered = tower::ServiceExt::oneshot(flow.service.router(), request);
        tasks.spawn(async move { answered.await.unwrap().status().as_u16() });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(
        statuses[1..].iter().all(|status| *status == 404),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn only_scripts_of_the_page_may_ask() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    let path = format!("/iam/interactions/{id}");
    let approve = json!({ "answer": "approve", "user": flow.ada });
    for body in [None, Some(&approve)] {
        for (name, value) in [
            ("origin", ORIGIN),
            ("origin", "https://app.example.com"),
            ("origin", "https://login.example.com:444"),
            ("origin", "https://api.example.com"),
            ("origin", "null"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let mut request = page_request(&path, &browser, body);
            request.headers_mut().insert(name, value.parse().unwrap());
            let answer = flow.service.send(request).await;
            assert_problem(&answer, 403, "origin_refused");
            assert!(
                !answer
                    .headers
                    .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
                "{name} {value}"
            );
        }
        let mut request = page_request(&path, &browser, body);
        request.headers_mut().remove(header::ORIGIN);
        assert_problem(&flow.service.send(request).await, 403, "origin_refused");
    }
    let mut form = page_request(&path, &browser, Some(&approve));
    form.headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_problem(
        &flow.service.send(form).await,
        415,
        "unsupported_media_type",
    );
    let answer = flow.approve(&browser, &id).await;
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), LOGIN);
    assert_eq!(
        answer.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "true"
    );
    location(&answer);
}

#[tokio::test]
async fn t17_to_look_changes_nothing() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "client_id=trusted").await;
    let first = flow.shown(&browser, &id).await;
    for _ in 0..3 {
        assert_eq!(flow.shown(&browser, &id).await.body, first.body);
    }
    location(
        &flow
            .answer(&browser, &id, &json!({"answer": "continue"}))
            .await,
    )
    .get("code");
}

#[tokio::test]
async fn an_outage_leaves_the_request_as_it_is() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    for commands in 0..7 {
        flow.service.store.set_down_after(commands);
        let answer = flow.approve(&browser, &id).await;
        assert_problem(&answer, 503, "temporarily_unavailable");
        assert_eq!(answer.header(header::RETRY_AFTER), "2");
    }
    flow.service.store.set_down(false);
    location(&flow.approve(&browser, &id).await).get("code");
}

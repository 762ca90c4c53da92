//! What changes between a request and its answer, and between a code and its redemption, counts.

use sessionmint_store::{EndSessions, Sessions as _, Users as _};

use super::*;
use crate::support::{assert_oauth_error, decode};

impl Flow {
    fn by(&self) -> By {
        By::service(self.service.clock.now())
    }

    async fn set_user_disabled(&self, disabled: bool) {
        let by = self.by();
        self.service
            .store
            .set_disabled(&self.ada, disabled, by)
            .await
            .unwrap();
    }

    async fn set_client_disabled(&self, disabled: bool) {
        let (app, by) = ("app".parse().unwrap(), self.by());
        let store = &self.service.store;
        store
            .set_oauth_client_disabled(&app, disabled, by)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_changed_meanwhile_counts() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;

    // Ten minutes, and no more.
    let id = flow.hand_over(&mut browser, "").await;
    flow.service.clock.advance_secs(599);
    assert_eq!(flow.shown(&browser, &id).await.status, 200);
    flow.service.clock.advance_secs(1);
    assert_problem(&flow.shown(&browser, &id).await, 404, "interaction_over");
    assert_problem(&flow.approve(&browser, &id).await, 404, "interaction_over");

    // The redirect URI is gone.
    let id = flow.hand_over(&mut browser, "").await;
    flow.change(|client| client.redirect_uris.clear()).await;
    assert_problem(&flow.approve(&browser, &id).await, 404, "interaction_over");
    flow.change(|client| client.redirect_uris.push(CALLBACK.to_owned()))
        .await;

    // The session is over.
    let by = By::service(flow.service.clock.now());
    flow.service
        .store
        .end_sessions_of(&flow.ada, EndSessions::All, by)
        .await
        .unwrap();
    assert_eq!(flow.shown(&browser, &id).await.json()["step"], "login");
    assert_problem(
        &flow.approve(&browser, &id).await,
        409,
        "interaction_needed",
    );

    // What the user may do is less.
    flow.sign_in(&mut browser).await;
    let id = flow
        .hand_over(&mut browser, "scope=openid+notes:read+notes:write")
        .await;
    let by = By::service(flow.service.clock.now());
    flow.service
        .store
        .set_user_scopes(&flow.ada, Some("notes:read".parse().unwrap()), by)
        .await
        .unwrap();
    assert_eq!(
        flow.shown(&browser, &id).await.json()["scopes"],
        json!(["notes:read", "openid"])
    );
    let code = location(&flow.approve(&browser, &id).await).get("code");
    assert_eq!(
        flow.redeem(&code, "").await.json()["scope"],
        "notes:read openid"
    );
}

#[tokio::test]
async fn c018_a_user_who_is_disabled_grants_nothing() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    assert_eq!(flow.shown(&browser, &id).await.json()["step"], "consent");
    flow.set_user_disabled(true).await;
    assert_problem(
        &flow.approve(&browser, &id).await,
        409,
        "interaction_needed",
    );
    let shown = flow.shown(&browser, &id).await.json();
    assert_eq!(
        (&shown["step"], &shown["user"]),
        (&json!("login"), &Value::Null)
    );

    flow.set_user_disabled(false).await;
    flow.sign_in(&mut browser).await;
    let code = location(&flow.approve(&browser, &id).await).get("code");
    flow.set_user_disabled(true).await;
    assert_oauth_error(&flow.redeem(&code, "").await, 400, "invalid_grant");
    flow.set_user_disabled(false).await;
    assert_oauth_error(&flow.redeem(&code, "").await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_client_that_is_disabled_gets_nothing() {
    let flow = Flow::start().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let id = flow.hand_over(&mut browser, "").await;
    flow.set_client_disabled(true).await;
    assert_problem(&flow.shown(&browser, &id).await, 404, "interaction_over");
    for answer in ["approve", "deny", "continue"] {
        let answer = json!({"answer": answer, "user": flow.ada});
        assert_problem(
            &flow.answer(&browser, &id, &answer).await,
            404,
            "interaction_over",
        );
    }
    flow.set_client_disabled(false).await;
    let code = location(&flow.approve(&browser, &id).await).get("code");
    flow.set_client_disabled(true).await;
    assert_oauth_error(&flow.redeem(&code, "").await, 401, "invalid_client");
}

#[tokio::test]
async fn c087_a_code_is_worth_what_its_client_may_still_ask_for() {
    let flow = Flow::start().await;
    let changes: [fn(&mut OAuthClient); 4] = [
        |client| client.redirect_uris = vec!["https://new.example.com/cb".to_owned()],
        |client| client.scopes = "openid".parse().unwrap(),
        |client| client.resources.clear(),
        |client| client.authentication = ClientAuthentication::ClientSecretPost,
    ];
    for change in changes {
        let code = flow.code("resource=https://b.example.com").await;
        flow.change(change).await;
        let answer = flow.redeem(&code, "").await;
        assert!(matches!(answer.status.as_u16(), 400 | 401), "{answer:?}");
        flow.change(|own| {
            *own = OAuthClient {
                subject: own.subject.clone(),
                ..client("app")
            }
        })
        .await;
        assert_eq!(flow.redeem(&code, "").await.status, 200, "it spent nothing");
    }
}

#[tokio::test]
async fn c036_a_code_is_worth_what_its_user_may_still_grant() {
    let flow = Flow::start().await;
    let code = flow.code("scope=openid+notes:read+notes:write").await;
    let only = Some("notes:read".parse().unwrap());
    let by = flow.by();
    let store = &flow.service.store;
    store.set_user_scopes(&flow.ada, only, by).await.unwrap();
    let tokens = flow.redeem(&code, "").await.json();
    assert_eq!(tokens["scope"], "notes:read openid");
    let (_, claims) = decode(tokens["access_token"].as_str().unwrap());
    assert_eq!(claims["scope"], "notes:read openid");
}

#[tokio::test]
async fn c031_a_client_without_the_grant_is_refused() {
    let flow = Flow::start().await;
    let code = flow.code("").await;
    flow.change(|client| client.grants = vec![GrantType::RefreshToken])
        .await;
    assert_oauth_error(&flow.redeem(&code, "").await, 400, "unauthorized_client");
}

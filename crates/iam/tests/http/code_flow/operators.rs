//! What operators' programs see and end of what came from the code flow.

use axum::http::Method;
use sessionmint_store::{Actor, Audit as _, AuditFilter, AuditKind, AuditReason};

use super::*;
use crate::operators::{EVERYTHING, call, get};
use crate::support::{ServiceAccount, assert_oauth_error, give, service_account};

const OFFLINE: &str = "scope=openid+offline_access+notes:read";

async fn set_up() -> (Flow, ServiceAccount) {
    let flow = Flow::start().await;
    let root = service_account(&flow.service, "root", "admin").await;
    give(&flow.service, &root.subject, &EVERYTHING, "/iam/**").await;
    (flow, root)
}

async fn form(flow: &Flow, path: &str, body: &str) -> Answer {
    flow.service.form(path, Some(("app", SECRET)), body).await
}

async fn renew(flow: &Flow, tokens: &Value) -> Answer {
    let token = tokens["refresh_token"].as_str().unwrap();
    let body = format!("grant_type=refresh_token&refresh_token={token}");
    form(flow, "/oauth/token", &body).await
}

async fn is_active(flow: &Flow, tokens: &Value) -> bool {
    let token = tokens["access_token"].as_str().unwrap();
    let told = form(flow, "/oauth/introspect", &format!("token={token}")).await;
    told.json()["active"].as_bool().unwrap()
}

async fn delete(flow: &Flow, root: &ServiceAccount, path: &str) -> Answer {
    call(
        &flow.service,
        &root.token,
        Method::DELETE,
        path,
        Value::Null,
    )
    .await
}

#[tokio::test]
async fn c102_a_grant_that_an_operator_ends_is_over_with_all_its_tokens() {
    let (flow, root) = set_up().await;
    let ada = flow.ada.as_str();
    let list = async |query: String| {
        let path = format!("/grants?{query}");
        get(&flow.service, &root.token, &path).await.json()["grants"].clone()
    };
    let one = async || {
        let live = list(format!("user_id={ada}&client_id=app")).await;
        format!("/grants/{}", live[0]["id"].as_str().unwrap())
    };
    for how in ["one", "user", "client", "both"] {
        let tokens = flow.tokens(OFFLINE).await;
        let renewed = renew(&flow, &tokens).await.json();
        for issued in [&tokens, &renewed] {
            assert!(is_active(&flow, issued).await, "{how}");
        }
        for nobodys in [
            "client_id=native".to_owned(),
            format!("user_id={ada}&client_id=native"),
        ] {
            let ended = delete(&flow, &root, &format!("/grants?{nobodys}")).await;
            assert_eq!(ended.json(), json!({"ended": 0}));
        }
        assert!(is_active(&flow, &renewed).await, "{how}");
        let path = match how {
            "one" => one().await,
            "user" => format!("/grants?user_id={ada}"),
            "client" => "/grants?client_id=app".to_owned(),
            _ => format!("/grants?client_id=app&user_id={ada}"),
        };
        let ended = delete(&flow, &root, &path).await;
        if how == "one" {
            assert_eq!(ended.status, 204);
        } else {
            assert_eq!(ended.json(), json!({"ended": 1}), "{how}");
        }
        assert_oauth_error(&renew(&flow, &renewed).await, 400, "invalid_grant");
        for issued in [&tokens, &renewed] {
            assert!(!is_active(&flow, issued).await, "{how}");
        }
    }
    for grant in list("client_id=app".to_owned()).await.as_array().unwrap() {
        assert_eq!(grant["state"], "requested");
        assert_eq!(grant["username"], "ada");
    }
    assert_eq!(
        delete(&flow, &root, "/grants").await.status,
        400,
        "not everybody's by a slip"
    );
    let filter = AuditFilter {
        kinds: vec![AuditKind::GrantEnded],
        ..AuditFilter::default()
    };
    let records = flow.service.store.audit(&filter, None, 10).await.unwrap();
    assert_eq!(records.len(), 4);
    for record in records {
        assert_eq!(record.actor, Actor::Client(root.id.clone()));
        assert_eq!(record.reason, Some(AuditReason::Requested));
    }
}

#[tokio::test]
async fn c091_a_withdrawn_consent_ends_its_grants_and_is_asked_for_again() {
    let (flow, root) = set_up().await;
    let mut browser = Browser::default();
    flow.sign_in(&mut browser).await;
    let consents = format!("/users/{}/consents", flow.ada);
    let step = async |browser: &mut Browser| {
        let id = flow.hand_over(browser, OFFLINE).await;
        let shown = flow.shown(browser, &id).await.json();
        (shown["step"].as_str().unwrap().to_owned(), id)
    };
    let (asked, id) = step(&mut browser).await;
    assert_eq!(asked, "consent");
    let back = location(&flow.approve(&browser, &id).await);
    let tokens = flow.redeem(&back.get("code"), "").await.json();
    let (asked, id) = step(&mut browser).await;
    assert_eq!(asked, "continue", "it is remembered");
    let on = json!({"answer": "continue"});
    let back = location(&flow.answer(&browser, &id, &on).await);
    let listed = get(&flow.service, &root.token, &consents).await.json();
    assert_eq!(listed["consents"][0]["client_id"], "app");
    assert_eq!(
        listed["consents"][0]["scopes"],
        "notes:read offline_access openid"
    );
    assert_eq!(listed["consents"][0]["username"], "ada");

    let withdrawn = delete(&flow, &root, &format!("{consents}/app")).await;
    assert_eq!(withdrawn.json(), json!({"ended": 1}));
    assert_oauth_error(&renew(&flow, &tokens).await, 400, "invalid_grant");
    assert!(!is_active(&flow, &tokens).await);
    let late = flow.redeem(&back.get("code"), "").await;
    assert_oauth_error(&late, 400, "invalid_grant");
    let listed = get(&flow.service, &root.token, &consents).await.json();
    assert_eq!(listed, json!({"consents": []}));
    assert_eq!(step(&mut browser).await.0, "consent");
    let id = flow
        .hand_over(&mut browser, &format!("{OFFLINE}&prompt=none"))
        .await;
    let back = location(&flow.answer(&browser, &id, &on).await);
    assert_eq!(back.get("error"), "consent_required");
    let again = delete(&flow, &root, &format!("{consents}/app")).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn c076_keys_of_refresh_tokens_are_replaced_over_http_and_tokens_stay_good() {
    let (flow, root) = set_up().await;
    give(&flow.service, &root.subject, &["keys:write"], "/iam/keys").await;
    let tokens = flow.tokens(OFFLINE).await;
    let rotate = async |body| {
        let path = "/keys/rotate";
        call(&flow.service, &root.token, Method::POST, path, body).await
    };
    let rotated = rotate(json!({"refresh": true})).await;
    assert_eq!(rotated.json(), json!({"kid": "refresh-2"}), "{rotated:?}");
    let renewed = renew(&flow, &tokens).await;
    assert_eq!(renewed.status, 200);
    assert_eq!(renew(&flow, &renewed.json()).await.status, 200);
    let both = rotate(json!({"refresh": true, "emergency": true})).await;
    assert_eq!(
        (both.status.as_u16(), &both.json()["field"]),
        (422, &json!("emergency"))
    );
}

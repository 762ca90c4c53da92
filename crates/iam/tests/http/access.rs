//! The check of a permission, as a library call and over HTTP.

use axum::http::Method;
use serde_json::{Value, json};
use sessionmint_access::Subject;
use sessionmint_iam::testing::{Answer, TestService};
use sessionmint_oauth::UserId;
use sessionmint_store::{
    Actor, Audit as _, AuditFilter, AuditKind, By, OAuthClients as _, Roles as _, Users as _,
};

use super::support::*;

const CHECK: &str = "/iam/access/check";
const BATCH: &str = "/iam/access/check/batch";

async fn ask(service: &TestService, token: &str, path: &str, body: &Value) -> Answer {
    service
        .send(service_request(Method::POST, path, token, body))
        .await
}

fn question(subject: &Subject, resource: &str, permission: &str) -> Value {
    json!({"subject": subject, "resource": resource, "permission": permission})
}

/// A service with the user `ada`, and a service account that may ask.
async fn set_up() -> (TestService, Subject, ServiceAccount) {
    let service = TestService::start().await;
    let ada = Subject::User(service.add_user("ada", PASSWORD).await);
    let account = service_account(&service, "notes", "access:check").await;
    (service, ada, account)
}

#[tokio::test]
async fn a_service_is_told_whether_and_why() {
    let (service, ada, account) = set_up().await;
    let asked = question(&ada, "/notes/7", "notes:read");
    let denied = ask(&service, &account.token, CHECK, &asked).await;
    assert_eq!(denied.status, 200);
    assert_eq!(denied.json()["allowed"], false);
    assert_eq!(denied.json()["why"]["code"], "no_records");

    let id = give(&service, &ada, &["notes:read"], "/notes/*").await;
    let allowed = ask(&service, &account.token, CHECK, &asked).await.json();
    assert_eq!(allowed["allowed"], true);
    assert_eq!(allowed["why"]["code"], "granted");
    let role = format!("role-{id}");
    let record = json!({"id": id, "role": role, "resource": "/notes/*"});
    assert_eq!(allowed["why"]["records"], json!([record]));

    let of_itself = question(&account.subject, "/notes/7", "notes:read");
    let denied = ask(&service, &account.token, CHECK, &of_itself)
        .await
        .json();
    assert_eq!(
        denied["allowed"], false,
        "what it may ask is not what it may do"
    );

    let checks = json!({"checks": [
        asked, question(&ada, "/notes/7", "notes:write"), question(&ada, "/notes", "notes:read"),
    ]});
    let batch = ask(&service, &account.token, BATCH, &checks).await.json();
    let decisions = batch["decisions"].as_array().unwrap();
    let said: Vec<_> = decisions
        .iter()
        .map(|d| (&d["allowed"], d["why"]["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            (&json!(true), "granted"),
            (&json!(false), "permission_missing"),
            (&json!(false), "other_resources"),
        ]
    );
}

#[tokio::test]
async fn c118_an_answer_is_never_older_than_the_last_change() {
    let (service, ada, account) = set_up().await;
    let Subject::User(ada_id) = &ada else {
        panic!()
    };
    let asked = question(&ada, "/notes/7", "notes:read");
    let allowed =
        async || ask(&service, &account.token, CHECK, &asked).await.json()["allowed"].clone();
    for _ in 0..3 {
        assert_eq!(allowed().await, false);
        let id = give(&service, &ada, &["notes:read"], "/**").await;
        assert_eq!(allowed().await, true);
        let by = By::service(service.app.clock.now());
        service
            .store
            .set_disabled(ada_id, true, by.clone())
            .await
            .unwrap();
        assert_eq!(allowed().await, false);
        service
            .store
            .set_disabled(ada_id, false, by.clone())
            .await
            .unwrap();
        assert_eq!(allowed().await, true);
        service.store.remove_record(&id, by).await.unwrap();
    }
    assert_eq!(allowed().await, false);
}

#[tokio::test]
async fn c134_only_a_client_that_acts_for_itself_may_ask() {
    let (service, ada, account) = set_up().await;
    let asked = question(&ada, "/notes/7", "notes:read");
    let cookie = service.sign_in("ada", PASSWORD).await;
    let mut web = sessionmint_iam::testing::web_client();
    web.scopes = "access:check account".parse().unwrap();
    let by = By::service(service.app.clock.now());
    sessionmint_store::Clients::replace_client(&*service.store, web, None, by)
        .await
        .unwrap();
    let form = format!(
        "resource={}&scope=access:check",
        sessionmint_iam::testing::ISSUER
    );
    let of_a_user = service.mint(&cookie, &form).await.access_token();
    let refused = ask(&service, &of_a_user, CHECK, &asked).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["code"], "invalid_token");

    let other_scope = service_account(&service, "other", "account").await;
    let refused = ask(&service, &other_scope.token, CHECK, &asked).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.header("www-authenticate"),
        r#"Bearer error="insufficient_scope", scope="access:check""#
    );
    assert_eq!(ask(&service, "", CHECK, &asked).await.status, 401);
    assert_eq!(
        ask(&service, &account.token, CHECK, &asked).await.status,
        200
    );
}

#[tokio::test]
async fn c111_a_disabled_or_removed_client_asks_no_more_although_its_token_lives() {
    let (service, ada, account) = set_up().await;
    let asked = question(&ada, "/notes/7", "notes:read");
    let by = By::service(service.app.clock.now());
    let disable = async |disabled| {
        let id = &account.id;
        service
            .store
            .set_oauth_client_disabled(id, disabled, by.clone())
            .await
            .unwrap();
    };
    let status = async || ask(&service, &account.token, CHECK, &asked).await.status;
    assert_eq!(status().await, 200);
    disable(true).await;
    assert_eq!(status().await, 401);
    disable(false).await;
    assert_eq!(status().await, 200);
    service
        .store
        .remove_oauth_client(&account.id, by.clone())
        .await
        .unwrap();
    assert_eq!(status().await, 401);
    // A client of the same name that comes later is another one.
    service_account(&service, "notes", "access:check").await;
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn c167_an_outage_is_no_decision() {
    let (service, ada, account) = set_up().await;
    give(&service, &ada, &["notes:read"], "/notes/*").await;
    let asked = question(&ada, "/notes/7", "notes:read");
    let checks = json!({ "checks": [asked] });
    // After each number of commands: who calls, whether anything changed, and the policy itself.
    for commands in 0..4 {
        for (path, body) in [(CHECK, &asked), (BATCH, &checks)] {
            service.store.set_down_after(commands);
            let answer = ask(&service, &account.token, path, body).await;
            service.store.set_down(false);
            assert_eq!(answer.status, 503, "{path} after {commands}");
            assert_eq!(answer.header("retry-after"), "2");
            assert!(answer.json().get("allowed").is_none());
        }
    }
    let (resource, permission) = ("/notes/7".parse().unwrap(), "notes:read".parse().unwrap());
    service.store.set_down(true);
    assert!(
        service
            .app
            .authorize(&ada, &resource, &permission)
            .await
            .is_err()
    );
    service.store.set_down(false);
    let decision = service
        .app
        .authorize(&ada, &resource, &permission)
        .await
        .unwrap();
    assert!(decision.allowed());
    // What is known counts for nothing while the store cannot say that it is still so.
    service.store.set_down(true);
    assert!(
        service
            .app
            .authorize(&ada, &resource, &permission)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn nonsense_is_refused_with_what_would_be_right() {
    let (service, ada, account) = set_up().await;
    let long = json!({ "checks": vec![question(&ada, "/a", "a:b"); 101] });
    for (path, body, status) in [
        (CHECK, json!({}), 400),
        (CHECK, json!([]), 400),
        (
            CHECK,
            json!({"subject": ada, "resource": "/a", "permission": "a:b", "more": 1}),
            400,
        ),
        (
            CHECK,
            json!({"subject": ada, "resource": "/a", "permission": 1}),
            400,
        ),
        (CHECK, question(&ada, "/a/../b", "a:b"), 422),
        (CHECK, question(&ada, "/a/*", "a:b"), 422),
        (CHECK, question(&ada, "/a", "*"), 422),
        (
            CHECK,
            json!({"subject": "ada", "resource": "/a", "permission": "a:b"}),
            422,
        ),
        (
            CHECK,
            json!({"subject": "group:ops", "resource": "/a", "permission": "a:b"}),
            422,
        ),
        (BATCH, json!({"checks": []}), 422),
        (BATCH, long, 422),
        (
            BATCH,
            json!({"checks": [question(&ada, "/a/", "a:b")]}),
            422,
        ),
    ] {
        let answer = ask(&service, &account.token, path, &body).await;
        assert_eq!(answer.status, status, "{body}");
    }
    let answer = ask(
        &service,
        &account.token,
        CHECK,
        &question(&ada, "/a/{id}", "a:b"),
    )
    .await;
    assert_eq!(
        answer.json()["detail"],
        "`/a/{id}` is no path of a resource: it has no placeholders; a pattern has `*` for any one segment"
    );
    let preflight = service_request(Method::OPTIONS, CHECK, &account.token, &Value::Null);
    let answer = service.send(preflight).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn c151_denials_are_audited_and_all_decisions_are_counted() {
    let (service, ada, account) = set_up().await;
    give(&service, &ada, &["notes:read"], "/notes/*").await;
    let nobody = Subject::User(UserId::from_random([9; 16]));
    for (subject, resource) in [
        (&ada, "/notes/7"),
        (&ada, "/other"),
        (&ada, "/other"),
        (&nobody, "/notes/7"),
    ] {
        ask(
            &service,
            &account.token,
            CHECK,
            &question(subject, resource, "notes:read"),
        )
        .await;
    }
    service.app.write_refusals().await.unwrap();
    let filter = AuditFilter {
        kinds: vec![AuditKind::AccessDenied],
        ..AuditFilter::default()
    };
    let records = service.store.audit(&filter, None, 10).await.unwrap();
    let of = |subject: &Subject| {
        let wanted = |r: &&sessionmint_store::AuditRecord| r.details["subject"] == subject.as_str();
        records.iter().find(wanted).unwrap()
    };
    assert_eq!(records.len(), 2);
    let record = of(&ada);
    assert_eq!(record.actor, Actor::Client(account.id.clone()));
    assert_eq!(record.attempts, Some(2));
    assert_eq!(
        serde_json::to_value(&record.details).unwrap(),
        json!({"subject": ada, "resource": "/other", "permission": "notes:read", "why": "other_resources"})
    );
    assert_eq!(Subject::User(record.user_id.clone().unwrap()), ada);
    assert_eq!(of(&nobody).attempts, Some(1));
    service.store.set_down_after(2);
    ask(
        &service,
        &account.token,
        CHECK,
        &question(&ada, "/other", "notes:read"),
    )
    .await;
    service.store.set_down(false);
    let text = crate::admin::metrics(&service).await;
    for line in [
        r#"sessionmint_access_checks_total{by="service",outcome="allowed"} 1"#,
        r#"sessionmint_access_checks_total{by="service",outcome="denied"} 3"#,
        r#"sessionmint_access_checks_total{by="service",outcome="unavailable"} 1"#,
        r#"sessionmint_access_checks_total{by="admin",outcome="denied"} 0"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

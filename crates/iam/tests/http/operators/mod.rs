//! The admin API, a file for each of what it is about.

mod clients;
mod keys;
mod lists;
mod permissions;
mod refused_clients;
mod registration;
mod roles;
mod users;

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use sessionmint_access::Subject;
use sessionmint_iam::testing::{Answer, TestService};
use sessionmint_store::{Actor, Audit as _, AuditFilter, AuditKind, By, Roles as _, Users as _};

pub(super) use super::support::*;

/// Everything that there is to be permitted.
pub(crate) const EVERYTHING: [&str; 17] = [
    "users:read",
    "users:write",
    "sessions:read",
    "sessions:write",
    "clients:read",
    "clients:write",
    "grants:read",
    "grants:write",
    "consents:read",
    "consents:write",
    "roles:read",
    "roles:write",
    "groups:read",
    "groups:write",
    "records:read",
    "records:write",
    "keys:read",
];

pub(crate) async fn call(
    service: &TestService,
    token: &str,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    let path = format!("/iam/admin{path}");
    service
        .send(service_request(method, &path, token, &body))
        .await
}

pub(crate) async fn get(service: &TestService, token: &str, path: &str) -> Answer {
    call(service, token, Method::GET, path, Value::Null).await
}

/// A change of the version `seen`.
pub(crate) async fn change(
    service: &TestService,
    token: &str,
    method: Method,
    path: &str,
    seen: &str,
    body: &Value,
) -> Answer {
    let mut request = service_request(method, &format!("/iam/admin{path}"), token, body);
    request
        .headers_mut()
        .insert(header::IF_MATCH, seen.parse().unwrap());
    service.send(request).await
}

/// A service with the user `ada`, and an operator's program with every permission on everything.
pub(crate) async fn set_up() -> (TestService, Subject, ServiceAccount) {
    let service = TestService::start().await;
    let ada = Subject::User(service.add_user("ada", PASSWORD).await);
    let root = service_account(&service, "root", "admin").await;
    let permissions = [&EVERYTHING[..], &["keys:write", "audit:read"]].concat();
    give(&service, &root.subject, &permissions, "/iam/**").await;
    (service, ada, root)
}

/// Every address of the API with what it may be asked, as documented.
pub(crate) async fn operations(service: &TestService, ada: &Subject) -> Vec<(Method, String)> {
    let request = Request::get("/iam/openapi.json")
        .body(Body::empty())
        .unwrap();
    let document = service.send(request).await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/iam/admin") else {
            continue;
        };
        let id = match path {
            path if path.starts_with("/users") => ada.as_str(),
            path if path.starts_with("/records") => "rec_AAAAAAAAAAAAAAAAAAAAAA",
            path if path.starts_with("/sessions") => "ses_AAAAAAAAAAAAAAAAAAAAAA",
            path if path.starts_with("/grants") => "grt_AAAAAAAAAAAAAAAAAAAAAA",
            _ => "root",
        };
        let path = path
            .replace("{id}", id)
            .replace("{name}", "reader")
            .replace("{subject}", ada.as_str())
            .replace("{client}", "root")
            .replace("{session}", "ses_AAAAAAAAAAAAAAAAAAAAAA")
            .replace("{secret}", "sec_AAAAAAAAAAAAAAAAAAAAAA");
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                operations.push((method.to_uppercase().parse().unwrap(), path.clone()));
            }
        }
    }
    assert!(operations.len() > 40, "{operations:?}");
    operations
}

/// How many changes the audit trail has.
pub(crate) async fn changes(service: &TestService) -> usize {
    let records = service
        .store
        .audit(&AuditFilter::default(), None, 1000)
        .await
        .unwrap();
    records
        .iter()
        .filter(|record| record.attempts.is_none())
        .count()
}

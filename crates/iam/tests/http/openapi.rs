//! The OpenAPI document says what the service does. That each answer is one of its answers is checked in
//! `TestService::send`, so by every test here.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::Value;
use sessionmint_iam::http;
use sessionmint_iam::testing::{ISSUER, TestService};

async fn document(service: &TestService) -> Value {
    let request = Request::get("/iam/openapi.json")
        .body(Body::empty())
        .unwrap();
    let answer = service.send(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    answer.json()
}

#[tokio::test]
async fn the_document_has_every_path_and_method_of_the_service_and_no_other() {
    let service = TestService::start().await;
    let document = document(&service).await;
    let served: BTreeSet<String> = http::paths(&service.app).into_iter().collect();
    let paths = document["paths"].as_object().unwrap();
    let documented: BTreeSet<String> = paths.keys().cloned().collect();
    assert_eq!(served, documented);
    for (path, item) in paths {
        for method in ["get", "post", "put", "patch", "delete", "options", "trace"] {
            let request = Request::builder()
                .method(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap())
                .uri(path.replace("{id}", "ses_unknown"))
                .body(Body::empty())
                .unwrap();
            let served = service.send(request).await.status != 405;
            assert_eq!(served, item.get(method).is_some(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_document_names_this_service_and_all_its_references_lead_somewhere() {
    let service = TestService::start().await;
    let document = document(&service).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let server = document["servers"][0]["url"].as_str().unwrap();
    assert_eq!(format!("{server}/iam"), ISSUER);
    let mut open = vec![&document];
    let mut followed = 0;
    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let target = document.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some(), "{reference}");
            followed += 1;
        }
        match value {
            Value::Object(map) => open.extend(map.values()),
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    assert!(followed > 50, "{followed}");
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item
            .as_object()
            .unwrap()
            .values()
            .filter_map(|o| o.get("operationId"))
        {
            assert!(
                names.insert(operation.as_str().unwrap()),
                "{operation} is there twice"
            );
        }
    }
}

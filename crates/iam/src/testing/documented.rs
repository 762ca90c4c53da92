//! Holds an answer against the OpenAPI document.

use axum::http::{Method, header};
use serde_json::{Map, Value};

use super::Answer;

/// What the document says of a path, if it has it.
fn item<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let paths = document.get("paths")?.as_object()?;
    let fits = |template: &str| {
        let (mut parts, mut wanted) = (path.split('/'), template.split('/'));
        let all = wanted.by_ref().zip(parts.by_ref());
        let mut fit = all
            .map(|(wanted, part)| wanted == part || (wanted.starts_with('{') && !part.is_empty()));
        template.matches('/').count() == path.matches('/').count() && fit.all(|fits| fits)
    };
    let (_, item) = paths.iter().find(|(template, _)| fits(template))?;
    Some(item)
}

/// Follows a reference within the document.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value.get("$ref").and_then(Value::as_str);
    reference
        .and_then(|reference| document.pointer(reference.trim_start_matches('#')))
        .unwrap_or(value)
}

/// Panics, naming the request, where the document does not have such an answer.
#[track_caller]
pub(super) fn check(document: &Value, method: &Method, path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    let what = format!("{method} {path} answered {status}, of which the OpenAPI document");
    let Some(item) = item(document, path) else {
        assert_eq!(status, 404, "{what} does not have the path");
        return;
    };
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let Some(operation) = item.get(method.as_str().to_lowercase()) else {
        assert_eq!(status, 405, "{what} does not have the method");
        return;
    };
    let response = operation
        .get("responses")
        .and_then(|all| all.get(status.to_string()))
        .map(|response| resolve(document, response));
    assert!(response.is_some(), "{what} does not have the status");
    let part = |name| -> Map<String, Value> {
        let found = response.and_then(|response| response.get(name)?.as_object());
        found.cloned().unwrap_or_default()
    };
    for (name, described) in part("headers") {
        let required = resolve(document, &described).get("required") == Some(&Value::Bool(true));
        assert!(
            !required || answer.headers.contains_key(&name),
            "{what} has the header {name}"
        );
    }
    let content_type = answer.header(header::CONTENT_TYPE);
    let essence = content_type.split(';').next().unwrap_or_default();
    let content = part("content");
    assert!(
        content.contains_key(essence) || (content.is_empty() && essence.is_empty()),
        "{what} does not have the content type `{content_type}`"
    );
}
